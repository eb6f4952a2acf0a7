//===- LoopsToOpenMP.cpp - compress-loops-to-openmp -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Not upstream's convert-scf-to-openmp: it has no way to say how iterations are
// dealt out, waits twice at the end of a loop, and wraps bodies into scopes
// that later passes do not lower where there are loops in them.
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/OpenMP/OpenMPDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSLOOPSTOOPENMP
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

/// Threads take `chunk` iterations at a time, by turns: which ones does not
/// depend on how long they take.
static void convert(scf::ParallelOp loop, int64_t chunk) {
  OpBuilder b(loop);
  Location loc = loop.getLoc();
  auto region = omp::ParallelOp::create(b, loc);
  b.createBlock(&region.getRegion());
  omp::WsloopOperands clauses;
  // Leaving the region waits for all threads anyway.
  clauses.nowait = b.getUnitAttr();
  clauses.scheduleKind = omp::ClauseScheduleKindAttr::get(
      b.getContext(), omp::ClauseScheduleKind::Static);
  clauses.scheduleChunk = arith::ConstantIndexOp::create(b, loc, chunk);
  auto shared = omp::WsloopOp::create(b, loc, clauses);
  omp::TerminatorOp::create(b, loc);
  b.createBlock(&shared.getRegion());
  omp::LoopNestOperands bounds;
  bounds.loopLowerBounds = loop.getLowerBound();
  bounds.loopUpperBounds = loop.getUpperBound();
  bounds.loopSteps = loop.getStep();
  auto nest = omp::LoopNestOp::create(b, loc, bounds);
  nest.getRegion().takeBody(loop.getRegion());
  Operation *end = nest.getRegion().front().getTerminator();
  b.setInsertionPoint(end);
  omp::YieldOp::create(b, loc);
  end->erase();
  // A buffer on the stack belongs to the thread, not to the iteration, of which
  // there are many.
  SmallVector<memref::AllocaOp> buffers(
      nest.getRegion().front().getOps<memref::AllocaOp>());
  for (memref::AllocaOp buffer : buffers)
    if (buffer->getNumOperands() == 0)
      buffer->moveBefore(shared);
  loop.erase();
}

namespace {
struct LoopsToOpenMPPass
    : compress::impl::CompressLoopsToOpenMPBase<LoopsToOpenMPPass> {
  void runOnOperation() override {
    SmallVector<scf::ParallelOp> loops;
    // Outer loops first; what is in one of them runs on one thread.
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      auto loop = dyn_cast<scf::ParallelOp>(op);
      if (!loop || !loop->hasAttr(CompressDialect::kChunkAttr))
        return isa<omp::ParallelOp>(op) ? WalkResult::skip()
                                        : WalkResult::advance();
      loops.push_back(loop);
      return WalkResult::skip();
    });
    for (scf::ParallelOp loop : loops) {
      auto chunk =
          dyn_cast<IntegerAttr>(loop->getAttr(CompressDialect::kChunkAttr));
      if (!chunk || chunk.getInt() < 1) {
        loop.emitOpError() << "expected '" << CompressDialect::kChunkAttr
                           << "' to be an integer of 1 or more, but got "
                           << loop->getAttr(CompressDialect::kChunkAttr);
        return signalPassFailure();
      }
      if (loop.getNumResults()) {
        loop.emitOpError() << "expected a loop that threads share to have no "
                              "results, but got "
                           << loop.getNumResults();
        return signalPassFailure();
      }
      convert(loop, chunk.getInt());
    }
  }
};
} // namespace
