//===- KernelBody.cpp - what emitters of kernels have in common -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBody.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::compress;

gpu::GPUFuncOp KernelBody::makeKernel(StringRef name, TypeRange arguments,
                                      int64_t threads,
                                      function_ref<void(gpu::GPUFuncOp)> fill) {
  auto kernel = gpu::GPUFuncOp::create(
      b, name, b.getFunctionType(arguments, TypeRange()));
  kernel->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  kernel.setKnownBlockSizeAttr(
      b.getDenseI32ArrayAttr({int32_t(threads), 1, 1}));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&kernel.getBody().front());
  fill(kernel);
  return kernel;
}

void KernelBody::when(Value condition, function_ref<void()> fill) {
  if (!condition)
    return fill();
  auto ifOp = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(ifOp.thenBlock());
  fill();
}
