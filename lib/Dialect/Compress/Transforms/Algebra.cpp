//===- Algebra.cpp - compress-algebra -------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecodeListener.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSALGEBRA
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
struct AlgebraPass : compress::impl::CompressAlgebraBase<AlgebraPass> {
  void runOnOperation() override {
    SmallVector<DecodeOp> worklist;
    getOperation()->walk([&](DecodeOp op) { worklist.push_back(op); });
    DecodeListener listener(worklist);
    IRRewriter rewriter(&getContext(), &listener);
    while (!worklist.empty())
      rewriteUses(rewriter, worklist.pop_back_val());
  }

private:
  void rewriteUses(RewriterBase &rewriter, DecodeOp decode) {
    auto options =
        remark::RemarkOpts::name("Algebra").category("compress-algebra");
    CompressedTensorType type = decode.getInput().getType();
    rewriter.setInsertionPoint(decode);
    SmallVector<Value> components =
        getComponents(rewriter, decode.getLoc(), decode.getInput());
    SmallVector<std::pair<Location, std::string>> missed;
    // Uses are not kept from one to the next: an op may have several.
    auto rewriteOneUse = [&] {
      missed.clear();
      for (OpOperand &use : decode->getUses()) {
        if (!isa<linalg::LinalgOp>(use.getOwner()))
          continue;
        Location loc = use.getOwner()->getLoc();
        std::string reason;
        if (succeeded(type.getCodec().rewriteContraction(
                rewriter, use, type.getLogicalType(), components, reason))) {
          remark::passed(loc, options)
              << "contracted with the parts of a weight";
          return true;
        }
        if (!reason.empty())
          missed.emplace_back(loc, reason);
      }
      return false;
    };
    while (rewriteOneUse())
      ;
    for (const auto &[loc, reason] : missed)
      remark::missed(loc, options) << remark::reason(reason.c_str());
    Operation *source = decode.getInput().getDefiningOp();
    if (decode->use_empty())
      rewriter.eraseOp(decode);
    // Certified ones stay: see the description of the pass.
    if (source && source->use_empty() && isa<AssembleOp>(source) &&
        !source->hasAttr(CompressDialect::kCertificateAttr))
      rewriter.eraseOp(source);
    if (!components.empty())
      if (auto split = components.front().getDefiningOp<ComponentsOp>();
          split && split->use_empty())
        rewriter.eraseOp(split);
  }
};
} // namespace
