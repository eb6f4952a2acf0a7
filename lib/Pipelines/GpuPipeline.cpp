//===- GpuPipeline.cpp - compress-to-nvvm ---------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bufferization.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "compress/Pipelines/Pipelines.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::compress;

/// Kernels to PTX, which a driver compiles, or to what `binary` says.
static void addLoweringToPTX(OpPassManager &pm, const GpuBinary &binary) {
  pm.addPass(createConvertNVGPUToNVVMPass());
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createCompressExpandSmallFloats());
  kernels.addPass(createCompressExpandVectorMath());
  kernels.addPass(createCompressLowerKernelMath());
  kernels.addPass(createConvertVectorToSCFPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  GpuModuleToBinaryPassOptions options;
  options.compilationTarget = binary.format;
  options.toolkitPath = binary.toolkit;
  pm.addPass(createGpuModuleToBinaryPass(options));
}

/// Functions that launch kernels to the LLVM dialect.
static void addLoweringOfHostToLLVM(OpPassManager &pm) {
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createGpuToLLVMConversionPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

void mlir::compress::buildCompressPackForGPU(OpPassManager &pm) {
  buildCompressExpand(pm);
  pm.addPass(createCompressFoldMovement());
  pm.addPass(createCompressMoveFactors());
  pm.addPass(createCompressAlgebra());
  CompressPackWeightsOptions pack;
  pack.gpu = true;
  pm.addPass(createCompressPackWeights(pack));
}

void mlir::compress::buildCompressFuseForGPU(OpPassManager &pm,
                                             ComputeRequest compute,
                                             bool allowDense) {
  CompressFormKernelsOptions form;
  form.compute = compute;
  pm.addPass(createCompressFormKernels(form));
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createCompressSinkTransposes());
  pm.addPass(createCompressFuseEpilogues());
  pm.addPass(createCompressInlineDecode());
  // All else decodes in registers.
  CompressCheckFusedOptions check;
  check.maxElements = 0;
  check.allowDense = allowDense;
  pm.addPass(createCompressCheckFused(check));
}

void mlir::compress::buildCompressKernelsToNVVM(OpPassManager &pm,
                                                StringRef chip,
                                                int64_t multiprocessors,
                                                bool artifactABI,
                                                const GpuBinary &binary) {
  // Of decodes that were allowed.
  pm.addPass(createCompressLowerDecode());
  pm.addPass(createConvertElementwiseToLinalgPass());
  // No kernel runs only because its result's size is asked for.
  pm.addPass(memref::createResolveRankedShapeTypeResultDimsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (artifactABI)
    pm.addPass(createCompressProtectArguments());
  addBufferization(pm, /*writeResults=*/artifactABI);
  ConvertCompressToGPUOptions kernels;
  kernels.chip = chip.str();
  kernels.multiprocessors = multiprocessors;
  pm.addPass(createConvertCompressToGPU(kernels));
  pm.addPass(createCompressCheckLowered());
  if (artifactABI) {
    pm.addPass(createCompressBuffersToGPU());
    pm.addPass(createCompressEmitArtifactABI());
  }
  addLoweringToPTX(pm, binary);
  if (artifactABI)
    addLoweringOfHostToLLVM(pm);
}

void mlir::compress::buildCompressToNVVM(OpPassManager &pm,
                                         const CompressToNVVMOptions &options) {
  buildCompressPackForGPU(pm);
  buildCompressFuseForGPU(pm, options.compute, options.allowDense);
  buildCompressKernelsToNVVM(pm, options.chip, options.multiprocessors,
                             /*artifactABI=*/false);
}
