//===- QuantEncoder.cpp - numbers for block quantization ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "QuantPresets.h"
#include "compress/Algorithms/Quantize.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/IR/AsmState.h"

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// The codec, as the algorithms see it
//===----------------------------------------------------------------------===//

static algorithms::QuantFormat getFormat(QuantAttr codec) {
  algorithms::QuantFormat format;
  format.codes = codec.getCodeKind();
  format.bits = codec.getCodeBits();
  format.isSigned = codec.isSigned();
  format.narrow = codec.getNarrow();
  format.scale = *getScaleKind(codec.getScale());
  if (Type zero = codec.getZero()) {
    format.offset = algorithms::QuantFormat::Offset::Zero;
    format.offsetKind = getFloatKind(zero); // none for the integer zero point
  } else if (Type min = codec.getMin()) {
    format.offset = algorithms::QuantFormat::Offset::Min;
    format.offsetKind = getFloatKind(min);
  }
  return format;
}

static algorithms::QuantShape getShape(QuantAttr codec,
                                       ArrayRef<int64_t> shape) {
  algorithms::QuantShape result;
  result.shape.assign(shape.begin(), shape.end());
  result.block.assign(codec.getBlock().begin(), codec.getBlock().end());
  return result;
}

/// Whether a component is compressed again by a codec of one sign in a block.
static bool needsOneSign(DictionaryAttr nested, StringRef component) {
  auto codec = nested ? nested.getAs<CodecAttrInterface>(component)
                      : CodecAttrInterface();
  return codec && codec.needsOneSign();
}

/// Zero points or minima, or nothing.
static ArrayRef<uint8_t> getOffsets(ArrayRef<ArrayRef<char>> components) {
  return components.size() > 2 ? asBytes(components[2]) : ArrayRef<uint8_t>();
}

//===----------------------------------------------------------------------===//
// Encoders
//===----------------------------------------------------------------------===//

static InFlightDiagnostic report(const algorithms::QuantError &error,
                                 QuantAttr codec, const WeightView &weight,
                                 InFlightDiagnostic diag) {
  using Kind = algorithms::QuantError::Kind;
  std::string at = formatIndex(error.index, weight.type.getShape());
  std::string value = formatNumber(error.value);
  std::string needed = formatNumber(error.needed);
  switch (error.kind) {
  case Kind::NonFinite:
    diag << "expected finite values, but got " << value << " at " << at;
    break;
  case Kind::Negative:
    if (isa<Float8E8M0FNUType>(codec.getScale()))
      diag << "expected no negative values for unsigned codes and scales of "
           << codec.getScale();
    else
      diag << "expected values of one sign in each block of unsigned codes "
              "without zero or min";
    diag << ", but got " << value << " at " << at;
    break;
  case Kind::ScaleOverflow:
    diag << "the block at " << at << " with largest magnitude " << value
         << " needs scale " << needed << ", which overflows "
         << codec.getScale();
    break;
  case Kind::OffsetOverflow:
    diag << "the block at " << at << " needs offset " << needed
         << ", which overflows its type";
    break;
  case Kind::DecodeOverflow:
    diag << "the block at " << at << " with largest magnitude " << value
         << " would decode to an infinity of " << weight.type.getElementType();
    break;
  case Kind::InvalidArgument:
    diag << "cannot be stored as " << codec;
    break;
  case Kind::InvalidScale:
    diag << "the scale or offset of the block at " << at
         << " is not finite when it is compressed again";
    break;
  }
  return diag;
}

namespace {
/// Stores what an algorithm for integer codes chooses.
class QuantEncoder : public Encoder {
public:
  using Quantize = decltype(algorithms::quantizeRtn) *;

  QuantEncoder(StringRef algorithm, Quantize quantize)
      : algorithm(algorithm), quantize(quantize) {}

  StringRef getAlgorithm() const override { return algorithm; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<QuantAttr>(codecAttr);
    algorithms::QuantFormat format = getFormat(codec);
    format.minAtMostZero = needsOneSign(context.nested, "mins");
    algorithms::QuantShape shape = getShape(codec, weight.type.getShape());
    algorithms::FloatKind kind = *getFloatKind(weight.type.getElementType());
    std::optional<algorithms::QuantSizes> sizes =
        algorithms::computeSizes(shape, format);
    if (!sizes)
      return context.emitError() << "cannot be stored as " << codec;

    AsmResourceBlob codes = allocateBlob(sizes->codeBytes),
                    scales = allocateBlob(sizes->scaleBytes),
                    offsets = allocateBlob(sizes->offsetBytes);
    if (std::optional<algorithms::QuantError> error =
            quantize(asBytes(weight.data), kind, shape, format,
                     asMutableBytes(codes), asMutableBytes(scales),
                     asMutableBytes(offsets), algorithms::Isa::Auto))
      return report(*error, codec, weight, context.emitError());

    std::vector<EncodedComponent> result;
    SmallVector<StorageComponent> storage = codec.getStorage(weight.type);
    AsmResourceBlob *blobs[] = {&codes, &scales, &offsets};
    for (auto [part, blob] : llvm::zip_first(storage, blobs))
      result.push_back({part.type, std::move(*blob), {}});
    return result;
  }

  FailureOr<AsmResourceBlob>
  encodeAgainst(const WeightView &weight, CodecAttrInterface codecAttr,
                ArrayRef<ArrayRef<char>> components,
                const EncodeContext &context) const override {
    auto codec = cast<QuantAttr>(codecAttr);
    AsmResourceBlob codes = allocateBlob(components[0].size());
    if (std::optional<algorithms::QuantError> error =
            algorithms::quantizeWithScales(
                asBytes(weight.data),
                *getFloatKind(weight.type.getElementType()),
                getShape(codec, weight.type.getShape()), getFormat(codec),
                asBytes(components[1]), getOffsets(components),
                asMutableBytes(codes)))
      return report(*error, codec, weight, context.emitError());
    return codes;
  }

private:
  StringRef algorithm;
  Quantize quantize;
};
} // namespace

void QuantAttr::decodeData(RankedTensorType logical,
                           ArrayRef<ArrayRef<char>> components, int64_t begin,
                           MutableArrayRef<char> out) const {
  algorithms::FloatKind kind = *getFloatKind(logical.getElementType());
  algorithms::QuantFormat format = getFormat(*this);
  algorithms::QuantShape shape = getShape(*this, logical.getShape());
  decodeChunks(kind, begin, out, [&](int64_t at, MutableArrayRef<float> chunk) {
    bool decoded = algorithms::dequantizeRange(
        shape, format, kind, asBytes(components[0]), asBytes(components[1]),
        getOffsets(components), at, chunk);
    assert(decoded && "the codec and its data were verified");
    (void)decoded;
  });
}

LogicalResult
QuantAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                      RankedTensorType logical,
                      ArrayRef<ArrayRef<char>> leaves) const {
  using Kind = algorithms::StorageError::Kind;
  std::optional<algorithms::StorageError> error = algorithms::validateStorage(
      getShape(*this, logical.getShape()), getFormat(*this), asBytes(leaves[0]),
      asBytes(leaves[1]), getOffsets(leaves));
  if (!error)
    return success();
  switch (error->kind) {
  case Kind::SizeMismatch:
    return emitError() << "expected components of the sizes that " << *this
                       << " stores";
  case Kind::Padding:
    return emitError() << "expected zero padding bits, but byte "
                       << error->index << " of the codes has others";
  case Kind::CodeOutOfRange:
    return emitError() << "code " << error->index << " is out of range";
  case Kind::NonFiniteScale:
    return emitError() << "scale " << error->index << " is not finite";
  case Kind::InvalidOffset:
    return emitError() << "offset " << error->index
                       << " is not finite or out of range";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

CodecAttrInterface
QuantAttr::getTiledCodec(RankedTensorType logical,
                         const algorithms::TileLayout &layout) const {
  auto block =
      algorithms::getTiledBlock(getShape(*this, logical.getShape()), layout);
  if (!block)
    return nullptr;
  return QuantAttr::get(getContext(), getStorage(), *block, getScale(),
                        getZero(), getMin(), getNarrow());
}

CodecAttrInterface QuantAttr::getMatrixCodec(RankedTensorType logical,
                                             ArrayRef<unsigned> rows,
                                             ArrayRef<unsigned> columns) const {
  auto block = getMatrixBlock(logical, getBlock(), rows, columns);
  if (!block)
    return nullptr;
  return QuantAttr::get(getContext(), getStorage(), *block, getScale(),
                        getZero(), getMin(), getNarrow());
}

std::vector<EncodedComponent>
QuantAttr::moveToMatrix(RankedTensorType logical, ArrayRef<unsigned> rows,
                        ArrayRef<unsigned> columns,
                        ArrayRef<ArrayRef<char>> leaves) const {
  auto codec = cast<QuantAttr>(getMatrixCodec(logical, rows, columns));
  RankedTensorType matrix = getMatrixType(logical, rows, columns);
  algorithms::QuantFormat format = getFormat(*this);
  auto sizes =
      algorithms::computeSizes(getShape(codec, matrix.getShape()), format);
  AsmResourceBlob blobs[] = {allocateBlob(sizes->codeBytes),
                             allocateBlob(sizes->scaleBytes),
                             allocateBlob(sizes->offsetBytes)};
  SmallVector<unsigned> order(rows);
  llvm::append_range(order, columns);
  algorithms::permuteCodes(logical.getShape(), order, format.bits,
                           matrix.getShape().back(), asBytes(leaves[0]),
                           asMutableBytes(blobs[0]));
  // Blocks of the matrix are those of the weight, in the order of its columns.
  SmallVector<int64_t> grid = getGrid(logical.getShape());
  algorithms::permuteEntries(grid, order,
                             algorithms::getByteWidth(format.scale),
                             asBytes(leaves[1]), asMutableBytes(blobs[1]));
  if (format.hasOffset())
    algorithms::permuteEntries(grid, order, format.getOffsetByteWidth(),
                               getOffsets(leaves), asMutableBytes(blobs[2]));
  std::vector<EncodedComponent> result;
  for (auto [part, blob] : llvm::zip_first(codec.getStorage(matrix), blobs))
    result.push_back({part.type, std::move(blob), {}});
  return result;
}

std::vector<EncodedComponent>
QuantAttr::relayout(RankedTensorType logical,
                    const algorithms::TileLayout &layout,
                    ArrayRef<ArrayRef<char>> leaves) const {
  auto tiled = cast<QuantAttr>(getTiledCodec(logical, layout));
  auto type = RankedTensorType::get(layout.getShape(logical.getShape()),
                                    logical.getElementType());
  algorithms::QuantFormat format = getFormat(*this);
  auto sizes =
      algorithms::computeSizes(getShape(tiled, type.getShape()), format);
  AsmResourceBlob blobs[] = {allocateBlob(sizes->codeBytes),
                             allocateBlob(sizes->scaleBytes),
                             allocateBlob(sizes->offsetBytes)};
  bool moved = algorithms::relayout(
      getShape(*this, logical.getShape()), format, layout, asBytes(leaves[0]),
      asBytes(leaves[1]), getOffsets(leaves), asMutableBytes(blobs[0]),
      asMutableBytes(blobs[1]), asMutableBytes(blobs[2]));
  assert(moved && "the codec and its data were verified");
  (void)moved;
  std::vector<EncodedComponent> result;
  for (auto [part, blob] : llvm::zip_first(tiled.getStorage(type), blobs))
    result.push_back({part.type, std::move(blob), {}});
  return result;
}

void mlir::compress::registerQuantEncoders(CodecRegistry &registry) {
  registry.addEncoder<QuantAttr>(
      std::make_unique<QuantEncoder>("rtn", algorithms::quantizeRtn));
  registry.addEncoder<QuantAttr>(
      std::make_unique<QuantEncoder>("mse", algorithms::quantizeMse));
  addQuantPresets(registry);
}
