//===- NestedDecoder.cpp - tiles of codecs with compressed components -----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// int8: codes are those of base, whose decoder reads its other components
// through their decoders.
//
//===----------------------------------------------------------------------===//

#include "IntegerLayout.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
struct NestedTileDecoder
    : TileDecoderInterface::ExternalModel<NestedTileDecoder, NestedAttr> {
  std::optional<algorithms::TileLayout>
  getKernelLayout(Attribute attr, RankedTensorType logical, unsigned laneDim,
                  unsigned stepDim, ComputeMode compute) const {
    if (compute != ComputeMode::Int8)
      return std::nullopt;
    return getIntegerLayout(cast<NestedAttr>(attr), logical, laneDim, stepDim);
  }

  SmallVector<Value> prepare(Attribute, OpBuilder &, Location, TiledAttr,
                             ValueRange) const {
    llvm_unreachable("no layout for f32");
  }

  SmallVector<Value> emitTile(Attribute, OpBuilder &, Location,
                              RankedTensorType, ValueRange, ValueRange) const {
    llvm_unreachable("no layout for f32");
  }

  std::optional<IntegerCodes> getIntegerCodes(Attribute attr,
                                              RankedTensorType logical) const {
    auto codec = cast<NestedAttr>(attr);
    auto base = dyn_cast<TileDecoderInterface>(codec.getBase());
    if (!base)
      return std::nullopt;
    for (NamedAttribute component : codec.getComponents()) {
      auto decoder = dyn_cast<TileDecoderInterface>(component.getValue());
      if (!decoder || !decoder.hasLanes())
        return std::nullopt;
    }
    // Codes are read as they are stored.
    for (const StorageComponent &part : codec.getBase().getStorage(logical))
      if (part.role == ComponentRole::Codes &&
          codec.getComponents().get(part.name))
        return std::nullopt;
    return base.getIntegerCodes(logical);
  }

  SmallVector<Value> prepareIntegers(Attribute attr, OpBuilder &b, Location loc,
                                     const IntegerWeight &weight,
                                     ValueRange components) const {
    return getBase(attr).prepareIntegers(b, loc, weight, components);
  }

  IntegerFormat getIntegerFormat(Attribute attr,
                                 const IntegerWeight &weight) const {
    return getBase(attr).getIntegerFormat(weight);
  }

  SmallVector<CodeGroup> emitIntegerVector(Attribute attr, OpBuilder &b,
                                           Location loc,
                                           const IntegerWeight &weight,
                                           const TilePosition &position,
                                           int64_t vector, bool shifted) const {
    return getBase(attr).emitIntegerVector(b, loc, weight, position, vector,
                                           shifted);
  }

  IntegerScales emitIntegerScales(Attribute attr, OpBuilder &b, Location loc,
                                  const IntegerWeight &weight,
                                  const TilePosition &position) const {
    return getBase(attr).emitIntegerScales(b, loc, weight, position);
  }

private:
  static TileDecoderInterface getBase(Attribute attr) {
    return cast<TileDecoderInterface>(cast<NestedAttr>(attr).getBase());
  }
};
} // namespace

void mlir::compress::registerNestedTileDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    NestedAttr::attachInterface<NestedTileDecoder>(*context);
  });
}
