//===- SharedMemory.cpp - what a kernel keeps for its warps ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SharedMemory.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::kWarpLanes;

int64_t mlir::compress::getStageColumns(const FragmentWeight &weight,
                                        const KernelShape &shape) {
  return shape.getStageRecords() * weight.getTilesPerRecord() *
         weight.getTileColumns();
}

int64_t mlir::compress::getLhsRowBytes(const FragmentWeight &weight,
                                       const KernelShape &shape) {
  return getStageColumns(weight, shape) * shape.lhsBits / 8 + kPadding;
}

int64_t mlir::compress::getLhsBytes(const FragmentWeight &weight,
                                    const KernelShape &shape) {
  return shape.stages * shape.lhsRows * getLhsRowBytes(weight, shape);
}

int64_t mlir::compress::getWeightBytes(const FragmentWeight &weight,
                                       const KernelShape &shape) {
  return shape.stages * shape.getBlockTileRows() * shape.getStageRecords() *
         weight.records.bytes;
}

int64_t mlir::compress::getStageScales(const FragmentWeight &weight,
                                       const KernelShape &shape) {
  if (shape.lhsBits != 8)
    return 0;
  FragmentFormat format = cast<FragmentDecoderInterface>(weight.codec.getBase())
                              .getFragmentFormat(weight, MmaKind::S8);
  if (!format.tilesPerBlock)
    return 0;
  int64_t blocks = shape.getStageRecords() * weight.getTilesPerRecord() /
                   format.tilesPerBlock;
  return blocks * getScaleParts(format) * kScaleRows;
}

int64_t mlir::compress::getScaleBytes(const FragmentWeight &weight,
                                      const KernelShape &shape) {
  return shape.stages * shape.lhsRows / kScaleRows *
         getStageScales(weight, shape) * 4;
}

int64_t mlir::compress::getNumOutputBlocks(const FragmentWeight &weight,
                                           const KernelShape &shape) {
  return llvm::divideCeilSigned(weight.getNumTileRows(),
                                shape.getBlockTileRows());
}

int64_t mlir::compress::getNumSums(const FragmentWeight &weight,
                                   const KernelShape &shape) {
  return shape.tileRows * weight.getTileRows() / 16 * shape.getWarpLhsRows() /
         kMmaRows;
}

int64_t mlir::compress::getSharedBytes(const FragmentWeight &weight,
                                       const KernelShape &shape) {
  // Sums of all warps, of each fragment and those of rows of lhs, or of
  // outputs, where warps or blocks add theirs up.
  int64_t alone = std::max(shape.getWarpLhsRows() / kMmaRows,
                           shape.tileRows * weight.getTileRows() / 16);
  bool areAdded = shape.columnWarps > 1 || shape.isCluster;
  int64_t sums = areAdded
                     ? shape.getNumWarps() *
                           (getNumSums(weight, shape) + alone) * kWarpLanes * 16
                     : 0;
  int64_t stages = getLhsBytes(weight, shape) + getWeightBytes(weight, shape) +
                   getScaleBytes(weight, shape);
  return std::max(stages, sums) +
         cast<FragmentDecoderInterface>(weight.codec.getBase())
             .getTableBytes(weight, shape.getBlockTileRows());
}
