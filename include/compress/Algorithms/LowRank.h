//===- LowRank.h - Matrices as products of thin factors ---------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The truncated singular value decomposition, which is the best approximation
// of a rank (Eckart and Young, 1936), exact or in a random subspace (Halko,
// Martinsson and Tropp, "Finding structure with randomness", 2011), and ways to
// choose the rank. All matrices are row-major. Results are the same for every
// instruction set and number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_LOWRANK_H
#define COMPRESS_ALGORITHMS_LOWRANK_H

#include "compress/Algorithms/FloatFormat.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace mlir::compress::algorithms {

enum class SvdMethod : uint8_t {
  /// Randomized for matrices both of whose sides are larger than
  /// kMaxExactSide, else exact.
  Auto,
  /// From the eigenvectors of the product of the matrix with its transpose, in
  /// f64.
  Exact,
  /// A fixed seed, two power iterations, ten more vectors than the rank.
  Randomized
};

constexpr int64_t kMaxExactSide = 512;

/// W[n, k] ~ u[n, rank] v[rank, k]. Each has its share, the square root, of the
/// singular values, which descend. Those that W does not have are zero.
struct LowRankFactors {
  std::vector<float> u, v;
};

/// Factors of a matrix of finite elements.
LowRankFactors factorize(llvm::ArrayRef<float> w, int64_t n, int64_t k,
                         int64_t rank, SvdMethod method = SvdMethod::Auto,
                         Isa isa = Isa::Auto);

/// Elements [begin, begin + out.size()) of the product of `u` [n, rank] and `v`
/// [rank, k], whose terms are added in order in f32. In the calling thread.
void multiplyFactors(llvm::ArrayRef<float> u, llvm::ArrayRef<float> v,
                     int64_t k, int64_t rank, int64_t begin,
                     llvm::MutableArrayRef<float> out, Isa isa = Isa::Auto);

/// All singular values, the largest first.
std::vector<double> computeSingularValues(llvm::ArrayRef<float> w, int64_t n,
                                          int64_t k, Isa isa = Isa::Auto);

/// The smallest rank that keeps this fraction of the sum of squares.
int64_t chooseRankByEnergy(llvm::ArrayRef<double> singularValues,
                           double fraction);

/// The smallest rank whose relative Frobenius error is at most `error`.
int64_t chooseRankByError(llvm::ArrayRef<double> singularValues, double error);

/// The multiple of `step`, at least one, whose factors come nearest to
/// `fraction` of the elements of the matrix; 0 where these factors have no
/// fewer elements than the matrix.
int64_t chooseRankBySize(int64_t n, int64_t k, double fraction, int64_t step);

/// Index of the first element of the product of `u` and `v` that becomes an
/// infinity of `kind`. Costs the product only where its bound does not tell.
std::optional<int64_t> findOverflow(llvm::ArrayRef<float> u,
                                    llvm::ArrayRef<float> v, int64_t n,
                                    int64_t k, int64_t rank, FloatKind kind);

/// Index of the first element that is not finite.
std::optional<int64_t> findNonFinite(llvm::ArrayRef<float> values);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_LOWRANK_H
