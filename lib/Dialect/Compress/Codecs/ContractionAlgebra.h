//===- ContractionAlgebra.h - contractions that are rewritten ---*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What CodecAttrInterface::rewriteContraction is written with: a linalg
// contraction or convolution as two factors and an output, each with its
// indices over the loops of the op.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CONTRACTIONALGEBRA_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CONTRACTIONALGEBRA_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::compress {

/// Whether the body is out + lhs * rhs in floating point, with casts.
/// Upstream's matchers of convolutions look at the indices only.
bool isMultiplyAdd(linalg::LinalgOp op);

/// What Tensor Cores have outputs of in an instruction: groups with fewer can do
/// without.
inline constexpr int64_t kFewOutputs = 16;

/// A tensor with the index of each of its dimensions.
struct IndexedTensor {
  Value value;
  SmallVector<AffineExpr> indices;

  bool hasLoop(unsigned loop) const {
    return llvm::any_of(
        indices, [&](AffineExpr index) { return index.isFunctionOfDim(loop); });
  }
  /// Whether each dimension has a loop of its own; windows do not.
  bool hasPlainIndices() const {
    return llvm::all_of(indices, llvm::IsaPred<AffineDimExpr>);
  }
};

/// out += sum other * weight, over the loops that out does not have. The
/// indices of weight and out are plain; those of other are not in a
/// convolution.
struct WeightContraction {
  linalg::LinalgOp op;
  IndexedTensor weight, other, out;
};

/// Matches the op that uses a decoded weight; on failure `reason` says what it
/// is not.
FailureOr<WeightContraction> matchWeightContraction(OpOperand &use,
                                                    std::string &reason);

/// The contraction of two tensors of floats into `out`, of f32 and with plain
/// indices.
Value createContraction(RewriterBase &rewriter, Location loc,
                        const IndexedTensor &lhs, const IndexedTensor &rhs,
                        const IndexedTensor &out);

/// The elementwise cast of a tensor of floats.
Value castElements(RewriterBase &rewriter, Location loc, Value value,
                   Type element);

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CONTRACTIONALGEBRA_H
