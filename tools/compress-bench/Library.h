//===- Library.h - Shared libraries of peers --------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TOOLS_BENCH_LIBRARY_H
#define COMPRESS_TOOLS_BENCH_LIBRARY_H

#include "Contender.h"

#include <dlfcn.h>

namespace mlir::compress::bench {

/// A shared library; functions of it by name.
class Library {
public:
  Library(const std::string &name, Directories directories) {
    for (const std::string &directory : directories)
      if ((handle = dlopen((directory + "/" + name).c_str(),
                           RTLD_NOW | RTLD_GLOBAL)))
        return;
    handle = dlopen(name.c_str(), RTLD_NOW | RTLD_GLOBAL);
  }
  explicit operator bool() const { return handle; }
  template <typename Function>
  bool get(const char *name, Function &function) const {
    function =
        handle ? reinterpret_cast<Function>(dlsym(handle, name)) : nullptr;
    return function;
  }

private:
  void *handle = nullptr;
};

class Peer : public Contender {
public:
  Peer(Problem &problem, std::string name)
      : Contender(std::move(name)), problem(problem) {}

protected:
  Problem &problem;
};

} // namespace mlir::compress::bench

#endif // COMPRESS_TOOLS_BENCH_LIBRARY_H
