//===- MmaKernel.h - contractions by mma.sync -------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The contraction emitter of GPUs. It knows no codec: it asks the weight's
// FragmentDecoderInterface for registers.
//
// A block of threads computes some rows of tiles of the weight for some rows of
// lhs. Its warps share the outputs, and what is reduced: those that have parts
// of the same sums add them up at the end, always in the same order. Records of
// the weight and rows of lhs are copied to shared memory, several stages ahead.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_MMAKERNEL_H
#define COMPRESS_LIB_CONVERSION_MMAKERNEL_H

#include "compress/Conversion/CompressToGPU/FragmentDecoder.h"
#include "compress/Conversion/CompressToGPU/Mma.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir::compress {

/// How a kernel divides the work of a contraction.
struct KernelShape {
  /// Rows of lhs of a block of threads.
  int64_t lhsRows;
  /// Warps of a block that have other outputs, and that have other columns of
  /// the same outputs.
  int64_t rowWarps, columnWarps;
  /// Of a warp: rows of tiles, and records in each stage.
  int64_t tileRows, records;
  /// Stages that are in shared memory at once.
  int64_t stages;
  /// Bits of an element of lhs there.
  int64_t lhsBits;

  int64_t getNumThreads() const {
    return rowWarps * columnWarps * algorithms::kWarpLanes;
  }
  int64_t getBlockTileRows() const { return rowWarps * tileRows; }
  /// Records of a row of tiles in a stage.
  int64_t getStageRecords() const { return columnWarps * records; }

  /// For up to so many rows of lhs, with so much shared memory.
  static KernelShape choose(const FragmentWeight &weight, MmaKind kind,
                            int64_t lhsRows, int64_t sharedBytes);
};

/// The rows of lhs that there are kernels for; more rows take several blocks.
inline constexpr int64_t kLhsRows[] = {8, 16, 32, 64};

/// The most of them that a weight has a kernel for: sums of all outputs of a
/// warp must fit its registers.
int64_t getMostLhsRows(const FragmentWeight &weight);

/// The weight of a contraction, which is laid out in fragments.
FragmentWeight getFragmentWeight(ContractOp op);

/// Why there is no kernel for a contraction on buffers; empty if there is one.
std::string findObstacle(ContractOp op);

/// Whether an op is none of the math dialect, or becomes arithmetic or an
/// instruction in a kernel.
bool isKnownFunction(Operation *op);

/// What the kernel of a contraction multiplies.
MmaKind getMmaKind(ContractOp op);

/// Whether fragments of the weight are sparse; false where there is no kernel.
bool hasSparseFragments(ContractOp op);

/// Whether a kernel of its own makes bytes of lhs, which are multiplied.
bool isLhsRounded(MmaKind kind);

/// Emits the kernel of a contraction that there is one for, with the operands
/// of the op as arguments. Where lhs is rounded, it has bytes instead of lhs,
/// and their scales as last argument (see RoundedLhs); where signs are
/// multiplied, their bits and sums (see PackedSigns).
gpu::GPUFuncOp emitMmaKernel(OpBuilder &b, ContractOp op, StringRef name,
                             const KernelShape &shape);

/// What kernels call dynamic shared memory, whose size is that of the launch.
inline constexpr StringLiteral kSharedMemory = "shared_memory";

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_MMAKERNEL_H
