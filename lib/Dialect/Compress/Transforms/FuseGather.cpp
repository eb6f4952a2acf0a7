//===- FuseGather.cpp - rows of a compressed table, looked up -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// linalg.generic with tensor.extract %table[%i, %j] in its body: a loop over
// what chooses the row, in which just that row is decoded.
//
//===----------------------------------------------------------------------===//

#include "Fusion.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
/// How one index of the extract comes about.
struct IndexUse {
  /// The loop that runs along the whole dimension, or nothing for an index that
  /// is computed.
  std::optional<unsigned> loop;
};
} // namespace

/// The ops of the body that compute a value, in order.
static SetVector<Operation *> getComputation(Value value, Block *body) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  options.filter = [&](Operation *op) { return op->getBlock() == body; };
  if (value.getDefiningOp() && value.getDefiningOp()->getBlock() == body)
    (void)getBackwardSlice(value, &slice, options);
  return slice;
}

/// Loops that an index depends on.
static llvm::SmallDenseSet<unsigned> getLoops(linalg::GenericOp op,
                                              Value index) {
  llvm::SmallDenseSet<unsigned> loops;
  auto addInput = [&](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != op.getBody())
      return;
    AffineMap map = op.getIndexingMapsArray()[argument.getArgNumber()];
    for (unsigned loop = 0; loop < map.getNumDims(); ++loop)
      if (map.isFunctionOfDim(loop))
        loops.insert(loop);
  };
  addInput(index);
  for (Operation *inner : getComputation(index, op.getBody())) {
    if (auto loop = dyn_cast<linalg::IndexOp>(inner))
      loops.insert(loop.getDim());
    for (Value operand : inner->getOperands())
      addInput(operand);
  }
  return loops;
}

/// An index of the extract, computed in front of an op all of whose loops that
/// it depends on have one iteration.
static Value computeOutside(RewriterBase &rewriter, linalg::GenericOp op,
                            Value index) {
  IRMapping mapping;
  Location loc = op.getLoc();
  Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
  auto mapInput = [&](Value value) {
    auto argument = dyn_cast<BlockArgument>(value);
    if (!argument || argument.getOwner() != op.getBody() ||
        mapping.contains(value))
      return;
    Value operand = op->getOperand(argument.getArgNumber());
    SmallVector<Value> at(cast<RankedTensorType>(operand.getType()).getRank(),
                          zero);
    mapping.map(
        value,
        tensor::ExtractOp::create(rewriter, loc, operand, at).getResult());
  };
  mapInput(index);
  for (Operation *inner : getComputation(index, op.getBody())) {
    if (isa<linalg::IndexOp>(inner)) {
      mapping.map(inner->getResult(0), zero);
      continue;
    }
    for (Value operand : inner->getOperands())
      mapInput(operand);
    rewriter.clone(*inner, mapping);
  }
  return mapping.lookupOrDefault(index);
}

/// The extracts of `table` in the body, in order.
static SmallVector<tensor::ExtractOp> getExtracts(linalg::GenericOp op,
                                                  Value table) {
  SmallVector<tensor::ExtractOp> extracts;
  for (auto extract : op.getBody()->getOps<tensor::ExtractOp>())
    if (extract.getTensor() == table)
      extracts.push_back(extract);
  return extracts;
}

LogicalResult mlir::compress::fuseGather(RewriterBase &rewriter, OpOperand &use,
                                         int64_t maxElements,
                                         std::string &reason) {
  auto fail = [&](const Twine &why) {
    reason = why.str();
    return failure();
  };
  auto extract = cast<tensor::ExtractOp>(use.getOwner());
  auto op = dyn_cast<linalg::GenericOp>(extract->getParentOp());
  if (!op || !op.hasPureTensorSemantics())
    return fail("it is looked up outside of a linalg.generic");
  if (op.getNumParallelLoops() != op.getNumLoops())
    return fail("the op that looks it up reduces");
  auto decode = use.get().getDefiningOp<DecodeOp>();
  CompressedTensorType type = decode.getInput().getType();
  RankedTensorType logical = type.getLogicalType();
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();

  SmallVector<IndexUse> indices;
  llvm::SmallDenseSet<unsigned> chosen;
  for (auto [dim, index] : llvm::enumerate(extract.getIndices())) {
    auto loop = index.getDefiningOp<linalg::IndexOp>();
    if (loop && !ShapedType::isDynamic(logical.getDimSize(dim)) &&
        ranges[loop.getDim()] == logical.getDimSize(dim)) {
      indices.push_back({unsigned(loop.getDim())});
      continue;
    }
    indices.push_back({});
    auto loops = getLoops(op, index);
    chosen.insert(loops.begin(), loops.end());
  }
  llvm::SmallDenseSet<unsigned> taken(chosen.begin(), chosen.end());
  for (IndexUse &index : indices)
    if (index.loop && !taken.insert(*index.loop).second)
      return fail("the op that looks it up uses one loop for two indices");

  // What is chosen by data is a single place, which the codec must allow.
  SmallVector<TileGranularity> granularity =
      type.getCodec().getTileGranularity(logical);
  SmallVector<int64_t> shape(logical.getShape());
  for (auto [dim, index] : llvm::enumerate(indices)) {
    if (index.loop)
      continue;
    if (granularity[dim].unit != 1)
      return fail("it is looked up along dimension " + Twine(dim) +
                  ", along which its codec packs elements");
    shape[dim] = 1;
  }
  // Loops along whole dimensions are cut where a row is more than a tile.
  SmallVector<unsigned> order;
  for (auto [dim, index] : llvm::enumerate(indices))
    if (index.loop)
      order.push_back(dim);
  auto rowType = CompressedTensorType::getChecked(
      [] { return InFlightDiagnostic(); }, type.getContext(),
      ArrayRef<int64_t>(shape), type.getElementType(), type.getCodec());
  FailureOr<SmallVector<int64_t>> tile =
      rowType ? chooseTile(rowType, order, maxElements)
              : FailureOr<SmallVector<int64_t>>(failure());
  if (failed(tile))
    return fail("the smallest tile that its codec allows has more than " +
                Twine(maxElements) + " elements");
  for (unsigned dim : order)
    if (shape[dim] % (*tile)[dim] != 0)
      return fail("tiles do not divide its dimension " + Twine(dim));

  SmallVector<OpFoldResult> sizes(op.getNumLoops(), rewriter.getIndexAttr(0));
  for (unsigned loop : chosen)
    sizes[loop] = rewriter.getIndexAttr(1);
  for (unsigned dim : order)
    if ((*tile)[dim] != shape[dim])
      sizes[*indices[dim].loop] = rewriter.getIndexAttr((*tile)[dim]);
  bool isTiled = llvm::any_of(
      sizes, [](OpFoldResult size) { return !isZeroInteger(size); });
  linalg::GenericOp tiledOp = op;
  SmallVector<Value> offsets(op.getNumLoops());
  if (isTiled) {
    SmallVector<tensor::ExtractOp> extracts = getExtracts(op, decode);
    size_t ordinal = llvm::find(extracts, extract) - extracts.begin();
    rewriter.setInsertionPoint(op);
    scf::SCFTilingOptions options;
    options.setTileSizes(sizes);
    FailureOr<scf::SCFTilingResult> tiled = scf::tileUsingSCF(
        rewriter, cast<TilingInterface>(op.getOperation()), options);
    if (failed(tiled))
      return fail("the op that looks it up cannot be cut into tiles");
    rewriter.replaceOp(op, tiled->replacements);
    tiledOp = cast<linalg::GenericOp>(tiled->tiledOps.front());
    unsigned next = 0;
    for (unsigned loop = 0; loop < sizes.size(); ++loop)
      if (!isZeroInteger(sizes[loop]))
        offsets[loop] = *tiled->loops[next++].getSingleInductionVar();
    extract = getExtracts(tiledOp, decode)[ordinal];
  }

  rewriter.setInsertionPoint(tiledOp);
  SmallVector<OpFoldResult> tileOffsets, tileSizes;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    tileSizes.push_back(rewriter.getIndexAttr((*tile)[dim]));
    if (!index.loop)
      tileOffsets.push_back(
          computeOutside(rewriter, tiledOp, extract.getIndices()[dim]));
    else if (Value offset = offsets[*index.loop])
      tileOffsets.push_back(offset);
    else
      tileOffsets.push_back(rewriter.getIndexAttr(0));
  }
  FailureOr<Value> row = sliceValue(rewriter, extract.getLoc(),
                                    decode.getInput(), tileOffsets, tileSizes);
  if (failed(row))
    return fail("its codec does not allow the rows that are looked up");
  Value dense = DecodeOp::create(rewriter, extract.getLoc(), *row);
  rewriter.setInsertionPoint(extract);
  SmallVector<Value> at;
  for (IndexUse &index : indices)
    at.push_back(
        index.loop
            ? linalg::IndexOp::create(rewriter, extract.getLoc(), *index.loop)
                  .getResult()
            : arith::ConstantIndexOp::create(rewriter, extract.getLoc(), 0)
                  .getResult());
  rewriter.replaceOpWithNewOp<tensor::ExtractOp>(extract, dense, at);
  return success();
}
