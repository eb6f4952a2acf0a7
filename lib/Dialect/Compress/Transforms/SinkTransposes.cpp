//===- SinkTransposes.cpp - compress-sink-transposes ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSSINKTRANSPOSES
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;

namespace {
class TransposeSinker {
public:
  explicit TransposeSinker(MLIRContext *context) : rewriter(context) {}
  void sinkPast(linalg::LinalgOp op);
  void sinkPast(tensor::PadOp op);
  /// Two that meet become one, or none.
  void merge(linalg::TransposeOp op);

private:
  Value transpose(Location loc, Value value, ArrayRef<int64_t> permutation);
  Value unmake(Location loc, Value init, ArrayRef<int64_t> permutation);

  IRRewriter rewriter;
};
} // namespace

Value TransposeSinker::transpose(Location loc, Value value,
                                 ArrayRef<int64_t> permutation) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, value);
  applyPermutationToVector(sizes, permutation);
  Value empty = tensor::EmptyOp::create(rewriter, loc, sizes,
                                        getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(rewriter, loc, value, empty, permutation)
      ->getResult(0);
}

/// The tensor that an init is the transpose of: made anew where that costs
/// nothing.
Value TransposeSinker::unmake(Location loc, Value init,
                              ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> back = invertPermutationVector(permutation);
  auto fill = init.getDefiningOp<linalg::FillOp>();
  if (!fill && !init.getDefiningOp<tensor::EmptyOp>())
    return transpose(loc, init, back);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, init);
  applyPermutationToVector(sizes, back);
  Value empty = tensor::EmptyOp::create(rewriter, loc, sizes,
                                        getElementTypeOrSelf(init.getType()));
  if (!fill)
    return empty;
  return linalg::FillOp::create(rewriter, loc, fill.value(), empty)
      ->getResult(0);
}

/// Whether dimensions of an operand are those of the result: each is read at
/// what the loop of the result's dimension adds to.
static bool hasDimsOf(AffineMap operand, AffineMap result) {
  if (operand.getNumResults() != result.getNumResults() ||
      !result.isProjectedPermutation())
    return false;
  for (auto [of, to] : llvm::zip(operand.getResults(), result.getResults()))
    if (!of.isFunctionOfDim(cast<AffineDimExpr>(to).getPosition()))
      return false;
  return true;
}

void TransposeSinker::sinkPast(linalg::LinalgOp op) {
  if (isa<linalg::TransposeOp>(op) || !op.hasPureTensorSemantics() ||
      op->getNumResults() != 1 || op.getNumDpsInits() != 1)
    return;
  OpOperand *init = op.getDpsInitOperand(0);
  AffineMap resultMap = op.getMatchingIndexingMap(init);
  ArrayRef<int64_t> permutation;
  SmallVector<unsigned> sunk;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    auto moved = operand->get().getDefiningOp<linalg::TransposeOp>();
    if (!moved || !hasDimsOf(op.getMatchingIndexingMap(operand), resultMap) ||
        (!permutation.empty() && permutation != moved.getPermutation()))
      continue;
    permutation = moved.getPermutation();
    sunk.push_back(operand->getOperandNumber());
  }
  if (sunk.empty())
    return;
  SmallVector<int64_t> order(permutation);
  rewriter.setInsertionPoint(op);
  if (!isa<linalg::GenericOp>(op))
    op = cast<linalg::LinalgOp>(
        linalg::generalizeNamedOp(rewriter, op)->getOperation());
  auto generic = cast<linalg::GenericOp>(op);
  Location loc = generic.getLoc();
  rewriter.setInsertionPoint(generic);
  SmallVector<Value> inputs(generic.getInputs());
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  auto unmove = [&](AffineMap map) {
    SmallVector<AffineExpr> results(map.getResults());
    applyPermutationToVector(results, invertPermutationVector(order));
    return AffineMap::get(map.getNumDims(), 0, results, map.getContext());
  };
  for (unsigned number : sunk) {
    auto moved = inputs[number].getDefiningOp<linalg::TransposeOp>();
    inputs[number] = moved.getInput();
    maps[number] = unmove(maps[number]);
  }
  maps.back() = unmove(maps.back());
  Value outs = unmake(loc, generic.getOutputs()[0], order);
  // Loops in the order of the result, then what is reduced.
  SmallVector<unsigned> loops;
  for (AffineExpr expr : maps.back().getResults())
    loops.push_back(cast<AffineDimExpr>(expr).getPosition());
  for (unsigned loop = 0; loop < generic.getNumLoops(); ++loop)
    if (!llvm::is_contained(loops, loop))
      loops.push_back(loop);
  SmallVector<AffineExpr> places(loops.size());
  SmallVector<utils::IteratorType> iterators,
      before = generic.getIteratorTypesArray();
  for (auto [place, loop] : llvm::enumerate(loops)) {
    places[loop] = rewriter.getAffineDimExpr(place);
    iterators.push_back(before[loop]);
  }
  for (AffineMap &map : maps)
    map = map.replaceDimsAndSymbols(places, {}, loops.size(), 0);
  auto replaced = linalg::GenericOp::create(rewriter, loc, outs.getType(),
                                            inputs, outs, maps, iterators);
  rewriter.inlineRegionBefore(generic.getRegion(), replaced.getRegion(),
                              replaced.getRegion().begin());
  replaced.walk([&](linalg::IndexOp index) {
    index.setDim(cast<AffineDimExpr>(places[index.getDim()]).getPosition());
  });
  rewriter.replaceOp(generic, transpose(loc, replaced.getResult(0), order));
}

void TransposeSinker::merge(linalg::TransposeOp op) {
  SmallVector<int64_t> permutation(op.getPermutation());
  Value input = op.getInput();
  if (auto before = input.getDefiningOp<linalg::TransposeOp>()) {
    permutation = applyPermutation(before.getPermutation(), permutation);
    input = before.getInput();
  }
  rewriter.setInsertionPoint(op);
  if (!isIdentityPermutation(permutation)) {
    if (input == op.getInput())
      return;
    input = linalg::TransposeOp::create(rewriter, op.getLoc(), input,
                                        op.getInit(), permutation)
                ->getResult(0);
  }
  Type type = op->getResult(0).getType();
  if (input.getType() != type)
    input = tensor::CastOp::create(rewriter, op.getLoc(), type, input);
  rewriter.replaceOp(op, input);
}

void TransposeSinker::sinkPast(tensor::PadOp op) {
  auto moved = op.getSource().getDefiningOp<linalg::TransposeOp>();
  Value value = op.getConstantPaddingValue();
  if (!moved || !value)
    return;
  rewriter.setInsertionPoint(op);
  SmallVector<int64_t> order(moved.getPermutation());
  SmallVector<int64_t> back = invertPermutationVector(order);
  auto unmove = [&](SmallVector<OpFoldResult> sizes) {
    applyPermutationToVector(sizes, back);
    return sizes;
  };
  auto type = op.getResultType();
  auto padded = tensor::PadOp::create(
      rewriter, op.getLoc(),
      type.clone(applyPermutation(type.getShape(), back)), moved.getInput(),
      unmove(op.getMixedLowPad()), unmove(op.getMixedHighPad()), value);
  Value result = transpose(op.getLoc(), padded, order);
  if (result.getType() != type)
    result = tensor::CastOp::create(rewriter, op.getLoc(), type, result);
  rewriter.replaceOp(op, result);
}

namespace {
struct SinkTransposesPass
    : compress::impl::CompressSinkTransposesBase<SinkTransposesPass> {
  void runOnOperation() override {
    // What is broadcast is transposed before, if its size is no other use.
    RewritePatternSet patterns(&getContext());
    tensor::DimOp::getCanonicalizationPatterns(patterns, &getContext());
    linalg::TransposeOp::getCanonicalizationPatterns(patterns, &getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa<linalg::LinalgOp, tensor::PadOp>(op))
        ops.push_back(op);
    });
    TransposeSinker sinker(&getContext());
    // One after the other: what is behind one may be in front of the next.
    for (Operation *op : ops) {
      if (auto pad = dyn_cast<tensor::PadOp>(op))
        sinker.sinkPast(pad);
      else if (auto transpose = dyn_cast<linalg::TransposeOp>(op))
        sinker.merge(transpose);
      else
        sinker.sinkPast(cast<linalg::LinalgOp>(op));
    }
    // They would count as users.
    ops.clear();
    getOperation()->walk([&](Operation *op) {
      if (isa_and_present<linalg::LinalgDialect, tensor::TensorDialect>(
              op->getDialect()))
        ops.push_back(op);
    });
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }
};
} // namespace
