//===- Matrix.cpp - Products of matrices ----------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Matrix.h"

#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <memory>

using namespace mlir::compress::algorithms;

//===----------------------------------------------------------------------===//
// Inner loops
//===----------------------------------------------------------------------===//

namespace {
struct MatrixKernels {
  size_t rows, rowBytes; // of a tile
  void (*f32)(size_t depth, const float *a, const float *b, float *c,
              size_t stride);
  void (*f64)(size_t depth, const double *a, const double *b, double *c,
              size_t stride);
};

namespace baseline {
#define COMPRESS_ROWS 2
#define COMPRESS_VECTORS 1
#include "MatrixKernels.inc"
#undef COMPRESS_ROWS
#undef COMPRESS_VECTORS
} // namespace baseline

#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("arch=x86-64-v3"))),        \
                             apply_to = function)
#else
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v3")
#endif
namespace x86v3 {
#define COMPRESS_ROWS 6
#define COMPRESS_VECTORS 1
#include "MatrixKernels.inc"
#undef COMPRESS_ROWS
#undef COMPRESS_VECTORS
} // namespace x86v3
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))),        \
                             apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#endif
namespace x86v4 {
#define COMPRESS_ROWS 12
#define COMPRESS_VECTORS 2
#include "MatrixKernels.inc"
#undef COMPRESS_ROWS
#undef COMPRESS_VECTORS
} // namespace x86v4
#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif // __x86_64__

const MatrixKernels &getMatrixKernels(Isa isa) {
#ifdef __x86_64__
  switch (resolveIsa(isa)) {
  case Isa::X86V4:
    return x86v4::kTable;
  case Isa::X86V3:
    return x86v3::kTable;
  default:
    break;
  }
#endif
  return baseline::kTable;
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// Rows and depth of a block of a, columns of a block of b: they stay in the
/// caches. Rows are a multiple of those of every tile.
constexpr size_t kRows = 96, kDepth = 256, kCols = 512;

/// Copies [rows, cols] into panels of `width` rows, in each of which the
/// elements of a column are next to each other; what is missing is zero.
template <typename T, typename From>
void pack(MatrixView<From> from, size_t rows, size_t cols, size_t width,
          T *to) {
  for (size_t row = 0; row < rows; row += width) {
    size_t filled = std::min(width, rows - row);
    for (size_t i = 0; i < width; ++i)
      for (size_t j = 0; j < cols; ++j)
        to[j * width + i] =
            i < filled
                ? T(from.data[(row + i) * from.rowStride + j * from.colStride])
                : T(0);
    to += width * cols;
  }
}

template <typename T>
using TileFn = void (*)(size_t, const T *, const T *, T *, size_t);
TileFn<float> getTileFn(const MatrixKernels &kernels, float) {
  return kernels.f32;
}
TileFn<double> getTileFn(const MatrixKernels &kernels, double) {
  return kernels.f64;
}

template <typename T, typename A, typename B>
void multiplyBlocks(size_t m, size_t n, size_t k, MatrixView<A> a,
                    MatrixView<B> b, T *c, size_t stride,
                    const MatrixKernels &kernels) {
  TileFn<T> multiplyTile = getTileFn(kernels, T());
  size_t rows = kernels.rows, cols = kernels.rowBytes / sizeof(T);
  std::unique_ptr<T[]> packedA(new T[kRows * kDepth]);
  std::unique_ptr<T[]> packedB(new T[kCols * kDepth]);
  std::unique_ptr<T[]> edge(new T[rows * cols]);
  for (size_t j0 = 0; j0 < n; j0 += kCols) {
    size_t width = std::min(kCols, n - j0);
    for (size_t p0 = 0; p0 < k; p0 += kDepth) {
      size_t depth = std::min(kDepth, k - p0);
      pack(MatrixView<B>{b.data + p0 * b.rowStride + j0 * b.colStride,
                         b.colStride, b.rowStride},
           width, depth, cols, packedB.get());
      for (size_t i0 = 0; i0 < m; i0 += kRows) {
        size_t height = std::min(kRows, m - i0);
        pack(MatrixView<A>{a.data + i0 * a.rowStride + p0 * a.colStride,
                           a.rowStride, a.colStride},
             height, depth, rows, packedA.get());
        for (size_t j = 0; j < width; j += cols)
          for (size_t i = 0; i < height; i += rows) {
            const T *left = packedA.get() + i * depth;
            const T *right = packedB.get() + j * depth;
            T *tile = c + (i0 + i) * stride + j0 + j;
            size_t tileRows = std::min(rows, height - i);
            size_t tileCols = std::min(cols, width - j);
            if (tileRows == rows && tileCols == cols) {
              multiplyTile(depth, left, right, tile, stride);
              continue;
            }
            std::fill_n(edge.get(), rows * cols, T(0));
            for (size_t y = 0; y < tileRows; ++y)
              std::copy_n(tile + y * stride, tileCols, edge.get() + y * cols);
            multiplyTile(depth, left, right, edge.get(), cols);
            for (size_t y = 0; y < tileRows; ++y)
              std::copy_n(edge.get() + y * cols, tileCols, tile + y * stride);
          }
      }
    }
  }
}

template <typename T, typename A, typename B>
void multiply(size_t m, size_t n, size_t k, MatrixView<A> a, MatrixView<B> b,
              T *c, size_t stride, bool parallel, Isa isa) {
  const MatrixKernels &kernels = getMatrixKernels(isa);
  if (!parallel) {
    multiplyBlocks(m, n, k, a, b, c, stride, kernels);
    return;
  }
  // Elements do not depend on each other, so how they are shared out does not
  // matter.
  if (m >= n) {
    constexpr size_t share = 4 * kRows;
    llvm::parallelFor(0, (m + share - 1) / share, [&](size_t task) {
      size_t begin = task * share;
      multiplyBlocks(
          std::min(share, m - begin), n, k,
          MatrixView<A>{a.data + begin * a.rowStride, a.rowStride, a.colStride},
          b, c + begin * stride, stride, kernels);
    });
  } else {
    llvm::parallelFor(0, (n + kCols - 1) / kCols, [&](size_t task) {
      size_t begin = task * kCols;
      multiplyBlocks(
          m, std::min(kCols, n - begin), k, a,
          MatrixView<B>{b.data + begin * b.colStride, b.rowStride, b.colStride},
          c + begin, stride, kernels);
    });
  }
}
} // namespace

void mlir::compress::algorithms::multiplyInto(size_t m, size_t n, size_t k,
                                              MatrixView<float> a,
                                              MatrixView<float> b, float *c,
                                              size_t stride, bool parallel,
                                              Isa isa) {
  multiply(m, n, k, a, b, c, stride, parallel, isa);
}

void mlir::compress::algorithms::multiplyInto(size_t m, size_t n, size_t k,
                                              MatrixView<float> a,
                                              MatrixView<float> b, double *c,
                                              size_t stride, bool parallel,
                                              Isa isa) {
  multiply(m, n, k, a, b, c, stride, parallel, isa);
}

void mlir::compress::algorithms::multiplyInto(size_t m, size_t n, size_t k,
                                              MatrixView<float> a,
                                              MatrixView<double> b, double *c,
                                              size_t stride, bool parallel,
                                              Isa isa) {
  multiply(m, n, k, a, b, c, stride, parallel, isa);
}
