//===- CompressTransformOps.cpp - compression, scripted -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/TransformOps/CompressTransformOps.h"
#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

#define GET_OP_CLASSES
#include "compress/Dialect/Compress/TransformOps/CompressTransformOps.cpp.inc"

/// Runs a pass on the payload ops of a handle.
static DiagnosedSilenceableFailure
runPass(transform::TransformOpInterface op, transform::TransformState &state,
        transform::TransformResults &results, Value target, OpResult result,
        function_ref<std::unique_ptr<Pass>()> create, bool needsModule) {
  SmallVector<Operation *> payload(state.getPayloadOps(target));
  for (Operation *payloadOp : payload) {
    if (needsModule && !isa<ModuleOp>(payloadOp))
      return emitDefiniteFailure(op)
             << "expected payload ops to be modules, but got '"
             << payloadOp->getName() << "'";
    PassManager pm(op.getContext(), payloadOp->getName().getStringRef());
    pm.addPass(create());
    if (failed(pm.run(payloadOp)))
      return emitDefiniteFailure(op)
             << "the pass failed on '" << payloadOp->getName() << "'";
  }
  results.set(result, payload);
  return DiagnosedSilenceableFailure::success();
}

static SmallVector<std::string> toStrings(ArrayAttr attr) {
  SmallVector<std::string> strings;
  for (StringAttr text : attr.getAsRange<StringAttr>())
    strings.push_back(text.str());
  return strings;
}

DiagnosedSilenceableFailure
transform::CompressEncodeOp::apply(transform::TransformRewriter &,
                                   transform::TransformResults &results,
                                   transform::TransformState &state) {
  compress::CompressEncodeOptions options;
  options.preset = getPreset().str();
  options.codec = getCodec().str();
  options.algorithm = getAlgorithm().str();
  options.minElements = getMinElements();
  options.include = toStrings(getInclude());
  options.exclude = toStrings(getExclude());
  return runPass(
      *this, state, results, getTarget(), getOperation()->getResult(0),
      [&] { return compress::createCompressEncode(options); },
      /*needsModule=*/true);
}

DiagnosedSilenceableFailure
transform::CompressPackWeightsOp::apply(transform::TransformRewriter &,
                                        transform::TransformResults &results,
                                        transform::TransformState &state) {
  std::string options = "compute=" + getCompute().str();
  if (!getFeatures().empty())
    options += " features=" + llvm::join(toStrings(getFeatures()), ",");
  std::string message;
  auto create = [&] {
    std::unique_ptr<Pass> pass = compress::createCompressPackWeights();
    if (failed(pass->initializeOptions(options, [&](const Twine &text) {
          message = text.str();
          return failure();
        })))
      pass.reset();
    return pass;
  };
  if (!create())
    return emitDefiniteFailure()
           << "expected options of compress-pack-weights, but got '" << options
           << "'" << (message.empty() ? "" : ": ") << message;
  return runPass(*this, state, results, getTarget(),
                 getOperation()->getResult(0), create, /*needsModule=*/true);
}

DiagnosedSilenceableFailure
transform::CompressFormKernelsOp::apply(transform::TransformRewriter &,
                                        transform::TransformResults &results,
                                        transform::TransformState &state) {
  return runPass(
      *this, state, results, getTarget(), getOperation()->getResult(0),
      [] { return compress::createCompressFormKernels(); },
      /*needsModule=*/false);
}

DiagnosedSilenceableFailure
transform::CompressTileAndFuseOp::apply(transform::TransformRewriter &,
                                        transform::TransformResults &results,
                                        transform::TransformState &state) {
  compress::CompressTileAndFuseOptions options;
  options.maxElements = getMaxElements();
  return runPass(
      *this, state, results, getTarget(), getOperation()->getResult(0),
      [&] { return compress::createCompressTileAndFuse(options); },
      /*needsModule=*/false);
}

namespace {
struct CompressTransformExtension
    : transform::TransformDialectExtension<CompressTransformExtension> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(CompressTransformExtension)

  void init() {
    // What the passes depend on: a transform op cannot load dialects later.
    declareGeneratedDialect<affine::AffineDialect>();
    declareGeneratedDialect<arith::ArithDialect>();
    declareGeneratedDialect<compress::CompressDialect>();
    declareGeneratedDialect<linalg::LinalgDialect>();
    declareGeneratedDialect<ml_program::MLProgramDialect>();
    declareGeneratedDialect<scf::SCFDialect>();
    declareGeneratedDialect<tensor::TensorDialect>();
    registerTransformOps<
#define GET_OP_LIST
#include "compress/Dialect/Compress/TransformOps/CompressTransformOps.cpp.inc"
        >();
  }
};
} // namespace

void mlir::compress::registerTransformDialectExtension(
    DialectRegistry &registry) {
  registry.addExtensions<CompressTransformExtension>();
}
