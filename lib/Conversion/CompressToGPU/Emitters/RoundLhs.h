//===- RoundLhs.h - rows of lhs as bytes ------------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel of its own rounds lhs for the one that multiplies bytes. Each row is
// cut into the blocks of the weight, and each block has a scale.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_ROUNDLHS_H
#define COMPRESS_LIB_CONVERSION_ROUNDLHS_H

#include "MmaKernel.h"

namespace mlir::compress {

/// Rows whose scales lie side by side.
inline constexpr int64_t kScaleRows = 8;

/// Numbers in f32 that a row has of each block: its scale, and, where the
/// weight has zeros or minima, what its elements add up to.
inline int64_t getScaleParts(const FragmentFormat &format) {
  return format.hasOffset() ? 2 : 1;
}

/// What lhs becomes.
struct RoundedLhs {
  /// Rows are continued by zeros to whole blocks, or to whole tiles of the
  /// weight where there are none. The columns of an mma are in the order of
  /// getByteColumn, or of getSparseWordColumn.
  MemRefType bytes;
  /// For each kScaleRows rows, for each block, for each of its parts, a number
  /// in f32 for each of these rows.
  MemRefType scales;
  int64_t blockColumns, numBlocks, parts;

  static RoundedLhs of(ContractOp op);
};

/// How the kernel divides that.
struct RoundShape {
  /// Threads that share a block of a row, and those of a block of threads.
  int64_t team, threads;
  /// Blocks of threads for each kScaleRows rows.
  int64_t numBlocks;
  /// Pieces of kPiece columns of each thread, and whether they stay in
  /// registers.
  int64_t pieces;
  bool inRegisters;
  int64_t sharedBytes;

  static constexpr int64_t kPiece = 16;
  static RoundShape of(const RoundedLhs &rounded);
};

/// Emits the kernel, of which blocks are divided along rows, along columns, and
/// by batch. Its arguments are lhs and what RoundedLhs says.
gpu::GPUFuncOp emitRoundLhs(OpBuilder &b, ContractOp op, StringRef name);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_ROUNDLHS_H
