//===- IntegerEmitter.cpp - contractions by products of 8-bit integers
//-------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each batch, for blocks of rows of lhs:
//   quantize them: 8-bit integers, one scale and one sum per block along k
//   for each panel of kLanes outputs, for each few rows:
//     for each block along k:
//       acc[row] = -bias * sum(x[row]); acc[row] += codes * x[row], in integers
//       result[row] += acc[row] * (scale of the weight * scale of x[row])
//     init[row, panel] += result[row]
//
// ByteInstructions multiplies unsigned by signed bytes and adds four neighbours
// to a 32-bit lane: codes are the unsigned operand, 4 steps of 16 outputs a
// vector, and x the signed one, 4 steps of one row for all lanes. Quantized x
// of a few rows is kept in that order. Padding of k is zeros in both.
//
//===----------------------------------------------------------------------===//

#include "../ByteQuantization.h"
#include "ContractionKernel.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
/// Rows, and panels of outputs, that are computed at once.
struct Shape {
  int64_t rows, panels;
};
} // namespace

/// What fits the registers: so many vectors of lanes. Where blocks end within a
/// row, there are f32 accumulators beside those of integers. Panels share loads
/// of x; their codes take registers.
static Shape getShape(int64_t vectors, bool isBlocked) {
  if (vectors >= 32)
    return isBlocked ? Shape{12, 1} : Shape{8, 3};
  if (vectors >= 8)
    return isBlocked ? Shape{2, 1} : Shape{2, 2};
  return {1, 1};
}

static constexpr int64_t kCacheLine = 64;
/// Up to so many rows, memory is what limits: codes are spared shifts.
static constexpr int64_t kFewRows = 3;
/// Bytes of quantized x that a pass over the weight is made for: a part of L2.
static constexpr int64_t kQuantizedBytes = 512 << 10;
/// Tiles, and vectors of x, that are unrolled.
static constexpr int64_t kUnrolledTiles = 4, kUnrolledVectors = 8;
/// A dependent chain of products needs company.
static constexpr int64_t kMinChains = 8;
/// How far ahead weights are fetched where memory limits. Kernels with much
/// work for each byte would else wait: their loads come too late.
static constexpr int64_t kPrefetchBytes = 4096;

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
/// along k, then rows of a group.
struct QuantizedRows {
  /// Four integers a word.
  Value words;
  /// Of each block: scale, and what accumulators begin with.
  Value scales, start;
  /// Sums of the integers, where the weight has zero points or minima.
  Value sums;
};

/// The loops of one op.
class IntegerKernel : public ContractionKernel {
public:
  /// Blocks have `rows` rows and `panels` panels, but for the rest.
  IntegerKernel(OpBuilder &builder, ContractOp op, const IntegerWeight &weight,
                const IntegerFormat &format, int64_t rows, int64_t panels);

private:
  void prepare() override {
    weight.buffers =
        decoder.prepareIntegers(b, b.getLoc(), weight, op.getComponents());
  }
  int64_t getSmallerCount(int64_t count) const override {
    return count > 2 ? (count + 1) / 2 : 1;
  }
  void emitBlocks(ValueRange batch, Value begin, Value end,
                  int64_t count) override;

  // Quantization of lhs.
  QuantizedRows allocate(int64_t groups, int64_t count);
  void deallocate(const QuantizedRows &x);
  void quantizeRow(Value row, const QuantizedRows &x, Value group, Value place,
                   int64_t count);
  void quantizeBlock(Value row, Value block, const QuantizedRows &x,
                     Value group, Value place, int64_t count);

  // Products of `count` rows with `panels.size()` panels of the weight.
  using Panels = ArrayRef<Value>;
  void emitPanels(ValueRange batch, Panels panels, const QuantizedRows &x,
                  Value group, Value firstRow, int64_t count);
  void emitBlock(ValueRange batch, Panels panels, Value block, Value record,
                 Value tile, const QuantizedRows &x, Value group, int64_t count,
                 SmallVectorImpl<Value> &results);
  void emitTile(ArrayRef<TilePosition> positions, Value tile,
                const QuantizedRows &x, Value group, int64_t count,
                SmallVectorImpl<Value> &accumulators);
  Value addUp(ArrayRef<Value> accumulators, int64_t count);
  void prefetch(ValueRange batch, Value panel, Value record, int64_t bytes);
  Value load(Value buffer, Value group, Value position, int64_t row,
             int64_t count);

  Value splat(Type type, int64_t value);
  Value broadcast(Value value) {
    return vector::BroadcastOp::create(
        b, VectorType::get(kLanes, value.getType()), value);
  }

  bool isShifted(int64_t count) const {
    int64_t vectors = weight.instructions.getNumVectors();
    return count <= kFewRows &&
           llvm::any_of(format.shifts,
                        [](unsigned shift) { return shift != 0; }) &&
           count * int64_t(format.shifts.size() + 1) + 2 <= vectors;
  }
  int64_t getNumShifts(int64_t count) const {
    return isShifted(count) ? format.shifts.size() : 1;
  }
  /// Accumulators of one output and one shift. Chains of short blocks are
  /// independent of each other.
  int64_t getChains(int64_t count) const {
    if (blocks > 1)
      return 1;
    return llvm::divideCeil(kMinChains,
                            count * getNumShifts(count) * getNumPanels(count));
  }
  int64_t getNumPanels(int64_t count) const {
    return count > kFewRows ? panelsOfBlock : 1;
  }
  bool hasSums() const { return format.hasZero || format.hasMin; }

  IntegerWeight weight;
  IntegerFormat format;
  TileDecoderInterface decoder;
  VectorType lanesI32;
  /// Of a tile, a block and a record; a record is a tile where there is none.
  int64_t steps, tilesPerRecord, blocks, paddedK;
  int64_t panelsOfBlock;
};
} // namespace

IntegerKernel::IntegerKernel(OpBuilder &builder, ContractOp op,
                             const IntegerWeight &weight,
                             const IntegerFormat &format, int64_t rows,
                             int64_t panels)
    : ContractionKernel(builder, op, rows), weight(weight), format(format),
      decoder(cast<TileDecoderInterface>(codec.getBase())),
      lanesI32(VectorType::get(kLanes, b.getI32Type())),
      steps(codec.getTile()[dimK]),
      tilesPerRecord(std::max<int64_t>(codec.getRecord(), 1)),
      panelsOfBlock(panels) {
  paddedK = llvm::alignTo(k, steps * tilesPerRecord);
  blocks = paddedK / (steps * format.tilesPerBlock);
}

Value IntegerKernel::splat(Type type, int64_t value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             cast<ShapedType>(type),
             b.getIntegerAttr(getElementTypeOrSelf(type), value)));
}

void IntegerKernel::emitBlocks(ValueRange batch, Value begin, Value end,
                               int64_t count) {
  int64_t groups =
      count > kFewRows ? getNumGroups(count, kQuantizedBytes / paddedK) : 1;
  QuantizedRows x = allocate(groups, count);
  emitTurns(batch, begin, end,
            {count, groups, paddedK, getNumPanels(count),
             [&](Value row, Value group, Value place) {
               quantizeRow(row, x, group, place, count);
             },
             [&](ArrayRef<Value> panels, Value group, Value firstRow) {
               emitPanels(batch, panels, x, group, firstRow, count);
             }});
  deallocate(x);
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

QuantizedRows IntegerKernel::allocate(int64_t groups, int64_t count) {
  auto make = [&](int64_t positions, Type type) -> Value {
    return memref::AllocOp::create(
        b, MemRefType::get({groups, positions * count}, type),
        b.getI64IntegerAttr(64));
  };
  QuantizedRows x;
  x.words = make(paddedK / 4, b.getI32Type());
  x.scales = make(blocks, b.getF32Type());
  if (format.bias)
    x.start = make(blocks, b.getI32Type());
  if (hasSums())
    x.sums = make(blocks, b.getF32Type());
  return x;
}

void IntegerKernel::deallocate(const QuantizedRows &x) {
  for (Value buffer : {x.words, x.scales, x.start, x.sums})
    if (buffer)
      memref::DeallocOp::create(b, buffer);
}

void IntegerKernel::quantizeRow(Value row, const QuantizedRows &x, Value group,
                                Value place, int64_t count) {
  loop(index(0), index(blocks), 1,
       [&](Value block) { quantizeBlock(row, block, x, group, place, count); });
}

void IntegerKernel::quantizeBlock(Value row, Value block,
                                  const QuantizedRows &x, Value group,
                                  Value place, int64_t count) {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  auto i32Constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  };
  int64_t size = format.tilesPerBlock * steps;
  Value first = arith::MulIOp::create(b, block, index(size));
  auto getAt = [&](Value vector) -> Value {
    return arith::AddIOp::create(
        b, first, arith::MulIOp::create(b, vector, index(kLanes)));
  };
  auto loadAt = [&](Value at) -> Value {
    return vector::LoadOp::create(b, lanesF32, row, at);
  };
  SmallVector<Value> largest = {zero(lanesI32)};
  unrollOrLoop(size / kLanes, kUnrolledVectors, largest,
               [&](Value vector, SmallVectorImpl<Value> &carried) {
                 carried[0] = arith::MaxSIOp::create(
                     b, carried[0], getMagnitudes(b, loadAt(getAt(vector))));
               });
  ByteQuantization quantization(b, largest[0]);
  SmallVector<Value> sums = {zero(lanesI32)};
  unrollOrLoop(
      size / kLanes, kUnrolledVectors, sums,
      [&](Value vector, SmallVectorImpl<Value> &carried) {
        Value at = getAt(vector);
        Value integers = quantization.round(b, loadAt(at));
        carried[0] = arith::AddIOp::create(b, carried[0], integers);
        Value bytes = arith::TruncIOp::create(
            b, VectorType::get(kLanes, b.getI8Type()), integers);
        Value words = vector::BitCastOp::create(
            b, VectorType::get(kLanes / 4, i32), bytes);
        Value word = arith::DivUIOp::create(b, at, index(4));
        if (count == 1) {
          vector::StoreOp::create(b, words, x.words, ValueRange{group, word});
          return;
        }
        for (int64_t i = 0; i < kLanes / 4; ++i) {
          Value position = arith::AddIOp::create(
              b, place,
              arith::MulIOp::create(b, arith::AddIOp::create(b, word, index(i)),
                                    index(count)));
          memref::StoreOp::create(b, vector::ExtractOp::create(b, words, i),
                                  x.words, ValueRange{group, position});
        }
      });
  Value position = arith::AddIOp::create(
      b, place, arith::MulIOp::create(b, block, index(count)));
  Value scale = quantization.scale;
  if (format.factor != 1)
    scale = arith::MulFOp::create(
        b, scale,
        arith::ConstantOp::create(b, b.getF32FloatAttr(format.factor)));
  memref::StoreOp::create(b, scale, x.scales, ValueRange{group, position});
  Value sum =
      vector::ReductionOp::create(b, vector::CombiningKind::ADD, sums[0]);
  if (x.start)
    memref::StoreOp::create(
        b, arith::MulIOp::create(b, sum, i32Constant(-format.bias)), x.start,
        ValueRange{group, position});
  if (x.sums)
    memref::StoreOp::create(b, arith::SIToFPOp::create(b, f32, sum), x.sums,
                            ValueRange{group, position});
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// What belongs to a row at a position along k, in all lanes.
Value IntegerKernel::load(Value buffer, Value group, Value position,
                          int64_t row, int64_t count) {
  Value at = arith::AddIOp::create(
      b, arith::MulIOp::create(b, position, index(count)), index(row));
  return broadcast(memref::LoadOp::create(b, buffer, ValueRange{group, at}));
}

void IntegerKernel::emitPanels(ValueRange batch, Panels panels,
                               const QuantizedRows &x, Value group,
                               Value firstRow, int64_t count) {
  // By panel and row.
  SmallVector<Value> results(panels.size() * count, zero(lanesF32));
  int64_t blocksPerRecord = tilesPerRecord / format.tilesPerBlock;
  if (blocks == 1) {
    emitBlock(batch, panels, index(0), index(0), index(0), x, group, count,
              results);
  } else if (count <= kFewRows) {
    // A record is unrolled: offsets in it are constants.
    loop(0, blocks / blocksPerRecord, 1, results,
         [&](Value record, SmallVectorImpl<Value> &carried) {
           Value first =
               arith::MulIOp::create(b, record, index(blocksPerRecord));
           for (Value panel : panels)
             prefetch(batch, panel, record, weight.records->bytes);
           for (int64_t i = 0; i < blocksPerRecord; ++i)
             emitBlock(batch, panels, arith::AddIOp::create(b, first, index(i)),
                       record, index(i * format.tilesPerBlock), x, group, count,
                       carried);
         });
  } else {
    loop(0, blocks, 1, results,
         [&](Value block, SmallVectorImpl<Value> &carried) {
           Value record =
               arith::DivUIOp::create(b, block, index(blocksPerRecord));
           Value tile = arith::MulIOp::create(
               b, arith::RemUIOp::create(b, block, index(blocksPerRecord)),
               index(format.tilesPerBlock));
           emitBlock(batch, panels, block, record, tile, x, group, count,
                     carried);
         });
  }
  for (auto [p, panel] : llvm::enumerate(panels))
    for (int64_t i = 0; i < count; ++i)
      addToInit(batch, panel, arith::AddIOp::create(b, firstRow, index(i)),
                results[p * count + i]);
}

/// The products of one block, whose first tile is `tile` of `record`.
void IntegerKernel::emitBlock(ValueRange batch, Panels panels, Value block,
                              Value record, Value tile, const QuantizedRows &x,
                              Value group, int64_t count,
                              SmallVectorImpl<Value> &results) {
  SmallVector<TilePosition> positions;
  for (Value panel : panels) {
    positions.push_back({SmallVector<Value>(batch), record, tile});
    positions.back().outer.push_back(panel);
  }
  // By panel, row, shift and chain.
  int64_t parts = getNumShifts(count) * getChains(count);
  SmallVector<Value> accumulators(results.size() * parts, zero(lanesI32));
  if (x.start)
    for (int64_t i = 0; i < count; ++i) {
      Value start = load(x.start, group, block, i, count);
      for (size_t p = 0; p < panels.size(); ++p)
        accumulators[(p * count + i) * parts] = start;
    }
  Value firstTile =
      arith::MulIOp::create(b, block, index(format.tilesPerBlock));
  unrollOrLoop(format.tilesPerBlock, kUnrolledTiles, accumulators,
               [&](Value i, SmallVectorImpl<Value> &carried) {
                 SmallVector<TilePosition> at = positions;
                 for (TilePosition &position : at) {
                   Value &next =
                       codec.getRecord() ? position.tile : position.record;
                   next = arith::AddIOp::create(b, next, i);
                 }
                 if (count <= kFewRows && !codec.getRecord())
                   for (auto [panel, position] : llvm::zip_equal(panels, at))
                     prefetch(batch, panel, position.record,
                              format.vectorsPerTile * kCacheLine);
                 emitTile(at, arith::AddIOp::create(b, firstTile, i), x, group,
                          count, carried);
               });
  for (auto [p, position] : llvm::enumerate(positions)) {
    IntegerScales scales =
        decoder.emitIntegerScales(b, b.getLoc(), weight, position);
    for (int64_t i = 0; i < count; ++i) {
      Value &result = results[p * count + i];
      Value sum = addUp(
          ArrayRef(accumulators).slice((p * count + i) * parts, parts), count);
      Value value = arith::SIToFPOp::create(b, lanesF32, sum);
      Value xScale = load(x.scales, group, block, i, count);
      Value xSum = x.sums ? load(x.sums, group, block, i, count) : Value();
      if (scales.zero)
        value = vector::FMAOp::create(b, arith::NegFOp::create(b, scales.zero),
                                      xSum, value);
      Value scale = arith::MulFOp::create(b, scales.scale, xScale);
      result = vector::FMAOp::create(b, value, scale, result);
      if (scales.min)
        result = vector::FMAOp::create(
            b, scales.min, arith::MulFOp::create(b, xSum, xScale), result);
    }
  }
}

/// Fetches as many bytes of the stream as a record, or a tile of codes, has.
void IntegerKernel::prefetch(ValueRange batch, Value panel, Value record,
                             int64_t bytes) {
  SmallVector<Value> place(batch);
  place.append({panel, record, Value()});
  for (int64_t at = 0; at < bytes; at += kCacheLine) {
    place.back() = index(kPrefetchBytes + at);
    memref::PrefetchOp::create(b, weight.buffers[0], place, /*isWrite=*/false,
                               /*localityHint=*/3, /*isDataCache=*/true);
  }
}

/// The accumulators of one output, by shift and chain.
Value IntegerKernel::addUp(ArrayRef<Value> accumulators, int64_t count) {
  int64_t chains = getChains(count);
  Value sum;
  for (int64_t shift = 0; shift < getNumShifts(count); ++shift) {
    Value part = accumulators[shift * chains];
    for (Value other : accumulators.slice(shift * chains + 1, chains - 1))
      part = arith::AddIOp::create(b, part, other);
    if (isShifted(count) && format.shifts[shift])
      part = arith::ShRSIOp::create(b, part,
                                    splat(lanesI32, format.shifts[shift]));
    sum = sum ? arith::AddIOp::create(b, sum, part) : part;
  }
  return sum;
}

/// The products of one tile, number `tile` along k, of each panel. Panels take
/// turns, so that few codes are in registers at a time.
void IntegerKernel::emitTile(ArrayRef<TilePosition> positions, Value tile,
                             const QuantizedRows &x, Value group, int64_t count,
                             SmallVectorImpl<Value> &accumulators) {
  int64_t shifts = getNumShifts(count), chains = getChains(count);
  Value first = arith::MulIOp::create(b, tile, index(steps / 4));
  for (int64_t v = 0; v < format.vectorsPerTile; ++v) {
    SmallVector<SmallVector<CodeGroup>> groups;
    for (const TilePosition &position : positions)
      groups.push_back(decoder.emitIntegerVector(
          b, b.getLoc(), weight, position, v, isShifted(count)));
    for (size_t j = 0; j < format.shifts.size(); ++j) {
      Value at = arith::AddIOp::create(b, first, index(groups[0][j].index));
      int64_t part = shifts > 1 ? j * chains + v % chains
                                : (v * format.shifts.size() + j) % chains;
      for (int64_t i = 0; i < count; ++i) {
        Value word = load(x.words, group, at, i, count);
        for (size_t p = 0; p < positions.size(); ++p) {
          Value &sum = accumulators[(p * count + i) * shifts * chains + part];
          sum = weight.instructions.dot(b, b.getLoc(), sum, groups[p][j].codes,
                                        word);
        }
      }
    }
  }
}

LogicalResult IntegerEmitter::emit(OpBuilder &b, ContractOp op) const {
  if (op.getCompute() != ComputeMode::Int8 ||
      !ContractionKernel::canLoadVectors(op))
    return failure();
  auto codec = cast<TiledAttr>(op.getWeightType().getCodec());
  IntegerWeight weight(codec, op.getWeightType().getLogicalType(),
                       instructions);
  IntegerFormat format =
      cast<TileDecoderInterface>(codec.getBase()).getIntegerFormat(weight);
  Shape shape = getShape(instructions.getNumVectors(), codec.getRecord());
  IntegerKernel(b, op, weight, format,
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
