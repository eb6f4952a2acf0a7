//===- PaletteEncoder.cpp - numbers and presets for palettes --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "PresetBlocks.h"
#include "compress/Algorithms/Palette.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/IR/AsmState.h"

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// The codec, as the algorithms see it
//===----------------------------------------------------------------------===//

static algorithms::PaletteFormat getFormat(PaletteAttr codec) {
  algorithms::PaletteFormat format;
  format.bits = codec.getBits();
  format.dim = codec.getDim();
  format.codebook = *getFloatKind(codec.getCodebook());
  if (codec.getScale())
    format.scale = getFloatKind(codec.getScale());
  return format;
}

static algorithms::PaletteShape getShape(PaletteAttr codec,
                                         ArrayRef<int64_t> shape) {
  algorithms::PaletteShape result;
  result.shape.assign(shape.begin(), shape.end());
  result.group.assign(codec.getGroup().begin(), codec.getGroup().end());
  result.block.assign(codec.getBlock().begin(), codec.getBlock().end());
  return result;
}

namespace {
/// Buffers of the components.
struct Buffers {
  explicit Buffers(const algorithms::PaletteSizes &sizes)
      : blobs{allocateBlob(sizes.indexBytes), allocateBlob(sizes.codebookBytes),
              allocateBlob(sizes.scaleBytes)} {}

  MutableArrayRef<uint8_t> get(unsigned i) { return asMutableBytes(blobs[i]); }
  std::vector<EncodedComponent> take(PaletteAttr codec, RankedTensorType type) {
    std::vector<EncodedComponent> result;
    for (auto [part, blob] : llvm::zip_first(codec.getStorage(type), blobs))
      result.push_back({part.type, std::move(blob), {}});
    return result;
  }

private:
  AsmResourceBlob blobs[3];
};
} // namespace

//===----------------------------------------------------------------------===//
// Encoders
//===----------------------------------------------------------------------===//

static InFlightDiagnostic report(const algorithms::PaletteError &error,
                                 PaletteAttr codec, const WeightView &weight,
                                 InFlightDiagnostic diag) {
  using Kind = algorithms::PaletteError::Kind;
  std::string at = formatIndex(error.index, weight.type.getShape());
  std::string value = formatNumber(error.value);
  switch (error.kind) {
  case Kind::NonFinite:
    diag << "expected finite values, but got " << value << " at " << at;
    break;
  case Kind::CodebookOverflow:
    diag << "the group at " << at << " needs an entry " << value
         << ", which overflows " << codec.getCodebook();
    break;
  case Kind::ScaleOverflow:
    diag << "the block at " << at << " needs scale " << value
         << ", which overflows " << codec.getScale();
    break;
  case Kind::DecodeOverflow:
    diag << value << " at " << at << " would decode to an infinity of "
         << weight.type.getElementType();
    break;
  case Kind::InvalidArgument:
  case Kind::InvalidParameter:
    diag << "cannot be stored as " << codec;
    break;
  }
  return diag;
}

/// Encodes with the codebooks and scales that `fill` puts into the buffers, or
/// with new ones.
static FailureOr<std::vector<EncodedComponent>>
encodePalette(const WeightView &weight, PaletteAttr codec,
              const EncodeContext &context,
              function_ref<algorithms::PaletteGiven(Buffers &)> fill) {
  algorithms::PaletteFormat format = getFormat(codec);
  algorithms::PaletteShape shape = getShape(codec, weight.type.getShape());
  auto sizes = algorithms::computePaletteSizes(shape, format);
  if (!sizes)
    return context.emitError() << "cannot be stored as " << codec;
  Buffers buffers(*sizes);
  algorithms::PaletteGiven given = fill(buffers);
  if (auto error = algorithms::encodePalette(
          asBytes(weight.data), *getFloatKind(weight.type.getElementType()),
          shape, format, given, buffers.get(0), buffers.get(1), buffers.get(2)))
    return report(*error, codec, weight, context.emitError());
  return buffers.take(codec, weight.type);
}

namespace {
class PaletteEncoder : public Encoder {
public:
  FailureOr<AsmResourceBlob>
  encodeAgainst(const WeightView &weight, CodecAttrInterface codec,
                ArrayRef<ArrayRef<char>> components,
                const EncodeContext &context) const override {
    auto fill = [&](Buffers &buffers) {
      for (auto [i, given] : llvm::enumerate(components.drop_front()))
        llvm::copy(asBytes(given), buffers.get(i + 1).begin());
      return algorithms::PaletteGiven{/*codebooks=*/true,
                                      /*scales=*/components.size() > 2};
    };
    auto parts = encodePalette(weight, cast<PaletteAttr>(codec), context, fill);
    if (failed(parts))
      return failure();
    return std::move(parts->front().data);
  }
};

/// Codebooks of least squared error; for vectors, as good as they get.
class KMeansEncoder : public PaletteEncoder {
public:
  StringRef getAlgorithm() const override { return "kmeans"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codec,
         const EncodeContext &context) const override {
    return encodePalette(weight, cast<PaletteAttr>(codec), context,
                         [](Buffers &) { return algorithms::PaletteGiven(); });
  }
};

/// The fixed codebook of NF4, for values relative to the scale of their block.
class NormalFloatEncoder : public PaletteEncoder {
public:
  StringRef getAlgorithm() const override { return "nf4"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<PaletteAttr>(codecAttr);
    if (codec.getBits() != 4 || codec.getDim() != 1 || !codec.getScale())
      return context.emitError()
             << "expected a codec of 4 bits, dim 1 and a scale for algorithm "
                "'nf4', but got "
             << codec;
    auto fill = [&](Buffers &buffers) {
      MutableArrayRef<uint8_t> codebooks = buffers.get(1);
      ArrayRef<float> entries = algorithms::getNormalFloat4();
      algorithms::FloatKind kind = *getFloatKind(codec.getCodebook());
      size_t bytes = entries.size() * algorithms::getByteWidth(kind);
      for (size_t at = 0; at < codebooks.size(); at += bytes)
        algorithms::narrowFromF32(kind, entries, codebooks.slice(at, bytes));
      return algorithms::PaletteGiven{/*codebooks=*/true, /*scales=*/false};
    };
    return encodePalette(weight, codec, context, fill);
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

static ArrayRef<uint8_t> getScales(ArrayRef<ArrayRef<char>> components) {
  return components.size() > 2 ? asBytes(components[2]) : ArrayRef<uint8_t>();
}

void PaletteAttr::decodeData(RankedTensorType logical,
                             ArrayRef<ArrayRef<char>> components, int64_t begin,
                             MutableArrayRef<char> out) const {
  algorithms::FloatKind kind = *getFloatKind(logical.getElementType());
  algorithms::PaletteFormat format = getFormat(*this);
  algorithms::PaletteShape shape = getShape(*this, logical.getShape());
  decodeChunks(kind, begin, out, [&](int64_t at, MutableArrayRef<float> chunk) {
    bool decoded = algorithms::decodePalette(
        shape, format, kind, asBytes(components[0]), asBytes(components[1]),
        getScales(components), at, chunk);
    assert(decoded && "the codec and its data were verified");
    (void)decoded;
  });
}

LogicalResult
PaletteAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                        RankedTensorType logical,
                        ArrayRef<ArrayRef<char>> leaves) const {
  using Kind = algorithms::PaletteStorageError::Kind;
  auto error = algorithms::validatePalette(
      getShape(*this, logical.getShape()), getFormat(*this), asBytes(leaves[0]),
      asBytes(leaves[1]), getScales(leaves));
  if (!error)
    return success();
  switch (error->kind) {
  case Kind::SizeMismatch:
    return emitError() << "expected components of the sizes that " << *this
                       << " stores";
  case Kind::Padding:
    return emitError() << "expected zero padding bits, but byte "
                       << error->index << " of the indices has others";
  case Kind::NonFiniteCodebook:
    return emitError() << "number " << error->index
                       << " of the codebooks is not finite";
  case Kind::NonFiniteScale:
    return emitError() << "scale " << error->index << " is not finite";
  }
  return success();
}

CodecAttrInterface
PaletteAttr::getTiledCodec(RankedTensorType logical,
                           const algorithms::TileLayout &layout) const {
  auto tiled = algorithms::getTiledPalette(getShape(*this, logical.getShape()),
                                           getFormat(*this), layout);
  if (!tiled)
    return nullptr;
  return PaletteAttr::get(getContext(), getBits(), tiled->group, getCodebook(),
                          getDim(), getScale(), tiled->block);
}

CodecAttrInterface
PaletteAttr::getMatrixCodec(RankedTensorType logical, ArrayRef<unsigned> rows,
                            ArrayRef<unsigned> columns) const {
  auto group = getMatrixBlock(logical, getGroup(), rows, columns);
  std::optional<SmallVector<int64_t>> block = SmallVector<int64_t>();
  if (getScale())
    block = getMatrixBlock(logical, getBlock(), rows, columns);
  if (!group || !block || getDim() != 1)
    return nullptr;
  return PaletteAttr::get(getContext(), getBits(), *group, getCodebook(),
                          getDim(), getScale(), *block);
}

std::vector<EncodedComponent>
PaletteAttr::moveToMatrix(RankedTensorType logical, ArrayRef<unsigned> rows,
                          ArrayRef<unsigned> columns,
                          ArrayRef<ArrayRef<char>> leaves) const {
  auto codec = cast<PaletteAttr>(getMatrixCodec(logical, rows, columns));
  RankedTensorType matrix = getMatrixType(logical, rows, columns);
  algorithms::PaletteFormat format = getFormat(*this);
  Buffers buffers(*algorithms::computePaletteSizes(
      getShape(codec, matrix.getShape()), format));
  SmallVector<unsigned> order(rows);
  llvm::append_range(order, columns);
  algorithms::permuteCodes(logical.getShape(), order, format.bits,
                           matrix.getShape().back(), asBytes(leaves[0]),
                           buffers.get(0));
  // Groups and blocks of the matrix are those of the weight, in the order of
  // its columns.
  auto move = [&](unsigned part, ArrayRef<int64_t> extents, int64_t width) {
    SmallVector<int64_t> grid;
    for (auto [size, extent] : llvm::zip_equal(logical.getShape(), extents))
      grid.push_back(llvm::divideCeilSigned(size, extent));
    algorithms::permuteEntries(grid, order, width, asBytes(leaves[part]),
                               buffers.get(part));
  };
  move(1, getGroup(),
       format.getNumNumbers() * algorithms::getByteWidth(format.codebook));
  if (format.scale)
    move(2, getBlock(), algorithms::getByteWidth(*format.scale));
  return buffers.take(codec, matrix);
}

std::vector<EncodedComponent>
PaletteAttr::relayout(RankedTensorType logical,
                      const algorithms::TileLayout &layout,
                      ArrayRef<ArrayRef<char>> leaves) const {
  auto tiled = cast<PaletteAttr>(getTiledCodec(logical, layout));
  auto type = RankedTensorType::get(layout.getShape(logical.getShape()),
                                    logical.getElementType());
  algorithms::PaletteFormat format = getFormat(*this);
  Buffers buffers(*algorithms::computePaletteSizes(
      getShape(tiled, type.getShape()), format));
  bool moved = algorithms::relayoutPalette(
      getShape(*this, logical.getShape()), format, layout, asBytes(leaves[0]),
      asBytes(leaves[1]), getScales(leaves), buffers.get(0), buffers.get(1),
      buffers.get(2));
  assert(moved && "the codec and its data were verified");
  (void)moved;
  return buffers.take(tiled, type);
}

//===----------------------------------------------------------------------===//
// Presets
//===----------------------------------------------------------------------===//

/// One codebook for the whole tensor.
static SmallVector<int64_t> wholeTensor(RankedTensorType type) {
  SmallVector<int64_t> group;
  for (int64_t size : type.getShape())
    group.push_back(std::max<int64_t>(size, 1));
  return group;
}

/// One codebook per element of the parallel dimensions: all that is reduced
/// into one output channel shares it.
static SmallVector<int64_t> wholeChannel(RankedTensorType type,
                                         ArrayRef<DimRole> roles) {
  SmallVector<int64_t> group = wholeTensor(type);
  for (auto [extent, role] : llvm::zip_equal(group, roles))
    if (role == DimRole::Parallel)
      extent = 1;
  return group;
}

template <unsigned bits, bool perRow>
static CodecAttrInterface buildPalette(RankedTensorType type,
                                       ArrayRef<DimRole> roles) {
  MLIRContext *ctx = type.getContext();
  return PaletteAttr::get(
      ctx, bits, perRow ? wholeChannel(type, roles) : wholeTensor(type),
      Float16Type::get(ctx), /*dim=*/1, /*scale=*/Type(),
      /*block=*/ArrayRef<int64_t>());
}

static CodecAttrInterface buildNormalFloat(RankedTensorType type,
                                           ArrayRef<DimRole> roles) {
  MLIRContext *ctx = type.getContext();
  return PaletteAttr::get(ctx, 4, wholeTensor(type), Float32Type::get(ctx),
                          /*dim=*/1, Float16Type::get(ctx),
                          alongReduction(type, roles, 64));
}

template <unsigned bits>
static void addPalette(CodecRegistry &registry, StringRef name,
                       StringRef rowName, StringRef summary,
                       StringRef rowSummary) {
  registry.addPreset({name, summary, buildPalette<bits, false>});
  registry.addPreset({rowName, rowSummary, buildPalette<bits, true>});
}

#define COMPRESS_ADD_PALETTE(BITS, ENTRIES)                                    \
  addPalette<BITS>(registry, "palette" #BITS, "palette" #BITS "-row",          \
                   "indices into " ENTRIES " f16 values per tensor",           \
                   "indices into " ENTRIES " f16 values per output channel")

void mlir::compress::registerPaletteEncoders(CodecRegistry &registry) {
  registry.addEncoder<PaletteAttr>(std::make_unique<KMeansEncoder>());
  registry.addEncoder<PaletteAttr>(std::make_unique<NormalFloatEncoder>());
  COMPRESS_ADD_PALETTE(1, "2");
  COMPRESS_ADD_PALETTE(2, "4");
  COMPRESS_ADD_PALETTE(3, "8");
  COMPRESS_ADD_PALETTE(4, "16");
  COMPRESS_ADD_PALETTE(5, "32");
  COMPRESS_ADD_PALETTE(6, "64");
  COMPRESS_ADD_PALETTE(7, "128");
  COMPRESS_ADD_PALETTE(8, "256");
  registry.addPreset({"nf4",
                      "the 16 values of NF4 (QLoRA), one f16 scale per 64",
                      buildNormalFloat, "nf4"});
}

#undef COMPRESS_ADD_PALETTE
