//===- SymmetricEigen.cpp - Eigenvectors of symmetric matrices ------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Matrix.h"

#include "llvm/Support/Parallel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir::compress::algorithms;

namespace {
/// A = Q T Q^T with tridiagonal T; Q = H_0 H_1 ..., H_k = I - 2 v_k v_k^T,
/// where v_k is zero up to element k.
struct Tridiagonal {
  std::vector<double> diagonal, offDiagonal;
  std::vector<double> reflectors; // row k is v_k
};
} // namespace

static double dot(const double *x, const double *y, size_t n) {
  // Four sums, in a fixed order, which the compiler can keep in vectors.
  double sums[4] = {0, 0, 0, 0};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t lane = 0; lane < 4; ++lane)
      sums[lane] += x[i + lane] * y[i + lane];
  for (; i < n; ++i)
    sums[0] += x[i] * y[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/// Calls `each` for begin, begin + 1, ..., end - 1, some in a row to a thread.
template <typename Fn>
static void forEachRow(size_t begin, size_t end, Fn &&each) {
  constexpr size_t share = 64;
  llvm::parallelFor(0, (end - begin + share - 1) / share, [&](size_t task) {
    size_t first = begin + task * share;
    for (size_t i = first; i < std::min(end, first + share); ++i)
      each(i);
  });
}

static Tridiagonal reduce(std::vector<double> &a, size_t n) {
  Tridiagonal result;
  result.diagonal.resize(n);
  result.offDiagonal.assign(n, 0);
  result.reflectors.assign(n * n, 0);
  std::vector<double> w(n);
  for (size_t k = 0; k < n; ++k) {
    result.diagonal[k] = a[k * n + k];
    if (k + 1 == n)
      break;
    const double *row = &a[k * n];
    double *v = &result.reflectors[k * n];
    size_t first = k + 1, rest = n - first;
    double norm = std::sqrt(dot(row + first, row + first, rest));
    double alpha = row[first] > 0 ? -norm : norm;
    result.offDiagonal[k] = alpha;
    if (norm == 0 || rest == 1) {
      result.offDiagonal[k] = row[first]; // nothing to reflect
      continue;
    }
    std::copy_n(row + first, rest, v + first);
    v[first] -= alpha;
    double length = std::sqrt(dot(v + first, v + first, rest));
    for (size_t i = first; i < n; ++i)
      v[i] /= length;
    // A -= v w^T + w v^T with w = 2 (A v - (v^T A v) v).
    forEachRow(first, n, [&](size_t i) {
      w[i] = dot(&a[i * n + first], v + first, rest);
    });
    double both = dot(&w[first], v + first, rest);
    for (size_t i = first; i < n; ++i)
      w[i] = 2 * (w[i] - both * v[i]);
    forEachRow(first, n, [&](size_t i) {
      double *to = &a[i * n];
      double vi = v[i], wi = w[i];
      for (size_t j = first; j < n; ++j)
        to[j] -= vi * w[j] + wi * v[j];
    });
  }
  return result;
}

/// Diagonalizes by implicit QL steps; `rows` are rotated along. Fails, in
/// theory, where 60 steps do not reach one value: it stays as good as it is.
static void diagonalize(std::vector<double> &d, std::vector<double> &e,
                        std::vector<double> &rows, size_t n) {
  for (size_t l = 0; l < n; ++l) {
    for (int step = 0; step < 60; ++step) {
      size_t m = l;
      for (; m + 1 < n; ++m)
        if (std::abs(e[m]) <= std::numeric_limits<double>::epsilon() *
                                  (std::abs(d[m]) + std::abs(d[m + 1])))
          break;
      if (m == l)
        break;
      double g = (d[l + 1] - d[l]) / (2 * e[l]);
      double r = std::hypot(g, 1.0);
      g = d[m] - d[l] + e[l] / (g + std::copysign(r, g));
      double s = 1, c = 1, p = 0;
      bool split = false;
      for (size_t i = m; i-- > l;) {
        double f = s * e[i], b = c * e[i];
        r = std::hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {
          d[i + 1] -= p;
          e[m] = 0;
          split = true;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * s + 2 * c * b;
        p = s * r;
        d[i + 1] = g + p;
        g = c * r - b;
        double *upper = &rows[i * n], *lower = &rows[(i + 1) * n];
        for (size_t j = 0; j < n; ++j) {
          double x = upper[j], y = lower[j];
          lower[j] = s * x + c * y;
          upper[j] = c * x - s * y;
        }
      }
      if (split)
        continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  }
}

SymmetricEigen
mlir::compress::algorithms::computeEigen(std::vector<double> matrix, size_t n,
                                         size_t count) {
  // Entries near the ends of the range would overflow, or vanish, as squares.
  double largest = 0;
  for (double value : matrix)
    largest = std::max(largest, std::abs(value));
  if (largest > 0)
    for (double &value : matrix)
      value /= largest;
  Tridiagonal reduced = reduce(matrix, n);
  std::vector<double> rows(n * n, 0);
  for (size_t i = 0; i < n; ++i)
    rows[i * n + i] = 1;
  std::vector<double> &d = reduced.diagonal;
  diagonalize(d, reduced.offDiagonal, rows, n);

  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    return d[x] != d[y] ? d[x] > d[y] : x < y;
  });
  SymmetricEigen result;
  for (size_t i : order)
    result.values.push_back(d[i] * largest);
  count = std::min(count, n);
  result.vectors.resize(count * n);
  forEachRow(0, count, [&](size_t i) {
    double *vector = &result.vectors[i * n];
    std::copy_n(&rows[order[i] * n], n, vector);
    for (size_t k = n; k-- > 0;) {
      const double *v = &reduced.reflectors[k * n];
      double scale = 2 * dot(v + k, vector + k, n - k);
      for (size_t j = k; j < n; ++j)
        vector[j] -= scale * v[j];
    }
  });
  return result;
}
