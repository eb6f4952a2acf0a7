//===- ContractionAlgebra.h - contractions that codecs rewrite
//--------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What CodecAttrInterface::rewriteContraction is written with: a linalg
// contraction as two factors and an output, each with the loops that index it.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CONTRACTIONALGEBRA_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CONTRACTIONALGEBRA_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::compress {

/// A tensor with the loop of each of its dimensions.
struct IndexedTensor {
  Value value;
  SmallVector<unsigned> loops;

  bool hasLoop(unsigned loop) const { return llvm::is_contained(loops, loop); }
};

/// out += sum other * weight, over the loops that out does not have.
struct WeightContraction {
  linalg::LinalgOp op;
  IndexedTensor weight, other, out;
};

/// Matches the op that uses a decoded weight; on failure `reason` says what it
/// is not.
FailureOr<WeightContraction> matchWeightContraction(OpOperand &use,
                                                    std::string &reason);

/// The contraction of two tensors of floats into `out`, of f32.
Value createContraction(RewriterBase &rewriter, Location loc,
                        const IndexedTensor &lhs, const IndexedTensor &rhs,
                        const IndexedTensor &out);

/// The elementwise cast of a tensor of floats.
Value castElements(RewriterBase &rewriter, Location loc, Value value,
                   Type element);

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CONTRACTIONALGEBRA_H
