//===- Inspect.cpp - compressc inspect, presets, externalize --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tool.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace compressc;
using namespace mlir;
namespace cl = llvm::cl;
namespace store = mlir::compress::store;

//===----------------------------------------------------------------------===//
// inspect
//===----------------------------------------------------------------------===//

static cl::SubCommand inspectCommand("inspect", "show what is in an artifact");
static cl::OptionCategory inspectCategory("Options of inspect");
static cl::opt<std::string> artifact(cl::Positional, cl::Required,
                                     cl::desc("ARTIFACT"),
                                     cl::sub(inspectCommand),
                                     cl::cat(inspectCategory));
static cl::opt<bool> json("json", cl::desc("Print the manifest as it is"),
                          cl::sub(inspectCommand), cl::cat(inspectCategory));

static void printTypes(ArrayRef<store::ManifestTensorType> types) {
  llvm::outs() << "(";
  llvm::interleaveComma(types, llvm::outs(), [](const auto &type) {
    llvm::outs() << type.name << ": " << store::stringifyDType(type.dtype)
                 << "[";
    llvm::interleaveComma(type.shape, llvm::outs(), [](int64_t size) {
      if (size == store::kDynamic)
        llvm::outs() << "?";
      else
        llvm::outs() << size;
    });
    llvm::outs() << "]";
  });
  llvm::outs() << ")";
}

static void printManifest(const store::Manifest &manifest) {
  llvm::raw_ostream &os = llvm::outs();
  os << "producer: " << manifest.producer << "\n"
     << "target:   " << manifest.target.triple << ", ";
  llvm::interleave(
      manifest.target.versions, os,
      [&](const store::ManifestVersion &version) { os << version.cpu; },
      " or ");
  if (!manifest.target.gpu.empty())
    os << ", GPU " << manifest.target.gpu;
  os << "\n";
  for (const store::ManifestFunction &function : manifest.functions) {
    os << "function: " << function.name;
    printTypes(function.inputs);
    os << " -> ";
    printTypes(function.outputs);
    os << "\n";
  }
  int64_t stored = 0, dense = 0;
  for (const store::ManifestWeight &weight : manifest.weights) {
    int64_t elements = 1;
    for (int64_t size : weight.shape)
      elements *= size;
    int64_t bits = elements * int64_t(store::getDTypeSize(weight.dtype)) * 8;
    stored += weight.storedBits;
    dense += bits;
    os << llvm::format("%10lld B  ", (weight.storedBits + 7) / 8)
       << llvm::format("%6.2f bits/weight  ",
                       elements ? double(weight.storedBits) / elements : 0.0);
    if (weight.certificate)
      os << llvm::format("error %.3e  ",
                         weight.certificate->relativeFrobeniusError);
    // One without a certificate is not compressed, however it is laid out.
    bool isDense = !weight.codec || !weight.certificate;
    os << weight.name << "  " << (isDense ? "dense" : *weight.codec)
       << (!isDense && !weight.fused ? "  (decoded as a whole)" : "")
       << (weight.compute == "f32"
               ? ""
               : "  (computed with in " + weight.compute + ")")
       << "\n";
  }
  os << llvm::format("total: %lld B stored, %lld B dense, ratio %.2f\n",
                     (stored + 7) / 8, (dense + 7) / 8,
                     stored ? double(dense) / stored : 1.0);
}

static int runInspect() {
  std::string path = artifact + "/manifest.json";
  auto manifest = store::readManifest(path);
  if (!manifest.ok())
    return fail(manifest.status().message());
  if (!json) {
    printManifest(*manifest);
    return 0;
  }
  auto text = llvm::MemoryBuffer::getFile(path);
  if (!text)
    return fail("cannot read '" + path + "': " + text.getError().message());
  llvm::outs() << (*text)->getBuffer();
  return 0;
}

Command compressc::getInspectCommand() { return {inspectCommand, runInspect}; }

//===----------------------------------------------------------------------===//
// presets
//===----------------------------------------------------------------------===//

static cl::SubCommand presetsCommand("presets", "list the presets");

static int runPresets() {
  Session session;
  MLIRContext &context = session.getContext();
  auto *dialect = context.getOrLoadDialect<mlir::compress::CompressDialect>();
  // Bits per weight depend a little on the shape: of a 4096 x 4096 matrix.
  auto type = RankedTensorType::get({4096, 4096}, Float32Type::get(&context));
  mlir::compress::DimRole roles[] = {mlir::compress::DimRole::Parallel,
                                     mlir::compress::DimRole::Reduction};
  for (const mlir::compress::Preset &preset :
       dialect->getCodecs().getPresets()) {
    std::optional<int64_t> bits;
    if (!preset.buildFor) {
      mlir::compress::CodecAttrInterface codec = preset.build(type, roles);
      bits = codec ? mlir::compress::getStoredBits(
                         mlir::compress::CompressedTensorType::get(type, codec))
                   : type.getNumElements() * 32;
    }
    std::string size =
        bits ? llvm::formatv("{0,6:f3}", double(*bits) / type.getNumElements())
                   .str()
             : "     ?"; // depends on the values
    llvm::outs() << llvm::left_justify(preset.name, 20) << size
                 << " bits/weight  " << preset.summary << "\n";
  }
  return 0;
}

Command compressc::getPresetsCommand() { return {presetsCommand, runPresets}; }

//===----------------------------------------------------------------------===//
// externalize
//===----------------------------------------------------------------------===//

static cl::SubCommand
    externalizeCommand("externalize",
                       "move the data of constants into a safetensors file");
static cl::OptionCategory externalizeCategory("Options of externalize");
static cl::opt<std::string> input(cl::Positional, cl::Required,
                                  cl::desc("INPUT.mlir|INPUT.mlirbc"),
                                  cl::sub(externalizeCommand),
                                  cl::cat(externalizeCategory));
static cl::opt<std::string> output("o", cl::Required,
                                   cl::value_desc("file.mlirbc"),
                                   cl::desc("Module without data, as bytecode"),
                                   cl::sub(externalizeCommand),
                                   cl::cat(externalizeCategory));
static cl::opt<std::string> weights("weights", cl::Required,
                                    cl::value_desc("file.safetensors"),
                                    cl::desc("File for the data"),
                                    cl::sub(externalizeCommand),
                                    cl::cat(externalizeCategory));

static int runExternalize() {
  Session session;
  OwningOpRef<ModuleOp> module = session.load(input, {});
  if (!module ||
      failed(mlir::compress::externalizeModule(*module, output, weights)))
    return session.fail();
  return 0;
}

Command compressc::getExternalizeCommand() {
  return {externalizeCommand, runExternalize};
}
