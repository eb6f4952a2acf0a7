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

namespace {
struct QuantFragmentDecoder
    : FragmentDecoderInterface::ExternalModel<QuantFragmentDecoder, QuantAttr> {
  std::optional<algorithms::TileLayout>
  getFragmentLayout(Attribute attr, RankedTensorType logical, unsigned rowDim,
                    unsigned columnDim) const {
    auto codec = cast<QuantAttr>(attr);
    auto isKnown = [](Type type) {
      return !type || type.isF32() || type.isF16() || type.isBF16() ||
             type.isInteger(8);
    };
    if (!isKnown(codec.getScale()) || !isKnown(codec.getZero()) ||
        !isKnown(codec.getMin()))
      return std::nullopt;
    // Kernels want codes that are not negative.
    unsigned bits = codec.getCodeBits();
    uint8_t flip = 0;
    for (unsigned bit = bits; codec.isSigned() && bit <= 8; bit += bits)
      flip |= 1 << (bit - 1);
    return compress::getFragmentLayout(codec, logical, rowDim, columnDim, bits,
                                       codec.getBlock()[columnDim], flip);
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

  RowScales emitRowScales(Attribute attr, OpBuilder &builder, Location loc,
                          const FragmentWeight &weight,
                          const FragmentPlace &place) const {
    auto codec = cast<QuantAttr>(attr);
    ImplicitLocOpBuilder b(loc, builder);
    auto load = [&](unsigned leaf) {
      SmallVector<Value> rows = loadRows(b, weight, place, leaf);
      for (Value &row : rows) {
        Type f32 = b.getF32Type();
        if (row.getType().isInteger())
          row = codec.isSigned()
                    ? arith::SIToFPOp::create(b, f32, row).getResult()
                    : arith::UIToFPOp::create(b, f32, row).getResult();
        else if (!row.getType().isF32())
          row = arith::ExtFOp::create(b, f32, row);
      }
      return rows;
    };
    RowScales scales;
    scales.scale = load(1);
    if (codec.getZero())
      scales.zero = load(2);
    if (codec.getMin())
      scales.min = load(2);
    return scales;
  }
};
} // namespace

void mlir::compress::registerQuantFragmentDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    QuantAttr::attachInterface<QuantFragmentDecoder>(*context);
  });
}
