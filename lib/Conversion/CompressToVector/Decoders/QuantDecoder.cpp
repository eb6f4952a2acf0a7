//===- QuantDecoder.cpp - tiles of quantized codes ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// f32: a tile is one vector of 32-bit lanes: lane r holds 32 / bits consecutive
// codes of row r, lower index in lower bits. Floats of 8 bits are numbers of
// bf16, which are looked up where there are tables of bytes.
//
// int8: see IntegerLayout.h. Codes of 4-bit floats are looked up in a table of
// their values times two, which are integers.
//
// xnor: the layout of f32 with inverted bits, which are signs then. Scales of
// blocks lie in the stream.
//
//===----------------------------------------------------------------------===//

#include "Bf16Codes.h"
#include "IntegerLayout.h"
#include "QuantBf16.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
struct QuantTileDecoder
    : TileDecoderInterface::ExternalModel<QuantTileDecoder, QuantAttr> {
  std::optional<algorithms::TileLayout>
  getKernelLayout(Attribute attr, RankedTensorType logical, unsigned laneDim,
                  unsigned stepDim, ComputeMode compute) const {
    auto codec = cast<QuantAttr>(attr);
    if (compute == ComputeMode::Int8)
      return compress::getIntegerLayout(codec, logical, laneDim, stepDim);
    if (compute == ComputeMode::BF16)
      return quant_bf16::getLayout(codec, logical, laneDim, stepDim);
    if (compute == ComputeMode::Xnor)
      return isBinary(codec) ? getSignLayout(codec, logical, laneDim, stepDim)
                             : std::nullopt;
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

  SmallVector<Value> prepare(Attribute, OpBuilder &builder, Location loc,
                             TiledAttr codec, ValueRange components) const {
    ImplicitLocOpBuilder b(loc, builder);
    return collapseTiles(b, codec, components);
  }

  SmallVector<Value> prepareIntegers(Attribute, OpBuilder &builder,
                                     Location loc, const IntegerWeight &weight,
                                     ValueRange components) const {
    ImplicitLocOpBuilder b(loc, builder);
    return collapseTiles(b, weight.codec, components);
  }

  SmallVector<Value> emitTile(Attribute attr, OpBuilder &builder, Location loc,
                              const ByteInstructions &instructions,
                              RankedTensorType tiled, ValueRange prepared,
                              ValueRange indices) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    unsigned bits = codec.getCodeBits();
    auto lanesF32 = VectorType::get(kLanes, b.getF32Type());
    SmallVector<Value> at(indices);
    at.push_back(arith::ConstantIndexOp::create(b, 0));
    Value bytes = vector::LoadOp::create(
        b, VectorType::get(4 * kLanes, b.getI8Type()), prepared[0], at);
    Value words = vector::BitCastOp::create(
        b, VectorType::get(kLanes, b.getI32Type()), bytes);
    Value scale = loadPerBlock(b, codec, prepared[1], indices);
    Value offset = prepared.size() > 2
                       ? loadPerBlock(b, codec, prepared[2], indices)
                       : Value();

    auto scaleNumber = [&](Value value) {
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
      return value;
    };
    SmallVector<Value> steps;
    if (bits == 8 && codec.getFloatCodeType() && instructions.hasByteTables()) {
      for (Value number : Bf16Table(b, codec).lookUpSteps(b, bytes))
        steps.push_back(scaleNumber(number));
      return steps;
    }
    for (unsigned position = 0; position < 32; position += bits) {
      Value code = extractCode(b, codec, words, position);
      steps.push_back(scaleNumber(codec.buildCodeValue(b, loc, code)));
    }
    return steps;
  }

  std::optional<IntegerCodes> getIntegerCodes(Attribute attr,
                                              RankedTensorType) const {
    auto codec = cast<QuantAttr>(attr);
    if (codec.getFloatCodeType() && codec.getCodeBits() > 4)
      return std::nullopt;
    return IntegerCodes{codec.getCodeBits(), codec.isSigned(),
                        SmallVector<int64_t>(codec.getBlock())};
  }

  IntegerFormat getIntegerFormat(Attribute attr,
                                 const IntegerWeight &weight) const {
    auto codec = cast<QuantAttr>(attr);
    IntegerFormat format =
        compress::getIntegerFormat(weight, *getIntegerCodes(attr, {}));
    format.hasZero = bool(codec.getZero());
    format.hasMin = bool(codec.getMin());
    if (codec.getFloatCodeType()) {
      format.bias = kFloatBias;
      format.factor = 0.5f;
      format.shifts.assign(format.shifts.size(), 0);
    } else if (isBinary(codec)) {
      // 2 bit - 1; a bit that is not the lowest one is doubled already.
      format.bias = 1;
      for (unsigned &shift : format.shifts)
        shift -= shift ? 1 : 0;
    }
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
    unsigned bits = codec.getCodeBits();
    unsigned mask = isBinary(codec) ? 2 : (1 << bits) - 1;
    IntegerFormat format = getIntegerFormat(attr, weight);
    Value stored = loadBytes(b, loc, weight, position, /*leaf=*/0,
                             vector * bytes.getNumElements(), bytes);
    Value table = codec.getFloatCodeType() ? makeTable(b, codec) : Value();
    SmallVector<CodeGroup> groups;
    for (auto [field, shift] : llvm::enumerate(format.shifts)) {
      Value codes = stored;
      if (table) {
        codes = shiftBytes(b, loc, codes, field * bits);
        codes = weight.instructions.lookUp(b, loc, table, codes);
      } else {
        if (isBinary(codec) && field == 0)
          codes = arith::AddIOp::create(b, codes, codes);
        unsigned at = shifted ? shift : 0;
        if (!shifted)
          codes = shiftBytes(b, loc, codes, shift);
        if (bits < 8)
          codes = arith::AndIOp::create(
              b, codes,
              arith::ConstantOp::create(
                  b, DenseElementsAttr::get(bytes, APInt(8, mask << at))));
      }
      groups.push_back(
          {codes, int64_t(field) * format.vectorsPerTile + vector});
    }
    return groups;
  }

  IntegerScales emitIntegerScales(Attribute attr, OpBuilder &b, Location loc,
                                  const IntegerWeight &weight,
                                  const TilePosition &position) const {
    auto codec = cast<QuantAttr>(attr);
    SmallVector<StorageComponent> components = weight.getComponents();
    unsigned leaf = 1;
    auto load = [&](unsigned component) {
      return emitComponent(b, loc, weight, position, components[component].type,
                           codec.isSigned(), leaf);
    };
    IntegerScales scales;
    scales.scale = load(1);
    if (codec.getZero())
      scales.zero = load(2);
    if (codec.getMin())
      scales.min = load(2);
    return scales;
  }

  Value emitSigns(Attribute, OpBuilder &builder, Location loc,
                  const IntegerWeight &weight,
                  const TilePosition &position) const {
    ImplicitLocOpBuilder b(loc, builder);
    auto bytes = VectorType::get(4 * kLanes, b.getI8Type());
    return vector::BitCastOp::create(
        b, VectorType::get(kLanes, b.getI32Type()),
        loadBytes(b, loc, weight, position, /*leaf=*/0, /*begin=*/0, bytes));
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

  bool hasLanes(Attribute) const { return true; }

  Value emitLanes(Attribute attr, OpBuilder &builder, Location loc,
                  const IntegerWeight &weight, const TilePosition &position,
                  RankedTensorType component, unsigned &leaf) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    SmallVector<StorageComponent> components = codec.getStorage(component);
    // One code a byte: nothing follows it along the innermost dimension.
    Value codes = loadLanes(b, loc, weight, position, leaf++);
    auto words = VectorType::get(kLanes, b.getI32Type());
    codes = arith::ExtUIOp::create(b, words, codes);
    if (codec.isSigned()) {
      Value up = arith::ConstantOp::create(
          b, DenseElementsAttr::get(
                 words, b.getI32IntegerAttr(32 - codec.getCodeBits())));
      codes =
          arith::ShRSIOp::create(b, arith::ShLIOp::create(b, codes, up), up);
    }
    Value value = codec.buildCodeValue(b, loc, codes);
    auto load = [&](unsigned i) {
      return emitComponent(b, loc, weight, position, components[i].type,
                           codec.isSigned(), leaf);
    };
    Value scale = load(1);
    if (codec.getZero())
      value = arith::SubFOp::create(b, value, load(2));
    value = arith::MulFOp::create(b, scale, value);
    if (codec.getMin())
      value = arith::AddFOp::create(b, value, load(2));
    return value;
  }

private:
  /// What twice a 4-bit float is read with, so that it is not negative.
  static constexpr int64_t kFloatBias = 12;

  static bool isBinary(QuantAttr codec) {
    return codec.getCodeKind() == algorithms::CodeKind::Binary;
  }

  /// Twice the values of all codes of a 4-bit float, and the bias.
  static Value makeTable(ImplicitLocOpBuilder &b, QuantAttr codec) {
    const llvm::fltSemantics &type =
        codec.getFloatCodeType().getFloatSemantics();
    SmallVector<int8_t> entries;
    for (uint64_t code = 0; code < 16; ++code) {
      llvm::APFloat value(type, APInt(4, code));
      entries.push_back(int8_t(kFloatBias + 2 * value.convertToDouble()));
    }
    auto bytes = VectorType::get(entries.size(), b.getI8Type());
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(bytes, ArrayRef<int8_t>(entries)));
  }

  /// The codes at a bit of the dwords of all lanes.
  static Value extractCode(ImplicitLocOpBuilder &b, QuantAttr codec,
                           Value words, unsigned position) {
    unsigned bits = codec.getCodeBits();
    auto splat = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(cast<ShapedType>(words.getType()),
                                    b.getI32IntegerAttr(value)));
    };
    Value code = words;
    if (codec.isSigned()) {
      if (unsigned up = 32 - bits - position)
        code = arith::ShLIOp::create(b, code, splat(up));
      return arith::ShRSIOp::create(b, code, splat(32 - bits));
    }
    if (position)
      code = arith::ShRUIOp::create(b, code, splat(position));
    if (position + bits < 32)
      code = arith::AndIOp::create(b, code, splat((1 << bits) - 1));
    return code;
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
    Value value =
        perLane
            ? vector::LoadOp::create(
                  b, VectorType::get(kLanes, type.getElementType()), buffer, at)
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
