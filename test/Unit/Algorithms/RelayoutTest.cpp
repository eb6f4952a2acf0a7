//===- RelayoutTest.cpp ---------------------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Relayout.h"

#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"

#include <algorithm>
#include <cstdio>
#include <random>

using namespace mlir::compress::algorithms;

namespace {

struct Random {
  std::mt19937 engine;
  int64_t pick(int64_t lo, int64_t hi) {
    return lo + int64_t(engine() % uint64_t(hi - lo + 1));
  }
};

int64_t multiply(llvm::ArrayRef<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes)
    product *= size;
  return product;
}

/// Position of an element in the tiled tensor, from the definition.
int64_t locate(const TileLayout &layout, llvm::ArrayRef<int64_t> tiledShape,
               llvm::ArrayRef<int64_t> index) {
  int64_t flat = 0;
  size_t next = 0;
  for (int64_t dim : layout.order)
    flat = flat * tiledShape[next++] + index[dim] / layout.tile[dim];
  for (const TileLayout::Factor &factor : layout.getFactors())
    flat = flat * tiledShape[next++] + index[factor.dim] %
                                           layout.tile[factor.dim] /
                                           factor.stride % factor.extent;
  return flat;
}

llvm::SmallVector<int64_t, 4> unflatten(int64_t flat,
                                        llvm::ArrayRef<int64_t> shape) {
  llvm::SmallVector<int64_t, 4> index(shape.size());
  for (size_t i = shape.size(); i-- > 0; flat /= shape[i])
    index[i] = flat % shape[i];
  return index;
}

/// Tiles of one to three factors a dimension, in any order.
TileLayout makeLayout(Random &random, size_t rank) {
  TileLayout layout;
  bool isSplit = random.pick(0, 3) > 0;
  for (size_t dim = 0; dim < rank; ++dim) {
    layout.order.push_back(dim);
    layout.tile.push_back(1);
    // A factor of 1 is there only for an extent of 1.
    int64_t count = random.pick(0, 2);
    for (int64_t i = 0; i < count; ++i) {
      layout.split.push_back(random.pick(2, 4));
      layout.tile.back() *= layout.split.back();
    }
    if (count == 0)
      layout.split.push_back(1);
  }
  std::shuffle(layout.order.begin(), layout.order.end(), random.engine);
  if (!isSplit)
    layout.split.clear();
  for (size_t i = 0; i < layout.split.size(); ++i)
    layout.inside.push_back(i);
  std::shuffle(layout.inside.begin(), layout.inside.end(), random.engine);
  return layout;
}

TEST(Relayout, IllegalSplits) {
  TileLayout layout;
  layout.tile = {16, 1};
  layout.order = {0, 1};
  EXPECT_TRUE(layout.isSplitLegal());
  auto isLegal = [&](llvm::SmallVector<int64_t, 8> split,
                     llvm::SmallVector<int64_t, 8> inside) {
    layout.split = split;
    layout.inside = inside;
    return layout.isSplitLegal();
  };
  EXPECT_TRUE(isLegal({2, 8, 1}, {2, 1, 0}));
  EXPECT_FALSE(isLegal({2, 8, 1}, {1, 0}));
  EXPECT_FALSE(isLegal({2, 8}, {1, 0}));       // none for the second extent
  EXPECT_FALSE(isLegal({2, 8, 2}, {2, 1, 0})); // 1 is no multiple of 2
  EXPECT_FALSE(isLegal({2, 7, 1}, {2, 1, 0}));
  EXPECT_FALSE(isLegal({0, 8, 1}, {2, 1, 0}));
  EXPECT_FALSE(isLegal({-2, -8, 1}, {2, 1, 0}));
  EXPECT_FALSE(isLegal({16, 1, 2}, {2, 1, 0})); // one too many
  EXPECT_TRUE(isLegal({16, 1, 1}, {2, 1, 0}));
}

/// Code `col` of a row of packed codes.
unsigned getCode(const uint8_t *row, unsigned bits, int64_t col) {
  unsigned code = 0;
  for (unsigned bit = 0; bit < bits; ++bit) {
    int64_t at = col * bits + bit;
    code |= (row[at / 8] >> (at % 8) & 1u) << bit;
  }
  return code;
}

/// The layouts of kernels, whose codes move by words or by lanes, of every
/// width, whole and cut off, and of more tiles than are taken at a time.
TEST(Relayout, KernelLayouts) {
  const unsigned seed = 22;
  std::printf("seed %u\n", seed);
  Random random{std::mt19937(seed)};
  for (unsigned bits = 1; bits <= 8; ++bits)
    for (bool isTransposed : {false, true})
      for (bool isSplit : {false, true})
        for (unsigned round = 0; round < 6; ++round) {
          SCOPED_TRACE(std::to_string(bits) + " bits, transposed " +
                       std::to_string(isTransposed) + ", split " +
                       std::to_string(isSplit) + ", round " +
                       std::to_string(round));
          const int64_t fields = 8 % bits == 0 ? 8 / bits : 1;
          TileLayout layout;
          layout.tile = {16, isSplit ? 32 : 4 * fields};
          layout.order = {0, 1};
          if (isSplit) {
            layout.split = {16, fields, 32 / 4 / fields, 4};
            layout.inside = {2, 0, 3, 1};
          }
          if (isTransposed) {
            std::swap(layout.tile[0], layout.tile[1]);
            layout.order = {1, 0};
            if (isSplit) {
              layout.split = {fields, 32 / 4 / fields, 4, 16};
              layout.inside = {1, 3, 2, 0};
            }
          }
          ASSERT_TRUE(layout.isSplitLegal());
          layout.flip = random.pick(0, 255);
          // Some cut off the last tile.
          llvm::SmallVector<int64_t, 4> shape = {random.pick(1, 70),
                                                 random.pick(1, 1200)};
          if (round % 2)
            shape[1] = (shape[1] + 31) / 32 * 32;
          const int64_t rowBytes = (shape[1] * bits + 7) / 8;
          std::vector<uint8_t> codes(shape[0] * rowBytes);
          for (uint8_t &byte : codes)
            byte = random.pick(0, 255);
          // Padding bits of a row are zero.
          if (unsigned used = shape[1] * bits % 8)
            for (int64_t row = 1; row <= shape[0]; ++row)
              codes[row * rowBytes - 1] &= (1u << used) - 1;
          llvm::SmallVector<int64_t, 8> tiledShape = layout.getShape(shape);
          const int64_t length = tiledShape.back(),
                        tiledBytes = (length * bits + 7) / 8;
          std::vector<uint8_t> expected(multiply(tiledShape) / length *
                                        tiledBytes),
              tiled(expected.size(), 0xee);
          for (int64_t i = 0; i < shape[0] * shape[1]; ++i) {
            int64_t row = i / shape[1], col = i % shape[1];
            int64_t at = locate(layout, tiledShape, {row, col});
            unsigned code = getCode(&codes[row * rowBytes], bits, col);
            for (unsigned bit = 0; bit < bits; ++bit) {
              int64_t to = at % length * bits + bit;
              expected[at / length * tiledBytes + to / 8] |= (code >> bit & 1u)
                                                             << (to % 8);
            }
          }
          for (uint8_t &byte : expected)
            byte ^= layout.flip;
          moveCodes(shape, bits, layout, codes, tiled);
          ASSERT_EQ(tiled, expected);
        }
}

/// A scale for each block lies where its block does: the shape is that of the
/// tiled tensor, divided by the tiled block.
TEST(Relayout, OfBlocks) {
  TileLayout layout;
  layout.tile = {16, 32};
  layout.order = {0, 1};
  layout.split = {16, 2, 4, 4};
  layout.inside = {2, 0, 3, 1};
  for (int64_t block : {8, 16, 32, 64, 100, 200}) {
    SCOPED_TRACE(block);
    QuantShape shape{{40, 100}, {1, block}};
    auto tiledBlock = getTiledBlock(shape, layout);
    auto own = layout.ofBlocks(shape.shape, shape.block);
    ASSERT_EQ(tiledBlock.has_value(), own.has_value());
    ASSERT_TRUE(own);
    ASSERT_TRUE(own->isSplitLegal());
    llvm::SmallVector<int64_t, 8> expected;
    for (auto [size, extent] :
         llvm::zip_equal(layout.getShape(shape.shape), *tiledBlock))
      expected.push_back((size + extent - 1) / extent);
    int64_t blocks = (100 + block - 1) / block;
    EXPECT_EQ(own->getShape({40, blocks}), expected);
    EXPECT_EQ(own->order, layout.order);
  }
  EXPECT_FALSE(layout.ofBlocks({40, 100}, {1, 24})); // tiles cut blocks
}

/// Every code and block lands where the definition says, and padding is zero.
TEST(Relayout, AnyLayout) {
  const unsigned seed = 21;
  std::printf("seed %u\n", seed);
  Random random{std::mt19937(seed)};
  unsigned blocked = 0;
  for (unsigned round = 0; round < 600; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    size_t rank = random.pick(1, 3);
    TileLayout layout = makeLayout(random, rank);
    ASSERT_TRUE(layout.isSplitLegal());
    layout.flip = random.pick(0, 1) ? 0x88 : 0;
    QuantShape shape;
    for (size_t dim = 0; dim < rank; ++dim)
      shape.shape.push_back(random.pick(1, 20));
    llvm::SmallVector<int64_t, 8> tiledShape = layout.getShape(shape.shape);
    int64_t elements = multiply(shape.shape), all = multiply(tiledShape);

    // Bytes, so that each code is one.
    std::vector<uint8_t> codes(elements), tiled(all, 0xee),
        expected(all, layout.flip);
    for (int64_t i = 0; i < elements; ++i) {
      codes[i] = random.pick(0, 255);
      int64_t at = locate(layout, tiledShape, unflatten(i, shape.shape));
      ASSERT_LT(at, all);
      expected[at] = codes[i] ^ layout.flip;
    }
    moveCodes(shape.shape, 8, layout, codes, tiled);
    ASSERT_EQ(tiled, expected);

    // Elements of two bytes, and of four.
    std::vector<uint16_t> words(elements), tiledWords(all, 0xeeee),
        expectedWords(all);
    std::vector<uint32_t> longs(elements), tiledLongs(all, 0xeeeeeeee),
        expectedLongs(all);
    for (int64_t i = 0; i < elements; ++i) {
      words[i] = longs[i] = random.engine();
      int64_t at = locate(layout, tiledShape, unflatten(i, shape.shape));
      expectedWords[at] = words[i];
      expectedLongs[at] = longs[i];
    }
    auto asBytes = [](auto &values) {
      return llvm::MutableArrayRef<uint8_t>(
          reinterpret_cast<uint8_t *>(values.data()),
          values.size() * sizeof(values[0]));
    };
    moveElements(shape.shape, 2, layout, asBytes(words), asBytes(tiledWords));
    ASSERT_EQ(tiledWords, expectedWords);
    moveElements(shape.shape, 4, layout, asBytes(longs), asBytes(tiledLongs));
    ASSERT_EQ(tiledLongs, expectedLongs);

    // Blocks of tiles, of parts of tiles, or of a whole dimension.
    for (size_t dim = 0; dim < rank; ++dim) {
      int64_t extent = layout.tile[dim];
      constexpr int64_t whole = 64;
      int64_t extents[] = {1, extent, 2 * extent, whole,
                           extent % 2 ? 1 : extent / 2};
      shape.block.push_back(extents[random.pick(0, 4)]);
    }
    auto block = getTiledBlock(shape, layout);
    if (!block)
      continue;
    ++blocked;
    llvm::SmallVector<int64_t, 8> grid, tiledGrid;
    for (auto [size, extent] : llvm::zip_equal(shape.shape, shape.block))
      grid.push_back((size + extent - 1) / extent);
    for (auto [size, extent] : llvm::zip_equal(tiledShape, *block))
      tiledGrid.push_back((size + extent - 1) / extent);
    std::vector<uint8_t> scales(2 * multiply(grid)),
        tiledScales(2 * multiply(tiledGrid), 0xee);
    for (uint8_t &byte : scales)
      byte = random.pick(0, 255);
    moveBlocks(shape, layout, 2, scales, tiledScales);
    for (int64_t i = 0; i < elements; ++i) {
      auto index = unflatten(i, shape.shape);
      int64_t from = 0, to = 0;
      for (size_t dim = 0; dim < rank; ++dim)
        from = from * grid[dim] + index[dim] / shape.block[dim];
      auto place = unflatten(locate(layout, tiledShape, index), tiledShape);
      for (size_t dim = 0; dim < place.size(); ++dim)
        to = to * tiledGrid[dim] + place[dim] / (*block)[dim];
      ASSERT_EQ(tiledScales[2 * to], scales[2 * from]) << i;
      ASSERT_EQ(tiledScales[2 * to + 1], scales[2 * from + 1]) << i;
    }
  }
  EXPECT_GT(blocked, 300u);
}

TEST(Relayout, Records) {
  // Two rows of five tiles, two of them a record: codes of 3 bytes a tile, and
  // a scale of 2 bytes for two tiles, of which the last has but one.
  constexpr int64_t rows = 2, records = 3, bytes = 8;
  const RecordPart parts[] = {{0, 6, 15}, {6, 2, 6}};
  std::vector<uint8_t> codes(rows * 15), scales(rows * 6);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = i + 1;
  for (size_t i = 0; i < scales.size(); ++i)
    scales[i] = 100 + i;
  std::vector<uint8_t> stream(rows * records * bytes, 0xee);
  interleave(parts, rows, records, bytes, {codes, scales}, stream);
  const std::vector<uint8_t> expected = {
      1,  2,  3,  4,  5,  6,  100, 101, 7,  8,  9,  10, 11, 12, 102, 103,
      13, 14, 15, 0,  0,  0,  104, 105, 16, 17, 18, 19, 20, 21, 106, 107,
      22, 23, 24, 25, 26, 27, 108, 109, 28, 29, 30, 0,  0,  0,  110, 111};
  EXPECT_EQ(stream, expected);
  std::vector<uint8_t> backCodes(codes.size()), backScales(scales.size());
  deinterleave(parts[0], rows, records, bytes, stream, backCodes);
  deinterleave(parts[1], rows, records, bytes, stream, backScales);
  EXPECT_EQ(backCodes, codes);
  EXPECT_EQ(backScales, scales);
}

} // namespace
