//===- CheckLowered.cpp - compress-check-lowered --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSCHECKLOWERED
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

/// Whether a type is, or holds, a compressed tensor.
static bool mentionsCompressed(Type type) {
  return type
      .walk<WalkOrder::PreOrder>(
          [](CompressedTensorType) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

namespace {
struct CheckLoweredPass
    : compress::impl::CompressCheckLoweredBase<CheckLoweredPass> {
  void runOnOperation() override {
    getOperation()->walk([&](Operation *op) {
      if (isa_and_nonnull<CompressDialect>(op->getDialect()))
        return report(op, "was not lowered");
      auto function = dyn_cast<FunctionOpInterface>(op);
      if (function && mentionsCompressed(function.getFunctionType()))
        return report(op, "has a compressed tensor in its signature");
      for (Region &region : op->getRegions())
        for (Block &block : region)
          if (llvm::any_of(block.getArgumentTypes(), mentionsCompressed))
            return report(op, "carries a compressed tensor");
      if (llvm::any_of(op->getResultTypes(), mentionsCompressed))
        report(op, "yields a compressed tensor");
    });
  }

private:
  void report(Operation *op, StringRef what) {
    emitError(op->getLoc()) << "'" << op->getName() << "' " << what;
    signalPassFailure();
  }
};
} // namespace
