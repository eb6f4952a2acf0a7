//===- Quantize.h - Block quantization --------------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Quantization with one scale per block, by round to nearest or for the least
// squared error, and its reference decode. A weight is a row-major tensor of
// f32, f16 or bf16; a block is a box of it.
//
// Codes are integers, bits (b for 2b - 1) or small floating-point numbers; q is
// what a code stands for.
//
// Storage. Codes lie row-major over the logical shape. Codes of less than eight
// bits are packed along the innermost dimension, the lower index in the lower
// bits, and each innermost row is padded to whole bytes with zero bits. Scales
// and offsets lie row-major over the shape ceil(dim / block).
//
// Decode, in f32, rounded once to the logical type; offsets are for integers:
//   no offset:   w = scale * q
//   zero point:  w = scale * (q - zero)
//   minimum:     w = scale * q + min
//
// Encode. The scale (and the offset) is rounded to its stored type first, and
// codes are chosen against the stored values, with clamp to the code range and
// rounding to the nearest code, ties to even:
//   no offset:         q = round(w / scale)
//   bits:              q = w / scale >= 0 ? 1 : -1; a zero of any sign is 1
//   integer zero:      q = round(w / scale) + zero     (as ONNX QuantizeLinear)
//   real-valued zero:  q = round(w / scale + zero)
//   minimum:           q = round((w - min) / scale)
// The division is a true division: a product with the reciprocal would carry
// two roundings and misplace codes near ties, and the loop is bound by memory,
// not by the divider.
//
// Where a scale is zero (a block of zeros, or a scale that underflows in its
// stored type) codes are those of w = 0, and decode gives zeros (or min).
// Floating-point codes keep the sign of a zero; infinities and NaNs are no
// codes.
//
// Scales of round-to-nearest, `lo` and `hi` being the extremes of the block:
//   signed:          (element of largest magnitude, the first one) / qmin, as
//                    ggml's q4_0; its sign is that of the element, negated
//   signed, narrow:  max(-lo, hi) / qmax
//   unsigned:        (element of largest magnitude) / qmax; elements of both
//                    signs, or of the sign that a scale cannot have, are an
//                    error
//   zero point:      (hi - lo) / (qmax - qmin) for [lo, hi] extended to hold 0,
//                    zero = clamp(round(qmin - lo / scale)); (Jacob et al.,
//                    "Quantization and Training of Neural Networks for
//                    Efficient Integer-Arithmetic-Only Inference", CVPR 2018)
//   minimum:         min = lo, or min(lo, 0) where that is asked for,
//                    scale = (hi - min) / qmax, as ggml's q4_1 and K-quants
//   floating point:  max(-lo, hi) / qmax, the largest finite number
//   bits:            the mean magnitude, summed in f64 (Rastegari et al.,
//                    "XNOR-Net", ECCV 2016)
// A scale stored as F8E8M0FNU is the power of two of the OCP specification
// "Microscaling Formats (MX)" v1.0, 6.3, whatever the codes are, bits aside:
//   floor(log2(max(-lo, hi))) - floor(log2(qmax)) is its exponent, clamped; a
//   block of zeros has the smallest one
//
// Scales of least squared error: of about a hundred candidates, each of them
// round to nearest with a part of its range clipped (or added, which gives
// small blocks other codes) and then moved to the least-squares solution for
// its codes, the best ones alternate between codes and least squares until the
// best of all stands still. What counts is the error after the rounding to the
// stored types. Round to nearest itself is the first candidate, so no block
// gets worse; of equal ones the earlier wins. Signed codes that are not narrow
// try both signs of the scale. Offsets are searched together with the scale;
// zero points stay in the range of codes. Floating-point codes have the same
// search, with scales from twice to a twentieth of round to nearest. Scales
// that are powers of two have the 16 exponents from one or two more than that
// of round to nearest downwards. Of bits the mean magnitude is the
// least-squares scale, so there is nothing to search.
//
// Projection: encoding decode(c) with the scales of c gives c again, wherever
// the final rounding of decode moves a value by less than half a step. It may
// move further if the logical type underflows, if it is bf16 (eight bits of
// significand) and |q - zero| exceeds 128, or if |min| is large against scale;
// then the values come back to within an ulp.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_QUANTIZE_H
#define COMPRESS_ALGORITHMS_QUANTIZE_H

#include "compress/Algorithms/FloatFormat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace mlir::compress::algorithms {

/// What the code of an element stands for.
enum class CodeKind : uint8_t {
  Integer,
  /// Bit b is 2b - 1.
  Binary,
  /// Floating-point numbers of the OCP specifications "8-bit Floating Point
  /// (OFP8)" and "Microscaling Formats (MX)", both v1.0.
  F8E4M3FN,
  F8E5M2,
  F4E2M1FN,
};

/// How one element and its block's parameters are stored.
struct QuantFormat {
  enum class Offset : uint8_t { None, Zero, Min };

  CodeKind codes = CodeKind::Integer;
  /// Bits of a code: 2, 3, 4, 6 or 8 of an integer, 1 of a binary code, and
  /// those of a floating-point format.
  unsigned bits = 8;
  /// Of integers.
  bool isSigned = true;
  /// Signed codes without the most negative one: -127..127, -7..7.
  bool narrow = false;
  FloatKind scale = FloatKind::F32;
  Offset offset = Offset::None;
  /// Stored type of the offset. None is one byte, for zero points only: the
  /// integer zero point, signed or unsigned like the codes, in their range.
  std::optional<FloatKind> offsetKind;
  /// Minima that are chosen are not positive, so that they can be stored with
  /// unsigned codes and one scale. Of no meaning to decode.
  bool minAtMostZero = false;

  /// The range of integers.
  int getMinCode() const {
    return isSigned ? -(1 << (bits - 1)) + (narrow ? 1 : 0) : 0;
  }
  int getMaxCode() const { return (1 << (isSigned ? bits - 1 : bits)) - 1; }
  bool hasSignedIntegers() const {
    return codes == CodeKind::Integer && isSigned;
  }
  bool hasUnsignedIntegers() const {
    return codes == CodeKind::Integer && !isSigned;
  }
  bool hasOffset() const { return offset != Offset::None; }
  /// Bytes of one stored offset, 0 without one.
  unsigned getOffsetByteWidth() const {
    return !hasOffset() ? 0 : offsetKind ? getByteWidth(*offsetKind) : 1;
  }
  /// Whether the fields fit together: `narrow` wants signed integers, a zero
  /// point wants integers, a minimum wants unsigned integers and an offset
  /// kind. Offsets are f32, f16 or bf16, and there are none beside scales that
  /// are powers of two.
  bool isValid() const;
};

/// The logical shape and the box of elements that shares a scale. Rank 0 is one
/// element. Dimensions may be 0; extents of a block are at least 1, may exceed
/// their dimension, and the last block of a dimension may be ragged.
struct QuantShape {
  llvm::SmallVector<int64_t, 4> shape;
  llvm::SmallVector<int64_t, 4> block;
};

/// Sizes of a weight and of its storage components.
struct QuantSizes {
  int64_t numElements = 0;
  int64_t numBlocks = 0;
  int64_t codeBytes = 0;
  int64_t scaleBytes = 0;
  int64_t offsetBytes = 0;
};

/// The sizes, or none if the format or the shape is invalid or if a size (also
/// that of the f32 weight) does not fit int64_t.
std::optional<QuantSizes> computeSizes(const QuantShape &shape,
                                       const QuantFormat &format);

/// Why a weight cannot be encoded.
struct QuantError {
  enum class Kind : uint8_t {
    /// Invalid format or shape, or a buffer whose size is not `computeSizes`'.
    InvalidArgument,
    /// Element `index` is an infinity or a NaN, `value`.
    NonFinite,
    /// Element `index` is negative, `value`, for unsigned codes without offset,
    /// in a block that has positive ones too or whose scale has no sign.
    Negative,
    /// The scale `needed` of the block that starts at `index` has no finite
    /// stored value, or the range of the block is not finite in f32.
    ScaleOverflow,
    /// The same for the minimum `needed`.
    OffsetOverflow,
    /// The stored scale is finite, but an element of the block would decode to
    /// an infinity of the logical type.
    DecodeOverflow,
    /// `quantizeWithScales` was given a scale or offset that is not finite, for
    /// the block that starts at `index`.
    InvalidScale,
  };
  Kind kind;
  /// Flat index of the element, or of the first element of the block.
  int64_t index = 0;
  /// The element, or the largest magnitude of the block.
  float value = 0;
  double needed = 0;
};

/// Encodes `source` (elements of `kind`, `shape`, little-endian, any alignment)
/// by round to nearest. Output buffers have the sizes of `computeSizes`; after
/// an error their contents are unspecified. Errors of elements go before those
/// of blocks; of several, the one with the lowest flat index is reported.
/// Needs less than 1 MB a thread besides the buffers; runs on LLVM's thread
/// pool and gives the same bytes for any number of threads.
std::optional<QuantError> quantizeRtn(llvm::ArrayRef<uint8_t> source,
                                      FloatKind kind, const QuantShape &shape,
                                      const QuantFormat &format,
                                      llvm::MutableArrayRef<uint8_t> codes,
                                      llvm::MutableArrayRef<uint8_t> scales,
                                      llvm::MutableArrayRef<uint8_t> offsets,
                                      Isa isa = Isa::Auto);

/// Encodes `source` with scales (and offsets) of least squared error, as far as
/// a search finds them; otherwise as `quantizeRtn`, with the same errors. The
/// squared error of no block is larger than that of round to nearest.
std::optional<QuantError> quantizeMse(llvm::ArrayRef<uint8_t> source,
                                      FloatKind kind, const QuantShape &shape,
                                      const QuantFormat &format,
                                      llvm::MutableArrayRef<uint8_t> codes,
                                      llvm::MutableArrayRef<uint8_t> scales,
                                      llvm::MutableArrayRef<uint8_t> offsets,
                                      Isa isa = Isa::Auto);

/// Encodes `source` against given stored scales and offsets; values outside the
/// range of a block are clamped. Otherwise as `quantizeRtn`.
std::optional<QuantError>
quantizeWithScales(llvm::ArrayRef<uint8_t> source, FloatKind kind,
                   const QuantShape &shape, const QuantFormat &format,
                   llvm::ArrayRef<uint8_t> scales,
                   llvm::ArrayRef<uint8_t> offsets,
                   llvm::MutableArrayRef<uint8_t> codes, Isa isa = Isa::Auto);

/// Decodes the elements [begin, begin + out.size()) of the flat weight, rounded
/// to `logical`. This is the reference decode of the host. Returns false, and
/// writes nothing, if the arguments do not fit together.
[[nodiscard]] bool
dequantizeRange(const QuantShape &shape, const QuantFormat &format,
                FloatKind logical, llvm::ArrayRef<uint8_t> codes,
                llvm::ArrayRef<uint8_t> scales, llvm::ArrayRef<uint8_t> offsets,
                int64_t begin, llvm::MutableArrayRef<float> out,
                Isa isa = Isa::Auto);

/// What is wrong with stored bytes.
struct StorageError {
  enum class Kind : uint8_t {
    /// Invalid format or shape, or a component of the wrong size.
    SizeMismatch,
    /// Byte `index` of the codes has a padding bit set.
    Padding,
    /// Element `index` is the most negative code, in a narrow format, or an
    /// infinity or a NaN.
    CodeOutOfRange,
    /// Scale `index` is not finite.
    NonFiniteScale,
    /// Offset `index` is not finite, or an integer zero point out of range.
    InvalidOffset,
  };
  Kind kind;
  int64_t index = 0;
};

/// Checks what `dequantizeRange` takes for granted, for bytes that come from a
/// file. The first offence of the first component that has one is reported.
std::optional<StorageError> validateStorage(const QuantShape &shape,
                                            const QuantFormat &format,
                                            llvm::ArrayRef<uint8_t> codes,
                                            llvm::ArrayRef<uint8_t> scales,
                                            llvm::ArrayRef<uint8_t> offsets);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_QUANTIZE_H
