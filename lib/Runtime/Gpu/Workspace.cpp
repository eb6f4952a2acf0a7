//===- Workspace.cpp - what a model has on a GPU --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Workspace.h"
#include <algorithm>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using namespace mlir::compress::runtime::gpu;
using store::Status;

/// Buffers are made of so many bytes, so that others of about the same size can
/// follow them; drivers align to as many at least.
static constexpr size_t kGranularity = 512;

/// CUdevice_attribute and CUpointer_attribute, and a CUmemorytype.
static constexpr int kComputeCapabilityMajor = 75;
static constexpr int kComputeCapabilityMinor = 76;
static constexpr int kPointerMemoryType = 2;
static constexpr unsigned kMemoryTypeDevice = 2;

/// CU_STREAM_NON_BLOCKING: does not wait for what others do on stream 0.
static constexpr unsigned kStreamNonBlocking = 1;

//===----------------------------------------------------------------------===//
// Workspace
//===----------------------------------------------------------------------===//

store::StatusOr<std::unique_ptr<Workspace>> Workspace::create(int number) {
  auto driver = Driver::get();
  if (!driver.ok())
    return driver.status();
  const Driver &cuda = **driver;
  if (number < 0 || number >= cuda.numDevices)
    return Status::error("expected the number of a GPU below " +
                         std::to_string(cuda.numDevices) + ", but got " +
                         std::to_string(number));
  int device = 0, major = 0, minor = 0;
  Handle context = nullptr;
  int result = cuda.cuDeviceGet(&device, number);
  if (!result)
    result = cuda.cuDeviceGetAttribute(&major, kComputeCapabilityMajor, device);
  if (!result)
    result = cuda.cuDeviceGetAttribute(&minor, kComputeCapabilityMinor, device);
  // Shared with all that the process does on this GPU, and never let go: the
  // driver would make a new one for the next model.
  if (!result)
    result = cuda.cuDevicePrimaryCtxRetain(&context, device);
  if (Status status =
          cuda.check(result, "cannot use GPU " + std::to_string(number));
      !status.ok())
    return status;
  std::unique_ptr<Workspace> workspace(new Workspace(cuda, context));
  workspace->capability = 10 * major + minor;
  workspace->number = number;
  return workspace;
}

Workspace::~Workspace() {
  Current current(*this);
  for (const auto &[pointer, size] : sizes)
    (void)driver.cuMemFree_v2(pointer);
  for (Handle stream : streams)
    (void)driver.cuStreamDestroy_v2(stream);
}

Workspace::Current::Current(const Driver &driver, Handle context)
    : driver(driver) {
  // Where this fails, so does what follows.
  (void)driver.cuCtxPushCurrent_v2(context);
}

Workspace::Current::~Current() {
  Handle context;
  (void)driver.cuCtxPopCurrent_v2(&context);
}

size_t Workspace::roundUp(size_t bytes) {
  return (std::max<size_t>(bytes, 1) + kGranularity - 1) / kGranularity *
         kGranularity;
}

store::StatusOr<DevicePointer> Workspace::allocate(size_t bytes) {
  size_t size = roundUp(bytes);
  std::lock_guard<std::mutex> lock(mutex);
  if (auto it = unused.find(size); it != unused.end()) {
    DevicePointer pointer = it->second;
    unused.erase(it);
    return pointer;
  }
  Current current(*this);
  DevicePointer pointer = 0;
  int result = driver.cuMemAlloc_v2(&pointer, size);
  if (result == kCudaOutOfMemory && !unused.empty()) {
    for (const auto &[unusedSize, buffer] : unused) {
      (void)driver.cuMemFree_v2(buffer);
      sizes.erase(buffer);
    }
    unused.clear();
    result = driver.cuMemAlloc_v2(&pointer, size);
  }
  if (Status status =
          driver.check(result, "cannot allocate " + std::to_string(size) +
                                   " bytes of memory of the GPU");
      !status.ok())
    return status;
  sizes[pointer] = size;
  return pointer;
}

void Workspace::release(DevicePointer pointer) {
  std::lock_guard<std::mutex> lock(mutex);
  unused.emplace(sizes.at(pointer), pointer);
}

store::StatusOr<Handle> Workspace::takeStream() {
  std::lock_guard<std::mutex> lock(mutex);
  if (!streams.empty()) {
    Handle stream = streams.back();
    streams.pop_back();
    return stream;
  }
  Current current(*this);
  Handle stream = nullptr;
  if (Status status =
          driver.check(driver.cuStreamCreate(&stream, kStreamNonBlocking),
                       "cannot create a stream on the GPU");
      !status.ok())
    return status;
  return stream;
}

void Workspace::giveStream(Handle stream) {
  std::lock_guard<std::mutex> lock(mutex);
  streams.push_back(stream);
}

store::StatusOr<bool> Workspace::isOnDevice(const void *pointer) const {
  Current current(*this);
  unsigned type = 0;
  int result = driver.cuPointerGetAttribute(
      &type, kPointerMemoryType, reinterpret_cast<DevicePointer>(pointer));
  // The driver does not know memory that is the host's alone.
  if (result == kCudaInvalidValue)
    return false;
  if (Status status = driver.check(result, "cannot look a pointer up");
      !status.ok())
    return status;
  return type == kMemoryTypeDevice;
}

//===----------------------------------------------------------------------===//
// Call
//===----------------------------------------------------------------------===//

static thread_local Call *activeCall = nullptr;

Call *Call::getActive() { return activeCall; }

Call::Call(Workspace &workspace)
    : workspace(workspace), current(workspace), outer(activeCall) {
  activeCall = this;
  if (auto taken = workspace.takeStream(); taken.ok())
    stream = *taken;
  else
    error = taken.status();
}

Call::~Call() {
  (void)finish();
  for (void *pointer : registered)
    (void)getDriver().cuMemHostUnregister(pointer);
  for (const auto &[buffer, size] : buffers)
    workspace.release(buffer);
  for (const auto &[size, buffer] : freed)
    workspace.release(buffer);
  if (stream)
    workspace.giveStream(stream);
  activeCall = outer;
}

bool Call::record(Status status) {
  if (error.ok())
    error = std::move(status);
  return error.ok();
}

DevicePointer Call::allocate(size_t bytes) {
  if (hasFailed())
    return 0;
  size_t size = Workspace::roundUp(bytes);
  DevicePointer buffer = 0;
  if (auto it = freed.find(size); it != freed.end()) {
    buffer = it->second;
    freed.erase(it);
  } else {
    auto allocated = workspace.allocate(bytes);
    if (!record(allocated.status()))
      return 0;
    buffer = *allocated;
  }
  buffers[buffer] = size;
  return buffer;
}

void Call::free(DevicePointer pointer) {
  auto it = buffers.find(pointer);
  if (it == buffers.end()) {
    // After an error there is nothing where a buffer should be.
    record(Status::error("memory is freed that is no buffer of the call"));
    return;
  }
  freed.emplace(it->second, it->first);
  buffers.erase(it);
}

void Call::copy(DevicePointer to, DevicePointer from, size_t bytes) {
  if (!hasFailed() && bytes)
    check(getDriver().cuMemcpyAsync(to, from, bytes, stream),
          "cannot copy to or from the GPU");
}

DevicePointer Call::upload(const void *bytes, size_t size) {
  DevicePointer buffer = allocate(size);
  if (!buffer)
    return 0;
  auto *begin = static_cast<const char *>(bytes);
  uploaded.emplace_back(begin, begin + size);
  copy(buffer, reinterpret_cast<DevicePointer>(uploaded.back().data()), size);
  return hasFailed() ? 0 : buffer;
}

void Call::registerHost(void *pointer, size_t bytes) {
  if (check(getDriver().cuMemHostRegister_v2(pointer, bytes, /*Flags=*/0),
            "cannot register memory of the host for the GPU"))
    registered.insert(pointer);
}

void Call::unregisterHost(void *pointer) {
  if (!registered.erase(pointer)) {
    record(
        Status::error("memory of the host is let go that is not registered"));
    return;
  }
  check(getDriver().cuMemHostUnregister(pointer),
        "cannot let memory of the host go");
}

Status Call::finish() {
  if (stream)
    check(getDriver().cuStreamSynchronize(stream), "the GPU failed");
  return error;
}
