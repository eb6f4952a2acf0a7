//===- FoldMovement.cpp - compress-fold-movement --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fusion.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSFOLDMOVEMENT
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

/// Lets a contraction read what a movement moves.
static void foldInto(RewriterBase &rewriter, OpOperand &use,
                     linalg::LinalgOp movement) {
  auto op = cast<linalg::LinalgOp>(use.getOwner());
  unsigned number = use.getOperandNumber();
  if (!isa<linalg::GenericOp>(op)) {
    rewriter.setInsertionPoint(op);
    op = cast<linalg::LinalgOp>(
        linalg::generalizeNamedOp(rewriter, op)->getOperation());
  }
  auto generic = cast<linalg::GenericOp>(op);
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  maps[number] = composeMovement(movement, maps[number]);
  Value source = movement.getDpsInputOperand(0)->get();
  rewriter.modifyOpInPlace(generic, [&] {
    generic.setIndexingMapsAttr(rewriter.getAffineMapArrayAttr(maps));
    generic->setOperand(number, source);
    // The casts of the movement move into the body.
    BlockArgument argument = generic.getBlock()->getArgument(number);
    Type element = getElementTypeOrSelf(source.getType());
    rewriter.setInsertionPointToStart(generic.getBody());
    IRMapping mapping;
    argument.setType(element);
    mapping.map(movement.getBlock()->getArgument(0), argument);
    SmallPtrSet<Operation *, 4> casts;
    for (Operation &inner : movement.getBlock()->without_terminator())
      casts.insert(rewriter.clone(inner, mapping));
    Value moved = mapping.lookupOrDefault(
        movement.getBlock()->getTerminator()->getOperand(0));
    if (moved != argument)
      argument.replaceUsesWithIf(moved, [&](OpOperand &operand) {
        return !casts.contains(operand.getOwner());
      });
  });
}

namespace {
struct FoldMovementPass
    : compress::impl::CompressFoldMovementBase<FoldMovementPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> movements;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (isMovement(op) && movesWeight(op))
        movements.push_back(op);
    });
    // Of a chain, the last one first: it reads what the one before it moves.
    for (linalg::LinalgOp movement : llvm::reverse(movements)) {
      // Folding may replace the op, which may have other uses.
      while (OpOperand *use = findContraction(movement->getResult(0)))
        foldInto(rewriter, *use, movement);
      if (movement->use_empty())
        rewriter.eraseOp(movement);
    }
  }

  /// Whether the op moves a decoded weight, perhaps behind others.
  static bool movesWeight(linalg::LinalgOp op) {
    Operation *source = op.getDpsInputOperand(0)->get().getDefiningOp();
    while (source && !isa<DecodeOp>(source)) {
      auto previous = dyn_cast<linalg::LinalgOp>(source);
      if (!previous || !isMovement(previous))
        return false;
      source = previous.getDpsInputOperand(0)->get().getDefiningOp();
    }
    return source;
  }

  /// A use by a contraction, or null.
  static OpOperand *findContraction(Value value) {
    for (OpOperand &use : value.getUses()) {
      auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
      if (op && op.isDpsInput(&use) && linalg::isaContractionOpInterface(op))
        return &use;
    }
    return nullptr;
  }
};
} // namespace
