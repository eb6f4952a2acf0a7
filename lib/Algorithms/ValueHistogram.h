//===- ValueHistogram.h - Distinct values and their weights -----*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What clustering wants of many elements: each value once, ascending, and how
// much of it there is.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_VALUEHISTOGRAM_H
#define COMPRESS_LIB_ALGORITHMS_VALUEHISTOGRAM_H

#include "compress/Algorithms/FloatFormat.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <utility>
#include <vector>

namespace mlir::compress::algorithms {

/// Counts of 16-bit patterns.
class PatternCounts {
public:
  PatternCounts() : counts(65536) {}

  /// Adds `n` little-endian patterns.
  void add(const uint8_t *patterns, int64_t n);
  void merge(const PatternCounts &other);
  /// Values of `kind`, which has 16 bits. False if one is not finite.
  bool list(FloatKind kind, std::vector<double> &values,
            std::vector<double> &weights) const;

private:
  std::vector<int64_t> counts;
};

/// Weights of f32 values: exactly for few elements; else values that agree in
/// sign, exponent and the upper 11 bits of the significand are one, their mean.
class ValueHistogram {
public:
  explicit ValueHistogram(int64_t numElements);

  void add(llvm::ArrayRef<float> values, llvm::ArrayRef<float> weights);
  /// Leaves out values of no weight. False if one is not finite.
  bool list(std::vector<double> &values, std::vector<double> &weights);

private:
  bool exact;
  bool finite = true;
  std::vector<std::pair<float, float>> elements;
  std::vector<double> binSums, binWeights;
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_VALUEHISTOGRAM_H
