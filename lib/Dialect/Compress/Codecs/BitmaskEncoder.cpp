//===- BitmaskEncoder.cpp - data and presets of bit masks -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PresetBlocks.h"
#include "SparseSupport.h"
#include "compress/Algorithms/Bitmask.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"

using namespace mlir;
using namespace mlir::compress;

static algorithms::BitmaskShape getShape(BitmaskAttr codec,
                                         RankedTensorType logical) {
  algorithms::BitmaskShape shape;
  for (int64_t size : logical.getShape().drop_back())
    shape.rows *= size;
  shape.columns = logical.getShape().back();
  shape.keep = codec.getKeep();
  shape.width = logical.getElementTypeBitWidth() / 8;
  shape.block = codec.getRows();
  return shape;
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

static std::optional<algorithms::SparseError>
fillMask(BitmaskAttr codec, const WeightView &weight,
         const algorithms::BitmaskShape &shape, MutableArrayRef<uint8_t> mask) {
  ArrayRef<uint8_t> source = asBytes(weight.data);
  std::optional<algorithms::FloatKind> kind =
      getFloatKind(weight.type.getElementType());
  if (codec.getKeep())
    return algorithms::selectLargestOfRows(source, *kind, shape, mask);
  if (FloatAttr density = codec.getDensity())
    return algorithms::selectLargest(source, *kind, shape,
                                     density.getValueAsDouble(), mask);
  if (kind)
    if (auto error = algorithms::findNonFinite(*kind, source))
      return error;
  if (!algorithms::selectNonZero(source, shape, mask))
    return algorithms::SparseError{
        algorithms::SparseError::Kind::InvalidArgument};
  return std::nullopt;
}

namespace {
/// Keeps the largest magnitudes, or all that is not zero.
class BitmaskMagnitudeEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "magnitude"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<BitmaskAttr>(codecAttr);
    algorithms::BitmaskShape shape = getShape(codec, weight.type);
    if (!shape.isValid())
      return context.emitError() << "cannot be stored as " << codec;
    AsmResourceBlob mask = allocateBlob(shape.rows * shape.getRowBytes());
    if (auto error = fillMask(codec, weight, shape, asMutableBytes(mask)))
      return reportEncoding(*error, codec, weight.type, context.emitError());
    int64_t count = algorithms::countValues(shape, asBytes(mask.getData()));
    AsmResourceBlob values = allocateBlob(count * shape.width);
    AsmResourceBlob offsets = allocateBlob(shape.getOffsetBytes());
    if (!algorithms::gatherValues(
            asBytes(weight.data), shape, asBytes(mask.getData()),
            asMutableBytes(values), asMutableBytes(offsets)))
      return context.emitError() << "cannot be stored as " << codec;
    SmallVector<StorageComponent> storage = codec.getStorage(weight.type);
    auto valueType = cast<RankedTensorType>(storage[1].type);
    if (!codec.getKeep())
      valueType = valueType.clone({count});
    std::vector<EncodedComponent> result;
    result.push_back({storage[0].type, std::move(mask), {}});
    result.push_back({valueType, std::move(values), {}});
    if (!codec.getKeep())
      result.push_back({storage[2].type, std::move(offsets), {}});
    return result;
  }
};
} // namespace

static ArrayRef<uint8_t> getOffsets(ArrayRef<ArrayRef<char>> components) {
  return components.size() > 2 ? asBytes(components[2]) : ArrayRef<uint8_t>();
}

void BitmaskAttr::decodeData(RankedTensorType logical,
                             ArrayRef<ArrayRef<char>> components, int64_t begin,
                             MutableArrayRef<char> out) const {
  bool decoded = algorithms::decodeBitmask(
      getShape(*this, logical), asBytes(components[0]), asBytes(components[1]),
      getOffsets(components), begin,
      {reinterpret_cast<uint8_t *>(out.data()), out.size()});
  assert(decoded && "the codec and its data were verified");
  (void)decoded;
}

LogicalResult
BitmaskAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                        RankedTensorType logical,
                        ArrayRef<ArrayRef<char>> leaves) const {
  if (auto error = algorithms::validateBitmask(
          getShape(*this, logical), getFloatKind(logical.getElementType()),
          asBytes(leaves[0]), asBytes(leaves[1]),
          getOffsets(leaves))) // bitmask_c9, bitmask_c10, bitmask_c11
    return reportStorage(*error, *this, emitError());
  return success();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

CodecAttrInterface
BitmaskAttr::getTiledCodec(RankedTensorType logical,
                           const algorithms::TileLayout &layout) const {
  // Elements of other widths are not moved.
  if (logical.getElementTypeBitWidth() < 16)
    return nullptr;
  SmallVector<int64_t, 8> shape = layout.getShape(logical.getShape());
  // Rows of one tile share an offset.
  int64_t rows = shape.size() - logical.getRank() > 1 ? shape.rbegin()[1] : 1;
  return get(getContext(), /*keep=*/std::nullopt, /*density=*/FloatAttr(),
             rows);
}

std::vector<EncodedComponent>
BitmaskAttr::relayout(RankedTensorType logical,
                      const algorithms::TileLayout &layout,
                      ArrayRef<ArrayRef<char>> leaves) const {
  auto type = RankedTensorType::get(layout.getShape(logical.getShape()),
                                    logical.getElementType());
  auto tiled = cast<BitmaskAttr>(getTiledCodec(logical, layout));
  algorithms::BitmaskShape from = getShape(*this, logical),
                           to = getShape(tiled, type);
  AsmResourceBlob mask = allocateBlob(to.rows * to.getRowBytes()),
                  offsets = allocateBlob(to.getOffsetBytes());
  std::vector<uint8_t> indices(4 * logical.getNumElements()),
      tiledIndices(4 * type.getNumElements());
  algorithms::indexValues(from, asBytes(leaves[0]), getOffsets(leaves),
                          indices);
  if (logical.getNumElements() != 0)
    algorithms::moveElements(logical.getShape(), 4, layout, indices,
                             tiledIndices);
  algorithms::maskIndices(to, tiledIndices, asMutableBytes(mask));
  int64_t count = algorithms::countValues(to, asBytes(mask.getData()));
  AsmResourceBlob values = allocateBlob(count * to.width);
  algorithms::gatherIndices(to, tiledIndices, asBytes(leaves[1]),
                            asMutableBytes(values), asMutableBytes(offsets));
  SmallVector<StorageComponent> storage = tiled.getStorage(type);
  std::vector<EncodedComponent> result;
  result.push_back({storage[0].type, std::move(mask), {}});
  result.push_back({cast<RankedTensorType>(storage[1].type).clone({count}),
                    std::move(values),
                    {}});
  result.push_back({storage[2].type, std::move(offsets), {}});
  return result;
}

//===----------------------------------------------------------------------===//
// Presets
//===----------------------------------------------------------------------===//

/// Clears `percent` of each row.
template <int64_t percent>
static CodecAttrInterface buildRows(RankedTensorType type, ArrayRef<DimRole>) {
  int64_t columns = type.getRank() ? type.getShape().back() : 0;
  // Split, so that the product stays small.
  int64_t cleared = columns / 100 * percent + columns % 100 * percent / 100;
  return BitmaskAttr::get(type.getContext(), columns - cleared, FloatAttr(),
                          /*rows=*/1);
}

/// Prefix codes of a component in streams of the given rows of the weight.
static Attribute codeRows(RankedTensorType component, ArrayRef<int64_t> rows) {
  SmallVector<int64_t> box(rows);
  if (!box.empty())
    box.back() = std::max<int64_t>(component.getShape().back(), 1);
  return HuffmanAttr::get(component.getContext(), 12, box, HuffmanSplit::None);
}

/// The three steps of Deep Compression (Han, Mao and Dally, 2016): a quarter of
/// the values, in 16 shared ones, with prefix codes of pairs of indices and of
/// the mask. All that one stream holds is in one tile.
static CodecAttrInterface buildDeepCompression(RankedTensorType type,
                                               ArrayRef<DimRole> roles) {
  CodecAttrInterface mask = buildRows<75>(type, roles);
  // No rows; the codec's own rules will say so.
  if (type.getRank() == 0)
    return mask;
  SmallVector<int64_t> row(type.getRank(), 1);
  row.back() = std::max<int64_t>(type.getShape().back(), 1);
  SmallVector<int64_t> rows = growBox(type, row);

  Builder b(type.getContext());
  SmallVector<StorageComponent> parts = mask.getStorage(type);
  auto values = cast<RankedTensorType>(parts[1].type);
  SmallVector<int64_t> whole;
  for (int64_t size : values.getShape())
    whole.push_back(std::max<int64_t>(size, 1));
  auto palette = PaletteAttr::get(
      b.getContext(), /*bits=*/4, whole, b.getF16Type(), /*dim=*/1,
      /*scale=*/Type(), /*block=*/ArrayRef<int64_t>());
  StorageComponent indices = palette.getStorage(values)[0];
  auto coded = NestedAttr::get(
      b.getContext(), palette,
      b.getDictionaryAttr(b.getNamedAttr(
          indices.name, codeRows(cast<RankedTensorType>(indices.type), rows))));
  return NestedAttr::get(
      b.getContext(), mask,
      b.getDictionaryAttr(
          {b.getNamedAttr(
               parts[0].name,
               codeRows(cast<RankedTensorType>(parts[0].type), rows)),
           b.getNamedAttr(parts[1].name, coded)}));
}

void mlir::compress::registerBitmaskEncoders(CodecRegistry &registry) {
  registry.addEncoder<BitmaskAttr>(std::make_unique<BitmaskMagnitudeEncoder>());
  registry.addPreset({"bitmask50",
                      "50 % zeros in each row, smallest magnitudes",
                      buildRows<50>});
  registry.addPreset({"bitmask75",
                      "75 % zeros in each row, smallest magnitudes",
                      buildRows<75>});
  registry.addPreset({"bitmask90",
                      "90 % zeros in each row, smallest magnitudes",
                      buildRows<90>});
  registry.addPreset({"deep-compression",
                      "75 % zeros in each row, indices into 16 f16 values per "
                      "tensor for the rest, prefix codes",
                      buildDeepCompression});
}
