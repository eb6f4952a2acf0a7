//===- InitCompress.cpp - registration of everything ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/InitCompress.h"
#include "compress/Conversion/CompressToGPU/FragmentDecoder.h"
#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/TransformOps/CompressTransformOps.h"
#include "compress/Dialect/Compress/Transforms/BufferizableOpInterfaceImpl.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "compress/Pipelines/Pipelines.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;
using namespace mlir::compress;

void mlir::compress::registerDialect(DialectRegistry &registry) {
  registry.insert<CompressDialect>();
  registry.addExtension(+[](MLIRContext *, CompressDialect *dialect) {
    registerNestedEncoders(dialect->getCodecs());
    registerQuantEncoders(dialect->getCodecs());
    registerPaletteEncoders(dialect->getCodecs());
    registerNmEncoders(dialect->getCodecs());
    registerHuffmanEncoders(dialect->getCodecs());
    registerLowRankEncoders(dialect->getCodecs());
    registerSumEncoders(dialect->getCodecs());
    registerBase3Encoders(dialect->getCodecs());
    registerMatrixEncoders(dialect->getCodecs());
    registerTiledEncoders(dialect->getCodecs());
    registerBitmaskEncoders(dialect->getCodecs());
    registerDenseEncoders(dialect->getCodecs());
  });
  registerBufferizableOpInterfaceExternalModels(registry);
  registerTileDecoders(registry);
  registerFragmentDecoders(registry);
  registerTransformDialectExtension(registry);
}

void mlir::compress::registerPassesAndPipelines() {
  registerCompressPasses();
  registerCompressConversionPasses();
  PassPipelineRegistration<CompressToCPUOptions>(
      "compress-to-cpu",
      "Lower linalg on tensors with compressed weights to the LLVM dialect",
      buildCompressToCPU);
  PassPipelineRegistration<CompressToNVVMOptions>(
      "compress-to-nvvm",
      "Lower linalg on tensors with compressed weights to kernels in PTX",
      buildCompressToNVVM);
}
