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
// What is in a tile may be split further, and its parts be in another order.
// Here the index of the 32 elements of d1 is 16 h + 4 v + j:
//
//   [d0, d1], tile [16, 32], order [0, 1], split [16, 2, 4, 4], inside [2, 0,
//   3, 1]
//     ->  [d0 / 16, d1 / 32, v: 4, 16, j: 4, h: 2]
//
// Places beyond the end of a dimension are padding.
//
// What is stored of a tile may be several arrays, such as codes and scales.
// *Records* interleave them: all that is stored of a few tiles, one array after
// another, and then what is stored of the next tiles. Whoever reads tile by
// tile then reads one sequential stream.
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
  /// Factors of the extents of a tile, dimension by dimension, those of larger
  /// stride first; behind them there may be ones. Empty: the extents
  /// themselves.
  llvm::SmallVector<int64_t, 8> split;
  /// A permutation of the factors; empty with `split`, which means `order`.
  llvm::SmallVector<int64_t, 8> inside;
  /// The order of the factors in which positions of values are packed, where
  /// that is another one than `inside` (see NmSparsity.h).
  llvm::SmallVector<int64_t, 8> positions;
  /// Tiles along the last dimension of `order` that make a record; 0: arrays
  /// are not interleaved.
  int64_t record = 0;
  /// Bits that are stored inverted in each byte of codes: the signs of two's
  /// complement, where kernels want codes that are not negative.
  uint8_t flip = 0;

  /// One dimension of the inside of a tile.
  struct Factor {
    int64_t dim, extent, stride;
  };
  /// Whether `split` multiplies to `tile`, and `inside` has as many.
  bool isSplitLegal() const;
  /// The layout of a tensor with one element for each `block` of this one, in
  /// the place of its block; nothing where blocks do not fit tiles.
  std::optional<TileLayout> ofBlocks(llvm::ArrayRef<int64_t> shape,
                                     llvm::ArrayRef<int64_t> block) const;
  /// The factors in the order of `inside`.
  llvm::SmallVector<Factor, 8> getFactors() const;

  /// The shape after tiling: that of the tiles, then that of what is in one.
  llvm::SmallVector<int64_t, 8> getShape(llvm::ArrayRef<int64_t> shape) const;

  bool operator==(const TileLayout &other) const {
    return tile == other.tile && order == other.order && split == other.split &&
           inside == other.inside && positions == other.positions &&
           record == other.record && flip == other.flip;
  }
};

/// Where one array lies in a record.
struct RecordPart {
  /// Bytes in each record, from `offset` on.
  int64_t offset, bytes;
  /// Bytes of a row of records; the last record is filled up with zeros.
  int64_t rowBytes;
};

/// Interleaves arrays, `rows` rows of each, to `rows` times `records` records
/// of `recordBytes`. Runs on LLVM's thread pool.
void interleave(llvm::ArrayRef<RecordPart> parts, int64_t rows, int64_t records,
                int64_t recordBytes,
                llvm::ArrayRef<llvm::ArrayRef<uint8_t>> arrays,
                llvm::MutableArrayRef<uint8_t> stream);

/// Takes one array out of such records.
void deinterleave(const RecordPart &part, int64_t rows, int64_t records,
                  int64_t recordBytes, llvm::ArrayRef<uint8_t> stream,
                  llvm::MutableArrayRef<uint8_t> array);

/// The block of the tiled tensor that holds the elements that `block` holds, or
/// nothing where tiles cut blocks.
std::optional<llvm::SmallVector<int64_t, 8>>
getTiledBlock(const QuantShape &shape, const TileLayout &layout);

/// Moves codes of 1 to 8 bits, packed along the innermost dimension, into
/// tiles; codes of padding are zero (which is -1 if they are binary) before
/// bits are flipped. Sizes and the layout are those of a tensor with elements,
/// and buffers have the sizes that follow. Runs on LLVM's thread pool.
void moveCodes(llvm::ArrayRef<int64_t> shape, unsigned bits,
               const TileLayout &layout, llvm::ArrayRef<uint8_t> codes,
               llvm::MutableArrayRef<uint8_t> tiledCodes);

/// Moves elements of `width` bytes, 2 or 4, into tiles; those of padding are
/// zero bits. Sizes are as for `moveCodes`. Runs on LLVM's thread pool.
void moveElements(llvm::ArrayRef<int64_t> shape, int64_t width,
                  const TileLayout &layout, llvm::ArrayRef<uint8_t> elements,
                  llvm::MutableArrayRef<uint8_t> tiledElements);

/// Moves what is stored for each block, `width` bytes, to the blocks of the
/// tiled tensor (see `getTiledBlock`, which has them); what only padding has is
/// zero.
void moveBlocks(const QuantShape &shape, const TileLayout &layout,
                int64_t width, llvm::ArrayRef<uint8_t> blocks,
                llvm::MutableArrayRef<uint8_t> tiledBlocks);

/// Moves codes, scales and offsets of a weight into tiles; no value changes.
/// Codes of padding are zero before bits are flipped, and so are scales and
/// offsets of blocks that are all padding. Output buffers have the sizes of
/// `computeSizes` for the tiled shape and block. Returns false, and writes
/// nothing, if the arguments do not fit together. Runs on LLVM's thread pool.
[[nodiscard]] bool relayout(const QuantShape &shape, const QuantFormat &format,
                            const TileLayout &layout,
                            llvm::ArrayRef<uint8_t> codes,
                            llvm::ArrayRef<uint8_t> scales,
                            llvm::ArrayRef<uint8_t> offsets,
                            llvm::MutableArrayRef<uint8_t> tiledCodes,
                            llvm::MutableArrayRef<uint8_t> tiledScales,
                            llvm::MutableArrayRef<uint8_t> tiledOffsets);

/// A row-major array of entries of `width` bytes with its dimensions in another
/// order: dimension `i` of the result is dimension `order[i]`.
void permuteEntries(llvm::ArrayRef<int64_t> shape,
                    llvm::ArrayRef<unsigned> order, int64_t width,
                    llvm::ArrayRef<uint8_t> in,
                    llvm::MutableArrayRef<uint8_t> out);

/// The same for codes of 1 to 8 bits, packed along the innermost dimension;
/// those of the result along rows of `rowLength`, which may be several of its
/// dimensions.
void permuteCodes(llvm::ArrayRef<int64_t> shape,
                  llvm::ArrayRef<unsigned> order, unsigned bits,
                  int64_t rowLength, llvm::ArrayRef<uint8_t> codes,
                  llvm::MutableArrayRef<uint8_t> permuted);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_RELAYOUT_H
