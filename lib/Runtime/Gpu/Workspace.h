//===- Workspace.h - what a model has on a GPU ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory and streams are kept for the next run, as a driver takes long to make
// them. Code that the compiler made runs within a Call, which also keeps the
// first error: the code itself knows of none.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_RUNTIME_GPU_WORKSPACE_H
#define COMPRESS_LIB_RUNTIME_GPU_WORKSPACE_H

#include "Driver.h"
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <vector>

namespace mlir::compress::runtime::gpu {

/// Memory and streams on one GPU. May be used from several threads.
class Workspace {
public:
  /// Loads the driver, if that is not done yet.
  static store::StatusOr<std::unique_ptr<Workspace>> create(int device);
  ~Workspace();
  Workspace(const Workspace &) = delete;
  Workspace &operator=(const Workspace &) = delete;

  const Driver &getDriver() const { return driver; }
  /// Stays when the workspace goes.
  Handle getContext() const { return context; }
  /// 10 times the compute capability.
  int getCapability() const { return capability; }
  /// Among the GPUs of the machine.
  int getNumber() const { return number; }

  /// Makes the GPU the one that this thread's calls of the driver are for.
  class Current {
  public:
    explicit Current(const Workspace &workspace)
        : Current(workspace.driver, workspace.context) {}
    Current(const Driver &driver, Handle context);
    ~Current();
    Current(const Current &) = delete;
    Current &operator=(const Current &) = delete;

  private:
    const Driver &driver;
  };

  /// So many bytes are allocated instead, for others of about the same size.
  static size_t roundUp(size_t bytes);
  /// Never null, also for nothing.
  store::StatusOr<DevicePointer> allocate(size_t bytes);
  /// Gives memory back that the GPU uses no more.
  void release(DevicePointer pointer);

  store::StatusOr<Handle> takeStream();
  void giveStream(Handle stream);

  /// Whether memory is that of a GPU.
  store::StatusOr<bool> isOnDevice(const void *pointer) const;

private:
  Workspace(const Driver &driver, Handle context)
      : driver(driver), context(context) {}

  const Driver &driver;
  Handle context;
  int capability = 0, number = 0;
  std::mutex mutex;
  /// Of all memory that was allocated.
  std::unordered_map<DevicePointer, size_t> sizes;
  std::multimap<size_t, DevicePointer> unused;
  std::vector<Handle> streams;
};

/// A call of this thread into compiled code. What the code asks the GPU for
/// happens in order, on one stream.
class Call {
public:
  explicit Call(Workspace &workspace);
  ~Call();
  Call(const Call &) = delete;
  Call &operator=(const Call &) = delete;

  /// The innermost one of this thread, or null.
  static Call *getActive();

  const Driver &getDriver() const { return workspace.getDriver(); }
  Handle getContext() const { return workspace.getContext(); }
  Handle getStream() const { return stream; }
  int getNumber() const { return workspace.getNumber(); }

  bool hasFailed() const { return !error.ok(); }
  /// Keeps the first error. Returns whether all is well, so far.
  bool record(store::Status status);
  bool check(int result, const char *what) {
    return record(getDriver().check(result, what));
  }

  /// 0 after an error. Memory goes back to the workspace at the end of the
  /// call, at the latest.
  DevicePointer allocate(size_t bytes);
  /// What the GPU has been asked for before may still use it; what is asked for
  /// later in this call can follow there.
  void free(DevicePointer pointer);
  /// From or to anywhere; host memory must stay until `finish`.
  void copy(DevicePointer to, DevicePointer from, size_t bytes);

  /// Memory of the GPU with these bytes, or 0 after an error.
  DevicePointer upload(const void *bytes, size_t size);

  /// Memory of the host that the GPU may access, until it is let go, or the
  /// call ends.
  void registerHost(void *pointer, size_t bytes);
  void unregisterHost(void *pointer);

  /// Waits for the GPU; the first error of the call.
  store::Status finish();

private:
  Workspace &workspace;
  Workspace::Current current;
  Call *outer;
  Handle stream = nullptr;
  store::Status error;
  std::unordered_map<DevicePointer, size_t> buffers;
  std::multimap<size_t, DevicePointer> freed;
  std::set<void *> registered;
  /// What is uploaded.
  std::deque<std::vector<char>> uploaded;
};

} // namespace mlir::compress::runtime::gpu

#endif // COMPRESS_LIB_RUNTIME_GPU_WORKSPACE_H
