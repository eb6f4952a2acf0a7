//===- GpuPipeline.cpp - compress-to-nvvm ---------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bufferization.h"
#include "compress/Conversion/CompressToGPU/Mma.h"
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

/// Kernels to PTX, which a driver compiles.
static void addLoweringToPTX(OpPassManager &pm, StringRef chip) {
  GpuNVVMAttachTargetOptions target;
  target.chip = chip.str();
  target.optLevel = 3;
  if (const GpuChip *known = findChip(chip))
    target.features = ("+ptx" + Twine(known->ptx)).str();
  pm.addPass(createConvertNVGPUToNVVMPass());
  pm.addPass(createGpuNVVMAttachTarget(target));
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
  GpuModuleToBinaryPassOptions binary;
  binary.compilationTarget = "isa";
  pm.addPass(createGpuModuleToBinaryPass(binary));
}

void mlir::compress::buildCompressToNVVM(OpPassManager &pm,
                                         const CompressToNVVMOptions &options) {
  buildCompressExpand(pm);
  pm.addPass(createCompressFoldMovement());
  pm.addPass(createCompressMoveFactors());
  pm.addPass(createCompressAlgebra());
  CompressPackWeightsOptions pack;
  pack.gpu = true;
  pm.addPass(createCompressPackWeights(pack));
  CompressFormKernelsOptions form;
  form.compute = options.compute;
  pm.addPass(createCompressFormKernels(form));
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addPass(createCompressFuseEpilogues());
  // Kernels decode in registers; nothing else would decode on the GPU.
  CompressCheckFusedOptions check;
  check.maxElements = 0;
  pm.addPass(createCompressCheckFused(check));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  addBufferization(pm);
  ConvertCompressToGPUOptions kernels;
  kernels.chip = options.chip;
  pm.addPass(createConvertCompressToGPU(kernels));
  pm.addPass(createCompressCheckLowered());
  addLoweringToPTX(pm, options.chip);
}
