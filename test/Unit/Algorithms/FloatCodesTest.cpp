//===- FloatCodesTest.cpp - Floating-point codes, one by one --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Samples.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace mlir::compress::algorithms;
using reference::decode;
using reference::encode;
using reference::Encoded;
using reference::Sample;
using Bytes = std::vector<uint8_t>;
using reference::kAllIsas;
using Floats = std::vector<float>;

static constexpr CodeKind kFloatCodes[] = {CodeKind::F8E4M3FN, CodeKind::F8E5M2,
                                           CodeKind::F4E2M1FN};

static QuantFormat makeFormat(CodeKind codes,
                              FloatKind scale = FloatKind::F32) {
  QuantFormat format;
  format.codes = codes;
  format.bits = reference::getBits(codes);
  format.scale = scale;
  return format;
}

static uint32_t getBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static bool isSame(float a, float b) {
  return getBits(a) == getBits(b) || (std::isnan(a) && std::isnan(b));
}

/// Every code once, in order.
static Bytes getAllCodes(const QuantFormat &format) {
  Bytes codes;
  for (unsigned code = 0; code < 256; code += 8 / format.bits)
    codes.push_back(format.bits == 8 ? code : code | (code + 1) << 4);
  codes.resize(format.bits == 8 ? 256 : 8);
  return codes;
}

//===----------------------------------------------------------------------===//
// Exhaustive
//===----------------------------------------------------------------------===//

TEST(FloatCodes, DecodesEveryCodeAsAPFloatDoes) {
  for (CodeKind codes : kFloatCodes) {
    const QuantFormat format = makeFormat(codes);
    const int64_t count = int64_t(1) << format.bits;
    for (float scale : {1.0f, 0.37f, -3e-5f}) {
      Encoded e{
          getAllCodes(format), reference::toBytes(FloatKind::F32, {scale}), {}};
      for (Isa isa : kAllIsas) {
        Floats values = decode(e, {{count}, {count}}, format, isa);
        for (int64_t code = 0; code < count; ++code)
          EXPECT_TRUE(
              isSame(values[code], scale * reference::getValue(format, code)))
              << int(codes) << ": " << code;
        // A scale for each element.
        Encoded columns = e;
        columns.scales =
            reference::toBytes(FloatKind::F32, Floats(count, scale));
        Floats again = decode(columns, {{count}, {1}}, format, isa);
        for (int64_t code = 0; code < count; ++code)
          EXPECT_TRUE(isSame(again[code], values[code]));
      }
    }
  }
}

/// All 256 scales of each 8-bit type, for a code that stands for 1.
TEST(FloatCodes, DecodesEveryScaleAsAPFloatDoes) {
  for (FloatKind scale :
       {FloatKind::F8E4M3FN, FloatKind::F8E5M2, FloatKind::F8E8M0FNU}) {
    const QuantFormat format = makeFormat(CodeKind::F8E4M3FN, scale);
    Encoded e{Bytes(256, 0x38), getAllCodes(format), {}};
    for (Isa isa : kAllIsas) {
      Floats values = decode(e, {{256}, {1}}, format, isa);
      for (unsigned i = 0; i < 256; ++i)
        EXPECT_TRUE(isSame(values[i], reference::fromBits(scale, i)))
            << getFloatKindName(scale).str() << ": " << i;
    }
  }
}

/// Encodes with the scale 1 and compares with llvm::APFloat, which rounds to
/// nearest even what is clamped to the largest number.
static void expectCodes(CodeKind codes, FloatKind kind, const Floats &values) {
  const QuantFormat format = makeFormat(codes);
  const int64_t count = values.size();
  const Bytes source = reference::toBytes(kind, values);
  for (Isa isa : kAllIsas) {
    for (int64_t block : {count, int64_t(1)}) {
      const QuantShape shape = {{count}, {block}};
      Bytes got(computeSizes(shape, format)->codeBytes);
      ASSERT_FALSE(quantizeWithScales(
          source, kind, shape, format,
          reference::toBytes(FloatKind::F32, Floats(count / block, 1)), {}, got,
          isa));
      int64_t mismatches = 0;
      for (int64_t i = 0; i < count; ++i) {
        unsigned code =
            format.bits == 8 ? got[i] : got[i / 2] >> (i % 2 * 4) & 15;
        unsigned expected = reference::roundToCode(codes, values[i]);
        if (code != expected && mismatches++ < 5)
          ADD_FAILURE() << values[i] << " is code " << code << ", expected "
                        << expected;
      }
      EXPECT_EQ(mismatches, 0) << getIsaName(isa).str();
    }
  }
}

TEST(FloatCodes, EncodesEveryHalf) {
  for (CodeKind codes : kFloatCodes)
    for (FloatKind kind : {FloatKind::F16, FloatKind::BF16}) {
      Floats values;
      for (unsigned bits = 0; bits < 65536; ++bits) {
        float value = reference::fromBits(kind, bits);
        if (std::isfinite(value))
          values.push_back(value);
      }
      EXPECT_GT(values.size(), 63000u);
      expectCodes(codes, kind, values);
    }
}

/// All codes, all ties and their neighbours, subnormals of f32, and bits by
/// chance.
TEST(FloatCodes, EncodesSinglesAndTies) {
  for (CodeKind codes : kFloatCodes) {
    const QuantFormat format = makeFormat(codes);
    const float infinity = std::numeric_limits<float>::infinity();
    Floats values = {0.0f,
                     -0.0f,
                     0x1p-149f,
                     -0x1p-149f,
                     0x1p-127f,
                     -0x1p-126f,
                     getMaxFinite(FloatKind::F32),
                     -getMaxFinite(FloatKind::F32)};
    for (unsigned code = 0; code + 1 < 1u << format.bits; ++code) {
      float low = reference::getValue(format, code);
      float high = reference::getValue(format, code + 1);
      if (!std::isfinite(low))
        continue;
      float tie = std::isfinite(high) ? (low + high) / 2 : low * 1.0625f;
      for (float x : {low, tie})
        for (float neighbour : {-infinity, x, infinity})
          values.push_back(std::nextafter(x, neighbour));
    }
    std::mt19937 random(31);
    while (values.size() < 300000) {
      uint32_t bits = random();
      if (values.size() % 2) // around the range of codes
        bits = (bits & 0x87ffffffu) + 0x3c000000u;
      float value;
      std::memcpy(&value, &bits, sizeof(value));
      if (std::isfinite(value))
        values.push_back(value);
    }
    expectCodes(codes, FloatKind::F32, values);
  }
}

/// Every finite code comes back, for scales and logical types of all kinds.
TEST(FloatCodes, ProjectionOfEveryCode) {
  std::mt19937 random(32);
  for (CodeKind codes : kFloatCodes)
    for (FloatKind scaleKind :
         {FloatKind::F32, FloatKind::F16, FloatKind::BF16, FloatKind::F8E4M3FN,
          FloatKind::F8E5M2, FloatKind::F8E8M0FNU})
      for (FloatKind logical : {FloatKind::F32, FloatKind::BF16}) {
        Sample sample;
        sample.format = makeFormat(codes, scaleKind);
        sample.kind = logical;
        const int64_t count = int64_t(1) << sample.format.bits;
        sample.shape = {{count}, {count}};
        Encoded e = reference::allocate(sample);
        e.codes = getAllCodes(sample.format);
        if (sample.format.bits == 8)
          for (uint8_t &code : e.codes)
            if (!std::isfinite(reference::getValue(sample.format, code)))
              code = 0;
        for (int trial = 0; trial < 200; ++trial) {
          float scale = std::ldexp(1 + float(random() % 8388608) / 8388608,
                                   int(random() % 14) - 6);
          e.scales = reference::toBytes(scaleKind, {scale});
          sample.values.resize(count);
          ASSERT_TRUE(dequantizeRange(sample.shape, sample.format, logical,
                                      e.codes, e.scales, {}, 0, sample.values));
          Bytes again(e.codes.size());
          ASSERT_FALSE(quantizeWithScales(
              reference::toBytes(logical, sample.values), logical, sample.shape,
              sample.format, e.scales, {}, again));
          ASSERT_EQ(again, e.codes) << "scale " << scale;
        }
      }
}

//===----------------------------------------------------------------------===//
// Scales of round to nearest
//===----------------------------------------------------------------------===//

TEST(FloatCodes, ScalesReachTheLargestCode) {
  Encoded e;
  ASSERT_FALSE(
      encode({-896, 2, 6.5f}, {{3}, {3}}, makeFormat(CodeKind::F8E4M3FN), e));
  EXPECT_EQ(reference::fromBytes(FloatKind::F32, e.scales), (Floats{2}));
  // -448; 1; 3.25, a number of four bits.
  EXPECT_EQ(e.codes, (Bytes{0xfe, 0x38, 0x45}));
  ASSERT_FALSE(
      encode({57344, -1.125f}, {{2}, {2}}, makeFormat(CodeKind::F8E5M2), e));
  EXPECT_EQ(e.codes, (Bytes{0x7b, 0xbc})); // the tie goes to -1
  // 3, 2.5 (tie to 2), -0.25 (tie to -0), -12 / 2
  ASSERT_FALSE(encode({6, 5, -0.5f, -12}, {{4}, {4}},
                      makeFormat(CodeKind::F4E2M1FN, FloatKind::F16), e));
  EXPECT_EQ(e.codes, (Bytes{0x45, 0xf8}));
}

/// floor(log2(largest magnitude)) less the exponent of the largest code, as the
/// MX specification v1.0 has it in 6.3.
TEST(FloatCodes, MicroscalingExponents) {
  struct Case {
    CodeKind codes;
    float value;
    uint8_t scale;
    float decoded;
  };
  const Case cases[] = {
      {CodeKind::F4E2M1FN, 6, 127, 6},
      {CodeKind::F4E2M1FN, -7.99f, 127, -6}, // saturates
      {CodeKind::F4E2M1FN, 8, 128, 8},
      {CodeKind::F4E2M1FN, 3.99f, 126, 3},
      {CodeKind::F4E2M1FN, 0x1p-126f, 0, 0x1p-126f},
      {CodeKind::F4E2M1FN, 0x1p127f, 252, 0x1p127f},
      {CodeKind::F8E4M3FN, 448, 127, 448},
      {CodeKind::F8E4M3FN, 511, 127, 448},
      {CodeKind::F8E4M3FN, 512, 128, 512},
      {CodeKind::F8E4M3FN, 1, 119, 1},
      {CodeKind::F8E5M2, 57344, 127, 57344},
      {CodeKind::F8E5M2, 65535, 127, 57344},
      {CodeKind::F8E5M2, -65536, 128, -65536},
      {CodeKind::F8E5M2, 0, 0, 0},
  };
  for (const Case &test : cases) {
    const QuantFormat format = makeFormat(test.codes, FloatKind::F8E8M0FNU);
    Encoded e;
    ASSERT_FALSE(encode({test.value}, {{1}, {1}}, format, e));
    EXPECT_EQ(e.scales, Bytes{test.scale}) << test.value;
    EXPECT_EQ(decode(e, {{1}, {1}}, format), Floats{test.decoded});
  }
}

TEST(FloatCodes, ZeroBlocksDecodeToZeros) {
  for (CodeKind codes : kFloatCodes)
    for (FloatKind scale : {FloatKind::F32, FloatKind::F16, FloatKind::F8E4M3FN,
                            FloatKind::F8E8M0FNU}) {
      const QuantFormat format = makeFormat(codes, scale);
      const QuantShape shape = {{4}, {4}};
      for (auto *quantize : {quantizeRtn, quantizeMse}) {
        Encoded e;
        ASSERT_FALSE(encode({0, 0, 0, 0}, shape, format, e, quantize));
        EXPECT_EQ(e.scales, Bytes(getByteWidth(scale), 0));
        EXPECT_EQ(e.codes, Bytes(format.bits / 2, 0));
        for (float x : decode(e, shape, format))
          EXPECT_EQ(getBits(x), 0u);
        // The sign of a zero is kept.
        ASSERT_FALSE(encode({0, -0.0f, 0, 0}, shape, format, e, quantize));
        EXPECT_EQ(getBits(decode(e, shape, format)[1]), 0x80000000u);
      }
    }
}

TEST(FloatCodes, ScalesThatDoNotFit) {
  const QuantFormat format =
      makeFormat(CodeKind::F4E2M1FN, FloatKind::F8E4M3FN);
  const QuantShape shape = {{4}, {2}};
  Encoded e;
  // 6 * 464 is halfway to what would be 480, and goes to the even 448.
  ASSERT_FALSE(encode({1, 2, 6 * 464, 5}, shape, format, e));
  EXPECT_EQ(e.scales[1], 0x7e);
  std::optional<QuantError> error = encode({1, 2, -2790, 5}, shape, format, e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::ScaleOverflow);
  EXPECT_EQ(error->index, 2);
  EXPECT_EQ(error->value, 2790);
  EXPECT_EQ(error->needed, 465);
  // Integers that are not narrow name a scale with a sign.
  QuantFormat integers;
  integers.bits = 4;
  integers.scale = FloatKind::F8E4M3FN;
  error = encode({1, 2, 4000, 5}, shape, integers, e);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, QuantError::Kind::ScaleOverflow);
  EXPECT_EQ(error->needed, -500);
  // Half the smallest scale, a tie, is zero, and so is the block.
  ASSERT_FALSE(encode({1, 2, 6 * 0x1p-10f, 0}, shape, format, e));
  EXPECT_EQ(e.scales[1], 0);
  EXPECT_EQ(decode(e, shape, format)[2], 0);
}

//===----------------------------------------------------------------------===//
// Scales of least squared error
//===----------------------------------------------------------------------===//

/// Against all scales there are, one after the other.
TEST(FloatCodes, MseWithinOnePercentOfEveryScale) {
  for (CodeKind codes : kFloatCodes)
    for (FloatKind scale : {FloatKind::F8E8M0FNU, FloatKind::F8E4M3FN}) {
      Sample sample;
      sample.format = makeFormat(codes, scale);
      constexpr int64_t numBlocks = 60, size = 32;
      sample.shape = {{numBlocks, size}, {1, size}};
      std::mt19937_64 random(33);
      std::normal_distribution<float> normal;
      for (int64_t i = 0; i < numBlocks * size; ++i) {
        float x = reference::getMaxValue(codes) * normal(random);
        sample.values.push_back(i / size % 2 ? x
                                             : x * std::abs(normal(random)));
      }
      auto getErrors = [&](const Encoded &e) {
        Floats decoded = reference::dequantize(e, sample.shape, sample.format,
                                               FloatKind::F32);
        std::vector<double> errors(numBlocks);
        for (size_t i = 0; i < decoded.size(); ++i) {
          double error = double(decoded[i]) - double(sample.values[i]);
          errors[i / size] += error * error;
        }
        return errors;
      };
      Encoded mse, each;
      ASSERT_FALSE(
          encode(sample.values, sample.shape, sample.format, mse, quantizeMse));
      std::vector<double> got = getErrors(mse);
      std::vector<double> best(numBlocks, 1e30);
      each = mse;
      for (unsigned code = 0; code < 256; ++code) {
        if (!std::isfinite(reference::fromBits(scale, code)))
          continue;
        each.scales.assign(numBlocks, uint8_t(code));
        ASSERT_FALSE(quantizeWithScales(
            reference::toBytes(FloatKind::F32, sample.values), FloatKind::F32,
            sample.shape, sample.format, each.scales, {}, each.codes));
        std::vector<double> errors = getErrors(each);
        for (int64_t b = 0; b < numBlocks; ++b)
          best[b] = std::min(best[b], errors[b]);
      }
      for (int64_t b = 0; b < numBlocks; ++b)
        EXPECT_LE(got[b], 1.01 * best[b])
            << "codes " << int(codes) << ", scale "
            << getFloatKindName(scale).str() << ", block " << b;
    }
}

//===----------------------------------------------------------------------===//
// Formats and storage
//===----------------------------------------------------------------------===//

TEST(FloatCodes, ValidFormats) {
  for (CodeKind codes : kFloatCodes) {
    QuantFormat format = makeFormat(codes);
    EXPECT_TRUE(format.isValid());
    format.narrow = true;
    EXPECT_FALSE(format.isValid());
    format.narrow = false;
    format.bits = 6;
    EXPECT_FALSE(format.isValid());
    format.bits = reference::getBits(codes);
    format.offset = QuantFormat::Offset::Zero;
    EXPECT_FALSE(format.isValid());
  }
  // Offsets are no 8-bit numbers, nor are they beside powers of two.
  QuantFormat format;
  format.offset = QuantFormat::Offset::Zero;
  EXPECT_TRUE(format.isValid());
  format.offsetKind = FloatKind::F8E4M3FN;
  EXPECT_FALSE(format.isValid());
  format.offsetKind = FloatKind::F16;
  EXPECT_TRUE(format.isValid());
  format.scale = FloatKind::F8E8M0FNU;
  EXPECT_FALSE(format.isValid());
  format.offset = QuantFormat::Offset::None;
  EXPECT_TRUE(format.isValid());
}

TEST(FloatCodes, ValidateStorage) {
  using Kind = StorageError::Kind;
  const QuantShape shape = {{2, 4}, {1, 4}};
  for (CodeKind codes : kFloatCodes) {
    const QuantFormat format = makeFormat(codes, FloatKind::F8E8M0FNU);
    for (unsigned code = 0; code < 1u << format.bits; ++code) {
      Bytes bytes(format.bits, 0), scales(2, 127);
      bytes[5 * format.bits / 8] = format.bits == 8 ? code : code << 4;
      std::optional<StorageError> error =
          validateStorage(shape, format, bytes, scales, {});
      ASSERT_EQ(error.has_value(),
                !std::isfinite(reference::getValue(format, code)))
          << "code " << code;
      if (error) {
        EXPECT_EQ(error->kind, Kind::CodeOutOfRange);
        EXPECT_EQ(error->index, 5);
      }
    }
  }
  for (FloatKind scale : {FloatKind::F8E4M3FN, FloatKind::F8E8M0FNU})
    for (unsigned code = 0; code < 256; ++code) {
      std::optional<StorageError> error =
          validateStorage(shape, makeFormat(CodeKind::F4E2M1FN, scale),
                          Bytes(4, 0), Bytes{0, uint8_t(code)}, {});
      ASSERT_EQ(error.has_value(),
                !std::isfinite(reference::fromBits(scale, code)));
      if (error) {
        EXPECT_EQ(error->kind, Kind::NonFiniteScale);
        EXPECT_EQ(error->index, 1);
      }
    }
}
