//===- StoredTiles.h - vectors out of stored tiles ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What decoders of several codecs load: from arrays of their own, or out of
// records.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_STOREDTILES_H
#define COMPRESS_LIB_CONVERSION_STOREDTILES_H

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

/// Tiles of lanes and steps, whose numbers are split into factors; `inside` is
/// the order of these, those of lanes being counted first. Other dimensions are
/// in front.
algorithms::TileLayout makeTileLayout(int64_t rank, unsigned laneDim,
                                      ArrayRef<int64_t> laneFactors,
                                      unsigned stepDim,
                                      ArrayRef<int64_t> stepFactors,
                                      ArrayRef<int64_t> inside);

/// Components as buffers where all that is in one tile, or in one record, is
/// the last dimension.
SmallVector<Value> collapseTiles(ImplicitLocOpBuilder &b, TiledAttr codec,
                                 ValueRange components);

/// Bytes `begin` and after of what is stored in `part` for a tile, or, in
/// records, for the `tiles` tiles that it is one of and that share it.
Value loadBytes(ImplicitLocOpBuilder &b, const TiledWeight &weight,
                const TilePosition &position, unsigned part, int64_t tiles,
                int64_t begin, VectorType type);

/// Where the box that a tile is in lies in an array with one entry for each box
/// of `extents` tiles, and 0 for what is in it.
SmallVector<Value> getBox(ImplicitLocOpBuilder &b, ArrayRef<int64_t> grid,
                          ArrayRef<int64_t> extents,
                          const TilePosition &position);

/// Numbers of the lanes of a tile, in their stored type: those in `part` of the
/// `extents` tiles that it is in.
Value loadPerBox(ImplicitLocOpBuilder &b, const TiledWeight &weight,
                 const TilePosition &position, unsigned part,
                 ArrayRef<int64_t> extents, Type stored);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_STOREDTILES_H
