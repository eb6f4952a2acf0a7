//===- OneSignTest.cpp - Unsigned codes of negative values ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Quantize.h"
#include "gtest/gtest.h"

#include <random>
#include <vector>

using namespace mlir::compress::algorithms;
using Floats = std::vector<float>;

namespace {
struct Result {
  std::optional<QuantError> error;
  Floats scales, offsets, decoded;
};
} // namespace

/// Encodes blocks of f32, with f32 scales, and decodes what is stored.
static Result quantize(decltype(quantizeRtn) *quantize, const Floats &values,
                       int64_t block, const QuantFormat &format) {
  QuantShape shape{{int64_t(values.size())}, {block}};
  QuantSizes sizes = *computeSizes(shape, format);
  std::vector<uint8_t> codes(sizes.codeBytes), scales(sizes.scaleBytes),
      offsets(sizes.offsetBytes);
  llvm::ArrayRef<uint8_t> source(
      reinterpret_cast<const uint8_t *>(values.data()), 4 * values.size());
  Result result;
  result.error = quantize(source, FloatKind::F32, shape, format, codes, scales,
                          offsets, Isa::Auto);
  if (result.error)
    return result;
  result.scales.resize(scales.size() / 4);
  result.offsets.resize(offsets.size() / 4);
  result.decoded.resize(values.size());
  widenToF32(FloatKind::F32, scales, result.scales);
  widenToF32(FloatKind::F32, offsets, result.offsets);
  EXPECT_TRUE(dequantizeRange(shape, format, FloatKind::F32, codes, scales,
                              offsets, 0, result.decoded));
  return result;
}

static double getError(const Floats &values, const Floats &decoded) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i)
    sum += (double(values[i]) - decoded[i]) * (double(values[i]) - decoded[i]);
  return sum;
}

TEST(OneSign, NegativeScale) {
  QuantFormat format;
  format.bits = 4;
  format.isSigned = false;
  // A block of each sign, and one of zeros.
  const Floats values = {0, 1, 2, 15, -30, -2, 0, -14, 0, 0, -0.0f, 0};
  Result result = quantize(quantizeRtn, values, 4, format);
  ASSERT_FALSE(result.error);
  EXPECT_EQ(result.scales, (Floats{1, -2, 0}));
  EXPECT_EQ(result.decoded, values);

  result = quantize(quantizeRtn, {0, 1, 2, 3, -1, 0, 0, 4}, 4, format);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, QuantError::Kind::Negative);
  EXPECT_EQ(result.error->index, 4);
  EXPECT_EQ(result.error->value, -1);

  // Powers of two have no sign.
  format.scale = FloatKind::F8E8M0FNU;
  result = quantize(quantizeRtn, {0, 1, 2, 15, -1, 0, 0, -3}, 4, format);
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->kind, QuantError::Kind::Negative);
  EXPECT_EQ(result.error->index, 4);
}

TEST(OneSign, NegativeScaleOfLeastError) {
  QuantFormat format;
  format.bits = 2;
  format.isSigned = false;
  Floats values(64), mirrored(64);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (size_t i = 0; i < values.size(); ++i)
    mirrored[i] = -(values[i] = std::abs(normal(random)));
  Result positive = quantize(quantizeMse, values, 32, format);
  Result negative = quantize(quantizeMse, mirrored, 32, format);
  for (size_t i = 0; i < positive.scales.size(); ++i) {
    EXPECT_GT(positive.scales[i], 0);
    EXPECT_EQ(negative.scales[i], -positive.scales[i]);
  }
  EXPECT_EQ(getError(mirrored, negative.decoded),
            getError(values, positive.decoded));
  EXPECT_LT(
      getError(values, positive.decoded),
      getError(values, quantize(quantizeRtn, values, 32, format).decoded));
}

TEST(OneSign, MinimumAtMostZero) {
  QuantFormat format;
  format.bits = 4;
  format.isSigned = false;
  format.offset = QuantFormat::Offset::Min;
  format.offsetKind = FloatKind::F32;
  const Floats values = {15, 30, 21, 30, -1, 14, 3, 0};
  Result free = quantize(quantizeRtn, values, 4, format);
  EXPECT_EQ(free.offsets, (Floats{15, -1}));
  EXPECT_EQ(free.scales, (Floats{1, 1}));
  EXPECT_EQ(free.decoded, values);

  format.minAtMostZero = true;
  Result bound = quantize(quantizeRtn, values, 4, format);
  EXPECT_EQ(bound.offsets, (Floats{0, -1}));
  EXPECT_EQ(bound.scales, (Floats{2, 1}));
  EXPECT_EQ(bound.decoded, (Floats{16, 30, 20, 30, -1, 14, 3, 0}));
  for (float offset : quantize(quantizeMse, values, 4, format).offsets)
    EXPECT_LE(offset, 0);
}
