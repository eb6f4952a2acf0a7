//===- Huffman.h - Length-limited prefix codes ------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Canonical prefix codes over the bytes of a tensor, or over the byte of each
// float that has its exponent, cut into independent streams. Code lengths are
// limited by the package-merge algorithm (Larmore and Hirschberg, "A Fast
// Algorithm for Optimal Length-Limited Huffman Codes", 1990). The description
// of #compress.huffman says how bytes lie.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_HUFFMAN_H
#define COMPRESS_ALGORITHMS_HUFFMAN_H

#include "compress/Algorithms/FloatFormat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <array>
#include <cstdint>
#include <optional>

namespace mlir::compress::algorithms {

/// Bounds of the longest code. A byte needs 8; of 14 bits, four codes fit what
/// one unaligned read of 8 bytes has.
inline constexpr unsigned kMinHuffmanLength = 8, kMaxHuffmanLength = 14;

/// How many bytes follow the last stream, all zero: decoders read 8 at a time.
inline constexpr int64_t kHuffmanPadding = 8;

/// Bytes in front of the codes of a stream: 0 for codes or 1 for bytes as they
/// are, then the lower 32 bits of the XXH3-64 of the bytes that it stands for.
inline constexpr int64_t kHuffmanHeader = 5;

struct HuffmanShape {
  /// Sizes of the dimensions, and extents of the box that is one stream. There
  /// is at least one dimension.
  llvm::SmallVector<int64_t, 4> shape, tile;
  unsigned maxLength = 12;
  /// The format of floats whose exponents are coded; none for bytes.
  std::optional<FloatKind> split;

  /// Bytes of one element.
  unsigned getWidth() const { return split ? getByteWidth(*split) : 1; }
  bool isValid() const;
  int64_t getNumElements() const;
  int64_t getNumStreams() const;
  int64_t getTableBytes() const { return 4 * (int64_t(maxLength) + 1); }
};

/// The stored bytes, to be read.
struct HuffmanStorage {
  llvm::ArrayRef<uint8_t> table, symbols, offsets, stream, rest;
};

struct HuffmanError {
  enum class Kind {
    /// Sizes do not fit together.
    InvalidArgument,
    /// More than 2^32 bytes.
    TooLarge,
    /// `index` of an element.
    NonFinite,
    /// No complete prefix code.
    Table,
    /// Two codes of one symbol, or symbols without one.
    Symbols,
    /// `index` of a stream from here on: does not begin or end as it should.
    Offset,
    /// Not the codes of as many symbols as it has.
    Stream,
    Checksum,
  };
  Kind kind;
  int64_t index = 0;
};

/// Lengths of an optimal prefix code in which no length is above `maxLength`; 0
/// for symbols that do not occur. A single symbol has length 0 as well. Equal
/// counts go by the symbol, so the result is unique.
std::array<uint8_t, 256> computeCodeLengths(llvm::ArrayRef<uint64_t> histogram,
                                            unsigned maxLength);

/// Encodes into components of the sizes that `shape` gives; `stream` is asked
/// for when its size is known. Floats have to be finite.
std::optional<HuffmanError> encodeHuffman(
    llvm::ArrayRef<uint8_t> source, const HuffmanShape &shape,
    llvm::MutableArrayRef<uint8_t> table,
    llvm::MutableArrayRef<uint8_t> symbols,
    llvm::MutableArrayRef<uint8_t> offsets, llvm::MutableArrayRef<uint8_t> rest,
    llvm::function_ref<llvm::MutableArrayRef<uint8_t>(int64_t)> allocateStream);

/// Decodes the elements from flat index `begin` on, as many as fit `out`.
/// Returns false, and writes nothing, if the arguments do not fit together.
/// Nothing out of bounds is read, whatever the bytes hold.
[[nodiscard]] bool decodeHuffman(const HuffmanShape &shape,
                                 const HuffmanStorage &storage, int64_t begin,
                                 llvm::MutableArrayRef<uint8_t> out);

/// Checks bytes that come from a file: the code, where streams lie, that each
/// holds its symbols and nothing else, and its checksum.
std::optional<HuffmanError> validateHuffman(const HuffmanShape &shape,
                                            const HuffmanStorage &storage);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_HUFFMAN_H
