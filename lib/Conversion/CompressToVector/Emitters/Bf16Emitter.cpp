//===- Bf16Emitter.cpp - contractions by products of bf16 -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each batch, for blocks of rows of lhs:
//   round them to bf16; one sum per block along k
//   for each panel of kLanes outputs, for each few rows:
//     for each block along k:
//       acc[row] = 0; acc[row] += numbers * x[row], in f32
//       result[row] += acc[row] * scale of the weight
//     init[row, panel] += result[row]
//
// AVX-512 BF16 multiplies pairs of neighbours and adds both products to a lane:
// two steps of 16 outputs are one operand, and two steps of one row, for all
// lanes, the other. Rounded x of a few rows is kept in that order. Without
// AVX-512 BF16 the same numbers are multiplied and added in f32, and x is kept
// so. Padding of k is zeros in x.
//
//===----------------------------------------------------------------------===//

#include "ContractionKernel.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Rows, and panels of outputs, that are computed at once: panels share loads
/// of x, rows share numbers. More would not fit 32 registers, beside tables.
static constexpr int64_t kRowsOfDot = 8, kPanelsOfDot = 2;
/// Rows without AVX-512: there are half as many registers, of half the size.
static constexpr int64_t kRowsOfFma = 4;
/// Up to so many rows, memory is what limits.
static constexpr int64_t kFewRows = 3;
/// Bytes of rounded x that a pass over the weight is made for: a part of L2.
static constexpr int64_t kRoundedBytes = 512 << 10;
/// How far ahead weights are fetched then.
static constexpr int64_t kPrefetchBytes = 4096, kCacheLine = 64;
/// Tiles, and blocks of a record, that are unrolled. Short loops read memory
/// in order.
static constexpr int64_t kUnrolledTiles = 1, kUnrolledBlocks = 2;
/// A dependent chain of products needs company; those of short blocks are
/// independent of each other.
static constexpr int64_t kMinChains = 8, kMinChainsOfBlock = 4;

namespace {
class Bf16Emitter : public ContractionEmitter {
public:
  explicit Bf16Emitter(Bf16Form form) : form(form) {}
  LogicalResult emit(OpBuilder &b, ContractOp op) const override;

private:
  Bf16Form form;
};

/// x of some rows, rounded: dimensions are groups of rows, then positions along
/// k, then rows of a group.
struct RoundedRows {
  /// Pairs of bf16 in i32, or f32.
  Value numbers;
  /// Of each block, where the weight has zero points or minima.
  Value sums;
};

/// The loops of one op.
class Bf16Kernel : public ContractionKernel {
public:
  /// Blocks have `rows` rows and `panels` panels, but for the rest.
  Bf16Kernel(OpBuilder &builder, ContractOp op, const TiledWeight &weight,
             const Bf16Format &format, Bf16Form form, int64_t rows,
             int64_t panels);

private:
  void prepare() override {
    weight.buffers = decoder.prepare(b, b.getLoc(), codec, op.getComponents());
  }
  int64_t getSmallerCount(int64_t count) const override {
    return count > 2 ? (count + 1) / 2 : 1;
  }
  void emitBlocks(ValueRange batch, Value begin, Value end,
                  int64_t count) override;

  // Rounding of lhs.
  RoundedRows allocate(int64_t groups, int64_t count);
  void deallocate(const RoundedRows &x);
  void roundRow(Value row, const RoundedRows &x, Value group, Value place,
                int64_t count);
  void sumBlock(Value row, Value block, const RoundedRows &x, Value group,
                Value place, int64_t count);

  // Products of `count` rows with `panels.size()` panels of the weight.
  using Panels = ArrayRef<Value>;
  void emitPanels(ValueRange batch, Panels panels, const RoundedRows &x,
                  Value group, Value firstRow, int64_t count);
  void emitBlock(ValueRange batch, Panels panels, Value block, Value record,
                 Value tile, int64_t size, const RoundedRows &x, Value group,
                 int64_t count, SmallVectorImpl<Value> &results);
  void emitTile(ArrayRef<TilePosition> positions, Value tile,
                const RoundedRows &x, Value group, int64_t count,
                SmallVectorImpl<Value> &accumulators);
  Value multiply(const Bf16Pair &pair, ArrayRef<Value> x, Value sum);
  void prefetch(ValueRange batch, Value panel, Value record, int64_t bytes);
  Value load(Value buffer, Value group, Value position, int64_t row,
             int64_t count);

  /// Accumulators of one output.
  int64_t getChains(int64_t count) const {
    return llvm::divideCeil(blocks > 1 ? kMinChainsOfBlock : kMinChains, count);
  }
  bool hasSums() const { return format.hasZero || format.hasMin; }
  bool isDot() const { return form == Bf16Form::Dot; }

  TiledWeight weight;
  Bf16Format format;
  Bf16Form form;
  TileDecoderInterface decoder;
  int64_t steps, tiles, blocks;
  /// Elements of a row of rounded x.
  int64_t rowSize;
  int64_t panelsOfBlock;
};
} // namespace

Bf16Kernel::Bf16Kernel(OpBuilder &builder, ContractOp op,
                       const TiledWeight &weight, const Bf16Format &format,
                       Bf16Form form, int64_t rows, int64_t panels)
    : ContractionKernel(builder, op, rows), weight(weight), format(format),
      form(form), decoder(cast<TileDecoderInterface>(codec.getBase())),
      steps(codec.getTile()[dimK]), panelsOfBlock(panels) {
  tiles = llvm::divideCeil(k, steps);
  // Records are whole, other weights end with the last tile.
  if (codec.getRecord())
    tiles = llvm::alignTo(tiles, codec.getRecord());
  blocks = llvm::divideCeil(tiles, format.tilesPerBlock);
  rowSize = llvm::alignTo(blocks * format.tilesPerBlock * steps, kLanes);
}

void Bf16Kernel::emitBlocks(ValueRange batch, Value begin, Value end,
                            int64_t count) {
  bool hasMany = count > kFewRows;
  int64_t groups =
      hasMany ? getNumGroups(count, kRoundedBytes / 2 / rowSize) : 1;
  RoundedRows x = allocate(groups, count);
  emitTurns(batch, begin, end,
            {count, groups, rowSize, hasMany ? panelsOfBlock : 1,
             [&](Value row, Value group, Value place) {
               roundRow(row, x, group, place, count);
               if (hasSums())
                 loop(index(0), index(blocks), 1, [&](Value block) {
                   sumBlock(row, block, x, group, place, count);
                 });
             },
             [&](ArrayRef<Value> panels, Value group, Value firstRow) {
               emitPanels(batch, panels, x, group, firstRow, count);
             }});
  deallocate(x);
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

RoundedRows Bf16Kernel::allocate(int64_t groups, int64_t count) {
  auto make = [&](int64_t positions, Type type) -> Value {
    return memref::AllocOp::create(
        b, MemRefType::get({groups, positions * count}, type),
        b.getI64IntegerAttr(64));
  };
  RoundedRows x;
  x.numbers = isDot() ? make(rowSize / 2, b.getI32Type())
                      : make(rowSize, b.getF32Type());
  if (hasSums())
    x.sums = make(blocks, b.getF32Type());
  return x;
}

void Bf16Kernel::deallocate(const RoundedRows &x) {
  for (Value buffer : {x.numbers, x.sums})
    if (buffer)
      memref::DeallocOp::create(b, buffer);
}

/// Rounds a row to nearest even, in its buffer too.
void Bf16Kernel::roundRow(Value row, const RoundedRows &x, Value group,
                          Value place, int64_t count) {
  loop(index(0), index(rowSize), kLanes, [&](Value at) {
    Value v = vector::LoadOp::create(b, lanesF32, row, at);
    Value rounded =
        arith::TruncFOp::create(b, lanesF32.clone(b.getBF16Type()), v);
    Value wide = arith::ExtFOp::create(b, lanesF32, rounded);
    if (hasSums())
      vector::StoreOp::create(b, wide, row, at);
    Value numbers =
        isDot() ? vector::BitCastOp::create(
                      b, VectorType::get(kLanes / 2, b.getI32Type()), rounded)
                      .getResult()
                : wide;
    Value first =
        isDot() ? arith::DivUIOp::create(b, at, index(2)).getResult() : at;
    if (count == 1) {
      vector::StoreOp::create(b, numbers, x.numbers, ValueRange{group, first});
      return;
    }
    int64_t size = cast<VectorType>(numbers.getType()).getNumElements();
    for (int64_t i = 0; i < size; ++i) {
      Value position = arith::AddIOp::create(
          b, place,
          arith::MulIOp::create(b, arith::AddIOp::create(b, first, index(i)),
                                index(count)));
      memref::StoreOp::create(b, vector::ExtractOp::create(b, numbers, i),
                              x.numbers, ValueRange{group, position});
    }
  });
}

void Bf16Kernel::sumBlock(Value row, Value block, const RoundedRows &x,
                          Value group, Value place, int64_t count) {
  int64_t size = format.tilesPerBlock * steps;
  int64_t width = std::gcd(size, kLanes);
  auto type = VectorType::get(width, b.getF32Type());
  Value first = arith::MulIOp::create(b, block, index(size));
  SmallVector<Value> sums = {zero(type)};
  loop(0, size, width, sums, [&](Value i, SmallVectorImpl<Value> &carried) {
    Value at = arith::AddIOp::create(b, first, i);
    carried[0] = arith::AddFOp::create(
        b, carried[0], vector::LoadOp::create(b, type, row, at));
  });
  Value sum = vector::ReductionOp::create(
      b, vector::CombiningKind::ADD, sums[0], arith::FastMathFlags::reassoc);
  Value position = arith::AddIOp::create(
      b, place, arith::MulIOp::create(b, block, index(count)));
  memref::StoreOp::create(b, sum, x.sums, ValueRange{group, position});
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// What belongs to a row at a position along k, in all lanes.
Value Bf16Kernel::load(Value buffer, Value group, Value position, int64_t row,
                       int64_t count) {
  Value at = arith::AddIOp::create(
      b, arith::MulIOp::create(b, position, index(count)), index(row));
  Value value = memref::LoadOp::create(b, buffer, ValueRange{group, at});
  return vector::BroadcastOp::create(
      b, VectorType::get(kLanes, value.getType()), value);
}

void Bf16Kernel::emitPanels(ValueRange batch, Panels panels,
                            const RoundedRows &x, Value group, Value firstRow,
                            int64_t count) {
  // By panel and row.
  SmallVector<Value> results(panels.size() * count, zero(lanesF32));
  int64_t perBlock = format.tilesPerBlock;
  auto getFirstTile = [&](Value block) -> Value {
    return arith::MulIOp::create(b, block, index(perBlock));
  };
  int64_t whole = tiles / perBlock;
  if (!codec.getRecord()) {
    unrollOrLoop(whole, 1, results,
                 [&](Value block, SmallVectorImpl<Value> &carried) {
                   emitBlock(batch, panels, block, getFirstTile(block),
                             index(0), perBlock, x, group, count, carried);
                 });
    if (whole < blocks)
      emitBlock(batch, panels, index(whole), index(whole * perBlock), index(0),
                tiles % perBlock, x, group, count, results);
  } else if (int64_t blocksPerRecord = codec.getRecord() / perBlock;
             count <= kFewRows) {
    // A record is unrolled: offsets in it are constants.
    loop(0, tiles / codec.getRecord(), 1, results,
         [&](Value record, SmallVectorImpl<Value> &carried) {
           Value first =
               arith::MulIOp::create(b, record, index(blocksPerRecord));
           for (Value panel : panels)
             prefetch(batch, panel, record, codec.getRecords(logical)->bytes);
           unrollOrLoop(blocksPerRecord, kUnrolledBlocks, carried,
                        [&](Value i, SmallVectorImpl<Value> &inner) {
                          emitBlock(batch, panels,
                                    arith::AddIOp::create(b, first, i), record,
                                    getFirstTile(i), perBlock, x, group, count,
                                    inner);
                        });
         });
  } else {
    loop(0, whole, 1, results,
         [&](Value block, SmallVectorImpl<Value> &carried) {
           Value record =
               arith::DivUIOp::create(b, block, index(blocksPerRecord));
           Value inRecord =
               arith::RemUIOp::create(b, block, index(blocksPerRecord));
           emitBlock(batch, panels, block, record, getFirstTile(inRecord),
                     perBlock, x, group, count, carried);
         });
  }
  for (auto [p, panel] : llvm::enumerate(panels))
    for (int64_t i = 0; i < count; ++i)
      addToInit(batch, panel, arith::AddIOp::create(b, firstRow, index(i)),
                results[p * count + i]);
}

/// The products of one block of `size` tiles, the first of which is `tile` of
/// `record`.
void Bf16Kernel::emitBlock(ValueRange batch, Panels panels, Value block,
                           Value record, Value tile, int64_t size,
                           const RoundedRows &x, Value group, int64_t count,
                           SmallVectorImpl<Value> &results) {
  SmallVector<TilePosition> positions;
  for (Value panel : panels) {
    positions.push_back({SmallVector<Value>(batch), record, tile});
    positions.back().outer.push_back(panel);
  }
  // By panel, row and chain.
  int64_t chains = getChains(count);
  SmallVector<Value> accumulators(results.size() * chains, zero(lanesF32));
  Value firstTile =
      arith::MulIOp::create(b, block, index(format.tilesPerBlock));
  unrollOrLoop(size, kUnrolledTiles, accumulators,
               [&](Value i, SmallVectorImpl<Value> &carried) {
                 SmallVector<TilePosition> at = positions;
                 for (TilePosition &position : at) {
                   Value &moved =
                       codec.getRecord() ? position.tile : position.record;
                   moved = arith::AddIOp::create(b, moved, i);
                 }
                 if (count <= kFewRows && !codec.getRecord())
                   for (auto [panel, position] : llvm::zip_equal(panels, at))
                     prefetch(batch, panel, position.record,
                              format.vectorsPerTile * kCacheLine);
                 emitTile(at, arith::AddIOp::create(b, firstTile, i), x, group,
                          count, carried);
               });
  for (auto [p, position] : llvm::enumerate(positions)) {
    BlockScales scales =
        decoder.emitBf16Scales(b, b.getLoc(), weight, position);
    for (int64_t i = 0; i < count; ++i) {
      auto parts =
          ArrayRef(accumulators).slice((p * count + i) * chains, chains);
      Value value = parts[0];
      for (Value part : parts.drop_front())
        value = arith::AddFOp::create(b, value, part);
      Value sum = x.sums ? load(x.sums, group, block, i, count) : Value();
      if (scales.zero)
        value = vector::FMAOp::create(b, arith::NegFOp::create(b, scales.zero),
                                      sum, value);
      Value &result = results[p * count + i];
      result = scales.scale
                   ? vector::FMAOp::create(b, value, scales.scale, result)
                   : arith::AddFOp::create(b, value, result).getResult();
      if (scales.min)
        result = vector::FMAOp::create(b, scales.min, sum, result);
    }
  }
}

/// Fetches as many bytes of the stream as a record, or a tile of codes, has.
void Bf16Kernel::prefetch(ValueRange batch, Value panel, Value record,
                          int64_t bytes) {
  SmallVector<Value> place(batch);
  place.append({panel, record, Value()});
  for (int64_t at = 0; at < bytes; at += kCacheLine) {
    place.back() = index(kPrefetchBytes + at);
    memref::PrefetchOp::create(b, weight.buffers[0], place, /*isWrite=*/false,
                               /*localityHint=*/3, /*isDataCache=*/true);
  }
}

/// The products of one tile, number `tile` along k, of each panel. Panels take
/// turns, so that few numbers are in registers at a time.
void Bf16Kernel::emitTile(ArrayRef<TilePosition> positions, Value tile,
                          const RoundedRows &x, Value group, int64_t count,
                          SmallVectorImpl<Value> &accumulators) {
  int64_t chains = getChains(count);
  Value first = arith::MulIOp::create(b, tile, index(steps / 2));
  for (int64_t v = 0; v < format.vectorsPerTile; ++v) {
    SmallVector<SmallVector<Bf16Pair>> pairs;
    for (const TilePosition &position : positions)
      pairs.push_back(
          decoder.emitBf16Vector(b, b.getLoc(), weight, position, v, form));
    for (int64_t j = 0; j < format.pairsPerVector; ++j) {
      Value at = arith::AddIOp::create(b, first, index(pairs[0][j].index));
      for (int64_t i = 0; i < count; ++i) {
        SmallVector<Value, 2> row;
        if (isDot()) {
          row.push_back(load(x.numbers, group, at, i, count));
        } else {
          Value even = arith::MulIOp::create(b, at, index(2));
          Value odd = arith::AddIOp::create(b, even, index(1));
          row.append({load(x.numbers, group, even, i, count),
                      load(x.numbers, group, odd, i, count)});
        }
        for (size_t p = 0; p < positions.size(); ++p) {
          int64_t chain = (v * format.pairsPerVector + j) % chains;
          Value &sum = accumulators[(p * count + i) * chains + chain];
          sum = multiply(pairs[p][j], row, sum);
        }
      }
    }
  }
}

/// sum + the products of a pair of steps.
Value Bf16Kernel::multiply(const Bf16Pair &pair, ArrayRef<Value> x, Value sum) {
  if (!isDot()) {
    for (auto [number, value] : llvm::zip_equal(pair.numbers, x))
      sum = vector::FMAOp::create(b, number, value, sum);
    return sum;
  }
  Value numbers = vector::BitCastOp::create(
      b, VectorType::get(2 * kLanes, b.getBF16Type()), x[0]);
  Value operands[] = {sum, pair.numbers[0], numbers};
  return LLVM::CallIntrinsicOp::create(
             b, lanesF32, b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"),
             operands)
      .getResult(0);
}

LogicalResult Bf16Emitter::emit(OpBuilder &b, ContractOp op) const {
  if (op.getCompute() != ComputeMode::BF16 ||
      !ContractionKernel::canLoadVectors(op))
    return failure();
  auto codec = cast<TiledAttr>(op.getWeightType().getCodec());
  TiledWeight weight = {codec, op.getWeightType().getLogicalType(), {}};
  Bf16Format format =
      cast<TileDecoderInterface>(codec.getBase()).getBf16Format(weight);
  bool isDot = form == Bf16Form::Dot;
  int64_t rows =
      ContractionKernel::chooseRows(op, isDot ? kRowsOfDot : kRowsOfFma);
  int64_t panels = isDot ? kPanelsOfDot : 1;
  Bf16Kernel(b, op, weight, format, form, rows, panels).emit();
  return success();
}

bool mlir::compress::prefersBf16(ArrayRef<std::string> features) {
  return llvm::all_of(
      ArrayRef<StringRef>{"avx512f", "avx512bw", "avx512vbmi", "avx512bf16"},
      [&](StringRef name) { return llvm::is_contained(features, name); });
}

std::unique_ptr<ContractionEmitter>
mlir::compress::createBf16Emitter(ArrayRef<std::string> features) {
  return std::make_unique<Bf16Emitter>(prefersBf16(features) ? Bf16Form::Dot
                                                             : Bf16Form::Fma);
}
