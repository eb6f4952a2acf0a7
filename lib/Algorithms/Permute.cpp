//===- Permute.cpp - Stored weights with other orders of dimensions -------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodeLayout.h"
#include "compress/Algorithms/Relayout.h"
#include <cstring>
#include <vector>

using namespace mlir::compress::algorithms;
using llvm::ArrayRef;
using llvm::MutableArrayRef;

void mlir::compress::algorithms::permuteEntries(ArrayRef<int64_t> shape,
                                                ArrayRef<unsigned> order,
                                                int64_t width,
                                                ArrayRef<uint8_t> in,
                                                MutableArrayRef<uint8_t> out) {
  const size_t rank = shape.size();
  llvm::SmallVector<int64_t, 4> strides(rank, width), index(rank);
  for (size_t dim = rank; dim-- > 1;)
    strides[dim - 1] = strides[dim] * shape[dim];
  int64_t from = 0;
  for (size_t to = 0; to < out.size(); to += width) {
    std::memcpy(&out[to], &in[from], width);
    for (size_t i = rank; i-- > 0;) {
      unsigned dim = order[i];
      from += strides[dim];
      if (++index[dim] < shape[dim])
        break;
      from -= strides[dim] * shape[dim];
      index[dim] = 0;
    }
  }
}

void mlir::compress::algorithms::permuteCodes(
    ArrayRef<int64_t> shape, ArrayRef<unsigned> order, unsigned bits,
    int64_t rowLength, ArrayRef<uint8_t> codes,
    MutableArrayRef<uint8_t> permuted) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  if (!count)
    return;
  const Kernels &kernels = getKernels(Isa::Auto);
  std::vector<uint8_t> bytes(count), moved(count);
  CodeLayout(bits, shape.back())
      .unpack(kernels, codes.data(), 0, count, /*isSigned=*/false,
              bytes.data());
  permuteEntries(shape, order, 1, bytes, moved);
  CodeLayout(bits, rowLength)
      .pack(kernels, moved.data(), 0, count, permuted.data());
}
