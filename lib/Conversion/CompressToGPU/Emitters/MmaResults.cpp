//===- MmaResults.cpp - sums of a kernel to its results -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaEmitter.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::kWarpLanes;

/// What sums are worth: all of them, and where all of a row share their scales.
void MmaKernel::scaleAll(Sums &sums) {
  if (hasSigns())
    countSigns(sums);
  if (format.unit != 1) {
    Value unit = arith::ConstantOp::create(
        b, DenseElementsAttr::get(VectorType::get(4, b.getF32Type()),
                                  float(format.unit)));
    for (Value &sum : sums.products)
      sum = arith::MulFOp::create(b, sum, unit);
  }
  if (hasBlocks() || !format.hasScale)
    return;
  Sums all = sums;
  sums.products.assign(sums.products.size(), getZeros(b.getF32Type()));
  for (Value &sum : all.products)
    sum = toFloats(sum, /*isShifted=*/false);
  SmallVector<LhsScales> lhsOfRows = loadScales(index(0), /*block=*/0);
  for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow) {
    RowScales scales = decoder.emitRowScales(b, b.getLoc(), weight,
                                             getPlace(index(0), tileRow, 0, 0));
    // Kernels of signs are exact, and multiply by what decode yields.
    Type element = weight.logical.getElementType();
    if (hasSigns() && !element.isF32())
      for (Value &scale : scales.scale) {
        scale = arith::TruncFOp::create(b, element, scale);
        scale = arith::ExtFOp::create(b, b.getF32Type(), scale);
      }
    addBlock(scales, lhsOfRows, tileRow, all, sums);
  }
}

/// Sums of products of signs. With bits w and x, (2 w - 1) (2 x - 1) is 4 w x -
/// 2 w - (2 x - 1): of each the sum is known.
void MmaKernel::countSigns(Sums &sums) {
  Value last = arith::SubIOp::create(b, m, index(1));
  auto twice = [&](Value value) {
    return arith::AddIOp::create(b, value, value);
  };
  for (int64_t rows = 0; rows < getLhsFragments(); ++rows) {
    // Of the two columns of D that the lane has.
    SmallVector<Value> ofLhs;
    for (int64_t column : {0, 1}) {
      SmallVector<Value> place(batch);
      Value row =
          add(add(firstRow, mul(rem(lane, 4), 2)), rows * kMmaRows + column);
      place.push_back(arith::MinUIOp::create(b, row, last));
      ofLhs.push_back(memref::LoadOp::create(b, lhsSums, place));
    }
    Value sumOfLhs = vector::FromElementsOp::create(
        b, VectorType::get(4, getSumType()),
        ValueRange{ofLhs[0], ofLhs[1], ofLhs[0], ofLhs[1]});
    for (auto [i, ofOutput] : llvm::enumerate(sums.outputs)) {
      Value &sum = sums.products[i * getLhsFragments() + rows];
      sum = arith::SubIOp::create(
          b, twice(arith::SubIOp::create(b, twice(sum), ofOutput)), sumOfLhs);
    }
  }
}

/// Adds the sums of the warps that have other columns, and calls `finish` where
/// they are.
void MmaKernel::reduce(Sums &sums, function_ref<void()> finish) {
  if (shape.columnWarps == 1)
    return finish();
  SmallVector<Value *> all = sums.getAll();
  Value buffer = view(0,
                      {shape.columnWarps - 1, shape.rowWarps,
                       int64_t(all.size()), kWarpLanes * 4},
                      getTotalType());
  auto vector = VectorType::get(4, getTotalType());
  Value at = mul(lane, 4);
  gpu::BarrierOp::create(b);
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, columnWarp, index(0));
  Value isOther =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, columnWarp, index(0));
  when(isOther, [&] {
    Value warp = arith::SubIOp::create(b, columnWarp, index(1));
    for (auto [i, sum] : llvm::enumerate(all))
      vector::StoreOp::create(b, *sum, buffer,
                              ValueRange{warp, rowWarp, index(i), at},
                              /*nontemporal=*/false, llvm::MaybeAlign(16));
  });
  gpu::BarrierOp::create(b);
  when(isFirst, [&] {
    for (int64_t warp = 0; warp + 1 < shape.columnWarps; ++warp)
      for (auto [i, sum] : llvm::enumerate(all)) {
        Value other = vector::LoadOp::create(
            b, vector, buffer, ValueRange{index(warp), rowWarp, index(i), at},
            /*nontemporal=*/false, llvm::MaybeAlign(16));
        *sum = getTotalType().isInteger()
                   ? arith::AddIOp::create(b, *sum, other).getResult()
                   : arith::AddFOp::create(b, *sum, other).getResult();
      }
    finish();
  });
}

/// The epilogue on one sum. As vectors of one element, because functions of
/// vectors become arithmetic.
Value MmaKernel::emitEpilogue(ValueRange place, Value sum) {
  Block &body = op.getEpilogue().front();
  auto getVector = [](Type type) { return VectorType::get(1, type); };
  auto toVector = [&](Value value) -> Value {
    return vector::BroadcastOp::create(b, getVector(value.getType()), value);
  };
  IRMapping mapping;
  mapping.map(body.getArgument(0), toVector(sum));
  for (auto [i, other] : llvm::enumerate(others)) {
    SmallVector<Value> at;
    for (AffineExpr expr : op.getOtherMap(i).getResults())
      at.push_back(place[cast<AffineDimExpr>(expr).getPosition()]);
    mapping.map(body.getArgument(i + 1),
                toVector(memref::LoadOp::create(b, other, at)));
  }
  // Constants may be outside of it.
  auto getMapped = [&](Value value) -> Value {
    if (!mapping.contains(value))
      mapping.map(value,
                  toVector(b.clone(*value.getDefiningOp())->getResult(0)));
    return mapping.lookup(value);
  };
  for (Operation &inner : body.without_terminator()) {
    if (inner.hasTrait<OpTrait::ConstantLike>())
      continue;
    SmallVector<Value> operands;
    for (Value operand : inner.getOperands())
      operands.push_back(getMapped(operand));
    Operation *result = b.create(
        b.getLoc(), inner.getName().getIdentifier(), operands,
        llvm::map_to_vector(inner.getResultTypes(),
                            [&](Type type) -> Type { return getVector(type); }),
        inner.getAttrs());
    mapping.map(inner.getResults(), result->getResults());
  }
  Value result = getMapped(cast<YieldOp>(body.getTerminator()).getValue());
  return vector::ExtractOp::create(b, result, 0);
}

void MmaKernel::store(const Sums &sums) {
  algorithms::MmaFragment d = algorithms::getMmaShape(kind).d;
  Value quarter = rem(lane, 4);
  int64_t rows = cast<MemRefType>(init.getType()).getDimSize(op.getDimM());
  bool allRows = !ShapedType::isDynamic(rows) && rows % shape.lhsRows == 0;
  bool allOutputs = n % (weight.getTileRows() * shape.getBlockTileRows()) == 0;
  Value firstOutput = mul(add(firstTileRow, mul(rowWarp, shape.tileRows)),
                          weight.getTileRows());
  for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow)
    for (int64_t fragment = 0; fragment < getRowFragments(); ++fragment)
      for (int64_t rowBlock = 0; rowBlock < getLhsFragments(); ++rowBlock)
        for (int64_t i = 0; i < d.getNumRegisters(); ++i) {
          // Row of D: that of the group, and what the register adds.
          algorithms::MmaFragment::Place at = d.getPlace(0, i, 0);
          Value output =
              add(add(firstOutput, group),
                  tileRow * weight.getTileRows() + fragment * 16 + at.row);
          Value row = add(add(firstRow, mul(quarter, 2)),
                          rowBlock * kMmaRows + at.column);
          Value isValid;
          if (!allRows)
            isValid = isLess(row, m);
          if (!allOutputs)
            isValid = both(isValid, isLess(output, index(n)));
          when(isValid, [&] {
            Value sum = vector::ExtractOp::create(
                b, sums.products[getSumIndex(tileRow, fragment, rowBlock)], i);
            SmallVector<Value> place(batch);
            place.push_back(row);
            place.push_back(output);
            if (!op.getOverwrite())
              sum = arith::AddFOp::create(
                  b, memref::LoadOp::create(b, init, place), sum);
            if (!op.getEpilogue().empty())
              sum = emitEpilogue(place, sum);
            memref::StoreOp::create(b, sum, init, place);
          });
        }
}
