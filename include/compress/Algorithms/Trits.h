//===- Trits.h - Five ternary codes to a byte -------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytes of four 2-bit two's complement codes, each -1, 0 or 1, and the same
// codes five to a byte: 3^5 = 243 values of 256. A row of codes is stored by
// itself: trit t of it is digit t % 5, the lowest first, of byte t / 5 in base
// 3, plus one. Trits behind the last code of a row are 0, and so are codes in
// its last byte.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_TRITS_H
#define COMPRESS_ALGORITHMS_TRITS_H

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>

namespace mlir::compress::algorithms {

constexpr int64_t kTritsPerByte = 5, kCodesPerByte = 4;
/// One more than the largest stored byte.
constexpr unsigned kTritBytes = 243;

/// Bytes of a row of `rowCodes` codes.
constexpr int64_t getCodeBytes(int64_t rowCodes) {
  return (rowCodes + kCodesPerByte - 1) / kCodesPerByte;
}

/// Bytes that the trits of such a row take.
constexpr int64_t getTritBytes(int64_t rowCodes) {
  return (rowCodes + kTritsPerByte - 1) / kTritsPerByte;
}

/// Packs rows of `rowCodes` codes. Returns the index of the first code that is
/// no trit, or not 0 behind the end of its row, counted over all rows in their
/// bytes, if there is one; `out` is unspecified then. `out` has `getTritBytes`
/// for each row.
std::optional<int64_t> packTrits(llvm::ArrayRef<uint8_t> codes,
                                 int64_t rowCodes,
                                 llvm::MutableArrayRef<uint8_t> out);

/// Unpacks the bytes of codes [begin, begin + out.size()), counted over all
/// rows. The trits have been validated.
void unpackTrits(llvm::ArrayRef<uint8_t> trits, int64_t rowCodes, int64_t begin,
                 llvm::MutableArrayRef<uint8_t> out);

/// What is wrong with stored bytes.
struct TritError {
  enum class Kind : uint8_t {
    /// Byte `index` is 243 or more.
    ByteOutOfRange,
    /// Byte `index`, the last of its row, has a trit other than 0 behind the
    /// last code.
    Padding,
  };
  Kind kind;
  int64_t index = 0;
};

/// Checks what `unpackTrits` takes for granted, and the padding.
std::optional<TritError> validateTrits(llvm::ArrayRef<uint8_t> trits,
                                       int64_t rowCodes);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_TRITS_H
