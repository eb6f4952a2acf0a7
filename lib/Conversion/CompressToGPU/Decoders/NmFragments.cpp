//===- NmFragments.cpp - fragments of two of four elements ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is stored is a weight of half as many columns, whose fragments are those
// of the codec of values. Positions are packed in the order of the words that
// mma.sp takes for values of 16 bits: fragment by fragment, two words for each
// group of four lanes.
//
//===----------------------------------------------------------------------===//

#include "FragmentLayout.h"
#include "compress/Conversion/CompressToGPU/Mma.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

/// What the positions of each word are stored exclusive-or: the second of each
/// two is, with 1.
static constexpr int32_t kNumbers = 0x44444444;
static constexpr int64_t kWordBytes = 4;
/// Of a fragment, and of a group of four lanes.
static constexpr int64_t kGroupBytes = 2 * kWordBytes,
                         kFragmentBytes = 8 * kGroupBytes;

/// 2 of 4, if the codec is stored as such in tiles; else null.
static NmAttr getPairs(NmAttr codec) {
  NmAttr paired = codec.getPaired();
  return codec.getKept() == 2 && codec.getGroup() == 4 ? codec : paired;
}

/// What is stored of few elements: the component, before it is compressed
/// again.
static RankedTensorType getValueType(NmAttr codec, RankedTensorType logical,
                                     bool isCompressed) {
  NmAttr stored = isCompressed ? codec : getPairs(codec);
  return cast<RankedTensorType>(stored.getStorage(logical)[0].type);
}

/// The codec of what is stored: that of the component, or none.
static FragmentDecoderInterface getValueDecoder(const FragmentWeight &weight) {
  StorageComponent values =
      weight.codec.getBase().getStorage(weight.logical).front();
  if (auto compressed = dyn_cast<CompressedTensorType>(values.type))
    return cast<FragmentDecoderInterface>(Attribute(compressed.getCodec()));
  return cast<FragmentDecoderInterface>(
      Attribute(DenseAttr::get(weight.codec.getContext())));
}

/// What is stored as a weight of its own, in the same records.
static FragmentWeight getValues(const FragmentWeight &weight) {
  CodecAttrInterface base = weight.codec.getBase();
  if (auto plain = dyn_cast<NmAttr>(base))
    base = getPairs(plain);
  StorageComponent component = base.getStorage(weight.logical).front();
  auto compressed = dyn_cast<CompressedTensorType>(component.type);
  algorithms::TileLayout layout = *base.getComponentLayout(
      weight.logical, /*component=*/0, weight.codec.getLayout());
  layout.record = weight.codec.getRecord();
  auto codec = cast<CodecAttrInterface>(Attribute(getValueDecoder(weight)));
  // Positions are the last leaf.
  SmallVector<TiledAttr::Leaf> leaves(
      ArrayRef<TiledAttr::Leaf>(weight.leaves).drop_back());
  TiledAttr::Records records = weight.records;
  records.parts.pop_back();
  FragmentWeight values(TiledAttr::get(codec, layout),
                        compressed ? compressed.getLogicalType()
                                   : cast<RankedTensorType>(component.type),
                        std::move(leaves), std::move(records));
  values.table = weight.table;
  return values;
}

/// Bytes of positions, from `offset` on in those of the record of a place.
static Value loadPositions(ImplicitLocOpBuilder &b,
                           const FragmentWeight &weight,
                           const FragmentPlace &place, Value ofLane,
                           int64_t offset, int64_t bytes) {
  const algorithms::RecordPart &part = *weight.records.parts.back();
  Value at = arith::AddIOp::create(b, place.record, ofLane);
  at = arith::AddIOp::create(
      b, at, arith::ConstantIndexOp::create(b, part.offset + offset));
  int64_t alignment =
      llvm::MinAlign(llvm::MinAlign(weight.records.bytes, part.offset), bytes);
  Value loaded = vector::LoadOp::create(
      b, VectorType::get(bytes, b.getI8Type()), place.buffer, at,
      /*nontemporal=*/false, llvm::MaybeAlign(alignment));
  return vector::BitCastOp::create(
      b, VectorType::get(bytes / kWordBytes, b.getI32Type()), loaded);
}

/// Why groups are none that mma.sp knows; empty if they are.
static std::string explainGroups(NmAttr codec, unsigned columnDim,
                                 bool isCompressed) {
  std::string text = std::to_string(codec.getKept()) + " of " +
                     std::to_string(codec.getGroup()) + " elements";
  if (!getPairs(codec))
    return "it has " + text +
           ", and kernels for GPUs have 2 of 4, 1 of 4 and 1 of 2";
  if (codec.getKept() == 1 && codec.getGroup() == 4 && isCompressed)
    return "it has " + text +
           " that are compressed again, and kernels for GPUs have those of 2 "
           "of 4";
  if (codec.getAxis() != columnDim)
    return "its groups are not along the dimension that is reduced";
  return "";
}

namespace {
struct NmFragmentDecoder
    : FragmentDecoderInterface::ExternalModel<NmFragmentDecoder, NmAttr> {
  std::optional<FragmentCodes> getFragmentCodes(Attribute attr,
                                                RankedTensorType logical,
                                                unsigned columnDim) const {
    return getCodesOfValues(attr, logical, columnDim,
                            DenseAttr::get(attr.getContext()));
  }

  std::optional<FragmentCodes> getCodesOfValues(Attribute attr,
                                                RankedTensorType logical,
                                                unsigned columnDim,
                                                Attribute values) const {
    auto codec = cast<NmAttr>(attr);
    auto decoder = dyn_cast<FragmentDecoderInterface>(values);
    bool isCompressed = values != DenseAttr::get(attr.getContext());
    if (!explainGroups(codec, columnDim, isCompressed).empty() || !decoder)
      return std::nullopt;
    RankedTensorType type = getValueType(codec, logical, isCompressed);
    auto codes = decoder.getFragmentCodes(type, columnDim);
    // Of what is not stored nothing is added.
    if (!codes || codes->hasOffsets || codes->isSparse)
      return std::nullopt;
    codes->isSparse = true;
    codes->block *= 2;
    return codes;
  }

  std::string explainNoCodes(Attribute attr, RankedTensorType logical,
                             unsigned columnDim, Attribute values) const {
    auto codec = cast<NmAttr>(attr);
    std::string reason =
        explainGroups(codec, columnDim, /*isCompressed=*/bool(values));
    if (!reason.empty())
      return reason;
    RankedTensorType type = getValueType(codec, logical, bool(values));
    if (!values && type.getElementTypeBitWidth() != 16)
      return "its values have " +
             std::to_string(type.getElementTypeBitWidth()) +
             " bits, and those of kernels for GPUs have 16";
    auto decoder = dyn_cast_if_present<FragmentDecoderInterface>(values);
    auto codes =
        decoder ? decoder.getFragmentCodes(type, columnDim) : std::nullopt;
    if (codes && codes->hasOffsets)
      return "its values have zero points or minima, which what is not stored "
             "has not";
    return "";
  }

  FragmentFormat getFragmentFormat(Attribute, const FragmentWeight &weight,
                                   MmaKind kind) const {
    FragmentFormat format =
        getValueDecoder(weight).getFragmentFormat(getValues(weight), kind);
    format.isSparse = true;
    return format;
  }

  std::optional<FragmentFormat>
  getScaledFormat(Attribute, const FragmentWeight &weight, MmaKind kind) const {
    std::optional<FragmentFormat> format =
        getValueDecoder(weight).getScaledFormat(getValues(weight), kind);
    if (format)
      format->isSparse = true;
    return format;
  }

  int64_t getTableBytes(Attribute, const FragmentWeight &weight,
                        int64_t tileRows) const {
    return getValueDecoder(weight).getTableBytes(getValues(weight), tileRows);
  }

  void emitTable(Attribute, OpBuilder &b, Location loc,
                 const FragmentWeight &weight, const FragmentPlace &first,
                 int64_t tileRows, Value thread, int64_t numThreads,
                 MmaKind kind) const {
    getValueDecoder(weight).emitTable(b, loc, getValues(weight), first,
                                      tileRows, thread, numThreads, kind);
  }

  SmallVector<Value> emitFragment(Attribute, OpBuilder &builder, Location loc,
                                  const FragmentWeight &weight,
                                  const FragmentPlace &place, ValueRange words,
                                  int64_t rowTile, int64_t step, MmaKind kind,
                                  ValueRange factors) const {
    ImplicitLocOpBuilder b(loc, builder);
    SmallVector<Value> registers = getValueDecoder(weight).emitFragment(
        b, loc, getValues(weight), place, words, rowTile, step, kind, factors);
    // Two neighbours, and then two, instead of two first ones.
    if (kind == MmaKind::S8 || kind == MmaKind::U8)
      for (Value &bytes : registers)
        bytes = emitPermute(b, bytes, bytes, ArrayRef<unsigned>{0, 2, 1, 3});
    return registers;
  }

  FragmentMetadata emitMetadata(Attribute, OpBuilder &builder, Location loc,
                                const FragmentWeight &weight,
                                const FragmentPlace &place, int64_t rowTile,
                                int64_t step, MmaKind kind) const {
    ImplicitLocOpBuilder b(loc, builder);
    auto index = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(b, value);
    };
    auto mul = [&](Value x, int64_t y) -> Value {
      return arith::MulIOp::create(b, x, index(y));
    };
    auto bits = [&](int32_t value) -> Value {
      return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
    };
    // Fragments of 16 rows and 32 columns.
    int64_t columns = algorithms::getSparseMmaShape(MmaKind::F16).k;
    int64_t steps = weight.getTileColumns() / columns;
    int64_t perTile = weight.getTileRows() / 16 * steps;
    int64_t first = place.tile * perTile + rowTile * steps;
    Value group = mul(place.group, kGroupBytes);
    Value odd = arith::RemUIOp::create(b, place.quarter, index(2));
    Value upper = arith::DivUIOp::create(b, place.quarter, index(2));
    Value word;
    int64_t selector = 0;
    if (kind == MmaKind::S8 || kind == MmaKind::U8) {
      // Two fragments, of which lanes 2 and 3 want the second one; lanes 1 and
      // 3 the lower rows, of both words.
      first += 2 * step;
      Value ofLane =
          arith::AddIOp::create(b, group, mul(upper, kFragmentBytes));
      Value words = loadPositions(b, weight, place, ofLane,
                                  first * kFragmentBytes, kGroupBytes);
      Value isOdd =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ne, odd, index(0));
      Value selected =
          arith::SelectOp::create(b, isOdd, bits(0x7362), bits(0x5140));
      word = emitPermute(b, vector::ExtractOp::create(b, words, 0),
                         vector::ExtractOp::create(b, words, 1), selected);
      // Of each half, the second and the third four bits change places.
      Value moved = arith::AndIOp::create(
          b,
          arith::XOrIOp::create(b, word,
                                arith::ShRUIOp::create(b, word, bits(4))),
          bits(0x00f000f0));
      word = arith::XOrIOp::create(b, word, moved);
      word = arith::XOrIOp::create(b, word,
                                   arith::ShLIOp::create(b, moved, bits(4)));
    } else {
      // Lanes 2 and 3 have the words of the next fragment.
      first += step;
      bool isPaired = (first | 1) < weight.getTilesPerRecord() * perTile;
      Value ofLane = arith::AddIOp::create(b, group, mul(odd, kWordBytes));
      if (isPaired) {
        ofLane = arith::AddIOp::create(b, ofLane, mul(upper, kFragmentBytes));
        selector = first % 2;
        first -= selector;
      }
      Value words = loadPositions(b, weight, place, ofLane,
                                  first * kFragmentBytes, kWordBytes);
      word = vector::ExtractOp::create(b, words, 0);
    }
    return {arith::XOrIOp::create(b, word, bits(kNumbers)), selector};
  }

  std::optional<MmaKind> getByteKind(Attribute,
                                     const FragmentWeight &weight) const {
    std::optional<MmaKind> kind =
        getValueDecoder(weight).getByteKind(getValues(weight));
    // Others have no mma.sp that is emitted.
    bool isInteger = kind == MmaKind::S8 || kind == MmaKind::U8;
    return isInteger ? kind : std::nullopt;
  }

  SmallVector<Value> emitFactors(Attribute, OpBuilder &b, Location loc,
                                 const FragmentWeight &weight,
                                 const FragmentPlace &place,
                                 MmaKind kind) const {
    return getValueDecoder(weight).emitFactors(b, loc, getValues(weight), place,
                                               kind);
  }

  RowScales emitRowScales(Attribute, OpBuilder &b, Location loc,
                          const FragmentWeight &weight,
                          const FragmentPlace &place) const {
    return getValueDecoder(weight).emitRowScales(b, loc, getValues(weight),
                                                 place);
  }
};
} // namespace

void mlir::compress::registerNmFragmentDecoder(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, CompressDialect *) {
    NmAttr::attachInterface<NmFragmentDecoder>(*context);
  });
}
