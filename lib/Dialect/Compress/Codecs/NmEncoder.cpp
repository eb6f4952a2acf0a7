//===- NmEncoder.cpp - data and presets of N:M sparsity -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PresetBlocks.h"
#include "SparseSupport.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"

using namespace mlir;
using namespace mlir::compress;

static algorithms::NmShape getShape(NmAttr codec, RankedTensorType logical) {
  algorithms::NmShape shape;
  shape.shape.assign(logical.getShape().begin(), logical.getShape().end());
  shape.axis = codec.getAxis();
  shape.kept = codec.getKept();
  shape.group = codec.getGroup();
  return shape;
}

static algorithms::PackedNmShape getPackedShape(NmAttr codec,
                                                RankedTensorType logical) {
  return {getShape(codec, logical),
          llvm::SmallVector<int64_t, 8>(codec.getPositions())};
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

/// Positions in the order that the codec wants.
static AsmResourceBlob orderPositions(AsmResourceBlob metadata, NmAttr codec,
                                      RankedTensorType logical) {
  if (codec.getPositions().empty() || metadata.getData().empty())
    return metadata;
  algorithms::PackedNmShape shape = getPackedShape(codec, logical);
  AsmResourceBlob packed = allocateBlob(shape.getNumBytes());
  algorithms::packNmPositions(shape, asBytes(metadata.getData()),
                              asMutableBytes(packed));
  return packed;
}

namespace {
/// Keeps the largest magnitudes of each group.
class NmMagnitudeEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "magnitude"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<NmAttr>(codecAttr);
    algorithms::NmShape shape = getShape(codec, weight.type);
    algorithms::FloatKind kind = *getFloatKind(weight.type.getElementType());
    std::optional<algorithms::NmSizes> sizes = algorithms::computeSizes(shape);
    if (!sizes)
      return context.emitError() << "cannot be stored as " << codec;
    AsmResourceBlob values =
        allocateBlob(sizes->numValues * algorithms::getByteWidth(kind));
    AsmResourceBlob metadata = allocateBlob(sizes->metadataBytes);
    if (auto error = algorithms::encodeNmMagnitude(
            asBytes(weight.data), kind, shape, asMutableBytes(values),
            asMutableBytes(metadata)))
      return reportEncoding(*error, codec, weight.type, context.emitError());
    SmallVector<StorageComponent> storage = codec.getStorage(weight.type);
    std::vector<EncodedComponent> result;
    result.push_back({storage[0].type, std::move(values), {}});
    result.push_back({storage[1].type,
                      orderPositions(std::move(metadata), codec, weight.type),
                      {}});
    return result;
  }
};
} // namespace

void NmAttr::decodeData(RankedTensorType logical,
                        ArrayRef<ArrayRef<char>> components, int64_t begin,
                        MutableArrayRef<char> out) const {
  algorithms::FloatKind kind = *getFloatKind(logical.getElementType());
  ArrayRef<uint8_t> values = asBytes(components[0]);
  ArrayRef<uint8_t> metadata = asBytes(components[1]);
  MutableArrayRef<uint8_t> bytes(reinterpret_cast<uint8_t *>(out.data()),
                                 out.size());
  bool decoded =
      getPositions().empty()
          ? algorithms::decodeNm(getShape(*this, logical), kind, values,
                                 metadata, begin, bytes)
          : algorithms::decodePackedNm(getPackedShape(*this, logical), kind,
                                       values, metadata, begin, bytes);
  assert(decoded && "the codec and its data were verified");
  (void)decoded;
}

LogicalResult NmAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                                 RankedTensorType logical,
                                 ArrayRef<ArrayRef<char>> leaves) const {
  algorithms::FloatKind kind = *getFloatKind(logical.getElementType());
  auto error =
      getPositions().empty()
          ? algorithms::validateNm(getShape(*this, logical), kind,
                                   asBytes(leaves[0]), asBytes(leaves[1]))
          : algorithms::validatePackedNm(getPackedShape(*this, logical), kind,
                                         asBytes(leaves[0]),
                                         asBytes(leaves[1]));
  if (error) // nm_c6, nm_c7, nm_c8
    return reportStorage(*error, *this, emitError());
  return success();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// Where the factor of tiles that groups lie in is in `layout.split`; nothing
/// where tiles cut groups.
static std::optional<size_t>
findGroupFactor(NmAttr codec, const algorithms::TileLayout &layout) {
  size_t next = 0;
  for (int64_t dim = 0; dim <= codec.getAxis(); ++dim) {
    int64_t extent = layout.tile[dim];
    size_t last;
    do {
      extent /= layout.split[next];
      last = next++;
    } while (extent != 1);
    if (dim == codec.getAxis() && layout.split[last] % codec.getGroup() == 0)
      return last;
  }
  return std::nullopt;
}

/// The same with `split`, which is the extents where there is none.
static algorithms::TileLayout withSplit(algorithms::TileLayout layout) {
  if (layout.split.empty()) {
    layout.split.assign(layout.tile.begin(), layout.tile.end());
    layout.inside.assign(layout.order.begin(), layout.order.end());
  }
  return layout;
}

std::optional<algorithms::TileLayout>
NmAttr::getValueLayout(const algorithms::TileLayout &layout) const {
  algorithms::TileLayout values = withSplit(layout);
  std::optional<size_t> factor = findGroupFactor(*this, values);
  if (!factor)
    return std::nullopt;
  for (int64_t *extent : {&values.tile[getAxis()], &values.split[*factor]})
    *extent = *extent / getGroup() * getKept();
  values.positions.clear();
  values.record = 0;
  values.flip = 0;
  return values;
}

std::optional<algorithms::TileLayout>
NmAttr::getComponentLayout(RankedTensorType, unsigned component,
                           const algorithms::TileLayout &layout) const {
  if (component != 0)
    return std::nullopt; // positions share bytes
  auto values = getValueLayout(layout);
  // Codes of values are what bits are inverted of.
  if (values)
    values->flip = layout.flip;
  return values;
}

CodecAttrInterface
NmAttr::getTiledCodec(RankedTensorType logical,
                      const algorithms::TileLayout &layout) const {
  algorithms::TileLayout split = withSplit(layout);
  std::optional<size_t> factor = findGroupFactor(*this, split);
  if (!factor || !getValueLayout(layout)->isSplitLegal())
    return nullptr;
  // Positions in an order of their own are for instructions that know pairs.
  NmAttr codec = *this;
  if (!layout.positions.empty() && getPaired())
    codec = getPaired();
  if (split.split[*factor] % codec.getGroup() != 0)
    return nullptr;
  auto getPlace = [&](int64_t factor) {
    return logical.getRank() +
           (llvm::find(split.inside, factor) - split.inside.begin());
  };
  return get(getContext(), codec.getKept(), codec.getGroup(), getPlace(*factor),
             llvm::map_to_vector(layout.positions, getPlace));
}

std::vector<EncodedComponent>
NmAttr::relayout(RankedTensorType logical, const algorithms::TileLayout &layout,
                 ArrayRef<ArrayRef<char>> leaves) const {
  auto type = RankedTensorType::get(layout.getShape(logical.getShape()),
                                    logical.getElementType());
  auto tiled = cast<NmAttr>(getTiledCodec(logical, layout));
  algorithms::NmShape shape = getShape(*this, logical);
  algorithms::FloatKind kind = *getFloatKind(logical.getElementType());
  AsmResourceBlob values, metadata;
  auto allocate = [&](NmAttr codec) {
    algorithms::NmSizes sizes =
        *algorithms::computeSizes(getShape(codec, type));
    values = allocateBlob(sizes.numValues * algorithms::getByteWidth(kind));
    metadata = allocateBlob(sizes.metadataBytes);
  };
  auto unpaired = get(getContext(), getKept(), getGroup(), tiled.getAxis());
  allocate(unpaired);
  if (logical.getNumElements() != 0) {
    algorithms::TileLayout own = *getValueLayout(layout);
    algorithms::moveNmValues(shape, kind, own, asBytes(leaves[0]),
                             asMutableBytes(values));
    ArrayRef<uint8_t> positions = asBytes(leaves[1]);
    SmallVector<uint8_t, 0> unpacked;
    if (!getPositions().empty()) {
      unpacked.resize(algorithms::computeSizes(shape)->metadataBytes);
      algorithms::unpackNmPositions(getPackedShape(*this, logical), positions,
                                    unpacked);
      positions = unpacked;
    }
    algorithms::moveNmPositions(shape, own, positions,
                                asMutableBytes(metadata));
  }
  if (tiled.getKept() != getKept()) {
    AsmResourceBlob ownValues = std::move(values);
    AsmResourceBlob ownMetadata = std::move(metadata);
    allocate(tiled);
    if (logical.getNumElements() != 0)
      algorithms::pairNmValues(
          getShape(unpaired, type), kind, asBytes(ownValues.getData()),
          asBytes(ownMetadata.getData()), asMutableBytes(values),
          asMutableBytes(metadata));
  }
  SmallVector<StorageComponent> storage = tiled.getStorage(type);
  std::vector<EncodedComponent> result;
  result.push_back({storage[0].type, std::move(values), {}});
  result.push_back(
      {storage[1].type, orderPositions(std::move(metadata), tiled, type), {}});
  return result;
}

CodecAttrInterface NmAttr::getMatrixCodec(RankedTensorType logical,
                                          ArrayRef<unsigned> rows,
                                          ArrayRef<unsigned> columns) const {
  // Groups of the fastest columns that leave no rest follow each other.
  if (!getPositions().empty() || getAxis() != columns.back() ||
      logical.getDimSize(getAxis()) % getGroup() != 0)
    return nullptr;
  return get(getContext(), getKept(), getGroup(), /*axis=*/rows.size());
}

std::vector<EncodedComponent>
NmAttr::moveToMatrix(RankedTensorType logical, ArrayRef<unsigned> rows,
                     ArrayRef<unsigned> columns,
                     ArrayRef<ArrayRef<char>> leaves) const {
  auto codec = cast<NmAttr>(getMatrixCodec(logical, rows, columns));
  SmallVector<StorageComponent> storage =
      codec.getStorage(getMatrixType(logical, rows, columns));
  ArrayRef<int64_t> values =
      cast<RankedTensorType>(getStorage(logical)[0].type).getShape();
  SmallVector<unsigned> order(rows);
  llvm::append_range(order, columns);
  std::vector<EncodedComponent> result;
  for (const StorageComponent &part : storage) {
    auto type = cast<RankedTensorType>(part.type);
    int64_t width = type.getElementTypeBitWidth() / 8;
    result.push_back({type, allocateBlob(type.getNumElements() * width), {}});
  }
  algorithms::permuteEntries(
      values, order, logical.getElementTypeBitWidth() / 8, asBytes(leaves[0]),
      asMutableBytes(result[0].data));
  // Positions are packed as codes of the values are.
  algorithms::permuteCodes(
      values, order, getPositionBits(),
      cast<RankedTensorType>(storage[0].type).getShape().back(),
      asBytes(leaves[1]), asMutableBytes(result[1].data));
  return result;
}

//===----------------------------------------------------------------------===//
// Presets
//===----------------------------------------------------------------------===//

/// Groups run along what is reduced: along the largest such dimension, of equal
/// ones the innermost. Those of a convolution run along its channels; where
/// these are less than a group (the first layer of most networks), there are
/// none.
static std::optional<int64_t>
chooseAxis(RankedTensorType type, ArrayRef<DimRole> roles, int64_t group) {
  int64_t axis = -1;
  for (int64_t i = type.getRank() - 1; i >= 0; --i)
    if (roles[i] == DimRole::Reduction &&
        (axis < 0 || type.getDimSize(i) > type.getDimSize(axis)))
      axis = i;
  bool hasWindow = llvm::is_contained(roles, DimRole::Window);
  if (hasWindow && (axis < 0 || type.getDimSize(axis) < group))
    return std::nullopt;
  return axis < 0 ? std::max<int64_t>(type.getRank() - 1, 0) : axis;
}

template <int64_t kept, int64_t group>
static CodecAttrInterface buildNm(RankedTensorType type,
                                  ArrayRef<DimRole> roles) {
  std::optional<int64_t> axis = chooseAxis(type, roles, group);
  return axis ? NmAttr::get(type.getContext(), kept, group, *axis) : NmAttr();
}

/// 2:4 whose values another codec stores, given that of the values.
static CodecAttrInterface
buildSparse(RankedTensorType type, ArrayRef<DimRole> roles,
            function_ref<CodecAttrInterface(RankedTensorType)> build) {
  CodecAttrInterface nm = buildNm<2, 4>(type, roles);
  // No value to store; the codec's own rules will say so.
  if (!nm || type.getRank() == 0)
    return nm;
  MLIRContext *context = type.getContext();
  StorageComponent values = nm.getStorage(type)[0];
  CodecAttrInterface codec = build(cast<RankedTensorType>(values.type));
  if (!codec)
    return nm;
  return NestedAttr::get(
      context, nm,
      DictionaryAttr::get(context,
                          {{StringAttr::get(context, values.name), codec}}));
}

/// 2:4, and 4 bits for each value that is left.
static CodecAttrInterface buildSparseInt4(RankedTensorType type,
                                          ArrayRef<DimRole> roles) {
  return buildSparse(type, roles, [&](RankedTensorType values) {
    MLIRContext *context = values.getContext();
    return QuantAttr::get(context, QuantStorage::I4,
                          alongReduction(values, roles, 64),
                          Float16Type::get(context), /*zero=*/Type(),
                          /*min=*/Type(), /*narrow=*/false);
  });
}

/// 2:4, and half precision for each value that is left.
static CodecAttrInterface buildSparseHalf(RankedTensorType type,
                                          ArrayRef<DimRole> roles) {
  return buildSparse(type, roles, [](RankedTensorType values) {
    MLIRContext *context = values.getContext();
    return values.getElementType().isF32()
               ? DenseAttr::get(context, Float16Type::get(context))
               : DenseAttr();
  });
}

void mlir::compress::registerNmEncoders(CodecRegistry &registry) {
  registry.addEncoder<NmAttr>(std::make_unique<NmMagnitudeEncoder>());
  registry.addPreset({"nm2:4", "2 of 4 consecutive values, largest magnitudes",
                      buildNm<2, 4>});
  registry.addPreset({"nm1:4", "1 of 4 consecutive values, largest magnitudes",
                      buildNm<1, 4>});
  registry.addPreset({"nm4:8", "4 of 8 consecutive values, largest magnitudes",
                      buildNm<4, 8>});
  registry.addPreset({"nm2:4-f16", "2 of 4 consecutive values, half precision",
                      buildSparseHalf});
  registry.addPreset({"sparse-int4",
                      "2 of 4 as 4-bit integers, one f16 scale per 64 of them",
                      buildSparseInt4});
}
