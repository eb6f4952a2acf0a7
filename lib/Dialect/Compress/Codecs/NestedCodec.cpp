//===- NestedCodec.cpp - components that are compressed again -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/IR/DialectImplementation.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Syntax and rules
//===----------------------------------------------------------------------===//

Attribute NestedAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  CodecAttrInterface base;
  NamedAttrList components;
  if (parser.parseLess() || parser.parseAttribute(base))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    std::string name;
    CodecAttrInterface codec;
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeywordOrString(&name) || parser.parseEqual() ||
        parser.parseAttribute(codec))
      return {};
    if (components.get(name)) {
      parser.emitError(at) << "expected component '" << name << "' once";
      return {};
    }
    components.append(name, codec);
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<NestedAttr>(
      loc, parser.getContext(), base,
      components.getDictionary(parser.getContext()));
}

void NestedAttr::print(AsmPrinter &printer) const {
  printer << "<" << getBase();
  for (NamedAttribute component : getComponents()) {
    printer << ", ";
    printer.printKeywordOrString(component.getName());
    printer << " = " << component.getValue();
  }
  printer << ">";
}

LogicalResult NestedAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 CodecAttrInterface base,
                                 DictionaryAttr components) {
  bool areCodecs = llvm::all_of(components, [](NamedAttribute component) {
    return isa<CodecAttrInterface>(component.getValue());
  });
  if (components.empty() || !areCodecs) // nested_c1
    return emitError() << "expected a codec for at least one component of "
                       << base;
  return success();
}

LogicalResult
NestedAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                        RankedTensorType logical) const {
  if (failed(getBase().verifyCodec(emitError, logical)))
    return failure();
  SmallVector<StorageComponent> storage = getBase().getStorage(logical);
  for (NamedAttribute component : getComponents()) {
    auto *part = llvm::find_if(storage, [&](const StorageComponent &part) {
      return part.name == component.getName();
    });
    if (part == storage.end() || !isa<RankedTensorType>(part->type)) {
      // nested_c2
      auto diag = emitError() << "expected one of the uncompressed components "
                                 "of "
                              << getBase() << ", which are";
      for (const StorageComponent &part : storage)
        if (isa<RankedTensorType>(part.type))
          diag << " '" << part.name << "'";
      return diag << ", but got '" << component.getName().getValue() << "'";
    }
    auto type = cast<RankedTensorType>(part->type);
    if (logical.hasStaticShape() && !type.hasStaticShape()) // nested_c3
      return emitError() << "expected a component of static size, but that of '"
                         << part->name << "' of " << getBase()
                         << " depends on the data";
    if (!CompressedTensorType::getChecked(
            emitError, getContext(), type.getShape(), type.getElementType(),
            cast<CodecAttrInterface>(component.getValue())))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Storage and decode
//===----------------------------------------------------------------------===//

/// The codec of a component, or null.
static CodecAttrInterface getNested(NestedAttr codec, StringRef name) {
  return cast_or_null<CodecAttrInterface>(codec.getComponents().get(name));
}

/// Takes the leaves of the next component off `leaves`.
static ArrayRef<ArrayRef<char>> takeLeaves(const StorageComponent &stored,
                                           ArrayRef<ArrayRef<char>> &leaves) {
  SmallVector<Type> types;
  getLeafTypes(stored.type, types);
  ArrayRef<ArrayRef<char>> taken = leaves.take_front(types.size());
  leaves = leaves.drop_front(types.size());
  return taken;
}

SmallVector<StorageComponent>
NestedAttr::getStorage(RankedTensorType logical) const {
  SmallVector<StorageComponent> storage = getBase().getStorage(logical);
  for (StorageComponent &part : storage)
    if (CodecAttrInterface codec = getNested(*this, part.name))
      part.type =
          CompressedTensorType::get(cast<RankedTensorType>(part.type), codec);
  return storage;
}

FailureOr<Value> NestedAttr::buildDecode(OpBuilder &b, Location loc,
                                         ValueRange components,
                                         RankedTensorType logical) const {
  return getBase().buildDecode(b, loc, components, logical);
}

void NestedAttr::decodeData(RankedTensorType logical,
                            ArrayRef<ArrayRef<char>> components, int64_t begin,
                            MutableArrayRef<char> out) const {
  getBase().decodeData(logical, components, begin, out);
}

LogicalResult
NestedAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                       RankedTensorType logical,
                       ArrayRef<ArrayRef<char>> leaves) const {
  // What base checks are the decoded components; those that it compresses
  // itself stay as they are.
  std::vector<std::vector<char>> decoded;
  SmallVector<ArrayRef<char>> dense;
  SmallVector<StorageComponent> storage = getStorage(logical);
  decoded.reserve(storage.size());
  for (const StorageComponent &part : storage) {
    ArrayRef<ArrayRef<char>> own = takeLeaves(part, leaves);
    if (!getNested(*this, part.name)) {
      dense.append(own.begin(), own.end());
      continue;
    }
    auto type = cast<CompressedTensorType>(part.type);
    RankedTensorType component = type.getLogicalType();
    if (failed(type.getCodec().verifyData(emitError, component, own)))
      return failure();
    if (!component.hasStaticShape())
      return emitError() << "expected a static size for component '"
                         << part.name << "'";
    decoded.emplace_back(component.getNumElements() *
                         component.getElementTypeBitWidth() / 8);
    decodeLeaves(type, own, decoded.back());
    dense.push_back(decoded.back());
  }
  return getBase().verifyData(emitError, logical, dense);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// The cuts of a tensor that cut a component as it allows.
static TileGranularity toElements(TileGranularity own, ComponentRatio ratio) {
  auto convert = [&](int64_t stored) {
    return std::lcm(stored, ratio.stored) / ratio.stored * ratio.elements;
  };
  TileGranularity result{convert(own.unit), convert(own.block)};
  // Blocks that end where no element does: only several of them at once.
  if (own.block % ratio.stored)
    result.unit = std::lcm(result.unit, result.block);
  return result;
}

SmallVector<TileGranularity>
NestedAttr::getTileGranularity(RankedTensorType logical) const {
  SmallVector<TileGranularity> granularity =
      getBase().getTileGranularity(logical);
  for (auto [i, part] : llvm::enumerate(getBase().getStorage(logical))) {
    CodecAttrInterface codec = getNested(*this, part.name);
    if (!codec)
      continue;
    auto type = cast<RankedTensorType>(part.type);
    SmallVector<ComponentRatio> ratios =
        getBase().getComponentRatios(logical, i);
    if (ratios.empty()) {
      // Nothing is known about where a tile lies in it: no cut.
      for (auto [own, size] : llvm::zip_equal(granularity, logical.getShape()))
        own.unit = own.block = std::max<int64_t>(size, 1);
      return granularity;
    }
    SmallVector<TileGranularity> inner = codec.getTileGranularity(type);
    for (auto [dim, own] : llvm::enumerate(
             MutableArrayRef(granularity).take_front(ratios.size()))) {
      if (ratios[dim].elements == 0 || type.getDimSize(dim) == 1 ||
          (inner[dim].unit == 1 && inner[dim].block == 1))
        continue;
      own = combineGranularity(own, toElements(inner[dim], ratios[dim]),
                               logical.getDimSize(dim));
    }
  }
  return granularity;
}

SmallVector<ComponentRatio>
NestedAttr::getComponentRatios(RankedTensorType logical,
                               unsigned component) const {
  return getBase().getComponentRatios(logical, component);
}

FailureOr<SmallVector<ComponentTile>>
NestedAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                    ValueRange components, ArrayRef<OpFoldResult> offsets,
                    ArrayRef<OpFoldResult> sizes) const {
  return getBase().mapTile(b, loc, logical, components, offsets, sizes);
}

std::optional<algorithms::TileLayout>
NestedAttr::getComponentLayout(RankedTensorType logical, unsigned component,
                               const algorithms::TileLayout &layout) const {
  return getBase().getComponentLayout(logical, component, layout);
}

/// How a component that is compressed again follows a layout of the tensor: it
/// is in tiles itself, or is stored again, row by row of its tiled form.
struct MovedComponent {
  CodecAttrInterface codec;
  std::optional<algorithms::TileLayout> layout;
};

/// Null where it cannot. `tiledBase` is the codec of the tiled tensor.
static MovedComponent moveComponent(NestedAttr codec,
                                    CodecAttrInterface tiledBase,
                                    RankedTensorType logical,
                                    unsigned component,
                                    const algorithms::TileLayout &layout) {
  StorageComponent part = codec.getBase().getStorage(logical)[component];
  auto tiled = RankedTensorType::get(layout.getShape(logical.getShape()),
                                     logical.getElementType());
  auto stored =
      dyn_cast<RankedTensorType>(tiledBase.getStorage(tiled)[component].type);
  if (!stored)
    return {};
  CodecAttrInterface nested = getNested(codec, part.name);
  auto type = cast<RankedTensorType>(part.type);
  auto own = codec.getComponentLayout(logical, component, layout);
  if (own && type.getRank() == logical.getRank()) {
    CodecAttrInterface inner = nested.getTiledCodec(type, *own);
    if (inner &&
        stored.getShape() == ArrayRef<int64_t>(own->getShape(type.getShape())))
      return {inner, own};
  }
  return {nested.getRowsCodec(stored, tiled.getShape().back()), std::nullopt};
}

CodecAttrInterface
NestedAttr::getTiledCodec(RankedTensorType logical,
                          const algorithms::TileLayout &layout) const {
  CodecAttrInterface tiledBase = getBase().getTiledCodec(logical, layout);
  if (!tiledBase)
    return nullptr;
  NamedAttrList components;
  for (auto [i, part] : llvm::enumerate(getBase().getStorage(logical))) {
    if (!getNested(*this, part.name))
      continue;
    MovedComponent moved = moveComponent(*this, tiledBase, logical, i, layout);
    if (!moved.codec)
      return nullptr;
    components.set(part.name, moved.codec);
  }
  return get(getContext(), tiledBase, components.getDictionary(getContext()));
}

/// Stores a component again that was moved; that loses nothing.
static EncodedComponent storeAgain(EncodedComponent part, StringRef name,
                                   CodecAttrInterface codec) {
  auto type = cast<RankedTensorType>(part.type);
  MLIRContext *context = codec.getContext();
  auto emitError = [&] {
    return mlir::emitError(UnknownLoc::get(context))
           << "component '" << name << "': ";
  };
  auto *dialect = context->getLoadedDialect<CompressDialect>();
  auto parts = encodeTensor({name, type, part.data.getData(), nullptr}, codec,
                            {dialect->getCodecs(), "", emitError});
  assert(succeeded(parts) && "expected a codec that stores all its values");
  return {CompressedTensorType::get(type, codec), {}, std::move(*parts)};
}

std::vector<EncodedComponent>
NestedAttr::relayout(RankedTensorType logical,
                     const algorithms::TileLayout &layout,
                     ArrayRef<ArrayRef<char>> leaves) const {
  // Base moves zeros in the place of what moves by itself, and decoded bytes of
  // what is stored again.
  CodecAttrInterface tiledBase = getBase().getTiledCodec(logical, layout);
  SmallVector<StorageComponent> base = getBase().getStorage(logical);
  std::vector<MovedComponent> moves(base.size());
  std::vector<EncodedComponent> moved(base.size());
  std::vector<std::vector<char>> dense;
  dense.reserve(base.size());
  SmallVector<ArrayRef<char>> own;
  for (auto [i, part, stored] : llvm::enumerate(base, getStorage(logical))) {
    ArrayRef<ArrayRef<char>> ofPart = takeLeaves(stored, leaves);
    CodecAttrInterface codec = getNested(*this, part.name);
    if (!codec) {
      llvm::append_range(own, ofPart);
      continue;
    }
    auto type = cast<RankedTensorType>(part.type);
    std::vector<char> &bytes = dense.emplace_back(
        type.getNumElements() * type.getElementTypeBitWidth() / 8);
    own.push_back(bytes);
    moves[i] = moveComponent(*this, tiledBase, logical, i, layout);
    if (moves[i].layout)
      moved[i].parts = codec.relayout(type, *moves[i].layout, ofPart);
    else
      decodeLeaves(cast<CompressedTensorType>(stored.type), ofPart, bytes);
  }
  std::vector<EncodedComponent> result =
      getBase().relayout(logical, layout, own);
  for (auto [i, part] : llvm::enumerate(result)) {
    if (!moves[i].codec)
      continue;
    if (moves[i].layout)
      part = {CompressedTensorType::get(cast<RankedTensorType>(part.type),
                                        moves[i].codec),
              {},
              std::move(moved[i].parts)};
    else
      part = storeAgain(std::move(part), base[i].name, moves[i].codec);
  }
  return result;
}

CodecAttrInterface
NestedAttr::getMatrixCodec(RankedTensorType logical, ArrayRef<unsigned> rows,
                           ArrayRef<unsigned> columns) const {
  CodecAttrInterface base = getBase().getMatrixCodec(logical, rows, columns);
  if (!base)
    return nullptr;
  NamedAttrList components;
  for (auto [part, moved] : llvm::zip_equal(
           getBase().getStorage(logical),
           base.getStorage(getMatrixType(logical, rows, columns)))) {
    CodecAttrInterface nested = getNested(*this, part.name);
    if (!nested)
      continue;
    // What has an entry for each block has a matrix of them.
    auto type = cast<RankedTensorType>(part.type);
    if (type.getRank() != logical.getRank() ||
        getMatrixType(type, rows, columns) != moved.type)
      return nullptr;
    CodecAttrInterface codec = nested.getMatrixCodec(type, rows, columns);
    if (!codec)
      return nullptr;
    components.set(part.name, codec);
  }
  return get(getContext(), base, components.getDictionary(getContext()));
}

std::vector<EncodedComponent>
NestedAttr::moveToMatrix(RankedTensorType logical, ArrayRef<unsigned> rows,
                         ArrayRef<unsigned> columns,
                         ArrayRef<ArrayRef<char>> leaves) const {
  // Base moves zeros in the place of what moves by itself.
  SmallVector<StorageComponent> base = getBase().getStorage(logical);
  std::vector<EncodedComponent> moved(base.size());
  std::vector<std::vector<char>> zeros;
  zeros.reserve(base.size());
  SmallVector<ArrayRef<char>> own;
  for (auto [i, part, stored] : llvm::enumerate(base, getStorage(logical))) {
    ArrayRef<ArrayRef<char>> ofPart = takeLeaves(stored, leaves);
    CodecAttrInterface codec = getNested(*this, part.name);
    if (!codec) {
      llvm::append_range(own, ofPart);
      continue;
    }
    auto type = cast<RankedTensorType>(part.type);
    own.push_back(zeros.emplace_back(type.getNumElements() *
                                     type.getElementTypeBitWidth() / 8));
    moved[i] = {
        CompressedTensorType::get(getMatrixType(type, rows, columns),
                                  codec.getMatrixCodec(type, rows, columns)),
        {},
        codec.moveToMatrix(type, rows, columns, ofPart)};
  }
  std::vector<EncodedComponent> result =
      getBase().moveToMatrix(logical, rows, columns, own);
  for (auto [part, again] : llvm::zip_equal(result, moved))
    if (!again.parts.empty())
      part = std::move(again);
  return result;
}

LogicalResult NestedAttr::rewriteContraction(RewriterBase &rewriter,
                                             OpOperand &use,
                                             RankedTensorType logical,
                                             ValueRange components,
                                             std::string &reason) const {
  return getBase().rewriteContraction(rewriter, use, logical, components,
                                      reason);
}

CodecAttrInterface
NestedAttr::withComponentCodec(RankedTensorType logical, unsigned component,
                               CodecAttrInterface codec) const {
  StorageComponent part = getBase().getStorage(logical)[component];
  StringRef name = part.name;
  if (!isa<RankedTensorType>(part.type)) {
    CodecAttrInterface base =
        getBase().withComponentCodec(logical, component, codec);
    return base ? get(getContext(), base, getComponents()) : NestedAttr();
  }
  NamedAttrList components(getComponents());
  components.set(name, codec);
  return get(getContext(), getBase(), components.getDictionary(getContext()));
}

bool NestedAttr::isLossless() const {
  return getBase().isLossless() &&
         llvm::all_of(getComponents(), [](NamedAttribute component) {
           return cast<CodecAttrInterface>(component.getValue()).isLossless();
         });
}

bool NestedAttr::needsOneSign() const { return getBase().needsOneSign(); }

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

/// The codec that stores the same, with a base that is none of this kind. So an
/// encoder knows all components that are compressed again.
static NestedAttr flatten(NestedAttr codec) {
  while (auto base = dyn_cast<NestedAttr>(codec.getBase())) {
    NamedAttrList components(codec.getComponents());
    components.append(base.getComponents());
    codec = NestedAttr::get(codec.getContext(), base.getBase(),
                            components.getDictionary(codec.getContext()));
  }
  return codec;
}

namespace {
/// Encodes with base's encoder, then the components. Where that changes scales,
/// or what else codes were chosen for, codes are chosen again.
class NestedEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "nested"; }
  bool supports(StringRef) const override { return true; }

  std::string describe(CodecAttrInterface codec,
                       const EncodeContext &context) const override {
    return describeBase(cast<NestedAttr>(codec).getBase(), context);
  }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = flatten(cast<NestedAttr>(codecAttr));
    CodecAttrInterface base = codec.getBase();
    EncodeContext baseContext = context;
    baseContext.nested = codec.getComponents();
    auto parts = encodeTensor(weight, base, baseContext);
    if (failed(parts))
      return failure();
    SmallVector<StorageComponent> storage = base.getStorage(weight.type);
    auto *codes = llvm::find_if(storage, [](const StorageComponent &part) {
      return part.role == ComponentRole::Codes;
    });
    bool isChanged = false;
    for (auto [part, description] : llvm::zip_equal(*parts, storage)) {
      CodecAttrInterface nested = getNested(codec, description.name);
      if (!nested || &description == codes)
        continue;
      isChanged |= !nested.isLossless();
      if (failed(
              compress(part, description.name, weight.name, nested, context)))
        return failure();
    }
    if (codes == storage.end())
      return parts;
    EncodedComponent &codesPart = (*parts)[codes - storage.begin()];
    if (isChanged) {
      const Encoder *encoder =
          context.registry.lookupEncoder(base, context.algorithm);
      FailureOr<AsmResourceBlob> chosen = encoder->encodeAgainst(
          weight, base, DenseComponents(*parts).get(), context);
      if (failed(chosen))
        return failure();
      if (!chosen->getData().empty())
        codesPart.data = std::move(*chosen);
    }
    if (CodecAttrInterface nested = getNested(codec, codes->name))
      if (failed(
              compress(codesPart, codes->name, weight.name, nested, context)))
        return failure();
    return parts;
  }

private:
  static LogicalResult compress(EncodedComponent &part, StringRef component,
                                StringRef name, CodecAttrInterface codec,
                                const EncodeContext &context) {
    auto type = cast<RankedTensorType>(part.type);
    EncodeContext inner = context;
    inner.algorithm = "";
    inner.nested = {};
    auto emitError = [&] {
      InFlightDiagnostic diag = context.emitError();
      diag << "component '" << component << "': ";
      return diag;
    };
    inner.emitError = emitError;
    auto encoded =
        encodeTensor({name, type, part.data.getData(), nullptr}, codec, inner);
    if (failed(encoded))
      return failure();
    part = {CompressedTensorType::get(type, codec), {}, std::move(*encoded)};
    return success();
  }
};
} // namespace

void mlir::compress::registerNestedEncoders(CodecRegistry &registry) {
  registry.addEncoder<NestedAttr>(std::make_unique<NestedEncoder>());
}
