//===- QuantizeRandomTest.cpp - Quantization against the reference --------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Samples.h"

#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <random>

using namespace mlir::compress::algorithms;
using reference::Encoded;
using reference::Generator;
using reference::kAllIsas;
using reference::Sample;
using Floats = std::vector<float>;
using Offset = QuantFormat::Offset;

/// Encodes from memory at an odd address if `misaligned`.
static Encoded encode(const Sample &sample, Isa isa = Isa::Auto,
                      bool misaligned = false) {
  Encoded out = allocate(sample);
  std::vector<uint8_t> bytes = reference::toBytes(sample.kind, sample.values);
  if (misaligned)
    bytes.insert(bytes.begin(), 0xee);
  std::optional<QuantError> error = quantizeRtn(
      llvm::ArrayRef(bytes).drop_front(misaligned), sample.kind, sample.shape,
      sample.format, out.codes, out.scales, out.offsets, isa);
  EXPECT_FALSE(error) << "error " << int(error->kind) << " at " << error->index;
  return out;
}

/// Bytes of encode and bits of decode, for random everything.
TEST(QuantizeRandom, MatchesReference) {
  for (unsigned seed = 0; seed < 1500; ++seed) {
    Generator generator(seed);
    Sample sample = generator.makeSample();
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
    Encoded expected =
        reference::quantize(sample.values, sample.shape, sample.format);
    Isa isa = kAllIsas[seed % 4];
    Encoded got = encode(sample, isa, /*misaligned=*/seed % 3 == 0);
    ASSERT_EQ(got.scales, expected.scales);
    ASSERT_EQ(got.offsets, expected.offsets);
    ASSERT_EQ(got.codes, expected.codes);
    EXPECT_FALSE(validateStorage(sample.shape, sample.format, got.codes,
                                 got.scales, got.offsets));

    Floats values =
        reference::dequantize(got, sample.shape, sample.format, sample.kind);
    int64_t count = values.size();
    int64_t begin = generator.pick(0, count);
    int64_t size = seed % 2 ? count - begin : generator.pick(0, count - begin);
    Floats decoded(size);
    ASSERT_TRUE(dequantizeRange(sample.shape, sample.format, sample.kind,
                                got.codes, got.scales, got.offsets, begin,
                                decoded, isa));
    for (int64_t i = 0; i < size; ++i)
      ASSERT_TRUE(decoded[i] == values[begin + i] &&
                  std::signbit(decoded[i]) == std::signbit(values[begin + i]))
          << "element " << begin + i;
  }
}

/// Encoding what was decoded, with the scales it was decoded with, gives the
/// same codes; with a minimum, the same values but for an ulp.
TEST(QuantizeRandom, Projection) {
  for (unsigned seed = 5000; seed < 5600; ++seed) {
    Generator generator(seed);
    Sample sample = generator.makeSample();
    // F16 underflows, and BF16 does not count to 255.
    if (sample.kind == FloatKind::F16 || sample.format.bits == 8)
      sample.kind = FloatKind::F32;
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + sample.describe());
    Encoded first = encode(sample);
    Sample again = sample;
    ASSERT_TRUE(dequantizeRange(sample.shape, sample.format, sample.kind,
                                first.codes, first.scales, first.offsets, 0,
                                again.values));
    Encoded second = first;
    second.codes.assign(first.codes.size(), 0xee);
    ASSERT_FALSE(
        quantizeWithScales(reference::toBytes(sample.kind, again.values),
                           sample.kind, sample.shape, sample.format,
                           first.scales, first.offsets, second.codes));
    if (sample.format.offset != Offset::Min) {
      ASSERT_EQ(second.codes, first.codes);
      continue;
    }
    Floats values(again.values.size());
    ASSERT_TRUE(dequantizeRange(sample.shape, sample.format, sample.kind,
                                second.codes, second.scales, second.offsets, 0,
                                values));
    float ulp = sample.kind == FloatKind::F32 ? 0x1p-23f : 0x1p-7f;
    Floats minima =
        reference::fromBytes(*sample.format.offsetKind, first.offsets);
    std::vector<int64_t> blocks = reference::getBlockIndices(sample.shape);
    for (size_t i = 0; i < values.size(); ++i)
      ASSERT_LE(std::abs(values[i] - again.values[i]),
                ulp *
                    std::max(std::abs(values[i]), std::abs(minima[blocks[i]])));
  }
}

/// Every code of every format comes back, for scales of all kinds.
TEST(QuantizeRandom, ProjectionOfEveryCode) {
  for (unsigned bits : {2u, 3u, 4u, 6u, 8u}) {
    for (bool isSigned : {false, true}) {
      QuantFormat format;
      format.bits = bits;
      format.isSigned = isSigned;
      format.offset = Offset::Zero;
      const int64_t count = int64_t(1) << bits;
      std::mt19937 random(bits);
      for (int trial = 0; trial < 2000; ++trial) {
        float scale = std::ldexp(1.0f + float(random() % 8388608) / 8388608,
                                 int(random() % 200) - 140);
        Sample sample;
        sample.shape = {{count}, {count}};
        sample.format = format;
        sample.kind = trial % 2 ? FloatKind::F32 : FloatKind::BF16;
        if (sample.kind == FloatKind::BF16 && scale < 0x1p-100f)
          continue;
        int zero = format.getMinCode() + int(random() % count);
        Encoded e = allocate(sample);
        e.scales = reference::toBytes(FloatKind::F32, {scale});
        e.offsets = {uint8_t(zero)};
        int64_t bit = 0;
        std::fill(e.codes.begin(), e.codes.end(), 0);
        for (int64_t code = 0; code < count; ++code, bit += bits) {
          e.codes[bit / 8] |= uint8_t(code << (bit % 8));
          if (bit % 8 + bits > 8)
            e.codes[bit / 8 + 1] |= uint8_t(code >> (8 - bit % 8));
        }
        sample.values.resize(count);
        ASSERT_TRUE(dequantizeRange(sample.shape, format, sample.kind, e.codes,
                                    e.scales, e.offsets, 0, sample.values));
        std::vector<uint8_t> again(e.codes.size());
        ASSERT_FALSE(quantizeWithScales(
            reference::toBytes(sample.kind, sample.values), sample.kind,
            sample.shape, format, e.scales, e.offsets, again));
        if (bits < 8 || sample.kind == FloatKind::F32) {
          ASSERT_EQ(again, e.codes) << "scale " << scale << " zero " << zero;
          continue;
        }
        // A significand of eight bits counts to 128 by less than half steps.
        for (int64_t i = 0; i < count; ++i)
          if (std::abs(format.getMinCode() + i - zero) <= 128) {
            ASSERT_EQ(again[uint8_t(format.getMinCode() + i)],
                      e.codes[uint8_t(format.getMinCode() + i)])
                << "scale " << scale << " zero " << zero;
          }
        Floats values(count);
        ASSERT_TRUE(dequantizeRange(sample.shape, format, sample.kind, again,
                                    e.scales, e.offsets, 0, values));
        for (int64_t i = 0; i < count; ++i)
          ASSERT_LE(std::abs(values[i] - sample.values[i]),
                    0x1p-7f * std::abs(sample.values[i]));
      }
    }
  }
}

/// Weights large enough to be cut into tasks, in every orientation; all threads
/// and all instruction sets give one result, which is the reference's.
TEST(QuantizeRandom, LargeWeightsForAnyThreadsAndIsa) {
  struct Shape {
    QuantShape shape;
    unsigned bits;
    CodeKind codes = CodeKind::Integer;
  };
  const Shape shapes[] = {
      {{{700, 1000}, {1, 32}}, 4},
      {{{700, 1000}, {32, 1}}, 4},
      {{{700, 1001}, {1, 1001}}, 8},
      {{{700, 1001}, {700, 1001}}, 4},
      {{{700, 1000}, {700, 1}}, 8},
      {{{3, 400001}, {2, 400001}}, 3},
      {{{700, 1000}, {128, 128}}, 4},
      {{{1100000}, {1100000}}, 8},
      {{{250, 300, 3, 3}, {1, 32, 3, 3}}, 4},
      {{{250, 300, 3, 3}, {1, 32, 1, 1}}, 4},
      {{{250, 300, 3, 3}, {250, 300, 3, 3}}, 2},
      {{{2, 350001}, {1, 350001}}, 4},
      {{{20, 33333}, {1, 11111}}, 4},
      {{{700, 1001}, {700, 1}}, 6},
      {{{1100000}, {1100000}}, 1, CodeKind::Binary},
      {{{700, 1001}, {1, 1001}}, 1, CodeKind::Binary},
      {{{700, 1001}, {700, 1}}, 1, CodeKind::Binary},
      {{{250, 300, 3, 3}, {250, 300, 3, 3}}, 1, CodeKind::Binary},
      {{{700, 1001}, {1, 1001}}, 8, CodeKind::F8E4M3FN},
      {{{700, 1000}, {128, 128}}, 8, CodeKind::F8E5M2},
      {{{700, 1001}, {1, 32}}, 4, CodeKind::F4E2M1FN},
      {{{700, 1000}, {32, 1}}, 4, CodeKind::F4E2M1FN},
  };
  unsigned seed = 9000;
  for (const Shape &shape : shapes) {
    Generator generator(seed++);
    Sample sample;
    sample.shape = shape.shape;
    do
      sample.format = generator.makeFormat();
    while ((sample.format.codes == CodeKind::Integer) !=
           (shape.codes == CodeKind::Integer));
    sample.format.codes = shape.codes;
    sample.format.bits = shape.bits;
    sample.format.scale = FloatKind::F32;
    sample.kind = generator.pickKind();
    sample.values = generator.makeValues(
        computeSizes(sample.shape, sample.format)->numElements, sample.format,
        sample.kind);
    SCOPED_TRACE("seed " + std::to_string(seed - 1) + ": " + sample.describe());
    Encoded expected =
        reference::quantize(sample.values, sample.shape, sample.format);
    for (Isa isa : kAllIsas) {
      for (unsigned threads : {1u, 5u}) {
        llvm::parallel::strategy = llvm::hardware_concurrency(threads);
        EXPECT_TRUE(encode(sample, isa) == expected)
            << getIsaName(isa).str() << ", " << threads << " threads";
      }
    }
  }
}
