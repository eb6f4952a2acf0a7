//===- ByteQuantization.cpp - floats to 8-bit integers --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ByteQuantization.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

Value mlir::compress::getMagnitudes(ImplicitLocOpBuilder &b, Value vector) {
  auto words = cast<VectorType>(vector.getType()).clone(b.getI32Type());
  return arith::AndIOp::create(
      b, vector::BitCastOp::create(b, words, vector),
      arith::ConstantOp::create(
          b, DenseElementsAttr::get(words, b.getI32IntegerAttr(0x7fffffff))));
}

ByteQuantization::ByteQuantization(ImplicitLocOpBuilder &b, Value magnitudes) {
  auto i32Constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  };
  auto f32Constant = [&](float value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  };
  Value bits = magnitudes;
  if (isa<VectorType>(bits.getType()))
    bits = vector::ReductionOp::create(b, vector::CombiningKind::MAXSI,
                                       magnitudes);
  Value isFinite = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, bits,
                                         i32Constant(0x7f800000));
  isUsable = arith::AndIOp::create(
      b, isFinite,
      arith::CmpIOp::create(b, arith::CmpIPredicate::sge, bits,
                            i32Constant((127 - 100) << 23)));
  Value magnitude = arith::SelectOp::create(
      b, isUsable, arith::BitcastOp::create(b, b.getF32Type(), bits),
      f32Constant(127));
  inverse = arith::DivFOp::create(b, f32Constant(127), magnitude);
  scale = arith::DivFOp::create(b, magnitude, f32Constant(127));
  Value otherScale = arith::SelectOp::create(
      b, isFinite, f32Constant(0),
      f32Constant(std::numeric_limits<float>::quiet_NaN()));
  scale = arith::SelectOp::create(b, isUsable, scale, otherScale);
}

Value ByteQuantization::round(ImplicitLocOpBuilder &b, Value vector) const {
  auto type = cast<VectorType>(vector.getType());
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value value = arith::SelectOp::create(b, isUsable, vector, zero);
  value = arith::MulFOp::create(b, value,
                                vector::BroadcastOp::create(b, type, inverse));
  return arith::FPToSIOp::create(b, type.clone(b.getI32Type()),
                                 math::RoundEvenOp::create(b, value));
}
