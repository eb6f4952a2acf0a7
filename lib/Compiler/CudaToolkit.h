//===- CudaToolkit.h - NVIDIA's assembler ---------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_COMPILER_CUDATOOLKIT_H
#define COMPRESS_LIB_COMPILER_CUDATOOLKIT_H

#include "mlir/IR/Location.h"

namespace mlir::compress {

/// The folder of a toolkit whose `bin` has all of `tools`: `path`, if there is
/// one; else empty where they are in PATH; else CUDA_HOME, CUDA_PATH or
/// CUDA_ROOT. An error says which tool is missing.
FailureOr<std::string> findCudaToolkit(StringRef path,
                                       ArrayRef<StringRef> tools, Location loc);

} // namespace mlir::compress

#endif // COMPRESS_LIB_COMPILER_CUDATOOLKIT_H
