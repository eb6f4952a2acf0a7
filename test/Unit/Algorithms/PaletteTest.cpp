//===- PaletteTest.cpp - Weights as indices into codebooks ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Palette.h"
#include "Reference.h"
#include "compress/Algorithms/KMeans.h"

#include "llvm/Support/Parallel.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

using namespace mlir::compress::algorithms;
using Floats = std::vector<float>;
using Bytes = std::vector<uint8_t>;
using Kind = PaletteError::Kind;

namespace {

struct Palette {
  Bytes indices, codebooks, scales;
  bool operator==(const Palette &other) const {
    return indices == other.indices && codebooks == other.codebooks &&
           scales == other.scales;
  }
};

Palette allocate(const PaletteShape &shape, const PaletteFormat &format) {
  auto sizes = computePaletteSizes(shape, format);
  EXPECT_TRUE(sizes);
  return {Bytes(sizes->indexBytes, 0xa5), Bytes(sizes->codebookBytes, 0xa5),
          Bytes(sizes->scaleBytes, 0xa5)};
}

std::optional<PaletteError> encode(const Floats &values, FloatKind kind,
                                   const PaletteShape &shape,
                                   const PaletteFormat &format, Palette &to,
                                   PaletteGiven given = {}) {
  return encodePalette(reference::toBytes(kind, values), kind, shape, format,
                       given, to.indices, to.codebooks, to.scales);
}

Floats decode(const Palette &from, FloatKind kind, const PaletteShape &shape,
              const PaletteFormat &format) {
  Floats out(computePaletteSizes(shape, format)->numElements);
  EXPECT_TRUE(decodePalette(shape, format, kind, from.indices, from.codebooks,
                            from.scales, 0, out));
  return out;
}

/// Which box each element belongs to.
std::vector<int64_t> getBoxes(llvm::ArrayRef<int64_t> shape,
                              llvm::ArrayRef<int64_t> extents) {
  return reference::getBlockIndices({llvm::SmallVector<int64_t, 4>(shape),
                                     llvm::SmallVector<int64_t, 4>(extents)});
}

/// Decode once more, from the text of Palette.h.
Floats decodePlainly(const Palette &from, FloatKind kind,
                     const PaletteShape &shape, const PaletteFormat &format) {
  std::vector<int64_t> groups = getBoxes(shape.shape, shape.group), blocks;
  Floats codebooks = reference::fromBytes(format.codebook, from.codebooks);
  Floats scales;
  if (format.scale) {
    scales = reference::fromBytes(*format.scale, from.scales);
    blocks = getBoxes(shape.shape, shape.block);
  }
  int64_t inner = shape.shape.back();
  int64_t vectors = (inner + format.dim - 1) / format.dim;
  int64_t rowBytes = (vectors * format.bits + 7) / 8;
  Floats out;
  for (size_t i = 0; i < groups.size(); ++i) {
    int64_t row = i / inner, vector = i % inner / format.dim, code = 0;
    for (unsigned bit = 0; bit < format.bits; ++bit) {
      int64_t at = vector * format.bits + bit;
      code |= (from.indices[row * rowBytes + at / 8] >> (at % 8) & 1) << bit;
    }
    float value =
        codebooks[(groups[i] * format.getNumEntries() + code) * format.dim +
                  i % inner % format.dim];
    if (format.scale)
      value = scales[blocks[i]] * value;
    out.push_back(reference::round(kind, value));
  }
  return out;
}

struct Sample {
  PaletteShape shape;
  PaletteFormat format;
  FloatKind kind = FloatKind::F32;
  Floats values;

  std::string describe() const {
    std::string text = "bits " + std::to_string(format.bits) + " dim " +
                       std::to_string(format.dim) + " shape";
    for (size_t i = 0; i < shape.shape.size(); ++i)
      text += " " + std::to_string(shape.shape[i]) + "/" +
              std::to_string(shape.group[i]) +
              (format.scale ? "/" + std::to_string(shape.block[i]) : "");
    return text + " of " + getFloatKindName(kind).str();
  }
};

class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}
  int64_t pick(int64_t lo, int64_t hi) {
    return lo + int64_t(random() % uint64_t(hi - lo + 1));
  }

  Sample make() {
    Sample sample;
    sample.format.bits = pick(1, 8);
    sample.format.dim = pick(0, 2) ? 1 : 2 << pick(0, 1);
    sample.format.codebook = FloatKind(pick(0, 2));
    if (pick(0, 2) == 0)
      sample.format.scale = FloatKind(pick(0, 2));
    sample.kind = FloatKind(pick(0, 2));
    int64_t elements = 1;
    for (int64_t i = pick(1, 3); i > 0; --i) {
      int64_t size = pick(0, 40) == 0 ? 0 : pick(1, i == 1 ? 90 : 9);
      sample.shape.shape.push_back(size);
      elements *= size;
      sample.shape.group.push_back(pick(0, 1) ? std::max<int64_t>(size, 1)
                                              : pick(1, 9));
      if (sample.format.scale)
        sample.shape.block.push_back(pick(1, 40));
    }
    int64_t &last = sample.shape.group.back(), dim = sample.format.dim;
    last = (last + dim - 1) / dim * dim;
    std::normal_distribution<float> normal(0.0f, 0.05f);
    for (int64_t i = 0; i < elements; ++i)
      sample.values.push_back(reference::round(
          sample.kind, pick(0, 9) ? normal(random) : float(pick(-2, 2))));
    return sample;
  }

  std::mt19937 random;
};

} // namespace

TEST(Palette, Random) {
  const unsigned seed = 11;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Generator generator(seed);
  for (unsigned round = 0; round < 1500; ++round) {
    Sample s = generator.make();
    SCOPED_TRACE("round " + std::to_string(round) + ": " + s.describe());
    Palette encoded = allocate(s.shape, s.format);
    ASSERT_FALSE(encode(s.values, s.kind, s.shape, s.format, encoded));
    EXPECT_FALSE(validatePalette(s.shape, s.format, encoded.indices,
                                 encoded.codebooks, encoded.scales));
    Floats decoded = decode(encoded, s.kind, s.shape, s.format);
    ASSERT_EQ(decoded, decodePlainly(encoded, s.kind, s.shape, s.format));
    // Any part of it.
    if (!decoded.empty()) {
      size_t begin = generator.pick(0, decoded.size() - 1);
      Floats part(generator.pick(0, decoded.size() - begin));
      ASSERT_TRUE(decodePalette(s.shape, s.format, s.kind, encoded.indices,
                                encoded.codebooks, encoded.scales, begin,
                                part));
      EXPECT_TRUE(
          std::equal(part.begin(), part.end(), decoded.begin() + begin));
    }
    // Each element has the nearest entry of its codebook.
    if (s.format.dim > 1 || s.format.scale)
      continue;
    Floats entries = reference::fromBytes(s.format.codebook, encoded.codebooks);
    std::vector<int64_t> groups = getBoxes(s.shape.shape, s.shape.group);
    for (size_t i = 0; i < decoded.size(); ++i) {
      float nearest = 0;
      double least = INFINITY;
      for (int64_t e = 0; e < s.format.getNumEntries(); ++e) {
        float entry = entries[groups[i] * s.format.getNumEntries() + e];
        double distance = std::abs(double(entry) - s.values[i]);
        if (distance < least) {
          least = distance;
          nearest = entry;
        }
      }
      ASSERT_EQ(decoded[i], reference::round(s.kind, nearest)) << i;
    }
  }
}

TEST(Palette, Projection) {
  const unsigned seed = 12;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Generator generator(seed);
  for (unsigned round = 0; round < 500; ++round) {
    Sample s = generator.make();
    SCOPED_TRACE("round " + std::to_string(round) + ": " + s.describe());
    s.kind = FloatKind::F32; // decode does not round
    Palette encoded = allocate(s.shape, s.format);
    ASSERT_FALSE(encode(s.values, s.kind, s.shape, s.format, encoded));
    Palette again = encoded;
    std::fill(again.indices.begin(), again.indices.end(), 0xff);
    Floats decoded = decode(encoded, s.kind, s.shape, s.format);
    ASSERT_FALSE(
        encode(decoded, s.kind, s.shape, s.format, again, {true, true}));
    if (s.format.scale) // a product is rounded: the value, if not the index
      EXPECT_EQ(decode(again, s.kind, s.shape, s.format), decoded);
    else
      EXPECT_TRUE(again == encoded);
  }
}

TEST(Palette, FewValuesAreExact) {
  // Also f32, and more than are clustered by sorting.
  for (FloatKind kind : {FloatKind::F32, FloatKind::F16, FloatKind::BF16})
    for (int64_t n : {100, 3000, 300000}) {
      PaletteFormat format;
      format.codebook = kind;
      PaletteShape shape{{n}, {n}, {}};
      Floats values;
      for (int64_t i = 0; i < n; ++i)
        values.push_back(
            reference::round(kind, float(i * 7 % 16) * 0.1f - 0.7f));
      Palette encoded = allocate(shape, format);
      ASSERT_FALSE(encode(values, kind, shape, format, encoded));
      EXPECT_EQ(decode(encoded, kind, shape, format), values);
    }
}

TEST(Palette, IsOptimal) {
  // Against all distinct values, clustered exactly; codebooks of f16 add the
  // rounding of entries. 512 x 512 values are more than are sorted.
  const unsigned seed = 13;
  SCOPED_TRACE("seed " + std::to_string(seed));
  const int64_t n = 512 * 512;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats source;
  for (int64_t i = 0; i < n; ++i)
    source.push_back(normal(random));
  for (FloatKind kind : {FloatKind::F32, FloatKind::F16, FloatKind::BF16}) {
    Floats values =
        reference::fromBytes(kind, reference::toBytes(kind, source));
    std::vector<double> sorted(values.begin(), values.end());
    std::sort(sorted.begin(), sorted.end());
    std::vector<double> distinct, weights;
    for (double value : sorted) {
      if (distinct.empty() || distinct.back() != value) {
        distinct.push_back(value);
        weights.push_back(0);
      }
      ++weights.back();
    }
    KMeans best = clusterValues(distinct, weights, 16, distinct.size());
    for (FloatKind codebook : {FloatKind::F32, FloatKind::F16}) {
      PaletteFormat format;
      format.codebook = codebook;
      PaletteShape shape{{512, 512}, {512, 512}, {}};
      Palette encoded = allocate(shape, format);
      ASSERT_FALSE(encode(values, kind, shape, format, encoded));
      // In f32: without the rounding of decode.
      Floats decoded = decode(encoded, FloatKind::F32, shape, format);
      double error = 0;
      for (int64_t i = 0; i < n; ++i)
        error += std::pow(double(decoded[i]) - values[i], 2);
      EXPECT_GE(error, best.error * (1 - 1e-6));
      EXPECT_LE(error, best.error * 1.001);
    }
  }
}

TEST(Palette, NormalFloat) {
  PaletteFormat format;
  format.codebook = FloatKind::F32;
  format.scale = FloatKind::F32;
  PaletteShape shape{{2, 64}, {2, 64}, {1, 64}};
  Floats values(128);
  for (int64_t i = 0; i < 16; ++i)
    values[i] = getNormalFloat4()[15 - i] * 3.0f;
  Palette encoded = allocate(shape, format);
  encoded.codebooks =
      reference::toBytes(FloatKind::F32, getNormalFloat4().vec());
  ASSERT_FALSE(
      encode(values, FloatKind::F32, shape, format, encoded, {true, false}));
  // Codes 15, 14, ..; zeros are code 7, and a block of zeros decodes to zeros.
  EXPECT_EQ(encoded.indices[0], 0xef);
  EXPECT_EQ(encoded.indices[7], 0x01);
  EXPECT_EQ(encoded.indices[8], 0x77);
  EXPECT_EQ(reference::fromBytes(FloatKind::F32, encoded.scales),
            Floats({3.0f, 0.0f}));
  EXPECT_EQ(decode(encoded, FloatKind::F32, shape, format), values);
}

TEST(Palette, GivenCodebooks) {
  // In any order, with equal entries; the middle belongs to the smaller one.
  PaletteFormat format;
  format.bits = 2;
  PaletteShape shape{{5}, {5}, {}};
  Palette encoded = allocate(shape, format);
  encoded.codebooks = reference::toBytes(FloatKind::F16, {2, -1, 1, -1});
  ASSERT_FALSE(encode({1.5f, 1.6f, -7, 0, 9}, FloatKind::F32, shape, format,
                      encoded, {true, false}));
  EXPECT_EQ(encoded.indices, Bytes({2 | 0 << 2 | 1 << 4 | 1 << 6, 0}));
}

TEST(Palette, Errors) {
  PaletteFormat format;
  PaletteShape shape{{2, 4}, {1, 4}, {}};
  Palette encoded = allocate(shape, format);
  auto expect = [&](Floats values, FloatKind kind, Kind error, int64_t index) {
    auto got = encode(values, kind, shape, format, encoded);
    ASSERT_TRUE(got);
    EXPECT_EQ(got->kind, error);
    EXPECT_EQ(got->index, index);
  };
  expect({1, 2, 3, 4, 5, NAN, 7, INFINITY}, FloatKind::F32, Kind::NonFinite, 5);
  expect({1, 2, 3, 4, 5, 6, 7, INFINITY}, FloatKind::BF16, Kind::NonFinite, 7);
  expect({1, 2, 3, 4, 5, 6, 7, 1e6f}, FloatKind::F32, Kind::CodebookOverflow,
         4);
  format.codebook = FloatKind::BF16;
  expect({1, 2, 3, 4, 5, 6, 65504, 7}, FloatKind::F16, Kind::DecodeOverflow, 6);
  format.scale = FloatKind::F16;
  shape.block = {1, 2};
  encoded = allocate(shape, format);
  expect({1, 2, 3, 4, 5, 6, 7, 1e6f}, FloatKind::F32, Kind::ScaleOverflow, 6);
  encoded.scales.pop_back();
  expect(Floats(8), FloatKind::F32, Kind::InvalidArgument, 0);

  // Sizes that do not fit, extents that cut vectors.
  EXPECT_FALSE(computePaletteSizes({{int64_t(1) << 61}, {1}, {}}, {}));
  EXPECT_FALSE(computePaletteSizes({{int64_t(1) << 58}, {1}, {}},
                                   {8, 1, FloatKind::F32, std::nullopt}));
  EXPECT_FALSE(computePaletteSizes({{8}, {3}, {}},
                                   {8, 2, FloatKind::F32, std::nullopt}));
  EXPECT_FALSE(computePaletteSizes({{}, {}, {}}, {}));
  EXPECT_FALSE(computePaletteSizes({{8}, {0}, {}}, {}));
}

TEST(Palette, AnyNumberOfThreads) {
  const unsigned seed = 14;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats values;
  for (int64_t i = 0; i < 200 * 1000; ++i)
    values.push_back(normal(random));
  PaletteFormat scaled;
  scaled.scale = FloatKind::F16;
  PaletteFormat pairs;
  pairs.dim = 2;
  const std::pair<PaletteShape, PaletteFormat> cases[] = {
      {{{200, 1000}, {200, 1000}, {}}, {}},
      {{{200, 1000}, {1, 1000}, {}}, {}},
      {{{200, 1000}, {200, 10}, {}}, {}},
      {{{200000}, {200000}, {}}, {}},
      {{{200, 1000}, {200, 1000}, {1, 64}}, scaled},
      {{{200, 1000}, {100, 1000}, {}}, pairs}};
  auto strategy = llvm::parallel::strategy;
  for (const auto &[shape, format] : cases)
    for (FloatKind kind : {FloatKind::F32, FloatKind::BF16}) {
      Palette one = allocate(shape, format), many = one;
      llvm::parallel::strategy = llvm::hardware_concurrency(1);
      ASSERT_FALSE(encode(values, kind, shape, format, one));
      llvm::parallel::strategy = strategy;
      ASSERT_FALSE(encode(values, kind, shape, format, many));
      EXPECT_TRUE(one == many);
    }
}

TEST(Palette, Relayout) {
  const unsigned seed = 15;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Generator generator(seed);
  unsigned moved = 0;
  for (unsigned round = 0; round < 800; ++round) {
    Sample s = generator.make();
    SCOPED_TRACE("round " + std::to_string(round) + ": " + s.describe());
    TileLayout layout;
    size_t rank = s.shape.shape.size();
    for (size_t i = 0; i < rank; ++i) {
      layout.tile.push_back(generator.pick(1, 16));
      layout.order.push_back(i);
    }
    std::shuffle(layout.order.begin(), layout.order.end(), generator.random);
    auto tiled = getTiledPalette(s.shape, s.format, layout);
    Palette encoded = allocate(s.shape, s.format);
    ASSERT_FALSE(encode(s.values, s.kind, s.shape, s.format, encoded));
    if (!tiled)
      continue;
    ++moved;
    Palette to = allocate(*tiled, s.format);
    ASSERT_TRUE(relayoutPalette(s.shape, s.format, layout, encoded.indices,
                                encoded.codebooks, encoded.scales, to.indices,
                                to.codebooks, to.scales));
    EXPECT_FALSE(
        validatePalette(*tiled, s.format, to.indices, to.codebooks, to.scales));
    Floats dense = decode(encoded, s.kind, s.shape, s.format);
    Floats packed = decode(to, s.kind, *tiled, s.format);
    for (size_t i = 0; i < dense.size(); ++i) {
      int64_t rest = i, flat = 0;
      llvm::SmallVector<int64_t, 4> index(rank);
      for (size_t dim = rank; dim-- > 0;) {
        index[dim] = rest % s.shape.shape[dim];
        rest /= s.shape.shape[dim];
      }
      for (size_t k = 0; k < rank; ++k)
        flat = flat * tiled->shape[k] +
               index[layout.order[k]] / layout.tile[layout.order[k]];
      for (size_t k = 0; k < rank; ++k)
        flat = flat * tiled->shape[rank + k] +
               index[layout.order[k]] % layout.tile[layout.order[k]];
      ASSERT_EQ(packed[flat], dense[i]) << i;
    }
  }
  EXPECT_GT(moved, 150u);
}
