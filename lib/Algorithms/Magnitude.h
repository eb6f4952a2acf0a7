//===- Magnitude.h - floats ordered by magnitude ----------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Without its sign, a float is ordered like the integer of its bits. So |w| is
// compared exactly, in any format, without a conversion.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_MAGNITUDE_H
#define COMPRESS_LIB_ALGORITHMS_MAGNITUDE_H

#include "compress/Algorithms/FloatFormat.h"

#include <cstdint>
#include <cstring>

namespace mlir::compress::algorithms {

/// |element| of the bytes at `p`; Key is int32_t for f32, else int16_t.
template <typename Key> inline Key loadMagnitude(const uint8_t *p) {
  Key bits;
  std::memcpy(&bits, p, sizeof(Key));
  constexpr Key mask = sizeof(Key) == 4 ? Key(0x7fffffff) : Key(0x7fff);
  return bits & mask;
}

/// The magnitude of an infinity: finite ones are below.
constexpr int32_t getInfiniteMagnitude(FloatKind kind) {
  return kind == FloatKind::F32   ? 0x7f800000
         : kind == FloatKind::F16 ? 0x7c00
                                  : 0x7f80;
}

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_MAGNITUDE_H
