//===- WeightFiles.h - several weight files as one ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_WEIGHTFILES_H
#define COMPRESS_STORE_WEIGHTFILES_H

#include "compress/Store/Safetensors.h"

namespace mlir::compress::store {

/// Tensors by name, from safetensors files and from shard maps.
class WeightFiles {
public:
  /// Opens files. A path that ends in ".json" is a shard map, as transformers
  /// writes it: an object whose "weight_map" gives, for each tensor name, a
  /// file beside the map, without directories. A tensor that is in two files,
  /// or that a map places in a file that has it not, is an error. Files named
  /// twice are opened once.
  static StatusOr<std::shared_ptr<const WeightFiles>>
  open(const std::vector<std::string> &paths);

  /// Null if no file has it. Padding is not found.
  const TensorView *find(const std::string &name) const;

private:
  std::vector<std::shared_ptr<const SafetensorsFile>> files;
  std::unordered_map<std::string, const TensorView *> index;
};

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_WEIGHTFILES_H
