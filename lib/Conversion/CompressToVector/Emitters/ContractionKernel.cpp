//===- ContractionKernel.cpp - what the loops of all emitters share -------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ContractionKernel.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

ContractionEmitter::~ContractionEmitter() = default;

/// Products that a loop must have for threads to share it: 3 to 15 microseconds
/// of one thread. To start others costs 0.5 if they wait, and 10 if they sleep.
static constexpr int64_t kSharedProducts = 1 << 19;

/// The same of elements of lhs, which are rounded and moved one by one.
static constexpr int64_t kSharedElements = 1 << 15;

/// Panels that a thread takes at a time, and weights of each output that are
/// enough for a smaller number.
static constexpr int64_t kMinChunk = 4, kMaxChunk = 16, kLongChunk = 1 << 14;

ContractionKernel::ContractionKernel(OpBuilder &builder, ContractOp op,
                                     int64_t rows)
    : b(op.getLoc(), builder), op(op),
      codec(cast<TiledAttr>(op.getWeightType().getCodec())),
      logical(op.getWeightType().getLogicalType()),
      lanesF32(VectorType::get(kLanes, b.getF32Type())), rows(rows) {
  for (auto [i, size] : llvm::enumerate(logical.getShape())) {
    unsigned dim = op.getWeightMap().getDimPosition(i);
    if (dim == op.getDimN()) {
      n = size;
    } else if (dim == op.getDimK()) {
      k = size;
      dimK = i;
    }
  }
}

Value ContractionKernel::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, value);
}

Value ContractionKernel::zero(Type type) {
  return arith::ConstantOp::create(b, b.getZeroAttr(type));
}

void ContractionKernel::loop(Value lower, Value upper, int64_t by,
                             function_ref<void(Value)> fill) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, lower, upper, index(by));
  b.setInsertionPointToStart(loop.getBody());
  fill(loop.getInductionVar());
}

void ContractionKernel::loopPanels(Value lower, Value upper, int64_t by,
                                   function_ref<void(Value)> fill) {
  int64_t panels =
      getConstantIntValue(upper).value_or(llvm::divideCeil(n, kLanes)) -
      getConstantIntValue(lower).value_or(0);
  // Small where a panel is long, and where there are few.
  int64_t chunk = std::clamp(
      std::min(kLongChunk / std::max<int64_t>(k, 1), panels / kMaxChunk),
      kMinChunk, kMaxChunk);
  loopShared(lower, upper, by, std::max<int64_t>(chunk / by, 1),
             panels * kLanes * k * rowsOfBlock, fill);
}

void ContractionKernel::loopShared(Value lower, Value upper, int64_t by,
                                   int64_t chunk, int64_t products,
                                   function_ref<void(Value)> fill) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ParallelOp::create(b, lower, upper, index(by));
  if (products >= kSharedProducts)
    loop->setAttr(CompressDialect::kChunkAttr, b.getI64IntegerAttr(chunk));
  b.setInsertionPointToStart(loop.getBody());
  fill(loop.getInductionVars().front());
}

void ContractionKernel::loopRows(Value lower, Value upper, int64_t elements,
                                 function_ref<void(Value)> fill) {
  if (elements < kSharedElements || getConstantIntValue(upper) == 1)
    return loop(lower, upper, 1, fill);
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ParallelOp::create(b, lower, upper, index(1));
  loop->setAttr(CompressDialect::kChunkAttr, b.getI64IntegerAttr(1));
  b.setInsertionPointToStart(loop.getBody());
  fill(loop.getInductionVars().front());
}

void ContractionKernel::loop(
    int64_t lower, int64_t upper, int64_t by, SmallVectorImpl<Value> &values,
    function_ref<void(Value, SmallVectorImpl<Value> &)> fill) {
  loop(index(lower), index(upper), by, values, fill);
}

void ContractionKernel::loop(
    Value lower, Value upper, int64_t by, SmallVectorImpl<Value> &values,
    function_ref<void(Value, SmallVectorImpl<Value> &)> fill) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, lower, upper, index(by), values);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> carried(loop.getRegionIterArgs());
  fill(loop.getInductionVar(), carried);
  if (!values.empty()) // else there is one
    scf::YieldOp::create(b, carried);
  values.assign(loop.getResults().begin(), loop.getResults().end());
}

void ContractionKernel::emit() {
  if (n == 0 || (k == 0 && !op.getOverwrite()))
    return; // init stays as it is
  if (k)
    prepare();
  SmallVector<Value> batch;
  // Batch dimensions, outermost first.
  std::function<void()> emitBatch = [&] {
    if (int64_t(batch.size()) == op.getNumBatch())
      return k ? emitRows(batch) : emitEmptySums(batch);
    Value size = memref::DimOp::create(b, op.getInit(), batch.size());
    loop(index(0), size, 1, [&](Value i) {
      batch.push_back(i);
      emitBatch();
    });
  };
  emitBatch();
  if (k)
    release();
}

/// The results of sums of nothing.
void ContractionKernel::emitEmptySums(ValueRange batch) {
  Value rows = memref::DimOp::create(b, op.getInit(), op.getNumBatch());
  loopPanels(index(0), index(llvm::divideCeil(n, kLanes)), 1, [&](Value panel) {
    loop(index(0), rows, 1,
         [&](Value row) { addToInit(batch, panel, row, zero(lanesF32)); });
  });
}

void ContractionKernel::emitRows(ValueRange batch) {
  auto init = cast<MemRefType>(op.getInit().getType());
  int64_t staticRows = init.getDimSize(op.getNumBatch());
  auto emit = [&](Value begin, Value end, int64_t count) {
    rowsOfBlock = count;
    emitBlocks(batch, begin, end, count);
  };
  if (!ShapedType::isDynamic(staticRows)) {
    int64_t whole = staticRows / rows * rows;
    if (whole)
      emit(index(0), index(whole), rows);
    if (staticRows > whole)
      emit(index(whole), index(staticRows), staticRows - whole);
    return;
  }
  // Ever smaller blocks, down to one row.
  Value size = memref::DimOp::create(b, op.getInit(), op.getNumBatch());
  Value begin = index(0);
  for (int64_t count = rows;; count = getSmallerCount(count)) {
    Value left = arith::SubIOp::create(b, size, begin);
    Value whole = arith::SubIOp::create(
        b, left, arith::RemUIOp::create(b, left, index(count)));
    Value end = arith::AddIOp::create(b, begin, whole);
    emit(begin, end, count);
    begin = end;
    if (count == 1)
      return;
  }
}

void ContractionKernel::unrollOrLoop(
    int64_t count, int64_t limit, SmallVectorImpl<Value> &values,
    function_ref<void(Value, SmallVectorImpl<Value> &)> fill) {
  if (count > limit)
    return loop(0, count, 1, values, fill);
  for (int64_t i = 0; i < count; ++i)
    fill(index(i), values);
}

int64_t ContractionKernel::getNumGroups(int64_t count, int64_t limit) {
  int64_t groups = std::max<int64_t>(limit / count, 1);
  int64_t size =
      cast<MemRefType>(op.getInit().getType()).getDimSize(op.getDimM());
  if (!ShapedType::isDynamic(size))
    groups = std::min<int64_t>(groups, llvm::divideCeil(size, count));
  return groups;
}

void ContractionKernel::emitTurns(ValueRange batch, Value begin, Value end,
                                  const Turns &turns) {
  int64_t count = turns.count, groups = turns.groups, size = turns.size,
          most = turns.together;
  loop(begin, end, groups * count, [&](Value first) {
    Value here = index(1);
    if (groups > 1) {
      Value left = arith::DivUIOp::create(
          b, arith::SubIOp::create(b, end, first), index(count));
      here = arith::MinUIOp::create(b, left, index(groups));
    }
    auto getFirstRow = [&](Value group) -> Value {
      return arith::AddIOp::create(
          b, first, arith::MulIOp::create(b, group, index(count)));
    };
    loopRows(index(0), here, groups * count * size, [&](Value group) {
      Value firstRow = getFirstRow(group);
      if (turns.readRow)
        return loop(index(0), index(count), 1, [&](Value i) {
          turns.readRow(arith::AddIOp::create(b, firstRow, i), group, i);
        });
      Value row = memref::AllocOp::create(
          b, MemRefType::get({size}, b.getF32Type()), b.getI64IntegerAttr(64));
      loop(index(0), index(count), 1, [&](Value i) {
        copyLhsRow(batch, arith::AddIOp::create(b, firstRow, i), row, size);
        turns.prepareRow(row, group, i);
      });
      memref::DeallocOp::create(b, row);
    });
    auto emitAll = [&](int64_t begin, int64_t end, int64_t together) {
      loopPanels(index(begin), index(end), together, [&](Value first) {
        SmallVector<Value> panels;
        for (int64_t i = 0; i < together; ++i)
          panels.push_back(arith::AddIOp::create(b, first, index(i)));
        loop(index(0), here, 1, [&](Value group) {
          turns.emitPanels(panels, group, getFirstRow(group));
        });
      });
    };
    int64_t panels = llvm::divideCeil(n, kLanes);
    int64_t whole = panels / most * most;
    if (whole)
      emitAll(0, whole, most);
    if (whole < panels)
      emitAll(whole, panels, 1);
  });
}

SmallVector<Value> ContractionKernel::getLhsPlace(ValueRange batch, Value row,
                                                  Value at) {
  SmallVector<Value> place(batch);
  place.append({row, at});
  if (!op.getWindow())
    return place;
  return llvm::map_to_vector(
      op.getWindow()->getResults(), [&](AffineExpr expr) {
        return affine::expandAffineExpr(b, b.getLoc(), expr, place, {});
      });
}

int64_t ContractionKernel::getLhsRun() {
  if (!op.getWindow())
    return k;
  // The last position counts up to the run, while the others stay: it is the
  // remainder, or k itself.
  AffineMap window = *op.getWindow();
  auto getPlace = [&](int64_t at) {
    SmallVector<AffineExpr> values(op.getNumBatch() + 1,
                                   b.getAffineConstantExpr(0));
    values.push_back(b.getAffineConstantExpr(at));
    return llvm::map_to_vector(window.getResults(), [&](AffineExpr expr) {
      return cast<AffineConstantExpr>(expr.replaceDims(values)).getValue();
    });
  };
  auto getLength = [&](int64_t first) {
    SmallVector<int64_t> expected = getPlace(first);
    int64_t length = 0;
    for (; first + length < k && getPlace(first + length) == expected; ++length)
      ++expected.back();
    return length;
  };
  int64_t run = getLength(0);
  for (int64_t first = 0; first < k; first += run)
    run = std::gcd(run, getLength(first));
  return run;
}

void ContractionKernel::copyLhsRow(ValueRange batch, Value row, Value to,
                                   int64_t size) {
  auto load = [&](VectorType type, Value at) -> Value {
    return vector::LoadOp::create(b, type, op.getLhs(),
                                  getLhsPlace(batch, row, at));
  };
  int64_t run = getLhsRun();
  if (!cast<MemRefType>(op.getLhs().getType()).isLastDimUnitStride())
    run = 1;
  loop(index(0), index(k), run, [&](Value first) {
    if (run == 1) {
      Value x = memref::LoadOp::create(b, op.getLhs(),
                                       getLhsPlace(batch, row, first));
      memref::StoreOp::create(b, x, to, first);
      return;
    }
    loop(index(0), index(run / kLanes * kLanes), kLanes, [&](Value offset) {
      Value at = arith::AddIOp::create(b, first, offset);
      vector::StoreOp::create(b, load(lanesF32, at), to, at);
    });
    if (int64_t left = run % kLanes) {
      Value at = arith::AddIOp::create(b, first, index(run - left));
      auto type = VectorType::get(left, b.getF32Type());
      vector::StoreOp::create(b, load(type, at), to, at);
    }
  });
  int64_t whole = llvm::alignTo(k, kLanes);
  if (whole > k)
    vector::StoreOp::create(b, zero(VectorType::get(whole - k, b.getF32Type())),
                            to, index(k));
  Value zeros = zero(lanesF32);
  loop(index(whole), index(size), kLanes,
       [&](Value at) { vector::StoreOp::create(b, zeros, to, at); });
}

/// An operand of the epilogue for the outputs of a panel.
Value ContractionKernel::loadOther(unsigned i, ValueRange place, Value mask) {
  Value other = op.getOthers()[i];
  AffineMap map = op.getOtherMap(i);
  auto type = cast<MemRefType>(other.getType());
  SmallVector<Value> at;
  for (AffineExpr expr : map.getResults())
    at.push_back(place[cast<AffineDimExpr>(expr).getPosition()]);
  auto lanes = VectorType::get(kLanes, type.getElementType());
  if (!map.isFunctionOfDim(op.getDimN()))
    return vector::BroadcastOp::create(b, lanes,
                                       memref::LoadOp::create(b, other, at));
  if (!type.isLastDimUnitStride())
    return vector::TransferReadOp::create(
        b, lanes, other, at, zero(type.getElementType()),
        AffineMap::getMinorIdentityMap(type.getRank(), 1, b.getContext()));
  if (mask)
    return vector::MaskedLoadOp::create(b, lanes, other, at, mask, zero(lanes));
  return vector::LoadOp::create(b, lanes, other, at);
}

/// The epilogue on vectors.
Value ContractionKernel::emitEpilogue(ValueRange place, Value mask, Value sum) {
  Block &body = op.getEpilogue().front();
  IRMapping mapping;
  mapping.map(body.getArgument(0), sum);
  for (unsigned i = 0; i < op.getOthers().size(); ++i)
    mapping.map(body.getArgument(i + 1), loadOther(i, place, mask));
  auto toLanes = [](Type type) { return VectorType::get(kLanes, type); };
  auto getLanes = [&](Value value) -> Value {
    if (Value lanes = mapping.lookupOrNull(value))
      return lanes;
    Value lanes =
        vector::BroadcastOp::create(b, toLanes(value.getType()), value);
    mapping.map(value, lanes);
    return lanes;
  };
  for (Operation &inner : body.without_terminator()) {
    if (inner.hasTrait<OpTrait::ConstantLike>()) {
      Operation *scalar = b.clone(inner);
      mapping.map(
          inner.getResult(0),
          vector::BroadcastOp::create(
              b, toLanes(scalar->getResult(0).getType()), scalar->getResult(0))
              .getResult());
      continue;
    }
    SmallVector<Value> operands =
        llvm::map_to_vector(inner.getOperands(), getLanes);
    Operation *lanes = b.create(
        b.getLoc(), inner.getName().getIdentifier(), operands,
        llvm::map_to_vector(inner.getResultTypes(),
                            [&](Type type) -> Type { return toLanes(type); }),
        inner.getAttrs());
    mapping.map(inner.getResults(), lanes->getResults());
  }
  return getLanes(cast<YieldOp>(body.getTerminator()).getValue());
}

void ContractionKernel::addToInit(ValueRange batch, Value panel, Value row,
                                  Value sum) {
  SmallVector<Value> place(batch);
  Value first = arith::MulIOp::create(b, panel, index(kLanes));
  place.append({row, first});
  Value mask;
  if (n % kLanes) {
    Value left = arith::SubIOp::create(b, index(n), first);
    mask = vector::CreateMaskOp::create(
        b, VectorType::get(kLanes, b.getI1Type()), left);
  }
  if (!op.getOverwrite()) {
    Value old = mask ? vector::MaskedLoadOp::create(b, lanesF32, op.getInit(),
                                                    place, mask, zero(lanesF32))
                           .getResult()
                     : vector::LoadOp::create(b, lanesF32, op.getInit(), place)
                           .getResult();
    sum = arith::AddFOp::create(b, old, sum);
  }
  if (!op.getEpilogue().empty())
    sum = emitEpilogue(place, mask, sum);
  if (mask)
    vector::MaskedStoreOp::create(b, op.getInit(), place, mask, sum);
  else
    vector::StoreOp::create(b, sum, op.getInit(), place);
}

bool ContractionKernel::canLoadVectors(ContractOp op) {
  // Other types are for GPUs.
  if (!getElementTypeOrSelf(op.getLhs().getType()).isF32())
    return false;
  AffineMap map = op.getWeightMap();
  auto getPosition = [&](unsigned dim) -> unsigned {
    return *map.getResultPosition(getAffineDimExpr(dim, op.getContext()));
  };
  for (unsigned dim = 1; dim < op.getNumBatch(); ++dim)
    if (getPosition(dim - 1) > getPosition(dim))
      return false;
  if (findComputeMode(op.getWeightType(), getPosition(op.getDimN()),
                      getPosition(op.getDimK())) != op.getCompute())
    return false;
  auto init = dyn_cast<MemRefType>(op.getInit().getType());
  if (!init || !init.isLastDimUnitStride())
    return false;
  int64_t outer = op.getWeightType().getShape().size();
  return llvm::all_of(op.getComponents(), [&](Value component) {
    auto type = cast<MemRefType>(component.getType());
    // Of a record or of a tile.
    return type.areTrailingDimsContiguous(
        std::max<int64_t>(type.getRank() - outer, 1));
  });
}

int64_t ContractionKernel::chooseRows(ContractOp op, int64_t limit) {
  int64_t rows =
      cast<MemRefType>(op.getInit().getType()).getDimSize(op.getDimM());
  if (!ShapedType::isDynamic(rows))
    for (int64_t count = limit; count >= limit / 2; --count)
      if (rows % count == 0)
        return count;
  return limit;
}
