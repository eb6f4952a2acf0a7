//===- PackSigns.cpp - rows of lhs as bits --------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp makes the signs of 256 columns of a row at once: each lane compares 8
// neighbouring values with 0. Ballots of the lanes are bits in steps of 8
// columns, as getSignColumn has them in bytes. The warps of a block share a
// row; windows are many and short, so each warp has one.
//
//===----------------------------------------------------------------------===//

#include "PackSigns.h"
#include "KernelBody.h"
#include "LhsSource.h"
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
  auto init = cast<MemRefType>(op.getInit().getType());
  SmallVector<int64_t> shape(init.getShape().take_front(op.getNumBatch()));
  shape.push_back(init.getDimSize(op.getDimM()));
  OpBuilder b(op);
  auto sums = MemRefType::get(shape, b.getI32Type());
  shape.push_back(
      llvm::alignTo(weight.logical.getDimSize(weight.getColumnDim()),
                    weight.getTileColumns()) *
      getSignBits(op) / 8);
  return {MemRefType::get(shape, b.getI8Type()), sums,
          op.getWindow() ? kWarps : 1};
}

int64_t mlir::compress::getSignBits(ContractOp op) {
  return op.getBorder() ? 2 : 1;
}

namespace {
/// Emits the body of the kernel.
class SignKernel : KernelBody {
public:
  SignKernel(OpBuilder &builder, ContractOp op)
      : KernelBody(op.getLoc(), builder), op(op) {}

  gpu::GPUFuncOp emit(StringRef name);

private:
  void emitBody(Block &body);
  /// Bits of the lane's columns: whether values are 0 or more, and whether
  /// there are values.
  struct Signs {
    SmallVector<Value> isSet, isInside;
  };
  Signs loadSigns(Value first);
  Value makePieces(Value first, Value step, Value bits);
  void storeWords(ValueRange ballots, Value bits, Value at);
  SmallVector<Value> makeWords(ValueRange ballots);
  void addWarps(Value sum, Value sums);
  Value integer(int64_t value) {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  }

  ContractOp op;
  algorithms::MmaFragment fragment = algorithms::getMmaShape(MmaKind::B1).b;
  std::unique_ptr<LhsSource> source;
  Value warp, lane, row;
  SmallVector<Value> batch;
  int64_t columns = 0;
};
} // namespace

SignKernel::Signs SignKernel::loadSigns(Value first) {
  int64_t perLane = fragment.rows / kWarpLanes;
  Value lhs = source->getBuffer();
  Type element = cast<MemRefType>(lhs.getType()).getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  // As many as an access of up to 16 bytes may have.
  int64_t most = std::min<int64_t>(kLaneBytes / bytes, perLane);
  int64_t count =
      source->isContiguous()
          ? std::min<int64_t>(llvm::MinAlign(source->getRun(), most), most)
          : 1;
  auto vector = VectorType::get(count, element);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(element));
  Signs signs;
  for (int64_t i = 0; i < perLane; i += count) {
    Value column = add(first, index(i));
    Value isInside = isLess(column, index(columns));
    // What is not there is read where something is.
    column = arith::SelectOp::create(b, isInside, column, index(0));
    LhsSource::Place place = source->locate(row, column);
    if (place.isInside) {
      isInside = both(isInside, place.isInside);
      Value &last = place.indices.back();
      last = arith::SelectOp::create(b, isInside, last, index(0));
    }
    Value values = vector::LoadOp::create(b, vector, lhs, place.indices,
                                          /*nontemporal=*/false,
                                          llvm::MaybeAlign(count * bytes));
    for (int64_t j = 0; j < count; ++j) {
      Value isSet =
          arith::CmpFOp::create(b, arith::CmpFPredicate::OGE,
                                vector::ExtractOp::create(b, values, j), zero);
      signs.isSet.push_back(arith::AndIOp::create(b, isInside, isSet));
      signs.isInside.push_back(isInside);
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

/// Stores the sum of all signs of the row, of which each warp has a part.
void SignKernel::addWarps(Value sum, Value sums) {
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
       [&] { memref::StoreOp::create(b, sum, shared, ValueRange{warp}); });
  gpu::BarrierOp::create(b);
  when(arith::AndIOp::create(b, isFirst, isLess(warp, index(1))), [&] {
    Value total = memref::LoadOp::create(b, shared, ValueRange{index(0)});
    for (int64_t other = 1; other < kWarps; ++other)
      total = add(total,
                  memref::LoadOp::create(b, shared, ValueRange{index(other)}));
    SmallVector<Value> place(batch);
    place.push_back(row);
    memref::StoreOp::create(b, total, sums, place);
  });
}

/// Stores the words of an mma.
void SignKernel::storeWords(ValueRange ballots, Value bits, Value at) {
  auto bytes = VectorType::get(fragment.rows / 8, b.getI8Type());
  SmallVector<Value> words = makeWords(ballots);
  Value vector = vector::FromElementsOp::create(
      b, VectorType::get(words.size(), b.getI32Type()), words);
  SmallVector<Value> place(batch);
  place.append({row, at});
  vector::StoreOp::create(b, vector::BitCastOp::create(b, bytes, vector), bits,
                          place, /*nontemporal=*/false,
                          llvm::MaybeAlign(kLaneBytes));
}

/// Stores the bits of some pieces of the row. What their signs add up to.
Value SignKernel::makePieces(Value first, Value step, Value bits) {
  int64_t pieces = llvm::divideCeilSigned(columns, fragment.rows);
  Value allLanes = integer(-1);
  auto loop = scf::ForOp::create(b, first, index(pieces), step, integer(0));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value piece = loop.getInductionVar();
  Signs signs = loadSigns(
      add(mul(piece, fragment.rows), mul(lane, fragment.rows / kWarpLanes)));
  // Of n signs p are 1: 2 p - n.
  Value sum = loop.getRegionIterArg(0);
  SmallVector<Value> set, others;
  for (auto [isSet, isInside] : llvm::zip_equal(signs.isSet, signs.isInside)) {
    auto vote = [&](Value bit) -> Value {
      return NVVM::VoteSyncOp::create(b, b.getI32Type(), allLanes, bit,
                                      NVVM::VoteSyncKind::ballot);
    };
    set.push_back(vote(isSet));
    Value inside = vote(isInside);
    Value positive = math::CtPopOp::create(b, set.back());
    sum = arith::SubIOp::create(b, add(sum, add(positive, positive)),
                                math::CtPopOp::create(b, inside));
    // Without the border: 1 there.
    others.push_back(arith::OrIOp::create(
        b, set.back(), arith::XOrIOp::create(b, inside, allLanes)));
  }
  int64_t mmaBytes = fragment.rows / 8;
  when(isLess(lane, index(1)), [&] {
    Value at = mul(piece, getSignBits(op) * mmaBytes);
    storeWords(set, bits, at);
    if (op.getBorder())
      storeWords(others, bits, add(at, mmaBytes));
  });
  scf::YieldOp::create(b, sum);
  return loop.getResult(0);
}

void SignKernel::emitBody(Block &body) {
  Value bits = body.getArgument(1), sums = body.getArgument(2);
  FragmentWeight weight = getFragmentWeight(op);
  columns = weight.logical.getDimSize(weight.getColumnDim());
  Value thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  warp = div(thread, kWarpLanes);
  lane = rem(thread, kWarpLanes);
  Value number = gpu::BlockIdOp::create(b, gpu::Dimension::z);
  RankedTensorType tiled = weight.getTiled();
  ArrayRef<int64_t> sizes = tiled.getShape().take_front(op.getNumBatch());
  for (size_t i = 0; i < sizes.size(); ++i)
    batch.push_back(
        rem(div(number, computeProduct(sizes.drop_front(i + 1))), sizes[i]));
  source = LhsSource::create(b, op, body.getArgument(0), batch);
  row = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  int64_t blockRows = PackedSigns::of(op).blockRows;
  if (blockRows == 1)
    return addWarps(makePieces(warp, index(kWarps), bits), sums);
  row = add(mul(row, blockRows), warp);
  Value rows = memref::DimOp::create(b, sums, index(op.getNumBatch()));
  when(isLess(row, rows), [&] {
    Value sum = makePieces(index(0), index(1), bits);
    when(isLess(lane, index(1)), [&] {
      SmallVector<Value> place(batch);
      place.push_back(row);
      memref::StoreOp::create(b, sum, sums, place);
    });
  });
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
