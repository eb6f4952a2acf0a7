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
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Columns that RoundedLhs has in an order of its own.
static constexpr int64_t kByteRun = 16;
/// Places of a window that has a border, as bits of a register.
static constexpr int64_t kMostPlaces = 32;

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

/// What a column adds to the offset in the image.
static AffineExpr getColumnOffset(ArrayRef<WindowDim> dims) {
  AffineExpr offset = getAffineConstantExpr(0, dims[0].row.getContext());
  for (const WindowDim &dim : dims)
    offset = offset + dim.column * dim.stride;
  return offset;
}

/// The most columns such that all from a multiple of them on have one position
/// in dimensions with a border.
static int64_t findPlaceColumns(ArrayRef<WindowDim> dims, int64_t columns) {
  auto isBorder = [](const WindowDim &dim) { return dim.hasBorder; };
  auto atColumn = [&](int64_t column) {
    SmallVector<AffineExpr> at;
    for (const WindowDim &dim : llvm::make_filter_range(dims, isBorder))
      at.push_back(dim.column.replaceDims(
          getAffineConstantExpr(column, dim.column.getContext())));
    return at;
  };
  // They end where the position is another one.
  int64_t place = columns;
  SmallVector<AffineExpr> before = atColumn(0);
  for (int64_t column = 1; column < columns; ++column) {
    SmallVector<AffineExpr> at = atColumn(column);
    if (at != before)
      place = std::gcd(place, column);
    before = at;
  }
  return place;
}

/// The largest power of two, of 16 at most, that columns are neighbours in, and
/// that all offsets of rows are multiples of.
static int64_t findRun(ArrayRef<WindowDim> dims, int64_t columns) {
  AffineExpr columnOffset = getColumnOffset(dims);
  SmallVector<int64_t> offsets;
  for (int64_t column = 0; column < columns; ++column) {
    AffineExpr at = getAffineConstantExpr(column, columnOffset.getContext());
    offsets.push_back(
        cast<AffineConstantExpr>(columnOffset.replaceDims(at)).getValue());
  }
  int64_t most = kByteRun;
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
              getAffineConstantExpr(k, columnOffset.getContext()));
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

unsigned mlir::compress::countImageDims(ContractOp op) {
  unsigned numBatch = op.getNumBatch(), count = 0;
  for (AffineExpr expr : op.getWindow()->getResults().drop_front(numBatch)) {
    if (expr.isFunctionOfDim(numBatch + 1))
      break;
    ++count;
  }
  return count;
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
  if (op.getCompute() != ComputeMode::Int8)
    return "";
  // Bytes are in the order of an mma of 16 columns.
  if (findRun(getWindowDims(op), op.getReducedSize()) < kByteRun)
    return "it computes in int8, and windows have not whole groups of 16 "
           "channels";
  if (!countImageDims(op))
    return "it computes in int8, and no dimension tells images apart";
  return "";
}

namespace {
class WindowLhs : public LhsSource {
public:
  WindowLhs(ImplicitLocOpBuilder &b, ContractOp op, Value lhs,
            ValueRange batch);

  int64_t getRun() const override { return run; }
  Place locate(Value row, Value column) override;
  Value getImage(Value row) override;

private:
  Value evaluate(AffineExpr expr, Value dim);
  Value emitIsInside(function_ref<Value(const WindowDim &)> ofRow,
                     function_ref<Value(const WindowDim &)> ofColumn);
  Value emitPlaces(Value m);
  Value number(int64_t value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value)));
  }

  SmallVector<WindowDim> dims;
  unsigned numImageDims;
  /// What a column adds to the offset in the image.
  AffineExpr columnOffset;
  int64_t run;
  /// Columns that are in the image or not, together, and how many times they
  /// follow each other; 0 where there is no border.
  int64_t placeColumns = 0, numPlaces = 0;
};
} // namespace

WindowLhs::WindowLhs(ImplicitLocOpBuilder &b, ContractOp op, Value lhs,
                     ValueRange batch)
    : LhsSource(b, lhs, batch), dims(getWindowDims(op)),
      numImageDims(countImageDims(op)) {
  SmallVector<ReassociationIndices> groups;
  int64_t rank = cast<MemRefType>(lhs.getType()).getRank();
  for (int64_t i = 0, numBatch = op.getNumBatch(); i < numBatch; ++i)
    groups.push_back({i});
  groups.push_back(llvm::to_vector<2>(llvm::seq<int64_t>(groups.size(), rank)));
  buffer = memref::CollapseShapeOp::create(b, lhs, groups);
  columnOffset = getColumnOffset(dims);
  run = findRun(dims, op.getReducedSize());
  placeColumns = findPlaceColumns(dims, op.getReducedSize());
  if (llvm::any_of(dims, [](const WindowDim &dim) { return dim.hasBorder; }))
    numPlaces = op.getReducedSize() / placeColumns;
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

Value WindowLhs::getImage(Value row) {
  Value m = arith::IndexCastOp::create(b, b.getI32Type(), row);
  Value image = arith::ConstantIndexOp::create(b, 0);
  for (const WindowDim &dim : ArrayRef(dims).take_front(numImageDims))
    image = arith::AddIOp::create(
        b, image,
        arith::MulIOp::create(
            b,
            arith::IndexCastOp::create(b, b.getIndexType(),
                                       evaluate(dim.row, m)),
            arith::ConstantIndexOp::create(
                b, dim.stride / dims[numImageDims - 1].stride)));
  return image;
}

/// Whether a position is in the image, given what the row and the column add.
Value WindowLhs::emitIsInside(function_ref<Value(const WindowDim &)> ofRow,
                              function_ref<Value(const WindowDim &)> ofColumn) {
  Value isInside;
  for (const WindowDim &dim : dims) {
    if (!dim.hasBorder)
      continue;
    // Negative positions are large ones without signs.
    Value at = arith::AddIOp::create(b, ofRow(dim), ofColumn(dim));
    Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, at,
                                     number(dim.size));
    isInside =
        isInside ? arith::AndIOp::create(b, isInside, is).getResult() : is;
  }
  return isInside;
}

/// The same for a row and all places of a window: a bit of each, which LLVM
/// takes out of the loop over stages.
Value WindowLhs::emitPlaces(Value m) {
  Value bits = number(0);
  for (int64_t place = 0; place < numPlaces; ++place) {
    AffineExpr first =
        getAffineConstantExpr(place * placeColumns, b.getContext());
    Value isInside =
        emitIsInside([&](const WindowDim &dim) { return evaluate(dim.row, m); },
                     [&](const WindowDim &dim) {
                       return evaluate(dim.column.replaceDims(first), m);
                     });
    bits = arith::OrIOp::create(
        b, bits,
        arith::SelectOp::create(b, isInside, number(int64_t(1) << place),
                                number(0)));
  }
  return bits;
}

LhsSource::Place WindowLhs::locate(Value row, Value column) {
  Type i32 = b.getI32Type(), index = b.getIndexType();
  Value m = arith::IndexCastOp::create(b, i32, row),
        k = arith::IndexCastOp::create(b, i32, column);
  // Offsets of images may need more bits than those in an image.
  Value offset = arith::ConstantIndexOp::create(b, 0);
  for (const WindowDim &dim : dims)
    offset = arith::AddIOp::create(
        b, offset,
        arith::MulIOp::create(
            b, arith::IndexCastOp::create(b, index, evaluate(dim.row, m)),
            arith::ConstantIndexOp::create(b, dim.stride)));
  Value ofColumn =
      arith::IndexCastOp::create(b, index, evaluate(columnOffset, k));
  Place place = {batch, Value()};
  place.indices.push_back(arith::AddIOp::create(b, offset, ofColumn));
  if (!numPlaces)
    return place;
  if (numPlaces > kMostPlaces) {
    place.isInside = emitIsInside(
        [&](const WindowDim &dim) { return evaluate(dim.row, m); },
        [&](const WindowDim &dim) { return evaluate(dim.column, k); });
    return place;
  }
  // Behind the last column there is none.
  Value bit = arith::DivUIOp::create(b, k, number(placeColumns));
  bit = arith::MinUIOp::create(b, bit, number(kMostPlaces - 1));
  Value shifted = arith::ShRUIOp::create(b, emitPlaces(m), bit);
  place.isInside = arith::TruncIOp::create(b, b.getI1Type(), shifted);
  return place;
}

std::unique_ptr<LhsSource>
mlir::compress::createWindows(ImplicitLocOpBuilder &b, ContractOp op, Value lhs,
                              ValueRange batch) {
  return std::make_unique<WindowLhs>(b, op, lhs, batch);
}
