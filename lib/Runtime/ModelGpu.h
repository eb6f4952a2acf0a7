//===- ModelGpu.h - a model on a GPU --------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_RUNTIME_MODELGPU_H
#define COMPRESS_LIB_RUNTIME_MODELGPU_H

#include "Gpu/Workspace.h"
#include "compress/Store/Safetensors.h"

namespace mlir::compress::runtime {

/// The GPU of a model, from its first run on. Until then nothing is asked of
/// the machine, which may have none. May be used from several threads.
class ModelGpu {
public:
  /// For code of a kind of GPU, such as sm_90a.
  ModelGpu(std::string chip, int number)
      : chip(std::move(chip)), number(number) {}

  /// Copies the weights to the GPU, where that is not done yet. Tried again
  /// after a failure.
  store::StatusOr<gpu::Workspace *>
  prepare(const std::vector<const store::TensorView *> &tensors);

  /// Where the weights are, after that.
  const void *const *getTable() const { return table.data(); }

private:
  store::Status upload(gpu::Workspace &destination,
                       const std::vector<const store::TensorView *> &tensors);

  std::string chip;
  int number;
  std::mutex mutex;
  std::unique_ptr<gpu::Workspace> workspace;
  std::vector<const void *> table;
};

} // namespace mlir::compress::runtime

#endif // COMPRESS_LIB_RUNTIME_MODELGPU_H
