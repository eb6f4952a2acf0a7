//===- OwnCode.cpp - Problems compiled by this project --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OwnCode.h"

#include "compress-c/Runtime.h"
#include "compress/Compiler/Compiler.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/ExternalWeights.h"
#include "compress/Pipelines/Pipelines.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/Safetensors.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

#include <chrono>
#include <cstdlib>

using namespace mlir::compress;
using namespace mlir::compress::bench;

namespace {
/// Copies of one artifact, each with pages of its own.
class Model : public Contender {
public:
  Model(Problem &problem, std::string name)
      : Contender(std::move(name)), problem(problem) {
    if (problem.isConvolution()) {
      int64_t side = problem.getInputSide();
      xShape = {1, side, side, problem.channels};
      yShape = {1, problem.side, problem.side, problem.n};
    } else {
      xShape = {problem.m, problem.k};
      yShape = {problem.m, problem.n};
    }
  }
  ~Model() override {
    for (CompressModel *copy : copies)
      compressModelClose(copy);
  }
  bool open(const std::string &artifact, int64_t bytes, std::string &error);
  void run(size_t copy) override {
    if (!tryRun(copies[copy % copies.size()]))
      std::abort();
  }

private:
  bool tryRun(CompressModel *model) {
    CompressTensor x = {problem.x.data(), COMPRESS_F32, int32_t(xShape.size()),
                        xShape.data(),    nullptr,      COMPRESS_HOST};
    CompressTensor y = {problem.y.data(), COMPRESS_F32, int32_t(yShape.size()),
                        yShape.data(),    nullptr,      COMPRESS_HOST};
    return compressModelRun(model, 0, &x, 1, &y, 1) == COMPRESS_OK;
  }

  Problem &problem;
  std::vector<int64_t> xShape, yShape;
  std::vector<CompressModel *> copies;
};
} // namespace

bool Model::open(const std::string &artifact, int64_t bytes,
                 std::string &error) {
  for (size_t i = 0; i < problem.getNumCopies(bytes); ++i) {
    char text[1024];
    CompressOpenOptions options = {};
    options.structSize = sizeof(options);
    options.skipWeightChecksums = i != 0;
    options.numThreads = problem.threads;
    options.copyWeights = 1;
    CompressModel *model =
        compressModelOpen(artifact.c_str(), &options, text, sizeof(text));
    if (!model) {
      error = text;
      return false;
    }
    copies.push_back(model);
  }
  if (!tryRun(copies.front())) {
    error = compressModelGetError(copies.front());
    return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

/// A type of f32, of such sizes.
static std::string getType(llvm::ArrayRef<int64_t> shape) {
  std::string text = "tensor<";
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + "f32>";
}

static std::string getModule(const Problem &p, const OwnOptions &options) {
  llvm::SmallVector<int64_t, 4> x = {p.m, p.k}, w = {p.n, p.k}, y = {p.m, p.n};
  std::string op =
      "linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, "
      "affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]";
  if (p.isConvolution()) {
    x = {1, p.getInputSide(), p.getInputSide(), p.channels};
    w = {p.n, p.taps, p.taps, p.channels};
    y = {1, p.side, p.side, p.n};
    op = "linalg.conv_2d_nhwc_fhwc";
  }
  std::string codec;
  if (options.codec.front() == '#')
    codec = "{compress.codec = " + options.codec + "} ";
  std::string signs, input = "%x";
  if (options.isBinary) {
    signs = llvm::formatv(
        R"(
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %to = tensor.empty() : {0}
  %signs = linalg.generic {{
    indexing_maps = [affine_map<({1}) -> ({1})>, affine_map<({1}) -> ({1})>],
    iterator_types = [{2}]} ins(%x : {0}) outs(%to : {0}) {{
  ^bb0(%a: f32, %b: f32):
    %positive = arith.cmpf oge, %a, %zero : f32
    %sign = arith.select %positive, %one, %minus : f32
    linalg.yield %sign : f32
  } -> {0})",
        getType(x), p.isConvolution() ? "i, j, k, l" : "i, j",
        p.isConvolution() ? R"("parallel", "parallel", "parallel", "parallel")"
                          : R"("parallel", "parallel")");
    input = "%signs";
  }
  return llvm::formatv(R"(
func.func @main(%x: {0}) -> {2} {{
  %zero = arith.constant 0.0 : f32{6}
  %empty = tensor.empty() : {2}
  %init = linalg.fill ins(%zero : f32) outs(%empty : {2}) -> {2}
  %w = arith.constant {4}dense_resource<w> : {1}
  %y = {3} ins({5}, %w : {0}, {1}) outs(%init : {2}) -> {2}
  return %y : {2}
})",
                       getType(x), getType(w), getType(y), op, codec, input,
                       signs)
      .str();
}

static bool writeInputs(const std::string &root, const Problem &problem,
                        const OwnOptions &options) {
  std::vector<int64_t> shape = {problem.n, problem.k};
  if (problem.isConvolution())
    shape = {problem.n, problem.taps, problem.taps, problem.channels};
  std::string module = getModule(problem, options);
  auto writer = store::SafetensorsWriter::create(
      root + "/weights.safetensors", {{"w", store::DType::F32, shape}});
  return writer.ok() &&
         (*writer)->append(problem.w.data(), problem.w.size() * 4).ok() &&
         (*writer)->finish().ok() &&
         store::writeFile(root + "/module.mlir", module.data(), module.size())
             .ok();
}

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

Compiler::~Compiler() {
  if (!directory.empty())
    (void)llvm::sys::fs::remove_directories(directory);
}

/// What the manifest says about the weight.
static void describe(const std::string &artifact, OwnCode &code) {
  auto manifest = store::readManifest(artifact + "/" + store::kManifestFile);
  if (!manifest.ok())
    return;
  for (const store::ManifestWeight &weight : manifest->weights) {
    code.bytes += weight.storedBits / 8;
    bool isPacked = weight.codec &&
                    weight.codec->find("#compress.tiled") != std::string::npos;
    code.compute =
        isPacked ? weight.compute : (weight.fused ? "loops" : "decode");
  }
}

static std::optional<int64_t> countSpillsOf(mlir::ModuleOp module,
                                            const Target &target,
                                            const CompileOptions &options) {
  mlir::OwningOpRef<mlir::ModuleOp> copy = module.clone();
  store::Manifest manifest;
  llvm::SmallVector<ExternalWeight> external;
  const TargetCpu &cpu = target.cpus.front();
  if (failed(prepareModule(*copy, target, options, manifest, external)) ||
      failed(lowerModule(*copy, target, cpu, options)))
    return std::nullopt;
  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine = cpu.createMachine();
  // Comments say what is a spill.
  machine->Options.MCOptions.AsmVerbose = true;
  auto code = translateAndOptimize(*copy, context, *machine);
  if (!code)
    return std::nullopt;
  auto text = emitCode(*code, *machine, llvm::CodeGenFileType::AssemblyFile,
                       module.getLoc());
  if (failed(text))
    return std::nullopt;
  return countSpills({text->data(), text->size()});
}

namespace {
/// Measures one pass of a pipeline.
class PackTimer : public mlir::PassInstrumentation {
public:
  explicit PackTimer(double &seconds) : seconds(seconds) {}
  void runBeforePass(mlir::Pass *, mlir::Operation *) override {
    start = std::chrono::steady_clock::now();
  }
  void runAfterPass(mlir::Pass *pass, mlir::Operation *) override {
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - start;
    if (pass->getArgument() == "compress-pack-weights")
      seconds = time.count();
  }

private:
  double &seconds;
  std::chrono::steady_clock::time_point start;
};
} // namespace

OwnCode Compiler::compile(Problem &problem, const OwnOptions &own,
                          std::string &error) {
  OwnCode code;
  if (directory.empty()) {
    llvm::SmallString<128> unique;
    if (std::error_code status =
            llvm::sys::fs::createUniqueDirectory("compress-bench", unique)) {
      error = "cannot create a temporary directory: " + status.message();
      return code;
    }
    directory = std::string(unique);
  }
  std::string root = directory + "/" + std::to_string(number++);
  (void)llvm::sys::fs::create_directory(root);
  OwnOptions given = own;
  if (size_t at = given.codec.find("RANK"); at != std::string::npos)
    given.codec.replace(at, 4, std::to_string(problem.k / 8));
  if (!writeInputs(root, problem, given)) {
    error = "cannot write to " + root;
    return code;
  }

  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  mlir::MLIRContext context(registry);
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diag) {
    if (diag.getSeverity() == mlir::DiagnosticSeverity::Error &&
        message.empty())
      message = diag.str();
    return mlir::success();
  });
  auto module = loadModule(context, root + "/module.mlir",
                           {root + "/weights.safetensors"});
  mlir::FailureOr<Target> target =
      Target::parse("cpu", mlir::UnknownLoc::get(&context));
  CompressEncodeOptions encode;
  encode.preset = given.codec.front() == '#' ? "none" : given.codec;
  CompileOptions options;
  options.compute = given.compute;
  options.fuse = given.fuse;
  std::string artifact = root + "/artifact";
  auto compile = [&]() -> mlir::LogicalResult {
    if (!module || failed(target) || failed(encodeModule(*module, encode)))
      return mlir::failure();
    if (options.fuse) {
      mlir::PassManager pack(&context);
      pack.addInstrumentation(std::make_unique<PackTimer>(code.packSeconds));
      buildCompressPack(pack, given.compute, target->getCommonFeatures());
      if (failed(pack.run(*module)))
        return mlir::failure();
    }
    if (given.countSpills)
      code.spills = countSpillsOf(*module, *target, options);
    auto start = std::chrono::steady_clock::now();
    if (failed(writeArtifact(*module, *target, options, artifact)))
      return mlir::failure();
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - start;
    code.seconds = time.count();
    return mlir::success();
  };
  if (failed(compile())) {
    // The rest of the row says which weight.
    llvm::StringRef reason = message;
    reason = reason.drop_front(
        std::min(reason.find("cannot be computed"), reason.size()));
    error = message.empty() ? "cannot compile it"
                            : (reason.empty() ? message : reason.str());
    return code;
  }
  describe(artifact, code);
  auto model = std::make_unique<Model>(problem, "own " + given.codec + " " +
                                                    code.compute);
  if (model->open(artifact, code.bytes, error))
    code.contender = std::move(model);
  (void)llvm::sys::fs::remove_directories(root);
  return code;
}
