//===- Driver.cpp - the CUDA driver ---------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include <cstdlib>
#include <dlfcn.h>
#include <mutex>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using namespace mlir::compress::runtime::gpu;
using store::Status;

store::StatusOr<Driver> Driver::open(const std::string &path) {
  // Not closed after an error: drivers have threads, and state of the process.
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Status::error("no CUDA driver (" + path +
                         "), which code for GPUs needs");
  Driver driver;
#define COMPRESS_LOAD(name, ...)                                               \
  driver.name =                                                                \
      reinterpret_cast<decltype(driver.name)>(dlsym(library, #name));          \
  if (!driver.name)                                                            \
    return Status::error("the CUDA driver " + path +                           \
                         " has no function '" #name "'");
  COMPRESS_CUDA_FUNCTIONS(COMPRESS_LOAD)
#undef COMPRESS_LOAD
#define COMPRESS_LOAD(name, ...)                                               \
  driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(library, #name));
  COMPRESS_NEW_CUDA_FUNCTIONS(COMPRESS_LOAD)
#undef COMPRESS_LOAD
  int result = driver.cuInit(0);
  if (!result)
    result = driver.cuDeviceGetCount(&driver.numDevices);
  if (result == kCudaNoDevice || (!result && driver.numDevices == 0))
    return Status::error("no CUDA device: the driver " + path +
                         " finds no GPU in this machine");
  if (Status status = driver.check(result, "cannot initialize the CUDA driver");
      !status.ok())
    return status;
  return driver;
}

store::StatusOr<const Driver *> Driver::get() {
  static std::mutex mutex;
  static std::optional<Driver> driver;
  std::lock_guard<std::mutex> lock(mutex);
  if (!driver) {
    const char *path = std::getenv("COMPRESS_LIBCUDA");
    auto opened = open(path && *path ? path : "libcuda.so.1");
    if (!opened.ok())
      return opened.status();
    driver = *opened;
  }
  return static_cast<const Driver *>(&*driver);
}

Status Driver::check(int result, const std::string &what) const {
  if (result == kCudaSuccess)
    return {};
  const char *text = nullptr, *name = nullptr;
  if (cuGetErrorString(result, &text) || !text)
    text = "unknown error";
  if (cuGetErrorName(result, &name) || !name)
    name = "?";
  return Status::error(what + ": " + text + " (" + name + ")");
}
