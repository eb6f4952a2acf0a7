//===- BlockGrid.cpp - Shapes cut into blocks, simplified -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockGrid.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <numeric>

using namespace mlir::compress::algorithms;

//===----------------------------------------------------------------------===//
// Formats and sizes
//===----------------------------------------------------------------------===//

bool QuantFormat::isValid() const {
  switch (codes) {
  case CodeKind::Integer:
    if (bits != 2 && bits != 3 && bits != 4 && bits != 6 && bits != 8)
      return false;
    if (narrow && !isSigned)
      return false;
    if (offset == Offset::Min && (isSigned || !offsetKind))
      return false;
    break;
  case CodeKind::Binary:
    if (bits != 1 || narrow || hasOffset())
      return false;
    break;
  case CodeKind::F8E4M3FN:
  case CodeKind::F8E5M2:
    if (bits != 8 || narrow || hasOffset())
      return false;
    break;
  case CodeKind::F4E2M1FN:
    if (bits != 4 || narrow || hasOffset())
      return false;
    break;
  }
  if (!hasOffset())
    return true;
  return scale != FloatKind::F8E8M0FNU &&
         (!offsetKind || isElementKind(*offsetKind));
}

std::optional<QuantSizes>
mlir::compress::algorithms::computeSizes(const QuantShape &shape,
                                         const QuantFormat &format) {
  if (!format.isValid() || shape.shape.size() != shape.block.size())
    return std::nullopt;
  // A zero dimension makes everything empty, whatever the other ones are.
  bool empty = false;
  for (auto [dim, block] : llvm::zip_equal(shape.shape, shape.block)) {
    if (dim < 0 || block < 1)
      return std::nullopt;
    empty |= dim == 0;
  }
  QuantSizes sizes;
  if (empty)
    return sizes;

  sizes.numElements = sizes.numBlocks = 1;
  for (auto [dim, block] : llvm::zip_equal(shape.shape, shape.block)) {
    int64_t blocks = dim / block + (dim % block != 0);
    if (llvm::MulOverflow(sizes.numElements, dim, sizes.numElements))
      return std::nullopt;
    sizes.numBlocks *= blocks; // at most numElements
  }
  // The f32 weight must fit; that bounds codes, and the 4 bytes of a scale too.
  int64_t floatBytes;
  if (llvm::MulOverflow(sizes.numElements, int64_t(4), floatBytes))
    return std::nullopt;
  int64_t rowLength = shape.shape.empty() ? 1 : shape.shape.back();
  sizes.codeBytes = CodeLayout(format.bits, rowLength)
                        .getNumBytes(sizes.numElements / rowLength);
  sizes.scaleBytes = sizes.numBlocks * getByteWidth(format.scale);
  sizes.offsetBytes = sizes.numBlocks * format.getOffsetByteWidth();
  return sizes;
}

//===----------------------------------------------------------------------===//
// BlockGrid
//===----------------------------------------------------------------------===//

/// Elements of a slab that both passes over it find in the second-level cache.
static constexpr int64_t kSlabElements = 32 * 1024;
/// Rows of a slab are at least this long, if the dimension is, so that memory
/// is read in long runs, and not much longer, so that a run stays in
/// first-level cache.
static constexpr int64_t kMinSlabCols = 1024;
static constexpr int64_t kMaxSlabCols = 4096;
/// Longest padded row that is merged with its neighbours.
static constexpr int64_t kMaxMergedPaddedRow = 512;

BlockGrid::BlockGrid(const QuantShape &shape, unsigned bits)
    : layout(bits, shape.shape.empty() ? 1 : shape.shape.back()) {
  const int64_t rowLength = layout.getRowLength();
  const bool padded = layout.isPadded();
  const bool keepRows = padded && rowLength > kMaxMergedPaddedRow;

  // From the innermost dimension outwards; reversed in the end.
  bool mergedInnermost = false;
  for (size_t i = shape.shape.size(); i-- > 0;) {
    int64_t dim = shape.shape[i];
    int64_t extent = std::min(shape.block[i], dim);
    bool isInnermost = i + 1 == shape.shape.size();
    if (!isInnermost && dim == 1)
      continue;
    // A dimension merges into the one inside it if blocks cover that one
    // entirely, or if they are one thick here and divide that one evenly.
    bool legal =
        !dims.empty() && (block.back() == dims.back() ||
                          (extent == 1 && dims.back() % block.back() == 0));
    if (legal && !(dims.size() == 1 && keepRows)) {
      mergedInnermost |= dims.size() == 1;
      block.back() *= extent;
      dims.back() *= dim;
      continue;
    }
    dims.push_back(dim);
    block.push_back(extent);
  }
  if (dims.empty()) {
    dims.push_back(1);
    block.push_back(1);
  }
  std::reverse(dims.begin(), dims.end());
  std::reverse(block.begin(), block.end());

  strides.assign(dims.size(), 1);
  for (size_t i = dims.size() - 1; i-- > 0;)
    strides[i] = strides[i + 1] * dims[i + 1];
  for (auto [dim, extent] : llvm::zip_equal(dims, block))
    counts.push_back((dim + extent - 1) / extent);

  // Eight codes are whole bytes; so is a padded row.
  if (bits != 8)
    granule = padded && mergedInnermost ? rowLength : 8;

  // As many columns as the cache likes, in whole blocks and whole bytes.
  int64_t rows = 1;
  for (int64_t extent : llvm::ArrayRef(block).drop_back())
    rows *= extent;
  int64_t cols = std::clamp(kSlabElements / rows, kMinSlabCols, kMaxSlabCols);
  int64_t unit = block.back();
  if (unit < dims.back())
    unit *= granule / std::gcd(unit, granule);
  slabCols = std::min(dims.back(), std::max(unit, cols / unit * unit));
}

int64_t BlockGrid::getNumSlabs() const {
  int64_t slabs = getSlabsPerRow();
  for (int64_t count : llvm::ArrayRef(counts).drop_back())
    slabs *= count;
  return slabs;
}

Slab BlockGrid::getSlab(int64_t index) const {
  Slab slab;
  int64_t outer = index / getSlabsPerRow();
  int64_t col = index % getSlabsPerRow() * slabCols;
  slab.begin = col;
  slab.cols = std::min(slabCols, dims.back() - col);
  slab.firstBlock = outer * counts.back() + col / block.back();
  slab.numBlocks = (slab.cols + block.back() - 1) / block.back();
  slab.extents.resize(dims.size() - 1);
  for (size_t i = dims.size() - 1; i-- > 0;) {
    int64_t start = outer % counts[i] * block[i];
    outer /= counts[i];
    slab.extents[i] = std::min(block[i], dims[i] - start);
    slab.begin += start * strides[i];
    slab.rows *= slab.extents[i];
  }
  return slab;
}

int64_t BlockGrid::getRow(const Slab &slab, int64_t row) const {
  int64_t index = slab.begin;
  for (size_t i = slab.extents.size(); i-- > 0;) {
    index += row % slab.extents[i] * strides[i];
    row /= slab.extents[i];
  }
  return index;
}

int64_t BlockGrid::getFirstBlockOfRow(int64_t flatRow) const {
  int64_t first = 0, stride = counts.back();
  for (size_t i = dims.size() - 1; i-- > 0;) {
    first += flatRow % dims[i] / block[i] * stride;
    flatRow /= dims[i];
    stride *= counts[i];
  }
  return first;
}
