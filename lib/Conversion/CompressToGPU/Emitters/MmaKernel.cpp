//===- MmaKernel.cpp - contractions by mma.sync ---------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaEmitter.h"
#include "PackSigns.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::kWarpLanes;

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
  int64_t rowBytes = getLhsRowBytes(weight, shape);
  int64_t lhsSize[] = {shape.stages, shape.lhsRows,
                       rowBytes * 8 / getLhsWidth()};
  lhsBuffer = view(0, lhsSize, getLhsType());
  // ldmatrix knows f16 only.
  lhsSize[2] = rowBytes / 2;
  lhsMatrices =
      kind == MmaKind::F16 ? lhsBuffer : view(0, lhsSize, b.getF16Type());
  int64_t lhsBytes = getLhsBytes(weight, shape);
  int64_t weightBytes = getWeightBytes(weight, shape);
  weightBuffer = view(lhsBytes, weightBytes, b.getI8Type());
  if (int64_t scales = getStageScales(weight, shape))
    scaleBuffer = view(lhsBytes + weightBytes,
                       {shape.stages, shape.lhsRows / kScaleRows, scales},
                       b.getF32Type());
}

/// Tables of the decoder lie behind what is used again at the end.
void MmaKernel::makeTable() {
  int64_t tileRows = shape.getBlockTileRows();
  int64_t bytes = decoder.getTableBytes(weight, tileRows);
  if (!bytes)
    return;
  weight.table =
      view(getSharedBytes(weight, shape) - bytes, bytes, b.getI8Type());
  FragmentPlace first;
  first.outer = batch;
  first.outer.push_back(firstTileRow);
  first.shared = shared;
  decoder.emitTable(b, b.getLoc(), weight, first, tileRows, thread,
                    shape.getNumThreads(), kind);
}

void MmaKernel::emitBody() {
  unsigned rank = weight.logical.getRank();
  n = weight.logical.getDimSize(weight.getRowDim());
  k = (isLhsRounded(kind) && !op.getWindow()) || hasSigns()
          ? cast<MemRefType>(lhs.getType()).getShape().back()
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
  for (Value &buffer : shared)
    buffer = collapse(buffer, rank);
  makeTable();

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
  sums.products.assign(getNumSums(weight, shape), getZeros(getTotalType()));
  sums.rows.assign(needsRowSums() && !hasBlocks() ? getLhsFragments() : 0,
                   getZeros(getSumType()));
  sums.outputs.assign(hasSigns() ? shape.tileRows * getRowFragments() : 0,
                      getZeros(getSumType()));
  auto pack = [&] {
    SmallVector<Value> values;
    for (Value *sum : sums.getAll())
      values.push_back(*sum);
    return values;
  };
  auto unpack = [&](ValueRange values) {
    for (auto [sum, value] : llvm::zip_equal(sums.getAll(), values))
      *sum = value;
  };
  auto loop = scf::ForOp::create(b, index(0), index(stages), index(1), pack());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    stage = loop.getInductionVar();
    // All threads have what they asked for, and are done with the slot that is
    // filled next.
    emitWait(b, shape.stages - 2);
    gpu::BarrierOp::create(b);
    issue(add(stage, shape.stages - 1),
          rem(add(stage, shape.stages - 1), shape.stages));
    emitCommit(b);
    unpack(loop.getRegionIterArgs());
    compute(rem(stage, shape.stages), sums);
    scf::YieldOp::create(b, pack());
  }
  stage = nullptr;
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
  if (isLhsRounded(kind)) {
    RoundedLhs rounded = RoundedLhs::of(op);
    types[lhsNumber] = rounded.bytes;
    types.push_back(rounded.scales);
  } else if (hasSigns()) {
    PackedSigns signs = PackedSigns::of(op);
    types[lhsNumber] = signs.bits;
    types.push_back(signs.sums);
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
  if (isLhsRounded(kind))
    lhsScales = body.getArguments().back();
  if (hasSigns())
    lhsSums = body.getArguments().back();
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

FragmentWeight mlir::compress::getFragmentWeight(ContractOp op) {
  CompressedTensorType type = op.getWeightType();
  return FragmentWeight(cast<TiledAttr>(type.getCodec()),
                        type.getLogicalType());
}

MmaKind mlir::compress::getMmaKind(ContractOp op) {
  switch (op.getCompute()) {
  case ComputeMode::F16:
    return MmaKind::F16;
  case ComputeMode::Int8: {
    FragmentWeight weight = getFragmentWeight(op);
    return cast<FragmentDecoderInterface>(weight.codec.getBase())
        .getByteKind(weight)
        .value_or(MmaKind::S8);
  }
  case ComputeMode::Xnor:
    return MmaKind::B1;
  default:
    return MmaKind::BF16;
  }
}

bool mlir::compress::hasSparseFragments(ContractOp op) {
  if (!findObstacle(op).empty())
    return false;
  FragmentWeight weight = getFragmentWeight(op);
  return cast<FragmentDecoderInterface>(weight.codec.getBase())
      .getFragmentFormat(weight, getMmaKind(op))
      .isSparse;
}

gpu::GPUFuncOp mlir::compress::emitMmaKernel(OpBuilder &b, ContractOp op,
                                             StringRef name,
                                             const KernelShape &shape) {
  return MmaKernel(b, op, shape).emit(name);
}
