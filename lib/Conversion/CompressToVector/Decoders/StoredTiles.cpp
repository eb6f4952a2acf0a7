//===- StoredTiles.cpp - vectors out of stored tiles ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StoredTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

static Value makeIndex(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

algorithms::TileLayout mlir::compress::makeTileLayout(
    int64_t rank, unsigned laneDim, ArrayRef<int64_t> laneFactors,
    unsigned stepDim, ArrayRef<int64_t> stepFactors, ArrayRef<int64_t> inside) {
  algorithms::TileLayout layout;
  layout.tile.assign(rank, 1);
  layout.tile[laneDim] = computeProduct(laneFactors);
  layout.tile[stepDim] = computeProduct(stepFactors);
  int64_t firstLane = 0, firstStep = 0;
  for (unsigned dim = 0; dim < rank; ++dim) {
    int64_t next = layout.split.size();
    if (dim == laneDim) {
      llvm::append_range(layout.split, laneFactors);
      firstLane = next;
    } else if (dim == stepDim) {
      llvm::append_range(layout.split, stepFactors);
      firstStep = next;
    } else {
      layout.split.push_back(1);
      layout.order.push_back(dim);
      layout.inside.push_back(next);
    }
  }
  layout.order.append({laneDim, stepDim});
  const int64_t lanes = laneFactors.size();
  for (int64_t factor : inside)
    layout.inside.push_back(factor < lanes ? firstLane + factor
                                           : firstStep + factor - lanes);
  return layout;
}

SmallVector<Value> mlir::compress::collapseTiles(ImplicitLocOpBuilder &b,
                                                 TiledAttr codec,
                                                 ValueRange components) {
  int64_t outer = codec.getTile().size();
  return llvm::map_to_vector(components, [&](Value component) -> Value {
    int64_t rank = cast<MemRefType>(component.getType()).getRank();
    if (rank == outer + 1) // a stream of records
      return component;
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < outer; ++i)
      groups.push_back({i});
    groups.push_back(llvm::to_vector(llvm::seq<int64_t>(outer, rank)));
    return memref::CollapseShapeOp::create(b, component, groups);
  });
}

Value mlir::compress::loadBytes(ImplicitLocOpBuilder &b,
                                const TiledWeight &weight,
                                const TilePosition &position, unsigned part,
                                int64_t tiles, int64_t begin, VectorType type) {
  SmallVector<Value> at(position.outer);
  at.push_back(position.record);
  Value byte = makeIndex(b, begin);
  if (auto records = weight.codec.getRecords(weight.logical)) {
    const algorithms::RecordPart &place = *records->parts[part];
    int64_t bytes = place.bytes / (weight.codec.getRecord() / tiles);
    Value entry = position.tile;
    if (tiles > 1)
      entry = arith::DivUIOp::create(b, entry, makeIndex(b, tiles));
    byte = arith::AddIOp::create(
        b, arith::MulIOp::create(b, entry, makeIndex(b, bytes)),
        makeIndex(b, place.offset + begin));
  }
  at.push_back(byte);
  return vector::LoadOp::create(b, type, weight.buffers[0], at);
}

SmallVector<Value> mlir::compress::getBox(ImplicitLocOpBuilder &b,
                                          ArrayRef<int64_t> grid,
                                          ArrayRef<int64_t> extents,
                                          const TilePosition &position) {
  SmallVector<Value> at(position.outer);
  at.push_back(position.record);
  for (auto [i, index] : llvm::enumerate(at)) {
    if (grid[i] == 1)
      index = makeIndex(b, 0);
    else if (extents[i] > 1)
      index = arith::DivUIOp::create(b, index, makeIndex(b, extents[i]));
  }
  at.push_back(makeIndex(b, 0));
  return at;
}

Value mlir::compress::loadPerBox(ImplicitLocOpBuilder &b,
                                 const TiledWeight &weight,
                                 const TilePosition &position, unsigned part,
                                 ArrayRef<int64_t> extents, Type stored) {
  auto type = VectorType::get(kLanes, stored);
  if (weight.codec.getRecord()) {
    auto bytes = VectorType::get(kLanes * stored.getIntOrFloatBitWidth() / 8,
                                 b.getI8Type());
    int64_t tiles = extents[weight.logical.getRank() - 1];
    Value value = loadBytes(b, weight, position, part, tiles, 0, bytes);
    if (type == bytes)
      return value;
    return vector::BitCastOp::create(b, type, value);
  }
  Value buffer = weight.buffers[part];
  ArrayRef<int64_t> shape = cast<MemRefType>(buffer.getType()).getShape();
  SmallVector<Value> at = getBox(b, shape, extents, position);
  if (shape.back() == kLanes)
    return vector::LoadOp::create(b, type, buffer, at);
  return vector::BroadcastOp::create(b, type,
                                     memref::LoadOp::create(b, buffer, at));
}
