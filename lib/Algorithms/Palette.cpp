//===- Palette.cpp - What palettes store and mean -------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Palette.h"
#include "Boxes.h"
#include "CodeLayout.h"
#include "FiniteValues.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

/// Elements decoded at once.
static constexpr int64_t kChunk = 4096;

static int64_t divideUp(int64_t a, int64_t b) { return a / b + (a % b != 0); }

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// Number of boxes; at most the number of elements.
static int64_t countBoxes(ArrayRef<int64_t> shape, ArrayRef<int64_t> extents) {
  int64_t count = 1;
  for (auto [size, extent] : llvm::zip_equal(shape, extents))
    count *= divideUp(size, extent);
  return count;
}

std::optional<PaletteSizes>
mlir::compress::algorithms::computePaletteSizes(const PaletteShape &shape,
                                                const PaletteFormat &format) {
  size_t rank = shape.shape.size();
  if (format.bits < 1 || format.bits > 8 ||
      (format.dim != 1 && format.dim != 2 && format.dim != 4) || rank == 0 ||
      shape.group.size() != rank ||
      shape.block.size() != (format.scale ? rank : 0))
    return std::nullopt;
  bool empty = false;
  for (int64_t size : shape.shape) {
    if (size < 0)
      return std::nullopt;
    empty |= size == 0;
  }
  auto isPositive = [](int64_t extent) { return extent > 0; };
  if (!llvm::all_of(shape.group, isPositive) ||
      !llvm::all_of(shape.block, isPositive) ||
      (shape.group.back() % format.dim != 0 &&
       shape.group.back() < shape.shape.back()))
    return std::nullopt;
  PaletteSizes sizes;
  if (empty)
    return sizes;

  sizes.numElements = 1;
  for (int64_t size : shape.shape)
    if (llvm::MulOverflow(sizes.numElements, size, sizes.numElements))
      return std::nullopt;
  // The f32 weight must fit; that bounds indices (a row has at least one byte)
  // and scales too.
  int64_t floatBytes;
  if (llvm::MulOverflow(sizes.numElements, int64_t(4), floatBytes))
    return std::nullopt;
  sizes.numGroups = countBoxes(shape.shape, shape.group);
  if (llvm::MulOverflow(sizes.numGroups,
                        format.getNumNumbers() *
                            int64_t(getByteWidth(format.codebook)),
                        sizes.codebookBytes))
    return std::nullopt;
  int64_t rowLength = shape.shape.back();
  sizes.indexBytes = CodeLayout(format.bits, divideUp(rowLength, format.dim))
                         .getNumBytes(sizes.numElements / rowLength);
  if (format.scale) {
    sizes.numBlocks = countBoxes(shape.shape, shape.block);
    sizes.scaleBytes = sizes.numBlocks * getByteWidth(*format.scale);
  }
  return sizes;
}

static bool haveSizes(const PaletteSizes &sizes, ArrayRef<uint8_t> indices,
                      ArrayRef<uint8_t> codebooks, ArrayRef<uint8_t> scales) {
  return indices.size() == size_t(sizes.indexBytes) &&
         codebooks.size() == size_t(sizes.codebookBytes) &&
         scales.size() == size_t(sizes.scaleBytes);
}

ArrayRef<float> mlir::compress::algorithms::getNormalFloat4() {
  static constexpr float entries[] = {-1.0f,
                                      -0.6961928009986877f,
                                      -0.5250730514526367f,
                                      -0.39491748809814453f,
                                      -0.28444138169288635f,
                                      -0.18477343022823334f,
                                      -0.09105003625154495f,
                                      0.0f,
                                      0.07958029955625534f,
                                      0.16093020141124725f,
                                      0.24611230194568634f,
                                      0.33791524171829224f,
                                      0.44070982933044434f,
                                      0.5626170039176941f,
                                      0.7229568362236023f,
                                      1.0f};
  return entries;
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

bool mlir::compress::algorithms::decodePalette(
    const PaletteShape &shape, const PaletteFormat &format, FloatKind logical,
    ArrayRef<uint8_t> indices, ArrayRef<uint8_t> codebooks,
    ArrayRef<uint8_t> scales, int64_t begin, MutableArrayRef<float> out) {
  auto sizes = computePaletteSizes(shape, format);
  if (!sizes || !haveSizes(*sizes, indices, codebooks, scales) || begin < 0 ||
      begin > sizes->numElements ||
      out.size() > size_t(sizes->numElements - begin))
    return false;
  if (out.empty())
    return true;

  const Kernels &kernels = getKernels(Isa::Auto);
  const int64_t inner = shape.shape.back(), dim = format.dim;
  const int64_t numbers = format.getNumNumbers();
  const int64_t vectors = divideUp(inner, dim);
  const CodeLayout layout(format.bits, vectors);
  const Boxes groups(shape.shape, shape.group);
  const Boxes blocks(shape.shape, format.scale ? shape.block : shape.group);
  const int64_t groupWidth = getByteWidth(format.codebook);
  uint8_t unpacked[kChunk + 1];
  float table[256 * 4];
  int64_t tableGroup = -1;
  int64_t row = begin / inner, col = begin % inner;
  while (!out.empty()) {
    int64_t n = std::min({kChunk, int64_t(out.size()), inner - col});
    int64_t firstVector = col / dim;
    layout.unpack(kernels, indices.data(), row * vectors + firstVector,
                  divideUp(col + n, dim) - firstVector, /*isSigned=*/false,
                  unpacked);
    const int64_t firstGroup = groups.getBoxOfRow(row);
    const int64_t end = col + n;
    for (int64_t at = col; at < end;) {
      int64_t inGroup = at / groups.getInnerExtent();
      int64_t stop = std::min(end, (inGroup + 1) * groups.getInnerExtent());
      int64_t group = firstGroup + inGroup;
      ArrayRef<uint8_t> codebook =
          codebooks.slice(group * numbers * groupWidth, numbers * groupWidth);
      auto getNumber = [&](int64_t i) {
        return unpacked[i / dim - firstVector] * dim + i % dim;
      };
      if (stop - at < numbers && group != tableGroup) {
        // Fewer elements than entries: not worth a table.
        for (; at < stop; ++at)
          widenToF32(format.codebook,
                     codebook.slice(getNumber(at) * groupWidth, groupWidth),
                     out.slice(at - col, 1));
        continue;
      }
      if (group != tableGroup)
        widenToF32(format.codebook, codebook, {table, size_t(numbers)});
      tableGroup = group;
      for (; at < stop; ++at)
        out[at - col] = table[getNumber(at)];
    }
    if (format.scale) {
      const int64_t width = getByteWidth(*format.scale);
      const int64_t firstBlock = blocks.getBoxOfRow(row);
      for (int64_t at = col; at < end;) {
        int64_t inBlock = at / blocks.getInnerExtent();
        int64_t stop = std::min(end, (inBlock + 1) * blocks.getInnerExtent());
        float scale;
        widenToF32(*format.scale,
                   scales.slice((firstBlock + inBlock) * width, width),
                   {&scale, 1});
        for (; at < stop; ++at)
          out[at - col] *= scale;
      }
    }
    roundToKind(logical, out.take_front(n));
    out = out.drop_front(n);
    col = 0;
    ++row;
    if (end < inner) {
      col = end;
      --row;
    }
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Validation
//===----------------------------------------------------------------------===//

std::optional<PaletteStorageError> mlir::compress::algorithms::validatePalette(
    const PaletteShape &shape, const PaletteFormat &format,
    ArrayRef<uint8_t> indices, ArrayRef<uint8_t> codebooks,
    ArrayRef<uint8_t> scales) {
  using Kind = PaletteStorageError::Kind;
  auto sizes = computePaletteSizes(shape, format);
  if (!sizes || !haveSizes(*sizes, indices, codebooks, scales))
    return PaletteStorageError{Kind::SizeMismatch};
  if (sizes->numElements == 0)
    return std::nullopt;
  const int64_t inner = shape.shape.back();
  const CodeLayout layout(format.bits, divideUp(inner, format.dim));
  if (auto byte =
          layout.findPadding(indices.data(), sizes->numElements / inner))
    return PaletteStorageError{Kind::Padding, *byte};
  if (auto index = findNonFiniteValue(format.codebook, codebooks))
    return PaletteStorageError{Kind::NonFiniteCodebook, *index};
  if (format.scale)
    if (auto index = findNonFiniteValue(*format.scale, scales))
      return PaletteStorageError{Kind::NonFiniteScale, *index};
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

std::optional<PaletteShape>
mlir::compress::algorithms::getTiledPalette(const PaletteShape &shape,
                                            const PaletteFormat &format,
                                            const TileLayout &layout) {
  const int64_t last = shape.shape.size() - 1;
  // Vectors must go on lying along the innermost dimension.
  if (format.dim > 1 && (!layout.split.empty() || layout.order.back() != last ||
                         layout.tile[last] % int64_t(format.dim) != 0))
    return std::nullopt;
  PaletteShape tiled;
  tiled.shape.append(layout.getShape(shape.shape));
  auto group = getTiledBlock({shape.shape, shape.group}, layout);
  if (!group || group->back() % int64_t(format.dim) != 0)
    return std::nullopt;
  tiled.group.append(*group);
  if (format.scale) {
    auto block = getTiledBlock({shape.shape, shape.block}, layout);
    if (!block)
      return std::nullopt;
    tiled.block.append(*block);
  }
  return tiled;
}

bool mlir::compress::algorithms::relayoutPalette(
    const PaletteShape &shape, const PaletteFormat &format,
    const TileLayout &layout, ArrayRef<uint8_t> indices,
    ArrayRef<uint8_t> codebooks, ArrayRef<uint8_t> scales,
    MutableArrayRef<uint8_t> tiledIndices,
    MutableArrayRef<uint8_t> tiledCodebooks,
    MutableArrayRef<uint8_t> tiledScales) {
  const size_t rank = shape.shape.size();
  auto sizes = computePaletteSizes(shape, format);
  if (!sizes || layout.tile.size() != rank || layout.order.size() != rank)
    return false;
  auto tiled = getTiledPalette(shape, format, layout);
  auto tiledSizes = tiled ? computePaletteSizes(*tiled, format) : std::nullopt;
  if (!tiledSizes || !haveSizes(*sizes, indices, codebooks, scales) ||
      !haveSizes(*tiledSizes, tiledIndices, tiledCodebooks, tiledScales))
    return false;
  if (tiledSizes->numElements == 0)
    return true;
  // Indices are the elements of a tensor of vectors.
  llvm::SmallVector<int64_t, 4> vectors(shape.shape);
  TileLayout vectorLayout = layout;
  vectors.back() = divideUp(vectors.back(), format.dim);
  vectorLayout.tile[rank - 1] /= format.dim;
  moveCodes(vectors, format.bits, vectorLayout, indices, tiledIndices);
  moveBlocks({shape.shape, shape.group}, layout,
             format.getNumNumbers() * getByteWidth(format.codebook), codebooks,
             tiledCodebooks);
  if (format.scale)
    moveBlocks({shape.shape, shape.block}, layout, getByteWidth(*format.scale),
               scales, tiledScales);
  return true;
}
