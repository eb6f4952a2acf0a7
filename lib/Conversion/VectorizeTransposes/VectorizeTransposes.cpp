//===- VectorizeTransposes.cpp - compress-vectorize-transposes ------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for all dimensions but the last one of the input and that of the output:
//   for kLanes by kLanes elements of these two:
//     load kLanes vectors, transpose them in registers, store kLanes vectors
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSVECTORIZETRANSPOSES
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

/// Elements of a vector: those of an AVX-512 register.
static constexpr int64_t kLanes = 16;
/// Elements that a loop must move for threads to share it.
static constexpr int64_t kSharedElements = 1 << 16;

namespace {
class TransposeLoops {
public:
  TransposeLoops(OpBuilder &builder, linalg::TransposeOp op)
      : b(op.getLoc(), builder), op(op), permutation(op.getPermutation()),
        type(cast<MemRefType>(op.getInput().getType())),
        last(type.getRank() - 1), across(permutation.back()),
        lanes(VectorType::get(kLanes, type.getElementType())) {}

  /// Whether the last dimension moves, and is one of neighbours in both.
  static bool canEmit(linalg::TransposeOp op);
  void emit() { emitOuter(0); }

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value a, int64_t c) {
    return c ? arith::AddIOp::create(b, a, index(c)).getResult() : a;
  }
  Value getSize(int64_t dim) {
    return b.createOrFold<memref::DimOp>(op.getInput(), dim);
  }
  void loop(Value lower, Value upper, int64_t by,
            function_ref<void(Value)> fill);
  void emitOuter(int64_t dim);
  void forTiles(int64_t dim, function_ref<void(Value)> fill);
  void emitTile(Value rows, Value columns);
  Value getMask(Value count);
  SmallVector<Value> transpose(SmallVector<Value> vectors);

  ImplicitLocOpBuilder b;
  linalg::TransposeOp op;
  ArrayRef<int64_t> permutation;
  MemRefType type;
  /// The dimension of the input whose elements are neighbours there, and the
  /// one whose elements are in the output.
  int64_t last, across;
  VectorType lanes;
  bool isShared = false;
  /// Of each dimension of the input, where it is.
  SmallVector<Value> at = SmallVector<Value>(type.getRank());
};
} // namespace

bool TransposeLoops::canEmit(linalg::TransposeOp op) {
  auto in = dyn_cast<MemRefType>(op.getInput().getType()),
       out = dyn_cast<MemRefType>(op.getInit().getType());
  return in && out && in.getElementType().isIntOrFloat() &&
         in.getElementTypeBitWidth() == 32 && in.isLastDimUnitStride() &&
         out.isLastDimUnitStride() && in.getRank() > 1 &&
         op.getPermutation().back() != in.getRank() - 1;
}

void TransposeLoops::loop(Value lower, Value upper, int64_t by,
                          function_ref<void(Value)> fill) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, lower, upper, index(by));
  b.setInsertionPointToStart(loop.getBody());
  fill(loop.getInductionVar());
}

void TransposeLoops::emitOuter(int64_t dim) {
  if (dim == type.getRank())
    return forTiles(across, [&](Value rows) {
      forTiles(last, [&](Value columns) { emitTile(rows, columns); });
    });
  if (dim == across || dim == last)
    return emitOuter(dim + 1);
  auto fill = [&](Value i) {
    at[dim] = i;
    emitOuter(dim + 1);
  };
  // Threads share the outermost one that is long enough.
  int64_t elements = 1;
  for (int64_t size : type.getShape().drop_front(dim))
    elements *= ShapedType::isDynamic(size) ? 1 : size;
  if (isShared || elements < kSharedElements || type.getDimSize(dim) == 1)
    return loop(index(0), getSize(dim), 1, fill);
  isShared = true;
  OpBuilder::InsertionGuard guard(b);
  auto shared = scf::ParallelOp::create(b, index(0), getSize(dim), index(1));
  shared->setAttr(CompressDialect::kChunkAttr, b.getI64IntegerAttr(1));
  b.setInsertionPointToStart(shared.getBody());
  fill(shared.getInductionVars().front());
}

/// Tiles of a dimension, from `at` on: whole ones, for which `fill` gets null,
/// and a rest of so many elements.
void TransposeLoops::forTiles(int64_t dim, function_ref<void(Value)> fill) {
  Value size = getSize(dim);
  bool isDynamic = type.isDynamicDim(dim);
  Value whole =
      isDynamic ? arith::SubIOp::create(
                      b, size, arith::RemUIOp::create(b, size, index(kLanes)))
                      .getResult()
                : index(type.getDimSize(dim) / kLanes * kLanes);
  loop(index(0), whole, kLanes, [&](Value first) {
    at[dim] = first;
    fill(nullptr);
  });
  if (isDynamic || type.getDimSize(dim) % kLanes)
    loop(whole, size, kLanes, [&](Value first) {
      at[dim] = first;
      fill(arith::SubIOp::create(b, size, first));
    });
}

Value TransposeLoops::getMask(Value count) {
  return vector::CreateMaskOp::create(b, VectorType::get(kLanes, b.getI1Type()),
                                      count);
}

/// Of so many rows, along `across`, and columns, or all where they are null.
void TransposeLoops::emitTile(Value rows, Value columns) {
  Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(lanes));
  SmallVector<Value> vectors;
  auto isIn = [&](int64_t i, Value count) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index(i), count);
  };
  for (int64_t i = 0; i < kLanes; ++i) {
    SmallVector<Value> place = at;
    place[across] = add(at[across], i);
    if (!rows && !columns) {
      vectors.push_back(vector::LoadOp::create(b, lanes, op.getInput(), place));
      continue;
    }
    Value count = columns ? columns : index(kLanes);
    if (rows)
      count = arith::SelectOp::create(b, isIn(i, rows), count, index(0));
    vectors.push_back(vector::MaskedLoadOp::create(
        b, lanes, op.getInput(), place, getMask(count), zeros));
  }
  vectors = transpose(vectors);
  for (int64_t i = 0; i < kLanes; ++i) {
    SmallVector<Value> place = at, out;
    place[last] = add(at[last], i);
    for (int64_t dim : permutation)
      out.push_back(place[dim]);
    if (!rows && !columns) {
      vector::StoreOp::create(b, vectors[i], op.getInit(), out);
      continue;
    }
    Value count = rows ? rows : index(kLanes);
    if (columns)
      count = arith::SelectOp::create(b, isIn(i, columns), count, index(0));
    vector::MaskedStoreOp::create(b, op.getInit(), out, getMask(count),
                                  vectors[i]);
  }
}

/// Swaps blocks of 8 by 8, then of 4 by 4, and so on.
SmallVector<Value> TransposeLoops::transpose(SmallVector<Value> vectors) {
  for (int64_t size = kLanes / 2; size; size /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      bool isSecond = lane & size;
      low.push_back(isSecond ? kLanes + lane - size : lane);
      high.push_back(isSecond ? kLanes + lane : lane + size);
    }
    for (int64_t i = 0; i < kLanes; ++i) {
      if (i & size)
        continue;
      Value first = vectors[i], second = vectors[i + size];
      vectors[i] = vector::ShuffleOp::create(b, first, second, low);
      vectors[i + size] = vector::ShuffleOp::create(b, first, second, high);
    }
  }
  return vectors;
}

namespace {
struct VectorizeTransposesPass
    : compress::impl::CompressVectorizeTransposesBase<VectorizeTransposesPass> {
  void runOnOperation() override {
    SmallVector<linalg::TransposeOp> ops;
    getOperation().walk([&](linalg::TransposeOp op) {
      if (TransposeLoops::canEmit(op))
        ops.push_back(op);
    });
    for (linalg::TransposeOp op : ops) {
      OpBuilder b(op);
      TransposeLoops(b, op).emit();
      op.erase();
    }
  }
};
} // namespace
