//===- CompressOps.cpp - verifiers, folders, tiling -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::compress;

#define GET_OP_CLASSES
#include "compress/Dialect/Compress/IR/CompressOps.cpp.inc"

//===----------------------------------------------------------------------===//
// AssembleOp
//===----------------------------------------------------------------------===//

/// Whether a component has the type that is stored, where `?` is any size.
static bool areCompatible(Type expected, Type actual) {
  auto compressed = dyn_cast<CompressedTensorType>(expected);
  auto other = dyn_cast<CompressedTensorType>(actual);
  if (compressed && other)
    return compressed.getCodec() == other.getCodec() &&
           areCompatible(compressed.getLogicalType(), other.getLogicalType());
  auto tensor = dyn_cast<RankedTensorType>(expected);
  auto otherTensor = dyn_cast<RankedTensorType>(actual);
  return tensor && otherTensor &&
         tensor.getElementType() == otherTensor.getElementType() &&
         succeeded(verifyCompatibleShape(tensor, otherTensor));
}

LogicalResult AssembleOp::verify() {
  SmallVector<StorageComponent> storage = getType().getStorage();
  if (storage.size() != getComponents().size()) // assemble_c1
    return emitOpError() << "expected " << storage.size()
                         << " components, but got " << getComponents().size();
  for (auto [part, value] : llvm::zip_equal(storage, getComponents())) {
    if (!areCompatible(part.type, value.getType())) // assemble_c2
      return emitOpError() << "expected component '" << part.name
                           << "' of type " << part.type << ", but got "
                           << value.getType();
  }
  return success();
}

OpFoldResult AssembleOp::fold(FoldAdaptor) {
  if (getComponents().empty())
    return {};
  auto source = getComponents().front().getDefiningOp<ComponentsOp>();
  if (source && source.getInput().getType() == getType() &&
      llvm::equal(source.getComponents(), getComponents()))
    return source.getInput();
  return {};
}

//===----------------------------------------------------------------------===//
// ComponentsOp
//===----------------------------------------------------------------------===//

LogicalResult ComponentsOp::inferReturnTypes(MLIRContext *,
                                             std::optional<Location>,
                                             Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  auto input = dyn_cast<CompressedTensorType>(adaptor.getInput().getType());
  if (!input)
    return failure();
  types = input.getStorageTypes();
  return success();
}

LogicalResult ComponentsOp::fold(FoldAdaptor,
                                 SmallVectorImpl<OpFoldResult> &results) {
  auto source = getInput().getDefiningOp<AssembleOp>();
  // Compatible shapes are not equal types, and folding may not change a type.
  if (!source ||
      source.getComponents().getTypes() != getComponents().getTypes())
    return failure();
  results.assign(source.getComponents().begin(), source.getComponents().end());
  return success();
}

//===----------------------------------------------------------------------===//
// EncodeOp
//===----------------------------------------------------------------------===//

LogicalResult EncodeOp::verify() {
  if (getInput().getType() != getType().getLogicalType()) // encode_c1
    return emitOpError() << "expected input of type "
                         << getType().getLogicalType() << ", but got "
                         << getInput().getType();
  return success();
}

OpFoldResult EncodeOp::fold(FoldAdaptor) {
  auto source = getInput().getDefiningOp<DecodeOp>();
  if (source && source.getInput().getType() == getType())
    return source.getInput();
  return {};
}

//===----------------------------------------------------------------------===//
// DecodeOp
//===----------------------------------------------------------------------===//

LogicalResult DecodeOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                         Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  auto input = dyn_cast<CompressedTensorType>(adaptor.getInput().getType());
  if (!input)
    return failure();
  types.push_back(input.getLogicalType());
  return success();
}

OpFoldResult DecodeOp::fold(FoldAdaptor) {
  auto source = getInput().getDefiningOp<EncodeOp>();
  if (source && getInput().getType().getCodec().isLossless())
    return source.getInput();
  return {};
}

SmallVector<utils::IteratorType> DecodeOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(
      getInput().getType().getShape().size(), utils::IteratorType::parallel);
}

SmallVector<Range> DecodeOp::getIterationDomain(OpBuilder &b) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfter(*this);
  SmallVector<Range> domain;
  for (OpFoldResult size : tensor::getMixedSizes(b, getLoc(), getResult()))
    domain.push_back({b.getIndexAttr(0), size, b.getIndexAttr(1)});
  return domain;
}

FailureOr<TilingResult>
DecodeOp::getTiledImplementation(OpBuilder &b, ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes) {
  FailureOr<Value> tile = sliceValue(b, getLoc(), getInput(), offsets, sizes);
  if (failed(tile))
    return emitOpError() << "expected a tile that splits no stored unit";
  auto decode = DecodeOp::create(b, getLoc(), *tile);
  return TilingResult{{decode}, {decode.getResult()}, {}};
}

LogicalResult DecodeOp::getResultTilePosition(
    OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.assign(offsets.begin(), offsets.end());
  resultSizes.assign(sizes.begin(), sizes.end());
  return success();
}

FailureOr<TilingResult>
DecodeOp::generateResultTileValue(OpBuilder &b, unsigned,
                                  ArrayRef<OpFoldResult> offsets,
                                  ArrayRef<OpFoldResult> sizes) {
  return getTiledImplementation(b, offsets, sizes);
}
