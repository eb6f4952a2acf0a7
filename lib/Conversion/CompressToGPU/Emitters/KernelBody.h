//===- KernelBody.h - what emitters of kernels have in common ---*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_KERNELBODY_H
#define COMPRESS_LIB_CONVERSION_KERNELBODY_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

/// Emits a kernel: makes the function, and places and conditions in it.
class KernelBody {
protected:
  KernelBody(Location loc, OpBuilder &builder) : b(loc, builder) {}

  /// A kernel of blocks of so many threads, whose body `fill` emits.
  gpu::GPUFuncOp makeKernel(StringRef name, TypeRange arguments,
                            int64_t threads,
                            function_ref<void(gpu::GPUFuncOp kernel)> fill);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value add(Value x, int64_t y) { return y ? add(x, index(y)) : x; }
  Value mul(Value x, int64_t y) {
    return arith::MulIOp::create(b, x, index(y));
  }
  Value div(Value x, int64_t y) {
    return arith::DivUIOp::create(b, x, index(y));
  }
  Value rem(Value x, int64_t y) {
    return arith::RemUIOp::create(b, x, index(y));
  }
  Value isLess(Value x, Value y) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, x, y);
  }
  /// One of both may be null: true.
  Value both(Value x, Value y) {
    if (!x || !y)
      return x ? x : y;
    return arith::AndIOp::create(b, x, y);
  }
  /// Where `condition`, or always if there is none.
  void when(Value condition, function_ref<void()> fill);

  ImplicitLocOpBuilder b;
};

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_KERNELBODY_H
