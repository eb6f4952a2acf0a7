//===- Contraction.h - contractions that kernels compute ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_CONTRACTION_H
#define COMPRESS_LIB_CONVERSION_CONTRACTION_H

#include "Signs.h"
#include "WeightMatrix.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace mlir::compress {

/// A linalg contraction seen from its weight: out[b.., m.., n] += lhs[b.., m..,
/// k] * weight[b.., n, k], each in an order of its own. Dimensions are loops of
/// the linalg op. In a convolution lhs is an image that is read at a sum of m
/// and of `places` in a window, k is the channels, and batches are groups.
struct Contraction {
  linalg::LinalgOp op;
  OpOperand *weight = nullptr, *lhs = nullptr;
  SmallVector<unsigned> batch, m;
  unsigned n = 0, k = 0;
  SmallVector<unsigned> places;

  bool isConvolution() const { return !places.empty(); }
  /// Whether outputs of a convolution are in a matrix at places that are not
  /// known when one compiles.
  bool hasUnknownSizes() const;
  /// The dimensions of a convolution's weight.
  MatrixDims getMatrixDims() const;
  /// Position of a loop among the dimensions of an operand.
  unsigned getPosition(OpOperand *operand, unsigned loop) const;
};

/// Why kernels that read windows where they are cannot do so.
inline constexpr const char *kUnknownSizes =
    "the image of its convolution has dynamic sizes";

/// Matches the op that uses a decoded weight. On failure `reason` says what a
/// kernel cannot do.
FailureOr<Contraction> matchContraction(OpOperand &weight, std::string &reason);

/// What lhs is where that provably is 1 and -1 only, but for zeros around an
/// image.
std::optional<SignImage> matchSigns(const Contraction &contraction);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_CONTRACTION_H
