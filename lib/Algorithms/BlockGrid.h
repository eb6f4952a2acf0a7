//===- BlockGrid.h - Shapes cut into blocks, simplified ---------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The shape and block of a weight with dimensions merged where that changes
// neither the flat order of elements nor that of blocks, so that inner loops
// get long runs: [OC, 3, 3, IC] in blocks of one channel is one dimension of OC
// * 9 * IC elements in blocks of 9 * IC.
//
// Codes narrower than a byte restrict it: a byte must not be shared by two
// runs. `granule` says where a run may be cut.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_BLOCKGRID_H
#define COMPRESS_LIB_ALGORITHMS_BLOCKGRID_H

#include "CodeLayout.h"
#include "compress/Algorithms/Quantize.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::compress::algorithms {

/// A set of whole blocks: `rows` runs of `cols` elements each, at the offsets
/// that `BlockGrid::getRow` gives. The blocks are consecutive from `firstBlock`
/// on, and each row meets all of them, in order.
struct Slab {
  int64_t begin = 0;
  int64_t rows = 1;
  int64_t cols = 0;
  int64_t firstBlock = 0;
  int64_t numBlocks = 0;
  /// Extents of the outer dimensions of the block.
  llvm::SmallVector<int64_t, 4> extents;
};

struct BlockGrid {
  /// Merged dimensions, at least one; extents of blocks, none larger than its
  /// dimension; number of blocks along each; strides in elements.
  llvm::SmallVector<int64_t, 4> dims, block, counts, strides;
  /// Flat position of codes.
  CodeLayout layout;
  /// A run of the innermost dimension may be cut at multiples of this.
  int64_t granule = 1;
  /// Slabs have this many columns, but for the last ones of a row.
  int64_t slabCols = 1;

  /// For a shape without zero dimensions that `computeSizes` accepted.
  BlockGrid(const QuantShape &shape, unsigned bits);

  int64_t getInnerDim() const { return dims.back(); }
  int64_t getInnerBlock() const { return block.back(); }
  int64_t getSlabsPerRow() const {
    return (dims.back() + slabCols - 1) / slabCols;
  }
  int64_t getNumSlabs() const;
  /// Slabs are in the order of their blocks.
  Slab getSlab(int64_t index) const;
  /// Flat index of the first element of a row of the slab.
  int64_t getRow(const Slab &slab, int64_t row) const;
  /// Index of the block that element 0 of the flat row (run of the innermost
  /// dimension) belongs to.
  int64_t getFirstBlockOfRow(int64_t flatRow) const;
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_BLOCKGRID_H
