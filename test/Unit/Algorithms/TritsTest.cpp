//===- TritsTest.cpp ------------------------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Trits.h"
#include "gtest/gtest.h"

#include <random>
#include <vector>

using namespace mlir::compress::algorithms;
using Bytes = std::vector<uint8_t>;

/// Rows of random codes -1, 0 and 1.
static Bytes makeCodes(int64_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  Bytes codes(bytes);
  for (uint8_t &byte : codes)
    for (int i = 0; i < 4; ++i)
      byte = byte << 2 | "\0\1\3"[random() % 3];
  return codes;
}

TEST(Trits, Sizes) {
  EXPECT_EQ(getTritBytes(0), 0);
  EXPECT_EQ(getTritBytes(1), 1);
  EXPECT_EQ(getTritBytes(2), 2);
  EXPECT_EQ(getTritBytes(5), 4);
  EXPECT_EQ(getTritBytes(6), 5);
  EXPECT_EQ(getTritBytes(1024), 820);
}

TEST(Trits, Values) {
  // Codes 0 1 -1 0 | 1 1 0 -1, digits 1 2 0 1 2 | 2 1 0 and padding 1 1.
  Bytes out(2);
  EXPECT_FALSE(packTrits({0x34, 0xc5}, 2, out));
  EXPECT_EQ(out, (Bytes{1 + 2 * 3 + 0 * 9 + 1 * 27 + 2 * 81,
                        2 + 1 * 3 + 0 * 9 + 1 * 27 + 1 * 81}));
  // The largest byte: five ones.
  out.resize(4);
  EXPECT_FALSE(packTrits(Bytes(5, 0x55), 5, out));
  EXPECT_EQ(out, Bytes(4, 242));
}

TEST(Trits, RoundTrip) {
  for (int64_t codeBytes : {1, 2, 3, 4, 5, 6, 9, 10, 64, 103}) {
    const int64_t rows = 7;
    Bytes codes = makeCodes(rows * codeBytes, codeBytes);
    Bytes trits(rows * getTritBytes(codeBytes));
    ASSERT_FALSE(packTrits(codes, codeBytes, trits));
    EXPECT_FALSE(validateTrits(trits, codeBytes));
    Bytes whole(codes.size());
    unpackTrits(trits, codeBytes, 0, whole);
    EXPECT_EQ(whole, codes);
    // From within a row, over the end of one.
    const int64_t begin = codeBytes / 2;
    Bytes part(codeBytes + 1);
    unpackTrits(trits, codeBytes, begin, part);
    EXPECT_EQ(part, Bytes(codes.begin() + begin,
                          codes.begin() + begin + codeBytes + 1));
  }
}

TEST(Trits, NoTrit) {
  Bytes codes(12, 0), out(12);
  codes[7] = 0x20; // -2 is its third code
  EXPECT_EQ(packTrits(codes, 6, out), std::optional<int64_t>(7 * 4 + 2));
}

TEST(Trits, BadBytes) {
  Bytes trits(2 * getTritBytes(6));
  ASSERT_FALSE(packTrits(makeCodes(12, 1), 6, trits));
  Bytes bad = trits;
  bad[7] = 243;
  auto error = validateTrits(bad, 6);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, TritError::Kind::ByteOutOfRange);
  EXPECT_EQ(error->index, 7);
  // 24 trits: the last digit of the fifth byte of a row is padding.
  bad = trits;
  bad[4] = bad[4] % 81 + 2 * 81;
  error = validateTrits(bad, 6);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, TritError::Kind::Padding);
  EXPECT_EQ(error->index, 4);
}
