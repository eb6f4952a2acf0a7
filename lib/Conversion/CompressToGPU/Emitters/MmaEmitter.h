//===- MmaEmitter.h - the parts of an emitted kernel ------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What emitMmaKernel uses, in one file for each part of a kernel: CopyStages
// brings operands to shared memory, MmaProducts multiplies, MmaResults adds up
// what warps have and stores it, and MmaKernel puts them together.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_MMAEMITTER_H
#define COMPRESS_LIB_CONVERSION_MMAEMITTER_H

#include "KernelBody.h"
#include "PackSigns.h"
#include "SharedMemory.h"

namespace mlir::compress {

/// Emits the body of a kernel.
class MmaKernel : KernelBody {
public:
  MmaKernel(OpBuilder &builder, ContractOp op, const KernelShape &shape)
      : KernelBody(op.getLoc(), builder), op(op), shape(shape),
        weight(getFragmentWeight(op)),
        decoder(cast<FragmentDecoderInterface>(weight.codec.getBase())),
        kind(getMmaKind(op)),
        format(shape.isScaled ? *decoder.getScaledFormat(weight, kind)
                              : decoder.getFragmentFormat(weight, kind)) {}

  gpu::GPUFuncOp emit(StringRef name);
  /// The kernel that adds up parts.
  gpu::GPUFuncOp emitSum(StringRef name);
  MemRefType getPartType();

private:
  /// Sums, one vector of D for each fragment of outputs and 8 rows of lhs, and
  /// those of lhs or of the weight alone, where they are wanted.
  struct Sums {
    SmallVector<Value> products, rows, outputs;

    SmallVector<Value *> getAll() {
      SmallVector<Value *> all;
      for (SmallVector<Value> *some : {&products, &rows, &outputs})
        for (Value &sum : *some)
          all.push_back(&sum);
      return all;
    }
  };
  /// Of 8 rows of lhs in a block, in the order of D: scales, and what elements
  /// add up to, where they are wanted. Null where lhs is not rounded.
  struct LhsScales {
    Value scale, sum;
  };

  gpu::GPUFuncOp emitKernel(StringRef name,
                            function_ref<void(gpu::GPUFuncOp)> fill);
  void prepare();
  void emitBody();
  void locate();
  void locateStages();
  void waitForCluster();
  void makeBuffers();
  void makeTable();
  void issue(Value stage, Value slot);
  void copyWeight(Value stage, Value slot);
  void copyLhs(Value stage, Value slot);
  void copyScales(Value stage, Value slot);
  void compute(Value slot, Sums &sums);
  SmallVector<Value> loadLhs(Value slot, int64_t step);
  SmallVector<Value> loadSparseLhs(Value slot, int64_t step);
  SmallVector<LhsScales> loadScales(Value slot, int64_t block);
  FragmentPlace getPlace(Value slot, int64_t tileRow, int64_t record,
                         int64_t tile);
  Value toFloats(Value sum, bool isShifted);
  void addBlock(const RowScales &scales, ArrayRef<LhsScales> lhsOfBlock,
                int64_t tileRow, const Sums &block, Sums &sums);
  void scaleAll(Sums &sums);
  void countSigns(Sums &sums);
  void reduce(const Sums &sums);
  Value addUp(int64_t parts, function_ref<Value(int64_t)> load);
  void finishShares(function_ref<Value(int64_t)> load);
  void addParts();
  Value getSumWarp();
  SmallVector<Value> getPartPlace(Value part, Value number);
  Value loadOfBlock(Value buffer, ValueRange at, int64_t block);
  void finish(Sums &sums);
  void store(const Sums &sums);
  Value emitEpilogue(ValueRange place, Value sum);

  /// x may be null: 0.
  Value addTo(Value x, Value y) { return x ? add(x, y) : y; }
  Value getZeros(Type element) {
    return arith::ConstantOp::create(
        b, b.getZeroAttr(VectorType::get(4, element)));
  }
  Value startOfBlock();
  Value view(int64_t offset, ArrayRef<int64_t> shape, Type element);
  /// Shares `pieces` of each of some rows between all threads.
  void forPieces(int64_t rows, int64_t pieces,
                 function_ref<void(Value row, Value piece)> fill);

  int64_t getRowFragments() const { return weight.getTileRows() / 16; }
  int64_t getLhsFragments() const { return shape.getWarpLhsRows() / kMmaRows; }
  /// Columns of lhs that a warp reads in a stage, in pairs of bytes.
  int64_t getWarpColumns() const {
    return getStageColumns(weight, shape) * shape.lhsBits / 16 /
           shape.columnWarps;
  }
  int64_t getSumIndex(int64_t tileRow, int64_t fragment, int64_t rows) const {
    return (tileRow * getRowFragments() + fragment) * getLhsFragments() + rows;
  }
  /// Those of rounded rows come with their scales.
  bool needsRowSums() const {
    return format.hasOffset() && !isLhsRounded(kind);
  }
  /// Of Sums.
  int64_t getNumRowSums() const {
    return needsRowSums() && !hasBlocks() ? getLhsFragments() : 0;
  }
  int64_t getNumOutputSums() const {
    return hasSigns() ? shape.tileRows * getRowFragments() : 0;
  }
  int64_t getNumAllSums() const {
    return getNumSums(weight, shape) + getNumRowSums() + getNumOutputSums();
  }
  bool hasSigns() const { return kind == MmaKind::B1; }
  /// How many mma a column is in (see PackedSigns).
  int64_t getLhsPlanes() const { return hasSigns() ? getSignBits(op) : 1; }
  bool hasBlocks() const { return format.tilesPerBlock > 0; }
  bool hasIntegerSums() { return getSumType().isInteger(); }
  bool fitsFloats();
  /// What lhs is in shared memory, and what products add up in.
  Type getLhsType() { return getMmaElement(b.getContext(), kind); }
  int64_t getLhsWidth() { return getLhsType().getIntOrFloatBitWidth(); }
  Type getSumType() { return getMmaSum(b.getContext(), kind); }
  /// What a warp has of outputs: sums of products, or values of blocks.
  Type getTotalType() { return hasBlocks() ? b.getF32Type() : getSumType(); }

  ContractOp op;
  KernelShape shape;
  FragmentWeight weight;
  FragmentDecoderInterface decoder;
  MmaKind kind;
  FragmentFormat format;

  // What the op has as operands, as arguments of the kernel.
  Value lhs, init, stream;
  /// Those of RoundedLhs, of PackedSigns, and of getPartType.
  Value lhsScales, lhsSums, parts;
  SmallVector<Value> shared, others;
  /// Sizes: rows of lhs, outputs and columns.
  Value m;
  int64_t n = 0, k = 0;
  // Places of the thread.
  SmallVector<Value> batch;
  Value thread, lane, group, rowWarp, columnWarp, firstTileRow, firstRow;
  /// The block: of outputs, of rows of lhs, and of the batch.
  Value outputBlock, rowBlock, batchNumber;
  /// The stage that is computed with, if there is one.
  Value stage;
  /// The rows of lhs of the warp, among those of the block; of the block, its
  /// number among those of other columns, and the first of its stages. Null: 0.
  Value firstWarpRow, split, firstStage;
  /// How many stages a block has.
  Value numStages;
  // Shared memory.
  Value lhsBuffer, lhsMatrices, weightBuffer, scaleBuffer;
};

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_MMAEMITTER_H
