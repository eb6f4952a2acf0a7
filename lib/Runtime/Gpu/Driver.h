//===- Driver.h - the CUDA driver -----------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loaded when it is needed first: what is here works, and builds, on machines
// that have neither the driver nor its headers.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_RUNTIME_GPU_DRIVER_H
#define COMPRESS_LIB_RUNTIME_GPU_DRIVER_H

#include "compress/Store/Status.h"
#include <cstddef>
#include <cstdint>

namespace mlir::compress::runtime::gpu {

/// CUdeviceptr, and handles: CUcontext, CUmodule, CUfunction, CUstream,
/// CUevent.
using DevicePointer = unsigned long long;
using Handle = void *;

/// The functions that are called, with what they take. All return a CUresult.
#define COMPRESS_CUDA_FUNCTIONS(FUNCTION)                                      \
  FUNCTION(cuInit, unsigned)                                                   \
  FUNCTION(cuGetErrorString, int, const char **)                               \
  FUNCTION(cuGetErrorName, int, const char **)                                 \
  FUNCTION(cuDeviceGetCount, int *)                                            \
  FUNCTION(cuDeviceGet, int *, int)                                            \
  FUNCTION(cuDeviceGetAttribute, int *, int, int)                              \
  FUNCTION(cuDevicePrimaryCtxRetain, Handle *, int)                            \
  FUNCTION(cuCtxPushCurrent_v2, Handle)                                        \
  FUNCTION(cuCtxPopCurrent_v2, Handle *)                                       \
  FUNCTION(cuModuleLoadDataEx, Handle *, const void *, unsigned, int *,        \
           void **)                                                            \
  FUNCTION(cuModuleUnload, Handle)                                             \
  FUNCTION(cuModuleGetFunction, Handle *, Handle, const char *)                \
  FUNCTION(cuFuncSetAttribute, Handle, int, int)                               \
  FUNCTION(cuLaunchKernel, Handle, unsigned, unsigned, unsigned, unsigned,     \
           unsigned, unsigned, unsigned, Handle, void **, void **)             \
  FUNCTION(cuStreamCreate, Handle *, unsigned)                                 \
  FUNCTION(cuStreamDestroy_v2, Handle)                                         \
  FUNCTION(cuStreamSynchronize, Handle)                                        \
  FUNCTION(cuMemHostRegister_v2, void *, size_t, unsigned)                     \
  FUNCTION(cuMemHostUnregister, void *)                                        \
  FUNCTION(cuMemAlloc_v2, DevicePointer *, size_t)                             \
  FUNCTION(cuMemFree_v2, DevicePointer)                                        \
  FUNCTION(cuMemcpyAsync, DevicePointer, DevicePointer, size_t, Handle)        \
  FUNCTION(cuMemsetD16Async, DevicePointer, unsigned short, size_t, Handle)    \
  FUNCTION(cuMemsetD32Async, DevicePointer, unsigned, size_t, Handle)          \
  FUNCTION(cuPointerGetAttribute, void *, int, DevicePointer)

/// CUlaunchConfig, with one attribute after another.
struct LaunchAttribute {
  int id;
  char padding[4];
  unsigned value[16];
};
struct LaunchConfig {
  unsigned grid[3], block[3], sharedBytes;
  Handle stream;
  const LaunchAttribute *attributes;
  unsigned numAttributes;
};

/// Those that old drivers have not: CUDA 11.8, and 12.
#define COMPRESS_NEW_CUDA_FUNCTIONS(FUNCTION)                                  \
  FUNCTION(cuLaunchKernelEx, const LaunchConfig *, Handle, void **, void **)   \
  FUNCTION(cuTensorMapEncodeTiled, void *, int, unsigned, void *,              \
           const uint64_t *, const uint64_t *, const uint32_t *,               \
           const uint32_t *, int, int, int, int)

/// CUresults that are told from others.
enum : int {
  kCudaSuccess = 0,
  kCudaInvalidValue = 1,
  kCudaOutOfMemory = 2,
  kCudaNoDevice = 100
};

struct Driver {
  /// Loads a library and initializes it.
  static store::StatusOr<Driver> open(const std::string &path);

  /// The one of this process, which stays for good: COMPRESS_LIBCUDA from the
  /// environment, or libcuda.so.1. Tried again after a failure.
  static store::StatusOr<const Driver *> get();

  /// An error that says what failed and the driver's reason.
  store::Status check(int result, const std::string &what) const;

#define COMPRESS_DECLARE(name, ...) int (*name)(__VA_ARGS__) = nullptr;
  COMPRESS_CUDA_FUNCTIONS(COMPRESS_DECLARE)
  // Null where the driver is too old.
  COMPRESS_NEW_CUDA_FUNCTIONS(COMPRESS_DECLARE)
#undef COMPRESS_DECLARE
  /// Of the machine; at least one.
  int numDevices = 0;
};

} // namespace mlir::compress::runtime::gpu

#endif // COMPRESS_LIB_RUNTIME_GPU_DRIVER_H
