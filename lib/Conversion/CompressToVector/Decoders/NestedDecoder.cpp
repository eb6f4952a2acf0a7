//===- NestedDecoder.cpp - tiles of codecs with compressed components -----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// int8: codes are those of base, whose decoder reads its other components
// through their decoders. Codes that are compressed again are fields of bytes
// that their codec takes apart. Where base stores few elements, codes are those
// of its values.
//
//===----------------------------------------------------------------------===//

#include "SparseIntegers.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
struct NestedTileDecoder
    : TileDecoderInterface::ExternalModel<NestedTileDecoder, NestedAttr> {
  std::optional<algorithms::TileLayout>
  getKernelLayout(Attribute attr, RankedTensorType logical, unsigned laneDim,
                  unsigned stepDim, ComputeMode compute) const {
    auto codec = cast<NestedAttr>(attr);
    if (compute != ComputeMode::Int8)
      return std::nullopt;
    if (sparse_integers::isSparse(codec))
      return sparse_integers::getLayout(codec, logical, laneDim, stepDim);
    return getIntegerLayout(codec, logical, laneDim, stepDim);
  }

  SmallVector<Value> prepare(Attribute, OpBuilder &, Location, TiledAttr,
                             ValueRange) const {
    llvm_unreachable("no layout for f32");
  }

  SmallVector<Value> emitTile(Attribute, OpBuilder &, Location,
                              const ByteInstructions &, RankedTensorType,
                              ValueRange, ValueRange) const {
    llvm_unreachable("no layout for f32");
  }

  std::optional<IntegerCodes> getIntegerCodes(Attribute attr,
                                              RankedTensorType logical) const {
    auto codec = cast<NestedAttr>(attr);
    auto base = dyn_cast<TileDecoderInterface>(codec.getBase());
    if (!base)
      return std::nullopt;
    std::optional<IntegerCodes> codes = base.getIntegerCodes(logical);
    if (!codes)
      return std::nullopt;
    for (const StorageComponent &part : codec.getBase().getStorage(logical)) {
      Attribute nested = codec.getComponents().get(part.name);
      if (!nested)
        continue;
      auto decoder = dyn_cast<TileDecoderInterface>(nested);
      if (!decoder)
        return std::nullopt;
      if (part.role != ComponentRole::Codes) {
        if (!decoder.hasLanes())
          return std::nullopt;
        continue;
      }
      auto packed = decoder.getPackedFields(codes->bits, codes->isSigned);
      if (!packed)
        return std::nullopt;
      codes->isSigned = false;
      codes->fields = packed->shifts.size();
    }
    return codes;
  }

  SmallVector<Value> prepareIntegers(Attribute attr, OpBuilder &b, Location loc,
                                     const IntegerWeight &weight,
                                     ValueRange components) const {
    if (sparse_integers::isSparse(cast<NestedAttr>(attr)))
      return sparse_integers::prepare(b, loc, weight, components);
    return getBase(attr).prepareIntegers(b, loc, weight, components);
  }

  IntegerFormat getIntegerFormat(Attribute attr,
                                 const IntegerWeight &weight) const {
    if (sparse_integers::isSparse(cast<NestedAttr>(attr)))
      return sparse_integers::getFormat(cast<NestedAttr>(attr), weight);
    IntegerFormat format = getBase(attr).getIntegerFormat(weight);
    if (auto codec = getCodesDecoder(attr, weight)) {
      IntegerCodes codes = *getIntegerCodes(attr, weight.logical);
      IntegerFormat ofFields = compress::getIntegerFormat(weight, codes);
      auto packed = *codec.getPackedFields(codes.bits, /*isSigned=*/true);
      format.bias = packed.bias;
      format.vectorsPerTile = ofFields.vectorsPerTile;
      format.shifts = packed.shifts;
    }
    return format;
  }

  SmallVector<CodeGroup> emitIntegerVector(Attribute attr, OpBuilder &b,
                                           Location loc,
                                           const IntegerWeight &weight,
                                           const TilePosition &position,
                                           int64_t vector, bool shifted) const {
    if (sparse_integers::isSparse(cast<NestedAttr>(attr)))
      return sparse_integers::emitVector(b, loc, cast<NestedAttr>(attr), weight,
                                         position, vector, shifted);
    TileDecoderInterface codec = getCodesDecoder(attr, weight);
    if (!codec)
      return getBase(attr).emitIntegerVector(b, loc, weight, position, vector,
                                             shifted);
    auto bytes = VectorType::get(4 * kLanes, b.getI8Type());
    Value stored = loadBytes(b, loc, weight, position, /*leaf=*/0,
                             vector * bytes.getNumElements(), bytes);
    int64_t vectors = getIntegerFormat(attr, weight).vectorsPerTile;
    SmallVector<CodeGroup> groups;
    for (auto [field, codes] : llvm::enumerate(codec.emitPackedFields(
             b, loc, weight.instructions, stored, shifted)))
      groups.push_back({codes, int64_t(field) * vectors + vector});
    return groups;
  }

  IntegerScales emitIntegerScales(Attribute attr, OpBuilder &b, Location loc,
                                  const IntegerWeight &weight,
                                  const TilePosition &position) const {
    if (sparse_integers::isSparse(cast<NestedAttr>(attr)))
      return sparse_integers::emitScales(b, loc, cast<NestedAttr>(attr), weight,
                                         position);
    return getBase(attr).emitIntegerScales(b, loc, weight, position);
  }

private:
  static TileDecoderInterface getBase(Attribute attr) {
    return cast<TileDecoderInterface>(cast<NestedAttr>(attr).getBase());
  }

  /// The decoder of codes that are compressed again, or null.
  static TileDecoderInterface getCodesDecoder(Attribute attr,
                                              const IntegerWeight &weight) {
    auto codec = cast<NestedAttr>(attr);
    for (const StorageComponent &part :
         codec.getBase().getStorage(weight.logical))
      if (part.role == ComponentRole::Codes)
        return dyn_cast_or_null<TileDecoderInterface>(
            codec.getComponents().get(part.name));
    return nullptr;
  }
};
} // namespace

void mlir::compress::registerNestedTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    NestedAttr::attachInterface<NestedTileDecoder>(*context);
  });
}
