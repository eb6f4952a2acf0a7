//===- Pipelines.cpp - pipelines ------------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Pipelines/Pipelines.h"
#include "Bufferization.h"
#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::compress;

void mlir::compress::addBufferization(OpPassManager &pm, bool writeResults) {
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  // The buffer of a decoded tile is allocated once, outside of the loops.
  pm.addNestedPass<func::FuncOp>(bufferization::createBufferHoistingPass());
  pm.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  if (writeResults)
    pm.addPass(createCompressResultsToArguments());
  bufferization::BufferDeallocationPipelineOptions deallocation;
  bufferization::buildBufferDeallocationPipeline(pm, deallocation);
  // Deallocation may leave bufferization.clone behind.
  pm.addPass(createConvertBufferizationToMemRefPass());
  pm.addPass(createCompressLowerCopies());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static void addLoweringToLLVM(OpPassManager &pm, bool parallel) {
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(createLowerAffinePass());
  if (parallel)
    pm.addPass(createCompressLoopsToOpenMP());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createCompressExpandSmallFloats());
  // Arithmetic in bf16, and conversions, would become calls into a compiler's
  // support library.
  arith::ArithEmulateUnsupportedFloatsOptions emulate;
  emulate.sourceTypeStrs = {"bf16"};
  emulate.targetTypeStr = "f32";
  pm.addPass(arith::createArithEmulateUnsupportedFloats(emulate));
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  pm.addPass(arith::createArithExpandOpsPass(expand));
  pm.addPass(createCompressExpandVectorMath());
  pm.addPass(createConvertMathToLLVMPass());
  // Takes vectors apart.
  pm.addPass(createConvertMathToLibmPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createCompressLowerMaskedBF16());
  pm.addPass(createConvertIndexToLLVMPass());
  if (parallel)
    pm.addPass(createConvertOpenMPToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void mlir::compress::buildCompressExpand(OpPassManager &pm) {
  pm.addPass(createCompressVerifyData());
  pm.addPass(createCompressExpandTypes());
}

void mlir::compress::buildCompressPack(OpPassManager &pm,
                                       ComputeRequest compute,
                                       ArrayRef<std::string> features) {
  buildCompressExpand(pm);
  pm.addPass(createCompressFoldMovement());
  pm.addPass(createCompressMoveFactors());
  pm.addPass(createCompressFoldThresholds());
  pm.addPass(createCompressAlgebra());
  CompressPackWeightsOptions options;
  options.compute = compute;
  options.features.assign(features.begin(), features.end());
  pm.addPass(createCompressPackWeights(options));
}

void mlir::compress::buildCompressFuse(OpPassManager &pm, bool allowDense) {
  pm.addPass(createCompressFormKernels());
  // Arithmetic on whole tensors does not tile.
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createCompressFuseEpilogues());
  pm.addPass(createCompressTilePairs());
  pm.addPass(createCompressTileAndFuse());
  CompressCheckFusedOptions check;
  check.allowDense = allowDense;
  pm.addPass(createCompressCheckFused(check));
}

void mlir::compress::buildCompressToCPU(OpPassManager &pm,
                                        const CompressToCPUOptions &options) {
  if (options.fuse) {
    buildCompressPack(pm, options.compute, options.features);
    buildCompressFuse(pm, options.allowDense);
  } else {
    buildCompressExpand(pm);
  }
  pm.addPass(createCompressLowerDecode());
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (options.artifactABI)
    pm.addPass(createCompressProtectArguments());
  addBufferization(pm, options.artifactABI);
  ConvertCompressToVectorOptions kernels;
  kernels.features.assign(options.features.begin(), options.features.end());
  pm.addPass(createConvertCompressToVector(kernels));
  pm.addPass(createCompressCheckLowered());
  pm.addNestedPass<func::FuncOp>(createCompressVectorizeDepthwise());
  pm.addNestedPass<func::FuncOp>(createCompressVectorizeTransposes());
  if (options.artifactABI)
    pm.addPass(createCompressEmitArtifactABI());
  addLoweringToLLVM(pm, options.parallel);
}
