//===- QuantFragments.cpp - fragments of quantized codes ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodesToFloats.h"
#include "FragmentLayout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace mlir::compress;

static ByteCodes getByteCodes(QuantAttr codec) {
  if (codec.getCodeKind() == algorithms::CodeKind::Binary)
    return ByteCodes::PlusMinusOne;
  return codec.isSigned() ? ByteCodes::InvertedSigns : ByteCodes::Unsigned;
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
    // Kernels want codes that are not negative.
    for (unsigned bit = codes.bits; codec.isSigned() && bit <= 8;
         bit += codes.bits)
      codes.flip |= 1 << (bit - 1);
    return codes;
  }

  FragmentFormat getFragmentFormat(Attribute attr,
                                   const FragmentWeight &weight) const {
    auto codec = cast<QuantAttr>(attr);
    FragmentFormat format;
    int64_t block = codec.getBlock()[weight.getColumnDim()];
    if (block < weight.logical.getDimSize(weight.getColumnDim()))
      format.tilesPerBlock = block / weight.getTileColumns();
    format.hasScale = true;
    format.hasZero = bool(codec.getZero());
    format.hasMin = bool(codec.getMin());
    if (!codec.getFloatCodeType())
      format.byteShift = getByteShift(getByteCodes(codec), codec.getCodeBits());
    return format;
  }

  SmallVector<Value> emitFragment(Attribute attr, OpBuilder &builder,
                                  Location loc, const FragmentWeight &weight,
                                  ValueRange words, int64_t rowTile,
                                  int64_t step, MmaKind kind) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    unsigned bits = codec.getCodeBits();
    FragmentLayout layout = FragmentLayout::of(bits, weight);
    bool isBinary = codec.getCodeKind() == algorithms::CodeKind::Binary;
    int64_t bias = codec.isSigned() ? int64_t(1) << (bits - 1) : 0;
    SmallVector<Value> registers;
    if (kind == MmaKind::S8 || kind == MmaKind::U8) {
      // Registers have 16 columns each.
      for (int64_t reg = 0; reg < 4; ++reg) {
        auto [word, field] =
            layout.getField(rowTile, 2 * step + reg / 2, reg % 2);
        registers.push_back(
            unpackBytes(b, words[word], bits, getByteCodes(codec), field));
      }
      return registers;
    }
    for (int64_t reg = 0; reg < 4; ++reg) {
      auto [word, field] = layout.getField(rowTile, step, reg);
      if (FloatType type = codec.getFloatCodeType())
        registers.push_back(unpackFloats(b, words[word], type, field, kind));
      else if (isBinary)
        registers.push_back(unpackSigns(b, words[word], field, kind));
      else
        registers.push_back(
            unpackIntegers(b, words[word], bits, field, bias, kind));
    }
    return registers;
  }

  std::optional<MmaKind> getByteKind(Attribute attr,
                                     const FragmentWeight &weight) const {
    auto codec = cast<QuantAttr>(attr);
    if (codec.getFloatCodeType() ||
        weight.getTileColumns() % algorithms::getMmaShape(MmaKind::S8).k)
      return std::nullopt;
    // Of 8 bits without signs, bytes have all the bits.
    bool isWide =
        codec.getCodeBits() == 8 && getByteCodes(codec) == ByteCodes::Unsigned;
    return isWide ? MmaKind::U8 : MmaKind::S8;
  }

  RowScales emitRowScales(Attribute attr, OpBuilder &builder, Location loc,
                          const FragmentWeight &weight,
                          const FragmentPlace &place) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
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
};
} // namespace

void mlir::compress::registerQuantFragmentDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    QuantAttr::attachInterface<QuantFragmentDecoder>(*context);
  });
}
