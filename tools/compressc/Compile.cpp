//===- Compile.cpp - compressc compile ------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tool.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/ExternalWeights.h"
#include "compress/Store/AtomicOutput.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Format.h"

using namespace compressc;
using namespace mlir;
namespace cl = llvm::cl;

static cl::SubCommand
    compileCommand("compile",
                   "compress the weights of a module and compile it");
static cl::OptionCategory category("Options of compile");

namespace {
enum class Emit { Artifact, MLIR, LLVM, Assembly, Object, PTX };
} // namespace

static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("INPUT.mlir|INPUT.mlirbc"),
                                  cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string> output("o", cl::value_desc("path"),
                                   cl::desc("Artifact directory, or file for "
                                            "the other kinds of output"),
                                   cl::sub(compileCommand), cl::cat(category));
static cl::list<std::string>
    weights("weights", cl::value_desc("file"),
            cl::desc("Safetensors file or *.index.json with weights that the "
                     "module names; may be repeated"),
            cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    preset("preset", cl::value_desc("name"),
           cl::desc("How to store the weights, see compressc presets"),
           cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    recipe("recipe", cl::value_desc("file.yaml"),
           cl::desc("Which weight to store how, instead of --preset"),
           cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    algorithm("algorithm", cl::value_desc("name"),
              cl::desc("What chooses the numbers (default: the codec's first)"),
              cl::sub(compileCommand), cl::cat(category));
static cl::opt<int64_t>
    minElements("min-elements", cl::init(256), cl::value_desc("n"),
                cl::desc("Leave weights with fewer elements alone"),
                cl::sub(compileCommand), cl::cat(category));
static cl::list<std::string>
    include("include", cl::value_desc("glob"),
            cl::desc("Compress only weights with such a name"),
            cl::sub(compileCommand), cl::cat(category));
static cl::list<std::string>
    exclude("exclude", cl::value_desc("glob"),
            cl::desc("Leave weights with such a name alone"),
            cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string> target(
    "target", cl::init("cpu"), cl::value_desc("spec"),
    cl::desc("cpu, cpu:native (the same), cpu:NAME, e.g. "
             "cpu:x86-64-v3, with ,+FEATURE or ,-FEATURE; cpu:multi, for "
             "several CPUs, of which the loader chooses; or nvptx:CHIP, "
             "e.g. nvptx:sm_90a, for an NVIDIA GPU"),
    cl::sub(compileCommand), cl::cat(category));
static cl::opt<Emit> emit(
    "emit", cl::init(Emit::Artifact), cl::desc("What to write"),
    cl::values(clEnumValN(Emit::Artifact, "artifact", "an artifact (default)"),
               clEnumValN(Emit::MLIR, "mlir",
                          "the module after compression; bytecode when the "
                          "output ends in .mlirbc"),
               clEnumValN(Emit::LLVM, "llvm", "LLVM IR as text"),
               clEnumValN(Emit::Assembly, "asm", "assembly"),
               clEnumValN(Emit::Object, "obj", "an object file"),
               clEnumValN(Emit::PTX, "ptx", "kernels for a GPU")),
    cl::sub(compileCommand), cl::cat(category));
static cl::opt<unsigned> jobs("j", cl::init(0), cl::value_desc("n"),
                              cl::desc("Threads (default: all)"),
                              cl::sub(compileCommand), cl::cat(category));
static cl::opt<bool>
    dryRun("dry-run", cl::desc("Compress, print what it costs, write nothing"),
           cl::sub(compileCommand), cl::cat(category));
static cl::opt<bool> allowDense(
    "allow-dense",
    cl::desc("Warn, instead of failing, about weights that cannot be "
             "compressed, or that code must decode as a whole"),
    cl::sub(compileCommand), cl::cat(category));

static cl::opt<mlir::compress::ComputeRequest> compute(
    "compute", cl::init(mlir::compress::ComputeRequest::F32),
    cl::desc(
        "What kernels compute with; on GPUs f16, bf16, int8, f8, xnor or auto, "
        "which is their default"),
    mlir::compress::getComputeRequestValues(), cl::sub(compileCommand),
    cl::cat(category));

static cl::opt<bool>
    parallel("parallel", cl::init(true),
             cl::desc("Let threads share the work of kernels (default); the "
                      "artifact then needs LLVM's OpenMP runtime, libomp"),
             cl::sub(compileCommand), cl::cat(category));

static cl::opt<mlir::compress::GpuCode>
    gpuCode("gpu-code", cl::init(mlir::compress::GpuCode::PTX),
            cl::desc("What an artifact for a GPU has as kernels"),
            cl::values(clEnumValN(mlir::compress::GpuCode::PTX, "ptx",
                                  "PTX, which the driver compiles (default)"),
                       clEnumValN(mlir::compress::GpuCode::Cubin, "cubin",
                                  "code for this kind of GPU; needs ptxas"),
                       clEnumValN(mlir::compress::GpuCode::Fatbin, "fatbin",
                                  "both; needs ptxas and fatbinary")),
            cl::sub(compileCommand), cl::cat(category));
static cl::opt<std::string>
    cudaPath("cuda-path", cl::value_desc("dir"),
             cl::desc("The CUDA toolkit that has ptxas (default: what PATH, "
                      "CUDA_HOME, CUDA_PATH or CUDA_ROOT has)"),
             cl::sub(compileCommand), cl::cat(category));

static mlir::compress::CompileOptions getOptions() {
  mlir::compress::CompileOptions options;
  options.allowDense = allowDense;
  if (compute.getNumOccurrences())
    options.compute = compute;
  options.parallel = parallel;
  options.gpuCode = gpuCode;
  options.cudaPath = cudaPath;
  return options;
}

/// Replaces `output` with what `write` prints.
static int writeOutput(function_ref<LogicalResult(llvm::raw_ostream &)> write) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (failed(write(os)))
    return 1;
  auto status = mlir::compress::store::writeFileAtomically(output, text.data(),
                                                           text.size());
  return status.ok() ? 0 : fail(status.message());
}

static int writeModule(ModuleOp module) {
  return writeOutput([&](llvm::raw_ostream &os) -> LogicalResult {
    if (StringRef(output).ends_with(".mlirbc"))
      return writeBytecodeToFile(module, os);
    module.print(os);
    return success();
  });
}

static int writeCode(Session &session, ModuleOp module,
                     const mlir::compress::Target &target) {
  mlir::compress::store::Manifest manifest;
  SmallVector<mlir::compress::ExternalWeight> external;
  const mlir::compress::TargetCpu &cpu = target.cpus.front();
  if (failed(mlir::compress::prepareModule(module, target, getOptions(),
                                           manifest, external)) ||
      failed(mlir::compress::lowerModule(module, target, cpu, getOptions())))
    return session.fail();
  if (emit == Emit::PTX) {
    FailureOr<std::string> kernels = mlir::compress::getPTX(module);
    if (failed(kernels))
      return session.fail();
    return writeOutput([&](llvm::raw_ostream &os) {
      os << *kernels;
      return success();
    });
  }
  llvm::LLVMContext context;
  std::unique_ptr<llvm::TargetMachine> machine = cpu.createMachine();
  std::unique_ptr<llvm::Module> code =
      mlir::compress::translateAndOptimize(module, context, *machine);
  if (!code)
    return session.fail();
  if (emit == Emit::LLVM)
    return writeOutput([&](llvm::raw_ostream &os) {
      code->print(os, nullptr);
      return success();
    });
  auto type = emit == Emit::Assembly ? llvm::CodeGenFileType::AssemblyFile
                                     : llvm::CodeGenFileType::ObjectFile;
  FailureOr<SmallVector<char, 0>> bytes =
      mlir::compress::emitCode(*code, *machine, type, module.getLoc());
  if (failed(bytes))
    return session.fail();
  return writeOutput([&](llvm::raw_ostream &os) {
    os.write(bytes->data(), bytes->size());
    return success();
  });
}

/// What each weight costs, from the certificates.
static void printCosts(ModuleOp module) {
  llvm::outs() << "weight, codec, bits, relative error, SQNR dB\n";
  llvm::StringSet<> seen;
  module.walk([&](mlir::compress::AssembleOp op) {
    auto certificate = op->getAttrOfType<mlir::compress::CertificateAttr>(
        mlir::compress::CompressDialect::kCertificateAttr);
    if (!certificate || !seen.insert(certificate.getWeight()).second)
      return;
    llvm::outs() << certificate.getWeight() << ", " << op.getType().getCodec()
                 << ", " << certificate.getBits() << ", "
                 << llvm::format(
                        "%.3e",
                        certificate.getRelativeError().getValueAsDouble())
                 << ", "
                 << llvm::format("%.2f",
                                 certificate.getSqnr().getValueAsDouble())
                 << "\n";
  });
}

static int run() {
  if (output.empty() && !dryRun)
    return failUsage("expected -o, or --dry-run");
  if (preset.empty() == recipe.empty())
    return failUsage("expected --preset or --recipe");
  Session session(jobs);
  MLIRContext &context = session.getContext();
  FailureOr<mlir::compress::Target> parsed =
      mlir::compress::Target::parse(target, UnknownLoc::get(&context));
  if (failed(parsed))
    return session.fail();
  if (parsed->isMulti() && emit != Emit::Artifact && emit != Emit::MLIR)
    return fail("expected a target of one CPU for code that is not an "
                "artifact, but got '" +
                target + "'");
  bool isForGpu =
      emit == Emit::PTX || emit == Emit::Artifact || emit == Emit::MLIR;
  if (parsed->isGpu() ? !isForGpu : emit == Emit::PTX)
    return fail(parsed->isGpu()
                    ? "expected --emit artifact, mlir or ptx for target '" +
                          target + "'"
                    : "expected a target nvptx:CHIP for --emit ptx, but got '" +
                          target + "'");
  bool isCompiled = gpuCode != mlir::compress::GpuCode::PTX;
  if (isCompiled && !(parsed->isGpu() && emit == Emit::Artifact))
    return fail("expected --emit artifact and a target nvptx:CHIP for "
                "--gpu-code, but got target '" +
                target + "'");
  OwningOpRef<ModuleOp> module =
      session.load(input, {weights.begin(), weights.end()});
  if (!module)
    return session.fail();

  mlir::compress::CompressEncodeOptions options;
  options.preset = preset;
  options.recipe = recipe;
  options.algorithm = algorithm;
  options.minElements = minElements;
  options.include.assign(include.begin(), include.end());
  options.exclude.assign(exclude.begin(), exclude.end());
  options.allowDense = allowDense;
  progress("compressing weights");
  if (failed(mlir::compress::encodeModule(*module, options)))
    return session.fail();
  if (dryRun) {
    printCosts(*module);
    return 0;
  }
  if (emit == Emit::MLIR)
    return writeModule(*module);
  progress("generating code");
  if (emit != Emit::Artifact)
    return writeCode(session, *module, *parsed);
  if (failed(mlir::compress::writeArtifact(*module, *parsed, getOptions(),
                                           output)))
    return session.fail();
  return 0;
}

Command compressc::getCompileCommand() { return {compileCommand, run}; }
