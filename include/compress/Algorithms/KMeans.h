//===- KMeans.h - Values that many elements share ---------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Numbers are clustered exactly, vectors by a heuristic.
//
// Numbers. An optimal cluster is an interval of the sorted values, so the best
// clusters of a prefix follow from those of shorter ones (Wang & Song,
// "Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by Dynamic
// Programming", R Journal 2011). Where the last cluster begins moves right as
// the prefix grows, so each of the k steps is a search for row maxima of a
// totally monotone matrix, O(n) by SMAWK (Aggarwal et al. 1987; Grønlund et
// al., "Fast Exact k-Means, k-Medians and Bregman Divergence Clustering in 1D",
// 2017). All in f64.
//
// Vectors. k-means++ seeding (Arthur & Vassilvitskii 2007) from a fixed seed,
// then Lloyd's iteration.
//
// Nothing here knows of weights, groups or stored types.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_KMEANS_H
#define COMPRESS_ALGORITHMS_KMEANS_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace mlir::compress::algorithms {

/// The most distinct values that are clustered exactly.
constexpr size_t kMaxExactValues = 65536;

/// Centers, and the sum of weight * (value - center)².
struct KMeans {
  std::vector<double> centers;
  double error = 0;
};

/// The best `k` centers, ascending, of `values` (finite, ascending, distinct)
/// with positive `weights`. Fewer than k centers if there are fewer values.
///
/// More than `maxExact` values are merged into at most that many bins of about
/// equal weight, besides values that would fill a bin and have their own. Bins
/// are clustered exactly; then Lloyd's iteration polishes the centers on all
/// values.
KMeans clusterValues(llvm::ArrayRef<double> values,
                     llvm::ArrayRef<double> weights, unsigned k,
                     size_t maxExact = kMaxExactValues);

/// Vectors of `dim` components one after the other, each component with a
/// weight. A component of weight 0 is missing.
struct VectorSet {
  unsigned dim = 1;
  llvm::ArrayRef<float> values;
  llvm::ArrayRef<float> weights;

  size_t size() const { return values.size() / dim; }
};

/// `k` centers, one after the other; some repeat others if there are fewer
/// vectors. Deterministic. Of many vectors a sample of 65,536, evenly spread,
/// is used.
KMeans clusterVectors(const VectorSet &set, unsigned k);

/// Finds the nearest of a few vectors; of several the first one.
class NearestVector {
public:
  NearestVector(unsigned dim, llvm::ArrayRef<float> centers);

  /// Index of the center with the least sum of weight * (value - center)².
  /// `distance`, if given, receives the sum.
  unsigned find(const float *values, const float *weights,
                float *distance = nullptr) const;

private:
  unsigned dim, count;
  /// Component by component, `count` padded to whole registers.
  std::vector<float> components;
  size_t stride;
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_KMEANS_H
