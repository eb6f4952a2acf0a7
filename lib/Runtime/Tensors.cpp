//===- Tensors.cpp - tensors of callers, and of compiled code -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tensors.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using store::Status;

std::string runtime::formatShape(const int64_t *shape, size_t rank) {
  std::string text = "[";
  for (size_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") +
            (shape[i] == store::kDynamic ? "?" : std::to_string(shape[i]));
  return text + "]";
}

void runtime::copyStrided(const int64_t *shape, size_t rank, size_t width,
                          const char *from, const int64_t *fromStrides,
                          char *to, const int64_t *toStrides) {
  if (rank == 0) {
    std::memcpy(to, from, width);
    return;
  }
  if (rank == 1 && fromStrides[0] == 1 && toStrides[0] == 1) {
    if (shape[0])
      std::memcpy(to, from, size_t(shape[0]) * width);
    return;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    copyStrided(shape + 1, rank - 1, width,
                from + i * fromStrides[0] * int64_t(width), fromStrides + 1,
                to + i * toStrides[0] * int64_t(width), toStrides + 1);
}

std::vector<int64_t> runtime::getRowMajorStrides(const int64_t *shape,
                                                 size_t rank) {
  std::vector<int64_t> strides(rank);
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

bool runtime::isRowMajor(const CompressTensor &tensor) {
  std::vector<int64_t> expected = getRowMajorStrides(tensor.shape, tensor.rank);
  for (int32_t i = 0; tensor.strides && i < tensor.rank; ++i)
    if (tensor.shape[i] > 1 && tensor.strides[i] != expected[i])
      return false;
  return true;
}

Status runtime::checkTensor(const std::string &what,
                            const CompressTensor &tensor,
                            const store::ManifestTensorType &type) {
  size_t rank = type.shape.size();
  if (tensor.dtype != int32_t(type.dtype)) {
    bool known = tensor.dtype >= 0 && tensor.dtype <= COMPRESS_F8_E8M0;
    return Status::error(
        what + ": expected elements of type " +
        std::string(store::stringifyDType(type.dtype)) + ", but got " +
        (known ? std::string(store::stringifyDType(store::DType(tensor.dtype)))
               : "dtype " + std::to_string(tensor.dtype)));
  }
  if (tensor.rank != int32_t(rank))
    return Status::error(what + ": expected rank " + std::to_string(rank) +
                         " " + formatShape(type.shape.data(), rank) +
                         ", but got rank " + std::to_string(tensor.rank));
  if (rank && !tensor.shape)
    return Status::error(what + ": expected a shape");
  bool matches = true;
  for (size_t i = 0; i < rank; ++i)
    matches &= tensor.shape[i] >= 0 && (type.shape[i] == store::kDynamic ||
                                        type.shape[i] == tensor.shape[i]);
  if (!matches)
    return Status::error(what + ": expected shape " +
                         formatShape(type.shape.data(), rank) + ", but got " +
                         formatShape(tensor.shape, rank));
  std::vector<int64_t> shape(tensor.shape, tensor.shape + rank);
  std::optional<uint64_t> bytes = store::computeByteSize(type.dtype, shape);
  if (!bytes)
    return Status::error(what + ": expected a shape of less than 2^63 bytes");
  if (*bytes && !tensor.data)
    return Status::error(what + ": expected data");
  for (size_t i = 0; tensor.strides && i < rank; ++i)
    if (tensor.strides[i] < 0)
      return Status::error(what + ": expected strides of 0 or more, but got " +
                           std::to_string(tensor.strides[i]));
  return {};
}

const void *runtime::getRowMajor(const CompressTensor &tensor, size_t width,
                                 std::vector<std::unique_ptr<char[]>> &copies) {
  size_t rank = tensor.rank;
  std::vector<int64_t> expected = getRowMajorStrides(tensor.shape, rank);
  if (isRowMajor(tensor) &&
      reinterpret_cast<uintptr_t>(tensor.data) % width == 0)
    return tensor.data;
  size_t elements = 1;
  for (size_t i = 0; i < rank; ++i)
    elements *= size_t(tensor.shape[i]);
  copies.emplace_back(
      new (std::nothrow) char[std::max<size_t>(elements, 1) * width]);
  char *copy = copies.back().get();
  if (copy && elements)
    copyStrided(tensor.shape, rank, width,
                static_cast<const char *>(tensor.data),
                tensor.strides ? tensor.strides : expected.data(), copy,
                expected.data());
  return copy;
}

bool runtime::allocate(const int64_t *shape, size_t rank, store::DType dtype,
                       CompressTensor &output) {
  size_t bytes = store::getDTypeSize(dtype);
  for (size_t i = 0; i < rank; ++i)
    bytes *= size_t(shape[i]);
  size_t padded = (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
  void *block = nullptr;
  if (posix_memalign(&block, 64, padded + 2 * rank * sizeof(int64_t)))
    return false;
  auto *numbers =
      reinterpret_cast<int64_t *>(static_cast<char *>(block) + padded);
  std::vector<int64_t> strides = getRowMajorStrides(shape, rank);
  std::copy_n(shape, rank, numbers);
  std::copy_n(strides.data(), rank, numbers + rank);
  output = {block,   int32_t(dtype), int32_t(rank),
            numbers, numbers + rank, COMPRESS_HOST};
  return true;
}
