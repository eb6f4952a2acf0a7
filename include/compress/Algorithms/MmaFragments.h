//===- MmaFragments.h - Where matrices lie in a warp ------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one place that knows which lane of a warp holds which element of the
// operands of mma.sync and of what ldmatrix loads. Layouts of weights, kernels
// and checks are all made of these maps.
//
// Each map is a product of factors: the number of a lane, of one of its 32-bit
// registers, and of an element in it, are mixed-radix numbers whose digits are
// parts of the row or of the column. So a map is the order of dimensions that a
// tile has after it is split, which is what TileLayout describes.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_MMAFRAGMENTS_H
#define COMPRESS_ALGORITHMS_MMAFRAGMENTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace mlir::compress::algorithms {

/// Lanes of a warp.
inline constexpr int64_t kWarpLanes = 32;

/// The part of a matrix that each lane of a warp holds.
struct MmaFragment {
  /// A digit of a number: it counts steps of `stride` along rows (0) or
  /// columns (1).
  struct Factor {
    unsigned dim;
    int64_t extent, stride;
  };
  struct Place {
    int64_t row, column;
    bool operator==(const Place &other) const {
      return row == other.row && column == other.column;
    }
  };

  int64_t rows, columns;
  /// Digits, the slowest first.
  llvm::SmallVector<Factor, 3> lanes, registers, elements;

  int64_t getNumRegisters() const { return getSize(registers); }
  /// Elements in a register.
  int64_t getNumElements() const { return getSize(elements); }
  int64_t getElementBits() const { return 32 / getNumElements(); }
  /// The element of the matrix that a lane holds.
  Place getPlace(int64_t lane, int64_t reg, int64_t element) const;

  /// The product of extents.
  static int64_t getSize(llvm::ArrayRef<Factor> factors);
};

/// The kinds of mma.sync that kernels use: what A and B are. F16 and BF16 add
/// up in f32, S8 in 32-bit integers, and so do U8, which is S8 with an A that
/// has no signs, and B1: its products are those of `and`. E4M3 and E5M2 are
/// floats of 8 bits, those of A, and add up in f32; B is E4M3.
enum class MmaKind { F16, BF16, S8, U8, B1, E4M3, E5M2 };

/// D = A B + C, computed by a warp: A has `m` rows and `k` columns, B has `k`
/// rows and `n` columns. C and D are alike.
struct MmaShape {
  int64_t m, n, k;
  MmaFragment a, b, d;
};

/// The shape that kernels use: m16n8k16 for elements of 16 bits, m16n8k32 for
/// those of 8.
MmaShape getMmaShape(MmaKind kind);

/// D = A B + C of mma.sp, where a row of A has up to two elements of each four
/// neighbours. `a` holds those that are stored, of half as many columns.
/// `metadata` has their positions in the four, in 2 bits each, for selector 0;
/// lanes that it is not read of have the places of others. There are
/// `selectors` of them: with another one, the lanes that follow in a group of
/// four are read.
struct SparseMmaShape {
  int64_t m, n, k;
  MmaFragment a, b, d, metadata;
  int64_t selectors;
};

/// m16n8k32 for elements of 16 bits, m16n8k64 for those of 8. Bits have none.
SparseMmaShape getSparseMmaShape(MmaKind kind);

/// What ldmatrix gives of one 8x8 matrix of 16-bit elements: register i of a
/// lane is of matrix i. Lane 8 i + r has the address of row r of matrix i.
MmaFragment getLdmatrixFragment();

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_MMAFRAGMENTS_H
