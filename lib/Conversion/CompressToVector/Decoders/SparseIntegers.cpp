//===- SparseIntegers.cpp - N of M elements that are codes of integers ----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SparseIntegers.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Steps of a tile at most.
static constexpr int64_t kMaxSteps = 128;
/// Entries of a table of bytes.
static constexpr int64_t kMaxTable = 16;

/// The codec of the values, which is all that is compressed again; null if it
/// is not.
static CodecAttrInterface getValueCodec(NestedAttr codec) {
  auto base = dyn_cast<TileDecoderInterface>(codec.getBase());
  if (!base || !base.getSparseFormat() || codec.getComponents().size() != 1)
    return nullptr;
  return cast<CodecAttrInterface>(codec.getComponents().begin()->getValue());
}

bool sparse_integers::isSparse(NestedAttr codec) {
  return bool(getValueCodec(codec));
}

namespace {
/// What the values of a lane in a vector are for.
struct VectorShape {
  int64_t fields, kept, group, positionBits;

  int64_t getNumValues() const { return 4 * fields; }
  int64_t getNumSteps() const { return getNumValues() / kept * group; }
  int64_t getNumPositionBits() const { return getNumValues() * positionBits; }
  bool isLegal() const {
    int64_t steps = getNumSteps(), bits = getNumPositionBits();
    return getNumValues() % kept == 0 && steps <= kMaxTable &&
           kMaxTable % steps == 0 && steps % 4 == 0 && bits % 8 == 0 &&
           llvm::isPowerOf2_64(bits);
  }
};
} // namespace

static VectorShape getShape(NestedAttr codec, unsigned bits) {
  SparseFormat format =
      *cast<TileDecoderInterface>(codec.getBase()).getSparseFormat();
  return {8 / int64_t(bits), format.kept, format.group,
          format.getPositionBits()};
}

/// The values, as a weight of their own.
static IntegerWeight getValues(NestedAttr codec, const IntegerWeight &weight) {
  algorithms::TileLayout layout = *codec.getComponentLayout(
      weight.logical, /*component=*/0, weight.codec.getLayout());
  layout.record = weight.codec.getRecord();
  IntegerWeight values = weight;
  values.codec = TiledAttr::get(getValueCodec(codec), layout);
  values.logical = cast<RankedTensorType>(
      codec.getBase().getStorage(weight.logical).front().type);
  return values;
}

static TileDecoderInterface getDecoder(NestedAttr codec) {
  return cast<TileDecoderInterface>(getValueCodec(codec));
}

std::optional<algorithms::TileLayout>
sparse_integers::getLayout(NestedAttr codec, RankedTensorType logical,
                           unsigned laneDim, unsigned stepDim) {
  auto decoder = dyn_cast<TileDecoderInterface>(getValueCodec(codec));
  auto values = dyn_cast<RankedTensorType>(
      codec.getBase().getStorage(logical).front().type);
  if (!decoder || !values ||
      codec.getComponents().begin()->getName() !=
          codec.getBase().getStorage(logical).front().name)
    return std::nullopt;
  std::optional<IntegerCodes> codes = decoder.getIntegerCodes(values);
  if (!codes || codes->fields || (codes->bits != 4 && codes->bits != 8))
    return std::nullopt;
  VectorShape shape = getShape(codec, codes->bits);
  if (!shape.isLegal())
    return std::nullopt;
  // A block of values, as steps.
  int64_t block = codes->block[stepDim], steps = kMaxSteps;
  bool isWhole = block >= values.getDimSize(stepDim);
  if (!isWhole) {
    if (block % shape.kept)
      return std::nullopt;
    block = block / shape.kept * shape.group;
    steps = std::gcd(block, kMaxSteps);
  }
  if (steps % kLanes != 0)
    return std::nullopt;
  // By vector, lane, and steps of the vector.
  int64_t ofVector = shape.getNumSteps();
  algorithms::TileLayout layout =
      makeTileLayout(logical.getRank(), laneDim, {kLanes}, stepDim,
                     {steps / ofVector, ofVector}, {1, 0, 2});
  layout.flip = getFlip(*codes);
  // Groups along what is reduced, in tiles that the values have, too.
  auto own = codec.getComponentLayout(logical, /*component=*/0, layout);
  if (!own || own->tile[stepDim] != steps / shape.group * shape.kept ||
      !codec.getTiledCodec(logical, layout))
    return std::nullopt;
  // All values of a lane in a tile share a scale.
  auto tiledBlock = getTiledBlock(values, codes->block, *own);
  if (!tiledBlock)
    return std::nullopt;
  ArrayRef<int64_t> inside = ArrayRef(*tiledBlock).take_back(3);
  if (inside[0] * inside[2] != own->tile[stepDim] ||
      (inside[1] != 1 && inside[1] != kLanes))
    return std::nullopt;
  // Sums of all products fit 32 bits.
  if (std::max(isWhole ? logical.getDimSize(stepDim) : block, steps) >
      std::numeric_limits<int32_t>::max() / (255 * 127))
    return std::nullopt;
  if (!isWhole && !chooseRecord(codec, logical,
                                (*tiledBlock)[logical.getRank() - 1], layout))
    return std::nullopt;
  return layout;
}

SmallVector<Value> sparse_integers::prepare(OpBuilder &builder, Location loc,
                                            const IntegerWeight &weight,
                                            ValueRange components) {
  ImplicitLocOpBuilder b(loc, builder);
  return collapseTiles(b, weight.codec, components);
}

IntegerFormat sparse_integers::getFormat(NestedAttr codec,
                                         const IntegerWeight &weight) {
  IntegerWeight values = getValues(codec, weight);
  TileDecoderInterface decoder = getDecoder(codec);
  IntegerFormat format = decoder.getIntegerFormat(values);
  format.stepsPerVector =
      getShape(codec, decoder.getIntegerCodes(values.logical)->bits)
          .getNumSteps();
  return format;
}

/// Positions of the values of a vector: as many bits a lane, in words.
static Value loadPositions(ImplicitLocOpBuilder &b, const IntegerWeight &weight,
                           const TilePosition &position, int64_t vector,
                           int64_t bits) {
  const auto *leaf =
      llvm::find_if(weight.leaves, [](const TiledAttr::Leaf &leaf) {
        return leaf.role == ComponentRole::Metadata;
      });
  int64_t size = kLanes * bits / 8;
  Value stored =
      loadBytes(b, b.getLoc(), weight, position, leaf - weight.leaves.begin(),
                vector * size, VectorType::get(size, b.getI8Type()));
  auto lanes = VectorType::get(kLanes, b.getIntegerType(bits));
  if (stored.getType() != lanes)
    stored = vector::BitCastOp::create(b, lanes, stored);
  if (bits == 32)
    return stored;
  return arith::ExtUIOp::create(b, VectorType::get(kLanes, b.getI32Type()),
                                stored);
}

SmallVector<CodeGroup>
sparse_integers::emitVector(OpBuilder &builder, Location loc, NestedAttr codec,
                            const IntegerWeight &weight,
                            const TilePosition &position, int64_t vector,
                            bool shifted) {
  ImplicitLocOpBuilder b(loc, builder);
  IntegerWeight values = getValues(codec, weight);
  TileDecoderInterface decoder = getDecoder(codec);
  VectorShape shape =
      getShape(codec, decoder.getIntegerCodes(values.logical)->bits);
  SmallVector<CodeGroup> groups = decoder.emitIntegerVector(
      b, b.getLoc(), values, position, vector, shifted);
  Value positions =
      loadPositions(b, weight, position, vector, shape.getNumPositionBits());
  auto bytes = VectorType::get(4 * kLanes, b.getI8Type());
  auto constant = [&](ArrayRef<int8_t> entries) -> Value {
    return arith::ConstantOp::create(b, DenseElementsAttr::get(bytes, entries));
  };
  SmallVector<int8_t> mask(4 * kLanes, (1 << shape.positionBits) - 1);
  for (auto [field, group] : llvm::enumerate(groups)) {
    // Byte i of a lane has value number i * fields + field of it.
    SmallVector<unsigned> offsets;
    SmallVector<int8_t> firsts;
    for (int64_t i = 0; i < 4; ++i) {
      int64_t value = i * shape.fields + field;
      offsets.push_back(value * shape.positionBits);
      firsts.push_back(value / shape.kept * shape.group);
    }
    SmallVector<int8_t> first;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      first.append(firsts);
    Value places = weight.instructions.selectBits(b, b.getLoc(), positions,
                                                  offsets, shape.positionBits);
    places = arith::AndIOp::create(b, places, constant(mask));
    group.places = arith::OrIOp::create(b, places, constant(first));
  }
  return groups;
}

IntegerScales sparse_integers::emitScales(OpBuilder &builder, Location loc,
                                          NestedAttr codec,
                                          const IntegerWeight &weight,
                                          const TilePosition &position) {
  ImplicitLocOpBuilder b(loc, builder);
  return getDecoder(codec).emitIntegerScales(
      b, b.getLoc(), getValues(codec, weight), position);
}
