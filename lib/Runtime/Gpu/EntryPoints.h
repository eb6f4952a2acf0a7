//===- EntryPoints.h - what compiled code calls of a GPU ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions that MLIR's gpu-to-llvm, and the translation of gpu.binary,
// make calls of. Within a Call they work for it, and do nothing once it has
// failed.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_RUNTIME_GPU_ENTRYPOINTS_H
#define COMPRESS_LIB_RUNTIME_GPU_ENTRYPOINTS_H

#include "compress/Store/Status.h"

namespace mlir::compress::runtime::gpu {

/// An entry of the table in model.so, which ends with one that has no name: a
/// function that the code calls, and where it looks for its address.
struct EntryPoint {
  const char *name;
  void *address;
};

/// Gives a table its addresses.
store::Status resolve(EntryPoint *functions);

/// The address of a function, or null.
void *findEntryPoint(const char *name);

} // namespace mlir::compress::runtime::gpu

#endif // COMPRESS_LIB_RUNTIME_GPU_ENTRYPOINTS_H
