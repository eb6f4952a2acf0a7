//===- HuffmanCodec.cpp - what prefix codes store and mean ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Huffman.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace mlir::compress;

/// Components, in order.
enum { kTable, kSymbols, kOffsets, kStream, kRest };

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

Attribute HuffmanAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  std::optional<unsigned> maxLength;
  std::optional<HuffmanSplit> split;
  SmallVector<int64_t> tile;
  auto parseExtent = [&] { return parser.parseInteger(tile.emplace_back()); };
  auto parseParameter = [&]() -> ParseResult {
    SMLoc at = parser.getCurrentLocation();
    StringRef keyword, value;
    if (parser.parseKeyword(&keyword))
      return failure();
    if (keyword == "max_length" && !maxLength)
      return failure(parser.parseEqual() ||
                     parser.parseInteger(maxLength.emplace()));
    if (keyword == "tile" && tile.empty())
      return failure(parser.parseEqual() ||
                     parser.parseCommaSeparatedList(
                         AsmParser::Delimiter::Square, parseExtent));
    if (keyword == "split" && !split) {
      if (parser.parseEqual())
        return failure();
      at = parser.getCurrentLocation();
      if (parser.parseKeyword(&value))
        return failure();
      split = symbolizeHuffmanSplit(value);
      if (split)
        return success();
      return parser.emitError(at)
             << "expected split none or exponent, but got '" << value << "'";
    }
    return parser.emitError(at) << "expected one each of max_length, tile and "
                                   "split, but got '"
                                << keyword << "'";
  };
  if (parser.parseLess())
    return {};
  if (failed(parser.parseOptionalGreater()) &&
      (parser.parseCommaSeparatedList(parseParameter) || parser.parseGreater()))
    return {};
  return parser.getChecked<HuffmanAttr>(
      loc, parser.getContext(), maxLength.value_or(12), ArrayRef<int64_t>(tile),
      split.value_or(HuffmanSplit::None));
}

void HuffmanAttr::print(AsmPrinter &printer) const {
  printer << "<";
  StringRef separator = "";
  auto next = [&](StringRef name) -> raw_ostream & {
    raw_ostream &os = printer.getStream() << separator << name << " = ";
    separator = ", ";
    return os;
  };
  if (getMaxLength() != 12)
    next("max_length") << getMaxLength();
  if (!getTile().empty()) {
    next("tile") << "[";
    llvm::interleaveComma(getTile(), printer);
    printer << "]";
  }
  if (getSplit() != HuffmanSplit::None)
    next("split") << stringifyHuffmanSplit(getSplit());
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult HuffmanAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  unsigned maxLength, ArrayRef<int64_t> tile,
                                  HuffmanSplit) {
  if (maxLength < algorithms::kMinHuffmanLength ||
      maxLength > algorithms::kMaxHuffmanLength) // huffman_c1
    return emitError() << "expected max_length from "
                       << algorithms::kMinHuffmanLength << " to "
                       << algorithms::kMaxHuffmanLength << ", but got "
                       << maxLength;
  for (int64_t extent : tile) // huffman_c2
    if (extent < 1)
      return emitError() << "expected positive tile extents, but got "
                         << extent;
  return success();
}

/// Boxes as the attribute has them, or by default.
static SmallVector<int64_t> getExtents(HuffmanAttr codec,
                                       RankedTensorType logical) {
  if (!codec.getTile().empty())
    return SmallVector<int64_t>(codec.getTile());
  constexpr int64_t kElements = 2048;
  int64_t rank = logical.getRank(), columns = logical.getShape().back();
  SmallVector<int64_t> extents(rank, 1);
  if (rank == 1) {
    extents.back() = kElements;
  } else if (!ShapedType::isDynamic(columns)) {
    extents.back() = std::max<int64_t>(columns, 1);
    extents[rank - 2] = std::max<int64_t>(kElements / extents.back(), 1);
  }
  return extents;
}

/// Bytes of an element that are stored as they are.
static int64_t getRestBytes(RankedTensorType logical) {
  return logical.getElementTypeBitWidth() / 8 - 1;
}

LogicalResult
HuffmanAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                         RankedTensorType logical) const {
  Type element = logical.getElementType();
  bool isByte =
      element.isSignlessInteger(8) ||
      (isa<FloatType>(element) && element.getIntOrFloatBitWidth() == 8);
  bool isFloat = isa<Float32Type, Float16Type, BFloat16Type>(element);
  bool isSplit = getSplit() == HuffmanSplit::Exponent;
  if (isSplit ? !isFloat : !isByte) // huffman_c3
    return emitError() << "expected elements of "
                       << (isSplit ? "f32, f16 or bf16"
                                   : "i8 or an 8-bit float")
                       << " for " << *this << ", but got " << element;
  if (logical.getRank() == 0) // huffman_c4
    return emitError()
           << "expected at least one dimension for #compress.huffman";
  if (!getTile().empty() &&
      int64_t(getTile().size()) != logical.getRank()) // huffman_c5
    return emitError() << "expected one tile extent per dimension, but got "
                       << getTile().size() << " for rank " << logical.getRank();
  for (auto [i, extent] : llvm::enumerate(getExtents(*this, logical))) {
    // huffman_c6
    if (!logical.isDynamicDim(i))
      continue;
    if (extent != 1)
      return emitError() << "expected tile extent 1 for dynamic dimension " << i
                         << ", but got " << extent;
    if (int64_t(i) == logical.getRank() - 1 && element.isF32())
      return emitError() << "expected a static innermost dimension for f32 in "
                         << *this;
  }
  int64_t elements = 1;
  for (int64_t size : logical.getShape()) // huffman_c7
    if (!ShapedType::isDynamic(size) &&
        (llvm::MulOverflow(elements, std::max<int64_t>(size, 1), elements) ||
         elements > std::numeric_limits<uint32_t>::max()))
      return emitError() << "expected less than 2^32 elements for " << *this
                         << ", but got " << logical;
  return success();
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

SmallVector<int64_t> HuffmanAttr::getBox(RankedTensorType logical) const {
  SmallVector<int64_t> box = getExtents(*this, logical);
  for (auto [extent, size] : llvm::zip_equal(box, logical.getShape()))
    if (!ShapedType::isDynamic(size))
      extent = std::min(extent, std::max<int64_t>(size, 1));
  return box;
}

SmallVector<StorageComponent>
HuffmanAttr::getStorage(RankedTensorType logical) const {
  auto integers = [&](ArrayRef<int64_t> shape, unsigned width) {
    return RankedTensorType::get(shape, IntegerType::get(getContext(), width));
  };
  SmallVector<int64_t> grid, rest(logical.getShape());
  for (auto [extent, size] :
       llvm::zip_equal(getBox(logical), logical.getShape()))
    grid.push_back(ShapedType::isDynamic(size)
                       ? size
                       : llvm::divideCeil(uint64_t(size), uint64_t(extent)));
  SmallVector<StorageComponent> parts = {
      {"table", ComponentRole::Codebook,
       integers({2, int64_t(getMaxLength()) + 1}, 16)},
      {"symbols", ComponentRole::Codebook, integers({256}, 8)},
      {"offsets", ComponentRole::Offset, integers(grid, 32)},
      {"stream", ComponentRole::Stream, integers({ShapedType::kDynamic}, 8)}};
  if (getSplit() == HuffmanSplit::Exponent) {
    if (!ShapedType::isDynamic(rest.back()))
      rest.back() *= getRestBytes(logical);
    parts.push_back({"rest", ComponentRole::Values, integers(rest, 8)});
  }
  return parts;
}

bool HuffmanAttr::isLossless() const { return true; }

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

namespace {
/// Emits the decode of symbols. Places are brought inside of the components
/// where nothing else sees to it.
class DecodeBuilder {
public:
  DecodeBuilder(OpBuilder &b, Location loc, HuffmanAttr codec,
                RankedTensorType logical, ValueRange components);

  /// Decodes all streams into `dense`.
  Value decodeStreams(OpBuilder &b, Value dense);
  OpFoldResult getSize(unsigned dim) const { return sizes[dim]; }

private:
  struct Symbol {
    Value value, length; // i32
  };
  Value index(OpBuilder &b, int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value i32(OpBuilder &b, int64_t value) {
    return arith::ConstantIntOp::create(b, loc, b.getI32Type(), value);
  }
  /// An element of up to 32 bits, with zeros above.
  Value extract(OpBuilder &b, Value tensor, ValueRange at) {
    Value element = tensor::ExtractOp::create(b, loc, tensor, at);
    if (element.getType().isInteger(32))
      return element;
    return arith::ExtUIOp::create(b, loc, b.getI32Type(), element);
  }
  Value toIndex(OpBuilder &b, Value value) {
    return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), value);
  }
  Value decodeBox(OpBuilder &b, ValueRange box, Value dense);
  Symbol decodeCode(OpBuilder &b, Value code);
  Value buildLookup(OpBuilder &b);
  Value readWindow(OpBuilder &b, Value bit);
  Symbol decodeSymbol(OpBuilder &b, Value window, Value isRaw);
  Value makeElement(OpBuilder &b, Value symbol, ArrayRef<Value> at);

  Location loc;
  HuffmanAttr codec;
  RankedTensorType logical;
  SmallVector<int64_t> extents;
  SmallVector<Value> inputs;
  SmallVector<OpFoldResult> sizes;
  SmallVector<Value> limits; // of the lengths below the longest
  Value lookup;              // by code: symbol, and length above it; or null
  Value lastWord;            // where the last 8 bytes of the stream begin
};
} // namespace

DecodeBuilder::DecodeBuilder(OpBuilder &b, Location loc, HuffmanAttr codec,
                             RankedTensorType logical, ValueRange components)
    : loc(loc), codec(codec), logical(logical), extents(codec.getBox(logical)) {
  for (Value component : components)
    inputs.push_back(getDense(b, loc, component));
  // Along a dynamic dimension there is one stream for each element.
  for (auto [i, size] : llvm::enumerate(logical.getShape()))
    sizes.push_back(ShapedType::isDynamic(size)
                        ? tensor::getMixedSize(b, loc, inputs[kOffsets], i)
                        : b.getIndexAttr(size));
}

/// Decodes the code that `code`, of the longest length, begins with: its length
/// is the number of lengths whose codes end below.
DecodeBuilder::Symbol DecodeBuilder::decodeCode(OpBuilder &b, Value code) {
  Value length = i32(b, 0);
  for (Value limit : limits) {
    Value longer =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, code, limit);
    length = arith::AddIOp::create(
        b, loc, length, arith::ExtUIOp::create(b, loc, b.getI32Type(), longer));
  }
  Value base =
      extract(b, inputs[kTable], ValueRange{index(b, 1), toIndex(b, length)});
  Value own = arith::ShRUIOp::create(
      b, loc, code,
      arith::SubIOp::create(b, loc, i32(b, codec.getMaxLength()), length));
  Value place = arith::AndIOp::create(
      b, loc, arith::AddIOp::create(b, loc, base, own), i32(b, 255));
  return {extract(b, inputs[kSymbols], toIndex(b, place)), length};
}

/// All codes decoded, or null where there are too few elements for that to pay.
Value DecodeBuilder::buildLookup(OpBuilder &b) {
  int64_t entries = int64_t(1) << codec.getMaxLength();
  if (!logical.hasStaticShape() || logical.getNumElements() < entries / 4)
    return {};
  auto map = b.getMultiDimIdentityMap(1);
  Value empty = tensor::EmptyOp::create(b, loc, ArrayRef<int64_t>{entries},
                                        b.getI16Type());
  auto generic = linalg::GenericOp::create(
      b, loc, empty.getType(), ValueRange(), empty, map,
      utils::IteratorType::parallel,
      [&](OpBuilder &b, Location loc, ValueRange) {
        Value code = arith::IndexCastUIOp::create(
            b, loc, b.getI32Type(), linalg::IndexOp::create(b, loc, 0));
        Symbol symbol = decodeCode(b, code);
        Value entry = arith::OrIOp::create(
            b, loc, symbol.value,
            arith::ShLIOp::create(b, loc, symbol.length, i32(b, 8)));
        linalg::YieldOp::create(b, loc,
                                ValueRange(Value(arith::TruncIOp::create(
                                    b, loc, b.getI16Type(), entry))));
      });
  return generic.getResult(0);
}

/// 57 bits or more from `bit` on, as the upper ones of an i64.
Value DecodeBuilder::readWindow(OpBuilder &b, Value bit) {
  Type i64 = b.getI64Type();
  Value first = arith::MinUIOp::create(
      b, loc, arith::ShRUIOp::create(b, loc, bit, index(b, 3)), lastWord);
  Value word;
  for (int64_t i = 0; i < 8; ++i) {
    Value at = arith::AddIOp::create(b, loc, first, index(b, i));
    Value byte = arith::ExtUIOp::create(
        b, loc, i64, tensor::ExtractOp::create(b, loc, inputs[kStream], at));
    byte = arith::ShLIOp::create(
        b, loc, byte, arith::ConstantIntOp::create(b, loc, i64, 56 - 8 * i));
    word = word ? Value(arith::OrIOp::create(b, loc, word, byte)) : byte;
  }
  Value inByte = arith::IndexCastUIOp::create(
      b, loc, i64, arith::AndIOp::create(b, loc, bit, index(b, 7)));
  return arith::ShLIOp::create(b, loc, word, inByte);
}

/// The symbol whose code the upper bits of the window are.
DecodeBuilder::Symbol DecodeBuilder::decodeSymbol(OpBuilder &b, Value window,
                                                  Value isRaw) {
  auto upperBits = [&](int64_t count) -> Value {
    Value shift =
        arith::ConstantIntOp::create(b, loc, window.getType(), 64 - count);
    return arith::TruncIOp::create(
        b, loc, b.getI32Type(), arith::ShRUIOp::create(b, loc, window, shift));
  };
  Symbol symbol;
  Value code = upperBits(codec.getMaxLength());
  if (lookup) {
    Value entry = extract(b, lookup, toIndex(b, code));
    symbol.value = arith::AndIOp::create(b, loc, entry, i32(b, 255));
    symbol.length = arith::ShRUIOp::create(b, loc, entry, i32(b, 8));
  } else {
    symbol = decodeCode(b, code);
  }
  return {arith::SelectOp::create(b, loc, isRaw, upperBits(8), symbol.value),
          arith::SelectOp::create(b, loc, isRaw, i32(b, 8), symbol.length)};
}

Value DecodeBuilder::makeElement(OpBuilder &b, Value symbol,
                                 ArrayRef<Value> at) {
  Type element = logical.getElementType();
  unsigned width = logical.getElementTypeBitWidth();
  Type bits = b.getIntegerType(width);
  Value word = symbol;
  if (width < 32)
    word = arith::TruncIOp::create(b, loc, bits, symbol);
  if (codec.getSplit() == HuffmanSplit::Exponent) {
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIntOp::create(b, loc, bits, value);
    };
    word = arith::ShLIOp::create(b, loc, word, constant(width - 8));
    int64_t restBytes = getRestBytes(logical);
    SmallVector<Value> restAt(at);
    for (int64_t i = 0; i < restBytes; ++i) {
      if (restBytes > 1)
        restAt.back() = arith::AddIOp::create(
            b, loc,
            arith::MulIOp::create(b, loc, at.back(), index(b, restBytes)),
            index(b, i));
      Value byte = arith::ExtUIOp::create(
          b, loc, bits,
          tensor::ExtractOp::create(b, loc, inputs[kRest], restAt));
      word = arith::OrIOp::create(
          b, loc, word, arith::ShLIOp::create(b, loc, byte, constant(8 * i)));
    }
    // Turn the sign back to the front.
    word = arith::OrIOp::create(
        b, loc, arith::ShRUIOp::create(b, loc, word, constant(1)),
        arith::ShLIOp::create(b, loc, word, constant(width - 1)));
  }
  if (isa<FloatType>(element))
    word = arith::BitcastOp::create(b, loc, element, word);
  return word;
}

Value DecodeBuilder::decodeBox(OpBuilder &b, ValueRange box, Value dense) {
  Value offset = toIndex(b, extract(b, inputs[kOffsets], box));
  Value header = extract(
      b, inputs[kStream],
      ValueRange(Value(arith::MinUIOp::create(b, loc, offset, lastWord))));
  Value isRaw = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, header,
                                      i32(b, 0));
  Value bit = arith::MulIOp::create(
      b, loc,
      arith::AddIOp::create(b, loc, offset,
                            index(b, algorithms::kHuffmanHeader)),
      index(b, 8));
  SmallVector<Value> begins, lower, upper, step;
  for (auto [i, extent] : llvm::enumerate(extents)) {
    Value begin = arith::MulIOp::create(b, loc, box[i], index(b, extent));
    begins.push_back(begin);
    lower.push_back(index(b, 0));
    step.push_back(index(b, 1));
    int64_t size = logical.getDimSize(i);
    upper.push_back(index(b, extent));
    if (extent > 1 && size % extent != 0)
      upper.back() = arith::MinSIOp::create(
          b, loc, upper.back(),
          arith::SubIOp::create(b, loc, index(b, size), begin));
  }
  // One read serves four symbols, where these are in one row for certain.
  bool isWhole = logical.getShape().back() % extents.back() == 0;
  int64_t symbols = isWhole && extents.back() % 4 == 0 ? 4 : 1;
  step.back() = index(b, symbols);
  auto decodeSome = [&](OpBuilder &b, Location loc, ValueRange inBox,
                        ValueRange carried) -> scf::ValueVector {
    SmallVector<Value> at;
    for (auto [begin, offset] : llvm::zip_equal(begins, inBox))
      at.push_back(arith::AddIOp::create(b, loc, begin, offset));
    Value dense = carried[0], bit = carried[1], first = at.back();
    Value window = readWindow(b, bit);
    for (int64_t i = 0; i < symbols; ++i) {
      at.back() = arith::AddIOp::create(b, loc, first, index(b, i));
      Symbol symbol = decodeSymbol(b, window, isRaw);
      Value element = makeElement(b, symbol.value, at);
      dense = tensor::InsertOp::create(b, loc, element, dense, at);
      bit = arith::AddIOp::create(b, loc, bit, toIndex(b, symbol.length));
      window = arith::ShLIOp::create(
          b, loc, window,
          arith::ExtUIOp::create(b, loc, window.getType(), symbol.length));
    }
    return {dense, bit};
  };
  return scf::buildLoopNest(b, loc, lower, upper, step, ValueRange{dense, bit},
                            decodeSome)
      .results.front();
}

Value DecodeBuilder::decodeStreams(OpBuilder &b, Value dense) {
  Value size = tensor::DimOp::create(b, loc, inputs[kStream], 0);
  lastWord = arith::SubIOp::create(b, loc, size,
                                   index(b, algorithms::kHuffmanPadding));
  for (unsigned i = 0; i < codec.getMaxLength(); ++i)
    limits.push_back(
        extract(b, inputs[kTable], ValueRange{index(b, 0), index(b, i)}));
  lookup = buildLookup(b);
  int64_t rank = logical.getRank();
  SmallVector<Value> lower(rank, index(b, 0)), step(rank, index(b, 1)),
      upper = getValueOrCreateConstantIndexOp(
          b, loc, tensor::getMixedSizes(b, loc, inputs[kOffsets]));
  return scf::buildLoopNest(b, loc, lower, upper, step, dense,
                            [&](OpBuilder &b, Location, ValueRange box,
                                ValueRange carried) -> scf::ValueVector {
                              return {decodeBox(b, box, carried[0])};
                            })
      .results.front();
}

FailureOr<Value> HuffmanAttr::buildDecode(OpBuilder &b, Location loc,
                                          ValueRange components,
                                          RankedTensorType logical) const {
  DecodeBuilder builder(b, loc, *this, logical, components);
  SmallVector<OpFoldResult> sizes;
  for (int64_t i = 0; i < logical.getRank(); ++i)
    sizes.push_back(builder.getSize(i));
  Value dense =
      tensor::EmptyOp::create(b, loc, sizes, logical.getElementType());
  if (llvm::is_contained(logical.getShape(), 0))
    return dense;
  return builder.decodeStreams(b, dense);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
HuffmanAttr::getTileGranularity(RankedTensorType logical) const {
  SmallVector<TileGranularity> granularity;
  for (int64_t extent : getBox(logical))
    granularity.push_back({extent, 1});
  return granularity;
}

SmallVector<ComponentRatio>
HuffmanAttr::getComponentRatios(RankedTensorType logical,
                                unsigned component) const {
  if (component == kOffsets)
    return getRatios(getBox(logical));
  if (component != kRest)
    return {};
  SmallVector<ComponentRatio> ratios(logical.getRank());
  ratios.back().stored = getRestBytes(logical);
  return ratios;
}

FailureOr<SmallVector<ComponentTile>>
HuffmanAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                     ValueRange components, ArrayRef<OpFoldResult> offsets,
                     ArrayRef<OpFoldResult> sizes) const {
  // Of a stream that is compressed again no tile is asked for: it has no
  // ratios.
  if (!isa<RankedTensorType>(components[kStream].getType()))
    return failure();
  AffineExpr d = b.getAffineDimExpr(0);
  auto apply = [&](OpFoldResult x, AffineExpr map) -> OpFoldResult {
    return affine::makeComposedFoldedAffineApply(b, loc, map, {x});
  };
  auto whole = [&](ArrayRef<OpFoldResult> sizes) {
    return ComponentTile{
        SmallVector<OpFoldResult>(sizes.size(), b.getIndexAttr(0)),
        SmallVector<OpFoldResult>(sizes)};
  };
  ComponentTile boxes;
  for (auto [extent, offset, size] :
       llvm::zip_equal(getBox(logical), offsets, sizes)) {
    // Offsets are whole boxes, sizes may end within the last one.
    boxes.offsets.push_back(apply(offset, d.floorDiv(extent)));
    boxes.sizes.push_back(apply(size, d.ceilDiv(extent)));
  }
  SmallVector<ComponentTile> tiles = {
      whole({b.getIndexAttr(2), b.getIndexAttr(getMaxLength() + 1)}),
      whole({b.getIndexAttr(256)}), boxes,
      whole({tensor::getMixedSize(b, loc, components[kStream], 0)})};
  if (getSplit() == HuffmanSplit::Exponent) {
    ComponentTile rest{SmallVector<OpFoldResult>(offsets),
                       SmallVector<OpFoldResult>(sizes)};
    int64_t bytes = getRestBytes(logical);
    rest.offsets.back() = apply(offsets.back(), d * bytes);
    rest.sizes.back() = apply(sizes.back(), d * bytes);
    tiles.push_back(rest);
  }
  return tiles;
}
