//===- LowerDecode.cpp - compress-lower-decode ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// compress.decode -> linalg, through the codec's own buildDecode.
//
//===----------------------------------------------------------------------===//

#include "DecodeListener.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSLOWERDECODE
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
struct LowerDecodePass
    : compress::impl::CompressLowerDecodeBase<LowerDecodePass> {
  void runOnOperation() override {
    SmallVector<DecodeOp> worklist;
    getOperation()->walk([&](DecodeOp op) { worklist.push_back(op); });
    DecodeListener listener(worklist);
    IRRewriter rewriter(&getContext(), &listener);
    while (!worklist.empty()) {
      DecodeOp op = worklist.pop_back_val();
      rewriter.setInsertionPoint(op);
      CompressedTensorType type = op.getInput().getType();
      SmallVector<Value> components =
          getComponents(rewriter, op.getLoc(), op.getInput());
      FailureOr<Value> dense = type.getCodec().buildDecode(
          rewriter, op.getLoc(), components, type.getLogicalType());
      if (failed(dense)) {
        op.emitOpError() << "expected " << type.getCodec()
                         << " to build its decode";
        return signalPassFailure();
      }
      rewriter.replaceOp(op, *dense);
    }
    eraseDeadAssembles(rewriter);
  }

  /// Users come after what they use: one backward walk finds all.
  void eraseDeadAssembles(RewriterBase &rewriter) {
    SmallVector<Operation *> assembles;
    getOperation()->walk([&](Operation *op) {
      if (isa<AssembleOp, ComponentsOp>(op))
        assembles.push_back(op);
    });
    for (Operation *op : llvm::reverse(assembles))
      if (op->use_empty())
        rewriter.eraseOp(op);
  }
};
} // namespace
