//===- FmaEmitter.cpp - contractions by f32 multiply-add --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each batch, for blocks of rows of lhs (as many accumulators):
//   copy the block to one [k, row] buffer
//   for each panel of kLanes outputs:
//     for each tile along k:            decoded once for all rows of the block
//       acc[row] += tile[step] * broadcast(lhs[row, k])
//     init[row, panel] += acc[row]
//
// The copy makes the values of one k neighbours. Rows that lie a power of two
// apart would otherwise fall into the same few lines of a cache.
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::compress;

ContractionEmitter::~ContractionEmitter() = default;

namespace {
class FmaEmitter : public ContractionEmitter {
public:
  explicit FmaEmitter(int64_t rows) : rows(rows) {}
  LogicalResult emit(OpBuilder &b, ContractOp op) const override;

private:
  int64_t rows;
};

/// The loops of one op.
class FmaKernel {
public:
  FmaKernel(OpBuilder &builder, ContractOp op, TiledAttr codec, int64_t rows)
      : b(op.getLoc(), builder), op(op), rows(rows),
        tiled(codec.getTiledType(op.getWeightType().getLogicalType())),
        decoder(cast<TileDecoderInterface>(
            codec.getInner(op.getWeightType().getLogicalType()))),
        lanesF32(VectorType::get(kLanes, b.getF32Type())) {
    ArrayRef<int64_t> shape = op.getWeightType().getShape();
    for (auto [i, size] : llvm::enumerate(shape)) {
      unsigned dim = op.getWeightMap().getDimPosition(i);
      if (dim == op.getDimN())
        n = size;
      else if (dim == op.getDimK())
        k = size;
    }
    step = tiled.getShape().back();
  }

  void emit();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  /// A loop whose body `fill` emits, at its induction variable.
  void loop(Value lower, Value upper, int64_t by,
            function_ref<void(Value)> fill);
  void emitRows(ValueRange batch);
  void emitBlocks(ValueRange batch, Value begin, Value end, int64_t count);
  void packBlock(ValueRange batch, Value firstRow, int64_t count, Value packed);
  void emitPanel(ValueRange batch, Value panel, Value firstRow, int64_t count,
                 Value packed);
  void emitTile(ValueRange batch, Value panel, Value firstRow, int64_t count,
                Value packed, Value tile, int64_t steps,
                SmallVectorImpl<Value> &accumulators);
  void addToInit(ValueRange batch, Value panel, Value row, Value sum);

  /// Accumulators per row: a chain of additions waits for each one before, so
  /// blocks of few rows need more chains.
  int64_t getChains(int64_t count) const {
    return std::min<int64_t>(std::max<int64_t>(4 / count, 1), step);
  }

  ImplicitLocOpBuilder b;
  ContractOp op;
  int64_t rows;
  RankedTensorType tiled;
  TileDecoderInterface decoder;
  VectorType lanesF32;
  int64_t n = 0, k = 0, step = 0;
  SmallVector<Value> prepared;
};
} // namespace

void FmaKernel::loop(Value lower, Value upper, int64_t by,
                     function_ref<void(Value)> fill) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, lower, upper, index(by));
  b.setInsertionPointToStart(loop.getBody());
  fill(loop.getInductionVar());
}

void FmaKernel::emit() {
  if (n == 0 || k == 0)
    return; // init stays as it is
  prepared = decoder.prepare(b, b.getLoc(), tiled, op.getComponents());
  SmallVector<Value> batch;
  // Batch dimensions, outermost first.
  std::function<void()> emitBatch = [&] {
    if (int64_t(batch.size()) == op.getNumBatch())
      return emitRows(batch);
    Value size = memref::DimOp::create(b, op.getInit(), batch.size());
    loop(index(0), size, 1, [&](Value i) {
      batch.push_back(i);
      emitBatch();
    });
  };
  emitBatch();
}

void FmaKernel::emitRows(ValueRange batch) {
  auto init = cast<MemRefType>(op.getInit().getType());
  int64_t staticRows = init.getDimSize(op.getNumBatch());
  if (!ShapedType::isDynamic(staticRows)) {
    int64_t whole = staticRows / rows * rows;
    if (whole)
      emitBlocks(batch, index(0), index(whole), rows);
    if (staticRows > whole)
      emitBlocks(batch, index(whole), index(staticRows), staticRows - whole);
    return;
  }
  // Ever smaller blocks, down to one row.
  Value size = memref::DimOp::create(b, op.getInit(), op.getNumBatch());
  Value begin = index(0);
  for (int64_t count = rows;; count = (count + 3) / 4) {
    Value left = arith::SubIOp::create(b, size, begin);
    Value whole = arith::SubIOp::create(
        b, left, arith::RemUIOp::create(b, left, index(count)));
    Value end = arith::AddIOp::create(b, begin, whole);
    emitBlocks(batch, begin, end, count);
    begin = end;
    if (count == 1)
      return;
  }
}

/// Blocks of `count` rows from `begin` to `end`.
void FmaKernel::emitBlocks(ValueRange batch, Value begin, Value end,
                           int64_t count) {
  Value packed;
  if (count > 1)
    packed = memref::AllocOp::create(
        b, MemRefType::get({k, count}, b.getF32Type()),
        b.getI64IntegerAttr(64));
  loop(begin, end, count, [&](Value row) {
    if (packed)
      packBlock(batch, row, count, packed);
    loop(index(0), index(llvm::divideCeil(n, kLanes)), 1, [&](Value panel) {
      emitPanel(batch, panel, row, count, packed);
    });
  });
  if (packed)
    memref::DeallocOp::create(b, packed);
}

void FmaKernel::packBlock(ValueRange batch, Value firstRow, int64_t count,
                          Value packed) {
  loop(index(0), index(k), 1, [&](Value at) {
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<Value> place(batch);
      place.append({arith::AddIOp::create(b, firstRow, index(i)), at});
      Value x = memref::LoadOp::create(b, op.getLhs(), place);
      memref::StoreOp::create(b, x, packed, ValueRange{at, index(i)});
    }
  });
}

void FmaKernel::emitPanel(ValueRange batch, Value panel, Value firstRow,
                          int64_t count, Value packed) {
  OpBuilder::InsertionGuard guard(b);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(lanesF32));
  SmallVector<Value> accumulators(count * getChains(count), zero);
  int64_t whole = k / step;
  if (whole) {
    auto loop = scf::ForOp::create(b, index(0), index(whole), index(1),
                                   accumulators);
    OpBuilder::InsertionGuard inner(b);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<Value> carried(loop.getRegionIterArgs());
    emitTile(batch, panel, firstRow, count, packed, loop.getInductionVar(),
             step, carried);
    scf::YieldOp::create(b, carried);
    accumulators.assign(loop.getResults().begin(), loop.getResults().end());
  }
  // lhs ends within the last tile.
  if (k % step)
    emitTile(batch, panel, firstRow, count, packed, index(whole), k % step,
             accumulators);
  int64_t chains = getChains(count);
  for (int64_t i = 0; i < count; ++i) {
    Value sum = accumulators[i * chains];
    for (int64_t chain = 1; chain < chains; ++chain)
      sum = arith::AddFOp::create(b, sum, accumulators[i * chains + chain]);
    Value row = arith::AddIOp::create(b, firstRow, index(i));
    addToInit(batch, panel, row, sum);
  }
}

void FmaKernel::emitTile(ValueRange batch, Value panel, Value firstRow,
                         int64_t count, Value packed, Value tile,
                         int64_t steps,
                         SmallVectorImpl<Value> &accumulators) {
  SmallVector<Value> indices(batch);
  indices.append({panel, tile});
  SmallVector<Value> values =
      decoder.emitTile(b, b.getLoc(), tiled, prepared, indices);
  Value firstK = arith::MulIOp::create(b, tile, index(step));
  int64_t chains = getChains(count);
  for (int64_t s = 0; s < steps; ++s) {
    Value at = arith::AddIOp::create(b, firstK, index(s));
    for (int64_t i = 0; i < count; ++i) {
      SmallVector<Value> place(batch);
      place.append({firstRow, at});
      Value x = packed ? memref::LoadOp::create(b, packed,
                                                ValueRange{at, index(i)})
                       : memref::LoadOp::create(b, op.getLhs(), place);
      Value xs = vector::BroadcastOp::create(b, lanesF32, x);
      Value &sum = accumulators[i * chains + s % chains];
      sum = vector::FMAOp::create(b, xs, values[s], sum);
    }
  }
}

void FmaKernel::addToInit(ValueRange batch, Value panel, Value row, Value sum) {
  Value first = arith::MulIOp::create(b, panel, index(kLanes));
  SmallVector<Value> place(batch);
  place.append({row, first});
  if (n % kLanes == 0) {
    Value old = vector::LoadOp::create(b, lanesF32, op.getInit(), place);
    vector::StoreOp::create(b, arith::AddFOp::create(b, old, sum), op.getInit(),
                            place);
    return;
  }
  Value left = arith::SubIOp::create(b, index(n), first);
  Value mask = vector::CreateMaskOp::create(
      b, VectorType::get(kLanes, b.getI1Type()), left);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(lanesF32));
  Value old = vector::MaskedLoadOp::create(b, lanesF32, op.getInit(), place,
                                           mask, zero);
  vector::MaskedStoreOp::create(b, op.getInit(), place, mask,
                                arith::AddFOp::create(b, old, sum));
}

/// Whether a weight is laid out as the loops here read it.
static bool readsInOrder(ContractOp op, TiledAttr codec) {
  auto decoder = dyn_cast<TileDecoderInterface>(codec.getBase());
  if (!decoder)
    return false;
  AffineMap map = op.getWeightMap();
  auto getPosition = [&](unsigned dim) -> unsigned {
    return *map.getResultPosition(getAffineDimExpr(dim, op.getContext()));
  };
  for (unsigned dim = 1; dim < op.getNumBatch(); ++dim)
    if (getPosition(dim - 1) > getPosition(dim))
      return false;
  auto layout = decoder.getKernelLayout(op.getWeightType().getLogicalType(),
                                        getPosition(op.getDimN()),
                                        getPosition(op.getDimK()));
  return layout && ArrayRef<int64_t>(layout->tile) == codec.getTile() &&
         ArrayRef<int64_t>(layout->order) == codec.getOrder();
}

LogicalResult FmaEmitter::emit(OpBuilder &b, ContractOp op) const {
  auto codec = dyn_cast<TiledAttr>(op.getWeightType().getCodec());
  if (!codec || !readsInOrder(op, codec))
    return failure();
  // Outputs of a panel are loaded as vectors, and so is what is in a tile.
  auto init = dyn_cast<MemRefType>(op.getInit().getType());
  if (!init || !init.isLastDimUnitStride())
    return failure();
  for (Value component : op.getComponents()) {
    auto type = cast<MemRefType>(component.getType());
    if (!type.areTrailingDimsContiguous(type.getRank() / 2))
      return failure();
  }
  FmaKernel(b, op, codec, rows).emit();
  return success();
}

std::unique_ptr<ContractionEmitter>
mlir::compress::createFmaEmitter(int64_t rows) {
  return std::make_unique<FmaEmitter>(rows);
}
