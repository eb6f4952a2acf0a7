//===- DenseCodec.cpp - values as they are --------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "compress/Algorithms/Relayout.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/IR/AsmState.h"

using namespace mlir;
using namespace mlir::compress;

LogicalResult
DenseAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                       RankedTensorType logical) const {
  if (!getFloatKind(logical.getElementType())) // dense_c1
    return emitError() << "expected elements of f32, f16 or bf16 for " << *this
                       << ", but got " << logical.getElementType();
  return success();
}

SmallVector<StorageComponent>
DenseAttr::getStorage(RankedTensorType logical) const {
  return {{"values", ComponentRole::Values, logical}};
}

bool DenseAttr::isLossless() const { return true; }

FailureOr<Value> DenseAttr::buildDecode(OpBuilder &b, Location loc,
                                        ValueRange components,
                                        RankedTensorType) const {
  return getDense(b, loc, components[0]);
}

void DenseAttr::decodeData(RankedTensorType logical,
                           ArrayRef<ArrayRef<char>> components, int64_t begin,
                           MutableArrayRef<char> out) const {
  int64_t width = logical.getElementTypeBitWidth() / 8;
  llvm::copy(components[0].slice(begin * width, out.size()), out.begin());
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
DenseAttr::getTileGranularity(RankedTensorType logical) const {
  return SmallVector<TileGranularity>(logical.getRank());
}

SmallVector<ComponentRatio>
DenseAttr::getComponentRatios(RankedTensorType logical, unsigned) const {
  return SmallVector<ComponentRatio>(logical.getRank());
}

FailureOr<SmallVector<ComponentTile>>
DenseAttr::mapTile(OpBuilder &, Location, RankedTensorType, ValueRange,
                   ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes) const {
  return SmallVector<ComponentTile>{
      {SmallVector<OpFoldResult>(offsets), SmallVector<OpFoldResult>(sizes)}};
}

CodecAttrInterface
DenseAttr::getTiledCodec(RankedTensorType,
                         const algorithms::TileLayout &) const {
  return *this;
}

CodecAttrInterface DenseAttr::getMatrixCodec(RankedTensorType,
                                             ArrayRef<unsigned>,
                                             ArrayRef<unsigned>) const {
  return *this;
}

std::vector<EncodedComponent>
DenseAttr::moveToMatrix(RankedTensorType logical, ArrayRef<unsigned> rows,
                        ArrayRef<unsigned> columns,
                        ArrayRef<ArrayRef<char>> leaves) const {
  SmallVector<unsigned> order(rows);
  llvm::append_range(order, columns);
  AsmResourceBlob values = allocateBlob(leaves[0].size());
  algorithms::permuteEntries(logical.getShape(), order,
                             logical.getElementTypeBitWidth() / 8,
                             asBytes(leaves[0]), asMutableBytes(values));
  std::vector<EncodedComponent> result;
  result.push_back(
      {getMatrixType(logical, rows, columns), std::move(values), {}});
  return result;
}

std::vector<EncodedComponent>
DenseAttr::relayout(RankedTensorType logical,
                    const algorithms::TileLayout &layout,
                    ArrayRef<ArrayRef<char>> leaves) const {
  auto type = RankedTensorType::get(layout.getShape(logical.getShape()),
                                    logical.getElementType());
  int64_t width = logical.getElementTypeBitWidth() / 8;
  AsmResourceBlob values = allocateBlob(type.getNumElements() * width);
  algorithms::moveElements(logical.getShape(), width, layout,
                           asBytes(leaves[0]), asMutableBytes(values));
  std::vector<EncodedComponent> result;
  result.push_back({type, std::move(values), {}});
  return result;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {
class DenseEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "dense"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface,
         const EncodeContext &) const override {
    AsmResourceBlob values = allocateBlob(weight.data.size());
    llvm::copy(weight.data, values.getMutableData().begin());
    std::vector<EncodedComponent> result;
    result.push_back({weight.type, std::move(values), {}});
    return result;
  }
};
} // namespace

void mlir::compress::registerDenseEncoders(CodecRegistry &registry) {
  registry.addEncoder<DenseAttr>(std::make_unique<DenseEncoder>());
}
