//===- QuantDecoder.cpp - tiles of quantized codes
//--------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is one vector of 32-bit lanes: lane r holds 32 / bits consecutive
// codes of row r, lower index in lower bits.
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/TileDecoder.h"
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
                  unsigned stepDim) const {
    auto codec = cast<QuantAttr>(attr);
    if (32 % codec.getCodeBits() != 0)
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
                             RankedTensorType tiled,
                             ValueRange components) const {
    // What is in one tile becomes one dimension, from which vectors are loaded.
    int64_t outer = tiled.getRank() / 2;
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < outer; ++i)
      groups.push_back({i});
    groups.push_back(llvm::to_vector(llvm::seq<int64_t>(outer, 2 * outer)));
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

private:
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
    Type f32 = b.getF32Type();
    Type wanted = perLane ? Type(VectorType::get(kLanes, f32)) : f32;
    if (type.getElementType().isInteger())
      value = codec.isSigned()
                  ? arith::SIToFPOp::create(b, wanted, value).getResult()
                  : arith::UIToFPOp::create(b, wanted, value).getResult();
    else if (value.getType() != wanted)
      value = arith::ExtFOp::create(b, wanted, value);
    if (!perLane)
      value = vector::BroadcastOp::create(b, VectorType::get(kLanes, f32), value);
    return value;
  }
};
} // namespace

void mlir::compress::registerQuantTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    QuantAttr::attachInterface<QuantTileDecoder>(*context);
  });
}
