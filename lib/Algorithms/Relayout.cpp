//===- Relayout.cpp - Stored weights in the order of kernels --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Relayout.h"
#include "CodeLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Parallel.h"
#include <cstring>
#include <optional>
#include <type_traits>

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

std::optional<TileLayout> TileLayout::ofBlocks(ArrayRef<int64_t> shape,
                                               ArrayRef<int64_t> block) const {
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
/// Takes the codes of tiles out of a weight, and puts them in the order of the
/// tile. Tiles that are neighbours along the innermost dimension are a strip:
/// they are taken together, for runs are longer then.
class TileMover {
public:
  TileMover(ArrayRef<int64_t> shape, unsigned bits, const TileLayout &layout,
            ArrayRef<uint8_t> codes, MutableArrayRef<uint8_t> tiledCodes);

  int64_t getNumStrips() const { return multiply(strips); }
  /// At most, which most have.
  int64_t getElementsPerStrip() const { return stripTiles * from.size(); }
  void moveStrips(int64_t begin, int64_t end) const;

private:
  /// Finds words or groups in `from`.
  void findPattern();
  /// Unpacks the codes of the `count` tiles that begin at `begin`, one a byte,
  /// each row of all tiles after another; those of padding are zero.
  void unpack(ArrayRef<int64_t> begin, int64_t count, uint8_t *scratch) const;
  /// Writes one tile, which begins at `scratch`.
  void write(int64_t tile, const uint8_t *scratch,
             MutableArrayRef<uint8_t> buffer) const;

  ArrayRef<int64_t> shape;
  const TileLayout &layout;
  unsigned bits;
  const Kernels &kernels;
  CodeLayout codeLayout, tiledLayout;
  ArrayRef<uint8_t> codes;
  MutableArrayRef<uint8_t> tiledCodes;
  /// Tiles and strips along the dimensions, in the layout's order; where in it
  /// the innermost dimension is.
  SmallVector<int64_t, 8> grid, strips;
  size_t place;
  int64_t stripTiles;
  /// For each element in the order of the tile, its place in a strip.
  SmallVector<uint32_t, 0> from;
  /// Codes of a byte of a tile; 0 where bytes do not hold whole codes.
  size_t fields = 0;
  /// Patterns of `from`, if it has one and there are fields. Words: in
  /// four bytes, codes of the same bits are neighbours in a strip; the first of
  /// each. Groups: four neighbours are apart, but so are their 16 next ones.
  SmallVector<uint32_t, 0> words, groups;
};
} // namespace

TileMover::TileMover(ArrayRef<int64_t> shape, unsigned bits,
                     const TileLayout &layout, ArrayRef<uint8_t> codes,
                     MutableArrayRef<uint8_t> tiledCodes)
    : shape(shape), layout(layout), bits(bits), kernels(getKernels(Isa::Auto)),
      codeLayout(bits, shape.back()),
      tiledLayout(bits, layout.getShape(shape).back()), codes(codes),
      tiledCodes(tiledCodes), grid(layout.getShape(shape)) {
  grid.truncate(shape.size());
  const int64_t last = shape.size() - 1;
  place = llvm::find(layout.order, last) - layout.order.begin();
  // So that what is unpacked stays in the innermost cache.
  constexpr int64_t kStripBytes = 1 << 14;
  stripTiles =
      std::clamp<int64_t>(kStripBytes / multiply(layout.tile), 1, grid[place]);
  strips = grid;
  strips[place] = divideUp(grid[place], stripTiles);
  auto factors = layout.getFactors();
  SmallVector<int64_t, 8> extents, steps;
  for (const TileLayout::Factor &factor : factors) {
    extents.push_back(factor.extent);
    int64_t step = factor.stride;
    if (factor.dim != last)
      step *= stripTiles *
              multiply(ArrayRef(layout.tile).drop_front(factor.dim + 1));
    steps.push_back(step);
  }
  from.resize(multiply(layout.tile));
  SmallVector<int64_t, 8> position(factors.size());
  for (size_t i = 0; i < from.size(); ++i) {
    unflatten(i, extents, position);
    for (auto [index, step] : llvm::zip_equal(position, steps))
      from[i] += index * step;
  }
  // A byte is a part of a row of codes, or a row with padding.
  if (8 % bits == 0 && !tiledLayout.isPadded())
    fields = 8 / bits;
  else if (8 % bits != 0 && tiledLayout.getRowLength() == int64_t(8 / bits))
    fields = 8 / bits;
  if (fields)
    findPattern();
}

void TileMover::findPattern() {
  const size_t word = 4 * fields, group = 16 * word;
  auto isPattern = [&](size_t size, auto getFirst, auto getDistance) {
    if (from.size() % size != 0)
      return false;
    for (size_t i = 0; i < from.size(); ++i)
      if (from[i] !=
          from[i / size * size + getFirst(i % size)] + getDistance(i % size))
        return false;
    return true;
  };
  if (isPattern(
          word, [&](size_t i) { return i % fields; },
          [&](size_t i) { return i / fields; })) {
    for (size_t i = 0; i < from.size(); i += word)
      words.append(&from[i], &from[i] + fields);
  } else if (isPattern(
                 group, [&](size_t i) { return i % word; },
                 [&](size_t i) { return i / word; })) {
    for (size_t i = 0; i < from.size(); i += group)
      groups.append(&from[i], &from[i] + word);
  }
}

void TileMover::unpack(ArrayRef<int64_t> begin, int64_t count,
                       uint8_t *scratch) const {
  const size_t last = shape.size() - 1;
  SmallVector<int64_t, 4> row(last);
  const int64_t extent = count * layout.tile[last],
                pitch = stripTiles * layout.tile[last];
  const auto outer = ArrayRef(layout.tile).drop_back();
  const int64_t rows = multiply(outer);
  for (int64_t i = 0; i < rows; ++i) {
    unflatten(i, outer, row);
    int64_t flat = 0;
    bool isInside = true;
    for (size_t dim = 0; dim < last; ++dim) {
      int64_t index = begin[dim] + row[dim];
      isInside &= index < shape[dim];
      flat = flat * shape[dim] + index;
    }
    int64_t run = isInside ? std::min(extent, shape[last] - begin[last]) : 0;
    if (run)
      codeLayout.unpack(kernels, codes.data(), flat * shape[last] + begin[last],
                        run, /*isSigned=*/false, &scratch[i * pitch]);
    std::memset(&scratch[i * pitch + run], 0, extent - run);
  }
}

template <size_t fields, unsigned bits>
static void gatherWords(const uint8_t *scratch, ArrayRef<uint32_t> from,
                        uint8_t flip, uint8_t *out) {
  const uint32_t flips = flip * 0x01010101u;
  const size_t count = from.size() / fields;
  for (size_t i = 0; i < count; ++i) {
    uint32_t result = flips;
    for (size_t field = 0; field < fields; ++field) {
      uint32_t word;
      std::memcpy(&word, scratch + from[i * fields + field], sizeof(word));
      result ^= word << (field * bits);
    }
    std::memcpy(out + 4 * i, &result, sizeof(result));
  }
}

template <size_t fields, unsigned bits>
static void gatherGroups(const uint8_t *scratch, ArrayRef<uint32_t> from,
                         uint8_t flip, uint8_t *out) {
  constexpr size_t kRuns = 4, kRunBytes = 16;
  const size_t count = from.size() / (kRuns * fields);
  for (size_t i = 0; i < count; ++i) {
    uint8_t runs[kRuns][kRunBytes];
    for (size_t j = 0; j < kRuns; ++j) {
      std::memset(runs[j], flip, kRunBytes);
      for (size_t field = 0; field < fields; ++field) {
        const uint8_t *in = scratch + from[(i * kRuns + j) * fields + field];
        for (size_t lane = 0; lane < kRunBytes; ++lane)
          runs[j][lane] ^= uint8_t(in[lane] << (field * bits));
      }
    }
    uint8_t *to = out + i * kRuns * kRunBytes;
    for (size_t lane = 0; lane < kRunBytes; ++lane)
      for (size_t j = 0; j < kRuns; ++j)
        to[lane * kRuns + j] = runs[j][lane];
  }
}

/// `function` with the number of codes of a byte, and their bits, as constants.
template <typename Function>
static void withFields(unsigned bits, Function function) {
  auto call = [&](auto bits) {
    function(std::integral_constant<size_t, 8 / bits()>(), bits);
  };
  switch (bits) {
  case 1:
    return call(std::integral_constant<unsigned, 1>());
  case 2:
    return call(std::integral_constant<unsigned, 2>());
  case 3:
    return call(std::integral_constant<unsigned, 3>());
  case 4:
    return call(std::integral_constant<unsigned, 4>());
  default: // one code a byte
    return call(std::integral_constant<unsigned, 8>());
  }
}

void TileMover::write(int64_t tile, const uint8_t *scratch,
                      MutableArrayRef<uint8_t> buffer) const {
  const int64_t elements = from.size();
  if (!words.empty() || !groups.empty()) {
    uint8_t *out = &tiledCodes[tile * (elements / fields)];
    return withFields(bits, [&](auto fields, auto bits) {
      if (!words.empty())
        gatherWords<fields(), bits()>(scratch, words, layout.flip, out);
      else
        gatherGroups<fields(), bits()>(scratch, groups, layout.flip, out);
    });
  }
  for (int64_t i = 0; i < elements; ++i)
    buffer[i] = scratch[from[i]];
  tiledLayout.pack(kernels, buffer.data(), tile * elements, elements,
                   tiledCodes.data());
  const int64_t rows = elements / tiledLayout.getRowLength();
  for (uint8_t &byte : tiledCodes.slice(tiledLayout.getNumBytes(tile * rows),
                                        tiledLayout.getNumBytes(rows)))
    byte ^= layout.flip;
}

void TileMover::moveStrips(int64_t begin, int64_t end) const {
  SmallVector<uint8_t, 0> scratch(getElementsPerStrip()), buffer(from.size());
  SmallVector<int64_t, 4> position(grid.size()), first(grid.size());
  const int64_t next = multiply(ArrayRef(grid).drop_front(place + 1));
  for (int64_t strip = begin; strip < end; ++strip) {
    unflatten(strip, strips, position);
    position[place] *= stripTiles;
    const int64_t count = std::min(stripTiles, grid[place] - position[place]);
    int64_t tile = 0;
    for (auto [i, dim] : llvm::enumerate(layout.order)) {
      first[dim] = position[i] * layout.tile[dim];
      tile = tile * grid[i] + position[i];
    }
    unpack(first, count, scratch.data());
    for (int64_t i = 0; i < count; ++i)
      write(tile + i * next, &scratch[i * layout.tile.back()], buffer);
  }
}

/// A run of codes that lies in both orders as it is, and is whole bytes in
/// both, is a run of bytes.
static std::optional<TileLayout> getLayoutOfBytes(ArrayRef<int64_t> shape,
                                                  unsigned bits,
                                                  const TileLayout &layout) {
  const int64_t last = shape.size() - 1;
  const TileLayout::Factor inner = layout.getFactors().back();
  auto isWhole = [&](int64_t codes) { return codes * bits % 8 == 0; };
  if (bits == 8 || inner.dim != last || inner.stride != 1 ||
      !isWhole(inner.extent) || !isWhole(shape.back()))
    return std::nullopt;
  TileLayout bytes = layout;
  bytes.tile[last] = bytes.tile[last] * bits / 8;
  if (!bytes.split.empty()) {
    int64_t &extent = bytes.split[bytes.inside.back()];
    extent = extent * bits / 8;
  }
  return bytes;
}

void mlir::compress::algorithms::moveCodes(
    ArrayRef<int64_t> shape, unsigned bits, const TileLayout &layout,
    ArrayRef<uint8_t> codes, MutableArrayRef<uint8_t> tiledCodes) {
  if (auto bytes = getLayoutOfBytes(shape, bits, layout)) {
    SmallVector<int64_t, 4> shapeOfBytes(shape);
    shapeOfBytes.back() = shape.back() * bits / 8;
    return moveCodes(shapeOfBytes, 8, *bytes, codes, tiledCodes);
  }
  const TileMover mover(shape, bits, layout, codes, tiledCodes);
  const int64_t strips = mover.getNumStrips();
  const int64_t perTask = divideUp(1 << 18, mover.getElementsPerStrip());
  llvm::parallelFor(0, divideUp(strips, perTask), [&](size_t task) {
    int64_t begin = task * perTask;
    mover.moveStrips(begin, std::min(strips, begin + perTask));
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

template <size_t width> static void copyBlock(const uint8_t *in, uint8_t *out) {
  std::memcpy(out, in, width);
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
  for (auto [size, extent] : llvm::zip_equal(shape, block))
    grid.push_back(divideUp(size, extent));
  SmallVector<int64_t, 4> strides(rank, 1);
  for (size_t dim = rank; dim-- > 1;)
    strides[dim - 1] =
        strides[dim] * divideUp(from.shape[dim], from.block[dim]);
  // One step along a dimension of the grid goes along one dimension of the
  // weight, by whole blocks.
  struct Step {
    int64_t dim, elements, blocks;
  };
  SmallVector<Step, 8> steps;
  auto addStep = [&](int64_t dim, int64_t elements) {
    steps.push_back({dim, elements, elements / from.block[dim] * strides[dim]});
  };
  for (size_t j = 0; j < rank; ++j)
    addStep(layout.order[j], block[j] * layout.tile[layout.order[j]]);
  for (auto [j, factor] : llvm::enumerate(factors))
    addStep(factor.dim, block[rank + j] * factor.stride);

  auto move = [&](int64_t begin, int64_t end, auto copy) {
    SmallVector<int64_t, 8> tiled(grid.size());
    SmallVector<int64_t, 4> index(rank);
    int64_t flat = 0;
    auto advance = [&](size_t j, int64_t by) {
      tiled[j] += by;
      index[steps[j].dim] += by * steps[j].elements;
      flat += by * steps[j].blocks;
    };
    SmallVector<int64_t, 8> first(grid.size());
    unflatten(begin, grid, first);
    for (size_t j = 0; j < grid.size(); ++j)
      advance(j, first[j]);
    for (int64_t i = begin; i < end; ++i) {
      bool isInside = true;
      for (size_t dim = 0; dim < rank; ++dim)
        isInside &= index[dim] < from.shape[dim];
      if (isInside)
        copy(&in[flat * width], &out[i * width]);
      else
        std::memset(&out[i * width], 0, width);
      for (size_t j = grid.size(); j-- > 0;) {
        advance(j, 1);
        if (tiled[j] < grid[j])
          break;
        advance(j, -grid[j]);
      }
    }
  };
  const int64_t count = multiply(grid);
  constexpr int64_t kBlocksPerTask = 1 << 14;
  llvm::parallelFor(0, divideUp(count, kBlocksPerTask), [&](size_t task) {
    int64_t begin = task * kBlocksPerTask;
    int64_t end = std::min<int64_t>(count, begin + kBlocksPerTask);
    switch (width) {
    case 1:
      return move(begin, end, copyBlock<1>);
    case 2:
      return move(begin, end, copyBlock<2>);
    case 4:
      return move(begin, end, copyBlock<4>);
    default:
      return move(begin, end, [&](const uint8_t *from, uint8_t *to) {
        std::memcpy(to, from, width);
      });
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
