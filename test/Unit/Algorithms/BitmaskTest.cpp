//===- BitmaskTest.cpp - Bit masks against brute force --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Bitmask.h"
#include "SparseReference.h"

#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"

#include <cmath>
#include <numeric>

using namespace mlir::compress::algorithms;
using namespace sparse_reference;
using Kind = SparseError::Kind;

namespace {

struct Encoded {
  Bytes mask, values, offsets;
};

BitmaskShape makeShape(int64_t rows, int64_t columns, FloatKind kind,
                       std::optional<int64_t> keep) {
  return {rows, columns, keep, getByteWidth(kind)};
}

Encoded gather(const Bytes &source, const BitmaskShape &shape, Bytes mask) {
  Encoded encoded{mask, Bytes(countValues(shape, mask) * shape.width),
                  Bytes(shape.getOffsetBytes())};
  EXPECT_TRUE(
      gatherValues(source, shape, mask, encoded.values, encoded.offsets));
  return encoded;
}

/// Without keep and density: all that is not zero.
Encoded encode(const Bytes &source, FloatKind kind, const BitmaskShape &shape,
               std::optional<double> density) {
  Bytes mask(shape.rows * shape.getRowBytes(), 0xff);
  if (shape.keep)
    EXPECT_FALSE(selectLargestOfRows(source, kind, shape, mask));
  else if (density)
    EXPECT_FALSE(selectLargest(source, kind, shape, *density, mask));
  else
    EXPECT_TRUE(selectNonZero(source, shape, mask));
  return gather(source, shape, mask);
}

Bytes decode(const Encoded &encoded, const BitmaskShape &shape) {
  Bytes out(shape.rows * shape.columns * shape.width, 0xff);
  EXPECT_TRUE(decodeBitmask(shape, encoded.mask, encoded.values,
                            encoded.offsets, 0, out));
  return out;
}

/// The mask, by sorting.
Bytes selectReference(const Bytes &source, FloatKind kind,
                      const BitmaskShape &shape,
                      std::optional<double> density) {
  const std::vector<float> w = widen(source, kind);
  std::vector<unsigned> bits(w.size());
  auto select = [&](int64_t begin, int64_t n, int64_t keep, bool zeros) {
    std::vector<int64_t> order(n);
    std::iota(order.begin(), order.end(), begin);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      const float x = std::fabs(w[a]), y = std::fabs(w[b]);
      return x > y || (x == y && a < b);
    });
    for (int64_t i = 0; i < keep; ++i)
      bits[order[i]] = zeros || w[order[i]] != 0;
  };
  if (shape.keep)
    for (int64_t row = 0; row < shape.rows; ++row)
      select(row * shape.columns, shape.columns, *shape.keep, true);
  else if (density)
    select(0, w.size(), int64_t(*density * double(w.size())), false);
  else
    for (size_t i = 0; i < w.size(); ++i)
      bits[i] = w[i] != 0 || std::signbit(w[i]);
  return packRows(bits, 1, std::max<int64_t>(shape.columns, 1));
}

void check(const Bytes &source, FloatKind kind, const BitmaskShape &shape,
           std::optional<double> density) {
  SCOPED_TRACE(std::to_string(shape.rows) + " x " +
               std::to_string(shape.columns) + " keep " +
               std::to_string(shape.keep.value_or(-1)) + " density " +
               std::to_string(density.value_or(-1)) + " of " +
               getFloatKindName(kind).str());
  const Encoded encoded = encode(source, kind, shape, density);
  ASSERT_EQ(encoded.mask, selectReference(source, kind, shape, density));
  ASSERT_FALSE(validateBitmask(shape, kind, encoded.mask, encoded.values,
                               encoded.offsets));
  const Bytes decoded = decode(encoded, shape);
  const std::vector<unsigned> bits =
      unpackRows(encoded.mask, 1, std::max<int64_t>(shape.columns, 1));
  for (size_t i = 0; i < bits.size(); ++i) {
    Bytes expected(shape.width);
    if (bits[i])
      expected.assign(source.begin() + i * shape.width,
                      source.begin() + (i + 1) * shape.width);
    ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                           decoded.begin() + i * shape.width));
  }
  const int64_t elements = shape.rows * shape.columns;
  for (int64_t begin = 0; begin < elements; begin += elements / 5 + 1) {
    const int64_t n = std::min(elements - begin, elements / 3 + 1);
    Bytes part(n * shape.width, 0xff);
    ASSERT_TRUE(decodeBitmask(shape, encoded.mask, encoded.values,
                              encoded.offsets, begin, part));
    ASSERT_TRUE(std::equal(part.begin(), part.end(),
                           decoded.begin() + begin * shape.width));
  }
  const Encoded again = encode(decoded, kind, shape, density);
  ASSERT_EQ(again.mask, encoded.mask);
  ASSERT_EQ(again.values, encoded.values);
}

TEST(Bitmask, RowsShareOffsets) {
  BitmaskShape shape = makeShape(4, 5, FloatKind::F32, {});
  shape.block = 2;
  const Bytes source =
      narrow({1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4},
             FloatKind::F32);
  const Encoded encoded = encode(source, FloatKind::F32, shape, {});
  EXPECT_EQ(encoded.offsets, (Bytes{0, 0, 0, 0, 3, 0, 0, 0}));
  EXPECT_EQ(decode(encoded, shape), source);
  shape.block = 3;
  EXPECT_FALSE(shape.isValid());
}

/// In another order: the elements one by one, from the last to the first.
TEST(Bitmask, IndicesMoveValues) {
  const unsigned seed = 20261128;
  RecordProperty("seed", seed);
  std::printf("seed %u\n", seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    const FloatKind kind = FloatKind(random.pick(0, 2));
    BitmaskShape from =
        makeShape(2 * random.pick(1, 8), random.pick(1, 40), kind, {});
    if (random.pick(0, 1))
      from.keep = random.pick(0, from.columns);
    else
      from.block = random.pick(1, 2);
    BitmaskShape to = makeShape(from.columns * 2, from.rows / 2, kind, {});
    to.block = random.pick(1, 2);
    const Bytes source = random.makeWeight(from.rows * from.columns, kind);
    const Encoded encoded = encode(source, kind, from, 0.4);
    const Bytes decoded = decode(encoded, from);
    Bytes indices(4 * from.rows * from.columns);
    indexValues(from, encoded.mask, encoded.offsets, indices);
    auto reverse = [](const Bytes &bytes, int64_t width) {
      Bytes reversed;
      for (int64_t i = bytes.size() - width; i >= 0; i -= width)
        reversed.insert(reversed.end(), bytes.begin() + i,
                        bytes.begin() + i + width);
      return reversed;
    };
    indices = reverse(indices, 4);
    Encoded moved{
        Bytes(to.rows * to.getRowBytes()), {}, Bytes(to.getOffsetBytes())};
    maskIndices(to, indices, moved.mask);
    moved.values.resize(countValues(to, moved.mask) * to.width);
    gatherIndices(to, indices, encoded.values, moved.values, moved.offsets);
    ASSERT_FALSE(
        validateBitmask(to, kind, moved.mask, moved.values, moved.offsets));
    ASSERT_EQ(decode(moved, to), reverse(decoded, from.width));
  }
}

TEST(Bitmask, KeepsTheLargestOfEachRow) {
  const BitmaskShape shape = makeShape(2, 5, FloatKind::F32, 2);
  const Encoded encoded =
      encode(narrow({1, -3, 2, -1, 0, /*ties*/ 2, 1, -2, 2, 2}, FloatKind::F32),
             FloatKind::F32, shape, {});
  EXPECT_EQ(encoded.mask, (Bytes{0b00110, 0b00101}));
  EXPECT_EQ(widen(encoded.values, FloatKind::F32),
            (std::vector<float>{-3, 2, 2, -2}));
  EXPECT_TRUE(encoded.offsets.empty());
}

TEST(Bitmask, OneThresholdForTheTensor) {
  const BitmaskShape shape = makeShape(2, 5, FloatKind::F32, {});
  const Bytes source =
      narrow({1, -3, 2, -1, 0, 2, 1, -2, 2, 0}, FloatKind::F32);
  const Encoded encoded = encode(source, FloatKind::F32, shape, 0.45);
  EXPECT_EQ(encoded.mask, (Bytes{0b00110, 0b00101}));
  EXPECT_EQ(encoded.offsets, (Bytes{0, 0, 0, 0, 2, 0, 0, 0}));
  // Zeros are not stored, whatever the density.
  EXPECT_EQ(encode(source, FloatKind::F32, shape, 1).values.size(), 8u * 4);
  // But there is always one value.
  const Encoded none = encode(source, FloatKind::F32, shape, 0);
  EXPECT_EQ(none.mask, (Bytes{0, 0}));
  EXPECT_EQ(none.values, Bytes(4));
  EXPECT_EQ(decode(none, shape), Bytes(40));
}

TEST(Bitmask, NoValueIsLost) {
  const BitmaskShape shape = makeShape(1, 9, FloatKind::F16, {});
  const Bytes source =
      narrow({0, -0.0f, 1e-7f, 0, 5, 0, 0, 0, -1}, FloatKind::F16);
  const Encoded encoded = encode(source, FloatKind::F16, shape, {});
  EXPECT_EQ(encoded.mask, (Bytes{0b00010110, 1}));
  EXPECT_EQ(decode(encoded, shape), source);
  // Bytes and words just as well.
  for (int64_t width : {1, 2, 4}) {
    const BitmaskShape words = {3, 8 / width, {}, width};
    const Bytes bytes = {0, 1, 0, 0, 9, 0,   0, 0, 0, 0,   0, 0,
                         0, 0, 7, 0, 0, 255, 0, 0, 0, 128, 0, 0};
    Bytes mask(3 * words.getRowBytes());
    ASSERT_TRUE(selectNonZero(bytes, words, mask));
    EXPECT_EQ(decode(gather(bytes, words, mask), words), bytes);
  }
}

TEST(Bitmask, AgainstBruteForce) {
  const unsigned seed = 424242;
  std::printf("seed %u\n", seed);
  Random random(seed);
  for (int round = 0; round < 900; ++round) {
    const int64_t rows = random.pick(0, 20) ? random.pick(1, 12) : 0;
    int64_t columns = random.pick(0, 20) ? random.pick(1, 80) : 0;
    if (round % 50 == 0)
      columns = random.pick(2000, 5000);
    const FloatKind kind = FloatKind(random.pick(0, 2));
    const Bytes source = random.makeWeight(rows * columns, kind);
    check(source, kind, makeShape(rows, columns, kind, random.pick(0, columns)),
          {});
    check(source, kind, makeShape(rows, columns, kind, {}),
          double(random.pick(0, 100)) / 100);
    check(source, kind, makeShape(rows, columns, kind, {}), {});
    if (HasFatalFailure())
      return;
  }
}

TEST(Bitmask, SameBytesForAnyNumberOfThreads) {
  Random random(5);
  const Bytes source = random.makeWeight(500 * 4001, FloatKind::F32);
  for (std::optional<int64_t> keep :
       {std::optional<int64_t>(1000), std::optional<int64_t>()}) {
    const BitmaskShape shape = makeShape(500, 4001, FloatKind::F32, keep);
    const Encoded all = encode(source, FloatKind::F32, shape, 0.3);
    auto strategy = llvm::parallel::strategy;
    llvm::parallel::strategy = llvm::hardware_concurrency(1);
    const Encoded one = encode(source, FloatKind::F32, shape, 0.3);
    llvm::parallel::strategy = strategy;
    EXPECT_EQ(all.mask, one.mask);
    EXPECT_EQ(all.values, one.values);
    EXPECT_EQ(all.offsets, one.offsets);
  }
}

TEST(Bitmask, NamesTheFirstNonFinite) {
  std::vector<float> values(60, 1);
  values[33] = NAN;
  values[50] = INFINITY;
  for (FloatKind kind : {FloatKind::F32, FloatKind::F16, FloatKind::BF16}) {
    Bytes mask(6 * 2);
    for (std::optional<int64_t> keep :
         {std::optional<int64_t>(3), std::optional<int64_t>()}) {
      const BitmaskShape shape = makeShape(6, 10, kind, keep);
      auto error =
          keep ? selectLargestOfRows(narrow(values, kind), kind, shape, mask)
               : selectLargest(narrow(values, kind), kind, shape, 0.5, mask);
      ASSERT_TRUE(error);
      EXPECT_EQ(error->kind, Kind::NonFinite);
      EXPECT_EQ(error->index, 33);
    }
  }
}

TEST(Bitmask, FindsWhatDoesNotFit) {
  const BitmaskShape rows = makeShape(2, 5, FloatKind::F32, 2);
  EXPECT_FALSE(
      validateBitmask(rows, FloatKind::F32, {0b11, 0b101}, Bytes(16), {}));
  auto error =
      validateBitmask(rows, FloatKind::F32, {0b11, 0b100101}, Bytes(16), {});
  EXPECT_EQ(error->kind, Kind::Padding);
  EXPECT_EQ(error->index, 1);
  error = validateBitmask(rows, FloatKind::F32, {0b11, 0b10101}, Bytes(16), {});
  EXPECT_EQ(error->kind, Kind::Count);
  EXPECT_EQ(error->index, 1);
  EXPECT_EQ(validateBitmask(rows, FloatKind::F32, {0b11, 0b101},
                            narrow({1, 2, 3, INFINITY}, FloatKind::F32), {})
                ->index,
            3);
  EXPECT_EQ(validateBitmask(rows, FloatKind::F32, {3, 3}, Bytes(15), {})->kind,
            Kind::InvalidArgument);
  const BitmaskShape offsets = makeShape(2, 5, FloatKind::F32, {});
  EXPECT_FALSE(validateBitmask(offsets, FloatKind::F32, {0b11, 0b1}, Bytes(12),
                               {0, 0, 0, 0, 2, 0, 0, 0}));
  EXPECT_EQ(validateBitmask(offsets, FloatKind::F32, {0b11, 0b1}, Bytes(12),
                            {0, 0, 0, 0, 1, 0, 0, 0})
                ->index,
            1);
  EXPECT_EQ(validateBitmask(offsets, FloatKind::F32, {0b11, 0b1}, Bytes(16),
                            {0, 0, 0, 0, 2, 0, 0, 0})
                ->index,
            2);
  EXPECT_FALSE((BitmaskShape{INT64_MAX / 2, 3, {}, 4}).isValid());
  EXPECT_FALSE((BitmaskShape{2, 3, 4, 4}).isValid());
  EXPECT_FALSE((BitmaskShape{2, 3, 2, 3}).isValid());
}

} // namespace
