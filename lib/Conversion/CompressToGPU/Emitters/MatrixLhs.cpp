//===- MatrixLhs.cpp - rows of lhs that are those of a matrix -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LhsSource.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace mlir::compress;

/// Takes constants out of a sum.
static Value splitSum(ImplicitLocOpBuilder &b, Value sum, int64_t &constant) {
  auto op = sum.getDefiningOp<arith::AddIOp>();
  if (!op)
    return sum;
  if (std::optional<int64_t> value = getConstantIntValue(op.getRhs())) {
    constant += *value;
    return splitSum(b, op.getLhs(), constant);
  }
  Value left = splitSum(b, op.getLhs(), constant);
  Value right = splitSum(b, op.getRhs(), constant);
  return arith::AddIOp::create(b, left, right);
}

namespace {
class MatrixLhs : public LhsSource {
public:
  MatrixLhs(ImplicitLocOpBuilder &b, Value lhs, ValueRange batch)
      : LhsSource(b, lhs, batch),
        columns(cast<MemRefType>(lhs.getType()).getShape().back()) {
    if (!isContiguous())
      return;
    // Rows in one dimension: see locate.
    SmallVector<ReassociationIndices> groups;
    int64_t rank = batch.size();
    for (int64_t dim = 0; dim < rank; ++dim)
      groups.push_back({dim});
    groups.push_back({rank, rank + 1});
    buffer = memref::CollapseShapeOp::create(b, lhs, groups);
  }

  int64_t getRun() const override { return columns; }

  Place locate(Value row, Value column) override {
    Place place = {batch, Value()};
    if (!isContiguous()) {
      place.indices.append({row, column});
      return place;
    }
    // What is constant of a row is added last: then rows that a thread copies
    // differ in the offset of an instruction, and not in a register.
    int64_t constant = 0;
    Value first = splitSum(b, row, constant);
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    Value at = arith::MulIOp::create(b, first, index(columns));
    at = arith::AddIOp::create(b, at, column);
    if (constant)
      at = arith::AddIOp::create(b, at, index(constant * columns));
    place.indices.push_back(at);
    return place;
  }

  Value getImage(Value row) override { return row; }

private:
  int64_t columns;
};
} // namespace

std::unique_ptr<LhsSource> LhsSource::create(ImplicitLocOpBuilder &b,
                                             ContractOp op, Value lhs,
                                             ValueRange batch) {
  if (op.getWindow())
    return createWindows(b, op, lhs, batch);
  return createMatrix(b, lhs, batch);
}

std::unique_ptr<LhsSource> mlir::compress::createMatrix(ImplicitLocOpBuilder &b,
                                                        Value lhs,
                                                        ValueRange batch) {
  return std::make_unique<MatrixLhs>(b, lhs, batch);
}
