//===- HuffmanEncoder.cpp - data and presets of prefix codes --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "PresetBlocks.h"
#include "compress/Algorithms/Huffman.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/AsmState.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::compress;
using Kind = algorithms::HuffmanError::Kind;

static algorithms::HuffmanShape getShape(HuffmanAttr codec,
                                         RankedTensorType logical) {
  algorithms::HuffmanShape shape;
  llvm::append_range(shape.shape, logical.getShape());
  llvm::append_range(shape.tile, codec.getBox(logical));
  shape.maxLength = codec.getMaxLength();
  if (codec.getSplit() == HuffmanSplit::Exponent)
    shape.split = getFloatKind(logical.getElementType());
  return shape;
}

static algorithms::HuffmanStorage
getStorage(ArrayRef<ArrayRef<char>> components) {
  return {asBytes(components[0]), asBytes(components[1]),
          asBytes(components[2]), asBytes(components[3]),
          components.size() > 4 ? asBytes(components[4]) : ArrayRef<uint8_t>()};
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

static LogicalResult report(const algorithms::HuffmanError &error,
                            const WeightView &weight, HuffmanAttr codec,
                            InFlightDiagnostic diag) {
  if (error.kind == Kind::TooLarge)
    return diag << "expected less than 2^32 bytes for " << codec;
  if (error.kind != Kind::NonFinite)
    return diag << "cannot be stored as " << codec;
  algorithms::FloatKind kind = *getFloatKind(weight.type.getElementType());
  size_t width = algorithms::getByteWidth(kind);
  float value;
  algorithms::widenToF32(
      kind, asBytes(weight.data).slice(error.index * width, width), value);
  diag << "expected finite values, but got "
       << llvm::formatv("{0}", value).str() << " at "
       << formatIndex(error.index, weight.type.getShape());
  return diag;
}

namespace {
/// Codes of the least size.
class HuffmanEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "package-merge"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<HuffmanAttr>(codecAttr);
    SmallVector<StorageComponent> storage = codec.getStorage(weight.type);
    std::vector<EncodedComponent> result;
    for (const StorageComponent &part : storage) {
      auto type = cast<RankedTensorType>(part.type);
      int64_t bytes = type.hasStaticShape() ? *getStoredBits(type) / 8 : 0;
      result.push_back({type, allocateBlob(bytes), {}});
    }
    auto allocateStream = [&](int64_t bytes) {
      EncodedComponent &stream = result[3];
      stream.type = cast<RankedTensorType>(stream.type).clone({bytes});
      stream.data = allocateBlob(bytes);
      return asMutableBytes(stream.data);
    };
    if (auto error = algorithms::encodeHuffman(
            asBytes(weight.data), getShape(codec, weight.type),
            asMutableBytes(result[0].data), asMutableBytes(result[1].data),
            asMutableBytes(result[2].data),
            result.size() > 4 ? asMutableBytes(result[4].data)
                              : MutableArrayRef<uint8_t>(),
            allocateStream))
      return report(*error, weight, codec, context.emitError());
    return result;
  }
};
} // namespace

void HuffmanAttr::decodeData(RankedTensorType logical,
                             ArrayRef<ArrayRef<char>> components, int64_t begin,
                             MutableArrayRef<char> out) const {
  bool decoded = algorithms::decodeHuffman(
      getShape(*this, logical), ::getStorage(components), begin,
      {reinterpret_cast<uint8_t *>(out.data()), out.size()});
  assert(decoded && "the codec and its data were verified");
  (void)decoded;
}

LogicalResult
HuffmanAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                        RankedTensorType logical,
                        ArrayRef<ArrayRef<char>> leaves) const {
  auto error = algorithms::validateHuffman(getShape(*this, logical),
                                           ::getStorage(leaves));
  if (!error)
    return success();
  InFlightDiagnostic diag = emitError();
  switch (error->kind) {
  case Kind::InvalidArgument:
  case Kind::TooLarge:
    return diag << "expected components of the sizes that " << *this
                << " stores";
  case Kind::Table: // huffman_c8
    return diag << "expected the table of a complete prefix code, but length "
                << error->index << " has others than its codes";
  case Kind::Symbols: // huffman_c9
    return diag << "expected each symbol once and zeros after the last, but "
                   "symbol "
                << error->index << " is another";
  case Kind::Offset: // huffman_c10
    return diag << "expected streams one after the other and zeros at the end, "
                   "but stream "
                << error->index << " lies elsewhere";
  case Kind::Stream: // huffman_c11
    return diag
           << "expected the codes of all its symbols and no more in stream "
           << error->index;
  case Kind::Checksum: // huffman_c12
    return diag << "stream " << error->index << " has another checksum";
  case Kind::NonFinite: // huffman_c13
    return diag << "expected finite values, but stream " << error->index
                << " has others";
  }
  llvm_unreachable("unknown error");
}

//===----------------------------------------------------------------------===//
// Presets
//===----------------------------------------------------------------------===//

/// Boxes with as many rows as fit, or parts of one row: a lookup takes single
/// rows.
template <bool singleRows>
static CodecAttrInterface buildExponents(RankedTensorType type,
                                         ArrayRef<DimRole>) {
  SmallVector<int64_t> box =
      growBox(type, SmallVector<int64_t>(type.getRank(), 1));
  if (singleRows)
    for (int64_t &extent : MutableArrayRef(box).drop_back(box.empty() ? 0 : 1))
      extent = 1;
  return HuffmanAttr::get(type.getContext(), 12, box, HuffmanSplit::Exponent);
}

/// 4-bit codes with a scale for each `elements`, and prefix codes of pairs of
/// them.
template <int64_t elements>
static CodecAttrInterface buildPairs(RankedTensorType type,
                                     ArrayRef<DimRole> roles) {
  MLIRContext *context = type.getContext();
  SmallVector<int64_t> block = alongReduction(type, roles, elements);
  auto base = QuantAttr::get(context, QuantStorage::I4, block,
                             Float16Type::get(context), /*zero=*/Type(),
                             /*min=*/Type(), /*narrow=*/false);
  SmallVector<int64_t> box(block);
  if (!box.empty())
    box.back() = llvm::alignTo(box.back(), 2);
  box = growBox(type, box);
  if (!box.empty())
    box.back() = llvm::divideCeil(box.back(), 2);
  Attribute codes = HuffmanAttr::get(context, 12, box, HuffmanSplit::None);
  Builder b(context);
  return NestedAttr::get(context, base,
                         b.getDictionaryAttr(b.getNamedAttr("codes", codes)));
}

void mlir::compress::registerHuffmanEncoders(CodecRegistry &registry) {
  registry.addEncoder<HuffmanAttr>(std::make_unique<HuffmanEncoder>());
  registry.addPreset({"df11", "lossless: prefix codes of the exponents",
                      buildExponents<false>});
  registry.addPreset({"df11-rows",
                      "the same in streams of one row, which lookups need",
                      buildExponents<true>});
  registry.addPreset(
      {"int4-b128-huffman",
       "4-bit integers, one f16 scale per 128, prefix codes of pairs",
       buildPairs<128>});
}
