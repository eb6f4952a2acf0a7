//===- WeightMatrix.cpp - weights of convolutions as matrices -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "WeightMatrix.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::TileLayout;

/// The uncompressed matrix.
static RankedTensorType getMatrixType(RankedTensorType logical,
                                      const MatrixDims &dims) {
  int64_t columns = 1;
  for (unsigned dim : dims.columns)
    columns *= logical.getDimSize(dim);
  return RankedTensorType::get({logical.getDimSize(dims.row), columns},
                               logical.getElementType());
}

/// The layout of a weight whose tiles are those of the matrix: a tile has
/// neighbours of the last column dimension.
static TileLayout expandLayout(const TileLayout &matrix, int64_t rank,
                               const MatrixDims &dims) {
  TileLayout layout = matrix;
  layout.tile.assign(rank, 1);
  layout.tile[dims.row] = matrix.tile[0];
  layout.tile[dims.columns.back()] = matrix.tile[1];
  layout.order = {dims.row};
  layout.order.append(dims.columns.begin(), dims.columns.end());
  if (matrix.split.empty())
    return layout;
  // Factors of the rows are first in the matrix.
  size_t numRows = 0;
  for (int64_t extent = 1; extent < matrix.tile[0]; ++numRows)
    extent *= matrix.split[numRows];
  SmallVector<int64_t> place(matrix.split.size()), ones;
  layout.split.clear();
  for (unsigned dim = 0; dim < rank; ++dim) {
    size_t begin = 0, end = 0;
    if (dim == dims.row)
      end = numRows;
    else if (dim == dims.columns.back())
      std::tie(begin, end) = std::pair(numRows, matrix.split.size());
    if (begin == end) {
      ones.push_back(layout.split.size());
      layout.split.push_back(1);
    }
    for (size_t i = begin; i < end; ++i) {
      place[i] = layout.split.size();
      layout.split.push_back(matrix.split[i]);
    }
  }
  layout.inside.assign(ones.begin(), ones.end());
  for (int64_t factor : matrix.inside)
    layout.inside.push_back(place[factor]);
  return layout;
}

std::optional<TileLayout>
mlir::compress::getLayoutOfMatrix(CompressedTensorType weight,
                                  const MatrixDims &dims, ComputeMode mode) {
  RankedTensorType logical = weight.getLogicalType();
  CodecAttrInterface codec =
      weight.getCodec().getMatrixCodec(logical, dims.row, dims.columns);
  auto decoder = dyn_cast_if_present<TileDecoderInterface>(codec);
  if (!decoder)
    return std::nullopt;
  RankedTensorType matrix = getMatrixType(logical, dims);
  std::optional<TileLayout> layout =
      decoder.getKernelLayout(matrix, /*laneDim=*/0, /*stepDim=*/1, mode);
  if (!layout)
    return std::nullopt;
  TileLayout expanded = expandLayout(*layout, logical.getRank(), dims);
  if (!weight.getCodec().getTiledCodec(logical, expanded))
    return std::nullopt;
  auto tiled = TiledAttr::get(weight.getCodec(), expanded);
  if (expanded.record && !tiled.getRecords(logical))
    return std::nullopt;
  auto type = CompressedTensorType::get(logical, tiled);
  CompressedTensorType found = getWeightMatrix(type, dims);
  if (!found || !(cast<TiledAttr>(found.getCodec()).getLayout() == *layout))
    return std::nullopt;
  return expanded;
}

/// The layout of the matrix that a weight's layout was expanded from, if any.
static std::optional<TileLayout> collapseLayout(const TileLayout &layout,
                                                const MatrixDims &dims) {
  TileLayout matrix = layout;
  unsigned last = dims.columns.back();
  matrix.tile = {layout.tile[dims.row], layout.tile[last]};
  matrix.order = {0, 1};
  if (!layout.split.empty()) {
    matrix.split.clear();
    matrix.inside.clear();
    // Of each factor, its number in the matrix.
    SmallVector<int64_t> numbers(layout.split.size(), -1);
    for (unsigned wanted : {dims.row, last}) {
      size_t factor = 0;
      for (unsigned dim = 0; dim < layout.tile.size(); ++dim) {
        int64_t extent = 1;
        do {
          if (factor == layout.split.size())
            return std::nullopt;
          if (dim == wanted) {
            numbers[factor] = matrix.split.size();
            matrix.split.push_back(layout.split[factor]);
          }
          extent *= layout.split[factor++];
        } while (extent < layout.tile[dim]);
      }
    }
    for (int64_t factor : layout.inside)
      if (numbers[factor] >= 0)
        matrix.inside.push_back(numbers[factor]);
  }
  if (!(expandLayout(matrix, layout.tile.size(), dims) == layout))
    return std::nullopt;
  return matrix;
}

CompressedTensorType
mlir::compress::getWeightMatrix(CompressedTensorType weight,
                                const MatrixDims &dims) {
  auto codec = dyn_cast<TiledAttr>(weight.getCodec());
  if (!codec || codec.getTile().size() != dims.columns.size() + 1)
    return nullptr;
  RankedTensorType logical = weight.getLogicalType();
  std::optional<TileLayout> layout = collapseLayout(codec.getLayout(), dims);
  CodecAttrInterface base =
      codec.getBase().getMatrixCodec(logical, dims.row, dims.columns);
  if (!layout || !base)
    return nullptr;
  // Neither tiles nor records may reach into the next place of the window.
  int64_t tiles = std::max<int64_t>(layout->record, 1);
  if (logical.getDimSize(dims.columns.back()) % (layout->tile[1] * tiles) != 0)
    return nullptr;
  RankedTensorType matrix = getMatrixType(logical, dims);
  if (!base.getTiledCodec(matrix, *layout))
    return nullptr;
  auto tiled = TiledAttr::get(base, *layout);
  if (layout->record && !tiled.getRecords(matrix))
    return nullptr;
  auto type = CompressedTensorType::get(matrix, tiled);
  for (auto [part, whole] :
       llvm::zip_equal(type.getStorage(), weight.getStorage())) {
    auto of = dyn_cast<RankedTensorType>(part.type),
         from = dyn_cast<RankedTensorType>(whole.type);
    if (!of || !from || !of.hasStaticShape() ||
        of.getElementType() != from.getElementType() ||
        of.getNumElements() != from.getNumElements())
      return nullptr;
  }
  return type;
}
