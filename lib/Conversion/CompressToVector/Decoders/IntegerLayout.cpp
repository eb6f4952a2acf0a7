//===- IntegerLayout.cpp - weights that kernels for integers read ---------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IntegerLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Steps of a tile, unless blocks are shorter.
static constexpr int64_t kSteps = 32;
static constexpr int64_t kCacheLine = 64;
/// Blocks of codes in a record are at most so many.
static constexpr int64_t kMaxBlocks = 64;

bool mlir::compress::chooseRecord(CodecAttrInterface codec,
                                  RankedTensorType logical,
                                  int64_t tilesPerBlock,
                                  algorithms::TileLayout &layout) {
  int64_t smallest = 0;
  for (int64_t blocks = 1; blocks <= kMaxBlocks; blocks *= 2) {
    layout.record = tilesPerBlock * blocks;
    auto records = TiledAttr::get(codec, layout).getRecords(logical);
    if (!records || !records->hasAllBlocks)
      continue;
    if (records->bytes % kCacheLine == 0)
      return true;
    if (!smallest)
      smallest = layout.record;
  }
  layout.record = smallest;
  return smallest;
}

std::optional<SmallVector<int64_t, 8>>
mlir::compress::getTiledBlock(RankedTensorType logical, ArrayRef<int64_t> block,
                              const algorithms::TileLayout &layout) {
  algorithms::QuantShape shape;
  shape.shape.append(logical.getShape().begin(), logical.getShape().end());
  shape.block.append(block.begin(), block.end());
  return algorithms::getTiledBlock(shape, layout);
}

uint8_t mlir::compress::getFlip(const IntegerCodes &codes) {
  uint8_t flip = 0;
  for (int64_t field = 0; codes.isSigned && field < codes.getFields(); ++field)
    flip |= 1 << (field * codes.bits + codes.bits - 1);
  return flip;
}

/// Whether all that is stored for a tile but codes is stored for each lane, or
/// once for all.
static bool hasLanesOrOne(CodecAttrInterface codec, RankedTensorType logical,
                          const algorithms::TileLayout &layout) {
  auto tiled = TiledAttr::get(codec, layout);
  auto leaves = tiled.getLeaves(logical);
  if (!leaves)
    return false;
  int64_t tiledRank = tiled.getTiledType(logical).getRank();
  return llvm::all_of(
      llvm::drop_begin(*leaves), [&](const TiledAttr::Leaf &leaf) {
        int64_t count =
            computeProduct(leaf.type.getShape().drop_front(logical.getRank()));
        return leaf.type.getRank() != tiledRank || count == 1 ||
               count == kLanes;
      });
}

std::optional<algorithms::TileLayout>
mlir::compress::getSignLayout(CodecAttrInterface codec,
                              RankedTensorType logical, unsigned laneDim,
                              unsigned stepDim) {
  auto codes = cast<TileDecoderInterface>(codec).getIntegerCodes(logical);
  int64_t rank = logical.getRank(), size = logical.getDimSize(stepDim);
  algorithms::TileLayout layout;
  layout.tile.assign(rank, 1);
  layout.tile[laneDim] = kLanes;
  layout.tile[stepDim] = 32;
  layout.flip = 255;
  for (unsigned dim = 0; dim < rank; ++dim)
    if (dim != laneDim && dim != stepDim)
      layout.order.push_back(dim);
  layout.order.append({laneDim, stepDim});
  auto block = getTiledBlock(logical, codes->block, layout);
  if (!block || !codec.getTiledCodec(logical, layout))
    return std::nullopt;
  ArrayRef<int64_t> inside = ArrayRef(*block).take_back(2);
  if ((inside[0] != 1 && inside[0] != kLanes) || inside[1] != 32)
    return std::nullopt;
  if (codes->block[stepDim] < size &&
      !chooseRecord(codec, logical, (*block)[rank - 1], layout))
    return std::nullopt;
  if (!hasLanesOrOne(codec, logical, layout))
    return std::nullopt;
  return layout;
}

std::optional<algorithms::TileLayout>
mlir::compress::getIntegerLayout(CodecAttrInterface codec,
                                 RankedTensorType logical, unsigned laneDim,
                                 unsigned stepDim) {
  auto codes = cast<TileDecoderInterface>(codec).getIntegerCodes(logical);
  if (!codes)
    return std::nullopt;
  int64_t fields = codes->getFields(), size = logical.getDimSize(stepDim);
  int64_t block = std::min(codes->block[stepDim], size);
  bool isWhole = block == size;
  int64_t wanted =
      kSteps % (4 * fields) ? std::lcm(kLanes, 4 * fields) : kSteps;
  int64_t steps = isWhole ? wanted : std::gcd(block, wanted);
  if (steps % (4 * fields) != 0 || steps % kLanes != 0)
    return std::nullopt;
  // By vector, lane, four neighbours and field.
  algorithms::TileLayout layout =
      makeTileLayout(logical.getRank(), laneDim, {kLanes}, stepDim,
                     {fields, steps / 4 / fields, 4}, {2, 0, 3, 1});
  layout.flip = getFlip(*codes);
  // All steps of a lane share a scale.
  auto tiledBlock = getTiledBlock(logical, codes->block, layout);
  if (!tiledBlock || !codec.getTiledCodec(logical, layout))
    return std::nullopt;
  int64_t rank = logical.getRank();
  ArrayRef<int64_t> inside = ArrayRef(*tiledBlock).drop_front(2 * rank - 2);
  if (inside[0] != steps / 4 / fields || inside[2] != 4 ||
      inside[3] != fields || (inside[1] != 1 && inside[1] != kLanes))
    return std::nullopt;
  // Sums of all products fit 32 bits.
  if (std::max(block, steps) >
      std::numeric_limits<int32_t>::max() / (255 * 127))
    return std::nullopt;
  if (!isWhole &&
      !chooseRecord(codec, logical, (*tiledBlock)[rank - 1], layout))
    return std::nullopt;
  if (!hasLanesOrOne(codec, logical, layout))
    return std::nullopt;
  return layout;
}

IntegerFormat mlir::compress::getIntegerFormat(const IntegerWeight &weight,
                                               const IntegerCodes &codes) {
  IntegerFormat format;
  format.bias = codes.isSigned ? int64_t(1) << (codes.bits - 1) : 0;
  int64_t stepDim = weight.codec.getOrder().back();
  int64_t steps = weight.codec.getTile()[stepDim];
  int64_t tiles = weight.getTiled().getDimSize(weight.logical.getRank() - 1);
  int64_t block = codes.block[stepDim];
  format.tilesPerBlock =
      block >= weight.logical.getDimSize(stepDim) ? tiles : block / steps;
  format.vectorsPerTile =
      computeProduct(weight.codec.getTile()) / codes.getFields() / (4 * kLanes);
  for (int64_t field = 0; field < codes.getFields(); ++field)
    format.shifts.push_back(field * codes.bits);
  return format;
}

/// Where what a leaf has for a tile begins: the buffer, and indices in it.
static Value locate(ImplicitLocOpBuilder &b, const IntegerWeight &weight,
                    const TilePosition &position, unsigned leaf, int64_t begin,
                    SmallVectorImpl<Value> &at) {
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  const TiledAttr::Leaf &of = weight.leaves[leaf];
  int64_t rank = weight.logical.getRank();
  unsigned buffer = leaf;
  if (weight.records) {
    if (const auto &part = weight.records->parts[leaf]) {
      at.append(position.outer);
      at.push_back(position.record);
      int64_t bytes = computeProduct(of.type.getShape().drop_front(rank)) *
                      of.type.getElementTypeBitWidth() / 8;
      int64_t tiles = weight.codec.getRecord() / (part->bytes / bytes);
      Value entry = position.tile;
      if (tiles > 1)
        entry = arith::DivUIOp::create(b, entry, index(tiles));
      at.push_back(arith::AddIOp::create(
          b, arith::MulIOp::create(b, entry, index(bytes)),
          index(part->offset + begin)));
      return weight.buffers[0];
    }
    buffer =
        1 + llvm::count_if(ArrayRef(weight.records->parts).take_front(leaf),
                           [](const auto &part) { return !part; });
  }
  SmallVector<Value> tile(position.outer);
  tile.push_back(position.record);
  for (int64_t dim = 0; dim < rank; ++dim) {
    Value entry = tile[dim];
    if (of.type.getDimSize(dim) == 1)
      entry = index(0);
    else if (of.tiles[dim] > 1)
      entry = arith::DivUIOp::create(b, entry, index(of.tiles[dim]));
    at.push_back(entry);
  }
  at.push_back(index(begin));
  return weight.buffers[buffer];
}

Value mlir::compress::loadBytes(OpBuilder &builder, Location loc,
                                const IntegerWeight &weight,
                                const TilePosition &position, unsigned leaf,
                                int64_t begin, VectorType type) {
  ImplicitLocOpBuilder b(loc, builder);
  SmallVector<Value> at;
  Value buffer = locate(b, weight, position, leaf, begin, at);
  return vector::LoadOp::create(b, type, buffer, at);
}

Value mlir::compress::loadLanes(OpBuilder &builder, Location loc,
                                const IntegerWeight &weight,
                                const TilePosition &position, unsigned leaf) {
  ImplicitLocOpBuilder b(loc, builder);
  SmallVector<Value> at;
  Value buffer = locate(b, weight, position, leaf, 0, at);
  RankedTensorType type = weight.leaves[leaf].type;
  int64_t count =
      computeProduct(type.getShape().drop_front(weight.logical.getRank()));
  Type stored = cast<MemRefType>(buffer.getType()).getElementType();
  // A stream is one of bytes.
  int64_t scale =
      type.getElementTypeBitWidth() / stored.getIntOrFloatBitWidth();
  auto wanted = VectorType::get(count, type.getElementType());
  Value lanes = vector::LoadOp::create(
      b, VectorType::get(count * scale, stored), buffer, at);
  if (lanes.getType() != wanted)
    lanes = vector::BitCastOp::create(b, wanted, lanes);
  if (count == kLanes)
    return lanes;
  return vector::BroadcastOp::create(
      b, VectorType::get(kLanes, type.getElementType()),
      vector::ExtractOp::create(b, lanes, 0).getResult());
}

Value mlir::compress::emitComponent(OpBuilder &builder, Location loc,
                                    const IntegerWeight &weight,
                                    const TilePosition &position,
                                    Type component, bool isSigned,
                                    unsigned &leaf) {
  ImplicitLocOpBuilder b(loc, builder);
  if (auto compressed = dyn_cast<CompressedTensorType>(component))
    return cast<TileDecoderInterface>(compressed.getCodec())
        .emitLanes(b, loc, weight, position, compressed.getLogicalType(), leaf);
  Value lanes = loadLanes(b, loc, weight, position, leaf++);
  auto wanted = VectorType::get(kLanes, b.getF32Type());
  Type stored = getElementTypeOrSelf(lanes.getType());
  if (stored.isF32())
    return lanes;
  if (!stored.isInteger())
    return arith::ExtFOp::create(b, wanted, lanes);
  if (isSigned)
    return arith::SIToFPOp::create(b, wanted, lanes);
  return arith::UIToFPOp::create(b, wanted, lanes);
}

Value mlir::compress::shiftBytes(OpBuilder &builder, Location loc, Value bytes,
                                 unsigned shift) {
  if (!shift)
    return bytes;
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<VectorType>(bytes.getType());
  auto words = VectorType::get(type.getNumElements() / 2, b.getI16Type());
  Value value = vector::BitCastOp::create(b, words, bytes);
  value = arith::ShRUIOp::create(
      b, value,
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(words, APInt(16, shift))));
  return vector::BitCastOp::create(b, type, value);
}
