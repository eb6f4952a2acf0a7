//===- OpenMP.h - the threads of compiled code ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Code that shares loops between threads calls LLVM's OpenMP runtime. It is
// not linked to it: two such runtimes in a process end it, so code takes the
// one that is there already, under any of its names, before another is loaded.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_RUNTIME_OPENMP_H
#define COMPRESS_LIB_RUNTIME_OPENMP_H

#include "compress/Store/Status.h"
#include <string>

namespace mlir::compress::runtime {

/// An entry of the table in model.so, which ends with one that has no name: a
/// function that the code calls, and where it looks for its address.
struct OpenMPFunction {
  const char *name;
  void *address;
};

/// LLVM's OpenMP runtime, once it is loaded.
class OpenMP {
public:
  /// The one of this process, which stays for good.
  static store::StatusOr<const OpenMP *> load();

  /// Gives a table its addresses.
  store::Status resolve(OpenMPFunction *functions) const;

  /// While it lives, code that this thread calls runs on so many threads.
  class Threads {
  public:
    Threads(const OpenMP *openmp, unsigned number);
    ~Threads();
    Threads(const Threads &) = delete;
    Threads &operator=(const Threads &) = delete;

  private:
    const OpenMP *openmp;
    int before;
  };

private:
  OpenMP() = default;
  store::Status open();

  std::string name;
  void *library = nullptr;
  int (*getMaxThreads)() = nullptr;
  void (*setNumThreads)(int) = nullptr;
};

} // namespace mlir::compress::runtime

#endif // COMPRESS_LIB_RUNTIME_OPENMP_H
