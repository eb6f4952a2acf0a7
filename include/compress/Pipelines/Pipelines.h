//===- Pipelines.h - pipelines, with their options --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_PIPELINES_PIPELINES_H
#define COMPRESS_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::compress {

struct CompressToCPUOptions : PassPipelineOptions<CompressToCPUOptions> {
  PassOptions::Option<bool> artifactABI{
      *this, "artifact-abi",
      llvm::cl::desc("Read weights through a pointer table and emit one C entry "
                     "a public function, see compress-emit-artifact-abi"),
      llvm::cl::init(false)};
  PassOptions::Option<int64_t> rows{
      *this, "rows",
      llvm::cl::desc("Rows of activations that share a decoded tile, see "
                     "convert-compress-to-vector"),
      llvm::cl::init(8)};
};

/// `compress-to-cpu`: from linalg on tensors with compressed weights to the LLVM
/// dialect. Weights are decoded densely, at run time.
void buildCompressToCPU(OpPassManager &pm, const CompressToCPUOptions &options);

} // namespace mlir::compress

#endif // COMPRESS_PIPELINES_PIPELINES_H
