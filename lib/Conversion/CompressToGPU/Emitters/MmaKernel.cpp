//===- MmaKernel.cpp - contractions by mma.sync ---------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaKernel.h"
#include "SharedMemory.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::kWarpLanes;

static FragmentWeight getWeight(ContractOp op) {
  CompressedTensorType type = op.getWeightType();
  return FragmentWeight(cast<TiledAttr>(type.getCodec()),
                        type.getLogicalType());
}

namespace {
/// Emits the body of a kernel.
class MmaKernel {
public:
  MmaKernel(OpBuilder &builder, ContractOp op, const KernelShape &shape)
      : b(op.getLoc(), builder), op(op), shape(shape), weight(getWeight(op)),
        decoder(cast<FragmentDecoderInterface>(weight.codec.getBase())),
        format(decoder.getFragmentFormat(weight)), kind(getMmaKind(op)) {}

  gpu::GPUFuncOp emit(StringRef name);

private:
  /// Sums, one vector of D for each fragment of outputs and 8 rows of lhs, and
  /// those of lhs alone, where they are wanted.
  struct Sums {
    SmallVector<Value> products, rows;
  };

  void emitBody();
  void locate();
  void makeBuffers();
  void makeTable();
  void issue(Value stage, Value slot);
  void copyWeight(Value stage, Value slot);
  void copyLhs(Value stage, Value slot);
  void compute(Value slot, Sums &sums);
  SmallVector<Value> loadLhs(Value slot, int64_t step);
  FragmentPlace getPlace(Value slot, int64_t tileRow, int64_t record,
                         int64_t tile);
  void addBlock(const RowScales &scales, int64_t tileRow, const Sums &block,
                Sums &sums);
  void scaleAll(Sums &sums);
  void reduce(Sums &sums, function_ref<void()> finish);
  void store(const Sums &sums);
  Value emitEpilogue(ValueRange place, Value sum);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value add(Value x, int64_t y) { return y ? add(x, index(y)) : x; }
  Value mul(Value x, int64_t y) {
    return arith::MulIOp::create(b, x, index(y));
  }
  Value div(Value x, int64_t y) {
    return arith::DivUIOp::create(b, x, index(y));
  }
  Value rem(Value x, int64_t y) {
    return arith::RemUIOp::create(b, x, index(y));
  }
  Value isLess(Value x, Value y) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, y);
  }
  Value both(Value x, Value y) {
    if (!x || !y)
      return x ? x : y;
    return arith::AndIOp::create(b, x, y);
  }
  /// Where `condition`, or always if there is none.
  void when(Value condition, function_ref<void()> fill);
  Value zeroSum() {
    return arith::ConstantOp::create(
        b, b.getZeroAttr(VectorType::get(4, getSumType())));
  }
  Value view(int64_t offset, ArrayRef<int64_t> shape, Type element);
  /// Shares `pieces` of each of some rows between all threads.
  void forPieces(int64_t rows, int64_t pieces,
                 function_ref<void(Value row, Value piece)> fill);

  int64_t getRowFragments() const { return weight.getTileRows() / 16; }
  int64_t getLhsFragments() const { return shape.lhsRows / kMmaRows; }
  /// Columns of lhs that a warp reads in a stage, in pairs of bytes.
  int64_t getWarpColumns() const {
    return getStageColumns(weight, shape) * shape.lhsBytes / 2 /
           shape.columnWarps;
  }
  int64_t getSumIndex(int64_t tileRow, int64_t fragment, int64_t rows) const {
    return (tileRow * getRowFragments() + fragment) * getLhsFragments() + rows;
  }
  bool needsRowSums() const { return format.hasZero || format.hasMin; }
  bool hasBlocks() const { return format.tilesPerBlock > 0; }
  bool isInteger() const { return kind == MmaKind::S8; }
  /// What lhs is in shared memory, and what products add up in.
  Type getLhsType() {
    if (isInteger())
      return b.getI8Type();
    return kind == MmaKind::F16 ? Type(b.getF16Type()) : b.getBF16Type();
  }
  Type getSumType() {
    return isInteger() ? Type(b.getI32Type()) : b.getF32Type();
  }

  ImplicitLocOpBuilder b;
  ContractOp op;
  KernelShape shape;
  FragmentWeight weight;
  FragmentDecoderInterface decoder;
  FragmentFormat format;
  MmaKind kind;

  // What the op has as operands, as arguments of the kernel.
  Value lhs, init, stream;
  /// One for each row of lhs, where that is rounded to integers.
  Value lhsScales;
  SmallVector<Value> shared, others;
  /// Sizes: rows of lhs, outputs and columns.
  Value m;
  int64_t n = 0, k = 0;
  // Places of the thread.
  SmallVector<Value> batch;
  Value thread, lane, group, rowWarp, columnWarp, firstTileRow, firstRow;
  // Shared memory.
  Value lhsBuffer, lhsMatrices, weightBuffer;
};
} // namespace

void MmaKernel::when(Value condition, function_ref<void()> fill) {
  if (!condition)
    return fill();
  auto ifOp = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifOp.thenBlock());
  fill();
}

Value MmaKernel::view(int64_t offset, ArrayRef<int64_t> shape, Type element) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  Value bytes = memref::GetGlobalOp::create(
      b,
      MemRefType::get({0}, b.getI8Type(), MemRefLayoutAttrInterface(), space),
      kSharedMemory);
  return memref::ViewOp::create(
      b, MemRefType::get(shape, element, MemRefLayoutAttrInterface(), space),
      bytes, index(offset), ValueRange());
}

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

//===----------------------------------------------------------------------===//
// Copies to shared memory
//===----------------------------------------------------------------------===//

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
  auto type = cast<MemRefType>(lhs.getType());
  int64_t columns = getStageColumns(weight, shape);
  Type element = type.getElementType();
  bool isContiguous = type.getLayout().isIdentity();
  // Rows begin at multiples of what one access reads: 16 bytes at most, and 4
  // at least of what is copied aside.
  bool isAsync = element == getLhsType() && isContiguous && k % 2 == 0;
  int64_t most = isAsync ? kLaneBytes / shape.lhsBytes : 4;
  int64_t count =
      isContiguous ? std::min<int64_t>(llvm::MinAlign(k, most), most) : 1;
  int64_t perRow = columns / count;
  Value first = mul(stage, columns);
  auto rowsType = cast<MemRefType>(init.getType());
  int64_t rows = rowsType.getDimSize(op.getDimM());
  bool isWhole = !ShapedType::isDynamic(rows) && rows % shape.lhsRows == 0;
  forPieces(shape.lhsRows, perRow, [&](Value row, Value piece) {
    Value column = mul(piece, count);
    Value from = add(first, column), fromRow = add(firstRow, row);
    Value isValid;
    if (!isWhole)
      isValid = isLess(fromRow, m);
    if (k % columns)
      isValid = both(isValid, isLess(from, index(k)));
    SmallVector<Value> source(batch);
    source.append({fromRow, from});
    if (isAsync) {
      Value size;
      if (isValid)
        size = arith::SelectOp::create(b, isValid, index(count), index(0));
      nvgpu::DeviceAsyncCopyOp::create(
          b, nvgpu::DeviceAsyncTokenType::get(b.getContext()), lhsBuffer,
          ValueRange{slot, row, column}, lhs, source, b.getIndexAttr(count),
          size,
          count * shape.lhsBytes == kLaneBytes ? b.getUnitAttr() : UnitAttr());
      return;
    }
    // Through registers.
    auto half = VectorType::get(count, getLhsType());
    auto load = [&]() -> Value {
      Value values = vector::LoadOp::create(
          b, half.clone(element), lhs, source, /*nontemporal=*/false,
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

/// Begins to copy a stage, if there is one.
void MmaKernel::issue(Value stage, Value slot) {
  int64_t stages =
      llvm::divideCeilSigned(weight.records.count, shape.getStageRecords());
  when(isLess(stage, index(stages)), [&] {
    copyWeight(stage, slot);
    copyLhs(stage, slot);
  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

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
        ValueRange{slot, add(row, firstRows * kMmaRows), column},
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
  place.group = group;
  place.shared = shared;
  return place;
}

/// Adds what the products of a block are worth.
void MmaKernel::addBlock(const RowScales &scales, int64_t tileRow,
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
      sum = LLVM::FMAOp::create(b, scale, block.products[at], sum);
      if (ofRows)
        sum = LLVM::FMAOp::create(b, ofRows, block.rows[rows], sum);
    }
  }
}

/// The products of a stage.
void MmaKernel::compute(Value slot, Sums &sums) {
  int64_t steps = weight.getTileColumns() * shape.lhsBytes / 2 / kMmaColumns;
  int64_t tilesPerBlock =
      hasBlocks() ? format.tilesPerBlock : weight.getTilesPerRecord();
  Value one = arith::ConstantOp::create(
      b, b.getI32IntegerAttr(kind == MmaKind::F16 ? 0x3c003c00 : 0x3f803f80));
  SmallVector<Value> ones(4, one);
  for (int64_t record = 0; record < shape.records; ++record)
    for (int64_t first = 0; first < weight.getTilesPerRecord();
         first += tilesPerBlock) {
      Sums block;
      if (hasBlocks()) {
        block.products.assign(sums.products.size(), zeroSum());
        block.rows.assign(needsRowSums() ? getLhsFragments() : 0, zeroSum());
      } else {
        block = sums;
      }
      for (int64_t tile = first; tile < first + tilesPerBlock; ++tile) {
        SmallVector<SmallVector<Value>> words;
        for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow) {
          FragmentPlace place = getPlace(slot, tileRow, record, tile);
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
        for (int64_t step = 0; step < steps; ++step) {
          int64_t number =
              (record * weight.getTilesPerRecord() + tile) * steps + step;
          SmallVector<Value> columns = loadLhs(slot, number);
          auto multiply = [&](ValueRange a, int64_t rows, Value &sum) {
            sum = emitMma(b, kind, a,
                          {columns[2 * rows], columns[2 * rows + 1]}, sum);
          };
          for (auto [rows, sum] : llvm::enumerate(block.rows))
            multiply(ones, rows, sum);
          for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow)
            for (int64_t fragment = 0; fragment < getRowFragments();
                 ++fragment) {
              SmallVector<Value> a = decoder.emitFragment(
                  b, b.getLoc(), weight, words[tileRow], fragment, step, kind);
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
      for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow)
        addBlock(decoder.emitRowScales(b, b.getLoc(), weight,
                                       getPlace(slot, tileRow, record, first)),
                 tileRow, block, sums);
    }
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// What products are worth where all of a row share their scales.
void MmaKernel::scaleAll(Sums &sums) {
  if (hasBlocks() || !format.hasScale)
    return;
  Sums all = sums;
  auto vector = VectorType::get(4, b.getF32Type());
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(vector));
  sums.products.assign(sums.products.size(), zero);
  if (isInteger())
    for (Value &sum : all.products)
      sum = arith::SIToFPOp::create(b, vector, sum);
  for (int64_t tileRow = 0; tileRow < shape.tileRows; ++tileRow)
    addBlock(decoder.emitRowScales(b, b.getLoc(), weight,
                                   getPlace(index(0), tileRow, 0, 0)),
             tileRow, all, sums);
}

/// Adds the sums of the warps that have other columns, and calls `finish` where
/// they are.
void MmaKernel::reduce(Sums &sums, function_ref<void()> finish) {
  if (shape.columnWarps == 1)
    return finish();
  SmallVector<Value *> all;
  for (SmallVector<Value> *some : {&sums.products, &sums.rows})
    for (Value &sum : *some)
      all.push_back(&sum);
  Value buffer = view(0,
                      {shape.columnWarps - 1, shape.rowWarps,
                       int64_t(all.size()), kWarpLanes * 4},
                      getSumType());
  auto vector = VectorType::get(4, getSumType());
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
        *sum = isInteger() ? arith::AddIOp::create(b, *sum, other).getResult()
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
            if (isInteger())
              sum = arith::MulFOp::create(
                  b, sum, memref::LoadOp::create(b, lhsScales, place));
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

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

/// Places of the block and of the thread.
void MmaKernel::locate() {
  thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  lane = rem(thread, kWarpLanes);
  group = div(lane, 4);
  Value warp = div(thread, kWarpLanes);
  rowWarp = rem(warp, shape.rowWarps);
  columnWarp = div(warp, shape.rowWarps);
  firstTileRow = mul(gpu::BlockIdOp::create(b, gpu::Dimension::x),
                     shape.getBlockTileRows());
  firstRow = mul(gpu::BlockIdOp::create(b, gpu::Dimension::y), shape.lhsRows);
  Value number = gpu::BlockIdOp::create(b, gpu::Dimension::z);
  ArrayRef<int64_t> sizes =
      weight.getTiled().getShape().take_front(op.getNumBatch());
  for (size_t i = 0; i < sizes.size(); ++i) {
    int64_t inner = computeProduct(sizes.drop_front(i + 1));
    batch.push_back(rem(div(number, inner), sizes[i]));
  }
}

void MmaKernel::makeBuffers() {
  int64_t lhsSize[] = {shape.stages, shape.lhsRows,
                       getStageColumns(weight, shape) +
                           kPadding / shape.lhsBytes};
  lhsBuffer = view(0, lhsSize, getLhsType());
  // ldmatrix knows f16 only.
  lhsSize[2] = lhsSize[2] * shape.lhsBytes / 2;
  lhsMatrices =
      kind == MmaKind::F16 ? lhsBuffer : view(0, lhsSize, b.getF16Type());
  weightBuffer = view(getLhsBytes(weight, shape), getWeightBytes(weight, shape),
                      b.getI8Type());
}

/// Tables of the decoder lie behind what is used again at the end.
void MmaKernel::makeTable() {
  int64_t bytes = decoder.getTableBytes(weight);
  if (!bytes)
    return;
  weight.table =
      view(getSharedBytes(weight, shape) - bytes, bytes / 4, b.getI32Type());
  decoder.emitTable(b, b.getLoc(), weight, shared, weight.table, thread,
                    shape.getNumThreads(), kind);
}

void MmaKernel::emitBody() {
  unsigned rank = weight.logical.getRank();
  n = weight.logical.getDimSize(weight.getRowDim());
  k = isInteger() ? cast<MemRefType>(lhs.getType()).getShape().back()
                  : weight.logical.getDimSize(weight.getColumnDim());
  m = memref::DimOp::create(b, init, index(op.getDimM()));
  locate();
  makeBuffers();
  // Records of a row of tiles become its bytes, and what is in a tile one
  // dimension.
  auto collapse = [&](Value buffer, int64_t kept) -> Value {
    int64_t all = cast<MemRefType>(buffer.getType()).getRank();
    SmallVector<ReassociationIndices> groups;
    for (int64_t i = 0; i < kept; ++i)
      groups.push_back({i});
    groups.push_back(llvm::to_vector(llvm::seq<int64_t>(kept, all)));
    return memref::CollapseShapeOp::create(b, buffer, groups);
  };
  stream = collapse(stream, rank - 1);
  makeTable();
  for (Value &buffer : shared)
    buffer = collapse(buffer, rank);

  int64_t stages =
      llvm::divideCeilSigned(weight.records.count, shape.getStageRecords());
  {
    auto loop =
        scf::ForOp::create(b, index(0), index(shape.stages - 1), index(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    issue(loop.getInductionVar(), loop.getInductionVar());
    emitCommit(b);
  }
  Sums sums;
  sums.products.assign(getNumSums(weight, shape), zeroSum());
  sums.rows.assign(needsRowSums() && !hasBlocks() ? getLhsFragments() : 0,
                   zeroSum());
  SmallVector<Value> carried(sums.products);
  llvm::append_range(carried, sums.rows);
  auto unpack = [&](ValueRange values) {
    size_t count = sums.products.size();
    sums.products.assign(values.begin(), values.begin() + count);
    sums.rows.assign(values.begin() + count, values.end());
  };
  auto loop = scf::ForOp::create(b, index(0), index(stages), index(1), carried);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value stage = loop.getInductionVar();
    // All threads have what they asked for, and are done with the slot that is
    // filled next.
    emitWait(b, shape.stages - 2);
    gpu::BarrierOp::create(b);
    issue(add(stage, shape.stages - 1),
          rem(add(stage, shape.stages - 1), shape.stages));
    emitCommit(b);
    unpack(loop.getRegionIterArgs());
    compute(rem(stage, shape.stages), sums);
    SmallVector<Value> results(sums.products);
    llvm::append_range(results, sums.rows);
    scf::YieldOp::create(b, results);
  }
  unpack(loop.getResults());
  reduce(sums, [&] {
    scaleAll(sums);
    store(sums);
  });
  gpu::ReturnOp::create(b);
}

gpu::GPUFuncOp MmaKernel::emit(StringRef name) {
  SmallVector<Type> types(op->getOperandTypes());
  unsigned lhsNumber = op.getLhsMutable().getOperandNumber();
  if (isInteger()) {
    RoundedLhs rounded = RoundedLhs::of(op);
    types[lhsNumber] = rounded.integers;
    types.push_back(rounded.scales);
  }
  auto function =
      gpu::GPUFuncOp::create(b, name, b.getFunctionType(types, TypeRange()));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSizeAttr(
      b.getDenseI32ArrayAttr({int32_t(shape.getNumThreads()), 1, 1}));
  OpBuilder::InsertionGuard guard(b);
  Block &body = function.getBody().front();
  b.setInsertionPointToStart(&body);
  IRMapping arguments;
  for (auto [operand, argument] :
       llvm::zip(op->getOperands(), body.getArguments()))
    arguments.map(operand, argument);
  lhs = body.getArgument(lhsNumber);
  if (isInteger())
    lhsScales = body.getArguments().back();
  init = arguments.lookup(op.getInit());
  for (Value component : op.getComponents())
    shared.push_back(arguments.lookup(component));
  stream = shared.front();
  shared.erase(shared.begin());
  for (Value other : op.getOthers())
    others.push_back(arguments.lookup(other));
  emitBody();
  return function;
}

MmaKind mlir::compress::getMmaKind(ContractOp op) {
  switch (op.getCompute()) {
  case ComputeMode::F16:
    return MmaKind::F16;
  case ComputeMode::Int8:
    return MmaKind::S8;
  default:
    return MmaKind::BF16;
  }
}

gpu::GPUFuncOp mlir::compress::emitMmaKernel(OpBuilder &b, ContractOp op,
                                             StringRef name,
                                             const KernelShape &shape) {
  return MmaKernel(b, op, shape).emit(name);
}
