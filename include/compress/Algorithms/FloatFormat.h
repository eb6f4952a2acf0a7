//===- FloatFormat.h - f32, f16 and bf16 in raw bytes -----------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversion between the little-endian bytes of a weight file and f32, the type
// all arithmetic of this library is done in. The 8-bit and 4-bit floating-point
// formats are code formats, not element types; they do not belong here.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_FLOATFORMAT_H
#define COMPRESS_ALGORITHMS_FLOATFORMAT_H

#include "compress/Algorithms/Isa.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace mlir::compress::algorithms {

/// Element type of a logical weight, and of scales, zero points and minima.
enum class FloatKind : uint8_t { F32, F16, BF16 };

/// Bytes of one element.
constexpr unsigned getByteWidth(FloatKind kind) {
  return kind == FloatKind::F32 ? 4 : 2;
}

/// "f32", "f16", "bf16".
llvm::StringRef getFloatKindName(FloatKind kind);

/// The largest finite value of `kind`.
float getMaxFinite(FloatKind kind);

/// Reads `out.size()` elements of `kind` from `bytes`, which holds exactly that
/// many; no alignment is needed. Exact for every value, with subnormals,
/// infinities and the payloads of NaNs.
void widenToF32(FloatKind kind, llvm::ArrayRef<uint8_t> bytes,
                llvm::MutableArrayRef<float> out, Isa isa = Isa::Auto);

/// Writes `values` as elements of `kind` into `bytes`, which holds exactly that
/// many. Rounds to nearest, ties to even, with gradual underflow; a magnitude
/// from half an ulp above the largest finite value on becomes an infinity; a
/// NaN stays one, made quiet, with the upper bits of its payload. F32 is a
/// copy.
void narrowFromF32(FloatKind kind, llvm::ArrayRef<float> values,
                   llvm::MutableArrayRef<uint8_t> bytes, Isa isa = Isa::Auto);

/// Rounds each value to the nearest value of `kind`, in place.
void roundToKind(FloatKind kind, llvm::MutableArrayRef<float> values,
                 Isa isa = Isa::Auto);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_FLOATFORMAT_H
