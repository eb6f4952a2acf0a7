//===- OpenMP.cpp - the threads of compiled code --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpenMP.h"
#include <dlfcn.h>
#include <mutex>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using store::Status;

/// Names of one library: LLVM's own, and Intel's.
static constexpr const char *kLibraries[] = {"libomp.so.5", "libomp.so",
                                             "libiomp5.so"};

Status OpenMP::open() {
  for (int flags : {RTLD_NOLOAD, 0})
    for (const char *candidate : kLibraries)
      if (!library) {
        library = dlopen(candidate, flags | RTLD_NOW | RTLD_LOCAL);
        name = candidate;
      }
  if (!library)
    return Status::error(
        std::string("cannot load the OpenMP runtime ") + kLibraries[0] +
        ", which code that runs on several threads needs (Debian package "
        "libomp-22-dev)");
  OpenMPFunction functions[] = {{"omp_get_max_threads", nullptr},
                                {"omp_set_num_threads", nullptr},
                                {nullptr, nullptr}};
  if (Status status = resolve(functions); !status.ok())
    return status;
  getMaxThreads = reinterpret_cast<int (*)()>(functions[0].address);
  setNumThreads = reinterpret_cast<void (*)(int)>(functions[1].address);
  return {};
}

store::StatusOr<const OpenMP *> OpenMP::load() {
  static std::mutex mutex;
  static OpenMP openmp;
  static bool isOpen = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (!isOpen)
    if (Status status = openmp.open(); !status.ok()) {
      openmp.library = nullptr;
      return status;
    }
  isOpen = true;
  return static_cast<const OpenMP *>(&openmp);
}

Status OpenMP::resolve(OpenMPFunction *functions) const {
  for (; functions->name; ++functions) {
    functions->address = dlsym(library, functions->name);
    if (!functions->address)
      return Status::error("the OpenMP runtime " + name + " has no function '" +
                           functions->name + "'");
  }
  return {};
}

OpenMP::Threads::Threads(const OpenMP *openmp, unsigned number)
    : openmp(openmp), before(openmp ? openmp->getMaxThreads() : 0) {
  if (openmp)
    openmp->setNumThreads(int(number));
}

OpenMP::Threads::~Threads() {
  if (openmp)
    openmp->setNumThreads(before);
}
