//===- DecodeListener.h - decodes that come into being ----------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_DECODELISTENER_H
#define COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_DECODELISTENER_H

#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::compress {

/// Collects decodes as they come into being: what a codec makes of one may
/// decode its parts.
struct DecodeListener : RewriterBase::Listener {
  explicit DecodeListener(SmallVectorImpl<DecodeOp> &worklist)
      : worklist(worklist) {}
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
    if (auto decode = dyn_cast<DecodeOp>(op))
      worklist.push_back(decode);
  }
  SmallVectorImpl<DecodeOp> &worklist;
};

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_TRANSFORMS_DECODELISTENER_H
