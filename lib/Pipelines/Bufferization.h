//===- Bufferization.h - what pipelines share -------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_PIPELINES_BUFFERIZATION_H
#define COMPRESS_LIB_PIPELINES_BUFFERIZATION_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::compress {

/// From tensors to buffers, functions included, which are freed. With
/// `writeResults`, public functions write to memory of their callers where they
/// can.
void addBufferization(OpPassManager &pm, bool writeResults = false);

} // namespace mlir::compress

#endif // COMPRESS_LIB_PIPELINES_BUFFERIZATION_H
