//===- PackSigns.h - rows of lhs as bits ------------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a kernel of its own makes of lhs where the signs of lhs are multiplied:
// rows of bits, also of windows of an image.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_PACKSIGNS_H
#define COMPRESS_LIB_CONVERSION_PACKSIGNS_H

#include "MmaKernel.h"

namespace mlir::compress {

/// What lhs becomes.
struct PackedSigns {
  /// A bit is set for 1. Rows are continued by bits that are not set to whole
  /// tiles of the weight. The columns of an mma are in the order of
  /// getSignColumn. Where images have a border, each column has two bits, those
  /// of an mma one after the other: outside of the image one of them is set.
  MemRefType bits;
  /// What the signs of each row add up to, in i32.
  MemRefType sums;
  /// How many rows a block of threads has.
  int64_t blockRows;

  static PackedSigns of(ContractOp op);
};

/// Bits that a column of lhs has, as a number whose mean is 1, -1 or 0.
int64_t getSignBits(ContractOp op);

/// Threads of a block of the kernel, and its dynamic shared memory: a number
/// for each warp.
inline constexpr int64_t kSignThreads = 256;
inline constexpr int64_t kSignSharedBytes =
    kSignThreads / algorithms::kWarpLanes * 4;

/// Emits the kernel. Its arguments are lhs and what PackedSigns says.
gpu::GPUFuncOp emitPackSigns(OpBuilder &b, ContractOp op, StringRef name);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_PACKSIGNS_H
