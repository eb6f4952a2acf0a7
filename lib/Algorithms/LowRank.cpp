//===- LowRank.cpp - Matrices as products of thin factors -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/LowRank.h"

#include "Matrix.h"

#include <algorithm>
#include <cmath>

using namespace mlir::compress::algorithms;

//===----------------------------------------------------------------------===//
// Orthonormal bases
//===----------------------------------------------------------------------===//

/// The inverse of the upper triangular R with R^T R = `gram`. A column that
/// depends on those before it, as far as f32 can tell, becomes zero.
static std::vector<double> invertCholesky(std::vector<double> gram, size_t n) {
  constexpr double dependent = 1e-13;
  std::vector<double> diagonal(n);
  for (size_t i = 0; i < n; ++i)
    diagonal[i] = gram[i * n + i];
  for (size_t i = 0; i < n; ++i) {
    double *row = &gram[i * n];
    double pivot = row[i];
    if (!(pivot > dependent * diagonal[i])) {
      std::fill(row + i, row + n, 0);
      continue;
    }
    double scale = 1 / std::sqrt(pivot);
    for (size_t j = i; j < n; ++j)
      row[j] *= scale;
    for (size_t j = i + 1; j < n; ++j) {
      double *below = &gram[j * n], factor = row[j];
      for (size_t p = j; p < n; ++p)
        below[p] -= factor * row[p];
    }
  }
  std::vector<double> inverse(n * n, 0);
  for (size_t i = n; i-- > 0;) {
    const double *row = &gram[i * n];
    if (row[i] == 0)
      continue;
    double *to = &inverse[i * n];
    to[i] = 1;
    for (size_t j = i + 1; j < n; ++j)
      for (size_t p = j; p < n; ++p)
        to[p] -= row[j] * inverse[j * n + p];
    for (size_t p = i; p < n; ++p)
      to[p] /= row[i];
  }
  return inverse;
}

/// Makes the columns of `y` orthonormal, or zero. `passes` of Cholesky QR: one
/// is enough to keep them apart, two make them orthonormal in f32.
static void orthonormalize(std::vector<float> &y, size_t rows, size_t cols,
                           unsigned passes, Isa isa) {
  MatrixView<float> view{y.data(), cols, 1};
  for (unsigned pass = 0; pass < passes; ++pass) {
    std::vector<double> gram(cols * cols, 0), product(rows * cols, 0);
    multiplyInto(cols, cols, rows, view.transposed(), view, gram.data(), cols,
                 /*parallel=*/true, isa);
    std::vector<double> inverse = invertCholesky(std::move(gram), cols);
    multiplyInto(rows, cols, cols, view,
                 MatrixView<double>{inverse.data(), cols, 1}, product.data(),
                 cols, /*parallel=*/true, isa);
    std::copy(product.begin(), product.end(), y.begin());
  }
}

/// Independent numbers of mean 0, bell-shaped: sums of four uniform ones, which
/// are exact, so that no library of elementary functions matters.
static std::vector<float> makeTestMatrix(size_t size) {
  std::vector<float> result(size);
  uint64_t state = 0x853c49e6748fea9bull; // splitmix64
  for (float &value : result) {
    uint64_t bits = state += 0x9e3779b97f4a7c15ull;
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
    bits ^= bits >> 31;
    int64_t sum = 0;
    for (unsigned shift = 0; shift < 64; shift += 16)
      sum += int64_t((bits >> shift) & 0xffff);
    value = float(sum - 2 * 0xffff) * 0x1p-16f;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Decomposition
//===----------------------------------------------------------------------===//

namespace {
/// W ~ basis^T (basis W) with orthonormal rows in `basis`, those that keep most
/// first, for a W that is not higher than it is wide.
struct Projection {
  std::vector<float> basis;     // [rank, height]
  std::vector<float> projected; // [rank, width]
};

class Decomposition {
public:
  Decomposition(MatrixView<float> w, size_t height, size_t width, size_t rank,
                Isa isa)
      : w(w), height(height), width(width), rank(rank), isa(isa) {}

  Projection computeExact() const;
  Projection computeRandomized() const;

private:
  /// a b as a row-major matrix of m rows and n columns.
  template <typename T>
  std::vector<T> multiply(size_t m, size_t n, size_t k, MatrixView<float> a,
                          MatrixView<float> b) const {
    std::vector<T> result(m * n, 0);
    multiplyInto(m, n, k, a, b, result.data(), n, /*parallel=*/true, isa);
    return result;
  }

  MatrixView<float> w;
  size_t height, width, rank;
  Isa isa;
};
} // namespace

static std::vector<float> toFloat(const std::vector<double> &values) {
  return std::vector<float>(values.begin(), values.end());
}

Projection Decomposition::computeExact() const {
  SymmetricEigen eigen = computeEigen(
      multiply<double>(height, height, width, w, w.transposed()), height, rank);
  Projection result;
  result.basis = toFloat(eigen.vectors);
  result.projected = toFloat(multiply<double>(
      rank, width, height, {result.basis.data(), height, 1}, w));
  return result;
}

Projection Decomposition::computeRandomized() const {
  constexpr size_t oversampling = 10, powerIterations = 2;
  size_t size = std::min(rank + oversampling, height);
  auto view = [&](const std::vector<float> &matrix) {
    return MatrixView<float>{matrix.data(), size, 1};
  };
  std::vector<float> test = makeTestMatrix(width * size);
  std::vector<float> range =
      multiply<float>(height, size, width, w, view(test));
  for (size_t i = 0; i < powerIterations; ++i) {
    orthonormalize(range, height, size, 1, isa);
    test = multiply<float>(width, size, height, w.transposed(), view(range));
    orthonormalize(test, width, size, 1, isa);
    range = multiply<float>(height, size, width, w, view(test));
  }
  orthonormalize(range, height, size, 2, isa);

  // The same for the small matrix range^T w, exactly.
  std::vector<float> small =
      multiply<float>(size, width, height, view(range).transposed(), w);
  MatrixView<float> smallView{small.data(), width, 1};
  SymmetricEigen eigen = computeEigen(
      multiply<double>(size, size, width, smallView, smallView.transposed()),
      size, rank);
  std::vector<float> vectors = toFloat(eigen.vectors);
  MatrixView<float> vectorsView{vectors.data(), size, 1};
  Projection result;
  result.basis = toFloat(multiply<double>(rank, height, size, vectorsView,
                                          view(range).transposed()));
  result.projected =
      toFloat(multiply<double>(rank, width, size, vectorsView, smallView));
  return result;
}

LowRankFactors mlir::compress::algorithms::factorize(llvm::ArrayRef<float> w,
                                                     int64_t n, int64_t k,
                                                     int64_t rank,
                                                     SvdMethod method,
                                                     Isa isa) {
  LowRankFactors result;
  result.u.assign(n * rank, 0);
  result.v.assign(rank * k, 0);
  int64_t side = std::min(n, k), length = std::max(n, k);
  // Scaled by a power of two, exactly, so that products stay in range.
  float largest = 0;
  for (float value : w)
    largest = std::max(largest, std::abs(value));
  if (side == 0 || largest == 0)
    return result;
  int exponent = std::ilogb(largest);
  std::vector<float> scaled(w.size());
  std::transform(w.begin(), w.end(), scaled.begin(), [&](float value) {
    return float(std::ldexp(double(value), -exponent));
  });

  int64_t kept = std::min(rank, side);
  MatrixView<float> view{scaled.data(), size_t(k), 1};
  Decomposition decomposition(n <= k ? view : view.transposed(), side, length,
                              kept, isa);
  bool randomized = method == SvdMethod::Randomized ||
                    (method == SvdMethod::Auto && side > kMaxExactSide);
  Projection projection = randomized ? decomposition.computeRandomized()
                                     : decomposition.computeExact();
  for (int64_t p = 0; p < kept; ++p) {
    const float *basis = &projection.basis[p * side];
    const float *projected = &projection.projected[p * length];
    double squares = 0;
    for (int64_t i = 0; i < length; ++i)
      squares += double(projected[i]) * projected[i];
    if (squares == 0)
      continue;
    double share = std::sqrt(std::sqrt(squares));
    // Half of the scale each; an odd one has its half in both factors.
    double half = std::ldexp(exponent % 2 ? std::sqrt(2.0) : 1.0,
                             (exponent - (exponent % 2 ? 1 : 0)) / 2);
    for (int64_t i = 0; i < n; ++i)
      result.u[i * rank + p] =
          float(n <= k ? basis[i] * share * half : projected[i] / share * half);
    for (int64_t i = 0; i < k; ++i)
      result.v[p * k + i] =
          float(n <= k ? projected[i] / share * half : basis[i] * share * half);
  }
  return result;
}

void mlir::compress::algorithms::multiplyFactors(
    llvm::ArrayRef<float> u, llvm::ArrayRef<float> v, int64_t k, int64_t rank,
    int64_t begin, llvm::MutableArrayRef<float> out, Isa isa) {
  std::fill(out.begin(), out.end(), 0.0f);
  // Part of a row, whole rows, part of a row.
  while (!out.empty()) {
    int64_t row = begin / k, col = begin % k, size = out.size();
    int64_t rows = col == 0 && size >= k ? size / k : 1;
    int64_t cols = rows > 1 ? k : std::min(k - col, size);
    multiplyInto(rows, cols, rank,
                 MatrixView<float>{u.data() + row * rank, size_t(rank), 1},
                 MatrixView<float>{v.data() + col, size_t(k), 1}, out.data(), k,
                 /*parallel=*/false, isa);
    out = out.drop_front(rows * cols);
    begin += rows * cols;
  }
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

std::vector<double> mlir::compress::algorithms::computeSingularValues(
    llvm::ArrayRef<float> w, int64_t n, int64_t k, Isa isa) {
  size_t side = std::min(n, k), length = std::max(n, k);
  if (side == 0)
    return {};
  MatrixView<float> view{w.data(), size_t(k), 1};
  if (n > k)
    view = view.transposed();
  std::vector<double> gram(side * side, 0);
  multiplyInto(side, side, length, view, view.transposed(), gram.data(), side,
               /*parallel=*/true, isa);
  std::vector<double> values = computeEigen(std::move(gram), side, 0).values;
  for (double &value : values)
    value = std::sqrt(std::max(value, 0.0));
  return values;
}

int64_t mlir::compress::algorithms::chooseRankByEnergy(
    llvm::ArrayRef<double> singularValues, double fraction) {
  return chooseRankByError(singularValues,
                           std::sqrt(std::max(0.0, 1 - fraction)));
}

int64_t mlir::compress::algorithms::chooseRankByError(
    llvm::ArrayRef<double> singularValues, double error) {
  double total = 0;
  for (double value : singularValues)
    total += value * value;
  // From the small end, so that little is not added to much.
  double lost = 0;
  int64_t rank = singularValues.size();
  for (; rank > 0; --rank) {
    lost += singularValues[rank - 1] * singularValues[rank - 1];
    if (lost > error * error * total)
      break;
  }
  return rank;
}

int64_t mlir::compress::algorithms::chooseRankBySize(int64_t n, int64_t k,
                                                     double fraction,
                                                     int64_t step) {
  double elements = double(n) * double(k), perRank = double(n) + double(k);
  if (elements == 0)
    return 0;
  double steps = std::round(elements / perRank * fraction / double(step));
  int64_t rank = std::max<int64_t>(1, int64_t(steps)) * step;
  return double(rank) * perRank < elements ? rank : 0;
}

std::optional<int64_t> mlir::compress::algorithms::findOverflow(
    llvm::ArrayRef<float> u, llvm::ArrayRef<float> v, int64_t n, int64_t k,
    int64_t rank, FloatKind kind) {
  if (n == 0 || k == 0)
    return std::nullopt;
  // No element is larger than the longest row of u times that of v^T.
  double longestRow = 0;
  for (int64_t i = 0; i < n; ++i) {
    double squares = 0;
    for (int64_t p = 0; p < rank; ++p)
      squares += double(u[i * rank + p]) * u[i * rank + p];
    longestRow = std::max(longestRow, squares);
  }
  std::vector<double> columns(k, 0);
  for (int64_t p = 0; p < rank; ++p)
    for (int64_t j = 0; j < k; ++j)
      columns[j] += double(v[p * k + j]) * v[p * k + j];
  double longestColumn = *std::max_element(columns.begin(), columns.end());
  // Rounding of sums is far less than the half that is left.
  if (std::sqrt(longestRow) * std::sqrt(longestColumn) <
      double(getMaxFinite(kind)) / 2)
    return std::nullopt;
  constexpr int64_t chunk = 1 << 16;
  std::vector<float> values(std::min(chunk, n * k));
  for (int64_t begin = 0; begin < n * k; begin += chunk) {
    llvm::MutableArrayRef<float> part(values.data(),
                                      std::min(chunk, n * k - begin));
    multiplyFactors(u, v, k, rank, begin, part);
    roundToKind(kind, part);
    if (auto index = findNonFinite(part))
      return begin + *index;
  }
  return std::nullopt;
}

std::optional<int64_t>
mlir::compress::algorithms::findNonFinite(llvm::ArrayRef<float> values) {
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      return i;
  return std::nullopt;
}
