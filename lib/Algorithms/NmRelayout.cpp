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

void mlir::compress::algorithms::pairNmValues(
    const NmShape &shape, FloatKind kind, ArrayRef<uint8_t> values,
    ArrayRef<uint8_t> metadata, MutableArrayRef<uint8_t> pairedValues,
    MutableArrayRef<uint8_t> pairedMetadata) {
  NmShape pairs = shape;
  pairs.kept = 2;
  pairs.group = 4;
  const SmallVector<int64_t, 4> from = getValueShape(shape);
  const SmallVector<int64_t, 4> to = getValueShape(pairs);
  int64_t outer = 1, inner = 1;
  for (int64_t i = 0; i < shape.axis; ++i)
    outer *= from[i];
  for (size_t i = shape.axis + 1; i < from.size(); ++i)
    inner *= from[i];
  const int64_t width = getByteWidth(kind);
  const int64_t stored = from[shape.axis] * inner;
  const int64_t paired = to[shape.axis] * inner;
  const CodeLayout codes(shape.getPositionBits(), from.back());
  const CodeLayout pairedCodes(pairs.getPositionBits(), to.back());
  constexpr int64_t kTaskPositions = 1 << 15;
  const int64_t perTask = std::max<int64_t>(kTaskPositions / stored, 1);
  llvm::parallelFor(0, llvm::divideCeil(outer, perTask), [&](size_t task) {
    const Kernels &kernels = getKernels(Isa::Auto);
    const int64_t begin = task * perTask;
    const int64_t count = std::min<int64_t>(outer - begin, perTask);
    SmallVector<uint8_t, 0> positions(count * stored), result(count * paired);
    codes.unpack(kernels, metadata.data(), begin * stored, positions.size(),
                 /*isSigned=*/false, positions.data());
    const uint8_t *source = values.data() + begin * stored * width;
    uint8_t *target = pairedValues.data() + begin * paired * width;
    auto put = [&](int64_t at, int64_t value, uint8_t position) {
      result[at] = position;
      if (value < 0)
        std::fill_n(target + at * width, width, uint8_t(0));
      else
        std::copy_n(source + value * width, width, target + at * width);
    };
    for (int64_t group = 0; group < count * paired / 2 / inner; ++group)
      for (int64_t i = 0; i < inner; ++i) {
        const int64_t first = 2 * group * inner + i, second = first + inner;
        if (shape.group == 2) {
          put(first, first, positions[first]);
          put(second, second, 2 + positions[second]);
          continue;
        }
        const int64_t value = group * inner + i;
        const uint8_t position = positions[value];
        const bool isLast = position == 3;
        put(first, isLast ? -1 : value, isLast ? 2 : position);
        put(second, isLast ? value : -1, isLast ? 3 : position + 1);
      }
    pairedCodes.pack(kernels, result.data(), begin * paired, result.size(),
                     pairedMetadata.data());
  });
}
