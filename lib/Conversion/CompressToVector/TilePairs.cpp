//===- TilePairs.cpp - compress-tile-pairs --------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSTILEPAIRS
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

/// Tiles are multiples of this many rows, which kernels have no rest of,
/// whatever registers the target has.
static constexpr int64_t kRowUnit = 24;

namespace {
struct TilePairsPass : compress::impl::CompressTilePairsBase<TilePairsPass> {
  using Base::Base;
  void runOnOperation() override {
    if (bytes < 1) {
      emitError(getOperation()->getLoc())
          << "expected option 'bytes' to be 1 or more, but got "
          << int64_t(bytes);
      return signalPassFailure();
    }
    // Those that come last first: a chain is tiled as a whole.
    SmallVector<ContractOp> ops;
    getOperation()->walk([&](ContractOp op) { ops.push_back(op); });
    DenseSet<Operation *> tiled;
    for (ContractOp op : llvm::reverse(ops))
      if (!tiled.contains(op))
        tile(op, tiled);
  }

private:
  void tile(ContractOp op, DenseSet<Operation *> &tiled);
};
} // namespace

/// What computes lhs of a contraction, if nothing else reads it. Windows are
/// not cut.
static ContractOp getFirst(ContractOp op) {
  auto first = op.getLhs().getDefiningOp<ContractOp>();
  if (!first || !first->hasOneUse() || first.getWindow() || op.getWindow())
    return nullptr;
  return first;
}

void TilePairsPass::tile(ContractOp op, DenseSet<Operation *> &tiled) {
  ContractOp first = getFirst(op);
  if (!op.hasPureTensorSemantics() || !first)
    return;
  auto options =
      remark::RemarkOpts::name("TilePairs").category("compress-tile-pairs");
  auto between = cast<RankedTensorType>(op.getLhs().getType());
  int64_t width = between.getShape().back();
  int64_t size = between.getDimSize(op.getDimM());
  if (width == 0)
    return;
  int64_t rows =
      std::max<int64_t>(bytes / (4 * width) / kRowUnit, 1) * kRowUnit;
  if (!ShapedType::isDynamic(size) && size <= rows) {
    remark::missed(op.getLoc(), options)
        << remark::reason("what the first contraction computes is small");
    return;
  }
  // Batches one by one, then rows.
  DenseSet<Operation *> chain;
  for (ContractOp link = first; link; link = getFirst(link))
    chain.insert(link);
  tiled.insert(chain.begin(), chain.end());
  IRRewriter rewriter(&getContext());
  rewriter.setInsertionPoint(op);
  SmallVector<OpFoldResult> sizes(op.getNumBatch(), rewriter.getIndexAttr(1));
  sizes.push_back(rewriter.getIndexAttr(rows));
  sizes.resize(op.getNumBatch() + 3, rewriter.getIndexAttr(0));
  scf::SCFTilingOptions tiling;
  tiling.setTileSizes(sizes);
  scf::SCFTileAndFuseOptions fuse;
  fuse.setTilingOptions(tiling);
  fuse.setFusionControlFn(
      [&](tensor::ExtractSliceOp, OpResult producer, bool isDestination)
          -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
        Operation *source = producer.getOwner();
        bool isFused = chain.contains(source) && !isDestination;
        if (!isFused && !isa<linalg::FillOp>(source))
          return std::nullopt;
        return scf::SCFTileAndFuseOptions::ControlFnResult{};
      });
  FailureOr<scf::SCFTileAndFuseResult> result =
      scf::tileConsumerAndFuseProducersUsingSCF(
          rewriter, cast<TilingInterface>(op.getOperation()), fuse);
  if (failed(result))
    return signalPassFailure();
  remark::passed(op.getLoc(), options)
      << "tiled with the contraction before it";
  // Rows in between have one place that all tiles share.
  result->loops.front()->walk([&](tensor::ExtractSliceOp slice) {
    if (!slice.getSource().getDefiningOp<tensor::EmptyOp>())
      return;
    rewriter.setInsertionPoint(slice);
    rewriter.replaceOpWithNewOp<tensor::EmptyOp>(
        slice, slice.getMixedSizes(), slice.getType().getElementType());
  });
  for (Value value : op->getResults())
    rewriter.replaceAllUsesWith(value, result->replacements.lookup(value));
  rewriter.eraseOp(op);
  for (Operation *unused : llvm::to_vector(result->fusedProducers))
    if (unused->use_empty())
      rewriter.eraseOp(unused);
}
