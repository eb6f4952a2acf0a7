//===- CopyStages.cpp - operands of a kernel to shared memory -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LhsSource.h"
#include "MmaEmitter.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::kWarpLanes;

void MmaKernel::forPieces(int64_t rows, int64_t pieces,
                          function_ref<void(Value, Value)> fill) {
  int64_t threads = shape.getNumThreads();
  auto guarded = [&](Value number, int64_t most, int64_t count,
                     function_ref<void()> body) {
    when(most > count ? isLess(number, index(count)) : Value(), body);
  };
  // Threads side by side take pieces of a row, as many rows at once as there
  // are threads for: then what threads add to are constants.
  int64_t perRow =
      std::max<int64_t>(kWarpLanes, llvm::PowerOf2Ceil(threads / rows));
  perRow =
      std::min(std::min(perRow, threads), int64_t(llvm::PowerOf2Ceil(pieces)));
  int64_t atOnce = threads / perRow;
  Value firstRow = div(thread, perRow), firstPiece = rem(thread, perRow);
  for (int64_t r = 0; r < rows; r += atOnce) {
    Value row = add(firstRow, r);
    guarded(row, r + atOnce, rows, [&] {
      for (int64_t p = 0; p < pieces; p += perRow) {
        Value piece = add(firstPiece, p);
        guarded(piece, p + perRow, pieces, [&] { fill(row, piece); });
      }
    });
  }
}

void MmaKernel::copyWeight(Value stage, Value slot) {
  // A row of tiles has its records of a stage side by side.
  int64_t stageBytes = shape.getStageRecords() * weight.records.bytes;
  int64_t rowBytes = weight.records.count * weight.records.bytes;
  int64_t pieces = stageBytes / kLaneBytes;
  Value source = mul(stage, stageBytes);
  Value target = mul(slot, shape.getBlockTileRows() * stageBytes);
  forPieces(shape.getBlockTileRows(), pieces, [&](Value tileRow, Value piece) {
    Value row = add(firstTileRow, tileRow);
    Value offset = mul(piece, kLaneBytes);
    Value byte = add(source, offset);
    Value isValid;
    if (weight.getNumTileRows() % shape.getBlockTileRows())
      isValid = isLess(row, index(weight.getNumTileRows()));
    if (rowBytes % stageBytes)
      isValid = both(isValid, isLess(byte, index(rowBytes)));
    Value size;
    if (isValid)
      size = arith::SelectOp::create(b, isValid, index(kLaneBytes), index(0));
    SmallVector<Value> from(batch);
    from.append({row, byte});
    nvgpu::DeviceAsyncCopyOp::create(
        b, nvgpu::DeviceAsyncTokenType::get(b.getContext()), weightBuffer,
        ValueRange{add(add(target, mul(tileRow, stageBytes)), offset)}, stream,
        from, b.getIndexAttr(kLaneBytes), size, b.getUnitAttr());
  });
}

void MmaKernel::copyLhs(Value stage, Value slot) {
  // Signs are rows of a matrix.
  std::unique_ptr<LhsSource> source =
      hasSigns() ? createMatrix(b, lhs, batch)
                 : LhsSource::create(b, op, lhs, batch);
  int64_t columns =
      getStageColumns(weight, shape) * shape.lhsBits / getLhsWidth();
  Type element = cast<MemRefType>(lhs.getType()).getElementType();
  // Pieces are what one access reads: 16 bytes at most, and 4 at least of what
  // is copied aside.
  bool isAsync = element == getLhsType() && source->isContiguous() &&
                 source->getRun() % 2 == 0;
  int64_t most = isAsync ? kLaneBytes * 8 / getLhsWidth() : 4;
  int64_t count =
      source->isContiguous()
          ? std::min<int64_t>(llvm::MinAlign(source->getRun(), most), most)
          : 1;
  int64_t perRow = columns / count;
  Value first = mul(stage, columns);
  auto rowsType = cast<MemRefType>(init.getType());
  int64_t rows = rowsType.getDimSize(op.getDimM());
  bool isWhole = !ShapedType::isDynamic(rows) && rows % shape.lhsRows == 0;
  forPieces(shape.lhsRows, perRow, [&](Value row, Value piece) {
    Value column = mul(piece, count);
    Value from = add(first, column), fromRow = add(firstRow, row);
    LhsSource::Place place = source->locate(fromRow, from);
    Value isValid = place.isInside;
    if (!isWhole)
      isValid = both(isValid, isLess(fromRow, m));
    if (k % columns)
      isValid = both(isValid, isLess(from, index(k)));
    Value buffer = source->getBuffer();
    if (isAsync) {
      Value size;
      if (isValid)
        size = arith::SelectOp::create(b, isValid, index(count), index(0));
      nvgpu::DeviceAsyncCopyOp::create(
          b, nvgpu::DeviceAsyncTokenType::get(b.getContext()), lhsBuffer,
          ValueRange{slot, row, column}, buffer, place.indices,
          b.getIndexAttr(count), size,
          count * getLhsWidth() == kLaneBytes * 8 ? b.getUnitAttr()
                                                  : UnitAttr());
      return;
    }
    // Through registers.
    auto half = VectorType::get(count, getLhsType());
    auto load = [&]() -> Value {
      Value values = vector::LoadOp::create(
          b, half.clone(element), buffer, place.indices, /*nontemporal=*/false,
          llvm::MaybeAlign(count * element.getIntOrFloatBitWidth() / 8));
      if (element == getLhsType())
        return values;
      if (!element.isF32())
        values = arith::ExtFOp::create(b, half.clone(b.getF32Type()), values);
      return arith::TruncFOp::create(b, half, values);
    };
    Value values;
    if (isValid) {
      auto ifOp = scf::IfOp::create(b, TypeRange(half), isValid,
                                    /*withElseRegion=*/true);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(ifOp.thenBlock());
      scf::YieldOp::create(b, load());
      b.setInsertionPointToStart(ifOp.elseBlock());
      scf::YieldOp::create(
          b, arith::ConstantOp::create(b, b.getZeroAttr(half)).getResult());
      values = ifOp.getResult(0);
    } else {
      values = load();
    }
    vector::StoreOp::create(b, values, lhsBuffer, ValueRange{slot, row, column},
                            /*nontemporal=*/false, llvm::MaybeAlign(count * 2));
  });
}

/// Scales of lhs, which lie as they are wanted. Behind the last block and row
/// they are zeros.
void MmaKernel::copyScales(Value stage, Value slot) {
  constexpr int64_t kCount = kLaneBytes / 4;
  int64_t scales = getStageScales(weight, shape);
  int64_t all = cast<MemRefType>(lhsScales.getType()).getShape().back();
  forPieces(shape.lhsRows / kScaleRows, scales / kCount,
            [&](Value rows, Value piece) {
              Value at = mul(piece, kCount), from = add(mul(stage, scales), at);
              Value fromRows = add(div(firstRow, kScaleRows), rows);
              Value isValid = isLess(mul(fromRows, kScaleRows), m);
              if (all % scales)
                isValid = both(isValid, isLess(from, index(all)));
              SmallVector<Value> source(batch);
              source.append({fromRows, from});
              nvgpu::DeviceAsyncCopyOp::create(
                  b, nvgpu::DeviceAsyncTokenType::get(b.getContext()),
                  scaleBuffer, ValueRange{slot, rows, at}, lhsScales, source,
                  b.getIndexAttr(kCount),
                  arith::SelectOp::create(b, isValid, index(kCount), index(0)),
                  b.getUnitAttr());
            });
}

/// Begins to copy a stage of the block, if there is one.
void MmaKernel::issue(Value stage, Value slot) {
  when(isLess(stage, numStages), [&] {
    Value number = addTo(firstStage, stage);
    copyWeight(number, slot);
    copyLhs(number, slot);
    if (scaleBuffer)
      copyScales(number, slot);
  });
}
