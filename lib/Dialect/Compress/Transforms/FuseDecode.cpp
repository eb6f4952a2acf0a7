//===- FuseDecode.cpp - tiles of weights in the loops of their users ------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fusion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"

using namespace mlir;
using namespace mlir::compress;

bool mlir::compress::isTile(Type type, int64_t maxElements) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor &&
         (llvm::is_contained(tensor.getShape(), 0) ||
          (tensor.hasStaticShape() && tensor.getNumElements() <= maxElements));
}

bool mlir::compress::isOnlyMeasured(Operation *op) {
  return llvm::all_of(op->getUsers(), llvm::IsaPred<tensor::DimOp>);
}

bool mlir::compress::isMovement(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op->getNumResults() != 1 || op.getNumParallelLoops() != op.getNumLoops())
    return false;
  AffineMap in = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!in.isProjectedPermutation() || !out.isPermutation())
    return false;
  Value value = op.getBlock()->getTerminator()->getOperand(0);
  while (Operation *def = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::TruncFOp>(def))
      return false;
    value = def->getOperand(0);
  }
  return value == op.getBlock()->getArgument(0);
}

AffineMap mlir::compress::composeMovement(linalg::LinalgOp movement,
                                          AffineMap map) {
  AffineMap in =
      movement.getMatchingIndexingMap(movement.getDpsInputOperand(0));
  AffineMap out =
      movement.getMatchingIndexingMap(movement.getDpsInitOperand(0));
  return in.compose(inversePermutation(out)).compose(map);
}

bool mlir::compress::eraseUnused(RewriterBase &rewriter, Operation *op) {
  SetVector<Operation *> users(op->user_begin(), op->user_end());
  for (Operation *user : users) {
    auto dim = dyn_cast<tensor::DimOp>(user);
    auto moved = dyn_cast<linalg::LinalgOp>(op);
    if (dim && moved) // what a movement yields has the sizes of its init
      rewriter.modifyOpInPlace(dim, [&] {
        dim.getSourceMutable().assign(moved.getDpsInitOperand(0)->get());
      });
    auto movement = dyn_cast<linalg::LinalgOp>(user);
    if (movement && isMovement(movement))
      eraseUnused(rewriter, user);
  }
  if (!op->use_empty())
    return false;
  rewriter.eraseOp(op);
  return true;
}

//===----------------------------------------------------------------------===//
// Tile sizes
//===----------------------------------------------------------------------===//

/// Whether tiles of `size` may start at any multiple of it.
static bool isLegalSize(int64_t size, TileGranularity granularity,
                        int64_t dim) {
  if (size % granularity.unit != 0)
    return false;
  if (size % granularity.block == 0 || dim <= granularity.block)
    return true;
  // Inside of blocks; a rest of the dimension begins with a block.
  return granularity.block % size == 0 &&
         (dim % size == 0 || dim / size * size % granularity.block == 0);
}

/// The largest legal size of at most `limit`, or one that divides the dimension
/// and is not much smaller; else the smallest legal one.
static int64_t chooseSize(TileGranularity granularity, int64_t dim,
                          int64_t limit) {
  int64_t unit = granularity.unit;
  int64_t best = 0, dividing = 0;
  for (int64_t size = unit; size <= std::min(limit, dim); size += unit)
    if (isLegalSize(size, granularity, dim)) {
      best = size;
      if (dim % size == 0)
        dividing = size;
    }
  if (dividing * 2 >= best && dividing)
    return dividing;
  if (best)
    return best;
  for (int64_t size = unit; size < dim; size += unit)
    if (isLegalSize(size, granularity, dim))
      return size;
  return dim;
}

FailureOr<SmallVector<int64_t>>
mlir::compress::chooseTile(CompressedTensorType type, ArrayRef<unsigned> order,
                           int64_t maxElements) {
  RankedTensorType logical = type.getLogicalType();
  SmallVector<TileGranularity> granularity =
      type.getCodec().getTileGranularity(logical);
  SmallVector<int64_t> sizes(logical.getShape());
  int64_t elements = 1;
  for (int64_t &size : sizes) {
    if (ShapedType::isDynamic(size))
      size = 1; // storage is 1:1 with such a dimension
    elements *= size;
  }
  for (unsigned dim : order) {
    if (elements <= maxElements)
      break;
    if (ShapedType::isDynamic(logical.getDimSize(dim)))
      continue;
    int64_t others = elements / sizes[dim];
    sizes[dim] = chooseSize(granularity[dim], sizes[dim],
                            std::max<int64_t>(maxElements / others, 1));
    elements = others * sizes[dim];
  }
  if (elements > maxElements)
    return failure();
  return sizes;
}

//===----------------------------------------------------------------------===//
// Fusion
//===----------------------------------------------------------------------===//

namespace {
/// The op that computes with a decoded weight, perhaps behind movements.
struct Consumer {
  linalg::LinalgOp op;
  OpOperand *operand = nullptr;
  /// Loops of the op -> dimensions of the decoded weight.
  AffineMap map;
};
} // namespace

static FailureOr<Consumer> findConsumer(OpOperand &use, std::string &reason) {
  auto op = dyn_cast<linalg::LinalgOp>(use.getOwner());
  if (!op || !op.isDpsInput(&use) || !op.hasPureTensorSemantics() ||
      !isa<TilingInterface>(op.getOperation())) {
    reason = ("its user '" + use.getOwner()->getName().getStringRef() +
              "' cannot be cut into tiles")
                 .str();
    return failure();
  }
  AffineMap map = op.getMatchingIndexingMap(&use);
  if (!map.isProjectedPermutation()) {
    reason = "its user reads it at computed places";
    return failure();
  }
  if (!isMovement(op))
    return Consumer{op, &use, map};
  if (!op->hasOneUse()) {
    reason = "it is moved once for several users";
    return failure();
  }
  FailureOr<Consumer> consumer = findConsumer(*op->use_begin(), reason);
  if (failed(consumer))
    return failure();
  consumer->map = composeMovement(op, consumer->map);
  return consumer;
}

/// Lets a slice of a decode, or of movements of one, be made from that slice of
/// the compressed weight.
static LogicalResult pullThrough(RewriterBase &rewriter,
                                 tensor::ExtractSliceOp slice) {
  auto producer = dyn_cast<OpResult>(slice.getSource());
  if (!producer)
    return success();
  auto movement = dyn_cast<linalg::LinalgOp>(producer.getOwner());
  if (!isa<DecodeOp>(producer.getOwner()) &&
      !(movement && isMovement(movement)))
    return success();
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(slice);
  FailureOr<TilingResult> tile =
      tensor::replaceExtractSliceWithTiledProducer(rewriter, slice, producer);
  if (failed(tile))
    return failure();
  rewriter.replaceOp(slice, tile->tiledValues);
  for (Operation *op : tile->tiledOps)
    if (auto moved = dyn_cast<linalg::LinalgOp>(op))
      if (auto next = moved.getDpsInputOperand(0)
                          ->get()
                          .getDefiningOp<tensor::ExtractSliceOp>())
        if (failed(pullThrough(rewriter, next)))
          return failure();
  return success();
}

/// Does so for the weight operand of a tiled consumer.
static LogicalResult pullWeight(RewriterBase &rewriter, Operation *tiled,
                                unsigned operand) {
  auto slice =
      tiled->getOperand(operand).getDefiningOp<tensor::ExtractSliceOp>();
  return slice ? pullThrough(rewriter, slice) : success();
}

/// Sums of a fused op may be taken in any order: its reductions can be
/// vectorized.
static void allowReassociation(RewriterBase &rewriter, linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0)
    return;
  if (!isa<linalg::GenericOp>(op)) {
    FailureOr<linalg::GenericOp> generic =
        linalg::generalizeNamedOp(rewriter, op);
    if (failed(generic))
      return;
    op = cast<linalg::LinalgOp>(generic->getOperation());
  }
  auto flags = arith::FastMathFlagsAttr::get(
      op.getContext(),
      arith::FastMathFlags::reassoc | arith::FastMathFlags::contract);
  for (Operation &inner : op.getBlock()->getOperations())
    if (isa<arith::AddFOp, arith::MulFOp>(inner))
      inner.setAttr("fastmath", flags);
}

/// Sizes that a weight has become those of the other operands: loops along a
/// weight must have static ranges.
static void inferSizes(RewriterBase &rewriter, linalg::LinalgOp op,
                       OpOperand *weight) {
  SmallVector<int64_t> ranges(op.getNumLoops(), ShapedType::kDynamic);
  auto refine = [&](OpOperand &operand, bool read) {
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    if (!type)
      return type;
    SmallVector<int64_t> shape(type.getShape());
    AffineMap map = op.getMatchingIndexingMap(&operand);
    for (auto [size, index] : llvm::zip_equal(shape, map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(index);
      if (loop && read)
        ranges[loop.getPosition()] = size;
      else if (loop && ShapedType::isDynamic(size))
        size = ranges[loop.getPosition()];
    }
    return type.clone(shape);
  };
  refine(*weight, /*read=*/true);
  for (OpOperand &operand : op->getOpOperands()) {
    RankedTensorType type = refine(operand, /*read=*/false);
    Type old = operand.get().getType();
    if (!type || type == old)
      continue;
    rewriter.setInsertionPoint(op);
    Value cast =
        tensor::CastOp::create(rewriter, op.getLoc(), type, operand.get());
    rewriter.modifyOpInPlace(op, [&] { operand.set(cast); });
    if (!op.isDpsInit(&operand))
      continue;
    OpResult result = op.getTiedOpResult(&operand);
    rewriter.setInsertionPointAfter(op);
    auto back = tensor::CastOp::create(rewriter, op.getLoc(), old, result);
    rewriter.modifyOpInPlace(op, [&] { result.setType(type); });
    rewriter.replaceAllUsesExcept(result, back, back);
  }
}

/// Cuts `op` into loops around tiles of its weight.
static LogicalResult tileConsumer(RewriterBase &rewriter, linalg::LinalgOp op,
                                  unsigned operand, AffineMap map,
                                  ArrayRef<int64_t> sizes) {
  SmallVector<int64_t> shape = op.getStaticLoopRanges();
  // A rest that tiles do not fill becomes an op of its own.
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    unsigned loop = map.getDimPosition(dim);
    if (ShapedType::isDynamic(shape[loop]) || shape[loop] % size == 0)
      continue;
    rewriter.setInsertionPoint(op);
    auto [first, second] =
        linalg::splitOp(rewriter, cast<TilingInterface>(op.getOperation()),
                        loop, rewriter.getIndexAttr(shape[loop] / size * size));
    if (!first || !second)
      return failure();
    SmallVector<int64_t> rest(sizes);
    rest[dim] = shape[loop] % size;
    for (auto [part, partSizes] : {std::pair(first, ArrayRef<int64_t>(sizes)),
                                   std::pair(second, ArrayRef<int64_t>(rest))})
      if (failed(pullWeight(rewriter, part, operand)) ||
          failed(tileConsumer(rewriter, cast<linalg::LinalgOp>(*part), operand,
                              map, partSizes)))
        return failure();
    return success();
  }
  SmallVector<OpFoldResult> tileSizes(op.getNumLoops(),
                                      rewriter.getIndexAttr(0));
  bool isWhole = true;
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    unsigned loop = map.getDimPosition(dim);
    if (shape[loop] == size)
      continue;
    isWhole = false;
    tileSizes[loop] = rewriter.getIndexAttr(size);
  }
  if (!isWhole) {
    rewriter.setInsertionPoint(op);
    scf::SCFTilingOptions options;
    options.setTileSizes(tileSizes);
    FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
        rewriter, cast<TilingInterface>(op.getOperation()), options);
    if (failed(tiled))
      return failure();
    rewriter.replaceOp(op, tiled->replacements);
    op = cast<linalg::LinalgOp>(tiled->tiledOps.front());
    if (failed(pullWeight(rewriter, op, operand)))
      return failure();
  }
  rewriter.setInsertionPoint(op);
  allowReassociation(rewriter, op);
  return success();
}

LogicalResult mlir::compress::fuseDecode(RewriterBase &rewriter, OpOperand &use,
                                         int64_t maxElements,
                                         std::string &reason) {
  auto decode = use.get().getDefiningOp<DecodeOp>();
  FailureOr<Consumer> consumer = findConsumer(use, reason);
  if (failed(consumer))
    return failure();
  CompressedTensorType type = decode.getInput().getType();
  // Outputs first: cutting them costs nothing, cutting a reduction means to
  // read the output once more for every tile.
  auto iterators = consumer->op.getIteratorTypesArray();
  SmallVector<unsigned> order;
  for (bool reduced : {false, true})
    for (unsigned dim = 0; dim < consumer->map.getNumResults(); ++dim)
      if ((iterators[consumer->map.getDimPosition(dim)] ==
           utils::IteratorType::reduction) == reduced)
        order.push_back(dim);
  FailureOr<SmallVector<int64_t>> sizes = chooseTile(type, order, maxElements);
  if (failed(sizes)) {
    reason = "the smallest tile that its codec allows has more than " +
             std::to_string(maxElements) + " elements";
    return failure();
  }
  SmallVector<int64_t> ranges = consumer->op.getStaticLoopRanges();
  if (llvm::all_of(llvm::enumerate(*sizes), [&](auto size) {
        return ranges[consumer->map.getDimPosition(size.index())] ==
               size.value();
      })) {
    reason = "its user has one iteration where it has a dynamic size";
    return failure();
  }
  inferSizes(rewriter, consumer->op, consumer->operand);
  if (failed(tileConsumer(rewriter, consumer->op,
                          consumer->operand->getOperandNumber(), consumer->map,
                          *sizes))) {
    reason = "its user cannot be cut into tiles";
    return failure();
  }
  return success();
}
