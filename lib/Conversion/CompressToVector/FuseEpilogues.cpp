//===- FuseEpilogues.cpp - compress-fuse-epilogues ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSFUSEEPILOGUES
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
/// The user of a contraction, and how its dimensions are those of the result.
struct Epilogue {
  ContractOp contract;
  /// Rows taken apart, or a dimension of one row dropped; or null.
  Operation *reshape = nullptr;
  linalg::LinalgOp user;
  OpOperand *use = nullptr;
  /// By dimension of the user: that of the result. Several may be of its rows.
  SmallVector<unsigned> dims;
};

/// An operand of the user, and the dimensions of the result that it has.
struct Other {
  Value value;
  AffineMap map;
};

class EpilogueFuser {
public:
  EpilogueFuser(RewriterBase &rewriter, Epilogue &epilogue)
      : rewriter(rewriter), epilogue(epilogue) {}
  /// Replaces the user. On failure nothing is changed, and `reason` says why.
  LogicalResult fuse(std::string &reason);

private:
  FailureOr<Other> getOther(OpOperand *operand);
  void moveBody(ContractOp from, ContractOp to, ArrayRef<OpOperand *> operands,
                bool hasOldInit);

  RewriterBase &rewriter;
  Epilogue &epilogue;
};
} // namespace

/// Whether a value that the user may be after is the contraction's result in
/// another shape.
static LogicalResult matchReshape(Operation *op, Epilogue &epilogue) {
  auto type = cast<RankedTensorType>(epilogue.contract.getInit().getType());
  unsigned rank = type.getRank();
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    for (auto [i, group] : llvm::enumerate(expand.getReassociationIndices())) {
      if (group.size() != 1 && i != epilogue.contract.getDimM())
        return failure();
      epilogue.dims.append(group.size(), i);
    }
    return success();
  }
  auto collapse = dyn_cast<tensor::CollapseShapeOp>(op);
  if (!collapse || collapse.getResultType().getRank() != rank - 1 ||
      type.getDimSize(epilogue.contract.getDimM()) != 1)
    return failure();
  for (unsigned dim = 0; dim < rank; ++dim)
    if (dim != epilogue.contract.getDimM())
      epilogue.dims.push_back(dim);
  return success();
}

/// The elementwise user of a contraction, or nothing.
static std::optional<Epilogue> findUser(ContractOp contract) {
  Epilogue epilogue;
  epilogue.contract = contract;
  // An op may read the result and be given its memory for its own one.
  auto findUse = [](Operation *op) -> OpOperand * {
    if (op->getNumResults() != 1 || op->use_empty())
      return nullptr;
    OpOperand *first = nullptr;
    for (OpOperand &use : op->getUses()) {
      if (first && use.getOwner() != first->getOwner())
        return nullptr;
      if (!first || use.getOperandNumber() < first->getOperandNumber())
        first = &use;
    }
    return first;
  };
  OpOperand *use = findUse(contract);
  if (!use)
    return std::nullopt;
  unsigned rank = contract.getNumBatch() + 2;
  if (isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(use->getOwner())) {
    epilogue.reshape = use->getOwner();
    use = findUse(epilogue.reshape);
    if (!use || failed(matchReshape(epilogue.reshape, epilogue)))
      return std::nullopt;
  } else {
    epilogue.dims = llvm::to_vector(llvm::seq(rank));
  }
  epilogue.use = use;
  epilogue.user = dyn_cast<linalg::LinalgOp>(use->getOwner());
  if (!epilogue.user ||
      epilogue.user.getNumLoops() != epilogue.user.getNumParallelLoops() ||
      !epilogue.user.isDpsInput(use))
    return std::nullopt;
  return epilogue;
}

/// What of a user cannot be part of an epilogue, or nothing.
static std::optional<StringRef> findObstacle(const Epilogue &epilogue) {
  linalg::LinalgOp user = epilogue.user;
  if (!user.hasPureTensorSemantics() || user->getNumResults() != 1)
    return StringRef("it has not exactly one result");
  bool isMoved = llvm::any_of(user.getDpsInputOperands(), [&](OpOperand *use) {
    return use->get() == epilogue.use->get() &&
           !user.getMatchingIndexingMap(use).isIdentity();
  });
  if (isMoved ||
      !user.getMatchingIndexingMap(user.getDpsInitOperand(0)).isIdentity())
    return StringRef("it moves elements");
  Block *body = user.getBlock();
  if (!body->getArguments().back().use_empty())
    return StringRef("it accumulates");
  for (Operation &op : body->without_terminator())
    if (!op.hasTrait<OpTrait::ConstantLike>() &&
        !OpTrait::hasElementwiseMappableTraits(&op))
      return StringRef("an op of its body is not elementwise");
  if (!body->getArgument(0).getType().isIntOrFloat() ||
      !getElementTypeOrSelf(user->getResult(0).getType()).isIntOrFloat())
    return StringRef("its elements are no floats or integers");
  return std::nullopt;
}

FailureOr<Other> EpilogueFuser::getOther(OpOperand *operand) {
  AffineMap map = epilogue.user.getMatchingIndexingMap(operand);
  ContractOp contract = epilogue.contract;
  unsigned rank = contract.getNumBatch() + 2, m = contract.getDimM();
  MLIRContext *context = rewriter.getContext();
  Value value = operand->get();
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || !map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return failure();
  // Dimensions of the operand by those of the result: of rows, all or none.
  SmallVector<ReassociationIndices> groups;
  SmallVector<AffineExpr> results;
  int64_t numRows = llvm::count(epilogue.dims, m), rows = 0, next = 0;
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    auto position = dyn_cast<AffineDimExpr>(expr);
    if (!position) {
      // A broadcast dimension of one: it goes with one beside it.
      if (type.getDimSize(i) != 1)
        return failure();
      if (groups.empty())
        groups.emplace_back();
      groups.back().push_back(i);
      continue;
    }
    unsigned dim = epilogue.dims[position.getPosition()];
    bool isRow = dim == m && numRows > 1;
    if (isRow) {
      // One after the other, as they are in the result.
      unsigned first = llvm::find(epilogue.dims, m) - epilogue.dims.begin();
      if (position.getPosition() != first + rows)
        return failure();
      ++rows;
    }
    bool isFirst = results.empty() || !isRow || rows == 1;
    if (isFirst) {
      results.push_back(getAffineDimExpr(dim, context));
      if (groups.empty() || next > 0)
        groups.emplace_back();
      ++next;
    }
    groups.back().push_back(i);
  }
  if (numRows > 1 && rows && rows != numRows)
    return failure();
  Other other = {value, AffineMap::get(rank, 0, results, context)};
  // n is the last one; what is before it may be in another order.
  for (auto [i, expr] : llvm::enumerate(results))
    if (expr == getAffineDimExpr(contract.getDimN(), context) &&
        i + 1 != results.size())
      return failure();
  if (results.size() != size_t(type.getRank()))
    other.value = tensor::CollapseShapeOp::create(
        rewriter, epilogue.user.getLoc(), value,
        results.empty() ? SmallVector<ReassociationIndices>() : groups);
  return other;
}

/// Moves the bodies of the old epilogue and of the user to the new one.
void EpilogueFuser::moveBody(ContractOp from, ContractOp to,
                             ArrayRef<OpOperand *> operands, bool hasOldInit) {
  OpBuilder::InsertionGuard guard(rewriter);
  Location loc = epilogue.user.getLoc();
  SmallVector<Type> types = {rewriter.getF32Type()};
  for (Value other : to.getOthers())
    types.push_back(getElementTypeOrSelf(other.getType()));
  Block *block = rewriter.createBlock(&to.getEpilogue(), {}, types,
                                      SmallVector<Location>(types.size(), loc));
  Value sum = block->getArgument(0);
  unsigned next = 1;
  if (hasOldInit) {
    sum = arith::AddFOp::create(rewriter, loc, block->getArgument(1), sum);
    ++next;
  }
  IRMapping mapping;
  if (!from.getEpilogue().empty()) {
    Block &old = from.getEpilogue().front();
    mapping.map(old.getArgument(0), sum);
    for (BlockArgument argument : old.getArguments().drop_front())
      mapping.map(argument, block->getArgument(next++));
    for (Operation &op : old.without_terminator())
      rewriter.clone(op, mapping);
    sum =
        mapping.lookupOrDefault(cast<YieldOp>(old.getTerminator()).getValue());
  }
  Block *body = epilogue.user.getBlock();
  for (OpOperand *operand : operands) {
    Value element = operand->get(); // a scalar is what it is
    if (element == epilogue.use->get())
      element = sum;
    else if (isa<ShapedType>(element.getType()))
      element = block->getArgument(next++);
    mapping.map(body->getArgument(operand->getOperandNumber()), element);
  }
  for (Operation &op : body->without_terminator())
    rewriter.clone(op, mapping);
  Value result = mapping.lookupOrDefault(body->getTerminator()->getOperand(0));
  YieldOp::create(rewriter, loc, result);
}

LogicalResult EpilogueFuser::fuse(std::string &reason) {
  ContractOp old = epilogue.contract;
  linalg::LinalgOp user = epilogue.user;
  if (std::optional<StringRef> obstacle = findObstacle(epilogue)) {
    reason = obstacle->str();
    return failure();
  }
  Location loc = rewriter.getFusedLoc({old.getLoc(), user.getLoc()});
  rewriter.setInsertionPoint(user);
  unsigned rank = old.getNumBatch() + 2;
  AffineMap identity =
      AffineMap::getMultiDimIdentityMap(rank, rewriter.getContext());
  SmallVector<Value> others;
  SmallVector<AffineMap> maps;
  auto add = [&](const Other &other) {
    others.push_back(other.value);
    maps.push_back(other.map);
  };
  bool hasOldInit = !old.getOverwrite();
  if (hasOldInit)
    add({old.getInit(), identity});
  for (auto [i, value] : llvm::enumerate(old.getOthers()))
    add({value, old.getOtherMap(i)});
  SmallVector<OpOperand *> operands = user.getDpsInputOperands();
  for (OpOperand *operand : operands) {
    if (operand->get() == epilogue.use->get() ||
        !isa<ShapedType>(operand->get().getType()))
      continue;
    FailureOr<Other> other = getOther(operand);
    if (failed(other)) {
      reason = "an operand is broadcast along some rows, or transposed";
      return failure();
    }
    add(*other);
  }
  auto type = cast<RankedTensorType>(old.getInit().getType())
                  .clone(getElementTypeOrSelf(user->getResult(0).getType()));
  Value empty = tensor::EmptyOp::create(
      rewriter, loc, tensor::getMixedSizes(rewriter, loc, old.getInit()),
      type.getElementType());
  auto fused = ContractOp::create(
      rewriter, loc, type, old.getLhs(), old.getComponents(), empty, others,
      old.getWeightAttr(), old.getWeightMapAttr(), old.getWindowAttr(),
      old.getBorderAttr(),
      others.empty() ? ArrayAttr() : rewriter.getAffineMapArrayAttr(maps),
      rewriter.getUnitAttr(), old.getComputeAttr());
  moveBody(old, fused, operands, hasOldInit);
  Value result = fused->getResult(0);
  if (Operation *reshape = epilogue.reshape) {
    auto wanted = cast<RankedTensorType>(reshape->getResult(0).getType())
                      .clone(type.getElementType());
    IRMapping mapping;
    mapping.map(old->getResult(0), result);
    reshape = rewriter.clone(*reshape, mapping);
    reshape->getResult(0).setType(wanted);
    result = reshape->getResult(0);
  }
  if (result.getType() != user->getResult(0).getType())
    result = tensor::CastOp::create(rewriter, loc, user->getResult(0).getType(),
                                    result);
  rewriter.replaceOp(user, result);
  if (epilogue.reshape)
    rewriter.eraseOp(epilogue.reshape);
  rewriter.eraseOp(old);
  epilogue.contract = fused;
  return success();
}

/// A row that is broadcast to what a contraction accumulates to, or null.
static Value findBroadcastRow(ContractOp contract) {
  Value init = contract.getInit();
  if (auto collapse = init.getDefiningOp<tensor::CollapseShapeOp>())
    init = collapse.getSrc();
  auto op = init.getDefiningOp<linalg::LinalgOp>();
  Operation *broadcast = op;
  if (!op || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1)
    return {};
  if (auto generic = dyn_cast<linalg::GenericOp>(broadcast)) {
    if (!linalg::isaBroadcastOpInterface(generic))
      return {};
  } else if (!isa<linalg::BroadcastOp>(broadcast)) {
    return {};
  }
  OpOperand *row = op.getDpsInputOperand(0);
  AffineMap map = op.getMatchingIndexingMap(row);
  bool isRow = map.getNumResults() == 1 &&
               map.getResult(0) ==
                   getAffineDimExpr(map.getNumDims() - 1, map.getContext());
  return isRow ? row->get() : Value();
}

/// Adds a row that is broadcast in the epilogue, instead of starting with it.
static ContractOp fuseBroadcast(RewriterBase &rewriter, ContractOp old) {
  Value row = old.getOverwrite() ? Value() : findBroadcastRow(old);
  if (!row || old->getNumResults() != 1)
    return old;
  rewriter.setInsertionPoint(old);
  Location loc = old.getLoc();
  unsigned rank = old.getNumBatch() + 2;
  AffineMap map =
      AffineMap::get(rank, 0, rewriter.getAffineDimExpr(old.getDimN()));
  auto type = cast<RankedTensorType>(old.getInit().getType());
  Value empty = tensor::EmptyOp::create(
      rewriter, loc, tensor::getMixedSizes(rewriter, loc, old.getInit()),
      type.getElementType());
  auto fused = ContractOp::create(
      rewriter, loc, type, old.getLhs(), old.getComponents(), empty, row,
      old.getWeightAttr(), old.getWeightMapAttr(), old.getWindowAttr(),
      old.getBorderAttr(), rewriter.getAffineMapArrayAttr(map),
      rewriter.getUnitAttr(), old.getComputeAttr());
  OpBuilder::InsertionGuard guard(rewriter);
  Type f32 = rewriter.getF32Type(),
       element = getElementTypeOrSelf(row.getType());
  Block *block = rewriter.createBlock(&fused.getEpilogue(), {}, {f32, element},
                                      {loc, loc});
  YieldOp::create(rewriter, loc,
                  arith::AddFOp::create(rewriter, loc, block->getArgument(1),
                                        block->getArgument(0)));
  rewriter.replaceOp(old, fused->getResults());
  return fused;
}

namespace {
struct FuseEpiloguesPass
    : compress::impl::CompressFuseEpiloguesBase<FuseEpiloguesPass> {
  void runOnOperation() override {
    // The size of a result, which counts as a use of it, becomes that of what
    // it is written to.
    RewritePatternSet patterns(&getContext());
    tensor::DimOp::getCanonicalizationPatterns(patterns, &getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    IRRewriter rewriter(&getContext());
    SmallVector<ContractOp> contracts;
    getOperation()->walk([&](ContractOp op) { contracts.push_back(op); });
    auto options = remark::RemarkOpts::name("FuseEpilogues")
                       .category("compress-fuse-epilogues");
    for (ContractOp contract : contracts) {
      contract = fuseBroadcast(rewriter, contract);
      while (std::optional<Epilogue> epilogue = findUser(contract)) {
        std::string reason;
        Location loc = epilogue->user.getLoc();
        if (failed(EpilogueFuser(rewriter, *epilogue).fuse(reason))) {
          remark::missed(loc, options) << remark::reason(reason.c_str());
          break;
        }
        remark::passed(loc, options) << "fused into compress.contract";
        contract = epilogue->contract;
      }
    }
  }
};
} // namespace
