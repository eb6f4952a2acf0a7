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
  EXPECT_EQ(getTritBytes(5), 1);
  EXPECT_EQ(getTritBytes(8), 2);
  EXPECT_EQ(getTritBytes(20), 4);
  EXPECT_EQ(getTritBytes(24), 5);
  EXPECT_EQ(getTritBytes(4096), 820);
}

TEST(Trits, Values) {
  // Codes 0 1 -1 0 | 1 1 0 -1, digits 1 2 0 1 2 | 2 1 0 and padding 1 1.
  Bytes out(2);
  EXPECT_FALSE(packTrits({0x34, 0xc5}, 8, out));
  EXPECT_EQ(out, (Bytes{1 + 2 * 3 + 0 * 9 + 1 * 27 + 2 * 81,
                        2 + 1 * 3 + 0 * 9 + 1 * 27 + 1 * 81}));
  // The largest byte: five ones.
  out.resize(4);
  EXPECT_FALSE(packTrits(Bytes(5, 0x55), 20, out));
  EXPECT_EQ(out, Bytes(4, 242));
}

TEST(Trits, RoundTrip) {
  for (int64_t rowCodes : {4, 5, 8, 10, 11, 16, 20, 22, 24, 36, 40, 256, 411}) {
    const int64_t rows = 7, codeBytes = getCodeBytes(rowCodes);
    Bytes codes = makeCodes(rows * codeBytes, rowCodes);
    for (int64_t end = codeBytes; end <= rows * codeBytes; end += codeBytes)
      if (int64_t rest = rowCodes % 4)
        codes[end - 1] &= (1 << 2 * rest) - 1;
    Bytes trits(rows * getTritBytes(rowCodes));
    ASSERT_FALSE(packTrits(codes, rowCodes, trits));
    EXPECT_FALSE(validateTrits(trits, rowCodes));
    Bytes whole(codes.size());
    unpackTrits(trits, rowCodes, 0, whole);
    EXPECT_EQ(whole, codes) << rowCodes;
    // From within a row, over the end of one.
    const int64_t begin = codeBytes / 2;
    Bytes part(codeBytes + 1);
    unpackTrits(trits, rowCodes, begin, part);
    EXPECT_EQ(part, Bytes(codes.begin() + begin,
                          codes.begin() + begin + codeBytes + 1));
  }
}

TEST(Trits, NoTrit) {
  Bytes codes(12, 0), out(12);
  codes[7] = 0x20; // -2 is its third code
  EXPECT_EQ(packTrits(codes, 24, out), std::optional<int64_t>(7 * 4 + 2));
  // Behind five codes: in the second byte of the third row, behind its first.
  codes[7] = 0;
  codes[5] = 0x04;
  EXPECT_EQ(packTrits(codes, 5, out), std::optional<int64_t>(4 * 4 + 5));
}

TEST(Trits, BadBytes) {
  Bytes trits(2 * getTritBytes(24));
  ASSERT_FALSE(packTrits(makeCodes(12, 1), 24, trits));
  Bytes bad = trits;
  bad[7] = 243;
  auto error = validateTrits(bad, 24);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, TritError::Kind::ByteOutOfRange);
  EXPECT_EQ(error->index, 7);
  // 24 trits: the last digit of the fifth byte of a row is padding.
  bad = trits;
  bad[4] = bad[4] % 81 + 2 * 81;
  error = validateTrits(bad, 24);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, TritError::Kind::Padding);
  EXPECT_EQ(error->index, 4);
}
