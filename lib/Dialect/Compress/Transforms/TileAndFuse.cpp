//===- TileAndFuse.cpp - compress-tile-and-fuse ---------------------------===//
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
      SmallVector<std::string> missed;
      bool erased = eraseUnused(rewriter, decode);
      while (!erased && fuseOneUse(rewriter, decode, missed)) {
        remark::passed(loc, options) << "fused the decode of a weight";
        erased = eraseUnused(rewriter, decode);
      }
      if (erased || isOnlyMeasured(decode))
        continue;
      for (const std::string &reason : missed)
        remark::missed(loc, options) << remark::reason(reason.c_str());
      // For compress-check-fused, which has to say why.
      decode->setAttr(CompressDialect::kDenseReasonAttr,
                      rewriter.getStringAttr(missed.back()));
    }
    // Decodes of what was cut once more.
    decodes.clear();
    getOperation()->walk([&](DecodeOp op) { decodes.push_back(op); });
    for (DecodeOp decode : llvm::reverse(decodes))
      eraseUnused(rewriter, decode);
  }

private:
  /// Fuses one use; `missed` says why not of those that it came across. Uses
  /// are not kept from one fusion to the next: an op may have several.
  bool fuseOneUse(RewriterBase &rewriter, DecodeOp decode,
                  SmallVectorImpl<std::string> &missed) {
    missed.clear();
    for (OpOperand &use : decode->getUses()) {
      if (isa<tensor::DimOp>(use.getOwner()))
        continue;
      std::string reason;
      LogicalResult fused =
          isa<tensor::ExtractOp>(use.getOwner())
              ? fuseGather(rewriter, use, maxElements, reason)
              : fuseDecode(rewriter, use, maxElements, reason);
      if (succeeded(fused))
        return true;
      missed.push_back(reason);
    }
    return false;
  }
};
} // namespace
