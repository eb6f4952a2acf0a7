//===- BitmaskDecoder.cpp - tiles of masked values ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile has 32 steps. Each has a word of 16 bits, lane r in bit r, and the
// values of the lanes whose bit is set. Those of a tile follow each other from
// its offset on; an expanding load puts them into lanes. Masks of all tiles are
// one stream, and values another one.
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::compress;

static constexpr int64_t kSteps = 32;

namespace {
struct BitmaskTileDecoder
    : TileDecoderInterface::ExternalModel<BitmaskTileDecoder, BitmaskAttr> {
  std::optional<algorithms::TileLayout>
  getKernelLayout(Attribute attr, RankedTensorType logical, unsigned laneDim,
                  unsigned stepDim, ComputeMode compute) const {
    if (compute != ComputeMode::F32 ||
        !isa<FloatType>(logical.getElementType()))
      return std::nullopt;
    algorithms::TileLayout layout;
    layout.tile.assign(logical.getRank(), 1);
    layout.tile[laneDim] = kLanes;
    layout.tile[stepDim] = kSteps;
    layout.split.assign(layout.tile.begin(), layout.tile.end());
    for (unsigned dim = 0; dim < logical.getRank(); ++dim)
      if (dim != laneDim && dim != stepDim)
        layout.order.push_back(dim);
    layout.inside.assign(layout.order.begin(), layout.order.end());
    layout.order.append({laneDim, stepDim});
    layout.inside.append({stepDim, laneDim});
    // Padding may make too many elements for offsets.
    auto codec = TiledAttr::get(cast<BitmaskAttr>(attr), layout);
    if (codec.getTiledType(logical).getNumElements() >
        std::numeric_limits<int32_t>::max())
      return std::nullopt;
    return layout;
  }

  /// Masks of a tile as one dimension, the address of the values, and offsets.
  SmallVector<Value> prepare(Attribute, OpBuilder &builder, Location loc,
                             TiledAttr codec, ValueRange components) const {
    ImplicitLocOpBuilder b(loc, builder);
    int64_t outer = codec.getTile().size();
    auto collapse = [&](Value buffer) -> Value {
      SmallVector<ReassociationIndices> groups;
      for (int64_t i = 0; i < outer; ++i)
        groups.push_back({i});
      int64_t rank = cast<MemRefType>(buffer.getType()).getRank();
      groups.push_back(llvm::to_vector(llvm::seq<int64_t>(outer, rank)));
      return memref::CollapseShapeOp::create(b, buffer, groups);
    };
    Value values = components[1];
    auto type = cast<MemRefType>(values.getType());
    auto metadata = memref::ExtractStridedMetadataOp::create(b, values);
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, values);
    Value bytes =
        arith::ConstantIndexOp::create(b, type.getElementTypeBitWidth() / 8);
    address = arith::AddIOp::create(
        b, address, arith::MulIOp::create(b, metadata.getOffset(), bytes));
    return {collapse(components[0]), address, collapse(components[2])};
  }

  SmallVector<Value> emitTile(Attribute, OpBuilder &builder, Location loc,
                              RankedTensorType tiled, ValueRange prepared,
                              ValueRange indices) const {
    ImplicitLocOpBuilder b(loc, builder);
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    Type element = tiled.getElementType(), i32 = b.getI32Type();
    int64_t width = element.getIntOrFloatBitWidth();
    // Expanding loads of 16-bit integers are an instruction.
    auto stored = VectorType::get(kLanes, b.getIntegerType(width));
    Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(stored));
    auto isSet = VectorType::get(kLanes, b.getI1Type());

    SmallVector<Value> at(indices);
    at.push_back(index(0));
    Value next = arith::IndexCastUIOp::create(
        b, b.getIndexType(), memref::LoadOp::create(b, prepared[2], at));
    SmallVector<Value> steps;
    for (int64_t step = 0; step < kSteps; ++step) {
      at.back() = index(2 * step);
      Value bytes = vector::LoadOp::create(b, VectorType::get(2, b.getI8Type()),
                                           prepared[0], at);
      Value word = vector::BitCastOp::create(
          b, VectorType::get(1, b.getI16Type()), bytes);
      Value address = arith::AddIOp::create(
          b, prepared[1], arith::MulIOp::create(b, next, index(width / 8)));
      Value number = arith::IndexCastOp::create(b, b.getI64Type(), address);
      Value pointer = LLVM::IntToPtrOp::create(
          b, LLVM::LLVMPointerType::get(b.getContext()), number);
      Value value = LLVM::masked_expandload::create(
          b, stored, pointer, vector::BitCastOp::create(b, isSet, word), zeros);
      value = vector::BitCastOp::create(b, stored.clone(element), value);
      if (!element.isF32())
        value = arith::ExtFOp::create(b, stored.clone(b.getF32Type()), value);
      steps.push_back(value);
      if (step + 1 == kSteps)
        break;
      Value bits =
          arith::ExtUIOp::create(b, i32, vector::ExtractOp::create(b, word, 0));
      Value count = arith::IndexCastUIOp::create(
          b, b.getIndexType(), math::CtPopOp::create(b, bits));
      next = arith::AddIOp::create(b, next, count);
    }
    return steps;
  }
};
} // namespace

void mlir::compress::registerBitmaskTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    BitmaskAttr::attachInterface<BitmaskTileDecoder>(*context);
  });
}
