//===- Relayout.h - Stored weights in the order of kernels ------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tensor cut into tiles: dimension i is split into ceil(dim / tile[i]) tiles
// of tile[i] elements, the tiles come first and what is in them last, both in
// the order of `order`:
//
//   [d0, d1], tile [16, 8], order [0, 1]  ->  [d0 / 16, d1 / 8, 16, 8]
//   [d0, d1], tile [8, 16], order [1, 0]  ->  [d1 / 16, d0 / 8, 16, 8]
//
// Places beyond the end of a dimension are padding.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_RELAYOUT_H
#define COMPRESS_ALGORITHMS_RELAYOUT_H

#include "compress/Algorithms/Quantize.h"

namespace mlir::compress::algorithms {

struct TileLayout {
  llvm::SmallVector<int64_t, 4> tile;
  /// A permutation of the dimensions.
  llvm::SmallVector<int64_t, 4> order;

  /// The shape after tiling, of twice the rank.
  llvm::SmallVector<int64_t, 8> getShape(llvm::ArrayRef<int64_t> shape) const;
};

/// The block of the tiled tensor that holds the elements that `block` holds, or
/// nothing where tiles cut blocks.
std::optional<llvm::SmallVector<int64_t, 8>>
getTiledBlock(const QuantShape &shape, const TileLayout &layout);

/// Moves codes of 1 to 8 bits, packed along the innermost dimension, into
/// tiles; codes of padding are zero (which is -1 if they are binary). Sizes and
/// the layout are those of a tensor with elements, and buffers have the sizes
/// that follow. Runs on LLVM's thread pool.
void moveCodes(llvm::ArrayRef<int64_t> shape, unsigned bits,
               const TileLayout &layout, llvm::ArrayRef<uint8_t> codes,
               llvm::MutableArrayRef<uint8_t> tiledCodes);

/// Moves what is stored for each block, `width` bytes, to the blocks of the
/// tiled tensor (see `getTiledBlock`, which has them); what only padding has is
/// zero.
void moveBlocks(const QuantShape &shape, const TileLayout &layout,
                int64_t width, llvm::ArrayRef<uint8_t> blocks,
                llvm::MutableArrayRef<uint8_t> tiledBlocks);

/// Moves codes, scales and offsets of a weight into tiles; no value changes.
/// Codes of padding are zero, and so are scales and offsets of blocks that are
/// all padding. Output buffers have the sizes of `computeSizes` for the tiled
/// shape and block. Returns false, and writes nothing, if the arguments do not
/// fit together. Runs on LLVM's thread pool.
[[nodiscard]] bool relayout(const QuantShape &shape, const QuantFormat &format,
                            const TileLayout &layout,
                            llvm::ArrayRef<uint8_t> codes,
                            llvm::ArrayRef<uint8_t> scales,
                            llvm::ArrayRef<uint8_t> offsets,
                            llvm::MutableArrayRef<uint8_t> tiledCodes,
                            llvm::MutableArrayRef<uint8_t> tiledScales,
                            llvm::MutableArrayRef<uint8_t> tiledOffsets);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_RELAYOUT_H
