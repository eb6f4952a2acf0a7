//===- CudaToolkit.cpp - NVIDIA's assembler -------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaToolkit.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <cstdlib>

using namespace mlir;

static constexpr const char *kVariables[] = {"CUDA_HOME", "CUDA_PATH",
                                             "CUDA_ROOT"};

/// The first of `tools` that a toolkit has not, or nothing.
static StringRef findMissing(StringRef toolkit, ArrayRef<StringRef> tools) {
  for (StringRef tool : tools) {
    SmallString<128> path(toolkit);
    llvm::sys::path::append(path, "bin", tool);
    if (!llvm::sys::fs::can_execute(path))
      return tool;
  }
  return "";
}

FailureOr<std::string>
mlir::compress::findCudaToolkit(StringRef path, ArrayRef<StringRef> tools,
                                Location loc) {
  if (!path.empty()) {
    StringRef missing = findMissing(path, tools);
    if (missing.empty())
      return path.str();
    return emitError(loc) << "cannot find '" << missing << "' in '" << path
                          << "/bin': expected --cuda-path to be the folder of "
                             "a CUDA toolkit";
  }
  StringRef missing;
  for (StringRef tool : tools)
    if (missing.empty() && !llvm::sys::findProgramByName(tool))
      missing = tool;
  if (missing.empty())
    return std::string();
  for (const char *variable : kVariables)
    if (const char *toolkit = std::getenv(variable))
      if (findMissing(toolkit, tools).empty())
        return std::string(toolkit);
  return emitError(loc) << "cannot find '" << missing
                        << "', which compiles kernels: expected it in PATH, in "
                           "the bin folder of CUDA_HOME, CUDA_PATH or "
                           "CUDA_ROOT, or of --cuda-path";
}
