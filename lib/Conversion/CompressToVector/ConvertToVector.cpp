//===- ConvertToVector.cpp - convert-compress-to-vector -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "compress/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::compress {
#define GEN_PASS_DEF_CONVERTCOMPRESSTOVECTOR
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
struct ConvertToVectorPass
    : compress::impl::ConvertCompressToVectorBase<ConvertToVectorPass> {
  using Base::Base;
  void runOnOperation() override {
    std::unique_ptr<ContractionEmitter> emitters[] = {
        createSparseEmitter(features), createFmaEmitter(features),
        createIntegerEmitter(features), createBf16Emitter(features),
        createXnorEmitter(features)};
    SmallVector<ContractOp> ops;
    getOperation()->walk([&](ContractOp op) { ops.push_back(op); });
    for (ContractOp op : ops) {
      if (op.getBorder()) {
        op.emitOpError() << "no kernel for CPUs adds a border to an image";
        return signalPassFailure();
      }
      OpBuilder b(op);
      if (llvm::none_of(emitters, [&](const auto &emitter) {
            return succeeded(emitter->emit(b, op));
          })) {
        op.emitOpError() << "no kernel that computes in "
                         << stringifyComputeMode(op.getCompute())
                         << " for weight " << op.getWeightType() << " and init "
                         << op.getInit().getType();
        return signalPassFailure();
      }
      op.erase();
    }
  }
};
} // namespace
