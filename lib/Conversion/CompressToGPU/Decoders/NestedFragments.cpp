//===- NestedFragments.cpp - fragments of codecs in codecs ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes are those of the base; what belongs to blocks is decoded by the codec
// of its component. Values of a base that stores values are up to the base.
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"

using namespace mlir;
using namespace mlir::compress;

namespace {
struct NestedFragmentDecoder
    : FragmentDecoderInterface::ExternalModel<NestedFragmentDecoder,
                                              NestedAttr> {
  std::optional<FragmentCodes> getFragmentCodes(Attribute attr,
                                                RankedTensorType logical,
                                                unsigned columnDim) const {
    auto codec = cast<NestedAttr>(attr);
    auto base = dyn_cast<FragmentDecoderInterface>(codec.getBase());
    if (!base)
      return std::nullopt;
    Attribute values;
    for (const StorageComponent &part : codec.getBase().getStorage(logical)) {
      Attribute nested = codec.getComponents().get(part.name);
      if (part.role == ComponentRole::Values) {
        values = nested;
        continue;
      }
      auto decoder = dyn_cast_if_present<FragmentDecoderInterface>(nested);
      if (nested && (!decoder || !decoder.hasRows() ||
                     part.role == ComponentRole::Codes ||
                     part.role == ComponentRole::Metadata))
        return std::nullopt;
    }
    return values ? base.getCodesOfValues(logical, columnDim, values)
                  : base.getFragmentCodes(logical, columnDim);
  }

  std::string explainNoCodes(Attribute attr, RankedTensorType logical,
                             unsigned columnDim, Attribute) const {
    auto codec = cast<NestedAttr>(attr);
    auto base = dyn_cast<FragmentDecoderInterface>(codec.getBase());
    if (!base)
      return "";
    Attribute values;
    for (const StorageComponent &part : codec.getBase().getStorage(logical))
      if (part.role == ComponentRole::Values)
        values = codec.getComponents().get(part.name);
    return base.explainNoCodes(logical, columnDim, values);
  }

  FragmentFormat getFragmentFormat(Attribute attr, const FragmentWeight &weight,
                                   MmaKind kind) const {
    return getBase(attr).getFragmentFormat(weight, kind);
  }

  SmallVector<Value> emitFragment(Attribute attr, OpBuilder &b, Location loc,
                                  const FragmentWeight &weight,
                                  const FragmentPlace &place, ValueRange words,
                                  int64_t rowTile, int64_t step, MmaKind kind,
                                  ValueRange factors) const {
    return getBase(attr).emitFragment(b, loc, weight, place, words, rowTile,
                                      step, kind, factors);
  }

  std::optional<FragmentFormat> getScaledFormat(Attribute attr,
                                                const FragmentWeight &weight,
                                                MmaKind kind) const {
    return getBase(attr).getScaledFormat(weight, kind);
  }

  int64_t getTableBytes(Attribute attr, const FragmentWeight &weight,
                        int64_t tileRows) const {
    return getBase(attr).getTableBytes(weight, tileRows);
  }

  void emitTable(Attribute attr, OpBuilder &b, Location loc,
                 const FragmentWeight &weight, const FragmentPlace &first,
                 int64_t tileRows, Value thread, int64_t numThreads,
                 MmaKind kind) const {
    getBase(attr).emitTable(b, loc, weight, first, tileRows, thread, numThreads,
                            kind);
  }

  FragmentMetadata emitMetadata(Attribute attr, OpBuilder &b, Location loc,
                                const FragmentWeight &weight,
                                const FragmentPlace &place, int64_t rowTile,
                                int64_t step, MmaKind kind) const {
    return getBase(attr).emitMetadata(b, loc, weight, place, rowTile, step,
                                      kind);
  }

  std::optional<MmaKind> getByteKind(Attribute attr,
                                     const FragmentWeight &weight) const {
    return getBase(attr).getByteKind(weight);
  }

  SmallVector<Value> emitFactors(Attribute attr, OpBuilder &b, Location loc,
                                 const FragmentWeight &weight,
                                 const FragmentPlace &place,
                                 MmaKind kind) const {
    return getBase(attr).emitFactors(b, loc, weight, place, kind);
  }

  RowScales emitRowScales(Attribute attr, OpBuilder &b, Location loc,
                          const FragmentWeight &weight,
                          const FragmentPlace &place) const {
    return getBase(attr).emitRowScales(b, loc, weight, place);
  }

private:
  static FragmentDecoderInterface getBase(Attribute attr) {
    return cast<FragmentDecoderInterface>(cast<NestedAttr>(attr).getBase());
  }
};
} // namespace

void mlir::compress::registerNestedFragmentDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    NestedAttr::attachInterface<NestedFragmentDecoder>(*context);
  });
}
