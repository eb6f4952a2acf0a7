//===- Bitmask.h - A bit per element, and values that are left --*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Unstructured sparsity (Han et al., "Learning both Weights and Connections for
// Efficient Neural Networks", 2015). Nothing computes with values here: their
// bits are moved.
//
// Storage. A weight is rows of columns. The mask has a bit per element, lower
// columns in lower bits, rows padded to whole bytes with zero bits. Values
// whose bit is set lie in row-major order. Either each row has `keep` of them,
// or a table says where each block of rows begins (int32, little-endian), and
// there is at least one value: a zero, if no bit is set.
//
// Magnitude: the largest |w| are kept, of equal ones those of lower index.
// Encoding what was decoded gives the same bytes again.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_BITMASK_H
#define COMPRESS_ALGORITHMS_BITMASK_H

#include "compress/Algorithms/FloatFormat.h"
#include "compress/Algorithms/NmSparsity.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <optional>

namespace mlir::compress::algorithms {

struct BitmaskShape {
  int64_t rows = 1;
  int64_t columns = 1;
  /// Values of each row; none if offsets say where rows begin.
  std::optional<int64_t> keep;
  /// Bytes of an element: 1, 2 or 4.
  int64_t width = 4;
  /// Rows that share an offset; all rows are blocks of them.
  int64_t block = 1;

  int64_t getRowBytes() const { return (columns + 7) / 8; }
  int64_t getOffsetBytes() const { return keep ? 0 : rows / block * 4; }
  /// Whether no size overflows, and `keep`, `width` and `block` fit.
  bool isValid() const;
};

/// Sets the bits of the `keep` largest magnitudes of each row. An error names
/// the first element that is not finite.
std::optional<SparseError>
selectLargestOfRows(llvm::ArrayRef<uint8_t> source, FloatKind kind,
                    const BitmaskShape &shape,
                    llvm::MutableArrayRef<uint8_t> mask);

/// Sets the bits of the largest magnitudes, `density` of all elements at most;
/// never that of a zero.
std::optional<SparseError> selectLargest(llvm::ArrayRef<uint8_t> source,
                                         FloatKind kind,
                                         const BitmaskShape &shape,
                                         double density,
                                         llvm::MutableArrayRef<uint8_t> mask);

/// Sets the bits of all elements whose bits are not all zero. False if sizes do
/// not fit.
[[nodiscard]] bool selectNonZero(llvm::ArrayRef<uint8_t> source,
                                 const BitmaskShape &shape,
                                 llvm::MutableArrayRef<uint8_t> mask);

/// Number of values that a mask asks for, at least 1 if rows have offsets.
int64_t countValues(const BitmaskShape &shape, llvm::ArrayRef<uint8_t> mask);

/// Writes the values of a mask and, without `keep`, where rows begin. False if
/// sizes do not fit.
[[nodiscard]] bool gatherValues(llvm::ArrayRef<uint8_t> source,
                                const BitmaskShape &shape,
                                llvm::ArrayRef<uint8_t> mask,
                                llvm::MutableArrayRef<uint8_t> values,
                                llvm::MutableArrayRef<uint8_t> offsets);

/// Decodes the elements from flat index `begin` on, as many as fit `out`.
/// Returns false, and writes nothing, if the arguments do not fit together. The
/// data must be valid.
[[nodiscard]] bool decodeBitmask(const BitmaskShape &shape,
                                 llvm::ArrayRef<uint8_t> mask,
                                 llvm::ArrayRef<uint8_t> values,
                                 llvm::ArrayRef<uint8_t> offsets, int64_t begin,
                                 llvm::MutableArrayRef<uint8_t> out);

/// Where the values of all elements lie: 1 + their index, 0 where the bit is
/// clear; `indices` has four bytes for each element, little-endian. The data
/// must be valid, and have less than 2^31 values.
void indexValues(const BitmaskShape &shape, llvm::ArrayRef<uint8_t> mask,
                 llvm::ArrayRef<uint8_t> offsets,
                 llvm::MutableArrayRef<uint8_t> indices);

/// Stores values by such indices, in their order, which is another one:
/// `shape` has offsets. `tiledValues` has the size of `countValues` of the mask
/// that this writes first.
void maskIndices(const BitmaskShape &shape, llvm::ArrayRef<uint8_t> indices,
                 llvm::MutableArrayRef<uint8_t> mask);
void gatherIndices(const BitmaskShape &shape, llvm::ArrayRef<uint8_t> indices,
                   llvm::ArrayRef<uint8_t> values,
                   llvm::MutableArrayRef<uint8_t> tiledValues,
                   llvm::MutableArrayRef<uint8_t> offsets);

/// Checks bytes that come from a file. Nothing out of bounds is read, whatever
/// they hold. Values are checked if they are floats.
std::optional<SparseError> validateBitmask(const BitmaskShape &shape,
                                           std::optional<FloatKind> kind,
                                           llvm::ArrayRef<uint8_t> mask,
                                           llvm::ArrayRef<uint8_t> values,
                                           llvm::ArrayRef<uint8_t> offsets);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_BITMASK_H
