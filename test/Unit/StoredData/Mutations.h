//===- Mutations.h - Stored data that are damaged ---------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// These tests, and all that they read stored data with, are built with
// AddressSanitizer and UndefinedBehaviorSanitizer. A component is a vector of
// exactly its size, so that a read of one byte more is found.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TEST_UNIT_STOREDDATA_MUTATIONS_H
#define COMPRESS_TEST_UNIT_STOREDDATA_MUTATIONS_H

#include "gtest/gtest.h"

#include <cstdint>
#include <functional>
#include <random>
#include <vector>

namespace stored_data {

using Bytes = std::vector<uint8_t>;

class Random {
public:
  explicit Random(unsigned seed) : random(seed) {}
  /// From `lo` to `hi`.
  int64_t pick(int64_t lo, int64_t hi) {
    return lo + int64_t(random() % uint64_t(hi - lo + 1));
  }
  float normal() { return distribution(random); }
  /// Little-endian f32, f16 or bf16 come of it by the caller's conversion.
  std::vector<float> normals(int64_t count);

private:
  std::mt19937_64 random;
  std::normal_distribution<float> distribution;
};

/// Valid data, and who reads them.
struct Sample {
  std::vector<Bytes> parts;
  /// Reads everything; false where the data are refused. Checks what must hold
  /// for data that are accepted.
  std::function<bool(const std::vector<Bytes> &)> read;
};

/// Damages samples: every truncation of a component, which must be refused;
/// every bit of every byte; then several changes at once. At least
/// 100,000 times, or 20 COMPRESS_TEST_CASES. Prints the seed,
/// COMPRESS_TEST_SEED.
void testMutations(const std::function<Sample(Random &)> &makeSample);

} // namespace stored_data

#endif // COMPRESS_TEST_UNIT_STOREDDATA_MUTATIONS_H
