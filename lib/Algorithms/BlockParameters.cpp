//===- BlockParameters.cpp - Scales and offsets of blocks -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockParameters.h"

#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir::compress::algorithms;
using Offset = QuantFormat::Offset;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// A scale of zero divides everything to zero, as infinity does.
static float getDivisor(float scale) { return scale == 0 ? kInfinity : scale; }

void BlockParameters::resetExtremes() {
  std::fill(lo.begin(), lo.end(), kInfinity);
  std::fill(hi.begin(), hi.end(), -kInfinity);
}

void BlockParameters::merge(const BlockParameters &part) {
  for (size_t b = 0; b < lo.size(); ++b) {
    lo[b] = std::min(lo[b], part.lo[b]);
    hi[b] = std::max(hi[b], part.hi[b]);
  }
  for (size_t b = 0; b < mean.size(); ++b)
    mean[b] += part.mean[b];
}

/// The largest value of a code.
static float getMaxValue(const QuantFormat &format) {
  switch (format.codes) {
  case CodeKind::Integer:
    return float(format.getMaxCode());
  case CodeKind::Binary:
    return 1;
  case CodeKind::F8E4M3FN:
    return getMaxFinite(FloatKind::F8E4M3FN);
  case CodeKind::F8E5M2:
    return getMaxFinite(FloatKind::F8E5M2);
  case CodeKind::F4E2M1FN:
    return 6;
  }
  llvm_unreachable("unknown kind of codes");
}

BlockCoder::BlockCoder(const QuantFormat &format, FloatKind logical,
                       const Kernels &kernels)
    : format(format), logical(logical), kernels(kernels) {
  const float max = getMaxValue(format);
  const float min =
      format.codes == CodeKind::Integer ? float(format.getMinCode()) : -max;
  encodeRule = {EncodeRule::Plain, format.codes, min, max};
  decodeRule = {DecodeRule::Plain, format.codes, format.hasSignedIntegers()};
  if (format.offset == Offset::Zero) {
    encodeRule.kind =
        format.offsetKind ? EncodeRule::RealZero : EncodeRule::IntegerZero;
    decodeRule.kind = DecodeRule::Zero;
  } else if (format.offset == Offset::Min) {
    encodeRule.kind = EncodeRule::Min;
    decodeRule.kind = DecodeRule::Min;
  }
}

/// The power of two for which the binade of the largest magnitude is that of
/// the largest code; a zero gets the smallest of all.
static float getPowerScale(float magnitude, float maxCode) {
  constexpr int smallest = -127;
  if (magnitude == 0)
    return std::ldexp(1.0f, smallest);
  return std::ldexp(
      1.0f, std::max(std::ilogb(magnitude) - std::ilogb(maxCode), smallest));
}

/// Puts the wanted scales, not yet rounded, into `parameters.scale`, and for a
/// minimum the stored one into `offsets` and `parameters.offset`.
void BlockCoder::chooseScales(
    BlockParameters &p, uint8_t *offsets,
    llvm::function_ref<bool(size_t)> isNegativeFirst) const {
  const float minCode = encodeRule.minCode, maxCode = encodeRule.maxCode;
  const size_t n = p.scale.size();
  switch (format.offset) {
  case Offset::None:
    if (format.codes == CodeKind::Binary) {
      for (size_t b = 0; b < n; ++b)
        p.scale[b] = float(p.mean[b]);
      return;
    }
    if (format.scale == FloatKind::F8E8M0FNU) {
      for (size_t b = 0; b < n; ++b)
        p.scale[b] = getPowerScale(std::max(-p.lo[b], p.hi[b]), maxCode);
      return;
    }
    if (format.hasUnsignedIntegers()) {
      for (size_t b = 0; b < n; ++b)
        p.scale[b] = (p.hi[b] > 0 ? p.hi[b] : p.lo[b]) / maxCode;
      return;
    }
    if (!encodeRule.isLopsided()) {
      for (size_t b = 0; b < n; ++b)
        p.scale[b] = std::max(-p.lo[b], p.hi[b]) / maxCode;
      return;
    }
    for (size_t b = 0; b < n; ++b) {
      float lo = p.lo[b], hi = p.hi[b];
      bool negative = -lo > hi || (-lo == hi && hi != 0 && isNegativeFirst(b));
      p.scale[b] = (negative ? lo : hi) / minCode;
    }
    return;
  case Offset::Zero:
    for (size_t b = 0; b < n; ++b)
      p.scale[b] = (std::max(p.hi[b], 0.0f) - std::min(p.lo[b], 0.0f)) /
                   (maxCode - minCode);
    return;
  case Offset::Min:
    for (size_t b = 0; b < n; ++b)
      p.offset[b] = getLowest(p.lo[b]);
    kernels.narrow(*format.offsetKind, p.offset.data(), n, offsets);
    kernels.widen(*format.offsetKind, offsets, n, p.offset.data());
    for (size_t b = 0; b < n; ++b)
      if (p.offset[b] == 0) { // stores no negative zero
        p.offset[b] = 0;
        std::fill_n(offsets + b * format.getOffsetByteWidth(),
                    format.getOffsetByteWidth(), 0);
      }
    for (size_t b = 0; b < n; ++b)
      p.scale[b] = std::max(p.hi[b] - p.offset[b], 0.0f) / maxCode;
    return;
  }
}

/// Whether the element `x` survives encode and decode as a finite number.
bool BlockCoder::decodesToFinite(float x, float divisor, float offset) const {
  uint8_t code;
  const Run run = {1, 1, 0};
  float scale = std::isinf(divisor) ? 0 : divisor;
  kernels.encode(encodeRule, &x, run, &divisor, &offset, &code);
  kernels.decode(decodeRule, &code, run, &scale, &offset, &x);
  roundToKind(logical, x);
  return std::isfinite(x);
}

std::optional<BlockError>
BlockCoder::choose(BlockParameters &p, int64_t first, uint8_t *scales,
                   uint8_t *offsets,
                   llvm::function_ref<bool(size_t)> isNegativeFirst) const {
  const size_t n = p.scale.size();
  scales += first * getByteWidth(format.scale);
  if (format.hasOffset())
    offsets += first * format.getOffsetByteWidth();

  if (format.offset == Offset::None && format.hasUnsignedIntegers())
    for (size_t b = 0; b < n; ++b)
      if (p.lo[b] < 0 && (p.hi[b] > 0 || format.scale == FloatKind::F8E8M0FNU))
        return BlockError{QuantError::Kind::Negative, int64_t(b)};

  chooseScales(p, offsets, isNegativeFirst);
  // A sum with zero makes -0 +0; scales of zero must not differ in their bits.
  for (size_t b = 0; b < n; ++b)
    p.scale[b] = p.scale[b] + 0.0f;
  kernels.narrow(format.scale, p.scale.data(), n, scales);
  kernels.widen(format.scale, scales, n, p.scale.data());

  // Elements this large could overflow when their code is decoded.
  const float large = getMaxFinite(logical) / 4;
  bool suspicious = false, underflow = false;
  for (size_t b = 0; b < n; ++b) {
    float magnitude = std::max(-p.lo[b], p.hi[b]);
    suspicious |= !(std::abs(p.scale[b]) < kInfinity) | (magnitude >= large);
    underflow |= p.scale[b] == 0;
  }
  if (format.offset == Offset::Min)
    for (size_t b = 0; b < n; ++b)
      suspicious |= !(std::abs(p.offset[b]) < kInfinity);
  if (underflow)
    for (size_t b = 0; b < n; ++b)
      if (p.scale[b] == 0) {
        std::fill_n(scales + b * getByteWidth(format.scale),
                    getByteWidth(format.scale), 0);
        p.scale[b] = kInfinity;
      }

  if (format.offset == Offset::Zero) {
    const float minCode = encodeRule.minCode, maxCode = encodeRule.maxCode;
    for (size_t b = 0; b < n; ++b) {
      float zero = minCode - std::min(p.lo[b], 0.0f) / p.scale[b];
      p.offset[b] = roundToInteger(std::min(std::max(zero, minCode), maxCode));
    }
    if (format.offsetKind)
      kernels.narrow(*format.offsetKind, p.offset.data(), n, offsets);
    else
      for (size_t b = 0; b < n; ++b)
        offsets[b] = uint8_t(int(p.offset[b]));
  }
  if (!suspicious)
    return std::nullopt;

  // The rare path: find the first block that is in error, if any.
  for (size_t b = 0; b < n; ++b) {
    float lo = p.lo[b], hi = p.hi[b];
    if (format.offset == Offset::Min && !std::isfinite(p.offset[b]))
      return BlockError{QuantError::Kind::OffsetOverflow, int64_t(b), lo};
    uint8_t *stored = scales + b * getByteWidth(format.scale);
    float scale;
    kernels.widen(format.scale, stored, 1, &scale);
    if (!std::isfinite(scale)) {
      double range = std::max(-double(lo), double(hi));
      double codes = encodeRule.maxCode;
      if (format.offset == Offset::Zero) {
        range = std::max(double(hi), 0.0) - std::min(double(lo), 0.0);
        codes -= encodeRule.minCode;
      } else if (format.offset == Offset::Min) {
        range = double(hi) - double(p.offset[b]);
      } else if (format.hasUnsignedIntegers() && hi <= 0) {
        range = lo;
      } else if (format.codes == CodeKind::Binary) {
        range = p.mean[b];
      } else if (encodeRule.isLopsided()) {
        // The sign of the scale, a NaN maybe, says which element was chosen.
        codes = encodeRule.minCode;
        range = std::signbit(scale) ? hi : lo;
      }
      return BlockError{QuantError::Kind::ScaleOverflow, int64_t(b),
                        range / codes};
    }
    if (!decodesToFinite(lo, p.scale[b], p.offset[b]) ||
        !decodesToFinite(hi, p.scale[b], p.offset[b]))
      return BlockError{QuantError::Kind::DecodeOverflow, int64_t(b), scale};
  }
  return std::nullopt;
}

void BlockCoder::read(BlockParameters &p, int64_t first, const uint8_t *scales,
                      const uint8_t *offsets) const {
  const size_t n = p.scale.size();
  kernels.widen(format.scale, scales + first * getByteWidth(format.scale), n,
                p.scale.data());
  if (!format.hasOffset())
    return;
  offsets += first * format.getOffsetByteWidth();
  if (format.offsetKind)
    kernels.widen(*format.offsetKind, offsets, n, p.offset.data());
  else if (format.isSigned)
    std::copy_n(reinterpret_cast<const int8_t *>(offsets), n, p.offset.data());
  else
    std::copy_n(offsets, n, p.offset.data());
}

std::optional<BlockError>
BlockCoder::readDivisors(BlockParameters &p, int64_t first,
                         const uint8_t *scales, const uint8_t *offsets) const {
  read(p, first, scales, offsets);
  for (size_t b = 0; b < p.scale.size(); ++b) {
    if (!std::isfinite(p.scale[b]) ||
        (format.hasOffset() && !std::isfinite(p.offset[b])))
      return BlockError{QuantError::Kind::InvalidScale, int64_t(b), p.scale[b]};
    p.scale[b] = getDivisor(p.scale[b]);
  }
  return std::nullopt;
}
