//===- Tensors.h - tensors of callers, and of compiled code ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_RUNTIME_TENSORS_H
#define COMPRESS_LIB_RUNTIME_TENSORS_H

#include "compress-c/Runtime.h"
#include "compress/Store/Manifest.h"
#include <memory>

namespace mlir::compress::runtime {

/// { allocated, aligned, offset, sizes[rank], strides[rank] }, in words.
class Descriptor {
public:
  explicit Descriptor(size_t rank) : words(3 + 2 * rank), rank(rank) {}

  void set(const void *data, const int64_t *shape) {
    words[0] = words[1] = reinterpret_cast<intptr_t>(data);
    int64_t stride = 1;
    for (size_t i = rank; i-- > 0;) {
      words[3 + i] = shape[i];
      words[3 + rank + i] = stride;
      stride *= shape[i];
    }
  }
  void *raw() { return words.data(); }
  void *allocated() const { return reinterpret_cast<void *>(words[0]); }
  const int64_t *sizes() const { return words.data() + 3; }
  const int64_t *strides() const { return words.data() + 3 + rank; }
  const char *elements(size_t width) const {
    return reinterpret_cast<const char *>(words[1]) + words[2] * int64_t(width);
  }

private:
  std::vector<int64_t> words;
  size_t rank;
};

std::string formatShape(const int64_t *shape, size_t rank);

std::vector<int64_t> getRowMajorStrides(const int64_t *shape, size_t rank);

/// Whether the elements follow each other in memory, in order.
bool isRowMajor(const CompressTensor &tensor);

/// Copies `shape` elements of `width` bytes between strided buffers.
void copyStrided(const int64_t *shape, size_t rank, size_t width,
                 const char *from, const int64_t *fromStrides, char *to,
                 const int64_t *toStrides);

/// Whether a tensor of the caller has the type, and sizes that can be there.
/// Sizes of `type` that are known at run time only are not compared.
store::Status checkTensor(const std::string &what, const CompressTensor &tensor,
                          const store::ManifestTensorType &type);

/// The data of an input as compiled code wants them: row-major, aligned to the
/// element. Copied to `copies` when they are not; null if there is no memory.
const void *getRowMajor(const CompressTensor &tensor, size_t width,
                        std::vector<std::unique_ptr<char[]>> &copies);

/// Allocates an output in one block: elements, then shape and strides.
bool allocate(const int64_t *shape, size_t rank, store::DType dtype,
              CompressTensor &output);

} // namespace mlir::compress::runtime

#endif // COMPRESS_LIB_RUNTIME_TENSORS_H
