//===- FloatFormat.h - Floating-point numbers in raw bytes ------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversion between the little-endian bytes of a weight file and f32, the type
// all arithmetic of this library is done in. Weights are f32, f16 or bf16; the
// 8-bit formats are stored types of scales only. Floating-point codes of
// elements are a matter of Quantize.h.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_FLOATFORMAT_H
#define COMPRESS_ALGORITHMS_FLOATFORMAT_H

#include "compress/Algorithms/Isa.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>

namespace mlir::compress::algorithms {

/// Element type of a logical weight, and of scales, zero points and minima. The
/// last three, for scales only, are those of the OCP specifications "8-bit
/// Floating Point (OFP8)" and "Microscaling Formats (MX)", both v1.0. F8E4M3FN
/// has no infinity. F8E8M0FNU is a power of two: it has no sign, no zero and no
/// infinity.
enum class FloatKind : uint8_t { F32, F16, BF16, F8E4M3FN, F8E5M2, F8E8M0FNU };

/// Whether weights, zero points and minima may have this type.
constexpr bool isElementKind(FloatKind kind) { return kind <= FloatKind::BF16; }

/// Bytes of one element.
constexpr unsigned getByteWidth(FloatKind kind) {
  if (kind == FloatKind::F32)
    return 4;
  return isElementKind(kind) ? 2 : 1;
}

/// As MLIR spells the type: "f32", "f16", "bf16", "f8E4M3FN", ...
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
/// from half an ulp above the largest finite value on becomes an infinity, or a
/// NaN where there is none; a NaN stays one, made quiet, with the upper bits of
/// its payload. F32 is a copy. To F8E8M0FNU rounds to the nearest power of two,
/// ties up; what is smaller than the smallest one becomes that, and a negative
/// value (-0 as well) a NaN.
void narrowFromF32(FloatKind kind, llvm::ArrayRef<float> values,
                   llvm::MutableArrayRef<uint8_t> bytes, Isa isa = Isa::Auto);

/// Rounds each value to the nearest value of `kind`, in place.
void roundToKind(FloatKind kind, llvm::MutableArrayRef<float> values,
                 Isa isa = Isa::Auto);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_FLOATFORMAT_H
