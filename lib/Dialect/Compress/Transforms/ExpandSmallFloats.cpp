//===- ExpandSmallFloats.cpp - compress-expand-small-floats ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formats are those of the OCP specifications: "8-bit Floating Point
// (OFP8)", 2023, and "Microscaling Formats (MX)", 2023.
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include <cmath>

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSEXPANDSMALLFLOATS
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;

namespace {
/// A format of a sign, an exponent and a mantissa, from the top.
struct SignedFormat {
  int width, mantissa;
  int bias;
  /// The first magnitude that is an infinity or a NaN: these have an exponent
  /// of ones in f32. 1 << (width - 1) where all are finite.
  uint32_t nonFinite;

  int getExponent() const { return width - 1 - mantissa; }
};

/// Builds arithmetic on scalars or on vectors of one shape.
class Arithmetic {
public:
  Arithmetic(ImplicitLocOpBuilder &b, Type like)
      : b(b), shape(dyn_cast<VectorType>(like)), i32(withShape(b.getI32Type())),
        f32(withShape(b.getF32Type())) {}

  Type withShape(Type element) {
    return shape ? Type(shape.clone(element)) : element;
  }
  Value integer(uint32_t value) {
    return constant(i32, b.getI32IntegerAttr(int32_t(value)));
  }
  Value real(float value) { return constant(f32, b.getF32FloatAttr(value)); }
  Value asInteger(Value value) {
    return arith::BitcastOp::create(b, i32, value);
  }
  Value asReal(Value value) { return arith::BitcastOp::create(b, f32, value); }
  Value isAtLeast(Value lhs, uint32_t rhs) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::uge, lhs,
                                 integer(rhs));
  }

private:
  Value constant(Type type, TypedAttr element) {
    if (shape)
      element = DenseElementsAttr::get(cast<ShapedType>(type), element);
    return arith::ConstantOp::create(b, element);
  }

  ImplicitLocOpBuilder &b;
  VectorType shape; // null for scalars

public:
  const Type i32, f32;
};
} // namespace

static constexpr int kF32Mantissa = 23, kF32Exponent = 8, kF32Bias = 127;
static constexpr uint32_t kF32Sign = 0x80000000, kF32Infinity = 0x7f800000;

static std::optional<SignedFormat> getSignedFormat(Type element) {
  if (isa<Float8E4M3FNType>(element))
    return SignedFormat{8, 3, 7, 0x7f};
  if (isa<Float8E5M2Type>(element))
    return SignedFormat{8, 2, 15, 0x7c};
  if (isa<Float4E2M1FNType>(element))
    return SignedFormat{4, 1, 1, 0x8};
  return std::nullopt;
}

/// The value of `bits`, codes of `format` in i32, as f32. The fields go where
/// f32 has them; the difference of the biases is a factor, which makes
/// subnormals right too.
static Value widen(ImplicitLocOpBuilder &b, Arithmetic &a, Value bits,
                   const SignedFormat &format) {
  int top = 32 - format.width;
  Value code = arith::ShLIOp::create(b, bits, a.integer(top));
  Value fields = arith::ShRSIOp::create(
      b, code, a.integer(kF32Exponent - format.getExponent()));
  uint32_t magnitude = ((1u << (format.width - 1)) - 1)
                       << (kF32Mantissa - format.mantissa);
  fields = arith::AndIOp::create(b, fields, a.integer(kF32Sign | magnitude));
  Value value = arith::MulFOp::create(
      b, a.asReal(fields), a.real(std::ldexp(1.0f, kF32Bias - format.bias)));
  if (format.nonFinite >> (format.width - 1))
    return value;
  Value isNonFinite =
      a.isAtLeast(arith::AndIOp::create(b, code, a.integer(~kF32Sign)),
                  format.nonFinite << top);
  Value nonFinite = arith::OrIOp::create(b, fields, a.integer(kF32Infinity));
  return arith::SelectOp::create(b, isNonFinite, a.asReal(nonFinite), value);
}

/// The value of `bits`, codes of f8E8M0FNU in i32, as f32: the exponent alone,
/// where 0 is 2^-127, a subnormal of f32, and 255 a NaN.
static Value widenExponent(ImplicitLocOpBuilder &b, Arithmetic &a, Value bits) {
  constexpr uint32_t kHalf = 1u << (kF32Mantissa - 1);
  Value shifted = arith::ShLIOp::create(b, bits, a.integer(kF32Mantissa));
  Value finite = arith::MaxUIOp::create(b, shifted, a.integer(kHalf));
  return a.asReal(arith::SelectOp::create(
      b, a.isAtLeast(bits, 255), a.integer(kF32Infinity | kHalf), finite));
}

/// Codes of `format`, in i32, for f32 `value`.
static Value narrow(ImplicitLocOpBuilder &b, Arithmetic &a, Value value,
                    const SignedFormat &format) {
  Value bits = a.asInteger(value);
  Value magnitude = arith::AndIOp::create(b, bits, a.integer(~kF32Sign));
  // Normal values: half of the last place that stays is added, less one where
  // that place is even already.
  int dropped = kF32Mantissa - format.mantissa;
  Value place = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, magnitude, a.integer(dropped)),
      a.integer(1));
  Value rounded =
      arith::AddIOp::create(b, arith::AddIOp::create(b, magnitude, place),
                            a.integer((1u << (dropped - 1)) - 1));
  int rebias = kF32Bias - format.bias;
  Value normal = arith::SubIOp::create(
      b, arith::ShRUIOp::create(b, rounded, a.integer(dropped)),
      a.integer(uint32_t(rebias) << format.mantissa));
  normal = arith::MinUIOp::create(b, normal, a.integer(format.nonFinite));
  // Subnormal ones: a sum whose last place is that of the format's subnormals
  // rounds to it.
  Value base = a.real(
      std::ldexp(1.0f, kF32Mantissa + 1 - format.bias - format.mantissa));
  Value sum = arith::AddFOp::create(b, a.asReal(magnitude), base);
  Value subnormal =
      arith::SubIOp::create(b, a.asInteger(sum), a.asInteger(base));
  uint32_t smallest = uint32_t(rebias + 1) << kF32Mantissa;
  Value code = arith::SelectOp::create(b, a.isAtLeast(magnitude, smallest),
                                       normal, subnormal);
  uint32_t nan = (1u << (format.width - 1)) - 1;
  if (format.nonFinite != nan)
    code = arith::SelectOp::create(b, a.isAtLeast(magnitude, kF32Infinity + 1),
                                   a.integer(nan), code);
  Value sign = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, bits, a.integer(32 - format.width)),
      a.integer(1u << (format.width - 1)));
  return arith::OrIOp::create(b, code, sign);
}

/// `value` as `type`, a float type of another width.
static Value convert(ImplicitLocOpBuilder &b, Value value, Type type) {
  unsigned from = getElementTypeOrSelf(value).getIntOrFloatBitWidth();
  unsigned to = getElementTypeOrSelf(type).getIntOrFloatBitWidth();
  if (from < to)
    return arith::ExtFOp::create(b, type, value);
  return from > to ? arith::TruncFOp::create(b, type, value).getResult()
                   : value;
}

namespace {
struct ExpandExtF : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    Type from = op.getIn().getType(), element = getElementTypeOrSelf(from);
    std::optional<SignedFormat> format = getSignedFormat(element);
    if (isa<TensorType>(from) || (!format && !isa<Float8E8M0FNUType>(element)))
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Arithmetic a(b, from);
    Type integer = b.getIntegerType(element.getIntOrFloatBitWidth());
    Value bits = arith::ExtUIOp::create(
        b, a.i32,
        arith::BitcastOp::create(b, a.withShape(integer), op.getIn()));
    Value value =
        format ? widen(b, a, bits, *format) : widenExponent(b, a, bits);
    rewriter.replaceOp(op, convert(b, value, op.getType()));
    return success();
  }
};

struct ExpandTruncF : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type from = op.getIn().getType(),
         element = getElementTypeOrSelf(op.getType());
    std::optional<SignedFormat> format = getSignedFormat(element);
    // From f64, f32 in between would round twice; f4 has no code for a NaN.
    if (isa<TensorType>(from) || !format || format->width != 8 ||
        getElementTypeOrSelf(from).getIntOrFloatBitWidth() > 32 ||
        op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
            arith::RoundingMode::to_nearest_even)
      return failure();
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Arithmetic a(b, from);
    Value code = narrow(b, a, convert(b, op.getIn(), a.f32), *format);
    Value bits = arith::TruncIOp::create(b, a.withShape(b.getI8Type()), code);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), bits);
    return success();
  }
};

struct ExpandSmallFloatsPass
    : compress::impl::CompressExpandSmallFloatsBase<ExpandSmallFloatsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExtF, ExpandTruncF>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};
} // namespace
