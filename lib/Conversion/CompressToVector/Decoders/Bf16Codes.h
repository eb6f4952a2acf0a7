//===- Bf16Codes.h - codes to bf16, for all codecs ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes of 1, 2, 4 or 8 bits that kernels of bf16 read. A stored vector is 32
// words, two of each lane, for the first and the second step of its pairs; the
// code of pair j is in bits j * bits and above. Codes of 8 bits are apart: in
// each 16 bytes, four lanes have their codes of pair 0, then those of pair 1,
// which is the order that two tables of bytes are put together to words in.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_BF16CODES_H
#define COMPRESS_LIB_CONVERSION_BF16CODES_H

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

/// Steps of a tile along a dimension of `size` elements that has blocks of
/// `block`; nothing where such codes do not fit.
std::optional<int64_t> getBf16Steps(unsigned bits, int64_t size, int64_t block);

/// The layout of codes, without records.
algorithms::TileLayout getBf16Layout(unsigned bits, int64_t rank,
                                     unsigned laneDim, unsigned stepDim,
                                     int64_t steps);

/// Whether all steps of a tile share a block of the tiled tensor, and all lanes
/// or none. `block` is what is in a tile.
enum class SharedBy { Nothing, Steps, Tile };
SharedBy getSharing(const algorithms::TileLayout &layout, unsigned laneDim,
                    unsigned stepDim, ArrayRef<int64_t> block);

/// Pairs in a vector of codes.
inline int64_t getPairsPerVector(unsigned bits) { return 16 / bits; }

/// The byte in a vector that has the 8-bit code of a lane.
inline int64_t getCodeByte(int64_t lane, int64_t pair, bool isSecond) {
  return lane / 4 * 16 + pair * 8 + lane % 4 * 2 + isSecond;
}

/// What codes stand for, as bf16, to look up.
class Bf16Table {
public:
  /// `numbers` are the bits, a vector of 2^bits i16. If `isOdd`, codes are of 8
  /// bits, and the upper one is a sign.
  Bf16Table(ImplicitLocOpBuilder &b, unsigned bits, Value numbers, bool isOdd);
  /// Of the numbers that are codes of `codec`.
  Bf16Table(ImplicitLocOpBuilder &b, QuantAttr codec);

  /// The numbers of all pairs of a stored vector, 32 bf16 each.
  SmallVector<Value> lookUp(ImplicitLocOpBuilder &b, Value stored) const;
  /// Those of 8-bit codes, four of each lane, in f32, step by step.
  SmallVector<Value> lookUpSteps(ImplicitLocOpBuilder &b, Value stored) const;

private:
  Value lookUpBytes(ImplicitLocOpBuilder &b, ArrayRef<Value> bytes,
                    Value codes) const;
  /// The lower and the upper bytes of the numbers of 8-bit codes.
  std::pair<Value, Value> lookUpHalves(ImplicitLocOpBuilder &b,
                                       Value stored) const;

  unsigned bits;
  bool isOdd;
  /// All numbers, over and over, or their bytes, 64 in each vector.
  Value words;
  SmallVector<Value> low, high;
};

/// The codes of a pair in a stored vector, of its first or its second step, in
/// lanes of i32.
Value extractCodes(ImplicitLocOpBuilder &b, Value stored, unsigned bits,
                   bool isSigned, int64_t pair, bool isSecond);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_BF16CODES_H
