//===- TiledCodec.cpp - another codec's values in the order of kernels ----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/CodecRegistry.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <list>
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

algorithms::TileLayout TiledAttr::getLayout() const {
  algorithms::TileLayout layout;
  layout.tile.append(getTile().begin(), getTile().end());
  layout.order.append(getOrder().begin(), getOrder().end());
  layout.split.append(getSplit().begin(), getSplit().end());
  layout.inside.append(getInside().begin(), getInside().end());
  layout.positions.append(getPositions().begin(), getPositions().end());
  layout.record = getRecord();
  layout.flip = getFlip();
  return layout;
}

RankedTensorType TiledAttr::getTiledType(RankedTensorType logical) const {
  return RankedTensorType::get(getLayout().getShape(logical.getShape()),
                               logical.getElementType());
}

/// What is stored of one component of a tensor of `rank` dimensions of tiles;
/// `ratios` are those of the component.
static bool collectLeaves(Type type, const Twine &name, ComponentRole role,
                          ArrayRef<ComponentRatio> ratios, size_t rank,
                          SmallVectorImpl<TiledAttr::Leaf> &leaves) {
  if (auto stored = dyn_cast<RankedTensorType>(type)) {
    TiledAttr::Leaf leaf = {name.str(), role, stored, {}};
    for (ComponentRatio ratio : ratios.take_front(rank)) {
      if (ratio.stored != 1)
        return false;
      leaf.tiles.push_back(std::max<int64_t>(ratio.elements, 1));
    }
    leaves.push_back(std::move(leaf));
    return true;
  }
  auto compressed = cast<CompressedTensorType>(type);
  RankedTensorType logical = compressed.getLogicalType();
  for (auto [i, part] : llvm::enumerate(compressed.getStorage())) {
    auto own = compressed.getCodec().getComponentRatios(logical, i);
    if (own.size() < rank || ratios.size() < rank)
      return false;
    SmallVector<ComponentRatio> both(own);
    for (size_t dim = 0; dim < rank; ++dim)
      both[dim] = {own[dim].elements * ratios[dim].elements,
                   own[dim].stored * ratios[dim].stored};
    if (!collectLeaves(part.type, name + "." + part.name, part.role, both, rank,
                       leaves))
      return false;
  }
  return true;
}

std::optional<SmallVector<TiledAttr::Leaf>>
TiledAttr::getLeaves(RankedTensorType logical) const {
  RankedTensorType tiled = getTiledType(logical);
  CodecAttrInterface inner = getInner(logical);
  SmallVector<Leaf> leaves;
  for (auto [i, part] : llvm::enumerate(inner.getStorage(tiled))) {
    SmallVector<ComponentRatio> ratios = inner.getComponentRatios(tiled, i);
    if (int64_t(ratios.size()) < logical.getRank() ||
        !collectLeaves(part.type, part.name, part.role, ratios,
                       logical.getRank(), leaves))
      return std::nullopt;
  }
  return leaves;
}

std::optional<TiledAttr::Records>
TiledAttr::getRecords(RankedTensorType logical) const {
  if (!getRecord())
    return std::nullopt;
  std::optional<SmallVector<Leaf>> leaves = getLeaves(logical);
  if (!leaves)
    return std::nullopt;
  size_t rank = logical.getRank();
  RankedTensorType tiled = getTiledType(logical);
  ArrayRef<int64_t> grid = tiled.getShape().take_front(rank);
  Records records = {computeProduct(grid.drop_back()),
                     llvm::divideCeilSigned(grid.back(), getRecord()),
                     0,
                     /*hasAllBlocks=*/true,
                     {}};
  for (const Leaf &leaf : *leaves) {
    RankedTensorType type = leaf.type;
    if (!type.hasStaticShape() || type.getRank() < int64_t(rank) ||
        type.getElementTypeBitWidth() % 8 != 0)
      return std::nullopt;
    // Along the last dimension of tiles, each entry is for so many tiles; one
    // that is for all of them is in a record if there is only one. A number for
    // all of the weight is beside records, however many tiles there are.
    int64_t tiles = leaf.tiles.back();
    bool isForAll = type.getDimSize(rank - 1) == 1;
    if (isForAll && records.count == 1)
      tiles = getRecord();
    bool hasInside = type.getRank() > tiled.getRank();
    bool isOfRows =
        type.getShape().take_front(rank - 1) != grid.drop_back() && !hasInside;
    bool isOfAll = type.getNumElements() == 1;
    if (hasInside || isOfRows || isOfAll || getRecord() % tiles != 0) {
      if (records.parts.empty() || !(isForAll || isOfRows))
        return std::nullopt;
      records.hasAllBlocks &= isForAll;
      records.parts.push_back(std::nullopt);
      continue;
    }
    int64_t bytes = computeProduct(type.getShape().drop_front(rank)) *
                    type.getElementTypeBitWidth() / 8;
    algorithms::RecordPart part = {records.bytes, getRecord() / tiles * bytes,
                                   type.getDimSize(rank - 1) * bytes};
    records.parts.push_back(part);
    records.bytes += part.bytes;
  }
  return records;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// base, tile = [..], order = [..]
/// (, split = [..], inside = [..] (, positions = [..])?)? (, record = n)?
/// (, flip = n)?
Attribute TiledAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  CodecAttrInterface base;
  SmallVector<int64_t> tile, order, split, inside, positions;
  int64_t record = 0, flip = 0;
  auto parseList = [&](SmallVector<int64_t> &list) -> ParseResult {
    if (parser.parseEqual())
      return failure();
    return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
      return parser.parseInteger(list.emplace_back());
    });
  };
  if (parser.parseLess() || parser.parseAttribute(base) ||
      parser.parseComma() || parser.parseKeyword("tile") || parseList(tile) ||
      parser.parseComma() || parser.parseKeyword("order") || parseList(order))
    return {};
  bool isMore = succeeded(parser.parseOptionalComma());
  if (isMore && succeeded(parser.parseOptionalKeyword("split"))) {
    if (parseList(split) || parser.parseComma() ||
        parser.parseKeyword("inside") || parseList(inside))
      return {};
    isMore = succeeded(parser.parseOptionalComma());
    if (isMore && succeeded(parser.parseOptionalKeyword("positions"))) {
      if (parseList(positions))
        return {};
      isMore = succeeded(parser.parseOptionalComma());
    }
  }
  if (isMore && succeeded(parser.parseOptionalKeyword("record"))) {
    if (parser.parseEqual() || parser.parseInteger(record))
      return {};
    isMore = succeeded(parser.parseOptionalComma());
  }
  if (isMore && (parser.parseKeyword("flip") || parser.parseEqual() ||
                 parser.parseInteger(flip)))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<TiledAttr>(
      loc, parser.getContext(), base, ArrayRef<int64_t>(tile),
      ArrayRef<int64_t>(order), ArrayRef<int64_t>(split),
      ArrayRef<int64_t>(inside), ArrayRef<int64_t>(positions), record, flip);
}

void TiledAttr::print(AsmPrinter &printer) const {
  auto printList = [&](StringRef name, ArrayRef<int64_t> list) {
    printer << ", " << name << " = [";
    llvm::interleaveComma(list, printer);
    printer << "]";
  };
  printer << "<" << getBase();
  printList("tile", getTile());
  printList("order", getOrder());
  if (!getSplit().empty()) {
    printList("split", getSplit());
    printList("inside", getInside());
  }
  if (!getPositions().empty())
    printList("positions", getPositions());
  if (getRecord())
    printer << ", record = " << getRecord();
  if (getFlip())
    printer << ", flip = " << getFlip();
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult TiledAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                CodecAttrInterface base, ArrayRef<int64_t> tile,
                                ArrayRef<int64_t> order,
                                ArrayRef<int64_t> split,
                                ArrayRef<int64_t> inside,
                                ArrayRef<int64_t> positions, int64_t record,
                                int64_t flip) {
  for (int64_t extent : tile) // tiled_c1
    if (extent < 1)
      return emitError() << "expected positive tile extents, but got "
                         << extent;
  if (tile.size() != order.size() || !isPermutationVector(order)) { // tiled_c2
    auto diag = emitError() << "expected order to be a permutation of "
                            << tile.size() << " dimensions, but got [";
    llvm::interleaveComma(order, diag);
    return diag << "]";
  }
  if (split.size() != inside.size() ||
      !isPermutationVector(inside)) { // tiled_c7
    auto diag = emitError() << "expected inside to be a permutation of "
                            << split.size() << " factors, but got [";
    llvm::interleaveComma(inside, diag);
    return diag << "]";
  }
  algorithms::TileLayout layout;
  layout.tile.append(tile.begin(), tile.end());
  layout.order.append(order.begin(), order.end());
  layout.split.append(split.begin(), split.end());
  layout.inside.append(inside.begin(), inside.end());
  if (!layout.isSplitLegal()) { // tiled_c7
    auto diag = emitError()
                << "expected factors of the tile's extents, but got [";
    llvm::interleaveComma(split, diag);
    return diag << "]";
  }
  if (!positions.empty() && (positions.size() != split.size() ||
                             !isPermutationVector(positions))) { // tiled_c11
    auto diag = emitError() << "expected positions to be a permutation of "
                            << split.size() << " factors, but got [";
    llvm::interleaveComma(positions, diag);
    return diag << "]";
  }
  if (record < 0) // tiled_c8
    return emitError() << "expected a record of 0 or more tiles, but got "
                       << record;
  if (flip < 0 || flip > 255) // tiled_c8
    return emitError() << "expected a flip of 0 to 255, but got " << flip;
  return success();
}

LogicalResult
TiledAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                       RankedTensorType logical) const {
  if (int64_t(getTile().size()) != logical.getRank()) // tiled_c3
    return emitError() << "expected one tile extent per dimension, but got "
                       << getTile().size() << " for rank " << logical.getRank();
  if (!logical.hasStaticShape() || logical.getRank() == 0) // tiled_c4
    return emitError() << "expected a static tensor of at least one dimension "
                          "for #compress.tiled, but got "
                       << logical;
  int64_t elements = 1;
  for (auto [size, extent] : llvm::zip_equal(logical.getShape(), getTile())) {
    int64_t padded;
    if (llvm::MulOverflow(int64_t(llvm::divideCeil(uint64_t(size), extent)),
                          extent, padded) ||
        llvm::MulOverflow(elements, padded, elements) ||
        elements > std::numeric_limits<int64_t>::max() / 128) // tiled_c6
      return emitError() << "expected tiles that pad " << logical
                         << " to less than 2^56 elements";
  }
  if (failed(getBase().verifyCodec(emitError, logical)))
    return failure();
  CodecAttrInterface inner = getInner(logical);
  if (!inner) // tiled_c5
    return emitError() << "expected tiles that hold whole blocks, or blocks "
                          "that hold whole tiles, of "
                       << getBase();
  if (failed(inner.verifyCodec(emitError, getTiledType(logical))))
    return failure();
  SmallVector<Type> leaves;
  getLeafTypes(inner.getStorage(getTiledType(logical)).front().type, leaves);
  if (getFlip() && !cast<RankedTensorType>(leaves.front())
                        .getElementType()
                        .isInteger(8)) // tiled_c10
    return emitError() << "expected a first component of i8 for flip, but got "
                       << leaves.front();
  algorithms::TileLayout others = getLayout();
  others.positions.clear();
  if (!getPositions().empty() &&
      getBase().getTiledCodec(logical, others) == inner) // tiled_c12
    return emitError() << "expected no positions, because there are none in "
                       << getBase();
  if (getRecord() && !getRecords(logical)) // tiled_c9
    return emitError() << "expected records of " << getRecord()
                       << " tiles to have a part of each component of "
                       << getBase();
  return success();
}

//===----------------------------------------------------------------------===//
// Storage and decode
//===----------------------------------------------------------------------===//

SmallVector<StorageComponent>
TiledAttr::getStorage(RankedTensorType logical) const {
  RankedTensorType tiled = getTiledType(logical);
  std::optional<Records> records = getRecords(logical);
  SmallVector<StorageComponent> storage;
  if (records) {
    SmallVector<int64_t> shape(
        tiled.getShape().take_front(logical.getRank() - 1));
    shape.append({records->count, records->bytes});
    storage.push_back(
        {"stream", ComponentRole::Stream,
         RankedTensorType::get(shape, IntegerType::get(getContext(), 8))});
  }
  auto leaves = getLeaves(logical);
  if (!leaves)
    return getInner(logical).getStorage(tiled);
  for (auto [i, leaf] : llvm::enumerate(*leaves))
    if (!records || !records->parts[i])
      storage.push_back({StringAttr::get(getContext(), leaf.name).getValue(),
                         leaf.role, leaf.type});
  return storage;
}

namespace {
/// The leaves of the inner codec, out of the bytes that are stored.
class InnerLeaves {
public:
  InnerLeaves(TiledAttr codec, RankedTensorType logical,
              ArrayRef<ArrayRef<char>> stored)
      : views(stored) {
    if (std::optional<TiledAttr::Records> records = codec.getRecords(logical)) {
      views.clear();
      ArrayRef<ArrayRef<char>> shared = stored.drop_front();
      for (const std::optional<algorithms::RecordPart> &part : records->parts) {
        if (!part) {
          views.push_back(shared.front());
          shared = shared.drop_front();
          continue;
        }
        copies.emplace_back(records->rows * part->rowBytes);
        algorithms::deinterleave(*part, records->rows, records->count,
                                 records->bytes, asBytes(stored[0]),
                                 asMutableBytes(copies.back()));
        views.push_back(copies.back());
      }
    }
    if (codec.getFlip()) {
      std::vector<char> codes(views[0].begin(), views[0].end());
      for (char &byte : codes)
        byte ^= codec.getFlip();
      copies.push_back(std::move(codes));
      views[0] = copies.back();
    }
  }
  ArrayRef<ArrayRef<char>> get() const { return views; }

  /// The same, of each component; those that are compressed are decoded.
  SmallVector<ArrayRef<char>> decode(ArrayRef<StorageComponent> components) {
    SmallVector<ArrayRef<char>> dense;
    ArrayRef<ArrayRef<char>> leaves = views;
    for (const StorageComponent &part : components) {
      SmallVector<Type> types;
      getLeafTypes(part.type, types);
      auto compressed = dyn_cast<CompressedTensorType>(part.type);
      if (compressed) {
        RankedTensorType type = compressed.getLogicalType();
        copies.emplace_back(type.getNumElements() *
                            type.getElementTypeBitWidth() / 8);
        decodeLeaves(compressed, leaves.take_front(types.size()),
                     copies.back());
      }
      dense.push_back(compressed ? ArrayRef<char>(copies.back())
                                 : leaves.front());
      leaves = leaves.drop_front(types.size());
    }
    return dense;
  }

private:
  std::list<std::vector<char>> copies;
  SmallVector<ArrayRef<char>> views;
};
} // namespace

LogicalResult
TiledAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                      RankedTensorType logical,
                      ArrayRef<ArrayRef<char>> leaves) const {
  if (std::optional<Records> records = getRecords(logical)) {
    int64_t bytes = records->rows * records->count * records->bytes;
    if (int64_t(leaves[0].size()) != bytes)
      return emitError() << "expected a stream of " << bytes
                         << " bytes, but got " << leaves[0].size();
  }
  InnerLeaves inner(*this, logical, leaves);
  return getInner(logical).verifyData(emitError, getTiledType(logical),
                                      inner.get());
}

/// The tensor of `type` that is one part of all records of a stream: its bytes
/// are cut out, and put together to elements.
static Value readPart(OpBuilder &builder, Location loc, Value stream,
                      const TiledAttr::Records &records,
                      const algorithms::RecordPart &part,
                      RankedTensorType type) {
  ImplicitLocOpBuilder b(loc, builder);
  auto streamType = cast<RankedTensorType>(stream.getType());
  int64_t rank = streamType.getRank(), outer = rank - 1;
  Type element = type.getElementType();
  unsigned width = element.getIntOrFloatBitWidth() / 8;
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      strides(rank, b.getIndexAttr(1)), sizes;
  for (int64_t size : streamType.getShape())
    sizes.push_back(b.getIndexAttr(size));
  sizes.back() = b.getIndexAttr(part.bytes / width);
  strides.back() = b.getIndexAttr(width);
  SmallVector<Value> bytes;
  for (unsigned i = 0; i < width; ++i) {
    offsets.back() = b.getIndexAttr(part.offset + i);
    bytes.push_back(
        tensor::ExtractSliceOp::create(b, stream, offsets, sizes, strides));
  }
  SmallVector<int64_t> shape(streamType.getShape());
  shape.back() = part.bytes / width;
  Value elements = bytes[0];
  if (!element.isInteger(8)) {
    Value empty = tensor::EmptyOp::create(b, shape, element);
    SmallVector<AffineMap> maps(width + 1, b.getMultiDimIdentityMap(rank));
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    elements =
        linalg::GenericOp::create(
            b, empty.getType(), bytes, empty, maps, loops,
            [&](OpBuilder &nested, Location loc, ValueRange values) {
              ImplicitLocOpBuilder b(loc, nested);
              Type word = b.getIntegerType(8 * width);
              Value bits;
              for (auto [i, byte] : llvm::enumerate(values.take_front(width))) {
                Value wide =
                    width == 1
                        ? byte
                        : arith::ExtUIOp::create(b, word, byte).getResult();
                if (i)
                  wide = arith::ShLIOp::create(
                      b, wide,
                      arith::ConstantOp::create(b,
                                                b.getIntegerAttr(word, 8 * i)));
                bits =
                    i ? arith::OrIOp::create(b, bits, wide).getResult() : wide;
              }
              if (element != word)
                bits = arith::BitcastOp::create(b, element, bits);
              linalg::YieldOp::create(b, bits);
            })
            .getResult(0);
  }
  // [.., records, entries x inside] -> [.., records x entries, inside].
  int64_t inside = computeProduct(type.getShape().drop_front(outer));
  SmallVector<int64_t> expanded(shape);
  expanded.back() = shape.back() / std::max<int64_t>(inside, 1);
  llvm::append_range(expanded, type.getShape().drop_front(outer));
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < outer; ++i)
    groups.push_back({i});
  groups.push_back(llvm::to_vector(llvm::seq<int64_t>(outer, expanded.size())));
  elements = tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(expanded, element), elements, groups);
  groups.clear();
  for (int64_t i = 0; i < outer - 1; ++i)
    groups.push_back({i});
  groups.push_back({outer - 1, outer});
  for (int64_t i = outer + 1; i < int64_t(expanded.size()); ++i)
    groups.push_back({i});
  Value all = tensor::CollapseShapeOp::create(b, elements, groups);
  if (all.getType() == type)
    return all;
  SmallVector<OpFoldResult> begin(type.getRank(), b.getIndexAttr(0)),
      step(type.getRank(), b.getIndexAttr(1)), extent;
  for (int64_t size : type.getShape())
    extent.push_back(b.getIndexAttr(size));
  return tensor::ExtractSliceOp::create(b, type, all, begin, extent, step);
}

/// Inverts bits of each byte of a tensor.
static Value flipBits(OpBuilder &b, Location loc, Value bytes, int64_t bits) {
  auto type = cast<RankedTensorType>(bytes.getType());
  Value empty =
      tensor::EmptyOp::create(b, loc, type.getShape(), type.getElementType());
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, type, bytes, empty, maps, loops,
             [&](OpBuilder &nested, Location loc, ValueRange values) {
               ImplicitLocOpBuilder b(loc, nested);
               Value mask = arith::ConstantOp::create(
                   b, b.getI8IntegerAttr(int8_t(bits)));
               linalg::YieldOp::create(
                   b, arith::XOrIOp::create(b, values[0], mask).getResult());
             })
      .getResult(0);
}

bool TiledAttr::isLossless() const { return getBase().isLossless(); }

bool TiledAttr::needsOneSign() const { return getBase().needsOneSign(); }

bool TiledAttr::isPacked() const { return true; }

FailureOr<Value> TiledAttr::buildDecode(OpBuilder &b, Location loc,
                                        ValueRange components,
                                        RankedTensorType logical) const {
  // Of nothing there is no slice that verifies.
  if (logical.getNumElements() == 0)
    return tensor::EmptyOp::create(b, loc, logical.getShape(),
                                   logical.getElementType())
        .getResult();
  RankedTensorType tiled = getTiledType(logical);
  CodecAttrInterface inner = getInner(logical);
  SmallVector<Value> leaves(components);
  if (std::optional<Records> records = getRecords(logical)) {
    leaves.clear();
    ValueRange shared = components.drop_front();
    for (auto [part, leaf] :
         llvm::zip_equal(records->parts, *getLeaves(logical))) {
      if (part) {
        leaves.push_back(
            readPart(b, loc, components[0], *records, *part, leaf.type));
        continue;
      }
      leaves.push_back(shared.front());
      shared = shared.drop_front();
    }
  }
  if (getFlip())
    leaves[0] = flipBits(b, loc, leaves[0], getFlip());
  SmallVector<Value> parts;
  ValueRange left = leaves;
  for (const StorageComponent &part : inner.getStorage(tiled))
    parts.push_back(assembleLeaves(b, loc, part.type, left));
  FailureOr<Value> dense = inner.buildDecode(b, loc, parts, tiled);
  if (failed(dense))
    return failure();
  // [tiles in order.., factors in order..] -> [dim 0: tiles, factors.., ..].
  int64_t rank = logical.getRank();
  auto factors = getLayout().getFactors();
  SmallVector<int64_t> back, shape, padded;
  SmallVector<ReassociationIndices> groups(rank);
  for (int64_t dim = 0; dim < rank; ++dim) {
    int64_t outer = llvm::find(getOrder(), dim) - getOrder().begin();
    padded.push_back(tiled.getDimSize(outer) * getTile()[dim]);
    back.push_back(outer);
    size_t first = back.size();
    for (auto [i, factor] : llvm::enumerate(factors))
      if (factor.dim == dim)
        back.push_back(rank + i);
    // By falling stride; factors of one element may lie anywhere.
    std::sort(back.begin() + first, back.end(), [&](int64_t a, int64_t b) {
      return factors[a - rank].stride > factors[b - rank].stride;
    });
    for (int64_t i = shape.size(), end = back.size(); i < end; ++i) {
      groups[dim].push_back(i);
      shape.push_back(tiled.getDimSize(back[i]));
    }
  }
  Value empty =
      tensor::EmptyOp::create(b, loc, shape, logical.getElementType());
  Value transposed =
      linalg::TransposeOp::create(b, loc, *dense, empty, back)->getResult(0);
  Value whole = tensor::CollapseShapeOp::create(
      b, loc, RankedTensorType::get(padded, logical.getElementType()),
      transposed, groups);
  if (whole.getType() == logical)
    return whole;
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      strides(rank, b.getIndexAttr(1)), sizes;
  for (int64_t size : logical.getShape())
    sizes.push_back(b.getIndexAttr(size));
  return tensor::ExtractSliceOp::create(b, loc, logical, whole, offsets, sizes,
                                        strides)
      .getResult();
}

void TiledAttr::decodeData(RankedTensorType logical,
                           ArrayRef<ArrayRef<char>> components, int64_t begin,
                           MutableArrayRef<char> out) const {
  // Element by element: packed constants are made from encoded ones, so only
  // who asks for tiles himself gets here.
  RankedTensorType tiled = getTiledType(logical);
  CodecAttrInterface inner = getInner(logical);
  InnerLeaves leaves(*this, logical, components);
  SmallVector<ArrayRef<char>> parts = leaves.decode(inner.getStorage(tiled));
  auto factors = getLayout().getFactors();
  int64_t width = logical.getElementTypeBitWidth() / 8,
          rank = logical.getRank();
  SmallVector<int64_t> strides = computeStrides(logical.getShape());
  SmallVector<int64_t> tiledStrides = computeStrides(tiled.getShape());
  for (; !out.empty(); out = out.drop_front(width), ++begin) {
    SmallVector<int64_t> index = delinearize(begin, strides);
    int64_t flat = 0;
    for (int64_t i = 0; i < rank; ++i) {
      int64_t dim = getOrder()[i];
      flat += index[dim] / getTile()[dim] * tiledStrides[i];
    }
    for (auto [i, factor] : llvm::enumerate(factors))
      flat += index[factor.dim] % getTile()[factor.dim] / factor.stride %
              factor.extent * tiledStrides[rank + i];
    inner.decodeData(tiled, parts, flat, out.take_front(width));
  }
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
TiledAttr::getTileGranularity(RankedTensorType logical) const {
  // Whole tiles, and of those what the tiled codec allows. A cut inside of a
  // tile would have to be a cut of all tiles.
  SmallVector<TileGranularity> inner =
      getInner(logical).getTileGranularity(getTiledType(logical));
  SmallVector<TileGranularity> granularity(logical.getRank());
  size_t rank = getOrder().size();
  auto factors = getLayout().getFactors();
  for (auto [i, dim] : llvm::enumerate(getOrder())) {
    int64_t extent = getTile()[dim], size = logical.getDimSize(dim);
    granularity[dim].unit = inner[i].unit * extent;
    granularity[dim].block = inner[i].block * extent;
    // A rest that lies in one block would be stored as one block, where the
    // tile that it is in has several: then all tiles belong together.
    int64_t block = 1; // in a tile
    for (auto [j, factor] : llvm::enumerate(factors))
      if (factor.dim == int64_t(dim))
        block *= std::min(inner[rank + j].block, factor.extent);
    if (block < extent && size % extent && size % extent <= block)
      granularity[dim].unit = llvm::alignTo(size, extent);
  }
  // Records stay whole.
  if (getRecord()) {
    int64_t dim = getOrder().back();
    granularity[dim].unit =
        std::lcm(granularity[dim].unit, getRecord() * getTile()[dim]);
  }
  return granularity;
}

/// Where a tile lies in what is stored: `leaves` are those of `codec`, and
/// those behind them.
static LogicalResult mapLeaves(OpBuilder &b, Location loc,
                               CodecAttrInterface codec,
                               RankedTensorType logical, ValueRange leaves,
                               ArrayRef<OpFoldResult> offsets,
                               ArrayRef<OpFoldResult> sizes,
                               SmallVectorImpl<ComponentTile> &tiles) {
  SmallVector<StorageComponent> storage = codec.getStorage(logical);
  auto mapped = codec.mapTile(
      b, loc, logical, leaves.take_front(storage.size()), offsets, sizes);
  if (failed(mapped))
    return failure();
  for (auto [part, tile] : llvm::zip_equal(storage, *mapped)) {
    SmallVector<Type> types;
    getLeafTypes(part.type, types);
    auto compressed = dyn_cast<CompressedTensorType>(part.type);
    if (!compressed)
      tiles.push_back(tile);
    else if (failed(mapLeaves(b, loc, compressed.getCodec(),
                              compressed.getLogicalType(), leaves, tile.offsets,
                              tile.sizes, tiles)))
      return failure();
    leaves = leaves.drop_front(types.size());
  }
  return success();
}

FailureOr<SmallVector<ComponentTile>>
TiledAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                   ValueRange components, ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes) const {
  AffineExpr d = b.getAffineDimExpr(0);
  SmallVector<OpFoldResult> tiledOffsets, tiledSizes;
  for (int64_t dim : getOrder()) {
    int64_t extent = getTile()[dim];
    tiledOffsets.push_back(divideExactly(b, loc, offsets[dim], extent));
    tiledSizes.push_back(affine::makeComposedFoldedAffineApply(
        b, loc, d.ceilDiv(extent), {sizes[dim]}));
  }
  if (std::optional<Records> records = getRecords(logical)) {
    tiledOffsets.back() =
        divideExactly(b, loc, tiledOffsets.back(), getRecord());
    tiledSizes.back() = affine::makeComposedFoldedAffineApply(
        b, loc, d.ceilDiv(getRecord()), {tiledSizes.back()});
    tiledOffsets.push_back(b.getIndexAttr(0));
    tiledSizes.push_back(b.getIndexAttr(records->bytes));
    SmallVector<ComponentTile> tiles = {{tiledOffsets, tiledSizes}};
    // What all tiles share stays whole.
    for (Value shared : components.drop_front())
      tiles.push_back(getWholeTile(b, shared.getType()));
    return tiles;
  }
  for (const algorithms::TileLayout::Factor &factor :
       getLayout().getFactors()) {
    tiledOffsets.push_back(b.getIndexAttr(0));
    tiledSizes.push_back(b.getIndexAttr(factor.extent));
  }
  SmallVector<ComponentTile> tiles;
  if (failed(mapLeaves(b, loc, getInner(logical), getTiledType(logical),
                       components, tiledOffsets, tiledSizes, tiles)))
    return failure();
  return tiles;
}
