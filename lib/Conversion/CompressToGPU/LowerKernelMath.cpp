//===- LowerKernelMath.cpp - compress-lower-kernel-math -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSLOWERKERNELMATH
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;

/// The intrinsic that LLVM has instructions for, or nothing.
static StringRef getIntrinsic(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case([](math::AbsFOp) { return "llvm.fabs"; })
      .Case([](math::CeilOp) { return "llvm.ceil"; })
      .Case([](math::CopySignOp) { return "llvm.copysign"; })
      .Case([](math::CtPopOp) { return "llvm.ctpop"; })
      .Case([](math::FloorOp) { return "llvm.floor"; })
      .Case([](math::FmaOp) { return "llvm.fma"; })
      .Case([](math::RoundEvenOp) { return "llvm.roundeven"; })
      .Case([](math::RsqrtOp) { return "llvm.sqrt"; })
      .Case([](math::SqrtOp) { return "llvm.sqrt"; })
      .Case([](math::TruncOp) { return "llvm.trunc"; })
      .Default([](Operation *) { return ""; });
}

namespace {
struct LowerKernelMathPass
    : compress::impl::CompressLowerKernelMathBase<LowerKernelMathPass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa_and_present<math::MathDialect>(op->getDialect()))
        ops.push_back(op);
    });
    for (Operation *op : ops) {
      StringRef name = getIntrinsic(op);
      if (name.empty()) {
        op->emitOpError() << "is no instruction of a GPU";
        return signalPassFailure();
      }
      ImplicitLocOpBuilder b(op->getLoc(), op);
      Type type = op->getResult(0).getType();
      Value result = LLVM::CallIntrinsicOp::create(
                         b, type, b.getStringAttr(name), op->getOperands())
                         .getResult(0);
      if (isa<math::RsqrtOp>(op)) {
        TypedAttr one = b.getFloatAttr(getElementTypeOrSelf(type), 1);
        if (auto vector = dyn_cast<VectorType>(type))
          one = DenseElementsAttr::get(vector, Attribute(one));
        result =
            arith::DivFOp::create(b, arith::ConstantOp::create(b, one), result);
      }
      op->replaceAllUsesWith(ValueRange(result));
      op->erase();
    }
  }
};
} // namespace
