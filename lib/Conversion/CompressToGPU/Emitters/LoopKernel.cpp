//===- LoopKernel.cpp - linalg ops without kernels of their own -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopKernel.h"
#include "KernelBody.h"
#include "MmaKernel.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace mlir::compress;

/// A buffer, and the dimension of it, whose size is that of a loop.
using SizeOf = std::pair<OpOperand *, int64_t>;

static std::optional<SizeOf> findSize(linalg::LinalgOp op, unsigned loop) {
  for (OpOperand &operand : op->getOpOperands())
    for (auto [i, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (expr == getAffineDimExpr(loop, op.getContext()))
        return SizeOf(&operand, i);
  return std::nullopt;
}

static bool isConstant(Value value) {
  Operation *producer = value.getDefiningOp();
  return producer && producer->hasTrait<OpTrait::ConstantLike>();
}

std::string mlir::compress::findObstacle(linalg::LinalgOp op) {
  for (OpOperand &operand : op->getOpOperands()) {
    Type type = operand.get().getType();
    if (isa<MemRefType>(type) || isConstant(operand.get()))
      continue;
    return isa<ShapedType>(type) ? "it is not on buffers"
                                 : "it reads a value that is no constant";
  }
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (!findSize(op, loop))
      return "no operand has the size of its loop " + std::to_string(loop);
  for (Operation &inner : op.getBlock()->without_terminator()) {
    if (!isa<linalg::IndexOp>(inner) &&
        (!isa_and_present<arith::ArithDialect, math::MathDialect>(
             inner.getDialect()) ||
         !isKnownFunction(&inner)))
      return "its body has '" + inner.getName().getStringRef().str() + "'";
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != op.getBlock() && !isConstant(operand))
        return "its body reads a value that is no constant";
  }
  for (Value result : op.getBlock()->getTerminator()->getOperands())
    if (result.getParentBlock() != op.getBlock() && !isConstant(result))
      return "its body reads a value that is no constant";
  return "";
}

SmallVector<Value> mlir::compress::getBuffers(linalg::LinalgOp op) {
  SmallVector<Value> buffers;
  for (Value operand : op->getOperands())
    if (isa<MemRefType>(operand.getType()))
      buffers.push_back(operand);
  return buffers;
}

SmallVector<Value> mlir::compress::getLoopSizes(ImplicitLocOpBuilder &b,
                                                linalg::LinalgOp op,
                                                ValueRange buffers) {
  SmallVector<Value> sizes;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop) {
    SizeOf of = *findSize(op, loop);
    int64_t number = 0;
    for (OpOperand &operand : op->getOpOperands())
      if (isa<MemRefType>(operand.get().getType())) {
        if (&operand == of.first)
          break;
        ++number;
      }
    Value dim = arith::ConstantIndexOp::create(b, of.second);
    sizes.push_back(b.createOrFold<memref::DimOp>(buffers[number], dim));
  }
  return sizes;
}

namespace {
class LoopKernel : KernelBody {
public:
  LoopKernel(OpBuilder &builder, linalg::LinalgOp op)
      : KernelBody(op.getLoc(), builder), op(op), loops(op.getNumLoops()) {}

  gpu::GPUFuncOp emit(StringRef name);

private:
  void emitBody(Block &body);
  /// What the thread with that number stores.
  void emitResults(Value flat, ArrayRef<Value> sizes,
                   ArrayRef<unsigned> reduced);
  void locate(Value flat, ArrayRef<Value> sizes);
  SmallVector<Value> reduce(ArrayRef<Value> sizes, ArrayRef<unsigned> reduced,
                            SmallVector<Value> sums);
  SmallVector<Value> emitElement(ArrayRef<Value> sums);
  Value emitFunction(Operation *inner, IRMapping &mapping);
  SmallVector<Value> getPlace(OpOperand *operand);
  Value getBuffer(OpOperand *operand) { return arguments.lookup(operand); }

  linalg::LinalgOp op;
  llvm::DenseMap<OpOperand *, Value> arguments;
  /// Of each loop, where it is.
  SmallVector<Value> loops;
};
} // namespace

/// Sets the parallel loops to what element `flat` of all has.
void LoopKernel::locate(Value flat, ArrayRef<Value> sizes) {
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  for (unsigned loop : llvm::reverse(parallel)) {
    bool isOutermost = loop == parallel.front();
    loops[loop] =
        isOutermost ? flat
                    : arith::RemUIOp::create(b, flat, sizes[loop]).getResult();
    if (!isOutermost)
      flat = arith::DivUIOp::create(b, flat, sizes[loop]);
  }
}

SmallVector<Value> LoopKernel::getPlace(OpOperand *operand) {
  SmallVector<Value> place;
  for (AffineExpr expr : op.getMatchingIndexingMap(operand).getResults())
    place.push_back(affine::expandAffineExpr(b, b.getLoc(), expr, loops, {}));
  return place;
}

/// As a vector of one element, because functions of vectors become arithmetic.
Value LoopKernel::emitFunction(Operation *inner, IRMapping &mapping) {
  auto getVector = [](Type type) { return VectorType::get(1, type); };
  SmallVector<Value> operands;
  for (Value operand : inner->getOperands()) {
    Value value = mapping.lookupOrDefault(operand);
    operands.push_back(
        vector::BroadcastOp::create(b, getVector(value.getType()), value));
  }
  Operation *result =
      b.create(b.getLoc(), inner->getName().getIdentifier(), operands,
               getVector(inner->getResult(0).getType()), inner->getAttrs());
  return vector::ExtractOp::create(b, result->getResult(0), 0);
}

/// The body for one element, or one part of the sum that it is.
SmallVector<Value> LoopKernel::emitElement(ArrayRef<Value> sums) {
  Block &body = *op.getBlock();
  IRMapping mapping;
  // Constants are made again, for the kernel is another function.
  auto mapOutside = [&](Value value) {
    if (value.getParentBlock() != &body && !mapping.contains(value))
      mapping.map(value, b.clone(*value.getDefiningOp())->getResult(0));
  };
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (op.isDpsInit(&operand)) {
      mapping.map(argument,
                  sums[operand.getOperandNumber() - op.getNumDpsInputs()]);
    } else if (!isa<MemRefType>(operand.get().getType())) {
      mapOutside(operand.get());
      mapping.map(argument, mapping.lookup(operand.get()));
    } else if (!argument.use_empty()) {
      mapping.map(argument, memref::LoadOp::create(b, getBuffer(&operand),
                                                   getPlace(&operand)));
    }
  }
  for (Operation &inner : body.without_terminator()) {
    for (Value operand : inner.getOperands())
      mapOutside(operand);
    if (auto position = dyn_cast<linalg::IndexOp>(inner))
      mapping.map(position.getResult(), loops[position.getDim()]);
    else if (isa<math::MathDialect>(inner.getDialect()))
      mapping.map(inner.getResult(0), emitFunction(&inner, mapping));
    else
      b.clone(inner, mapping);
  }
  SmallVector<Value> results;
  for (Value result : body.getTerminator()->getOperands()) {
    mapOutside(result);
    results.push_back(mapping.lookup(result));
  }
  return results;
}

/// Loops over what is reduced.
SmallVector<Value> LoopKernel::reduce(ArrayRef<Value> sizes,
                                      ArrayRef<unsigned> reduced,
                                      SmallVector<Value> sums) {
  if (reduced.empty())
    return emitElement(sums);
  auto loop =
      scf::ForOp::create(b, index(0), sizes[reduced.front()], index(1), sums);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  loops[reduced.front()] = loop.getInductionVar();
  scf::YieldOp::create(
      b, reduce(sizes, reduced.drop_front(),
                llvm::to_vector_of<Value>(loop.getRegionIterArgs())));
  return llvm::to_vector_of<Value>(loop.getResults());
}

void LoopKernel::emitBody(Block &body) {
  ValueRange given = body.getArguments();
  for (OpOperand &operand : op->getOpOperands())
    if (isa<MemRefType>(operand.get().getType())) {
      arguments[&operand] = given.front();
      given = given.drop_front();
    }
  SmallVector<Value> sizes = getLoopSizes(b, op, body.getArguments());
  SmallVector<unsigned> parallel, reduced;
  op.getParallelDims(parallel);
  op.getReductionDims(reduced);
  Value count = index(1);
  for (unsigned loop : parallel)
    count = b.createOrFold<arith::MulIOp>(count, sizes[loop]);
  Value flat =
      add(mul(gpu::BlockIdOp::create(b, gpu::Dimension::x), kLoopThreads),
          gpu::ThreadIdOp::create(b, gpu::Dimension::x));
  when(isLess(flat, count), [&] { emitResults(flat, sizes, reduced); });
  gpu::ReturnOp::create(b);
}

void LoopKernel::emitResults(Value flat, ArrayRef<Value> sizes,
                             ArrayRef<unsigned> reduced) {
  locate(flat, sizes);
  // Where nothing reads what was there before, nor is that left, it is not
  // read.
  auto inits = llvm::make_pointer_range(op.getDpsInitsMutable());
  SmallVector<Value> sums;
  for (OpOperand *init : inits) {
    bool isRead =
        !reduced.empty() || !op.getMatchingBlockArgument(init).use_empty();
    sums.push_back(
        isRead ? memref::LoadOp::create(b, getBuffer(init), getPlace(init))
                     .getResult()
               : Value());
  }
  SmallVector<Value> results = reduce(sizes, reduced, sums);
  for (auto [init, result] : llvm::zip_equal(inits, results))
    memref::StoreOp::create(b, result, getBuffer(init), getPlace(init));
}

gpu::GPUFuncOp LoopKernel::emit(StringRef name) {
  SmallVector<Type> types = llvm::map_to_vector(
      getBuffers(op), [](Value buffer) { return buffer.getType(); });
  return makeKernel(name, types, kLoopThreads, [&](gpu::GPUFuncOp kernel) {
    emitBody(kernel.getBody().front());
  });
}

gpu::GPUFuncOp mlir::compress::emitLoopKernel(OpBuilder &b, linalg::LinalgOp op,
                                              StringRef name) {
  return LoopKernel(b, op).emit(name);
}
