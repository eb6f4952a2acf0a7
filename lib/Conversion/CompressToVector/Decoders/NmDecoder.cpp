//===- NmDecoder.cpp - tiles of N of M elements ---------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile has about 32 steps, whole groups of them. Values of one step of all
// lanes are neighbours, and so are their positions, in the bits of a few bytes:
// lane r has bits r * b and above. Records hold the values of a tile and then
// its positions, of a few tiles if both are whole cache lines then.
//
// Where elements that are not stored must be there, groups are expanded by
// comparing positions.
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Steps of a tile, about.
static constexpr int64_t kSteps = 32;
static constexpr int64_t kCacheLine = 64, kMaxRecord = 4;

namespace {
/// Reads one tile.
class TileReader {
public:
  /// `element` is the type of values, `steps` how many of them a lane has.
  TileReader(OpBuilder &builder, Location loc, NmAttr codec, Type element,
             int64_t steps, ValueRange buffers, const TilePosition &position)
      : b(loc, builder), bits(codec.getPositionBits()), element(element),
        buffer(buffers.front()), position(position),
        lanesI32(VectorType::get(kLanes, b.getI32Type())) {
    values = steps * getValueBytes();
    positions = steps * getPositionBytes();
    firstPosition = getTilesPerRecord() * values;
  }

  int64_t getTilesPerRecord() const {
    return cast<MemRefType>(buffer.getType()).getShape().back() /
           (values + positions);
  }

  Value loadValue(int64_t step) {
    Value bytes = load(values, step * getValueBytes(), getValueBytes());
    Value value =
        vector::BitCastOp::create(b, VectorType::get(kLanes, element), bytes);
    if (element.isF32())
      return value;
    return arith::ExtFOp::create(b, VectorType::get(kLanes, b.getF32Type()),
                                 value);
  }

  Value loadPosition(int64_t step) {
    // Two bytes of one bit, four of two; more than four are two words.
    int64_t bytes = getPositionBytes();
    int64_t first = firstPosition + step * bytes;
    Value words = loadWord(first, std::min<int64_t>(bytes, 4));
    SmallVector<int32_t> shifts;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      shifts.push_back(lane * bits);
    if (bytes > 4) {
      int64_t second = bytes - 4;
      SmallVector<bool> isLow;
      for (int64_t lane = 0; lane < kLanes; ++lane) {
        isLow.push_back(lane < kLanes / 2);
        if (!isLow.back())
          shifts[lane] -= 8 * second;
      }
      auto mask = arith::ConstantOp::create(
          b, DenseElementsAttr::get(VectorType::get(kLanes, b.getI1Type()),
                                    ArrayRef<bool>(isLow)));
      words =
          arith::SelectOp::create(b, mask, words, loadWord(first + second, 4));
    }
    return arith::ShRUIOp::create(
        b, words,
        arith::ConstantOp::create(
            b, DenseElementsAttr::get(lanesI32, ArrayRef<int32_t>(shifts))));
  }

  void prefetch() {
    for (auto [stride, offset] :
         {std::pair(values, int64_t(0)), {positions, firstPosition}})
      for (int64_t at = 0; at < stride; at += kCacheLine)
        memref::PrefetchOp::create(b, buffer, getPlace(stride, offset + at),
                                   /*isWrite=*/false, /*localityHint=*/3,
                                   /*isDataCache=*/true);
  }

private:
  int64_t getValueBytes() const {
    return kLanes * element.getIntOrFloatBitWidth() / 8;
  }
  int64_t getPositionBytes() const { return kLanes * bits / 8; }

  /// Byte `offset` of the stream, for the first tile of a record; those of its
  /// tiles are `stride` apart.
  SmallVector<Value> getPlace(int64_t stride, int64_t offset) {
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    SmallVector<Value> at(position.outer);
    at.push_back(position.record);
    at.push_back(arith::AddIOp::create(
        b, arith::MulIOp::create(b, position.tile, index(stride)),
        index(offset)));
    return at;
  }

  /// `size` bytes from such a one on.
  Value load(int64_t stride, int64_t offset, int64_t size) {
    return vector::LoadOp::create(b, VectorType::get(size, b.getI8Type()),
                                  buffer, getPlace(stride, offset));
  }

  /// A word of `size` bytes of the positions, in all lanes.
  Value loadWord(int64_t offset, int64_t size) {
    Type word = b.getIntegerType(8 * size);
    Value bytes = load(positions, offset, size);
    Value bits = vector::ExtractOp::create(
        b, vector::BitCastOp::create(b, VectorType::get(1, word), bytes), 0);
    if (size < 4)
      bits = arith::ExtUIOp::create(b, b.getI32Type(), bits);
    return vector::BroadcastOp::create(b, lanesI32, bits);
  }

  ImplicitLocOpBuilder b;
  unsigned bits;
  Type element;
  Value buffer;
  const TilePosition &position;
  VectorType lanesI32;
  /// Bytes of a tile; where the positions of a record begin.
  int64_t values, positions, firstPosition;
};

struct NmTileDecoder
    : TileDecoderInterface::ExternalModel<NmTileDecoder, NmAttr> {
  std::optional<algorithms::TileLayout>
  getKernelLayout(Attribute attr, RankedTensorType logical, unsigned laneDim,
                  unsigned stepDim, ComputeMode compute) const {
    auto codec = cast<NmAttr>(attr);
    if (compute != ComputeMode::F32 || codec.getAxis() != int64_t(stepDim))
      return std::nullopt;
    algorithms::TileLayout layout;
    layout.tile.assign(logical.getRank(), 1);
    layout.tile[laneDim] = kLanes;
    layout.tile[stepDim] =
        std::max<int64_t>(kSteps / codec.getGroup(), 1) * codec.getGroup();
    layout.split.assign(layout.tile.begin(), layout.tile.end());
    for (unsigned dim = 0; dim < logical.getRank(); ++dim)
      if (dim != laneDim && dim != stepDim)
        layout.order.push_back(dim);
    layout.inside.assign(layout.order.begin(), layout.order.end());
    layout.order.append({laneDim, stepDim});
    layout.inside.append({stepDim, laneDim});
    int64_t positions = codec.getNumValues(layout.tile[stepDim]) * kLanes *
                        codec.getPositionBits() / 8;
    layout.record = kCacheLine / std::gcd(positions, kCacheLine);
    if (layout.record > kMaxRecord ||
        logical.getDimSize(stepDim) <= layout.tile[stepDim])
      layout.record = 1;
    if (!TiledAttr::get(codec, layout).hasWholeRecords(logical))
      return std::nullopt;
    return layout;
  }

  SmallVector<Value> prepare(Attribute, OpBuilder &, Location, TiledAttr,
                             ValueRange components) const {
    return components;
  }

  std::optional<SparseFormat> getSparseFormat(Attribute attr) const {
    auto codec = cast<NmAttr>(attr);
    return SparseFormat{codec.getKept(), codec.getGroup()};
  }

  void emitPrefetch(Attribute attr, OpBuilder &b, Location loc,
                    RankedTensorType tiled, ValueRange prepared,
                    ValueRange indices) const {
    TilePosition position = {SmallVector<Value>(indices.drop_back()),
                             indices.back(), Value()};
    TileReader reader = getReader(attr, b, loc, tiled, prepared, position);
    Value tiles =
        arith::ConstantIndexOp::create(b, loc, reader.getTilesPerRecord());
    position.record = arith::DivUIOp::create(b, loc, indices.back(), tiles);
    position.tile = arith::RemUIOp::create(b, loc, indices.back(), tiles);
    reader.prefetch();
  }

  SmallVector<SparseStep> emitSparseGroup(Attribute attr, OpBuilder &b,
                                          Location loc,
                                          const TiledWeight &weight,
                                          const TilePosition &position,
                                          int64_t group) const {
    TileReader reader =
        getReader(attr, b, loc, weight.getTiled(), weight.buffers, position);
    int64_t kept = cast<NmAttr>(attr).getKept();
    SmallVector<SparseStep> steps;
    for (int64_t step = group * kept; step < (group + 1) * kept; ++step) {
      Value value = reader.loadValue(step);
      steps.push_back({value, reader.loadPosition(step)});
    }
    return steps;
  }

  SmallVector<Value> emitTile(Attribute attr, OpBuilder &builder, Location loc,
                              const ByteInstructions &, RankedTensorType tiled,
                              ValueRange prepared, ValueRange indices) const {
    auto codec = cast<NmAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    auto lanesI32 = VectorType::get(kLanes, b.getI32Type());
    auto lanesF32 = VectorType::get(kLanes, b.getF32Type());
    auto splat = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(
          b, DenseElementsAttr::get(lanesI32, b.getI32IntegerAttr(value)));
    };
    TilePosition position = {SmallVector<Value>(indices.drop_back()),
                             indices.back(), Value()};
    TileReader reader = getReader(attr, b, loc, tiled, prepared, position);
    Value tiles = arith::ConstantIndexOp::create(b, reader.getTilesPerRecord());
    position.record = arith::DivUIOp::create(b, indices.back(), tiles);
    position.tile = arith::RemUIOp::create(b, indices.back(), tiles);
    Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(lanesF32));
    SmallVector<Value> result;
    int64_t groups = tiled.getDimSize(codec.getAxis()) / codec.getGroup();
    for (int64_t group = 0; group < groups; ++group) {
      SmallVector<SparseStep> steps;
      for (int64_t i = 0; i < codec.getKept(); ++i) {
        int64_t step = group * codec.getKept() + i;
        Value at =
            arith::AndIOp::create(b, reader.loadPosition(step),
                                  splat((1 << codec.getPositionBits()) - 1));
        steps.push_back({reader.loadValue(step), at});
      }
      for (int64_t i = 0; i < codec.getGroup(); ++i) {
        Value element = zeros;
        for (const SparseStep &step : steps)
          element = arith::SelectOp::create(
              b,
              arith::CmpIOp::create(b, arith::CmpIPredicate::eq, step.position,
                                    splat(i)),
              step.value, element);
        result.push_back(element);
      }
    }
    return result;
  }

private:
  static TileReader getReader(Attribute attr, OpBuilder &b, Location loc,
                              RankedTensorType tiled, ValueRange buffers,
                              const TilePosition &position) {
    auto codec = cast<NmAttr>(attr);
    return TileReader(b, loc, codec, tiled.getElementType(),
                      codec.getNumValues(tiled.getDimSize(codec.getAxis())),
                      buffers, position);
  }
};
} // namespace

void mlir::compress::registerNmTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    NmAttr::attachInterface<NmTileDecoder>(*context);
  });
}
