//===- ErrorStatsTest.cpp - Error measures --------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/ErrorStats.h"
#include "Reference.h"

#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>

using namespace mlir::compress::algorithms;

static ErrorStats compute(const std::vector<float> &weight,
                          const std::vector<float> &decoded,
                          Isa isa = Isa::Auto) {
  return computeErrorStats(
      reference::toBytes(FloatKind::F32, weight), FloatKind::F32,
      reference::toBytes(FloatKind::F32, decoded), FloatKind::F32, isa);
}

TEST(ErrorStats, ByHand) {
  ErrorStats stats = compute({3, 4, 0}, {3, 3.5, -0.25});
  EXPECT_EQ(stats.count, 3);
  EXPECT_EQ(stats.maxAbsError, 0.5);
  EXPECT_EQ(stats.sumSquaredError, 0.3125);
  EXPECT_EQ(stats.sumSquares, 25);
  EXPECT_DOUBLE_EQ(stats.getRelativeError(), std::sqrt(0.0125));
  EXPECT_NEAR(stats.getSqnr(), 19.030899869919436, 1e-12);
}

TEST(ErrorStats, Zeros) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (ErrorStats stats : {compute({}, {}), compute({0, 0}, {0, -0.0f}),
                           compute({1, -2}, {1, -2})}) {
    EXPECT_EQ(stats.maxAbsError, 0);
    EXPECT_EQ(stats.getRelativeError(), 0);
    EXPECT_EQ(stats.getSqnr(), infinity);
  }
  ErrorStats stats = compute({0, 0}, {0, 1});
  EXPECT_EQ(stats.getRelativeError(), infinity);
  EXPECT_EQ(stats.getSqnr(), -infinity);
}

TEST(ErrorStats, KeepsNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  ErrorStats stats = compute({1, 1, 1}, {1, nan, 2});
  EXPECT_TRUE(std::isnan(stats.maxAbsError));
  EXPECT_TRUE(std::isnan(stats.sumSquaredError));
}

/// The documented order of summation, in plain code; all variants, numbers of
/// threads and providers must give its bits.
TEST(ErrorStats, FixedOrder) {
  const int64_t count = 9 * kErrorStatsChunk + 4321;
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  std::vector<float> weight(count), decoded(count);
  for (int64_t i = 0; i < count; ++i) {
    weight[i] = reference::round(FloatKind::BF16, normal(random));
    decoded[i] = weight[i] + 0.01f * normal(random);
  }
  double squaredError = 0, squares = 0, maxAbs = 0;
  for (int64_t begin = 0; begin < count; begin += kErrorStatsChunk) {
    double lanes[2][8] = {};
    int64_t end = std::min(count, begin + kErrorStatsChunk);
    for (int64_t i = begin; i < end; ++i) {
      double error = double(decoded[i]) - double(weight[i]);
      double product = error * error;
      lanes[0][(i - begin) % 8] += product;
      product = double(weight[i]) * double(weight[i]);
      lanes[1][(i - begin) % 8] += product;
      maxAbs = std::max(maxAbs, std::abs(error));
    }
    double sums[2] = {};
    for (int lane = 0; lane < 8; ++lane) {
      sums[0] += lanes[0][lane];
      sums[1] += lanes[1][lane];
    }
    squaredError += sums[0];
    squares += sums[1];
  }

  std::vector<uint8_t> bytes = reference::toBytes(FloatKind::BF16, weight);
  for (Isa isa : {Isa::Auto, Isa::Baseline, Isa::X86V3, Isa::X86V4}) {
    for (unsigned threads : {1u, 4u}) {
      llvm::parallel::strategy = llvm::hardware_concurrency(threads);
      for (ErrorStats stats :
           {computeErrorStats(bytes, FloatKind::BF16,
                              reference::toBytes(FloatKind::F32, decoded),
                              FloatKind::F32, isa),
            computeErrorStats(
                bytes, FloatKind::BF16,
                [&](int64_t begin, llvm::MutableArrayRef<float> out) {
                  std::copy_n(decoded.begin() + begin, out.size(), out.begin());
                },
                isa)}) {
        EXPECT_EQ(stats.count, count);
        EXPECT_EQ(stats.sumSquaredError, squaredError);
        EXPECT_EQ(stats.sumSquares, squares);
        EXPECT_EQ(stats.maxAbsError, maxAbs);
      }
    }
  }
}
