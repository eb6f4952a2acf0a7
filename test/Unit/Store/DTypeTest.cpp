//===- DTypeTest.cpp - element types --------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/DType.h"
#include <gtest/gtest.h>

using namespace mlir::compress::store;

TEST(DType, NamesAndSizes) {
  struct {
    DType dtype;
    const char *name;
    size_t size;
  } expected[] = {
      {DType::Bool, "BOOL", 1},       {DType::U8, "U8", 1},
      {DType::I8, "I8", 1},           {DType::U16, "U16", 2},
      {DType::I16, "I16", 2},         {DType::U32, "U32", 4},
      {DType::I32, "I32", 4},         {DType::U64, "U64", 8},
      {DType::I64, "I64", 8},         {DType::F16, "F16", 2},
      {DType::BF16, "BF16", 2},       {DType::F32, "F32", 4},
      {DType::F64, "F64", 8},         {DType::F8_E4M3, "F8_E4M3", 1},
      {DType::F8_E5M2, "F8_E5M2", 1}, {DType::F8_E8M0, "F8_E8M0", 1}};
  int32_t number = 0;
  for (const auto &entry : expected) {
    // The numbers are part of the C ABI.
    EXPECT_EQ(static_cast<int32_t>(entry.dtype), number++);
    EXPECT_EQ(stringifyDType(entry.dtype), entry.name);
    EXPECT_EQ(parseDType(entry.name), entry.dtype);
    EXPECT_EQ(getDTypeSize(entry.dtype), entry.size);
  }
}

TEST(DType, UnknownNames) {
  for (const char *name : {"", "f32", "F4", "F32 ", "C64", "F6_E2M3", "I4"})
    EXPECT_EQ(parseDType(name), std::nullopt) << name;
}

TEST(DType, ByteSize) {
  EXPECT_EQ(computeByteSize(DType::F32, {}), 4u);
  EXPECT_EQ(computeByteSize(DType::F32, {2, 3}), 24u);
  EXPECT_EQ(computeByteSize(DType::F64, {0, 7}), 0u);
  EXPECT_EQ(computeByteSize(DType::U8, {INT64_MAX}), uint64_t(INT64_MAX));
}

TEST(DType, ByteSizeOverflow) {
  EXPECT_EQ(computeByteSize(DType::U16, {INT64_MAX / 2}),
            uint64_t(INT64_MAX - 1));
  EXPECT_EQ(computeByteSize(DType::U16, {INT64_MAX / 2 + 1}), std::nullopt);
  EXPECT_EQ(computeByteSize(DType::U8, {1ll << 32, 1ll << 31}), std::nullopt);
  EXPECT_EQ(computeByteSize(DType::U8, {1ll << 32, 1ll << 32}), std::nullopt);
  // An empty tensor whose strides would overflow.
  EXPECT_EQ(computeByteSize(DType::U8, {0, 1ll << 32, 1ll << 32}),
            std::nullopt);
  EXPECT_EQ(computeByteSize(DType::U8, {1ll << 32, 1ll << 32, 0}),
            std::nullopt);
}

TEST(DType, ByteSizeOfNegativeDimensions) {
  EXPECT_EQ(computeByteSize(DType::U8, {kDynamic}), std::nullopt);
  EXPECT_EQ(computeByteSize(DType::U8, {0, kDynamic}), std::nullopt);
  EXPECT_EQ(computeByteSize(DType::U8, {-2, -3}), std::nullopt);
  EXPECT_EQ(computeByteSize(DType::U8, {INT64_MIN}), std::nullopt);
}
