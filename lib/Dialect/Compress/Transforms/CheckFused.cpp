//===- CheckFused.cpp - compress-check-fused ------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fusion.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSCHECKFUSED
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
struct CheckFusedPass : compress::impl::CompressCheckFusedBase<CheckFusedPass> {
  using Base::Base;
  void runOnOperation() override {
    getOperation()->walk([&](DecodeOp op) {
      if (isTile(op.getType(), maxElements) || isOnlyMeasured(op))
        return;
      InFlightDiagnostic diag =
          allowDense ? emitWarning(op.getLoc()) : emitError(op.getLoc());
      diag << describe(op) << " is decoded as a whole, to " << op.getType();
      if (auto reason =
              op->getAttrOfType<StringAttr>(CompressDialect::kDenseReasonAttr))
        diag << ": " << reason.getValue();
      if (!allowDense)
        signalPassFailure();
    });
  }

private:
  static std::string describe(DecodeOp op) {
    CertificateAttr certificate = findCertificate(op.getInput());
    if (!certificate)
      return "a compressed weight";
    return "weight '" + certificate.getWeight().str() + "'";
  }
};
} // namespace
