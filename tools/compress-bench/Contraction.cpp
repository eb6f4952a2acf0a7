//===- Contraction.cpp - Contractions to measure --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contraction.h"
#include "compress-c/Runtime.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/Safetensors.h"
#include "mlir/IR/MLIRContext.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>

using namespace mlir::compress;
using namespace mlir::compress::bench;

Problem::Problem(int64_t m, int64_t n, int64_t k)
    : m(m), n(n), k(k), w(n * k), x(m * k), y(m * n) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  for (std::vector<float> *values : {&w, &x})
    for (float &value : *values)
      value = normal(random);
}

namespace {
/// Copies of one artifact, each with pages of its own.
class Model : public Contender {
public:
  Model(Problem &problem, std::string name)
      : problem(problem), name(std::move(name)) {}
  ~Model() override {
    for (CompressModel *copy : copies)
      compressModelClose(copy);
  }
  bool open(const std::string &artifact, std::string &error);
  const std::string &getName() const override { return name; }
  void run(size_t copy) override {
    int64_t xShape[] = {problem.m, problem.k},
            yShape[] = {problem.m, problem.n};
    CompressTensor x = {problem.x.data(), COMPRESS_F32, 2, xShape, nullptr};
    CompressTensor y = {problem.y.data(), COMPRESS_F32, 2, yShape, nullptr};
    if (compressModelRun(copies[copy % copies.size()], 0, &x, 1, &y, 1) !=
        COMPRESS_OK)
      std::abort();
  }

private:
  Problem &problem;
  std::string name;
  std::vector<CompressModel *> copies;
};
} // namespace

bool Model::open(const std::string &artifact, std::string &error) {
  uint64_t bytes = 0;
  if (std::error_code code = llvm::sys::fs::file_size(
          artifact + "/" + store::kWeightsFile, bytes)) {
    error = code.message();
    return false;
  }
  for (size_t i = 0; i < getNumCopies(bytes); ++i) {
    std::string copy = artifact + "." + std::to_string(i);
    (void)llvm::sys::fs::create_directory(copy);
    for (const char *file :
         {store::kManifestFile, store::kCodeFile, store::kWeightsFile})
      if (std::error_code code = llvm::sys::fs::copy_file(artifact + "/" + file,
                                                          copy + "/" + file)) {
        error = code.message();
        return false;
      }
    char text[1024];
    CompressOpenOptions options = {};
    options.structSize = sizeof(options);
    options.copyWeights = 1;
    CompressModel *model =
        compressModelOpen(copy.c_str(), &options, text, sizeof(text));
    if (!model) {
      error = text;
      return false;
    }
    copies.push_back(model);
    (void)llvm::sys::fs::remove_directories(copy);
  }
  return true;
}

static std::string getModule(const Problem &p) {
  return llvm::formatv(R"(
func.func @main(%x: tensor<{0}x{2}xf32>) -> tensor<{0}x{1}xf32> {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<{0}x{1}xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<{0}x{1}xf32>) -> tensor<{0}x{1}xf32>
  %w = arith.constant dense_resource<w> : tensor<{1}x{2}xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                      affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<{0}x{2}xf32>, tensor<{1}x{2}xf32>) outs(%init : tensor<{0}x{1}xf32>) -> tensor<{0}x{1}xf32>
  return %y : tensor<{0}x{1}xf32>
})",
                       p.m, p.n, p.k)
      .str();
}

Compiler::~Compiler() {
  if (!directory.empty())
    (void)llvm::sys::fs::remove_directories(directory);
}

std::unique_ptr<Contender> Compiler::compile(Problem &problem,
                                             const std::string &name,
                                             const std::string &preset,
                                             const CompileOptions &options,
                                             std::string &error) {
  if (directory.empty()) {
    llvm::SmallString<128> unique;
    if (std::error_code code =
            llvm::sys::fs::createUniqueDirectory("compress-bench", unique)) {
      error = "cannot create a temporary directory: " + code.message();
      return nullptr;
    }
    directory = std::string(unique);
  }
  std::string root = directory + "/" + std::to_string(number++);
  std::string module = getModule(problem);
  (void)llvm::sys::fs::create_directory(root);
  auto writer = store::SafetensorsWriter::create(
      root + "/weights.safetensors",
      {{"w", store::DType::F32, {problem.n, problem.k}}});
  if (!writer.ok() ||
      !(*writer)->append(problem.w.data(), problem.w.size() * 4).ok() ||
      !(*writer)->finish().ok() ||
      !store::writeFile(root + "/module.mlir", module.data(), module.size())
           .ok()) {
    error = "cannot write to " + root;
    return nullptr;
  }
  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  mlir::MLIRContext context(registry);
  auto loaded = loadModule(context, root + "/module.mlir",
                           {root + "/weights.safetensors"});
  mlir::FailureOr<Target> target =
      Target::parse("cpu", mlir::UnknownLoc::get(&context));
  CompressEncodeOptions encode;
  encode.preset = preset;
  if (!loaded || failed(target) || failed(encodeModule(*loaded, encode)) ||
      failed(writeArtifact(*loaded, *target, options, root + "/artifact"))) {
    error = "cannot compile with preset " + preset;
    return nullptr;
  }
  auto model = std::make_unique<Model>(problem, name);
  if (!model->open(root + "/artifact", error))
    return nullptr;
  return model;
}

static Timing summarize(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  size_t size = seconds.size();
  double median = seconds[size / 2];
  return {median, (seconds[size * 3 / 4] - seconds[size / 4]) / median};
}

std::vector<Timing>
mlir::compress::bench::timeAll(llvm::ArrayRef<Contender *> contenders,
                               unsigned repeat, bool isCold) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<double>> seconds(contenders.size());
  size_t next = 0;
  // A turn brings a hot weight into the caches first.
  constexpr unsigned kRunsOfTurn = 4;
  for (unsigned i = 0; i < repeat; ++i)
    for (auto [j, contender] : llvm::enumerate(contenders)) {
      if (!isCold)
        contender->run(0);
      for (unsigned run = 0; run < kRunsOfTurn; ++run) {
        size_t copy = isCold ? ++next : 0;
        Clock::time_point start = Clock::now();
        contender->run(copy);
        seconds[j].push_back(
            std::chrono::duration<double>(Clock::now() - start).count());
      }
    }
  std::vector<Timing> timings;
  for (std::vector<double> &of : seconds)
    timings.push_back(summarize(of));
  return timings;
}
