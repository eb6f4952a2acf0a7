//===- IntegerLayout.h - weights that kernels for integers read -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout that all codecs of integer codes have for int8. A tile has 32
// steps, or as many as a block. Vector v of it holds, for each lane and j of 0
// to 3, a byte of the codes 4 v + j + f * steps / fields, field f in bits f *
// bits and above, or where else the codec of codes puts it: codes of one field
// are operands of an integer dot product once the others are masked. Signs are
// flipped, so that no code is negative. What belongs to blocks lies in the
// stream of codes, records being such that they are whole cache lines; what
// belongs to whole rows is apart.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_INTEGERLAYOUT_H
#define COMPRESS_LIB_CONVERSION_INTEGERLAYOUT_H

#include "StoredTiles.h"

namespace mlir::compress {

/// The layout of the codec's codes; nothing if it has none.
std::optional<algorithms::TileLayout> getIntegerLayout(CodecAttrInterface codec,
                                                       RankedTensorType logical,
                                                       unsigned laneDim,
                                                       unsigned stepDim);

/// The layout of codes of one bit for `xnor`, inverted: 32 steps a lane;
/// nothing where blocks do not fit it.
std::optional<algorithms::TileLayout> getSignLayout(CodecAttrInterface codec,
                                                    RankedTensorType logical,
                                                    unsigned laneDim,
                                                    unsigned stepDim);

/// The smallest records of whole cache lines, or if there are none, the
/// smallest ones: what all tiles of a short row share may be of any size.
bool chooseRecord(CodecAttrInterface codec, RankedTensorType logical,
                  int64_t tilesPerBlock, algorithms::TileLayout &layout);

/// The block of the tiled tensor.
std::optional<SmallVector<int64_t, 8>>
getTiledBlock(RankedTensorType logical, ArrayRef<int64_t> block,
              const algorithms::TileLayout &layout);

/// The bits that layouts of integers invert in each byte.
uint8_t getFlip(const IntegerCodes &codes);

/// What of the format follows from the layout; shifts are those of the fields.
IntegerFormat getIntegerFormat(const IntegerWeight &weight,
                               const IntegerCodes &codes);

/// Bytes `begin` and after of what is stored in a leaf for a tile, or for the
/// block that it is in.
Value loadBytes(OpBuilder &b, Location loc, const IntegerWeight &weight,
                const TilePosition &position, unsigned leaf, int64_t begin,
                VectorType type);

/// The elements of a leaf that belong to the lanes of a tile.
Value loadLanes(OpBuilder &b, Location loc, const IntegerWeight &weight,
                const TilePosition &position, unsigned leaf);

/// The same for a component, compressed or not, in f32. Its leaves are those
/// from `leaf` on, which is set behind them.
Value emitComponent(OpBuilder &b, Location loc, const IntegerWeight &weight,
                    const TilePosition &position, Type component, bool isSigned,
                    unsigned &leaf);

/// Each byte of a vector shifted to the right. What is shifted in is undefined.
Value shiftBytes(OpBuilder &b, Location loc, Value bytes, unsigned shift);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_INTEGERLAYOUT_H
