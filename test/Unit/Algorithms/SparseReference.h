//===- SparseReference.h - helpers of the tests of sparsity -----*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TEST_UNIT_ALGORITHMS_SPARSEREFERENCE_H
#define COMPRESS_TEST_UNIT_ALGORITHMS_SPARSEREFERENCE_H

#include "compress/Algorithms/FloatFormat.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace sparse_reference {

using Bytes = std::vector<uint8_t>;
using mlir::compress::algorithms::FloatKind;

inline std::vector<float> widen(const Bytes &bytes, FloatKind kind) {
  std::vector<float> values(bytes.size() / getByteWidth(kind));
  mlir::compress::algorithms::widenToF32(kind, bytes, values);
  return values;
}

inline Bytes narrow(const std::vector<float> &values, FloatKind kind) {
  Bytes bytes(values.size() * getByteWidth(kind));
  mlir::compress::algorithms::narrowFromF32(kind, values, bytes);
  return bytes;
}

/// Codes of `bits`, `row` of them to a row of whole bytes, bit by bit.
inline Bytes packRows(const std::vector<unsigned> &codes, unsigned bits,
                      int64_t row) {
  if (codes.empty())
    return {};
  const int64_t rowBytes = (row * bits + 7) / 8;
  Bytes bytes(codes.size() / row * rowBytes);
  for (size_t i = 0; i < codes.size(); ++i)
    for (unsigned bit = 0; bit < bits; ++bit) {
      const int64_t at = i % row * bits + bit;
      bytes[i / row * rowBytes + at / 8] |= (codes[i] >> bit & 1) << (at % 8);
    }
  return bytes;
}

inline std::vector<unsigned> unpackRows(const Bytes &bytes, unsigned bits,
                                        int64_t row) {
  const int64_t rowBytes = (row * bits + 7) / 8;
  std::vector<unsigned> codes(bytes.size() / rowBytes * row);
  for (size_t i = 0; i < codes.size(); ++i)
    for (unsigned bit = 0; bit < bits; ++bit) {
      const int64_t at = i % row * bits + bit;
      codes[i] |= (bytes[i / row * rowBytes + at / 8] >> (at % 8) & 1u) << bit;
    }
  return codes;
}

class Random {
public:
  explicit Random(unsigned seed) : random(seed) {}

  int64_t pick(int64_t lo, int64_t hi) {
    return lo + int64_t(random() % uint64_t(hi - lo + 1));
  }

  /// Gaussian, or of few distinct values, so that there are ties and zeros.
  Bytes makeWeight(int64_t n, FloatKind kind) {
    std::vector<float> values(n);
    std::normal_distribution<float> normal;
    const bool coarse = pick(0, 1);
    for (float &value : values)
      value = coarse ? float(pick(-3, 3)) : normal(random);
    return narrow(values, kind);
  }

private:
  std::mt19937 random;
};

} // namespace sparse_reference

#endif // COMPRESS_TEST_UNIT_ALGORITHMS_SPARSEREFERENCE_H
