//===- BuffersToGPU.cpp - compress-buffers-to-gpu -------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/CallInterfaces.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSBUFFERSTOGPU
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;

namespace {
struct BuffersToGPUPass
    : compress::impl::CompressBuffersToGPUBase<BuffersToGPUPass> {
  void runOnOperation() override;

private:
  LogicalResult convert(Operation *op);
};
} // namespace

/// Upstream lowers only such ops of memory that wait for one other, and that
/// one other waits for.
static Value emitAsync(ImplicitLocOpBuilder &b,
                       function_ref<Operation *(Type, Value)> build) {
  auto token = gpu::AsyncTokenType::get(b.getContext());
  Value before = gpu::WaitOp::create(b, token, ValueRange()).getAsyncToken();
  Operation *op = build(token, before);
  Value after = op->getResult(op->getNumResults() - 1);
  gpu::WaitOp::create(b, /*asyncToken=*/Type(), ValueRange(after));
  return op->getResult(0);
}

LogicalResult BuffersToGPUPass::convert(Operation *op) {
  ImplicitLocOpBuilder b(op->getLoc(), op);
  if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
    Value buffer = emitAsync(b, [&](Type token, Value before) -> Operation * {
      return gpu::AllocOp::create(b, alloc.getType(), token, before,
                                  alloc.getDynamicSizes(),
                                  alloc.getSymbolOperands());
    });
    alloc.replaceAllUsesWith(buffer);
    alloc.erase();
    return success();
  }
  if (auto dealloc = dyn_cast<memref::DeallocOp>(op)) {
    emitAsync(b, [&](Type token, Value before) -> Operation * {
      return gpu::DeallocOp::create(b, token, before, dealloc.getMemref());
    });
    dealloc.erase();
    return success();
  }
  auto isContiguous = [](Value buffer) {
    auto type = dyn_cast<MemRefType>(buffer.getType());
    return type && type.getLayout().isIdentity();
  };
  if (auto copy = dyn_cast<memref::CopyOp>(op)) {
    if (!isContiguous(copy.getSource()) || !isContiguous(copy.getTarget()))
      return op->emitOpError()
             << "copies a buffer on a GPU that is not contiguous";
    emitAsync(b, [&](Type token, Value before) -> Operation * {
      return gpu::MemcpyOp::create(b, token, before, copy.getTarget(),
                                   copy.getSource());
    });
    copy.erase();
    return success();
  }
  if (auto expand = dyn_cast<memref::ExpandShapeOp>(op)) {
    // Upstream has no strides for more than one size of a group.
    auto type = expand.getResultType();
    auto isUnknown = [&](const ReassociationIndices &group) {
      return llvm::count_if(group, [&](int64_t dim) {
               return type.isDynamicDim(dim);
             }) > 1;
    };
    if (llvm::none_of(expand.getReassociationIndices(), isUnknown))
      return success();
    if (!isContiguous(expand.getSrc()))
      return op->emitOpError()
             << "expands a buffer on a GPU that is not contiguous";
    SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
    SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
    for (size_t i = sizes.size() - 1; i > 0; --i) {
      std::optional<int64_t> size = getConstantIntValue(sizes[i]),
                             stride = getConstantIntValue(strides[i]);
      if (size && stride) {
        strides[i - 1] = b.getIndexAttr(*size * *stride);
        continue;
      }
      strides[i - 1] =
          arith::MulIOp::create(
              b, getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes[i]),
              getValueOrCreateConstantIndexOp(b, b.getLoc(), strides[i]))
              .getResult();
    }
    Value cast = memref::ReinterpretCastOp::create(
        b, type, expand.getSrc(), b.getIndexAttr(0), sizes, strides);
    expand.replaceAllUsesWith(cast);
    expand.erase();
    return success();
  }
  if (auto read = dyn_cast<memref::GetGlobalOp>(op)) {
    auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(
        op, read.getNameAttr());
    if (global && !global.isExternal())
      return op->emitOpError()
             << "reads a constant that is in the code, which a GPU cannot";
    return success();
  }
  bool hasBuffer =
      llvm::any_of(op->getOperandTypes(), llvm::IsaPred<BaseMemRefType>) ||
      llvm::any_of(op->getResultTypes(), llvm::IsaPred<BaseMemRefType>);
  if (!hasBuffer || isa<gpu::LaunchFuncOp, CallOpInterface>(op) ||
      op->getNumRegions() || isMemoryEffectFree(op))
    return success();
  return op->emitOpError()
         << "reads or writes a buffer on the host, but it is on a GPU";
}

void BuffersToGPUPass::runOnOperation() {
  SmallVector<Operation *> ops;
  for (auto function : getOperation().getOps<func::FuncOp>())
    function.walk([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : ops)
    if (failed(convert(op)))
      return signalPassFailure();
}
