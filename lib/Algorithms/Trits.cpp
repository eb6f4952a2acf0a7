//===- Trits.cpp - Five ternary codes to a byte ---------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Trits.h"

#include <algorithm>

using namespace mlir::compress::algorithms;

/// 3^digit.
static constexpr unsigned kPowers[kTritsPerByte] = {1, 3, 9, 27, 81};

/// Digit `trit` of a row, 0 to 2.
static unsigned getDigit(const uint8_t *row, int64_t trit) {
  return row[trit / kTritsPerByte] / kPowers[trit % kTritsPerByte] % 3;
}

/// The code of a digit: digit 0 is -1.
static unsigned getCode(unsigned digit) { return (digit + 3) % 4; }

std::optional<int64_t>
mlir::compress::algorithms::packTrits(llvm::ArrayRef<uint8_t> codes,
                                      int64_t rowCodes,
                                      llvm::MutableArrayRef<uint8_t> out) {
  const int64_t codeBytes = getCodeBytes(rowCodes);
  uint8_t *to = out.data();
  for (int64_t begin = 0; begin < int64_t(codes.size()); begin += codeBytes) {
    if (int64_t rest = rowCodes % kCodesPerByte)
      if (codes[begin + codeBytes - 1] >> (2 * rest))
        return begin * kCodesPerByte + rowCodes;
    for (int64_t trit = 0; trit < rowCodes; ++to) {
      unsigned byte = 0;
      for (unsigned power : kPowers) {
        unsigned digit = 1; // padding
        if (trit < rowCodes) {
          unsigned code = codes[begin + trit / kCodesPerByte] >>
                              (trit % kCodesPerByte * 2) &
                          3;
          if (code == 2)
            return begin * kCodesPerByte + trit;
          digit = (code + 1) % 4; // 3 is -1
        }
        byte += power * digit;
        ++trit;
      }
      *to = byte;
    }
  }
  return std::nullopt;
}

void mlir::compress::algorithms::unpackTrits(
    llvm::ArrayRef<uint8_t> trits, int64_t rowCodes, int64_t begin,
    llvm::MutableArrayRef<uint8_t> out) {
  const int64_t rowBytes = getTritBytes(rowCodes),
                codeBytes = getCodeBytes(rowCodes);
  for (uint8_t &byte : out) {
    const uint8_t *row = trits.data() + begin / codeBytes * rowBytes;
    int64_t first = begin % codeBytes * kCodesPerByte;
    byte = 0;
    for (int64_t i = 0; i < std::min(kCodesPerByte, rowCodes - first); ++i)
      byte |= getCode(getDigit(row, first + i)) << (2 * i);
    ++begin;
  }
}

std::optional<TritError>
mlir::compress::algorithms::validateTrits(llvm::ArrayRef<uint8_t> trits,
                                          int64_t rowCodes) {
  const int64_t rowBytes = getTritBytes(rowCodes);
  for (int64_t i = 0; i < int64_t(trits.size()); ++i) {
    if (trits[i] >= kTritBytes)
      return TritError{TritError::Kind::ByteOutOfRange, i};
    if ((i + 1) % rowBytes != 0)
      continue;
    const uint8_t *row = &trits[i + 1 - rowBytes];
    for (int64_t trit = rowCodes; trit < rowBytes * kTritsPerByte; ++trit)
      if (getDigit(row, trit) != 1)
        return TritError{TritError::Kind::Padding, i};
  }
  return std::nullopt;
}
