//===- FmaEmitter.cpp - contractions by f32 multiply-add ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each batch, for chunks of rows of lhs:
//   copy the rows: blocks of rows by blocks of k, each one contiguous
//   for groups of panels of kLanes outputs:
//     for each block of k:
//       decode the group's part of the weight into a buffer
//       for each block of rows:
//         sums[row, panel] += buffer[k, panel] * broadcast(lhs[row, k])
//     init[row, panel] += sums[row, panel]
//
// A block of rows by a group of panels has its accumulators in registers, and
// reads its part of the weight from L1, of lhs from L2. Few rows, which are one
// block, decode in registers instead, and so do weights whose values are stored
// as they are.
//
// Where lanes are stored that a mask names, AVX-512 expands vectors in place
// and adds products of those lanes only.
//
//===----------------------------------------------------------------------===//

#include "ContractionKernel.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Bytes of a group of panels that a block of k has: a part of L1.
static constexpr int64_t kWeightBytes = 16 << 10;
/// Bytes of a chunk of rows of lhs: a part of the last level of cache.
static constexpr int64_t kChunkBytes = 4 << 20;
/// Multiply-adds of a vector in the body of a loop that decodes.
static constexpr int64_t kUnrolled = 256;
/// Steps of k in the body of one that does not.
static constexpr int64_t kUnrolledSteps = 8;
/// Accumulators that hide the latency of a multiply-add.
static constexpr int64_t kMinAccumulators = 8;

namespace {
/// What the registers hold.
struct Registers {
  /// Rows and panels that are computed at once.
  int64_t rows, panels;
  /// Rows by one panel, where registers decode, too.
  int64_t decodingRows;
  /// Whether values are moved to the lanes of a mask by an instruction.
  bool canExpand;
};

class FmaEmitter : public ContractionEmitter {
public:
  FmaEmitter(Registers registers, ArrayRef<std::string> features)
      : registers(registers), instructions(features) {}
  LogicalResult emit(OpBuilder &b, ContractOp op) const override;

private:
  Registers registers;
  ByteInstructions instructions;
};

/// The loops of one op.
class FmaKernel : public ContractionKernel {
public:
  FmaKernel(OpBuilder &builder, ContractOp op, Registers registers,
            const ByteInstructions &instructions);

private:
  void prepare() override {
    auto base = cast<TileDecoderInterface>(codec.getBase());
    Location loc = b.getLoc();
    prepared = isMasked ? base.prepareMasked(b, loc, codec, op.getComponents())
                        : base.prepare(b, loc, codec, op.getComponents());
  }
  void release() override {
    if (isMasked)
      decoder.releaseMasked(b, b.getLoc(), prepared);
  }
  void emitRows(ValueRange batch) override;

  /// Some rows of lhs, copied: dimensions are blocks of rows, blocks of k, rows
  /// of a block, and steps of a block.
  struct Rows {
    Value buffer;
    /// The first of them, and how many there are.
    Value first, size;
    /// Whole blocks before the last one, which has 1 to `rows` rows.
    Value whole;
  };
  /// Where the sums of a group of panels for some rows are added up.
  struct Group {
    Value firstPanel;
    /// Dimensions are rows, and lanes of all panels.
    Value sums;
    /// Decoded values of a block of k: steps, and lanes of all panels; null
    /// where registers decode.
    Value decoded;
  };

  void emitChunk(ValueRange batch, Value first, Value size);
  void copyRows(ValueRange batch, const Rows &x);
  void copyRow(ValueRange batch, Value row, Value whole, ValueRange to);
  void emitGroup(ValueRange batch, const Rows &x, Value firstPanel);
  void decodeGroup(ValueRange batch, const Group &group, Value block,
                   Value tiles);
  void emitBlocks(ValueRange batch, const Rows &x, const Group &group,
                  Value block, Value tiles);
  void emitLastBlock(ValueRange batch, const Rows &x, const Group &group,
                     Value block, Value tiles, int64_t most);
  void emitBlock(ValueRange batch, const Rows &x, const Group &group,
                 Value rowBlock, Value block, Value tiles, int64_t count,
                 bool isOneOfMany = false);
  void addSums(ValueRange batch, const Rows &x, const Group &group);
  SmallVector<Value> getTilePlace(ValueRange batch, Value panel, Value tile);
  SmallVector<Value> decodeTile(ValueRange batch, Value panel, Value tile);
  Value expand(const MaskedStep &step);
  void when(Value condition, function_ref<void()> then,
            function_ref<void()> otherwise = nullptr);

  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value multiply(Value x, int64_t y) {
    return arith::MulIOp::create(b, x, index(y));
  }
  /// That divide the steps of a tile.
  int64_t getUnrolledSteps() const { return std::gcd(step, kUnrolledSteps); }
  int64_t getNumPanels() const { return llvm::divideCeil(n, kLanes); }

  RankedTensorType tiled;
  const ByteInstructions &instructions;
  TileDecoderInterface decoder;
  SmallVector<Value> prepared;
  /// Of a tile, and of a block of k; the last one may have fewer tiles.
  int64_t step, tilesPerBlock;
  int64_t tiles, blocks;
  /// Whether decoding costs nothing, and whether it is moving values to lanes.
  bool isLoaded, isMasked;
  /// Rows of lhs, or dynamic; rows of a block, rows that are one block for
  /// registers that decode, and panels of a group.
  int64_t staticRows, rows, decodingRows, panels;
};
} // namespace

FmaKernel::FmaKernel(OpBuilder &builder, ContractOp op, Registers registers,
                     const ByteInstructions &instructions)
    : ContractionKernel(builder, op, registers.rows),
      instructions(instructions), tiled(codec.getTiledType(logical)),
      decoder(cast<TileDecoderInterface>(codec.getInner(logical))),
      step(codec.getTile()[dimK]), tiles(llvm::divideCeil(k, step)),
      isLoaded(decoder.isLoaded(tiled)),
      isMasked(registers.canExpand && decoder.isMasked()),
      staticRows(
          cast<MemRefType>(op.getInit().getType()).getDimSize(op.getDimM())),
      rows(registers.rows), decodingRows(registers.decodingRows),
      panels(std::min(registers.panels, getNumPanels())) {
  if (isLoaded)
    decodingRows = rows;
  decodingRows = std::min(decodingRows, std::max<int64_t>(kUnrolled / step, 1));
  bool isOneBlock =
      !ShapedType::isDynamic(staticRows) && staticRows <= decodingRows;
  // Few outputs at once would wait for each other; more than one panel for one
  // row would only make loads of the weight two streams.
  if (isOneBlock && (!isLoaded || staticRows < 4))
    panels = 1;
  if (!ShapedType::isDynamic(staticRows) && staticRows)
    rows = llvm::divideCeil(staticRows, llvm::divideCeil(staticRows, rows));
  blocks = 1;
  if (!isOneBlock)
    blocks = llvm::divideCeil(tiles * step * panels * kLanes * 4, kWeightBytes);
  tilesPerBlock = llvm::divideCeil(tiles, std::max<int64_t>(blocks, 1));
  blocks = llvm::divideCeil(tiles, std::max<int64_t>(tilesPerBlock, 1));
}

void FmaKernel::when(Value condition, function_ref<void()> then,
                     function_ref<void()> otherwise) {
  OpBuilder::InsertionGuard guard(b);
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/!!otherwise);
  b.setInsertionPointToStart(branch.thenBlock());
  then();
  if (!otherwise)
    return;
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void FmaKernel::emitRows(ValueRange batch) {
  // Chunks are equal, but for the last one, which may be smaller.
  int64_t most = std::max<int64_t>(kChunkBytes / (4 * k) / rows, 1) * rows;
  if (!ShapedType::isDynamic(staticRows)) {
    if (staticRows == 0)
      return;
    if (staticRows <= most)
      return emitChunk(batch, index(0), index(staticRows));
  }
  auto divide = [&](Value x, Value y) -> Value {
    return arith::CeilDivUIOp::create(b, x, y);
  };
  Value size = memref::DimOp::create(b, op.getInit(), op.getDimM());
  Value chunks = divide(size, index(most));
  chunks = arith::MaxUIOp::create(b, chunks, index(1));
  Value chunk = multiply(divide(divide(size, chunks), index(rows)), rows);
  chunk = arith::MaxUIOp::create(b, chunk, index(rows));
  loop(index(0), divide(size, chunk), 1, [&](Value i) {
    Value first = arith::MulIOp::create(b, i, chunk);
    Value left = arith::SubIOp::create(b, size, first);
    emitChunk(batch, first, arith::MinUIOp::create(b, left, chunk));
  });
}

void FmaKernel::emitChunk(ValueRange batch, Value first, Value size) {
  Rows x;
  x.first = first;
  x.size = size;
  x.whole = arith::DivUIOp::create(b, arith::SubIOp::create(b, size, index(1)),
                                   index(rows));
  // Rows a power of two apart would share lines of a cache.
  int64_t stride = llvm::alignTo(tilesPerBlock * step, kLanes) + kLanes;
  x.buffer = memref::AllocOp::create(
      b,
      MemRefType::get({ShapedType::kDynamic, blocks, rows, stride},
                      b.getF32Type()),
      add(x.whole, index(1)), b.getI64IntegerAttr(64));
  copyRows(batch, x);
  rowsOfBlock = std::max<int64_t>(staticRows, 1);
  loopPanels(index(0), index(getNumPanels()), panels,
             [&](Value panel) { emitGroup(batch, x, panel); });
  memref::DeallocOp::create(b, x.buffer);
}

/// Rows that fill up the last block are the last row once more.
void FmaKernel::copyRows(ValueRange batch, const Rows &x) {
  // Behind the end of what may be read as vectors.
  int64_t size = llvm::alignTo(blocks * tilesPerBlock * step, kLanes) + kLanes;
  Value whole;
  if (op.getWindow() ||
      !cast<MemRefType>(op.getLhs().getType()).isLastDimUnitStride())
    whole = memref::AllocOp::create(b, MemRefType::get({size}, b.getF32Type()),
                                    b.getI64IntegerAttr(64));
  loop(index(0), add(x.whole, index(1)), 1, [&](Value rowBlock) {
    loop(index(0), index(rows), 1, [&](Value i) {
      Value row = add(multiply(rowBlock, rows), i);
      Value last = arith::SubIOp::create(b, x.size, index(1));
      row = add(x.first, arith::MinUIOp::create(b, row, last));
      if (whole)
        copyLhsRow(batch, row, whole, size);
      loop(index(0), index(blocks), 1, [&](Value block) {
        copyRow(batch, row, whole, {x.buffer, rowBlock, block, i});
      });
    });
  });
  if (whole)
    memref::DeallocOp::create(b, whole);
}

/// Copies what a row has in a block of k, from a copy of all of it if there is
/// one. Behind the end of k are zeros.
void FmaKernel::copyRow(ValueRange batch, Value row, Value whole,
                        ValueRange to) {
  SmallVector<Value> place(batch);
  place.append({row, Value()});
  Value buffer = to[0], block = to[2];
  SmallVector<Value> at(to.drop_front());
  at.push_back(Value());
  int64_t size = tilesPerBlock * step;
  Value firstK = multiply(block, size);
  bool hasRest = k % kLanes || size % kLanes || k % size;
  loop(index(0), index(size), kLanes, [&](Value i) {
    place.back() = add(firstK, i);
    at.back() = i;
    Value value;
    if (whole) {
      value = vector::LoadOp::create(b, lanesF32, whole, place.back());
    } else if (!hasRest) {
      value = vector::LoadOp::create(b, lanesF32, op.getLhs(), place);
    } else {
      Value left = arith::SubIOp::create(b, index(k), place.back());
      Value mask = vector::CreateMaskOp::create(
          b, VectorType::get(kLanes, b.getI1Type()), left);
      value = vector::MaskedLoadOp::create(b, lanesF32, op.getLhs(), place,
                                           mask, zero(lanesF32));
    }
    vector::StoreOp::create(b, value, buffer, at);
  });
}

//===----------------------------------------------------------------------===//
// Panels
//===----------------------------------------------------------------------===//

void FmaKernel::emitGroup(ValueRange batch, const Rows &x, Value firstPanel) {
  Group group;
  group.firstPanel = firstPanel;
  int64_t lanes = panels * kLanes;
  Value allRows = multiply(add(x.whole, index(1)), rows);
  group.sums = memref::AllocOp::create(
      b, MemRefType::get({ShapedType::kDynamic, lanes}, b.getF32Type()),
      allRows, b.getI64IntegerAttr(64));
  bool isDynamic = ShapedType::isDynamic(staticRows);
  bool canBeMany = isDynamic || staticRows > decodingRows;
  if (!isLoaded && canBeMany)
    group.decoded = memref::AllocOp::create(
        b, MemRefType::get({tilesPerBlock * step, lanes}, b.getF32Type()),
        b.getI64IntegerAttr(64));
  if (blocks > 1)
    loop(index(0), allRows, 1, [&](Value row) {
      for (int64_t lane = 0; lane < lanes; lane += kLanes)
        vector::StoreOp::create(b, zero(lanesF32), group.sums,
                                ValueRange{row, index(lane)});
    });
  loop(index(0), index(blocks), 1, [&](Value block) {
    Value left =
        arith::SubIOp::create(b, index(tiles), multiply(block, tilesPerBlock));
    Value count = arith::MinUIOp::create(b, left, index(tilesPerBlock));
    auto emitMany = [&] {
      if (group.decoded)
        decodeGroup(batch, group, block, count);
      emitBlocks(batch, x, group, block, count);
    };
    if (!group.decoded || !isDynamic)
      return emitMany();
    Value isMany = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, x.size,
                                         index(decodingRows));
    when(isMany, emitMany, [&] {
      Group decoding = group;
      decoding.decoded = Value();
      emitLastBlock(batch, x, decoding, block, count, decodingRows);
    });
  });
  addSums(batch, x, group);
  if (group.decoded)
    memref::DeallocOp::create(b, group.decoded);
  memref::DeallocOp::create(b, group.sums);
}

SmallVector<Value> FmaKernel::getTilePlace(ValueRange batch, Value panel,
                                           Value tile) {
  SmallVector<Value> indices(batch);
  // A group may have more panels than there are left.
  if (getNumPanels() % panels)
    panel = arith::MinUIOp::create(b, panel, index(getNumPanels() - 1));
  indices.append({panel, tile});
  return indices;
}

/// Values of a tile, of which those behind the end of k are zero.
SmallVector<Value> FmaKernel::decodeTile(ValueRange batch, Value panel,
                                         Value tile) {
  SmallVector<Value> values =
      decoder.emitTile(b, b.getLoc(), instructions, tiled, prepared,
                       getTilePlace(batch, panel, tile));
  if (k % step == 0)
    return values;
  Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, tile,
                                       index(tiles - 1));
  for (Value &value : MutableArrayRef(values).drop_front(k % step))
    value = arith::SelectOp::create(b, isLast, zero(lanesF32), value);
  return values;
}

/// The values of a step in their lanes. Other lanes keep what they have: with
/// zeros there, the result would not wait for its operands only.
Value FmaKernel::expand(const MaskedStep &step) {
  Value operands[] = {step.packed, step.packed, step.mask};
  return LLVM::CallIntrinsicOp::create(
             b, lanesF32, b.getStringAttr("llvm.x86.avx512.mask.expand"),
             operands)
      .getResult(0);
}

void FmaKernel::decodeGroup(ValueRange batch, const Group &group, Value block,
                            Value tiles) {
  Value firstTile = multiply(block, tilesPerBlock);
  loop(index(0), tiles, 1, [&](Value tile) {
    Value firstStep = multiply(tile, step);
    for (int64_t panel = 0; panel < panels; ++panel) {
      auto store = [&](int64_t s, Value value) {
        vector::StoreOp::create(
            b, value, group.decoded,
            ValueRange{add(firstStep, index(s)), index(panel * kLanes)});
      };
      Value at = add(group.firstPanel, index(panel));
      Value from = add(firstTile, tile);
      if (isMasked) {
        decoder.emitMaskedSteps(
            b, b.getLoc(), tiled, prepared, getTilePlace(batch, at, from),
            [&](int64_t s, MaskedStep masked) {
              store(s, arith::SelectOp::create(b, masked.mask, expand(masked),
                                               zero(lanesF32)));
            });
        continue;
      }
      for (auto [s, value] : llvm::enumerate(decodeTile(batch, at, from)))
        store(s, value);
    }
  });
}

void FmaKernel::emitBlocks(ValueRange batch, const Rows &x, const Group &group,
                           Value block, Value tiles) {
  if (ShapedType::isDynamic(staticRows)) {
    loop(index(0), x.whole, 1, [&](Value rowBlock) {
      emitBlock(batch, x, group, rowBlock, block, tiles, rows, true);
    });
    return emitLastBlock(batch, x, group, block, tiles, rows);
  }
  // The rest is a block of its own where it is not a whole one.
  int64_t rest = (staticRows - 1) % rows + 1;
  Value whole = x.whole;
  if (rest == rows)
    whole = add(whole, index(1));
  if (rest == rows || staticRows > rows)
    loop(index(0), whole, 1, [&](Value rowBlock) {
      emitBlock(batch, x, group, rowBlock, block, tiles, rows, true);
    });
  if (rest != rows)
    emitBlock(batch, x, group, x.whole, block, tiles, rest);
}

/// The last block for a number of rows that is known at run time only: rounded
/// up to one of a few numbers.
void FmaKernel::emitLastBlock(ValueRange batch, const Rows &x,
                              const Group &group, Value block, Value tiles,
                              int64_t most) {
  Value rest = arith::SubIOp::create(b, x.size, multiply(x.whole, rows));
  std::function<void(int64_t)> emitFrom = [&](int64_t count) {
    if (count >= most)
      return emitBlock(batch, x, group, x.whole, block, tiles, most);
    Value isEnough =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ule, rest, index(count));
    when(
        isEnough,
        [&] { emitBlock(batch, x, group, x.whole, block, tiles, count); },
        [&] { emitFrom(count == 1 ? 4 : 2 * count); });
  };
  emitFrom(1);
}

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

void FmaKernel::emitBlock(ValueRange batch, const Rows &x, const Group &group,
                          Value rowBlock, Value block, Value tiles,
                          int64_t count, bool isOneOfMany) {
  Value firstRow = multiply(rowBlock, rows);
  Value firstTile = multiply(block, tilesPerBlock);
  auto emit = [&](ArrayRef<int64_t> panels) {
    int64_t outputs = count * panels.size();
    int64_t chains = std::clamp<int64_t>(kMinAccumulators / outputs, 1, step);
    auto getPlace = [&](int64_t output) -> SmallVector<Value> {
      return {add(firstRow, index(output / panels.size())),
              index(panels[output % panels.size()] * kLanes)};
    };
    SmallVector<Value> sums(outputs * chains, zero(lanesF32));
    if (blocks > 1)
      for (int64_t i = 0; i < outputs; ++i)
        sums[i * chains] =
            vector::LoadOp::create(b, lanesF32, group.sums, getPlace(i));
    int64_t unrolled = group.decoded ? getUnrolledSteps() : step;
    Value steps = multiply(tiles, step);
    loop(index(0), steps, unrolled, sums,
         [&](Value firstStep, SmallVectorImpl<Value> &sums) {
           auto multiplyStep = [&](int64_t s, ArrayRef<Value> weights,
                                   Value mask) {
             Value at = add(firstStep, index(s));
             for (int64_t i = 0; i < count; ++i) {
               Value element = memref::LoadOp::create(
                   b, x.buffer, ValueRange{rowBlock, block, index(i), at});
               Value elements =
                   vector::BroadcastOp::create(b, lanesF32, element);
               for (auto [j, weight] : llvm::enumerate(weights)) {
                 Value &sum =
                     sums[(i * panels.size() + j) * chains + s % chains];
                 Value next = vector::FMAOp::create(b, elements, weight, sum);
                 sum = mask ? arith::SelectOp::create(b, mask, next, sum)
                                  .getResult()
                            : next;
               }
             }
           };
           if (isMasked && !group.decoded) {
             Value tile = arith::DivUIOp::create(b, firstStep, index(step));
             Value panel = add(group.firstPanel, index(panels.front()));
             return decoder.emitMaskedSteps(
                 b, b.getLoc(), tiled, prepared,
                 getTilePlace(batch, panel, add(firstTile, tile)),
                 [&](int64_t s, MaskedStep masked) {
                   multiplyStep(s, expand(masked), masked.mask);
                 });
           }
           SmallVector<SmallVector<Value>> values;
           if (!group.decoded) {
             Value tile = arith::DivUIOp::create(b, firstStep, index(step));
             tile = add(firstTile, tile);
             for (int64_t i : panels) {
               Value panel = add(group.firstPanel, index(i));
               values.push_back(decodeTile(batch, panel, tile));
               // While others compute with this block of k, the next one comes.
               if (!isOneOfMany || blocks == 1)
                 continue;
               SmallVector<Value> next(batch);
               next.append({panel, add(tile, index(tilesPerBlock))});
               decoder.emitPrefetch(b, b.getLoc(), tiled, prepared, next);
             }
           }
           for (int64_t s = 0; s < unrolled; ++s) {
             Value at = add(firstStep, index(s));
             SmallVector<Value> weights;
             for (auto [i, panel] : llvm::enumerate(panels)) {
               if (group.decoded) {
                 weights.push_back(vector::LoadOp::create(
                     b, lanesF32, group.decoded,
                     ValueRange{at, index(panel * kLanes)}));
                 continue;
               }
               weights.push_back(values[i][s]);
               // Not earlier: that would take registers.
               if (auto load = values[i][s].getDefiningOp<vector::LoadOp>())
                 load->moveBefore(b.getInsertionBlock(), b.getInsertionPoint());
             }
             multiplyStep(s, weights, Value());
           }
         });
    for (int64_t i = 0; i < outputs; ++i) {
      Value sum = sums[i * chains];
      for (int64_t chain = 1; chain < chains; ++chain)
        sum = arith::AddFOp::create(b, sum, sums[i * chains + chain]);
      vector::StoreOp::create(b, sum, group.sums, getPlace(i));
    }
  };
  // Registers that decode have no room for more than one panel.
  if (!group.decoded && !isLoaded) {
    for (int64_t panel = 0; panel < panels; ++panel)
      emit(panel);
    return;
  }
  emit(llvm::to_vector(llvm::seq(panels)));
}

void FmaKernel::addSums(ValueRange batch, const Rows &x, const Group &group) {
  auto addPanel = [&](int64_t i) {
    Value panel = add(group.firstPanel, index(i));
    loop(index(0), x.size, 1, [&](Value row) {
      Value sum = vector::LoadOp::create(b, lanesF32, group.sums,
                                         ValueRange{row, index(i * kLanes)});
      addToInit(batch, panel, add(x.first, row), sum);
    });
  };
  for (int64_t i = 0; i < panels; ++i) {
    if (i == 0 || getNumPanels() % panels == 0) {
      addPanel(i);
      continue;
    }
    Value isThere = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                          add(group.firstPanel, index(i)),
                                          index(getNumPanels()));
    when(isThere, [&] { addPanel(i); });
  }
}

LogicalResult FmaEmitter::emit(OpBuilder &b, ContractOp op) const {
  if (op.getCompute() != ComputeMode::F32 ||
      !ContractionKernel::canLoadVectors(op))
    return failure();
  FmaKernel(b, op, registers, instructions).emit();
  return success();
}

std::unique_ptr<ContractionEmitter>
mlir::compress::createFmaEmitter(ArrayRef<std::string> features) {
  // Vectors of kLanes are one register of 32, two of 16, or four of 16.
  if (llvm::is_contained(features, "avx512f"))
    return std::make_unique<FmaEmitter>(Registers{12, 2, 12, true}, features);
  if (llvm::is_contained(features, "avx"))
    return std::make_unique<FmaEmitter>(Registers{6, 1, 4, false}, features);
  return std::make_unique<FmaEmitter>(Registers{2, 1, 2, false}, features);
}
