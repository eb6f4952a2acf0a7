//===- ByteInstructions.cpp - what a target does with vectors of bytes ----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/ByteInstructions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::compress;

ByteInstructions::ByteInstructions(ArrayRef<std::string> features) {
  auto has = [&](std::initializer_list<StringRef> names) {
    return llvm::all_of(names, [&](StringRef name) {
      return llvm::is_contained(features, name);
    });
  };
  const bool hasWide = has({"avx512f", "avx512bw"});
  if (hasWide && has({"avx512vnni"}))
    dotBits = 512, isDot = true;
  else if (has({"avx2", "avxvnni"}))
    dotBits = 256, isDot = true;
  else
    dotBits = hasWide ? 512 : has({"avx2"}) ? 256 : has({"sse2"}) ? 128 : 0;
  isPermute = hasWide && has({"avx512vbmi"});
  shuffleBits = hasWide ? 512 : has({"avx2"}) ? 256 : has({"ssse3"}) ? 128 : 0;
  numVectors = has({"avx512f"}) ? 32 : has({"avx"}) ? 8 : 4;
}

static Value splat(ImplicitLocOpBuilder &b, VectorType type, int64_t value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             type, b.getIntegerAttr(type.getElementType(), value)));
}

static VectorType getType(ImplicitLocOpBuilder &b, unsigned bits,
                          unsigned elementBits) {
  return VectorType::get(bits / elementBits, b.getIntegerType(elementBits));
}

/// Calls an intrinsic on vectors of `bits`, as often as operands are longer.
static Value callOnParts(ImplicitLocOpBuilder &b, unsigned bits, StringRef name,
                         ArrayRef<Value> operands, VectorType result) {
  const unsigned resultBits =
      result.getNumElements() * result.getElementTypeBitWidth();
  auto call = [&](ArrayRef<Value> of) -> Value {
    return LLVM::CallIntrinsicOp::create(
               b, getType(b, bits, result.getElementTypeBitWidth()),
               b.getStringAttr(name), of)
        .getResult(0);
  };
  if (resultBits == bits)
    return call(operands);
  Value whole = arith::ConstantOp::create(b, b.getZeroAttr(result));
  for (unsigned part = 0; part < resultBits / bits; ++part) {
    SmallVector<Value> parts;
    for (Value operand : operands) {
      auto type = cast<VectorType>(operand.getType());
      // One vector may serve all parts.
      int64_t size = bits / type.getElementTypeBitWidth();
      parts.push_back(type.getNumElements() == size
                          ? operand
                          : vector::ExtractStridedSliceOp::create(
                                b, operand, ArrayRef<int64_t>{part * size},
                                ArrayRef<int64_t>{size}, ArrayRef<int64_t>{1})
                                .getResult());
    }
    Value value = call(parts);
    whole = vector::InsertStridedSliceOp::create(
        b, value, whole,
        ArrayRef<int64_t>{
            int64_t(part * bits / result.getElementTypeBitWidth())},
        ArrayRef<int64_t>{1});
  }
  return whole;
}

Value ByteInstructions::dot(OpBuilder &builder, Location loc, Value sum,
                            Value codes, Value word) const {
  ImplicitLocOpBuilder b(loc, builder);
  auto lanes = cast<VectorType>(sum.getType());
  unsigned bits = lanes.getNumElements() * 32;
  if (isDot) {
    Value bytes = vector::BitCastOp::create(b, getType(b, bits, 8), word);
    return callOnParts(b, dotBits,
                       dotBits == 512 ? "llvm.x86.avx512.vpdpbusd.512"
                                      : "llvm.x86.avx512.vpdpbusd.256",
                       {sum, codes, bytes}, lanes);
  }
  if (dotBits) {
    // Bytes of even and of odd numbers, as words: products of pairs of those
    // are added without saturation.
    VectorType words = getType(b, bits, 16);
    Value eight = splat(b, words, 8);
    Value both = vector::BitCastOp::create(b, words, codes);
    Value x = vector::BitCastOp::create(b, words, word);
    Value evenCodes = arith::AndIOp::create(b, both, splat(b, words, 255));
    Value oddCodes = arith::ShRUIOp::create(b, both, eight);
    Value evenX =
        arith::ShRSIOp::create(b, arith::ShLIOp::create(b, x, eight), eight);
    Value oddX = arith::ShRSIOp::create(b, x, eight);
    StringRef name = dotBits == 512   ? "llvm.x86.avx512.pmaddw.d.512"
                     : dotBits == 256 ? "llvm.x86.avx2.pmadd.wd"
                                      : "llvm.x86.sse2.pmadd.wd";
    for (auto [code, factor] : {std::pair(evenCodes, evenX), {oddCodes, oddX}})
      sum = arith::AddIOp::create(
          b, sum, callOnParts(b, dotBits, name, {code, factor}, lanes));
    return sum;
  }
  Value both = vector::BitCastOp::create(b, lanes, codes);
  for (int64_t byte = 0; byte < 4; ++byte) {
    Value code = arith::AndIOp::create(
        b, arith::ShRUIOp::create(b, both, splat(b, lanes, 8 * byte)),
        splat(b, lanes, 255));
    Value x = arith::ShRSIOp::create(
        b, arith::ShLIOp::create(b, word, splat(b, lanes, 24 - 8 * byte)),
        splat(b, lanes, 24));
    sum = arith::AddIOp::create(b, sum, arith::MulIOp::create(b, code, x));
  }
  return sum;
}

Value ByteInstructions::selectBits(OpBuilder &builder, Location loc,
                                   Value words, ArrayRef<unsigned> offsets,
                                   unsigned count) const {
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<VectorType>(words.getType());
  VectorType bytes = getType(b, type.getNumElements() * 32, 8);
  if (isPermute) {
    // An instruction of 64-bit lanes.
    SmallVector<int8_t> control;
    for (int64_t i = 0; i < bytes.getNumElements(); ++i)
      control.push_back(offsets[i % 4] + i / 4 % 2 * 32);
    Value offset = arith::ConstantOp::create(
        b, DenseElementsAttr::get(bytes, ArrayRef<int8_t>(control)));
    return callOnParts(b, 512, "llvm.x86.avx512.pmultishift.qb.512",
                       {offset, vector::BitCastOp::create(b, bytes, words)},
                       bytes);
  }
  Value result;
  for (auto [i, offset] : llvm::enumerate(offsets)) {
    int64_t left = 8 * int64_t(i) - int64_t(offset);
    Value part = words;
    if (left > 0)
      part = arith::ShLIOp::create(b, words, splat(b, type, left));
    else if (left < 0)
      part = arith::ShRUIOp::create(b, words, splat(b, type, -left));
    int64_t mask = ((int64_t(1) << count) - 1) << (8 * i);
    part = arith::AndIOp::create(b, part, splat(b, type, int32_t(mask)));
    result = result ? arith::OrIOp::create(b, result, part) : part;
  }
  return vector::BitCastOp::create(b, bytes, result);
}

Value ByteInstructions::lookUp(OpBuilder &builder, Location loc, Value table,
                               Value indices) const {
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<VectorType>(indices.getType());
  if (!shuffleBits) {
    // A tree of selects.
    SmallVector<Value> left;
    for (int64_t i = 0; i < 16; ++i)
      left.push_back(vector::BroadcastOp::create(
          b, type, vector::ExtractOp::create(b, table, i)));
    for (int64_t bit = 1; bit < 16; bit *= 2) {
      Value isSet = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ne,
          arith::AndIOp::create(b, indices, splat(b, type, bit)),
          splat(b, type, 0));
      SmallVector<Value> next;
      for (size_t i = 0; i < left.size(); i += 2)
        next.push_back(arith::SelectOp::create(b, isSet, left[i + 1], left[i]));
      left = next;
    }
    return left[0];
  }
  SmallVector<int64_t> repeated;
  for (unsigned i = 0; i < shuffleBits / 8; ++i)
    repeated.push_back(i % 16);
  Value tables = vector::ShuffleOp::create(b, table, table, repeated);
  if (isPermute)
    return callOnParts(b, 512, "llvm.x86.avx512.permvar.qi.512",
                       {tables, indices}, type);
  // A shuffle yields zero where the highest bit is set.
  indices = arith::AndIOp::create(b, indices, splat(b, type, 15));
  StringRef name = shuffleBits == 512   ? "llvm.x86.avx512.pshuf.b.512"
                   : shuffleBits == 256 ? "llvm.x86.avx2.pshuf.b"
                                        : "llvm.x86.ssse3.pshuf.b.128";
  return callOnParts(b, shuffleBits, name, {tables, indices}, type);
}

Value ByteInstructions::lookUpBytes(OpBuilder &builder, Location loc,
                                    Value table, Value indices) const {
  assert(isPermute && "expected instructions for tables of bytes");
  ImplicitLocOpBuilder b(loc, builder);
  auto type = cast<VectorType>(indices.getType());
  SmallVector<Value> parts;
  for (int64_t begin = 0; begin < 256; begin += 64)
    parts.push_back(vector::ExtractStridedSliceOp::create(
        b, table, ArrayRef<int64_t>{begin}, ArrayRef<int64_t>{64},
        ArrayRef<int64_t>{1}));
  auto lookUp = [&](Value low, Value high) {
    return callOnParts(b, 512, "llvm.x86.avx512.vpermi2var.qi.512",
                       {low, indices, high}, type);
  };
  Value isUpper = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, indices,
                                        splat(b, type, 0));
  return arith::SelectOp::create(b, isUpper, lookUp(parts[2], parts[3]),
                                 lookUp(parts[0], parts[1]));
}
