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
// Such loads are slow on some processors, and in others, too: so masked steps
// are loads of as many values as there are lanes, which may be more than the
// step has. The last values of the stream are copied to where more can be read.
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::compress;

static constexpr int64_t kSteps = 32;
/// How far ahead values are asked for: they are read in pieces of no constant
/// size, which processors do not foresee as well as whole lines.
static constexpr int64_t kPrefetchBytes = 8192;
/// Steps between two such.
static constexpr int64_t kPrefetchSteps = 4;

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
                              const ByteInstructions &, RankedTensorType tiled,
                              ValueRange prepared, ValueRange indices) const {
    ImplicitLocOpBuilder b(loc, builder);
    Type element = tiled.getElementType();
    // Expanding loads of 16-bit integers are an instruction.
    auto stored = VectorType::get(
        kLanes, b.getIntegerType(element.getIntOrFloatBitWidth()));
    Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(stored));
    SmallVector<Value> steps;
    emitSteps(
        b, prepared, indices, loadOffset(b, prepared, indices), prepared[1],
        getBytes(element), [&](int64_t, Value pointer, Value mask) {
          Value value =
              LLVM::masked_expandload::create(b, stored, pointer, mask, zeros);
          steps.push_back(extend(b, value, element));
        });
    return steps;
  }

  bool isMasked(Attribute) const { return true; }

  /// What `prepare` yields, the number of values, and a buffer of the last
  /// ones, as many as a tile may have, with room for as many behind them.
  SmallVector<Value> prepareMasked(Attribute attr, OpBuilder &builder,
                                   Location loc, TiledAttr codec,
                                   ValueRange components) const {
    ImplicitLocOpBuilder b(loc, builder);
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    SmallVector<Value> prepared = prepare(attr, b, loc, codec, components);
    Value values = components[1];
    Type element = cast<MemRefType>(values.getType()).getElementType();
    auto vector = VectorType::get(kLanes, element);
    auto isThere = VectorType::get(kLanes, b.getI1Type());
    Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(vector));
    Value size = memref::DimOp::create(b, values, 0);
    Value buffer = memref::AllocOp::create(
        b, MemRefType::get({2 * kMaxValues}, element), b.getI64IntegerAttr(64));
    Value first = getFirstCopied(b, size);
    auto loop =
        scf::ForOp::create(b, index(0), index(2 * kMaxValues), index(kLanes));
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(loop.getBody());
      Value i = loop.getInductionVar();
      Value from = arith::AddIOp::create(b, first, i);
      Value mask = vector::CreateMaskOp::create(
          b, isThere, Value(arith::SubIOp::create(b, size, from)));
      Value some =
          vector::MaskedLoadOp::create(b, vector, values, from, mask, zeros);
      vector::StoreOp::create(b, some, buffer, i);
    }
    prepared.append({size, buffer});
    return prepared;
  }

  void releaseMasked(Attribute, OpBuilder &b, Location loc,
                     ValueRange prepared) const {
    memref::DeallocOp::create(b, loc, prepared.back());
  }

  void emitMaskedSteps(Attribute, OpBuilder &builder, Location loc,
                       RankedTensorType tiled, ValueRange prepared,
                       ValueRange indices,
                       function_ref<void(int64_t, MaskedStep)> emitStep) const {
    ImplicitLocOpBuilder b(loc, builder);
    Type element = tiled.getElementType();
    Value size = prepared[3];
    Value next = loadOffset(b, prepared, indices);
    Value end = arith::AddIOp::create(
        b, next, arith::ConstantIndexOp::create(b, kMaxValues));
    Value isCopied =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, end, size);
    Value copied =
        memref::ExtractAlignedPointerAsIndexOp::create(b, prepared[4]);
    Value address = arith::SelectOp::create(b, isCopied, copied, prepared[1]);
    Value inBuffer = arith::SubIOp::create(b, next, getFirstCopied(b, size));
    next = arith::SelectOp::create(b, isCopied, inBuffer, next);
    auto lanes = VectorType::get(kLanes, element);
    emitSteps(b, prepared, indices, next, address, getBytes(element),
              [&](int64_t step, Value pointer, Value mask) {
                if (step % kPrefetchSteps == 0)
                  LLVM::Prefetch::create(
                      b,
                      LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(),
                                          pointer,
                                          LLVM::GEPArg(kPrefetchBytes)),
                      /*rw=*/0, /*hint=*/3, /*cache=*/1);
                Value packed =
                    LLVM::LoadOp::create(b, lanes, pointer, getBytes(element));
                emitStep(step, {extend(b, packed, element), mask});
              });
  }

private:
  /// Values that a tile may have.
  static constexpr int64_t kMaxValues = kSteps * kLanes;

  static int64_t getBytes(Type element) {
    return element.getIntOrFloatBitWidth() / 8;
  }

  /// Where values of the stream begin that are copied, too.
  static Value getFirstCopied(ImplicitLocOpBuilder &b, Value size) {
    Value most = arith::ConstantIndexOp::create(b, kMaxValues);
    return arith::SubIOp::create(b, arith::MaxUIOp::create(b, size, most),
                                 most);
  }

  /// Stored values, or their bits, in f32.
  static Value extend(ImplicitLocOpBuilder &b, Value value, Type element) {
    auto type = cast<VectorType>(value.getType()).clone(element);
    if (value.getType() != type)
      value = vector::BitCastOp::create(b, type, value);
    if (element.isF32())
      return value;
    return arith::ExtFOp::create(b, type.clone(b.getF32Type()), value);
  }

  static Value loadOffset(ImplicitLocOpBuilder &b, ValueRange prepared,
                          ValueRange indices) {
    SmallVector<Value> at(indices);
    at.push_back(arith::ConstantIndexOp::create(b, 0));
    return arith::IndexCastUIOp::create(
        b, b.getIndexType(), memref::LoadOp::create(b, prepared[2], at));
  }

  /// The steps of a tile whose values, of `size` bytes, begin with number
  /// `next` at `address`.
  static void emitSteps(
      ImplicitLocOpBuilder &b, ValueRange prepared, ValueRange indices,
      Value next, Value address, int64_t size,
      function_ref<void(int64_t step, Value pointer, Value mask)> emitStep) {
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    auto isSet = VectorType::get(kLanes, b.getI1Type());
    SmallVector<Value> at(indices);
    at.push_back(Value());
    for (int64_t step = 0; step < kSteps; ++step) {
      at.back() = index(2 * step);
      Value bytes = vector::LoadOp::create(b, VectorType::get(2, b.getI8Type()),
                                           prepared[0], at);
      Value word = vector::ExtractOp::create(
          b,
          vector::BitCastOp::create(b, VectorType::get(1, b.getI16Type()),
                                    bytes),
          0);
      Value here = arith::AddIOp::create(
          b, address, arith::MulIOp::create(b, next, index(size)));
      Value number = arith::IndexCastOp::create(b, b.getI64Type(), here);
      Value pointer = LLVM::IntToPtrOp::create(
          b, LLVM::LLVMPointerType::get(b.getContext()), number);
      // Of a number, not of a vector: that would go through memory.
      emitStep(step, pointer, LLVM::BitcastOp::create(b, isSet, word));
      if (step + 1 == kSteps)
        break;
      Value bits = arith::ExtUIOp::create(b, b.getI32Type(), word);
      Value count = arith::IndexCastUIOp::create(
          b, b.getIndexType(), math::CtPopOp::create(b, bits));
      next = arith::AddIOp::create(b, next, count);
    }
  }
};
} // namespace

void mlir::compress::registerBitmaskTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    BitmaskAttr::attachInterface<BitmaskTileDecoder>(*context);
  });
}
