//===- LhsSource.h - where elements of lhs come from ------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels multiply rows of lhs. These are rows of a matrix, or windows of an
// image, which are read where they are.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_LHSSOURCE_H
#define COMPRESS_LIB_CONVERSION_LHSSOURCE_H

#include "MmaKernel.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

class LhsSource {
public:
  virtual ~LhsSource() = default;

  /// That of a contraction, in the kernel that has `lhs` as argument, and where
  /// `batch` says which batch it is in.
  static std::unique_ptr<LhsSource>
  create(ImplicitLocOpBuilder &b, ContractOp op, Value lhs, ValueRange batch);

  Value getBuffer() const { return buffer; }
  bool isContiguous() const {
    return cast<MemRefType>(buffer.getType()).getLayout().isIdentity();
  }

  /// How many columns, from a multiple of it on, are neighbours in memory, and
  /// begin at a multiple of it.
  virtual int64_t getRun() const = 0;

  /// Where an element is, and whether there is one: it is 0 if not.
  struct Place {
    SmallVector<Value> indices;
    Value isInside; // or null: always
  };
  virtual Place locate(Value row, Value column) = 0;

  /// The number of what is rounded with one scale and has the row.
  virtual Value getImage(Value row) = 0;

protected:
  LhsSource(ImplicitLocOpBuilder &b, Value buffer, ValueRange batch)
      : b(b), buffer(buffer), batch(batch) {}

  ImplicitLocOpBuilder &b;
  Value buffer;
  SmallVector<Value> batch;
};

/// Rows of a matrix.
std::unique_ptr<LhsSource> createMatrix(ImplicitLocOpBuilder &b, Value lhs,
                                        ValueRange batch);

/// Windows of an image.
std::unique_ptr<LhsSource> createWindows(ImplicitLocOpBuilder &b, ContractOp op,
                                         Value lhs, ValueRange batch);

/// How many dimensions of an image, behind batches, tell images apart that are
/// rounded with a scale each: the first ones, in which all of a window has one
/// position.
unsigned countImageDims(ContractOp op);

/// Why the windows of a contraction cannot be read; empty if they can.
std::string findObstacleOfWindow(ContractOp op);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_LHSSOURCE_H
