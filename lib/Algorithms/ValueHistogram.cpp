//===- ValueHistogram.cpp - Distinct values and their weights -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ValueHistogram.h"
#include "compress/Algorithms/KMeans.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace mlir::compress::algorithms;

//===----------------------------------------------------------------------===//
// PatternCounts
//===----------------------------------------------------------------------===//

void PatternCounts::add(const uint8_t *patterns, int64_t n) {
  // Neighbours are often equal, and an increment waits for the last one of the
  // same counter: two sets of counters for long runs.
  int64_t i = 0;
  if (n >= 65536) {
    std::vector<uint32_t> other(65536);
    for (; i + 2 <= n && i < int64_t(UINT32_MAX); i += 2) {
      uint16_t pair[2];
      std::memcpy(pair, patterns + 2 * i, 4);
      ++counts[pair[0]];
      ++other[pair[1]];
    }
    for (size_t pattern = 0; pattern < other.size(); ++pattern)
      counts[pattern] += other[pattern];
  }
  for (; i < n; ++i) {
    uint16_t pattern;
    std::memcpy(&pattern, patterns + 2 * i, 2);
    ++counts[pattern];
  }
}

void PatternCounts::merge(const PatternCounts &other) {
  for (size_t i = 0; i < counts.size(); ++i)
    counts[i] += other.counts[i];
}

bool PatternCounts::list(FloatKind kind, std::vector<double> &values,
                         std::vector<double> &weights) const {
  std::vector<uint16_t> patterns;
  // Negative values, the largest magnitude first; both zeros; positive ones.
  for (unsigned pattern = 0xffff; pattern > 0x8000; --pattern)
    if (counts[pattern])
      patterns.push_back(pattern);
  if (counts[0] + counts[0x8000])
    patterns.push_back(0);
  for (unsigned pattern = 1; pattern < 0x8000; ++pattern)
    if (counts[pattern])
      patterns.push_back(pattern);
  std::vector<float> floats(patterns.size());
  widenToF32(
      kind,
      {reinterpret_cast<const uint8_t *>(patterns.data()), 2 * patterns.size()},
      floats);
  values.assign(floats.begin(), floats.end());
  for (uint16_t pattern : patterns)
    weights.push_back(pattern ? counts[pattern] : counts[0] + counts[0x8000]);
  return std::all_of(floats.begin(), floats.end(),
                     [](float value) { return std::isfinite(value); });
}

//===----------------------------------------------------------------------===//
// ValueHistogram
//===----------------------------------------------------------------------===//

static constexpr unsigned kBinBits = 20;

/// Ascends with the value.
static uint32_t getKey(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits ^ (uint32_t(int32_t(bits) >> 31) | 0x80000000u);
}

ValueHistogram::ValueHistogram(int64_t numElements)
    : exact(numElements <= int64_t(kMaxExactValues)) {
  if (exact) {
    elements.reserve(numElements);
    return;
  }
  binSums.resize(size_t(1) << kBinBits);
  binWeights.resize(size_t(1) << kBinBits);
}

void ValueHistogram::add(llvm::ArrayRef<float> values,
                         llvm::ArrayRef<float> weights) {
  for (size_t i = 0; i < values.size(); ++i) {
    float value = values[i] + 0.0f; // one zero
    finite &= std::isfinite(value);
    if (exact) {
      elements.emplace_back(value, weights[i]);
      continue;
    }
    uint32_t bin = getKey(value) >> (32 - kBinBits);
    binSums[bin] += double(weights[i]) * value;
    binWeights[bin] += weights[i];
  }
}

bool ValueHistogram::list(std::vector<double> &values,
                          std::vector<double> &weights) {
  if (!finite)
    return false;
  if (!exact) {
    for (size_t bin = 0; bin < binSums.size(); ++bin)
      if (binWeights[bin] > 0) {
        values.push_back(binSums[bin] / binWeights[bin]);
        weights.push_back(binWeights[bin]);
      }
    return true;
  }
  // By weight too, so that sums do not depend on how elements of one value lie.
  std::sort(elements.begin(), elements.end());
  for (auto [value, weight] : elements) {
    if (weight <= 0)
      continue;
    if (!values.empty() && values.back() == value) {
      weights.back() += weight;
      continue;
    }
    values.push_back(value);
    weights.push_back(weight);
  }
  return true;
}
