//===- Quantize.cpp - Block quantization by round to nearest --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
#include "compress/Algorithms/Quantize.h"

#include "BlockEncoder.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace mlir::compress::algorithms;

/// Elements that are loaded at once.
static constexpr int64_t kChunk = Workspace::kChunk;
/// Elements of a slab that are converted once for both passes: 512 KB.
static constexpr int64_t kCacheElements = 128 * 1024;
/// Least elements of a parallel task.
static constexpr int64_t kTaskElements = 256 * 1024;
/// From this many slabs on, threads take whole slabs.
static constexpr int64_t kManySlabs = 32;

//===----------------------------------------------------------------------===//
// Passes over a part of a slab
//===----------------------------------------------------------------------===//

void BlockEncoder::reset(BlockParameters &parameters, const Slab &slab) const {
  parameters.resize(slab.numBlocks);
  parameters.resetExtremes();
  if (needsMeans)
    parameters.mean.assign(slab.numBlocks, 0);
}

bool BlockEncoder::findExtremes(const Slab &slab, const Piece &piece,
                                float *cache, Workspace &work,
                                BlockParameters &parameters) const {
  const int64_t chunk = getChunk();
  float *buffer = cache || isInPlace() ? nullptr : work.getValues(kChunk);
  bool finite = true;
  for (int64_t row = piece.rowBegin; row < piece.rowEnd; ++row) {
    int64_t begin = grid.getRow(slab, row);
    for (int64_t col = piece.colBegin; col < piece.colEnd; col += chunk) {
      int64_t n = std::min(chunk, piece.colEnd - col);
      const float *x =
          load(begin + col, n, cache ? cache + row * slab.cols + col : buffer);
      int64_t block = col / grid.getInnerBlock();
      const Run run = getRun(col, n);
      finite &= kernels.minMax(x, run, parameters.lo.data() + block,
                               parameters.hi.data() + block);
      if (needsMeans)
        kernels.addMagnitudes(x, run, parameters.mean.data() + block);
    }
  }
  return finite;
}

void BlockEncoder::writeCodes(const Slab &slab, const Piece &piece,
                              const float *cache, Workspace &work,
                              const BlockParameters &parameters) const {
  const int64_t chunk = getChunk();
  float *buffer = cache || isInPlace() ? nullptr : work.getValues(kChunk);
  for (int64_t row = piece.rowBegin; row < piece.rowEnd; ++row) {
    int64_t begin = grid.getRow(slab, row);
    for (int64_t col = piece.colBegin; col < piece.colEnd; col += chunk) {
      int64_t n = std::min(chunk, piece.colEnd - col);
      const float *x =
          cache ? cache + row * slab.cols + col : load(begin + col, n, buffer);
      int64_t block = col / grid.getInnerBlock();
      bool direct = grid.layout.getBits() == 8;
      uint8_t *out = direct ? codes + begin + col : work.codes.get();
      kernels.encode(coder.getEncodeRule(), x, getRun(col, n),
                     parameters.scale.data() + block,
                     parameters.offset.data() + block, out);
      if (!direct)
        grid.layout.pack(kernels, out, begin + col, n, codes);
    }
  }
}

std::pair<int64_t, float>
BlockEncoder::findElement(const Slab &slab, int64_t block,
                          llvm::function_ref<bool(float)> isWanted) const {
  int64_t begin = block * grid.getInnerBlock();
  int64_t end = std::min(begin + grid.getInnerBlock(), slab.cols);
  float buffer[256];
  for (int64_t row = 0; row < slab.rows; ++row) {
    int64_t base = grid.getRow(slab, row);
    for (int64_t col = begin; col < end; col += 256) {
      int64_t n = std::min<int64_t>(256, end - col);
      const float *x = load(base + col, n, buffer);
      for (int64_t i = 0; i < n; ++i)
        if (isWanted(x[i]))
          return {base + col + i, x[i]};
    }
  }
  llvm_unreachable("no such element");
}

std::optional<BlockError>
BlockEncoder::makePlainParameters(const Slab &slab,
                                  BlockParameters &parameters) {
  if (inScales)
    return coder.readDivisors(parameters, slab.firstBlock, inScales, inOffsets);
  if (needsMeans) {
    const int64_t width = grid.getInnerBlock();
    for (int64_t b = 0; b < slab.numBlocks; ++b)
      parameters.mean[b] /=
          double(slab.rows * std::min(width, slab.cols - b * width));
  }
  return coder.choose(
      parameters, slab.firstBlock, outScales, outOffsets, [&](size_t block) {
        float magnitude = parameters.hi[block];
        auto isLargest = [&](float x) { return std::abs(x) == magnitude; };
        return findElement(slab, block, isLargest).second < 0;
      });
}

std::optional<BlockError>
BlockEncoder::makeParameters(const Slab &slab, const float *cache,
                             BlockParameters &parameters) {
  return makePlainParameters(slab, parameters);
}

//===----------------------------------------------------------------------===//
// Slabs
//===----------------------------------------------------------------------===//

void BlockEncoder::encodeSlab(const Slab &slab, Workspace &work) {
  BlockParameters &parameters = work.parameters;
  reset(parameters, slab);
  int64_t size = slab.rows * slab.cols;
  float *cache = nullptr;
  if (!isInPlace() && size <= kCacheElements)
    cache = work.getValues(size);
  const Piece all = {0, slab.rows, 0, slab.cols};
  if (!findExtremes(slab, all, cache, work, parameters) ||
      makeParameters(slab, cache, parameters)) {
    failed = true;
    return;
  }
  writeCodes(slab, all, cache, work, parameters);
}

void BlockEncoder::encodeSlabInPieces(const Slab &slab) {
  // Cut into bands of rows, or a single row at multiples of chunks. The number
  // of pieces also bounds the memory for partial extremes.
  bool byRows = slab.rows > 1;
  int64_t length = byRows ? slab.rows : slab.cols;
  int64_t unit = byRows ? 1 : getChunk();
  int64_t perPiece =
      byRows ? std::max<int64_t>(1, kTaskElements / slab.cols) : kTaskElements;
  int64_t most = std::clamp<int64_t>((1 << 17) / slab.numBlocks, 16, 1024);
  perPiece = std::max(perPiece, (length + most - 1) / most);
  perPiece = (perPiece + unit - 1) / unit * unit;
  int64_t numPieces = (length + perPiece - 1) / perPiece;
  auto getPiece = [&](int64_t index) -> Piece {
    int64_t begin = index * perPiece;
    int64_t end = std::min(length, begin + perPiece);
    return byRows ? Piece{begin, end, 0, slab.cols} : Piece{0, 1, begin, end};
  };

  std::vector<BlockParameters> partial(numPieces);
  llvm::parallelFor(0, numPieces, [&](size_t index) {
    Workspace work;
    reset(partial[index], slab);
    if (!findExtremes(slab, getPiece(index), /*cache=*/nullptr, work,
                      partial[index]))
      failed = true;
  });
  if (failed)
    return;
  BlockParameters parameters;
  reset(parameters, slab);
  for (const BlockParameters &part : partial)
    parameters.merge(part);
  partial.clear();
  if (makeParameters(slab, /*cache=*/nullptr, parameters)) {
    failed = true;
    return;
  }
  llvm::parallelFor(0, numPieces, [&](size_t index) {
    Workspace work;
    writeCodes(slab, getPiece(index), /*cache=*/nullptr, work, parameters);
  });
}

std::optional<QuantError> BlockEncoder::run(int64_t numElements) {
  const int64_t numSlabs = grid.getNumSlabs();
  if (numSlabs < kManySlabs && numElements / numSlabs > kTaskElements) {
    for (int64_t index = 0; index < numSlabs && !failed; ++index)
      encodeSlabInPieces(grid.getSlab(index));
  } else {
    int64_t perTask =
        std::max<int64_t>(1, kTaskElements / (numElements / numSlabs));
    int64_t numTasks = (numSlabs + perTask - 1) / perTask;
    llvm::parallelFor(0, numTasks, [&](size_t task) {
      Workspace work;
      int64_t index = task * perTask;
      int64_t end = std::min(numSlabs, index + perTask);
      for (; index < end && !failed.load(std::memory_order_relaxed); ++index)
        encodeSlab(grid.getSlab(index), work);
    });
  }
  if (failed)
    return diagnose(numElements);
  return std::nullopt;
}

/// Something is wrong: goes through everything again, in order, so that what is
/// reported does not depend on which thread met an error first.
std::optional<QuantError> BlockEncoder::diagnose(int64_t numElements) {
  Workspace work;
  for (int64_t begin = 0; begin < numElements; begin += kChunk) {
    int64_t n = std::min(kChunk, numElements - begin);
    const float *x = load(begin, n, work.getValues(kChunk));
    for (int64_t i = 0; i < n; ++i) {
      if (!std::isfinite(x[i]))
        return QuantError{QuantError::Kind::NonFinite, begin + i, x[i]};
    }
  }
  BlockParameters &parameters = work.parameters;
  for (int64_t index = 0, end = grid.getNumSlabs(); index < end; ++index) {
    Slab slab = grid.getSlab(index);
    reset(parameters, slab);
    findExtremes(slab, {0, slab.rows, 0, slab.cols}, /*cache=*/nullptr, work,
                 parameters);
    std::optional<BlockError> error = makePlainParameters(slab, parameters);
    if (!error)
      continue;
    if (error->kind == QuantError::Kind::Negative) {
      auto [at, value] =
          findElement(slab, error->block, [](float x) { return x < 0; });
      return QuantError{error->kind, at, value};
    }
    return QuantError{
        error->kind, slab.begin + error->block * grid.getInnerBlock(),
        std::max(-parameters.lo[error->block], parameters.hi[error->block]),
        error->needed};
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

std::optional<QuantSizes> mlir::compress::algorithms::checkSizes(
    size_t source, FloatKind kind, const QuantShape &shape,
    const QuantFormat &format, size_t codes, size_t scales, size_t offsets) {
  std::optional<QuantSizes> sizes = computeSizes(shape, format);
  if (!sizes || source != size_t(sizes->numElements) * getByteWidth(kind) ||
      codes != size_t(sizes->codeBytes) ||
      scales != size_t(sizes->scaleBytes) ||
      offsets != size_t(sizes->offsetBytes))
    return std::nullopt;
  return sizes;
}

std::optional<QuantError> mlir::compress::algorithms::quantizeRtn(
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
  BlockEncoder encoder(source.data(), kind, shape, format, codes.data(),
                       getKernels(isa));
  encoder.setOutputs(scales.data(), offsets.data());
  return encoder.run(sizes->numElements);
}

std::optional<QuantError> mlir::compress::algorithms::quantizeWithScales(
    llvm::ArrayRef<uint8_t> source, FloatKind kind, const QuantShape &shape,
    const QuantFormat &format, llvm::ArrayRef<uint8_t> scales,
    llvm::ArrayRef<uint8_t> offsets, llvm::MutableArrayRef<uint8_t> codes,
    Isa isa) {
  std::optional<QuantSizes> sizes =
      checkSizes(source.size(), kind, shape, format, codes.size(),
                 scales.size(), offsets.size());
  if (!sizes)
    return QuantError{QuantError::Kind::InvalidArgument};
  if (sizes->numElements == 0)
    return std::nullopt;
  BlockEncoder encoder(source.data(), kind, shape, format, codes.data(),
                       getKernels(isa));
  encoder.setInputs(scales.data(), offsets.data());
  return encoder.run(sizes->numElements);
}
