//===- BlockParameters.h - Scales and offsets of blocks ---------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Between the extremes of blocks and what is stored of them. Works on arrays of
// consecutive blocks; knows nothing of where their elements lie.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_BLOCKPARAMETERS_H
#define COMPRESS_LIB_ALGORITHMS_BLOCKPARAMETERS_H

#include "Kernels.h"
#include "compress/Algorithms/Quantize.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <algorithm>

namespace mlir::compress::algorithms {

/// Rounds to an integer, ties to even, for |x| < 2^22.
inline float roundToInteger(float x) {
  constexpr float rounder = 12582912.0f; // 1.5 * 2^23
  return (x + rounder) - rounder;
}

/// What the encode loop needs of consecutive blocks; scratch of one task.
struct BlockParameters {
  llvm::SmallVector<float, 0> lo, hi, scale, offset;
  /// Mean magnitudes, for binary codes only.
  llvm::SmallVector<double, 0> mean;

  void resize(size_t numBlocks) {
    for (auto *array : {&lo, &hi, &scale, &offset})
      array->resize(numBlocks);
  }
  /// Makes `lo` and `hi` the extremes of nothing.
  void resetExtremes();
  /// Folds in the extremes, and the sums in `mean`, of other parts of the same
  /// blocks.
  void merge(const BlockParameters &part);
};

/// A block that has no encoding, by its position in the arrays.
struct BlockError {
  QuantError::Kind kind;
  int64_t block;
  double needed = 0;
};

class BlockCoder {
public:
  BlockCoder(const QuantFormat &format, FloatKind logical,
             const Kernels &kernels);

  const EncodeRule &getEncodeRule() const { return encodeRule; }
  const DecodeRule &getDecodeRule() const { return decodeRule; }

  /// Chooses scales and offsets by round to nearest from the extremes (of
  /// binary codes, from `mean`) and stores them at block `first` of `scales`
  /// and `offsets`. Leaves divisors in `parameters.scale` and decoded offsets
  /// in `parameters.offset`. `isNegativeFirst(b)` says which of two elements of
  /// equal magnitude and opposite sign comes first in block b. Negative
  /// elements where there must be none are an error of the block
  /// (Kind::Negative).
  std::optional<BlockError>
  choose(BlockParameters &parameters, int64_t first, uint8_t *scales,
         uint8_t *offsets,
         llvm::function_ref<bool(size_t)> isNegativeFirst) const;

  /// Reads stored parameters of the blocks from `first` on, as many as
  /// `parameters` holds, for decoding.
  void read(BlockParameters &parameters, int64_t first, const uint8_t *scales,
            const uint8_t *offsets) const;
  /// The same for encoding: with divisors for scales.
  std::optional<BlockError> readDivisors(BlockParameters &parameters,
                                         int64_t first, const uint8_t *scales,
                                         const uint8_t *offsets) const;

private:
  void chooseScales(BlockParameters &parameters, uint8_t *offsets,
                    llvm::function_ref<bool(size_t)> isNegativeFirst) const;
  /// What the lowest code of a format with a minimum stands for.
  float getLowest(float lo) const {
    return format.minAtMostZero ? std::min(lo, 0.0f) : lo;
  }
  bool decodesToFinite(float x, float divisor, float offset) const;

  const QuantFormat &format;
  FloatKind logical;
  const Kernels &kernels;
  EncodeRule encodeRule;
  DecodeRule decodeRule;
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_BLOCKPARAMETERS_H
