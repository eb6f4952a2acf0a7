//===- ScaleSearch.cpp - Least-squares scales of one block ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScaleSearch.h"
#include "BlockParameters.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir::compress::algorithms;
using Offset = QuantFormat::Offset;

/// Grids. How many steps the largest magnitude, or the range, of a block is
/// taken for says which codes its elements get. Scales near those of round to
/// nearest go through this evenly, from a few steps less, which matters to
/// small blocks, to some more, which clips; then, ever more of it is clipped.
static constexpr int kNearScales = 56, kFarScales = 24;
static constexpr float kFarScale = 0.9035f; // down to 0.05
static constexpr int kNearRanges = 64, kFarRanges = 32;
static constexpr float kFarRange = 0.912f; // down to 0.05
/// Steps of floating-point codes are alike in all binades, but for the ends of
/// the range: near scales cover two binades, from twice that of round to
/// nearest on.
static constexpr float kNearFloatScale = 0.97555f; // 2^(-2 / kNearScales)
/// Scales that are powers of two: from twice that of round to nearest on.
static constexpr int kPowers = Candidates::kLanes;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
/// Magnitudes of scales for which no product in the search overflows.
static constexpr float kSmallestScale = 0x1p-100f, kLargestScale = 0x1p100f;

static_assert(2 * (kNearScales + kFarScales) <= Candidates::kMaxSize);
static_assert((kNearScales + kFarScales) % Candidates::kLanes == 0);
static_assert((kNearRanges + kFarRanges) % Candidates::kLanes == 0);

/// A point of [0, 1) for each index, apart from those of close indices.
static float getLatticePoint(int index) {
  double x = (index + 0.5) * 0.6180339887498949; // of the golden ratio
  return float(x - std::floor(x));
}

ScaleSearch::ScaleSearch(const QuantFormat &format, FloatKind logical,
                         const EncodeRule &encodeRule,
                         const DecodeRule &decodeRule, const Kernels &kernels)
    : format(format), logical(logical), encodeRule(encodeRule),
      decodeRule(decodeRule), kernels(kernels) {
  const float minCode = encodeRule.minCode, maxCode = encodeRule.maxCode;
  rule.kind = encodeRule.kind;
  rule.scale = format.scale;
  rule.offset = format.offsetKind.value_or(FloatKind::F32);
  // In the middle of the codes, so that sums over codes stay small.
  rule.center = format.hasOffset() && !format.isSigned
                    ? float(1 << (format.bits - 1))
                    : 0.0f;
  rule.minZero = minCode;
  rule.maxZero = maxCode;

  if (format.hasOffset())
    makeRanges();
  else
    makeScales();
}

void ScaleSearch::makeScales() {
  if (format.scale == FloatKind::F8E8M0FNU) {
    const int binade = std::ilogb(encodeRule.maxCode);
    for (int i = 0; i < kPowers; ++i)
      scales.push_back(std::ldexp(1.0f, 1 - i - binade));
    return;
  }
  const float steps = std::max(-encodeRule.minCode, encodeRule.maxCode);
  float scale;
  if (format.codes == CodeKind::Integer) {
    const float first = std::max(steps - 3, 0.7f), last = 1.75f * steps;
    for (int i = 0; i < kNearScales; ++i)
      scales.push_back(1 / (first + (last - first) * i / kNearScales));
    scale = 1 / last;
  } else {
    scale = 2 / steps;
    for (int i = 0; i < kNearScales; ++i, scale *= kNearFloatScale)
      scales.push_back(scale);
  }
  for (int i = 0; i < kFarScales; ++i, scale *= kFarScale)
    scales.push_back(scale);
  if (!encodeRule.isLopsided())
    return;
  // With the opposite sign, the extra code is at the other end. This makes a
  // difference only where it is in use.
  while (numMirrored < scales.size() &&
         scales[scales.size() - 1 - numMirrored] * (steps - 0.5f) < 1)
    ++numMirrored;
  numMirrored = (numMirrored + Candidates::kLanes - 1) / Candidates::kLanes *
                Candidates::kLanes;
}

void ScaleSearch::makeRanges() {
  const float all = encodeRule.maxCode - encodeRule.minCode;
  const float first = std::max(all - 4, 0.7f), last = all + 2.5f;
  for (int i = 0; i < kNearRanges; ++i) {
    float steps = first + (last - first) * (i + 0.5f) / kNearRanges;
    // How many steps are between the lowest code and the lower end of the
    // block: any part of what is left over, or of what is to be clipped.
    float spare = all - steps;
    float below = std::min(spare, 0.0f) - 0.2f +
                  (std::abs(spare) + 0.4f) * getLatticePoint(i);
    ranges.push_back({-below / steps, all / steps});
  }
  float size = all / last;
  for (int i = 0; i < kFarRanges; ++i, size *= kFarRange)
    ranges.push_back({(1 - size) * getLatticePoint(i), size});
}

void ScaleSearch::round(FloatKind kind, float *values, size_t n) const {
  if (kind == FloatKind::F32)
    return;
  uint8_t bytes[2 * Candidates::kMaxSize];
  kernels.narrow(kind, values, n, bytes);
  kernels.widen(kind, bytes, n, values);
}

static bool isUsable(float scale) { return scale > 0 && scale < kInfinity; }

bool ScaleSearch::start(float lo, float hi, const BlockChoice &rtn,
                        Candidates &c) const {
  c.unit = std::abs(rtn.divisor);
  if (!(c.unit >= kSmallestScale && c.unit <= kLargestScale))
    return false; // the divisor of a scale of zero is infinite
  if (!format.hasOffset())
    startScales(std::max(-lo, hi), format.hasUnsignedIntegers() && hi <= 0, c);
  else if (format.offset == Offset::Zero)
    startRanges(std::min(lo, 0.0f), std::max(hi, 0.0f), rtn, c);
  else
    startRanges(format.minAtMostZero ? std::min(lo, 0.0f) : lo, hi, rtn, c);
  return true;
}

void ScaleSearch::startScales(float magnitude, bool isMirrored,
                              Candidates &c) const {
  const size_t n = scales.size();
  for (size_t i = 0; i < n; ++i)
    c.scale[i] = magnitude * scales[i];
  round(rule.scale, c.scale, n);
  for (size_t i = 0; i < n; ++i)
    c.scale[i] = isUsable(c.scale[i]) ? c.scale[i] : c.unit;
  const float minCode = encodeRule.minCode, maxCode = encodeRule.maxCode;
  std::fill_n(c.minCode, n, isMirrored ? -maxCode : minCode);
  std::fill_n(c.maxCode, n, isMirrored ? -minCode : maxCode);
  c.size = n;
  if (numMirrored > 0) {
    std::copy_n(c.scale + n - numMirrored, numMirrored, c.scale + n);
    std::fill_n(c.minCode + n, numMirrored, -maxCode);
    std::fill_n(c.maxCode + n, numMirrored, -minCode);
    c.size = n + numMirrored;
  }
  std::fill_n(c.base, c.size, 0.0f);
  std::fill_n(c.offset, c.size, 0.0f);
}

void ScaleSearch::startRanges(float lo, float hi, const BlockChoice &rtn,
                              Candidates &c) const {
  const float range = hi - lo;
  const float step = range / (encodeRule.maxCode - encodeRule.minCode);
  const size_t n = ranges.size();
  for (size_t i = 0; i < n; ++i) {
    c.scale[i] = step * ranges[i].size;
    c.offset[i] = lo + range * ranges[i].lower;
  }
  c.size = n;
  round(rule.scale, c.scale, n);
  if (rule.kind == EncodeRule::Min) {
    round(rule.offset, c.offset, n);
  } else {
    for (size_t i = 0; i < n; ++i) {
      float zero = rule.minZero - c.offset[i] / c.scale[i];
      c.offset[i] = std::min(std::max(zero, rule.minZero), rule.maxZero);
    }
    if (rule.kind == EncodeRule::RealZero)
      round(rule.offset, c.offset, n);
    else
      for (size_t i = 0; i < n; ++i)
        c.offset[i] = roundToInteger(c.offset[i]);
  }
  for (size_t i = 0; i < n; ++i) {
    bool usable = isUsable(c.scale[i]) && std::abs(c.offset[i]) < kInfinity;
    c.scale[i] = usable ? c.scale[i] : c.unit;
    c.offset[i] = usable ? c.offset[i] : rtn.offset;
  }
  if (rule.kind == EncodeRule::Min)
    for (size_t i = 0; i < n; ++i)
      c.base[i] = c.offset[i] + rule.center * c.scale[i];
  else
    for (size_t i = 0; i < n; ++i)
      c.base[i] = c.scale[i] * (rule.center - c.offset[i]);
  std::fill_n(c.minCode, n, encodeRule.minCode - rule.center);
  std::fill_n(c.maxCode, n, encodeRule.maxCode - rule.center);
}

BlockChoice ScaleSearch::getBest(const Candidates &c) const {
  size_t best = 0;
  for (size_t i = 1; i < c.size; ++i)
    if (c.error[i] < c.error[best])
      best = i;
  bool mirrored = c.minCode[best] != encodeRule.minCode - rule.center;
  float offset = c.offset[best];
  if (format.minAtMostZero)
    offset = std::min(offset, 0.0f);
  // A sum with zero makes -0 +0.
  return {mirrored ? -c.scale[best] : c.scale[best], offset + 0.0f};
}

double ScaleSearch::computeError(const float *x, size_t n,
                                 const BlockChoice &choice) const {
  constexpr size_t chunk = 1024;
  uint8_t bytes[2 * chunk];
  float decoded[chunk];
  const float scale = std::isinf(choice.divisor) ? 0 : choice.divisor;
  double sum = 0;
  for (size_t begin = 0; begin < n; begin += chunk) {
    size_t size = std::min(chunk, n - begin);
    // A block of one element would be taken for a column.
    const Run run = {size, std::max<size_t>(size, 2), 0};
    kernels.encode(encodeRule, x + begin, run, &choice.divisor, &choice.offset,
                   bytes);
    kernels.decode(decodeRule, bytes, run, &scale, &choice.offset, decoded);
    if (logical != FloatKind::F32) {
      kernels.narrow(logical, decoded, size, bytes);
      kernels.widen(logical, bytes, size, decoded);
    }
    sum += kernels.errorSums(x + begin, decoded, size).squaredError;
  }
  return sum;
}
