//===- KMeansTest.cpp - Clusters of numbers and vectors -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/KMeans.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <random>

using namespace mlir::compress::algorithms;
using Doubles = std::vector<double>;

/// The best error by the plain dynamic program, all intervals tried.
static double solvePlainly(const Doubles &values, const Doubles &weights,
                           unsigned k) {
  const size_t n = values.size();
  auto getCost = [&](size_t begin, size_t end) {
    double weight = 0, sum = 0, cost = 0;
    for (size_t i = begin; i < end; ++i) {
      weight += weights[i];
      sum += weights[i] * values[i];
    }
    for (size_t i = begin; i < end; ++i)
      cost += weights[i] * std::pow(values[i] - sum / weight, 2);
    return cost;
  };
  std::vector<Doubles> costs(n, Doubles(n + 1));
  for (size_t begin = 0; begin < n; ++begin)
    for (size_t end = begin + 1; end <= n; ++end)
      costs[begin][end] = getCost(begin, end);
  Doubles best(n + 1, INFINITY);
  best[0] = 0;
  for (unsigned cluster = 0; cluster < k; ++cluster) {
    Doubles next(best); // an empty cluster
    for (size_t end = 1; end <= n; ++end)
      for (size_t begin = 0; begin < end; ++begin)
        next[end] = std::min(next[end], best[begin] + costs[begin][end]);
    best = next;
  }
  return best[n];
}

/// The error of each value with its nearest center.
static double getError(const Doubles &values, const Doubles &weights,
                       const Doubles &centers) {
  double error = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    double least = INFINITY;
    for (double center : centers)
      least = std::min(least, std::pow(values[i] - center, 2));
    error += weights[i] * least;
  }
  return error;
}

TEST(KMeans, IsOptimal) {
  const unsigned seed = 1;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (unsigned round = 0; round < 600; ++round) {
    size_t n = 1 + random() % 60;
    unsigned k = 1 + random() % 20;
    // Integers make ties; an offset makes squares cancel.
    double offset = round % 3 == 0 ? 1000.0 : 0.0;
    Doubles values, weights;
    for (size_t i = 0; i < n; ++i)
      values.push_back(offset + (round % 2 ? double(random() % 200)
                                           : double(random()) * 1e-7));
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    for (size_t i = 0; i < values.size(); ++i)
      weights.push_back(1 + random() % (round % 5 ? 9 : 100000));
    KMeans result = clusterValues(values, weights, k, 65536);
    EXPECT_EQ(result.centers.size(), std::min<size_t>(k, values.size()));
    EXPECT_TRUE(std::is_sorted(result.centers.begin(), result.centers.end()));
    double best = solvePlainly(values, weights, k);
    double scale = 1e-9 * solvePlainly(values, weights, 1) + 1e-12;
    EXPECT_NEAR(result.error, best, scale) << "round " << round;
    EXPECT_NEAR(getError(values, weights, result.centers), best, scale)
        << "round " << round;
  }
}

TEST(KMeans, KnownQuantizer) {
  // Max (1960): the distortion of the optimal quantizer of a normal variable.
  const size_t n = 60001;
  Doubles values, weights;
  for (size_t i = 0; i < n; ++i) {
    double x = -6 + 12.0 * double(i) / (n - 1);
    values.push_back(x);
    weights.push_back(std::exp(-x * x / 2));
  }
  double total = 0;
  for (double weight : weights)
    total += weight;
  const std::pair<unsigned, double> expected[] = {
      {2, 0.3634}, {4, 0.1175}, {8, 0.03454}, {16, 0.009497}};
  for (auto [k, distortion] : expected) {
    KMeans result = clusterValues(values, weights, k);
    EXPECT_NEAR(result.error / total, distortion, distortion * 1e-3);
    EXPECT_NEAR(result.centers.front(), -result.centers.back(), 1e-3);
  }
}

TEST(KMeans, BinsComeClose) {
  const unsigned seed = 2;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  for (bool sparse : {false, true}) {
    Doubles values;
    for (size_t i = 0; i < 100000; ++i)
      values.push_back(normal(random));
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    Doubles weights(values.size(), 1.0);
    if (sparse) // nine tenths are one value
      weights[values.size() / 2] = 9.0 * values.size();
    for (unsigned k : {2u, 16u}) {
      KMeans exact = clusterValues(values, weights, k, values.size());
      KMeans binned = clusterValues(values, weights, k, 65536);
      EXPECT_LE(binned.error, exact.error * 1.001) << k;
      EXPECT_GE(binned.error, exact.error * (1 - 1e-9)) << k;
      EXPECT_NEAR(getError(values, weights, binned.centers), binned.error,
                  1e-6 * binned.error);
    }
  }
}

TEST(KMeans, FewValues) {
  KMeans result = clusterValues({-1.0, 0.5}, {3.0, 1.0}, 16);
  EXPECT_EQ(result.centers, Doubles({-1.0, 0.5}));
  EXPECT_EQ(result.error, 0);
  result = clusterValues({-1.0, 0.5}, {3.0, 1.0}, 1);
  EXPECT_EQ(result.centers, Doubles({-0.625}));
}

TEST(KMeans, Vectors) {
  const unsigned seed = 3;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::normal_distribution<float> noise(0.0f, 0.01f);
  for (unsigned dim : {2u, 4u}) {
    // Sixteen clouds, far apart: each gets a center.
    std::vector<float> values, weights;
    for (size_t i = 0; i < 4000; ++i)
      for (unsigned c = 0; c < dim; ++c) {
        values.push_back(float((i % 16) >> c & 1) * 10 +
                         (dim == 2 ? float(i % 16 >> 2) * 30 : 0) +
                         noise(random));
        weights.push_back(1);
      }
    KMeans result = clusterVectors({dim, values, weights}, 16);
    ASSERT_EQ(result.centers.size(), 16u * dim);
    EXPECT_LT(result.error / values.size(), 1.1e-4);
    KMeans again = clusterVectors({dim, values, weights}, 16);
    EXPECT_EQ(result.centers, again.centers);
  }
}

TEST(KMeans, FewVectorsAndMissingComponents) {
  std::vector<float> values = {1, 2, 3, 99}, weights = {1, 1, 1, 0};
  KMeans result = clusterVectors({2, values, weights}, 4);
  EXPECT_EQ(result.error, 0);
  std::vector<float> centers(result.centers.begin(), result.centers.end());
  NearestVector finder(2, centers);
  float distance;
  unsigned index = finder.find(&values[2], &weights[2], &distance);
  EXPECT_EQ(distance, 0);
  EXPECT_EQ(centers[2 * index], 3);
  // Of equal centers the first one.
  NearestVector equal(2, {5, 5, 1, 1, 1, 1});
  const float one[] = {1, 1};
  EXPECT_EQ(equal.find(one, one), 1u);
}
