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

namespace {
class SparseEmitter : public ContractionEmitter {
public:
  explicit SparseEmitter(bool isSupported) : isSupported(isSupported) {}
  LogicalResult emit(OpBuilder &b, ContractOp op) const override;

private:
  bool isSupported;
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
    return count > 2 ? (count + 1) / 2 : 1;
  }
  void emitBlocks(ValueRange batch, Value begin, Value end,
                  int64_t count) override;
  void copyRow(ValueRange batch, Value row, Value to, Value block, Value place,
               int64_t count);
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
    loopPanels(index(0), index(llvm::divideCeil(n, kLanes)), 1,
               [&](Value panel) {
                 loop(index(0), here, 1, [&](Value block) {
                   emitPanel(batch, panel, lhs, block, getFirstRow(block),
                             count);
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
      Value isInside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                             from1, index(k));
      // There is always a first element.
      Value from = arith::SelectOp::create(b, isInside, from1, index(0));
      Value x = arith::SelectOp::create(
          b, isInside,
          memref::LoadOp::create(b, op.getLhs(), getLhsPlace(batch, row, from)),
          zero(b.getF32Type()));
      memref::StoreOp::create(
          b, x, to,
          ValueRange{block,
                     arith::AddIOp::create(b, getPlace(at), index(i))});
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
         Value first = arith::MulIOp::create(b, record,
                                             index(groups * count * width));
         int64_t chain = 0;
         for (int64_t i = 0; i < groups; ++i) {
           TilePosition position = {SmallVector<Value>(batch), record,
                                    index(i / groupsPerTile)};
           position.outer.push_back(panel);
           SmallVector<SparseStep> stored = decoder.emitSparseGroup(
               b, b.getLoc(), weight, position, i % groupsPerTile);
           SmallVector<Value> xs;
           for (int64_t row = 0; row < count; ++row)
             xs.push_back(loadGroup(
                 lhs, block,
                 arith::AddIOp::create(b, first,
                                       index((i * count + row) * width))));
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

/// Rows of a block. Rows of a rest are a pass over the panel of their own, so a
/// smaller number without a rest is better than a larger one.
static int64_t chooseRows(ContractOp op) {
  int64_t rows =
      cast<MemRefType>(op.getInit().getType()).getDimSize(op.getDimM());
  if (!ShapedType::isDynamic(rows))
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
