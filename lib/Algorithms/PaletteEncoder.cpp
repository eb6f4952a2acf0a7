//===- PaletteEncoder.cpp - Codebooks and indices of a weight -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Three passes: scales of blocks, codebooks of groups, indices along rows. The
// first two are parallel over boxes, and over fixed parts of a large group; the
// last one over parts of rows that start a byte.
//
//===----------------------------------------------------------------------===//

#include "Boxes.h"
#include "CodeLayout.h"
#include "EntryFinder.h"
#include "ValueHistogram.h"
#include "compress/Algorithms/KMeans.h"
#include "compress/Algorithms/Palette.h"
#include "llvm/Support/Parallel.h"

#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

/// Elements that are loaded at once.
static constexpr int64_t kChunk = 4096;
/// Elements of a parallel task; a multiple of what starts a byte.
static constexpr int64_t kTaskElements = 256 * 1024;
/// Most codebooks that get a table of all 16-bit values.
static constexpr int64_t kMaxTables = 16;

static int64_t divideUp(int64_t a, int64_t b) { return a / b + (a % b != 0); }

namespace {
class PaletteEncoder {
public:
  PaletteEncoder(ArrayRef<uint8_t> source, FloatKind kind,
                 const PaletteShape &shape, const PaletteFormat &format,
                 const PaletteSizes &sizes, MutableArrayRef<uint8_t> indices,
                 MutableArrayRef<uint8_t> codebooks,
                 MutableArrayRef<uint8_t> scales)
      : source(source), kind(kind), width(getByteWidth(kind)), shape(shape),
        format(format), sizes(sizes), indices(indices), codebooks(codebooks),
        scales(scales), groups(shape.shape, shape.group),
        blocks(shape.shape, format.scale ? shape.block : shape.group),
        inner(shape.shape.back()), vectors(divideUp(inner, format.dim)),
        layout(format.bits, vectors) {}

  std::optional<PaletteError> run(PaletteGiven given);

private:
  using Kind = PaletteError::Kind;

  /// Elements from a flat index on.
  void load(int64_t begin, MutableArrayRef<float> out) const {
    widenToF32(kind, source.slice(begin * width, out.size() * width), out);
  }
  /// The same, divided by their scales. `weights` receives the squares of the
  /// scales over that of the largest one, or ones. The elements lie in one row.
  void loadScaled(int64_t begin, MutableArrayRef<float> out,
                  float *weights) const;
  /// Calls `each(index, n)` for `count` boxes, cut into parallel tasks.
  static void forBoxes(int64_t count, int64_t elementsPerBox,
                       llvm::function_ref<void(int64_t)> each);

  bool chooseScales();
  bool readScales();
  bool chooseCodebooks();
  std::vector<double> clusterGroup(int64_t group);
  std::vector<double> clusterElements(int64_t group);
  std::vector<double> clusterPatterns(int64_t group);
  std::vector<double> clusterVectorsOf(int64_t group);
  void readCodebooks();
  void chooseIndices();
  void encodeRun(int64_t row, int64_t col, int64_t n,
                 ArrayRef<std::vector<uint8_t>> tables);
  void findScalars(int64_t row, int64_t col, MutableArrayRef<float> values,
                   uint8_t *codes) const;
  void findVectors(int64_t row, int64_t col, MutableArrayRef<float> values,
                   ArrayRef<float> weights, uint8_t *codes) const;
  std::optional<PaletteError> findNonFinite() const;
  std::optional<PaletteError> findDecodeOverflow() const;

  ArrayRef<uint8_t> source;
  FloatKind kind;
  int64_t width;
  const PaletteShape &shape;
  const PaletteFormat &format;
  const PaletteSizes &sizes;
  MutableArrayRef<uint8_t> indices, codebooks, scales;
  const Boxes groups, blocks;
  int64_t inner, vectors;
  CodeLayout layout;

  /// Decoded.
  std::vector<float> blockScales, entries;
  float largestScale = 0;
  std::unique_ptr<EntryFinder> finder;
  std::vector<NearestVector> vectorFinders;
  std::atomic<bool> failed{false};
  /// The first box whose parameter overflows.
  std::optional<PaletteError> overflow;
};
} // namespace

void PaletteEncoder::forBoxes(int64_t count, int64_t elementsPerBox,
                              llvm::function_ref<void(int64_t)> each) {
  if (count == 1) // whose own work is parallel
    return each(0);
  int64_t perTask = std::max<int64_t>(
      1, kTaskElements / std::max<int64_t>(elementsPerBox, 1));
  llvm::parallelFor(0, divideUp(count, perTask), [&](size_t task) {
    int64_t end = std::min<int64_t>(count, (task + 1) * perTask);
    for (int64_t box = task * perTask; box < end; ++box)
      each(box);
  });
}

void PaletteEncoder::loadScaled(int64_t begin, MutableArrayRef<float> out,
                                float *weights) const {
  load(begin, out);
  if (!format.scale) {
    if (weights)
      std::fill(weights, weights + out.size(), 1.0f);
    return;
  }
  int64_t col = begin % inner, end = col + int64_t(out.size());
  const int64_t firstBlock = blocks.getBoxOfRow(begin / inner);
  for (int64_t at = col; at < end;) {
    int64_t inBlock = at / blocks.getInnerExtent();
    int64_t stop = std::min(end, (inBlock + 1) * blocks.getInnerExtent());
    float scale = blockScales[firstBlock + inBlock];
    float divisor = scale == 0 ? INFINITY : scale;
    float weight = scale == 0 ? 0 : scale / largestScale;
    for (; at < stop; ++at) {
      out[at - col] /= divisor;
      if (weights)
        weights[at - col] = weight * weight;
    }
  }
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

bool PaletteEncoder::chooseScales() {
  std::vector<float> &largest = blockScales;
  largest.resize(sizes.numBlocks);
  forBoxes(sizes.numBlocks, sizes.numElements / sizes.numBlocks,
           [&](int64_t block) {
             float buffer[kChunk], most = 0;
             bool finite = true;
             blocks.forEachRun(block, [&](int64_t begin, int64_t n) {
               for (int64_t at = 0; at < n; at += kChunk) {
                 int64_t size = std::min(kChunk, n - at);
                 load(begin + at, {buffer, size_t(size)});
                 for (int64_t i = 0; i < size; ++i) {
                   float magnitude = std::abs(buffer[i]);
                   finite &= magnitude < INFINITY; // not for a NaN
                   most = magnitude > most ? magnitude : most;
                 }
               }
               return true;
             });
             largest[block] = most;
             if (!finite)
               failed = true;
           });
  if (failed)
    return false;
  std::vector<float> wanted = largest;
  narrowFromF32(*format.scale, wanted, scales);
  widenToF32(*format.scale, scales, blockScales);
  for (int64_t block = 0; block < sizes.numBlocks; ++block)
    if (!std::isfinite(blockScales[block])) {
      overflow = {Kind::ScaleOverflow, blocks.getFirst(block), wanted[block]};
      return false;
    }
  return true;
}

bool PaletteEncoder::readScales() {
  blockScales.resize(sizes.numBlocks);
  widenToF32(*format.scale, scales, blockScales);
  for (float scale : blockScales)
    if (!std::isfinite(scale))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Codebooks
//===----------------------------------------------------------------------===//

/// By the histogram of bit patterns. Large groups are counted in parts: counts
/// are integers, so that their order does not matter.
std::vector<double> PaletteEncoder::clusterPatterns(int64_t group) {
  PatternCounts counts;
  if (sizes.numGroups == 1) {
    constexpr int64_t part = 4 << 20;
    std::mutex mutex;
    llvm::parallelFor(0, divideUp(sizes.numElements, part), [&](size_t i) {
      int64_t begin = i * part, n = std::min(part, sizes.numElements - begin);
      PatternCounts own;
      own.add(source.data() + begin * 2, n);
      std::lock_guard<std::mutex> lock(mutex);
      counts.merge(own);
    });
  } else {
    groups.forEachRun(group, [&](int64_t begin, int64_t n) {
      counts.add(source.data() + begin * 2, n);
      return true;
    });
  }
  std::vector<double> values, weights;
  if (!counts.list(kind, values, weights)) {
    failed = true;
    return {};
  }
  return clusterValues(values, weights, format.getNumEntries()).centers;
}

std::vector<double> PaletteEncoder::clusterElements(int64_t group) {
  int64_t count = 0;
  groups.forEachRun(group, [&](int64_t, int64_t n) {
    count += n;
    return true;
  });
  ValueHistogram histogram(count);
  float buffer[kChunk], weights[kChunk];
  groups.forEachRun(group, [&](int64_t begin, int64_t n) {
    for (int64_t at = 0; at < n; at += kChunk) {
      int64_t size = std::min(kChunk, n - at);
      loadScaled(begin + at, {buffer, size_t(size)}, weights);
      histogram.add({buffer, size_t(size)}, {weights, size_t(size)});
    }
    return true;
  });
  std::vector<double> values, sums;
  if (!histogram.list(values, sums)) {
    failed = true;
    return {};
  }
  if (values.empty()) // all scales are zero
    return {0.0};
  return clusterValues(values, sums, format.getNumEntries()).centers;
}

std::vector<double> PaletteEncoder::clusterVectorsOf(int64_t group) {
  const int64_t dim = format.dim;
  std::vector<float> values, weights;
  groups.forEachRun(group, [&](int64_t begin, int64_t n) {
    int64_t padded = divideUp(n, dim) * dim, old = values.size();
    values.resize(old + padded);
    weights.resize(old + padded); // components beyond the row are missing
    loadScaled(begin, {values.data() + old, size_t(n)}, weights.data() + old);
    return true;
  });
  for (float value : values)
    if (!std::isfinite(value)) {
      failed = true;
      return {};
    }
  return clusterVectors({format.dim, values, weights}, format.getNumEntries())
      .centers;
}

std::vector<double> PaletteEncoder::clusterGroup(int64_t group) {
  if (format.dim > 1)
    return clusterVectorsOf(group);
  // A histogram of all patterns pays off for as many elements only.
  bool byPattern = width == 2 && !format.scale &&
                   sizes.numElements / sizes.numGroups >= 2048;
  return byPattern ? clusterPatterns(group) : clusterElements(group);
}

bool PaletteEncoder::chooseCodebooks() {
  const int64_t numbers = format.getNumNumbers();
  const int64_t bytes = numbers * getByteWidth(format.codebook);
  std::vector<double> extremes(sizes.numGroups);
  forBoxes(
      sizes.numGroups, sizes.numElements / sizes.numGroups, [&](int64_t group) {
        if (failed.load(std::memory_order_relaxed))
          return;
        std::vector<double> centers = clusterGroup(group);
        if (centers.empty())
          return;
        // Entries that are not needed repeat the last one.
        float values[256 * 4];
        for (int64_t i = 0; i < numbers; ++i)
          values[i] = float(centers[std::min<size_t>(i, centers.size() - 1)]);
        narrowFromF32(format.codebook, {values, size_t(numbers)},
                      codebooks.slice(group * bytes, bytes));
        for (double center : centers)
          if (std::abs(center) > std::abs(extremes[group]))
            extremes[group] = center;
      });
  if (failed)
    return false;
  readCodebooks();
  for (int64_t i = 0, e = entries.size(); i < e; ++i)
    if (!std::isfinite(entries[i])) {
      int64_t group = i / numbers;
      overflow = {Kind::CodebookOverflow, groups.getFirst(group),
                  extremes[group]};
      return false;
    }
  return true;
}

void PaletteEncoder::readCodebooks() {
  entries.resize(sizes.numGroups * format.getNumNumbers());
  widenToF32(format.codebook, codebooks, entries);
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

void PaletteEncoder::findScalars(int64_t row, int64_t col,
                                 MutableArrayRef<float> values,
                                 uint8_t *codes) const {
  const int64_t firstGroup = groups.getBoxOfRow(row);
  const int64_t end = col + int64_t(values.size());
  for (int64_t at = col; at < end;) {
    int64_t inGroup = at / groups.getInnerExtent();
    int64_t stop = std::min(end, (inGroup + 1) * groups.getInnerExtent());
    finder->find(firstGroup + inGroup, values.slice(at - col, stop - at),
                 codes + (at - col));
    at = stop;
  }
}

void PaletteEncoder::findVectors(int64_t row, int64_t col,
                                 MutableArrayRef<float> values,
                                 ArrayRef<float> weights,
                                 uint8_t *codes) const {
  const int64_t firstGroup = groups.getBoxOfRow(row), dim = format.dim;
  for (int64_t i = 0, e = values.size(); i < e; i += dim) {
    float value[4] = {}, weight[4] = {};
    for (int64_t c = 0; c < std::min(dim, e - i); ++c) {
      value[c] = values[i + c];
      weight[c] = weights[i + c];
    }
    int64_t group = firstGroup + (col + i) / groups.getInnerExtent();
    *codes++ = vectorFinders[group].find(value, weight);
  }
}

void PaletteEncoder::encodeRun(int64_t row, int64_t col, int64_t n,
                               ArrayRef<std::vector<uint8_t>> tables) {
  float values[kChunk], weights[kChunk];
  uint8_t codes[kChunk];
  const Kernels &kernels = getKernels(Isa::Auto);
  const int64_t dim = format.dim;
  const int64_t firstGroup = groups.getBoxOfRow(row);
  for (int64_t begin = col, end = col + n; begin < end; begin += kChunk) {
    int64_t size = std::min(kChunk, end - begin);
    if (!tables.empty()) {
      const uint8_t *pattern = source.data() + (row * inner + begin) * 2;
      for (int64_t at = begin; at < begin + size;) {
        int64_t inGroup = at / groups.getInnerExtent();
        int64_t stop =
            std::min(begin + size, (inGroup + 1) * groups.getInnerExtent());
        const uint8_t *table = tables[firstGroup + inGroup].data();
        for (; at < stop; ++at, pattern += 2) {
          uint16_t bits;
          std::memcpy(&bits, pattern, 2);
          codes[at - begin] = table[bits];
        }
      }
    } else {
      loadScaled(row * inner + begin, {values, size_t(size)},
                 dim > 1 ? weights : nullptr);
      if (dim > 1)
        findVectors(row, begin, {values, size_t(size)}, {weights, size_t(size)},
                    codes);
      else
        findScalars(row, begin, {values, size_t(size)}, codes);
    }
    layout.pack(kernels, codes, row * vectors + begin / dim,
                divideUp(size, dim), indices.data());
  }
}

void PaletteEncoder::chooseIndices() {
  std::vector<std::vector<uint8_t>> tables;
  const int64_t numbers = format.getNumNumbers();
  if (format.dim == 1) {
    finder = std::make_unique<EntryFinder>(format.bits, entries);
    if (width == 2 && !format.scale && sizes.numGroups <= kMaxTables &&
        sizes.numElements / sizes.numGroups >= 65536)
      for (int64_t group = 0; group < sizes.numGroups; ++group)
        tables.push_back(finder->makeTable(group, kind));
  } else {
    for (int64_t group = 0; group < sizes.numGroups; ++group)
      vectorFinders.emplace_back(
          format.dim, ArrayRef(entries).slice(group * numbers, numbers));
  }
  const int64_t rows = sizes.numElements / inner;
  if (inner > kTaskElements) {
    const int64_t perRow = divideUp(inner, kTaskElements);
    llvm::parallelFor(0, rows * perRow, [&](size_t task) {
      int64_t col = task % perRow * kTaskElements;
      encodeRun(task / perRow, col, std::min(kTaskElements, inner - col),
                tables);
    });
    return;
  }
  const int64_t perTask = kTaskElements / inner;
  llvm::parallelFor(0, divideUp(rows, perTask), [&](size_t task) {
    int64_t end = std::min<int64_t>(rows, (task + 1) * perTask);
    for (int64_t row = task * perTask; row < end; ++row)
      encodeRun(row, 0, inner, tables);
  });
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

/// In order, so that what is reported does not depend on threads.
std::optional<PaletteError> PaletteEncoder::findNonFinite() const {
  float buffer[kChunk];
  for (int64_t begin = 0; begin < sizes.numElements; begin += kChunk) {
    int64_t n = std::min(kChunk, sizes.numElements - begin);
    load(begin, {buffer, size_t(n)});
    for (int64_t i = 0; i < n; ++i)
      if (!std::isfinite(buffer[i]))
        return PaletteError{Kind::NonFinite, begin + i, buffer[i]};
  }
  return std::nullopt;
}

std::optional<PaletteError> PaletteEncoder::findDecodeOverflow() const {
  float most = 0, scale = format.scale ? 0 : 1;
  for (float entry : entries)
    most = std::max(most, std::abs(entry));
  for (float some : blockScales)
    scale = std::max(scale, std::abs(some));
  float largest = most * scale;
  roundToKind(kind, {&largest, 1});
  if (std::isfinite(largest))
    return std::nullopt;
  float decoded[kChunk];
  for (int64_t begin = 0; begin < sizes.numElements; begin += kChunk) {
    int64_t n = std::min(kChunk, sizes.numElements - begin);
    if (!decodePalette(shape, format, kind, indices, codebooks, scales, begin,
                       {decoded, size_t(n)}))
      return PaletteError{Kind::InvalidArgument};
    for (int64_t i = 0; i < n; ++i)
      if (!std::isfinite(decoded[i])) {
        float value;
        load(begin + i, {&value, 1});
        return PaletteError{Kind::DecodeOverflow, begin + i, value};
      }
  }
  return std::nullopt;
}

std::optional<PaletteError> PaletteEncoder::run(PaletteGiven given) {
  // Otherwise a pass over the elements notices.
  bool isNoticed = !given.codebooks || (format.scale && !given.scales);
  if (auto error = isNoticed ? std::nullopt : findNonFinite())
    return error;
  if (given.codebooks) {
    readCodebooks();
    for (float entry : entries)
      if (!std::isfinite(entry))
        return PaletteError{Kind::InvalidParameter};
  }
  if (format.scale) {
    if (given.scales && !readScales())
      return PaletteError{Kind::InvalidParameter};
    if (!given.scales && !chooseScales())
      return failed ? findNonFinite() : overflow;
    for (float scale : blockScales)
      largestScale = std::max(largestScale, std::abs(scale));
  }
  if (!given.codebooks && !chooseCodebooks())
    return failed ? findNonFinite() : overflow;
  chooseIndices();
  return findDecodeOverflow();
}

std::optional<PaletteError> mlir::compress::algorithms::encodePalette(
    ArrayRef<uint8_t> source, FloatKind kind, const PaletteShape &shape,
    const PaletteFormat &format, PaletteGiven given,
    MutableArrayRef<uint8_t> indices, MutableArrayRef<uint8_t> codebooks,
    MutableArrayRef<uint8_t> scales) {
  auto sizes = computePaletteSizes(shape, format);
  if (!sizes ||
      source.size() != size_t(sizes->numElements) * getByteWidth(kind) ||
      indices.size() != size_t(sizes->indexBytes) ||
      codebooks.size() != size_t(sizes->codebookBytes) ||
      scales.size() != size_t(sizes->scaleBytes))
    return PaletteError{PaletteError::Kind::InvalidArgument};
  if (sizes->numElements == 0)
    return std::nullopt;
  return PaletteEncoder(source, kind, shape, format, *sizes, indices, codebooks,
                        scales)
      .run(given);
}
