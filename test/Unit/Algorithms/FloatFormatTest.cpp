//===- FloatFormatTest.cpp - Conversions, code by code --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/FloatFormat.h"
#include "Reference.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace mlir::compress::algorithms;

static uint32_t getBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float getFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static const Isa kAllIsas[] = {Isa::Auto, Isa::Baseline, Isa::X86V3,
                               Isa::X86V4};

/// All 65,536 codes, by every variant; NaNs keep their payload.
TEST(FloatFormat, WidensEveryCode) {
  std::vector<uint8_t> bytes(65536 * 2);
  for (unsigned code = 0; code < 65536; ++code) {
    bytes[2 * code] = uint8_t(code);
    bytes[2 * code + 1] = uint8_t(code >> 8);
  }
  for (FloatKind kind : {FloatKind::F16, FloatKind::BF16}) {
    for (Isa isa : kAllIsas) {
      std::vector<float> values(65536);
      widenToF32(kind, bytes, values, isa);
      std::vector<uint8_t> back(65536 * 2);
      narrowFromF32(kind, values, back, isa);
      for (unsigned code = 0; code < 65536; ++code) {
        uint16_t narrowed = back[2 * code] | back[2 * code + 1] << 8;
        if (std::isnan(values[code])) {
          unsigned shift = kind == FloatKind::F16 ? 13 : 16;
          unsigned quiet = kind == FloatKind::F16 ? 0x200 : 0x40;
          unsigned mantissa = 2 * quiet - 1;
          EXPECT_EQ(getBits(values[code]), 0x7f800000u |
                                               (code & mantissa) << shift |
                                               (code & 0x8000u) << 16);
          EXPECT_EQ(narrowed, code | quiet);
          continue;
        }
        EXPECT_EQ(getBits(values[code]),
                  getBits(reference::fromBits(kind, code)));
        EXPECT_EQ(narrowed, code);
      }
    }
  }
}

/// The formats of one byte: what is not a NaN comes back.
TEST(FloatFormat, WidensEveryByte) {
  std::vector<uint8_t> bytes(256);
  for (unsigned code = 0; code < 256; ++code)
    bytes[code] = uint8_t(code);
  for (FloatKind kind :
       {FloatKind::F8E4M3FN, FloatKind::F8E5M2, FloatKind::F8E8M0FNU}) {
    for (Isa isa : kAllIsas) {
      std::vector<float> values(256);
      widenToF32(kind, bytes, values, isa);
      std::vector<uint8_t> back(256);
      narrowFromF32(kind, values, back, isa);
      for (unsigned code = 0; code < 256; ++code) {
        float expected = reference::fromBits(kind, code);
        ASSERT_EQ(std::isnan(values[code]), std::isnan(expected)) << code;
        if (std::isnan(expected)) {
          EXPECT_TRUE(std::isnan(reference::fromBits(kind, back[code])));
          continue;
        }
        EXPECT_EQ(getBits(values[code]), getBits(expected));
        EXPECT_EQ(back[code], code);
      }
    }
  }
}

/// Every boundary between two codes, its neighbours, and random bit patterns.
TEST(FloatFormat, NarrowsAsAPFloatDoes) {
  for (FloatKind kind : {FloatKind::F16, FloatKind::BF16, FloatKind::F8E4M3FN,
                         FloatKind::F8E5M2}) {
    std::vector<float> values = {65504.0f,
                                 65519.996f,
                                 65520.0f,
                                 65536.0f,
                                 0x1p-24f,
                                 0x1p-25f,
                                 -0x1p-25f,
                                 0x1.8p-25f,
                                 0x1p-149f,
                                 -0.0f,
                                 getFloat(0x7f7fffff),
                                 getFloat(0x7f7f7fff),
                                 getFloat(0x7f7f8000),
                                 getFloat(0x7f800000),
                                 getFloat(0xff800001),
                                 getFloat(0x7fffffff)};
    const size_t width = getByteWidth(kind);
    const float infinity = std::numeric_limits<float>::infinity();
    for (unsigned code = 0; code < 1u << (8 * width); ++code) {
      float low = reference::fromBits(kind, code);
      float high = reference::fromBits(kind, code + 1);
      float middle = std::isfinite(low) && std::isfinite(high)
                         ? (low + high) / 2
                         : low * (1 + 0x1p-4f); // half an ulp of some formats
      for (float x : {low, middle})
        for (float neighbour : {-infinity, x, infinity})
          values.push_back(std::nextafter(x, neighbour));
    }
    std::mt19937 random(7);
    for (int i = 0; i < 200000; ++i)
      values.push_back(getFloat(random()));
    for (Isa isa : kAllIsas) {
      std::vector<uint8_t> bytes(values.size() * width);
      narrowFromF32(kind, values, bytes, isa);
      size_t mismatches = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        uint32_t got = bytes[width * i];
        if (width == 2)
          got |= bytes[2 * i + 1] << 8;
        if (got != reference::toBits(kind, values[i]) && mismatches++ < 5)
          ADD_FAILURE() << getFloatKindName(kind).str() << " of bits "
                        << getBits(values[i]) << " is " << got;
      }
      EXPECT_EQ(mismatches, 0u);
    }
  }
}

/// To the nearest power of two: both sides of every boundary, and the ends.
TEST(FloatFormat, NarrowsToPowersOfTwo) {
  std::vector<float> values;
  std::vector<uint8_t> expected;
  for (unsigned code = 0; code < 255; ++code) {
    float power = reference::fromBits(FloatKind::F8E8M0FNU, code);
    EXPECT_EQ(power, std::ldexp(1.0f, int(code) - 127));
    float middle = 1.5f * power; // ties go up
    for (float x : {power, std::nextafter(middle, 0.0f)}) {
      values.push_back(x);
      expected.push_back(uint8_t(code));
    }
    values.push_back(middle);
    expected.push_back(uint8_t(code + 1));
  }
  const float infinity = std::numeric_limits<float>::infinity();
  for (float x : {0.0f, 0x1p-149f, 0x1p-128f}) {
    values.push_back(x);
    expected.push_back(0);
  }
  for (float x : {-0.0f, -1.0f, infinity, -infinity, std::nanf("")}) {
    values.push_back(x);
    expected.push_back(255);
  }
  for (Isa isa : kAllIsas) {
    std::vector<uint8_t> bytes(values.size());
    narrowFromF32(FloatKind::F8E8M0FNU, values, bytes, isa);
    EXPECT_EQ(bytes, expected);
  }
}

TEST(FloatFormat, TakesUnalignedBytesAndAnyLength) {
  std::mt19937 random(3);
  for (FloatKind kind : {FloatKind::F32, FloatKind::F16, FloatKind::BF16,
                         FloatKind::F8E4M3FN, FloatKind::F8E5M2}) {
    for (size_t n : {0, 1, 2, 15, 16, 17, 33, 100}) {
      std::vector<float> values(n);
      for (float &x : values)
        x = float(int(random() % 2001) - 1000) / 64;
      std::vector<uint8_t> bytes(1 + n * getByteWidth(kind));
      narrowFromF32(kind, values, llvm::MutableArrayRef(bytes).drop_front());
      std::vector<float> back(n);
      widenToF32(kind, llvm::ArrayRef(bytes).drop_front(), back);
      roundToKind(kind, values);
      EXPECT_EQ(back, values);
    }
  }
}

TEST(FloatFormat, NamesAndLimits) {
  EXPECT_EQ(getFloatKindName(FloatKind::BF16), "bf16");
  EXPECT_EQ(getMaxFinite(FloatKind::F16), 65504.0f);
  EXPECT_EQ(getFloatKindName(FloatKind::F8E8M0FNU), "f8E8M0FNU");
  EXPECT_EQ(getMaxFinite(FloatKind::F8E4M3FN), 448.0f);
  EXPECT_EQ(getMaxFinite(FloatKind::F8E5M2), 57344.0f);
  EXPECT_EQ(getMaxFinite(FloatKind::F8E8M0FNU), 0x1p127f);
  EXPECT_EQ(getBits(getMaxFinite(FloatKind::BF16)), 0x7f7f0000u);
  EXPECT_TRUE(isSupported(Isa::Baseline));
  EXPECT_EQ(resolveIsa(Isa::Baseline), Isa::Baseline);
  EXPECT_NE(resolveIsa(Isa::Auto), Isa::Auto);
}
