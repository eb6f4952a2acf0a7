//===- InlineDecode.cpp - compress-inline-decode --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A codec's buildDecode says what all elements of a weight are. Where its ops
// compute each element on its own, one element is the bodies of these ops, one
// in the other, at the places that their indexing maps say.
//
//===----------------------------------------------------------------------===//

#include "../Codecs/ContractionAlgebra.h"
#include "Fusion.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSINLINEDECODE
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
/// Emits elements of a decoded weight.
class ElementDecoder {
public:
  /// Elements are emitted where `builder` is.
  explicit ElementDecoder(ImplicitLocOpBuilder &builder) : b(builder) {}
  /// Erases what codecs have built, but for what is read of it.
  ~ElementDecoder();

  /// The element at a place of a decode, or of what moves one.
  FailureOr<Value> emit(Value tensor, ArrayRef<Value> place);

  /// Why there is none.
  std::string reason;

private:
  FailureOr<Value> emitDecoded(DecodeOp decode, ArrayRef<Value> place);
  FailureOr<Value> emitBody(linalg::LinalgOp op, ArrayRef<Value> place);
  FailureOr<Value> emitPadded(tensor::PadOp pad, ArrayRef<Value> place);
  FailureOr<Value> emitElementwise(Operation *op, ArrayRef<Value> place);
  FailureOr<SmallVector<Value>> locate(Operation *op, ArrayRef<Value> place);
  LogicalResult fail(Operation *op);
  FailureOr<Value> getScalar(OpFoldResult value);
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }

  ImplicitLocOpBuilder &b;
  /// What codecs have built.
  SmallVector<Operation *> built;
  llvm::SmallDenseSet<Operation *> isBuilt;
  /// By decode: what its codec has built for it.
  llvm::DenseMap<Operation *, Value> decoded;
};
} // namespace

ElementDecoder::~ElementDecoder() {
  for (Operation *op : llvm::reverse(built))
    if (op->use_empty())
      op->erase();
}

LogicalResult ElementDecoder::fail(Operation *op) {
  reason = ("its decode has '" + op->getName().getStringRef() +
            "', which makes no single elements")
               .str();
  return failure();
}

FailureOr<Value> ElementDecoder::getScalar(OpFoldResult value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return index(*constant);
  return fail(cast<Value>(value).getParentBlock()->getParentOp());
}

FailureOr<Value> ElementDecoder::emitDecoded(DecodeOp decode,
                                             ArrayRef<Value> place) {
  Value tensor = decoded.lookup(decode);
  if (!tensor) {
    OpBuilder outside(decode);
    Operation *before = decode->getPrevNode();
    CompressedTensorType type = decode.getInput().getType();
    SmallVector<Value> components =
        getComponents(outside, decode.getLoc(), decode.getInput());
    FailureOr<Value> dense = type.getCodec().buildDecode(
        outside, decode.getLoc(), components, type.getLogicalType());
    for (Operation *op = before ? before->getNextNode()
                                : &decode->getBlock()->front();
         op != decode; op = op->getNextNode())
      if (isBuilt.insert(op).second)
        built.push_back(op);
    if (failed(dense))
      return fail(decode);
    decoded[decode] = tensor = *dense;
  }
  return emit(tensor, place);
}

/// Of an op each of whose loops is parallel.
FailureOr<Value> ElementDecoder::emitBody(linalg::LinalgOp op,
                                          ArrayRef<Value> place) {
  AffineMap out = op.getNumDpsInits() == 1
                      ? op.getMatchingIndexingMap(op.getDpsInitOperand(0))
                      : AffineMap();
  if (!out || !out.isPermutation() ||
      op.getNumLoops() != op.getNumParallelLoops())
    return fail(op);
  SmallVector<Value> loops =
      applyPermutationMap(inversePermutation(out), place);
  Block *body = op.getBlock();
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (argument.use_empty())
      continue;
    if (!isa<RankedTensorType>(operand.get().getType())) {
      mapping.map(argument, operand.get());
      continue;
    }
    SmallVector<Value> at;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
      at.push_back(affine::expandAffineExpr(b, b.getLoc(), expr, loops, {}));
    FailureOr<Value> element = emit(operand.get(), at);
    if (failed(element))
      return failure();
    mapping.map(argument, *element);
  }
  for (Operation &inner : body->without_terminator()) {
    if (auto position = dyn_cast<linalg::IndexOp>(inner)) {
      mapping.map(position.getResult(), loops[position.getDim()]);
      continue;
    }
    if (auto apply = dyn_cast<affine::AffineApplyOp>(inner)) {
      SmallVector<Value> operands =
          llvm::map_to_vector(apply.getMapOperands(), [&](Value i) {
            return mapping.lookupOrDefault(i);
          });
      AffineMap map = apply.getAffineMap();
      mapping.map(apply.getResult(),
                  affine::expandAffineExpr(
                      b, b.getLoc(), map.getResult(0),
                      ArrayRef(operands).take_front(map.getNumDims()),
                      ArrayRef(operands).drop_front(map.getNumDims())));
      continue;
    }
    if (auto lookup = dyn_cast<tensor::ExtractOp>(inner)) {
      SmallVector<Value> at =
          llvm::map_to_vector(lookup.getIndices(), [&](Value i) {
            return mapping.lookupOrDefault(i);
          });
      FailureOr<Value> element = emit(lookup.getTensor(), at);
      if (failed(element))
        return failure();
      mapping.map(lookup.getResult(), *element);
      continue;
    }
    if (inner.getNumRegions() || !isMemoryEffectFree(&inner))
      return fail(&inner);
    b.clone(inner, mapping);
  }
  return mapping.lookupOrDefault(body->getTerminator()->getOperand(0));
}

/// Where there is nothing, an element that is there is read for nothing.
FailureOr<Value> ElementDecoder::emitPadded(tensor::PadOp pad,
                                            ArrayRef<Value> place) {
  Value padding = pad.getConstantPaddingValue();
  if (!padding || !pad.getSourceType().hasStaticShape())
    return fail(pad);
  SmallVector<Value> at;
  Value isInside;
  for (auto [i, low] : llvm::zip_equal(place, pad.getMixedLowPad())) {
    int64_t size = pad.getSourceType().getDimSize(at.size());
    if (pad.getResultType().getDimSize(at.size()) == size) {
      at.push_back(i);
      continue;
    }
    FailureOr<Value> first = getScalar(low);
    if (failed(first))
      return failure();
    Value position = arith::SubIOp::create(b, i, *first);
    Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position,
                                     index(size));
    at.push_back(arith::SelectOp::create(b, is, position, index(0)));
    isInside =
        isInside ? arith::AndIOp::create(b, isInside, is).getResult() : is;
  }
  FailureOr<Value> element = emit(pad.getSource(), at);
  if (failed(element) || !isInside)
    return element;
  return arith::SelectOp::create(b, isInside, *element, padding).getResult();
}

/// Of an op of tensors of one shape.
FailureOr<Value> ElementDecoder::emitElementwise(Operation *op,
                                                 ArrayRef<Value> place) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    if (!isa<RankedTensorType>(operand.getType())) {
      operands.push_back(operand);
      continue;
    }
    FailureOr<Value> element = emit(operand, place);
    if (failed(element))
      return failure();
    operands.push_back(*element);
  }
  return b
      .create(b.getLoc(), op->getName().getIdentifier(), operands,
              getElementTypeOrSelf(op->getResult(0).getType()), op->getAttrs())
      ->getResult(0);
}

/// The place in what an op takes elements of.
FailureOr<SmallVector<Value>> ElementDecoder::locate(Operation *op,
                                                     ArrayRef<Value> place) {
  SmallVector<Value> at;
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    size_t next = 0;
    for (auto [i, offset, stride] :
         llvm::enumerate(slice.getMixedOffsets(), slice.getMixedStrides())) {
      FailureOr<Value> first = getScalar(offset), step = getScalar(stride);
      if (failed(first) || failed(step))
        return failure();
      Value inside = dropped[i] ? index(0) : place[next++];
      at.push_back(arith::AddIOp::create(
          b, *first, arith::MulIOp::create(b, inside, *step)));
    }
    return at;
  }
  auto collapse = dyn_cast<tensor::CollapseShapeOp>(op);
  auto expand = dyn_cast<tensor::ExpandShapeOp>(op);
  auto groups = collapse ? collapse.getReassociationIndices()
                         : expand.getReassociationIndices();
  RankedTensorType wide =
      collapse ? collapse.getSrcType() : expand.getResultType();
  // A scalar has no groups of ones.
  if (collapse && groups.empty())
    at.assign(wide.getRank(), index(0));
  for (auto [i, group] : llvm::enumerate(groups)) {
    SmallVector<int64_t> sizes = llvm::map_to_vector(
        group, [&](int64_t dim) { return wide.getDimSize(dim); });
    // The first one need not be known.
    if (llvm::is_contained(ArrayRef(sizes).drop_front(), ShapedType::kDynamic))
      return fail(op);
    if (collapse) {
      Value left = place[i];
      SmallVector<Value> inside;
      for (int64_t size : llvm::reverse(ArrayRef(sizes).drop_front())) {
        inside.push_back(arith::RemUIOp::create(b, left, index(size)));
        left = arith::DivUIOp::create(b, left, index(size));
      }
      inside.push_back(left);
      at.append(inside.rbegin(), inside.rend());
      continue;
    }
    Value flat = place[group.front()];
    for (auto [dim, size] : llvm::drop_begin(llvm::zip_equal(group, sizes)))
      flat = arith::AddIOp::create(
          b, arith::MulIOp::create(b, flat, index(size)), place[dim]);
    at.push_back(flat);
  }
  return at;
}

FailureOr<Value> ElementDecoder::emit(Value tensor, ArrayRef<Value> place) {
  Operation *op = tensor.getDefiningOp();
  if (auto decode = dyn_cast_if_present<DecodeOp>(op))
    return emitDecoded(decode, place);
  auto linalgOp = dyn_cast_if_present<linalg::LinalgOp>(op);
  bool isData = !isBuilt.contains(op) || isa<ComponentsOp>(op);
  if (isData && !(linalgOp && isMovement(linalgOp)))
    return tensor::ExtractOp::create(b, tensor, place).getResult();
  if (linalgOp)
    return emitBody(linalgOp, place);
  if (auto pad = dyn_cast<tensor::PadOp>(op))
    return emitPadded(pad, place);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return emit(cast.getSource(), place);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto splat = dyn_cast<SplatElementsAttr>(constant.getValue());
    if (!splat)
      return fail(op);
    return arith::ConstantOp::create(
               b, cast<TypedAttr>(splat.getSplatValue<Attribute>()))
        .getResult();
  }
  if (isa<tensor::ExtractSliceOp, tensor::CollapseShapeOp,
          tensor::ExpandShapeOp>(op)) {
    FailureOr<SmallVector<Value>> at = locate(op, place);
    if (failed(at))
      return failure();
    return emit(op->getOperand(0), *at);
  }
  if (OpTrait::hasElementwiseMappableTraits(op))
    return emitElementwise(op, place);
  return fail(op);
}

/// Whether an op adds up products of each number with several elements of the
/// operand, unless these are the few outputs of one of many groups.
static bool isContraction(linalg::LinalgOp op, OpOperand &use) {
  AffineMap map = op.getMatchingIndexingMap(&use);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<unsigned> parallel;
  op.getParallelDims(parallel);
  int64_t outputs = 1;
  bool hasOutputs = false, hasGroups = false;
  for (unsigned loop : parallel) {
    if (!map.isFunctionOfDim(loop))
      continue;
    bool isOther = llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *in) {
      return in != &use && !op.getMatchingBlockArgument(in).use_empty() &&
             op.getMatchingIndexingMap(in).isFunctionOfDim(loop);
    });
    if (isOther) {
      hasGroups = true;
      continue;
    }
    hasOutputs = true;
    outputs = ShapedType::isDynamic(ranges[loop]) ? kFewOutputs
                                                  : outputs * ranges[loop];
  }
  return op.getNumReductionLoops() && hasOutputs &&
         (!hasGroups || outputs >= kFewOutputs);
}

namespace {
/// An op without one of its operands, whose elements its body decodes.
class DecodeInliner {
public:
  /// `noKernel` says why no kernel reads the weight, or is null.
  DecodeInliner(RewriterBase &rewriter, OpOperand &use, StringAttr noKernel)
      : rewriter(rewriter), use(use), noKernel(noKernel),
        op(dyn_cast<linalg::LinalgOp>(use.getOwner())) {}
  /// On failure nothing is changed, and `reason` says why.
  LogicalResult inlineDecode(std::string &reason);

private:
  LogicalResult inlineLookup(std::string &reason);
  std::optional<std::pair<Value, AffineMap>> getSizes();

  RewriterBase &rewriter;
  OpOperand &use;
  StringAttr noKernel;
  linalg::LinalgOp op;
};
} // namespace

/// Of a tensor.extract.
LogicalResult DecodeInliner::inlineLookup(std::string &reason) {
  auto lookup = cast<tensor::ExtractOp>(use.getOwner());
  auto user = dyn_cast<linalg::LinalgOp>(lookup->getParentOp());
  if (!user || !user.hasPureTensorSemantics()) {
    reason = "it is looked up outside of a linalg.generic";
    return failure();
  }
  rewriter.setInsertionPoint(lookup);
  ImplicitLocOpBuilder b(lookup.getLoc(), rewriter);
  Operation *before = lookup->getPrevNode();
  ElementDecoder decoder(b);
  FailureOr<Value> element =
      decoder.emit(use.get(), llvm::to_vector(lookup.getIndices()));
  if (failed(element)) {
    reason = decoder.reason;
    while (lookup->getPrevNode() != before)
      lookup->getPrevNode()->erase();
    return failure();
  }
  rewriter.replaceOp(lookup, *element);
  return success();
}

/// What has the sizes of loops that no other operand has: nothing, or a tensor
/// that nobody reads.
std::optional<std::pair<Value, AffineMap>> DecodeInliner::getSizes() {
  llvm::SmallBitVector known(op.getNumLoops());
  auto getDim = [](AffineExpr expr) -> std::optional<unsigned> {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    return dim ? std::optional<unsigned>(dim.getPosition()) : std::nullopt;
  };
  for (OpOperand &operand : op->getOpOperands())
    if (&operand != &use)
      for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults())
        if (std::optional<unsigned> loop = getDim(expr))
          known.set(*loop);
  AffineMap map = op.getMatchingIndexingMap(&use);
  SmallVector<OpFoldResult> all =
      tensor::getMixedSizes(rewriter, op.getLoc(), use.get());
  SmallVector<OpFoldResult> sizes;
  SmallVector<AffineExpr> loops;
  for (auto [expr, size] : llvm::zip_equal(map.getResults(), all))
    if (std::optional<unsigned> loop = getDim(expr); loop && !known[*loop]) {
      known.set(*loop);
      loops.push_back(expr);
      sizes.push_back(size);
    }
  if (loops.empty())
    return std::nullopt;
  Value empty = tensor::EmptyOp::create(rewriter, op.getLoc(), sizes,
                                        rewriter.getI8Type());
  return std::pair(
      empty, AffineMap::get(op.getNumLoops(), 0, loops, rewriter.getContext()));
}

LogicalResult DecodeInliner::inlineDecode(std::string &reason) {
  if (isa<tensor::ExtractOp>(use.getOwner()))
    return inlineLookup(reason);
  if (!op || !op.isDpsInput(&use) || !op.hasPureTensorSemantics()) {
    reason = ("its user '" + use.getOwner()->getName().getStringRef() +
              "' computes no single elements")
                 .str();
    return failure();
  }
  if (isContraction(op, use)) {
    reason = noKernel
                 ? noKernel.str()
                 : "its user is a contraction, which is for kernels of its "
                   "codec";
    return failure();
  }
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  auto generic = cast<linalg::LinalgOp>(rewriter.clone(*op));
  if (!isa<linalg::GenericOp>(generic))
    generic = cast<linalg::LinalgOp>(
        linalg::generalizeNamedOp(rewriter, generic)->getOperation());
  // As in tiles, products may be rounded together with their sums. What decode
  // rounds is not.
  auto contract = arith::FastMathFlagsAttr::get(op.getContext(),
                                                arith::FastMathFlags::contract);
  for (Operation &inner : *generic.getBlock())
    if (op.getNumReductionLoops() && isa<arith::AddFOp, arith::MulFOp>(inner))
      inner.setAttr("fastmath", contract);
  unsigned number = use.getOperandNumber();
  SmallVector<Value> inputs(generic.getDpsInputs());
  SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
  AffineMap map = maps[number];
  std::optional<std::pair<Value, AffineMap>> sizes = getSizes();
  Block *body = generic.getBlock();
  BlockArgument argument = body->getArgument(number);
  rewriter.setInsertionPointToStart(body);
  ImplicitLocOpBuilder b(op.getLoc(), rewriter);
  {
    SmallVector<Value> loops;
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      loops.push_back(linalg::IndexOp::create(b, loop));
    SmallVector<Value> place;
    for (AffineExpr expr : map.getResults())
      place.push_back(affine::expandAffineExpr(b, b.getLoc(), expr, loops, {}));
    ElementDecoder decoder(b);
    FailureOr<Value> element = decoder.emit(use.get(), place);
    if (failed(element)) {
      reason = decoder.reason;
      generic->erase();
      if (sizes)
        sizes->first.getDefiningOp()->erase();
      return failure();
    }
    argument.replaceAllUsesWith(*element);
  }
  if (sizes) {
    inputs[number] = sizes->first;
    maps[number] = sizes->second;
    argument.setType(rewriter.getI8Type());
  } else {
    inputs.erase(inputs.begin() + number);
    maps.erase(maps.begin() + number);
    body->eraseArgument(number);
  }
  rewriter.setInsertionPoint(op);
  auto inlined = linalg::GenericOp::create(
      rewriter, op.getLoc(), op->getResultTypes(), inputs, op.getDpsInits(),
      maps, op.getIteratorTypesArray());
  inlined.getRegion().takeBody(generic->getRegion(0));
  generic->erase();
  rewriter.replaceOp(op, inlined.getResults());
  return success();
}

/// The uses of a value, and those of what only moves it.
static void collectUses(Value value, SmallVectorImpl<OpOperand *> &uses) {
  for (OpOperand &use : value.getUses()) {
    auto movement = dyn_cast<linalg::LinalgOp>(use.getOwner());
    if (movement && isMovement(movement) && movement.isDpsInput(&use))
      collectUses(movement->getResult(0), uses);
    else if (!isa<tensor::DimOp>(use.getOwner()))
      uses.push_back(&use);
  }
}

namespace {
struct InlineDecodePass
    : compress::impl::CompressInlineDecodeBase<InlineDecodePass> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<DecodeOp> decodes;
    getOperation()->walk([&](DecodeOp op) { decodes.push_back(op); });
    IRRewriter rewriter(&getContext());
    auto options = remark::RemarkOpts::name("InlineDecode")
                       .category("compress-inline-decode");
    for (DecodeOp decode : decodes) {
      Location loc = decode.getLoc();
      std::string missed;
      bool erased = eraseUnused(rewriter, decode);
      while (!erased && inlineOneUse(rewriter, decode, missed)) {
        remark::passed(loc, options) << "decodes elements of a weight in its "
                                        "user";
        erased = eraseUnused(rewriter, decode);
      }
      if (erased || missed.empty())
        continue;
      remark::missed(loc, options) << remark::reason(missed.c_str());
      // For compress-check-fused, which has to say why.
      decode->setAttr(CompressDialect::kDenseReasonAttr,
                      rewriter.getStringAttr(missed));
    }
  }

private:
  /// Uses are not kept from one to the next: an op may have several.
  static bool inlineOneUse(RewriterBase &rewriter, DecodeOp decode,
                           std::string &missed) {
    missed.clear();
    SmallVector<OpOperand *> uses;
    collectUses(decode, uses);
    auto noKernel =
        decode->getAttrOfType<StringAttr>(CompressDialect::kDenseReasonAttr);
    return llvm::any_of(uses, [&](OpOperand *use) {
      DecodeInliner inliner(rewriter, *use, noKernel);
      return succeeded(inliner.inlineDecode(missed));
    });
  }
};
} // namespace
