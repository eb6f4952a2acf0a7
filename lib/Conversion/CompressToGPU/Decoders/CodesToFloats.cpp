//===- CodesToFloats.cpp - packed codes to pairs of floats ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodesToFloats.h"
#include "compress/Conversion/CompressToGPU/Mma.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace mlir::compress;
using algorithms::MmaKind;

/// Lookup tables of lop3, for (a & b) | c and (a & b) ^ c.
static constexpr unsigned kAndOr = 0xea, kAndXor = 0x6a;

static Value emitAsm(ImplicitLocOpBuilder &b, Twine text, ValueRange operands) {
  SmallString<16> constraints = StringRef("=r");
  for (size_t i = 0; i < operands.size(); ++i)
    constraints += ",r";
  return LLVM::InlineAsmOp::create(
             b, b.getI32Type(), operands, text.str(), constraints.str(),
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::TailCallKind::None,
             LLVM::AsmDialectAttr::get(b.getContext(),
                                       LLVM::AsmDialect::AD_ATT),
             ArrayAttr())
      .getResult(0);
}

static Value constant(ImplicitLocOpBuilder &b, uint32_t value) {
  return arith::ConstantOp::create(b, b.getI32IntegerAttr(int32_t(value)));
}

static uint32_t twice(uint32_t half) { return half << 16 | half; }

static Value shiftRight(ImplicitLocOpBuilder &b, Value word, int64_t by) {
  return by ? arith::ShRUIOp::create(b, word, constant(b, by)).getResult()
            : word;
}

/// (word & mask) and then `other`, in one instruction.
static Value maskWord(ImplicitLocOpBuilder &b, Value word, uint32_t mask,
                      uint32_t other, unsigned table) {
  return emitAsm(
      b,
      llvm::formatv("lop3.b32 $0, $1, {0:x}, {1:x}, {2:x};", mask, other, table)
          .str(),
      word);
}

/// Bytes of a word and of a constant, as the four digits of `selector` say.
static Value permute(ImplicitLocOpBuilder &b, Value word, uint32_t other,
                     uint32_t selector) {
  return emitAsm(
      b, llvm::formatv("prmt.b32 $0, $1, {0:x}, {1:x};", other, selector).str(),
      word);
}

static VectorType getPair(OpBuilder &b, MmaKind kind) {
  return VectorType::get(2, kind == MmaKind::F16 ? Type(b.getF16Type())
                                                 : Type(b.getBF16Type()));
}

static Value splat(ImplicitLocOpBuilder &b, VectorType type, double value) {
  APFloat number(value);
  bool isInexact = false;
  number.convert(cast<FloatType>(type.getElementType()).getFloatSemantics(),
                 APFloat::rmNearestTiesToEven, &isInexact);
  assert(!isInexact && "no number of the type");
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, number));
}

/// `register` * factor + offset on both halves.
static Value multiplyAdd(ImplicitLocOpBuilder &b, Value bits, double factor,
                         double offset, MmaKind kind) {
  VectorType pair = getPair(b, kind);
  Value number = LLVM::BitcastOp::create(b, pair, bits);
  // bf16 has no sum of its own before sm_90.
  if (factor == 1 && kind == MmaKind::F16)
    number = arith::AddFOp::create(b, number, splat(b, pair, offset));
  else
    number = LLVM::FMAOp::create(b, number, splat(b, pair, factor),
                                 splat(b, pair, offset));
  return LLVM::BitcastOp::create(b, b.getI32Type(), number);
}

/// Bytes to bf16, which has not enough digits for the trick of the others: two
/// f32, of 2^23 and the byte, are rounded.
static Value unpackBytesToBF16(ImplicitLocOpBuilder &b, Value word,
                               int64_t field, int64_t bias) {
  SmallVector<Value> numbers;
  for (int64_t half : {0, 1}) {
    Value bits =
        permute(b, word, 0x4b000000, 0x7540 | uint32_t(2 * half + field));
    Value number = arith::BitcastOp::create(b, b.getF32Type(), bits);
    Value offset =
        arith::ConstantOp::create(b, b.getF32FloatAttr(8388608.0 + bias));
    numbers.push_back(arith::SubFOp::create(b, number, offset));
  }
  Value both = vector::FromElementsOp::create(
      b, VectorType::get(2, b.getF32Type()), numbers);
  both = arith::TruncFOp::create(b, getPair(b, MmaKind::BF16), both);
  return LLVM::BitcastOp::create(b, b.getI32Type(), both);
}

Value mlir::compress::unpackIntegers(ImplicitLocOpBuilder &b, Value word,
                                     CodeFields fields, int64_t field,
                                     int64_t bias, MmaKind kind) {
  unsigned bits = fields.bits;
  if (bits == 8 && kind == MmaKind::BF16)
    return unpackBytesToBF16(b, word, field, bias);
  // A code among the digits of 2^digits is added to it.
  int64_t digits = kind == MmaKind::F16 ? 10 : 7;
  uint32_t one = kind == MmaKind::F16 ? 0x6400 : 0x4300;
  if (bits == 8) {
    // Upper bytes of 2^10, whose lower ones are zero, above each byte.
    Value sum = permute(b, word, twice(one), field ? 0x5351 : 0x5250);
    return multiplyAdd(b, sum, 1, -(1024.0 + bias), kind);
  }
  // Fields that lie among the digits need no shift, but are multiplied.
  int64_t position = fields.getPosition(field), shift = 0;
  for (int64_t i = 0; i <= field; ++i)
    if (fields.getPosition(i) + bits > shift + digits)
      shift = fields.getPosition(i);
  int64_t left = position - shift;
  Value sum = maskWord(b, shiftRight(b, word, shift),
                       twice(((1u << bits) - 1) << left), twice(one), kAndOr);
  double scale = 1.0 / (1 << left);
  return multiplyAdd(b, sum, scale, -(scale * (1 << digits) + bias), kind);
}

Value mlir::compress::unpackSigns(ImplicitLocOpBuilder &b, Value word,
                                  CodeFields fields, int64_t field,
                                  MmaKind kind) {
  // The sign of -1, inverted by a bit that is set.
  Value moved = word;
  if (int64_t left = 15 - fields.getPosition(field))
    moved = arith::ShLIOp::create(b, word, constant(b, left));
  return maskWord(b, moved, twice(0x8000),
                  twice(kind == MmaKind::F16 ? 0xbc00 : 0xbf80), kAndXor);
}

int64_t mlir::compress::getByteShift(ByteCodes codes, unsigned bits) {
  switch (codes) {
  case ByteCodes::Unsigned:
    return 0;
  case ByteCodes::InvertedSigns:
    return 8 - bits;
  case ByteCodes::PlusMinusOne:
    return 6;
  }
  llvm_unreachable("unknown codes");
}

Value mlir::compress::unpackBytes(ImplicitLocOpBuilder &b, Value word,
                                  CodeFields fields, ByteCodes codes,
                                  int64_t field) {
  unsigned bits = fields.bits;
  Value bytes = word;
  if (bits < 8) {
    int64_t base = codes == ByteCodes::Unsigned ? 0 : 8 - bits;
    uint32_t mask = ((1u << bits) - 1) << base;
    // Left is positive. What comes from the other half is masked.
    auto move = [&](int64_t by, uint32_t kept) {
      Value moved =
          by > 0 ? arith::ShLIOp::create(b, word, constant(b, by)).getResult()
                 : shiftRight(b, word, -by);
      return arith::AndIOp::create(b, moved, constant(b, twice(kept)));
    };
    bytes = arith::OrIOp::create(
        b, move(base - fields.getPosition(field), mask),
        move(base + 8 - fields.getPosition(field + 1), mask << 8));
  }
  if (codes == ByteCodes::Unsigned)
    return bytes;
  // A bit of -1 and 1 is the sign, and one below it is set: -64 and 64.
  uint32_t flip = codes == ByteCodes::InvertedSigns ? 0x80808080u : 0xc0c0c0c0u;
  return arith::XOrIOp::create(b, bytes, constant(b, flip));
}

/// Codes of floats with sign and the rest moved to the places that they have in
/// larger ones, which are side by side in a word: those of `signs` and `rest`.
/// Left is positive. What comes from codes beside them is masked.
static Value moveFloats(ImplicitLocOpBuilder &b, Value word, int64_t signBy,
                        uint32_t signs, int64_t restBy, uint32_t rest) {
  auto shift = [&](int64_t by) -> Value {
    return by > 0 ? arith::ShLIOp::create(b, word, constant(b, by)).getResult()
                  : shiftRight(b, word, -by);
  };
  if (signBy == restBy)
    return arith::AndIOp::create(b, shift(restBy), constant(b, signs | rest));
  Value moved = arith::AndIOp::create(b, shift(restBy), constant(b, rest));
  return emitAsm(
      b,
      llvm::formatv("lop3.b32 $0, $1, {0:x}, $2, {1:x};", signs, kAndOr).str(),
      {shift(signBy), moved});
}

static const llvm::fltSemantics &getSemantics(MmaKind kind) {
  return kind == MmaKind::F16 ? APFloat::IEEEhalf() : APFloat::BFloat();
}

/// Digits behind the point.
static int64_t getDigits(const llvm::fltSemantics &semantics) {
  return APFloat::semanticsPrecision(semantics) - 1;
}

SmallVector<Value> mlir::compress::unpackFloats(ImplicitLocOpBuilder &b,
                                                Value word, FloatType type,
                                                MmaKind kind) {
  int64_t bits = type.getWidth();
  // How far up the last digit goes.
  int64_t up =
      getDigits(getSemantics(kind)) - getDigits(type.getFloatSemantics());
  uint32_t rest = ((1u << (bits - 1)) - 1) << up;
  SmallVector<Value> fields(16 / bits);
  if (bits == 4 && up >= 8) {
    // All that is not zero is in the upper byte: four codes at once, and then
    // bytes to their places.
    uint32_t upper = rest >> 8;
    for (int64_t position : {0, 4}) {
      Value bytes = moveFloats(b, word, 4 - position, 0x80808080,
                               up - 8 - position, twice(upper << 8 | upper));
      fields[position / 4] = permute(b, bytes, 0, 0x2404);
      fields[position / 4 + 2] = permute(b, bytes, 0, 0x3414);
    }
    return fields;
  }
  for (auto [i, field] : llvm::enumerate(fields)) {
    int64_t position = i * bits;
    field = moveFloats(b, word, 16 - bits - position, twice(0x8000),
                       up - position, twice(rest));
  }
  return fields;
}

double mlir::compress::getFloatUnit(FloatType type, MmaKind kind) {
  // The exponent of 1 is the bias.
  auto getBias = [](const llvm::fltSemantics &semantics) {
    APFloat one(semantics, "1");
    return int64_t(one.bitcastToAPInt().getZExtValue() >> getDigits(semantics));
  };
  return std::ldexp(1.0, getBias(getSemantics(kind)) -
                             getBias(type.getFloatSemantics()));
}

Value mlir::compress::multiplyFloats(ImplicitLocOpBuilder &b, Value pair,
                                     double factor, MmaKind kind) {
  VectorType type = getPair(b, kind);
  // Factors may be larger than the largest number.
  double most = std::ldexp(1.0, getMaxExponent(kind));
  while (factor != 1) {
    double part = std::min(factor, most);
    Value number =
        LLVM::BitcastOp::create(b, b.getI32Type(), splat(b, type, part));
    pair = emitPairProduct(b, kind, pair, number);
    factor /= part;
  }
  return pair;
}

int64_t mlir::compress::getMaxExponent(MmaKind kind) {
  return APFloat::semanticsMaxExponent(getSemantics(kind));
}

Value mlir::compress::repeatHalf(ImplicitLocOpBuilder &b, Value pair,
                                 int64_t half) {
  return permute(b, pair, 0, half ? 0x3232 : 0x1010);
}

/// A register with two of a number in f32, rounded.
static Value toPair(ImplicitLocOpBuilder &b, Value number, MmaKind kind) {
  Value both = vector::FromElementsOp::create(
      b, VectorType::get(2, b.getF32Type()), ValueRange{number, number});
  both = arith::TruncFOp::create(b, getPair(b, kind), both);
  return LLVM::BitcastOp::create(b, b.getI32Type(), both);
}

Value mlir::compress::powerToPair(ImplicitLocOpBuilder &b, Value power,
                                  int64_t shift, MmaKind kind) {
  auto constant = [&](double value) -> Value {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(value));
  };
  if (shift)
    power = arith::MulFOp::create(b, power, constant(std::ldexp(1.0, shift)));
  double most = std::ldexp(1.0, getMaxExponent(kind));
  if (kind == MmaKind::F16) {
    // They are positive, so that their bits are in the same order.
    Value bits = arith::BitcastOp::create(b, b.getI32Type(), power);
    Value last = arith::BitcastOp::create(b, b.getI32Type(), constant(most));
    bits = arith::MinUIOp::create(b, bits, last);
    power = arith::BitcastOp::create(b, b.getF32Type(), bits);
  }
  return toPair(b, power, kind);
}

std::pair<Value, Value> mlir::compress::splitToPairs(ImplicitLocOpBuilder &b,
                                                     Value number,
                                                     MmaKind kind) {
  Value high = toPair(b, number, kind);
  Value rounded = LLVM::BitcastOp::create(b, getPair(b, kind), high);
  rounded = vector::ExtractOp::create(b, rounded, 0);
  rounded = arith::ExtFOp::create(b, b.getF32Type(), rounded);
  Value rest = arith::SubFOp::create(b, number, rounded);
  return {high, toPair(b, rest, kind)};
}

Value mlir::compress::negatedToPair(ImplicitLocOpBuilder &b, Value byte,
                                    bool isSigned, MmaKind kind) {
  Value number =
      isSigned ? arith::SIToFPOp::create(b, b.getF32Type(), byte).getResult()
               : arith::UIToFPOp::create(b, b.getF32Type(), byte).getResult();
  return toPair(b, arith::NegFOp::create(b, number), kind);
}
