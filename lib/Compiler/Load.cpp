//===- Load.cpp - parsing, and binding of weights -------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Compiler/Compiler.h"
#include "compress/Dialect/Compress/Transforms/StoreTypes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
/// Gives data to the weights that have none.
class Binder {
public:
  Binder(ModuleOp module, std::shared_ptr<const store::WeightFiles> files,
         StringRef fileNames)
      : module(module), files(std::move(files)), fileNames(fileNames) {}

  LogicalResult run() {
    WalkResult result = module.walk([&](Operation *op) {
      if (auto global = dyn_cast<ml_program::GlobalOp>(op))
        return WalkResult(bindGlobal(global));
      for (NamedAttribute attr : op->getAttrDictionary())
        if (auto resource =
                dyn_cast<DenseResourceElementsAttr>(attr.getValue()))
          if (failed(bindResource(op, resource)))
            return WalkResult::interrupt();
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

private:
  /// The mapped tensor of a name, checked against the type.
  FailureOr<AsmResourceBlob> find(Operation *op, StringRef name, Type type) {
    auto tensorType = dyn_cast<RankedTensorType>(type);
    if (!tensorType || !tensorType.hasStaticShape())
      return emitError(op->getLoc())
             << "weight '" << name
             << "': expected a static tensor type, but got " << type;
    if (!files)
      return emitError(op->getLoc())
             << "weight '" << name
             << "' has no data in the module; give the file that has them "
                "with --weights";
    const store::TensorView *tensor = files->find(name.str());
    if (!tensor)
      return emitError(op->getLoc())
             << "weight '" << name << "' is not in " << fileNames;
    if (!isCompatible(tensor->dtype, tensorType.getElementType()))
      return emitError(op->getLoc())
             << "weight '" << name << "': expected elements of type "
             << tensorType.getElementType() << ", but the file has "
             << StringRef(store::stringifyDType(tensor->dtype));
    if (!llvm::equal(tensor->shape, tensorType.getShape())) {
      auto diag = emitError(op->getLoc())
                  << "weight '" << name << "': expected shape [";
      llvm::interleaveComma(tensorType.getShape(), diag);
      diag << "], but the file has [";
      llvm::interleaveComma(tensor->shape, diag);
      return diag << "]";
    }
    ArrayRef<char> data(reinterpret_cast<const char *>(tensor->data),
                        tensor->nbytes);
    size_t width =
        std::max(1u, tensorType.getElementType().getIntOrFloatBitWidth() / 8);
    // The format does not align tensors. A misaligned one is copied.
    if (reinterpret_cast<uintptr_t>(data.data()) % width != 0)
      return HeapAsmResourceBlob::allocateAndCopyWithAlign(
          data, /*align=*/16, /*dataIsMutable=*/false);
    return AsmResourceBlob(
        data, /*align=*/width, [keep = files](void *, size_t, size_t) {},
        /*dataIsMutable=*/false);
  }

  LogicalResult bindResource(Operation *op, DenseResourceElementsAttr attr) {
    DenseResourceElementsHandle handle = attr.getRawHandle();
    if (handle.getBlob()) {
      auto type = dyn_cast<RankedTensorType>(attr.getShapedType());
      int64_t size = handle.getBlob()->getData().size();
      if (type && type.hasStaticShape() &&
          type.getElementType().isIntOrFloat() && !getRawData(attr))
        return emitError(op->getLoc())
               << "weight '" << handle.getKey() << "': expected "
               << type.getNumElements() *
                      llvm::divideCeil(type.getElementTypeBitWidth(), 8u)
               << " bytes in its resource, but got " << size;
      return success();
    }
    FailureOr<AsmResourceBlob> blob =
        find(op, handle.getKey(), attr.getShapedType());
    if (failed(blob))
      return failure();
    DenseResourceElementsHandle::getManagerInterface(op->getContext())
        .update(handle.getKey(), std::move(*blob));
    return success();
  }

  LogicalResult bindGlobal(ml_program::GlobalOp global) {
    Attribute value = global.getValue().value_or(Attribute());
    if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(value))
      return bindResource(global, resource);
    if (!isa_and_nonnull<ml_program::ExternAttr>(value))
      return success();
    FailureOr<AsmResourceBlob> blob =
        find(global, global.getSymName(), global.getType());
    if (failed(blob))
      return failure();
    global.setValueAttr(
        DenseResourceElementsAttr::get(cast<ShapedType>(global.getType()),
                                       global.getSymName(), std::move(*blob)));
    return success();
  }

  ModuleOp module;
  std::shared_ptr<const store::WeightFiles> files;
  StringRef fileNames;
};
} // namespace

OwningOpRef<ModuleOp>
mlir::compress::loadModule(MLIRContext &context, StringRef path,
                           const std::vector<std::string> &weightFiles) {
  Location loc = UnknownLoc::get(&context);
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (!buffer) {
    emitError(loc) << "cannot read '" << path
                   << "': " << buffer.getError().message();
    return nullptr;
  }
  // Shared, so that resources of bytecode refer to the mapped file.
  auto sources = std::make_shared<llvm::SourceMgr>();
  sources->AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
  bool reported = false;
  OwningOpRef<ModuleOp> module;
  {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      reported |= diagnostic.getSeverity() == DiagnosticSeverity::Error;
      return failure(); // for the next handler
    });
    module = parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  }
  if (!module) {
    if (!reported)
      emitError(loc) << "cannot parse '" << path << "' as MLIR";
    return nullptr;
  }
  std::shared_ptr<const store::WeightFiles> files;
  if (!weightFiles.empty()) {
    auto opened = store::WeightFiles::open(weightFiles);
    if (!opened.ok()) {
      emitError(loc) << opened.status().message();
      return nullptr;
    }
    files = *opened;
  }
  std::string names = "'" + llvm::join(weightFiles, "', '") + "'";
  if (failed(Binder(*module, files, names).run()))
    return nullptr;
  return module;
}
