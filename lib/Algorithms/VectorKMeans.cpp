//===- VectorKMeans.cpp - Clusters of vectors -----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/KMeans.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <random>

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;

/// Most vectors that centers are learned from.
static constexpr size_t kMaxSample = 65536;
static constexpr uint64_t kSeed = 20230523;
static constexpr unsigned kMaxRounds = 25;
/// Rounds that lower the error by less than this end the iteration.
static constexpr double kLeastGain = 1e-4;
/// Centers whose distances are computed at once.
static constexpr size_t kLanes = 16;

NearestVector::NearestVector(unsigned dim, ArrayRef<float> centers)
    : dim(dim), count(centers.size() / dim),
      stride((count + kLanes - 1) / kLanes * kLanes) {
  components.resize(stride * dim);
  for (size_t i = 0; i < stride; ++i)
    for (unsigned c = 0; c < dim; ++c)
      components[c * stride + i] =
          centers[std::min<size_t>(i, count - 1) * dim + c];
}

unsigned NearestVector::find(const float *values, const float *weights,
                             float *distance) const {
  // Of a lane its best so far; the first of several, since comparison is strict
  // and lanes are compared in order in the end.
  float best[kLanes];
  uint32_t index[kLanes];
  std::fill(best, best + kLanes, std::numeric_limits<float>::infinity());
  std::fill(index, index + kLanes, 0);
  for (size_t at = 0; at < stride; at += kLanes) {
    float sums[kLanes] = {};
    for (unsigned c = 0; c < dim; ++c) {
      const float *center = components.data() + c * stride + at;
      float value = values[c], weight = weights[c];
      for (size_t lane = 0; lane < kLanes; ++lane) {
        float difference = value - center[lane];
        sums[lane] += weight * (difference * difference);
      }
    }
    for (size_t lane = 0; lane < kLanes; ++lane) {
      bool better = sums[lane] < best[lane];
      best[lane] = better ? sums[lane] : best[lane];
      index[lane] = better ? uint32_t(at + lane) : index[lane];
    }
  }
  unsigned lane = 0;
  for (unsigned i = 1; i < kLanes; ++i)
    if (best[i] < best[lane] ||
        (best[i] == best[lane] && index[i] < index[lane]))
      lane = i;
  if (distance)
    *distance = best[lane];
  return std::min(index[lane], uint32_t(count - 1));
}

namespace {

class VectorClusterer {
public:
  VectorClusterer(const VectorSet &set, unsigned k)
      : set(set), dim(set.dim), k(k),
        step((set.size() + kMaxSample - 1) / kMaxSample),
        count((set.size() + step - 1) / step), distances(count), nearest(count),
        centers(size_t(k) * dim) {}

  KMeans run() {
    seed();
    double error = assign();
    for (unsigned round = 0; round < kMaxRounds; ++round) {
      std::vector<float> last = centers;
      update();
      double next = assign();
      if (!(next < error)) { // rounding, or nothing moves
        centers = last;
        break;
      }
      bool done = next > error * (1 - kLeastGain);
      error = next;
      if (done)
        break;
    }
    KMeans result;
    result.error = error;
    result.centers.assign(centers.begin(), centers.end());
    return result;
  }

private:
  const float *getValues(size_t i) const {
    return set.values.data() + i * step * dim;
  }
  const float *getWeights(size_t i) const {
    return set.weights.data() + i * step * dim;
  }
  double getDistance(size_t i, const float *center) const {
    double sum = 0;
    for (unsigned c = 0; c < dim; ++c) {
      double difference = double(getValues(i)[c]) - center[c];
      sum += getWeights(i)[c] * difference * difference;
    }
    return sum;
  }

  /// k-means++: each next center is a vector, drawn with a probability in
  /// proportion to its distance from those before. Standard distributions
  /// differ between libraries, so numbers are drawn by hand.
  void seed() {
    std::mt19937_64 random(kSeed);
    auto draw = [&] { return double(random() >> 11) * 0x1p-53; };
    size_t chosen = std::min<size_t>(size_t(draw() * count), count - 1);
    std::fill(distances.begin(), distances.end(),
              std::numeric_limits<double>::infinity());
    for (unsigned center = 0; center < k; ++center) {
      float *at = centers.data() + size_t(center) * dim;
      std::copy(getValues(chosen), getValues(chosen) + dim, at);
      double total = 0;
      for (size_t i = 0; i < count; ++i) {
        distances[i] = std::min(distances[i], getDistance(i, at));
        total += distances[i];
      }
      double place = draw() * total;
      chosen = 0;
      for (size_t i = 0; i < count; ++i) {
        if (distances[i] > 0)
          chosen = i;
        place -= distances[i];
        if (place < 0)
          break;
      }
    }
  }

  double assign() {
    NearestVector finder(dim, centers);
    double error = 0;
    for (size_t i = 0; i < count; ++i) {
      nearest[i] = finder.find(getValues(i), getWeights(i));
      distances[i] = getDistance(i, centers.data() + size_t(nearest[i]) * dim);
      error += distances[i];
    }
    return error;
  }

  void update() {
    std::vector<double> sums(centers.size()), weights(centers.size());
    std::vector<size_t> sizes(k);
    for (size_t i = 0; i < count; ++i) {
      size_t at = size_t(nearest[i]) * dim;
      ++sizes[nearest[i]];
      for (unsigned c = 0; c < dim; ++c) {
        sums[at + c] += double(getWeights(i)[c]) * getValues(i)[c];
        weights[at + c] += getWeights(i)[c];
      }
    }
    for (size_t i = 0; i < centers.size(); ++i)
      if (weights[i] > 0)
        centers[i] = float(sums[i] / weights[i]);
    // A center without vectors moves to the vector that is worst off.
    for (unsigned center = 0; center < k; ++center) {
      if (sizes[center])
        continue;
      size_t worst = std::max_element(distances.begin(), distances.end()) -
                     distances.begin();
      if (distances[worst] <= 0)
        break;
      distances[worst] = 0;
      std::copy(getValues(worst), getValues(worst) + dim,
                centers.data() + size_t(center) * dim);
    }
  }

  const VectorSet &set;
  const unsigned dim, k;
  const size_t step, count;
  std::vector<double> distances;
  std::vector<unsigned> nearest;
  std::vector<float> centers;
};

} // namespace

KMeans mlir::compress::algorithms::clusterVectors(const VectorSet &set,
                                                  unsigned k) {
  assert(set.size() > 0 && set.values.size() == set.weights.size() && k > 0);
  return VectorClusterer(set, k).run();
}
