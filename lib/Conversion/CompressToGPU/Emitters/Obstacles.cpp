//===- Obstacles.cpp - what there is no kernel for ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LhsSource.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::compress;

/// Functions that compress-expand-vector-math makes arithmetic, or that are
/// instructions.
bool mlir::compress::isKnownFunction(Operation *op) {
  return !isa<math::MathDialect>(op->getDialect()) ||
         isa<math::AbsFOp, math::AtanOp, math::Atan2Op, math::CeilOp,
             math::CopySignOp, math::CosOp, math::ErfOp, math::ErfcOp,
             math::ExpOp, math::ExpM1Op, math::FloorOp, math::FmaOp,
             math::LogOp, math::Log1pOp, math::Log2Op, math::RoundEvenOp,
             math::RsqrtOp, math::SinOp, math::SqrtOp, math::TanhOp,
             math::TruncOp>(op);
}

/// Why an epilogue cannot be computed; empty if it can.
static std::string findObstacleOfEpilogue(Region &epilogue) {
  for (Operation &inner : epilogue.front()) {
    if (!isKnownFunction(&inner))
      return "its epilogue has '" + inner.getName().getStringRef().str() + "'";
    for (Value operand : inner.getOperands()) {
      Operation *producer = operand.getDefiningOp();
      if (operand.getParentRegion() != &epilogue &&
          !(producer && producer->hasTrait<OpTrait::ConstantLike>()))
        return "its epilogue reads a value that is no operand";
    }
  }
  return "";
}

static std::string findObstacleOfSigns(ContractOp op) {
  FragmentWeight weight = getFragmentWeight(op);
  if (cast<FragmentDecoderInterface>(weight.codec.getBase()).hasSigns(weight))
    return "";
  return "it computes in xnor, and its weight is not of signs that have one "
         "scale for each output or for all, and 129 columns or more";
}

static std::string findObstacleOfBytes(ContractOp op) {
  FragmentWeight weight = getFragmentWeight(op);
  auto decoder = cast<FragmentDecoderInterface>(weight.codec.getBase());
  MmaKind kind = getMmaKind(op);
  bool isFloat = op.getCompute() == ComputeMode::F8;
  if (decoder.getByteKind(weight) != kind)
    return "it computes in " + stringifyComputeMode(op.getCompute()).str() +
           ", and its weight is not of " +
           (isFloat ? "f8E4M3FN or f8E5M2" : "integers of up to 8 bits") +
           " in blocks of a multiple of 32 columns, of sparse ones 64, or in "
           "one block";
  if (isFloat)
    return "";
  FragmentFormat format = decoder.getFragmentFormat(weight, kind);
  if (op.getWindow() && (format.tilesPerBlock || format.hasOffset()))
    return "it computes in int8, and reads windows with a weight that is in "
           "blocks or has zeros or minima";
  // Sums of products of bytes in 32 bits.
  int64_t largest = kind == MmaKind::U8 ? 255 : 128;
  int64_t most = std::numeric_limits<int32_t>::max() / (largest * 127);
  int64_t columns = weight.logical.getDimSize(weight.getColumnDim());
  if (int64_t tiles = format.tilesPerBlock)
    columns = tiles * weight.getTileColumns();
  if (columns > most)
    return "it computes in int8, and adds up " + std::to_string(columns) +
           " products, more than " + std::to_string(most);
  return "";
}

std::string mlir::compress::findObstacle(ContractOp op) {
  if (op.getCompute() != ComputeMode::F16 &&
      op.getCompute() != ComputeMode::BF16 &&
      op.getCompute() != ComputeMode::Int8 &&
      op.getCompute() != ComputeMode::F8 &&
      op.getCompute() != ComputeMode::Xnor)
    return "it computes in " + stringifyComputeMode(op.getCompute()).str();
  // The limit of a grid.
  int64_t batches = computeProduct(cast<ShapedType>(op.getInit().getType())
                                       .getShape()
                                       .take_front(op.getNumBatch()));
  if (batches > std::numeric_limits<uint16_t>::max())
    return "it has " + std::to_string(batches) + " batches, more than 65535";
  AffineMap map = op.getWeightMap();
  auto getPosition = [&](unsigned dim) -> unsigned {
    return *map.getResultPosition(getAffineDimExpr(dim, op.getContext()));
  };
  for (unsigned dim = 1; dim < op.getNumBatch(); ++dim)
    if (getPosition(dim - 1) > getPosition(dim))
      return "its weight has batches in another order";
  if (!isFragmentWeight(op.getWeightType(), getPosition(op.getDimN()),
                        getPosition(op.getDimK())))
    return "its weight is not laid out for GPUs";
  if (isLhsRounded(getMmaKind(op))) {
    std::string obstacle = findObstacleOfBytes(op);
    if (!obstacle.empty())
      return obstacle;
  }
  if (op.getCompute() == ComputeMode::Xnor) {
    std::string obstacle = findObstacleOfSigns(op);
    if (!obstacle.empty())
      return obstacle;
  }
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type)
      return "it is not on buffers";
    if (llvm::is_contained(op.getComponents(), operand) &&
        !type.getLayout().isIdentity())
      return "a component of its weight is not contiguous";
  }
  if (op.getWindow()) {
    if (op.getCompute() == ComputeMode::F8)
      return "it computes in f8, and reads windows";
    std::string obstacle = findObstacleOfWindow(op);
    if (!obstacle.empty())
      return obstacle;
  }
  if (!op.getEpilogue().empty())
    return findObstacleOfEpilogue(op.getEpilogue());
  return "";
}
