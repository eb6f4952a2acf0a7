//===- SparseIntegers.h - N of M elements that are codes of integers ------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The layout for int8 of #compress.nm whose values are compressed again, as
// codes that IntegerLayout.h is about. A vector of a tile has, for each lane,
// four bytes of codes of consecutive values: of 8, 4 bits each, or of 4. Those
// are for 16 consecutive steps, or fewer, of which a lane has so many in one
// word; the positions of these values are in the bits of one word as well. So x
// of those steps is a table of bytes, and positions are indices.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_SPARSEINTEGERS_H
#define COMPRESS_LIB_CONVERSION_SPARSEINTEGERS_H

#include "IntegerLayout.h"

namespace mlir::compress::sparse_integers {

/// Whether the codec is of a kind that all of this is about.
bool isSparse(NestedAttr codec);

std::optional<algorithms::TileLayout> getLayout(NestedAttr codec,
                                                RankedTensorType logical,
                                                unsigned laneDim,
                                                unsigned stepDim);

/// The same as methods of TileDecoderInterface.
SmallVector<Value> prepare(OpBuilder &b, Location loc,
                           const IntegerWeight &weight, ValueRange components);
IntegerFormat getFormat(NestedAttr codec, const IntegerWeight &weight);
SmallVector<CodeGroup> emitVector(OpBuilder &b, Location loc, NestedAttr codec,
                                  const IntegerWeight &weight,
                                  const TilePosition &position, int64_t vector,
                                  bool shifted);
IntegerScales emitScales(OpBuilder &b, Location loc, NestedAttr codec,
                         const IntegerWeight &weight,
                         const TilePosition &position);

} // namespace mlir::compress::sparse_integers

#endif // COMPRESS_LIB_CONVERSION_SPARSEINTEGERS_H
