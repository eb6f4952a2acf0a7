//===- SharedMemory.h - what a kernel keeps for its warps -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stages of lhs, of the weight, and of scales of lhs, and behind them tables of
// the decoder. Sums that warps add up at the end take the place of the stages.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_SHAREDMEMORY_H
#define COMPRESS_LIB_CONVERSION_SHAREDMEMORY_H

#include "RoundLhs.h"

namespace mlir::compress {

/// Rows of lhs that are columns of one mma, and columns of one, in pairs of
/// bytes: matrices that ldmatrix reads have elements of 16 bits.
inline constexpr int64_t kMmaRows = 8, kMmaColumns = 16;
/// Bytes behind each row of lhs, so that rows that ldmatrix reads at once lie
/// in different banks.
inline constexpr int64_t kPadding = 16;

/// Columns of a stage.
int64_t getStageColumns(const FragmentWeight &weight, const KernelShape &shape);

/// Scales of lhs that kScaleRows rows have in a stage: none where lhs is not
/// rounded in blocks.
int64_t getStageScales(const FragmentWeight &weight, const KernelShape &shape);

/// Bytes of a row of lhs in a stage.
int64_t getLhsRowBytes(const FragmentWeight &weight, const KernelShape &shape);

/// Bytes of all stages of lhs, and of the weight.
int64_t getLhsBytes(const FragmentWeight &weight, const KernelShape &shape);
int64_t getWeightBytes(const FragmentWeight &weight, const KernelShape &shape);

int64_t getScaleBytes(const FragmentWeight &weight, const KernelShape &shape);

/// Blocks that have other outputs.
int64_t getNumOutputBlocks(const FragmentWeight &weight,
                           const KernelShape &shape);

/// Vectors of D that a warp has: fragments of outputs by fragments of lhs.
int64_t getNumSums(const FragmentWeight &weight, const KernelShape &shape);

/// Bytes of all shared memory of a kernel, which is dynamic.
int64_t getSharedBytes(const FragmentWeight &weight, const KernelShape &shape);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_SHAREDMEMORY_H
