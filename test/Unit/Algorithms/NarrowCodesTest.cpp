//===- NarrowCodesTest.cpp - Binary, ternary and 6-bit codes --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Samples.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace mlir::compress::algorithms;
using reference::decode;
using reference::encode;
using reference::Encoded;
using reference::Sample;
using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;

static QuantFormat getBinary(FloatKind scale = FloatKind::F16) {
  QuantFormat format;
  format.codes = CodeKind::Binary;
  format.bits = 1;
  format.scale = scale;
  return format;
}

static QuantFormat getTernary(FloatKind scale = FloatKind::F16) {
  QuantFormat format;
  format.bits = 2;
  format.narrow = true;
  format.scale = scale;
  return format;
}

/// Blocks of normal values in their own sizes.
static Floats makeNormal(int64_t numBlocks, int64_t size, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  Floats values;
  for (int64_t i = 0; i < numBlocks * size; ++i)
    values.push_back(normal(random) * float(1 + i / size % 7));
  return values;
}

//===----------------------------------------------------------------------===//
// Binary
//===----------------------------------------------------------------------===//

TEST(BinaryCodes, SignsAndMeanMagnitudes) {
  // Zeros of both signs are bit 1; rows are padded with zero bits.
  Encoded e;
  const QuantShape shape = {{2, 9}, {1, 9}};
  const Floats values = {1,  -2, 3, 0, -0.0f, -4, 5, -6, 6,
                         -1, -1, 1, 1, -1,    1,  1, 1,  -1};
  ASSERT_FALSE(encode(values, shape, getBinary(), e));
  EXPECT_EQ(e.codes, (Bytes{0x5d, 0x01, 0xec, 0x00}));
  EXPECT_EQ(e.scales, (Bytes{0x00, 0x42, 0x00, 0x3c})); // 27 / 9 and 1
  EXPECT_EQ(
      decode(e, shape, getBinary()),
      (Floats{3, -3, 3, 3, 3, -3, 3, -3, 3, -1, -1, 1, 1, -1, 1, 1, 1, -1}));
  // The bit that is set is padding.
  e.codes[1] = 0x03;
  std::optional<StorageError> error =
      validateStorage(shape, getBinary(), e.codes, e.scales, {});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, StorageError::Kind::Padding);
  EXPECT_EQ(error->index, 1);
}

TEST(BinaryCodes, ZeroBlocksDecodeToZeros) {
  Encoded e;
  const QuantShape shape = {{2, 3}, {1, 3}};
  // The second mean is below half the smallest f16.
  ASSERT_FALSE(
      encode({0, -0.0f, 0, -1e-9f, 1e-9f, -1e-9f}, shape, getBinary(), e));
  EXPECT_EQ(e.scales, Bytes(4, 0));
  EXPECT_EQ(e.codes, (Bytes{7, 7}));
  for (float x : decode(e, shape, getBinary())) {
    EXPECT_EQ(x, 0);
    EXPECT_FALSE(std::signbit(x));
  }
}

TEST(BinaryCodes, ErrorsOfScales) {
  Encoded e;
  std::optional<QuantError> error =
      encode({1, 2, -200000, 100000}, {{4}, {2}}, getBinary(), e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::ScaleOverflow);
  EXPECT_EQ(error->index, 2);
  EXPECT_EQ(error->value, 200000);
  EXPECT_EQ(error->needed, 150000);
  // The sum of magnitudes may exceed f32, their mean does not.
  const float big = getMaxFinite(FloatKind::F32);
  const QuantFormat format = getBinary(FloatKind::F32);
  ASSERT_FALSE(encode({big, -big, big}, {{3}, {3}}, format, e));
  EXPECT_EQ(decode(e, {{3}, {3}}, format), (Floats{big, -big, big}));
}

TEST(BinaryCodes, WantNoOffset) {
  QuantFormat format = getBinary();
  EXPECT_TRUE(format.isValid());
  format.bits = 2;
  EXPECT_FALSE(format.isValid());
  format.bits = 1;
  format.narrow = true;
  EXPECT_FALSE(format.isValid());
  format.narrow = false;
  format.offset = QuantFormat::Offset::Zero;
  EXPECT_FALSE(format.isValid());
  format.offset = QuantFormat::Offset::None;
  format.codes = CodeKind::Integer;
  EXPECT_FALSE(format.isValid());
}

/// No stored scale has a smaller squared error, and a search finds no other.
TEST(BinaryCodes, MeanIsLeastSquares) {
  constexpr int64_t numBlocks = 20, size = 37;
  const QuantShape shape = {{numBlocks, size}, {1, size}};
  const Floats values = makeNormal(numBlocks, size, 40);
  for (FloatKind kind : {FloatKind::F16, FloatKind::F8E8M0FNU}) {
    const QuantFormat format = getBinary(kind);
    Encoded rtn, mse;
    ASSERT_FALSE(encode(values, shape, format, rtn));
    ASSERT_FALSE(encode(values, shape, format, mse, quantizeMse));
    EXPECT_TRUE(rtn == mse);
    Floats scales = reference::fromBytes(kind, rtn.scales);
    for (int64_t b = 0; b < numBlocks; ++b) {
      auto getError = [&](double scale) {
        double sum = 0;
        for (int64_t i = 0; i < size; ++i) {
          double error = std::abs(double(values[b * size + i])) - scale;
          sum += error * error;
        }
        return sum;
      };
      const unsigned code = reference::toBits(kind, scales[b]);
      for (unsigned other : {code - 1, code + 1})
        EXPECT_LE(getError(scales[b]),
                  getError(reference::fromBits(kind, other)));
    }
  }
}

//===----------------------------------------------------------------------===//
// Ternary
//===----------------------------------------------------------------------===//

TEST(TernaryCodes, RoundToNearest) {
  // The scale is the largest magnitude; a half is a tie and goes to zero.
  Encoded e;
  const QuantShape shape = {{2, 5}, {1, 5}};
  ASSERT_FALSE(encode({-4, 4, 2, 2.5f, -1.5f, 0, -0.0f, 0, 0, 0}, shape,
                      getTernary(), e));
  EXPECT_EQ(e.scales, (Bytes{0x00, 0x44, 0, 0}));
  EXPECT_EQ(e.codes, (Bytes{0x47, 0x00, 0x00, 0x00}));
  EXPECT_EQ(decode(e, shape, getTernary()),
            (Floats{-4, 4, 0, 4, 0, 0, 0, 0, 0, 0}));
  e.codes[0] = 0x87; // the fourth code is -2
  std::optional<StorageError> error =
      validateStorage(shape, getTernary(), e.codes, e.scales, {});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, StorageError::Kind::CodeOutOfRange);
  EXPECT_EQ(error->index, 3);
}

/// Against the optimum: the k largest magnitudes are not zero, for the best k,
/// and the scale is their mean. (Li et al., "Ternary Weight Networks", 2016)
TEST(TernaryCodes, MseReachesTheOptimum) {
  constexpr int64_t numBlocks = 24;
  const QuantFormat format = getTernary(FloatKind::F32);
  for (int64_t size : {8, 32, 1000, 4096}) {
    const QuantShape shape = {{numBlocks, size}, {1, size}};
    const Floats values = makeNormal(numBlocks, size, unsigned(41 + size));
    Encoded e;
    ASSERT_FALSE(encode(values, shape, format, e, quantizeMse));
    EXPECT_FALSE(validateStorage(shape, format, e.codes, e.scales, {}));
    const Floats decoded = decode(e, shape, format);
    for (int64_t b = 0; b < numBlocks; ++b) {
      double error = 0, squares = 0, sum = 0, gain = 0;
      std::vector<double> magnitudes;
      for (int64_t i = b * size; i < (b + 1) * size; ++i) {
        double difference = double(decoded[i]) - double(values[i]);
        error += difference * difference;
        squares += double(values[i]) * values[i];
        magnitudes.push_back(std::abs(double(values[i])));
      }
      std::sort(magnitudes.rbegin(), magnitudes.rend());
      for (int64_t k = 1; k <= size; ++k) {
        sum += magnitudes[k - 1];
        gain = std::max(gain, sum * sum / double(k));
      }
      EXPECT_LE(error, 1.001 * (squares - gain))
          << "block " << b << " of " << size;
    }
  }
}

//===----------------------------------------------------------------------===//
// Six bits
//===----------------------------------------------------------------------===//

TEST(SixBitCodes, PackFourCodesInThreeBytes) {
  QuantFormat format;
  format.bits = 6;
  Encoded e;
  const QuantShape shape = {{5}, {5}};
  ASSERT_FALSE(encode({-32, 31, 1, -2, 5}, shape, format, e));
  // 0x20 + (0x1f << 6) + (0x01 << 12) + (0x3e << 18), then 5.
  EXPECT_EQ(e.codes, (Bytes{0xe0, 0x17, 0xf8, 0x05}));
  EXPECT_EQ(decode(e, shape, format), (Floats{-32, 31, 1, -2, 5}));
  e.codes[3] |= 0x40;
  std::optional<StorageError> error =
      validateStorage(shape, format, e.codes, e.scales, {});
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, StorageError::Kind::Padding);
  EXPECT_EQ(error->index, 3);
}
