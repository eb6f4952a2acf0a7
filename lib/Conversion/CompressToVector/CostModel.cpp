//===- CostModel.cpp - which kernel is the fastest one --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CostModel.h"
#include "compress/Conversion/CompressToVector/TileDecoder.h"

using namespace mlir;
using namespace mlir::compress;

ContractionWork mlir::compress::getWork(const Contraction &contraction) {
  linalg::LinalgOp op = contraction.op;
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  auto getRange = [&](unsigned loop) -> double {
    return ShapedType::isDynamic(ranges[loop]) ? 1 : ranges[loop];
  };
  auto multiply = [&](ArrayRef<unsigned> loops) {
    double product = 1;
    for (unsigned loop : loops)
      product *= getRange(loop);
    return product;
  };
  const double batches = multiply(contraction.batch);
  const double outputs = llvm::alignTo(getRange(contraction.n), kLanes);
  const double reduced = getRange(contraction.k) * multiply(contraction.places);
  ContractionWork work;
  work.codes = batches * outputs * reduced;
  work.products = work.codes * multiply(contraction.m);
  work.activations = 1;
  auto lhs = cast<ShapedType>(contraction.lhs->get().getType());
  for (int64_t size : lhs.getShape())
    work.activations *= ShapedType::isDynamic(size) ? 1 : size;
  return work;
}

namespace {
/// Cycles, with vectors of 512 bits. Fitted to int4 weights on Zen 5, shapes of
/// 16 to 4096 outputs and 64 to 4096 reduced elements, 1 and 128 rows.
struct ModeCosts {
  double perProduct, perCode, perActivation;
};
} // namespace

static ModeCosts getCosts(ComputeMode mode) {
  switch (mode) {
  case ComputeMode::F32:
    return {1 / 16., 1 / 16., 0};
  case ComputeMode::BF16:
  case ComputeMode::F16: // which no CPU computes in
    return {1 / 32., 1 / 32., 0.1};
  case ComputeMode::Int8:
  case ComputeMode::F8: // which no CPU computes in
    return {1 / 64., 1.5 / 64., 1};
  case ComputeMode::Xnor:
    return {1 / 512., 1 / 512., 0.1};
  }
  llvm_unreachable("unknown mode");
}

double mlir::compress::estimateCycles(ComputeMode mode,
                                      const ContractionWork &work,
                                      ArrayRef<std::string> features) {
  auto has = [&](StringRef name) { return llvm::is_contained(features, name); };
  const double parts = has("avx512f") ? 1 : has("avx2") ? 2 : 4;
  const ModeCosts costs = getCosts(mode);
  return parts *
         (costs.perProduct * work.products + costs.perCode * work.codes +
          costs.perActivation * work.activations);
}
