//===- QuantizeMse.cpp - Block quantization of least squared error --------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Round to nearest, with a search (see ScaleSearch.h) between its two passes.
// The elements of a block are brought together first, wherever they lie. Blocks
// that are too large for that are streamed, once for each round of the search;
// this is cut into pieces whose sums are added in order.
//
//===----------------------------------------------------------------------===//

#include "BlockEncoder.h"
#include "ScaleSearch.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cstring>
#include <vector>

using namespace mlir::compress::algorithms;

/// Elements that are brought together at once: 128 KB.
static constexpr int64_t kTileElements = 32 * 1024;
/// With room for a row that is converted, where there are several rows.
static constexpr int64_t kBufferElements = kTileElements * 3 / 2;
/// Columns that are read together at least: neighbours share a cache line.
static constexpr int64_t kLeastColumns = 4;
/// Pieces that a streamed block is cut into, at most.
static constexpr int64_t kMaxPieces = 32;

namespace {

/// Neighbouring blocks of a slab, and their columns.
struct Group {
  int64_t firstBlock, numBlocks;
  int64_t colBegin, colEnd;
};

/// Called with a block of a group, counted from its first one, and elements.
using UseBlock = llvm::function_ref<void(int64_t, const float *, int64_t)>;

/// Sums of a streamed block, which are too long for f32.
struct LongSums {
  static constexpr size_t kSize = sizeof(CandidateSums) / sizeof(float);
  double values[kSize] = {};

  void add(const CandidateSums &sums) {
    float floats[kSize];
    std::memcpy(floats, &sums, sizeof(sums));
    for (size_t i = 0; i < kSize; ++i)
      values[i] += floats[i];
  }
  void add(const LongSums &sums) {
    for (size_t i = 0; i < kSize; ++i)
      values[i] += sums.values[i];
  }
  void get(CandidateSums &sums) const {
    float floats[kSize];
    std::copy_n(values, kSize, floats);
    std::memcpy(&sums, floats, sizeof(sums));
  }
};

/// A streamed block in the course of the search.
struct StreamedBlock {
  BlockChoice rtn, best;
  Candidates candidates;
  bool isSearched;
};

class MseEncoder : public BlockEncoder {
public:
  MseEncoder(const uint8_t *source, FloatKind kind, const QuantShape &shape,
             const QuantFormat &format, uint8_t *codes, const Kernels &kernels)
      : BlockEncoder(source, kind, shape, format, codes, kernels),
        format(format), search(format, kind, coder.getEncodeRule(),
                               coder.getDecodeRule(), kernels) {}

protected:
  std::optional<BlockError>
  makeParameters(const Slab &slab, const float *cache,
                 BlockParameters &parameters) override;

private:
  void searchGroup(const Slab &slab, const Group &group, const float *cache,
                   BlockParameters &parameters) const;
  void searchStreamedGroup(const Slab &slab, const Group &group,
                           BlockParameters &parameters) const;
  /// The better one of round to nearest and what a search finds.
  BlockChoice searchBlock(const float *x, int64_t n, float lo, float hi,
                          const BlockChoice &rtn) const;
  void store(const Slab &slab, int64_t block, const BlockChoice &choice,
             BlockParameters &parameters) const;

  /// Elements of a group that lie in some rows and columns of its slab, block
  /// by block. `buffer` has kBufferElements.
  void gather(const Slab &slab, const Group &group, const Piece &piece,
              const float *cache, float *buffer, UseBlock use) const;

  const QuantFormat &format;
  ScaleSearch search;
};

} // namespace

static int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }

static BlockChoice getChoice(const BlockParameters &parameters, int64_t block) {
  return {parameters.scale[block], parameters.offset[block]};
}

void MseEncoder::store(const Slab &slab, int64_t block,
                       const BlockChoice &choice,
                       BlockParameters &parameters) const {
  parameters.scale[block] = choice.divisor;
  parameters.offset[block] = choice.offset;
  int64_t index = slab.firstBlock + block;
  kernels.narrow(format.scale, &choice.divisor, 1,
                 outScales + index * getByteWidth(format.scale));
  if (!format.hasOffset())
    return;
  if (format.offsetKind)
    kernels.narrow(*format.offsetKind, &choice.offset, 1,
                   outOffsets + index * getByteWidth(*format.offsetKind));
  else
    outOffsets[index] = uint8_t(int(choice.offset));
}

void MseEncoder::gather(const Slab &slab, const Group &group,
                        const Piece &piece, const float *cache, float *buffer,
                        UseBlock use) const {
  const int64_t rows = piece.rowEnd - piece.rowBegin;
  const int64_t cols = piece.colEnd - piece.colBegin;
  const int64_t width = grid.getInnerBlock();
  auto loadRow = [&](int64_t row, float *to) {
    if (cache)
      return cache + row * slab.cols + piece.colBegin;
    return load(grid.getRow(slab, row) + piece.colBegin, cols, to);
  };
  const float *x;
  if (rows == 1) {
    x = loadRow(piece.rowBegin, buffer);
  } else {
    for (int64_t row = 0; row < rows; ++row) {
      const float *from = loadRow(piece.rowBegin + row, buffer + kTileElements);
      if (width == 1) {
        for (int64_t col = 0; col < cols; ++col)
          buffer[col * rows + row] = from[col];
        continue;
      }
      for (int64_t col = 0; col < cols; col += width) {
        int64_t n = std::min(width, cols - col);
        std::copy_n(from + col, n, buffer + col * rows + row * n);
      }
    }
    x = buffer;
  }
  for (int64_t block = 0; block < group.numBlocks; ++block) {
    int64_t n = std::min(width, cols - block * width);
    use(block, x + block * width * rows, n * rows);
  }
}

//===----------------------------------------------------------------------===//
// Blocks that fit a buffer
//===----------------------------------------------------------------------===//

BlockChoice MseEncoder::searchBlock(const float *x, int64_t n, float lo,
                                    float hi, const BlockChoice &rtn) const {
  Candidates candidates;
  if (!search.start(lo, hi, rtn, candidates))
    return rtn;
  double rtnError = search.computeError(x, n, rtn);
  if (rtnError == 0)
    return rtn;
  CandidateSums sums;
  for (int round = 0; round <= ScaleSearch::kRounds; ++round) {
    search.computeSums(x, n, candidates, sums);
    if (!search.improve(n, sums, candidates))
      break;
  }
  BlockChoice best = search.getBest(candidates);
  return search.computeError(x, n, best) < rtnError ? best : rtn;
}

void MseEncoder::searchGroup(const Slab &slab, const Group &group,
                             const float *cache,
                             BlockParameters &parameters) const {
  std::unique_ptr<float[]> buffer;
  if (slab.rows > 1 || (!cache && !isInPlace()))
    buffer.reset(new float[kBufferElements]);
  gather(slab, group, {0, slab.rows, group.colBegin, group.colEnd}, cache,
         buffer.get(), [&](int64_t inGroup, const float *x, int64_t n) {
           int64_t block = group.firstBlock + inGroup;
           BlockChoice rtn = getChoice(parameters, block);
           BlockChoice best = searchBlock(x, n, parameters.lo[block],
                                          parameters.hi[block], rtn);
           if (best != rtn)
             store(slab, block, best, parameters);
         });
}

//===----------------------------------------------------------------------===//
// Larger blocks
//===----------------------------------------------------------------------===//

void MseEncoder::searchStreamedGroup(const Slab &slab, const Group &group,
                                     BlockParameters &parameters) const {
  // Tiles of whole rows, or of a part of one row.
  const int64_t cols = group.colEnd - group.colBegin;
  const int64_t tileRows = std::max<int64_t>(1, kTileElements / cols);
  const int64_t tileCols = std::min(cols, kTileElements);
  const int64_t tilesPerRow = divideUp(cols, tileCols);
  const int64_t numTiles = divideUp(slab.rows, tileRows) * tilesPerRow;
  const int64_t perPiece = divideUp(numTiles, kMaxPieces);
  const int64_t numPieces = divideUp(numTiles, perPiece);
  auto forEachTile = [&](int64_t piece, UseBlock use) {
    std::unique_ptr<float[]> buffer(new float[kBufferElements]);
    int64_t end = std::min(numTiles, (piece + 1) * perPiece);
    for (int64_t tile = piece * perPiece; tile < end; ++tile) {
      int64_t row = tile / tilesPerRow * tileRows;
      int64_t col = group.colBegin + tile % tilesPerRow * tileCols;
      gather(slab, group,
             {row, std::min(slab.rows, row + tileRows), col,
              std::min(group.colEnd, col + tileCols)},
             /*cache=*/nullptr, buffer.get(), use);
    }
  };

  std::vector<StreamedBlock> blocks(group.numBlocks);
  for (int64_t i = 0; i < group.numBlocks; ++i) {
    int64_t block = group.firstBlock + i;
    blocks[i].rtn = getChoice(parameters, block);
    blocks[i].isSearched =
        search.start(parameters.lo[block], parameters.hi[block], blocks[i].rtn,
                     blocks[i].candidates);
  }
  std::vector<LongSums> partial(numPieces * group.numBlocks);
  for (int round = 0; round <= ScaleSearch::kRounds; ++round) {
    std::fill(partial.begin(), partial.end(), LongSums());
    llvm::parallelFor(0, numPieces, [&](size_t piece) {
      CandidateSums sums{};
      forEachTile(piece, [&](int64_t block, const float *x, int64_t n) {
        if (!blocks[block].isSearched)
          return;
        search.computeSums(x, n, blocks[block].candidates, sums);
        partial[piece * group.numBlocks + block].add(sums);
      });
    });
    bool again = false;
    for (int64_t i = 0; i < group.numBlocks; ++i) {
      if (!blocks[i].isSearched)
        continue;
      for (int64_t piece = 1; piece < numPieces; ++piece)
        partial[i].add(partial[piece * group.numBlocks + i]);
      CandidateSums sums;
      partial[i].get(sums);
      int64_t width =
          std::min(grid.getInnerBlock(), cols - i * grid.getInnerBlock());
      again |= search.improve(width * slab.rows, sums, blocks[i].candidates);
    }
    if (!again)
      break;
  }

  struct Errors {
    double rtn = 0, best = 0;
  };
  std::vector<Errors> errors(numPieces * group.numBlocks);
  for (StreamedBlock &block : blocks)
    if (block.isSearched)
      block.best = search.getBest(block.candidates);
  llvm::parallelFor(0, numPieces, [&](size_t piece) {
    forEachTile(piece, [&](int64_t block, const float *x, int64_t n) {
      if (!blocks[block].isSearched)
        return;
      Errors &sum = errors[piece * group.numBlocks + block];
      sum.rtn += search.computeError(x, n, blocks[block].rtn);
      sum.best += search.computeError(x, n, blocks[block].best);
    });
  });
  for (int64_t i = 0; i < group.numBlocks; ++i) {
    for (int64_t piece = 1; piece < numPieces; ++piece) {
      errors[i].rtn += errors[piece * group.numBlocks + i].rtn;
      errors[i].best += errors[piece * group.numBlocks + i].best;
    }
    if (blocks[i].isSearched && errors[i].best < errors[i].rtn)
      store(slab, group.firstBlock + i, blocks[i].best, parameters);
  }
}

std::optional<BlockError>
MseEncoder::makeParameters(const Slab &slab, const float *cache,
                           BlockParameters &parameters) {
  if (std::optional<BlockError> error = makePlainParameters(slab, parameters))
    return error;
  const int64_t width = grid.getInnerBlock();
  const int64_t blockElements = slab.rows * std::min(width, slab.cols);
  const int64_t least =
      std::min(slab.numBlocks, divideUp(kLeastColumns, width));
  const bool fits = blockElements <= kTileElements / least;
  const int64_t perGroup = fits ? kTileElements / blockElements : least;
  llvm::parallelFor(0, divideUp(slab.numBlocks, perGroup), [&](size_t index) {
    Group group;
    group.firstBlock = index * perGroup;
    group.numBlocks = std::min(perGroup, slab.numBlocks - group.firstBlock);
    group.colBegin = group.firstBlock * width;
    group.colEnd =
        std::min(slab.cols, group.colBegin + group.numBlocks * width);
    if (fits)
      searchGroup(slab, group, cache, parameters);
    else
      searchStreamedGroup(slab, group, parameters);
  });
  return std::nullopt;
}

std::optional<QuantError> mlir::compress::algorithms::quantizeMse(
    llvm::ArrayRef<uint8_t> source, FloatKind kind, const QuantShape &shape,
    const QuantFormat &format, llvm::MutableArrayRef<uint8_t> codes,
    llvm::MutableArrayRef<uint8_t> scales,
    llvm::MutableArrayRef<uint8_t> offsets, Isa isa) {
  std::optional<QuantSizes> sizes =
      checkSizes(source.size(), kind, shape, format, codes.size(),
                 scales.size(), offsets.size());
  if (!sizes)
    return QuantError{QuantError::Kind::InvalidArgument};
  if (sizes->numElements == 0)
    return std::nullopt;
  // The mean magnitude is the least-squares scale.
  if (format.codes == CodeKind::Binary)
    return quantizeRtn(source, kind, shape, format, codes, scales, offsets,
                       isa);
  MseEncoder encoder(source.data(), kind, shape, format, codes.data(),
                     getKernels(isa));
  encoder.setOutputs(scales.data(), offsets.data());
  return encoder.run(sizes->numElements);
}
