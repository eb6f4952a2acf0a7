//===- ScaleSearch.h - Least-squares scales of one block --------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which scale (and offset) gives a block the least squared error. A grid of
// candidates around round to nearest is evaluated side by side, each moved to
// the least-squares solution for its codes; the best ones go on alternating
// between codes and least squares. All errors are those after the rounding to
// the stored types.
//
// Sees elements of one block in runs, and nothing of where they lie. Errors in
// here are sums in f32, good to rank candidates; whether the winner beats round
// to nearest is for `computeError` to say, in f64 and by the real decode.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_SCALESEARCH_H
#define COMPRESS_LIB_ALGORITHMS_SCALESEARCH_H

#include "Kernels.h"
#include "compress/Algorithms/Quantize.h"

#include <vector>

namespace mlir::compress::algorithms {

/// What the encode loop needs of one block: see BlockParameters.
struct BlockChoice {
  float divisor = 0;
  float offset = 0;

  bool operator!=(const BlockChoice &other) const {
    return divisor != other.divisor || offset != other.offset;
  }
};

class ScaleSearch {
public:
  /// Rounds after the one of the grid, at most.
  static constexpr int kRounds = 8;

  ScaleSearch(const QuantFormat &format, FloatKind logical,
              const EncodeRule &encodeRule, const DecodeRule &decodeRule,
              const Kernels &kernels);

  /// Makes the grid for a block with the extremes `lo` and `hi` and the choice
  /// of round to nearest. Returns false if there is nothing to search: the
  /// block is constant, or its scale is zero or of an extreme magnitude.
  bool start(float lo, float hi, const BlockChoice &rtn,
             Candidates &candidates) const;

  void computeSums(const float *x, size_t n, const Candidates &candidates,
                   CandidateSums &sums) const {
    kernels.computeSums(encodeRule, x, n, candidates, sums);
  }
  /// Moves the candidates, by the sums over all elements. Returns whether
  /// another round may be of use.
  bool improve(int64_t numElements, const CandidateSums &sums,
               Candidates &candidates) const {
    return kernels.improve(rule, float(numElements), sums, candidates);
  }
  BlockChoice getBest(const Candidates &candidates) const;

  /// Squared error of elements of a block. Not finite if one decodes to an
  /// infinity.
  double computeError(const float *x, size_t n,
                      const BlockChoice &choice) const;

private:
  /// What codes cover, in units of the range of the block and from its lower
  /// end.
  struct Range {
    float lower, size;
  };

  void makeScales();
  void makeRanges();
  /// `isMirrored`: codes of the opposite sign, for negative scales.
  void startScales(float magnitude, bool isMirrored,
                   Candidates &candidates) const;
  void startRanges(float lo, float hi, const BlockChoice &rtn,
                   Candidates &candidates) const;
  /// Rounds to values of `kind`.
  void round(FloatKind kind, float *values, size_t n) const;

  QuantFormat format;
  FloatKind logical;
  EncodeRule encodeRule;
  DecodeRule decodeRule;
  ScaleRule rule;
  const Kernels &kernels;
  /// The grid of a format without offset, for a largest magnitude of 1. The
  /// last `numMirrored` are tried with both signs.
  std::vector<float> scales;
  size_t numMirrored = 0;
  /// The grid of one with offset.
  std::vector<Range> ranges;
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_SCALESEARCH_H
