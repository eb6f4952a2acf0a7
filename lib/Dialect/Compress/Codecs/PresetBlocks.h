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

/// Blocks of at most `elements` along the reduced dimensions. The innermost
/// reduced dimension is filled first; the next one is entered only when the
/// block covers it whole.
inline SmallVector<int64_t> alongReduction(RankedTensorType type,
                                           ArrayRef<DimRole> roles,
                                           int64_t elements) {
  SmallVector<int64_t> block(type.getRank(), 1);
  for (int64_t i = type.getRank() - 1; i >= 0 && elements > 1; --i) {
    if (roles[i] == DimRole::Parallel)
      continue;
    int64_t size = std::max<int64_t>(type.getDimSize(i), 1);
    block[i] = std::min(size, elements);
    elements = block[i] == size ? elements / size : 1;
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
