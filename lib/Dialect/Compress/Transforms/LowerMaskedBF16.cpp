//===- LowerMaskedBF16.cpp - compress-lower-masked-bf16 -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSLOWERMASKEDBF16
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;

/// The vector of integers of as many bits, if a type is a vector of bf16.
static VectorType getBits(Type type) {
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || !vector.getElementType().isBF16())
    return {};
  return vector.clone(IntegerType::get(type.getContext(), 16));
}

namespace {
struct LowerMaskedBF16Pass
    : compress::impl::CompressLowerMaskedBF16Base<LowerMaskedBF16Pass> {
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      OpBuilder b(op);
      auto cast = [&](Type type, Value value) -> Value {
        return LLVM::BitcastOp::create(b, op->getLoc(), type, value);
      };
      if (auto store = dyn_cast<LLVM::MaskedStoreOp>(op)) {
        if (VectorType bits = getBits(store.getValue().getType()))
          store.getValueMutable().assign(cast(bits, store.getValue()));
      } else if (auto load = dyn_cast<LLVM::MaskedLoadOp>(op)) {
        Type type = load.getType();
        VectorType bits = getBits(type);
        if (!bits)
          return;
        for (OpOperand &operand : load.getPassThruMutable())
          operand.set(cast(bits, operand.get()));
        load.getResult().setType(bits);
        b.setInsertionPointAfter(load);
        Value result = cast(type, load.getResult());
        load.getResult().replaceAllUsesExcept(result, result.getDefiningOp());
      }
    });
  }
};
} // namespace
