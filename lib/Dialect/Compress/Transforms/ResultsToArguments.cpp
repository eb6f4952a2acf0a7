//===- ResultsToArguments.cpp - compress-results-to-arguments -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSRESULTSTOARGUMENTS
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;

namespace {
struct ResultsToArgumentsPass
    : compress::impl::CompressResultsToArgumentsBase<ResultsToArgumentsPass> {
  void runOnOperation() override {
    bufferization::BufferResultsToOutParamsOpts options;
    options.filterFn = [](func::FuncOp *function) {
      return function->isPublic() && !function->isExternal() &&
             llvm::all_of(function->getResultTypes(), [](Type type) {
               auto memref = dyn_cast<MemRefType>(type);
               return memref && memref.hasStaticShape() &&
                      memref.getLayout().isIdentity();
             });
    };
    options.addResultAttribute = true;
    options.hoistStaticAllocs = true;
    options.modifyPublicFunctions = true;
    if (failed(bufferization::promoteBufferResultsToOutParams(getOperation(),
                                                              options)))
      signalPassFailure();
  }
};
} // namespace
