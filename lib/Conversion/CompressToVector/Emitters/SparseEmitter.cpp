//===- SparseEmitter.cpp - contractions by stored elements only -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each batch, for blocks of rows of lhs:
//   copy them: the elements of one group of k, row by row, group by group
//   for each panel of kLanes outputs, for each few rows:
//     for each tile along k, for each group of it:
//       for each stored element of the group, in all lanes:
//         acc[row] += value * permute(lhs[row, group], position)
//     init[row, panel] += acc[row]
//
// A lane takes the element of lhs that its position names, so that nothing is
// computed for elements that are not stored.
//
// Permutations are as many as products. Many rows of lhs are lanes themselves:
//
//   copy them: all rows' elements of one k, k by k
//   for each few panels of outputs, for each block of k that fits L1:
//     for each panel: where the elements of lhs are that its outputs take;
//       its part of the next block is fetched
//     for each few outputs, for each stored element:
//       acc[output] += broadcast(value) * lhs[k of the element]
//   init += acc, transposed
//
//===----------------------------------------------------------------------===//

#include "ContractionKernel.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

/// Rows that share positions and values: as many accumulators, beside which
/// those must fit 32 registers.
static constexpr int64_t kRows = 12;
/// Bytes of copied lhs that a pass over the weight is made for: a part of L2.
static constexpr int64_t kCopiedBytes = 512 << 10;
/// A dependent chain of additions needs company.
static constexpr int64_t kMinChains = 4;
/// From so many rows on, and up to so many at once, they are lanes.
static constexpr int64_t kMinColumns = 64, kMaxColumns = 128;
/// Accumulators of rows that are lanes.
static constexpr int64_t kMaxAccumulators = 24;
/// Bytes of lhs that products of a block of k read again and again: a part of
/// L1.
static constexpr int64_t kBlockBytes = 32 << 10;
/// Panels that share such a block while their sums are in L2.
static constexpr int64_t kPanelsOfColumns = 8;

namespace {
class SparseEmitter : public ContractionEmitter {
public:
  explicit SparseEmitter(bool isSupported) : isSupported(isSupported) {}
  LogicalResult emit(OpBuilder &b, ContractOp op) const override;

private:
  bool isSupported;
};

/// What a few panels compute in, where rows of lhs are lanes.
struct ColumnBuffers {
  /// Of each output and each row.
  Value sums;
  /// Of a panel and a block of k: stored elements, and the places in the block
  /// of what they are multiplied with.
  Value values, places;
};

/// The loops of one op.
class SparseKernel : public ContractionKernel {
public:
  SparseKernel(OpBuilder &builder, ContractOp op, int64_t rows)
      : ContractionKernel(builder, op, rows), weight({codec, logical, {}}),
        decoder(cast<TileDecoderInterface>(weight.getInner())),
        format(*decoder.getSparseFormat()), steps(codec.getTile()[dimK]),
        tilesPerRecord(std::max<int64_t>(codec.getRecord(), 1)),
        records(llvm::divideCeil(k, steps * tilesPerRecord)),
        width(int64_t(1) << format.getPositionBits()) {}

private:
  void prepare() override {
    weight.buffers = cast<TileDecoderInterface>(codec.getBase())
                         .prepare(b, b.getLoc(), codec, op.getComponents());
  }
  int64_t getSmallerCount(int64_t count) const override {
    if (count > kRows)
      return kRows;
    return count > 2 ? (count + 1) / 2 : 1;
  }
  void emitBlocks(ValueRange batch, Value begin, Value end,
                  int64_t count) override;
  void copyRow(ValueRange batch, Value row, Value to, Value block, Value place,
               int64_t count);
  /// Blocks of up to kRows rows.
  void emitFewRows(ValueRange batch, Value begin, Value end, int64_t count);

  // Rows that are lanes, a multiple of kLanes.
  void emitColumns(ValueRange batch, Value begin, Value end, int64_t count);
  void copyColumns(ValueRange batch, Value firstRow, int64_t count, Value to);
  void emitPanels(ValueRange batch, Value firstPanel, int64_t panels, Value lhs,
                  Value firstRow, int64_t count);
  void addTiles(ValueRange batch, Value firstPanel, Value panels, Value lhs,
                Value firstTile, int64_t tiles, const ColumnBuffers &buffers,
                int64_t count);
  void writeColumns(ValueRange batch, Value panel, Value firstSum, Value sums,
                    Value firstRow, int64_t count);

  void emitPanel(ValueRange batch, Value panel, Value lhs, Value block,
                 Value firstRow, int64_t count);
  /// The groups of k of one row, in all lanes' reach.
  Value loadGroup(Value lhs, Value block, Value at);
  Value permute(Value group, Value position);

  int64_t getGroups() const {
    return records * tilesPerRecord * steps / format.group;
  }
  int64_t getChains(int64_t count) const {
    return llvm::divideCeil(kMinChains, count);
  }

  TiledWeight weight;
  TileDecoderInterface decoder;
  SparseFormat format;
  int64_t steps, tilesPerRecord, records;
  /// Elements that a copied group has room for.
  int64_t width;
};
} // namespace

void SparseKernel::emitBlocks(ValueRange batch, Value begin, Value end,
                              int64_t count) {
  if (count <= kRows)
    return emitFewRows(batch, begin, end, count);
  // More rows than fit registers are all there are.
  int64_t columns = count < kMinColumns ? 0 : count / kLanes * kLanes,
          rest = count - columns;
  if (rest == 0)
    return emitColumns(batch, begin, end, count);
  auto after = [&](int64_t rows) -> Value {
    return arith::AddIOp::create(b, begin, index(rows));
  };
  if (columns)
    emitColumns(batch, begin, after(columns), columns);
  int64_t whole = columns + rest / kRows * kRows;
  if (whole > columns)
    emitFewRows(batch, after(columns), after(whole), kRows);
  if (whole < count)
    emitFewRows(batch, after(whole), after(count), count - whole);
}

void SparseKernel::emitFewRows(ValueRange batch, Value begin, Value end,
                               int64_t count) {
  int64_t size = getGroups() * width * count;
  int64_t blocks = std::max<int64_t>(kCopiedBytes / (4 * size), 1);
  int64_t rows =
      cast<MemRefType>(op.getInit().getType()).getDimSize(op.getDimM());
  if (!ShapedType::isDynamic(rows))
    blocks = std::min<int64_t>(blocks, llvm::divideCeil(rows, count));
  if (count == 1)
    blocks = 1;
  Value lhs = memref::AllocOp::create(
      b, MemRefType::get({blocks, size}, b.getF32Type()),
      b.getI64IntegerAttr(64));
  loop(begin, end, blocks * count, [&](Value first) {
    Value here = index(1);
    if (blocks > 1) {
      Value left = arith::DivUIOp::create(
          b, arith::SubIOp::create(b, end, first), index(count));
      here = arith::MinUIOp::create(b, left, index(blocks));
    }
    auto getFirstRow = [&](Value block) -> Value {
      return arith::AddIOp::create(
          b, first, arith::MulIOp::create(b, block, index(count)));
    };
    loop(index(0), here, 1, [&](Value block) {
      Value firstRow = getFirstRow(block);
      loop(index(0), index(count), 1, [&](Value i) {
        copyRow(batch, arith::AddIOp::create(b, firstRow, i), lhs, block, i,
                count);
      });
    });
    loopPanels(
        index(0), index(llvm::divideCeil(n, kLanes)), 1, [&](Value panel) {
          loop(index(0), here, 1, [&](Value block) {
            emitPanel(batch, panel, lhs, block, getFirstRow(block), count);
          });
        });
  });
  memref::DeallocOp::create(b, lhs);
}

/// Copies a row of lhs, group by group; zeros follow where k ends.
void SparseKernel::copyRow(ValueRange batch, Value row, Value to, Value block,
                           Value place, int64_t count) {
  // A group must not leave a run of neighbours.
  bool isUnit = cast<MemRefType>(op.getLhs().getType()).isLastDimUnitStride() &&
                (!op.getWindow() || getLhsRun() % format.group == 0);
  auto group = VectorType::get(format.group, b.getF32Type());
  auto getPlace = [&](Value at) -> Value {
    Value rows = arith::AddIOp::create(
        b, arith::MulIOp::create(b, at, index(count)), place);
    return arith::MulIOp::create(b, rows, index(width));
  };
  // A run may be all of k, which may end within a group.
  int64_t whole = isUnit ? k / format.group : 0;
  loop(index(0), index(whole), 1, [&](Value at) {
    Value first = arith::MulIOp::create(b, at, index(format.group));
    Value x = vector::LoadOp::create(b, group, op.getLhs(),
                                     getLhsPlace(batch, row, first));
    vector::StoreOp::create(b, x, to, ValueRange{block, getPlace(at)});
  });
  loop(index(whole), index(getGroups()), 1, [&](Value at) {
    Value first = arith::MulIOp::create(b, at, index(format.group));
    for (int64_t i = 0; i < format.group; ++i) {
      Value from1 = arith::AddIOp::create(b, first, index(i));
      Value isInside =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, from1, index(k));
      // There is always a first element.
      Value from = arith::SelectOp::create(b, isInside, from1, index(0));
      Value x = arith::SelectOp::create(
          b, isInside,
          memref::LoadOp::create(b, op.getLhs(), getLhsPlace(batch, row, from)),
          zero(b.getF32Type()));
      memref::StoreOp::create(
          b, x, to,
          ValueRange{block, arith::AddIOp::create(b, getPlace(at), index(i))});
    }
  });
}

void SparseKernel::emitPanel(ValueRange batch, Value panel, Value lhs,
                             Value block, Value firstRow, int64_t count) {
  int64_t chains = getChains(count), groupsPerTile = steps / format.group;
  SmallVector<Value> accumulators(count * chains, zero(lanesF32));
  loop(0, records, 1, accumulators,
       [&](Value record, SmallVectorImpl<Value> &sums) {
         int64_t groups = tilesPerRecord * groupsPerTile;
         Value first =
             arith::MulIOp::create(b, record, index(groups * count * width));
         int64_t chain = 0;
         for (int64_t i = 0; i < groups; ++i) {
           TilePosition position = {SmallVector<Value>(batch), record,
                                    index(i / groupsPerTile)};
           position.outer.push_back(panel);
           SmallVector<SparseStep> stored = decoder.emitSparseGroup(
               b, b.getLoc(), weight, position, i % groupsPerTile);
           SmallVector<Value> xs;
           for (int64_t row = 0; row < count; ++row)
             xs.push_back(
                 loadGroup(lhs, block,
                           arith::AddIOp::create(
                               b, first, index((i * count + row) * width))));
           for (const SparseStep &step : stored) {
             for (int64_t row = 0; row < count; ++row) {
               Value &sum = sums[row * chains + chain];
               sum = vector::FMAOp::create(b, permute(xs[row], step.position),
                                           step.value, sum);
             }
             chain = (chain + 1) % chains;
           }
         }
       });
  for (int64_t row = 0; row < count; ++row) {
    Value sum = accumulators[row * chains];
    for (int64_t chain = 1; chain < chains; ++chain)
      sum = arith::AddFOp::create(b, sum, accumulators[row * chains + chain]);
    addToInit(batch, panel, arith::AddIOp::create(b, firstRow, index(row)),
              sum);
  }
}

Value SparseKernel::loadGroup(Value lhs, Value block, Value at) {
  Value group = vector::LoadOp::create(
      b, VectorType::get(width, b.getF32Type()), lhs, ValueRange{block, at});
  if (width == kLanes)
    return group;
  group = vector::BroadcastOp::create(
      b, VectorType::get({kLanes / width, width}, b.getF32Type()), group);
  return vector::ShapeCastOp::create(b, lanesF32, group);
}

/// Of a group that all lanes hold, the element that each lane's position names.
Value SparseKernel::permute(Value group, Value position) {
  // The cheaper instruction permutes four elements.
  bool isShort = width <= 4;
  Value operands[] = {group, position};
  return LLVM::CallIntrinsicOp::create(
             b, lanesF32,
             b.getStringAttr(isShort ? "llvm.x86.avx512.vpermilvar.ps.512"
                                     : "llvm.x86.avx512.permvar.sf.512"),
             operands)
      .getResult(0);
}

//===----------------------------------------------------------------------===//
// Rows as lanes
//===----------------------------------------------------------------------===//

void SparseKernel::emitColumns(ValueRange batch, Value begin, Value end,
                               int64_t count) {
  Value lhs = memref::AllocOp::create(
      b,
      MemRefType::get({records * tilesPerRecord * steps * count},
                      b.getF32Type()),
      b.getI64IntegerAttr(64));
  int64_t panels = llvm::divideCeil(n, kLanes);
  // Threads share what there is.
  int64_t most = std::clamp<int64_t>(panels / 4, 1, kPanelsOfColumns);
  loop(begin, end, count, [&](Value row) {
    copyColumns(batch, row, count, lhs);
    loopPanels(index(0), index(panels), most, [&](Value first) {
      emitPanels(batch, first, most, lhs, row, count);
    });
  });
  memref::DeallocOp::create(b, lhs);
}

/// Transposes rows of lhs; zeros follow where k ends.
void SparseKernel::copyColumns(ValueRange batch, Value firstRow, int64_t count,
                               Value to) {
  // Rows a power of two apart share lines of a cache: what is in one is used at
  // once where it can be.
  bool isUnit = cast<MemRefType>(op.getLhs().getType()).isLastDimUnitStride() &&
                (!op.getWindow() || getLhsRun() % kLanes == 0);
  int64_t whole = isUnit ? k / kLanes * kLanes : 0;
  auto forRows = [&](Value at, function_ref<void(Value, ValueRange)> fill) {
    Value first = arith::MulIOp::create(b, at, index(count));
    loop(index(0), index(count), 1, [&](Value i) {
      Value row = arith::AddIOp::create(b, firstRow, i);
      fill(arith::AddIOp::create(b, first, i), getLhsPlace(batch, row, at));
    });
  };
  loop(index(0), index(whole), kLanes, [&](Value at) {
    forRows(at, [&](Value place, ValueRange from) {
      Value x = vector::LoadOp::create(b, lanesF32, op.getLhs(), from);
      for (int64_t j = 0; j < kLanes; ++j)
        memref::StoreOp::create(
            b, vector::ExtractOp::create(b, x, j), to,
            ValueRange{arith::AddIOp::create(b, place, index(j * count))});
    });
  });
  loop(index(whole), index(k), 1, [&](Value at) {
    forRows(at, [&](Value place, ValueRange from) {
      Value x = memref::LoadOp::create(b, op.getLhs(), from);
      memref::StoreOp::create(b, x, to, place);
    });
  });
  loop(index(k * count), index(records * tilesPerRecord * steps * count),
       kLanes,
       [&](Value at) { vector::StoreOp::create(b, zero(lanesF32), to, at); });
}

/// All that a few panels, fewer at the end, yield for a block of rows.
void SparseKernel::emitPanels(ValueRange batch, Value firstPanel,
                              int64_t panels, Value lhs, Value firstRow,
                              int64_t count) {
  int64_t all = records * tilesPerRecord;
  int64_t tiles = std::clamp<int64_t>(
      kBlockBytes / int64_t(sizeof(float)) / count / steps, 1, all);
  int64_t stored = tiles * (steps / format.group) * format.kept;
  auto alloc = [&](int64_t size, Type type) -> Value {
    return memref::AllocOp::create(b, MemRefType::get({size}, type),
                                   b.getI64IntegerAttr(64));
  };
  ColumnBuffers buffers = {alloc(panels * kLanes * count, b.getF32Type()),
                           alloc(stored * kLanes, b.getF32Type()),
                           alloc(stored * kLanes, b.getI32Type())};
  loop(index(0), index(panels * kLanes * count), kLanes, [&](Value at) {
    vector::StoreOp::create(b, zero(lanesF32), buffers.sums, at);
  });
  Value left =
      arith::SubIOp::create(b, index(llvm::divideCeil(n, kLanes)), firstPanel);
  Value here = arith::MinUIOp::create(b, left, index(panels));
  int64_t whole = all / tiles * tiles;
  loop(index(0), index(whole), tiles, [&](Value tile) {
    addTiles(batch, firstPanel, here, lhs, tile, tiles, buffers, count);
  });
  if (whole < all)
    addTiles(batch, firstPanel, here, lhs, index(whole), all - whole, buffers,
             count);
  loop(index(0), here, 1, [&](Value i) {
    writeColumns(batch, arith::AddIOp::create(b, firstPanel, i),
                 arith::MulIOp::create(b, i, index(kLanes * count)),
                 buffers.sums, firstRow, count);
  });
  for (Value buffer : {buffers.sums, buffers.values, buffers.places})
    memref::DeallocOp::create(b, buffer);
}

/// The products of a few tiles along k.
void SparseKernel::addTiles(ValueRange batch, Value firstPanel, Value panels,
                            Value lhs, Value firstTile, int64_t tiles,
                            const ColumnBuffers &buffers, int64_t count) {
  int64_t groups = steps / format.group;
  int64_t stored = tiles * groups * format.kept;
  Type i32 = b.getI32Type();
  auto lanesI32 = VectorType::get(kLanes, i32);
  auto splat = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(lanesI32, b.getI32IntegerAttr(value)));
  };
  Value firstElement =
      arith::MulIOp::create(b, firstTile, index(steps * count));
  loop(index(0), panels, 1, [&](Value i) {
    loop(index(0), index(tiles), 1, [&](Value tile) {
      Value at = arith::AddIOp::create(b, firstTile, tile);
      TilePosition position = {
          SmallVector<Value>(batch),
          arith::DivUIOp::create(b, at, index(tilesPerRecord)),
          arith::RemUIOp::create(b, at, index(tilesPerRecord))};
      position.outer.push_back(arith::AddIOp::create(b, firstPanel, i));
      // While others compute with this block of k, the next one comes: panels
      // are far apart.
      SmallVector<Value> next(position.outer);
      next.push_back(arith::AddIOp::create(b, at, index(tiles)));
      decoder.emitPrefetch(b, b.getLoc(), weight.getTiled(), weight.buffers,
                           next);
      Value firstPlace = arith::IndexCastOp::create(
          b, i32, arith::MulIOp::create(b, tile, index(steps * count)));
      firstPlace = vector::BroadcastOp::create(b, lanesI32, firstPlace);
      Value to =
          arith::MulIOp::create(b, tile, index(groups * format.kept * kLanes));
      for (int64_t group = 0, step = 0; group < groups; ++group)
        for (const SparseStep &element :
             decoder.emitSparseGroup(b, b.getLoc(), weight, position, group)) {
          Value place = arith::AddIOp::create(b, to, index(step++ * kLanes));
          vector::StoreOp::create(b, element.value, buffers.values, place);
          Value inGroup = arith::AndIOp::create(
              b, element.position, splat((1 << format.getPositionBits()) - 1));
          Value where = arith::AddIOp::create(
              b,
              arith::MulIOp::create(
                  b,
                  arith::AddIOp::create(b, inGroup,
                                        splat(group * format.group)),
                  splat(count)),
              firstPlace);
          vector::StoreOp::create(b, where, buffers.places, place);
        }
    });
    // Outputs that are computed at once, a power of two.
    int64_t vectors = count / kLanes;
    int64_t together = llvm::bit_floor(uint64_t(kMaxAccumulators / vectors));
    together = std::min(together, kLanes);
    loop(index(0), index(kLanes), together, [&](Value lane) {
      Value firstSum = arith::MulIOp::create(
          b,
          arith::AddIOp::create(b, arith::MulIOp::create(b, i, index(kLanes)),
                                lane),
          index(count));
      auto getSum = [&](int64_t number) -> Value {
        return arith::AddIOp::create(b, firstSum, index(number * kLanes));
      };
      SmallVector<Value> accumulators;
      for (int64_t j = 0; j < together * vectors; ++j)
        accumulators.push_back(
            vector::LoadOp::create(b, lanesF32, buffers.sums, getSum(j)));
      loop(0, stored, 1, accumulators,
           [&](Value step, SmallVectorImpl<Value> &carried) {
             Value first = arith::AddIOp::create(
                 b, arith::MulIOp::create(b, step, index(kLanes)), lane);
             for (int64_t j = 0; j < together; ++j) {
               Value at = arith::AddIOp::create(b, first, index(j));
               Value value = vector::BroadcastOp::create(
                   b, lanesF32,
                   memref::LoadOp::create(b, buffers.values, ValueRange{at}));
               Value place = arith::IndexCastUIOp::create(
                   b, b.getIndexType(),
                   memref::LoadOp::create(b, buffers.places, ValueRange{at}));
               place = arith::AddIOp::create(b, firstElement, place);
               for (int64_t v = 0; v < vectors; ++v) {
                 Value x =
                     vector::LoadOp::create(b, lanesF32, lhs,
                                            ValueRange{arith::AddIOp::create(
                                                b, place, index(v * kLanes))});
                 Value &sum = carried[j * vectors + v];
                 sum = vector::FMAOp::create(b, value, x, sum);
               }
             }
           });
      for (auto [j, sum] : llvm::enumerate(accumulators))
        vector::StoreOp::create(b, sum, buffers.sums, getSum(j));
    });
  });
}

/// Adds the sums of a panel to init, whose rows are lanes there.
void SparseKernel::writeColumns(ValueRange batch, Value panel, Value firstSum,
                                Value sums, Value firstRow, int64_t count) {
  loop(index(0), index(count), 1, [&](Value i) {
    Value first = arith::AddIOp::create(b, firstSum, i);
    SmallVector<Value> lanes;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      lanes.push_back(memref::LoadOp::create(
          b, sums,
          ValueRange{arith::AddIOp::create(b, first, index(lane * count))}));
    addToInit(batch, panel, arith::AddIOp::create(b, firstRow, i),
              vector::FromElementsOp::create(b, lanesF32, lanes));
  });
}

/// Rows of a block. Rows of a rest are a pass over the panel of their own, so a
/// smaller number without a rest is better than a larger one.
static int64_t chooseRows(ContractOp op) {
  int64_t rows =
      cast<MemRefType>(op.getInit().getType()).getDimSize(op.getDimM());
  if (ShapedType::isDynamic(rows))
    return kMinColumns;
  if (rows >= kMinColumns)
    return std::min(rows / kLanes * kLanes, kMaxColumns);
  for (int64_t count = kRows; count >= kRows / 2; --count)
    if (rows % count == 0)
      return count;
  return kRows;
}

LogicalResult SparseEmitter::emit(OpBuilder &b, ContractOp op) const {
  if (!isSupported || op.getCompute() != ComputeMode::F32 ||
      !ContractionKernel::canLoadVectors(op))
    return failure();
  auto codec = cast<TiledAttr>(op.getWeightType().getCodec());
  if (!cast<TileDecoderInterface>(codec.getBase()).getSparseFormat())
    return failure();
  SparseKernel(b, op, chooseRows(op)).emit();
  return success();
}

std::unique_ptr<ContractionEmitter>
mlir::compress::createSparseEmitter(ArrayRef<std::string> features) {
  return std::make_unique<SparseEmitter>(
      llvm::is_contained(features, "avx512f"));
}
