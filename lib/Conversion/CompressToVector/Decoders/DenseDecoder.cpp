//===- DenseDecoder.cpp - tiles of values as they are ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is a vector of lanes for each step. All of a panel is one sequential
// stream.
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::compress;

/// Steps of a tile: what emitters unroll.
static constexpr int64_t kSteps = 8;
static constexpr int64_t kCacheLine = 64;

namespace {
struct DenseTileDecoder
    : TileDecoderInterface::ExternalModel<DenseTileDecoder, DenseAttr> {
  std::optional<algorithms::TileLayout>
  getKernelLayout(Attribute, RankedTensorType logical, unsigned laneDim,
                  unsigned stepDim, ComputeMode compute) const {
    if (compute != ComputeMode::F32)
      return std::nullopt;
    algorithms::TileLayout layout;
    layout.tile.assign(logical.getRank(), 1);
    layout.tile[laneDim] = kLanes;
    layout.tile[stepDim] =
        std::clamp<int64_t>(logical.getDimSize(stepDim), 1, kSteps);
    for (unsigned dim = 0; dim < logical.getRank(); ++dim) {
      layout.split.push_back(layout.tile[dim]);
      if (dim == laneDim || dim == stepDim)
        continue;
      layout.order.push_back(dim);
      layout.inside.push_back(dim);
    }
    layout.order.append({laneDim, stepDim});
    layout.inside.append({stepDim, laneDim});
    return layout;
  }

  SmallVector<Value> prepare(Attribute, OpBuilder &b, Location loc,
                             TiledAttr codec, ValueRange components) const {
    // What is in one tile becomes one dimension, from which vectors are loaded.
    int64_t outer = codec.getTile().size();
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < outer; ++i)
      groups.push_back({i});
    groups.push_back(llvm::to_vector(llvm::seq<int64_t>(outer, 2 * outer)));
    return {memref::CollapseShapeOp::create(b, loc, components[0], groups)};
  }

  bool isLoaded(Attribute attr, RankedTensorType tiled) const {
    return cast<DenseAttr>(attr).getStoredType(tiled).getElementType().isF32();
  }

  void emitPrefetch(Attribute, OpBuilder &builder, Location loc,
                    RankedTensorType, ValueRange prepared,
                    ValueRange indices) const {
    ImplicitLocOpBuilder b(loc, builder);
    auto type = cast<MemRefType>(prepared[0].getType());
    int64_t line = kCacheLine * 8 / type.getElementTypeBitWidth();
    SmallVector<Value> at(indices);
    at.push_back(Value());
    for (int64_t first = 0; first < type.getShape().back(); first += line) {
      at.back() = arith::ConstantIndexOp::create(b, first);
      memref::PrefetchOp::create(b, prepared[0], at, /*isWrite=*/false,
                                 /*localityHint=*/3, /*isDataCache=*/true);
    }
  }

  SmallVector<Value> emitTile(Attribute, OpBuilder &builder, Location loc,
                              const ByteInstructions &, RankedTensorType,
                              ValueRange prepared, ValueRange indices) const {
    ImplicitLocOpBuilder b(loc, builder);
    Type element = cast<MemRefType>(prepared[0].getType()).getElementType();
    auto lanes = VectorType::get(kLanes, element);
    auto lanesF32 = VectorType::get(kLanes, b.getF32Type());
    int64_t size = cast<MemRefType>(prepared[0].getType()).getShape().back();
    SmallVector<Value> at(indices);
    at.push_back(Value());
    SmallVector<Value> steps;
    for (int64_t first = 0; first < size; first += kLanes) {
      at.back() = arith::ConstantIndexOp::create(b, first);
      Value value = vector::LoadOp::create(b, lanes, prepared[0], at);
      if (!element.isF32())
        value = arith::ExtFOp::create(b, lanesF32, value);
      steps.push_back(value);
    }
    return steps;
  }
};
} // namespace

void mlir::compress::registerDenseTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    DenseAttr::attachInterface<DenseTileDecoder>(*context);
  });
}
