//===- Reference.cpp - Slow and plain quantization ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Reference.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mlir::compress::algorithms::reference {

using Offset = QuantFormat::Offset;

static const llvm::fltSemantics &getSemantics(FloatKind kind) {
  switch (kind) {
  case FloatKind::F16:
    return llvm::APFloat::IEEEhalf();
  case FloatKind::BF16:
    return llvm::APFloat::BFloat();
  case FloatKind::F8E4M3FN:
    return llvm::APFloat::Float8E4M3FN();
  case FloatKind::F8E5M2:
    return llvm::APFloat::Float8E5M2();
  case FloatKind::F8E8M0FNU:
    return llvm::APFloat::Float8E8M0FNU();
  case FloatKind::F32:
    return llvm::APFloat::IEEEsingle();
  }
  llvm_unreachable("unknown float kind");
}

uint32_t toBits(FloatKind kind, float value) {
  llvm::APFloat number(value);
  bool lossy;
  number.convert(getSemantics(kind), llvm::APFloat::rmNearestTiesToEven,
                 &lossy);
  return uint32_t(number.bitcastToAPInt().getZExtValue());
}

float fromBits(FloatKind kind, uint32_t bits) {
  llvm::APFloat number(getSemantics(kind),
                       llvm::APInt(getByteWidth(kind) * 8, bits));
  if (number.isNaN()) // convert makes an infinity of that of F8E8M0FNU
    return std::numeric_limits<float>::quiet_NaN();
  bool lossy;
  number.convert(llvm::APFloat::IEEEsingle(),
                 llvm::APFloat::rmNearestTiesToEven, &lossy);
  return number.convertToFloat();
}

static void storeFloat(FloatKind kind, float value, int64_t index,
                       std::vector<uint8_t> &bytes) {
  uint32_t bits = toBits(kind, value);
  for (unsigned i = 0; i < getByteWidth(kind); ++i)
    bytes[index * getByteWidth(kind) + i] = uint8_t(bits >> (8 * i));
}

static float loadFloat(FloatKind kind, int64_t index,
                       const std::vector<uint8_t> &bytes) {
  uint32_t bits = 0;
  for (unsigned i = 0; i < getByteWidth(kind); ++i)
    bits |= uint32_t(bytes[index * getByteWidth(kind) + i]) << (8 * i);
  return fromBits(kind, bits);
}

std::vector<uint8_t> toBytes(FloatKind kind, const std::vector<float> &values) {
  std::vector<uint8_t> bytes(values.size() * getByteWidth(kind));
  for (size_t i = 0; i < values.size(); ++i)
    storeFloat(kind, values[i], i, bytes);
  return bytes;
}

std::vector<float> fromBytes(FloatKind kind,
                             const std::vector<uint8_t> &bytes) {
  std::vector<float> values(bytes.size() / getByteWidth(kind));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = loadFloat(kind, i, bytes);
  return values;
}

static int64_t getRowLength(const QuantShape &shape) {
  return shape.shape.empty() ? 1 : shape.shape.back();
}

/// Bit position of the code of element `index`.
static int64_t getBit(const QuantShape &shape, unsigned bits, int64_t index) {
  int64_t length = getRowLength(shape);
  int64_t rowBytes = (length * bits + 7) / 8;
  return index / length * rowBytes * 8 + index % length * bits;
}

static void storeCode(const QuantShape &shape, unsigned bits, int64_t index,
                      int code, std::vector<uint8_t> &codes) {
  int64_t at = getBit(shape, bits, index);
  for (unsigned i = 0; i < bits; ++i, ++at)
    codes[at / 8] |= ((code >> i) & 1) << (at % 8);
}

static unsigned loadCode(const QuantShape &shape, const QuantFormat &format,
                         int64_t index, const std::vector<uint8_t> &codes) {
  int64_t at = getBit(shape, format.bits, index);
  unsigned code = 0;
  for (unsigned i = 0; i < format.bits; ++i, ++at)
    code |= ((codes[at / 8] >> (at % 8)) & 1) << i;
  return code;
}

static const llvm::fltSemantics &getSemantics(CodeKind codes) {
  switch (codes) {
  case CodeKind::F8E4M3FN:
    return llvm::APFloat::Float8E4M3FN();
  case CodeKind::F8E5M2:
    return llvm::APFloat::Float8E5M2();
  case CodeKind::F4E2M1FN:
    return llvm::APFloat::Float4E2M1FN();
  case CodeKind::Integer:
  case CodeKind::Binary:
    break;
  }
  llvm_unreachable("expected floating-point codes");
}

float getValue(const QuantFormat &format, unsigned code) {
  if (format.codes == CodeKind::Binary)
    return code ? 1 : -1;
  if (format.codes == CodeKind::Integer) {
    int value = int(code);
    if (format.isSigned && value >> (format.bits - 1))
      value -= 1 << format.bits;
    return float(value);
  }
  return llvm::APFloat(getSemantics(format.codes),
                       llvm::APInt(format.bits, code))
      .convertToFloat();
}

float getMaxValue(CodeKind codes) {
  return llvm::APFloat::getLargest(getSemantics(codes)).convertToFloat();
}

unsigned roundToCode(CodeKind codes, float value) {
  if (codes == CodeKind::Binary)
    return value >= 0;
  const float max = getMaxValue(codes);
  llvm::APFloat number(std::min(std::max(value, -max), max));
  bool lossy;
  number.convert(getSemantics(codes), llvm::APFloat::rmNearestTiesToEven,
                 &lossy);
  return unsigned(number.bitcastToAPInt().getZExtValue());
}

std::vector<int64_t> getBlockIndices(const QuantShape &shape) {
  int64_t count = 1;
  for (int64_t dim : shape.shape)
    count *= dim;
  std::vector<int64_t> indices(count);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, stride = 1;
    for (size_t d = shape.shape.size(); d-- > 0;) {
      indices[i] += rest % shape.shape[d] / shape.block[d] * stride;
      rest /= shape.shape[d];
      stride *= (shape.shape[d] + shape.block[d] - 1) / shape.block[d];
    }
  }
  return indices;
}

Encoded quantize(const std::vector<float> &values, const QuantShape &shape,
                 const QuantFormat &format) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<int64_t> blocks = getBlockIndices(shape);
  int64_t numBlocks = blocks.empty() ? 0 : blocks.back() + 1;
  const bool isInteger = format.codes == CodeKind::Integer;
  const bool isBinary = format.codes == CodeKind::Binary;
  const float maxCode = isInteger  ? float(format.getMaxCode())
                        : isBinary ? 1
                                   : getMaxValue(format.codes);
  const float minCode = isInteger ? float(format.getMinCode()) : -maxCode;

  std::vector<double> sums(numBlocks, 0), sizes(numBlocks, 0);
  std::vector<float> lo(numBlocks, infinity), hi(numBlocks, -infinity);
  std::vector<float> largest(numBlocks, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t b = blocks[i];
    lo[b] = std::min(lo[b], values[i]);
    hi[b] = std::max(hi[b], values[i]);
    if (std::abs(values[i]) > std::abs(largest[b]))
      largest[b] = values[i];
    sums[b] += std::abs(double(values[i]));
    sizes[b] += 1;
  }

  Encoded result;
  int64_t length = getRowLength(shape);
  if (!values.empty())
    result.codes.resize(values.size() / length *
                        ((length * format.bits + 7) / 8));
  result.scales.resize(numBlocks * getByteWidth(format.scale));
  result.offsets.resize(numBlocks * format.getOffsetByteWidth());
  std::vector<float> scales(numBlocks), offsets(numBlocks);
  for (int64_t b = 0; b < numBlocks; ++b) {
    float scale;
    if (format.offset == Offset::Zero) {
      lo[b] = std::min(lo[b], 0.0f);
      hi[b] = std::max(hi[b], 0.0f);
      scale = (hi[b] - lo[b]) / (maxCode - minCode);
    } else if (format.offset == Offset::Min) {
      offsets[b] = round(*format.offsetKind, lo[b]);
      scale = hi[b] > offsets[b] ? (hi[b] - offsets[b]) / maxCode : 0;
      storeFloat(*format.offsetKind, offsets[b] == 0 ? 0 : offsets[b], b,
                 result.offsets);
    } else if (isBinary) {
      scale = float(sums[b] / sizes[b]);
    } else if (format.scale == FloatKind::F8E8M0FNU) {
      // The exponents as the MX specification has them: that of the largest
      // magnitude less that of the largest code.
      int exponent, codeExponent;
      std::frexp(largest[b], &exponent);
      std::frexp(maxCode, &codeExponent);
      exponent = std::max(exponent - codeExponent, -127);
      scale = std::ldexp(1.0f, largest[b] == 0 ? -127 : exponent);
    } else if (isInteger && format.isSigned && !format.narrow) {
      scale = largest[b] / minCode;
    } else {
      scale = std::abs(largest[b]) / maxCode;
    }
    scales[b] = round(format.scale, scale);
    if (scales[b] == 0)
      scales[b] = 0.0f; // not -0
    storeFloat(format.scale, scales[b], b, result.scales);
    if (format.offset == Offset::Zero) {
      float zero = minCode;
      if (scales[b] != 0)
        zero = std::nearbyint(minCode - lo[b] / scales[b]);
      offsets[b] = std::min(std::max(zero, minCode), maxCode) + 0.0f; // not -0
      if (format.offsetKind)
        storeFloat(*format.offsetKind, offsets[b], b, result.offsets);
      else
        result.offsets[b] = uint8_t(int(offsets[b]));
    }
  }

  for (size_t i = 0; i < values.size(); ++i) {
    int64_t b = blocks[i];
    float shifted = values[i];
    if (format.offset == Offset::Min)
      shifted = shifted - offsets[b];
    // Floating-point codes keep the sign of a zero.
    float quotient = shifted / (scales[b] == 0 ? infinity : scales[b]);
    if (!isInteger) {
      storeCode(shape, format.bits, i, int(roundToCode(format.codes, quotient)),
                result.codes);
      continue;
    }
    double code;
    if (format.offset == Offset::Zero && format.offsetKind)
      code = std::nearbyint(quotient + offsets[b]);
    else if (format.offset == Offset::Zero)
      code = std::nearbyint(double(quotient)) + offsets[b];
    else
      code = std::nearbyint(quotient);
    code = std::min(std::max(code, double(minCode)), double(maxCode));
    storeCode(shape, format.bits, i, int(code), result.codes);
  }
  return result;
}

std::vector<float> dequantize(const Encoded &encoded, const QuantShape &shape,
                              const QuantFormat &format, FloatKind logical) {
  std::vector<int64_t> blocks = getBlockIndices(shape);
  std::vector<float> values(blocks.size());
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t b = blocks[i];
    float scale = loadFloat(format.scale, b, encoded.scales);
    float q = getValue(format, loadCode(shape, format, i, encoded.codes));
    float offset = 0;
    if (format.hasOffset() && format.offsetKind)
      offset = loadFloat(*format.offsetKind, b, encoded.offsets);
    else if (format.hasOffset())
      offset = format.isSigned ? float(int8_t(encoded.offsets[b]))
                               : float(encoded.offsets[b]);
    if (format.offset == Offset::Zero)
      q = q - offset;
    float value = scale * q;
    if (format.offset == Offset::Min)
      value = value + offset;
    values[i] = round(logical, value);
  }
  return values;
}

} // namespace mlir::compress::algorithms::reference
