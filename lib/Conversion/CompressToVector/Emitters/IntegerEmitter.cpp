//===- IntegerEmitter.cpp - contractions by products of 8-bit integers ----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each batch, for blocks of rows of lhs:
//   quantize them: 8-bit integers, one scale and one sum per block along k
//   for each panel of kLanes outputs, for each few rows: products
//
// Words of four integers of a few rows are neighbours, in the order in which
// products read them. Convolutions are in WindowKernel.cpp.
//
//===----------------------------------------------------------------------===//

#include "IntegerKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

/// Bytes of quantized x that a pass over the weight is made for: a part of L2,
/// or of L3 where panels share loads of x.
static constexpr int64_t kQuantizedBytes = 512 << 10,
                         kSharedQuantizedBytes = 2 << 20;
/// Groups that share the work of fetching.
static constexpr int64_t kMinPrefetchGroups = 8;
static constexpr int64_t kCacheLine = 64;

namespace {
class IntegerEmitter : public ContractionEmitter {
public:
  explicit IntegerEmitter(ArrayRef<std::string> features)
      : instructions(features) {}
  LogicalResult emit(OpBuilder &b, ContractOp op) const override;

private:
  ByteInstructions instructions;
};

/// x of some rows, quantized: dimensions are groups of rows, then positions
/// along k, then rows of a group; for sparse weights as many words as a vector
/// is multiplied with, then rows, then words.
struct QuantizedRows {
  /// Four integers a word.
  Value words;
  /// Of each block: scale, and what accumulators begin with.
  Value scales, start;
  /// Sums of the integers, where the weight has zero points or minima.
  Value sums;
};

/// Rows of lhs, each rounded by itself.
class RowsKernel : public IntegerKernel {
public:
  /// Blocks have `rows` rows and `panels` panels, but for the rest.
  RowsKernel(OpBuilder &builder, ContractOp op, const IntegerWeight &weight,
             const IntegerFormat &format, int64_t rows, int64_t panels)
      : IntegerKernel(builder, op, weight, format, rows),
        panelsOfBlock(panels) {}

private:
  int64_t getSmallerCount(int64_t count) const override {
    return count > 2 ? (count + 1) / 2 : 1;
  }
  void emitBlocks(ValueRange batch, Value begin, Value end,
                  int64_t count) override;

  void allocate(int64_t groups, int64_t count);
  void deallocate();
  void quantizeRow(Value row, Value group, Value place, int64_t count);
  void quantizeBlock(Value row, Value block, Value group, Value place,
                     int64_t count);

  Value getTilePlace(Value tile) override {
    return arith::MulIOp::create(b, tile, index(steps / 4));
  }
  Value getBlockPlace(Value block) override { return block; }
  Value loadWord(const Rows &rows, Value place, int64_t word,
                 int64_t row) override {
    return load(x.words, rows, arith::AddIOp::create(b, place, index(word)),
                row);
  }
  Value loadSteps(const Rows &rows, Value place, int64_t number,
                  int64_t row) override {
    int64_t words = getUnit();
    Value at = arith::AddIOp::create(
        b, arith::MulIOp::create(b, place, index(rows.count)),
        index((number * rows.count + row) * words));
    return vector::LoadOp::create(b, VectorType::get(words, b.getI32Type()),
                                  x.words, ValueRange{rows.place, at});
  }
  /// Words of a row that are neighbours.
  int64_t getUnit() const {
    return format.isSparse() ? format.stepsPerVector / 4 : 1;
  }
  Value loadOfBlock(OfBlock what, const Rows &rows, Value place,
                    int64_t row) override {
    Value buffers[] = {x.scales, x.start, x.sums};
    return load(buffers[int(what)], rows, place, row);
  }
  Value load(Value buffer, const Rows &rows, Value position, int64_t row) {
    Value at = arith::AddIOp::create(
        b, arith::MulIOp::create(b, position, index(rows.count)), index(row));
    return memref::LoadOp::create(b, buffer, ValueRange{rows.place, at});
  }
  int64_t getNumPanels(int64_t count) const override {
    return count > kFewRows ? panelsOfBlock : 1;
  }
  void prefetchNext(ValueRange batch, ArrayRef<Value> panels, const Rows &rows,
                    Value tile) override;

  QuantizedRows x;
  int64_t panelsOfBlock;
  /// Groups of rows that a pass over the weight is made for.
  int64_t groupsOfTurn = 1;
};
} // namespace

/// Each group of rows fetches a part of the next panels to L2, where a row has
/// one scale and panels are codes only.
void RowsKernel::prefetchNext(ValueRange batch, ArrayRef<Value> panels,
                              const Rows &rows, Value tile) {
  if (blocks > 1 || panels.size() == 1 || groupsOfTurn < kMinPrefetchGroups)
    return;
  int64_t tiles = paddedK / steps;
  int64_t lines = llvm::divideCeil(
      int64_t(panels.size()) * format.vectorsPerTile, groupsOfTurn);
  Value number = arith::AddIOp::create(
      b, arith::MulIOp::create(b, rows.place, index(tiles)), tile);
  Value first = arith::MulIOp::create(b, number, index(lines * kCacheLine));
  SmallVector<Value> place(batch);
  place.append({arith::AddIOp::create(b, panels.front(), index(panels.size())),
                index(0), Value()});
  for (int64_t line = 0; line < lines; ++line) {
    place.back() = arith::AddIOp::create(b, first, index(line * kCacheLine));
    memref::PrefetchOp::create(b, weight.buffers[0], place, /*isWrite=*/false,
                               /*localityHint=*/2, /*isDataCache=*/true);
  }
}

void RowsKernel::emitBlocks(ValueRange batch, Value begin, Value end,
                            int64_t count) {
  int64_t bytes =
      getNumPanels(count) > 1 ? kSharedQuantizedBytes : kQuantizedBytes;
  int64_t groups = count > kFewRows ? getNumGroups(count, bytes / paddedK) : 1;
  groupsOfTurn = groups;
  allocate(groups, count);
  emitTurns(batch, begin, end,
            {count, groups, paddedK, getNumPanels(count),
             [&](Value row, Value group, Value place) {
               quantizeRow(row, group, place, count);
             },
             [&](ArrayRef<Value> panels, Value group, Value firstRow) {
               emitPanels(batch, panels, {firstRow, count, group});
             }});
  deallocate();
}

void RowsKernel::allocate(int64_t groups, int64_t count) {
  auto make = [&](int64_t positions, Type type) -> Value {
    return memref::AllocOp::create(
        b, MemRefType::get({groups, positions * count}, type),
        b.getI64IntegerAttr(64));
  };
  x = QuantizedRows();
  x.words = make(paddedK / 4, b.getI32Type());
  x.scales = make(blocks, b.getF32Type());
  if (hasStarts())
    x.start = make(blocks, b.getI32Type());
  if (hasSums())
    x.sums = make(blocks, b.getF32Type());
}

void RowsKernel::deallocate() {
  for (Value buffer : {x.words, x.scales, x.start, x.sums})
    if (buffer)
      memref::DeallocOp::create(b, buffer);
}

void RowsKernel::quantizeRow(Value row, Value group, Value place,
                             int64_t count) {
  loop(index(0), index(blocks), 1,
       [&](Value block) { quantizeBlock(row, block, group, place, count); });
}

void RowsKernel::quantizeBlock(Value row, Value block, Value group, Value place,
                               int64_t count) {
  int64_t size = format.tilesPerBlock * steps;
  Value first = arith::MulIOp::create(b, block, index(size));
  auto getAt = [&](Value vector) -> Value {
    return arith::AddIOp::create(
        b, first, arith::MulIOp::create(b, vector, index(kLanes)));
  };
  auto loadAt = [&](Value vector) -> Value {
    return vector::LoadOp::create(b, lanesF32, row, getAt(vector));
  };
  ByteQuantization quantization(
      b, getLargest(zero(lanesI32), size / kLanes, loadAt));
  Value sum = round(
      quantization, size / kLanes, loadAt, [&](Value vector, Value words) {
        Value word = arith::DivUIOp::create(b, getAt(vector), index(4));
        if (count == 1) {
          vector::StoreOp::create(b, words, x.words, ValueRange{group, word});
          return;
        }
        int64_t unit = getUnit();
        for (int64_t i = 0; i < kLanes / 4; ++i) {
          Value number = arith::AddIOp::create(b, word, index(i / unit * unit));
          Value position = arith::AddIOp::create(
              b, arith::MulIOp::create(b, number, index(count)),
              arith::MulIOp::create(b, place, index(unit)));
          position = arith::AddIOp::create(b, position, index(i % unit));
          memref::StoreOp::create(b, vector::ExtractOp::create(b, words, i),
                                  x.words, ValueRange{group, position});
        }
      });
  Value position = arith::AddIOp::create(
      b, place, arith::MulIOp::create(b, block, index(count)));
  memref::StoreOp::create(b, getScale(quantization.scale), x.scales,
                          ValueRange{group, position});
  storeSum(vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum),
           x.start, x.sums, ValueRange{group, position});
}

LogicalResult IntegerEmitter::emit(OpBuilder &b, ContractOp op) const {
  if (op.getCompute() != ComputeMode::Int8 ||
      !getElementTypeOrSelf(op.getLhs()).isF32() ||
      !ContractionKernel::canLoadVectors(op))
    return failure();
  auto codec = cast<TiledAttr>(op.getWeightType().getCodec());
  IntegerWeight weight(codec, op.getWeightType().getLogicalType(),
                       instructions);
  IntegerFormat format =
      cast<TileDecoderInterface>(codec.getBase()).getIntegerFormat(weight);
  if (!format.isSparse() && succeeded(emitWindowKernel(b, op, weight, format)))
    return success();
  int64_t vectors = instructions.getNumVectors();
  IntegerShape shape = format.isSparse()
                           ? getSparseShape(vectors)
                           : getShapes(vectors, codec.getRecord()).front();
  RowsKernel(b, op, weight, format,
             ContractionKernel::chooseRows(op, shape.rows), shape.panels)
      .emit();
  return success();
}

bool mlir::compress::prefersIntegers(ArrayRef<std::string> features) {
  return ByteInstructions(features).hasDot();
}

std::unique_ptr<ContractionEmitter>
mlir::compress::createIntegerEmitter(ArrayRef<std::string> features) {
  return std::make_unique<IntegerEmitter>(features);
}
