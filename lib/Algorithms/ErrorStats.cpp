//===- ErrorStats.cpp - How far a decoded weight is off -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/ErrorStats.h"

#include "Kernels.h"

#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

using namespace mlir::compress::algorithms;

double ErrorStats::getRelativeError() const {
  if (sumSquaredError == 0)
    return 0;
  return std::sqrt(sumSquaredError / sumSquares);
}

double ErrorStats::getSqnr() const {
  if (sumSquaredError == 0)
    return std::numeric_limits<double>::infinity();
  return 10 * std::log10(sumSquares / sumSquaredError);
}

ErrorStats
mlir::compress::algorithms::computeErrorStats(llvm::ArrayRef<uint8_t> source,
                                              FloatKind kind,
                                              DecodeRange decode, Isa isa) {
  const Kernels &kernels = getKernels(isa);
  ErrorStats stats;
  stats.count = source.size() / getByteWidth(kind);
  int64_t numChunks = (stats.count + kErrorStatsChunk - 1) / kErrorStatsChunk;
  std::vector<ErrorSums> partial(numChunks);

  // A task takes several chunks, to allocate its buffers once.
  constexpr int64_t chunksPerTask = 8;
  int64_t numTasks = (numChunks + chunksPerTask - 1) / chunksPerTask;
  llvm::parallelFor(0, numTasks, [&](size_t task) {
    std::unique_ptr<float[]> decoded(new float[kErrorStatsChunk]);
    std::unique_ptr<float[]> weight(new float[kErrorStatsChunk]);
    int64_t chunk = task * chunksPerTask;
    int64_t end = std::min(numChunks, chunk + chunksPerTask);
    for (; chunk < end; ++chunk) {
      int64_t begin = chunk * kErrorStatsChunk;
      size_t n = std::min(kErrorStatsChunk, stats.count - begin);
      decode(begin, llvm::MutableArrayRef<float>(decoded.get(), n));
      kernels.widen(kind, source.data() + begin * getByteWidth(kind), n,
                    weight.get());
      partial[chunk] = kernels.errorSums(weight.get(), decoded.get(), n);
    }
  });

  for (const ErrorSums &sums : partial) {
    stats.sumSquaredError += sums.squaredError;
    stats.sumSquares += sums.squares;
    stats.maxAbsError = std::max(stats.maxAbsError, sums.maxAbsError);
  }
  // Comparisons skip a NaN, sums keep it.
  if (std::isnan(stats.sumSquaredError))
    stats.maxAbsError = std::numeric_limits<double>::quiet_NaN();
  return stats;
}

ErrorStats mlir::compress::algorithms::computeErrorStats(
    llvm::ArrayRef<uint8_t> source, FloatKind kind,
    llvm::ArrayRef<uint8_t> decoded, FloatKind decodedKind, Isa isa) {
  size_t width = getByteWidth(decodedKind);
  return computeErrorStats(
      source, kind,
      [&](int64_t begin, llvm::MutableArrayRef<float> out) {
        widenToF32(decodedKind,
                   decoded.slice(begin * width, out.size() * width), out, isa);
      },
      isa);
}
