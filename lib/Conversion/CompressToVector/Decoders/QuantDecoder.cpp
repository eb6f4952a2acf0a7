//===- QuantDecoder.cpp - tiles of quantized codes ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f32: a tile is one vector of 32-bit lanes: lane r holds 32 / bits consecutive
// codes of row r, lower index in lower bits.
//
// int8: a tile has 32 steps, or as many as a block. Vector v of it holds, for
// each lane and j of 0 to 3, a byte of the codes 4 v + j + f * steps / fields,
// field f in bits f * bits and above: codes of one field are operands of an
// integer dot product once the other fields are masked. Signs are flipped, so
// that no code is negative. Scales of blocks lie in the stream of codes,
// records being such that all parts are whole cache lines; scales of whole rows
// are apart.
//
//===----------------------------------------------------------------------===//

#include "QuantBf16.h"
#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Steps of a tile for integers, unless blocks are shorter.
static constexpr int64_t kIntegerSteps = 32;
static constexpr int64_t kCacheLine = 64;

namespace {
struct QuantTileDecoder
    : TileDecoderInterface::ExternalModel<QuantTileDecoder, QuantAttr> {
  std::optional<algorithms::TileLayout>
  getKernelLayout(Attribute attr, RankedTensorType logical, unsigned laneDim,
                  unsigned stepDim, ComputeMode compute) const {
    auto codec = cast<QuantAttr>(attr);
    if (compute == ComputeMode::Int8)
      return getIntegerLayout(codec, logical, laneDim, stepDim);
    if (compute == ComputeMode::BF16)
      return quant_bf16::getLayout(codec, logical, laneDim, stepDim);
    if (compute != ComputeMode::F32 || 32 % codec.getCodeBits() != 0)
      return std::nullopt;
    algorithms::TileLayout layout;
    layout.tile.assign(logical.getRank(), 1);
    layout.tile[laneDim] = kLanes;
    layout.tile[stepDim] = 32 / codec.getCodeBits();
    for (unsigned dim = 0; dim < logical.getRank(); ++dim)
      if (dim != laneDim && dim != stepDim)
        layout.order.push_back(dim);
    layout.order.push_back(laneDim);
    layout.order.push_back(stepDim);
    auto tiled =
        dyn_cast_or_null<QuantAttr>(codec.getTiledCodec(logical, layout));
    if (!tiled)
      return std::nullopt;
    // All steps of a lane share a scale, and all lanes or none.
    ArrayRef<int64_t> block = tiled.getBlock().take_back(2);
    if ((block[0] != 1 && block[0] != kLanes) ||
        block[1] != layout.tile[stepDim])
      return std::nullopt;
    return layout;
  }

  SmallVector<Value> prepare(Attribute, OpBuilder &b, Location loc,
                             TiledAttr codec, ValueRange components) const {
    if (codec.getRecord())
      return components;
    // What is in one tile becomes one dimension, from which vectors are loaded.
    int64_t outer = codec.getTile().size();
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < outer; ++i)
      groups.push_back({i});
    int64_t rank = cast<MemRefType>(components[0].getType()).getRank();
    groups.push_back(llvm::to_vector(llvm::seq<int64_t>(outer, rank)));
    return llvm::map_to_vector(components, [&](Value component) -> Value {
      return memref::CollapseShapeOp::create(b, loc, component, groups);
    });
  }

  SmallVector<Value> emitTile(Attribute attr, OpBuilder &builder, Location loc,
                              RankedTensorType tiled, ValueRange prepared,
                              ValueRange indices) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    unsigned bits = codec.getCodeBits();
    auto lanesI32 = VectorType::get(kLanes, b.getI32Type());
    auto lanesF32 = VectorType::get(kLanes, b.getF32Type());
    auto splat = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(lanesI32, b.getI32IntegerAttr(value)));
    };

    SmallVector<Value> at(indices);
    at.push_back(arith::ConstantIndexOp::create(b, 0));
    Value bytes = vector::LoadOp::create(
        b, VectorType::get(4 * kLanes, b.getI8Type()), prepared[0], at);
    Value words = vector::BitCastOp::create(b, lanesI32, bytes);
    Value scale = loadPerBlock(b, codec, prepared[1], indices);
    Value offset = prepared.size() > 2
                       ? loadPerBlock(b, codec, prepared[2], indices)
                       : Value();

    SmallVector<Value> steps;
    for (unsigned position = 0; position < 32; position += bits) {
      Value code = words;
      if (codec.isSigned()) {
        if (unsigned up = 32 - bits - position)
          code = arith::ShLIOp::create(b, code, splat(up));
        code = arith::ShRSIOp::create(b, code, splat(32 - bits));
      } else {
        if (position)
          code = arith::ShRUIOp::create(b, code, splat(position));
        if (position + bits < 32)
          code = arith::AndIOp::create(b, code, splat((1 << bits) - 1));
      }
      Value value = codec.buildCodeValue(b, loc, code);
      if (codec.getZero())
        value = arith::SubFOp::create(b, value, offset);
      value = arith::MulFOp::create(b, scale, value);
      if (codec.getMin())
        value = arith::AddFOp::create(b, value, offset);
      // What decode yields, whatever the kernel could compute with.
      if (Type element = tiled.getElementType(); !element.isF32()) {
        value = arith::TruncFOp::create(b, lanesF32.clone(element), value);
        value = arith::ExtFOp::create(b, lanesF32, value);
      }
      steps.push_back(value);
    }
    return steps;
  }

  IntegerFormat getIntegerFormat(Attribute attr,
                                 const IntegerWeight &weight) const {
    auto codec = cast<QuantAttr>(attr);
    IntegerFormat format;
    unsigned bits = codec.getCodeBits();
    format.bias = codec.isSigned() ? int64_t(1) << (bits - 1) : 0;
    RankedTensorType tiled = weight.getTiled();
    int64_t last = weight.logical.getRank() - 1;
    format.tilesPerBlock =
        std::min(cast<QuantAttr>(weight.getInner()).getBlock()[last],
                 tiled.getDimSize(last));
    format.vectorsPerTile =
        computeProduct(weight.codec.getTile()) * bits / 8 / (4 * kLanes);
    format.hasZero = bool(codec.getZero());
    format.hasMin = bool(codec.getMin());
    for (unsigned shift = 0; shift < 8; shift += bits)
      format.shifts.push_back(shift);
    return format;
  }

  SmallVector<CodeGroup> emitIntegerVector(Attribute attr, OpBuilder &builder,
                                           Location loc,
                                           const IntegerWeight &weight,
                                           const TilePosition &position,
                                           int64_t vector, bool shifted) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    auto bytes = VectorType::get(4 * kLanes, b.getI8Type());
    auto words = VectorType::get(2 * kLanes, b.getI16Type());
    auto splat = [&](VectorType type, unsigned value) -> Value {
      unsigned width = type.getElementTypeBitWidth();
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(type, APInt(width, value)));
    };
    unsigned bits = codec.getCodeBits(), mask = (1 << bits) - 1;
    int64_t vectors = getIntegerFormat(attr, weight).vectorsPerTile;
    Value stored = loadBytes(b, weight, position, /*part=*/0,
                             vector * bytes.getNumElements(), bytes);
    SmallVector<CodeGroup> groups;
    for (unsigned shift = 0; shift < 8; shift += bits) {
      Value codes = stored;
      unsigned at = shifted ? shift : 0;
      if (at != shift) {
        codes = vector::BitCastOp::create(b, words, codes);
        codes = arith::ShRUIOp::create(b, codes, splat(words, shift));
        codes = vector::BitCastOp::create(b, bytes, codes);
      }
      if (bits < 8)
        codes = arith::AndIOp::create(b, codes, splat(bytes, mask << at));
      groups.push_back({codes, shift / bits * vectors + vector});
    }
    return groups;
  }

  IntegerScales emitIntegerScales(Attribute attr, OpBuilder &builder,
                                  Location loc, const IntegerWeight &weight,
                                  const TilePosition &position) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    auto load = [&](unsigned part, Type stored) -> Value {
      if (weight.codec.getRecord()) {
        auto type = VectorType::get(kLanes, stored);
        auto bytes = VectorType::get(
            kLanes * stored.getIntOrFloatBitWidth() / 8, b.getI8Type());
        Value value = loadBytes(b, weight, position, part, 0, bytes);
        if (type != bytes)
          value = vector::BitCastOp::create(b, type, value);
        return toF32(b, codec, value);
      }
      SmallVector<Value> tile(position.outer);
      tile.push_back(position.record);
      return loadPerBlock(b, cast<QuantAttr>(weight.getInner()),
                          weight.buffers[part], tile);
    };
    IntegerScales scales;
    scales.scale = load(1, codec.getScale());
    if (Type zero = codec.getZero())
      scales.zero = load(2, zero);
    if (Type min = codec.getMin())
      scales.min = load(2, min);
    return scales;
  }

  Bf16Format getBf16Format(Attribute attr, const TiledWeight &weight) const {
    return quant_bf16::getFormat(cast<QuantAttr>(attr), weight);
  }

  SmallVector<Bf16Pair> emitBf16Vector(Attribute attr, OpBuilder &builder,
                                       Location loc, const TiledWeight &weight,
                                       const TilePosition &position,
                                       int64_t vector, Bf16Form form) const {
    ImplicitLocOpBuilder b(loc, builder);
    return quant_bf16::emitVector(b, cast<QuantAttr>(attr), weight, position,
                                  vector, form);
  }

  BlockScales emitBf16Scales(Attribute attr, OpBuilder &builder, Location loc,
                             const TiledWeight &weight,
                             const TilePosition &position) const {
    ImplicitLocOpBuilder b(loc, builder);
    return quant_bf16::emitScales(b, cast<QuantAttr>(attr), weight, position);
  }

private:
  static std::optional<algorithms::TileLayout>
  getIntegerLayout(QuantAttr codec, RankedTensorType logical, unsigned laneDim,
                   unsigned stepDim) {
    int64_t bits = codec.getCodeBits();
    if (codec.getCodeKind() != algorithms::CodeKind::Integer || 8 % bits != 0)
      return std::nullopt;
    int64_t fields = 8 / bits, size = logical.getDimSize(stepDim);
    int64_t block = std::min(codec.getBlock()[stepDim], size);
    bool isWhole = block == size;
    int64_t steps = isWhole ? kIntegerSteps : std::gcd(block, kIntegerSteps);
    if (steps % (4 * fields) != 0 || steps % kLanes != 0)
      return std::nullopt;
    algorithms::TileLayout layout;
    layout.tile.assign(logical.getRank(), 1);
    layout.tile[laneDim] = kLanes;
    layout.tile[stepDim] = steps;
    // By vector, lane, four neighbours and field.
    int64_t lanes = 0, first = 0;
    for (unsigned dim = 0; dim < logical.getRank(); ++dim) {
      int64_t next = layout.split.size();
      if (dim == stepDim) {
        layout.split.append({fields, steps / 4 / fields, 4});
        first = next;
        continue;
      }
      layout.split.push_back(layout.tile[dim]);
      if (dim == laneDim) {
        lanes = next;
        continue;
      }
      layout.order.push_back(dim);
      layout.inside.push_back(next);
    }
    layout.order.append({laneDim, stepDim});
    layout.inside.append({first + 1, lanes, first + 2, first});
    for (int64_t sign = bits - 1; codec.isSigned() && sign < 8; sign += bits)
      layout.flip |= 1 << sign;
    auto tiled =
        dyn_cast_or_null<QuantAttr>(codec.getTiledCodec(logical, layout));
    if (!tiled)
      return std::nullopt;
    // All steps of a lane share a scale.
    int64_t rank = logical.getRank();
    ArrayRef<int64_t> inside = tiled.getBlock().drop_front(2 * rank - 2);
    if (inside[0] != steps / 4 / fields || inside[2] != 4 ||
        inside[3] != fields || (inside[1] != 1 && inside[1] != kLanes))
      return std::nullopt;
    // Sums of all products fit 32 bits.
    if (std::max(block, steps) >
        std::numeric_limits<int32_t>::max() / (255 * 127))
      return std::nullopt;
    if (isWhole)
      return layout;
    // In records, all lanes have scales of their own.
    if (inside[1] != 1)
      return std::nullopt;
    int64_t tiles = tiled.getBlock()[rank - 1];
    auto getBytes = [](Type type) {
      return type ? kLanes * type.getIntOrFloatBitWidth() / 8 : kCacheLine;
    };
    layout.record =
        tiles * std::max({int64_t(1), kCacheLine / getBytes(codec.getScale()),
                          kCacheLine / getBytes(codec.getZero()),
                          kCacheLine / getBytes(codec.getMin())});
    if (!TiledAttr::get(codec, layout).getRecords(logical))
      return std::nullopt;
    return layout;
  }

  /// Bytes `begin` and after of what is stored in `part` for a tile, or for the
  /// block that it is in.
  static Value loadBytes(ImplicitLocOpBuilder &b, const IntegerWeight &weight,
                         const TilePosition &position, unsigned part,
                         int64_t begin, VectorType type) {
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    SmallVector<Value> at(position.outer);
    at.push_back(position.record);
    Value byte = index(begin);
    if (auto records = weight.codec.getRecords(weight.logical)) {
      const algorithms::RecordPart &place = records->parts[part];
      int64_t last = weight.logical.getRank() - 1;
      int64_t tiles =
          part == 0 ? 1 : cast<QuantAttr>(weight.getInner()).getBlock()[last];
      int64_t bytes = place.bytes / (weight.codec.getRecord() / tiles);
      Value entry = position.tile;
      if (tiles > 1)
        entry = arith::DivUIOp::create(b, entry, index(tiles));
      byte = arith::AddIOp::create(
          b, arith::MulIOp::create(b, entry, index(bytes)),
          index(place.offset + begin));
    }
    at.push_back(byte);
    return vector::LoadOp::create(b, type, weight.buffers[0], at);
  }

  /// Scales or offsets of the lanes of a tile, in f32.
  static Value loadPerBlock(ImplicitLocOpBuilder &b, QuantAttr codec,
                            Value buffer, ValueRange tile) {
    auto type = cast<MemRefType>(buffer.getType());
    SmallVector<Value> at;
    for (auto [i, index] : llvm::enumerate(tile)) {
      int64_t extent = codec.getBlock()[i];
      if (type.getDimSize(i) == 1)
        index = arith::ConstantIndexOp::create(b, 0);
      else if (extent > 1)
        index = arith::DivUIOp::create(
            b, index, arith::ConstantIndexOp::create(b, extent));
      at.push_back(index);
    }
    at.push_back(arith::ConstantIndexOp::create(b, 0));
    bool perLane = type.getShape().back() == kLanes;
    Value value = perLane ? vector::LoadOp::create(
                                b, VectorType::get(kLanes, type.getElementType()),
                                buffer, at)
                                .getResult()
                          : memref::LoadOp::create(b, buffer, at).getResult();
    value = toF32(b, codec, value);
    if (!perLane)
      value = vector::BroadcastOp::create(
          b, VectorType::get(kLanes, b.getF32Type()), value);
    return value;
  }

  /// A scale or an offset, or a vector of them.
  static Value toF32(ImplicitLocOpBuilder &b, QuantAttr codec, Value value) {
    Type wanted = b.getF32Type();
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      wanted = vector.clone(wanted);
    if (getElementTypeOrSelf(value.getType()).isInteger())
      return codec.isSigned()
                 ? arith::SIToFPOp::create(b, wanted, value).getResult()
                 : arith::UIToFPOp::create(b, wanted, value).getResult();
    if (value.getType() == wanted)
      return value;
    return arith::ExtFOp::create(b, wanted, value);
  }
};
} // namespace

void mlir::compress::registerQuantTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    QuantAttr::attachInterface<QuantTileDecoder>(*context);
  });
}
