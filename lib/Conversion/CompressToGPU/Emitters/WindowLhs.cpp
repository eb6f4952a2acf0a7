//===- WindowLhs.cpp - rows of lhs that are windows of an image -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where an element lies is a sum of what its row and its column contribute.
// LLVM takes what a thread's rows contribute out of the loop over stages.
//
//===----------------------------------------------------------------------===//

#include "../../CompressToVector/Emitters/SignWindow.h"
#include "LhsSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
/// A dimension of the image, batches aside.
struct WindowDim {
  /// Of dimension 0, which is the row, and of the column.
  AffineExpr row, column;
  int64_t size, stride;
  /// Whether a position may be out of the image.
  bool hasBorder;
};
} // namespace

static SmallVector<WindowDim> getWindowDims(ContractOp op) {
  AffineMap window = *op.getWindow();
  MLIRContext *context = op.getContext();
  auto image = cast<MemRefType>(op.getLhs().getType());
  unsigned numBatch = op.getNumBatch();
  auto d0 = getAffineDimExpr(0, context);
  auto zero = getAffineConstantExpr(0, context);
  SmallVector<unsigned> open = getOpenDims(op);
  SmallVector<WindowDim> dims;
  int64_t stride = 1;
  for (int64_t i = image.getRank(); i-- > numBatch;) {
    auto take = [&](AffineExpr m, AffineExpr k) {
      SmallVector<AffineExpr> values(numBatch, zero);
      values.append({m, k});
      return window.getResult(i).replaceDims(values);
    };
    WindowDim dim;
    dim.row = take(d0, zero);
    dim.column = take(zero, d0) - take(zero, zero);
    dim.size = image.getDimSize(i);
    dim.stride = stride;
    if (!ShapedType::isDynamic(dim.size))
      stride *= dim.size;
    dim.hasBorder = llvm::is_contained(open, i);
    dims.insert(dims.begin(), dim);
  }
  return dims;
}

std::string mlir::compress::findObstacleOfWindow(ContractOp op) {
  auto image = cast<MemRefType>(op.getLhs().getType());
  unsigned numBatch = op.getNumBatch();
  if (!image.getLayout().isIdentity())
    return "the image that it reads windows of is not contiguous";
  int64_t elements = 1;
  for (int64_t size : image.getShape().drop_front(numBatch + 1)) {
    if (ShapedType::isDynamic(size))
      return "the image that it reads windows of has dynamic sizes";
    if (llvm::MulOverflow(elements, size, elements) ||
        elements > std::numeric_limits<int32_t>::max())
      return "the image that it reads windows of has more than 2^31 elements";
  }
  // They are computed without signs.
  if (!isUnsignedWindow(op))
    return "its window has other terms than sums, multiples, quotients and "
           "remainders of what is not negative";
  return "";
}

namespace {
class WindowLhs : public LhsSource {
public:
  WindowLhs(ImplicitLocOpBuilder &b, ContractOp op, Value lhs,
            ValueRange batch);

  int64_t getRun() const override { return run; }
  Place locate(Value row, Value column) override;

private:
  int64_t findRun(int64_t columns) const;
  Value evaluate(AffineExpr expr, Value dim);

  SmallVector<WindowDim> dims;
  /// What a column adds to the offset in the image.
  AffineExpr columnOffset;
  int64_t run;
};
} // namespace

WindowLhs::WindowLhs(ImplicitLocOpBuilder &b, ContractOp op, Value lhs,
                     ValueRange batch)
    : LhsSource(b, lhs, batch), dims(getWindowDims(op)) {
  SmallVector<ReassociationIndices> groups;
  int64_t rank = cast<MemRefType>(lhs.getType()).getRank();
  for (int64_t i = 0, numBatch = op.getNumBatch(); i < numBatch; ++i)
    groups.push_back({i});
  groups.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(groups.size(), rank)));
  buffer = memref::CollapseShapeOp::create(b, lhs, groups);
  columnOffset = b.getAffineConstantExpr(0);
  for (const WindowDim &dim : dims)
    columnOffset = columnOffset + dim.column * dim.stride;
  run = findRun(op.getReducedSize());
}

/// The largest power of two, of 16 at most, that columns are neighbours in, and
/// that all offsets of rows are multiples of.
int64_t WindowLhs::findRun(int64_t columns) const {
  SmallVector<int64_t> offsets;
  for (int64_t column = 0; column < columns; ++column) {
    AffineExpr at = getAffineConstantExpr(column, b.getContext());
    offsets.push_back(
        cast<AffineConstantExpr>(columnOffset.replaceDims(at)).getValue());
  }
  int64_t most = 16;
  for (const WindowDim &dim : dims) {
    if (auto constant = dyn_cast<AffineConstantExpr>(dim.row);
        constant && constant.getValue() == 0)
      continue;
    most = std::min<int64_t>(llvm::MinAlign(most, dim.stride), most);
  }
  // Neighbours must be in or out of the image together.
  auto isRun = [&](int64_t size) {
    if (columns % size)
      return false;
    for (int64_t column = 0; column < columns; ++column) {
      int64_t inRun = column % size;
      if (offsets[column] != offsets[column - inRun] + inRun ||
          offsets[column - inRun] % size)
        return false;
      for (const WindowDim &dim : dims) {
        auto at = [&](int64_t k) {
          return dim.column.replaceDims(
              getAffineConstantExpr(k, b.getContext()));
        };
        if (dim.hasBorder && at(column) != at(column - inRun))
          return false;
      }
    }
    return true;
  };
  while (!isRun(most))
    most /= 2;
  return most;
}

/// In 32 bits: divisions of more take several instructions.
Value WindowLhs::evaluate(AffineExpr expr, Value dim) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return arith::ConstantOp::create(
        b, b.getI32IntegerAttr(int32_t(constant.getValue())));
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return dim;
  Value lhs = evaluate(binary.getLHS(), dim),
        rhs = evaluate(binary.getRHS(), dim);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return arith::AddIOp::create(b, lhs, rhs);
  case AffineExprKind::Mul:
    return arith::MulIOp::create(b, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return arith::DivUIOp::create(b, lhs, rhs);
  case AffineExprKind::Mod:
    return arith::RemUIOp::create(b, lhs, rhs);
  default:
    llvm_unreachable("checked by findObstacleOfWindow");
  }
}

LhsSource::Place WindowLhs::locate(Value row, Value column) {
  Type i32 = b.getI32Type(), index = b.getIndexType();
  Value m = arith::IndexCastOp::create(b, i32, row),
        k = arith::IndexCastOp::create(b, i32, column);
  // Offsets of images may need more bits than those in an image.
  Value offset = arith::ConstantIndexOp::create(b, 0);
  Place place;
  for (const WindowDim &dim : dims) {
    Value ofRow = evaluate(dim.row, m);
    offset = arith::AddIOp::create(
        b, offset,
        arith::MulIOp::create(b, arith::IndexCastOp::create(b, index, ofRow),
                              arith::ConstantIndexOp::create(b, dim.stride)));
    if (!dim.hasBorder)
      continue;
    // Negative positions are large ones without signs.
    Value at = arith::AddIOp::create(b, ofRow, evaluate(dim.column, k));
    Value size = arith::ConstantOp::create(b, b.getI32IntegerAttr(dim.size));
    Value isInside =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at, size);
    place.isInside =
        place.isInside
            ? arith::AndIOp::create(b, place.isInside, isInside).getResult()
            : isInside;
  }
  Value ofColumn =
      arith::IndexCastOp::create(b, index, evaluate(columnOffset, k));
  place.indices = batch;
  place.indices.push_back(arith::AddIOp::create(b, offset, ofColumn));
  return place;
}

std::unique_ptr<LhsSource>
mlir::compress::createWindows(ImplicitLocOpBuilder &b, ContractOp op, Value lhs,
                              ValueRange batch) {
  return std::make_unique<WindowLhs>(b, op, lhs, batch);
}
