//===- ConvertToGPU.cpp - convert-compress-to-gpu -------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../Dialect/Compress/Codecs/ContractionAlgebra.h"
#include "Emitters/LhsSource.h"
#include "Emitters/LoopKernel.h"
#include "Emitters/PackSigns.h"
#include "Emitters/SharedMemory.h"
#include "compress/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Remarks.h"

namespace mlir::compress {
#define GEN_PASS_DEF_CONVERTCOMPRESSTOGPU
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
struct ConvertToGPUPass
    : compress::impl::ConvertCompressToGPUBase<ConvertToGPUPass> {
  using Base::Base;
  void runOnOperation() override;

private:
  void convert(ContractOp op, int64_t number, const GpuChip &chip);
  void convert(linalg::LinalgOp op, int64_t number);
  void launchContraction(ImplicitLocOpBuilder &b, ContractOp op, StringRef name,
                         ValueRange operands, const KernelShape &shape);
  SmallVector<Value> prepareLhs(ImplicitLocOpBuilder &b, ContractOp op,
                                StringRef name);

  gpu::GPUModuleOp kernels;
};
} // namespace

/// Matrices that a contraction multiplies, one after another along z.
static Value countBatches(ImplicitLocOpBuilder &b, ContractOp op) {
  return arith::ConstantIndexOp::create(
      b, computeProduct(getFragmentWeight(op).getTiled().getShape().take_front(
             op.getNumBatch())));
}

/// A buffer of a contraction, of which `size` are the dimensions that are not
/// known.
static Value allocate(ImplicitLocOpBuilder &b, MemRefType type, Value size) {
  SmallVector<Value> sizes(type.getNumDynamicDims(), size);
  return memref::AllocOp::create(b, type, sizes);
}

static void launch(ImplicitLocOpBuilder &b, gpu::GPUFuncOp kernel,
                   gpu::KernelDim3 grid, int64_t threads, int64_t sharedBytes,
                   ValueRange operands) {
  Value one = arith::ConstantIndexOp::create(b, 1);
  gpu::KernelDim3 block = {arith::ConstantIndexOp::create(b, threads), one,
                           one};
  Value bytes = arith::ConstantOp::create(b, b.getI32IntegerAttr(sharedBytes));
  gpu::LaunchFuncOp::create(b, kernel, grid, block, bytes, operands);
}

/// Emits a kernel, the one that adds up parts of its sums if there is one, and
/// their launches.
void ConvertToGPUPass::launchContraction(ImplicitLocOpBuilder &b, ContractOp op,
                                         StringRef name, ValueRange operands,
                                         const KernelShape &shape) {
  FragmentWeight weight = getFragmentWeight(op);
  auto inModule = OpBuilder::atBlockEnd(kernels.getBody());
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  Value rows = b.createOrFold<memref::DimOp>(op.getInit(), index(op.getDimM()));
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(rows, index(shape.lhsRows));
  Value all = b.createOrFold<arith::MulIOp>(
      blocks, index(getNumOutputBlocks(weight, shape) * shape.splits));
  gpu::KernelDim3 grid = {all, index(1), countBatches(b, op)};
  SmallVector<Value> arguments(operands);
  if (shape.hasParts())
    arguments.push_back(allocate(b, getPartType(op, shape), blocks));
  launch(b, emitMmaKernel(inModule, op, name, shape), grid,
         shape.getNumThreads(), getSharedBytes(weight, shape), arguments);
  if (!shape.hasParts())
    return;
  launch(b, emitSumKernel(inModule, op, (name + "_sum").str(), shape), grid,
         shape.getNumThreads(), /*sharedBytes=*/0, arguments);
  memref::DeallocOp::create(b, arguments.back());
}

/// Launches the kernel that makes of lhs what is multiplied, if there is one,
/// to buffers of the contraction. The operands of the kernel that multiplies.
SmallVector<Value> ConvertToGPUPass::prepareLhs(ImplicitLocOpBuilder &b,
                                                ContractOp op, StringRef name) {
  SmallVector<Value> operands(op->getOperands());
  MmaKind kind = getMmaKind(op);
  if (!isLhsRounded(kind) && kind != MmaKind::B1)
    return operands;
  auto inModule = OpBuilder::atBlockEnd(kernels.getBody());
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  Value batches = countBatches(b, op);
  // What is multiplied, and numbers of its rows.
  Value elements, ofRows;
  if (isLhsRounded(kind)) {
    // Rows are the only dimension that may be dynamic.
    Value rows =
        b.createOrFold<memref::DimOp>(op.getLhs(), index(op.getNumBatch()));
    // Of windows, they are images.
    auto image = cast<MemRefType>(op.getLhs().getType());
    for (unsigned i = 1; op.getWindow() && i < countImageDims(op); ++i)
      rows = b.createOrFold<arith::MulIOp>(
          rows, index(image.getDimSize(op.getNumBatch() + i)));
    RoundedLhs rounded = RoundedLhs::of(op);
    RoundShape shape = RoundShape::of(rounded);
    Value scaleRows =
        b.createOrFold<arith::CeilDivUIOp>(rows, index(kScaleRows));
    elements = allocate(b, rounded.bytes, rows);
    ofRows = allocate(b, rounded.scales, scaleRows);
    launch(b, emitRoundLhs(inModule, op, (name + "_round").str()),
           {scaleRows, index(shape.numBlocks), batches}, shape.threads,
           shape.sharedBytes, {op.getLhs(), elements, ofRows});
  } else {
    // Rows of windows are those of the results.
    PackedSigns signs = PackedSigns::of(op);
    Value rows =
        b.createOrFold<memref::DimOp>(op.getInit(), index(op.getDimM()));
    Value blocks =
        b.createOrFold<arith::CeilDivUIOp>(rows, index(signs.blockRows));
    elements = allocate(b, signs.bits, rows);
    ofRows = allocate(b, signs.sums, rows);
    launch(b, emitPackSigns(inModule, op, (name + "_signs").str()),
           {blocks, index(1), batches}, kSignThreads, kSignSharedBytes,
           {op.getLhs(), elements, ofRows});
  }
  operands[op.getLhsMutable().getOperandNumber()] = elements;
  operands.push_back(ofRows);
  return operands;
}

void ConvertToGPUPass::convert(ContractOp op, int64_t number,
                               const GpuChip &chip) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto parent = op->getParentOfType<FunctionOpInterface>();
  std::string name = (parent.getName() + "_contract" + Twine(number)).str();
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  int64_t rows =
      cast<MemRefType>(op.getInit().getType()).getDimSize(op.getDimM());
  // What lhs becomes is in buffers of this contraction.
  auto finish = [&](ArrayRef<Value> operands) {
    if (operands.size() == op->getNumOperands())
      return;
    for (Value buffer :
         {operands[op.getLhsMutable().getOperandNumber()], operands.back()})
      memref::DeallocOp::create(b, buffer);
  };
  if (rows == 0)
    return;
  FragmentWeight weight = getFragmentWeight(op);
  int64_t outputs = weight.logical.getDimSize(weight.getRowDim());
  int64_t columns = weight.logical.getDimSize(weight.getColumnDim());
  if (outputs < weight.getTileRows() || columns < weight.getTileColumns())
    remark::missed(op.getLoc(), remark::RemarkOpts::name("ConvertToGPU")
                                    .category("convert-compress-to-gpu"))
        << remark::reason("a weight of {0} x {1} does not fill a tile of {2} x "
                          "{3}, and kernels compute with whole ones",
                          outputs, columns, weight.getTileRows(),
                          weight.getTileColumns());
  SmallVector<KernelChoice> choices =
      chooseKernels(weight, getMmaKind(op), rows, LhsForm::of(op), chip);
  auto getName = [&](const KernelChoice &choice) {
    const KernelShape &shape = choice.shape;
    std::string full = (name + "_m" + Twine(shape.lhsRows)).str();
    if (shape.splits > 1)
      full += (shape.isCluster ? "_k" : "_p") + std::to_string(shape.splits);
    if (!choice.most)
      full += "_many";
    return full;
  };
  if (!ShapedType::isDynamic(rows)) {
    SmallVector<Value> operands = prepareLhs(b, op, name);
    launchContraction(b, op, getName(choices.front()), operands,
                      choices.front().shape);
    finish(operands);
    return;
  }
  // Of no rows there is no grid.
  Value size = memref::DimOp::create(b, op.getInit(), index(op.getDimM()));
  auto when = [&](arith::CmpIPredicate predicate, int64_t than, bool hasElse) {
    Value condition = arith::CmpIOp::create(b, predicate, size, index(than));
    auto ifOp = scf::IfOp::create(b, condition, hasElse);
    b.setInsertionPointToStart(ifOp.thenBlock());
    return ifOp;
  };
  when(arith::CmpIPredicate::ugt, 0, /*hasElse=*/false);
  SmallVector<Value> operands = prepareLhs(b, op, name);
  OpBuilder::InsertPoint behind = b.saveInsertionPoint();
  for (const KernelChoice &choice : choices) {
    std::string kernel = getName(choice);
    if (!choice.most) {
      launchContraction(b, op, kernel, operands, choice.shape);
      break;
    }
    scf::IfOp ifOp =
        when(arith::CmpIPredicate::ule, choice.most, /*hasElse=*/true);
    launchContraction(b, op, kernel, operands, choice.shape);
    b.setInsertionPointToStart(ifOp.elseBlock());
  }
  b.restoreInsertionPoint(behind);
  finish(operands);
}

/// What has no kernel of its own: on the host it would touch buffers of the
/// GPU.
void ConvertToGPUPass::convert(linalg::LinalgOp op, int64_t number) {
  if (isMultiplyAdd(op) && op.getNumReductionLoops())
    remark::missed(op.getLoc(), remark::RemarkOpts::name("ConvertToGPU")
                                    .category("convert-compress-to-gpu"))
        << remark::reason("computed without Tensor Cores: it has no constant "
                          "weight that is laid out for GPUs");
  ImplicitLocOpBuilder b(op.getLoc(), op);
  auto index = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, value);
  };
  SmallVector<Value> buffers = getBuffers(op);
  SmallVector<Value> sizes = getLoopSizes(b, op, buffers);
  Value count = index(1);
  for (Value size : getThreadSizes(b, op, sizes))
    count = b.createOrFold<arith::MulIOp>(count, size);
  // Of no elements there is no grid.
  std::optional<int64_t> known = getConstantIntValue(count);
  if (known && *known == 0)
    return;
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(count, index(kLoopThreads));
  if (!known) {
    Value isAny =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ugt, count, index(0));
    auto ifOp = scf::IfOp::create(b, isAny, /*withElseRegion=*/false);
    b.setInsertionPointToStart(ifOp.thenBlock());
  }
  auto parent = op->getParentOfType<FunctionOpInterface>();
  std::string name =
      (parent.getName() + "_" + op->getName().stripDialect() + Twine(number))
          .str();
  auto inModule = OpBuilder::atBlockEnd(kernels.getBody());
  gpu::GPUFuncOp kernel = emitLoopKernel(inModule, op, name);
  gpu::KernelDim3 grid = {blocks, index(1), index(1)};
  gpu::KernelDim3 block = {index(kLoopThreads), index(1), index(1)};
  gpu::LaunchFuncOp::create(b, kernel, grid, block,
                            /*dynamicSharedMemorySize=*/Value(), buffers);
}

/// An error, if an op cannot be a kernel.
template <typename OpT> static LogicalResult checkObstacles(OpT op) {
  std::string obstacle = findObstacle(op);
  if (obstacle.empty())
    return success();
  InFlightDiagnostic diag = op->emitOpError()
                            << "no kernel for GPUs, because " << obstacle;
  if (isa<ContractOp>(op))
    if (auto weight = op->getLoc()->template findInstanceOf<NameLoc>())
      diag.attachNote() << "its weight is '" << weight.getName().getValue()
                        << "'";
  return diag;
}

void ConvertToGPUPass::runOnOperation() {
  ModuleOp module = getOperation();
  SmallVector<ContractOp> ops;
  SmallVector<linalg::LinalgOp> loops;
  module.walk([&](Operation *op) {
    if (auto contract = dyn_cast<ContractOp>(op))
      ops.push_back(contract);
    else if (auto loop = dyn_cast<linalg::LinalgOp>(op))
      loops.push_back(loop);
  });
  if (ops.empty() && loops.empty())
    return;
  auto emitError = [&] {
    return ops.empty() ? loops.front()->emitOpError()
                       : ops.front().emitOpError();
  };
  FailureOr<GpuChip> known = lookupChip(chip, emitError);
  if (failed(known))
    return signalPassFailure();
  if (multiprocessors < 0) {
    emitError() << "expected a number of multiprocessors, but got "
                << multiprocessors.getValue();
    return signalPassFailure();
  }
  if (multiprocessors)
    known->multiprocessors = multiprocessors;
  unsigned ptx = known->ptx;
  for (ContractOp op : ops) {
    bool isSparse = hasSparseFragments(op);
    MmaKind kind = getMmaKind(op);
    if (failed(
            checkMma(kind, *known, [&] { return op.emitOpError(); }, isSparse)))
      return signalPassFailure();
    ptx = std::max(ptx, getMmaPtx(kind, isSparse, *known));
    if (isMmaConverted(kind, *known))
      remark::missed(op.getLoc(), remark::RemarkOpts::name("ConvertToGPU")
                                      .category("convert-compress-to-gpu"))
          << remark::reason("{0} has no mma.sync of 8-bit floats: they are "
                            "converted to f16 first",
                            known->name);
  }
  // All of them, before anything is converted.
  bool isRefused = false;
  for (ContractOp op : ops)
    isRefused |= failed(checkObstacles(op));
  for (linalg::LinalgOp op : loops)
    isRefused |= failed(checkObstacles(op));
  if (isRefused)
    return signalPassFailure();
  auto b = OpBuilder::atBlockBegin(module.getBody());
  kernels = gpu::GPUModuleOp::create(b, module.getLoc(), "kernels");
  kernels.setTargetsAttr(b.getArrayAttr(NVVM::NVVMTargetAttr::get(
      &getContext(), /*optLevel=*/3, "nvptx64-nvidia-cuda", known->name,
      ("+ptx" + Twine(ptx)).str())));
  SymbolTable(module).insert(kernels);
  // Of no size that is known here, so it is declared only.
  b.setInsertionPointToStart(kernels.getBody());
  auto space =
      gpu::AddressSpaceAttr::get(&getContext(), gpu::AddressSpace::Workgroup);
  memref::GlobalOp::create(
      b, module.getLoc(), kSharedMemory, /*sym_visibility=*/StringAttr(),
      MemRefType::get({0}, b.getI8Type(), MemRefLayoutAttrInterface(), space),
      /*initial_value=*/Attribute(), /*constant=*/false,
      b.getI64IntegerAttr(kLaneBytes));
  for (auto [number, op] : llvm::enumerate(ops)) {
    convert(op, number, *known);
    op.erase();
  }
  for (auto [number, op] : llvm::enumerate(loops)) {
    convert(op, number);
    op.erase();
  }
  module->setAttr(gpu::GPUDialect::getContainerModuleAttrName(),
                  UnitAttr::get(&getContext()));
}
