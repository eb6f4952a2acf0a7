//===- PresetBlocks.h - blocks that presets choose ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PRESETBLOCKS_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PRESETBLOCKS_H

#include "compress/Dialect/Compress/IR/CodecRegistry.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::compress {

/// At most `most` of `size` elements, without a rest where that leaves at least
/// a quarter: whole steps of kernels if there are such divisors, else the
/// largest one.
inline int64_t divideEvenly(int64_t size, int64_t most) {
  constexpr int64_t kSteps = 16;
  int64_t largest = 1;
  for (int64_t extent = std::min(size, most); extent > 1; --extent) {
    if (size % extent != 0)
      continue;
    if (extent % kSteps == 0)
      return extent;
    largest = std::max(largest, extent);
  }
  return largest * 4 > most ? largest : most;
}

/// Blocks of at most `elements` along the reduced dimensions: along channels
/// first, then along the window of a convolution, which is how kernels read
/// them, and the innermost first of either. The next dimension is entered only
/// when the block covers one whole. Where there are several, blocks leave no
/// rest, so that they are blocks of the matrix that these dimensions are
/// together, too.
inline SmallVector<int64_t> alongReduction(RankedTensorType type,
                                           ArrayRef<DimRole> roles,
                                           int64_t elements) {
  SmallVector<int64_t> reduced;
  for (DimRole role : {DimRole::Reduction, DimRole::Window})
    for (int64_t i = type.getRank() - 1; i >= 0; --i)
      if (roles[i] == role && type.getDimSize(i) > 1)
        reduced.push_back(i);
  SmallVector<int64_t> block(type.getRank(), 1);
  for (int64_t dim : reduced) {
    int64_t size = type.getDimSize(dim);
    if (size > elements) {
      block[dim] =
          reduced.size() == 1 ? elements : divideEvenly(size, elements);
      break;
    }
    block[dim] = size;
    elements /= size;
  }
  return block;
}

/// Tiles that compress-tile-and-fuse makes have at most so many elements.
inline constexpr int64_t kTileElements = 4096;

/// A box of whole units of at most kTileElements, where these allow it, grown
/// from the innermost dimension outwards.
inline SmallVector<int64_t> growBox(RankedTensorType type,
                                    ArrayRef<int64_t> unit) {
  SmallVector<int64_t> box;
  int64_t elements = 1;
  for (auto [extent, size] : llvm::zip_equal(unit, type.getShape())) {
    box.push_back(std::min(extent, std::max<int64_t>(size, 1)));
    elements *= box.back();
  }
  for (int64_t i = type.getRank() - 1; i >= 0; --i) {
    int64_t step = box[i], size = std::max<int64_t>(type.getDimSize(i), 1);
    int64_t others = elements / step;
    box[i] = std::max<int64_t>(kTileElements / others / step, 1) * step;
    if (box[i] >= size) {
      box[i] = size;
      elements = others * size;
      continue;
    }
    // One that leaves no rest, unless it is much smaller.
    for (int64_t extent = box[i]; extent * 2 > box[i]; extent -= step)
      if (size % extent == 0) {
        box[i] = extent;
        break;
      }
    break;
  }
  return box;
}

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PRESETBLOCKS_H
