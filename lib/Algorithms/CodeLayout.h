//===- CodeLayout.h - Codes packed into bytes -------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the code of a flat index lies: packed along rows (the innermost logical
// dimension), lower index in lower bits, rows padded to whole bytes.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_CODELAYOUT_H
#define COMPRESS_LIB_ALGORITHMS_CODELAYOUT_H

#include "Kernels.h"

#include <cstdint>
#include <optional>

namespace mlir::compress::algorithms {

class CodeLayout {
public:
  /// `rowLength` is at least 1; `bits` at most 8.
  CodeLayout(unsigned bits, int64_t rowLength)
      : bits(bits), rowLength(rowLength),
        // Split, so that the product stays small.
        rowBytes(rowLength / 8 * bits + (rowLength % 8 * bits + 7) / 8) {}

  unsigned getBits() const { return bits; }
  int64_t getRowLength() const { return rowLength; }
  int64_t getNumBytes(int64_t rows) const { return rows * rowBytes; }
  /// Whether rows end in padding bits.
  bool isPadded() const { return rowLength % 8 * bits % 8 != 0; }

  /// Packs `n` codes, one a byte, from flat index `begin` on into `out`, the
  /// bytes of the whole weight. `begin` must start a byte, and the end must end
  /// one, or a row. High bits of a code are ignored.
  void pack(const Kernels &kernels, const uint8_t *codes, int64_t begin,
            int64_t n, uint8_t *out) const;

  /// The inverse, for any `begin` and `n`. Codes of several bits are
  /// sign-extended if `isSigned`.
  void unpack(const Kernels &kernels, const uint8_t *bytes, int64_t begin,
              int64_t n, bool isSigned, uint8_t *codes) const;

  /// Index of the first of `rows` rows' bytes with a padding bit set.
  std::optional<int64_t> findPadding(const uint8_t *bytes, int64_t rows) const;

private:
  void packRow(const Kernels &kernels, const uint8_t *codes, int64_t n,
               uint8_t *out) const;
  void unpackRow(const Kernels &kernels, const uint8_t *row, int64_t col,
                 int64_t n, bool isSigned, uint8_t *codes) const;

  unsigned bits;
  int64_t rowLength;
  int64_t rowBytes;
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_CODELAYOUT_H
