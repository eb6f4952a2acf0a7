//===- Verify.cpp - certificates, recomputed by an independent path -------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encoding computed a certificate from its own decode of the codes, in plain
// C++. Here the stored codes go through the codec's buildDecode, compiled like
// any other code, and must give the same numbers, bit for bit. Weights without
// a certificate are not compressed, however they are laid out: they must give
// the original, bit for bit.
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/ErrorStats.h"
#include "compress/Compiler/Compiler.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "compress/Dialect/Compress/Transforms/StoreTypes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "compress/Pipelines/Pipelines.h"
#include "compress/Store/Artifact.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/Checksum.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::compress;

namespace {

/// A dense tensor that compiled code made.
struct DenseBuffer {
  std::unique_ptr<void, decltype(&free)> allocated;
  const char *data;
};

/// Compiles and calls the decode of compressed types.
class DecodeRunner {
public:
  DecodeRunner(MLIRContext *context, Location loc)
      : context(context), loc(loc) {}
  ~DecodeRunner();

  /// Adds a type with the types of its leaves; returns its number.
  unsigned add(CompressedTensorType type, ArrayRef<Type> leaves);
  /// Compiles all that was added.
  LogicalResult compile();
  /// Decodes into a contiguous row-major buffer.
  DenseBuffer run(unsigned index, ArrayRef<const char *> leaves,
                  ArrayRef<Type> leafTypes);

private:
  struct Decoder {
    CompressedTensorType type;
    SmallVector<Type> leaves;
  };
  MLIRContext *context;
  Location loc;
  SmallVector<Decoder> decoders;
  /// For the compiled decode; never committed, so removed in the end.
  std::unique_ptr<store::StagedDirectory> directory;
  llvm::sys::DynamicLibrary library;
};

} // namespace

DecodeRunner::~DecodeRunner() {
  if (library.isValid())
    llvm::sys::DynamicLibrary::closeLibrary(library);
}

unsigned DecodeRunner::add(CompressedTensorType type, ArrayRef<Type> leaves) {
  for (auto [i, decoder] : llvm::enumerate(decoders))
    if (decoder.type == type && ArrayRef(decoder.leaves) == leaves)
      return i;
  decoders.push_back({type, SmallVector<Type>(leaves)});
  return decoders.size() - 1;
}

LogicalResult DecodeRunner::compile() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder b(context);
  for (auto [i, decoder] : llvm::enumerate(decoders)) {
    b.setInsertionPointToEnd(module->getBody());
    auto function = func::FuncOp::create(
        b, loc, "decode" + std::to_string(i),
        b.getFunctionType(decoder.leaves, decoder.type.getLogicalType()));
    b.setInsertionPointToStart(function.addEntryBlock());
    ValueRange leaves = function.getArguments();
    Value value = assembleLeaves(b, loc, decoder.type, leaves);
    Value dense = DecodeOp::create(b, loc, value);
    func::ReturnOp::create(b, loc, dense);
  }
  PassManager pm(context);
  CompressToCPUOptions options;
  options.artifactABI = true;
  options.fuse = false;
  buildCompressToCPU(pm, options);
  FailureOr<Target> target = Target::parse("cpu:native", loc);
  if (failed(pm.run(*module)) || failed(target))
    return failure();
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::TargetMachine> machine =
      target->cpus.front().createMachine();
  std::unique_ptr<llvm::Module> code =
      translateAndOptimize(*module, llvmContext, *machine);
  if (!code)
    return failure();
  FailureOr<SmallVector<char, 0>> object =
      emitCode(*code, *machine, llvm::CodeGenFileType::ObjectFile, loc);
  if (failed(object))
    return failure();
  SmallString<128> path;
  llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/true, path);
  llvm::sys::path::append(path, "compress-verify");
  auto staged =
      store::StagedDirectory::create(path.str().str(), store::kManifestFile);
  if (!staged.ok())
    return emitError(loc) << staged.status().message();
  directory = std::move(*staged);
  std::string objectPath = directory->addFile("decode.o");
  std::string libraryPath = directory->addFile("decode.so");
  store::Status written =
      store::writeFile(objectPath, object->data(), object->size());
  if (!written.ok())
    return emitError(loc) << written.message();
  if (failed(linkSharedObject(objectPath, libraryPath, loc)))
    return failure();
  std::string error;
  library = llvm::sys::DynamicLibrary::getLibrary(libraryPath.c_str(), &error);
  if (!library.isValid())
    return emitError(loc) << "cannot load the compiled decode: " << error;
  return success();
}

/// A strided memref descriptor of a contiguous buffer, in words.
static SmallVector<int64_t> makeDescriptor(const void *data,
                                           ArrayRef<int64_t> shape) {
  SmallVector<int64_t> words(3 + 2 * shape.size());
  words[0] = words[1] = reinterpret_cast<intptr_t>(data);
  int64_t stride = 1;
  for (int64_t i = shape.size() - 1; i >= 0; --i) {
    words[3 + i] = shape[i];
    words[3 + shape.size() + i] = stride;
    stride *= shape[i];
  }
  return words;
}

DenseBuffer DecodeRunner::run(unsigned index, ArrayRef<const char *> leaves,
                              ArrayRef<Type> leafTypes) {
  auto *entry = reinterpret_cast<void (*)(const void *const *, void **)>(
      library.getAddressOfSymbol(
          ("compress_entry_decode" + std::to_string(index)).c_str()));
  RankedTensorType type = decoders[index].type.getLogicalType();
  int64_t bytes = type.getNumElements() * type.getElementTypeBitWidth() / 8;
  DenseBuffer dense = {{std::malloc(std::max<int64_t>(bytes, 1)), &free},
                       nullptr};
  if (!dense.allocated)
    llvm::report_bad_alloc_error("no memory for a decoded weight");
  SmallVector<SmallVector<int64_t>> storage = {
      makeDescriptor(dense.allocated.get(), type.getShape())};
  for (auto [leaf, type] : llvm::zip_equal(leaves, leafTypes))
    storage.push_back(
        makeDescriptor(leaf, cast<RankedTensorType>(type).getShape()));
  SmallVector<void *> descriptors;
  for (SmallVector<int64_t> &words : storage)
    descriptors.push_back(words.data());
  entry(nullptr, descriptors.data());
  dense.data = static_cast<const char *>(dense.allocated.get());
  return dense;
}

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

namespace {
/// One compressed weight of an artifact, ready to be decoded.
struct StoredWeight {
  const store::ManifestWeight *entry;
  CompressedTensorType type;
  SmallVector<Type> leafTypes;
  SmallVector<ArrayRef<char>> leaves;
  ArrayRef<char> original;
  unsigned decoder = 0;
};

class ArtifactVerifier {
public:
  ArtifactVerifier(StringRef path, ModuleOp original)
      : path(path), original(original), loc(original.getLoc()) {}
  FailureOr<VerifyReport> run();

private:
  LogicalResult openFiles();
  FailureOr<StoredWeight> prepare(const store::ManifestWeight &entry);
  LogicalResult checkDense(const store::ManifestWeight &entry);
  LogicalResult checkSource(const StoredWeight &weight);
  LogicalResult checkDecoded(const StoredWeight &weight, DecodeRunner &runner,
                             VerifyReport &report);
  FailureOr<ArrayRef<char>> getOriginal(const store::ManifestWeight &entry);
  InFlightDiagnostic error(const store::ManifestWeight &entry) {
    return emitError(loc) << "weight '" << entry.name << "': ";
  }

  StringRef path;
  ModuleOp original;
  Location loc;
  std::shared_ptr<const store::Artifact> artifact;
  llvm::StringMap<Weight> originals;
};
} // namespace

LogicalResult ArtifactVerifier::openFiles() {
  auto opened = store::Artifact::open(
      path.str(), {/*skipWeightChecksums=*/false,
                   llvm::parallel::strategy.compute_thread_count()});
  if (!opened.ok())
    return emitError(loc) << opened.status().message();
  artifact = *opened;
  for (Weight &weight : collectWeights(original)) {
    std::string name = weight.name;
    originals.try_emplace(name, std::move(weight));
  }
  return success();
}

/// Bytes of a stored tensor.
static ArrayRef<char> getBytes(const store::TensorView &tensor) {
  return {reinterpret_cast<const char *>(tensor.data), tensor.nbytes};
}

FailureOr<ArrayRef<char>>
ArtifactVerifier::getOriginal(const store::ManifestWeight &entry) {
  auto it = originals.find(entry.name);
  if (it == originals.end())
    return error(entry) << "expected it in the original module";
  const Weight &weight = it->second;
  std::optional<ArrayRef<char>> data = getRawData(weight.data);
  if (!data)
    return error(entry) << "expected its data in the original module";
  if (getStoreType(weight.type.getElementType()) != entry.dtype ||
      !llvm::equal(weight.type.getShape(), entry.shape))
    return error(entry) << "has type " << weight.type
                        << " in the original module";
  return *data;
}

LogicalResult ArtifactVerifier::checkDense(const store::ManifestWeight &entry) {
  FailureOr<ArrayRef<char>> data = getOriginal(entry);
  if (failed(data))
    return failure();
  // The artifact has all tensors that its weights name.
  if (entry.tensors.size() != 1 ||
      *data != getBytes(*artifact->find(entry.tensors.front())))
    return error(entry) << "its dense data differ from the original";
  return success();
}

FailureOr<StoredWeight>
ArtifactVerifier::prepare(const store::ManifestWeight &entry) {
  MLIRContext *context = original.getContext();
  StoredWeight weight{&entry, {}, {}, {}, {}};
  FailureOr<ArrayRef<char>> data = getOriginal(entry);
  if (failed(data))
    return failure();
  weight.original = *data;
  CodecAttrInterface codec;
  {
    // The error below says it all.
    ScopedDiagnosticHandler silent(context, [](Diagnostic &) {});
    codec = dyn_cast_or_null<CodecAttrInterface>(
        parseAttribute(*entry.codec, context));
  }
  if (!codec)
    return error(entry) << "expected a codec, but got '" << *entry.codec << "'";
  Type element = originals.find(entry.name)->second.type.getElementType();
  weight.type = CompressedTensorType::getChecked(
      [&] { return error(entry); }, context, ArrayRef<int64_t>(entry.shape),
      element, codec);
  if (!weight.type)
    return failure();
  getLeafTypes(weight.type, weight.leafTypes);
  auto name = entry.tensors.begin();
  for (Type &leaf : weight.leafTypes) {
    auto type = cast<RankedTensorType>(leaf);
    if (type.hasStaticShape() && type.getNumElements() == 0) {
      weight.leaves.push_back({}); // empty components are not stored
      continue;
    }
    if (name == entry.tensors.end())
      return error(entry) << "expected " << weight.leafTypes.size()
                          << " stored tensors, but got "
                          << entry.tensors.size();
    const store::TensorView *tensor = artifact->find(*name++);
    leaf = RankedTensorType::get(tensor->shape, type.getElementType());
    if (!isCompatible(tensor->dtype, type.getElementType()) ||
        failed(verifyCompatibleShape(type, cast<RankedTensorType>(leaf))))
      return error(entry) << "expected stored tensor '" << tensor->name
                          << "' of type " << type << ", but got " << leaf;
    weight.leaves.push_back(getBytes(*tensor));
  }
  if (failed(codec.verifyData([&] { return error(entry); },
                              weight.type.getLogicalType(), weight.leaves)))
    return failure();
  return weight;
}

LogicalResult ArtifactVerifier::checkSource(const StoredWeight &weight) {
  const store::ManifestWeight &entry = *weight.entry;
  const std::string &recorded = entry.certificate->sourceXxh3;
  std::string hash =
      store::hashToHex(weight.original.data(), weight.original.size());
  if (hash != recorded)
    return error(entry) << "was made from other data: the original has hash "
                        << hash << ", the certificate " << recorded;
  return success();
}

LogicalResult ArtifactVerifier::checkDecoded(const StoredWeight &weight,
                                             DecodeRunner &runner,
                                             VerifyReport &report) {
  const store::ManifestWeight &entry = *weight.entry;
  if (!entry.certificate && !weight.type.getCodec().isLossless())
    return error(entry) << "expected a certificate, but there is none";
  if (entry.certificate && failed(checkSource(weight)))
    return failure();
  int64_t bits = 0;
  SmallVector<const char *> pointers;
  for (ArrayRef<char> leaf : weight.leaves) {
    bits += leaf.size() * 8;
    pointers.push_back(leaf.data());
  }
  if (bits != entry.storedBits)
    return error(entry) << "expected " << entry.storedBits
                        << " stored bits, but got " << bits;
  RankedTensorType logical = weight.type.getLogicalType();
  DenseBuffer dense = runner.run(weight.decoder, pointers, weight.leafTypes);
  ArrayRef<char> decoded(dense.data, weight.original.size());
  if (!entry.certificate) {
    ++report.denseWeights;
    if (decoded != weight.original)
      return error(entry) << "its dense data differ from the original";
    return success();
  }
  ++report.compressedWeights;
  const store::ManifestCertificate &certificate = *entry.certificate;
  algorithms::FloatKind kind = *getFloatKind(logical.getElementType());
  algorithms::ErrorStats stats = algorithms::computeErrorStats(
      asBytes(weight.original), kind, asBytes(decoded), kind);
  auto equal = [&](double recomputed, double recorded, StringRef what) {
    if (recomputed == recorded)
      return true;
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format(
        "%.17g, but the certificate says %.17g", recomputed, recorded);
    error(entry) << what << " is " << text;
    return false;
  };
  if (!equal(stats.maxAbsError, certificate.maxAbsError,
             "the largest absolute error") ||
      !equal(stats.getRelativeError(), certificate.relativeFrobeniusError,
             "the relative Frobenius error") ||
      !equal(stats.getSqnr(), certificate.sqnrDb, "the SQNR"))
    return failure();
  report.worstRelativeError =
      std::max(report.worstRelativeError, certificate.relativeFrobeniusError);
  return success();
}

FailureOr<VerifyReport> ArtifactVerifier::run() {
  if (failed(openFiles()))
    return failure();
  llvm::StringSet<> claimed;
  for (const store::ManifestWeight &entry : artifact->manifest().weights)
    for (const std::string &name : entry.tensors)
      claimed.insert(name);
  for (const store::TensorView *tensor : artifact->tensors())
    if (!claimed.contains(tensor->name))
      return emitError(loc) << "expected tensor '" << tensor->name
                            << "' to belong to a weight of the manifest";
  VerifyReport report;
  DecodeRunner runner(original.getContext(), loc);
  SmallVector<StoredWeight> weights;
  for (const store::ManifestWeight &entry : artifact->manifest().weights) {
    if (!entry.codec) {
      if (failed(checkDense(entry)))
        return failure();
      ++report.denseWeights;
      continue;
    }
    FailureOr<StoredWeight> weight = prepare(entry);
    if (failed(weight))
      return failure();
    weight->decoder = runner.add(weight->type, weight->leafTypes);
    weights.push_back(std::move(*weight));
  }
  if (!weights.empty() && failed(runner.compile()))
    return failure();
  for (const StoredWeight &weight : weights)
    if (failed(checkDecoded(weight, runner, report)))
      return failure();
  return report;
}

FailureOr<VerifyReport> mlir::compress::verifyArtifact(StringRef path,
                                                       ModuleOp original) {
  return ArtifactVerifier(path, original).run();
}
