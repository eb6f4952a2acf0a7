//===- SignWindow.cpp - windows of images of signs ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SignWindow.h"

using namespace mlir;
using namespace mlir::compress;

/// Steps of k in a word.
static constexpr int64_t kWordBits = 32;

namespace {
/// Numbers from `low` to `high`; no `high` where they have no known end.
struct Interval {
  int64_t low;
  std::optional<int64_t> high;
};
} // namespace

/// Where an expression of a window lies: sums, multiples, quotients and
/// remainders of what is not negative. Nothing for others.
static std::optional<Interval> getInterval(AffineExpr expr,
                                           ArrayRef<Interval> dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return Interval{constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return std::nullopt;
  auto left = getInterval(binary.getLHS(), dims),
       right = getInterval(binary.getRHS(), dims);
  if (!left || !right)
    return std::nullopt;
  bool isBy = right->high == right->low && right->low > 0;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return Interval{left->low + right->low,
                    left->high && right->high
                        ? std::optional(*left->high + *right->high)
                        : std::nullopt};
  case AffineExprKind::Mul:
    if (!isBy)
      return std::nullopt;
    return Interval{left->low * right->low,
                    left->high ? std::optional(*left->high * right->low)
                               : std::nullopt};
  case AffineExprKind::FloorDiv:
    if (!isBy || left->low < 0)
      return std::nullopt;
    return Interval{left->low / right->low,
                    left->high ? std::optional(*left->high / right->low)
                               : std::nullopt};
  case AffineExprKind::Mod:
    if (!isBy || left->low < 0)
      return std::nullopt;
    return Interval{
        0, std::min(left->high.value_or(right->low - 1), right->low - 1)};
  default:
    return std::nullopt;
  }
}

/// Where the dimensions of a window lie.
static SmallVector<Interval> getDimIntervals(ContractOp op) {
  int64_t rows =
      cast<ShapedType>(op.getInit().getType()).getDimSize(op.getDimM());
  SmallVector<Interval> dims(op.getNumBatch(), Interval{0, std::nullopt});
  dims.push_back({0, ShapedType::isDynamic(rows) ? std::nullopt
                                                 : std::optional(rows - 1)});
  dims.push_back({0, op.getReducedSize() - 1});
  return dims;
}

bool mlir::compress::isUnsignedWindow(ContractOp op) {
  SmallVector<Interval> dims = getDimIntervals(op);
  return llvm::all_of(op.getWindow()->getResults(), [&](AffineExpr expr) {
    return getInterval(expr, dims).has_value();
  });
}

SmallVector<unsigned> mlir::compress::getOpenDims(ContractOp op) {
  SmallVector<unsigned> open;
  if (!op.getWindow())
    return open;
  auto lhs = cast<ShapedType>(op.getLhs().getType());
  SmallVector<Interval> dims = getDimIntervals(op);
  // Sizes that are not known are large enough.
  for (unsigned dim = op.getNumBatch(); dim < lhs.getRank(); ++dim) {
    auto range = getInterval(op.getWindow()->getResult(dim), dims);
    bool isInside = range && range->low >= 0 &&
                    (lhs.isDynamicDim(dim) ||
                     (range->high && *range->high < lhs.getDimSize(dim)));
    if (!isInside)
      open.push_back(dim);
  }
  return open;
}

std::optional<SignWindow> mlir::compress::getSignWindow(ContractOp op) {
  int64_t k = op.getReducedSize();
  auto lhs = cast<ShapedType>(op.getLhs().getType());
  if (!op.getWindow() || k % kWordBits != 0)
    return std::nullopt;
  // Of a row, relative to k = 0.
  SmallVector<AffineExpr> values(op.getNumBatch() + 2,
                                 getAffineConstantExpr(0, op.getContext()));
  auto getPosition = [&](int64_t at) {
    values.back() = getAffineConstantExpr(at, op.getContext());
    return llvm::map_to_vector(
        op.getWindow()->getResults(), [&](AffineExpr expr) {
          return cast<AffineConstantExpr>(expr.replaceDims(values)).getValue();
        });
  };
  SmallVector<int64_t> origin = getPosition(0), second = getPosition(1);
  SignWindow window;
  auto found = llvm::find_if(llvm::seq<unsigned>(lhs.getRank()), [&](auto dim) {
    return second[dim] == origin[dim] + 1;
  });
  if (found == llvm::seq<unsigned>(lhs.getRank()).end())
    return std::nullopt;
  window.channelDim = *found;
  if (lhs.isDynamicDim(window.channelDim) ||
      op.getWindow()
          ->getResult(window.channelDim)
          .isFunctionOfDim(op.getDimM()) ||
      lhs.getDimSize(window.channelDim) % kWordBits != 0)
    return std::nullopt;
  for (int64_t first = 0; first < k; first += kWordBits) {
    SmallVector<int64_t> begin = getPosition(first);
    if (begin[window.channelDim] % kWordBits != 0)
      return std::nullopt;
    SmallVector<int64_t> expected = begin;
    for (int64_t bit = 1; bit < kWordBits; ++bit) {
      ++expected[window.channelDim];
      if (getPosition(first + bit) != expected)
        return std::nullopt;
    }
    for (auto [position, start] : llvm::zip_equal(begin, origin))
      position -= start;
    window.places.push_back(std::move(begin));
  }
  // Neighbours are one place, if all places have as many.
  auto isNext = [&](size_t word) {
    SmallVector<int64_t> expected = window.places[word - 1];
    expected[window.channelDim] += kWordBits;
    return window.places[word] == expected;
  };
  size_t words = window.places.size(), length = 1;
  while (length < words && isNext(length))
    ++length;
  for (size_t word = 1; word < words; ++word)
    if (isNext(word) != (word % length != 0))
      length = 1;
  window.wordsPerPlace = length;
  for (size_t place = 0; place * length < words; ++place)
    window.places[place] = window.places[place * length];
  window.places.resize(words / length);
  window.openDims = getOpenDims(op);
  if (llvm::is_contained(window.openDims, window.channelDim))
    return std::nullopt;
  return window;
}
