//===- HuffmanTest.cpp - Length-limited prefix codes ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Huffman.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <iostream>
#include <numeric>
#include <random>

using namespace mlir::compress::algorithms;
using Kind = HuffmanError::Kind;
using Bytes = std::vector<uint8_t>;

namespace {
struct Encoded {
  Bytes table, symbols, offsets, stream, rest;
  HuffmanStorage get() const { return {table, symbols, offsets, stream, rest}; }
  std::array<Bytes *, 5> all() {
    return {&table, &symbols, &offsets, &stream, &rest};
  }
  bool operator==(const Encoded &other) const {
    return table == other.table && symbols == other.symbols &&
           offsets == other.offsets && stream == other.stream &&
           rest == other.rest;
  }
};
} // namespace

static std::optional<HuffmanError>
encode(const Bytes &source, const HuffmanShape &shape, Encoded &out) {
  out.table.assign(shape.getTableBytes(), 0xAA);
  out.symbols.assign(256, 0xAA);
  out.offsets.assign(4 * shape.getNumStreams(), 0xAA);
  out.rest.assign(shape.getNumElements() * (shape.getWidth() - 1), 0xAA);
  return encodeHuffman(source, shape, out.table, out.symbols, out.offsets,
                       out.rest, [&](int64_t size) {
                         out.stream.assign(size, 0xAA);
                         return llvm::MutableArrayRef<uint8_t>(out.stream);
                       });
}

static HuffmanShape makeShape(llvm::ArrayRef<int64_t> shape,
                              llvm::ArrayRef<int64_t> tile,
                              std::optional<FloatKind> split = std::nullopt,
                              unsigned maxLength = 12) {
  HuffmanShape result;
  result.shape.assign(shape.begin(), shape.end());
  result.tile.assign(tile.begin(), tile.end());
  result.maxLength = maxLength;
  result.split = split;
  return result;
}

/// Encodes, checks and decodes, the whole and a part.
static void expectRoundTrip(const Bytes &source, const HuffmanShape &shape,
                            std::mt19937 &random) {
  Encoded encoded;
  ASSERT_FALSE(encode(source, shape, encoded));
  auto error = validateHuffman(shape, encoded.get());
  ASSERT_FALSE(error) << int(error->kind) << " at " << error->index;
  Bytes decoded(source.size());
  ASSERT_TRUE(decodeHuffman(shape, encoded.get(), 0, decoded));
  ASSERT_EQ(decoded, source);
  const int64_t elements = shape.getNumElements(), width = shape.getWidth();
  for (int i = 0; i < 4; ++i) {
    int64_t begin = random() % (elements + 1);
    int64_t count = random() % (elements - begin + 1);
    Bytes part(count * width);
    ASSERT_TRUE(decodeHuffman(shape, encoded.get(), begin, part));
    ASSERT_TRUE(
        std::equal(part.begin(), part.end(), source.begin() + begin * width));
  }
}

/// Bytes of a geometric distribution, or floats of a normal one.
static Bytes makeSource(const HuffmanShape &shape, unsigned kind,
                        std::mt19937 &random) {
  const int64_t elements = shape.getNumElements();
  Bytes source(elements * shape.getWidth());
  if (!shape.split) {
    std::geometric_distribution<int> skewed(kind == 1 ? 0.9 : 0.15);
    const uint8_t constant = random();
    for (uint8_t &byte : source)
      byte = kind == 3   ? constant
             : kind == 2 ? uint8_t(random())
                         : uint8_t(std::min(skewed(random), 255) * 37);
    return source;
  }
  std::normal_distribution<float> normal(0, 0.02f);
  std::vector<float> values(elements);
  for (float &value : values)
    value = kind == 3   ? -0.0f
            : kind == 2 ? std::ldexp(normal(random), random() % 16)
                        : normal(random);
  narrowFromF32(*shape.split, values, source);
  return source;
}

//===----------------------------------------------------------------------===//
// Code lengths
//===----------------------------------------------------------------------===//

/// Cost of a code; EXPECTs that it is complete and short enough.
static uint64_t getCost(const std::vector<uint64_t> &counts,
                        unsigned maxLength) {
  auto lengths = computeCodeLengths(counts, maxLength);
  uint64_t cost = 0, kraft = 0, used = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    cost += counts[i] * lengths[i];
    EXPECT_LE(lengths[i], maxLength);
    if (counts[i]) {
      ++used;
      kraft += uint64_t(1) << (maxLength - lengths[i]);
    } else {
      EXPECT_EQ(lengths[i], 0);
    }
  }
  if (used)
    EXPECT_EQ(kraft, uint64_t(1) << maxLength);
  return cost;
}

TEST(HuffmanLengths, ByHand) {
  std::vector<uint64_t> counts(256);
  EXPECT_EQ(getCost(counts, 12), 0u);
  counts[7] = 5;
  EXPECT_EQ(getCost(counts, 12), 0u); // one symbol needs no bits
  counts[200] = 1;
  EXPECT_EQ(getCost(counts, 12), 6u);
  // Fibonacci numbers make the deepest tree there is.
  std::vector<uint64_t> fibonacci(15);
  fibonacci[0] = fibonacci[1] = 1;
  for (size_t i = 2; i < fibonacci.size(); ++i)
    fibonacci[i] = fibonacci[i - 1] + fibonacci[i - 2];
  auto lengths = computeCodeLengths(fibonacci, 14);
  EXPECT_EQ(lengths[14], 1);
  EXPECT_EQ(lengths[0], 14);
  getCost(fibonacci, 8);
  std::vector<uint64_t> flat(256, 3);
  EXPECT_EQ(getCost(flat, 8), 256u * 3 * 8);
}

/// The least cost of n sorted weights by trying all numbers of codes per
/// length.
static uint64_t findLeastCost(llvm::ArrayRef<uint64_t> sorted, unsigned length,
                              unsigned maxLength, uint64_t open) {
  // `open` nodes at this depth, all of which have to become codes in the end.
  if (sorted.empty())
    return open == 0 ? 0 : UINT64_MAX;
  if (open == 0 || length > maxLength ||
      (length < 63 && open << (maxLength - length) < sorted.size()))
    return UINT64_MAX;
  uint64_t best = UINT64_MAX, cost = 0;
  for (uint64_t take = 0; take <= std::min<uint64_t>(open, sorted.size());
       ++take) {
    if (take)
      cost += sorted[sorted.size() - take] * length;
    uint64_t rest = findLeastCost(sorted.drop_back(take), length + 1, maxLength,
                                  2 * (open - take));
    if (rest != UINT64_MAX)
      best = std::min(best, cost + rest);
  }
  return best;
}

TEST(HuffmanLengths, Optimal) {
  const unsigned seed = 20240817;
  RecordProperty("seed", seed);
  std::cout << "seed " << seed << '\n';
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const size_t n = 2 + random() % 9;
    unsigned maxLength = 4 + random() % 3;
    std::vector<uint64_t> counts(n);
    for (uint64_t &count : counts)
      count =
          1 + (random() % 2 ? random() % 1000 : uint64_t(1) << random() % 12);
    std::vector<uint64_t> sorted(counts);
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(getCost(counts, maxLength),
              findLeastCost(sorted, 0, maxLength, 1))
        << "round " << round;
  }
}

//===----------------------------------------------------------------------===//
// Round trips
//===----------------------------------------------------------------------===//

TEST(Huffman, RoundTrip) {
  const unsigned seed = 4711;
  std::cout << "seed " << seed << '\n';
  std::mt19937 random(seed);
  const std::optional<FloatKind> splits[] = {std::nullopt, FloatKind::BF16,
                                             FloatKind::F16, FloatKind::F32};
  for (int round = 0; round < 1500; ++round) {
    llvm::SmallVector<int64_t> sizes, tile;
    const unsigned rank = 1 + random() % 4;
    for (unsigned i = 0; i < rank; ++i) {
      sizes.push_back(random() % 40 == 0 ? 0 : 1 + random() % 12);
      tile.push_back(1 + random() % 14);
    }
    if (random() % 4 == 0)
      sizes.back() = random() % 3000;
    if (random() % 2)
      tile.back() = 1 + random() % 1000;
    HuffmanShape shape =
        makeShape(sizes, tile, splits[random() % 4], 8 + random() % 7);
    ASSERT_NO_FATAL_FAILURE(
        expectRoundTrip(makeSource(shape, random() % 4, random), shape, random))
        << "round " << round;
  }
}

TEST(Huffman, Parallel) {
  std::mt19937 random(3);
  HuffmanShape shape = makeShape({1000, 700}, {4, 700}, FloatKind::BF16);
  Bytes source = makeSource(shape, 0, random);
  Encoded first, second;
  auto strategy = llvm::parallel::strategy;
  llvm::parallel::strategy = llvm::hardware_concurrency(1);
  EXPECT_FALSE(encode(source, shape, first));
  llvm::parallel::strategy = strategy;
  EXPECT_FALSE(encode(source, shape, second));
  EXPECT_TRUE(first == second);
}

/// Bits of a symbol and the entropy of the source.
static std::pair<double, double> measure(const Bytes &symbols,
                                         const Encoded &encoded) {
  std::vector<double> counts(256);
  for (uint8_t symbol : symbols)
    ++counts[symbol];
  double entropy = 0;
  for (double count : counts)
    if (count)
      entropy -= count / symbols.size() * std::log2(count / symbols.size());
  double stored = encoded.table.size() + encoded.symbols.size() +
                  encoded.offsets.size() + encoded.stream.size();
  return {stored * 8 / symbols.size(), entropy};
}

TEST(Huffman, CloseToEntropy) {
  std::mt19937 random(1);
  HuffmanShape shape = makeShape({1024, 1024}, {4, 1024}, FloatKind::BF16);
  Bytes source = makeSource(shape, 0, random), exponents;
  for (size_t i = 0; i < source.size(); i += 2)
    exponents.push_back(uint8_t(source[i + 1] << 1 | source[i] >> 7));
  Encoded encoded;
  ASSERT_FALSE(encode(source, shape, encoded));
  auto [bits, entropy] = measure(exponents, encoded);
  EXPECT_NEAR(entropy, 2.55, 0.02);
  EXPECT_GE(bits, entropy);
  EXPECT_LE(bits, entropy + 0.08);
}

TEST(Huffman, Degenerate) {
  // One symbol takes no bits, so a stream is its header.
  HuffmanShape shape = makeShape({8, 64}, {2, 64});
  Encoded encoded;
  ASSERT_FALSE(encode(Bytes(512, 9), shape, encoded));
  EXPECT_EQ(encoded.stream.size(),
            size_t(4 * kHuffmanHeader + kHuffmanPadding));
  EXPECT_FALSE(validateHuffman(shape, encoded.get()));
  // Bytes without redundancy are stored as they are, and without a code.
  Bytes all(512);
  std::iota(all.begin(), all.end(), 0);
  ASSERT_FALSE(encode(all, shape, encoded));
  EXPECT_EQ(encoded.stream.size(),
            size_t(512 + 4 * kHuffmanHeader + kHuffmanPadding));
  EXPECT_EQ(encoded.table, Bytes(encoded.table.size()));
  EXPECT_FALSE(validateHuffman(shape, encoded.get()));
  // Two streams of four have none: 255 symbols have codes of 9 bits.
  all.assign(512, 1);
  std::iota(all.begin(), all.begin() + 256, 0);
  ASSERT_FALSE(encode(all, shape, encoded));
  EXPECT_EQ(encoded.stream[0], 1);
  EXPECT_EQ(encoded.stream[128 + kHuffmanHeader], 1);
  EXPECT_EQ(encoded.stream[2 * (128 + kHuffmanHeader)], 0);
  EXPECT_EQ(encoded.stream.size(),
            size_t(2 * 128 + 2 * 16 + 4 * kHuffmanHeader + kHuffmanPadding));
  EXPECT_FALSE(validateHuffman(shape, encoded.get()));
  // No elements.
  HuffmanShape empty = makeShape({0, 64}, {2, 64});
  ASSERT_FALSE(encode({}, empty, encoded));
  EXPECT_FALSE(validateHuffman(empty, encoded.get()));
}

TEST(Huffman, NonFinite) {
  for (FloatKind kind : {FloatKind::F32, FloatKind::F16, FloatKind::BF16})
    for (float bad : {INFINITY, -INFINITY, NAN}) {
      HuffmanShape shape = makeShape({4, 5}, {1, 5}, kind);
      std::vector<float> values(20, 1.5f);
      values[13] = bad;
      Bytes source(20 * shape.getWidth());
      narrowFromF32(kind, values, source);
      Encoded encoded;
      auto error = encode(source, shape, encoded);
      ASSERT_TRUE(error);
      EXPECT_EQ(error->kind, Kind::NonFinite);
      EXPECT_EQ(error->index, 13);
    }
}

TEST(Huffman, InvalidArguments) {
  EXPECT_FALSE(makeShape({}, {}).isValid());
  EXPECT_FALSE(makeShape({2}, {0}).isValid());
  EXPECT_FALSE(makeShape({-1}, {1}).isValid());
  EXPECT_FALSE(makeShape({2, 3}, {1}).isValid());
  EXPECT_FALSE(makeShape({2}, {1}, std::nullopt, 7).isValid());
  EXPECT_FALSE(makeShape({2}, {1}, std::nullopt, 15).isValid());
  EXPECT_FALSE(
      makeShape({int64_t(1) << 40, int64_t(1) << 40}, {1, 1}).isValid());
  EXPECT_FALSE(makeShape({0, int64_t(1) << 40}, {1, 1}).isValid());
  HuffmanShape shape = makeShape({4, 8}, {2, 8});
  Encoded encoded;
  EXPECT_EQ(encode(Bytes(31), shape, encoded)->kind, Kind::InvalidArgument);
  ASSERT_FALSE(encode(Bytes(32), shape, encoded));
  Bytes out(32);
  EXPECT_FALSE(decodeHuffman(shape, encoded.get(), -1, out));
  EXPECT_FALSE(decodeHuffman(shape, encoded.get(), 1, out));
  for (Bytes *part : encoded.all()) {
    Bytes kept = *part;
    if (part == &encoded.stream)
      part->resize(kHuffmanPadding - 1);
    else
      part->push_back(0);
    EXPECT_EQ(validateHuffman(shape, encoded.get())->kind,
              Kind::InvalidArgument);
    EXPECT_FALSE(decodeHuffman(shape, encoded.get(), 0, out));
    *part = kept;
  }
}

//===----------------------------------------------------------------------===//
// Stored data
//===----------------------------------------------------------------------===//

TEST(Huffman, BadData) {
  std::mt19937 random(5);
  HuffmanShape shape = makeShape({4, 64}, {2, 64}, FloatKind::BF16);
  Encoded good;
  ASSERT_FALSE(encode(makeSource(shape, 0, random), shape, good));
  auto expectError = [&](llvm::function_ref<void(Encoded &)> damage, Kind kind,
                         int64_t index) {
    Encoded bad = good;
    damage(bad);
    auto error = validateHuffman(shape, bad.get());
    ASSERT_TRUE(error);
    EXPECT_EQ(error->kind, kind);
    EXPECT_EQ(error->index, index);
  };
  auto at = [](Bytes &bytes, size_t i) -> uint8_t & { return bytes[i]; };
  // A limit that is higher leaves an incomplete code.
  expectError([&](Encoded &e) { at(e.table, 24) ^= 1; }, Kind::Table, 12);
  expectError([&](Encoded &e) { at(e.table, 26) ^= 1; }, Kind::Table, 0);
  expectError([&](Encoded &e) { e.symbols[1] = e.symbols[0]; }, Kind::Symbols,
              1);
  expectError([&](Encoded &e) { e.symbols[255] = 7; }, Kind::Symbols, 255);
  expectError([&](Encoded &e) { e.offsets[0] = 1; }, Kind::Offset, 0);
  expectError([&](Encoded &e) { e.offsets[7] = 255; }, Kind::Offset, 0);
  expectError([&](Encoded &e) { e.stream.back() = 1; }, Kind::Offset, 2);
  expectError([&](Encoded &e) { e.stream.insert(e.stream.end() - 8, 0); },
              Kind::Stream, 1);
  expectError([&](Encoded &e) { e.stream[0] = 2; }, Kind::Stream, 0);
  expectError([&](Encoded &e) { e.stream[0] = 1; }, Kind::Stream, 0);
  expectError([&](Encoded &e) { e.stream[1] ^= 1; }, Kind::Checksum, 0);
  expectError([&](Encoded &e) { std::swap(e.symbols[0], e.symbols[1]); },
              Kind::Checksum, 0);
}
