//===- MmaResults.cpp - sums of a kernel to its results -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaEmitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
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
      if (sum)
        sum = arith::MulFOp::create(b, sum, unit);
  }
  if (hasBlocks() || !format.hasScale)
    return;
  Sums all = sums;
  for (auto [sum, scaled] : llvm::zip(all.products, sums.products))
    if (sum) {
      scaled = getZeros(b.getF32Type());
      sum = toFloats(sum, /*isShifted=*/false);
    }
  SmallVector<LhsScales> lhsOfRows = loadScales(index(0), /*block=*/0);
  int64_t perTileRow = sums.products.size() / shape.tileRows;
  for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow) {
    if (llvm::none_of(
            ArrayRef(sums.products).slice(tileRow * perTileRow, perTileRow),
            [](Value sum) { return bool(sum); }))
      continue; // other warps have them
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
/// 2 w - (2 x - 1): of each the sum is known. Where x is 0, which is half of 1
/// and -1, both are there, and so are both of all others: half as much of each.
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
      Value row = add(addTo(firstWarpRow, add(firstRow, mul(rem(lane, 4), 2))),
                      rows * kMmaRows + column);
      place.push_back(arith::MinUIOp::create(b, row, last));
      ofLhs.push_back(memref::LoadOp::create(b, lhsSums, place));
    }
    Value sumOfLhs = vector::FromElementsOp::create(
        b, VectorType::get(4, getSumType()),
        ValueRange{ofLhs[0], ofLhs[1], ofLhs[0], ofLhs[1]});
    for (auto [i, ofOutput] : llvm::enumerate(sums.outputs)) {
      Value &sum = sums.products[i * getLhsFragments() + rows];
      if (!sum)
        continue; // another warp has it
      if (getLhsPlanes() == 1)
        sum = twice(sum);
      sum = arith::SubIOp::create(
          b, twice(arith::SubIOp::create(b, sum, ofOutput)), sumOfLhs);
    }
  }
}

void MmaKernel::waitForCluster() {
  NVVM::ClusterArriveOp::create(b, b.getUnitAttr());
  NVVM::ClusterWaitOp::create(b, b.getUnitAttr());
}

/// Loads 16 bytes of shared memory of a block of the cluster, from where they
/// are in that of this one.
Value MmaKernel::loadOfBlock(Value buffer, ValueRange at, int64_t block) {
  auto type = cast<MemRefType>(buffer.getType());
  Value offset = index(0);
  for (auto [dim, number] : llvm::enumerate(at))
    offset = add(mul(offset, type.getDimSize(dim)), number);
  Value address = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  address = add(address, mul(offset, type.getElementTypeBitWidth() / 8));
  MLIRContext *context = b.getContext();
  address = arith::IndexCastUIOp::create(b, b.getI64Type(), address);
  Value pointer = LLVM::IntToPtrOp::create(
      b,
      LLVM::LLVMPointerType::get(context,
                                 unsigned(NVVM::NVVMMemorySpace::Shared)),
      address);
  pointer = NVVM::MapaOp::create(
      b,
      LLVM::LLVMPointerType::get(
          context, unsigned(NVVM::NVVMMemorySpace::SharedCluster)),
      pointer,
      arith::ConstantOp::create(b, b.getI32IntegerAttr(block)).getResult());
  return LLVM::LoadOp::create(b, VectorType::get(4, getTotalType()), pointer,
                              /*alignment=*/16);
}

/// Adds up what others have of the same sums, in one order.
Value MmaKernel::addUp(int64_t parts, function_ref<Value(int64_t)> load) {
  Value sum = load(0);
  for (int64_t part = 1; part < parts; ++part)
    sum = getTotalType().isInteger()
              ? arith::AddIOp::create(b, sum, load(part)).getResult()
              : arith::AddFOp::create(b, sum, load(part)).getResult();
  return sum;
}

/// The number of the warp, among those that have other sums.
Value MmaKernel::getSumWarp() {
  if (!firstWarpRow)
    return rowWarp;
  return add(rowWarp,
             mul(div(firstWarpRow, shape.getWarpLhsRows()), shape.rowWarps));
}

/// Adds up the sums of the warps, and of the blocks, that have other columns,
/// and stores results; where blocks are no cluster, parts of sums.
void MmaKernel::reduce(const Sums &sums) {
  SmallVector<Value> all(sums.products);
  llvm::append_range(all, sums.rows);
  llvm::append_range(all, sums.outputs);
  int64_t count = all.size();
  auto storePart = [&](Value sum, Value i) {
    vector::StoreOp::create(b, sum, parts, getPartPlace(split, i),
                            /*nontemporal=*/false, llvm::MaybeAlign(16));
  };
  if (shape.columnWarps == 1 && !shape.isCluster) {
    if (shape.hasParts()) {
      for (auto [i, sum] : llvm::enumerate(all))
        storePart(sum, index(i));
      return;
    }
    Sums whole = sums;
    return finish(whole);
  }
  auto vector = VectorType::get(4, getTotalType());
  Value buffer = view(0,
                      {shape.columnWarps, shape.rowWarps * shape.lhsWarps,
                       count, kWarpLanes * 4},
                      getTotalType());
  Value at = mul(lane, 4), other = getSumWarp();
  auto store = [&](Value sum, Value warp, Value i) {
    vector::StoreOp::create(b, sum, buffer, ValueRange{warp, other, i, at},
                            /*nontemporal=*/false, llvm::MaybeAlign(16));
  };
  auto addWarps = [&](Value i) {
    return addUp(shape.columnWarps, [&](int64_t warp) -> Value {
      return vector::LoadOp::create(
          b, vector, buffer, ValueRange{index(warp), other, i, at},
          /*nontemporal=*/false, llvm::MaybeAlign(16));
    });
  };
  auto addBlocks = [&](Value i) {
    return addUp(shape.splits, [&](int64_t block) {
      return loadOfBlock(buffer, {index(0), other, i, at}, block);
    });
  };
  // Where the stages were.
  gpu::BarrierOp::create(b);
  for (auto [i, sum] : llvm::enumerate(all))
    store(sum, columnWarp, index(i));
  if (shape.splits > 1 && shape.columnWarps > 1) {
    gpu::BarrierOp::create(b);
    for (int64_t first = 0; first < count; first += shape.columnWarps) {
      Value i = add(columnWarp, first);
      when(first + shape.columnWarps > count ? isLess(i, index(count))
                                             : Value(),
           [&] {
             if (shape.isCluster)
               store(addWarps(i), index(0), i);
             else
               storePart(addWarps(i), i);
           });
    }
  }
  if (shape.hasParts())
    return;
  if (!shape.isCluster) {
    gpu::BarrierOp::create(b);
    return finishShares([&](int64_t i) { return addWarps(index(i)); });
  }
  waitForCluster();
  finishShares([&](int64_t i) { return addBlocks(index(i)); });
  // Others may still read.
  waitForCluster();
}

/// Warps of all blocks that have other columns share what is left to do with
/// sums; `load` gives whole ones.
void MmaKernel::finishShares(function_ref<Value(int64_t)> load) {
  auto isNumber = [&](Value value, int64_t number) -> Value {
    return value ? arith::CmpIOp::create(b, arith::CmpIPredicate::eq, value,
                                         index(number))
                 : Value();
  };
  Value warp = shape.columnWarps > 1 ? columnWarp : Value();
  int64_t numProducts = getNumSums(weight, shape);
  // First one warp of each block, so that blocks have about the same to do.
  int64_t shares = std::min(numProducts, shape.columnWarps * shape.splits);
  for (int64_t share = 0; share < shares; ++share)
    when(both(isNumber(split, share % shape.splits),
              isNumber(warp, share / shape.splits)),
         [&] {
           Sums some;
           some.products.resize(numProducts);
           for (int64_t i = share * numProducts / shares;
                i < (share + 1) * numProducts / shares; ++i)
             some.products[i] = load(i);
           int64_t last = numProducts + getNumRowSums();
           for (int64_t i = numProducts; i < last; ++i)
             some.rows.push_back(load(i));
           for (int64_t i = last; i < getNumAllSums(); ++i)
             some.outputs.push_back(load(i));
           finish(some);
         });
}

MemRefType MmaKernel::getPartType() {
  int64_t batches =
      computeProduct(weight.getTiled().getShape().take_front(op.getNumBatch()));
  int64_t size[] = {ShapedType::kDynamic,
                    batches,
                    getNumOutputBlocks(weight, shape),
                    shape.splits,
                    shape.rowWarps * shape.lhsWarps,
                    getNumAllSums(),
                    kWarpLanes * 4};
  return MemRefType::get(size, getTotalType());
}

/// Where a lane has a sum of a part.
SmallVector<Value> MmaKernel::getPartPlace(Value part, Value number) {
  return {rowBlock,     batchNumber, outputBlock, part,
          getSumWarp(), number,      mul(lane, 4)};
}

/// The body of the kernel that adds up parts.
void MmaKernel::addParts() {
  prepare();
  finishShares([&](int64_t i) {
    return addUp(shape.splits, [&](int64_t part) -> Value {
      return vector::LoadOp::create(b, VectorType::get(4, getTotalType()),
                                    parts, getPartPlace(index(part), index(i)),
                                    /*nontemporal=*/false,
                                    llvm::MaybeAlign(16));
    });
  });
}

/// Results of sums; some may be null.
void MmaKernel::finish(Sums &sums) {
  scaleAll(sums);
  store(sums);
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
          Value products =
              sums.products[getSumIndex(tileRow, fragment, rowBlock)];
          if (!products)
            continue; // another warp has it
          // Row of D: that of the group, and what the register adds.
          algorithms::MmaFragment::Place at = d.getPlace(0, i, 0);
          Value output =
              add(add(firstOutput, group),
                  tileRow * weight.getTileRows() + fragment * 16 + at.row);
          Value row = add(addTo(firstWarpRow, add(firstRow, mul(quarter, 2))),
                          rowBlock * kMmaRows + at.column);
          Value isValid;
          if (!allRows)
            isValid = isLess(row, m);
          if (!allOutputs)
            isValid = both(isValid, isLess(output, index(n)));
          when(isValid, [&] {
            Value sum = vector::ExtractOp::create(b, products, i);
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
