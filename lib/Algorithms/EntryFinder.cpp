//===- EntryFinder.cpp - The nearest entry of a codebook ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryFinder.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;

/// The largest float that is not above the middle of two.
static float getMiddle(float low, float high) {
  double middle = (double(low) + double(high)) / 2; // exact, but for extremes
  float bound = float(middle);
  if (double(bound) > middle)
    bound = std::nextafter(bound, -std::numeric_limits<float>::infinity());
  return bound;
}

EntryFinder::EntryFinder(unsigned bits, ArrayRef<float> entries)
    : bits(bits), bounds((entries.size() >> bits) * ((size_t(1) << bits) - 1),
                         std::numeric_limits<float>::infinity()),
      order(entries.size()) {
  const size_t count = size_t(1) << bits;
  for (size_t codebook = 0; codebook < entries.size() >> bits; ++codebook) {
    ArrayRef<float> own = entries.slice(codebook * count, count);
    uint8_t *sorted = order.data() + codebook * count;
    for (size_t i = 0; i < count; ++i)
      sorted[i] = i;
    if (!llvm::is_sorted(own))
      std::sort(sorted, sorted + count, [&](uint8_t a, uint8_t b) {
        return own[a] != own[b] ? own[a] < own[b] : a < b;
      });
    // Of equal entries only the first one.
    size_t distinct = 1;
    for (size_t i = 1; i < count; ++i)
      if (own[sorted[i]] != own[sorted[distinct - 1]])
        sorted[distinct++] = sorted[i];
    float *bound = bounds.data() + codebook * (count - 1);
    for (size_t i = 0; i + 1 < distinct; ++i)
      bound[i] = getMiddle(own[sorted[i]], own[sorted[i + 1]]);
  }
}

/// Counts the bounds below each value: few bounds, one after the other for many
/// values.
static void countBounds(ArrayRef<float> bounds, ArrayRef<float> values,
                        uint8_t *positions) {
  constexpr size_t lanes = 64;
  size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes) {
    int32_t counts[lanes] = {};
    const float *x = values.data() + i;
    for (float bound : bounds)
      for (size_t lane = 0; lane < lanes; ++lane)
        counts[lane] += x[lane] > bound;
    for (size_t lane = 0; lane < lanes; ++lane)
      positions[i + lane] = uint8_t(counts[lane]);
  }
  for (; i < values.size(); ++i) {
    unsigned count = 0;
    for (float bound : bounds)
      count += values[i] > bound;
    positions[i] = count;
  }
}

void EntryFinder::find(int64_t codebook, ArrayRef<float> values,
                       uint8_t *codes) const {
  const size_t count = size_t(1) << bits;
  ArrayRef<float> own =
      ArrayRef(bounds).slice(codebook * (count - 1), count - 1);
  const uint8_t *sorted = order.data() + codebook * count;
  if (bits <= 4) {
    countBounds(own, values, codes);
    for (size_t i = 0; i < values.size(); ++i)
      codes[i] = sorted[codes[i]];
    return;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    size_t position = 0;
    for (size_t step = count / 2; step > 0; step /= 2)
      position += values[i] > own[position + step - 1] ? step : 0;
    codes[i] = sorted[position];
  }
}

std::vector<uint8_t> EntryFinder::makeTable(int64_t codebook,
                                            FloatKind kind) const {
  std::vector<uint16_t> patterns(65536);
  for (size_t i = 0; i < patterns.size(); ++i)
    patterns[i] = i;
  std::vector<float> values(patterns.size());
  widenToF32(
      kind,
      {reinterpret_cast<const uint8_t *>(patterns.data()), 2 * patterns.size()},
      values);
  std::vector<uint8_t> table(patterns.size());
  find(codebook, values, table.data());
  return table;
}
