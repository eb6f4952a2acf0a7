//===- EntryFinder.h - The nearest entry of a codebook ----------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value belongs to the entry on its side of the middle between two
// neighbours; on a middle it belongs to the smaller entry, and of equal entries
// to the first.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_ENTRYFINDER_H
#define COMPRESS_LIB_ALGORITHMS_ENTRYFINDER_H

#include "compress/Algorithms/FloatFormat.h"
#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace mlir::compress::algorithms {

class EntryFinder {
public:
  /// `entries` are codebooks of 2^bits numbers, in any order, one after the
  /// other.
  EntryFinder(unsigned bits, llvm::ArrayRef<float> entries);

  void find(int64_t codebook, llvm::ArrayRef<float> values,
            uint8_t *codes) const;
  /// Codes of all patterns of a 16-bit kind (anything for those that are not
  /// finite).
  std::vector<uint8_t> makeTable(int64_t codebook, FloatKind kind) const;

private:
  unsigned bits;
  /// Per codebook 2^bits - 1 upper bounds of codes in the order of their
  /// entries, filled up with infinities, and the codes in that order.
  std::vector<float> bounds;
  std::vector<uint8_t> order;
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_ENTRYFINDER_H
