//===- PackedCodes.cpp - IR that takes packed codes apart -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackedCodes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

int64_t PackedCodes::getUnitCodes() const { return 8 / std::gcd(8u, bits); }

int64_t PackedCodes::getRowBytes(int64_t codes) const {
  // Split, so that the product stays small.
  return codes / 8 * bits +
         llvm::divideCeil(uint64_t(codes % 8 * bits), uint64_t(8));
}

SmallVector<Value> mlir::compress::splitUnits(OpBuilder &b, Location loc,
                                              Value rows, int64_t unitBytes,
                                              int64_t padding) {
  if (unitBytes == 1)
    return {rows};
  auto type = cast<RankedTensorType>(rows.getType());
  int64_t rank = type.getRank();
  int64_t units = llvm::divideCeil(type.getShape().back(), unitBytes);
  if (int64_t rest = units * unitBytes - type.getShape().back()) {
    SmallVector<OpFoldResult> low(rank, b.getIndexAttr(0)), high(low);
    high.back() = b.getIndexAttr(rest);
    SmallVector<int64_t> padded(type.getShape());
    padded.back() += rest;
    Value byte = arith::ConstantOp::create(b, loc, b.getI8IntegerAttr(padding));
    type = type.clone(padded);
    rows = tensor::PadOp::create(b, loc, type, rows, low, high, byte);
  }
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, rows);
  sizes.back() = b.getIndexAttr(units);
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = units;
  RankedTensorType byteType = type.clone(shape);
  SmallVector<Value> bytes;
  for (int64_t i = 0; i < unitBytes; ++i) {
    SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
        strides(rank, b.getIndexAttr(1));
    offsets.back() = b.getIndexAttr(i);
    strides.back() = b.getIndexAttr(unitBytes);
    bytes.push_back(tensor::ExtractSliceOp::create(b, loc, byteType, rows,
                                                   offsets, sizes, strides));
  }
  return bytes;
}

Value mlir::compress::takeOfRow(OpBuilder &b, Location loc, Value value,
                                int64_t size) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape().back() == size)
    return value;
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)),
      strides(type.getRank(), b.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(b, loc, value);
  sizes.back() = b.getIndexAttr(size);
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = size;
  return tensor::ExtractSliceOp::create(b, loc, type.clone(shape), value,
                                        offsets, sizes, strides);
}

Value PackedCodes::extractCode(OpBuilder &b, Location loc, ValueRange bytes,
                               Value inUnit) const {
  if (!inUnit)
    return bytes[0];
  Value unit = bytes[0];
  Type type = unit.getType();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, loc, b.getIntegerAttr(type, value));
  };
  if (bytes.size() > 1) {
    type = b.getIntegerType(bytes.size() > 4 ? 64 : 32);
    unit = arith::ExtUIOp::create(b, loc, type, unit);
    for (size_t i = 1; i < bytes.size(); ++i)
      unit = arith::OrIOp::create(
          b, loc, unit,
          arith::ShLIOp::create(b, loc,
                                arith::ExtUIOp::create(b, loc, type, bytes[i]),
                                constant(8 * i)));
  }
  // Shift the code to the top of the unit, then down, with its sign or without.
  int64_t width = type.getIntOrFloatBitWidth();
  Value position = arith::IndexCastOp::create(b, loc, type, inUnit);
  Value up = arith::SubIOp::create(
      b, loc, constant(width - bits),
      arith::MulIOp::create(b, loc, position, constant(bits)));
  Value top = arith::ShLIOp::create(b, loc, unit, up);
  if (isSigned)
    return arith::ShRSIOp::create(b, loc, top, constant(width - bits));
  return arith::ShRUIOp::create(b, loc, top, constant(width - bits));
}
