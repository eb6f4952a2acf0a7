//===- EntryPoints.cpp - what compiled code calls of a GPU ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryPoints.h"
#include "Workspace.h"
#include <cstring>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using namespace mlir::compress::runtime::gpu;
using store::Status;

/// CUjit_options, and a CUfunction_attribute.
static constexpr int kJitErrorLogBuffer = 5;
static constexpr int kJitErrorLogBufferSize = 6;
static constexpr int kJitOptimizationLevel = 7;
static constexpr int kMaxDynamicSharedBytes = 8;

/// A kernel may have so much shared memory without asking for it.
static constexpr int32_t kDefaultSharedBytes = 48 * 1024;

/// The driver's complaints about PTX are cut to this.
static constexpr size_t kJitLogBytes = 4096;

namespace {
struct Kernel {
  std::string name;
  Handle handle = nullptr;
};

/// What a driver made of code.
struct LoadedCode {
  const Driver *driver = nullptr;
  Handle handle = nullptr;
  std::map<std::string, Kernel> kernels;
};

/// Code for a GPU, which is given to the driver when it is needed first:
/// libraries that hold some are loaded on machines without a GPU, too. All
/// models that a library is loaded for share it.
struct Module {
  const void *data;
  /// 0 to 4 for PTX, which the driver compiles; -1 for what is compiled.
  int optimizationLevel;
  std::mutex mutex;
  /// By context, of which there is one for each GPU.
  std::map<Handle, LoadedCode> loaded;
};
} // namespace

/// The call that this thread is in, if all is well so far.
static Call *getCall() {
  Call *call = Call::getActive();
  return call && !call->hasFailed() ? call : nullptr;
}

//===----------------------------------------------------------------------===//
// Modules and kernels
//===----------------------------------------------------------------------===//

static Module *mgpuModuleLoad(void *data, size_t) {
  return new Module{data, /*optimizationLevel=*/-1, {}, {}};
}

static Module *mgpuModuleLoadJIT(void *data, int32_t optimizationLevel) {
  return new Module{data, optimizationLevel, {}, {}};
}

static void mgpuModuleUnload(Module *module) {
  // After an error there is nobody to tell.
  for (const auto &[context, code] : module->loaded) {
    Workspace::Current current(*code.driver, context);
    (void)code.driver->cuModuleUnload(code.handle);
  }
  delete module;
}

/// Null after an error.
static LoadedCode *load(Module &module, Call &call) {
  auto it = module.loaded.find(call.getContext());
  if (it != module.loaded.end())
    return &it->second;
  std::string log(kJitLogBytes, '\0');
  int keys[] = {kJitErrorLogBuffer, kJitErrorLogBufferSize,
                kJitOptimizationLevel};
  void *values[] = {
      log.data(), reinterpret_cast<void *>(uintptr_t(log.size() - 1)),
      reinterpret_cast<void *>(intptr_t(module.optimizationLevel))};
  LoadedCode code;
  code.driver = &call.getDriver();
  Status status = code.driver->check(
      code.driver->cuModuleLoadDataEx(&code.handle, module.data,
                                      module.optimizationLevel < 0 ? 0 : 3,
                                      keys, values),
      "the driver does not take the code for the GPU");
  log.resize(std::strlen(log.c_str()));
  while (!log.empty() && std::strchr(" \n", log.back()))
    log.pop_back();
  if (!status.ok() && !log.empty())
    status = Status::error(status.message() + ": " + log);
  if (!call.record(std::move(status)))
    return nullptr;
  return &module.loaded.emplace(call.getContext(), std::move(code))
              .first->second;
}

static Kernel *mgpuModuleGetFunction(Module *module, const char *name) {
  Call *call = getCall();
  if (!call)
    return nullptr;
  std::lock_guard<std::mutex> lock(module->mutex);
  LoadedCode *code = load(*module, *call);
  if (!code)
    return nullptr;
  Kernel &kernel = code->kernels[name];
  if (kernel.handle)
    return &kernel;
  kernel.name = name;
  if (!call->record(code->driver->check(
          code->driver->cuModuleGetFunction(&kernel.handle, code->handle, name),
          "cannot find kernel '" + kernel.name + "'"))) {
    kernel.handle = nullptr;
    return nullptr;
  }
  return &kernel;
}

static void mgpuLaunchKernel(Kernel *kernel, intptr_t gridX, intptr_t gridY,
                             intptr_t gridZ, intptr_t blockX, intptr_t blockY,
                             intptr_t blockZ, int32_t sharedBytes,
                             Handle stream, void **parameters, void **extra,
                             size_t) {
  Call *call = getCall();
  // Nothing to compute, for which the driver has an error.
  if (!call || gridX == 0 || gridY == 0 || gridZ == 0)
    return;
  const Driver &driver = call->getDriver();
  if (sharedBytes > kDefaultSharedBytes &&
      !call->record(driver.check(
          driver.cuFuncSetAttribute(kernel->handle, kMaxDynamicSharedBytes,
                                    sharedBytes),
          "kernel '" + kernel->name + "' cannot have " +
              std::to_string(sharedBytes) + " bytes of shared memory")))
    return;
  call->record(driver.check(
      driver.cuLaunchKernel(kernel->handle, unsigned(gridX), unsigned(gridY),
                            unsigned(gridZ), unsigned(blockX), unsigned(blockY),
                            unsigned(blockZ), unsigned(sharedBytes), stream,
                            parameters, extra),
      "cannot launch kernel '" + kernel->name + "'"));
}

//===----------------------------------------------------------------------===//
// Streams and events
//===----------------------------------------------------------------------===//

// All that a call does is in order. The host does not read what the GPU writes
// before the end of the call, so that is when it waits.

// Streams are the call's, and events have nothing to tell.

static Handle mgpuStreamCreate() {
  Call *call = getCall();
  return call ? call->getStream() : nullptr;
}

static void mgpuStreamDestroy(Handle) {}

static void mgpuStreamSynchronize(Handle) {}

static void mgpuStreamWaitEvent(Handle, Handle) {}

static Handle mgpuEventCreate() { return nullptr; }

static void mgpuEventDestroy(Handle) {}

static void mgpuEventRecord(Handle, Handle) {}

static void mgpuEventSynchronize(Handle) {}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static DevicePointer asDevicePointer(void *pointer) {
  return reinterpret_cast<DevicePointer>(pointer);
}

static void *mgpuMemAlloc(uint64_t bytes, Handle, bool isShared) {
  Call *call = getCall();
  if (!call)
    return nullptr;
  if (isShared) {
    call->record(Status::error("memory that the host shares with the GPU is "
                               "not supported"));
    return nullptr;
  }
  return reinterpret_cast<void *>(call->allocate(bytes));
}

static void mgpuMemFree(void *pointer, Handle) {
  if (Call *call = getCall())
    call->free(asDevicePointer(pointer));
}

static void mgpuMemcpy(void *to, void *from, size_t bytes, Handle) {
  if (Call *call = getCall())
    call->copy(asDevicePointer(to), asDevicePointer(from), bytes);
}

static void mgpuMemset16(void *to, uint16_t value, size_t count,
                         Handle stream) {
  Call *call = getCall();
  if (call && count)
    call->check(call->getDriver().cuMemsetD16Async(asDevicePointer(to), value,
                                                   count, stream),
                "cannot fill memory of the GPU");
}

static void mgpuMemset32(void *to, uint32_t value, size_t count,
                         Handle stream) {
  Call *call = getCall();
  if (call && count)
    call->check(call->getDriver().cuMemsetD32Async(asDevicePointer(to), value,
                                                   count, stream),
                "cannot fill memory of the GPU");
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

void *gpu::findEntryPoint(const char *name) {
#define COMPRESS_ENTRY(function)                                               \
  {                                                                            \
    #function, reinterpret_cast<void *>(function)                              \
  }
  static const EntryPoint kEntryPoints[] = {
      COMPRESS_ENTRY(mgpuModuleLoad),
      COMPRESS_ENTRY(mgpuModuleLoadJIT),
      COMPRESS_ENTRY(mgpuModuleUnload),
      COMPRESS_ENTRY(mgpuModuleGetFunction),
      COMPRESS_ENTRY(mgpuLaunchKernel),
      COMPRESS_ENTRY(mgpuStreamCreate),
      COMPRESS_ENTRY(mgpuStreamDestroy),
      COMPRESS_ENTRY(mgpuStreamSynchronize),
      COMPRESS_ENTRY(mgpuStreamWaitEvent),
      COMPRESS_ENTRY(mgpuEventCreate),
      COMPRESS_ENTRY(mgpuEventDestroy),
      COMPRESS_ENTRY(mgpuEventRecord),
      COMPRESS_ENTRY(mgpuEventSynchronize),
      COMPRESS_ENTRY(mgpuMemAlloc),
      COMPRESS_ENTRY(mgpuMemFree),
      COMPRESS_ENTRY(mgpuMemcpy),
      COMPRESS_ENTRY(mgpuMemset16),
      COMPRESS_ENTRY(mgpuMemset32),
  };
#undef COMPRESS_ENTRY
  for (const EntryPoint &entry : kEntryPoints)
    if (!std::strcmp(entry.name, name))
      return entry.address;
  return nullptr;
}

Status gpu::resolve(EntryPoint *functions) {
  for (; functions->name; ++functions) {
    functions->address = findEntryPoint(functions->name);
    if (!functions->address)
      return Status::error("the code calls a function for GPUs that this "
                           "runtime has not: '" +
                           std::string(functions->name) + "'");
  }
  return {};
}
