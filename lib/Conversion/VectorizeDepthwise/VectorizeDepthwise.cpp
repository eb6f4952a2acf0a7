//===- VectorizeDepthwise.cpp - compress-vectorize-depthwise --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each image, and each line of outputs:
//   for kLanes neighbours in memory, channels or pixels:
//     for a few outputs that share values of the weight:
//       acc[i] = out[i]
//       for each place in the window: acc[i] += image[i] * weight
//       out[i] = acc[i]
//
//===----------------------------------------------------------------------===//

#include "../../Dialect/Compress/Codecs/ContractionAlgebra.h"
#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSVECTORIZEDEPTHWISE
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

/// Elements of a vector: those of an AVX-512 register.
static constexpr int64_t kLanes = 16;
/// Outputs that share values of the weight, and fewest ones.
static constexpr int64_t kMostOutputs = 8, kFewestOutputs = 4;
/// Distances of neighbours that one load of several vectors covers.
static constexpr int64_t kMaxStride = 4;
/// Products that a loop must have for threads to share it, and iterations that
/// one takes at a time.
static constexpr int64_t kSharedProducts = 1 << 17, kChunk = 1;

namespace {
/// A depthwise convolution on buffers of f32. Loops are those of the op.
struct Depthwise {
  linalg::LinalgOp op;
  OpOperand *image, *weight, *out;
  SmallVector<unsigned> outer, places;
  /// The loop of lanes, and the distance of their pixels; 0 if they are
  /// channels.
  unsigned lane;
  int64_t stride = 0;
  /// The loop of outputs that share values of the weight, if there is one.
  std::optional<unsigned> block;
};
} // namespace

static std::optional<Depthwise> match(linalg::LinalgOp op) {
  if (!op.hasPureBufferSemantics() || !linalg::isaConvolutionOpInterface(op) ||
      !isMultiplyAdd(op))
    return std::nullopt;
  FailureOr<linalg::ConvolutionDimensions> dims =
      linalg::inferConvolutionDims(op);
  if (failed(dims) || dims->depth.empty() || !dims->outputChannel.empty() ||
      !dims->inputChannel.empty())
    return std::nullopt;
  Depthwise result;
  result.op = op;
  result.image = op.getDpsInputOperand(0);
  result.weight = op.getDpsInputOperand(1);
  result.out = op.getDpsInitOperand(0);
  AffineMap image = op.getMatchingIndexingMap(result.image),
            weight = op.getMatchingIndexingMap(result.weight),
            out = op.getMatchingIndexingMap(result.out);
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = dyn_cast<MemRefType>(operand.get().getType());
    if (!type || !type.getElementType().isF32())
      return std::nullopt;
  }
  auto isUnit = [](OpOperand *operand) {
    return cast<MemRefType>(operand->get().getType()).isLastDimUnitStride();
  };
  if (!weight.isProjectedPermutation() || !out.isProjectedPermutation() ||
      !isUnit(result.out) || !isUnit(result.image))
    return std::nullopt;
  AffineExpr lane = out.getResults().back();
  result.lane = cast<AffineDimExpr>(lane).getPosition();
  for (AffineExpr expr : image.getResults().drop_back())
    if (expr.isFunctionOfDim(result.lane))
      return std::nullopt;
  if (llvm::is_contained(dims->depth, result.lane)) {
    if (image.getResults().back() != lane ||
        weight.getResults().back() != lane || !isUnit(result.weight))
      return std::nullopt;
  } else {
    auto found = llvm::find(dims->outputImage, result.lane);
    if (found == dims->outputImage.end() ||
        weight.isFunctionOfDim(result.lane) ||
        !image.getResults().back().isFunctionOfDim(result.lane))
      return std::nullopt;
    result.stride = dims->strides[found - dims->outputImage.begin()];
    if (result.stride > kMaxStride)
      return std::nullopt;
  }
  result.places.assign(dims->filterLoop.begin(), dims->filterLoop.end());
  for (AffineExpr expr : out.getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (loop != result.lane && llvm::is_contained(dims->outputImage, loop))
      result.block = loop;
  }
  for (AffineExpr expr : out.getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition();
        loop != result.lane && loop != result.block)
      result.outer.push_back(loop);
  if (out.getNumResults() + result.places.size() != op.getNumLoops())
    return std::nullopt;
  return result;
}

namespace {
class DepthwiseLoops {
public:
  DepthwiseLoops(OpBuilder &builder, Depthwise conv)
      : b(conv.op.getLoc(), builder), conv(std::move(conv)),
        ranges(this->conv.op.getStaticLoopRanges()),
        lanes(VectorType::get(kLanes, b.getF32Type())) {}
  void emit();

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value a, int64_t c) {
    return c ? arith::AddIOp::create(b, a, index(c)).getResult() : a;
  }
  Value getSize(unsigned loop) { return sizes[loop]; }
  void loop(Value lower, Value upper, int64_t by,
            function_ref<void(Value)> fill);
  void emitOuter(unsigned number);
  void emitLanes();
  void emitBlocks(Value left);
  void emitOutputs(int64_t count, Value left);
  void emitPlaces(unsigned number, ArrayRef<SmallVector<Value>> outputs,
                  Value left, SmallVectorImpl<Value> &sums);
  SmallVector<Value> getPlace(OpOperand *operand, ArrayRef<Value> at);
  Value loadLanes(OpOperand *operand, ArrayRef<Value> at, Value left,
                  int64_t stride);
  Value loadWeight(ArrayRef<Value> at, Value left);

  ImplicitLocOpBuilder b;
  Depthwise conv;
  SmallVector<int64_t> ranges;
  VectorType lanes;
  SmallVector<Value> sizes;
  /// Of each loop, where it is.
  SmallVector<Value> at;
};
} // namespace

void DepthwiseLoops::loop(Value lower, Value upper, int64_t by,
                          function_ref<void(Value)> fill) {
  OpBuilder::InsertionGuard guard(b);
  auto loop = scf::ForOp::create(b, lower, upper, index(by));
  b.setInsertionPointToStart(loop.getBody());
  fill(loop.getInductionVar());
}

void DepthwiseLoops::emit() {
  for (const Range &range : conv.op.createLoopRanges(b, b.getLoc()))
    sizes.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size));
  at.resize(sizes.size());
  emitOuter(0);
}

void DepthwiseLoops::emitOuter(unsigned number) {
  if (number == conv.outer.size())
    return emitLanes();
  unsigned loop = conv.outer[number];
  if (number + 1 < conv.outer.size())
    return this->loop(index(0), getSize(loop), 1, [&](Value i) {
      at[loop] = i;
      emitOuter(number + 1);
    });
  // Threads share the innermost of them.
  int64_t products = 1;
  for (auto [of, size] : llvm::enumerate(ranges))
    if (!llvm::is_contained(ArrayRef(conv.outer).drop_back(), of) &&
        !ShapedType::isDynamic(size))
      products *= size;
  OpBuilder::InsertionGuard guard(b);
  auto shared = scf::ParallelOp::create(b, index(0), getSize(loop), index(1));
  if (products >= kSharedProducts)
    shared->setAttr(CompressDialect::kChunkAttr, b.getI64IntegerAttr(kChunk));
  b.setInsertionPointToStart(shared.getBody());
  at[loop] = shared.getInductionVars().front();
  emitOuter(number + 1);
}

/// Whole vectors, and then a rest of lanes.
void DepthwiseLoops::emitLanes() {
  int64_t range = ranges[conv.lane];
  Value size = getSize(conv.lane);
  Value whole =
      ShapedType::isDynamic(range)
          ? arith::SubIOp::create(
                b, size, arith::RemUIOp::create(b, size, index(kLanes)))
                .getResult()
          : index(range / kLanes * kLanes);
  loop(index(0), whole, kLanes, [&](Value first) {
    at[conv.lane] = first;
    emitBlocks(nullptr);
  });
  if (!ShapedType::isDynamic(range) && range % kLanes == 0)
    return;
  loop(whole, size, kLanes, [&](Value first) {
    at[conv.lane] = first;
    emitBlocks(arith::SubIOp::create(b, size, first));
  });
}

/// A few outputs at a time, and then a rest of them. Of `left` lanes, if it is
/// not null.
void DepthwiseLoops::emitBlocks(Value left) {
  if (!conv.block)
    return emitOutputs(1, left);
  int64_t range = ranges[*conv.block], count = kMostOutputs;
  bool isDynamic = ShapedType::isDynamic(range);
  if (!isDynamic) {
    count = std::min(count, range);
    for (int64_t smaller = count; smaller >= kFewestOutputs; --smaller)
      if (range % smaller == 0) {
        count = smaller;
        break;
      }
  }
  Value size = getSize(*conv.block);
  Value whole =
      isDynamic ? arith::SubIOp::create(
                      b, size, arith::RemUIOp::create(b, size, index(count)))
                      .getResult()
                : index(count ? range / count * count : 0);
  loop(index(0), whole, std::max<int64_t>(count, 1), [&](Value first) {
    at[*conv.block] = first;
    emitOutputs(count, left);
  });
  if (isDynamic)
    return loop(whole, size, 1, [&](Value first) {
      at[*conv.block] = first;
      emitOutputs(1, left);
    });
  if (count && range % count) {
    at[*conv.block] = whole;
    emitOutputs(range % count, left);
  }
}

SmallVector<Value> DepthwiseLoops::getPlace(OpOperand *operand,
                                            ArrayRef<Value> at) {
  return llvm::map_to_vector(
      conv.op.getMatchingIndexingMap(operand).getResults(),
      [&](AffineExpr expr) {
        return affine::expandAffineExpr(b, b.getLoc(), expr, at, {});
      });
}

/// Lanes that are `stride` elements apart.
Value DepthwiseLoops::loadLanes(OpOperand *operand, ArrayRef<Value> at,
                                Value left, int64_t stride) {
  SmallVector<Value> place = getPlace(operand, at);
  auto type = VectorType::get(kLanes * stride, b.getF32Type());
  if (!left && stride == 1)
    return vector::LoadOp::create(b, type, operand->get(), place);
  // Nothing behind the last lane.
  Value count = left ? left : index(kLanes);
  if (stride > 1)
    count = add(arith::MulIOp::create(b, add(count, -1), index(stride)), 1);
  Value mask = vector::CreateMaskOp::create(
      b, VectorType::get(kLanes * stride, b.getI1Type()), count);
  Value zeros = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value all =
      vector::MaskedLoadOp::create(b, type, operand->get(), place, mask, zeros);
  if (stride == 1)
    return all;
  SmallVector<int64_t> taken;
  for (int64_t lane = 0; lane < kLanes; ++lane)
    taken.push_back(lane * stride);
  return vector::ShuffleOp::create(b, all, all, taken);
}

Value DepthwiseLoops::loadWeight(ArrayRef<Value> at, Value left) {
  if (!conv.stride)
    return loadLanes(conv.weight, at, left, 1);
  Value element =
      memref::LoadOp::create(b, conv.weight->get(), getPlace(conv.weight, at));
  return vector::BroadcastOp::create(b, lanes, element);
}

void DepthwiseLoops::emitOutputs(int64_t count, Value left) {
  SmallVector<SmallVector<Value>> outputs(count, at);
  SmallVector<Value> sums;
  for (int64_t i = 0; i < count; ++i) {
    if (conv.block)
      outputs[i][*conv.block] = add(at[*conv.block], i);
    // Places are not read yet.
    for (unsigned loop : conv.places)
      outputs[i][loop] = index(0);
    sums.push_back(loadLanes(conv.out, outputs[i], left, 1));
  }
  emitPlaces(0, outputs, left, sums);
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<Value> place = getPlace(conv.out, outputs[i]);
    if (!left) {
      vector::StoreOp::create(b, sums[i], conv.out->get(), place);
      continue;
    }
    Value mask = vector::CreateMaskOp::create(
        b, VectorType::get(kLanes, b.getI1Type()), left);
    vector::MaskedStoreOp::create(b, conv.out->get(), place, mask, sums[i]);
  }
}

/// Adds the products of all places in the order of the op, and with its flags.
void DepthwiseLoops::emitPlaces(unsigned number,
                                ArrayRef<SmallVector<Value>> outputs,
                                Value left, SmallVectorImpl<Value> &sums) {
  if (number < conv.places.size()) {
    unsigned place = conv.places[number];
    OpBuilder::InsertionGuard guard(b);
    auto loop = scf::ForOp::create(b, index(0), getSize(place), index(1), sums);
    b.setInsertionPointToStart(loop.getBody());
    SmallVector<SmallVector<Value>> inner(outputs);
    for (SmallVector<Value> &output : inner)
      output[place] = loop.getInductionVar();
    SmallVector<Value> carried(loop.getRegionIterArgs());
    emitPlaces(number + 1, inner, left, carried);
    scf::YieldOp::create(b, carried);
    sums.assign(loop.getResults().begin(), loop.getResults().end());
    return;
  }
  arith::FastMathFlags flags = arith::FastMathFlags::none;
  for (Operation &inner : *conv.op.getBlock())
    if (auto product = dyn_cast<arith::MulFOp>(inner))
      flags = product.getFastmath();
  Value weight = loadWeight(outputs.front(), left);
  for (auto [output, sum] : llvm::zip_equal(outputs, sums)) {
    Value pixels =
        loadLanes(conv.image, output, left, std::max<int64_t>(conv.stride, 1));
    Value product = arith::MulFOp::create(b, pixels, weight, flags);
    sum = arith::AddFOp::create(b, sum, product, flags);
  }
}

namespace {
struct VectorizeDepthwisePass
    : compress::impl::CompressVectorizeDepthwiseBase<VectorizeDepthwisePass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      std::optional<Depthwise> conv = match(op);
      if (!conv)
        continue;
      OpBuilder b(op);
      DepthwiseLoops(b, *conv).emit();
      op.erase();
    }
  }
};
} // namespace
