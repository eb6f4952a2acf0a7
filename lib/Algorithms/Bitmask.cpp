//===- Bitmask.cpp - A bit per element, and values that are left ----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Bitmask.h"

#include "Magnitude.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

using namespace mlir::compress::algorithms;
using Kind = SparseError::Kind;

/// Least elements of a parallel task.
static constexpr int64_t kTaskElements = 256 * 1024;
static constexpr int64_t kOffsetBytes = 4;

bool BitmaskShape::isValid() const {
  int64_t elements, stored;
  return rows >= 0 && columns >= 0 && columns <= INT64_MAX / 64 &&
         (width == 1 || width == 2 || width == 4) &&
         (!keep || (*keep >= 0 && *keep <= columns && block == 1)) &&
         block >= 1 && rows % block == 0 &&
         !llvm::MulOverflow(rows, std::max<int64_t>(columns, 1), elements) &&
         elements <= INT64_MAX / 64 &&
         // A row takes whole bytes.
         !llvm::MulOverflow(rows, getRowBytes(), stored);
}

static bool haveSizes(const BitmaskShape &shape, llvm::ArrayRef<uint8_t> mask,
                      llvm::ArrayRef<uint8_t> values,
                      llvm::ArrayRef<uint8_t> offsets) {
  if (!shape.isValid() ||
      mask.size() != size_t(shape.rows * shape.getRowBytes()))
    return false;
  if (shape.keep)
    return values.size() == size_t(shape.rows * *shape.keep * shape.width) &&
           offsets.empty();
  return offsets.size() == size_t(shape.getOffsetBytes()) &&
         values.size() % shape.width == 0 && !values.empty();
}

/// Runs `body` on ranges of rows, in parallel.
template <typename Body>
static void forRows(const BitmaskShape &shape, Body body) {
  const int64_t perTask =
      std::max<int64_t>(1, kTaskElements / std::max<int64_t>(shape.columns, 1));
  llvm::parallelFor(0, (shape.rows + perTask - 1) / perTask, [&](size_t task) {
    body(int64_t(task) * perTask,
         std::min(shape.rows, int64_t(task + 1) * perTask));
  });
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

namespace {
/// What is kept: all above the threshold, and the first `ties` that equal it.
template <typename Key> struct Threshold {
  Key key;
  int64_t ties;
};
} // namespace

/// The threshold for the `keep` largest of `n` magnitudes; 0 < keep <= n.
/// Digits of the key are fixed from the top, by counting.
template <typename Key, typename Load>
static Threshold<Key> findThreshold(int64_t n, int64_t keep, Load load) {
  constexpr unsigned kDigit = 11;
  std::vector<int64_t> counts(size_t(1) << kDigit);
  unsigned low = sizeof(Key) * 8 - 1;
  int32_t prefix = 0;
  while (low > 0) {
    const unsigned bits = std::min(low, kDigit), high = low;
    low -= bits;
    std::fill(counts.begin(), counts.end(), 0);
    const int32_t digits = (1 << bits) - 1;
    for (int64_t i = 0; i < n; ++i) {
      const int32_t key = load(i);
      // All keys have a prefix of 0 at first: no bit is above.
      if ((int64_t(key) >> high) == prefix)
        ++counts[(key >> low) & digits];
    }
    int32_t digit = digits;
    for (; counts[digit] < keep; --digit)
      keep -= counts[digit];
    prefix = (prefix << bits) | digit;
  }
  return {Key(prefix), keep};
}

template <typename Key>
static void setLargestOfRow(const uint8_t *row, int64_t columns, int64_t keep,
                            std::vector<Key> &keys, uint8_t *mask) {
  std::fill_n(mask, (columns + 7) / 8, uint8_t(0));
  if (keep == 0)
    return;
  keys.resize(columns);
  for (int64_t i = 0; i < columns; ++i)
    keys[i] = loadMagnitude<Key>(row + i * sizeof(Key));
  Threshold<Key> threshold;
  if (columns < 2048) {
    // Counters of digits would cost more than they save.
    std::vector<Key> sorted(keys);
    auto last = sorted.begin() + (keep - 1);
    std::nth_element(sorted.begin(), last, sorted.end(), std::greater<Key>());
    threshold.key = *last;
    threshold.ties = keep - std::count_if(sorted.begin(), last, [&](Key key) {
                       return key > threshold.key;
                     });
  } else {
    threshold =
        findThreshold<Key>(columns, keep, [&](int64_t i) { return keys[i]; });
  }
  for (int64_t i = 0; i < columns; ++i) {
    const bool equal = keys[i] == threshold.key && threshold.ties > 0;
    threshold.ties -= equal;
    const bool set = keys[i] > threshold.key || equal;
    mask[i / 8] |= uint8_t(set) << (i % 8);
  }
}

static bool fits(const BitmaskShape &shape, llvm::ArrayRef<uint8_t> source,
                 llvm::ArrayRef<uint8_t> mask) {
  return shape.isValid() &&
         source.size() == size_t(shape.rows * shape.columns * shape.width) &&
         mask.size() == size_t(shape.rows * shape.getRowBytes());
}

template <typename Key>
static void selectOfRows(const uint8_t *source, const BitmaskShape &shape,
                         uint8_t *mask) {
  forRows(shape, [&](int64_t begin, int64_t end) {
    std::vector<Key> keys;
    for (int64_t row = begin; row < end; ++row)
      setLargestOfRow<Key>(source + row * shape.columns * sizeof(Key),
                           shape.columns, *shape.keep, keys,
                           mask + row * shape.getRowBytes());
  });
}

std::optional<SparseError> mlir::compress::algorithms::selectLargestOfRows(
    llvm::ArrayRef<uint8_t> source, FloatKind kind, const BitmaskShape &shape,
    llvm::MutableArrayRef<uint8_t> mask) {
  if (!fits(shape, source, mask) || !shape.keep ||
      shape.width != getByteWidth(kind))
    return SparseError{Kind::InvalidArgument};
  if (std::optional<SparseError> error = findNonFinite(kind, source))
    return error;
  if (kind == FloatKind::F32)
    selectOfRows<int32_t>(source.data(), shape, mask.data());
  else
    selectOfRows<int16_t>(source.data(), shape, mask.data());
  return std::nullopt;
}

template <typename Key>
static void select(const uint8_t *source, const BitmaskShape &shape,
                   int64_t keep, uint8_t *mask) {
  std::fill_n(mask, shape.rows * shape.getRowBytes(), uint8_t(0));
  if (keep == 0)
    return;
  auto load = [&](int64_t i) {
    return loadMagnitude<Key>(source + i * sizeof(Key));
  };
  Threshold<Key> threshold =
      findThreshold<Key>(shape.rows * shape.columns, keep, load);
  for (int64_t row = 0, i = 0; row < shape.rows; ++row) {
    uint8_t *bits = mask + row * shape.getRowBytes();
    for (int64_t column = 0; column < shape.columns; ++column, ++i) {
      const Key key = load(i);
      const bool equal = key == threshold.key && threshold.ties > 0;
      threshold.ties -= equal;
      const bool set = key > threshold.key || (equal && key != 0);
      bits[column / 8] |= uint8_t(set) << (column % 8);
    }
  }
}

std::optional<SparseError> mlir::compress::algorithms::selectLargest(
    llvm::ArrayRef<uint8_t> source, FloatKind kind, const BitmaskShape &shape,
    double density, llvm::MutableArrayRef<uint8_t> mask) {
  if (!fits(shape, source, mask) || shape.keep ||
      shape.width != getByteWidth(kind) || !(density >= 0 && density <= 1))
    return SparseError{Kind::InvalidArgument};
  if (std::optional<SparseError> error = findNonFinite(kind, source))
    return error;
  const int64_t elements = shape.rows * shape.columns;
  const int64_t keep =
      std::min(elements, int64_t(std::floor(density * double(elements))));
  if (kind == FloatKind::F32)
    select<int32_t>(source.data(), shape, keep, mask.data());
  else
    select<int16_t>(source.data(), shape, keep, mask.data());
  return std::nullopt;
}

bool mlir::compress::algorithms::selectNonZero(
    llvm::ArrayRef<uint8_t> source, const BitmaskShape &shape,
    llvm::MutableArrayRef<uint8_t> mask) {
  if (!fits(shape, source, mask))
    return false;
  forRows(shape, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const uint8_t *from = source.data() + row * shape.columns * shape.width;
      uint8_t *bits = mask.data() + row * shape.getRowBytes();
      std::fill_n(bits, shape.getRowBytes(), uint8_t(0));
      for (int64_t i = 0; i < shape.columns; ++i) {
        uint32_t element = 0;
        std::memcpy(&element, from + i * shape.width, shape.width);
        bits[i / 8] |= uint8_t(element != 0) << (i % 8);
      }
    }
  });
  return true;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Bits set in the first `columns` bits of a row.
static int64_t countBits(const uint8_t *row, int64_t columns) {
  int64_t count = 0;
  for (int64_t i = 0; i < columns / 8; ++i)
    count += llvm::popcount(row[i]);
  if (columns % 8)
    count +=
        llvm::popcount(uint8_t(row[columns / 8] & ((1u << (columns % 8)) - 1)));
  return count;
}

int64_t mlir::compress::algorithms::countValues(const BitmaskShape &shape,
                                                llvm::ArrayRef<uint8_t> mask) {
  if (shape.keep)
    return shape.rows * *shape.keep;
  int64_t count = 0;
  for (uint8_t byte : mask)
    count += llvm::popcount(byte);
  return std::max<int64_t>(count, 1);
}

bool mlir::compress::algorithms::gatherValues(
    llvm::ArrayRef<uint8_t> source, const BitmaskShape &shape,
    llvm::ArrayRef<uint8_t> mask, llvm::MutableArrayRef<uint8_t> values,
    llvm::MutableArrayRef<uint8_t> offsets) {
  if (!fits(shape, source, mask) || !haveSizes(shape, mask, values, offsets) ||
      values.size() != size_t(countValues(shape, mask) * shape.width))
    return false;
  const int64_t rowBytes = shape.getRowBytes();
  std::vector<int64_t> begins(shape.rows);
  int64_t count = 0;
  for (int64_t row = 0; row < shape.rows; ++row) {
    begins[row] = count;
    if (!shape.keep && row % shape.block == 0) {
      if (count > INT32_MAX)
        return false;
      llvm::support::endian::write32le(
          offsets.data() + row / shape.block * kOffsetBytes, uint32_t(count));
    }
    count += countBits(mask.data() + row * rowBytes, shape.columns);
  }
  if (shape.keep ? count != shape.rows * *shape.keep : count > INT32_MAX)
    return false;
  if (count == 0 && !shape.keep)
    std::fill_n(values.data(), values.size(), uint8_t(0));
  forRows(shape, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      uint8_t *out = values.data() + begins[row] * shape.width;
      const uint8_t *from = source.data() + row * shape.columns * shape.width;
      for (int64_t byte = 0; byte < rowBytes; ++byte)
        for (unsigned bits = mask[row * rowBytes + byte]; bits;
             bits &= bits - 1) {
          const int64_t i = byte * 8 + llvm::countr_zero(bits);
          std::memcpy(out, from + i * shape.width, shape.width);
          out += shape.width;
        }
    }
  });
  return true;
}

/// Index of the first value of a row.
static int64_t getFirstValue(const BitmaskShape &shape,
                             llvm::ArrayRef<uint8_t> mask,
                             llvm::ArrayRef<uint8_t> offsets, int64_t row) {
  if (shape.keep)
    return row * *shape.keep;
  const int64_t block = row / shape.block;
  int64_t value =
      llvm::support::endian::read32le(offsets.data() + block * kOffsetBytes);
  for (int64_t before = block * shape.block; before < row; ++before)
    value +=
        countBits(mask.data() + before * shape.getRowBytes(), shape.columns);
  return value;
}

bool mlir::compress::algorithms::decodeBitmask(
    const BitmaskShape &shape, llvm::ArrayRef<uint8_t> mask,
    llvm::ArrayRef<uint8_t> values, llvm::ArrayRef<uint8_t> offsets,
    int64_t begin, llvm::MutableArrayRef<uint8_t> out) {
  if (!haveSizes(shape, mask, values, offsets) || begin < 0 ||
      out.size() % shape.width)
    return false;
  const int64_t elements = shape.rows * shape.columns;
  int64_t left = out.size() / shape.width;
  if (begin > elements || left > elements - begin)
    return false;
  const int64_t numValues = values.size() / shape.width;
  std::fill_n(out.data(), out.size(), uint8_t(0));
  uint8_t *to = out.data();
  while (left > 0) {
    const int64_t row = begin / shape.columns, first = begin % shape.columns;
    const int64_t last = std::min(shape.columns, first + left);
    const uint8_t *bits = mask.data() + row * shape.getRowBytes();
    int64_t value = getFirstValue(shape, mask, offsets, row);
    value += countBits(bits, first);
    for (int64_t i = first; i < last; ++i, to += shape.width)
      if ((bits[i / 8] >> (i % 8) & 1) && value < numValues)
        std::memcpy(to, values.data() + value++ * shape.width, shape.width);
    begin += last - first;
    left -= last - first;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Another order
//===----------------------------------------------------------------------===//

void mlir::compress::algorithms::indexValues(
    const BitmaskShape &shape, llvm::ArrayRef<uint8_t> mask,
    llvm::ArrayRef<uint8_t> offsets, llvm::MutableArrayRef<uint8_t> indices) {
  forRows(shape, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const uint8_t *bits = mask.data() + row * shape.getRowBytes();
      uint8_t *to = indices.data() + row * shape.columns * 4;
      int64_t value = getFirstValue(shape, mask, offsets, row);
      for (int64_t i = 0; i < shape.columns; ++i) {
        const bool isSet = bits[i / 8] >> (i % 8) & 1;
        llvm::support::endian::write32le(to + 4 * i, isSet ? ++value : 0);
      }
    }
  });
}

void mlir::compress::algorithms::maskIndices(
    const BitmaskShape &shape, llvm::ArrayRef<uint8_t> indices,
    llvm::MutableArrayRef<uint8_t> mask) {
  const bool fits =
      selectNonZero(indices, {shape.rows, shape.columns, {}, 4}, mask);
  assert(fits && "one index for each element");
  (void)fits;
}

void mlir::compress::algorithms::gatherIndices(
    const BitmaskShape &shape, llvm::ArrayRef<uint8_t> indices,
    llvm::ArrayRef<uint8_t> values, llvm::MutableArrayRef<uint8_t> tiledValues,
    llvm::MutableArrayRef<uint8_t> offsets) {
  std::fill(tiledValues.begin(), tiledValues.end(), uint8_t(0));
  uint32_t count = 0;
  for (int64_t row = 0; row < shape.rows; ++row) {
    if (row % shape.block == 0)
      llvm::support::endian::write32le(
          offsets.data() + row / shape.block * kOffsetBytes, count);
    for (int64_t i = row * shape.columns; i < (row + 1) * shape.columns; ++i)
      if (uint32_t index =
              llvm::support::endian::read32le(indices.data() + 4 * i))
        std::memcpy(tiledValues.data() + shape.width * count++,
                    values.data() + shape.width * (index - 1), shape.width);
  }
}

//===----------------------------------------------------------------------===//
// Validation
//===----------------------------------------------------------------------===//

std::optional<SparseError> mlir::compress::algorithms::validateBitmask(
    const BitmaskShape &shape, std::optional<FloatKind> kind,
    llvm::ArrayRef<uint8_t> mask, llvm::ArrayRef<uint8_t> values,
    llvm::ArrayRef<uint8_t> offsets) {
  if (!haveSizes(shape, mask, values, offsets) ||
      (kind && shape.width != getByteWidth(*kind)))
    return SparseError{Kind::InvalidArgument};
  const int64_t rowBytes = shape.getRowBytes();
  int64_t count = 0;
  for (int64_t row = 0; row < shape.rows; ++row) {
    const uint8_t *bits = mask.data() + row * rowBytes;
    if (shape.columns % 8 && bits[rowBytes - 1] >> (shape.columns % 8))
      return SparseError{Kind::Padding, (row + 1) * rowBytes - 1};
    if (!shape.keep && row % shape.block == 0 &&
        int64_t(llvm::support::endian::read32le(
            offsets.data() + row / shape.block * kOffsetBytes)) != count)
      return SparseError{Kind::Count, row};
    const int64_t ofRow = countBits(bits, shape.columns);
    if (shape.keep && ofRow != *shape.keep)
      return SparseError{Kind::Count, row};
    count += ofRow;
  }
  const int64_t numValues = values.size() / shape.width;
  if (!shape.keep && numValues != std::max<int64_t>(count, 1))
    return SparseError{Kind::Count, shape.rows};
  if (kind)
    return findNonFinite(*kind, values);
  return std::nullopt;
}
