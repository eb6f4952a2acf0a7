//===- PackSigns.cpp - rows of lhs as bits --------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp makes the signs of 256 columns of a row at once: each lane compares 8
// neighbouring values with 0. Ballots of the lanes are bits in steps of 8
// columns, as getSignColumn has them in bytes.
//
//===----------------------------------------------------------------------===//

#include "PackSigns.h"
#include "KernelBody.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::kWarpLanes;

static constexpr int64_t kWarps = kSignThreads / kWarpLanes;

PackedSigns PackedSigns::of(ContractOp op) {
  FragmentWeight weight = getFragmentWeight(op);
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  SmallVector<int64_t> shape(lhs.getShape());
  shape.back() = llvm::alignTo(weight.logical.getDimSize(weight.getColumnDim()),
                               weight.getTileColumns()) /
                 8;
  OpBuilder b(op);
  return {MemRefType::get(shape, b.getI8Type()),
          MemRefType::get(ArrayRef(shape).drop_back(), b.getI32Type())};
}

namespace {
/// Emits the body of the kernel, of which a block of threads has a row.
class SignKernel : KernelBody {
public:
  SignKernel(OpBuilder &builder, ContractOp op)
      : KernelBody(op.getLoc(), builder), op(op) {}

  gpu::GPUFuncOp emit(StringRef name);

private:
  void emitBody(Block &body);
  SmallVector<Value> loadSigns(Value first);
  SmallVector<Value> makeWords(ValueRange ballots);
  void addWarps(Value count, Value sums);

  ContractOp op;
  algorithms::MmaFragment fragment = algorithms::getMmaShape(MmaKind::B1).b;
  Value lhs, warp, lane;
  SmallVector<Value> row;
  int64_t columns = 0;
};
} // namespace

/// Whether the values of the lane's columns, from `first` on, are 0 or more.
SmallVector<Value> SignKernel::loadSigns(Value first) {
  int64_t perLane = fragment.rows / kWarpLanes;
  auto type = cast<MemRefType>(lhs.getType());
  Type element = type.getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  // As many as an access of up to 16 bytes may have.
  int64_t most = std::min<int64_t>(kLaneBytes / bytes, perLane);
  int64_t count = type.getLayout().isIdentity()
                      ? std::min<int64_t>(llvm::MinAlign(columns, most), most)
                      : 1;
  auto vector = VectorType::get(count, element);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  SmallVector<Value> signs;
  for (int64_t i = 0; i < perLane; i += count) {
    Value column = add(first, index(i));
    Value isInside = isLess(column, index(columns));
    SmallVector<Value> place(row);
    place.push_back(arith::SelectOp::create(b, isInside, column, index(0)));
    Value values =
        vector::LoadOp::create(b, vector, lhs, place, /*nontemporal=*/false,
                               llvm::MaybeAlign(count * bytes));
    for (int64_t j = 0; j < count; ++j) {
      Value isSet =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OGE,
                                vector::ExtractOp::create(b, values, j), zero);
      signs.push_back(arith::AndIOp::create(b, isInside, isSet));
    }
  }
  return signs;
}

/// The registers of operand B for the row, those of a lane of its group of four
/// after the other. Bit l of ballot i is column 8 l + i.
SmallVector<Value> SignKernel::makeWords(ValueRange ballots) {
  int64_t perLane = ballots.size();
  SmallVector<Value> words;
  for (int64_t reg = 0; reg < 2; ++reg)
    for (int64_t quarter = 0; quarter < 4; ++quarter) {
      // Bytes of two ballots: even columns, and odd ones.
      auto getColumn = [&](int64_t byte) {
        return reg * fragment.rows / 2 + 2 * quarter + getSignColumn(8 * byte);
      };
      SmallVector<unsigned> bytes;
      for (int64_t byte = 0; byte < 4; ++byte)
        bytes.push_back(getColumn(byte) / perLane / 8 + byte % 2 * 4);
      words.push_back(emitPermute(b, ballots[getColumn(0) % perLane],
                                  ballots[getColumn(1) % perLane], bytes));
    }
  return words;
}

/// Stores the sum of all signs of the row; `count` are the bits that the warp
/// has set.
void SignKernel::addWarps(Value count, Value sums) {
  auto space =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto getType = [&](int64_t size, Type element) {
    return MemRefType::get(size, element, MemRefLayoutAttrInterface(), space);
  };
  Value shared = memref::ViewOp::create(
      b, getType(kWarps, b.getI32Type()),
      memref::GetGlobalOp::create(b, getType(0, b.getI8Type()), kSharedMemory),
      index(0), ValueRange());
  Value isFirst = isLess(lane, index(1));
  when(isFirst,
       [&] { memref::StoreOp::create(b, count, shared, ValueRange{warp}); });
  gpu::BarrierOp::create(b);
  when(arith::AndIOp::create(b, isFirst, isLess(warp, index(1))), [&] {
    Value total = memref::LoadOp::create(b, shared, ValueRange{index(0)});
    for (int64_t other = 1; other < kWarps; ++other)
      total = add(total,
                  memref::LoadOp::create(b, shared, ValueRange{index(other)}));
    Value sum = arith::SubIOp::create(
        b, add(total, total),
        arith::ConstantOp::create(b, b.getI32IntegerAttr(columns)));
    memref::StoreOp::create(b, sum, sums, row);
  });
}

void SignKernel::emitBody(Block &body) {
  lhs = body.getArgument(0);
  Value bits = body.getArgument(1), sums = body.getArgument(2);
  FragmentWeight weight = getFragmentWeight(op);
  columns = weight.logical.getDimSize(weight.getColumnDim());
  Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  warp = arith::DivUIOp::create(b, thread, index(kWarpLanes));
  lane = arith::RemUIOp::create(b, thread, index(kWarpLanes));
  Value batch = gpu::BlockIdOp::create(b, gpu::Dimension::z);
  RankedTensorType tiled = weight.getTiled();
  ArrayRef<int64_t> sizes = tiled.getShape().take_front(op.getNumBatch());
  for (size_t i = 0; i < sizes.size(); ++i) {
    Value outer = arith::DivUIOp::create(
        b, batch, index(computeProduct(sizes.drop_front(i + 1))));
    row.push_back(arith::RemUIOp::create(b, outer, index(sizes[i])));
  }
  row.push_back(gpu::BlockIdOp::create(b, gpu::Dimension::x));

  int64_t pieces = llvm::divideCeilSigned(columns, fragment.rows);
  Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  Value allLanes = arith::ConstantOp::create(b, b.getI32IntegerAttr(-1));
  auto loop = scf::ForOp::create(b, warp, index(pieces), index(kWarps), none);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value piece = loop.getInductionVar();
    Value first =
        add(arith::MulIOp::create(b, piece, index(fragment.rows)),
            arith::MulIOp::create(b, lane, index(fragment.rows / kWarpLanes)));
    SmallVector<Value> ballots;
    Value count = loop.getRegionIterArg(0);
    for (Value sign : loadSigns(first)) {
      ballots.push_back(NVVM::VoteSyncOp::create(
          b, b.getI32Type(), allLanes, sign, NVVM::VoteSyncKind::ballot));
      count = add(count, math::CtPopOp::create(b, ballots.back()));
    }
    when(isLess(lane, index(1)), [&] {
      auto bytes = VectorType::get(fragment.rows / 8, b.getI8Type());
      SmallVector<Value> words = makeWords(ballots);
      Value vector = vector::FromElementsOp::create(
          b, VectorType::get(words.size(), b.getI32Type()), words);
      SmallVector<Value> place(row);
      place.push_back(
          arith::MulIOp::create(b, piece, index(bytes.getNumElements())));
      vector::StoreOp::create(b, vector::BitCastOp::create(b, bytes, vector),
                              bits, place, /*nontemporal=*/false,
                              llvm::MaybeAlign(kLaneBytes));
    });
    scf::YieldOp::create(b, count);
  }
  addWarps(loop.getResult(0), sums);
}

gpu::GPUFuncOp SignKernel::emit(StringRef name) {
  PackedSigns signs = PackedSigns::of(op);
  Type types[] = {op.getLhs().getType(), signs.bits, signs.sums};
  return makeKernel(name, types, kSignThreads, [&](gpu::GPUFuncOp kernel) {
    emitBody(kernel.getBody().front());
    gpu::ReturnOp::create(b);
  });
}

gpu::GPUFuncOp mlir::compress::emitPackSigns(OpBuilder &b, ContractOp op,
                                             StringRef name) {
  return SignKernel(b, op).emit(name);
}
