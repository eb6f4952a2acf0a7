//===- Execution.h - artifacts on arrays from files -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESSC_EXECUTION_H
#define COMPRESSC_EXECUTION_H

#include "compress-c/Runtime.h"
#include "compress/Store/Npy.h"
#include <memory>

namespace compressc {
namespace store = mlir::compress::store;

/// A model behind the public C interface.
class Execution {
public:
  /// Opens an artifact and finds a function: the one named, or the only one.
  static store::StatusOr<Execution> open(const std::string &artifact,
                                         const std::string &function,
                                         int numThreads);

  unsigned getNumInputs() const;
  unsigned getNumOutputs() const;
  std::string getOutputName(unsigned index) const;

  store::StatusOr<std::vector<store::NpyArray>>
  run(const std::vector<store::NpyArray> &inputs) const;

private:
  Execution(CompressModel *model, int32_t function)
      : model(model, compressModelClose), function(function) {}
  std::shared_ptr<CompressModel> model;
  int32_t function;
};

/// Reads the files of an option.
store::StatusOr<std::vector<store::NpyArray>>
readArrays(const std::vector<std::string> &paths);

} // namespace compressc

#endif // COMPRESSC_EXECUTION_H
