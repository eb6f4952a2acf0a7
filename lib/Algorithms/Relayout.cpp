//===- Relayout.cpp - Stored weights in the order of kernels --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Relayout.h"
#include "CodeLayout.h"
#include "llvm/Support/Parallel.h"
#include <cstring>

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using llvm::SmallVector;

static int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

bool TileLayout::isSplitLegal() const {
  if (split.size() != inside.size())
    return false;
  size_t next = 0;
  for (int64_t extent : tile) {
    if (split.empty())
      break;
    // At least one factor, and then what the extent is made of.
    do {
      if (next == split.size() || split[next] < 1 || extent % split[next] != 0)
        return false;
      extent /= split[next++];
    } while (extent != 1);
  }
  return llvm::all_of(ArrayRef(split).drop_front(next),
                      [](int64_t factor) { return factor == 1; });
}

SmallVector<TileLayout::Factor, 8> TileLayout::getFactors() const {
  SmallVector<Factor, 8> factors;
  if (split.empty()) {
    for (int64_t dim : order)
      factors.push_back({dim, tile[dim], 1});
    return factors;
  }
  size_t next = 0;
  for (size_t dim = 0; dim < tile.size(); ++dim) {
    int64_t stride = tile[dim];
    do {
      stride /= split[next];
      factors.push_back({int64_t(dim), split[next++], stride});
    } while (stride != 1);
  }
  for (; next < split.size(); ++next)
    factors.push_back({int64_t(tile.size()) - 1, 1, 1});
  SmallVector<Factor, 8> ordered;
  for (int64_t factor : inside)
    ordered.push_back(factors[factor]);
  return ordered;
}

SmallVector<int64_t, 8> TileLayout::getShape(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t, 8> result;
  for (int64_t dim : order)
    result.push_back(divideUp(shape[dim], tile[dim]));
  for (const Factor &factor : getFactors())
    result.push_back(factor.extent);
  return result;
}

std::optional<SmallVector<int64_t, 8>>
mlir::compress::algorithms::getTiledBlock(const QuantShape &shape,
                                          const TileLayout &layout) {
  SmallVector<int64_t, 8> result;
  SmallVector<int64_t, 4> inTile(shape.shape.size()); // of a block
  for (int64_t dim : layout.order) {
    int64_t size = shape.shape[dim], block = shape.block[dim],
            tile = layout.tile[dim];
    if (block >= size) {
      result.push_back(std::max<int64_t>(divideUp(size, tile), 1));
      inTile[dim] = tile;
    } else if (block % tile == 0) {
      result.push_back(block / tile);
      inTile[dim] = tile;
    } else if (tile % block == 0) {
      result.push_back(1);
      inTile[dim] = block;
    } else {
      return std::nullopt;
    }
  }
  for (const TileLayout::Factor &factor : layout.getFactors()) {
    int64_t block = inTile[factor.dim], next = factor.stride * factor.extent;
    if (factor.extent == 1 || block % next == 0)
      result.push_back(factor.extent);
    else if (factor.stride % block == 0)
      result.push_back(1);
    else if (block % factor.stride == 0 && next % block == 0)
      result.push_back(block / factor.stride);
    else
      return std::nullopt;
  }
  return result;
}

std::optional<TileLayout>
TileLayout::ofBlocks(ArrayRef<int64_t> shape, ArrayRef<int64_t> block) const {
  QuantShape blocked;
  blocked.shape.append(shape.begin(), shape.end());
  blocked.block.append(block.begin(), block.end());
  auto tiled = getTiledBlock(blocked, *this);
  if (!tiled)
    return std::nullopt;
  // Of the factors of a tile, those that blocks do not hold.
  TileLayout result;
  result.order = order;
  result.tile.assign(tile.size(), 1);
  auto factors = getFactors();
  result.split.resize(factors.size());
  for (size_t i = 0; i < factors.size(); ++i) {
    int64_t extent = divideUp(factors[i].extent, (*tiled)[tile.size() + i]);
    result.tile[factors[i].dim] *= extent;
    size_t place = split.empty() ? factors[i].dim : inside[i];
    result.split[place] = extent;
    result.inside.push_back(place);
  }
  if (!result.isSplitLegal())
    return std::nullopt;
  return result;
}

/// The position of entry `flat` of a grid.
static void unflatten(int64_t flat, ArrayRef<int64_t> grid,
                      MutableArrayRef<int64_t> position) {
  for (size_t i = grid.size(); i-- > 0;) {
    position[i] = flat % grid[i];
    flat /= grid[i];
  }
}

static int64_t multiply(ArrayRef<int64_t> sizes) {
  int64_t product = 1;
  for (int64_t size : sizes)
    product *= size;
  return product;
}

namespace {
/// Takes the codes of one tile out of a weight, run by run along the innermost
/// dimension, and puts them in the order of the tile.
class TileReader {
public:
  TileReader(ArrayRef<int64_t> shape, unsigned bits, const TileLayout &layout,
             ArrayRef<uint8_t> codes);

  int64_t getNumElements() const { return from.size(); }
  /// Codes of the tile at `position`, one a byte; those of padding are zero.
  void read(ArrayRef<int64_t> position, MutableArrayRef<uint8_t> scratch,
            MutableArrayRef<uint8_t> tile) const;

private:
  ArrayRef<int64_t> shape;
  const TileLayout &layout;
  const Kernels &kernels;
  CodeLayout codeLayout;
  ArrayRef<uint8_t> codes;
  /// For each element in the order of the tile, its row-major index in the
  /// tile.
  SmallVector<uint32_t, 0> from;
};
} // namespace

TileReader::TileReader(ArrayRef<int64_t> shape, unsigned bits,
                       const TileLayout &layout, ArrayRef<uint8_t> codes)
    : shape(shape), layout(layout), kernels(getKernels(Isa::Auto)),
      codeLayout(bits, shape.back()), codes(codes) {
  auto factors = layout.getFactors();
  SmallVector<int64_t, 8> extents, steps;
  for (const TileLayout::Factor &factor : factors) {
    extents.push_back(factor.extent);
    steps.push_back(factor.stride *
                    multiply(ArrayRef(layout.tile).drop_front(factor.dim + 1)));
  }
  from.resize(multiply(layout.tile));
  SmallVector<int64_t, 8> position(factors.size());
  for (size_t i = 0; i < from.size(); ++i) {
    unflatten(i, extents, position);
    for (auto [index, step] : llvm::zip_equal(position, steps))
      from[i] += index * step;
  }
}

void TileReader::read(ArrayRef<int64_t> position,
                      MutableArrayRef<uint8_t> scratch,
                      MutableArrayRef<uint8_t> tile) const {
  size_t last = shape.size() - 1;
  SmallVector<int64_t, 4> begin(shape.size()), row(last);
  for (auto [i, dim] : llvm::enumerate(layout.order))
    begin[dim] = position[i] * layout.tile[dim];
  int64_t extent = layout.tile[last];
  int64_t run = std::min(extent, shape[last] - begin[last]);
  std::memset(scratch.data(), 0, scratch.size());
  int64_t rows = multiply(ArrayRef(layout.tile).drop_back());
  for (int64_t i = 0; i < rows; ++i) {
    unflatten(i, ArrayRef(layout.tile).drop_back(), row);
    int64_t flat = 0;
    bool isInside = true;
    for (size_t dim = 0; dim < last; ++dim) {
      int64_t index = begin[dim] + row[dim];
      isInside &= index < shape[dim];
      flat = flat * shape[dim] + index;
    }
    if (isInside)
      codeLayout.unpack(kernels, codes.data(), flat * shape[last] + begin[last],
                        run, /*isSigned=*/false, &scratch[i * extent]);
  }
  for (size_t i = 0; i < tile.size(); ++i)
    tile[i] = scratch[from[i]];
}

void mlir::compress::algorithms::moveCodes(
    ArrayRef<int64_t> shape, unsigned bits, const TileLayout &layout,
    ArrayRef<uint8_t> codes, MutableArrayRef<uint8_t> tiledCodes) {
  const TileReader reader(shape, bits, layout, codes);
  const SmallVector<int64_t, 8> tiledShape = layout.getShape(shape);
  const ArrayRef<int64_t> grid = ArrayRef(tiledShape).take_front(shape.size());
  const CodeLayout to(bits, tiledShape.back());
  const int64_t tiles = multiply(grid), elements = reader.getNumElements();
  const int64_t tilesPerTask = divideUp(1 << 16, elements);
  llvm::parallelFor(0, divideUp(tiles, tilesPerTask), [&](size_t task) {
    SmallVector<uint8_t, 0> scratch(elements), tile(elements);
    SmallVector<int64_t, 4> position(shape.size());
    int64_t end = std::min<int64_t>(tiles, (task + 1) * tilesPerTask);
    for (int64_t i = task * tilesPerTask; i < end; ++i) {
      unflatten(i, grid, position);
      reader.read(position, scratch, tile);
      to.pack(getKernels(Isa::Auto), tile.data(), i * elements, elements,
              tiledCodes.data());
    }
    int64_t rows = elements / tiledShape.back();
    MutableArrayRef<uint8_t> bytes =
        tiledCodes.slice(to.getNumBytes(task * tilesPerTask * rows),
                         to.getNumBytes((end - task * tilesPerTask) * rows));
    for (uint8_t &byte : bytes)
      byte ^= layout.flip;
  });
}

namespace {
/// Where the elements of a tile, in its order, lie in a row-major tensor.
struct ElementMap {
  /// From the first element of the tile.
  SmallVector<int64_t, 0> offset;
  /// The index of each in the tile, dimension by dimension.
  SmallVector<int64_t, 0> index;
};
} // namespace

static ElementMap mapElements(ArrayRef<int64_t> shape,
                              const TileLayout &layout) {
  const auto factors = layout.getFactors();
  const size_t rank = shape.size();
  SmallVector<int64_t, 8> extents, position(factors.size());
  for (const TileLayout::Factor &factor : factors)
    extents.push_back(factor.extent);
  ElementMap map;
  map.offset.resize(multiply(layout.tile));
  map.index.resize(map.offset.size() * rank);
  for (size_t i = 0; i < map.offset.size(); ++i) {
    unflatten(i, extents, position);
    MutableArrayRef<int64_t> index(&map.index[i * rank], rank);
    for (auto [factor, at] : llvm::zip_equal(factors, position))
      index[factor.dim] += at * factor.stride;
    for (size_t dim = 0; dim < rank; ++dim)
      map.offset[i] = map.offset[i] * shape[dim] + index[dim];
  }
  return map;
}

template <typename T>
static void moveElementsOf(ArrayRef<int64_t> shape, const TileLayout &layout,
                           const uint8_t *in, T *out) {
  const ElementMap map = mapElements(shape, layout);
  const size_t rank = shape.size();
  const SmallVector<int64_t, 8> tiledShape = layout.getShape(shape);
  const ArrayRef<int64_t> grid = ArrayRef(tiledShape).take_front(rank);
  const int64_t tiles = multiply(grid), elements = map.offset.size();
  const int64_t tilesPerTask = divideUp(1 << 16, elements);
  auto load = [&](int64_t index) {
    T element; // weights of files may lie anywhere
    std::memcpy(&element, in + index * sizeof(T), sizeof(T));
    return element;
  };
  llvm::parallelFor(0, divideUp(tiles, tilesPerTask), [&](size_t task) {
    SmallVector<int64_t, 4> position(rank), begin(rank);
    int64_t end = std::min<int64_t>(tiles, (task + 1) * tilesPerTask);
    for (int64_t tile = task * tilesPerTask; tile < end; ++tile) {
      unflatten(tile, grid, position);
      bool isWhole = true;
      for (auto [at, dim] : llvm::zip_equal(position, layout.order)) {
        begin[dim] = at * layout.tile[dim];
        isWhole &= begin[dim] + layout.tile[dim] <= shape[dim];
      }
      int64_t first = 0;
      for (size_t dim = 0; dim < rank; ++dim)
        first = first * shape[dim] + begin[dim];
      T *to = out + tile * elements;
      if (isWhole) {
        for (int64_t i = 0; i < elements; ++i)
          to[i] = load(first + map.offset[i]);
        continue;
      }
      for (int64_t i = 0; i < elements; ++i) {
        bool isInside = true;
        for (size_t dim = 0; dim < rank; ++dim)
          isInside &= begin[dim] + map.index[i * rank + dim] < shape[dim];
        to[i] = isInside ? load(first + map.offset[i]) : T(0);
      }
    }
  });
}

void mlir::compress::algorithms::moveElements(
    ArrayRef<int64_t> shape, int64_t width, const TileLayout &layout,
    ArrayRef<uint8_t> elements, MutableArrayRef<uint8_t> tiledElements) {
  assert((width == 2 || width == 4) && "elements of other sizes");
  auto move = [&](auto type) {
    using T = decltype(type);
    moveElementsOf(shape, layout, elements.data(),
                   reinterpret_cast<T *>(tiledElements.data()));
  };
  if (width == 2)
    move(uint16_t());
  else
    move(uint32_t());
}

void mlir::compress::algorithms::moveBlocks(const QuantShape &from,
                                            const TileLayout &layout,
                                            int64_t width, ArrayRef<uint8_t> in,
                                            MutableArrayRef<uint8_t> out) {
  const SmallVector<int64_t, 8> shape = layout.getShape(from.shape);
  const SmallVector<int64_t, 8> block = *getTiledBlock(from, layout);
  const auto factors = layout.getFactors();
  const size_t rank = from.shape.size();
  SmallVector<int64_t, 8> grid;
  SmallVector<int64_t, 4> fromGrid;
  for (auto [size, extent] : llvm::zip_equal(shape, block))
    grid.push_back(divideUp(size, extent));
  for (auto [size, extent] : llvm::zip_equal(from.shape, from.block))
    fromGrid.push_back(divideUp(size, extent));
  const int64_t count = multiply(grid);
  constexpr int64_t kBlocksPerTask = 1 << 14;
  llvm::parallelFor(0, divideUp(count, kBlocksPerTask), [&](size_t task) {
    SmallVector<int64_t, 8> tiled(grid.size());
    SmallVector<int64_t, 4> index(rank);
    int64_t end = std::min<int64_t>(count, (task + 1) * kBlocksPerTask);
    for (int64_t i = task * kBlocksPerTask; i < end; ++i) {
      unflatten(i, grid, tiled);
      // The first element of the block.
      for (size_t j = 0; j < rank; ++j) {
        int64_t dim = layout.order[j];
        index[dim] = tiled[j] * block[j] * layout.tile[dim];
      }
      for (auto [j, factor] : llvm::enumerate(factors))
        index[factor.dim] += tiled[rank + j] * block[rank + j] * factor.stride;
      int64_t flat = 0;
      bool isInside = true;
      for (size_t dim = 0; dim < rank; ++dim) {
        isInside &= index[dim] < from.shape[dim];
        flat = flat * fromGrid[dim] + index[dim] / from.block[dim];
      }
      if (isInside)
        std::memcpy(&out[i * width], &in[flat * width], width);
      else
        std::memset(&out[i * width], 0, width);
    }
  });
}

void mlir::compress::algorithms::interleave(ArrayRef<RecordPart> parts,
                                            int64_t rows, int64_t records,
                                            int64_t recordBytes,
                                            ArrayRef<ArrayRef<uint8_t>> arrays,
                                            MutableArrayRef<uint8_t> stream) {
  llvm::parallelFor(0, rows, [&](size_t row) {
    for (int64_t record = 0; record < records; ++record) {
      uint8_t *out = &stream[(row * records + record) * recordBytes];
      for (auto [part, array] : llvm::zip_equal(parts, arrays)) {
        int64_t begin = record * part.bytes;
        int64_t bytes = std::min(part.bytes, part.rowBytes - begin);
        std::memcpy(out + part.offset, &array[row * part.rowBytes + begin],
                    bytes);
        std::memset(out + part.offset + bytes, 0, part.bytes - bytes);
      }
    }
  });
}

void mlir::compress::algorithms::deinterleave(const RecordPart &part,
                                              int64_t rows, int64_t records,
                                              int64_t recordBytes,
                                              ArrayRef<uint8_t> stream,
                                              MutableArrayRef<uint8_t> array) {
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t record = 0; record < records; ++record) {
      int64_t begin = record * part.bytes;
      std::memcpy(&array[row * part.rowBytes + begin],
                  &stream[(row * records + record) * recordBytes + part.offset],
                  std::min(part.bytes, part.rowBytes - begin));
    }
}

bool mlir::compress::algorithms::relayout(
    const QuantShape &shape, const QuantFormat &format,
    const TileLayout &layout, ArrayRef<uint8_t> codes, ArrayRef<uint8_t> scales,
    ArrayRef<uint8_t> offsets, MutableArrayRef<uint8_t> tiledCodes,
    MutableArrayRef<uint8_t> tiledScales,
    MutableArrayRef<uint8_t> tiledOffsets) {
  if (shape.shape.empty() || layout.tile.size() != shape.shape.size() ||
      layout.order.size() != shape.shape.size() || !layout.isSplitLegal())
    return false;
  auto block = getTiledBlock(shape, layout);
  auto sizes = computeSizes(shape, format);
  if (!block || !sizes)
    return false;
  QuantShape tiledShape;
  tiledShape.shape.append(layout.getShape(shape.shape));
  tiledShape.block.append(*block);
  auto tiledSizes = computeSizes(tiledShape, format);
  if (!tiledSizes || int64_t(codes.size()) != sizes->codeBytes ||
      int64_t(scales.size()) != sizes->scaleBytes ||
      int64_t(offsets.size()) != sizes->offsetBytes ||
      int64_t(tiledCodes.size()) != tiledSizes->codeBytes ||
      int64_t(tiledScales.size()) != tiledSizes->scaleBytes ||
      int64_t(tiledOffsets.size()) != tiledSizes->offsetBytes)
    return false;
  if (tiledSizes->numElements == 0)
    return true;

  moveCodes(shape.shape, format.bits, layout, codes, tiledCodes);
  moveBlocks(shape, layout, getByteWidth(format.scale), scales, tiledScales);
  if (format.hasOffset())
    moveBlocks(shape, layout, format.getOffsetByteWidth(), offsets,
               tiledOffsets);
  return true;
}
