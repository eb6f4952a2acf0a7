//===- Signs.cpp - activations that are 1 or -1 ---------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signs.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::compress;

/// Ops between a value and what proves it, at most.
static constexpr unsigned kMaxDepth = 32;

/// 1 or -1 where a value is that constant, else 0.
static int getSignConstant(Value value) {
  APFloat number(0.0f);
  if (!matchPattern(value, m_ConstantFloat(&number)))
    return 0;
  return number.isExactlyValue(1) ? 1 : number.isExactlyValue(-1) ? -1 : 0;
}

static bool isSigns(Value value, unsigned depth);

/// What an elementwise op yields for each element of a result; null where some
/// of them may be left as they were.
static Value getYielded(OpResult result) {
  auto op = dyn_cast<linalg::LinalgOp>(result.getOwner());
  if (!op || op.getNumLoops() != op.getNumParallelLoops())
    return {};
  OpOperand *init = op.getDpsInitOperand(result.getResultNumber());
  if (!op.getMatchingIndexingMap(init).isPermutation())
    return {};
  return op.getMatchingYieldValue(init)->get();
}

/// What the argument of a linalg op's block is an element of.
static Value getOperand(BlockArgument argument) {
  auto op = dyn_cast<linalg::LinalgOp>(argument.getOwner()->getParentOp());
  if (!op || argument.getOwner() != op.getBlock())
    return {};
  OpOperand *operand = op.getMatchingOpOperand(argument);
  return operand && op.isDpsInput(operand) ? operand->get() : Value();
}

static bool isSigns(Value value, unsigned depth) {
  if (depth == kMaxDepth)
    return false;
  auto recurse = [&](Value of) { return of && isSigns(of, depth + 1); };
  if (auto argument = dyn_cast<BlockArgument>(value))
    return recurse(getOperand(argument));
  if (getSignConstant(value) != 0)
    return true;
  Operation *op = value.getDefiningOp();
  if (isa<linalg::LinalgOp>(op))
    return recurse(getYielded(cast<OpResult>(value)));
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](arith::ConstantOp constant) {
        auto data = dyn_cast<DenseFPElementsAttr>(constant.getValue());
        return data && llvm::all_of(data, [](const APFloat &number) {
                 return number.isExactlyValue(1) || number.isExactlyValue(-1);
               });
      })
      .Case([&](arith::SelectOp select) {
        return recurse(select.getTrueValue()) &&
               recurse(select.getFalseValue());
      })
      .Case(
          [&](math::CopySignOp copySign) { return recurse(copySign.getLhs()); })
      .Case<arith::NegFOp, arith::ExtFOp, arith::TruncFOp, tensor::CastOp,
            tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ReshapeOp,
            tensor::ExtractSliceOp, tensor::ExtractOp>(
          [&](Operation *of) { return recurse(of->getOperand(0)); })
      .Case<arith::MulFOp, tensor::ConcatOp>([&](Operation *of) {
        return llvm::all_of(of->getOperands(), recurse);
      })
      .Case([&](tensor::InsertSliceOp insert) {
        return recurse(insert.getSource()) && recurse(insert.getDest());
      })
      .Case([&](tensor::PadOp pad) {
        Value padding = pad.getConstantPaddingValue();
        return padding && recurse(padding) && recurse(pad.getSource());
      })
      .Default(false);
}

bool mlir::compress::isSigns(Value value) { return ::isSigns(value, 0); }

/// The value that a selection compares with 0 to yield 1 or -1 for it as
/// `getSignSource` has it, or null.
static Value getCompared(Value selected) {
  auto select = selected.getDefiningOp<arith::SelectOp>();
  auto compare =
      select ? select.getCondition().getDefiningOp<arith::CmpFOp>() : nullptr;
  if (!compare)
    return {};
  using P = arith::CmpFPredicate;
  P predicate = compare.getPredicate();
  Value number = compare.getLhs(), zero = compare.getRhs();
  if (matchPattern(number, m_AnyZeroFloat())) {
    std::swap(number, zero);
    predicate = predicate == P::OLE   ? P::OGE
                : predicate == P::UGT ? P::ULT
                                      : P::AlwaysFalse;
  }
  if (!matchPattern(zero, m_AnyZeroFloat()))
    return {};
  int ifTrue = getSignConstant(select.getTrueValue()),
      ifFalse = getSignConstant(select.getFalseValue());
  bool isSign = (predicate == P::OGE && ifTrue == 1 && ifFalse == -1) ||
                (predicate == P::ULT && ifTrue == -1 && ifFalse == 1);
  return isSign ? number : Value();
}

Value mlir::compress::getSignSource(Value value) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return {};
  auto op = dyn_cast<linalg::LinalgOp>(result.getOwner());
  if (!op)
    return getCompared(value);
  Value yielded = getYielded(result);
  auto argument = yielded
                      ? dyn_cast_if_present<BlockArgument>(getCompared(yielded))
                      : nullptr;
  if (!argument || argument.getOwner() != op.getBlock())
    return {};
  // Element by element, both in the same order.
  OpOperand *operand = op.getMatchingOpOperand(argument);
  if (!op.isDpsInput(operand) ||
      !isa<RankedTensorType>(operand->get().getType()) ||
      op.getMatchingIndexingMap(operand) !=
          op.getMatchingIndexingMap(
              op.getDpsInitOperand(result.getResultNumber())))
    return {};
  return operand->get();
}

std::optional<SignImage> mlir::compress::getSignImage(Value value,
                                                      unsigned channelDim) {
  if (isSigns(value))
    return SignImage{value, {}};
  auto pad = value.getDefiningOp<tensor::PadOp>();
  Value border = pad ? pad.getConstantPaddingValue() : Value();
  if (!border || !matchPattern(border, m_AnyZeroFloat()) ||
      !isSigns(pad.getSource()))
    return std::nullopt;
  SmallVector<OpFoldResult> highs = pad.getMixedHighPad();
  SignImage image = {pad.getSource(), {}};
  for (auto [dim, front] : llvm::enumerate(pad.getMixedLowPad())) {
    std::optional<int64_t> low = getConstantIntValue(front),
                           high = getConstantIntValue(highs[dim]);
    bool isSame = low == 0 && high == 0;
    if (!low || !high || *low < 0 || *high < 0 ||
        (!isSame &&
         (dim == channelDim || pad.getSourceType().isDynamicDim(dim))))
      return std::nullopt;
    image.low.push_back(*low);
  }
  return image;
}
