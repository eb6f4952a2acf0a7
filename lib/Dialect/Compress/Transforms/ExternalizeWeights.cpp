//===- ExternalizeWeights.cpp - compress-externalize-weights --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constants -> named buffers, so that model.so holds code only.
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/ExternalWeights.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "compress/Dialect/Compress/Transforms/StoreTypes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/Safetensors.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSEXTERNALIZEWEIGHTS
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

/// An uninitialized global for a weight, before everything else in the module
/// so that their order is the order of the table.
static memref::GlobalOp createGlobal(ModuleOp module, const Weight &weight,
                                     Operation *before) {
  std::string symbol = weight.name;
  for (unsigned i = 1; SymbolTable::lookupSymbolIn(module, symbol); ++i)
    symbol = weight.name + "_" + std::to_string(i);
  OpBuilder b(before);
  return memref::GlobalOp::create(
      b, weight.getAnchor()->getLoc(), symbol,
      /*sym_visibility=*/b.getStringAttr("private"),
      MemRefType::get(weight.type.getShape(), weight.type.getElementType()),
      /*initial_value=*/Attribute(), /*constant=*/true, /*alignment=*/nullptr);
}

FailureOr<SmallVector<ExternalWeight>>
mlir::compress::externalizeWeights(ModuleOp module, int64_t minBytes) {
  // For callers that are no pass with dependent dialects.
  module.getContext()
      ->loadDialect<arith::ArithDialect, bufferization::BufferizationDialect,
                    memref::MemRefDialect>();
  SmallVector<Weight> weights = collectWeights(module);
  SmallVector<ExternalWeight> external;
  // Marks where globals go; erased at the end.
  if (module.getBody()->empty())
    return external;
  Operation *first = &module.getBody()->front();
  for (Weight &weight : weights) {
    if (weight.loads.empty())
      continue;
    Operation *anchor = weight.getAnchor();
    if (weight.global && weight.global.getIsMutable())
      return emitError(anchor->getLoc())
             << "global '" << weight.name << "': expected an immutable global";
    auto dense = dyn_cast_or_null<DenseElementsAttr>(weight.data);
    bool small = dense && (dense.isSplat() ||
                           int64_t(dense.getRawData().size()) < minBytes);
    bool storable = getStoreType(weight.type.getElementType()).has_value();
    if (!weight.global && dense && (small || !storable))
      continue;
    if (!storable || weight.type.getNumElements() == 0 ||
        (weight.global && small)) {
      // A global that stays in the code becomes a constant, and so does an
      // empty resource, which MLIR cannot translate.
      ElementsAttr data = weight.data;
      bool empty = weight.type.getNumElements() == 0;
      if (data && empty)
        data = DenseElementsAttr::get(weight.type, ArrayRef<Attribute>());
      if (data && (weight.global || empty))
        for (Operation *load : weight.loads) {
          OpBuilder b(load);
          Value value = arith::ConstantOp::create(b, load->getLoc(), data);
          load->replaceAllUsesWith(ValueRange(value));
          load->erase();
        }
      if (weight.global) {
        if (first == weight.global)
          first = first->getNextNode();
        weight.global.erase();
      }
      continue;
    }
    if (!getRawData(weight.data))
      return emitError(anchor->getLoc())
             << "weight '" << weight.name << "': expected its data in the "
             << "module, but there are none (weights from a file are bound by "
                "compressc --weights)";
    ml_program::GlobalOp source = weight.global;
    if (source)
      source.setSymName((weight.name + ".source").c_str());
    memref::GlobalOp global = createGlobal(module, weight, first);
    for (Operation *load : weight.loads) {
      OpBuilder b(load);
      Value buffer = memref::GetGlobalOp::create(
          b, load->getLoc(), global.getType(), global.getSymName());
      Value tensor = bufferization::ToTensorOp::create(
          b, load->getLoc(), weight.type, buffer, /*restrict=*/true,
          /*writable=*/false);
      load->replaceAllUsesWith(ValueRange(tensor));
      load->erase();
    }
    if (source) {
      if (first == source)
        first = source->getNextNode();
      source.erase();
    }
    // Not the symbol, which is another one where a function has the name.
    external.push_back({weight.name, weight.type, weight.data});
  }
  return external;
}

store::StatusOr<store::SafetensorsSummary>
mlir::compress::writeWeights(StringRef path, ArrayRef<ExternalWeight> weights) {
  std::vector<store::TensorDescription> tensors;
  for (const ExternalWeight &weight : weights)
    tensors.push_back({weight.name, *getStoreType(weight.type.getElementType()),
                       std::vector<int64_t>(weight.type.getShape())});
  auto writer = store::SafetensorsWriter::create(path.str(), tensors);
  if (!writer.ok())
    return writer.status();
  for (const ExternalWeight &weight : weights) {
    ArrayRef<char> data = *getRawData(weight.data);
    if (store::Status status = (*writer)->append(data.data(), data.size());
        !status.ok())
      return status;
  }
  return (*writer)->finish();
}

namespace {
struct ExternalizeWeightsPass
    : compress::impl::CompressExternalizeWeightsBase<ExternalizeWeightsPass> {
  using Base::Base;
  void runOnOperation() override {
    if (path.empty()) {
      emitError(getOperation().getLoc())
          << "expected option 'path' to name a safetensors file";
      return signalPassFailure();
    }
    FailureOr<SmallVector<ExternalWeight>> weights =
        externalizeWeights(getOperation(), minBytes);
    if (failed(weights))
      return signalPassFailure();
    auto file = store::StagedFile::create(path);
    store::Status status = file.status();
    if (file.ok()) {
      status = writeWeights((*file)->path(), *weights).status();
      if (status.ok())
        status = (*file)->commit();
    }
    if (!status.ok()) {
      emitError(getOperation().getLoc()) << status.message();
      return signalPassFailure();
    }
  }
};
} // namespace
