//===- EntryPoints.cpp - what compiled code calls of a GPU ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryPoints.h"
#include "Workspace.h"
#include <algorithm>
#include <cstring>
#include <iterator>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using namespace mlir::compress::runtime::gpu;
using store::Status;

/// CUjit_options, and a CUfunction_attribute.
static constexpr int kJitErrorLogBuffer = 5;
static constexpr int kJitErrorLogBufferSize = 6;
static constexpr int kJitOptimizationLevel = 7;
static constexpr int kMaxDynamicSharedBytes = 8;

/// CUlaunchAttributeIDs, and a CUclusterSchedulingPolicy.
static constexpr int kClusterDimension = 4;
static constexpr int kClusterPolicy = 5;
static constexpr unsigned kClusterSpread = 1;

/// A CUtensorMap, and the dimensions that it may have.
static constexpr size_t kTensorMapBytes = 128;
static constexpr int64_t kMaxTensorMapRank = 5;

/// A kernel may have so much shared memory without asking for it.
static constexpr int32_t kDefaultSharedBytes = 48 * 1024;

/// A grid may have so many blocks.
static constexpr intptr_t kMostBlocksX = INT32_MAX, kMostBlocksYZ = 65535;

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

/// Whether the kernel gets its shared memory.
static bool allowSharedBytes(Call &call, const Kernel &kernel,
                             int32_t sharedBytes) {
  if (sharedBytes <= kDefaultSharedBytes)
    return true;
  return call.record(call.getDriver().check(
      call.getDriver().cuFuncSetAttribute(kernel.handle, kMaxDynamicSharedBytes,
                                          sharedBytes),
      "kernel '" + kernel.name + "' cannot have " +
          std::to_string(sharedBytes) + " bytes of shared memory"));
}

/// Whether a GPU can have so many blocks. The driver takes 32 bits of each.
static bool checkGrid(Call &call, const Kernel &kernel, intptr_t x, intptr_t y,
                      intptr_t z) {
  if (x <= kMostBlocksX && y <= kMostBlocksYZ && z <= kMostBlocksYZ)
    return true;
  auto describe = [](intptr_t x, intptr_t y, intptr_t z) {
    return std::to_string(x) + " x " + std::to_string(y) + " x " +
           std::to_string(z);
  };
  return call.record(Status::error(
      "cannot launch kernel '" + kernel.name + "': expected a grid of up to " +
      describe(kMostBlocksX, kMostBlocksYZ, kMostBlocksYZ) +
      " blocks, but got " + describe(x, y, z)));
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
  if (!checkGrid(*call, *kernel, gridX, gridY, gridZ) ||
      !allowSharedBytes(*call, *kernel, sharedBytes))
    return;
  call->record(driver.check(
      driver.cuLaunchKernel(kernel->handle, unsigned(gridX), unsigned(gridY),
                            unsigned(gridZ), unsigned(blockX), unsigned(blockY),
                            unsigned(blockZ), unsigned(sharedBytes), stream,
                            parameters, extra),
      "cannot launch kernel '" + kernel->name + "'"));
}

/// Whether a driver has a function; `since` is the first CUDA that has it.
static bool expectFunction(Call &call, bool isThere, const char *name,
                           const char *since) {
  return isThere ||
         call.record(Status::error(
             "the code needs '" + std::string(name) +
             "', which the CUDA driver has not: expected one of CUDA " + since +
             " or later"));
}

/// Blocks in clusters, which may read each other's shared memory.
static void mgpuLaunchClusterKernel(Kernel *kernel, intptr_t clusterX,
                                    intptr_t clusterY, intptr_t clusterZ,
                                    intptr_t gridX, intptr_t gridY,
                                    intptr_t gridZ, intptr_t blockX,
                                    intptr_t blockY, intptr_t blockZ,
                                    int32_t sharedBytes, Handle stream,
                                    void **parameters, void **extra, size_t) {
  Call *call = getCall();
  if (!call || gridX == 0 || gridY == 0 || gridZ == 0)
    return;
  const Driver &driver = call->getDriver();
  if (!expectFunction(*call, driver.cuLaunchKernelEx, "cuLaunchKernelEx",
                      "11.8") ||
      !checkGrid(*call, *kernel, gridX, gridY, gridZ) ||
      !allowSharedBytes(*call, *kernel, sharedBytes))
    return;
  LaunchAttribute attributes[] = {
      {kClusterDimension,
       {},
       {unsigned(clusterX), unsigned(clusterY), unsigned(clusterZ)}},
      {kClusterPolicy, {}, {kClusterSpread}}};
  LaunchConfig config = {{unsigned(gridX), unsigned(gridY), unsigned(gridZ)},
                         {unsigned(blockX), unsigned(blockY), unsigned(blockZ)},
                         unsigned(sharedBytes),
                         stream,
                         attributes,
                         2};
  call->record(driver.check(
      driver.cuLaunchKernelEx(&config, kernel->handle, parameters, extra),
      "cannot launch kernel '" + kernel->name + "' in clusters"));
}

/// The GPU is that of the model.
static void mgpuSetDefaultDevice(int32_t number) {
  Call *call = getCall();
  if (call && number != call->getNumber())
    call->record(Status::error("the code is for GPU " + std::to_string(number) +
                               ", but the model is on GPU " +
                               std::to_string(call->getNumber())));
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

/// What MLIR passes of a buffer: { allocated, aligned, offset, sizes, strides
/// }.
struct Descriptor {
  char *allocated, *aligned;
  int64_t offset, rest[];

  char *getData(int64_t elementBytes) const {
    return aligned + offset * elementBytes;
  }
};

static void mgpuMemHostRegisterMemRef(int64_t rank, Descriptor *descriptor,
                                      int64_t elementBytes) {
  Call *call = getCall();
  if (!call)
    return;
  int64_t bytes = elementBytes;
  for (int64_t dim = rank; dim-- > 0;) {
    if (descriptor->rest[dim] > 1 &&
        descriptor->rest[rank + dim] * elementBytes != bytes) {
      call->record(Status::error("memory of the host is registered that is "
                                 "not contiguous"));
      return;
    }
    bytes *= descriptor->rest[dim];
  }
  if (bytes)
    call->registerHost(descriptor->getData(elementBytes), bytes);
}

static void mgpuMemHostUnregisterMemRef(int64_t rank, Descriptor *descriptor,
                                        int64_t elementBytes) {
  Call *call = getCall();
  bool isEmpty = std::count(descriptor->rest, descriptor->rest + rank, 0) > 0;
  if (call && !isEmpty)
    call->unregisterHost(descriptor->getData(elementBytes));
}

/// Describes a tensor for copies of boxes of it; in memory of the GPU.
static void *mgpuTensorMapEncodeTiledMemref(int64_t rank,
                                            Descriptor *descriptor,
                                            int32_t type, int32_t interleave,
                                            int32_t swizzle, int32_t promotion,
                                            int32_t fill, int64_t *boxSizes) {
  Call *call = getCall();
  if (!call)
    return nullptr;
  const Driver &driver = call->getDriver();
  if (!expectFunction(*call, driver.cuTensorMapEncodeTiled,
                      "cuTensorMapEncodeTiled", "12"))
    return nullptr;
  // By CUtensorMapDataType.
  static constexpr int64_t kBytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
  bool isKnown = type >= 0 && size_t(type) < std::size(kBytes);
  if (!isKnown || rank < 1 || rank > kMaxTensorMapRank ||
      descriptor->rest[2 * rank - 1] != 1) {
    call->record(Status::error(
        "expected a tensor of rank 1 to 5, of a known type, with neighbouring "
        "elements along its last dimension, for a tensor map, but got rank " +
        std::to_string(rank) + ", type " + std::to_string(type)));
    return nullptr;
  }
  // The innermost dimension is the first one.
  uint64_t sizes[kMaxTensorMapRank], strides[kMaxTensorMapRank] = {};
  uint32_t box[kMaxTensorMapRank], steps[kMaxTensorMapRank];
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t from = rank - 1 - dim;
    sizes[dim] = descriptor->rest[from];
    box[dim] = boxSizes[from];
    steps[dim] = 1;
    if (dim > 0)
      strides[dim - 1] = descriptor->rest[rank + from] * kBytes[type];
  }
  alignas(64) char map[kTensorMapBytes] = {};
  if (!call->check(driver.cuTensorMapEncodeTiled(
                       map, type, unsigned(rank),
                       descriptor->getData(kBytes[type]), sizes, strides, box,
                       steps, interleave, swizzle, promotion, fill),
                   "cannot make a tensor map"))
    return nullptr;
  return reinterpret_cast<void *>(call->upload(map, sizeof(map)));
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
      COMPRESS_ENTRY(mgpuLaunchClusterKernel),
      COMPRESS_ENTRY(mgpuSetDefaultDevice),
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
      COMPRESS_ENTRY(mgpuMemHostRegisterMemRef),
      COMPRESS_ENTRY(mgpuMemHostUnregisterMemRef),
      COMPRESS_ENTRY(mgpuTensorMapEncodeTiledMemref),
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
