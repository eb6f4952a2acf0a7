//===- NmSparsity.cpp - N of M consecutive elements -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/NmSparsity.h"

#include "CodeLayout.h"
#include "Magnitude.h"

#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

using namespace mlir::compress::algorithms;
using Kind = SparseError::Kind;

/// Groups that are encoded side by side.
static constexpr int64_t kLanes = 64;
static constexpr int64_t kMaxGroup = 16;
/// Groups of a row that one task takes; whole bytes of positions for any
/// format.
static constexpr int64_t kTaskGroups = 32 * 1024;
/// Least elements of a parallel task.
static constexpr int64_t kTaskElements = 256 * 1024;
/// Positions that are unpacked at once.
static constexpr int64_t kChunk = 4096;

unsigned NmShape::getPositionBits() const {
  return llvm::Log2_64_Ceil(uint64_t(group));
}

std::optional<NmSizes>
mlir::compress::algorithms::computeSizes(const NmShape &shape) {
  if (shape.kept < 1 || shape.kept >= shape.group || shape.group > kMaxGroup ||
      shape.axis < 0 || shape.axis >= int64_t(shape.shape.size()))
    return std::nullopt;
  auto multiply = [](int64_t &product, int64_t by) {
    return by < 0 || llvm::MulOverflow(product, by, product) ||
           product > INT64_MAX / 16;
  };
  NmSizes sizes;
  sizes.numElements = sizes.numValues = 1;
  int64_t rowLength = 1;
  for (auto [i, size] : llvm::enumerate(shape.shape)) {
    if (size < 0 || size > INT64_MAX / 64)
      return std::nullopt;
    rowLength = int64_t(i) != shape.axis
                    ? size
                    : (size + shape.group - 1) / shape.group * shape.kept;
    if (multiply(sizes.numElements, size) ||
        multiply(sizes.numValues, rowLength))
      return std::nullopt;
  }
  if (rowLength == 0 || sizes.numValues == 0)
    return sizes;
  const CodeLayout layout(shape.getPositionBits(), rowLength);
  sizes.metadataBytes = layout.getNumBytes(1);
  if (multiply(sizes.metadataBytes, sizes.numValues / rowLength))
    return std::nullopt;
  return sizes;
}

namespace {
/// The tensor as [outer, axis, inner].
struct Grid {
  explicit Grid(const NmShape &shape)
      : length(shape.shape[shape.axis]), kept(shape.kept), group(shape.group),
        groups((length + group - 1) / group),
        layout(shape.getPositionBits(),
               shape.axis + 1 == int64_t(shape.shape.size())
                   ? groups * kept
                   : shape.shape.back()) {
    for (int64_t i = 0; i < shape.axis; ++i)
      outer *= shape.shape[i];
    for (size_t i = shape.axis + 1; i < shape.shape.size(); ++i)
      inner *= shape.shape[i];
  }

  /// Elements of group `g`.
  int64_t getGroupSize(int64_t g) const {
    return std::min(group, length - g * group);
  }
  /// Flat index of the first value of group `g` of `o`.
  int64_t getFirstValue(int64_t o, int64_t g) const {
    return (o * groups + g) * kept * inner;
  }

  int64_t outer = 1, length, inner = 1, kept, group, groups;
  CodeLayout layout;
};

/// Encodes up to kLanes groups of the same size at once.
template <typename Key> class GroupEncoder {
public:
  GroupEncoder(const Grid &grid, const uint8_t *source, Key infinity,
               uint8_t *values)
      : source(source), values(values), infinity(infinity), kept(grid.kept),
        group(grid.group) {}

  /// Lane b, element m is at `begin + b * lane + m * element` of the source;
  /// its n-th value goes to `out + b * outLane + n * outElement`, the position
  /// to `codes` at the same place from 0 on. Returns whether all are finite.
  bool encode(int64_t begin, int64_t lane, int64_t element, int64_t lanes,
              int64_t size, int64_t out, int64_t outLane, int64_t outElement,
              uint8_t *codes) {
    bool finite = load(begin, lane, element, lanes, size);
    rank();
    for (int64_t b = 0; b < lanes; ++b) {
      const int64_t first = begin + b * lane;
      int64_t to = b * outLane;
      for (unsigned rest = chosen[b]; rest; rest &= rest - 1) {
        const int64_t m = llvm::countr_zero(rest);
        uint8_t *value = values + (out + to) * sizeof(Key);
        if (m < size)
          std::memcpy(value, source + (first + m * element) * sizeof(Key),
                      sizeof(Key));
        else
          std::fill_n(value, sizeof(Key), uint8_t(0));
        codes[to] = uint8_t(m);
        to += outElement;
      }
    }
    return finite;
  }

private:
  bool load(int64_t begin, int64_t lane, int64_t element, int64_t lanes,
            int64_t size) {
    Key largest = 0;
    for (int64_t m = 0; m < group; ++m) {
      if (m >= size) {
        // Loses against every element, and wins against what follows.
        std::fill_n(keys[m], kLanes, Key(-1));
        continue;
      }
      const uint8_t *from = source + (begin + m * element) * sizeof(Key);
      for (int64_t b = 0; b < lanes; ++b) {
        keys[m][b] = loadMagnitude<Key>(from + b * lane * sizeof(Key));
        largest = std::max(largest, keys[m][b]);
      }
    }
    return largest < infinity;
  }

  /// Counts, for each element, those that go before it.
  void rank() {
    for (int64_t m = 0; m < group; ++m)
      std::fill_n(before[m], kLanes, Key(group - 1 - m));
    for (int64_t j = 1; j < group; ++j)
      for (int64_t i = 0; i < j; ++i)
        for (int64_t b = 0; b < kLanes; ++b) {
          const Key first = keys[i][b] >= keys[j][b];
          before[i][b] -= first;
          before[j][b] += first;
        }
    std::fill_n(chosen, kLanes, 0u);
    for (int64_t m = 0; m < group; ++m)
      for (int64_t b = 0; b < kLanes; ++b)
        chosen[b] |= unsigned(before[m][b] < kept) << m;
  }

  const uint8_t *source;
  uint8_t *values;
  Key infinity;
  int64_t kept, group;
  alignas(64) Key keys[kMaxGroup][kLanes] = {};
  alignas(64) Key before[kMaxGroup][kLanes];
  alignas(64) unsigned chosen[kLanes];
};
} // namespace

/// Groups [begin, end) of row `o`, where the axis has no dimension inside.
template <typename Key>
static bool encodeRow(const Grid &grid, GroupEncoder<Key> &encoder, int64_t o,
                      int64_t begin, int64_t end, std::vector<uint8_t> &codes,
                      uint8_t *metadata) {
  bool finite = true;
  codes.resize((end - begin) * grid.kept);
  for (int64_t g = begin; g < end;) {
    // A short last group goes alone.
    int64_t size = grid.getGroupSize(g);
    int64_t lanes =
        size < grid.group
            ? 1
            : std::min({kLanes, end - g, grid.length / grid.group - g});
    finite &= encoder.encode(o * grid.length + g * grid.group, grid.group, 1,
                             lanes, size, grid.getFirstValue(o, g), grid.kept,
                             1, codes.data() + (g - begin) * grid.kept);
    g += lanes;
  }
  grid.layout.pack(getKernels(Isa::Auto), codes.data(),
                   grid.getFirstValue(o, begin), codes.size(), metadata);
  return finite;
}

/// All groups number `g` of `o`, which lie side by side.
template <typename Key>
static bool encodeSlab(const Grid &grid, GroupEncoder<Key> &encoder, int64_t o,
                       int64_t g, std::vector<uint8_t> &codes,
                       uint8_t *metadata) {
  bool finite = true;
  codes.resize(grid.kept * grid.inner);
  const int64_t source = (o * grid.length + g * grid.group) * grid.inner;
  const int64_t values = grid.getFirstValue(o, g);
  for (int64_t i = 0; i < grid.inner; i += kLanes)
    finite &= encoder.encode(
        source + i, 1, grid.inner, std::min(kLanes, grid.inner - i),
        grid.getGroupSize(g), values + i, 1, grid.inner, codes.data() + i);
  grid.layout.pack(getKernels(Isa::Auto), codes.data(), values, codes.size(),
                   metadata);
  return finite;
}

template <typename Key>
static bool encode(const Grid &grid, FloatKind kind, const uint8_t *source,
                   uint8_t *values, uint8_t *metadata) {
  // Units of work in order, a number of them to a task.
  const bool inRows = grid.inner == 1;
  const int64_t perRow =
      inRows ? (grid.groups + kTaskGroups - 1) / kTaskGroups : grid.groups;
  const int64_t units = grid.outer * perRow;
  const int64_t unitElements =
      inRows ? std::min(grid.groups, kTaskGroups) * grid.group
             : grid.group * grid.inner;
  const int64_t perTask = std::max<int64_t>(1, kTaskElements / unitElements);
  std::atomic<bool> finite = true;
  llvm::parallelFor(0, (units + perTask - 1) / perTask, [&](size_t task) {
    GroupEncoder<Key> encoder(grid, source, Key(getInfiniteMagnitude(kind)),
                              values);
    std::vector<uint8_t> codes;
    bool mine = true;
    const int64_t end = std::min(units, int64_t(task + 1) * perTask);
    for (int64_t unit = task * perTask; unit < end; ++unit) {
      const int64_t o = unit / perRow, part = unit % perRow;
      if (inRows)
        mine &= encodeRow(grid, encoder, o, part * kTaskGroups,
                          std::min(grid.groups, (part + 1) * kTaskGroups),
                          codes, metadata);
      else
        mine &= encodeSlab(grid, encoder, o, part, codes, metadata);
    }
    if (!mine)
      finite = false;
  });
  return finite;
}

std::optional<SparseError> mlir::compress::algorithms::encodeNmMagnitude(
    llvm::ArrayRef<uint8_t> source, FloatKind kind, const NmShape &shape,
    llvm::MutableArrayRef<uint8_t> values,
    llvm::MutableArrayRef<uint8_t> metadata) {
  std::optional<NmSizes> sizes = computeSizes(shape);
  const int64_t width = getByteWidth(kind);
  if (!sizes || source.size() != size_t(sizes->numElements * width) ||
      values.size() != size_t(sizes->numValues * width) ||
      metadata.size() != size_t(sizes->metadataBytes))
    return SparseError{Kind::InvalidArgument};
  if (sizes->numElements == 0)
    return std::nullopt;
  const Grid grid(shape);
  bool finite = width == 4 ? encode<int32_t>(grid, kind, source.data(),
                                             values.data(), metadata.data())
                           : encode<int16_t>(grid, kind, source.data(),
                                             values.data(), metadata.data());
  if (!finite)
    return findNonFinite(kind, source);
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

namespace {
class Decoder {
public:
  Decoder(const Grid &grid, int64_t width, const uint8_t *values,
          const uint8_t *metadata)
      : grid(grid), width(width), values(values), metadata(metadata) {}

  /// Elements [begin, end) of row `o`, where the axis has no dimension inside.
  void decodeRow(int64_t o, int64_t begin, int64_t end, uint8_t *out) const {
    const int64_t perChunk = kChunk / kMaxGroup;
    const int64_t last = (end + grid.group - 1) / grid.group;
    uint8_t codes[kChunk];
    for (int64_t g = begin / grid.group; g < last; g += perChunk) {
      int64_t value = grid.getFirstValue(o, g);
      unpack(value, std::min(perChunk, last - g) * grid.kept, codes);
      const uint8_t *code = codes;
      for (int64_t h = g; h < std::min(g + perChunk, last); ++h)
        for (int64_t n = 0; n < grid.kept; ++n, ++value) {
          int64_t k = h * grid.group + *code++;
          if (k >= begin && k < end)
            move(value, out + (k - begin) * width);
        }
    }
  }

  /// Elements [begin, end) of line `k` of `o`: all have position k mod M.
  void decodeLine(int64_t o, int64_t k, int64_t begin, int64_t end,
                  uint8_t *out) const {
    const int64_t first = grid.getFirstValue(o, k / grid.group);
    const uint8_t position = k % grid.group;
    uint8_t codes[kChunk];
    for (int64_t n = 0; n < grid.kept; ++n)
      for (int64_t i = begin; i < end; i += kChunk) {
        const int64_t size = std::min(kChunk, end - i);
        const int64_t value = first + n * grid.inner + i;
        unpack(value, size, codes);
        uint8_t *to = out + (i - begin) * width;
        if (width == 4)
          select<uint32_t>(codes, position, value, size, to);
        else
          select<uint16_t>(codes, position, value, size, to);
      }
  }

private:
  void unpack(int64_t begin, int64_t n, uint8_t *codes) const {
    grid.layout.unpack(getKernels(Isa::Auto), metadata, begin, n,
                       /*isSigned=*/false, codes);
  }
  /// Values [value, value + n) where their code is the position.
  template <typename Bits>
  void select(const uint8_t *codes, uint8_t position, int64_t value, int64_t n,
              uint8_t *out) const {
    const uint8_t *from = values + value * sizeof(Bits);
    for (int64_t b = 0; b < n; ++b) {
      Bits here, before;
      std::memcpy(&here, from + b * sizeof(Bits), sizeof(Bits));
      std::memcpy(&before, out + b * sizeof(Bits), sizeof(Bits));
      const Bits after = codes[b] == position ? here : before;
      std::memcpy(out + b * sizeof(Bits), &after, sizeof(Bits));
    }
  }
  void move(int64_t value, uint8_t *out) const {
    if (width == 4)
      std::memcpy(out, values + value * 4, 4);
    else
      std::memcpy(out, values + value * 2, 2);
  }

  const Grid &grid;
  int64_t width;
  const uint8_t *values, *metadata;
};
} // namespace

bool mlir::compress::algorithms::decodeNm(const NmShape &shape, FloatKind kind,
                                          llvm::ArrayRef<uint8_t> values,
                                          llvm::ArrayRef<uint8_t> metadata,
                                          int64_t begin,
                                          llvm::MutableArrayRef<uint8_t> out) {
  std::optional<NmSizes> sizes = computeSizes(shape);
  const int64_t width = getByteWidth(kind);
  if (!sizes || values.size() != size_t(sizes->numValues * width) ||
      metadata.size() != size_t(sizes->metadataBytes) || begin < 0 ||
      begin > sizes->numElements || out.size() % width ||
      out.size() / width > size_t(sizes->numElements - begin))
    return false;
  if (out.empty())
    return true;
  const Grid grid(shape);
  const Decoder decoder(grid, width, values.data(), metadata.data());
  std::fill_n(out.data(), out.size(), uint8_t(0));
  const int64_t rowLength = grid.inner == 1 ? grid.length : grid.inner;
  for (int64_t left = out.size() / width; left > 0;) {
    const int64_t row = begin / rowLength, col = begin % rowLength;
    const int64_t n = std::min(left, rowLength - col);
    if (grid.inner == 1)
      decoder.decodeRow(row, col, col + n, out.data());
    else
      decoder.decodeLine(row / grid.length, row % grid.length, col, col + n,
                         out.data());
    out = out.drop_front(n * width);
    begin += n;
    left -= n;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Validation
//===----------------------------------------------------------------------===//

template <typename Key>
static std::optional<int64_t> findInfinite(const uint8_t *bytes, int64_t count,
                                           Key infinity) {
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t end = std::min(begin + kChunk, count);
    Key largest = 0;
    for (int64_t i = begin; i < end; ++i)
      largest = std::max(largest, loadMagnitude<Key>(bytes + i * sizeof(Key)));
    if (largest < infinity)
      continue;
    for (int64_t i = begin; i < end; ++i)
      if (loadMagnitude<Key>(bytes + i * sizeof(Key)) >= infinity)
        return i;
  }
  return std::nullopt;
}

std::optional<SparseError>
mlir::compress::algorithms::findNonFinite(FloatKind kind,
                                          llvm::ArrayRef<uint8_t> bytes) {
  const int64_t width = getByteWidth(kind), count = bytes.size() / width;
  std::optional<int64_t> index =
      width == 4 ? findInfinite<int32_t>(bytes.data(), count,
                                         getInfiniteMagnitude(kind))
                 : findInfinite<int16_t>(bytes.data(), count,
                                         getInfiniteMagnitude(kind));
  if (!index)
    return std::nullopt;
  SparseError error{Kind::NonFinite, *index};
  widenToF32(kind, bytes.slice(*index * width, width), error.value);
  return error;
}

/// The first position of groups side by side that is wrong: value n of lane b
/// is `begin + b * lane + n * element`.
static std::optional<int64_t>
findPosition(const Grid &grid, const uint8_t *metadata, int64_t begin,
             int64_t lane, int64_t element, int64_t lanes, int64_t limit) {
  uint8_t codes[kMaxGroup * kLanes];
  const Kernels &kernels = getKernels(Isa::Auto);
  const bool inRows = element == 1;
  if (inRows)
    grid.layout.unpack(kernels, metadata, begin, lanes * grid.kept,
                       /*isSigned=*/false, codes);
  else
    for (int64_t n = 0; n < grid.kept; ++n)
      grid.layout.unpack(kernels, metadata, begin + n * element, lanes,
                         /*isSigned=*/false, codes + n * kLanes);
  for (int64_t b = 0; b < lanes; ++b) {
    int last = -1;
    for (int64_t n = 0; n < grid.kept; ++n) {
      int code = inRows ? codes[b * grid.kept + n] : codes[n * kLanes + b];
      if (code <= last || code >= limit)
        return begin + b * lane + n * element;
      last = code;
    }
  }
  return std::nullopt;
}

std::optional<SparseError>
mlir::compress::algorithms::validateNm(const NmShape &shape, FloatKind kind,
                                       llvm::ArrayRef<uint8_t> values,
                                       llvm::ArrayRef<uint8_t> metadata) {
  std::optional<NmSizes> sizes = computeSizes(shape);
  if (!sizes ||
      values.size() != size_t(sizes->numValues * getByteWidth(kind)) ||
      metadata.size() != size_t(sizes->metadataBytes))
    return SparseError{Kind::InvalidArgument};
  if (sizes->numElements == 0)
    return std::nullopt;
  const Grid grid(shape);
  if (std::optional<int64_t> byte = grid.layout.findPadding(
          metadata.data(), sizes->numValues / grid.layout.getRowLength()))
    return SparseError{Kind::Padding, *byte};
  for (int64_t o = 0; o < grid.outer; ++o)
    for (int64_t g = 0; g < grid.groups;) {
      // Positions that have no element are below N, in their order.
      const int64_t limit = std::max(grid.getGroupSize(g), grid.kept);
      const bool isWhole = grid.getGroupSize(g) == grid.group;
      int64_t lanes = 1;
      if (grid.inner == 1) {
        if (isWhole)
          lanes = std::min(kLanes, grid.length / grid.group - g);
        if (auto index =
                findPosition(grid, metadata.data(), grid.getFirstValue(o, g),
                             grid.kept, 1, lanes, limit))
          return SparseError{Kind::Position, *index};
      } else {
        for (int64_t i = 0; i < grid.inner; i += kLanes)
          if (auto index = findPosition(
                  grid, metadata.data(), grid.getFirstValue(o, g) + i, 1,
                  grid.inner, std::min(kLanes, grid.inner - i), limit))
            return SparseError{Kind::Position, *index};
      }
      g += lanes;
    }
  return findNonFinite(kind, values);
}
