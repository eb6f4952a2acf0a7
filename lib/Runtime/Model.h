//===- Model.h - a loaded artifact ----------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_RUNTIME_MODEL_H
#define COMPRESS_LIB_RUNTIME_MODEL_H

#include "OpenMP.h"
#include "compress-c/Runtime.h"
#include "compress/Store/Artifact.h"
#include <memory>

namespace mlir::compress::runtime {

/// How many threads compute.
struct NumThreads {
  unsigned number = 1;
  /// Nobody asked for this number for this model: runs that are in progress at
  /// a time share it.
  bool isDefault = false;
};

/// `requested`, or if that is 0, COMPRESS_NUM_THREADS or the number of
/// processors.
store::StatusOr<NumThreads> resolveNumThreads(int64_t requested);

/// The same of a number that cannot be left out.
store::Status checkNumThreads(int64_t requested);

/// What compiled code calls when an assertion of the model fails: ends the call
/// into the code, which then reports `message`.
[[noreturn]] void handleAssert(const char *message);

class Descriptor;
class ModelGpu;

/// An artifact whose code is loaded and whose weights are mapped.
class Model {
public:
  /// Checks everything that the manifest says before any code is loaded. Takes
  /// the processor for the one of the given name, which is not empty. Code for
  /// GPUs will use the one of the given number.
  static store::StatusOr<std::unique_ptr<Model>>
  open(const std::string &path, const store::ArtifactOptions &options,
       const std::string &cpu, int gpuNumber);
  ~Model();
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;

  const store::Manifest &getManifest() const { return artifact->manifest(); }
  /// The one whose code is loaded.
  const store::ManifestVersion &getVersion() const { return *version; }

  /// See compressModelRun. The numbers of tensors agree with the signature.
  store::Status run(size_t function, const CompressTensor *inputs,
                    CompressTensor *outputs, unsigned numThreads) const;

private:
  Model();
  store::Status chooseVersion(const std::string &path, const std::string &cpu);
  store::Status loadCode();
  store::Status loadGpuCode(const std::string &path);
  void unloadGpuCode();
  /// Null if there is none of that name in the version.
  void *findSymbol(const std::string &name) const;

  /// Calls the code of a function.
  store::Status call(size_t function, const void *const *weights,
                     std::vector<Descriptor> &descriptors) const;
  store::Status runOnCpu(size_t function, const CompressTensor *inputs,
                         CompressTensor *outputs, unsigned numThreads) const;
  store::Status runOnGpu(size_t function, const CompressTensor *inputs,
                         CompressTensor *outputs) const;

  using Entry = void (*)(const void *const *weights, void **descriptors);
  std::shared_ptr<const store::Artifact> artifact;
  const store::ManifestVersion *version = nullptr;
  /// In the order that the code expects.
  std::vector<const void *> table;
  /// The descriptor of model.so.
  int code = -1;
  void *library = nullptr;
  std::vector<Entry> entries;
  /// Null for code of one thread.
  const OpenMP *openmp = nullptr;
  /// Null for code that is for CPUs alone.
  std::unique_ptr<ModelGpu> gpu;
  /// Of the library; null where there are no kernels.
  void (*loadKernels)() = nullptr, (*unloadKernels)() = nullptr;
};

} // namespace mlir::compress::runtime

#endif // COMPRESS_LIB_RUNTIME_MODEL_H
