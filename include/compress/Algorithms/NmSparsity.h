//===- NmSparsity.h - N of M consecutive elements ---------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// N:M sparsity: of each group of M consecutive elements along one dimension N
// are kept, the others are zero (Mishra et al., "Accelerating Sparse Deep
// Neural Networks", 2021). Nothing computes with values here: their bits are
// moved.
//
// Storage. Values lie row-major over the logical shape with G * N elements
// along the axis, G = ceil(dim / M); those of group g at [g * N, (g + 1) * N),
// in increasing order of their index. Positions in the group, ceil(log2 M) bits
// each, lie in the same order, packed along the innermost dimension of that
// shape, the lower index in the lower bits, each row padded to whole bytes with
// zero bits.
//
// The last group may be shorter, with E elements. If E < N its positions are
// 0..N-1 all the same; the values at E..N-1 are not read (written as zero).
//
// Magnitude: the N largest |w| are kept, of equal ones those of lower index.
// Encoding what was decoded gives the same bytes again.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_NMSPARSITY_H
#define COMPRESS_ALGORITHMS_NMSPARSITY_H

#include "compress/Algorithms/FloatFormat.h"
#include "compress/Algorithms/Relayout.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace mlir::compress::algorithms {

/// The logical shape and its groups. Dimensions may be 0.
struct NmShape {
  llvm::SmallVector<int64_t, 4> shape;
  /// The dimension that is cut into groups.
  int64_t axis = 0;
  /// N and M: 1 <= N < M <= 16.
  int64_t kept = 2;
  int64_t group = 4;

  /// Bits of a position.
  unsigned getPositionBits() const;
};

/// Sizes of a weight and of its storage.
struct NmSizes {
  int64_t numElements = 0;
  int64_t numValues = 0;
  int64_t metadataBytes = 0;
};

/// The sizes, or none if the shape is invalid or if a size (also in bytes of
/// f32) does not fit int64_t.
std::optional<NmSizes> computeSizes(const NmShape &shape);

/// Why a weight cannot be encoded, or what is wrong with stored bytes.
struct SparseError {
  enum class Kind : uint8_t {
    /// Invalid shape or parameter, or a buffer whose size does not fit.
    InvalidArgument,
    /// Element (or stored value) `index` is an infinity or a NaN.
    NonFinite,
    /// Byte `index` of the metadata or the mask has a padding bit set.
    Padding,
    /// Position `index` does not follow the one before it, or is outside.
    Position,
    /// Row `index` has another number of bits set than values.
    Count,
  };
  Kind kind;
  int64_t index = 0;
  float value = 0;
};

/// Keeps the largest magnitudes of each group. `values` and `metadata` have the
/// sizes of `computeSizes`; after an error their contents are unspecified. The
/// first element that is not finite is reported. Runs on LLVM's thread pool and
/// gives the same bytes for any number of threads.
std::optional<SparseError>
encodeNmMagnitude(llvm::ArrayRef<uint8_t> source, FloatKind kind,
                  const NmShape &shape, llvm::MutableArrayRef<uint8_t> values,
                  llvm::MutableArrayRef<uint8_t> metadata);

/// Decodes the elements from flat index `begin` on, as many as fit `out`; all
/// in elements of `kind`. Returns false, and writes nothing, if the arguments
/// do not fit together. Positions must be valid.
[[nodiscard]] bool decodeNm(const NmShape &shape, FloatKind kind,
                            llvm::ArrayRef<uint8_t> values,
                            llvm::ArrayRef<uint8_t> metadata, int64_t begin,
                            llvm::MutableArrayRef<uint8_t> out);

/// Checks bytes that come from a file. Nothing out of bounds is read, whatever
/// they hold.
std::optional<SparseError> validateNm(const NmShape &shape, FloatKind kind,
                                      llvm::ArrayRef<uint8_t> values,
                                      llvm::ArrayRef<uint8_t> metadata);

/// Moves values and positions into tiles; `layout` is that of the values, whose
/// innermost factor along the axis has whole groups. Padding has zeros at the
/// first positions of each group. Sizes are those of a shape with elements, and
/// buffers have the sizes that follow. Runs on LLVM's thread pool.
void moveNmValues(const NmShape &shape, FloatKind kind,
                  const TileLayout &layout, llvm::ArrayRef<uint8_t> values,
                  llvm::MutableArrayRef<uint8_t> tiledValues);
void moveNmPositions(const NmShape &shape, const TileLayout &layout,
                     llvm::ArrayRef<uint8_t> metadata,
                     llvm::MutableArrayRef<uint8_t> tiledMetadata);

/// Stores 1 of 2 or 1 of 4 elements, of whole groups of four along the axis, as
/// 2 of 4: two groups of two are one, and beside one of four there is a zero,
/// in front of the last element and behind others. Runs on LLVM's thread pool.
void pairNmValues(const NmShape &shape, FloatKind kind,
                  llvm::ArrayRef<uint8_t> values,
                  llvm::ArrayRef<uint8_t> metadata,
                  llvm::MutableArrayRef<uint8_t> pairedValues,
                  llvm::MutableArrayRef<uint8_t> pairedMetadata);

/// Positions that are packed in another order: the last dimensions of what is
/// stored, of which the axis is one, are packed as one dimension, `order` being
/// theirs. Each position is stored exclusive-or its number in the group, so
/// that zeros are the first N positions. Sizes are those of a shape with
/// elements.
struct PackedNmShape {
  NmShape shape;
  llvm::SmallVector<int64_t, 8> order;

  /// Bytes of all positions.
  int64_t getNumBytes() const;
};

/// Puts positions in that order, and back. Runs on LLVM's thread pool.
void packNmPositions(const PackedNmShape &shape,
                     llvm::ArrayRef<uint8_t> metadata,
                     llvm::MutableArrayRef<uint8_t> packed);
void unpackNmPositions(const PackedNmShape &shape,
                       llvm::ArrayRef<uint8_t> packed,
                       llvm::MutableArrayRef<uint8_t> metadata);

/// The same as decodeNm and validateNm for packed positions.
[[nodiscard]] bool decodePackedNm(const PackedNmShape &shape, FloatKind kind,
                                  llvm::ArrayRef<uint8_t> values,
                                  llvm::ArrayRef<uint8_t> packed, int64_t begin,
                                  llvm::MutableArrayRef<uint8_t> out);
std::optional<SparseError> validatePackedNm(const PackedNmShape &shape,
                                            FloatKind kind,
                                            llvm::ArrayRef<uint8_t> values,
                                            llvm::ArrayRef<uint8_t> packed);

/// The first element of `bytes` that is an infinity or a NaN.
std::optional<SparseError> findNonFinite(FloatKind kind,
                                         llvm::ArrayRef<uint8_t> bytes);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_NMSPARSITY_H
