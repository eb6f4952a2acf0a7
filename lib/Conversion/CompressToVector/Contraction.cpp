//===- Contraction.cpp - contractions that kernels compute ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contraction.h"
#include "../../Dialect/Compress/Codecs/ContractionAlgebra.h"

using namespace mlir;
using namespace mlir::compress;

unsigned Contraction::getPosition(OpOperand *operand, unsigned loop) const {
  linalg::LinalgOp linalgOp = op;
  AffineMap map = linalgOp.getMatchingIndexingMap(operand);
  return *map.getResultPosition(getAffineDimExpr(loop, map.getContext()));
}

static bool isKernelFloat(Value value) {
  return isa<Float32Type, Float16Type, BFloat16Type>(
      getElementTypeOrSelf(value.getType()));
}

MatrixDims Contraction::getMatrixDims() const {
  MatrixDims dims;
  for (unsigned loop : batch)
    dims.batch.push_back(getPosition(weight, loop));
  dims.row = getPosition(weight, n);
  for (unsigned place : places)
    dims.columns.push_back(getPosition(weight, place));
  dims.columns.push_back(getPosition(weight, k));
  return dims;
}

bool Contraction::hasUnknownSizes() const {
  linalg::LinalgOp linalgOp = op;
  OpOperand *init = linalgOp.getDpsInitOperand(0);
  auto type = cast<RankedTensorType>(init->get().getType());
  return isConvolution() &&
         llvm::any_of(ArrayRef(m).drop_front(), [&](unsigned loop) {
           return type.isDynamicDim(getPosition(init, loop));
         });
}

/// A convolution as a contraction whose rows are windows of the image.
static FailureOr<Contraction> matchConvolution(OpOperand &weight,
                                               std::string &reason) {
  auto fail = [&](const char *why) {
    reason = why;
    return failure();
  };
  auto op = cast<linalg::LinalgOp>(weight.getOwner());
  OpOperand *init = op.getDpsInitOperand(0);
  Contraction result;
  result.op = op;
  result.weight = &weight;
  result.lhs = op.getDpsInputOperand(0);
  if (result.lhs == &weight)
    return fail("it is the image of a convolution");
  if (!isKernelFloat(result.lhs->get()) || !isKernelFloat(init->get()))
    return fail("an operand of the convolution is not f32, f16 or bf16");
  FailureOr<linalg::ConvolutionDimensions> dims =
      linalg::inferConvolutionDims(op);
  if (failed(dims) || dims->outputChannel.size() != 1 ||
      dims->inputChannel.size() != 1)
    return fail("its convolution adds up no channels");
  result.batch.assign(dims->depth.begin(), dims->depth.end());
  result.n = dims->outputChannel.front();
  result.k = dims->inputChannel.front();
  result.places.assign(dims->filterLoop.begin(), dims->filterLoop.end());
  for (AffineExpr expr : op.getMatchingIndexingMap(init).getResults())
    if (unsigned loop = cast<AffineDimExpr>(expr).getPosition();
        loop != result.n && !llvm::is_contained(result.batch, loop))
      result.m.push_back(loop);
  if (op.getMatchingIndexingMap(&weight).getNumResults() !=
          result.batch.size() + result.places.size() + 2 ||
      op.getNumLoops() !=
          result.batch.size() + result.m.size() + result.places.size() + 2)
    return fail("an operand of its convolution is broadcast");
  // Kernels loop over groups in the order of the weight.
  llvm::sort(result.batch, [&](unsigned a, unsigned b) {
    return result.getPosition(&weight, a) < result.getPosition(&weight, b);
  });
  return result;
}

FailureOr<Contraction> mlir::compress::matchContraction(OpOperand &weight,
                                                        std::string &reason) {
  auto fail = [&](const Twine &why) {
    reason = why.str();
    return failure();
  };
  auto op = dyn_cast<linalg::LinalgOp>(weight.getOwner());
  bool isKnown = op && op.hasPureTensorSemantics() && op.isDpsInput(&weight) &&
                 isMultiplyAdd(op);
  if (isKnown && linalg::isaConvolutionOpInterface(op))
    return matchConvolution(weight, reason);
  if (!isKnown || !linalg::isaContractionOpInterface(op))
    return fail(("its user '" + weight.getOwner()->getName().getStringRef() +
                 "' is no floating-point contraction")
                    .str());
  Contraction result;
  result.op = op;
  result.weight = &weight;
  result.lhs =
      op.getDpsInputOperand(op.getDpsInputOperand(0) == &weight ? 1 : 0);
  if (result.lhs->get() == weight.get())
    return fail("its contraction multiplies it by itself");
  OpOperand *init = op.getDpsInitOperand(0);
  if (!isKernelFloat(result.lhs->get()) || !isKernelFloat(init->get()))
    return fail("an operand of the contraction is not f32, f16 or bf16");
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims))
    return fail("its contraction has no dimensions that a kernel knows");
  bool isLeft = op.getDpsInputOperand(0) == &weight;
  ArrayRef<unsigned> n = isLeft ? dims->m : dims->n;
  if (n.size() != 1 || dims->k.size() != 1)
    return fail("its contraction has not exactly one output and one reduced "
                "dimension of the weight");
  result.n = n.front();
  result.k = dims->k.front();
  AffineMap out = op.getMatchingIndexingMap(init);
  AffineMap weightMap = op.getMatchingIndexingMap(&weight);
  AffineMap lhsMap = op.getMatchingIndexingMap(result.lhs);
  // m in the order of the output, in which it is collapsed.
  for (AffineExpr expr : out.getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (llvm::is_contained(dims->batch, loop))
      result.batch.push_back(loop);
    else if (loop != result.n)
      result.m.push_back(loop);
  }
  unsigned loops = result.batch.size() + result.m.size() + 2;
  if (loops != op.getNumLoops() ||
      weightMap.getNumResults() != result.batch.size() + 2 ||
      lhsMap.getNumResults() != result.batch.size() + result.m.size() + 1 ||
      out.getNumResults() != loops - 1)
    return fail("an operand of its contraction is broadcast");
  // Kernels loop over batches in the order of the weight.
  llvm::sort(result.batch, [&](unsigned a, unsigned b) {
    return result.getPosition(&weight, a) < result.getPosition(&weight, b);
  });
  return result;
}

std::optional<SignImage>
mlir::compress::matchSigns(const Contraction &contraction) {
  Value lhs = contraction.lhs->get();
  if (contraction.isConvolution() && !contraction.batch.empty())
    return std::nullopt;
  if (contraction.isConvolution())
    return getSignImage(
        lhs, contraction.getPosition(contraction.lhs, contraction.k));
  if (isSigns(lhs))
    return SignImage{lhs, {}};
  return std::nullopt;
}
