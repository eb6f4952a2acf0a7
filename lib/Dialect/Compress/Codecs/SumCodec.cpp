//===- SumCodec.cpp - what a sum of compressed tensors stores and means ---===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "ContractionAlgebra.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

/// The type of both parts, dense.
static RankedTensorType getPartType(RankedTensorType logical) {
  return logical.clone(Float32Type::get(logical.getContext()));
}

LogicalResult SumAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                                   RankedTensorType logical) const {
  if (!getFloatKind(logical.getElementType())) // sum_c1
    return emitError() << "expected elements of f32, f16 or bf16 for "
                          "#compress.sum, but got "
                       << logical.getElementType();
  RankedTensorType part = getPartType(logical);
  if (failed(getA().verifyCodec(emitError, part)))
    return failure();
  return getB().verifyCodec(emitError, part);
}

//===----------------------------------------------------------------------===//
// Storage and decode
//===----------------------------------------------------------------------===//

SmallVector<StorageComponent>
SumAttr::getStorage(RankedTensorType logical) const {
  RankedTensorType part = getPartType(logical);
  return {
      {"a", ComponentRole::Values, CompressedTensorType::get(part, getA())},
      {"b", ComponentRole::Values, CompressedTensorType::get(part, getB())}};
}

FailureOr<Value> SumAttr::buildDecode(OpBuilder &b, Location loc,
                                      ValueRange components,
                                      RankedTensorType logical) const {
  Value left = getDense(b, loc, components[0]);
  Value right = getDense(b, loc, components[1]);
  int64_t rank = logical.getRank();
  Type element = logical.getElementType();
  Value empty = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, left), element);
  SmallVector<AffineMap> maps(3, b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value result = linalg::GenericOp::create(
                     b, loc, empty.getType(), ValueRange{left, right}, empty,
                     maps, iterators,
                     [&](OpBuilder &b, Location loc, ValueRange args) {
                       Value sum =
                           arith::AddFOp::create(b, loc, args[0], args[1]);
                       if (!element.isF32())
                         sum = arith::TruncFOp::create(b, loc, element, sum);
                       linalg::YieldOp::create(b, loc, sum);
                     })
                     .getResult(0);
  if (result.getType() != logical)
    result = tensor::CastOp::create(b, loc, logical, result);
  return result;
}

void SumAttr::decodeData(RankedTensorType logical,
                         ArrayRef<ArrayRef<char>> components, int64_t begin,
                         MutableArrayRef<char> out) const {
  algorithms::FloatKind kind = *getFloatKind(logical.getElementType());
  std::vector<float> right;
  decodeChunks(kind, begin, out, [&](int64_t at, MutableArrayRef<float> left) {
    right.resize(left.size());
    auto load = [&](ArrayRef<char> from, MutableArrayRef<float> to) {
      algorithms::widenToF32(algorithms::FloatKind::F32,
                             asBytes(from.slice(at * 4, to.size() * 4)), to);
    };
    load(components[0], left);
    load(components[1], right);
    for (auto [sum, other] : llvm::zip_equal(left, right))
      sum += other;
  });
}

LogicalResult SumAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                                  RankedTensorType logical,
                                  ArrayRef<ArrayRef<char>> leaves) const {
  RankedTensorType part = getPartType(logical);
  SmallVector<Type> types;
  getLeafTypes(CompressedTensorType::get(part, getA()), types);
  if (failed(
          getA().verifyData(emitError, part, leaves.take_front(types.size()))))
    return failure();
  return getB().verifyData(emitError, part, leaves.drop_front(types.size()));
}

CodecAttrInterface SumAttr::withComponentCodec(RankedTensorType,
                                               unsigned component,
                                               CodecAttrInterface codec) const {
  return component == 0 ? get(getContext(), codec, getB())
                        : get(getContext(), getA(), codec);
}

bool SumAttr::isLossless() const { return false; }

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
SumAttr::getTileGranularity(RankedTensorType logical) const {
  RankedTensorType part = getPartType(logical);
  SmallVector<TileGranularity> granularity;
  for (auto [a, b, size] :
       llvm::zip_equal(getA().getTileGranularity(part),
                       getB().getTileGranularity(part), logical.getShape()))
    granularity.push_back(combineGranularity(a, b, size));
  return granularity;
}

FailureOr<SmallVector<ComponentTile>>
SumAttr::mapTile(OpBuilder &, Location, RankedTensorType, ValueRange,
                 ArrayRef<OpFoldResult> offsets,
                 ArrayRef<OpFoldResult> sizes) const {
  ComponentTile tile{SmallVector<OpFoldResult>(offsets),
                     SmallVector<OpFoldResult>(sizes)};
  return SmallVector<ComponentTile>{tile, tile};
}

//===----------------------------------------------------------------------===//
// Algebra
//===----------------------------------------------------------------------===//

LogicalResult SumAttr::rewriteContraction(RewriterBase &rewriter,
                                          OpOperand &use, RankedTensorType,
                                          ValueRange components,
                                          std::string &reason) const {
  FailureOr<WeightContraction> matched = matchWeightContraction(use, reason);
  if (failed(matched))
    return failure();
  linalg::LinalgOp op = matched->op;
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  IndexedTensor sum = matched->out;
  Type element = getElementTypeOrSelf(sum.value);
  sum.value = castElements(rewriter, loc, sum.value, rewriter.getF32Type());
  for (Value component : components) {
    IndexedTensor part{getDense(rewriter, loc, component),
                       matched->weight.indices};
    sum.value = createContraction(rewriter, loc, matched->other, part, sum);
  }
  rewriter.replaceOp(op, castElements(rewriter, loc, sum.value, element));
  return success();
}
