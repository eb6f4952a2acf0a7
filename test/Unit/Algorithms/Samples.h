//===- Samples.h - Random weights and formats -------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TEST_UNIT_ALGORITHMS_SAMPLES_H
#define COMPRESS_TEST_UNIT_ALGORITHMS_SAMPLES_H

#include "Reference.h"
#include "compress/Algorithms/Quantize.h"

#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

namespace mlir::compress::algorithms::reference {

/// A weight, its blocks and its format.
struct Sample {
  QuantShape shape;
  QuantFormat format;
  FloatKind kind = FloatKind::F32;
  std::vector<float> values;

  std::string describe() const {
    std::string text = "shape";
    for (auto [dim, block] : llvm::zip_equal(shape.shape, shape.block))
      text += " " + std::to_string(dim) + "/" + std::to_string(block);
    constexpr const char *names[] = {"", " binary", " f8E4M3FN", " f8E5M2",
                                     " f4E2M1FN"};
    text += names[int(format.codes)];
    text += (format.isSigned ? " i" : " u") + std::to_string(format.bits) +
            (format.narrow ? " narrow" : "") + " scale " +
            getFloatKindName(format.scale).str() + " offset " +
            std::to_string(int(format.offset));
    text += format.offsetKind ? " " + getFloatKindName(*format.offsetKind).str()
                              : std::string(" i8");
    return text + " of " + getFloatKindName(kind).str();
  }
};

/// Bits of codes that are not integers.
inline unsigned getBits(CodeKind codes) {
  return codes == CodeKind::Binary ? 1 : codes == CodeKind::F4E2M1FN ? 4 : 8;
}

class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  int64_t pick(int64_t lo, int64_t hi) {
    return lo + int64_t(random() % uint64_t(hi - lo + 1));
  }
  FloatKind pickKind() { return FloatKind(pick(0, 2)); }

  FloatKind pickScaleKind() {
    return pick(0, 2) ? pickKind() : FloatKind(pick(3, 5));
  }

  QuantFormat makeFormat() {
    QuantFormat format;
    if (pick(0, 2) == 0) {
      format.codes = CodeKind(pick(1, 4));
      format.bits = getBits(format.codes);
      format.scale = pickScaleKind();
      return format;
    }
    do {
      constexpr unsigned widths[] = {8, 8, 4, 4, 4, 6, 3, 2};
      format.bits = widths[pick(0, 7)];
      format.isSigned = pick(0, 1);
      format.narrow = pick(0, 3) == 0;
      format.scale = pickScaleKind();
      format.offset = QuantFormat::Offset(pick(0, 2));
      format.offsetKind = std::nullopt;
      if (pick(0, 1))
        format.offsetKind = pickKind();
    } while (!format.isValid());
    return format;
  }

  QuantShape makeShape() {
    QuantShape shape;
    int64_t budget = pick(0, 20) == 0 ? 60000 : 3000;
    for (int64_t rank = pick(0, 4); rank > 0; --rank) {
      constexpr int64_t common[] = {1, 2, 3, 8, 16, 27, 32, 64, 96};
      int64_t dim = pick(0, 40) == 0 ? 0
                    : pick(0, 1)     ? common[pick(0, 8)]
                                     : pick(1, 70);
      dim = std::min(dim, budget);
      budget /= std::max<int64_t>(dim, 1);
      if (rank == 1 && pick(0, 3) == 0)
        dim = budget;
      int64_t block = 1;
      switch (pick(0, 3)) {
      case 0:
        block = std::max<int64_t>(dim, 1);
        break;
      case 1:
        block = pick(1, std::max<int64_t>(2, dim + dim / 2));
        break;
      case 2:
        block = int64_t(1) << pick(0, 7);
        break;
      }
      shape.shape.push_back(dim);
      shape.block.push_back(block);
    }
    std::shuffle(shape.shape.begin(), shape.shape.end(), random);
    return shape;
  }

  /// Values with many ties, zeros, empty blocks, and different magnitudes.
  std::vector<float> makeValues(size_t count, const QuantFormat &format,
                                FloatKind kind) {
    std::vector<float> values(count);
    std::normal_distribution<float> normal;
    int64_t flavor = pick(0, 4);
    float size = std::ldexp(1.0f, int(pick(-12, 4)));
    for (size_t i = 0; i < count; ++i) {
      float x = normal(random) * size;
      if (flavor == 0)
        x = float(pick(-8, 8)) / 2 * size; // ties of codes and of magnitudes
      else if (flavor == 1 && i % 64 < 40)
        x = pick(0, 1) ? 0.0f : -0.0f;
      else if (flavor == 2)
        x = std::ldexp(x, int(pick(-40, 2))); // down to underflow
      else if (flavor == 3)
        x += 3 * size;
      if (format.hasUnsignedIntegers() && !format.hasOffset())
        x = std::abs(x);
      values[i] = round(kind, x);
    }
    return values;
  }

  Sample makeSample() {
    Sample sample;
    sample.format = makeFormat();
    sample.shape = makeShape();
    sample.kind = pickKind();
    sample.values =
        makeValues(computeSizes(sample.shape, sample.format)->numElements,
                   sample.format, sample.kind);
    return sample;
  }

  std::mt19937_64 random;
};

inline Encoded allocate(const Sample &sample) {
  std::optional<QuantSizes> sizes = computeSizes(sample.shape, sample.format);
  Encoded out;
  out.codes.assign(sizes->codeBytes, 0xee);
  out.scales.assign(sizes->scaleBytes, 0xee);
  out.offsets.assign(sizes->offsetBytes, 0xee);
  return out;
}

inline constexpr Isa kAllIsas[] = {Isa::Auto, Isa::Baseline, Isa::X86V3,
                                   Isa::X86V4};

/// What the library makes of f32, and of that f32 again.
inline std::optional<QuantError>
encode(const std::vector<float> &values, const QuantShape &shape,
       const QuantFormat &format, Encoded &out,
       decltype(quantizeRtn) *quantize = quantizeRtn) {
  out = allocate({shape, format, FloatKind::F32, {}});
  return quantize(toBytes(FloatKind::F32, values), FloatKind::F32, shape,
                  format, out.codes, out.scales, out.offsets, Isa::Auto);
}
inline std::vector<float> decode(const Encoded &encoded,
                                 const QuantShape &shape,
                                 const QuantFormat &format,
                                 Isa isa = Isa::Auto) {
  std::vector<float> out(computeSizes(shape, format)->numElements);
  EXPECT_TRUE(dequantizeRange(shape, format, FloatKind::F32, encoded.codes,
                              encoded.scales, encoded.offsets, 0, out, isa));
  return out;
}

} // namespace mlir::compress::algorithms::reference

#endif // COMPRESS_TEST_UNIT_ALGORITHMS_SAMPLES_H
