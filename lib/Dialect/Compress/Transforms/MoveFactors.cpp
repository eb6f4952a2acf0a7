//===- MoveFactors.cpp - compress-move-factors ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Codecs/ContractionAlgebra.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSMOVEFACTORS
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
/// A decoded weight times a factor, elementwise, in f32. Indices are over the
/// dimensions of the product.
struct Product {
  IndexedTensor weight;
  /// A tensor, a scalar without indices, or no value but a constant.
  IndexedTensor factor;
  FloatAttr constant;
};
} // namespace

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// The two operands of an elementwise product of f32 with their indices;
/// nothing where `op` is none.
static std::optional<std::pair<IndexedTensor, IndexedTensor>>
matchFactors(Operation *op) {
  auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  if (!type || !type.getElementType().isF32())
    return std::nullopt;
  SmallVector<AffineExpr> identity;
  for (int64_t i = 0; i < type.getRank(); ++i)
    identity.push_back(getAffineDimExpr(i, op->getContext()));
  if (auto mul = dyn_cast<arith::MulFOp>(op))
    return {{{mul.getLhs(), identity}, {mul.getRhs(), identity}}};

  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.hasPureTensorSemantics() ||
      linalgOp.getNumDpsInits() != 1 ||
      linalgOp.getNumParallelLoops() != linalgOp.getNumLoops() ||
      !linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0))
           .isIdentity())
    return std::nullopt;
  Block *body = linalgOp.getBlock();
  auto mul =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::MulFOp>();
  if (!mul || mul->getBlock() != body)
    return std::nullopt;
  auto getOperand = [&](Value scalar) -> std::optional<IndexedTensor> {
    auto argument = dyn_cast<BlockArgument>(scalar);
    if (argument && argument.getOwner() == body) {
      OpOperand *operand = linalgOp.getMatchingOpOperand(argument);
      AffineMap map = linalgOp.getMatchingIndexingMap(operand);
      if (!linalgOp.isDpsInput(operand) || !map.isProjectedPermutation())
        return std::nullopt;
      return IndexedTensor{operand->get(), llvm::to_vector(map.getResults())};
    }
    // One that the body captures.
    if (scalar.getParentRegion()->isProperAncestor(body->getParent()))
      return IndexedTensor{scalar, {}};
    return std::nullopt;
  };
  std::optional<IndexedTensor> lhs = getOperand(mul.getLhs()),
                               rhs = getOperand(mul.getRhs());
  if (!lhs || !rhs)
    return std::nullopt;
  return {{*lhs, *rhs}};
}

/// Looks through broadcasts, so that a factor has the dimensions that it
/// depends on.
static void simplifyFactor(Product &product) {
  IndexedTensor &factor = product.factor;
  while (auto broadcast = factor.value.getDefiningOp<linalg::BroadcastOp>()) {
    SmallVector<AffineExpr> indices;
    for (auto [i, index] : llvm::enumerate(factor.indices))
      if (!llvm::is_contained(broadcast.getDimensions(), int64_t(i)))
        indices.push_back(index);
    factor = {broadcast.getInput(), indices};
  }
  if (auto splat = factor.value.getDefiningOp<tensor::SplatOp>())
    factor = {splat.getInput(), {}};
  DenseFPElementsAttr constant;
  if (matchPattern(factor.value, m_Constant(&constant)) && constant.isSplat()) {
    product.constant = constant.getSplatValue<FloatAttr>();
    factor = {};
  }
}

/// Whether `value` is a product of a decoded weight and fewer numbers.
static std::optional<Product> matchProduct(Value value) {
  Operation *op = value.getDefiningOp();
  auto operands = op ? matchFactors(op) : std::nullopt;
  if (!operands)
    return std::nullopt;
  Product product{operands->first, operands->second, {}};
  if (!product.weight.value.getDefiningOp<DecodeOp>())
    std::swap(product.weight, product.factor);
  size_t rank = cast<RankedTensorType>(value.getType()).getRank();
  if (!product.weight.value.getDefiningOp<DecodeOp>() ||
      product.weight.indices.size() != rank)
    return std::nullopt;
  simplifyFactor(product);
  if (product.factor.indices.size() == rank)
    return std::nullopt;
  return product;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// Elements of a tensor; dynamic dimensions count as one.
static int64_t countElements(Value tensor) {
  int64_t count = 1;
  for (int64_t size : cast<RankedTensorType>(tensor.getType()).getShape())
    if (!ShapedType::isDynamic(size))
      count *= size;
  return count;
}

static Value toF32(OpBuilder &b, Location loc, Value value) {
  if (value.getType().isF32())
    return value;
  return arith::ExtFOp::create(b, loc, b.getF32Type(), value);
}

/// `tensor * factor`, or `tensor * factor + addend`, elementwise in f32.
static Value scale(RewriterBase &rewriter, Location loc,
                   const IndexedTensor &tensor, const Product &product,
                   Value addend = {}) {
  int64_t rank = tensor.indices.size();
  SmallVector<AffineExpr> factorIndices = llvm::map_to_vector(
      product.factor.indices, [&](AffineExpr index) -> AffineExpr {
        return rewriter.getAffineDimExpr(llvm::find(tensor.indices, index) -
                                         tensor.indices.begin());
      });
  AffineMap identity = rewriter.getMultiDimIdentityMap(rank);
  SmallVector<Value> inputs = {tensor.value};
  SmallVector<AffineMap> maps = {identity};
  bool isTensor = product.factor.value &&
                  isa<RankedTensorType>(product.factor.value.getType());
  Value scalar = product.factor.value;
  if (product.constant)
    scalar = arith::ConstantOp::create(rewriter, loc, product.constant);
  if (isTensor) {
    inputs.push_back(scalar);
    maps.push_back(
        AffineMap::get(rank, 0, factorIndices, rewriter.getContext()));
  }
  if (addend) {
    inputs.push_back(addend);
    maps.push_back(identity);
  }
  maps.push_back(identity);
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rewriter, loc, tensor.value);
  Value empty =
      tensor::EmptyOp::create(rewriter, loc, sizes, rewriter.getF32Type());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             rewriter, loc, empty.getType(), inputs, empty, maps, iterators,
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value result = arith::MulFOp::create(
                   b, loc, toF32(b, loc, args[0]), isTensor ? args[1] : scalar);
               if (addend)
                 result = arith::AddFOp::create(b, loc, args[isTensor ? 2 : 1],
                                                result);
               linalg::YieldOp::create(b, loc, result);
             })
      .getResult(0);
}

/// Rewrites the contraction that `use` of a product belongs to; on failure
/// `reason` says why it stays.
static LogicalResult moveFactor(RewriterBase &rewriter, OpOperand &use,
                                Product product, std::string &reason) {
  FailureOr<WeightContraction> matched = matchWeightContraction(use, reason);
  if (failed(matched))
    return failure();
  // From dimensions of the product to loops of the contraction.
  for (IndexedTensor *tensor : {&product.weight, &product.factor})
    for (AffineExpr &index : tensor->indices)
      index = index.replaceDims(matched->weight.indices);

  const IndexedTensor &other = matched->other, &out = matched->out;
  auto isAlong = [&](const IndexedTensor &tensor) {
    return llvm::all_of(product.factor.indices, [&](AffineExpr index) {
      return llvm::is_contained(tensor.indices, index);
    });
  };
  int64_t weightElements = countElements(use.get());
  const IndexedTensor *side = nullptr;
  for (const IndexedTensor *tensor : {&other, &out})
    if (isAlong(*tensor) &&
        (!side || countElements(tensor->value) < countElements(side->value)))
      side = tensor;
  if (!side) {
    reason =
        "the factor lies along no dimensions that the other operand or the "
        "result of the contraction has";
    return failure();
  }
  if (int64_t elements = countElements(side->value);
      elements >= weightElements) {
    reason = "moving the factor does not pay: it would scale " +
             std::to_string(elements) + " elements, the weight has " +
             std::to_string(weightElements);
    return failure();
  }

  Location loc = matched->op.getLoc();
  rewriter.setInsertionPoint(matched->op);
  Type element = getElementTypeOrSelf(out.value);
  IndexedTensor sum{
      castElements(rewriter, loc, out.value, rewriter.getF32Type()),
      out.indices};
  Value result;
  if (side == &other) {
    IndexedTensor scaled{scale(rewriter, loc, other, product), other.indices};
    result = createContraction(rewriter, loc, scaled, product.weight, sum);
  } else {
    Value zero =
        arith::ConstantOp::create(rewriter, loc, rewriter.getF32FloatAttr(0));
    Value empty = tensor::EmptyOp::create(
        rewriter, loc, tensor::getMixedSizes(rewriter, loc, sum.value),
        rewriter.getF32Type());
    IndexedTensor zeros{
        linalg::FillOp::create(rewriter, loc, zero, empty).getResult(0),
        out.indices};
    zeros.value =
        createContraction(rewriter, loc, other, product.weight, zeros);
    result = scale(rewriter, loc, zeros, product, sum.value);
  }
  rewriter.replaceOp(matched->op, castElements(rewriter, loc, result, element));
  return success();
}

namespace {
struct MoveFactorsPass
    : compress::impl::CompressMoveFactorsBase<MoveFactorsPass> {
  void runOnOperation() override {
    SmallVector<Operation *> products;
    getOperation()->walk([&](DecodeOp decode) {
      for (Operation *user : decode->getUsers())
        if (user->getNumResults() == 1 && !llvm::is_contained(products, user))
          products.push_back(user);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : products) {
      std::optional<Product> product = matchProduct(op->getResult(0));
      if (!product)
        continue;
      for (OpOperand &use : llvm::make_early_inc_range(op->getUses()))
        rewriteUse(rewriter, use, *product);
      if (op->use_empty())
        rewriter.eraseOp(op);
    }
  }

private:
  void rewriteUse(RewriterBase &rewriter, OpOperand &use,
                  const Product &product) {
    auto options = remark::RemarkOpts::name("MoveFactors")
                       .category("compress-move-factors");
    Location loc = use.getOwner()->getLoc();
    std::string reason;
    if (succeeded(moveFactor(rewriter, use, product, reason)))
      remark::passed(loc, options) << "moved a factor off the weight";
    else
      remark::missed(loc, options) << remark::reason(reason.c_str());
  }
};
} // namespace
