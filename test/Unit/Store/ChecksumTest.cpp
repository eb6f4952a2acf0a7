//===- ChecksumTest.cpp - XXH3 --------------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/Checksum.h"
#include <gtest/gtest.h>
#include <vector>

using namespace mlir::compress::store;

// Expected values are of Python's xxhash.xxh3_64_hexdigest.
TEST(Checksum, KnownValues) {
  EXPECT_EQ(hashToHex("", 0), "2d06800538d394c2");
  EXPECT_EQ(hashToHex("a", 1), "e6c632b61e964e1f");
  EXPECT_EQ(hashToHex("abc", 3), "78af5f94892f3950");
  EXPECT_EQ(hash("abc", 3), 0x78af5f94892f3950u);
  std::vector<uint8_t> bytes;
  for (int i = 0; i < 256; ++i)
    bytes.push_back(i);
  EXPECT_EQ(hashToHex(bytes.data(), bytes.size()), "9408a4433b952d71");
  bytes.clear();
  for (int i = 0; i < 100000; ++i)
    bytes.push_back(i * 7 % 251);
  EXPECT_EQ(hashToHex(bytes.data(), bytes.size()), "17a701075a95b432");
}

TEST(Checksum, NoData) { EXPECT_EQ(hashToHex(nullptr, 0), "2d06800538d394c2"); }
