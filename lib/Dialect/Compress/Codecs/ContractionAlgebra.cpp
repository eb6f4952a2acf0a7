//===- ContractionAlgebra.cpp - contractions that are rewritten -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionAlgebra.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::compress;

static IndexedTensor getIndexed(linalg::LinalgOp op, OpOperand *operand) {
  return {operand->get(),
          llvm::to_vector(op.getMatchingIndexingMap(operand).getResults())};
}

static Value skipCasts(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// Whether the operands of `op` are the two values, behind casts, in any order.
static bool hasOperands(Operation *op, Value a, Value b) {
  Value lhs = skipCasts(op->getOperand(0)), rhs = skipCasts(op->getOperand(1));
  return (lhs == a && rhs == b) || (lhs == b && rhs == a);
}

bool mlir::compress::isMultiplyAdd(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  auto sum = skipCasts(body->getTerminator()->getOperand(0))
                 .getDefiningOp<arith::AddFOp>();
  if (!sum)
    return false;
  for (Value operand : sum->getOperands())
    if (auto product = skipCasts(operand).getDefiningOp<arith::MulFOp>())
      return hasOperands(product, body->getArgument(0), body->getArgument(1)) &&
             hasOperands(sum, body->getArgument(2), product);
  return false;
}

FailureOr<WeightContraction>
mlir::compress::matchWeightContraction(OpOperand &use, std::string &reason) {
  auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
  if (!op || !op.hasPureTensorSemantics() || !op.isDpsInput(&use) ||
      !(linalg::isaContractionOpInterface(op) ||
        linalg::isaConvolutionOpInterface(op)) ||
      !isMultiplyAdd(op)) {
    reason = ("its user '" + use.getOwner()->getName().getStringRef() +
              "' is no floating-point contraction or convolution")
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
  if (!result.weight.hasPlainIndices() || !result.out.hasPlainIndices()) {
    reason = "it is the image of a convolution";
    return failure();
  }
  for (AffineExpr index : result.out.indices) {
    unsigned loop = cast<AffineDimExpr>(index).getPosition();
    if (!result.weight.hasLoop(loop) && !result.other.hasLoop(loop)) {
      reason = "the output of the contraction is broadcast";
      return failure();
    }
  }
  return result;
}

Value mlir::compress::createContraction(RewriterBase &rewriter, Location loc,
                                        const IndexedTensor &lhs,
                                        const IndexedTensor &rhs,
                                        const IndexedTensor &out) {
  // Loops of the output first, in its order.
  llvm::SmallMapVector<AffineExpr, AffineExpr, 8> loops;
  auto addLoops = [&](const IndexedTensor &tensor) {
    for (AffineExpr index : tensor.indices)
      index.walk([&](AffineExpr expr) {
        if (isa<AffineDimExpr>(expr))
          loops.try_emplace(expr, rewriter.getAffineDimExpr(loops.size()));
      });
  };
  addLoops(out);
  addLoops(lhs);
  addLoops(rhs);
  DenseMap<AffineExpr, AffineExpr> replacements(loops.begin(), loops.end());
  auto getMap = [&](const IndexedTensor &tensor) {
    SmallVector<AffineExpr> indices =
        llvm::map_to_vector(tensor.indices, [&](AffineExpr index) {
          return index.replace(replacements);
        });
    return AffineMap::get(loops.size(), 0, indices, rewriter.getContext());
  };
  SmallVector<utils::IteratorType> iterators(out.indices.size(),
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
