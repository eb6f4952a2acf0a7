//===- TileAndFuse.cpp - compress-tile-and-fuse -----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fusion.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSTILEANDFUSE
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
struct TileAndFusePass
    : compress::impl::CompressTileAndFuseBase<TileAndFusePass> {
  using Base::Base;
  void runOnOperation() override {
    if (maxElements < 1) {
      emitError(getOperation()->getLoc())
          << "expected option 'max-elements' to be 1 or more, but got "
          << int64_t(maxElements);
      return signalPassFailure();
    }
    SmallVector<DecodeOp> decodes;
    getOperation()->walk([&](DecodeOp op) {
      if (!isTile(op.getType(), maxElements))
        decodes.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    auto options = remark::RemarkOpts::name("TileAndFuse")
                       .category("compress-tile-and-fuse");
    for (DecodeOp decode : decodes) {
      Location loc = decode.getLoc();
      std::string missed;
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : decode->getUses())
        uses.push_back(&use);
      for (OpOperand *use : uses) {
        std::string reason;
        LogicalResult fused =
            isa<tensor::ExtractOp>(use->getOwner())
                ? fuseGather(rewriter, *use, maxElements, reason)
                : fuseDecode(rewriter, *use, maxElements, reason);
        if (succeeded(fused)) {
          remark::passed(loc, options) << "fused the decode of a weight";
          continue;
        }
        missed = reason;
        remark::missed(loc, options) << remark::reason(reason.c_str());
      }
      eraseUnused(rewriter, decode);
      // For compress-check-fused, which has to say why.
      if (!missed.empty())
        decode->setAttr(CompressDialect::kDenseReasonAttr,
                        rewriter.getStringAttr(missed));
    }
  }

private:
  /// Erases a decode whose users all have tiles of their own, with the
  /// movements between them.
  static void eraseUnused(RewriterBase &rewriter, DecodeOp decode) {
    SmallVector<Operation *> chain;
    std::function<bool(Operation *)> isDead = [&](Operation *op) {
      for (Operation *user : op->getUsers()) {
        auto movement = dyn_cast<linalg::LinalgOp>(user);
        if (!movement || !isMovement(movement) || !isDead(user))
          return false;
      }
      chain.push_back(op);
      return true;
    };
    if (!isDead(decode))
      return;
    for (Operation *op : chain)
      if (op->use_empty())
        rewriter.eraseOp(op);
  }
};
} // namespace
