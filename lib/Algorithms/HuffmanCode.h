//===- HuffmanCode.h - Canonical codes and how elements are cut -*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the encoder and the decoder have in common.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_HUFFMANCODE_H
#define COMPRESS_LIB_ALGORITHMS_HUFFMANCODE_H

#include "Boxes.h"
#include "compress/Algorithms/Huffman.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/xxhash.h"

#include <cstring>

namespace mlir::compress::algorithms {

/// A canonical code: shorter codes first, equal lengths in the order of
/// `symbols`. Codes are compared as the upper bits of `maxLength` bits.
struct CanonicalCode {
  unsigned maxLength = 0;
  /// For each length: where its codes end, and what is to be added to a code to
  /// get the place of its symbol.
  std::array<uint16_t, kMaxHuffmanLength + 1> limits = {}, bases = {};
  std::array<uint8_t, 256> symbols = {};

  /// Reads what is stored, without a check.
  void load(llvm::ArrayRef<uint8_t> table, llvm::ArrayRef<uint8_t> list) {
    for (unsigned i = 0; i <= maxLength; ++i) {
      limits[i] = llvm::support::endian::read16le(table.data() + 2 * i);
      bases[i] = llvm::support::endian::read16le(table.data() +
                                                 2 * (maxLength + 1 + i));
    }
    std::memcpy(symbols.data(), list.data(), symbols.size());
  }
  void store(llvm::MutableArrayRef<uint8_t> table,
             llvm::MutableArrayRef<uint8_t> list) const {
    for (unsigned i = 0; i <= maxLength; ++i) {
      llvm::support::endian::write16le(table.data() + 2 * i, limits[i]);
      llvm::support::endian::write16le(table.data() + 2 * (maxLength + 1 + i),
                                       bases[i]);
    }
    std::memcpy(list.data(), symbols.data(), symbols.size());
  }
};

/// The boxes of a shape without zeros. Dimensions that no box cuts are merged
/// with those outside of them, so that runs are long.
struct HuffmanBoxes {
  llvm::SmallVector<int64_t, 4> shape, tile;

  explicit HuffmanBoxes(const HuffmanShape &from) {
    for (size_t i = from.shape.size(); i-- > 0;) {
      const int64_t size = from.shape[i], extent = std::min(from.tile[i], size);
      if (!shape.empty() && tile.back() == shape.back()) {
        tile.back() *= extent;
        shape.back() *= size;
        continue;
      }
      shape.push_back(size);
      tile.push_back(extent);
    }
    std::reverse(shape.begin(), shape.end());
    std::reverse(tile.begin(), tile.end());
  }

  Boxes get() const { return Boxes(shape, tile); }

  int64_t getMaxElements() const {
    int64_t elements = 1;
    for (int64_t extent : tile)
      elements *= extent;
    return elements;
  }

  /// A range of boxes that has all those with elements of [begin, end), which
  /// is not empty.
  std::pair<int64_t, int64_t> getBoxes(int64_t begin, int64_t end) const {
    llvm::SmallVector<int64_t, 4> first(shape.size()), last(first);
    int64_t low = begin, high = end - 1;
    for (size_t i = shape.size(); i-- > 0;) {
      first[i] = low % shape[i];
      last[i] = high % shape[i];
      low /= shape[i];
      high /= shape[i];
    }
    int64_t from = 0, to = 0;
    bool differ = false;
    for (size_t i = 0; i < shape.size(); ++i) {
      const int64_t count = (shape[i] + tile[i] - 1) / tile[i];
      from = from * count + (differ ? 0 : first[i] / tile[i]);
      to = to * count + (differ ? count - 1 : last[i] / tile[i]);
      differ |= first[i] != last[i];
    }
    return {from, to + 1};
  }
};

inline int64_t getBoxElements(const Boxes &boxes, int64_t box) {
  int64_t elements = 0;
  boxes.forEachRun(box, [&](int64_t, int64_t n) {
    elements += n;
    return true;
  });
  return elements;
}

/// The exponent is next to the sign: bits are turned left by one, so that the
/// byte at the top begins with it.
template <typename Word> Word turnLeft(Word word) {
  return Word(word << 1 | word >> (sizeof(Word) * 8 - 1));
}
template <typename Word> Word turnRight(Word word) {
  return Word(word >> 1 | word << (sizeof(Word) * 8 - 1));
}

/// Symbols of floats that are not finite are those from here on.
inline unsigned getFirstNonFinite(std::optional<FloatKind> split) {
  return !split ? 256 : *split == FloatKind::F16 ? 0xF8 : 0xFF;
}

inline uint32_t computeStreamChecksum(llvm::ArrayRef<uint8_t> symbols) {
  return uint32_t(llvm::xxh3_64bits(symbols));
}

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_HUFFMANCODE_H
