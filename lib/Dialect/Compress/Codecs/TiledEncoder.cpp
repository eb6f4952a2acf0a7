//===- TiledEncoder.cpp - data in tiles -----------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"

using namespace mlir;
using namespace mlir::compress;

std::vector<EncodedComponent>
TiledAttr::pack(RankedTensorType logical,
                ArrayRef<ArrayRef<char>> leaves) const {
  std::vector<EncodedComponent> parts =
      getBase().relayout(logical, getLayout(), leaves);
  SmallVector<const EncodedComponent *> moved;
  collectEncodedLeaves(parts, moved);
  std::vector<EncodedComponent> result;
  auto keep = [&](const EncodedComponent &part) {
    result.push_back(
        {part.type, std::move(const_cast<EncodedComponent &>(part).data), {}});
  };
  std::optional<Records> records = getRecords(logical);
  if (!records) {
    for (const EncodedComponent *part : moved)
      keep(*part);
    return result;
  }
  SmallVector<ArrayRef<uint8_t>> arrays;
  SmallVector<algorithms::RecordPart> places;
  for (auto [part, place] : llvm::zip_equal(moved, records->parts))
    if (place) {
      arrays.push_back(asBytes(part->data.getData()));
      places.push_back(*place);
    }
  AsmResourceBlob stream =
      allocateBlob(records->rows * records->count * records->bytes);
  algorithms::interleave(places, records->rows, records->count, records->bytes,
                         arrays, asMutableBytes(stream));
  result.push_back({getStorage(logical)[0].type, std::move(stream), {}});
  for (auto [part, place] : llvm::zip_equal(moved, records->parts))
    if (!place)
      keep(*part);
  return result;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {
/// Encodes with base's encoder, then moves what that stores into tiles.
class TiledEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "tiled"; }
  bool supports(StringRef) const override { return true; }

  std::string describe(CodecAttrInterface codec,
                       const EncodeContext &context) const override {
    return describeBase(cast<TiledAttr>(codec).getBase(), context);
  }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<TiledAttr>(codecAttr);
    auto encoded = encodeTensor(weight, codec.getBase(), context);
    if (failed(encoded))
      return failure();
    SmallVector<const EncodedComponent *> parts;
    collectEncodedLeaves(*encoded, parts);
    SmallVector<ArrayRef<char>> leaves;
    for (const EncodedComponent *part : parts)
      leaves.push_back(part->data.getData());
    return codec.pack(weight.type, leaves);
  }
};
} // namespace

void mlir::compress::registerTiledEncoders(CodecRegistry &registry) {
  registry.addEncoder<TiledAttr>(std::make_unique<TiledEncoder>());
}
