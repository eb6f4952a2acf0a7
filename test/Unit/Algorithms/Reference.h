//===- Reference.h - Slow and plain quantization ----------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Round-to-nearest quantization once more, from the text of Quantize.h: one
// element after the other, llvm::APFloat for conversions, no layout tricks.
// What the library computes must agree with it in every bit.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TEST_UNIT_ALGORITHMS_REFERENCE_H
#define COMPRESS_TEST_UNIT_ALGORITHMS_REFERENCE_H

#include "compress/Algorithms/Quantize.h"

#include <cstdint>
#include <vector>

namespace mlir::compress::algorithms::reference {

/// Conversions of one value by llvm::APFloat.
uint32_t toBits(FloatKind kind, float value);
float fromBits(FloatKind kind, uint32_t bits);
inline float round(FloatKind kind, float value) {
  return fromBits(kind, toBits(kind, value));
}

/// What a code stands for; of floating-point codes by llvm::APFloat.
float getValue(const QuantFormat &format, unsigned code);
/// The largest finite value of floating-point codes.
float getMaxValue(CodeKind codes);
/// The nearest code that is not an integer: ties to even, saturated.
unsigned roundToCode(CodeKind codes, float value);

/// Little-endian bytes of `values`.
std::vector<uint8_t> toBytes(FloatKind kind, const std::vector<float> &values);
std::vector<float> fromBytes(FloatKind kind, const std::vector<uint8_t> &bytes);

struct Encoded {
  std::vector<uint8_t> codes, scales, offsets;
  bool operator==(const Encoded &other) const {
    return codes == other.codes && scales == other.scales &&
           offsets == other.offsets;
  }
};

/// Block index of each element.
std::vector<int64_t> getBlockIndices(const QuantShape &shape);

/// Expects weights that have an encoding.
Encoded quantize(const std::vector<float> &values, const QuantShape &shape,
                 const QuantFormat &format);
std::vector<float> dequantize(const Encoded &encoded, const QuantShape &shape,
                              const QuantFormat &format, FloatKind logical);

} // namespace mlir::compress::algorithms::reference

#endif // COMPRESS_TEST_UNIT_ALGORITHMS_REFERENCE_H
