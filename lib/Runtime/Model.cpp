//===- Model.cpp - loading of artifacts -----------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "Gpu/EntryPoints.h"
#include "ModelGpu.h"
#include "Tensors.h"
#include "compress/Store/Checksum.h"
#include "compress/Store/CpuFeatures.h"
#include "compress/Store/MappedFile.h"
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <map>
#include <mutex>
#include <thread>
#include <unistd.h>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using store::Status;

/// The CPU of this machine, by a name that does not say which it is.
static constexpr const char *kNativeCpu = "native";

/// The ABI between model.so and this library: what the entries take.
static constexpr int32_t kModelAbiVersion = 2;

/// More are a mistake, and would take gigabytes of stacks.
static constexpr int64_t kMaxThreads = 1024;

Status runtime::checkNumThreads(int64_t requested) {
  if (requested >= 1 && requested <= kMaxThreads)
    return {};
  return Status::error("expected a number of threads from 1 to " +
                       std::to_string(kMaxThreads) + ", but got " +
                       std::to_string(requested));
}

store::StatusOr<NumThreads> runtime::resolveNumThreads(int64_t requested) {
  if (requested) {
    if (Status status = checkNumThreads(requested); !status.ok())
      return status;
    return NumThreads{unsigned(requested), /*isDefault=*/false};
  }
  const char *text = std::getenv("COMPRESS_NUM_THREADS");
  if (!text || !*text)
    return NumThreads{std::clamp(std::thread::hardware_concurrency(), 1u,
                                 unsigned(kMaxThreads)),
                      /*isDefault=*/true};
  char *end = nullptr;
  errno = 0;
  long number = std::strtol(text, &end, 10);
  if (*end || errno || number < 1 || number > kMaxThreads)
    return Status::error("expected COMPRESS_NUM_THREADS to be a number of "
                         "threads from 1 to " +
                         std::to_string(kMaxThreads) + ", but got '" +
                         std::string(text) + "'");
  return NumThreads{unsigned(number), /*isDefault=*/true};
}

/// The architecture that this library was built for, as in LLVM's triples.
static const char *getHostArchitecture() {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#else
#error "artifacts are not supported on this architecture"
#endif
}

Status Model::chooseVersion(const std::string &path, const std::string &cpu) {
  const store::ManifestTarget &target = getManifest().target;
  std::string architecture = target.triple.substr(0, target.triple.find('-'));
  if (architecture != getHostArchitecture())
    return Status::error("'" + path + "' is for " + architecture +
                         ", but this machine is " + getHostArchitecture());
  std::string level = cpu == kNativeCpu ? "" : cpu;
  const auto &levels = store::listCpuLevels();
  if (!level.empty() &&
      std::find(levels.begin(), levels.end(), level) == levels.end()) {
    std::string known = kNativeCpu;
    for (std::string_view name : levels)
      known += ", " + std::string(name);
    return Status::error("expected one of the CPUs " + known + ", but got '" +
                         cpu + "'");
  }
  for (const store::ManifestVersion &candidate : target.versions)
    if (store::findMissingCpuFeatures(candidate.cpuFeatures, level).empty()) {
      version = &candidate;
      return {};
    }
  // The last one asks for least.
  const store::ManifestVersion &last = target.versions.back();
  std::string names;
  for (const std::string &name :
       store::findMissingCpuFeatures(last.cpuFeatures, level))
    names += (names.empty() ? "" : ", ") + name;
  return Status::error(
      "'" + path + "' is for " + last.cpu + " and needs CPU features that " +
      (level.empty() ? "this machine" : level) + " lacks: " + names);
}

//===----------------------------------------------------------------------===//
// Code
//===----------------------------------------------------------------------===//

void *Model::findSymbol(const std::string &name) const {
  return dlsym(library, (name + version->symbolSuffix).c_str());
}

/// A path of a descriptor that was not used before. The system's loader finds
/// libraries by all paths that they were opened by, even of descriptors that
/// are closed since, and have other files now.
static std::string makeUniquePath(int descriptor) {
  static std::atomic<uint64_t> count = 0;
  std::string path = "/proc/self/fd";
  for (uint64_t number = count++; number; number >>= 1)
    path += number & 1 ? "//." : "/.";
  return path + "/" + std::to_string(descriptor);
}

Status Model::loadCode() {
  std::string path = artifact->codePath();
  // By its path, a library that is loaded already would be found, even if the
  // file has been replaced since.
  code = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (code < 0)
    return Status::error("cannot read '" + path + "': " + std::strerror(errno));
  std::string link = makeUniquePath(code);
  // Again, as the artifact may have been replaced since it was checked.
  auto file = store::MappedFile::open(link);
  if (!file.ok())
    return file.status();
  if (store::hashToHex((*file)->data(), (*file)->size()) !=
      getManifest().modelSo.xxh3)
    return Status::error("'" + path +
                         "': the content does not match its checksum");
  library = dlopen(link.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *text = dlerror();
    std::string reason = text ? text : "unknown reason";
    if (reason.compare(0, link.size() + 2, link + ": ") == 0)
      reason.erase(0, link.size() + 2);
    return Status::error("cannot load '" + path + "': " + reason);
  }
  auto *abi =
      static_cast<const int32_t *>(findSymbol("compress_model_abi_version"));
  if (!abi || *abi != kModelAbiVersion)
    return Status::error("'" + path + "': expected code of ABI version " +
                         std::to_string(kModelAbiVersion) + ", but got " +
                         (abi ? std::to_string(*abi) : std::string("none")));
  auto *handler = static_cast<void (**)(const char *)>(
      findSymbol("compress_assert_handler"));
  if (!handler)
    return Status::error("'" + path +
                         "': expected symbol 'compress_assert_handler'");
  *handler = handleAssert;
  if (auto *functions = static_cast<OpenMPFunction *>(
          findSymbol("compress_openmp_functions"))) {
    auto loaded = OpenMP::load();
    if (!loaded.ok())
      return Status::error("'" + path + "': " + loaded.status().message());
    openmp = *loaded;
    if (Status status = openmp->resolve(functions); !status.ok())
      return Status::error("'" + path + "': " + status.message());
  }
  if (gpu)
    if (Status status = loadGpuCode(path); !status.ok())
      return status;
  for (const store::ManifestFunction &function : getManifest().functions) {
    void *symbol = findSymbol(function.symbol);
    if (!symbol)
      return Status::error("'" + path + "': expected symbol '" +
                           function.symbol + version->symbolSuffix +
                           "' of function '" + function.name + "'");
    entries.push_back(reinterpret_cast<Entry>(symbol));
  }
  return {};
}

namespace {
/// Models of one artifact share its library, and so its kernels: by the
/// function that loads them, how many models there are.
struct KernelUsers {
  std::mutex mutex;
  std::map<void (*)(), unsigned> counts;
};
} // namespace

static KernelUsers &getKernelUsers() {
  static KernelUsers users;
  return users;
}

Status Model::loadGpuCode(const std::string &path) {
  // Code that does not launch a kernel has none of these.
  auto *functions =
      static_cast<gpu::EntryPoint *>(findSymbol("compress_gpu_functions"));
  auto find = [&](const char *name) {
    return reinterpret_cast<void (*)()>(findSymbol(name));
  };
  auto *load = find("compress_gpu_load");
  auto *unload = find("compress_gpu_unload");
  KernelUsers &users = getKernelUsers();
  std::lock_guard<std::mutex> lock(users.mutex);
  if (functions)
    if (Status status = gpu::resolve(functions); !status.ok())
      return Status::error("'" + path + "': " + status.message());
  if (!load || !unload)
    return {};
  // Remembers where the kernels are; a GPU is not asked for yet.
  if (users.counts[load]++ == 0)
    load();
  loadKernels = load;
  unloadKernels = unload;
  return {};
}

void Model::unloadGpuCode() {
  if (!unloadKernels)
    return;
  KernelUsers &users = getKernelUsers();
  std::lock_guard<std::mutex> lock(users.mutex);
  if (--users.counts[loadKernels] == 0) {
    unloadKernels();
    users.counts.erase(loadKernels);
  }
}

store::StatusOr<std::unique_ptr<Model>>
Model::open(const std::string &path, const store::ArtifactOptions &options,
            const std::string &cpu, int gpuNumber) {
  auto artifact = store::Artifact::open(path, options);
  if (!artifact.ok())
    return artifact.status();
  std::unique_ptr<Model> model(new Model());
  model->artifact = std::move(*artifact);
  for (const store::TensorView *tensor : model->artifact->tensors())
    model->table.push_back(tensor->data);
  if (const std::string &chip = model->getManifest().target.gpu; !chip.empty())
    model->gpu = std::make_unique<ModelGpu>(chip, gpuNumber);
  if (Status status = model->chooseVersion(path, cpu); !status.ok())
    return status;
  if (Status status = model->loadCode(); !status.ok())
    return status;
  return model;
}

Model::Model() = default;

Model::~Model() {
  unloadGpuCode();
  if (library)
    dlclose(library);
  if (code >= 0)
    ::close(code);
}
