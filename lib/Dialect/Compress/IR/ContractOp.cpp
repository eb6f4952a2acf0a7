//===- ContractOp.cpp - the kernel op ---------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::compress;

LogicalResult ContractOp::verify() {
  if (!llvm::all_of(getOperandTypes(), llvm::IsaPred<RankedTensorType>) &&
      !llvm::all_of(getOperandTypes(), llvm::IsaPred<MemRefType>)) // contract_c6
    return emitOpError()
           << "expected operands to be ranked tensors, or ranked buffers";
  CompressedTensorType weight = getWeightType();
  SmallVector<StorageComponent> storage = weight.getStorage();
  if (storage.size() != getComponents().size()) // contract_c1
    return emitOpError() << "expected " << storage.size()
                         << " components, but got " << getComponents().size();
  for (auto [part, value] : llvm::zip_equal(storage, getComponents())) {
    auto expected = dyn_cast<RankedTensorType>(part.type);
    auto actual = cast<ShapedType>(value.getType());
    if (!expected || expected.getElementType() != actual.getElementType() ||
        failed(verifyCompatibleShape(expected, actual))) // contract_c1
      return emitOpError() << "expected component '" << part.name
                           << "' to store a " << part.type << ", but got "
                           << actual;
  }
  auto lhs = cast<ShapedType>(getLhs().getType());
  auto init = cast<ShapedType>(getInit().getType());
  if (lhs.getRank() != init.getRank() || lhs.getRank() < 2 || !lhs.getElementType().isF32() ||
      !init.getElementType().isF32()) // contract_c2
    return emitOpError()
           << "expected f32 lhs and init of one rank of 2 or more, but got "
           << lhs << " and " << init;
  AffineMap map = getWeightMap();
  unsigned numDims = getNumBatch() + 3;
  if (map.getNumDims() != numDims || map.getNumSymbols() ||
      map.getNumResults() != numDims - 1 || !map.isProjectedPermutation() ||
      map.isFunctionOfDim(getDimM()) ||
      int64_t(map.getNumResults()) !=
          weight.getLogicalType().getRank()) // contract_c3
    return emitOpError() << "expected weight_map to be a permutation of all "
                         << numDims << " dimensions but m, but got "
                         << AffineMapAttr::get(map);
  SmallVector<int64_t> sizes(numDims, ShapedType::kDynamic);
  auto agree = [&](unsigned dim, int64_t size) {
    if (ShapedType::isDynamic(size))
      return true;
    if (ShapedType::isDynamic(sizes[dim]))
      sizes[dim] = size;
    return sizes[dim] == size;
  };
  bool agrees = true;
  for (int64_t i = 0, rank = lhs.getRank(); i < rank; ++i) {
    agrees &= agree(i == rank - 1 ? getDimK() : i, lhs.getDimSize(i));
    agrees &= agree(i, init.getDimSize(i));
  }
  for (auto [i, size] : llvm::enumerate(weight.getShape()))
    agrees &= agree(map.getDimPosition(i), size);
  if (!agrees) // contract_c4
    return emitOpError() << "expected lhs " << lhs << ", weight " << weight
                         << " and init " << init << " to agree in size";
  auto tensor = dyn_cast<RankedTensorType>(getInit().getType());
  if (tensor ? getResultTypes() != TypeRange(tensor)
             : getNumResults() != 0) // contract_c5
    return emitOpError() << "expected "
                         << (tensor ? "one result of the type of init"
                                    : "no result for buffers");
  return success();
}

void ContractOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  if (hasPureTensorSemantics())
    return;
  for (OpOperand &operand : getOperation()->getOpOperands()) {
    if (!isa<BaseMemRefType>(operand.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

//===----------------------------------------------------------------------===//
// TilingInterface
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> ContractOp::getLoopIteratorTypes() {
  SmallVector<utils::IteratorType> types(getNumBatch() + 2,
                                         utils::IteratorType::parallel);
  types.push_back(utils::IteratorType::reduction);
  return types;
}

/// Size of a dimension of a tensor or a buffer.
static OpFoldResult getSize(OpBuilder &b, Location loc, Value value,
                            int64_t dim) {
  if (isa<RankedTensorType>(value.getType()))
    return tensor::getMixedSize(b, loc, value, dim);
  return memref::getMixedSize(b, loc, value, dim);
}

SmallVector<Range> ContractOp::getIterationDomain(OpBuilder &b) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(*this);
  SmallVector<Range> domain;
  auto add = [&](OpFoldResult size) {
    domain.push_back({b.getIndexAttr(0), size, b.getIndexAttr(1)});
  };
  int64_t rank = getNumBatch() + 2;
  for (int64_t i = 0; i < rank; ++i)
    add(getSize(b, getLoc(), getInit(), i));
  add(getSize(b, getLoc(), getLhs(), rank - 1));
  return domain;
}

FailureOr<TilingResult>
ContractOp::getTiledImplementation(OpBuilder &b,
                                   ArrayRef<OpFoldResult> offsets,
                                   ArrayRef<OpFoldResult> sizes) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  SmallVector<OpFoldResult> weightOffsets, weightSizes;
  for (unsigned i = 0; i < getWeightMap().getNumResults(); ++i) {
    unsigned dim = getWeightMap().getDimPosition(i);
    weightOffsets.push_back(offsets[dim]);
    weightSizes.push_back(sizes[dim]);
  }
  // First, so that nothing is emitted for a tile that is refused.
  FailureOr<CompressedTile> weight = sliceComponents(
      b, loc, getWeightType(), getComponents(), weightOffsets, weightSizes);
  if (failed(weight))
    return emitOpError() << "expected a tile that splits no stored unit";
  SmallVector<OpFoldResult> strides(getNumBatch() + 2, b.getIndexAttr(1));
  auto slice = [&](Value value, unsigned last) {
    SmallVector<OpFoldResult> o(offsets.take_front(getNumBatch() + 1)),
        s(sizes.take_front(getNumBatch() + 1));
    o.push_back(offsets[last]);
    s.push_back(sizes[last]);
    return tensor::ExtractSliceOp::create(b, loc, value, o, s, strides)
        .getResult();
  };
  Value lhs = slice(getLhs(), getDimK());
  Value init = slice(getInit(), getDimN());
  auto tiled = ContractOp::create(
      b, loc, init.getType(), lhs, weight->components, init,
      TypeAttr::get(weight->type), getWeightMapAttr(), getComputeAttr());
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), {}};
}

LogicalResult ContractOp::getResultTilePosition(
    OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.assign(offsets.begin(), offsets.end() - 1);
  resultSizes.assign(sizes.begin(), sizes.end() - 1);
  return success();
}
