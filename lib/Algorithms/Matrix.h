//===- Matrix.h - Products and factorizations of matrices -------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The linear algebra that the encoders need and no more. Every element of a
// product is the sum of its terms in order, each rounded twice (no fused
// multiply-add), whatever the instruction set and the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_MATRIX_H
#define COMPRESS_LIB_ALGORITHMS_MATRIX_H

#include "compress/Algorithms/Isa.h"

#include <cstddef>
#include <vector>

namespace mlir::compress::algorithms {

/// A matrix whose element (i, j) is data[i * rowStride + j * colStride].
template <typename T> struct MatrixView {
  const T *data;
  size_t rowStride, colStride;

  MatrixView transposed() const { return {data, colStride, rowStride}; }
};

/// c[m, n] += a[m, k] * b[k, n] in the type of c, which is row-major with
/// `stride` elements a row. Uses the threads of LLVM's pool if `parallel`.
void multiplyInto(size_t m, size_t n, size_t k, MatrixView<float> a,
                  MatrixView<float> b, float *c, size_t stride, bool parallel,
                  Isa isa = Isa::Auto);
void multiplyInto(size_t m, size_t n, size_t k, MatrixView<float> a,
                  MatrixView<float> b, double *c, size_t stride, bool parallel,
                  Isa isa = Isa::Auto);
void multiplyInto(size_t m, size_t n, size_t k, MatrixView<float> a,
                  MatrixView<double> b, double *c, size_t stride, bool parallel,
                  Isa isa = Isa::Auto);

/// Eigenvalues of a symmetric matrix, the largest first, and the eigenvectors
/// of the first `count` of them as rows.
struct SymmetricEigen {
  std::vector<double> values;
  std::vector<double> vectors;
};

/// By reduction to tridiagonal form and implicit QL steps (Golub and Van Loan,
/// "Matrix Computations", 8.3). `matrix` is row-major, n by n, and is used up.
SymmetricEigen computeEigen(std::vector<double> matrix, size_t n, size_t count);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_MATRIX_H
