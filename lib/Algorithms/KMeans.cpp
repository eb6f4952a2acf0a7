//===- KMeans.cpp - Clusters of numbers -----------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/KMeans.h"

#include <algorithm>
#include <cassert>
#include <limits>

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;

namespace {

/// Sums over prefixes of values, which are shifted to mean 0 so that squares
/// cancel little.
class PrefixSums {
public:
  PrefixSums(ArrayRef<double> values, ArrayRef<double> weights)
      : weight(values.size() + 1), sum(values.size() + 1) {
    double total = 0, first = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      total += weights[i];
      first += weights[i] * values[i];
    }
    shift = first / total;
    for (size_t i = 0; i < values.size(); ++i) {
      double x = values[i] - shift;
      weight[i + 1] = weight[i] + weights[i];
      sum[i + 1] = sum[i] + weights[i] * x;
      squares += weights[i] * x * x;
    }
  }

  /// By how much a cluster of [begin, end) lowers the sum of squares.
  double getGain(size_t begin, size_t end) const {
    double s = sum[end] - sum[begin];
    return s * s / (weight[end] - weight[begin]);
  }
  double getMean(size_t begin, size_t end) const {
    return shift + (sum[end] - sum[begin]) / (weight[end] - weight[begin]);
  }
  double getSquares() const { return squares; }

private:
  std::vector<double> weight, sum;
  double shift = 0, squares = 0;
};

/// One step of the dynamic program: from the gains of the best clusters of
/// every prefix to those of one cluster more.
class Layer {
public:
  Layer(const PrefixSums &sums, ArrayRef<double> before, size_t clusters,
        std::vector<double> &after, uint32_t *begins)
      : sums(sums), before(before), clusters(clusters), after(after),
        begins(begins) {}

  /// Fills in `after` and `begins` for prefixes of `clusters` to n values.
  void solve(size_t n) {
    std::vector<uint32_t> columns;
    for (size_t begin = clusters - 1; begin < n; ++begin)
      columns.push_back(begin);
    search(clusters, 1, n - clusters + 1, columns);
  }
  /// The same for the prefix of n values only.
  void solveLast(size_t n) {
    double best = -std::numeric_limits<double>::infinity();
    for (size_t begin = clusters - 1; begin < n; ++begin)
      if (double gain = getGain(n, begin); gain > best) {
        best = gain;
        begins[n] = begin;
      }
    after[n] = best;
  }

private:
  /// With a last cluster of [begin, end).
  double getGain(size_t end, size_t begin) const {
    if (begin >= end)
      return -std::numeric_limits<double>::infinity();
    return before[begin] + sums.getGain(begin, end);
  }

  /// SMAWK for the rows first, first + step, ... (ends of prefixes). Of equal
  /// columns (begins of the last cluster) the first one wins.
  void search(size_t first, size_t step, size_t rows,
              ArrayRef<uint32_t> columns) {
    if (rows == 0)
      return;
    // Columns that can win: the i-th one kept beats those before in row i.
    std::vector<uint32_t> kept;
    std::vector<double> gains;
    for (uint32_t column : columns) {
      while (!kept.empty() &&
             gains.back() < getGain(first + (kept.size() - 1) * step, column)) {
        kept.pop_back();
        gains.pop_back();
      }
      if (kept.size() < rows) {
        gains.push_back(getGain(first + kept.size() * step, column));
        kept.push_back(column);
      }
    }
    search(first + step, 2 * step, rows / 2, kept);
    // Rows between two solved ones lie between their columns.
    size_t at = 0;
    for (size_t row = 0; row < rows; row += 2) {
      size_t end = first + row * step;
      uint32_t last = row + 1 < rows ? begins[end + step] : kept.back();
      double best = -std::numeric_limits<double>::infinity();
      uint32_t begin = kept[at];
      for (size_t i = at; i < kept.size() && kept[i] <= last; ++i)
        if (double gain = getGain(end, kept[i]); gain > best) {
          best = gain;
          begin = kept[i];
        }
      after[end] = best;
      begins[end] = begin;
      while (at + 1 < kept.size() && kept[at] < last)
        ++at;
    }
  }

  const PrefixSums &sums;
  ArrayRef<double> before;
  size_t clusters;
  std::vector<double> &after;
  uint32_t *begins;
};

} // namespace

static KMeans clusterExactly(ArrayRef<double> values, ArrayRef<double> weights,
                             unsigned k) {
  KMeans result;
  const size_t n = values.size();
  if (n <= k) {
    result.centers.assign(values.begin(), values.end());
    return result;
  }
  const PrefixSums sums(values, weights);
  std::vector<double> before(n + 1), after(n + 1);
  std::vector<uint32_t> begins(k * (n + 1));
  for (size_t end = 1; end <= n; ++end)
    before[end] = sums.getGain(0, end);
  for (unsigned clusters = 2; clusters <= k; ++clusters) {
    Layer layer(sums, before, clusters, after,
                begins.data() + (clusters - 1) * (n + 1));
    if (clusters == k)
      layer.solveLast(n);
    else
      layer.solve(n);
    std::swap(before, after);
  }
  result.error = std::max(0.0, sums.getSquares() - before[n]);
  result.centers.resize(k);
  size_t end = n;
  for (unsigned cluster = k; cluster-- > 0;) {
    size_t begin = cluster == 0 ? 0 : begins[cluster * (n + 1) + end];
    result.centers[cluster] = sums.getMean(begin, end);
    end = begin;
  }
  return result;
}

/// Lloyd's iteration on sorted values: clusters are intervals between the
/// middles of neighbouring centers.
static void polish(ArrayRef<double> values, ArrayRef<double> weights,
                   KMeans &result) {
  constexpr unsigned maxRounds = 100;
  const PrefixSums sums(values, weights);
  std::vector<double> &centers = result.centers;
  for (unsigned round = 0; round < maxRounds; ++round) {
    double gain = 0;
    bool moved = false;
    size_t begin = 0;
    for (size_t i = 0; i < centers.size(); ++i) {
      size_t end = values.size();
      if (i + 1 < centers.size()) {
        double middle = centers[i] + (centers[i + 1] - centers[i]) / 2;
        end = std::upper_bound(values.begin() + begin, values.end(), middle) -
              values.begin();
      }
      if (begin < end) {
        gain += sums.getGain(begin, end);
        double mean = sums.getMean(begin, end);
        moved |= mean != centers[i];
        centers[i] = mean;
      }
      begin = end;
    }
    result.error = std::max(0.0, sums.getSquares() - gain);
    if (!moved)
      break;
  }
}

KMeans mlir::compress::algorithms::clusterValues(ArrayRef<double> values,
                                                 ArrayRef<double> weights,
                                                 unsigned k, size_t maxExact) {
  assert(values.size() == weights.size() && k > 0 && maxExact >= k);
  if (values.size() <= maxExact)
    return clusterExactly(values, weights, k);
  // Values that would fill a bin have one of their own, and the others are
  // binned among themselves: what is left of a sparse weight is all light.
  double total = 0, light = 0;
  for (double weight : weights)
    total += weight;
  auto isHeavy = [&](double weight) { return weight * maxExact >= total; };
  for (double weight : weights)
    light += isHeavy(weight) ? 0 : weight;
  std::vector<double> binValues, binWeights;
  double filled = 0, weight = 0, sum = 0;
  auto close = [&] {
    if (weight > 0) {
      binValues.push_back(sum / weight);
      binWeights.push_back(weight);
    }
    weight = sum = 0;
  };
  size_t lightBins = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    bool heavy = isHeavy(weights[i]);
    if (heavy)
      close();
    weight += weights[i];
    sum += weights[i] * values[i];
    if (heavy) {
      close();
      continue;
    }
    filled += weights[i];
    if (filled * double(maxExact) >= light * double(lightBins + 1)) {
      close();
      ++lightBins;
    }
  }
  close();
  KMeans result = clusterExactly(binValues, binWeights, k);
  polish(values, weights, result);
  return result;
}
