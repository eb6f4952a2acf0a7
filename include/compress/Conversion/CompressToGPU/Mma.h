//===- Mma.h - instructions of matrices, and who has them -------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An instruction that a chip has not ends in an abort inside of LLVM, so chips
// are checked before anything is emitted.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_COMPRESSTOGPU_MMA_H
#define COMPRESS_CONVERSION_COMPRESSTOGPU_MMA_H

#include "compress/Algorithms/MmaFragments.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

using algorithms::MmaKind;

/// A kind of NVIDIA GPU that code can be compiled for.
struct GpuChip {
  /// As compilers call it, such as sm_90a.
  StringRef name;
  /// 10 times the compute capability.
  unsigned capability;
  /// The first version of PTX that has it and its instructions, times 10.
  unsigned ptx;
  /// Shared memory that a block may have. A multiprocessor has 1 KiB more.
  int64_t sharedBytes;
  /// Multiprocessors of a large GPU of the kind.
  int64_t multiprocessors;
  /// Blocks of a cluster, which read each other's shared memory; 1: none.
  int64_t clusterBlocks;
};

/// The chip of that name, or null.
const GpuChip *findChip(StringRef name);

/// The same, or an error that names those that there are.
FailureOr<GpuChip> lookupChip(StringRef name,
                              function_ref<InFlightDiagnostic()> emitError);

/// Fails, and names the chips that have it, where a chip has not the
/// instruction: mma.sync, or mma.sp.
LogicalResult checkMma(MmaKind kind, const GpuChip &chip,
                       function_ref<InFlightDiagnostic()> emitError,
                       bool isSparse = false);

/// The version of PTX for a chip that has the instruction, times 10.
unsigned getMmaPtx(MmaKind kind, bool isSparse, const GpuChip &chip);

/// Whether the chip has no such instruction, but code that computes the same in
/// f16 in its place, which takes longer.
bool isMmaConverted(MmaKind kind, const GpuChip &chip);

/// Elements of A and B as they are in memory, where floats of 8 bits and eight
/// bits of B1 are bytes, and those of D.
Type getMmaElement(MLIRContext *context, MmaKind kind);
Type getMmaSum(MLIRContext *context, MmaKind kind);
inline int64_t getMmaElementBits(MmaKind kind) {
  return algorithms::getMmaShape(kind).a.getElementBits();
}

/// D = A B + `c` of a warp, in the shape of `getMmaShape`. `a` and `b` are i32
/// registers, `c` and the result a vector of the elements of D that a lane has.
Value emitMma(ImplicitLocOpBuilder &b, MmaKind kind, ValueRange a,
              ValueRange bRegisters, Value c);

/// The same of mma.sp, in the shape of `getSparseMmaShape`: `a` are the
/// elements that are stored, `metadata` their positions, in the order of
/// columns.
Value emitSparseMma(ImplicitLocOpBuilder &b, MmaKind kind, ValueRange a,
                    ValueRange bRegisters, Value c, Value metadata,
                    int64_t selector);

/// Products of the two numbers in each of two i32 registers, of F16 or BF16;
/// sums; and products to which those of `z` are added, rounded once.
Value emitPairProduct(ImplicitLocOpBuilder &b, MmaKind kind, Value x, Value y);
Value emitPairSum(ImplicitLocOpBuilder &b, MmaKind kind, Value x, Value y);
Value emitPairFMA(ImplicitLocOpBuilder &b, MmaKind kind, Value x, Value y,
                  Value z);

/// Four bytes of eight: those of `low`, and from number 4 on those of `high`.
Value emitPermute(ImplicitLocOpBuilder &b, Value low, Value high,
                  ArrayRef<unsigned> bytes);
/// The same, with four bits of `selector` for each byte.
Value emitPermute(ImplicitLocOpBuilder &b, Value low, Value high,
                  Value selector);

/// Ends a group of asynchronous copies of a thread.
void emitCommit(ImplicitLocOpBuilder &b);

/// Waits until the thread has all but the last `groups` groups.
void emitWait(ImplicitLocOpBuilder &b, int64_t groups);

} // namespace mlir::compress

#endif // COMPRESS_CONVERSION_COMPRESSTOGPU_MMA_H
