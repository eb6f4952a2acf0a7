//===- ContractionAlgebra.cpp - contractions that codecs rewrite
//------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionAlgebra.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::compress;

static IndexedTensor getIndexed(linalg::LinalgOp op, OpOperand *operand) {
  IndexedTensor result{operand->get(), {}};
  for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults())
    result.loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  return result;
}

/// Whether the body is out + lhs * rhs in floating point, with casts.
static bool isMultiplyAdd(linalg::LinalgOp op) {
  return llvm::all_of(op.getBlock()->getOperations(), [](Operation &inner) {
    return isa<arith::MulFOp, arith::AddFOp, arith::ExtFOp, arith::TruncFOp,
               linalg::YieldOp>(inner);
  });
}

FailureOr<WeightContraction>
mlir::compress::matchWeightContraction(OpOperand &use, std::string &reason) {
  auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
  if (!op || !op.hasPureTensorSemantics() || !op.isDpsInput(&use) ||
      !linalg::isaContractionOpInterface(op) || !isMultiplyAdd(op)) {
    reason = ("its user '" + use.getOwner()->getName().getStringRef() +
              "' is no floating-point contraction")
                 .str();
    return failure();
  }
  OpOperand *lhs = op.getDpsInputOperand(0), *rhs = op.getDpsInputOperand(1);
  OpOperand *other = lhs == &use ? rhs : lhs;
  if (other->get() == use.get()) {
    reason = "its contraction multiplies it by itself";
    return failure();
  }
  OpOperand *out = op.getDpsInitOperand(0);
  for (OpOperand *operand : {other, out})
    if (!isa<Float32Type, Float16Type, BFloat16Type>(
            getElementTypeOrSelf(operand->get()))) {
      reason = "an operand of the contraction is not f32, f16 or bf16";
      return failure();
    }
  WeightContraction result{op, getIndexed(op, &use), getIndexed(op, other),
                           getIndexed(op, out)};
  for (unsigned loop : result.out.loops)
    if (!result.weight.hasLoop(loop) && !result.other.hasLoop(loop)) {
      reason = "the output of the contraction is broadcast";
      return failure();
    }
  return result;
}

Value mlir::compress::createContraction(RewriterBase &rewriter, Location loc,
                                        const IndexedTensor &lhs,
                                        const IndexedTensor &rhs,
                                        const IndexedTensor &out) {
  // Loops of the output first, in its order.
  SmallVector<unsigned> loops(out.loops);
  for (const IndexedTensor *input : {&lhs, &rhs})
    for (unsigned loop : input->loops)
      if (!llvm::is_contained(loops, loop))
        loops.push_back(loop);
  auto getMap = [&](const IndexedTensor &tensor) {
    SmallVector<AffineExpr> dims;
    for (unsigned loop : tensor.loops)
      dims.push_back(
          rewriter.getAffineDimExpr(llvm::find(loops, loop) - loops.begin()));
    return AffineMap::get(loops.size(), 0, dims, rewriter.getContext());
  };
  SmallVector<utils::IteratorType> iterators(out.loops.size(),
                                             utils::IteratorType::parallel);
  iterators.resize(loops.size(), utils::IteratorType::reduction);
  auto widen = [](OpBuilder &b, Location loc, Value value) -> Value {
    if (value.getType().isF32())
      return value;
    return arith::ExtFOp::create(b, loc, b.getF32Type(), value);
  };
  return linalg::GenericOp::create(
             rewriter, loc, out.value.getType(),
             ValueRange{lhs.value, rhs.value}, out.value,
             ArrayRef<AffineMap>{getMap(lhs), getMap(rhs), getMap(out)},
             iterators,
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value product = arith::MulFOp::create(
                   b, loc, widen(b, loc, args[0]), widen(b, loc, args[1]));
               Value sum = arith::AddFOp::create(b, loc, args[2], product);
               linalg::YieldOp::create(b, loc, sum);
             })
      .getResult(0);
}

Value mlir::compress::castElements(RewriterBase &rewriter, Location loc,
                                   Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType() == element)
    return value;
  Type wanted = type.clone(element);
  if (element.getIntOrFloatBitWidth() > type.getElementTypeBitWidth())
    return arith::ExtFOp::create(rewriter, loc, wanted, value);
  return arith::TruncFOp::create(rewriter, loc, wanted, value);
}
