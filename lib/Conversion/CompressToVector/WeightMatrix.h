//===- WeightMatrix.h - weights of convolutions as matrices ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel knows one reduced dimension. A weight with several, the places in a
// window and the channels, is stored so that its tiles are those of the matrix
// [outputs, places * channels], one after another: both are the same bytes. So
// are those of groups, which are batches of such matrices.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_WEIGHTMATRIX_H
#define COMPRESS_LIB_CONVERSION_WEIGHTMATRIX_H

#include "compress/Conversion/CompressToVector/TileDecoder.h"

namespace mlir::compress {

/// Which dimensions of a weight are the rows and the columns of a matrix; of
/// the columns, the last one is that of neighbours. Batches are matrices of
/// their own.
struct MatrixDims {
  SmallVector<unsigned> batch;
  unsigned row = 0;
  SmallVector<unsigned> columns;

  /// Those that stay dimensions.
  SmallVector<unsigned> getRows() const {
    SmallVector<unsigned> rows(batch);
    rows.push_back(row);
    return rows;
  }
  /// In the matrix, dimensions of rows and of columns.
  unsigned getLaneDim() const { return batch.size(); }
  unsigned getStepDim() const { return batch.size() + 1; }

  bool operator==(const MatrixDims &other) const {
    return batch == other.batch && row == other.row && columns == other.columns;
  }
};

/// The layout of a weight whose matrix kernels of a mode read, or nothing.
std::optional<algorithms::TileLayout>
getLayoutOfMatrix(CompressedTensorType weight, const MatrixDims &dims,
                  ComputeMode mode);

/// The matrix that a weight which is laid out so is, or null.
CompressedTensorType getWeightMatrix(CompressedTensorType weight,
                                     const MatrixDims &dims);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_WEIGHTMATRIX_H
