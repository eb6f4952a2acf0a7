//===- FragmentDecoder.h - stored form to mma fragments ---------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_COMPRESSTOGPU_FRAGMENTDECODER_H
#define COMPRESS_CONVERSION_COMPRESSTOGPU_FRAGMENTDECODER_H

#include "compress/Algorithms/MmaFragments.h"
#include "compress/Algorithms/Relayout.h"
#include "compress/Dialect/Compress/IR/Compress.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::compress {

using algorithms::MmaKind;

/// Bytes that a lane loads at once of a tile, and those of a tile.
inline constexpr int64_t kLaneBytes = 16;
inline constexpr int64_t kTileBytes = kLaneBytes * algorithms::kWarpLanes;

/// A weight that is laid out in fragments.
struct FragmentWeight {
  FragmentWeight(TiledAttr codec, RankedTensorType logical);
  /// One that has some leaves of the records of another one.
  FragmentWeight(TiledAttr codec, RankedTensorType logical,
                 SmallVector<TiledAttr::Leaf> leaves,
                 TiledAttr::Records records)
      : codec(codec), logical(logical), leaves(std::move(leaves)),
        records(std::move(records)) {}

  TiledAttr codec;
  RankedTensorType logical;
  SmallVector<TiledAttr::Leaf> leaves;
  TiledAttr::Records records;
  /// What `emitTable` filled, if the decoder has a table.
  Value table;

  CodecAttrInterface getInner() const { return codec.getInner(logical); }
  RankedTensorType getTiled() const { return codec.getTiledType(logical); }
  /// Dimensions of outputs and of what is reduced.
  unsigned getRowDim() const { return codec.getOrder().drop_back().back(); }
  unsigned getColumnDim() const { return codec.getOrder().back(); }
  /// Extents of a tile, and tiles in a record.
  int64_t getTileRows() const { return codec.getTile()[getRowDim()]; }
  int64_t getTileColumns() const { return codec.getTile()[getColumnDim()]; }
  int64_t getTilesPerRecord() const { return codec.getRecord(); }
  /// Rows of tiles in all, for one batch.
  int64_t getNumTileRows() const {
    return getTiled().getDimSize(logical.getRank() - 2);
  }
};

/// Codes that fragments are made of.
struct FragmentCodes {
  unsigned bits;
  /// Columns that share a scale.
  int64_t block;
  /// Bits that are stored inverted in each byte: the signs of two's complement.
  uint8_t flip = 0;
  /// Whether the two elements of a register are neighbours in a byte, so that
  /// they can be looked up together, and not in the halves of a word: for 4
  /// bits.
  bool hasPairs = false;
  /// Whether values are more than a number times a scale.
  bool hasOffsets = false;
  /// Whether two of four neighbouring columns are stored, and their positions.
  /// `block` is of all columns.
  bool isSparse = false;
};

/// value = unit * (scale * (number - zero) + min), where all numbers of
/// `tilesPerBlock` tiles along the reduced dimension share scale, zero and min.
struct FragmentFormat {
  /// 0: all tiles.
  int64_t tilesPerBlock = 0;
  bool hasScale = false, hasZero = false, hasMin = false;
  /// A power of two that results are multiplied by at the end.
  double unit = 1;
  /// Tiles along the reduced dimension whose numbers share factors, which those
  /// of fragments are multiplied by. 0: there are none.
  int64_t tilesPerFactor = 0;
  /// How many operations more a fragment of 16 columns takes with them.
  int64_t factorCost = 0;
  /// For an mma of bytes, fragments have numbers times 2^byteShift.
  int64_t byteShift = 0;
  /// Whether registers have two of four neighbouring columns: for mma.sp.
  bool isSparse = false;

  bool hasOffset() const { return hasZero || hasMin; }
};

/// The metadata operand of mma.sp, and its selector.
struct FragmentMetadata {
  Value word;
  int64_t selector;
};

/// An mma of bytes may multiply its columns in any order, if both operands have
/// the same. It is the one that codes have for an mma of halves: of each 16
/// columns, a register has two neighbours and those 8 behind them. Which column
/// is byte number `byte` of the register of a lane, less twice the number of
/// the lane in its group of four.
inline constexpr int64_t getByteColumn(int64_t byte) {
  return byte % 2 * 8 + byte / 2;
}

/// The same for an mma of bits: which column is bit number `bit` of the first
/// register of a lane, less twice the number of the lane; those of the second
/// one are 128 columns behind.
inline constexpr int64_t getSignColumn(int64_t bit) {
  return bit / 16 * 64 + bit % 8 * 8 + bit / 8 % 2;
}

/// The same where two of four columns are stored: of each 64 columns, a
/// register has four neighbours and those 16 behind them. Which columns are
/// word number `word` of a row of lhs.
inline constexpr int64_t getSparseWordColumn(int64_t word) {
  return 4 * (word / 8 * 8 + word % 2 * 4 + word % 8 / 2);
}

/// Where a tile lies.
struct FragmentPlace {
  /// Among the rows of tiles: batches, and the row.
  SmallVector<Value> outer;
  /// Shared memory of bytes, and where its record begins in there. Null where
  /// what is asked for is not in records.
  Value buffer, record;
  /// Number in the record.
  int64_t tile = 0;
  /// Number of the tile along the reduced dimension. Null where all share what
  /// is asked for.
  Value column;
  /// Number of the row of tiles among those of the block of threads.
  Value blockRow;
  /// Number of the lane's group of four (see algorithms::MmaFragment): its row
  /// in each 8 rows. Number of the lane in there.
  Value group, quarter;
  /// The components that are not in records.
  SmallVector<Value> shared;
};

/// f32 values for the rows that a lane has of a tile: those of its group in
/// each 8 rows. Empty where there are none.
struct RowScales {
  SmallVector<Value> scale, zero, min;
};

/// Attaches the fragment decoders of this project's codecs.
void registerFragmentDecoders(DialectRegistry &registry);

// One line a codec.
void registerDenseFragmentDecoder(DialectRegistry &registry);
void registerNestedFragmentDecoder(DialectRegistry &registry);
void registerNmFragmentDecoder(DialectRegistry &registry);
void registerPaletteFragmentDecoder(DialectRegistry &registry);
void registerQuantFragmentDecoder(DialectRegistry &registry);

} // namespace mlir::compress

#include "compress/Conversion/CompressToGPU/FragmentDecoderInterface.h.inc"

namespace mlir::compress {

/// The packed layout that kernels read, for outputs along `rowDim` and the
/// reduced dimension `columnDim`, or nothing where there is none.
std::optional<algorithms::TileLayout>
getFragmentLayout(FragmentDecoderInterface codec, RankedTensorType logical,
                  unsigned rowDim, unsigned columnDim);

/// Whether a weight is laid out in fragments, with outputs and what is reduced
/// along the given dimensions.
bool isFragmentWeight(CompressedTensorType weight, unsigned rowDim,
                      unsigned columnDim);

} // namespace mlir::compress

#endif // COMPRESS_CONVERSION_COMPRESSTOGPU_FRAGMENTDECODER_H
