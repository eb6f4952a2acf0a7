//===- NmSparsityTest.cpp - N of M elements against brute force -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/NmSparsity.h"
#include "SparseReference.h"

#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"

#include <cmath>
#include <numeric>

using namespace mlir::compress::algorithms;
using namespace sparse_reference;
using Kind = SparseError::Kind;

namespace {

std::string describe(const NmShape &shape, FloatKind kind) {
  std::string text = std::to_string(shape.kept) + ":" +
                     std::to_string(shape.group) + " along " +
                     std::to_string(shape.axis) + " of";
  for (int64_t size : shape.shape)
    text += " " + std::to_string(size);
  return text + " " + getFloatKindName(kind).str();
}

struct Encoded {
  Bytes values, metadata;
};

Encoded encode(const Bytes &source, FloatKind kind, const NmShape &shape) {
  std::optional<NmSizes> sizes = computeSizes(shape);
  EXPECT_TRUE(sizes);
  Encoded encoded{Bytes(sizes->numValues * getByteWidth(kind)),
                  Bytes(sizes->metadataBytes)};
  EXPECT_FALSE(
      encodeNmMagnitude(source, kind, shape, encoded.values, encoded.metadata));
  return encoded;
}

Bytes decode(const Encoded &encoded, FloatKind kind, const NmShape &shape) {
  Bytes out(computeSizes(shape)->numElements * getByteWidth(kind), 0xff);
  EXPECT_TRUE(decodeNm(shape, kind, encoded.values, encoded.metadata, 0, out));
  return out;
}

/// Stored bytes element by element: order by (|w| descending, index).
Encoded encodeReference(const Bytes &source, FloatKind kind,
                        const NmShape &shape) {
  const int64_t width = getByteWidth(kind), rank = shape.shape.size();
  int64_t outer = 1, inner = 1, length = shape.shape[shape.axis];
  for (int64_t i = 0; i < rank; ++i)
    (i < shape.axis ? outer : inner) *= i == shape.axis ? 1 : shape.shape[i];
  const int64_t groups = (length + shape.group - 1) / shape.group;
  const int64_t stored = groups * shape.kept;
  Bytes values(outer * stored * inner * width);
  std::vector<unsigned> positions(outer * stored * inner);
  const std::vector<float> w = widen(source, kind);
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t size = std::min(shape.group, length - g * shape.group);
        auto at = [&](int64_t m) {
          return (o * length + g * shape.group + m) * inner + i;
        };
        std::vector<int64_t> order(size);
        std::iota(order.begin(), order.end(), 0);
        std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          const float x = std::fabs(w[at(a)]), y = std::fabs(w[at(b)]);
          return x > y || (x == y && a < b);
        });
        for (int64_t m = size; m < shape.kept; ++m)
          order.push_back(m);
        order.resize(shape.kept);
        std::sort(order.begin(), order.end());
        for (int64_t n = 0; n < shape.kept; ++n) {
          const int64_t to = (o * stored + g * shape.kept + n) * inner + i;
          positions[to] = order[n];
          if (order[n] < size)
            std::memcpy(values.data() + to * width,
                        source.data() + at(order[n]) * width, width);
        }
      }
  unsigned bits = 0;
  while ((1 << bits) < shape.group)
    ++bits;
  const int64_t row = shape.axis == rank - 1 ? stored : shape.shape.back();
  return {values, packRows(positions, bits, row)};
}

void check(const Bytes &source, FloatKind kind, const NmShape &shape) {
  SCOPED_TRACE(describe(shape, kind));
  const Encoded encoded = encode(source, kind, shape);
  const Encoded expected = encodeReference(source, kind, shape);
  ASSERT_EQ(encoded.values, expected.values);
  ASSERT_EQ(encoded.metadata, expected.metadata);
  ASSERT_FALSE(validateNm(shape, kind, encoded.values, encoded.metadata));
  // Every element is its source, or zero; the whole as its parts.
  const Bytes decoded = decode(encoded, kind, shape);
  const int64_t width = getByteWidth(kind);
  const int64_t elements = decoded.size() / width;
  for (int64_t i = 0; i < elements; ++i) {
    const uint8_t *d = decoded.data() + i * width;
    ASSERT_TRUE(std::all_of(d, d + width, [](uint8_t b) { return b == 0; }) ||
                std::equal(d, d + width, source.data() + i * width));
  }
  for (int64_t begin = 0; begin < elements; begin += elements / 5 + 1) {
    const int64_t n = std::min(elements - begin, elements / 3 + 1);
    Bytes part(n * width, 0xff);
    ASSERT_TRUE(
        decodeNm(shape, kind, encoded.values, encoded.metadata, begin, part));
    ASSERT_TRUE(
        std::equal(part.begin(), part.end(), decoded.begin() + begin * width));
  }
  // Projection.
  const Encoded again = encode(decoded, kind, shape);
  ASSERT_EQ(decode(again, kind, shape), decoded);
  ASSERT_EQ(again.metadata, encoded.metadata);
}

TEST(NmSparsity, KeepsTheLargestTiesToTheLowerIndex) {
  const NmShape shape{{1, 8}, 1, 2, 4};
  const Bytes source =
      narrow({1, -3, 2, -1, /*ties*/ -2, 2, 2, 2}, FloatKind::F32);
  const Encoded encoded = encode(source, FloatKind::F32, shape);
  EXPECT_EQ(widen(encoded.values, FloatKind::F32),
            (std::vector<float>{-3, 2, -2, 2}));
  // Positions 1, 2 and 0, 1 of two bits each, the first in the lowest.
  EXPECT_EQ(encoded.metadata, (Bytes{0b01'00'10'01}));
  EXPECT_EQ(widen(decode(encoded, FloatKind::F32, shape), FloatKind::F32),
            (std::vector<float>{0, -3, 2, 0, -2, 2, 0, 0}));
}

TEST(NmSparsity, StoresExplicitZeros) {
  const NmShape shape{{5}, 0, 3, 4};
  const Bytes source = narrow({0, 0, 0, 7, 5}, FloatKind::F16);
  const Encoded encoded = encode(source, FloatKind::F16, shape);
  // The last group has one element: positions 1 and 2 are outside.
  EXPECT_EQ(widen(encoded.values, FloatKind::F16),
            (std::vector<float>{0, 0, 7, 5, 0, 0}));
  EXPECT_EQ(encoded.metadata, packRows({0, 1, 3, 0, 1, 2}, 2, 6));
  EXPECT_EQ(decode(encoded, FloatKind::F16, shape), source);
}

TEST(NmSparsity, AllFormatsUpTo16AgainstBruteForce) {
  const unsigned seed = 20240607;
  RecordProperty("seed", seed);
  std::printf("seed %u\n", seed);
  Random random(seed);
  for (int64_t group = 2; group <= 16; ++group)
    for (int64_t kept = 1; kept < group; ++kept)
      for (int round = 0; round < (group <= 8 ? 12 : 4); ++round) {
        NmShape shape;
        shape.kept = kept;
        shape.group = group;
        const int64_t rank = random.pick(1, 4);
        for (int64_t i = 0; i < rank; ++i)
          shape.shape.push_back(random.pick(1, rank < 3 ? 90 : 11));
        if (random.pick(0, 30) == 0)
          shape.shape[random.pick(0, rank - 1)] = 0;
        shape.axis = random.pick(0, rank - 1);
        if (random.pick(0, 1))
          shape.shape[shape.axis] = random.pick(1, 12) * group;
        const FloatKind kind = FloatKind(random.pick(0, 2));
        check(random.makeWeight(computeSizes(shape)->numElements, kind), kind,
              shape);
        if (HasFatalFailure())
          return;
      }
}

TEST(NmSparsity, LongRowsInTasks) {
  Random random(11);
  for (const NmShape &shape :
       {NmShape{{3, 300001}, 1, 2, 4}, NmShape{{700001}, 0, 3, 7},
        NmShape{{9, 80001}, 0, 4, 8}})
    check(random.makeWeight(computeSizes(shape)->numElements, FloatKind::BF16),
          FloatKind::BF16, shape);
}

TEST(NmSparsity, SameBytesForAnyNumberOfThreads) {
  Random random(5);
  const NmShape shape{{64, 40000}, 1, 4, 8};
  const Bytes source = random.makeWeight(64 * 40000, FloatKind::F32);
  const Encoded all = encode(source, FloatKind::F32, shape);
  auto strategy = llvm::parallel::strategy;
  llvm::parallel::strategy = llvm::hardware_concurrency(1);
  const Encoded one = encode(source, FloatKind::F32, shape);
  llvm::parallel::strategy = strategy;
  EXPECT_EQ(all.values, one.values);
  EXPECT_EQ(all.metadata, one.metadata);
}

TEST(NmSparsity, NamesTheFirstNonFinite) {
  for (FloatKind kind : {FloatKind::F32, FloatKind::F16, FloatKind::BF16}) {
    std::vector<float> values(1000, 1);
    values[613] = -INFINITY;
    values[900] = NAN;
    const NmShape shape{{10, 100}, 1, 2, 4};
    Bytes v(500 * getByteWidth(kind)), m(10 * 13);
    auto error = encodeNmMagnitude(narrow(values, kind), kind, shape, v, m);
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, Kind::NonFinite);
    EXPECT_EQ(error->index, 613);
    EXPECT_EQ(error->value, -INFINITY);
  }
}

/// Rows and groups of tiles of [lanes, steps], stored step by step.
TEST(NmSparsity, TilesHoldTheSameAndValidPadding) {
  const unsigned seed = 20261128;
  RecordProperty("seed", seed);
  std::printf("seed %u\n", seed);
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    NmShape shape;
    shape.group = random.pick(2, 16);
    shape.kept = random.pick(1, shape.group - 1);
    shape.shape = {random.pick(1, 40), random.pick(1, 90)};
    shape.axis = random.pick(0, 1);
    const int64_t other = 1 - shape.axis, groups = random.pick(1, 3);
    const FloatKind kind = FloatKind(random.pick(0, 2));
    const int64_t width = getByteWidth(kind);
    SCOPED_TRACE(describe(shape, kind));
    const Bytes source =
        random.makeWeight(computeSizes(shape)->numElements, kind);
    const Encoded encoded = encode(source, kind, shape);
    // Of the values, and of the elements.
    TileLayout layout;
    layout.order = {other, shape.axis};
    layout.tile = {16, 16};
    layout.tile[shape.axis] = groups * shape.kept;
    layout.split.assign(layout.tile.begin(), layout.tile.end());
    layout.inside = {shape.axis, other};
    TileLayout elements = layout;
    elements.tile[shape.axis] = elements.split[shape.axis] =
        groups * shape.group;
    NmShape tiled = shape;
    tiled.shape.assign(elements.getShape(shape.shape));
    tiled.axis = 2;
    const NmSizes sizes = *computeSizes(tiled);
    Encoded moved{Bytes(sizes.numValues * width), Bytes(sizes.metadataBytes)};
    moveNmValues(shape, kind, layout, encoded.values, moved.values);
    moveNmPositions(shape, layout, encoded.metadata, moved.metadata);
    ASSERT_FALSE(validateNm(tiled, kind, moved.values, moved.metadata));
    const Bytes decoded = decode(moved, kind, tiled);
    const Bytes expected = decode(encoded, kind, shape);
    Bytes found(decoded.size());
    for (int64_t i = 0; i < shape.shape[0] * shape.shape[1]; ++i) {
      const int64_t index[] = {i / shape.shape[1], i % shape.shape[1]};
      const int64_t lane = index[other], step = index[shape.axis];
      const int64_t steps = groups * shape.group;
      const int64_t at =
          (((lane / 16 * tiled.shape[1]) + step / steps) * steps +
           step % steps) *
              16 +
          lane % 16;
      std::copy_n(&expected[i * width], width, &found[at * width]);
    }
    // What is no element is zero.
    ASSERT_EQ(decoded, found);
  }
}

TEST(NmSparsity, PositionsArePackedInAnyOrder) {
  const unsigned seed = 20261129;
  RecordProperty("seed", seed);
  std::printf("seed %u\n", seed);
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    PackedNmShape packed;
    NmShape &shape = packed.shape;
    shape.group = random.pick(2, 16);
    shape.kept = random.pick(1, shape.group - 1);
    const int64_t rank = random.pick(1, 5), count = random.pick(1, rank);
    for (int64_t i = 0; i < rank; ++i) {
      shape.shape.push_back(random.pick(1, 9));
      if (i >= rank - count)
        packed.order.insert(
            packed.order.begin() + random.pick(0, packed.order.size()), i);
    }
    shape.axis = random.pick(rank - count, rank - 1);
    const FloatKind kind = FloatKind(random.pick(0, 2));
    SCOPED_TRACE(describe(shape, kind));
    const NmSizes sizes = *computeSizes(shape);
    const Encoded encoded =
        encode(random.makeWeight(sizes.numElements, kind), kind, shape);
    // One by one: the positions of a row, in the order of the values, and where
    // each of them goes.
    llvm::SmallVector<int64_t, 8> stored(shape.shape.begin(),
                                         shape.shape.end());
    stored[shape.axis] =
        (stored[shape.axis] + shape.group - 1) / shape.group * shape.kept;
    const int64_t bits = shape.getPositionBits(), inner = stored.back();
    const int64_t innerBytes = (inner * bits + 7) / 8;
    int64_t length = 1;
    for (int64_t i = rank - count; i < rank; ++i)
      length *= stored[i];
    std::vector<unsigned> expected(sizes.numValues);
    for (int64_t i = 0; i < sizes.numValues; ++i) {
      unsigned position = 0;
      for (int64_t bit = 0; bit < bits; ++bit) {
        const int64_t at = i % inner * bits + bit;
        const uint8_t byte = encoded.metadata[i / inner * innerBytes + at / 8];
        position |= (byte >> at % 8 & 1) << bit;
      }
      std::vector<int64_t> index(rank);
      for (int64_t dim = rank - 1, rest = i; dim >= 0; rest /= stored[dim--])
        index[dim] = rest % stored[dim];
      int64_t place = 0;
      for (int64_t dim : packed.order)
        place = place * stored[dim] + index[dim];
      expected[i / length * length + place] =
          position ^ (index[shape.axis] % shape.kept);
    }
    Bytes bytes(packed.getNumBytes()), back(sizes.metadataBytes);
    packNmPositions(packed, encoded.metadata, bytes);
    ASSERT_EQ(bytes, packRows(expected, bits, length));
    unpackNmPositions(packed, bytes, back);
    ASSERT_EQ(back, encoded.metadata);
    ASSERT_FALSE(validatePackedNm(packed, kind, encoded.values, bytes));
    const Bytes decoded = decode(encoded, kind, shape);
    Bytes out(decoded.size(), 0xff);
    ASSERT_TRUE(decodePackedNm(packed, kind, encoded.values, bytes, 0, out));
    ASSERT_EQ(out, decoded);
    // Bits behind the last position.
    if (length * bits % 8) {
      bytes.back() |= 0x80;
      auto error = validatePackedNm(packed, kind, encoded.values, bytes);
      ASSERT_TRUE(error && error->kind == Kind::Padding);
    }
  }
}

TEST(NmSparsity, OneOfTwoOrFourIsTwoOfFour) {
  const unsigned seed = 20261130;
  RecordProperty("seed", seed);
  std::printf("seed %u\n", seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    NmShape shape;
    shape.kept = 1;
    shape.group = random.pick(0, 1) ? 2 : 4;
    const int64_t rank = random.pick(1, 4);
    for (int64_t i = 0; i < rank; ++i)
      shape.shape.push_back(random.pick(1, 9));
    shape.axis = random.pick(0, rank - 1);
    shape.shape[shape.axis] *= 4;
    NmShape pairs = shape;
    pairs.kept = 2;
    pairs.group = 4;
    const FloatKind kind = FloatKind(random.pick(0, 2));
    SCOPED_TRACE(describe(shape, kind));
    const Encoded encoded = encode(
        random.makeWeight(computeSizes(shape)->numElements, kind), kind, shape);
    const NmSizes sizes = *computeSizes(pairs);
    Encoded paired{Bytes(sizes.numValues * getByteWidth(kind)),
                   Bytes(sizes.metadataBytes)};
    pairNmValues(shape, kind, encoded.values, encoded.metadata, paired.values,
                 paired.metadata);
    ASSERT_FALSE(validateNm(pairs, kind, paired.values, paired.metadata));
    ASSERT_EQ(decode(paired, kind, pairs), decode(encoded, kind, shape));
  }
}

TEST(NmSparsity, ZerosAreTheFirstPositions) {
  const PackedNmShape packed{{{2, 8}, 1, 2, 4}, {0, 1}};
  Bytes values(8 * 2), zeros(packed.getNumBytes()), metadata(2);
  EXPECT_FALSE(validatePackedNm(packed, FloatKind::F16, values, zeros));
  unpackNmPositions(packed, zeros, metadata);
  EXPECT_EQ(metadata, (Bytes{0x44, 0x44}));
  // Two that do not increase: 1 and 1 ^ 1.
  zeros[0] = 0x01;
  auto error = validatePackedNm(packed, FloatKind::F16, values, zeros);
  ASSERT_TRUE(error && error->kind == Kind::Position);
  EXPECT_TRUE(
      validatePackedNm(packed, FloatKind::F16, values, Bytes(1))->kind ==
      Kind::InvalidArgument);
  Bytes out(2);
  EXPECT_FALSE(
      decodePackedNm(packed, FloatKind::F16, values, Bytes(1), 0, out));
}

TEST(NmSparsity, RefusesWhatDoesNotFit) {
  EXPECT_FALSE(computeSizes({{8}, 0, 4, 4}));
  EXPECT_FALSE(computeSizes({{8}, 0, 0, 4}));
  EXPECT_FALSE(computeSizes({{8}, 0, 2, 17}));
  EXPECT_FALSE(computeSizes({{8}, 1, 2, 4}));
  EXPECT_FALSE(computeSizes({{-8}, 0, 2, 4}));
  EXPECT_FALSE(computeSizes({{INT64_MAX / 2, 4}, 0, 2, 4}));
  EXPECT_FALSE(computeSizes({{INT64_MAX / 128, INT64_MAX / 128}, 0, 2, 4}));
  const NmShape shape{{4, 8}, 1, 2, 4};
  Bytes source(32 * 4), values(16 * 4), metadata(4), out(33 * 4);
  EXPECT_TRUE(encodeNmMagnitude(Bytes(31 * 4), FloatKind::F32, shape, values,
                                metadata));
  EXPECT_FALSE(
      encodeNmMagnitude(source, FloatKind::F32, shape, values, metadata));
  EXPECT_FALSE(decodeNm(shape, FloatKind::F32, values, metadata, 0, out));
  EXPECT_FALSE(decodeNm(shape, FloatKind::F32, values, Bytes(5), 0, Bytes()));
}

TEST(NmSparsity, FindsBadPositions) {
  const NmShape shape{{2, 6}, 1, 2, 4};
  Bytes values(8 * 4);
  // Rows of two groups, the last of two elements: positions 0, 1 only.
  auto test = [&](std::vector<unsigned> positions) -> int64_t {
    auto error =
        validateNm(shape, FloatKind::F32, values, packRows(positions, 2, 4));
    return error ? error->index : -1;
  };
  EXPECT_EQ(test({0, 3, 0, 1, 1, 2, 0, 1}), -1);
  EXPECT_EQ(test({3, 3, 0, 1, 1, 2, 0, 1}), 1);
  EXPECT_EQ(test({0, 3, 0, 1, 2, 1, 0, 1}), 5);
  EXPECT_EQ(test({0, 3, 0, 2, 1, 2, 0, 1}), 3);
  // Three bits for 5 positions; one byte and padding.
  const NmShape odd{{5}, 0, 2, 5};
  EXPECT_FALSE(validateNm(odd, FloatKind::F32, Bytes(8), {0b00'100'001}));
  EXPECT_EQ(validateNm(odd, FloatKind::F32, Bytes(8), {0b00'101'001})->kind,
            Kind::Position);
  EXPECT_EQ(validateNm(odd, FloatKind::F32, Bytes(8), {0b01'100'001})->kind,
            Kind::Padding);
  EXPECT_EQ(validateNm(odd, FloatKind::F32, narrow({1, NAN}, FloatKind::F32),
                       {0b00'100'001})
                ->kind,
            Kind::NonFinite);
}

} // namespace
