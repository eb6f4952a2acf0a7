//===- MmaProducts.cpp - products of a stage ------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LhsSource.h"
#include "MmaEmitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

/// Operand B of 16 columns, two registers for each 8 rows of lhs.
SmallVector<Value> MmaKernel::loadLhs(Value slot, int64_t step) {
  // Matrices of 8 rows and 8 columns: two for each 8 rows, and of few rows two
  // steps at once.
  int64_t fragments = getLhsFragments();
  auto load = [&](int64_t firstRows, int64_t firstStep, int64_t matrices) {
    // Lane 8 i + r has the address of row r of matrix i.
    Value matrix = div(lane, 8), row = rem(lane, 8);
    Value column;
    if (fragments == 1) {
      column = mul(matrix, 8);
    } else {
      row = add(row, mul(div(matrix, 2), kMmaRows));
      column = mul(rem(matrix, 2), 8);
    }
    column = add(add(column, mul(columnWarp, getWarpColumns())),
                 firstStep * kMmaColumns);
    auto pair = VectorType::get({matrices, 2}, b.getF16Type());
    Value loaded = nvgpu::LdMatrixOp::create(
        b, pair, lhsMatrices,
        ValueRange{slot, addTo(firstWarpRow, add(row, firstRows * kMmaRows)),
                   column},
        /*transpose=*/false, matrices);
    SmallVector<Value> registers;
    for (int64_t i = 0; i < matrices; ++i) {
      Value half = vector::ExtractOp::create(b, loaded, i);
      registers.push_back(LLVM::BitcastOp::create(b, b.getI32Type(), half));
    }
    return registers;
  };
  if (fragments > 1) {
    SmallVector<Value> registers;
    for (int64_t rows = 0; rows < fragments; rows += 2)
      llvm::append_range(registers, load(rows, step, 4));
    return registers;
  }
  int64_t first = step & ~int64_t(1);
  bool isLast = (first + 1) * kMmaColumns == getWarpColumns();
  SmallVector<Value> registers = load(0, first, isLast ? 2 : 4);
  return {registers.begin() + step % 2 * 2,
          registers.begin() + step % 2 * 2 + 2};
}

/// The same of mma.sp: 32 columns, four registers for each 8 rows.
SmallVector<Value> MmaKernel::loadSparseLhs(Value slot, int64_t step) {
  SmallVector<Value> lower = loadLhs(slot, 2 * step);
  SmallVector<Value> upper = loadLhs(slot, 2 * step + 1);
  SmallVector<Value> registers;
  for (int64_t rows = 0; rows < getLhsFragments(); ++rows)
    registers.append({lower[2 * rows], lower[2 * rows + 1], upper[2 * rows],
                      upper[2 * rows + 1]});
  return registers;
}

FragmentPlace MmaKernel::getPlace(Value slot, int64_t tileRow, int64_t record,
                                  int64_t tile) {
  FragmentPlace place;
  Value row = add(mul(rowWarp, shape.tileRows), tileRow);
  // What is not in records is read where it is: rows behind the last one read
  // that.
  Value outer = add(firstTileRow, row);
  if (weight.getNumTileRows() % shape.getBlockTileRows())
    outer =
        arith::MinUIOp::create(b, outer, index(weight.getNumTileRows() - 1));
  place.outer = batch;
  place.outer.push_back(outer);
  place.buffer = weightBuffer;
  // By slot, row, and warp, which has a few.
  place.record = add(mul(slot, shape.getBlockTileRows()), row);
  place.record = add(mul(place.record, shape.columnWarps), columnWarp);
  place.record = add(mul(place.record, shape.records * weight.records.bytes),
                     record * weight.records.bytes);
  place.tile = tile;
  if (stage) {
    // As for rows, there are none behind the last one.
    Value number = add(mul(stage, shape.columnWarps), columnWarp);
    number = add(mul(number, shape.records * weight.getTilesPerRecord()),
                 record * weight.getTilesPerRecord() + tile);
    int64_t last =
        weight.getTiled().getDimSize(weight.logical.getRank() - 1) - 1;
    place.column = arith::MinUIOp::create(b, number, index(last));
  }
  place.blockRow = row;
  place.group = group;
  place.quarter = rem(lane, 4);
  place.shared = shared;
  return place;
}

/// Integers below 2^22 added to these bits are the same numbers in f32, added
/// to 1.5 * 2^23.
static constexpr int32_t kShiftBits = 0x4b400000;
static constexpr float kShift = 12582912.0f;

/// Whether sums of a block are such integers.
bool MmaKernel::fitsFloats() {
  int64_t columns = format.tilesPerBlock * weight.getTileColumns();
  return hasIntegerSums() && columns * 127 * 255 < (1 << 22);
}

/// What the sums of a block begin with.
Value MmaKernel::startOfBlock() {
  if (!fitsFloats())
    return getZeros(getSumType());
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(VectorType::get(4, getSumType()), kShiftBits));
}

/// Sums in f32, of which a constant is taken that they began with.
Value MmaKernel::toFloats(Value sum, bool isShifted) {
  if (!hasIntegerSums())
    return sum;
  auto vector = VectorType::get(4, b.getF32Type());
  if (!isShifted)
    return arith::SIToFPOp::create(b, vector, sum);
  Value shift =
      arith::ConstantOp::create(b, DenseElementsAttr::get(vector, kShift));
  return arith::SubFOp::create(b, arith::BitcastOp::create(b, vector, sum),
                               shift);
}

/// Scales of all rows of lhs in a block of the stage, or, where there are no
/// blocks, those of whole rows.
SmallVector<MmaKernel::LhsScales> MmaKernel::loadScales(Value slot,
                                                        int64_t block) {
  SmallVector<LhsScales> scales(getLhsFragments());
  if (!isLhsRounded(kind))
    return scales;
  int64_t parts = getScaleParts(format);
  auto pair = VectorType::get(2, b.getF32Type());
  // Two neighbouring columns of D are rows of lhs.
  Value quarter = mul(rem(lane, 4), 2);
  // Of the warp, among those of the block.
  Value first;
  if (firstWarpRow)
    first = div(firstWarpRow, kScaleRows);
  auto load = [&](int64_t rows, int64_t part) -> Value {
    Value at = add(quarter, (block * parts + part) * kScaleRows);
    Value loaded;
    if (scaleBuffer) {
      at = add(at, mul(columnWarp,
                       getStageScales(weight, shape) / shape.columnWarps));
      loaded = vector::LoadOp::create(
          b, pair, scaleBuffer, ValueRange{slot, addTo(first, index(rows)), at},
          /*nontemporal=*/false, llvm::MaybeAlign(8));
    } else if (op.getWindow()) {
      // Neighbours may be windows of other images.
      std::unique_ptr<LhsSource> source = LhsSource::create(b, op, lhs, batch);
      SmallVector<Value> both;
      for (int64_t i : {0, 1}) {
        Value row = add(add(firstRow, quarter), rows * kScaleRows + i);
        Value image =
            source->getImage(arith::MinUIOp::create(b, row, add(m, index(-1))));
        SmallVector<Value> place(batch);
        place.append({div(image, kScaleRows), rem(image, kScaleRows)});
        both.push_back(memref::LoadOp::create(b, lhsScales, place));
      }
      loaded = vector::FromElementsOp::create(b, pair, both);
    } else {
      // Rows behind the last one have what that has.
      Value number = add(addTo(first, div(firstRow, kScaleRows)), rows);
      Value last = div(add(m, index(-1)), kScaleRows);
      SmallVector<Value> place(batch);
      place.append({arith::MinUIOp::create(b, number, last), at});
      loaded =
          vector::LoadOp::create(b, pair, lhsScales, place,
                                 /*nontemporal=*/false, llvm::MaybeAlign(8));
    }
    Value even = vector::ExtractOp::create(b, loaded, 0);
    Value odd = vector::ExtractOp::create(b, loaded, 1);
    return vector::FromElementsOp::create(b, VectorType::get(4, b.getF32Type()),
                                          ValueRange{even, odd, even, odd});
  };
  for (auto [rows, of] : llvm::enumerate(scales)) {
    of.scale = load(rows, 0);
    if (format.hasOffset())
      of.sum = load(rows, 1);
  }
  return scales;
}

/// Adds what the products of a block are worth.
void MmaKernel::addBlock(const RowScales &scales,
                         ArrayRef<LhsScales> lhsOfBlock, int64_t tileRow,
                         const Sums &block, Sums &sums) {
  auto vector = VectorType::get(4, b.getF32Type());
  auto spread = [&](ArrayRef<Value> rows, int64_t fragment) -> Value {
    Value lower = rows[2 * fragment], upper = rows[2 * fragment + 1];
    return vector::FromElementsOp::create(
        b, vector, ValueRange{lower, lower, upper, upper});
  };
  for (int64_t fragment = 0; fragment < getRowFragments(); ++fragment) {
    Value scale = spread(scales.scale, fragment);
    Value ofRows; // what a sum of lhs adds
    if (format.hasZero)
      ofRows = arith::NegFOp::create(
          b, arith::MulFOp::create(b, scale, spread(scales.zero, fragment)));
    if (format.hasMin)
      ofRows = spread(scales.min, fragment);
    for (int64_t rows = 0; rows < getLhsFragments(); ++rows) {
      int64_t at = getSumIndex(tileRow, fragment, rows);
      Value &sum = sums.products[at];
      if (!sum)
        continue; // another warp has it
      const LhsScales &lhsOf = lhsOfBlock[rows];
      Value both = scale;
      if (lhsOf.scale)
        both = arith::MulFOp::create(b, scale, lhsOf.scale);
      sum = LLVM::FMAOp::create(b, both, block.products[at], sum);
      if (ofRows)
        sum = LLVM::FMAOp::create(
            b, ofRows, lhsOf.sum ? lhsOf.sum : block.rows[rows], sum);
    }
  }
}

/// Mma behind which a warp waits for its lanes, where registers are few: else
/// ptxas loads what is multiplied so far ahead that it spills.
static constexpr int64_t kWindow = 64;

/// The products of a stage.
void MmaKernel::compute(Value slot, Sums &sums) {
  int64_t steps = weight.getTileColumns() * shape.lhsBits / 16 /
                  (format.isSparse ? 2 * kMmaColumns : kMmaColumns);
  int64_t planes = getLhsPlanes();
  int64_t tilesPerBlock =
      hasBlocks() ? format.tilesPerBlock : weight.getTilesPerRecord();
  Value one = arith::ConstantOp::create(
      b, b.getI32IntegerAttr(kind == MmaKind::F16 ? 0x3c003c00 : 0x3f803f80));
  SmallVector<Value> ones(4, one);
  SmallVector<SmallVector<Value>> factors(shape.tileRows);
  int64_t products = 0;
  Value bits = arith::ConstantOp::create(b, b.getI32IntegerAttr(-1));
  for (int64_t record = 0; record < shape.records; ++record)
    for (int64_t first = 0; first < weight.getTilesPerRecord();
         first += tilesPerBlock) {
      Sums block;
      if (hasBlocks()) {
        block.products.assign(sums.products.size(), startOfBlock());
        block.rows.assign(needsRowSums() ? getLhsFragments() : 0,
                          getZeros(getSumType()));
      } else {
        block = sums;
      }
      for (int64_t tile = first; tile < first + tilesPerBlock; ++tile) {
        SmallVector<SmallVector<Value>> words;
        SmallVector<FragmentPlace> places;
        for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow) {
          FragmentPlace &place =
              places.emplace_back(getPlace(slot, tileRow, record, tile));
          Value at =
              add(add(place.record, mul(lane, kLaneBytes)), tile * kTileBytes);
          Value bytes = vector::LoadOp::create(
              b, VectorType::get(kLaneBytes, b.getI8Type()), weightBuffer, at,
              /*nontemporal=*/false, llvm::MaybeAlign(kLaneBytes));
          bytes = vector::BitCastOp::create(
              b, VectorType::get(4, b.getI32Type()), bytes);
          SmallVector<Value> &four = words.emplace_back();
          for (int64_t word = 0; word < 4; ++word)
            four.push_back(vector::ExtractOp::create(b, bytes, word));
        }
        if (format.tilesPerFactor && tile % format.tilesPerFactor == 0) {
          for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow)
            factors[tileRow] = decoder.emitFactors(b, b.getLoc(), weight,
                                                   places[tileRow], kind);
        }
        for (int64_t step = 0; step < steps; ++step) {
          if (format.tilesPerFactor && products >= kWindow) {
            NVVM::SyncWarpOp::create(
                b, arith::ConstantOp::create(b, b.getI32IntegerAttr(-1)));
            products = 0;
          }
          products += block.products.size();
          int64_t number =
              (record * weight.getTilesPerRecord() + tile) * steps + step;
          SmallVector<Value> columns = format.isSparse
                                           ? loadSparseLhs(slot, number)
                                           : loadLhs(slot, number);
          int64_t perRows = columns.size() / getLhsFragments();
          FragmentMetadata metadata;
          auto multiply = [&](ValueRange a, int64_t rows, Value &sum) {
            ValueRange ofRows =
                ValueRange(columns).slice(perRows * rows, perRows);
            sum = metadata.word
                      ? emitSparseMma(b, kind, a, ofRows, sum, metadata.word,
                                      metadata.selector)
                      : emitMma(b, kind, a, ofRows, sum);
          };
          for (auto [rows, sum] : llvm::enumerate(block.rows))
            multiply(ones, rows, sum);
          for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow)
            for (int64_t fragment = 0; fragment < getRowFragments();
                 ++fragment) {
              SmallVector<Value> a = decoder.emitFragment(
                  b, b.getLoc(), weight, places[tileRow], words[tileRow],
                  fragment, step / planes, kind, factors[tileRow]);
              if (!block.outputs.empty() && step % planes == 0) {
                Value &sum =
                    block.outputs[tileRow * getRowFragments() + fragment];
                sum = emitMma(b, kind, a, {bits, bits}, sum);
              }
              if (format.isSparse)
                metadata =
                    decoder.emitMetadata(b, b.getLoc(), weight, places[tileRow],
                                         fragment, step, kind);
              for (int64_t rows = 0; rows < getLhsFragments(); ++rows)
                multiply(a, rows,
                         block.products[getSumIndex(tileRow, fragment, rows)]);
            }
        }
      }
      if (!hasBlocks()) {
        sums = block;
        continue;
      }
      for (Value &sum : block.products)
        sum = toFloats(sum, fitsFloats());
      int64_t number =
          (record * weight.getTilesPerRecord() + first) / tilesPerBlock;
      SmallVector<LhsScales> lhsOfBlock = loadScales(slot, number);
      for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow)
        addBlock(decoder.emitRowScales(b, b.getLoc(), weight,
                                       getPlace(slot, tileRow, record, first)),
                 lhsOfBlock, tileRow, block, sums);
    }
}
