//===- NmRelayout.cpp - N of M elements in the order of kernels -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeLayout.h"
#include "compress/Algorithms/NmSparsity.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Parallel.h"

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;
using llvm::MutableArrayRef;
using llvm::SmallVector;

/// The shape of what is stored.
static SmallVector<int64_t, 4> getValueShape(const NmShape &shape) {
  SmallVector<int64_t, 4> values(shape.shape);
  int64_t &size = values[shape.axis];
  size = (size + shape.group - 1) / shape.group * shape.kept;
  return values;
}

static SmallVector<int64_t, 8> unflatten(int64_t flat, ArrayRef<int64_t> grid) {
  SmallVector<int64_t, 8> position(grid.size());
  for (size_t i = grid.size(); i-- > 0; flat /= grid[i])
    position[i] = flat % grid[i];
  return position;
}

void mlir::compress::algorithms::moveNmValues(
    const NmShape &shape, FloatKind kind, const TileLayout &layout,
    ArrayRef<uint8_t> values, MutableArrayRef<uint8_t> tiledValues) {
  moveElements(getValueShape(shape), getByteWidth(kind), layout, values,
               tiledValues);
}

void mlir::compress::algorithms::moveNmPositions(
    const NmShape &shape, const TileLayout &layout, ArrayRef<uint8_t> metadata,
    MutableArrayRef<uint8_t> tiledMetadata) {
  const SmallVector<int64_t, 4> from = getValueShape(shape);
  moveCodes(from, shape.getPositionBits(), layout, metadata, tiledMetadata);

  // Padding got zeros, which are not increasing.
  const size_t rank = from.size();
  const auto factors = layout.getFactors();
  const SmallVector<int64_t, 8> tiled = layout.getShape(from);
  const ArrayRef<int64_t> grid = ArrayRef(tiled).take_front(rank);
  const CodeLayout codes(shape.getPositionBits(), tiled.back());
  int64_t tiles = 1, elements = 1;
  for (int64_t size : grid)
    tiles *= size;
  for (int64_t size : ArrayRef(tiled).drop_front(rank))
    elements *= size;
  constexpr int64_t kTilesPerTask = 1 << 10;
  llvm::parallelFor(
      0, llvm::divideCeil(tiles, kTilesPerTask), [&](size_t task) {
        SmallVector<uint8_t, 0> tile(elements);
        const int64_t end =
            std::min<int64_t>(tiles, (task + 1) * kTilesPerTask);
        for (int64_t i = task * kTilesPerTask; i < end; ++i) {
          const SmallVector<int64_t, 8> position = unflatten(i, grid);
          SmallVector<int64_t, 4> begin(rank);
          bool isWhole = true;
          for (auto [at, dim] : llvm::zip_equal(position, layout.order)) {
            begin[dim] = at * layout.tile[dim];
            isWhole &= begin[dim] + layout.tile[dim] <= from[dim];
          }
          if (isWhole)
            continue;
          const Kernels &kernels = getKernels(Isa::Auto);
          codes.unpack(kernels, tiledMetadata.data(), i * elements, elements,
                       /*isSigned=*/false, tile.data());
          for (int64_t j = 0; j < elements; ++j) {
            SmallVector<int64_t, 4> index(begin);
            for (auto [factor, at] : llvm::zip_equal(
                     factors, unflatten(j, ArrayRef(tiled).drop_front(rank))))
              index[factor.dim] += at * factor.stride;
            if (llvm::any_of(llvm::zip_equal(index, from), [](auto pair) {
                  return std::get<0>(pair) >= std::get<1>(pair);
                }))
              tile[j] = index[shape.axis] % shape.kept;
          }
          codes.pack(kernels, tile.data(), i * elements, elements,
                     tiledMetadata.data());
        }
      });
}
