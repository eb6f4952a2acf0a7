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

/// Numbers of the factors that the extent of each dimension of a tile is made
/// of; nothing if there are too few.
static std::optional<SmallVector<SmallVector<int64_t>>>
getFactors(const TileLayout &layout) {
  SmallVector<SmallVector<int64_t>> factors(layout.tile.size());
  size_t next = 0;
  for (auto [extent, of] : llvm::zip_equal(layout.tile, factors)) {
    int64_t product = 1;
    do {
      if (next == layout.split.size())
        return std::nullopt;
      of.push_back(next);
      product *= layout.split[next++];
    } while (product < extent);
  }
  // Ones.
  for (; next < layout.split.size(); ++next)
    factors.back().push_back(next);
  return factors;
}

/// The layout of a weight whose tiles are those of the matrix: a tile has
/// neighbours of the last column dimension.
static std::optional<TileLayout>
expandLayout(const TileLayout &matrix, int64_t rank, const MatrixDims &dims) {
  // Of each dimension of the matrix, that of the weight which tiles reach into.
  SmallVector<unsigned> rows = dims.getRows(), tiled = rows;
  tiled.push_back(dims.columns.back());
  TileLayout layout = matrix;
  layout.tile.assign(rank, 1);
  for (auto [dim, extent] : llvm::zip_equal(tiled, matrix.tile))
    layout.tile[dim] = extent;
  layout.order.clear();
  for (int64_t dim : matrix.order) {
    if (size_t(dim) < rows.size())
      layout.order.push_back(rows[dim]);
    else
      layout.order.append(dims.columns.begin(), dims.columns.end());
  }
  if (matrix.split.empty())
    return layout;
  auto factors = getFactors(matrix);
  if (!factors)
    return std::nullopt;
  SmallVector<int64_t> place(matrix.split.size()), ones;
  layout.split.clear();
  for (unsigned dim = 0; dim < rank; ++dim) {
    auto found = llvm::find(tiled, dim);
    if (found == tiled.end()) {
      ones.push_back(layout.split.size());
      layout.split.push_back(1);
      continue;
    }
    for (int64_t factor : (*factors)[found - tiled.begin()]) {
      place[factor] = layout.split.size();
      layout.split.push_back(matrix.split[factor]);
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
      weight.getCodec().getMatrixCodec(logical, dims.getRows(), dims.columns);
  auto decoder = dyn_cast_if_present<TileDecoderInterface>(codec);
  if (!decoder)
    return std::nullopt;
  RankedTensorType matrix =
      getMatrixType(logical, dims.getRows(), dims.columns);
  std::optional<TileLayout> layout = decoder.getKernelLayout(
      matrix, dims.getLaneDim(), dims.getStepDim(), mode);
  if (!layout)
    return std::nullopt;
  std::optional<TileLayout> expanded =
      expandLayout(*layout, logical.getRank(), dims);
  if (!expanded || !weight.getCodec().getTiledCodec(logical, *expanded))
    return std::nullopt;
  auto tiled = TiledAttr::get(weight.getCodec(), *expanded);
  if (expanded->record && !tiled.hasWholeRecords(logical))
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
  SmallVector<unsigned> rows = dims.getRows(), tiled = rows;
  tiled.push_back(dims.columns.back());
  TileLayout matrix = layout;
  matrix.tile.clear();
  for (unsigned dim : tiled)
    matrix.tile.push_back(layout.tile[dim]);
  matrix.order.clear();
  for (int64_t dim : layout.order)
    if (auto found = llvm::find(tiled, unsigned(dim)); found != tiled.end())
      matrix.order.push_back(found - tiled.begin());
  if (!layout.split.empty()) {
    auto factors = getFactors(layout);
    if (!factors)
      return std::nullopt;
    matrix.split.clear();
    matrix.inside.clear();
    // Of each factor, its number in the matrix.
    SmallVector<int64_t> numbers(layout.split.size(), -1);
    for (unsigned dim : tiled)
      for (int64_t factor : (*factors)[dim]) {
        numbers[factor] = matrix.split.size();
        matrix.split.push_back(layout.split[factor]);
      }
    for (int64_t factor : layout.inside)
      if (numbers[factor] >= 0)
        matrix.inside.push_back(numbers[factor]);
  }
  auto expanded = expandLayout(matrix, layout.tile.size(), dims);
  if (!expanded || !(*expanded == layout))
    return std::nullopt;
  return matrix;
}

CompressedTensorType
mlir::compress::getWeightMatrix(CompressedTensorType weight,
                                const MatrixDims &dims) {
  auto codec = dyn_cast<TiledAttr>(weight.getCodec());
  if (!codec ||
      codec.getTile().size() != dims.getRows().size() + dims.columns.size())
    return nullptr;
  RankedTensorType logical = weight.getLogicalType();
  std::optional<TileLayout> layout = collapseLayout(codec.getLayout(), dims);
  CodecAttrInterface base =
      codec.getBase().getMatrixCodec(logical, dims.getRows(), dims.columns);
  if (!layout || !base)
    return nullptr;
  // Neither tiles nor records may reach into the next place of the window.
  int64_t tiles = std::max<int64_t>(layout->record, 1);
  if (logical.getDimSize(dims.columns.back()) % (layout->tile.back() * tiles) !=
      0)
    return nullptr;
  RankedTensorType matrix =
      getMatrixType(logical, dims.getRows(), dims.columns);
  if (!base.getTiledCodec(matrix, *layout))
    return nullptr;
  auto tiled = TiledAttr::get(base, *layout);
  if (layout->record && !tiled.hasWholeRecords(matrix))
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
