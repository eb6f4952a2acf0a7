//===- RoundLhs.cpp - rows of lhs as integers of 8 bits -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaKernel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

/// Bytes of a register, which a thread makes at once.
static constexpr int64_t kWordBytes = 4;

bool mlir::compress::isLhsRounded(MmaKind kind) { return kind == MmaKind::S8; }

RoundedLhs RoundedLhs::of(ContractOp op) {
  FragmentWeight weight = getFragmentWeight(op);
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  SmallVector<int64_t> shape(lhs.getShape());
  shape.back() = llvm::alignTo(weight.logical.getDimSize(weight.getColumnDim()),
                               weight.getTileColumns());
  OpBuilder b(op);
  return {MemRefType::get(shape, b.getI8Type()),
          MemRefType::get(ArrayRef(shape).drop_back(), b.getF32Type())};
}

namespace {
/// Emits the body of the kernel: a block of threads reads its row twice.
class RoundKernel {
public:
  RoundKernel(OpBuilder &builder, ContractOp op)
      : b(op.getLoc(), builder), op(op) {}

  gpu::GPUFuncOp emit(StringRef name);

private:
  void emitBody(Block &body);
  Value load(Value column);
  Value reduceLargest(Value largest);
  void store(Value factor, Value integers);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value bits(int64_t value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  }
  Value number(float value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value isLess(Value x, Value y) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, y);
  }

  ImplicitLocOpBuilder b;
  ContractOp op;
  Value lhs, thread;
  SmallVector<Value> row;
  int64_t columns = 0;
};
} // namespace

/// An element of the row in f32, or 0 behind its end.
Value RoundKernel::load(Value column) {
  Value isInside = isLess(column, index(columns));
  SmallVector<Value> place(row);
  place.push_back(arith::SelectOp::create(b, isInside, column, index(0)));
  Value value = memref::LoadOp::create(b, lhs, place);
  if (!value.getType().isF32())
    value = arith::ExtFOp::create(b, b.getF32Type(), value);
  return arith::SelectOp::create(b, isInside, value, number(0));
}

/// The largest of what all threads have, for all of them.
Value RoundKernel::reduceLargest(Value largest) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto getType = [&](int64_t size, Type element) {
    return MemRefType::get(size, element, MemRefLayoutAttrInterface(), space);
  };
  Value shared = memref::ViewOp::create(
      b, getType(kRoundThreads, b.getI32Type()),
      memref::GetGlobalOp::create(b, getType(0, b.getI8Type()), kSharedMemory),
      index(0), ValueRange());
  memref::StoreOp::create(b, largest, shared, thread);
  gpu::BarrierOp::create(b);
  for (int64_t others = kRoundThreads / 2; others; others /= 2) {
    auto ifOp = scf::IfOp::create(b, isLess(thread, index(others)),
                                  /*withElseRegion=*/false);
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(ifOp.thenBlock());
      Value mine = memref::LoadOp::create(b, shared, thread);
      Value other =
          memref::LoadOp::create(b, shared, add(thread, index(others)));
      memref::StoreOp::create(b, arith::MaxUIOp::create(b, mine, other), shared,
                              thread);
    }
    gpu::BarrierOp::create(b);
  }
  return memref::LoadOp::create(b, shared, index(0));
}

/// Rounds the row times `factor`.
void RoundKernel::store(Value factor, Value integers) {
  int64_t words =
      cast<MemRefType>(integers.getType()).getShape().back() / kWordBytes;
  auto loop = scf::ForOp::create(b, thread, index(words), index(kRoundThreads));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value word = loop.getInductionVar();
  // The lane of a group of four that has the word, and the 16 columns.
  Value lane = arith::RemUIOp::create(b, word, index(4));
  Value first = arith::MulIOp::create(
      b, arith::DivUIOp::create(b, word, index(4)), index(4 * kWordBytes));
  first = add(first, arith::MulIOp::create(b, lane, index(2)));
  // Numbers of up to 2^22 are rounded to integers, to nearest even, where 1.5 *
  // 2^23 is added: the lower bits are those of the integer.
  Value shift = number(12582912.0f);
  SmallVector<Value> bytes;
  for (int64_t byte = 0; byte < kWordBytes; ++byte) {
    Value x = load(add(first, index(getByteColumn(byte))));
    Value sum =
        arith::AddFOp::create(b, arith::MulFOp::create(b, x, factor), shift);
    bytes.push_back(arith::TruncIOp::create(
        b, b.getI8Type(), arith::BitcastOp::create(b, b.getI32Type(), sum)));
  }
  Value vector = vector::FromElementsOp::create(
      b, VectorType::get(kWordBytes, b.getI8Type()), bytes);
  SmallVector<Value> place(row);
  place.push_back(arith::MulIOp::create(b, word, index(kWordBytes)));
  vector::StoreOp::create(b, vector, integers, place, /*nontemporal=*/false,
                          llvm::MaybeAlign(kWordBytes));
}

void RoundKernel::emitBody(Block &body) {
  lhs = body.getArgument(0);
  Value integers = body.getArgument(1), scales = body.getArgument(2);
  FragmentWeight weight = getFragmentWeight(op);
  columns = weight.logical.getDimSize(weight.getColumnDim());
  thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  Value batch = gpu::BlockIdOp::create(b, gpu::Dimension::z);
  RankedTensorType tiled = weight.getTiled();
  ArrayRef<int64_t> sizes = tiled.getShape().take_front(op.getNumBatch());
  int64_t inner = 1;
  for (int64_t size : llvm::reverse(sizes)) {
    row.insert(
        row.begin(),
        arith::RemUIOp::create(
            b, arith::DivUIOp::create(b, batch, index(inner)), index(size)));
    inner *= size;
  }
  row.push_back(gpu::BlockIdOp::create(b, gpu::Dimension::x));

  // Bits of magnitudes are in the order of these, and NaN is behind infinity.
  auto loop = scf::ForOp::create(b, thread, index(columns),
                                 index(kRoundThreads), bits(0));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value magnitude = arith::AndIOp::create(
        b,
        arith::BitcastOp::create(b, b.getI32Type(),
                                 load(loop.getInductionVar())),
        bits(0x7fffffff));
    scf::YieldOp::create(
        b, arith::MaxUIOp::create(b, loop.getRegionIterArg(0), magnitude)
               .getResult());
  }
  Value largest = reduceLargest(loop.getResult(0));
  Value a = arith::BitcastOp::create(b, b.getF32Type(), largest);
  // 2^-100, below which the quotient could be infinite.
  Value isSmall = isLess(largest, bits((127 - 100) << 23));
  Value factor = arith::SelectOp::create(
      b, isSmall, number(0), arith::DivFOp::create(b, number(127), a));
  store(factor, integers);
  auto ifOp = scf::IfOp::create(
      b, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, thread, index(0)),
      /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifOp.thenBlock());
  Value isFinite = isLess(largest, bits(0x7f800000));
  Value scale = arith::SelectOp::create(
      b, isFinite, arith::DivFOp::create(b, a, number(127)),
      number(std::numeric_limits<float>::quiet_NaN()));
  memref::StoreOp::create(b, scale, scales, row);
}

gpu::GPUFuncOp RoundKernel::emit(StringRef name) {
  RoundedLhs rounded = RoundedLhs::of(op);
  Type types[] = {op.getLhs().getType(), rounded.integers, rounded.scales};
  auto function =
      gpu::GPUFuncOp::create(b, name, b.getFunctionType(types, TypeRange()));
  function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  function.setKnownBlockSizeAttr(
      b.getDenseI32ArrayAttr({int32_t(kRoundThreads), 1, 1}));
  OpBuilder::InsertionGuard guard(b);
  Block &body = function.getBody().front();
  b.setInsertionPointToStart(&body);
  emitBody(body);
  gpu::ReturnOp::create(b);
  return function;
}

gpu::GPUFuncOp mlir::compress::emitRoundLhs(OpBuilder &b, ContractOp op,
                                            StringRef name) {
  return RoundKernel(b, op).emit(name);
}
