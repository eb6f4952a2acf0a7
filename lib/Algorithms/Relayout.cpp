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

SmallVector<int64_t, 8> TileLayout::getShape(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t, 8> result;
  for (int64_t dim : order)
    result.push_back(divideUp(shape[dim], tile[dim]));
  for (int64_t dim : order)
    result.push_back(tile[dim]);
  return result;
}

std::optional<SmallVector<int64_t, 8>>
mlir::compress::algorithms::getTiledBlock(const QuantShape &shape,
                                          const TileLayout &layout) {
  SmallVector<int64_t, 8> outer, inner;
  for (int64_t dim : layout.order) {
    int64_t size = shape.shape[dim], block = shape.block[dim],
            tile = layout.tile[dim];
    if (block >= size) {
      outer.push_back(std::max<int64_t>(divideUp(size, tile), 1));
      inner.push_back(tile);
    } else if (block % tile == 0) {
      outer.push_back(block / tile);
      inner.push_back(tile);
    } else if (tile % block == 0) {
      outer.push_back(1);
      inner.push_back(block);
    } else {
      return std::nullopt;
    }
  }
  outer.append(inner.begin(), inner.end());
  return outer;
}

namespace {
/// Where elements of the tiled tensor come from.
class Source {
public:
  Source(ArrayRef<int64_t> shape, const TileLayout &layout)
      : shape(shape), layout(layout) {}

  /// Logical index of a tiled one; false where that is padding.
  bool locate(ArrayRef<int64_t> tiled,
              llvm::SmallVectorImpl<int64_t> &index) const {
    size_t rank = shape.size();
    for (size_t i = 0; i < rank; ++i) {
      int64_t dim = layout.order[i];
      index[dim] = tiled[i] * layout.tile[dim] + tiled[rank + i];
      if (index[dim] >= shape[dim])
        return false;
    }
    return true;
  }

private:
  ArrayRef<int64_t> shape;
  const TileLayout &layout;
};
} // namespace

/// Row-major index, all but the last dimension.
static int64_t getRow(ArrayRef<int64_t> index, ArrayRef<int64_t> shape) {
  int64_t row = 0;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    row = row * shape[i] + index[i];
  return row;
}

/// Index of row `row` of a tensor, all but the last dimension.
static void unflattenRow(int64_t row, ArrayRef<int64_t> shape,
                         MutableArrayRef<int64_t> index) {
  for (size_t i = shape.size() - 1; i-- > 0;) {
    index[i] = row % shape[i];
    row /= shape[i];
  }
}

static int64_t countRows(ArrayRef<int64_t> shape) {
  int64_t rows = 1;
  for (int64_t size : shape.drop_back())
    rows *= size;
  return rows;
}

/// One row of codes of the tiled tensor, one code a byte.
static void gatherRow(const Source &source, const Kernels &kernels,
                      const CodeLayout &from, ArrayRef<int64_t> shape,
                      const TileLayout &layout, ArrayRef<uint8_t> codes,
                      MutableArrayRef<int64_t> tiled,
                      MutableArrayRef<uint8_t> row) {
  std::memset(row.data(), 0, row.size());
  SmallVector<int64_t, 4> index(shape.size());
  int64_t last = shape.size() - 1;
  tiled.back() = 0;
  if (layout.order.back() == last) {
    // A run of the innermost dimension stays one.
    if (!source.locate(tiled, index))
      return;
    int64_t begin = getRow(index, shape) * shape[last] + index[last];
    int64_t n = std::min<int64_t>(row.size(), shape[last] - index[last]);
    from.unpack(kernels, codes.data(), begin, n, /*isSigned=*/false,
                row.data());
    return;
  }
  for (size_t i = 0; i < row.size(); ++i) {
    tiled.back() = i;
    if (source.locate(tiled, index))
      from.unpack(kernels, codes.data(),
                  getRow(index, shape) * shape[last] + index[last], 1,
                  /*isSigned=*/false, &row[i]);
  }
}

void mlir::compress::algorithms::moveBlocks(const QuantShape &from,
                                            const TileLayout &layout,
                                            int64_t width, ArrayRef<uint8_t> in,
                                            MutableArrayRef<uint8_t> out) {
  const Source source(from.shape, layout);
  const SmallVector<int64_t, 8> shape = layout.getShape(from.shape);
  const SmallVector<int64_t, 8> block = *getTiledBlock(from, layout);
  size_t rank = from.shape.size();
  SmallVector<int64_t, 8> grid, tiled(2 * rank);
  SmallVector<int64_t, 4> index(rank);
  int64_t count = 1;
  for (auto [size, extent] : llvm::zip_equal(shape, block)) {
    grid.push_back(divideUp(size, extent));
    count *= grid.back();
  }
  std::memset(out.data(), 0, out.size());
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i;
    for (size_t dim = 2 * rank; dim-- > 0;) {
      tiled[dim] = rest % grid[dim] * block[dim];
      rest /= grid[dim];
    }
    if (!source.locate(tiled, index))
      continue;
    int64_t flat = 0;
    for (size_t dim = 0; dim < rank; ++dim)
      flat = flat * divideUp(from.shape[dim], from.block[dim]) +
             index[dim] / from.block[dim];
    std::memcpy(&out[i * width], &in[flat * width], width);
  }
}

void mlir::compress::algorithms::moveCodes(
    ArrayRef<int64_t> shape, unsigned bits, const TileLayout &layout,
    ArrayRef<uint8_t> codes, MutableArrayRef<uint8_t> tiledCodes) {
  const SmallVector<int64_t, 8> tiledShape = layout.getShape(shape);
  const Source source(shape, layout);
  const Kernels &kernels = getKernels(Isa::Auto);
  const CodeLayout from(bits, shape.back());
  const int64_t rowLength = tiledShape.back();
  const CodeLayout to(bits, rowLength);
  const int64_t rows = countRows(tiledShape);
  constexpr int64_t kRowsPerTask = 4096;
  llvm::parallelFor(0, divideUp(rows, kRowsPerTask), [&](size_t task) {
    SmallVector<int64_t, 8> tiled(tiledShape.size());
    SmallVector<uint8_t, 64> row(rowLength);
    int64_t end = std::min<int64_t>(rows, (task + 1) * kRowsPerTask);
    for (int64_t i = task * kRowsPerTask; i < end; ++i) {
      unflattenRow(i, tiledShape, tiled);
      gatherRow(source, kernels, from, shape, layout, codes, tiled, row);
      to.pack(kernels, row.data(), i * rowLength, rowLength, tiledCodes.data());
    }
  });
}

bool mlir::compress::algorithms::relayout(
    const QuantShape &shape, const QuantFormat &format,
    const TileLayout &layout, ArrayRef<uint8_t> codes, ArrayRef<uint8_t> scales,
    ArrayRef<uint8_t> offsets, MutableArrayRef<uint8_t> tiledCodes,
    MutableArrayRef<uint8_t> tiledScales,
    MutableArrayRef<uint8_t> tiledOffsets) {
  if (shape.shape.empty() || layout.tile.size() != shape.shape.size() ||
      layout.order.size() != shape.shape.size())
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
