//===- ModelGpu.cpp - a model on a GPU ------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelGpu.h"
#include <cstdlib>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using store::Status;

/// Whether GPUs of a compute capability run the code of a chip. PTX is for that
/// chip and later ones, but what is for sm_90a is for no other.
static bool canRun(const std::string &chip, int capability) {
  constexpr size_t kPrefixSize = 3; // "sm_"
  char *suffix = nullptr;
  long needed = std::strtol(chip.c_str() + kPrefixSize, &suffix, 10);
  return *suffix ? capability == needed : capability >= needed;
}

Status ModelGpu::upload(gpu::Workspace &destination,
                        const std::vector<const store::TensorView *> &tensors) {
  table.clear();
  gpu::Call call(destination);
  for (const store::TensorView *tensor : tensors) {
    // Not the call's, which would take it back.
    auto buffer = destination.allocate(tensor->nbytes);
    if (!buffer.ok())
      return buffer.status();
    call.copy(*buffer, reinterpret_cast<gpu::DevicePointer>(tensor->data),
              tensor->nbytes);
    table.push_back(reinterpret_cast<const void *>(*buffer));
  }
  return call.finish();
}

store::StatusOr<gpu::Workspace *>
ModelGpu::prepare(const std::vector<const store::TensorView *> &tensors) {
  std::lock_guard<std::mutex> lock(mutex);
  if (workspace)
    return workspace.get();
  auto created = gpu::Workspace::create(number);
  if (!created.ok())
    return created.status();
  int capability = (*created)->getCapability();
  if (!canRun(chip, capability))
    return Status::error("the code is for " + chip + ", but GPU " +
                         std::to_string(number) + " is sm_" +
                         std::to_string(capability));
  if (Status status = upload(**created, tensors); !status.ok())
    return Status::error("cannot copy the weights to the GPU: " +
                         status.message());
  workspace = std::move(*created);
  return workspace.get();
}
