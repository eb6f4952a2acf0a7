//===- DType.cpp - element types of stored tensors ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/DType.h"

using namespace mlir::compress::store;

// Numbers in safetensors and .npy files are little-endian and are used in
// place.
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

namespace {
struct DTypeInfo {
  std::string_view name;
  size_t size;
};
} // namespace

/// By number.
static constexpr DTypeInfo kDTypes[] = {
    {"BOOL", 1}, {"U8", 1},      {"I8", 1},      {"U16", 2},
    {"I16", 2},  {"U32", 4},     {"I32", 4},     {"U64", 8},
    {"I64", 8},  {"F16", 2},     {"BF16", 2},    {"F32", 4},
    {"F64", 8},  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"F8_E8M0", 1}};

std::string_view mlir::compress::store::stringifyDType(DType dtype) {
  return kDTypes[static_cast<int32_t>(dtype)].name;
}

std::optional<DType> mlir::compress::store::parseDType(std::string_view name) {
  for (size_t i = 0; i < std::size(kDTypes); ++i)
    if (kDTypes[i].name == name)
      return static_cast<DType>(i);
  return std::nullopt;
}

size_t mlir::compress::store::getDTypeSize(DType dtype) {
  return kDTypes[static_cast<int32_t>(dtype)].size;
}

std::optional<uint64_t>
mlir::compress::store::computeByteSize(DType dtype,
                                       const std::vector<int64_t> &shape) {
  int64_t size = static_cast<int64_t>(getDTypeSize(dtype));
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    if (extent == 0)
      empty = true;
    else if (__builtin_mul_overflow(size, extent, &size))
      return std::nullopt;
  }
  return empty ? 0 : size;
}
