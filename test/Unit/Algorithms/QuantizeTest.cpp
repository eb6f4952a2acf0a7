//===- QuantizeTest.cpp - Quantization by hand ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Quantize.h"
#include "Reference.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>

using namespace mlir::compress::algorithms;
using reference::Encoded;
using Bytes = std::vector<uint8_t>;
using Floats = std::vector<float>;
using Offset = QuantFormat::Offset;

static std::optional<QuantError> encode(const Floats &values, FloatKind kind,
                                        const QuantShape &shape,
                                        const QuantFormat &format,
                                        Encoded &out) {
  std::optional<QuantSizes> sizes = computeSizes(shape, format);
  if (!sizes)
    return QuantError{QuantError::Kind::InvalidArgument};
  out.codes.assign(sizes->codeBytes, 0xee);
  out.scales.assign(sizes->scaleBytes, 0xee);
  out.offsets.assign(sizes->offsetBytes, 0xee);
  return quantizeRtn(reference::toBytes(kind, values), kind, shape, format,
                     out.codes, out.scales, out.offsets);
}

static Floats decode(const Encoded &encoded, const QuantShape &shape,
                     const QuantFormat &format,
                     FloatKind logical = FloatKind::F32) {
  Floats out(computeSizes(shape, format)->numElements);
  EXPECT_TRUE(dequantizeRange(shape, format, logical, encoded.codes,
                              encoded.scales, encoded.offsets, 0, out));
  return out;
}

static QuantFormat getInt4() {
  QuantFormat format;
  format.bits = 4;
  format.scale = FloatKind::F16;
  return format;
}

static QuantFormat getNarrowInt8() {
  QuantFormat format;
  format.narrow = true;
  return format;
}

//===----------------------------------------------------------------------===//
// Golden vectors
//===----------------------------------------------------------------------===//

TEST(Quantize, Int4SignedScale) {
  // The largest magnitude is +4: scale 4 / -8 = -0.5 (f16 0xb800), codes
  // 4 -> -8, -1 -> 2, 0.25 -> round(-0.5) = 0, 0.75 -> round(-1.5) = -2,
  // -3.75 -> 7.5, clamped to 7.
  Encoded e;
  QuantShape shape = {{5}, {32}};
  ASSERT_FALSE(
      encode({4, -1, 0.25, 0.75, -3.75}, FloatKind::F32, shape, getInt4(), e));
  EXPECT_EQ(e.scales, (Bytes{0x00, 0xb8}));
  EXPECT_EQ(e.codes, (Bytes{0x28, 0xe0, 0x07})); // the last byte is padded
  EXPECT_EQ(decode(e, shape, getInt4()), (Floats{4, -1, 0, 1, -3.5}));
}

TEST(Quantize, TieOfMagnitudesGoesToLowerIndex) {
  Encoded e;
  QuantShape shape = {{2, 2}, {1, 2}};
  ASSERT_FALSE(encode({-8, 8, 8, -8}, FloatKind::F32, shape, getInt4(), e));
  EXPECT_EQ(e.scales, (Bytes{0x00, 0x3c, 0x00, 0xbc})); // 1, -1
  EXPECT_EQ(e.codes, (Bytes{0x78, 0x78}));
  // The same along the outer dimension.
  shape.block = {2, 1};
  ASSERT_FALSE(encode({-8, 8, 8, -8}, FloatKind::F32, shape, getInt4(), e));
  EXPECT_EQ(e.scales, (Bytes{0x00, 0x3c, 0x00, 0xbc}));
  EXPECT_EQ(e.codes, (Bytes{0x88, 0x77}));
}

TEST(Quantize, Int8Narrow) {
  // 12.7 / 127 in f32; halves of a step go to even codes.
  Encoded e;
  QuantShape shape = {{4}, {4}};
  ASSERT_FALSE(
      encode({254, -254, 3, -5}, FloatKind::F32, shape, getNarrowInt8(), e));
  EXPECT_EQ(reference::fromBytes(FloatKind::F32, e.scales), (Floats{2}));
  EXPECT_EQ(e.codes, (Bytes{127, 0x81, 2, 0xfe}));
}

TEST(Quantize, UnsignedMin) {
  QuantFormat format = getInt4();
  format.isSigned = false;
  format.offset = Offset::Min;
  format.offsetKind = FloatKind::F16;
  Encoded e;
  QuantShape shape = {{4}, {4}};
  ASSERT_FALSE(encode({-1, 14, 1.5, 2.5}, FloatKind::F32, shape, format, e));
  EXPECT_EQ(e.offsets, (Bytes{0x00, 0xbc})); // -1
  EXPECT_EQ(e.scales, (Bytes{0x00, 0x3c}));  // 15 / 15
  EXPECT_EQ(e.codes, (Bytes{0xf0, 0x42}));   // 0, 15, 2.5 -> 2, 3.5 -> 4
  EXPECT_EQ(decode(e, shape, format), (Floats{-1, 14, 1, 3}));
  // A constant block is its minimum; the scale is zero.
  ASSERT_FALSE(encode({3, 3, 3, 3}, FloatKind::F32, shape, format, e));
  EXPECT_EQ(e.scales, (Bytes{0, 0}));
  EXPECT_EQ(decode(e, shape, format), (Floats{3, 3, 3, 3}));
}

TEST(Quantize, ZeroPoint) {
  QuantFormat format;
  format.isSigned = false;
  format.offset = Offset::Zero;
  Encoded e;
  QuantShape shape = {{4}, {4}};
  // [-55, 200]: scale 1, zero 55; 0.5 -> round(0.5) + 55 = 55 as ONNX has it,
  // while adding first would give round(55.5) = 56.
  ASSERT_FALSE(encode({-55, 200, 0.5, 0}, FloatKind::F32, shape, format, e));
  EXPECT_EQ(reference::fromBytes(FloatKind::F32, e.scales), (Floats{1}));
  EXPECT_EQ(e.offsets, (Bytes{55}));
  EXPECT_EQ(e.codes, (Bytes{0, 255, 55, 55}));
  // A real zero point adds first.
  format.offsetKind = FloatKind::F16;
  ASSERT_FALSE(encode({-55, 200, 0.5, 0}, FloatKind::F32, shape, format, e));
  EXPECT_EQ(e.codes, (Bytes{0, 255, 56, 55}));
  // Signed storage; the range [10, 255] is extended to hold 0.
  format.offsetKind = std::nullopt;
  format.isSigned = true;
  ASSERT_FALSE(encode({10, 255, 20, 11}, FloatKind::F32, shape, format, e));
  EXPECT_EQ(e.offsets, (Bytes{0x80}));
  EXPECT_EQ(decode(e, shape, format), (Floats{10, 255, 20, 11}));
}

TEST(Quantize, ThreeBitsPackEightCodesInThreeBytes) {
  QuantFormat format = getInt4();
  format.bits = 3;
  Encoded e;
  QuantShape shape = {{9}, {9}};
  ASSERT_FALSE(encode({-4, -3, -2, -1, 0, 1, 2, 3, -4}, FloatKind::F32, shape,
                      format, e));
  // Codes 4 5 6 7 0 1 2 3 (mod 8), bits from the lowest on: 0xd1a6c... read as
  // the number 4 + 5*8 + 6*64 + 7*512 + 1*2^15 + 2*2^18 + 3*2^21.
  EXPECT_EQ(e.codes, (Bytes{0xac, 0x8f, 0x68, 0x04}));
  EXPECT_EQ(decode(e, shape, format), (Floats{-4, -3, -2, -1, 0, 1, 2, 3, -4}));
}

/// ggml's quantize_row_q4_0, for one block: unsigned codes with the implied
/// zero point 8, element i in the low and i + 16 in the high bits of byte i.
TEST(Quantize, AgreesWithGgmlQ40) {
  Floats x(32);
  for (int i = 0; i < 32; ++i)
    x[i] = 0.37f * float((i * 11) % 32 - 13);
  float largest = 0;
  for (float v : x)
    if (std::abs(v) > std::abs(largest))
      largest = v;
  float d = largest / -8;
  Floats expected(32);
  Bytes codes(32);
  for (int i = 0; i < 32; ++i) {
    codes[i] = std::min(15, int(int8_t(x[i] * (1 / d) + 8.5f)));
    expected[i] = (int(codes[i]) - 8) * reference::round(FloatKind::F16, d);
  }
  Encoded e;
  QuantShape shape = {{32}, {32}};
  ASSERT_FALSE(encode(x, FloatKind::F32, shape, getInt4(), e));
  EXPECT_EQ(e.scales, reference::toBytes(FloatKind::F16, {d}));
  EXPECT_EQ(decode(e, shape, getInt4()), expected);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(((e.codes[i / 2] >> (i % 2 * 4)) ^ 8) & 15, codes[i]);
}

//===----------------------------------------------------------------------===//
// Zeros, subnormals, extremes
//===----------------------------------------------------------------------===//

TEST(Quantize, ZeroBlocksDecodeToZeros) {
  for (Offset offset : {Offset::None, Offset::Zero, Offset::Min}) {
    for (bool isSigned : {true, false}) {
      QuantFormat format;
      format.offset = offset;
      format.isSigned = isSigned;
      if (offset == Offset::Min)
        format.offsetKind = FloatKind::F16;
      if (!format.isValid())
        continue;
      Encoded e;
      QuantShape shape = {{2, 3}, {1, 3}};
      ASSERT_FALSE(encode({0, -0.0f, 0, -0.0f, -0.0f, -0.0f}, FloatKind::F32,
                          shape, format, e));
      EXPECT_EQ(e.scales, Bytes(8, 0));
      for (float x : decode(e, shape, format))
        EXPECT_EQ(x, 0);
    }
  }
}

TEST(Quantize, ScalesThatUnderflow) {
  Encoded e;
  QuantShape shape = {{2, 2}, {1, 2}};
  // 1e-9 / 8 is below the smallest f16: decodes to zeros. 2^-21 / -8 is the
  // smallest subnormal.
  ASSERT_FALSE(encode({1e-9f, -1e-9f, 0x1p-21f, 0x1p-23f}, FloatKind::F32,
                      shape, getInt4(), e));
  EXPECT_EQ(e.scales, (Bytes{0, 0, 0x01, 0x80}));
  EXPECT_EQ(decode(e, shape, getInt4()), (Floats{0, 0, 0x1p-21f, 0x1p-23f}));
}

TEST(Quantize, ExtremesStayFinite) {
  const float big = getMaxFinite(FloatKind::F32);
  Encoded e;
  QuantShape shape = {{3}, {3}};
  QuantFormat wide;
  ASSERT_FALSE(encode({big, -big, 1}, FloatKind::F32, shape, wide, e));
  EXPECT_EQ(decode(e, shape, wide)[0], big);
  ASSERT_FALSE(
      encode({65504, -65504, 1}, FloatKind::F16, shape, getNarrowInt8(), e));
  EXPECT_EQ(decode(e, shape, getNarrowInt8(), FloatKind::F16),
            (Floats{65504, -65504, 0}));
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

TEST(Quantize, NonFiniteReportsLowestIndex) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (FloatKind kind : {FloatKind::F32, FloatKind::F16, FloatKind::BF16}) {
    for (int64_t block : {1, 7, 32, 300000}) {
      Floats values(300000, 0.5f);
      QuantShape shape = {{300000}, {block}};
      Encoded e;
      values[299999] = nan;
      auto error = encode(values, kind, shape, getInt4(), e);
      ASSERT_TRUE(error);
      EXPECT_EQ(error->kind, QuantError::Kind::NonFinite);
      EXPECT_EQ(error->index, 299999);
      EXPECT_TRUE(std::isnan(error->value));
      values[123457] = -infinity;
      error = encode(values, kind, shape, getInt4(), e);
      ASSERT_TRUE(error);
      EXPECT_EQ(error->index, 123457);
      EXPECT_EQ(error->value, -infinity);
    }
  }
}

TEST(Quantize, ScaleOverflow) {
  Floats values(64 * 8, 1.0f);
  values[37 * 8 + 5] = 1e6f; // 1e6 / -8 does not fit f16
  values[41 * 8] = -1e7f;
  Encoded e;
  auto error = encode(values, FloatKind::F32, {{64, 8}, {1, 4}}, getInt4(), e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::ScaleOverflow);
  EXPECT_EQ(error->index, 37 * 8 + 4);
  EXPECT_EQ(error->value, 1e6f);
  EXPECT_EQ(error->needed, -125000);
  // Blocks of 16 rows: the lowest block is that of column 0, from row 32 on.
  error = encode(values, FloatKind::F32, {{64, 8}, {16, 1}}, getInt4(), e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->index, 32 * 8);
  EXPECT_EQ(error->needed, 1250000);

  QuantFormat format = getInt4();
  format.isSigned = false;
  format.offset = Offset::Min;
  format.offsetKind = FloatKind::F16;
  error = encode(values, FloatKind::F32, {{64, 8}, {1, 8}}, format, e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::ScaleOverflow);
  EXPECT_EQ(error->index, 37 * 8);
  values[37 * 8 + 5] = 0;
  error = encode(values, FloatKind::F32, {{64, 8}, {1, 8}}, format, e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::OffsetOverflow);
  EXPECT_EQ(error->index, 41 * 8);
  EXPECT_EQ(error->needed, -1e7);

  // The range of a block may exceed f32.
  const float big = getMaxFinite(FloatKind::F32);
  format.bits = 8;
  format.scale = FloatKind::F32;
  format.offsetKind = FloatKind::F32;
  error = encode({big, -big}, FloatKind::F32, {{2}, {2}}, format, e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::ScaleOverflow);
}

TEST(Quantize, DecodeOverflow) {
  // 65504 / 127 rounds up in f16, so that 127 times it is no f16.
  QuantFormat format = getNarrowInt8();
  format.scale = FloatKind::BF16;
  Encoded e;
  auto error = encode({1, 1, 65504, 2}, FloatKind::F16, {{4}, {2}}, format, e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::DecodeOverflow);
  EXPECT_EQ(error->index, 2);
  EXPECT_EQ(error->value, 65504);
  EXPECT_EQ(error->needed, 516);
}

TEST(Quantize, NegativeForUnsigned) {
  QuantFormat format = getInt4();
  format.isSigned = false;
  Encoded e;
  auto error = encode({1, -0.0f, 3, -2}, FloatKind::F32, {{4}, {4}}, format, e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::Negative);
  EXPECT_EQ(error->index, 3);
  EXPECT_EQ(error->value, -2);
  EXPECT_FALSE(
      encode({1, -0.0f, 3, 15}, FloatKind::F32, {{4}, {4}}, format, e));
  EXPECT_EQ(e.codes, (Bytes{0x01, 0xf3}));
}

TEST(Quantize, InvalidScales) {
  Bytes codes(4);
  QuantShape shape = {{4}, {2}};
  QuantFormat format;
  Bytes scales = reference::toBytes(
      FloatKind::F32, {1, std::numeric_limits<float>::infinity()});
  auto error =
      quantizeWithScales(reference::toBytes(FloatKind::F32, {1, 2, 3, 4}),
                         FloatKind::F32, shape, format, scales, {}, codes);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::InvalidScale);
  EXPECT_EQ(error->index, 2);
}

TEST(Quantize, InvalidArguments) {
  Encoded e;
  QuantFormat format = getInt4();
  auto isInvalid = [](std::optional<QuantError> error) {
    return error && error->kind == QuantError::Kind::InvalidArgument;
  };
  EXPECT_TRUE(isInvalid(encode({1}, FloatKind::F32, {{1}, {0}}, format, e)));
  EXPECT_TRUE(isInvalid(encode({1}, FloatKind::F32, {{1}, {}}, format, e)));
  EXPECT_TRUE(isInvalid(encode({1, 2}, FloatKind::F32, {{1}, {1}}, format, e)));
  format.bits = 5;
  EXPECT_TRUE(isInvalid(encode({1}, FloatKind::F32, {{1}, {1}}, format, e)));
  format.bits = 4;
  format.offset = Offset::Min;
  EXPECT_FALSE(format.isValid());
  format.isSigned = false;
  EXPECT_FALSE(format.isValid());
  format.offsetKind = FloatKind::F16;
  EXPECT_TRUE(format.isValid());
  format.narrow = true;
  EXPECT_FALSE(format.isValid());
}

//===----------------------------------------------------------------------===//
// Sizes and storage
//===----------------------------------------------------------------------===//

TEST(Quantize, Sizes) {
  auto sizes = computeSizes({{3, 5}, {2, 32}}, getInt4());
  ASSERT_TRUE(sizes);
  EXPECT_EQ(sizes->numElements, 15);
  EXPECT_EQ(sizes->numBlocks, 2);
  EXPECT_EQ(sizes->codeBytes, 9);
  EXPECT_EQ(sizes->scaleBytes, 4);
  EXPECT_EQ(sizes->offsetBytes, 0);
  EXPECT_EQ(computeSizes({{}, {}}, getInt4())->codeBytes, 1);
  const int64_t big = int64_t(1) << 31;
  EXPECT_FALSE(computeSizes({{big, big}, {1, 1}}, getInt4()));
  EXPECT_FALSE(computeSizes({{big, big, big}, {1, 1, 1}}, getInt4()));
  EXPECT_EQ(
      computeSizes({{big, 0, big, big}, {1, 1, 1, 1}}, getInt4())->numElements,
      0);
  EXPECT_TRUE(computeSizes(
      {{big, big / 4}, {std::numeric_limits<int64_t>::max(), 1}}, getInt4()));
}

TEST(Quantize, ValidateStorage) {
  using Kind = StorageError::Kind;
  QuantShape shape = {{3, 5}, {1, 5}};
  QuantFormat format = getInt4();
  format.offset = Offset::Zero;
  Bytes codes(9, 0), scales(6, 0), offsets(3, 0);
  auto validate = [&] {
    return validateStorage(shape, format, codes, scales, offsets);
  };
  EXPECT_FALSE(validate());
  offsets[1] = 8;
  ASSERT_TRUE(validate());
  EXPECT_EQ(validate()->kind, Kind::InvalidOffset);
  EXPECT_EQ(validate()->index, 1);
  offsets[1] = 0xf8; // -8
  EXPECT_FALSE(validate());
  scales[5] = 0x7c;
  ASSERT_TRUE(validate());
  EXPECT_EQ(validate()->kind, Kind::NonFiniteScale);
  EXPECT_EQ(validate()->index, 2);
  codes[3] = 0x81; // row 1, column 1
  EXPECT_EQ(validate()->kind, Kind::NonFiniteScale);
  format.narrow = true;
  EXPECT_EQ(validate()->kind, Kind::CodeOutOfRange);
  EXPECT_EQ(validate()->index, 6);
  codes[5] = 0x0f;
  EXPECT_EQ(validate()->kind, Kind::CodeOutOfRange);
  codes[5] = 0x1f;
  EXPECT_EQ(validate()->kind, Kind::Padding);
  EXPECT_EQ(validate()->index, 5);
  codes.pop_back();
  EXPECT_EQ(validate()->kind, Kind::SizeMismatch);
}
