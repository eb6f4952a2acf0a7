//===- Storage.cpp - tiles and sizes of stored components -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

std::optional<int64_t> mlir::compress::getStoredBits(Type type) {
  if (auto compressed = dyn_cast<CompressedTensorType>(type)) {
    int64_t bits = 0;
    for (Type part : compressed.getStorageTypes()) {
      std::optional<int64_t> some = getStoredBits(part);
      if (!some)
        return std::nullopt;
      bits += *some;
    }
    return bits;
  }
  auto tensor = cast<RankedTensorType>(type);
  if (!tensor.hasStaticShape())
    return std::nullopt;
  return tensor.getNumElements() * tensor.getElementTypeBitWidth();
}

std::optional<int64_t> mlir::compress::getStoredBits(Value value) {
  auto assemble = value.getDefiningOp<AssembleOp>();
  if (!assemble)
    return getStoredBits(value.getType());
  return assemble.getType().getCodec().getStorageBits(assemble.getComponents());
}

void mlir::compress::getLeafTypes(Type type, SmallVectorImpl<Type> &leaves) {
  auto compressed = dyn_cast<CompressedTensorType>(type);
  if (!compressed) {
    leaves.push_back(type);
    return;
  }
  for (Type part : compressed.getStorageTypes())
    getLeafTypes(part, leaves);
}

Value mlir::compress::assembleLeaves(OpBuilder &b, Location loc, Type type,
                                     ValueRange &leaves) {
  auto compressed = dyn_cast<CompressedTensorType>(type);
  if (!compressed) {
    Value leaf = leaves.front();
    leaves = leaves.drop_front();
    return leaf;
  }
  SmallVector<Value> parts;
  for (Type part : compressed.getStorageTypes())
    parts.push_back(assembleLeaves(b, loc, part, leaves));
  return AssembleOp::create(b, loc, compressed, parts);
}

Value mlir::compress::getDense(OpBuilder &b, Location loc, Value component) {
  if (!isa<CompressedTensorType>(component.getType()))
    return component;
  return DecodeOp::create(b, loc, component);
}

SmallVector<Value> mlir::compress::getComponents(OpBuilder &b, Location loc,
                                                 Value value) {
  if (auto assemble = value.getDefiningOp<AssembleOp>())
    return llvm::to_vector(assemble.getComponents());
  return SmallVector<Value>(
      ComponentsOp::create(b, loc, value).getComponents());
}

//===----------------------------------------------------------------------===//
// Alignment
//===----------------------------------------------------------------------===//

/// Whether a loop's induction variable only takes multiples of `factor`.
static bool isInductionMultipleOf(BlockArgument induction, int64_t factor) {
  auto loop = dyn_cast_or_null<LoopLikeOpInterface>(
      induction.getOwner()->getParentOp());
  if (!loop)
    return false;
  std::optional<SmallVector<Value>> variables = loop.getLoopInductionVars();
  auto lowers = loop.getLoopLowerBounds();
  auto steps = loop.getLoopSteps();
  if (!variables || !lowers || !steps)
    return false;
  for (auto [variable, lower, step] :
       llvm::zip_equal(*variables, *lowers, *steps))
    if (variable == induction)
      return isMultipleOf(lower, factor) && isMultipleOf(step, factor);
  return false;
}

/// Whether an affine expression over `operands` is a multiple of `factor`.
static bool isExprMultipleOf(AffineExpr expr, unsigned numDims,
                             ValueRange operands, int64_t factor) {
  if (expr.isMultipleOf(factor))
    return true;
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return isMultipleOf(OpFoldResult(operands[dim.getPosition()]), factor);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return isMultipleOf(OpFoldResult(operands[numDims + symbol.getPosition()]),
                        factor);
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return false;
  bool lhs = isExprMultipleOf(binary.getLHS(), numDims, operands, factor);
  if (expr.getKind() == AffineExprKind::Add)
    return lhs && isExprMultipleOf(binary.getRHS(), numDims, operands, factor);
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  int64_t by = constant ? constant.getValue() : 0, product;
  if (expr.getKind() == AffineExprKind::Mul)
    return lhs ||
           (by > 0 && isExprMultipleOf(binary.getLHS(), numDims, operands,
                                       factor / std::gcd(factor, by))) ||
           isExprMultipleOf(binary.getRHS(), numDims, operands, factor);
  if (expr.getKind() == AffineExprKind::FloorDiv)
    return by > 0 && !llvm::MulOverflow(factor, by, product) &&
           isExprMultipleOf(binary.getLHS(), numDims, operands, product);
  return false;
}

bool mlir::compress::isMultipleOf(OpFoldResult value, int64_t factor) {
  if (factor == 1)
    return true;
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return *constant % factor == 0;
  auto dynamic = cast<Value>(value);
  if (auto argument = dyn_cast<BlockArgument>(dynamic))
    return isInductionMultipleOf(argument, factor);
  if (auto apply = dynamic.getDefiningOp<affine::AffineApplyOp>()) {
    AffineMap map = apply.getAffineMap();
    return isExprMultipleOf(map.getResult(0), map.getNumDims(),
                            apply.getMapOperands(), factor);
  }
  return false;
}

OpFoldResult mlir::compress::divideExactly(OpBuilder &b, Location loc,
                                           OpFoldResult value, int64_t factor) {
  if (factor == 1)
    return value;
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return b.getIndexAttr(*constant / factor);
  return affine::makeComposedFoldedAffineApply(
      b, loc, b.getAffineDimExpr(0).floorDiv(factor), {value});
}

SmallVector<ComponentRatio> mlir::compress::getRatios(ArrayRef<int64_t> block) {
  return llvm::map_to_vector(
      block, [](int64_t extent) { return ComponentRatio{extent}; });
}

std::optional<algorithms::TileLayout>
mlir::compress::getLayoutOfBlocks(RankedTensorType logical,
                                  ArrayRef<ComponentRatio> ratios,
                                  const algorithms::TileLayout &layout) {
  if (int64_t(ratios.size()) != logical.getRank())
    return std::nullopt;
  SmallVector<int64_t> block;
  for (ComponentRatio ratio : ratios) {
    if (ratio.stored != 1 || ratio.elements < 1)
      return std::nullopt;
    block.push_back(ratio.elements);
  }
  return layout.ofBlocks(logical.getShape(), block);
}

std::optional<SmallVector<int64_t>>
mlir::compress::getMatrixBlock(RankedTensorType logical,
                               ArrayRef<int64_t> block, ArrayRef<unsigned> rows,
                               ArrayRef<unsigned> columns) {
  // From the fastest dimension on: whole ones, at most one in parts, and then
  // single elements.
  int64_t extent = 1;
  bool isWhole = true;
  for (unsigned dim : llvm::reverse(columns)) {
    int64_t size = logical.getDimSize(dim);
    int64_t part = std::min(block[dim], size);
    if (!isWhole && part != 1)
      return std::nullopt;
    extent *= part;
    if (part != size && size % part != 0)
      return std::nullopt;
    isWhole &= part == size;
  }
  SmallVector<int64_t> result;
  for (unsigned row : rows)
    result.push_back(std::min(block[row], logical.getDimSize(row)));
  result.push_back(extent);
  return result;
}

RankedTensorType mlir::compress::getMatrixType(RankedTensorType logical,
                                               ArrayRef<unsigned> rows,
                                               ArrayRef<unsigned> columns) {
  SmallVector<int64_t> shape;
  for (unsigned dim : rows)
    shape.push_back(logical.getDimSize(dim));
  shape.push_back(1);
  for (unsigned dim : columns)
    shape.back() *= logical.getDimSize(dim);
  return RankedTensorType::get(shape, logical.getElementType());
}

TileGranularity mlir::compress::combineGranularity(TileGranularity x,
                                                   TileGranularity y,
                                                   int64_t size) {
  int64_t unit = std::lcm(x.unit, y.unit);
  // Where blocks are units, or one covers all, only units count.
  auto isFree = [&](const TileGranularity &own) {
    return own.unit % own.block == 0 ||
           (!ShapedType::isDynamic(size) && size <= own.block);
  };
  if (isFree(x))
    return {unit, y.block};
  if (isFree(y) || x.block == y.block)
    return {unit, x.block};
  // Whole blocks of the smaller ones, inside of the larger ones or whole.
  if (y.block % x.block == 0)
    return {std::lcm(unit, x.block), y.block};
  if (x.block % y.block == 0)
    return {std::lcm(unit, y.block), x.block};
  int64_t all = std::lcm(unit, std::lcm(x.block, y.block));
  return {all, all};
}

bool mlir::compress::isLegalTile(CodecAttrInterface codec,
                                 RankedTensorType logical,
                                 ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes) {
  for (auto [granularity, dim, offset, size] :
       llvm::zip_equal(codec.getTileGranularity(logical), logical.getShape(),
                       offsets, sizes)) {
    std::optional<int64_t> begin = getConstantIntValue(offset);
    std::optional<int64_t> extent = getConstantIntValue(size);
    // The whole dimension is always legal, ragged or not; it begins at 0, also
    // where nobody can see that.
    if (extent && *extent == dim)
      continue;
    bool toEnd = begin && extent && *begin + *extent == dim;
    int64_t unit = granularity.unit, block = granularity.block;
    if (!isMultipleOf(offset, unit) || (!toEnd && !isMultipleOf(size, unit)))
      return false;
    bool wholeBlocks =
        isMultipleOf(offset, block) && (toEnd || isMultipleOf(size, block));
    // Inside one block: a tile that starts on a multiple of its own size, which
    // divides the block, or one whose place is known.
    bool insideBlock =
        extent && *extent > 0 &&
        ((block % *extent == 0 && isMultipleOf(offset, *extent)) ||
         (begin && *begin / block == (*begin + *extent - 1) / block) ||
         (!ShapedType::isDynamic(dim) && dim <= block));
    if (!wholeBlocks && !insideBlock)
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Slicing
//===----------------------------------------------------------------------===//

FailureOr<Value> mlir::compress::sliceValue(OpBuilder &b, Location loc,
                                            Value value,
                                            ArrayRef<OpFoldResult> offsets,
                                            ArrayRef<OpFoldResult> sizes) {
  auto type = dyn_cast<CompressedTensorType>(value.getType());
  if (!type) {
    auto dense = cast<RankedTensorType>(value.getType());
    // Of nothing there is no slice that verifies: no offset lies inside.
    if (llvm::is_contained(dense.getShape(), 0))
      return tensor::EmptyOp::create(b, loc, sizes, dense.getElementType())
          .getResult();
    SmallVector<OpFoldResult> strides(offsets.size(), b.getIndexAttr(1));
    return tensor::ExtractSliceOp::create(b, loc, value, offsets, sizes,
                                          strides)
        .getResult();
  }
  // Nothing is emitted for a refused tile, not even its components.
  if (!isLegalTile(type.getCodec(), type.getLogicalType(), offsets, sizes))
    return failure();
  FailureOr<CompressedTile> tile = sliceComponents(
      b, loc, type, getComponents(b, loc, value), offsets, sizes);
  if (failed(tile))
    return failure();
  return AssembleOp::create(b, loc, tile->type, tile->components).getResult();
}

FailureOr<CompressedTile> mlir::compress::sliceComponents(
    OpBuilder &b, Location loc, Type compressed, ValueRange components,
    ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes) {
  auto type = cast<CompressedTensorType>(compressed);
  CodecAttrInterface codec = type.getCodec();
  RankedTensorType logical = type.getLogicalType();
  if (!isLegalTile(codec, logical, offsets, sizes))
    return failure();
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  // A tile whose size is known at run time only may be more than the codec can
  // store: that is a refusal, so the reason is dropped.
  auto tileType = CompressedTensorType::getChecked(
      [] { return InFlightDiagnostic(); }, b.getContext(),
      ArrayRef<int64_t>(shape), type.getElementType(), codec);
  if (!tileType)
    return failure();
  FailureOr<SmallVector<ComponentTile>> tiles =
      codec.mapTile(b, loc, logical, components, offsets, sizes);
  if (failed(tiles))
    return failure();
  SmallVector<Value> parts;
  for (auto [component, tile] : llvm::zip_equal(components, *tiles)) {
    FailureOr<Value> part =
        sliceValue(b, loc, component, tile.offsets, tile.sizes);
    if (failed(part))
      return failure();
    parts.push_back(*part);
  }
  return CompressedTile{tileType, parts};
}
