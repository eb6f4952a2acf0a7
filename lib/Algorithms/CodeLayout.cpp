//===- CodeLayout.cpp - Codes packed into bytes ---------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeLayout.h"

#include <algorithm>
#include <cstring>

using namespace mlir::compress::algorithms;

/// Packs up to eight codes into `bits` bytes or less; the last one is padded
/// with zero bits.
static void packGroup(unsigned bits, const uint8_t *codes, unsigned n,
                      uint8_t *out) {
  const uint64_t mask = (uint64_t(1) << bits) - 1;
  uint64_t word = 0;
  for (unsigned i = 0; i < n; ++i)
    word |= (codes[i] & mask) << (i * bits);
  for (unsigned byte = 0; byte * 8 < n * bits; ++byte)
    out[byte] = uint8_t(word >> (byte * 8));
}

/// The inverse for eight codes, sign-extended from the bit `sign`.
static void unpackGroup(unsigned bits, const uint8_t *in, unsigned sign,
                        uint8_t *codes) {
  const unsigned mask = (1u << bits) - 1;
  uint64_t word = 0;
  for (unsigned byte = 0; byte < bits; ++byte)
    word |= uint64_t(in[byte]) << (byte * 8);
  for (unsigned i = 0; i < 8; ++i)
    codes[i] = uint8_t(((unsigned(word >> (i * bits)) & mask) ^ sign) - sign);
}

/// Two bytes to eight codes of two bits, sign-extended if `isSigned`: halves
/// move apart until each has a byte of its own.
static void unpackGroup2(const uint8_t *in, bool isSigned, uint8_t *codes) {
  uint64_t word = in[0] | uint64_t(in[1]) << 32;
  word = (word | word << 12) & 0x000f000f000f000f;
  word = (word | word << 6) & 0x0303030303030303;
  if (isSigned)
    word |= (word >> 1 & 0x0101010101010101) * 0xfc;
  for (unsigned i = 0; i < 8; ++i)
    codes[i] = uint8_t(word >> (i * 8));
}

void CodeLayout::packRow(const Kernels &kernels, const uint8_t *codes,
                         int64_t n, uint8_t *out) const {
  int64_t done = 0;
  if (bits == 1) {
    done = n / 8 * 8;
    kernels.pack1(codes, n / 8, out);
  } else if (bits == 4) {
    done = n / 2 * 2;
    kernels.pack4(codes, n / 2, out);
  } else {
    for (; done + 8 <= n; done += 8)
      packGroup(bits, codes + done, 8, out + done / 8 * bits);
  }
  if (done < n)
    packGroup(bits, codes + done, n - done, out + done * bits / 8);
}

void CodeLayout::pack(const Kernels &kernels, const uint8_t *codes,
                      int64_t begin, int64_t n, uint8_t *out) const {
  if (bits == 8) {
    std::memcpy(out + begin, codes, n);
    return;
  }
  if (!isPadded())
    return packRow(kernels, codes, n,
                   out + begin / 8 * bits + begin % 8 * bits / 8);
  int64_t col = begin % rowLength;
  out += begin / rowLength * rowBytes;
  while (n > 0) {
    int64_t size = std::min(n, rowLength - col);
    packRow(kernels, codes, size, out + col / 8 * bits + col % 8 * bits / 8);
    codes += size;
    n -= size;
    col = 0;
    out += rowBytes;
  }
}

void CodeLayout::unpackRow(const Kernels &kernels, const uint8_t *row,
                           int64_t col, int64_t n, bool isSigned,
                           uint8_t *codes) const {
  const unsigned mask = (1u << bits) - 1;
  const unsigned sign = isSigned ? 1u << (bits - 1) : 0;
  auto unpackOne = [&] {
    int64_t bit = col % 8 * bits;
    const uint8_t *byte = row + col / 8 * bits + bit / 8;
    unsigned word = byte[0];
    if (bit % 8 + bits > 8)
      word |= unsigned(byte[1]) << 8;
    unsigned code = (word >> (bit % 8)) & mask;
    *codes++ = uint8_t((code ^ sign) - sign);
    ++col;
    --n;
  };
  // Whole bytes, or whole groups, as fast as they go.
  const int64_t unit = bits == 4 ? 2 : 8;
  while (n > 0 && col % unit != 0)
    unpackOne();
  const uint8_t *in = row + col / unit * (unit * bits / 8);
  const int64_t units = n / unit, done = units * unit;
  if (bits == 1)
    kernels.unpack1(in, units, codes);
  else if (bits == 4)
    kernels.unpack4(in, units, isSigned, codes);
  else if (bits == 2)
    for (int64_t i = 0; i < units; ++i)
      unpackGroup2(in + i * 2, isSigned, codes + i * 8);
  else
    for (int64_t i = 0; i < units; ++i)
      unpackGroup(bits, in + i * bits, sign, codes + i * 8);
  codes += done;
  col += done;
  n -= done;
  while (n > 0)
    unpackOne();
}

void CodeLayout::unpack(const Kernels &kernels, const uint8_t *bytes,
                        int64_t begin, int64_t n, bool isSigned,
                        uint8_t *codes) const {
  if (bits == 8) {
    std::memcpy(codes, bytes + begin, n);
    return;
  }
  if (!isPadded())
    return unpackRow(kernels, bytes, begin, n, isSigned, codes);
  int64_t col = begin % rowLength;
  const uint8_t *row = bytes + begin / rowLength * rowBytes;
  while (n > 0) {
    int64_t size = std::min(n, rowLength - col);
    unpackRow(kernels, row, col, size, isSigned, codes);
    codes += size;
    n -= size;
    col = 0;
    row += rowBytes;
  }
}

std::optional<int64_t> CodeLayout::findPadding(const uint8_t *bytes,
                                               int64_t rows) const {
  if (!isPadded())
    return std::nullopt;
  const unsigned used = rowLength % 8 * bits % 8;
  for (int64_t row = 1; row <= rows; ++row)
    if (bytes[row * rowBytes - 1] >> used)
      return row * rowBytes - 1;
  return std::nullopt;
}
