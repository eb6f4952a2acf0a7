//===- FakeCuda.cpp - a CUDA driver without a GPU, for tests --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeCuda.h"
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <string>

using DevicePointer = unsigned long long;

namespace {
/// Those results that are given here; named as the driver does.
enum Result {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  NoBinaryForGpu = 209,
  NoDevice = 100,
  InvalidDevice = 101,
  InvalidContext = 201,
  InvalidPtx = 218,
  InvalidHandle = 400,
  NotFound = 500,
  NotReady = 600,
  IllegalAddress = 700
};

struct Error {
  Result result;
  const char *name, *text;
};
constexpr Error kErrors[] = {
    {Success, "CUDA_SUCCESS", "no error"},
    {InvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {NoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {InvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {NoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {InvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {InvalidPtx, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {InvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {IllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS",
     "an illegal memory access was encountered"},
};

struct Module {
  std::string text;
};

struct Function {
  Module *module = nullptr;
  std::string name;
  int sharedBytes = 48 * 1024;
};

struct State {
  std::recursive_mutex mutex;
  bool isInitialized = false;
  std::map<std::string, int> calls;
  std::map<DevicePointer, size_t> memory;
  std::set<Module *> modules;
  std::map<std::pair<Module *, std::string>, Function> functions;
  std::set<void *> streams;
  std::set<void *> registered;
  intptr_t lastHandle = 0;
  FakeCudaLauncher launcher = nullptr;
};
State &state() {
  static State instance;
  return instance;
}

thread_local int contextDepth = 0;

const char *getVariable(const char *name, const char *fallback) {
  const char *value = std::getenv(name);
  return value && *value ? value : fallback;
}

/// Counts a call and writes it down; the result it must have.
Result enter(const char *function, const std::string &arguments = "") {
  int number = ++state().calls[function];
  if (const char *path = std::getenv("FAKE_CUDA_LOG"))
    if (std::FILE *log = std::fopen(path, "a")) {
      std::fprintf(log, "%s(%s)\n", function, arguments.c_str());
      std::fclose(log);
    }
  std::istringstream failures(getVariable("FAKE_CUDA_FAIL", ""));
  std::string failure;
  while (std::getline(failures, failure, ',')) {
    size_t equals = failure.find('='), at = failure.find('@');
    if (equals == std::string::npos || failure.substr(0, equals) != function)
      continue;
    if (at == std::string::npos || std::atoi(&failure[at + 1]) == number)
      return Result(std::atoi(&failure[equals + 1]));
  }
  return Success;
}

/// Whether bytes lie in one allocation.
bool isAllocated(DevicePointer pointer, size_t bytes) {
  auto it = state().memory.upper_bound(pointer);
  if (it == state().memory.begin())
    return false;
  --it;
  return pointer + bytes <= it->first + it->second;
}

/// Whether bytes begin outside of all allocations.
bool isOnHost(DevicePointer pointer) { return !isAllocated(pointer, 1); }

std::string format(unsigned long long value) { return std::to_string(value); }

int fill(const char *function, DevicePointer to, const void *value,
         size_t width, size_t count) {
  if (Result result = enter(function, format(count)))
    return result;
  if (!contextDepth)
    return InvalidContext;
  if (!isAllocated(to, width * count))
    return InvalidValue;
  for (size_t i = 0; i < count; ++i)
    std::memcpy(reinterpret_cast<char *>(to) + i * width, value, width);
  return Success;
}
} // namespace

#define ENTER(...)                                                             \
  std::lock_guard<std::recursive_mutex> lock(state().mutex);                   \
  if (Result result = enter(__func__, ##__VA_ARGS__))                          \
  return result
#define ENTER_CONTEXT(...)                                                     \
  ENTER(__VA_ARGS__);                                                          \
  if (!contextDepth)                                                           \
  return InvalidContext

extern "C" {

int fakeCudaCountCalls(const char *function) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().calls[function];
}
int fakeCudaCountAllocations() { return int(state().memory.size()); }
int fakeCudaCountStreams() { return int(state().streams.size()); }
int fakeCudaCountRegistered() { return int(state().registered.size()); }
int fakeCudaCountModules() { return int(state().modules.size()); }
size_t fakeCudaCountBytesFrom(const void *pointer) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  auto address = reinterpret_cast<DevicePointer>(pointer);
  if (isOnHost(address))
    return 0;
  auto it = --state().memory.upper_bound(address);
  return it->first + it->second - address;
}
void fakeCudaSetLauncher(FakeCudaLauncher launcher) {
  state().launcher = launcher;
}
void fakeCudaReset() { state().calls.clear(); }

int cuInit(unsigned flags) {
  ENTER();
  if (std::atoi(getVariable("FAKE_CUDA_DEVICES", "1")) == 0)
    return NoDevice;
  state().isInitialized = true;
  return Success;
}

int cuGetErrorString(int result, const char **text) {
  for (const Error &error : kErrors)
    if (error.result == result) {
      *text = error.text;
      return Success;
    }
  *text = nullptr;
  return InvalidValue;
}

int cuGetErrorName(int result, const char **name) {
  for (const Error &error : kErrors)
    if (error.result == result) {
      *name = error.name;
      return Success;
    }
  *name = nullptr;
  return InvalidValue;
}

int cuDeviceGetCount(int *count) {
  ENTER();
  if (!state().isInitialized)
    return NotInitialized;
  *count = std::atoi(getVariable("FAKE_CUDA_DEVICES", "1"));
  return Success;
}

int cuDeviceGet(int *device, int number) {
  ENTER(format(number));
  if (number < 0 || number >= std::atoi(getVariable("FAKE_CUDA_DEVICES", "1")))
    return InvalidDevice;
  *device = number;
  return Success;
}

int cuDeviceGetName(char *name, int size, int device) {
  ENTER();
  std::snprintf(name, size, "fake GPU");
  return Success;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  ENTER();
  int capability = std::atoi(getVariable("FAKE_CUDA_CAPABILITY", "90"));
  if (attribute == 75)
    *value = capability / 10;
  else if (attribute == 76)
    *value = capability % 10;
  else if (attribute == 38) // bytes of the L2 cache
    *value = 16 * 1024;
  else if (attribute == 16) // multiprocessors
    *value = 1;
  else
    return InvalidValue;
  return Success;
}

int cuDevicePrimaryCtxRetain(void **context, int device) {
  ENTER();
  *context = reinterpret_cast<void *>(intptr_t(device + 1));
  return Success;
}

int cuCtxPushCurrent_v2(void *context) {
  if (!context)
    return InvalidContext;
  ++contextDepth;
  return Success;
}

int cuCtxPopCurrent_v2(void **context) {
  if (!contextDepth)
    return InvalidContext;
  --contextDepth;
  return Success;
}

int cuModuleLoadDataEx(void **module, const void *data, unsigned numOptions,
                       int *options, void **values) {
  const char *text = static_cast<const char *>(data);
  bool isCubin = !std::memcmp(data, "\177ELF", 4),
       isFatbin = !std::memcmp(data, "P\355U\272", 4);
  ENTER_CONTEXT(isCubin ? "cubin" : isFatbin ? "fatbin" : "PTX");
  if (isCubin || isFatbin) {
    // What is in there, nobody knows here.
    auto *loaded = new Module;
    state().modules.insert(loaded);
    *module = loaded;
    return Success;
  }
  if (!std::strstr(text, ".version") || !std::strstr(text, ".target")) {
    char *log = nullptr;
    size_t size = 0;
    for (unsigned i = 0; i < numOptions; ++i) {
      if (options[i] == 5)
        log = static_cast<char *>(values[i]);
      if (options[i] == 6)
        size = size_t(reinterpret_cast<uintptr_t>(values[i]));
    }
    if (log)
      std::snprintf(log, size, "ptxas fatal : Missing .version directive\n");
    return InvalidPtx;
  }
  auto *loaded = new Module{text};
  state().modules.insert(loaded);
  *module = loaded;
  return Success;
}

int cuModuleUnload(void *module) {
  ENTER_CONTEXT();
  auto *loaded = static_cast<Module *>(module);
  if (!state().modules.erase(loaded))
    return InvalidHandle;
  delete loaded;
  return Success;
}

int cuModuleGetFunction(void **function, void *module, const char *name) {
  ENTER_CONTEXT(name);
  auto *loaded = static_cast<Module *>(module);
  if (!state().modules.count(loaded))
    return InvalidHandle;
  if (!loaded->text.empty() && loaded->text.find(".entry " + std::string(name) +
                                                 "(") == std::string::npos)
    return NotFound;
  Function &found = state().functions[{loaded, name}];
  found.name = name;
  found.module = loaded;
  *function = &found;
  return Success;
}

int cuFuncSetAttribute(void *function, int attribute, int value) {
  ENTER_CONTEXT(std::to_string(attribute) + ", " + std::to_string(value));
  // What an H100 has.
  if (attribute != 8 || value > 227 * 1024)
    return InvalidValue;
  static_cast<Function *>(function)->sharedBytes = value;
  return Success;
}

int cuLaunchKernel(void *function, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, void *stream,
                   void **parameters, void **extra) {
  auto *kernel = static_cast<Function *>(function);
  unsigned grid[] = {gridX, gridY, gridZ}, block[] = {blockX, blockY, blockZ};
  std::string text = kernel->name;
  for (unsigned size : {gridX, gridY, gridZ, blockX, blockY, blockZ})
    text += ", " + std::to_string(size);
  ENTER_CONTEXT(text + ", " + std::to_string(sharedBytes));
  if (!state().streams.count(stream))
    return InvalidHandle;
  if (int(sharedBytes) > kernel->sharedBytes || !gridX || !gridY || !gridZ ||
      int(gridX) < 0 || gridY > 65535 || gridZ > 65535 ||
      blockX * blockY * blockZ - 1 >= 1024)
    return InvalidValue;
  if (state().launcher) {
    state().launcher(kernel->module->text.c_str(), kernel->name.c_str(), grid,
                     sharedBytes, parameters);
    return Success;
  }
  auto *code = reinterpret_cast<void (*)(const unsigned *, const unsigned *,
                                         unsigned, void **)>(
      dlsym(RTLD_DEFAULT, kernel->name.c_str()));
  if (!code)
    return NotFound;
  code(grid, block, sharedBytes, parameters);
  return Success;
}

namespace {
struct LaunchAttribute {
  int id;
  char padding[4];
  unsigned value[16];
};
struct LaunchConfig {
  unsigned grid[3], block[3], sharedBytes;
  void *stream;
  const LaunchAttribute *attributes;
  unsigned numAttributes;
};
} // namespace

int cuLaunchKernelEx(const LaunchConfig *config, void *function,
                     void **parameters, void **extra) {
  std::string cluster;
  for (unsigned i = 0; i < config->numAttributes; ++i)
    if (config->attributes[i].id == 4)
      for (int dim = 0; dim < 3; ++dim) {
        unsigned size = config->attributes[i].value[dim];
        cluster += (dim ? ", " : "") + std::to_string(size);
        if (!size || config->grid[dim] % size)
          return InvalidValue;
      }
  ENTER_CONTEXT(cluster);
  return cuLaunchKernel(function, config->grid[0], config->grid[1],
                        config->grid[2], config->block[0], config->block[1],
                        config->block[2], config->sharedBytes, config->stream,
                        parameters, extra);
}

/// As 16 words: type, rank, address, sizes, strides, and boxes.
int cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *address,
                           const uint64_t *sizes, const uint64_t *strides,
                           const uint32_t *box, const uint32_t *steps,
                           int interleave, int swizzle, int promotion,
                           int fill) {
  ENTER_CONTEXT(std::to_string(interleave) + ", " + std::to_string(swizzle) +
                ", " + std::to_string(promotion) + ", " + std::to_string(fill));
  if (rank < 1 || rank > 5 || reinterpret_cast<uintptr_t>(map) % 64 ||
      reinterpret_cast<uintptr_t>(address) % 16)
    return InvalidValue;
  uint64_t words[16] = {uint64_t(type), rank,
                        reinterpret_cast<uintptr_t>(address)};
  for (unsigned dim = 0; dim < rank; ++dim) {
    if (!sizes[dim] || !box[dim] || box[dim] > 256 || steps[dim] != 1)
      return InvalidValue;
    words[3 + dim] = sizes[dim];
    reinterpret_cast<uint32_t *>(words + 12)[dim] = box[dim];
    if (dim + 1 < rank) {
      if (strides[dim] % 16)
        return InvalidValue;
      words[8 + dim] = strides[dim];
    }
  }
  std::memcpy(map, words, sizeof(words));
  return Success;
}

int cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned flags) {
  ENTER_CONTEXT(format(bytes));
  if (!bytes || !state().registered.insert(pointer).second)
    return InvalidValue;
  return Success;
}

int cuMemHostUnregister(void *pointer) {
  ENTER_CONTEXT();
  return state().registered.erase(pointer) ? Success : InvalidValue;
}

int cuStreamCreate(void **stream, unsigned flags) {
  ENTER_CONTEXT();
  *stream = reinterpret_cast<void *>(++state().lastHandle);
  state().streams.insert(*stream);
  return Success;
}

int cuStreamDestroy_v2(void *stream) {
  ENTER_CONTEXT();
  return state().streams.erase(stream) ? Success : InvalidHandle;
}

int cuStreamSynchronize(void *stream) {
  ENTER_CONTEXT();
  return state().streams.count(stream) ? Success : InvalidHandle;
}

int cuStreamQuery(void *stream) {
  ENTER_CONTEXT();
  return state().streams.count(stream) ? Success : InvalidHandle;
}

int cuEventCreate(void **event, unsigned flags) {
  ENTER_CONTEXT();
  *event = new std::chrono::steady_clock::time_point;
  return Success;
}

int cuEventDestroy_v2(void *event) {
  ENTER_CONTEXT();
  delete static_cast<std::chrono::steady_clock::time_point *>(event);
  return Success;
}

int cuEventRecord(void *event, void *stream) {
  ENTER_CONTEXT();
  if (!state().streams.count(stream))
    return InvalidHandle;
  *static_cast<std::chrono::steady_clock::time_point *>(event) =
      std::chrono::steady_clock::now();
  return Success;
}

int cuEventElapsedTime(float *milliseconds, void *start, void *end) {
  ENTER_CONTEXT();
  auto *from = static_cast<std::chrono::steady_clock::time_point *>(start);
  auto *to = static_cast<std::chrono::steady_clock::time_point *>(end);
  *milliseconds = std::chrono::duration<float, std::milli>(*to - *from).count();
  return Success;
}

int cuMemAlloc_v2(DevicePointer *pointer, size_t bytes) {
  ENTER_CONTEXT(format(bytes));
  void *memory = nullptr;
  if (!bytes)
    return InvalidValue;
  if (posix_memalign(&memory, 256, bytes))
    return OutOfMemory;
  // What nobody has written is not 0.
  std::memset(memory, 0xcd, bytes);
  *pointer = reinterpret_cast<DevicePointer>(memory);
  state().memory[*pointer] = bytes;
  return Success;
}

int cuMemFree_v2(DevicePointer pointer) {
  ENTER_CONTEXT();
  if (!state().memory.erase(pointer))
    return InvalidValue;
  std::free(reinterpret_cast<void *>(pointer));
  return Success;
}

int cuMemcpyAsync(DevicePointer to, DevicePointer from, size_t bytes,
                  void *stream) {
  bool toHost = isOnHost(to), fromHost = isOnHost(from);
  ENTER_CONTEXT(std::string(fromHost ? "host" : "device") + " to " +
                (toHost ? "host" : "device") + ", " + format(bytes));
  if (!state().streams.count(stream))
    return InvalidHandle;
  if ((!toHost && !isAllocated(to, bytes)) ||
      (!fromHost && !isAllocated(from, bytes)))
    return InvalidValue;
  std::memcpy(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from),
              bytes);
  return Success;
}

int cuMemsetD16Async(DevicePointer to, unsigned short value, size_t count,
                     void *stream) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return fill(__func__, to, &value, sizeof(value), count);
}

int cuMemsetD32Async(DevicePointer to, unsigned value, size_t count,
                     void *stream) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return fill(__func__, to, &value, sizeof(value), count);
}

int cuPointerGetAttribute(void *value, int attribute, DevicePointer pointer) {
  ENTER_CONTEXT();
  if (attribute != 2 || isOnHost(pointer))
    return InvalidValue;
  unsigned device = 2;
  std::memcpy(value, &device, sizeof(device));
  return Success;
}
}
