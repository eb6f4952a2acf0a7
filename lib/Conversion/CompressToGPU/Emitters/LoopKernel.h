//===- LoopKernel.h - linalg ops without kernels of their own ---*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is between contractions: pooling, borders of images, transposes, sums,
// and depthwise convolutions. A thread computes one element of the results, and
// loops over what is reduced. Where the body decodes elements of a weight
// (compress-inline-decode), it computes some neighbours with each of them.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_LOOPKERNEL_H
#define COMPRESS_LIB_CONVERSION_LOOPKERNEL_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

/// Threads of a block of such a kernel.
inline constexpr int64_t kLoopThreads = 256;

/// Why there is no such kernel for an op; empty if there is one.
std::string findObstacle(linalg::LinalgOp op);

/// The buffers that an op with a kernel has as operands, and those that its
/// body loads from, which are the arguments of the kernel.
SmallVector<Value> getBuffers(linalg::LinalgOp op);

/// The sizes of all loops of an op, from `buffers`: those that getBuffers
/// gives, or the arguments of the kernel.
SmallVector<Value> getLoopSizes(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                                ValueRange buffers);

/// By parallel loop, how many threads there are along it.
SmallVector<Value> getThreadSizes(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                                  ArrayRef<Value> loopSizes);

/// Emits the kernel of an op that there is one for.
gpu::GPUFuncOp emitLoopKernel(OpBuilder &b, linalg::LinalgOp op,
                              StringRef name);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_LOOPKERNEL_H
