//===- DType.h - element types of stored tensors --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_DTYPE_H
#define COMPRESS_STORE_DTYPE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mlir::compress::store {

/// Element types of the safetensors format that have whole bytes. The numbers
/// are part of the C ABI (compress-c/Runtime.h).
enum class DType : int32_t {
  Bool = 0,
  U8 = 1,
  I8 = 2,
  U16 = 3,
  I16 = 4,
  U32 = 5,
  I32 = 6,
  U64 = 7,
  I64 = 8,
  F16 = 9,
  BF16 = 10,
  F32 = 11,
  F64 = 12,
  F8_E4M3 = 13,
  F8_E5M2 = 14,
  F8_E8M0 = 15
};

/// A dimension that is known at run time only.
constexpr int64_t kDynamic = -1;

/// The name in safetensors headers, such as "F32" or "BOOL".
std::string_view stringifyDType(DType dtype);
/// The type of such a name; nothing for names that are not known.
std::optional<DType> parseDType(std::string_view name);
/// Bytes of one element.
size_t getDTypeSize(DType dtype);
/// Bytes of a dense tensor; nothing when a dimension is negative or the product
/// does not fit 63 bits, with zeros left out, so that no stride overflows
/// either.
std::optional<uint64_t> computeByteSize(DType dtype,
                                        const std::vector<int64_t> &shape);

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_DTYPE_H
