//===- Base3Decoder.cpp - ternary codes in base 3 for integer kernels -----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// int8: a byte is five digits, each a code plus one. Where there are tables of
// bytes, one has the lower four digits, two bits each; else they are divided
// out, the highest one first.
//
//===----------------------------------------------------------------------===//

#include "IntegerLayout.h"
#include "compress/Algorithms/Trits.h"
#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;
using namespace mlir::compress;

static Value splat(ImplicitLocOpBuilder &b, VectorType type, int64_t value) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, APInt(8, value)));
}

/// Whether bytes are `limit` at least.
static Value isAtLeast(ImplicitLocOpBuilder &b, Value bytes, int64_t limit) {
  return arith::CmpIOp::create(
      b, arith::CmpIPredicate::uge, bytes,
      splat(b, cast<VectorType>(bytes.getType()), limit));
}

/// The highest digit of numbers below 3 * `power`.
static Value getHighest(ImplicitLocOpBuilder &b, Value bytes, int64_t power) {
  Type type = bytes.getType();
  return arith::AddIOp::create(
      b, arith::ExtUIOp::create(b, type, isAtLeast(b, bytes, power)),
      arith::ExtUIOp::create(b, type, isAtLeast(b, bytes, 2 * power)));
}

namespace {
struct Base3TileDecoder
    : TileDecoderInterface::ExternalModel<Base3TileDecoder, Base3Attr> {
  std::optional<algorithms::TileLayout> getKernelLayout(Attribute,
                                                        RankedTensorType,
                                                        unsigned, unsigned,
                                                        ComputeMode) const {
    return std::nullopt;
  }

  SmallVector<Value> prepare(Attribute, OpBuilder &, Location, TiledAttr,
                             ValueRange) const {
    llvm_unreachable("no layout of its own");
  }

  SmallVector<Value> emitTile(Attribute, OpBuilder &, Location,
                              const ByteInstructions &, RankedTensorType,
                              ValueRange, ValueRange) const {
    llvm_unreachable("no layout of its own");
  }

  std::optional<PackedFields> getPackedFields(Attribute, unsigned bits,
                                              bool isSigned) const {
    if (bits != 2 || !isSigned)
      return std::nullopt;
    return PackedFields{/*bias=*/1, {0, 2, 4, 6, 0}};
  }

  SmallVector<Value> emitPackedFields(Attribute, OpBuilder &builder,
                                      Location loc,
                                      const ByteInstructions &instructions,
                                      Value stored, bool shifted) const {
    ImplicitLocOpBuilder b(loc, builder);
    return instructions.hasByteTables()
               ? lookUpFields(b, instructions, stored, shifted)
               : divideFields(b, stored, shifted);
  }

private:
  static constexpr int64_t kDigits = algorithms::kTritsPerByte;
  static constexpr int64_t kHighest = 81; // 3^4

  static SmallVector<Value> lookUpFields(ImplicitLocOpBuilder &b,
                                         const ByteInstructions &instructions,
                                         Value stored, bool shifted) {
    SmallVector<uint8_t> entries;
    for (int64_t byte = 0; byte < 256; ++byte) {
      uint8_t fields = 0;
      for (int64_t digit = 0, rest = byte; digit < kDigits - 1;
           ++digit, rest /= 3)
        fields |= rest % 3 << (2 * digit);
      entries.push_back(fields);
    }
    Value table = arith::ConstantOp::create(
        b, DenseElementsAttr::get(VectorType::get(256, b.getI8Type()),
                                  ArrayRef<uint8_t>(entries)));
    Value all = instructions.lookUpBytes(b, b.getLoc(), table, stored);
    auto type = cast<VectorType>(stored.getType());
    SmallVector<Value> fields;
    for (int64_t digit = 0; digit < kDigits - 1; ++digit) {
      unsigned shift = 2 * digit;
      Value codes = all;
      if (!shifted && shift)
        codes = shiftBytes(b, b.getLoc(), codes, shift);
      fields.push_back(arith::AndIOp::create(
          b, codes, splat(b, type, shifted ? 3 << shift : 3)));
    }
    fields.push_back(getHighest(b, stored, kHighest));
    return fields;
  }

  static SmallVector<Value> divideFields(ImplicitLocOpBuilder &b, Value stored,
                                         bool shifted) {
    auto type = cast<VectorType>(stored.getType());
    SmallVector<Value> fields(kDigits);
    Value rest = stored;
    for (int64_t digit = kDigits - 1, power = kHighest; digit > 0;
         --digit, power /= 3) {
      fields[digit] = getHighest(b, rest, power);
      for (int64_t times : {2, 1}) {
        Value isMore = isAtLeast(b, rest, times * power);
        rest = arith::SubIOp::create(
            b, rest,
            arith::SelectOp::create(b, isMore, splat(b, type, times * power),
                                    splat(b, type, 0)));
      }
    }
    fields[0] = rest;
    for (int64_t digit = 1; shifted && digit < kDigits - 1; ++digit)
      for (int64_t bit = 0; bit < 2 * digit; ++bit)
        fields[digit] = arith::AddIOp::create(b, fields[digit], fields[digit]);
    return fields;
  }
};
} // namespace

void mlir::compress::registerBase3TileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    Base3Attr::attachInterface<Base3TileDecoder>(*context);
  });
}
