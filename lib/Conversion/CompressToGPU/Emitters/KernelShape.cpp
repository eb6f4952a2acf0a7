//===- KernelShape.cpp - how kernels divide the work ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedMemory.h"

using namespace mlir;
using namespace mlir::compress;

/// Warps of a block.
static constexpr int64_t kWarps = 8;
/// Outputs of a warp, and columns that it takes in a stage, at least.
static constexpr int64_t kWarpRows = 32, kWarpColumns = 64;
/// Blocks that keep large GPUs busy.
static constexpr int64_t kBlocks = 128;
/// Stages: one is computed with while others arrive.
static constexpr int64_t kMinStages = 2, kGoodStages = 3, kMaxStages = 4;

/// Sums of all outputs and rows of a warp; those of a block are as many.
static constexpr int64_t kMaxSums = kWarpRows * 64;

int64_t mlir::compress::getMostLhsRows(const FragmentWeight &weight) {
  int64_t outputs = std::max(kWarpRows, weight.getTileRows()), most = 0;
  for (int64_t rows : kLhsRows)
    if (rows * outputs <= kMaxSums)
      most = rows;
  return most;
}

KernelShape KernelShape::choose(const FragmentWeight &weight, MmaKind kind,
                                int64_t lhsRows, int64_t sharedBytes) {
  KernelShape shape;
  shape.lhsBits = getMmaElementBits(kind);
  shape.lhsRows = lhsRows;
  shape.tileRows = std::max<int64_t>(kWarpRows / weight.getTileRows(), 1);
  int64_t columns = weight.getTilesPerRecord() * weight.getTileColumns();
  shape.records = std::min(llvm::divideCeilSigned(kWarpColumns, columns),
                           weight.records.count);
  // With few rows of lhs, reading them again for other outputs costs little, so
  // warps share columns. With many, warps share what is in shared memory.
  shape.rowWarps = lhsRows <= 8 ? 2 : lhsRows <= 16 ? 4 : kWarps;
  int64_t tileRows = weight.getNumTileRows();
  auto getBlocks = [&] {
    return llvm::divideCeilSigned(tileRows, shape.getBlockTileRows());
  };
  while (shape.rowWarps > 1 && getBlocks() < kBlocks && lhsRows <= 16)
    shape.rowWarps /= 2;
  while (shape.rowWarps > 1 && shape.getBlockTileRows() / 2 >= tileRows)
    shape.rowWarps /= 2;
  shape.columnWarps = kWarps / shape.rowWarps;
  while (shape.columnWarps > 1 &&
         shape.getStageRecords() > weight.records.count)
    shape.columnWarps /= 2;
  auto fits = [&](int64_t stages) {
    shape.stages = stages;
    return getSharedBytes(weight, shape) <= sharedBytes;
  };
  while (shape.rowWarps > kWarps / 2 && !fits(kGoodStages))
    shape.rowWarps /= 2;
  // Records may be large.
  while (shape.columnWarps > 1 && !fits(kMinStages))
    shape.columnWarps /= 2;
  while (shape.rowWarps > 1 && !fits(kMinStages))
    shape.rowWarps /= 2;
  int64_t stages = kMaxStages;
  while (stages > kMinStages && !fits(stages))
    --stages;
  shape.stages = stages;
  return shape;
}
