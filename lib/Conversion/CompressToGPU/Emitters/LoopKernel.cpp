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

/// Neighbours along one loop that a thread computes, where that spares it to
/// decode what it multiplies again.
static constexpr int64_t kNeighbours = 4;

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

/// A load from a buffer that is no operand of the op which has the body.
static memref::LoadOp getOutsideLoad(Operation &inner) {
  auto load = dyn_cast<memref::LoadOp>(inner);
  bool isOutside =
      load && load.getMemRef().getParentBlock() != inner.getBlock();
  return isOutside ? load : memref::LoadOp();
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
    memref::LoadOp load = getOutsideLoad(inner);
    if (!isa<linalg::IndexOp>(inner) && !load &&
        (!isa_and_present<arith::ArithDialect, math::MathDialect>(
             inner.getDialect()) ||
         !isKnownFunction(&inner)))
      return "its body has '" + inner.getName().getStringRef().str() + "'";
    for (Value operand : inner.getOperands())
      if (operand.getParentBlock() != op.getBlock() && !isConstant(operand) &&
          !(load && operand == load.getMemRef()))
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
  for (Operation &inner : *op.getBlock())
    if (memref::LoadOp load = getOutsideLoad(inner);
        load && !llvm::is_contained(buffers, load.getMemRef()))
      buffers.push_back(load.getMemRef());
  return buffers;
}

/// Whether all that an op loads by itself is the same wherever a loop is.
static bool isInvariant(linalg::LinalgOp op, unsigned loop) {
  llvm::SmallDenseSet<Value> variant;
  for (OpOperand &operand : op->getOpOperands())
    if (op.getMatchingIndexingMap(&operand).isFunctionOfDim(loop))
      variant.insert(op.getMatchingBlockArgument(&operand));
  for (Operation &inner : op.getBlock()->without_terminator()) {
    auto position = dyn_cast<linalg::IndexOp>(inner);
    bool isVariant =
        position ? position.getDim() == loop
                 : llvm::any_of(inner.getOperands(), [&](Value operand) {
                     return variant.contains(operand);
                   });
    if (isVariant && getOutsideLoad(inner))
      return false;
    if (isVariant)
      variant.insert(inner.result_begin(), inner.result_end());
  }
  return true;
}

/// The loop along which threads compute kNeighbours elements, if there is one.
/// Threads that are neighbours stay so: it is not the innermost one.
static std::optional<unsigned> findSharedLoop(linalg::LinalgOp op) {
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  bool loads = llvm::any_of(*op.getBlock(), [](Operation &inner) {
    return bool(getOutsideLoad(inner));
  });
  if (!loads || !op.getNumReductionLoops() || parallel.empty())
    return std::nullopt;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (unsigned loop : llvm::reverse(ArrayRef(parallel).drop_back()))
    if (ranges[loop] != 1 && isInvariant(op, loop))
      return loop;
  return std::nullopt;
}

SmallVector<Value> mlir::compress::getThreadSizes(ImplicitLocOpBuilder &b,
                                                  linalg::LinalgOp op,
                                                  ArrayRef<Value> loopSizes) {
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  std::optional<unsigned> shared = findSharedLoop(op);
  return llvm::map_to_vector(parallel, [&](unsigned loop) -> Value {
    if (loop != shared)
      return loopSizes[loop];
    return b.createOrFold<arith::CeilDivUIOp>(
        loopSizes[loop], arith::ConstantIndexOp::create(b, kNeighbours));
  });
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
                   ArrayRef<Value> threadSizes);
  void locate(Value flat, ArrayRef<Value> threadSizes);
  /// For each neighbour, where along the shared loop it is; once if there is
  /// none.
  void forNeighbours(function_ref<void(int64_t neighbour)> fill);
  SmallVector<Value> reduce(ArrayRef<Value> sizes, ArrayRef<unsigned> reduced,
                            SmallVector<Value> sums);
  SmallVector<Value> emitElement(ArrayRef<Value> sums);
  Value emitFunction(Operation *inner, IRMapping &mapping);
  SmallVector<Value> getPlace(OpOperand *operand);
  Value getBuffer(OpOperand *operand) { return arguments.lookup(operand); }

  linalg::LinalgOp op;
  llvm::DenseMap<OpOperand *, Value> arguments;
  /// Buffers that the body loads from.
  IRMapping outside;
  /// Of each loop, where it is.
  SmallVector<Value> loops;
  std::optional<unsigned> shared;
  /// Of the shared loop: where neighbours are, which computes again what is
  /// the last one if there is none.
  SmallVector<Value> neighbours;
};
} // namespace

/// Sets the parallel loops to what thread `flat` of all has.
void LoopKernel::locate(Value flat, ArrayRef<Value> threadSizes) {
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  for (auto [loop, size] :
       llvm::reverse(llvm::zip_equal(parallel, threadSizes))) {
    bool isOutermost = loop == parallel.front();
    loops[loop] =
        isOutermost ? flat : arith::RemUIOp::create(b, flat, size).getResult();
    if (!isOutermost)
      flat = arith::DivUIOp::create(b, flat, size);
  }
}

void LoopKernel::forNeighbours(function_ref<void(int64_t)> fill) {
  if (!shared)
    return fill(0);
  for (auto [i, place] : llvm::enumerate(neighbours)) {
    loops[*shared] = place;
    fill(i);
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
  IRMapping mapping = outside;
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
  if (reduced.empty()) {
    SmallVector<Value> results;
    size_t count = op.getNumDpsInits();
    forNeighbours([&](int64_t neighbour) {
      results.append(
          emitElement(ArrayRef(sums).slice(neighbour * count, count)));
    });
    return results;
  }
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
  outside.map(ArrayRef(getBuffers(op)).take_back(given.size()), given);
  SmallVector<Value> sizes = getLoopSizes(b, op, body.getArguments());
  SmallVector<Value> threadSizes = getThreadSizes(b, op, sizes);
  shared = findSharedLoop(op);
  Value count = index(1);
  for (Value size : threadSizes)
    count = b.createOrFold<arith::MulIOp>(count, size);
  Value flat =
      add(mul(gpu::BlockIdOp::create(b, gpu::Dimension::x), kLoopThreads),
          gpu::ThreadIdOp::create(b, gpu::Dimension::x));
  when(isLess(flat, count), [&] { emitResults(flat, sizes, threadSizes); });
  gpu::ReturnOp::create(b);
}

void LoopKernel::emitResults(Value flat, ArrayRef<Value> sizes,
                             ArrayRef<Value> threadSizes) {
  SmallVector<unsigned> reduced;
  op.getReductionDims(reduced);
  locate(flat, threadSizes);
  Value first, last;
  if (shared) {
    first = mul(loops[*shared], kNeighbours);
    last = arith::SubIOp::create(b, sizes[*shared], index(1));
    for (int64_t i = 0; i < kNeighbours; ++i)
      neighbours.push_back(arith::MinUIOp::create(b, add(first, i), last));
  }
  // Where nothing reads what was there before, nor is that left, it is not
  // read.
  auto inits = llvm::make_pointer_range(op.getDpsInitsMutable());
  SmallVector<Value> sums;
  forNeighbours([&](int64_t) {
    for (OpOperand *init : inits) {
      bool isRead =
          !reduced.empty() || !op.getMatchingBlockArgument(init).use_empty();
      sums.push_back(
          isRead ? memref::LoadOp::create(b, getBuffer(init), getPlace(init))
                       .getResult()
                 : Value());
    }
  });
  SmallVector<Value> results = reduce(sizes, reduced, sums);
  size_t next = 0;
  forNeighbours([&](int64_t neighbour) {
    Value isThere;
    if (neighbour)
      isThere = isLess(add(first, neighbour), sizes[*shared]);
    when(isThere, [&] {
      for (OpOperand *init : inits)
        memref::StoreOp::create(b, results[next++], getBuffer(init),
                                getPlace(init));
    });
  });
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
