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
// lhs. Its warps share the outputs, the rows, and what is reduced: those that
// have parts of the same sums add them up at the end, always in the same order.
// So do the blocks of a cluster, which share what is reduced, too; without
// clusters, they store their sums, which a kernel of its own adds up. Records
// of the weight and rows of lhs are copied to shared memory, several stages
// ahead.
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
  /// Warps of a block that have other outputs, those that have other columns of
  /// the same outputs, and those that have other rows of lhs.
  int64_t rowWarps, columnWarps, lhsWarps;
  /// Blocks that have other columns of the same outputs, and whether they are a
  /// cluster: if not, a kernel of its own adds up what they have.
  int64_t splits = 1;
  bool isCluster = false;
  /// Of a warp: rows of tiles, and records in each stage.
  int64_t tileRows, records;
  /// Stages that are in shared memory at once.
  int64_t stages;
  /// Bits of an element of lhs there.
  int64_t lhsBits;
  /// Blocks with other rows of lhs that follow each other, so that they find
  /// the weight in a cache; 1 where there are few rows.
  int64_t neighbours = 1;
  /// Blocks that a multiprocessor is to have at once: there are registers for
  /// as many, and need not be for more.
  int64_t residentBlocks = 1;

  /// Whether numbers of the weight are multiplied by their scales, and not sums
  /// of blocks.
  bool isScaled = false;

  bool hasParts() const { return splits > 1 && !isCluster; }
  int64_t getNumWarps() const { return rowWarps * columnWarps * lhsWarps; }
  int64_t getNumThreads() const {
    return getNumWarps() * algorithms::kWarpLanes;
  }
  int64_t getWarpLhsRows() const { return lhsRows / lhsWarps; }
  int64_t getBlockTileRows() const { return rowWarps * tileRows; }
  /// Records of a row of tiles in a stage.
  int64_t getStageRecords() const { return columnWarps * records; }
};

/// A kernel of a contraction, and the most rows of lhs that it is for; 0: any
/// number, in several blocks.
struct KernelChoice {
  KernelShape shape;
  int64_t most;
};

/// What kernels read as lhs.
struct LhsForm {
  /// Rows are windows of an image.
  bool hasWindow = false;
  /// Bits of an element are those of so many of an mma.
  int64_t planes = 1;

  static LhsForm of(ContractOp op);
};

/// The kernels of a contraction, of which the first one that is for as many
/// rows as there are is to be launched. Where `rows`, those of lhs, are known
/// there is one.
SmallVector<KernelChoice> chooseKernels(const FragmentWeight &weight,
                                        MmaKind kind, int64_t rows,
                                        const LhsForm &lhs,
                                        const GpuChip &chip);

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
/// and their scales behind the operands (see RoundedLhs); where signs are
/// multiplied, their bits and sums (see PackedSigns). Where the kernel has
/// parts of sums, they are the last argument.
gpu::GPUFuncOp emitMmaKernel(OpBuilder &b, ContractOp op, StringRef name,
                             const KernelShape &shape);

/// Emits the kernel that adds up the parts of sums of one that emitMmaKernel
/// has emitted, and stores results. It has the same arguments, blocks and
/// threads.
gpu::GPUFuncOp emitSumKernel(OpBuilder &b, ContractOp op, StringRef name,
                             const KernelShape &shape);

/// Parts of sums: for each block of rows of lhs, which may be any number, for
/// each batch and block of outputs, for each part, what its warps have in the
/// order of their lanes.
MemRefType getPartType(ContractOp op, const KernelShape &shape);

/// What kernels call dynamic shared memory, whose size is that of the launch.
inline constexpr StringLiteral kSharedMemory = "shared_memory";

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_MMAKERNEL_H
