//===- MmaKernel.cpp - contractions by mma.sync ---------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MmaEmitter.h"
#include "PackSigns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::kWarpLanes;

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
  if (shape.lhsWarps > 1) {
    firstWarpRow =
        mul(div(columnWarp, shape.columnWarps), shape.getWarpLhsRows());
    columnWarp = rem(columnWarp, shape.columnWarps);
  }
  // Blocks run in about the order of their numbers. All are along x, the only
  // dimension in which there may be more than 65535.
  Value number = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  if (shape.splits > 1) {
    split = rem(number, shape.splits);
    number = div(number, shape.splits);
  }
  int64_t outputs = getNumOutputBlocks(weight, shape);
  if (shape.neighbours > 1) {
    // Those of some rows of lhs, one after the other, for each of the outputs.
    Value first =
        mul(div(number, outputs * shape.neighbours), shape.neighbours);
    Value all = div(add(m, shape.lhsRows - 1), shape.lhsRows);
    Value rows = arith::MinUIOp::create(b, arith::SubIOp::create(b, all, first),
                                        index(shape.neighbours));
    number = rem(number, outputs * shape.neighbours);
    outputBlock = arith::DivUIOp::create(b, number, rows);
    rowBlock = add(first, arith::RemUIOp::create(b, number, rows));
  } else {
    outputBlock = rem(number, outputs);
    rowBlock = div(number, outputs);
  }
  firstTileRow = mul(outputBlock, shape.getBlockTileRows());
  firstRow = mul(rowBlock, shape.lhsRows);
  batchNumber = gpu::BlockIdOp::create(b, gpu::Dimension::z);
  ArrayRef<int64_t> sizes =
      weight.getTiled().getShape().take_front(op.getNumBatch());
  for (size_t i = 0; i < sizes.size(); ++i) {
    int64_t inner = computeProduct(sizes.drop_front(i + 1));
    batch.push_back(rem(div(batchNumber, inner), sizes[i]));
  }
}

/// The stages of the block: about as many as those of the others that have the
/// same outputs.
void MmaKernel::locateStages() {
  int64_t all =
      llvm::divideCeilSigned(weight.records.count, shape.getStageRecords());
  int64_t most = llvm::divideCeilSigned(all, shape.splits);
  numStages = index(most);
  if (shape.splits == 1)
    return;
  firstStage = mul(split, most);
  if (all == most * shape.splits)
    return;
  firstStage = arith::MinUIOp::create(b, firstStage, index(all));
  Value end = arith::MinUIOp::create(b, add(firstStage, most), index(all));
  numStages = arith::SubIOp::create(b, end, firstStage);
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

/// What all of the body uses.
void MmaKernel::prepare() {
  unsigned rank = weight.logical.getRank();
  n = weight.logical.getDimSize(weight.getRowDim());
  k = (isLhsRounded(kind) && !op.getWindow()) || hasSigns()
          ? cast<MemRefType>(lhs.getType()).getShape().back()
          : weight.logical.getDimSize(weight.getColumnDim());
  m = memref::DimOp::create(b, init, index(op.getDimM()));
  locate();
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
}

/// Keeps ptxas from unrolling the loop whose body begins here. Where stages are
/// few, that takes all registers, and more.
static void emitNoUnroll(ImplicitLocOpBuilder &b) {
  LLVM::InlineAsmOp::create(
      b, TypeRange(), ValueRange(), ".pragma \"nounroll\";", "",
      /*has_side_effects=*/true, /*is_align_stack=*/false,
      LLVM::TailCallKind::None,
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
}

void MmaKernel::emitBody() {
  prepare();
  locateStages();
  makeBuffers();
  makeTable();
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
  sums.rows.assign(getNumRowSums(), getZeros(getSumType()));
  sums.outputs.assign(getNumOutputSums(), getZeros(getSumType()));
  // Slots of stages: the remainder, or counted where that takes more.
  bool isCounted = !llvm::isPowerOf2_64(shape.stages);
  SmallVector<Value> slots;
  if (isCounted)
    slots = {index(0), index(shape.stages - 1)};
  auto pack = [&] {
    SmallVector<Value> values(slots);
    for (Value *sum : sums.getAll())
      values.push_back(*sum);
    return values;
  };
  auto unpack = [&](ValueRange values) {
    for (auto [sum, value] :
         llvm::zip_equal(sums.getAll(), values.drop_front(slots.size())))
      *sum = value;
  };
  auto count = [&](Value slot) -> Value {
    Value next = add(slot, 1);
    return arith::SelectOp::create(b, isLess(next, index(shape.stages)), next,
                                   index(0));
  };
  auto loop = scf::ForOp::create(b, index(0), numStages, index(1), pack());
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    emitNoUnroll(b);
    Value number = loop.getInductionVar();
    Value following = add(number, shape.stages - 1);
    stage = addTo(firstStage, number);
    Value slot, next;
    if (isCounted) {
      slot = loop.getRegionIterArg(0);
      next = loop.getRegionIterArg(1);
    } else {
      slot = rem(number, shape.stages);
      next = rem(following, shape.stages);
    }
    // All threads have what they asked for, and are done with the slot that is
    // filled next.
    emitWait(b, shape.stages - 2);
    gpu::BarrierOp::create(b);
    issue(following, next);
    emitCommit(b);
    unpack(loop.getRegionIterArgs());
    compute(slot, sums);
    if (isCounted)
      slots = {count(slot), count(next)};
    scf::YieldOp::create(b, pack());
  }
  stage = nullptr;
  unpack(loop.getResults());
  reduce(sums);
}

/// A kernel with the arguments of the contraction's.
gpu::GPUFuncOp MmaKernel::emitKernel(StringRef name,
                                     function_ref<void(gpu::GPUFuncOp)> fill) {
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
  if (shape.hasParts())
    types.push_back(getPartType());
  return makeKernel(name, types, shape.getNumThreads(),
                    [&](gpu::GPUFuncOp kernel) {
                      Block &body = kernel.getBody().front();
                      IRMapping arguments;
                      for (auto [operand, argument] :
                           llvm::zip(op->getOperands(), body.getArguments()))
                        arguments.map(operand, argument);
                      lhs = body.getArgument(lhsNumber);
                      if (isLhsRounded(kind))
                        lhsScales = body.getArgument(op->getNumOperands());
                      if (hasSigns())
                        lhsSums = body.getArgument(op->getNumOperands());
                      if (shape.hasParts())
                        parts = body.getArguments().back();
                      init = arguments.lookup(op.getInit());
                      for (Value component : op.getComponents())
                        shared.push_back(arguments.lookup(component));
                      stream = shared.front();
                      shared.erase(shared.begin());
                      for (Value other : op.getOthers())
                        others.push_back(arguments.lookup(other));
                      fill(kernel);
                      gpu::ReturnOp::create(b);
                    });
}

gpu::GPUFuncOp MmaKernel::emit(StringRef name) {
  return emitKernel(name, [&](gpu::GPUFuncOp kernel) {
    // Else ptxas spills to have more blocks at once; but with sums of lhs it
    // spills because of it.
    if (shape.getNumWarps() > 1 && !needsRowSums())
      kernel->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                      b.getI32IntegerAttr(shape.residentBlocks));
    if (shape.isCluster)
      kernel.setKnownClusterSizeAttr(
          b.getDenseI32ArrayAttr({int32_t(shape.splits), 1, 1}));
    emitBody();
  });
}

gpu::GPUFuncOp MmaKernel::emitSum(StringRef name) {
  return emitKernel(name, [&](gpu::GPUFuncOp) { addParts(); });
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
  case ComputeMode::Int8:
  case ComputeMode::F8: {
    bool isFloat = op.getCompute() == ComputeMode::F8;
    FragmentWeight weight = getFragmentWeight(op);
    std::optional<MmaKind> kind =
        cast<FragmentDecoderInterface>(weight.codec.getBase())
            .getByteKind(weight);
    // Where codes are others, there is an obstacle.
    if (!kind || isFloat == getMmaSum(op.getContext(), *kind).isInteger())
      return isFloat ? MmaKind::E4M3 : MmaKind::S8;
    return *kind;
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

gpu::GPUFuncOp mlir::compress::emitSumKernel(OpBuilder &b, ContractOp op,
                                             StringRef name,
                                             const KernelShape &shape) {
  return MmaKernel(b, op, shape).emitSum(name);
}

MemRefType mlir::compress::getPartType(ContractOp op,
                                       const KernelShape &shape) {
  OpBuilder b(op);
  return MmaKernel(b, op, shape).getPartType();
}
