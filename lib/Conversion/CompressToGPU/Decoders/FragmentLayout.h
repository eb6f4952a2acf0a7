//===- FragmentLayout.h - codes in the order of mma fragments ---*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is what the 32 lanes of a warp load with one access of 16 bytes each:
// 4 words of 32 bits. The two halves of a word have the two elements of
// registers, so that one instruction unpacks both; each half has one field, a
// code, for each of a few registers.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_FRAGMENTLAYOUT_H
#define COMPRESS_LIB_CONVERSION_FRAGMENTLAYOUT_H

#include "CodesToFloats.h"
#include "compress/Conversion/CompressToGPU/FragmentDecoder.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

/// The order of codes of `bits` bits, of 1 to 8 or 16. Those of 3, 5, 6 and 7
/// take as much as the next power of two: a byte has two of 3 bits, or one. So
/// do those of 1 and 2 bits where blocks are short.
struct FragmentLayout {
  unsigned bits;
  /// Half fragments along columns that have fields in a word. Of up to 4 bits
  /// these are a byte.
  int64_t columnFields;
  /// Fragments of 16 rows along the rows of a tile.
  int64_t rowTiles;
  /// Words that follow each other along the columns.
  int64_t outerSteps;
  /// Whether the two elements of a register are neighbours in a byte, so that
  /// they can be looked up together, and not in the halves of a word: for 4
  /// bits.
  bool hasPairs = false;
  /// Whether these are two of four neighbouring columns, of codes of 4 bits or
  /// more.
  bool isSparse = false;

  /// For a matrix; nothing where blocks do not fit.
  static std::optional<FragmentLayout> choose(const FragmentCodes &codes,
                                              int64_t columns);
  /// That of a weight which is laid out.
  static FragmentLayout of(unsigned bits, const FragmentWeight &weight);

  /// Fragments of 16 columns along the columns of a tile.
  int64_t getSteps() const { return outerSteps * getStepsPerWord(); }
  /// Columns that one stands for.
  int64_t getColumns() const;

  /// Without records.
  algorithms::TileLayout getTiles(int64_t rank, unsigned rowDim,
                                  unsigned columnDim) const;

  /// Where the codes of a register lie: in a word, and in its halves.
  struct Field {
    int64_t word, field;
  };
  Field getField(int64_t rowTile, int64_t step, int64_t reg) const;
  CodeFields getFields() const {
    return {bits, areRowsFields() ? columnFields : 1};
  }

private:
  bool areRowsFields() const { return bits <= 4; }
  int64_t getStepsPerWord() const {
    return std::max<int64_t>(columnFields / 2, 1);
  }
};

/// The elements of a component that is stored, or compressed again, for the
/// rows that a lane has of a tile, in f32; integers as they are signed. Its
/// leaves are those from number `leaf` on, which is set behind them.
SmallVector<Value> emitComponent(ImplicitLocOpBuilder &b,
                                 const FragmentWeight &weight,
                                 const FragmentPlace &place, Type component,
                                 bool isSigned, unsigned &leaf);

/// The elements of a leaf that belong to the rows that a lane has of a tile, as
/// they are stored.
SmallVector<Value> loadRows(ImplicitLocOpBuilder &b,
                            const FragmentWeight &weight,
                            const FragmentPlace &place, unsigned leaf);

/// The same, of bytes: for each row a word, and the number of its byte there.
SmallVector<std::pair<Value, int64_t>>
loadRowBytes(ImplicitLocOpBuilder &b, const FragmentWeight &weight,
             const FragmentPlace &place, unsigned leaf);

/// The same, of elements of 16 bits: for each row a register with two of it.
SmallVector<Value> loadRowPairs(ImplicitLocOpBuilder &b,
                                const FragmentWeight &weight,
                                const FragmentPlace &place, unsigned leaf);

/// What numbers of a tile are multiplied by, and what is added before and after
/// that, if anything is: registers with two of the same for each row that a
/// lane has. Scales may be sums of two numbers.
struct RowFactors {
  SmallVector<Value> scale, lowScale, minusZero, min;

  /// The registers as those of a decoder's factors, and back.
  SmallVector<Value> flatten() const;
  static RowFactors of(ValueRange factors, const FragmentWeight &weight,
                       bool hasLowScale, bool hasZero);

  /// Scales that are stored in a leaf.
  void loadScales(ImplicitLocOpBuilder &b, const FragmentWeight &weight,
                  const FragmentPlace &place, Type scale, unsigned leaf,
                  MmaKind kind);

  /// To registers of 16 rows of the tile.
  void apply(ImplicitLocOpBuilder &b, MutableArrayRef<Value> registers,
             int64_t rowTile, MmaKind kind) const;
};

/// Whether scales of a type are more exact than what kernels multiply, and in
/// their range: then they are sums of two numbers.
bool hasLowScales(Type scale, MmaKind kind);

/// Whether a kernel multiplies what decode yields, where it is one that
/// multiplies values in place of numbers.
bool hasTypeOfValues(const FragmentWeight &weight, MmaKind kind);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_FRAGMENTLAYOUT_H
