//===- FiniteValues.cpp - values that must be finite ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FiniteValues.h"

#include <algorithm>
#include <cmath>

using namespace mlir::compress::algorithms;

std::optional<int64_t>
mlir::compress::algorithms::findNonFiniteValue(FloatKind kind,
                                               llvm::ArrayRef<uint8_t> bytes) {
  const int64_t width = getByteWidth(kind), count = bytes.size() / width;
  float values[1024];
  for (int64_t begin = 0; begin < count; begin += 1024) {
    int64_t n = std::min<int64_t>(1024, count - begin);
    widenToF32(kind, bytes.slice(begin * width, n * width),
               {values, size_t(n)});
    for (int64_t i = 0; i < n; ++i)
      if (!std::isfinite(values[i]))
        return begin + i;
  }
  return std::nullopt;
}
