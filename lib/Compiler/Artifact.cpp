//===- Artifact.cpp - an encoded module becomes an artifact ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaToolkit.h"
#include "compress/Compiler/Compiler.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/ExternalWeights.h"
#include "compress/Dialect/Compress/Transforms/StoreTypes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "compress/Pipelines/Pipelines.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/Checksum.h"
#include "compress/Store/MappedFile.h"
#include "compress/Store/Safetensors.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Threading.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace mlir::compress;

LogicalResult
mlir::compress::encodeModule(ModuleOp module,
                             const CompressEncodeOptions &options) {
  PassManager pm(module.getContext());
  pm.addPass(createCompressEncode(options));
  return pm.run(module);
}

//===----------------------------------------------------------------------===//
// What the manifest says
//===----------------------------------------------------------------------===//

/// The name of an argument or a result.
static constexpr StringLiteral kNameAttr = "compress.name";

/// Signature of a public function, from its tensor types. Takes the names away,
/// which mean nothing to what comes after.
static FailureOr<store::ManifestFunction> describe(func::FuncOp function) {
  store::ManifestFunction result;
  result.name = function.getName().str();
  result.symbol = "compress_entry_" + result.name;
  auto add = [&](Type type, StringRef what, unsigned index, Attribute name,
                 std::vector<store::ManifestTensorType> &to) -> LogicalResult {
    auto tensor = dyn_cast<RankedTensorType>(type);
    std::optional<store::DType> dtype =
        tensor ? getStoreType(tensor.getElementType()) : std::nullopt;
    if (!dtype)
      return emitError(function.getLoc())
             << "expected " << what << " " << index << " of function '"
             << result.name
             << "' to be a ranked tensor of floats or of integers of 8, 16, 32 "
                "or 64 bits, but got "
             << type;
    auto given = dyn_cast_or_null<StringAttr>(name);
    std::vector<int64_t> shape;
    for (int64_t size : tensor.getShape())
      shape.push_back(ShapedType::isDynamic(size) ? store::kDynamic : size);
    to.push_back({given ? given.str() : (what + std::to_string(index)).str(),
                  *dtype, std::move(shape)});
    return success();
  };
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes()))
    if (failed(add(type, "input", i, function.getArgAttr(i, kNameAttr),
                   result.inputs)))
      return failure();
  for (auto [i, type] : llvm::enumerate(function.getResultTypes()))
    if (failed(add(type, "output", i, function.getResultAttr(i, kNameAttr),
                   result.outputs)))
      return failure();
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    function.removeArgAttr(i, kNameAttr);
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    function.removeResultAttr(
        i, StringAttr::get(function.getContext(), kNameAttr));
  return result;
}

/// Names of the constants that a compressed value is assembled from.
static void collectLeaves(Value value, SmallVectorImpl<Value> &leaves) {
  if (auto assemble = value.getDefiningOp<AssembleOp>())
    for (Value component : assemble.getComponents())
      collectLeaves(component, leaves);
  else
    leaves.push_back(value);
}

namespace {
/// A weight that is compressed, or laid out for a kernel, before its constants
/// have their final names.
struct EncodedDescription {
  store::ManifestWeight weight;
  SmallVector<ElementsAttr> leaves;
};
} // namespace

/// All assembled weights, once each. Those that are not compressed have no
/// certificate.
static std::vector<EncodedDescription> describeEncoded(ModuleOp module) {
  std::vector<EncodedDescription> result;
  llvm::StringSet<> seen;
  SymbolTableCollection symbols;
  module.walk([&](AssembleOp op) {
    auto certificate =
        op->getAttrOfType<CertificateAttr>(CompressDialect::kCertificateAttr);
    auto name = op->getAttrOfType<StringAttr>(CompressDialect::kWeightAttr);
    if (!certificate && !name)
      return;
    StringRef weightName =
        certificate ? certificate.getWeight() : name.getValue();
    if (!seen.insert(weightName).second)
      return;
    EncodedDescription description;
    store::ManifestWeight &weight = description.weight;
    CompressedTensorType type = op.getType();
    weight.name = weightName.str();
    weight.dtype = *getStoreType(type.getElementType());
    weight.shape = std::vector<int64_t>(type.getShape());
    llvm::raw_string_ostream(weight.codec.emplace()) << type.getCodec();
    if (certificate) {
      weight.storedBits = certificate.getBits();
      weight.certificate = store::ManifestCertificate{
          certificate.getAlgorithm().str(), certificate.getSource().str(),
          certificate.getMaxError().getValueAsDouble(),
          certificate.getRelativeError().getValueAsDouble(),
          certificate.getSqnr().getValueAsDouble()};
    } else {
      weight.storedBits = *getStoredBits(op.getResult());
    }
    SmallVector<Value> leaves;
    collectLeaves(op, leaves);
    for (Value leaf : leaves)
      description.leaves.push_back(getConstantData(leaf, symbols));
    result.push_back(std::move(description));
  });
  return result;
}

static void describeWeights(std::vector<EncodedDescription> encoded,
                            ArrayRef<ExternalWeight> external,
                            store::Manifest &manifest) {
  DenseMap<Attribute, StringRef> names;
  for (const ExternalWeight &tensor : external)
    names[tensor.data] = tensor.name;
  llvm::StringSet<> components;
  for (EncodedDescription &description : encoded) {
    for (ElementsAttr leaf : description.leaves)
      // Empty components are not stored.
      if (StringRef name = names.lookup(leaf); !name.empty()) {
        description.weight.tensors.push_back(name.str());
        components.insert(name);
      }
    manifest.weights.push_back(std::move(description.weight));
  }
  for (const ExternalWeight &tensor : external) {
    if (components.contains(tensor.name))
      continue;
    store::ManifestWeight weight;
    weight.name = tensor.name;
    weight.dtype = *getStoreType(tensor.type.getElementType());
    weight.shape = std::vector<int64_t>(tensor.type.getShape());
    weight.storedBits =
        tensor.type.getNumElements() * tensor.type.getElementTypeBitWidth();
    weight.tensors.push_back(tensor.name);
    manifest.weights.push_back(std::move(weight));
  }
}

/// Compressed weights are fused, but for those whose decode was left as it is,
/// and computed with in f32, but for those of kernels that say otherwise.
static void describeKernels(ModuleOp module, store::Manifest &manifest) {
  llvm::StringSet<> dense;
  llvm::StringMap<ComputeMode> modes;
  module.walk([&](DecodeOp op) {
    if (!op->hasAttr(CompressDialect::kDenseReasonAttr))
      return;
    dense.insert(findWeightName(op.getInput()));
  });
  module.walk([&](ContractOp op) {
    // What the components were assembled to is there, though nothing reads it.
    Value component = op.getComponents()[0];
    while (isa_and_present<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(
        component.getDefiningOp()))
      component = component.getDefiningOp()->getOperand(0);
    for (Operation *user : component.getUsers())
      if (auto assemble = dyn_cast<AssembleOp>(user))
        modes[findWeightName(assemble)] = op.getCompute();
  });
  for (store::ManifestWeight &weight : manifest.weights) {
    weight.fused = weight.codec && !dense.contains(weight.name);
    if (auto it = modes.find(weight.name); it != modes.end())
      weight.compute = stringifyComputeMode(it->second);
  }
}

//===----------------------------------------------------------------------===//
// Lowering
//===----------------------------------------------------------------------===//

/// Constants below this size, in bytes, stay in the code of an artifact; all
/// that was compressed goes to the file, whatever its size.
static constexpr int64_t kMinExternalBytes = 64;

/// Kernels read none that are in the code.
static constexpr int64_t kMinExternalBytesForGpu = 0;

/// What kernels are asked to compute with.
static FailureOr<ComputeRequest>
getCompute(const Target &target, const CompileOptions &options, Location loc) {
  if (!target.isGpu()) {
    ComputeRequest compute = options.compute.value_or(ComputeRequest::F32);
    if (llvm::is_contained({ComputeRequest::F16, ComputeRequest::F8}, compute))
      return emitError(loc) << "kernels for CPUs compute in f32, bf16, int8 or "
                               "xnor: expected to be asked for one of f32, "
                               "bf16, int8, xnor and auto";
    return compute;
  }
  ComputeRequest compute = options.compute.value_or(ComputeRequest::Auto);
  if (!llvm::is_contained({ComputeRequest::F16, ComputeRequest::BF16,
                           ComputeRequest::Int8, ComputeRequest::F8,
                           ComputeRequest::Xnor, ComputeRequest::Auto},
                          compute))
    return emitError(loc)
           << "kernels for GPUs compute in f16, bf16, int8, f8 or xnor: "
              "expected to be asked for one of f16, bf16, int8, f8, xnor and "
              "auto";
  return compute;
}

LogicalResult mlir::compress::prepareModule(
    ModuleOp module, const Target &target, const CompileOptions &compileOptions,
    store::Manifest &manifest, SmallVectorImpl<ExternalWeight> &weights) {
  FailureOr<ComputeRequest> compute =
      getCompute(target, compileOptions, module.getLoc());
  if (failed(compute))
    return failure();
  PassManager preparation(module.getContext());
  if (target.isGpu())
    buildCompressPackForGPU(preparation);
  else if (compileOptions.fuse)
    buildCompressPack(preparation, *compute, target.getCommonFeatures());
  else
    buildCompressExpand(preparation);
  if (failed(preparation.run(module)))
    return failure();
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    FailureOr<store::ManifestFunction> description = describe(function);
    if (failed(description))
      return failure();
    manifest.functions.push_back(std::move(*description));
  }
  if (manifest.functions.empty())
    return emitError(module.getLoc())
           << "expected at least one public function";
  std::vector<EncodedDescription> encoded = describeEncoded(module);
  FailureOr<SmallVector<ExternalWeight>> external = externalizeWeights(
      module, target.isGpu() ? kMinExternalBytesForGpu : kMinExternalBytes);
  if (failed(external))
    return failure();
  describeWeights(std::move(encoded), *external, manifest);
  weights.assign(external->begin(), external->end());

  if (compileOptions.fuse || target.isGpu()) {
    PassManager fuse(module.getContext());
    if (target.isGpu())
      buildCompressFuseForGPU(fuse, *compute, compileOptions.allowDense);
    else
      buildCompressFuse(fuse, compileOptions.allowDense);
    if (failed(fuse.run(module)))
      return failure();
    describeKernels(module, manifest);
  }
  return success();
}

/// What kernels for GPUs become, by tools that are there.
static FailureOr<GpuBinary> getBinary(const CompileOptions &options,
                                      Location loc) {
  if (options.gpuCode == GpuCode::PTX)
    return GpuBinary();
  bool isFat = options.gpuCode == GpuCode::Fatbin;
  StringRef tools[] = {"ptxas", "fatbinary"};
  FailureOr<std::string> toolkit = findCudaToolkit(
      options.cudaPath, ArrayRef(tools).take_front(isFat ? 2 : 1), loc);
  if (failed(toolkit))
    return failure();
  return GpuBinary{isFat ? "fatbin" : "bin", *toolkit};
}

LogicalResult
mlir::compress::lowerModule(ModuleOp module, const Target &target,
                            const TargetCpu &cpu,
                            const CompileOptions &compileOptions) {
  PassManager pm(module.getContext());
  if (target.isGpu()) {
    FailureOr<GpuBinary> binary = getBinary(compileOptions, module.getLoc());
    if (failed(binary))
      return failure();
    buildCompressKernelsToNVVM(pm, target.gpu, /*multiprocessors=*/0,
                               /*artifactABI=*/true, *binary);
    // Not every toolkit has NVIDIA's library of functions, which kernels do not
    // call.
    ScopedDiagnosticHandler handler(
        module.getContext(), [](Diagnostic &diag) -> LogicalResult {
          return success(StringRef(diag.str()).starts_with("LibDevice path: "));
        });
    return pm.run(module);
  }
  CompressToCPUOptions options;
  options.artifactABI = true;
  options.fuse = false; // done
  options.features = cpu.requiredFeatures;
  options.parallel = compileOptions.parallel;
  buildCompressToCPU(pm, options);
  return pm.run(module);
}

FailureOr<std::string> mlir::compress::getPTX(ModuleOp module) {
  for (auto binary : module.getOps<gpu::BinaryOp>())
    for (Attribute object : binary.getObjects())
      return cast<gpu::ObjectAttr>(object).getObject().getValue().str();
  return emitError(module.getLoc())
         << "there are no kernels: the module has no contraction with a "
            "constant weight";
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

static LogicalResult check(const store::Status &status, Location loc) {
  if (status.ok())
    return success();
  return emitError(loc) << status.message();
}

/// What the symbols of a CPU's code end with.
static std::string getSymbolSuffix(const Target &target, const TargetCpu &cpu) {
  return target.isMulti() ? "." + cpu.name : "";
}

/// Compiles and links the prepared module into `directory`/model.so.
static LogicalResult writeCode(ModuleOp module, const Target &target,
                               const CompileOptions &options,
                               store::StagedDirectory &directory,
                               store::Manifest &manifest) {
  Location loc = module.getLoc();
  SmallVector<OwningOpRef<ModuleOp>> lowered;
  for (const TargetCpu &cpu : target.cpus) {
    lowered.push_back(module.clone());
    if (failed(lowerModule(*lowered.back(), target, cpu, options)))
      return failure();
  }
  std::vector<SmallVector<char, 0>> objects(lowered.size());
  auto compile = [&](size_t i) -> LogicalResult {
    const TargetCpu &cpu = target.cpus[i];
    llvm::LLVMContext context;
    std::unique_ptr<llvm::TargetMachine> machine = cpu.createMachine();
    std::unique_ptr<llvm::Module> code = translateAndOptimize(
        *lowered[i], context, *machine, getSymbolSuffix(target, cpu));
    if (!code)
      return failure();
    FailureOr<SmallVector<char, 0>> object =
        emitCode(*code, *machine, llvm::CodeGenFileType::ObjectFile, loc);
    if (succeeded(object))
      objects[i] = std::move(*object);
    return success(succeeded(object));
  };
  if (failed(failableParallelForEachN(module.getContext(), 0, lowered.size(),
                                      compile)))
    return failure();
  std::vector<std::string> names, paths;
  for (size_t i = 0; i < objects.size(); ++i) {
    names.push_back("model" + std::to_string(i) + ".o");
    paths.push_back(directory.addFile(names.back()));
    if (failed(check(store::writeFile(paths.back(), objects[i].data(),
                                      objects[i].size()),
                     loc)))
      return failure();
  }
  std::string libraryPath = directory.addFile(store::kCodeFile);
  if (failed(linkSharedObject(paths, libraryPath, loc)))
    return failure();
  for (const std::string &name : names)
    if (failed(check(directory.removeFile(name), loc)))
      return failure();
  auto library = store::MappedFile::open(libraryPath);
  if (!library.ok())
    return check(library.status(), loc);
  manifest.modelSo = {(*library)->size(),
                      store::hashToHex((*library)->data(), (*library)->size())};
  return success();
}

LogicalResult mlir::compress::writeArtifact(ModuleOp module,
                                            const Target &target,
                                            const CompileOptions &options,
                                            store::StagedDirectory &directory) {
  Location loc = module.getLoc();
  store::Manifest manifest;
  manifest.producer = "mlir-compress " COMPRESS_VERSION;
  manifest.target.triple = target.triple;
  manifest.target.gpu = target.gpu;
  for (const TargetCpu &cpu : target.cpus)
    manifest.target.versions.push_back(
        {cpu.name, cpu.requiredFeatures, getSymbolSuffix(target, cpu)});
  SmallVector<ExternalWeight> weights;
  if (failed(prepareModule(module, target, options, manifest, weights)))
    return failure();
  auto written = writeWeights(directory.addFile(store::kWeightsFile), weights);
  if (!written.ok())
    return check(written.status(), loc);
  manifest.weightsFile = std::move(*written);
  if (failed(writeCode(module, target, options, directory, manifest)))
    return failure();
  return check(
      store::writeManifest(directory.addFile(store::kManifestFile), manifest),
      loc);
}

LogicalResult mlir::compress::writeArtifact(ModuleOp module,
                                            const Target &target,
                                            const CompileOptions &options,
                                            StringRef path) {
  Location loc = module.getLoc();
  auto directory =
      store::StagedDirectory::create(path.str(), store::kManifestFile);
  if (!directory.ok())
    return check(directory.status(), loc);
  if (failed(writeArtifact(module, target, options, **directory)))
    return failure();
  return check((*directory)->commit(), loc);
}
