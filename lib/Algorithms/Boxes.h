//===- Boxes.h - A shape cut into boxes -------------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the elements of a box lie, and which box an element belongs to. For
// shapes of at least one dimension without zeros.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_BOXES_H
#define COMPRESS_LIB_ALGORITHMS_BOXES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <algorithm>
#include <cstdint>

namespace mlir::compress::algorithms {

class Boxes {
public:
  Boxes(llvm::ArrayRef<int64_t> sizes, llvm::ArrayRef<int64_t> boxExtents)
      : shape(sizes), extents(boxExtents), counts(sizes.size()) {
    for (size_t i = 0; i < shape.size(); ++i) {
      extents[i] = std::min(extents[i], shape[i]);
      counts[i] = (shape[i] + extents[i] - 1) / extents[i];
      numBoxes *= counts[i];
    }
  }

  int64_t size() const { return numBoxes; }
  int64_t getInnerExtent() const { return extents.back(); }
  /// Boxes along the innermost dimension.
  int64_t getInnerCount() const { return counts.back(); }

  /// Calls `run(begin, n)` for each run of the innermost dimension that is in
  /// the box, by its first flat index, in order. Stops when it returns false.
  template <typename Fn> void forEachRun(int64_t box, Fn &&run) const {
    const size_t rank = shape.size();
    llvm::SmallVector<int64_t, 4> low(rank), high(rank), at;
    for (size_t i = rank; i-- > 0;) {
      low[i] = box % counts[i] * extents[i];
      high[i] = std::min(low[i] + extents[i], shape[i]);
      box /= counts[i];
    }
    at = low;
    while (true) {
      int64_t begin = 0;
      for (size_t i = 0; i < rank; ++i)
        begin = begin * shape[i] + at[i];
      if (!run(begin, high.back() - low.back()))
        return;
      size_t i = rank - 1;
      while (i > 0 && ++at[i - 1] == high[i - 1]) {
        at[i - 1] = low[i - 1];
        --i;
      }
      if (i == 0)
        return;
    }
  }

  /// Flat index of the first element of a box.
  int64_t getFirst(int64_t box) const {
    int64_t first = 0;
    forEachRun(box, [&](int64_t begin, int64_t) {
      first = begin;
      return false;
    });
    return first;
  }

  /// The box of element 0 of a row (run of the innermost dimension).
  int64_t getBoxOfRow(int64_t row) const {
    int64_t box = 0, stride = counts.back();
    for (size_t i = shape.size() - 1; i-- > 0;) {
      box += row % shape[i] / extents[i] * stride;
      row /= shape[i];
      stride *= counts[i];
    }
    return box;
  }

private:
  llvm::SmallVector<int64_t, 4> shape, extents, counts;
  int64_t numBoxes = 1;
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_BOXES_H
