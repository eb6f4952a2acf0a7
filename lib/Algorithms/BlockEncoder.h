//===- BlockEncoder.h - A weight walked slab by slab ------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks a weight slab by slab (see BlockGrid.h): a pass over the elements of a
// slab finds the extremes of its blocks, scales are chosen, a second pass
// writes codes. Where slabs are many, each is one thread's work and small
// enough to stay in its cache between the passes. Where they are few (one scale
// for a tensor, or for a column), the passes themselves are cut into pieces.
//
// Scales are chosen by round to nearest, or given; an algorithm that chooses
// better ones derives and overrides `makeParameters`.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_BLOCKENCODER_H
#define COMPRESS_LIB_ALGORITHMS_BLOCKENCODER_H

#include "BlockGrid.h"
#include "BlockParameters.h"
#include "compress/Algorithms/Quantize.h"

#include <atomic>
#include <memory>

namespace mlir::compress::algorithms {

/// Part of a slab. Columns count from the slab's first one.
struct Piece {
  int64_t rowBegin, rowEnd, colBegin, colEnd;
};

/// Scratch memory of a task.
struct Workspace {
  /// Elements that are loaded at once.
  static constexpr int64_t kChunk = 4096;

  BlockParameters parameters;
  std::unique_ptr<float[]> values;
  int64_t numValues = 0;
  std::unique_ptr<uint8_t[]> codes{new uint8_t[kChunk]};

  float *getValues(int64_t n) {
    if (numValues < n) {
      values.reset(new float[n]);
      numValues = n;
    }
    return values.get();
  }
};

/// Sizes, if the format and the shape are valid and all buffers have them.
std::optional<QuantSizes> checkSizes(size_t source, FloatKind kind,
                                     const QuantShape &shape,
                                     const QuantFormat &format, size_t codes,
                                     size_t scales, size_t offsets);

/// Encodes one weight, once.
class BlockEncoder {
public:
  BlockEncoder(const uint8_t *source, FloatKind kind, const QuantShape &shape,
               const QuantFormat &format, uint8_t *codes,
               const Kernels &kernels)
      : source(source), kind(kind), codes(codes), kernels(kernels),
        grid(shape, format.bits), coder(format, kind, kernels),
        needsMeans(format.codes == CodeKind::Binary) {}
  virtual ~BlockEncoder() = default;

  /// Scales that are to be chosen.
  void setOutputs(uint8_t *scales, uint8_t *offsets) {
    outScales = scales;
    outOffsets = offsets;
  }
  /// Scales that are given.
  void setInputs(const uint8_t *scales, const uint8_t *offsets) {
    inScales = scales;
    inOffsets = offsets;
  }

  std::optional<QuantError> run(int64_t numElements);

protected:
  /// What lies between the passes: from the extremes of the blocks of `slab` to
  /// what is stored of them, and to divisors and offsets in `parameters`.
  /// `cache` holds the converted elements of the slab, or is null.
  virtual std::optional<BlockError> makeParameters(const Slab &slab,
                                                   const float *cache,
                                                   BlockParameters &parameters);

  /// The same, always by round to nearest or from given scales.
  std::optional<BlockError> makePlainParameters(const Slab &slab,
                                                BlockParameters &parameters);

  bool isInPlace() const {
    return kind == FloatKind::F32 &&
           reinterpret_cast<uintptr_t>(source) % alignof(float) == 0;
  }
  /// The elements from flat index `begin` on, in `buffer` unless they lie in
  /// memory as f32.
  const float *load(int64_t begin, int64_t n, float *buffer) const {
    if (isInPlace())
      return reinterpret_cast<const float *>(source) + begin;
    kernels.widen(kind, source + begin * getByteWidth(kind), n, buffer);
    return buffer;
  }

  const uint8_t *source;
  FloatKind kind;
  uint8_t *codes;
  const Kernels &kernels;
  BlockGrid grid;
  BlockCoder coder;
  uint8_t *outScales = nullptr, *outOffsets = nullptr;

private:
  void encodeSlab(const Slab &slab, Workspace &work);
  void encodeSlabInPieces(const Slab &slab);

  /// The two passes, over a part of a slab. `cache` holds the converted slab,
  /// if it does not lie in memory as f32; null converts as it goes. The first
  /// one finds extremes, and sums for means. Returns whether all elements are
  /// finite.
  bool findExtremes(const Slab &slab, const Piece &piece, float *cache,
                    Workspace &work, BlockParameters &parameters) const;
  void writeCodes(const Slab &slab, const Piece &piece, const float *cache,
                  Workspace &work, const BlockParameters &parameters) const;
  std::optional<QuantError> diagnose(int64_t numElements);
  /// Flat index and value of the first element of a block that is wanted; there
  /// is one.
  std::pair<int64_t, float>
  findElement(const Slab &slab, int64_t block,
              llvm::function_ref<bool(float)> isWanted) const;

  Run getRun(int64_t col, int64_t n) const {
    int64_t block = grid.getInnerBlock();
    return {size_t(n), size_t(block), size_t(col % block)};
  }
  /// Chunks end where a run may be cut.
  int64_t getChunk() const {
    return Workspace::kChunk / grid.granule * grid.granule;
  }

  /// Makes room for the blocks of a slab, none of which has elements yet.
  void reset(BlockParameters &parameters, const Slab &slab) const;

  bool needsMeans;
  const uint8_t *inScales = nullptr, *inOffsets = nullptr;
  std::atomic<bool> failed{false};
};

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_BLOCKENCODER_H
