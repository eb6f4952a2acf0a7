//===- PaletteDecoder.cpp - tiles of indices into codebooks ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is one vector of 32-bit lanes: lane r holds 32 / bits consecutive
// indices of row r, lower index in lower bits. How an index becomes a value:
//
//   2 or 4 bits, a codebook for all lanes   permutations of 8-entry vectors
//   1, 2 or 4 bits, a codebook per lane     a tree of selects
//   8 bits                                  one load per lane
//
// int8: see IntegerLayout.h. Indices are looked up in the codebook, rounded to
// 8-bit integers with one scale.
//
//===----------------------------------------------------------------------===//

#include "../ByteQuantization.h"
#include "IntegerLayout.h"
#include "PaletteBf16.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::compress;

/// Entries that one permutation chooses from: what AVX2 has an instruction for.
/// Two of these and a select cost AVX-512 little more than its one instruction
/// for 16, so that one form serves both.
static constexpr int64_t kPermuted = 8;

namespace {
/// Emits one tile.
class TileEmitter {
public:
  TileEmitter(OpBuilder &builder, Location loc, PaletteAttr codec,
              RankedTensorType tiled, ValueRange prepared, ValueRange tile)
      : b(loc, builder), codec(codec), tiled(tiled), prepared(prepared),
        tile(tile), lanesI32(VectorType::get(kLanes, b.getI32Type())),
        lanesF32(VectorType::get(kLanes, b.getF32Type())) {}

  SmallVector<Value> emit();

private:
  Value splat(int32_t value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(lanesI32, b.getI32IntegerAttr(value)));
  }
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value toF32(Value value);
  /// Whether each lane has a box of its own.
  bool isPerLane(ArrayRef<int64_t> extents) const {
    return extents[extents.size() - 2] == 1;
  }
  /// Outer position of the box that the tile, or its first lane, lies in.
  SmallVector<Value> getBox(ArrayRef<int64_t> extents);
  Value loadScale();
  void loadEntries();
  Value isSet(Value words, unsigned bit);
  Value permute(Value table, Value index);
  Value lookUp(Value words, unsigned position);
  Value lookUpByLoads(unsigned step);

  ImplicitLocOpBuilder b;
  PaletteAttr codec;
  RankedTensorType tiled;
  ValueRange prepared, tile;
  VectorType lanesI32, lanesF32;
  /// One vector of lanes per entry, for selects.
  SmallVector<Value> entries;
  /// Vectors of kPermuted entries.
  SmallVector<Value> tables;
};
} // namespace

Value TileEmitter::toF32(Value value) {
  Type type = value.getType();
  if (getElementTypeOrSelf(type).isF32())
    return value;
  Type f32 = b.getF32Type();
  if (auto vector = dyn_cast<VectorType>(type))
    f32 = vector.clone(f32);
  return arith::ExtFOp::create(b, f32, value);
}

SmallVector<Value> TileEmitter::getBox(ArrayRef<int64_t> extents) {
  SmallVector<Value> box;
  for (auto [i, position] : llvm::enumerate(tile)) {
    if (tiled.getDimSize(i) <= extents[i])
      box.push_back(index(0));
    else if (extents[i] == 1)
      box.push_back(position);
    else
      box.push_back(arith::DivUIOp::create(b, position, index(extents[i])));
  }
  return box;
}

Value TileEmitter::loadScale() {
  Value buffer = prepared[2];
  SmallVector<Value> at = getBox(codec.getBlock());
  at.push_back(index(0));
  if (isPerLane(codec.getBlock()))
    return toF32(vector::LoadOp::create(
        b, VectorType::get(kLanes, codec.getScale()), buffer, at));
  return vector::BroadcastOp::create(
      b, lanesF32, toF32(memref::LoadOp::create(b, buffer, at)));
}

/// Loads the codebooks of the tile, in the form that `lookUp` wants.
void TileEmitter::loadEntries() {
  int64_t count = codec.getNumEntries();
  bool perLane = isPerLane(codec.getGroup());
  SmallVector<Value> at = getBox(codec.getGroup());
  at.push_back(index(0));
  auto type =
      VectorType::get((perLane ? kLanes : 1) * count, codec.getCodebook());
  Value numbers = toF32(vector::LoadOp::create(b, type, prepared[1], at));
  auto shuffle = [&](ArrayRef<int64_t> mask) -> Value {
    return vector::ShuffleOp::create(b, numbers, numbers, mask);
  };
  if (perLane || count == 2) {
    for (int64_t entry = 0; entry < count; ++entry) {
      SmallVector<int64_t> mask;
      for (int64_t lane = 0; lane < kLanes; ++lane)
        mask.push_back((perLane ? lane * count : 0) + entry);
      entries.push_back(shuffle(mask));
    }
    return;
  }
  for (int64_t first = 0; first < count; first += kPermuted) {
    SmallVector<int64_t> mask;
    for (int64_t i = 0; i < kPermuted; ++i)
      mask.push_back((first + i) % count);
    tables.push_back(shuffle(mask));
  }
}

Value TileEmitter::isSet(Value words, unsigned bit) {
  Value masked = arith::AndIOp::create(b, words, splat(int32_t(1u << bit)));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked, splat(0));
}

/// table[index] lane by lane, in the form that code generators know as a
/// permutation.
Value TileEmitter::permute(Value table, Value index) {
  SmallVector<Value> values;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    Value at = arith::IndexCastUIOp::create(
        b, b.getIndexType(), vector::ExtractOp::create(b, index, lane));
    values.push_back(vector::ExtractOp::create(b, table, OpFoldResult(at)));
  }
  return vector::FromElementsOp::create(b, lanesF32, values);
}

Value TileEmitter::lookUp(Value words, unsigned position) {
  if (!tables.empty()) {
    // One shift serves both: the lower bits choose within tables.
    Value shifted = words;
    if (position)
      shifted = arith::ShRUIOp::create(b, words, splat(position));
    int64_t mask = std::min(kPermuted, codec.getNumEntries()) - 1;
    Value low = arith::AndIOp::create(b, shifted, splat(mask));
    Value value = permute(tables[0], low);
    if (tables.size() > 1)
      value = arith::SelectOp::create(b, isSet(words, position + 3),
                                      permute(tables[1], low), value);
    return value;
  }
  SmallVector<Value> left = entries;
  for (unsigned bit = 0; left.size() > 1; ++bit) {
    Value high = isSet(words, position + bit);
    SmallVector<Value> next;
    for (size_t i = 0; i < left.size(); i += 2)
      next.push_back(arith::SelectOp::create(b, high, left[i + 1], left[i]));
    left = next;
  }
  return left[0];
}

/// Bytes are read one by one: taking them out of a vector costs more.
Value TileEmitter::lookUpByLoads(unsigned step) {
  int64_t count = codec.getNumEntries();
  bool perLane = isPerLane(codec.getGroup());
  SmallVector<Value> at = getBox(codec.getGroup()), byte(tile);
  at.push_back(Value());
  byte.push_back(Value());
  SmallVector<Value> values;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    byte.back() = index(4 * lane + step);
    Value entry = arith::IndexCastUIOp::create(
        b, b.getIndexType(), memref::LoadOp::create(b, prepared[0], byte));
    if (perLane && lane)
      entry = arith::AddIOp::create(b, entry, index(lane * count));
    at.back() = entry;
    values.push_back(memref::LoadOp::create(b, prepared[1], at));
  }
  return toF32(vector::FromElementsOp::create(
      b, lanesF32.clone(codec.getCodebook()), values));
}

SmallVector<Value> TileEmitter::emit() {
  SmallVector<Value> at(tile);
  at.push_back(index(0));
  Value bytes = vector::LoadOp::create(
      b, VectorType::get(4 * kLanes, b.getI8Type()), prepared[0], at);
  Value words = vector::BitCastOp::create(b, lanesI32, bytes);
  Value scale = codec.getScale() ? loadScale() : Value();
  if (codec.getBits() < 8)
    loadEntries();
  SmallVector<Value> steps;
  for (unsigned position = 0; position < 32; position += codec.getBits()) {
    Value value = codec.getBits() < 8 ? lookUp(words, position)
                                      : lookUpByLoads(position / 8);
    if (scale)
      value = arith::MulFOp::create(b, scale, value);
    // What decode yields, whatever the kernel could compute with.
    if (Type element = tiled.getElementType(); !element.isF32()) {
      value = arith::TruncFOp::create(b, lanesF32.clone(element), value);
      value = arith::ExtFOp::create(b, lanesF32, value);
    }
    steps.push_back(value);
  }
  return steps;
}

namespace {
struct PaletteTileDecoder
    : TileDecoderInterface::ExternalModel<PaletteTileDecoder, PaletteAttr> {
  std::optional<algorithms::TileLayout>
  getKernelLayout(Attribute attr, RankedTensorType logical, unsigned laneDim,
                  unsigned stepDim, ComputeMode compute) const {
    auto codec = cast<PaletteAttr>(attr);
    if (compute == ComputeMode::BF16)
      return palette_bf16::getLayout(codec, logical, laneDim, stepDim);
    if (compute == ComputeMode::Int8)
      return getIntegerLayout(codec, logical, laneDim, stepDim);
    if (compute != ComputeMode::F32)
      return std::nullopt;
    if (32 % codec.getBits() != 0 || codec.getDim() != 1)
      return std::nullopt;
    algorithms::TileLayout layout;
    layout.tile.assign(logical.getRank(), 1);
    layout.tile[laneDim] = kLanes;
    layout.tile[stepDim] = 32 / codec.getBits();
    for (unsigned dim = 0; dim < logical.getRank(); ++dim)
      if (dim != laneDim && dim != stepDim)
        layout.order.push_back(dim);
    layout.order.push_back(laneDim);
    layout.order.push_back(stepDim);
    auto tiled =
        dyn_cast_or_null<PaletteAttr>(codec.getTiledCodec(logical, layout));
    if (!tiled)
      return std::nullopt;
    // All steps of a lane share a codebook and a scale, and all lanes or none.
    auto isLegal = [&](ArrayRef<int64_t> extents) {
      extents = extents.take_back(2);
      return (extents[0] == 1 || extents[0] == kLanes) &&
             extents[1] == layout.tile[stepDim];
    };
    if (!isLegal(tiled.getGroup()) ||
        (tiled.getScale() && !isLegal(tiled.getBlock())))
      return std::nullopt;
    return layout;
  }

  SmallVector<Value> prepare(Attribute, OpBuilder &builder, Location loc,
                             TiledAttr codec, ValueRange components) const {
    ImplicitLocOpBuilder b(loc, builder);
    return collapseTiles(b, codec, components);
  }

  SmallVector<Value> prepareIntegers(Attribute attr, OpBuilder &builder,
                                     Location loc, const IntegerWeight &weight,
                                     ValueRange components) const {
    ImplicitLocOpBuilder b(loc, builder);
    SmallVector<Value> buffers = collapseTiles(b, weight.codec, components);
    roundCodebook(b, loc, cast<PaletteAttr>(attr), buffers);
    return buffers;
  }

  std::optional<IntegerCodes> getIntegerCodes(Attribute attr,
                                              RankedTensorType logical) const {
    auto codec = cast<PaletteAttr>(attr);
    // One codebook, in one register.
    bool isShared = llvm::all_of_zip(
        codec.getGroup(), logical.getShape(),
        [](int64_t extent, int64_t size) { return extent >= size; });
    if (!isShared || codec.getDim() != 1 || codec.getBits() > 4 ||
        8 % codec.getBits() != 0)
      return std::nullopt;
    ArrayRef<int64_t> block =
        codec.getScale() ? codec.getBlock() : codec.getGroup();
    return IntegerCodes{codec.getBits(), /*isSigned=*/false,
                        SmallVector<int64_t>(block)};
  }

  IntegerFormat getIntegerFormat(Attribute attr,
                                 const IntegerWeight &weight) const {
    IntegerFormat format = compress::getIntegerFormat(
        weight, *getIntegerCodes(attr, weight.logical));
    format.bias = kBias;
    format.shifts.assign(format.shifts.size(), 0);
    return format;
  }

  SmallVector<CodeGroup> emitIntegerVector(Attribute attr, OpBuilder &b,
                                           Location loc,
                                           const IntegerWeight &weight,
                                           const TilePosition &position,
                                           int64_t vector, bool) const {
    auto bytes = VectorType::get(4 * kLanes, b.getI8Type());
    IntegerFormat format = getIntegerFormat(attr, weight);
    Value stored = loadBytes(b, loc, weight, position, /*leaf=*/0,
                             vector * bytes.getNumElements(), bytes);
    SmallVector<CodeGroup> groups;
    for (int64_t field = 0, count = format.shifts.size(); field < count;
         ++field) {
      Value indices =
          shiftBytes(b, loc, stored, field * cast<PaletteAttr>(attr).getBits());
      groups.push_back(
          {weight.instructions.lookUp(b, loc, getTable(weight), indices),
           field * format.vectorsPerTile + vector});
    }
    return groups;
  }

  IntegerScales emitIntegerScales(Attribute attr, OpBuilder &b, Location loc,
                                  const IntegerWeight &weight,
                                  const TilePosition &position) const {
    IntegerScales scales;
    scales.scale = weight.buffers.back(); // of the codebook
    unsigned leaf = 2;
    if (cast<PaletteAttr>(attr).getScale())
      scales.scale = arith::MulFOp::create(
          b, loc,
          emitComponent(b, loc, weight, position,
                        weight.getComponents()[2].type, true, leaf),
          scales.scale);
    return scales;
  }

private:
  /// What entries are read with, so that they are not negative.
  static constexpr int64_t kBias = 128;

  static Value getTable(const IntegerWeight &weight) {
    return *std::prev(weight.buffers.end(), 2);
  }

  /// Appends the codebook as 16 bytes, and their scale in all lanes.
  static void roundCodebook(OpBuilder &builder, Location loc, PaletteAttr codec,
                            SmallVectorImpl<Value> &buffers) {
    ImplicitLocOpBuilder b(loc, builder);
    auto lanesF32 = VectorType::get(kLanes, b.getF32Type());
    auto lanesI32 = VectorType::get(kLanes, b.getI32Type());
    // The codebook is shared, whether it is in records or not.
    int64_t count = codec.getNumEntries();
    Value buffer = buffers[1];
    SmallVector<Value> at(cast<MemRefType>(buffer.getType()).getRank(),
                          arith::ConstantIndexOp::create(b, 0));
    Value entries = vector::LoadOp::create(
        b, VectorType::get(count, codec.getCodebook()), buffer, at);
    if (!codec.getCodebook().isF32())
      entries = arith::ExtFOp::create(b, VectorType::get(count, b.getF32Type()),
                                      entries);
    SmallVector<int64_t> repeated;
    for (int64_t i = 0; i < kLanes; ++i)
      repeated.push_back(i % count);
    entries = vector::ShuffleOp::create(b, entries, entries, repeated);
    ByteQuantization quantization(b, getMagnitudes(b, entries));
    Value rounded = quantization.round(b, entries);
    rounded = arith::AddIOp::create(
        b, rounded,
        arith::ConstantOp::create(
            b, DenseElementsAttr::get(lanesI32, b.getI32IntegerAttr(kBias))));
    buffers.push_back(arith::TruncIOp::create(
        b, VectorType::get(kLanes, b.getI8Type()), rounded));
    buffers.push_back(
        vector::BroadcastOp::create(b, lanesF32, quantization.scale));
  }

public:
  SmallVector<Value> emitTile(Attribute attr, OpBuilder &builder, Location loc,
                              const ByteInstructions &, RankedTensorType tiled,
                              ValueRange prepared, ValueRange indices) const {
    return TileEmitter(builder, loc, cast<PaletteAttr>(attr), tiled, prepared,
                       indices)
        .emit();
  }

  Bf16Format getBf16Format(Attribute attr, const TiledWeight &weight) const {
    return palette_bf16::getFormat(cast<PaletteAttr>(attr), weight);
  }

  SmallVector<Bf16Pair> emitBf16Vector(Attribute attr, OpBuilder &builder,
                                       Location loc, const TiledWeight &weight,
                                       const TilePosition &position,
                                       int64_t vector, Bf16Form form) const {
    ImplicitLocOpBuilder b(loc, builder);
    return palette_bf16::emitVector(b, cast<PaletteAttr>(attr), weight,
                                    position, vector, form);
  }

  BlockScales emitBf16Scales(Attribute attr, OpBuilder &builder, Location loc,
                             const TiledWeight &weight,
                             const TilePosition &position) const {
    ImplicitLocOpBuilder b(loc, builder);
    return palette_bf16::emitScales(b, cast<PaletteAttr>(attr), weight,
                                    position);
  }
};
} // namespace

void mlir::compress::registerPaletteTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    PaletteAttr::attachInterface<PaletteTileDecoder>(*context);
  });
}
