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

#include "ContractionKernel.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
class FmaEmitter : public ContractionEmitter {
public:
  explicit FmaEmitter(int64_t rows) : rows(rows) {}
  LogicalResult emit(OpBuilder &b, ContractOp op) const override;

private:
  int64_t rows;
};

/// The loops of one op.
class FmaKernel : public ContractionKernel {
public:
  FmaKernel(OpBuilder &builder, ContractOp op, int64_t rows)
      : ContractionKernel(builder, op, rows),
        tiled(codec.getTiledType(logical)),
        decoder(cast<TileDecoderInterface>(codec.getInner(logical))),
        step(codec.getTile()[dimK]) {}

private:
  void prepare() override {
    prepared = cast<TileDecoderInterface>(codec.getBase())
                   .prepare(b, b.getLoc(), codec, op.getComponents());
  }
  int64_t getSmallerCount(int64_t count) const override {
    return (count + 3) / 4;
  }
  void emitBlocks(ValueRange batch, Value begin, Value end,
                  int64_t count) override;
  void packBlock(ValueRange batch, Value firstRow, int64_t count, Value packed);
  void emitPanel(ValueRange batch, Value panel, Value firstRow, int64_t count,
                 Value packed);
  void emitTile(ValueRange batch, Value panel, Value firstRow, int64_t count,
                Value packed, Value tile, int64_t steps,
                SmallVectorImpl<Value> &accumulators);

  /// Accumulators per row: a chain of additions waits for each one before, so
  /// blocks of few rows need more chains.
  int64_t getChains(int64_t count) const {
    return std::min<int64_t>(std::max<int64_t>(4 / count, 1), step);
  }

  RankedTensorType tiled;
  TileDecoderInterface decoder;
  int64_t step;
  SmallVector<Value> prepared;
};
} // namespace

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
    loopPanels(index(0), index(llvm::divideCeil(n, kLanes)), 1, [&](Value panel) {
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
      Value row = arith::AddIOp::create(b, firstRow, index(i));
      Value x = memref::LoadOp::create(b, op.getLhs(),
                                       getLhsPlace(batch, row, at));
      memref::StoreOp::create(b, x, packed, ValueRange{at, index(i)});
    }
  });
}

void FmaKernel::emitPanel(ValueRange batch, Value panel, Value firstRow,
                          int64_t count, Value packed) {
  OpBuilder::InsertionGuard guard(b);
  SmallVector<Value> accumulators(count * getChains(count), zero(lanesF32));
  int64_t whole = k / step;
  if (whole)
    loop(0, whole, 1, accumulators,
         [&](Value tile, SmallVectorImpl<Value> &carried) {
           emitTile(batch, panel, firstRow, count, packed, tile, step, carried);
         });
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
      Value x = packed
                    ? memref::LoadOp::create(b, packed, ValueRange{at, index(i)})
                    : memref::LoadOp::create(b, op.getLhs(),
                                             getLhsPlace(batch, firstRow, at));
      Value xs = vector::BroadcastOp::create(b, lanesF32, x);
      Value &sum = accumulators[i * chains + s % chains];
      sum = vector::FMAOp::create(b, xs, values[s], sum);
    }
  }
}

LogicalResult FmaEmitter::emit(OpBuilder &b, ContractOp op) const {
  if (op.getCompute() != ComputeMode::F32 ||
      !ContractionKernel::canLoadVectors(op))
    return failure();
  FmaKernel(b, op, rows).emit();
  return success();
}

std::unique_ptr<ContractionEmitter>
mlir::compress::createFmaEmitter(int64_t rows) {
  return std::make_unique<FmaEmitter>(rows);
}
