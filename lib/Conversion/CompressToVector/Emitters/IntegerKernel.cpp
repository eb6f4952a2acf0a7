//===- IntegerKernel.cpp - products of rows of bytes with a weight --------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each block along k:
//   acc[row] = -bias * sum(x[row]); acc[row] += codes * x[row], in integers
//   result[row] += acc[row] * (scale of the weight * scale of x[row])
// init[row, panel] += result[row]
//
// ByteInstructions multiplies unsigned by signed bytes and adds four neighbours
// to a 32-bit lane: codes are the unsigned operand, 4 steps of 16 outputs a
// vector, and x the signed one, 4 steps of one row for all lanes. Padding of k
// is zeros in both.
//
// Of sparse tiles, each output takes from a few bytes of x those that its
// stored elements are for, and adds up what it takes:
//
//   taken = x[row][places]
//   acc[row] += codes * taken; selected[row] += 1 * taken
//
// where selected is what sum(x[row]) is else.
//
//===----------------------------------------------------------------------===//

#include "IntegerKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::compress;

static constexpr int64_t kCacheLine = 64;
/// Tiles, and vectors of x, that are unrolled.
static constexpr int64_t kUnrolledTiles = 4, kUnrolledVectors = 8;
/// A dependent chain of products needs company.
static constexpr int64_t kMinChains = 8;
/// How far ahead weights are fetched where memory limits. Kernels with much
/// work for each byte would else wait: their loads come too late. Sparse ones
/// have the most.
static constexpr int64_t kPrefetchBytes = 4096, kSparsePrefetchBytes = 6144;

IntegerKernel::IntegerKernel(OpBuilder &builder, ContractOp op,
                             const IntegerWeight &weight,
                             const IntegerFormat &format, int64_t rows)
    : ContractionKernel(builder, op, rows), weight(weight), format(format),
      decoder(cast<TileDecoderInterface>(codec.getBase())),
      lanesI32(VectorType::get(kLanes, b.getI32Type())),
      steps(codec.getTile()[dimK]),
      tilesPerRecord(std::max<int64_t>(codec.getRecord(), 1)) {
  paddedK = llvm::alignTo(k, steps * tilesPerRecord);
  blocks = paddedK / (steps * format.tilesPerBlock);
}

ArrayRef<IntegerShape> mlir::compress::getShapes(int64_t vectors,
                                                 bool isBlocked) {
  static const IntegerShape wide[] = {{8, 3}, {14, 2}, {6, 4}, {14, 1}};
  static const IntegerShape few[] = {{2, 2}}, least[] = {{1, 1}};
  static const IntegerShape wideBlocked[] = {{12, 1}}, fewBlocked[] = {{2, 1}};
  if (vectors >= 32)
    return isBlocked ? ArrayRef(wideBlocked) : ArrayRef(wide);
  if (vectors >= 8)
    return isBlocked ? ArrayRef(fewBlocked) : ArrayRef(few);
  return least;
}

IntegerShape mlir::compress::getSparseShape(int64_t vectors) {
  return {vectors >= 32 ? 6 : 1, 1};
}

Value IntegerKernel::splat(VectorType type, int64_t value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             type, b.getIntegerAttr(type.getElementType(), value)));
}

Value IntegerKernel::getScale(Value scale) {
  if (format.factor == 1)
    return scale;
  return arith::MulFOp::create(
      b, scale, arith::ConstantOp::create(b, b.getF32FloatAttr(format.factor)));
}

Value IntegerKernel::getLargest(Value largest, int64_t count,
                                function_ref<Value(Value)> load) {
  SmallVector<Value> values = {largest};
  unrollOrLoop(count, kUnrolledVectors, values,
               [&](Value vector, SmallVectorImpl<Value> &carried) {
                 carried[0] = arith::MaxSIOp::create(
                     b, carried[0], getMagnitudes(b, load(vector)));
               });
  return values[0];
}

Value IntegerKernel::round(const ByteQuantization &quantization, int64_t count,
                           function_ref<Value(Value)> load,
                           function_ref<void(Value, Value)> store) {
  SmallVector<Value> sums = {zero(lanesI32)};
  unrollOrLoop(
      count, kUnrolledVectors, sums,
      [&](Value vector, SmallVectorImpl<Value> &carried) {
        Value integers = quantization.round(b, load(vector));
        carried[0] = arith::AddIOp::create(b, carried[0], integers);
        Value bytes = arith::TruncIOp::create(
            b, VectorType::get(kLanes, b.getI8Type()), integers);
        store(vector,
              vector::BitCastOp::create(
                  b, VectorType::get(kLanes / 4, b.getI32Type()), bytes));
      });
  return sums[0];
}

void IntegerKernel::storeSum(Value sum, Value starts, Value sums,
                             ValueRange place) {
  Type type = sum.getType();
  auto vector = dyn_cast<VectorType>(type);
  auto store = [&](Value value, Value buffer) {
    if (vector)
      vector::StoreOp::create(b, value, buffer, place);
    else
      memref::StoreOp::create(b, value, buffer, place);
  };
  if (hasStarts()) {
    TypedAttr factor = b.getI32IntegerAttr(-format.bias);
    if (vector)
      factor = DenseElementsAttr::get(vector, factor);
    store(arith::MulIOp::create(b, sum, arith::ConstantOp::create(b, factor)),
          starts);
  }
  if (hasSums())
    store(arith::SIToFPOp::create(
              b, vector ? Type(vector.clone(b.getF32Type())) : b.getF32Type(),
              sum),
          sums);
}

/// Accumulators of one output and one shift. Chains of short blocks are
/// independent of each other.
int64_t IntegerKernel::getChains(int64_t count) const {
  if (blocks > 1)
    return 1;
  return llvm::divideCeil(kMinChains,
                          count * getNumShifts(count) * getNumPanels(count));
}

void IntegerKernel::emitPanels(ValueRange batch, Panels panels,
                               const Rows &rows) {
  int64_t count = rows.count;
  // By panel and row.
  SmallVector<Value> results(panels.size() * count, zero(lanesF32));
  int64_t blocksPerRecord = tilesPerRecord / format.tilesPerBlock;
  if (blocks == 1) {
    emitBlock(batch, panels, index(0), index(0), index(0), rows, results);
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
                       record, index(i * format.tilesPerBlock), rows, carried);
         });
  } else {
    loop(0, blocks, 1, results,
         [&](Value block, SmallVectorImpl<Value> &carried) {
           Value record =
               arith::DivUIOp::create(b, block, index(blocksPerRecord));
           Value tile = arith::MulIOp::create(
               b, arith::RemUIOp::create(b, block, index(blocksPerRecord)),
               index(format.tilesPerBlock));
           emitBlock(batch, panels, block, record, tile, rows, carried);
         });
  }
  for (auto [p, panel] : llvm::enumerate(panels))
    for (int64_t i = 0; i < count; ++i)
      addToInit(batch, panel, arith::AddIOp::create(b, rows.first, index(i)),
                results[p * count + i]);
}

/// The products of one block, whose first tile is `tile` of `record`.
void IntegerKernel::emitBlock(ValueRange batch, Panels panels, Value block,
                              Value record, Value tile, const Rows &rows,
                              SmallVectorImpl<Value> &results) {
  int64_t count = rows.count;
  SmallVector<TilePosition> positions;
  for (Value panel : panels) {
    positions.push_back({SmallVector<Value>(batch), record, tile});
    positions.back().outer.push_back(panel);
  }
  // By panel, row, shift and chain.
  int64_t parts = getNumShifts(count) * getChains(count);
  SmallVector<Value> accumulators(results.size() * parts, zero(lanesI32));
  // Behind them by panel, row and shift.
  int64_t shifts = getNumShifts(count);
  if (hasSelected())
    accumulators.append(results.size() * shifts, zero(lanesI32));
  Value blockPlace = getBlockPlace(block);
  auto load = [&](OfBlock what, int64_t row) {
    return broadcast(loadOfBlock(what, rows, blockPlace, row));
  };
  if (hasStarts())
    for (int64_t i = 0; i < count; ++i) {
      Value start = load(OfBlock::Start, i);
      for (size_t p = 0; p < panels.size(); ++p)
        accumulators[(p * count + i) * parts] = start;
    }
  Value firstTile =
      arith::MulIOp::create(b, block, index(format.tilesPerBlock));
  int64_t unrolled = unrollsTiles() || blocks > 1 ? kUnrolledTiles : 1;
  unrollOrLoop(
      format.tilesPerBlock, unrolled, accumulators,
      [&](Value i, SmallVectorImpl<Value> &carried) {
        SmallVector<TilePosition> at = positions;
        for (TilePosition &position : at) {
          Value &next = codec.getRecord() ? position.tile : position.record;
          next = arith::AddIOp::create(b, next, i);
        }
        if (count <= kFewRows && !codec.getRecord())
          for (auto [panel, position] : llvm::zip_equal(panels, at))
            prefetch(batch, panel, position.record,
                     format.vectorsPerTile * kCacheLine);
        prefetchNext(batch, panels, rows, i);
        emitTile(at, arith::AddIOp::create(b, firstTile, i), rows, carried);
      });
  for (auto [p, position] : llvm::enumerate(positions)) {
    IntegerScales scales =
        decoder.emitIntegerScales(b, b.getLoc(), weight, position);
    for (int64_t i = 0; i < count; ++i) {
      Value &result = results[p * count + i];
      Value sum = addUp(
          ArrayRef(accumulators).slice((p * count + i) * parts, parts), count);
      Value xSum = hasSums() ? load(OfBlock::Sum, i) : Value();
      if (hasSelected()) {
        ArrayRef<Value> some = ArrayRef(accumulators)
                                   .drop_front(results.size() * parts)
                                   .slice((p * count + i) * shifts, shifts);
        Value all = some.front();
        for (Value other : some.drop_front())
          all = arith::AddIOp::create(b, all, other);
        if (format.bias)
          sum = arith::SubIOp::create(
              b, sum,
              arith::MulIOp::create(b, all, splat(lanesI32, format.bias)));
        if (format.hasZero || format.hasMin)
          xSum = arith::SIToFPOp::create(b, lanesF32, all);
      }
      Value value = arith::SIToFPOp::create(b, lanesF32, sum);
      Value xScale = load(OfBlock::Scale, i);
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
  int64_t ahead = format.isSparse() ? kSparsePrefetchBytes : kPrefetchBytes;
  for (int64_t at = 0; at < bytes; at += kCacheLine) {
    place.back() = index(ahead + at);
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
                             const Rows &rows,
                             SmallVectorImpl<Value> &accumulators) {
  int64_t count = rows.count;
  int64_t shifts = getNumShifts(count), chains = getChains(count);
  Value place = getTilePlace(tile);
  for (int64_t v = 0; v < format.vectorsPerTile; ++v) {
    SmallVector<SmallVector<CodeGroup>> groups;
    for (const TilePosition &position : positions)
      groups.push_back(decoder.emitIntegerVector(
          b, b.getLoc(), weight, position, v, isShifted(count)));
    if (format.isSparse()) {
      emitSparseVector(groups, place, v, rows, accumulators);
      continue;
    }
    for (size_t j = 0; j < format.shifts.size(); ++j) {
      int64_t part = shifts > 1 ? j * chains + v % chains
                                : (v * format.shifts.size() + j) % chains;
      for (int64_t i = 0; i < count; ++i) {
        Value word = broadcast(loadWord(rows, place, groups[0][j].index, i));
        for (size_t p = 0; p < positions.size(); ++p) {
          Value &sum = accumulators[(p * count + i) * shifts * chains + part];
          sum = weight.instructions.dot(b, b.getLoc(), sum, groups[p][j].codes,
                                        word);
        }
      }
    }
  }
}

/// The products of vector number `vector` of a tile of each panel.
void IntegerKernel::emitSparseVector(ArrayRef<SmallVector<CodeGroup>> groups,
                                     Value place, int64_t vector,
                                     const Rows &rows,
                                     SmallVectorImpl<Value> &accumulators) {
  int64_t count = rows.count;
  int64_t fields = format.shifts.size(), shifts = getNumShifts(count),
          chains = getChains(count);
  int64_t selected = groups.size() * count * shifts * chains;
  auto bytes = VectorType::get(4 * kLanes, b.getI8Type());
  int64_t steps = format.stepsPerVector;
  // A table of 16, whatever the number of steps is.
  SmallVector<int64_t> repeated;
  for (int64_t i = 0; i < 16; ++i)
    repeated.push_back(i % steps);
  for (int64_t i = 0; i < count; ++i) {
    Value table =
        vector::BitCastOp::create(b, VectorType::get(steps, b.getI8Type()),
                                  loadSteps(rows, place, vector, i));
    if (steps != 16)
      table = vector::ShuffleOp::create(b, table, table, repeated);
    for (int64_t j = 0; j < fields; ++j) {
      int64_t shift = shifts > 1 ? j : 0;
      int64_t chain =
          shifts > 1 ? vector % chains : (vector * fields + j) % chains;
      for (size_t p = 0; p < groups.size(); ++p) {
        const CodeGroup &group = groups[p][j];
        Value taken = vector::BitCastOp::create(
            b, lanesI32,
            weight.instructions.lookUp(b, b.getLoc(), table, group.places));
        auto add = [&](Value &sum, Value codes) {
          sum = weight.instructions.dot(b, b.getLoc(), sum, codes, taken);
        };
        int64_t output = (p * count + i) * shifts + shift;
        add(accumulators[output * chains + chain], group.codes);
        if (hasSelected())
          add(accumulators[selected + output], splat(bytes, 1));
      }
    }
  }
}
