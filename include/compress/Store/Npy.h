//===- Npy.h - numpy's array files ----------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Format:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html,
// versions 1.0 to 3.0, little-endian numbers.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_NPY_H
#define COMPRESS_STORE_NPY_H

#include "compress/Store/DType.h"
#include "compress/Store/MappedFile.h"
#include <vector>

namespace mlir::compress::store {

/// An array in row-major order.
struct NpyArray {
  DType dtype;
  std::vector<int64_t> shape;
  std::vector<uint8_t> data;
};

/// Reads an array. Column-major files are transposed; big-endian, structured
/// and object arrays are errors. "<V2" is bf16, which is how ml_dtypes saves
/// it. "|V1" is an 8-bit float of a kind that the file does not tell, and is
/// read as U8.
StatusOr<NpyArray> readNpy(const std::string &path);

/// Writes an array, atomically. bf16 becomes "<V2"; 8-bit floats become "|V1".
Status writeNpy(const std::string &path, const NpyArray &array);

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_NPY_H
