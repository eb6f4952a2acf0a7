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
/// Bits of the codes that a byte of trits holds.
static constexpr unsigned kBits = 2 * kTritsPerByte;
/// For a byte that is none.
static constexpr uint8_t kNone = 255;

/// Digit `trit` of a row, 0 to 2.
static unsigned getDigit(const uint8_t *row, int64_t trit) {
  return row[trit / kTritsPerByte] / kPowers[trit % kTritsPerByte] % 3;
}

namespace {
/// Bytes of trits, and the codes that they hold.
struct Tables {
  uint16_t codes[256] = {};
  uint8_t trits[1 << kBits];

  Tables() {
    std::fill(std::begin(trits), std::end(trits), kNone);
    for (unsigned byte = 0; byte < kTritBytes; ++byte) {
      unsigned bits = 0;
      for (unsigned digit = 0; digit < kTritsPerByte; ++digit)
        // Digit 0 is -1.
        bits |= (byte / kPowers[digit] % 3 + 3) % 4 << (2 * digit);
      codes[byte] = bits;
      trits[bits] = byte;
    }
  }
};

/// The bits of a row of bytes, some at a time.
class BitReader {
public:
  BitReader(const uint8_t *bytes, int64_t count)
      : next(bytes), end(bytes + count) {}
  unsigned read(unsigned count) {
    for (; available < count; available += 8)
      bits |= uint32_t(next != end ? *next++ : 0) << available;
    unsigned result = bits & ((1u << count) - 1);
    bits >>= count;
    available -= count;
    return result;
  }

private:
  const uint8_t *next, *end;
  uint32_t bits = 0;
  unsigned available = 0;
};
} // namespace

static const Tables &getTables() {
  static const Tables tables;
  return tables;
}

/// The first code of a row that cannot be stored: it is -2, or behind the end.
static int64_t findWrong(const uint8_t *row, int64_t rowCodes) {
  for (int64_t i = 0;; ++i) {
    unsigned code = row[i / kCodesPerByte] >> (i % kCodesPerByte * 2) & 3;
    if (code == 2 || (i >= rowCodes && code != 0))
      return i;
  }
}

std::optional<int64_t>
mlir::compress::algorithms::packTrits(llvm::ArrayRef<uint8_t> codes,
                                      int64_t rowCodes,
                                      llvm::MutableArrayRef<uint8_t> out) {
  const int64_t codeBytes = getCodeBytes(rowCodes),
                rowBytes = getTritBytes(rowCodes);
  const Tables &tables = getTables();
  uint8_t *to = out.data();
  for (int64_t begin = 0; begin < int64_t(codes.size()); begin += codeBytes) {
    const uint8_t *row = &codes[begin];
    BitReader reader(row, codeBytes);
    bool isWrong = false;
    for (int64_t i = 0; i < rowBytes; ++i, ++to) {
      *to = tables.trits[reader.read(kBits)];
      isWrong |= *to == kNone;
    }
    if (int64_t rest = rowCodes % kCodesPerByte)
      isWrong |= row[codeBytes - 1] >> (2 * rest) != 0;
    if (isWrong)
      return begin * kCodesPerByte + findWrong(row, rowCodes);
  }
  return std::nullopt;
}

void mlir::compress::algorithms::unpackTrits(
    llvm::ArrayRef<uint8_t> trits, int64_t rowCodes, int64_t begin,
    llvm::MutableArrayRef<uint8_t> out) {
  const int64_t rowBytes = getTritBytes(rowCodes),
                codeBytes = getCodeBytes(rowCodes);
  const Tables &tables = getTables();
  while (!out.empty()) {
    const uint8_t *row = &trits[begin / codeBytes * rowBytes];
    const int64_t first = begin % codeBytes,
                  count = std::min<int64_t>(out.size(), codeBytes - first);
    // From the byte of trits that has the first code.
    int64_t next = first * kCodesPerByte / kTritsPerByte;
    uint32_t bits = 0;
    unsigned available = 0;
    auto fill = [&] {
      bits |= uint32_t(next < rowBytes ? tables.codes[row[next]] : 0)
              << available;
      ++next;
      available += kBits;
    };
    fill();
    unsigned skipped = first * kCodesPerByte % kTritsPerByte * 2;
    bits >>= skipped;
    available -= skipped;
    for (uint8_t &byte : out.take_front(count)) {
      if (available < 8)
        fill();
      byte = bits;
      bits >>= 8;
      available -= 8;
    }
    begin += count;
    out = out.drop_front(count);
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
