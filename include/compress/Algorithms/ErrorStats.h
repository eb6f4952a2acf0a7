//===- ErrorStats.h - How far a decoded weight is off -----------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Error measures of a decoded weight against its source. Sums are in f64 and of
// fixed order: eight lanes (element i goes to lane i mod 8) over chunks of
// `kErrorStatsChunk` elements, lanes and then chunks added in order. The result
// depends on the values only, not on threads, the processor, or who decoded.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_ERRORSTATS_H
#define COMPRESS_ALGORITHMS_ERRORSTATS_H

#include "compress/Algorithms/FloatFormat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <cstdint>

namespace mlir::compress::algorithms {

/// Elements of a chunk; `decode` is asked for this many at most.
constexpr int64_t kErrorStatsChunk = 64 * 1024;

/// With w the source and e = decoded - w, elementwise.
struct ErrorStats {
  int64_t count = 0;
  /// max |e|; NaN if any e is.
  double maxAbsError = 0;
  /// sum of e²
  double sumSquaredError = 0;
  /// sum of w²
  double sumSquares = 0;

  /// ‖e‖ / ‖w‖ (Frobenius). 0 if the error is zero, also for a weight of zeros;
  /// infinity for an error against a weight of zeros.
  double getRelativeError() const;
  /// Signal to quantization noise, 10 log10(sum w² / sum e²), in dB. Infinity
  /// if the error is zero, also for a weight of zeros; -infinity for an error
  /// against a weight of zeros.
  double getSqnr() const;
};

/// Writes the decoded elements [begin, begin + out.size()). Called from several
/// threads at once.
using DecodeRange =
    llvm::function_ref<void(int64_t begin, llvm::MutableArrayRef<float> out)>;

/// Compares `source`, whole elements of `kind`, with what `decode` gives. Runs
/// on LLVM's thread pool.
ErrorStats computeErrorStats(llvm::ArrayRef<uint8_t> source, FloatKind kind,
                             DecodeRange decode, Isa isa = Isa::Auto);

/// The same with the decoded weight in memory, as many elements of
/// `decodedKind`.
ErrorStats computeErrorStats(llvm::ArrayRef<uint8_t> source, FloatKind kind,
                             llvm::ArrayRef<uint8_t> decoded,
                             FloatKind decodedKind, Isa isa = Isa::Auto);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_ERRORSTATS_H
