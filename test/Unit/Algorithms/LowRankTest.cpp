//===- LowRankTest.cpp - Matrices as products of thin factors ---*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/LowRank.h"

#include "../../../lib/Algorithms/Matrix.h"
#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>

using namespace mlir::compress::algorithms;

namespace {
constexpr unsigned kSeed = 20260101;

std::vector<float> makeRandom(int64_t size, unsigned seed = kSeed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  return values;
}

/// A matrix whose singular values fall like decay^i.
std::vector<float> makeDecaying(int64_t n, int64_t k, double decay) {
  int64_t side = std::min(n, k);
  std::vector<float> u = makeRandom(n * side, kSeed),
                     v = makeRandom(side * k, kSeed + 1), w(n * k);
  for (int64_t p = 0; p < side; ++p)
    for (int64_t i = 0; i < n; ++i)
      u[i * side + p] *= float(std::pow(decay, double(p)));
  multiplyFactors(u, v, k, side, 0, w);
  return w;
}

double norm(llvm::ArrayRef<float> values) {
  double squares = 0;
  for (float value : values)
    squares += double(value) * value;
  return std::sqrt(squares);
}

/// |w - u v| / |w|
double getError(llvm::ArrayRef<float> w, int64_t n, int64_t k, int64_t rank,
                const LowRankFactors &factors) {
  std::vector<float> product(n * k);
  multiplyFactors(factors.u, factors.v, k, rank, 0, product);
  for (int64_t i = 0; i < n * k; ++i)
    product[i] -= w[i];
  return norm(product) / norm(w);
}

/// The error that no factors of this rank can beat.
double getBestError(llvm::ArrayRef<double> singularValues, int64_t rank) {
  double lost = 0, all = 0;
  for (size_t i = 0; i < singularValues.size(); ++i) {
    double square = singularValues[i] * singularValues[i];
    all += square;
    lost += int64_t(i) >= rank ? square : 0;
  }
  return std::sqrt(lost / all);
}
} // namespace

//===----------------------------------------------------------------------===//
// Products and eigenvectors
//===----------------------------------------------------------------------===//

// Sizes around those of tiles and blocks, with both orders of the operands.
TEST(MatrixTest, ProductsAddInOrderOnEveryInstructionSet) {
  std::printf("seed %u\n", kSeed);
  std::mt19937 random(kSeed);
  for (int trial = 0; trial < 60; ++trial) {
    auto pick = [&](size_t most) { return size_t(random() % (most + 1)); };
    size_t m = pick(trial % 3 ? 40 : 400), n = pick(trial % 4 ? 70 : 700),
           k = pick(trial % 5 ? 40 : 600);
    std::vector<float> a = makeRandom(m * k, trial),
                       b = makeRandom(k * n, ~trial);
    bool aTransposed = trial & 1, bTransposed = trial & 2;
    MatrixView<float> left{a.data(), aTransposed ? 1 : k, aTransposed ? m : 1};
    MatrixView<float> right{b.data(), bTransposed ? 1 : n, bTransposed ? k : 1};
    std::vector<float> expected(m * n, 0.5f);
    for (size_t i = 0; i < m; ++i)
      for (size_t p = 0; p < k; ++p)
        for (size_t j = 0; j < n; ++j) {
          volatile float product = a[i * left.rowStride + p * left.colStride] *
                                   b[p * right.rowStride + j * right.colStride];
          expected[i * n + j] += product;
        }
    for (Isa isa : {Isa::Baseline, Isa::X86V3, Isa::X86V4})
      for (bool parallel : {false, true}) {
        std::vector<float> c(m * n, 0.5f);
        multiplyInto(m, n, k, left, right, c.data(), n, parallel, isa);
        ASSERT_EQ(c, expected) << m << " " << n << " " << k;
      }
  }
}

TEST(MatrixTest, EigenvectorsOfRandomMatrices) {
  for (size_t n : {1, 2, 3, 17, 64, 150}) {
    std::vector<float> x = makeRandom(n * n);
    std::vector<double> a(n * n);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j)
        a[i * n + j] = double(x[i * n + j]) + x[j * n + i];
    SymmetricEigen eigen = computeEigen(a, n, n);
    double worst = 0;
    for (size_t e = 0; e < n; ++e) {
      const double *v = &eigen.vectors[e * n];
      for (size_t i = 0; i < n; ++i) {
        double sum = -eigen.values[e] * v[i];
        for (size_t j = 0; j < n; ++j)
          sum += a[i * n + j] * v[j];
        worst = std::max(worst, std::abs(sum));
      }
      for (size_t f = 0; f <= e; ++f) {
        double sum = e == f ? -1 : 0;
        for (size_t i = 0; i < n; ++i)
          sum += v[i] * eigen.vectors[f * n + i];
        worst = std::max(worst, std::abs(sum));
      }
      if (e) {
        EXPECT_GE(eigen.values[e - 1], eigen.values[e]);
      }
    }
    EXPECT_LT(worst, 1e-12 * double(n + 10)) << n;
  }
}

TEST(MatrixTest, EigenvaluesOfSpecialMatrices) {
  // Zero, the identity, one of rank 1, and one far from 1.
  EXPECT_EQ(computeEigen({0, 0, 0, 0}, 2, 2).values,
            (std::vector<double>{0, 0}));
  EXPECT_EQ(computeEigen({1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, 0).values,
            (std::vector<double>{1, 1, 1}));
  std::vector<double> ones(25, 1e300);
  std::vector<double> values = computeEigen(ones, 5, 0).values;
  EXPECT_NEAR(values[0] / 5e300, 1, 1e-14);
  EXPECT_NEAR(values[4] / 5e300, 0, 1e-14);
}

//===----------------------------------------------------------------------===//
// Decomposition
//===----------------------------------------------------------------------===//

TEST(LowRankTest, SingularValuesOfKnownMatrices) {
  // diag(3, -2) beside zeros, either way round.
  EXPECT_EQ(computeSingularValues({3, 0, 0, 0, -2, 0}, 2, 3),
            (std::vector<double>{3, 2}));
  std::vector<double> tall = computeSingularValues({3, 0, 0, -2, 0, 0}, 3, 2);
  ASSERT_EQ(tall.size(), 2u);
  EXPECT_DOUBLE_EQ(tall[0], 3);
  EXPECT_DOUBLE_EQ(tall[1], 2);
  EXPECT_TRUE(computeSingularValues({}, 0, 7).empty());
}

// Eckart and Young: no rank-r matrix is nearer.
TEST(LowRankTest, ExactReachesTheBestError) {
  for (auto [n, k] : {std::pair(40, 70), std::pair(70, 40), std::pair(64, 64),
                      std::pair(1, 9), std::pair(9, 1)}) {
    std::vector<float> w = makeRandom(n * k);
    std::vector<double> values = computeSingularValues(w, n, k);
    for (int64_t rank : {1, 7, 39}) {
      LowRankFactors factors = factorize(w, n, k, rank, SvdMethod::Exact);
      double best = getBestError(values, rank);
      EXPECT_NEAR(getError(w, n, k, rank, factors), best, 2e-6 + best * 1e-5)
          << n << " " << k << " " << rank;
    }
  }
}

TEST(LowRankTest, RandomizedComesNearTheBestError) {
  for (auto [n, k] : {std::pair(300, 200), std::pair(200, 300)})
    for (double decay : {1.0, 0.97, 0.8}) {
      std::vector<float> w = makeDecaying(n, k, decay);
      std::vector<double> values = computeSingularValues(w, n, k);
      for (int64_t rank : {1, 16, 64}) {
        LowRankFactors factors =
            factorize(w, n, k, rank, SvdMethod::Randomized);
        EXPECT_LE(getError(w, n, k, rank, factors),
                  getBestError(values, rank) * 1.02 + 3e-6)
            << n << " " << k << " " << decay << " " << rank;
      }
    }
}

// A matrix of low rank comes back, and ranks that it does not have are zero.
TEST(LowRankTest, RecoversAMatrixOfLowRank) {
  constexpr int64_t n = 90, k = 60, rank = 5;
  std::vector<float> u = makeRandom(n * rank), v = makeRandom(rank * k, 3),
                     w(n * k);
  multiplyFactors(u, v, k, rank, 0, w);
  for (SvdMethod method : {SvdMethod::Exact, SvdMethod::Randomized}) {
    EXPECT_LT(getError(w, n, k, rank, factorize(w, n, k, rank, method)), 2e-6);
    EXPECT_LT(getError(w, n, k, 9, factorize(w, n, k, 9, method)), 2e-6);
    EXPECT_LT(getError(w, n, k, 200, factorize(w, n, k, 200, method)), 2e-6);
  }
}

TEST(LowRankTest, BothFactorsHaveTheSameShare) {
  constexpr int64_t n = 50, k = 80, rank = 4;
  std::vector<float> w = makeRandom(n * k);
  for (float &value : w)
    value *= 0x1p-15f; // an odd exponent
  LowRankFactors factors = factorize(w, n, k, rank);
  std::vector<double> values = computeSingularValues(w, n, k);
  for (int64_t p = 0; p < rank; ++p) {
    double u = 0, v = 0;
    for (int64_t i = 0; i < n; ++i)
      u += std::pow(factors.u[i * rank + p], 2);
    for (int64_t i = 0; i < k; ++i)
      v += std::pow(factors.v[p * k + i], 2);
    EXPECT_NEAR(u / values[p], 1, 1e-4);
    EXPECT_NEAR(v / values[p], 1, 1e-4);
  }
}

TEST(LowRankTest, ExtremeMatrices) {
  for (auto [n, k] : {std::pair(0, 5), std::pair(5, 0), std::pair(0, 0)}) {
    LowRankFactors factors = factorize({}, n, k, 3);
    EXPECT_EQ(factors.u, std::vector<float>(n * 3));
    EXPECT_EQ(factors.v, std::vector<float>(3 * k));
  }
  std::vector<float> zeros(12);
  EXPECT_EQ(factorize(zeros, 3, 4, 2).u, std::vector<float>(6));
  for (float scale : {std::numeric_limits<float>::max() / 2,
                      std::numeric_limits<float>::min(), 0x1p-149f})
    for (SvdMethod method : {SvdMethod::Exact, SvdMethod::Randomized}) {
      std::vector<float> w = {scale, 0, 0, 0, scale, 0};
      LowRankFactors factors = factorize(w, 2, 3, 2, method);
      std::vector<float> product(6);
      multiplyFactors(factors.u, factors.v, 3, 2, 0, product);
      for (int i = 0; i < 6; ++i)
        EXPECT_NEAR(product[i] / scale, w[i] / scale, 1e-6) << scale;
    }
}

TEST(LowRankTest, SameBitsOnEveryInstructionSetAndThreadCount) {
  constexpr int64_t n = 530, k = 600, rank = 24;
  std::vector<float> w = makeDecaying(n, k, 0.99);
  LowRankFactors expected =
      factorize(w, n, k, rank, SvdMethod::Auto, Isa::Baseline);
  for (Isa isa : {Isa::X86V3, Isa::X86V4}) {
    LowRankFactors factors = factorize(w, n, k, rank, SvdMethod::Auto, isa);
    EXPECT_EQ(factors.u, expected.u);
    EXPECT_EQ(factors.v, expected.v);
  }
  // Inside of a task, everything runs in one thread.
  LowRankFactors serial;
  llvm::parallelFor(0, 2, [&](size_t task) {
    if (task == 0)
      serial = factorize(w, n, k, rank);
  });
  EXPECT_EQ(serial.u, expected.u);
  EXPECT_EQ(serial.v, expected.v);
}

TEST(LowRankTest, AnyRangeOfAProductIsTheSame) {
  constexpr int64_t n = 13, k = 37, rank = 9;
  std::vector<float> u = makeRandom(n * rank), v = makeRandom(rank * k, 5),
                     all(n * k);
  multiplyFactors(u, v, k, rank, 0, all);
  std::printf("seed %u\n", kSeed);
  std::mt19937 random(kSeed);
  for (int trial = 0; trial < 300; ++trial) {
    int64_t begin = random() % (n * k + 1);
    int64_t size = random() % (n * k - begin + 1);
    std::vector<float> part(size);
    multiplyFactors(u, v, k, rank, begin, part);
    ASSERT_TRUE(std::equal(part.begin(), part.end(), all.begin() + begin))
        << begin << " " << size;
  }
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

TEST(LowRankTest, RankByEnergyAndError) {
  std::vector<double> values = {4, 3, 0, 0}; // squares 16, 9
  EXPECT_EQ(chooseRankByEnergy(values, 0), 0);
  EXPECT_EQ(chooseRankByEnergy(values, 0.63), 1);
  EXPECT_EQ(chooseRankByEnergy(values, 0.65), 2);
  EXPECT_EQ(chooseRankByEnergy(values, 1), 2);
  EXPECT_EQ(chooseRankByError(values, 0.61), 1);
  EXPECT_EQ(chooseRankByError(values, 0.59), 2);
  EXPECT_EQ(chooseRankByError(values, 0), 2);
  EXPECT_EQ(chooseRankByError({}, 0.5), 0);
}

TEST(LowRankTest, RankBySize) {
  EXPECT_EQ(chooseRankBySize(4096, 4096, 0.25, 16), 512);
  EXPECT_EQ(chooseRankBySize(4096, 11008, 0.25, 16), 752); // 746.3
  EXPECT_EQ(chooseRankBySize(64, 64, 0.25, 16), 16);       // 8, but at least 16
  EXPECT_EQ(chooseRankBySize(32, 32, 0.25, 16), 0);        // 16 * 64 is no less
  EXPECT_EQ(chooseRankBySize(1, 4096, 0.25, 16), 0);
  EXPECT_EQ(chooseRankBySize(0, 4096, 0.25, 16), 0);
  EXPECT_EQ(chooseRankBySize(int64_t(1) << 40, int64_t(1) << 40, 0.25, 16),
            int64_t(1) << 37);
}

TEST(LowRankTest, FindsProductsThatOverflow) {
  EXPECT_FALSE(findOverflow({250, 1}, {1, 262}, 2, 2, 1, FloatKind::F16));
  EXPECT_EQ(findOverflow({1, 250}, {1, 263}, 2, 2, 1, FloatKind::F16), 3);
  EXPECT_FALSE(findOverflow({1, 250}, {1, 263}, 2, 2, 1, FloatKind::BF16));
  // The bound does not tell, the product does.
  EXPECT_FALSE(findOverflow({250, 250}, {263, -263}, 1, 1, 2, FloatKind::F16));
  EXPECT_FALSE(findOverflow({}, {}, 0, 0, 3, FloatKind::F16));
  float most = std::numeric_limits<float>::max();
  EXPECT_EQ(findOverflow({1, 2}, {most, 1}, 2, 2, 1, FloatKind::F32), 2);
}

// Whatever bytes the factors have, they are checked and multiplied in bounds.
TEST(LowRankTest, AnyBytesAreFactors) {
  constexpr int64_t n = 5, k = 7, rank = 3, size = n * rank + rank * k;
  std::printf("seed %u\n", kSeed);
  std::mt19937 random(kSeed);
  std::vector<uint8_t> blob(size * 2);
  std::vector<float> factors(size), product(n * k);
  int rejected = 0;
  for (int trial = 0; trial < 100000; ++trial) {
    for (int change = 0; change < 3; ++change)
      blob[random() % blob.size()] = uint8_t(random());
    widenToF32(trial % 2 ? FloatKind::F16 : FloatKind::BF16, blob, factors);
    bool isFinite = !findNonFinite(factors);
    rejected += !isFinite;
    llvm::ArrayRef<float> u(factors.data(), n * rank),
        v(factors.data() + n * rank, rank * k);
    if (trial % 16 == 0)
      multiplyFactors(u, v, k, rank, 0, product);
    if (trial % 16 == 0 && isFinite)
      for (float value : u)
        ASSERT_TRUE(std::isfinite(value));
  }
  EXPECT_GT(rejected, 0);
  EXPECT_LT(rejected, 100000);
}

TEST(LowRankTest, FindsWhatIsNotFinite) {
  std::vector<float> values(100, 1.0f);
  EXPECT_FALSE(findNonFinite(values));
  values[70] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(findNonFinite(values), 70);
  values[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(findNonFinite(values), 3);
}
