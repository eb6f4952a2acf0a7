//===- MatrixLhs.cpp - rows of lhs that are those of a matrix -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LhsSource.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
class MatrixLhs : public LhsSource {
public:
  MatrixLhs(ImplicitLocOpBuilder &b, Value lhs, ValueRange batch)
      : LhsSource(b, lhs, batch) {}

  int64_t getRun() const override {
    return cast<MemRefType>(buffer.getType()).getShape().back();
  }

  Place locate(Value row, Value column) override {
    Place place = {batch, Value()};
    place.indices.append({row, column});
    return place;
  }

  Value getImage(Value row) override { return row; }
};
} // namespace

std::unique_ptr<LhsSource> LhsSource::create(ImplicitLocOpBuilder &b,
                                             ContractOp op, Value lhs,
                                             ValueRange batch) {
  if (op.getWindow())
    return createWindows(b, op, lhs, batch);
  return std::make_unique<MatrixLhs>(b, lhs, batch);
}
