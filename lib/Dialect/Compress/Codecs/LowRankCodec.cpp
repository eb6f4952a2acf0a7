//===- LowRankCodec.cpp - what a product of two factors stores and means --===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionAlgebra.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult LowRankAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  int64_t rank) {
  if (rank < 1) // lowrank_c1
    return emitError() << "expected a positive rank, but got " << rank;
  return success();
}

LogicalResult
LowRankAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                         RankedTensorType logical) const {
  if (logical.getRank() < 2) // lowrank_c2
    return emitError() << "expected two dimensions or more for "
                          "#compress.lowrank, but got "
                       << logical;
  if (!isa<Float32Type, Float16Type, BFloat16Type>(
          logical.getElementType())) // lowrank_c3
    return emitError() << "expected elements of f32, f16 or bf16 for "
                          "#compress.lowrank, but got "
                       << logical.getElementType();
  for (RankedTensorType factor : {getUType(logical), getVType(logical)}) {
    int64_t elements = 1;
    for (int64_t size : factor.getShape())
      if (!ShapedType::isDynamic(size) && // lowrank_c4
          (llvm::MulOverflow(elements, size, elements) ||
           elements > std::numeric_limits<int64_t>::max() / 128))
        return emitError() << "expected factors of less than 2^56 elements, "
                              "but rank "
                           << getRank() << " of " << logical << " has more";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Storage and decode
//===----------------------------------------------------------------------===//

RankedTensorType LowRankAttr::getUType(RankedTensorType logical) const {
  return RankedTensorType::get({logical.getDimSize(0), getRank()},
                               logical.getElementType());
}

RankedTensorType LowRankAttr::getVType(RankedTensorType logical) const {
  SmallVector<int64_t> shape(logical.getShape());
  shape.front() = getRank();
  return logical.clone(shape);
}

SmallVector<StorageComponent>
LowRankAttr::getStorage(RankedTensorType logical) const {
  return {{"u", ComponentRole::Factor, getUType(logical)},
          {"v", ComponentRole::Factor, getVType(logical)}};
}

static Value toF32(OpBuilder &b, Location loc, Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(b, loc, b.getF32Type(), value);
}

FailureOr<Value> LowRankAttr::buildDecode(OpBuilder &b, Location loc,
                                          ValueRange components,
                                          RankedTensorType logical) const {
  Value u = getDense(b, loc, components[0]),
        v = getDense(b, loc, components[1]);
  int64_t dims = logical.getRank();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, v);
  sizes.front() = tensor::getMixedSize(b, loc, u, 0);
  // Loops: first dimension, rank, other dimensions. So the innermost loop has
  // no carried sum, and each element still adds in the order of the rank.
  SmallVector<AffineExpr> left, right, out;
  for (int64_t i = 0; i <= dims; ++i) {
    AffineExpr loop = b.getAffineDimExpr(i);
    if (i <= 1)
      left.push_back(loop);
    if (i >= 1)
      right.push_back(loop);
    if (i != 1)
      out.push_back(loop);
  }
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(dims + 1, 0, results, b.getContext());
  };
  SmallVector<utils::IteratorType> iterators(dims + 1,
                                             utils::IteratorType::parallel);
  iterators[1] = utils::IteratorType::reduction;
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  Value empty = tensor::EmptyOp::create(b, loc, sizes, b.getF32Type());
  Value zeros = linalg::FillOp::create(b, loc, zero, empty).getResult(0);
  Value result =
      linalg::GenericOp::create(
          b, loc, zeros.getType(), ValueRange{u, v}, zeros,
          ArrayRef<AffineMap>{map(left), map(right), map(out)}, iterators,
          [&](OpBuilder &b, Location loc, ValueRange args) {
            Value product = arith::MulFOp::create(
                b, loc, toF32(b, loc, args[0]), toF32(b, loc, args[1]));
            Value sum = arith::AddFOp::create(b, loc, args[2], product);
            linalg::YieldOp::create(b, loc, sum);
          })
          .getResult(0);
  Type element = logical.getElementType();
  if (!element.isF32()) {
    Value rounded = tensor::EmptyOp::create(b, loc, sizes, element);
    SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(dims));
    iterators.assign(dims, utils::IteratorType::parallel);
    result = linalg::GenericOp::create(
                 b, loc, rounded.getType(), result, rounded, maps, iterators,
                 [&](OpBuilder &b, Location loc, ValueRange args) {
                   Value value =
                       arith::TruncFOp::create(b, loc, element, args[0]);
                   linalg::YieldOp::create(b, loc, value);
                 })
                 .getResult(0);
  }
  if (result.getType() != logical)
    result = tensor::CastOp::create(b, loc, logical, result);
  return result;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
LowRankAttr::getTileGranularity(RankedTensorType logical) const {
  return SmallVector<TileGranularity>(logical.getRank());
}

SmallVector<ComponentRatio>
LowRankAttr::getComponentRatios(RankedTensorType logical,
                                unsigned component) const {
  SmallVector<ComponentRatio> ratios(component == 0 ? 2 : logical.getRank());
  (component == 0 ? ratios.back() : ratios.front()).elements = 0; // the rank
  return ratios;
}

FailureOr<SmallVector<ComponentTile>>
LowRankAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                     ValueRange components, ArrayRef<OpFoldResult> offsets,
                     ArrayRef<OpFoldResult> sizes) const {
  OpFoldResult zero = b.getIndexAttr(0), all = b.getIndexAttr(getRank());
  ComponentTile u{{offsets.front(), zero}, {sizes.front(), all}};
  ComponentTile v{SmallVector<OpFoldResult>(offsets),
                  SmallVector<OpFoldResult>(sizes)};
  v.offsets.front() = zero;
  v.sizes.front() = all;
  return SmallVector<ComponentTile>{u, v};
}

CodecAttrInterface
LowRankAttr::withComponentCodec(RankedTensorType logical, unsigned component,
                                CodecAttrInterface codec) const {
  NamedAttribute factor(
      StringAttr::get(getContext(), getStorage(logical)[component].name),
      codec);
  return NestedAttr::get(getContext(), *this,
                         DictionaryAttr::get(getContext(), factor));
}

//===----------------------------------------------------------------------===//
// Algebra
//===----------------------------------------------------------------------===//

LogicalResult LowRankAttr::rewriteContraction(RewriterBase &rewriter,
                                              OpOperand &use,
                                              RankedTensorType logical,
                                              ValueRange components,
                                              std::string &reason) const {
  FailureOr<WeightContraction> matched = matchWeightContraction(use, reason);
  if (failed(matched))
    return failure();
  if (!logical.hasStaticShape()) {
    reason = "its size is known at run time only";
    return failure();
  }
  int64_t elements = logical.getNumElements();
  int64_t factors =
      getUType(logical).getNumElements() + getVType(logical).getNumElements();
  if (factors >= elements) {
    reason = "rank " + std::to_string(getRank()) +
             " does not pay: its factors have " + std::to_string(factors) +
             " elements, the weight " + std::to_string(elements);
    return failure();
  }
  const IndexedTensor &weight = matched->weight, &other = matched->other,
                      &out = matched->out;
  AffineExpr first = weight.indices.front();
  unsigned firstLoop = cast<AffineDimExpr>(first).getPosition();
  AffineExpr rank = rewriter.getAffineDimExpr(matched->op.getNumLoops());
  // Is the first dimension reduced, U comes first: (x U) V; else V: (x V) U.
  bool isReduced = other.hasLoop(firstLoop);
  if (isReduced && out.hasLoop(firstLoop)) {
    reason = "its first dimension is a batch of the contraction";
    return failure();
  }
  if (isReduced && !other.hasPlainIndices()) {
    reason = "its first dimension is reduced by a convolution";
    return failure();
  }
  linalg::LinalgOp op = matched->op;
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  IndexedTensor u{getDense(rewriter, loc, components[0]), {first, rank}};
  IndexedTensor v{getDense(rewriter, loc, components[1]), weight.indices};
  v.indices.front() = rank;

  // What is in the output or in the second factor stays; the rank comes last.
  IndexedTensor inner;
  auto isIn = [](AffineExpr index, const IndexedTensor &tensor) {
    return llvm::is_contained(tensor.indices, index);
  };
  for (AffineExpr index : out.indices)
    if (isReduced ? isIn(index, other) : index != first)
      inner.indices.push_back(index);
  if (isReduced)
    for (AffineExpr index : other.indices)
      if (index != first && !isIn(index, out) && isIn(index, v))
        inner.indices.push_back(index);
  SmallVector<OpFoldResult> sizes;
  for (AffineExpr index : inner.indices) {
    const IndexedTensor &source = isIn(index, other) ? other : out;
    sizes.push_back(tensor::getMixedSize(rewriter, loc, source.value,
                                         llvm::find(source.indices, index) -
                                             source.indices.begin()));
  }
  inner.indices.push_back(rank);
  sizes.push_back(rewriter.getIndexAttr(getRank()));
  Value zero =
      arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(0));
  Value empty =
      tensor::EmptyOp::create(rewriter, loc, sizes, rewriter.getF32Type());
  inner.value = linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0);
  inner.value =
      createContraction(rewriter, loc, other, isReduced ? u : v, inner);

  IndexedTensor sum{
      castElements(rewriter, loc, out.value, rewriter.getF32Type()),
      out.indices};
  Value result =
      createContraction(rewriter, loc, inner, isReduced ? v : u, sum);
  rewriter.replaceOp(
      op, castElements(rewriter, loc, result, getElementTypeOrSelf(out.value)));
  return success();
}
