//===- ByteInstructions.h - what a target does with vectors of bytes ------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that compute with integers are the same for all targets, but for what
// is in here. Results are the same, too: every form is exact.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_COMPRESSTOVECTOR_BYTEINSTRUCTIONS_H
#define COMPRESS_CONVERSION_COMPRESSTOVECTOR_BYTEINSTRUCTIONS_H

#include "mlir/IR/Builders.h"

namespace mlir::compress {

class ByteInstructions {
public:
  /// For a CPU with such features, as LLVM calls them.
  explicit ByteInstructions(ArrayRef<std::string> features);

  /// Products of unsigned and signed bytes, four neighbours added up, in each
  /// lane: sum (vector of i32) + codes (four times as many bytes) * `word`, a
  /// vector of i32 whose lanes are four bytes each.
  Value dot(OpBuilder &builder, Location loc, Value sum, Value codes,
            Value word) const;

  /// In byte i of each lane of a vector of i32, the `count` bits of the lane
  /// from number offsets[i] on; other bits may be anything. As bytes.
  Value selectBits(OpBuilder &builder, Location loc, Value words,
                   ArrayRef<unsigned> offsets, unsigned count) const;

  /// table[index], for a vector of 16 bytes and a vector of bytes whose lower
  /// four bits are indices; the others may be anything.
  Value lookUp(OpBuilder &builder, Location loc, Value table,
               Value indices) const;

  /// Whether `lookUpBytes` is a few instructions; else it is none.
  bool hasByteTables() const { return isPermute; }
  /// table[index], for a vector of 256 bytes and a vector of bytes.
  Value lookUpBytes(OpBuilder &builder, Location loc, Value table,
                    Value indices) const;

  /// Whether dot products are one instruction.
  bool hasDot() const { return dotBits && isDot; }
  /// How many vectors of 16 lanes of 32 bits fit the registers.
  int64_t getNumVectors() const { return numVectors; }

private:
  /// Bits of the widest vectors that there are instructions for; 0 for none.
  unsigned dotBits = 0, shuffleBits = 0;
  /// Whether those are dot products, and not products of pairs of words.
  bool isDot = false;
  /// Whether indices of shuffles are of all 64 bytes of a vector.
  bool isPermute = false;
  int64_t numVectors;
};

} // namespace mlir::compress

#endif // COMPRESS_CONVERSION_COMPRESSTOVECTOR_BYTEINSTRUCTIONS_H
