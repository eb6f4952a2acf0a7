//===- QuantFragments.cpp - fragments of quantized codes ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodesToFloats.h"
#include "FragmentLayout.h"
#include "compress/Conversion/CompressToGPU/Mma.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace mlir::compress;

static ByteCodes getByteCodes(QuantAttr codec) {
  if (codec.getCodeKind() == algorithms::CodeKind::Binary)
    return ByteCodes::PlusMinusOne;
  return codec.isSigned() ? ByteCodes::InvertedSigns : ByteCodes::Unsigned;
}

static bool isByteKind(MmaKind kind) {
  return algorithms::getMmaShape(kind).a.getElementBits() == 8;
}

namespace {
struct QuantFragmentDecoder
    : FragmentDecoderInterface::ExternalModel<QuantFragmentDecoder, QuantAttr> {
  std::optional<FragmentCodes>
  getFragmentCodes(Attribute attr, RankedTensorType, unsigned columnDim) const {
    auto codec = cast<QuantAttr>(attr);
    auto isKnown = [](Type type) {
      return !type || type.isF32() || type.isF16() || type.isBF16() ||
             type.isInteger(8) || isa<Float8E8M0FNUType>(type);
    };
    if (!isKnown(codec.getScale()) || !isKnown(codec.getZero()) ||
        !isKnown(codec.getMin()))
      return std::nullopt;
    FragmentCodes codes = {codec.getCodeBits(), codec.getBlock()[columnDim]};
    codes.hasOffsets = codec.getZero() || codec.getMin();
    // Kernels want codes that are not negative.
    for (unsigned bit = codes.bits; codec.isSigned() && bit <= 8;
         bit += codes.bits)
      codes.flip |= 1 << (bit - 1);
    return codes;
  }

  FragmentFormat getFragmentFormat(Attribute attr, const FragmentWeight &weight,
                                   MmaKind kind) const {
    auto codec = cast<QuantAttr>(attr);
    FragmentFormat format;
    int64_t block = codec.getBlock()[weight.getColumnDim()];
    if (block < weight.logical.getDimSize(weight.getColumnDim()))
      format.tilesPerBlock = block / weight.getTileColumns();
    format.hasScale = true;
    format.hasZero = bool(codec.getZero());
    format.hasMin = bool(codec.getMin());
    FloatType type = codec.getFloatCodeType();
    if (isByteKind(kind)) {
      if (!type)
        format.byteShift =
            getByteShift(getByteCodes(codec), codec.getCodeBits());
    } else if (type) {
      double unit = getFloatUnit(type, kind);
      if (getFactors(attr, weight)) {
        format.tilesPerFactor = format.tilesPerBlock
                                    ? format.tilesPerBlock
                                    : weight.getTilesPerRecord();
        format.tilesPerBlock = 0;
        format.unit = std::ldexp(unit, -getFactorExponent(kind));
      } else if (kind == MmaKind::F16) {
        format.unit = unit;
      }
    }
    return format;
  }

  std::optional<FragmentFormat> getScaledFormat(Attribute attr,
                                                const FragmentWeight &weight,
                                                MmaKind kind) const {
    auto codec = cast<QuantAttr>(attr);
    FragmentFormat format = getFragmentFormat(attr, weight, kind);
    if (!format.tilesPerBlock || !hasTypeOfValues(weight, kind))
      return std::nullopt;
    // Factors that are of another type would be rounded before the product is.
    Type element = weight.logical.getElementType();
    auto isExact = [&](unsigned component) {
      auto type = dyn_cast<RankedTensorType>(
          weight.getInner().getStorage(weight.getTiled())[component].type);
      return type && type.getElementType() == element;
    };
    bool hasLow = hasLowFactors(codec, weight, kind);
    if (!isExact(1) && !hasLow && !hasPowers(codec, kind))
      return std::nullopt;
    if (codec.getMin() && !(isExact(1) && isExact(2)))
      return std::nullopt;
    // A difference of codes and zeros has to be one of the type.
    if (codec.getZero() &&
        (!codec.getZero().isInteger(8) ||
         (kind == MmaKind::BF16 && codec.getCodeBits() == 8)))
      return std::nullopt;
    format.tilesPerFactor = format.tilesPerBlock;
    // A product for each register, a sum with zeros, another product with
    // scales that are sums, and one to divide codes by what powers are
    // multiplied by; powers take 10 for two rows of a block, and sums 8.
    int64_t columns = format.tilesPerFactor * weight.getTileColumns();
    format.factorCost = codec.getZero() ? 8 : 4;
    if (hasPowers(codec, kind))
      format.factorCost += (kind == MmaKind::F16 ? 4 : 0) + 10 * 16 / columns;
    else if (hasLow)
      format.factorCost += 4 + 8 * 16 / columns;
    format.tilesPerBlock = 0;
    format.hasScale = format.hasZero = format.hasMin = false;
    format.unit = 1;
    return format;
  }

  SmallVector<Value> emitFragment(Attribute attr, OpBuilder &builder,
                                  Location loc, const FragmentWeight &weight,
                                  const FragmentPlace &, ValueRange words,
                                  int64_t rowTile, int64_t step, MmaKind kind,
                                  ValueRange factors) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    unsigned bits = codec.getCodeBits();
    FragmentLayout layout = FragmentLayout::of(bits, weight);
    CodeFields fields = layout.getFields();
    bool isBinary = codec.getCodeKind() == algorithms::CodeKind::Binary;
    int64_t bias = codec.isSigned() ? int64_t(1) << (bits - 1) : 0;
    SmallVector<Value> registers;
    auto scale = [&](SmallVector<Value> &registers) {
      if (!factors.empty())
        RowFactors::of(factors, weight, hasLowFactors(codec, weight, kind),
                       bool(codec.getZero()))
            .apply(b, registers, rowTile, kind);
    };
    if (kind == MmaKind::B1) {
      // Of a word, bytes take turns between the lower and upper 8 rows.
      for (unsigned reg = 0; reg < 4; ++reg) {
        unsigned row = reg % 2, first = reg / 2 * 2;
        registers.push_back(emitPermute(b, words[first], words[first + 1],
                                        {row, row + 2, row + 4, row + 6}));
      }
      return registers;
    }
    if (isByteKind(kind)) {
      // Registers have 16 columns each. Floats of 8 bits are as they are.
      for (int64_t reg = 0; reg < 4; ++reg) {
        auto [word, field] =
            layout.getField(rowTile, 2 * step + reg / 2, reg % 2);
        registers.push_back(codec.getFloatCodeType()
                                ? words[word]
                                : unpackBytes(b, words[word], fields,
                                              getByteCodes(codec), field));
      }
      return registers;
    }
    if (FloatType type = codec.getFloatCodeType()) {
      SmallVector<SmallVector<Value>> unpacked(words.size());
      for (int64_t reg = 0; reg < 4; ++reg) {
        auto [word, field] = layout.getField(rowTile, step, reg);
        if (unpacked[word].empty())
          unpacked[word] = unpackFloats(b, words[word], type, kind);
        registers.push_back(unpacked[word][field]);
      }
      double unit = getFragmentUnit(attr, weight, kind, !factors.empty());
      for (Value &pair : registers)
        pair = multiplyFloats(b, pair, unit, kind);
      scale(registers);
      return registers;
    }
    for (int64_t reg = 0; reg < 4; ++reg) {
      auto [word, field] = layout.getField(rowTile, step, reg);
      if (isBinary)
        registers.push_back(unpackSigns(b, words[word], fields, field, kind));
      else
        registers.push_back(
            unpackIntegers(b, words[word], fields, field, bias, kind));
    }
    scale(registers);
    return registers;
  }

  std::optional<MmaKind> getByteKind(Attribute attr,
                                     const FragmentWeight &weight) const {
    auto codec = cast<QuantAttr>(attr);
    if (weight.getTileColumns() % algorithms::getMmaShape(MmaKind::S8).k)
      return std::nullopt;
    if (FloatType type = codec.getFloatCodeType()) {
      if (isa<Float8E4M3FNType>(type))
        return MmaKind::E4M3;
      if (isa<Float8E5M2Type>(type))
        return MmaKind::E5M2;
      return std::nullopt;
    }
    // Of 8 bits without signs, bytes have all the bits.
    bool isWide =
        codec.getCodeBits() == 8 && getByteCodes(codec) == ByteCodes::Unsigned;
    return isWide ? MmaKind::U8 : MmaKind::S8;
  }

  SmallVector<Value> emitFactors(Attribute attr, OpBuilder &builder,
                                 Location loc, const FragmentWeight &weight,
                                 const FragmentPlace &place,
                                 MmaKind kind) const {
    ImplicitLocOpBuilder b(loc, builder);
    if (!getFactors(attr, weight))
      return emitScales(b, cast<QuantAttr>(attr), weight, place, kind);
    auto type = Float8E4M3FNType::get(b.getContext());
    double unit = std::ldexp(getFloatUnit(type, kind), getFactorExponent(kind));
    SmallVector<Value> factors;
    Value last;
    SmallVector<Value> pairs;
    for (auto [word, byte] : loadRowBytes(b, weight, place, /*leaf=*/1)) {
      if (word != last) {
        pairs = unpackFloats(b, word, type, kind);
        for (Value &pair : pairs)
          pair = multiplyFloats(b, pair, unit, kind);
        last = word;
      }
      factors.push_back(repeatHalf(b, pairs[byte % 2], byte / 2));
    }
    return factors;
  }

  bool hasSigns(Attribute attr, const FragmentWeight &weight) const {
    auto codec = cast<QuantAttr>(attr);
    int64_t columns = weight.logical.getDimSize(weight.getColumnDim());
    return codec.getCodeKind() == algorithms::CodeKind::Binary &&
           !codec.getZero() && !codec.getMin() &&
           codec.getBlock()[weight.getColumnDim()] >= columns &&
           weight.getTileColumns() == algorithms::getMmaShape(MmaKind::B1).k;
  }

  RowScales emitRowScales(Attribute attr, OpBuilder &builder, Location loc,
                          const FragmentWeight &weight,
                          const FragmentPlace &place) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    if (CompressedTensorType factors = getFactors(attr, weight)) {
      unsigned leaf = 2;
      return {emitComponent(b, weight, place, factors.getStorage()[1].type,
                            /*isSigned=*/false, leaf),
              {},
              {}};
    }
    SmallVector<StorageComponent> components =
        weight.getInner().getStorage(weight.getTiled());
    unsigned leaf = 1;
    auto load = [&](unsigned component) {
      return emitComponent(b, weight, place, components[component].type,
                           codec.isSigned(), leaf);
    };
    RowScales scales;
    scales.scale = load(1);
    if (codec.getZero())
      scales.zero = load(2);
    if (codec.getMin())
      scales.min = load(2);
    return scales;
  }

  bool hasRows(Attribute) const { return true; }

  SmallVector<Value> emitRows(Attribute attr, OpBuilder &builder, Location loc,
                              const FragmentWeight &weight,
                              const FragmentPlace &place,
                              RankedTensorType component,
                              unsigned &leaf) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    SmallVector<StorageComponent> components = codec.getStorage(component);
    // One code a byte: nothing follows it along the innermost dimension.
    SmallVector<Value> rows = loadRows(b, weight, place, leaf++);
    auto load = [&](unsigned i) {
      return emitComponent(b, weight, place, components[i].type,
                           codec.isSigned(), leaf);
    };
    SmallVector<Value> scales = load(1), offsets;
    if (codec.getZero() || codec.getMin())
      offsets = load(2);
    for (auto [i, row] : llvm::enumerate(rows)) {
      Value code = arith::ExtUIOp::create(b, b.getI32Type(), row);
      if (codec.isSigned()) {
        Value up = arith::ConstantOp::create(
            b, b.getI32IntegerAttr(32 - codec.getCodeBits()));
        code =
            arith::ShRSIOp::create(b, arith::ShLIOp::create(b, code, up), up);
      }
      row = codec.buildCodeValue(b, loc, code);
      if (codec.getZero())
        row = arith::SubFOp::create(b, row, offsets[i]);
      row = arith::MulFOp::create(b, scales[i], row);
      if (codec.getMin())
        row = arith::AddFOp::create(b, row, offsets[i]);
    }
    return rows;
  }

private:
  /// Scales that are 8-bit floats, of which all columns share what they are
  /// multiplied by: products with 4-bit floats are exact, so these are factors
  /// (the scales of NVFP4).
  static CompressedTensorType getFactors(Attribute attr,
                                         const FragmentWeight &weight) {
    auto codec = cast<QuantAttr>(attr);
    auto scales = dyn_cast<CompressedTensorType>(
        weight.getInner().getStorage(weight.getTiled())[1].type);
    auto factors = scales ? dyn_cast<QuantAttr>(scales.getCodec()) : nullptr;
    if (!factors || factors.getZero() || factors.getMin() ||
        !isa_and_present<Float8E4M3FNType>(factors.getFloatCodeType()) ||
        !isa_and_present<Float4E2M1FNType>(codec.getFloatCodeType()))
      return nullptr;
    auto shared = dyn_cast<RankedTensorType>(scales.getStorage()[1].type);
    if (!shared || shared.getDimSize(weight.logical.getRank() - 1) != 1)
      return nullptr;
    return scales;
  }

  /// Whether factors are scales that are sums of two numbers.
  static bool hasLowFactors(QuantAttr codec, const FragmentWeight &weight,
                            MmaKind kind) {
    return hasLowScales(codec.getScale(), kind) &&
           isa<RankedTensorType>(
               weight.getInner().getStorage(weight.getTiled())[1].type);
  }

  /// Whether scales are powers of two, of which a type of kernels has those
  /// whose products with codes it has.
  static bool hasPowers(QuantAttr codec, MmaKind kind) {
    FloatType type = codec.getFloatCodeType();
    if (!isa_and_present<Float8E8M0FNUType>(codec.getScale()) || !type)
      return false;
    return kind == MmaKind::BF16 || isa<Float4E2M1FNType>(type);
  }

  /// Powers are multiplied by that power of two, of which codes are divided:
  /// those for f16 such that it has all of which a product is less than its
  /// largest number.
  static int64_t getPowerShift(QuantAttr codec, MmaKind kind) {
    return kind == MmaKind::F16 && hasPowers(codec, kind) ? -1 : 0;
  }

  /// What codes of floats, with their bits in the places of the kernel's type,
  /// are multiplied by, beside their factors.
  static double getFragmentUnit(Attribute attr, const FragmentWeight &weight,
                                MmaKind kind, bool hasFactors) {
    auto codec = cast<QuantAttr>(attr);
    double unit = getFloatUnit(codec.getFloatCodeType(), kind);
    if (getFactors(attr, weight))
      return 1;
    if (hasFactors)
      return std::ldexp(unit, -getPowerShift(codec, kind));
    // In the range of bf16 they are so small that products may be lost.
    return kind == MmaKind::BF16 ? unit : 1;
  }

  /// Scales, and zeros or minima, as factors of numbers.
  static SmallVector<Value> emitScales(ImplicitLocOpBuilder &b, QuantAttr codec,
                                       const FragmentWeight &weight,
                                       const FragmentPlace &place,
                                       MmaKind kind) {
    RowFactors factors;
    unsigned leaf = 1;
    if (hasPowers(codec, kind)) {
      Type stored = weight.getInner().getStorage(weight.getTiled())[1].type;
      for (Value power : emitComponent(b, weight, place, stored,
                                       /*isSigned=*/false, leaf))
        factors.scale.push_back(
            powerToPair(b, power, getPowerShift(codec, kind), kind));
    } else {
      factors.loadScales(b, weight, place, codec.getScale(), leaf++, kind);
    }
    if (codec.getMin())
      factors.min = loadRowPairs(b, weight, place, leaf);
    if (codec.getZero())
      for (Value zero : loadRows(b, weight, place, leaf))
        factors.minusZero.push_back(
            negatedToPair(b, zero, codec.isSigned(), kind));
    return factors.flatten();
  }

  /// Factors are multiplied by that power of two: then products of the largest
  /// ones, below 2^9, are numbers of the type, and those of the smallest ones.
  static int64_t getFactorExponent(MmaKind kind) {
    return getMaxExponent(kind) - 8;
  }
};
} // namespace

void mlir::compress::registerQuantFragmentDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    QuantAttr::attachInterface<QuantFragmentDecoder>(*context);
  });
}
