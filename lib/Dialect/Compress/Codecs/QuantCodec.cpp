//===- QuantCodec.cpp - what block quantization stores and means ----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackedCodes.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

Attribute QuantAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> block;
  Type scale, zero, min;
  bool narrow = false;
  StringRef keyword;
  if (parser.parseLess() || parser.parseKeyword(&keyword))
    return {};
  std::optional<QuantStorage> storage = symbolizeQuantStorage(keyword);
  if (!storage) {
    parser.emitError(loc)
        << "expected storage i8, u8, i6, u6, i4, u4, i3, u3, i2, u2, binary, "
           "f8E4M3FN, f8E5M2 or f4E2M1FN, but got '"
        << keyword << "'";
    return {};
  }
  auto parseExtent = [&] { return parser.parseInteger(block.emplace_back()); };
  if (parser.parseComma() || parser.parseKeyword("block") ||
      parser.parseEqual() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     parseExtent) ||
      parser.parseComma() || parser.parseKeyword("scale") ||
      parser.parseEqual() || parser.parseType(scale))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return {};
    if (keyword == "narrow" && !narrow) {
      narrow = true;
      continue;
    }
    Type *offset = keyword == "zero"  ? &zero
                   : keyword == "min" ? &min
                                      : nullptr;
    if (!offset || *offset) {
      parser.emitError(at) << "expected one each of zero, min and narrow, but "
                              "got '"
                           << keyword << "'";
      return {};
    }
    if (parser.parseEqual() || parser.parseType(*offset))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<QuantAttr>(loc, parser.getContext(), *storage,
                                      ArrayRef<int64_t>(block), scale, zero,
                                      min, narrow);
}

void QuantAttr::print(AsmPrinter &printer) const {
  printer << "<" << stringifyQuantStorage(getStorage()) << ", block = [";
  llvm::interleaveComma(getBlock(), printer);
  printer << "], scale = " << getScale();
  if (getZero())
    printer << ", zero = " << getZero();
  if (getMin())
    printer << ", min = " << getMin();
  if (getNarrow())
    printer << ", narrow";
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

using algorithms::CodeKind;

namespace {
struct StorageTraits {
  CodeKind kind;
  unsigned bits;
  bool isSigned = false; // two's complement
};
} // namespace

static StorageTraits getTraits(QuantStorage storage) {
  switch (storage) {
  case QuantStorage::I8:
    return {CodeKind::Integer, 8, true};
  case QuantStorage::U8:
    return {CodeKind::Integer, 8};
  case QuantStorage::I6:
    return {CodeKind::Integer, 6, true};
  case QuantStorage::U6:
    return {CodeKind::Integer, 6};
  case QuantStorage::I4:
    return {CodeKind::Integer, 4, true};
  case QuantStorage::U4:
    return {CodeKind::Integer, 4};
  case QuantStorage::I3:
    return {CodeKind::Integer, 3, true};
  case QuantStorage::U3:
    return {CodeKind::Integer, 3};
  case QuantStorage::I2:
    return {CodeKind::Integer, 2, true};
  case QuantStorage::U2:
    return {CodeKind::Integer, 2};
  case QuantStorage::Binary:
    return {CodeKind::Binary, 1};
  case QuantStorage::F8E4M3FN:
    return {CodeKind::F8E4M3FN, 8};
  case QuantStorage::F8E5M2:
    return {CodeKind::F8E5M2, 8};
  case QuantStorage::F4E2M1FN:
    return {CodeKind::F4E2M1FN, 4};
  }
  llvm_unreachable("unknown storage");
}

LogicalResult QuantAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                QuantStorage storage, ArrayRef<int64_t> block,
                                Type scale, Type zero, Type min, bool narrow) {
  for (int64_t extent : block) // quant_c1
    if (extent < 1)
      return emitError() << "expected positive block extents, but got "
                         << extent;
  auto isFloat = [](Type type) {
    return isa<Float32Type, Float16Type, BFloat16Type>(type);
  };
  if (!isFloat(scale) &&
      !isa<Float8E8M0FNUType, Float8E4M3FNType>(scale)) // quant_c2
    return emitError()
           << "expected scale f32, f16, bf16, f8E8M0FNU or f8E4M3FN, but got "
           << scale;
  if (zero && !isFloat(zero) && !zero.isSignlessInteger(8)) // quant_c3
    return emitError() << "expected zero i8, f32, f16 or bf16, but got "
                       << zero;
  if (min && !isFloat(min)) // quant_c4
    return emitError() << "expected min f32, f16 or bf16, but got " << min;
  if (zero && min) // quant_c5
    return emitError() << "expected zero or min, but got both";
  StorageTraits traits = getTraits(storage);
  bool isInteger = traits.kind == CodeKind::Integer;
  if (narrow && !traits.isSigned) // quant_c6
    return emitError() << "expected signed integer storage for narrow, but got "
                       << stringifyQuantStorage(storage);
  if (min && (!isInteger || traits.isSigned)) // quant_c7
    return emitError() << "expected unsigned integer storage for min, but got "
                       << stringifyQuantStorage(storage);
  if (zero && !isInteger) // quant_c8
    return emitError() << "expected integer storage for zero, but got "
                       << stringifyQuantStorage(storage);
  if ((zero || min) && isa<Float8E8M0FNUType>(scale)) // quant_c9
    return emitError() << "expected a scale other than f8E8M0FNU for "
                       << (zero ? "zero" : "min");
  return success();
}

LogicalResult
QuantAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                       RankedTensorType logical) const {
  if (!isa<Float32Type, Float16Type, BFloat16Type>(
          logical.getElementType())) // quant_c13
    return emitError() << "expected elements of f32, f16 or bf16 for "
                          "#compress.quant, but got "
                       << logical.getElementType();
  if (logical.getRank() == 0) // quant_c10
    return emitError() << "expected at least one dimension for #compress.quant";
  if (int64_t(getBlock().size()) != logical.getRank()) // quant_c11
    return emitError() << "expected one block extent per dimension, but got "
                       << getBlock().size() << " for rank "
                       << logical.getRank();
  for (auto [i, extent] : llvm::enumerate(getBlock())) { // quant_c12
    if (!logical.isDynamicDim(i))
      continue;
    if (extent != 1)
      return emitError() << "expected block extent 1 for dynamic dimension "
                         << i << ", but got " << extent;
    if (int64_t(i) == logical.getRank() - 1 && getCodeBits() < 8)
      return emitError() << "expected a static innermost dimension for "
                         << stringifyQuantStorage(getStorage()) << " codes";
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

CodeKind QuantAttr::getCodeKind() const { return getTraits(getStorage()).kind; }

unsigned QuantAttr::getCodeBits() const { return getTraits(getStorage()).bits; }

bool QuantAttr::isSigned() const { return getTraits(getStorage()).isSigned; }

bool QuantAttr::needsOneSign() const {
  return getCodeKind() == CodeKind::Integer && !isSigned() && !getZero() &&
         !getMin();
}

FloatType QuantAttr::getFloatCodeType() const {
  switch (getCodeKind()) {
  case CodeKind::Integer:
  case CodeKind::Binary:
    return nullptr;
  case CodeKind::F8E4M3FN:
    return Float8E4M3FNType::get(getContext());
  case CodeKind::F8E5M2:
    return Float8E5M2Type::get(getContext());
  case CodeKind::F4E2M1FN:
    return Float4E2M1FNType::get(getContext());
  }
  llvm_unreachable("unknown code kind");
}

/// How codes lie in bytes.
static PackedCodes getPackedCodes(QuantAttr codec) {
  return {codec.getCodeBits(), codec.isSigned()};
}

int64_t QuantAttr::getUnitCodes() const {
  return getPackedCodes(*this).getUnitCodes();
}

int64_t QuantAttr::getRowBytes(int64_t codes) const {
  return getPackedCodes(*this).getRowBytes(codes);
}

SmallVector<int64_t> QuantAttr::getGrid(ArrayRef<int64_t> shape) const {
  SmallVector<int64_t> grid;
  for (auto [size, extent] : llvm::zip_equal(shape, getBlock()))
    grid.push_back(ShapedType::isDynamic(size)
                       ? size
                       : llvm::divideCeil(uint64_t(size), uint64_t(extent)));
  return grid;
}

SmallVector<StorageComponent>
QuantAttr::getStorage(RankedTensorType logical) const {
  SmallVector<int64_t> codes(logical.getShape());
  if (!ShapedType::isDynamic(codes.back()))
    codes.back() = getRowBytes(codes.back());
  SmallVector<int64_t> grid = getGrid(logical.getShape());
  SmallVector<StorageComponent> parts = {
      {"codes", ComponentRole::Codes,
       RankedTensorType::get(codes, IntegerType::get(getContext(), 8))},
      {"scales", ComponentRole::Scale,
       RankedTensorType::get(grid, getScale())}};
  if (getZero())
    parts.push_back({"zeros", ComponentRole::Offset,
                     RankedTensorType::get(grid, getZero())});
  if (getMin())
    parts.push_back(
        {"mins", ComponentRole::Offset, RankedTensorType::get(grid, getMin())});
  return parts;
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

namespace {
/// The loop nest of a decode, and where each operand is in it.
///
/// Wherever blocks and units (the bytes that hold whole codes) divide a
/// dimension it is split, [K] into [blocks, units, codes of a unit], so that
/// every map is a projected permutation, which is what linalg can tile and
/// vectorize. Ragged dimensions keep one loop and use floordiv.
struct DecodeNest {
  SmallVector<int64_t> loops;                  // sizes, `?` where dynamic
  SmallVector<ReassociationIndices> valueDims; // logical dim -> loops
  SmallVector<ReassociationIndices> codeDims;  // codes dim -> loops
  SmallVector<AffineExpr> codes, scales;       // indices into the operands
  SmallVector<int64_t> codeShape;              // of codes after expansion
  SmallVector<bool> scaleKept;                 // scale dims that vary
  AffineExpr codeInUnit;                       // null for whole bytes
};
} // namespace

static DecodeNest getDecodeNest(QuantAttr codec, RankedTensorType logical) {
  MLIRContext *ctx = logical.getContext();
  DecodeNest nest;
  auto addLoop = [&](int64_t size) {
    nest.loops.push_back(size);
    return getAffineDimExpr(nest.loops.size() - 1, ctx);
  };
  auto addCode = [&](AffineExpr index, int64_t size) {
    nest.codes.push_back(index);
    nest.codeShape.push_back(size);
    nest.codeDims.back().push_back(nest.codes.size() - 1);
  };
  for (auto [i, size, extent] :
       llvm::enumerate(logical.getShape(), codec.getBlock())) {
    int64_t perUnit =
        int64_t(i) == logical.getRank() - 1 ? codec.getUnitCodes() : 1;
    bool dynamic = ShapedType::isDynamic(size);
    bool single = !dynamic && size <= extent; // one block covers it
    int64_t block = single ? size : extent;
    // Dimensions that have one block only need no scale index, except that an
    // extent of 1 keeps its loop: it may be dynamic in another tile.
    bool kept = !single || extent == 1;
    unsigned first = nest.loops.size();
    nest.codeDims.emplace_back();
    AffineExpr scale = getAffineConstantExpr(0, ctx);
    if (dynamic || (extent == 1 && perUnit == 1)) {
      AffineExpr loop = addLoop(size);
      addCode(loop, size);
      scale = loop;
    } else if (size % block == 0 && block % perUnit == 0) {
      if (!single)
        addCode(scale = addLoop(size / block), size / block);
      addCode(addLoop(block / perUnit), block / perUnit);
      if (perUnit > 1)
        nest.codeInUnit = addLoop(perUnit);
    } else {
      AffineExpr loop = addLoop(size);
      addCode(loop.floorDiv(perUnit),
              llvm::divideCeil(uint64_t(size), uint64_t(perUnit)));
      if (kept)
        scale = loop.floorDiv(extent);
      if (perUnit > 1)
        nest.codeInUnit = loop % perUnit;
    }
    nest.scaleKept.push_back(kept);
    if (kept)
      nest.scales.push_back(scale);
    nest.valueDims.emplace_back(
        llvm::to_vector(llvm::seq<int64_t>(first, nest.loops.size())));
  }
  return nest;
}

/// Drops the dimensions of a per-block tensor that have one block only.
static Value dropSingleBlocks(OpBuilder &b, Location loc, Value grid,
                              ArrayRef<bool> kept) {
  if (llvm::all_of(kept, [](bool keep) { return keep; }))
    return grid;
  SmallVector<ReassociationIndices> groups;
  ReassociationIndices leading;
  for (auto [i, keep] : llvm::enumerate(kept)) {
    if (keep) {
      groups.push_back(groups.empty() ? leading : ReassociationIndices());
      groups.back().push_back(i);
    } else {
      (groups.empty() ? leading : groups.back()).push_back(i);
    }
  }
  return tensor::CollapseShapeOp::create(b, loc, grid, groups);
}

static Value toF32(OpBuilder &b, Location loc, Value value, bool isSigned) {
  Type f32 = b.getF32Type();
  if (value.getType() == f32)
    return value;
  if (isa<FloatType>(value.getType()))
    return arith::ExtFOp::create(b, loc, f32, value);
  if (isSigned)
    return arith::SIToFPOp::create(b, loc, f32, value);
  return arith::UIToFPOp::create(b, loc, f32, value);
}

Value QuantAttr::buildCodeValue(OpBuilder &b, Location loc, Value code) const {
  auto withElement = [&](Type element) -> Type {
    auto vector = dyn_cast<VectorType>(code.getType());
    return vector ? Type(vector.clone(element)) : element;
  };
  Type f32 = withElement(b.getF32Type());
  if (FloatType type = getFloatCodeType()) {
    Type bits = withElement(b.getIntegerType(type.getWidth()));
    if (code.getType() != bits)
      code = arith::TruncIOp::create(b, loc, bits, code);
    code = arith::BitcastOp::create(b, loc, withElement(type), code);
    return arith::ExtFOp::create(b, loc, f32, code);
  }
  if (getCodeKind() == CodeKind::Binary) {
    Type type = code.getType();
    Value one = arith::ConstantOp::create(b, loc, b.getOneAttr(type));
    Value twice = arith::ShLIOp::create(b, loc, code, one);
    return arith::SIToFPOp::create(b, loc, f32,
                                   arith::SubIOp::create(b, loc, twice, one));
  }
  // A code that leaves the sign bit alone is not negative; signed conversions
  // are what processors are good at.
  if (isSigned() ||
      getElementTypeOrSelf(code.getType()).getIntOrFloatBitWidth() >
          getCodeBits())
    return arith::SIToFPOp::create(b, loc, f32, code);
  return arith::UIToFPOp::create(b, loc, f32, code);
}

/// scale * (q - zero), scale * q + min or scale * q.
static Value dequantize(OpBuilder &b, Location loc, QuantAttr codec, Value code,
                        ValueRange perBlock) {
  bool isSigned = codec.isSigned();
  Value value = codec.buildCodeValue(b, loc, code);
  Value scale = toF32(b, loc, perBlock[0], isSigned);
  if (codec.getZero())
    value = arith::SubFOp::create(b, loc, value,
                                  toF32(b, loc, perBlock[1], isSigned));
  value = arith::MulFOp::create(b, loc, scale, value);
  if (codec.getMin())
    value = arith::AddFOp::create(b, loc, value,
                                  toF32(b, loc, perBlock[1], isSigned));
  return value;
}

FailureOr<Value> QuantAttr::buildDecode(OpBuilder &b, Location loc,
                                        ValueRange components,
                                        RankedTensorType logical) const {
  Type element = logical.getElementType();
  SmallVector<Value> inputs;
  for (Value component : components)
    inputs.push_back(getDense(b, loc, component));
  if (llvm::is_contained(logical.getShape(), 0)) {
    SmallVector<OpFoldResult> sizes;
    for (auto [i, size] : llvm::enumerate(logical.getShape()))
      sizes.push_back(ShapedType::isDynamic(size)
                          ? tensor::getMixedSize(b, loc, inputs[0], i)
                          : b.getIndexAttr(size));
    return tensor::EmptyOp::create(b, loc, sizes, element).getResult();
  }
  DecodeNest nest = getDecodeNest(*this, logical);

  // Sizes of dynamic dimensions, which are never split.
  SmallVector<OpFoldResult> loopSizes, codeSizes;
  for (auto [i, loops] : llvm::enumerate(nest.valueDims))
    for (int64_t loop : loops)
      loopSizes.push_back(ShapedType::isDynamic(nest.loops[loop])
                              ? tensor::getMixedSize(b, loc, inputs[0], i)
                              : b.getIndexAttr(nest.loops[loop]));
  for (auto [i, dims] : llvm::enumerate(nest.codeDims))
    for (int64_t dim : dims)
      codeSizes.push_back(ShapedType::isDynamic(nest.codeShape[dim])
                              ? tensor::getMixedSize(b, loc, inputs[0], i)
                              : b.getIndexAttr(nest.codeShape[dim]));

  PackedCodes packed = getPackedCodes(*this);
  SmallVector<Value> bytes = packed.splitUnits(b, loc, inputs[0]);
  if (int64_t(nest.codeShape.size()) != logical.getRank())
    for (Value &byte : bytes)
      byte = tensor::ExpandShapeOp::create(
          b, loc, RankedTensorType::get(nest.codeShape, b.getI8Type()), byte,
          nest.codeDims, codeSizes);
  size_t numBytes = bytes.size();
  for (Value perBlock : ArrayRef(inputs).drop_front())
    bytes.push_back(dropSingleBlocks(b, loc, perBlock, nest.scaleKept));
  inputs = std::move(bytes);

  unsigned rank = nest.loops.size();
  auto map = [&](ArrayRef<AffineExpr> results) {
    return AffineMap::get(rank, 0, results, b.getContext());
  };
  SmallVector<AffineMap> maps(numBytes, map(nest.codes));
  maps.append(inputs.size() - numBytes, map(nest.scales));
  maps.push_back(b.getMultiDimIdentityMap(rank));
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  Value empty = tensor::EmptyOp::create(b, loc, loopSizes, element);
  auto generic = linalg::GenericOp::create(
      b, loc, empty.getType(), inputs, empty, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value inUnit;
        if (nest.codeInUnit) {
          // Either the innermost loop itself or that loop modulo the codes of a
          // unit.
          inUnit = linalg::IndexOp::create(b, loc, rank - 1);
          if (!isa<AffineDimExpr>(nest.codeInUnit))
            inUnit = arith::RemUIOp::create(
                b, loc, inUnit,
                arith::ConstantIndexOp::create(b, loc, getUnitCodes()));
        }
        Value code =
            packed.extractCode(b, loc, args.take_front(numBytes), inUnit);
        Value value = dequantize(b, loc, *this, code,
                                 args.drop_front(numBytes).drop_back());
        if (!element.isF32())
          value = arith::TruncFOp::create(b, loc, element, value);
        linalg::YieldOp::create(b, loc, value);
      });
  Value result = generic.getResult(0);
  if (int64_t(rank) != logical.getRank())
    result = tensor::CollapseShapeOp::create(b, loc, logical, result,
                                             nest.valueDims);
  return result;
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
QuantAttr::getTileGranularity(RankedTensorType logical) const {
  SmallVector<TileGranularity> granularity;
  for (int64_t extent : getBlock())
    granularity.push_back({1, extent});
  granularity.back().unit = getUnitCodes();
  return granularity;
}

SmallVector<ComponentRatio>
QuantAttr::getComponentRatios(RankedTensorType logical,
                              unsigned component) const {
  if (component > 0)
    return getRatios(getBlock());
  SmallVector<ComponentRatio> ratios(logical.getRank());
  ratios.back() = {getUnitCodes(), getUnitBytes()};
  return ratios;
}

FailureOr<SmallVector<ComponentTile>>
QuantAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                   ValueRange components, ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes) const {
  // x / by, downwards for offsets; sizes upwards, as the last one may be
  // ragged.
  auto divide = [&](OpFoldResult x, int64_t by, bool up) -> OpFoldResult {
    if (by == 1)
      return x;
    if (std::optional<int64_t> constant = getConstantIntValue(x))
      return b.getIndexAttr((*constant + (up ? by - 1 : 0)) / by);
    AffineExpr d = b.getAffineDimExpr(0);
    return affine::makeComposedFoldedAffineApply(
        b, loc, up ? d.ceilDiv(by) : d.floorDiv(by), {x});
  };
  ComponentTile codes{SmallVector<OpFoldResult>(offsets),
                      SmallVector<OpFoldResult>(sizes)};
  // Offsets are whole units, sizes may end within one.
  AffineExpr d = b.getAffineDimExpr(0);
  auto toBytes = [&](OpFoldResult x, AffineExpr bytes) -> OpFoldResult {
    return affine::makeComposedFoldedAffineApply(b, loc, bytes, {x});
  };
  if (getCodeBits() < 8) {
    codes.offsets.back() =
        toBytes(offsets.back(), d.floorDiv(getUnitCodes()) * getUnitBytes());
    codes.sizes.back() =
        toBytes(sizes.back(), (d * int64_t(getCodeBits())).ceilDiv(8));
  }
  ComponentTile blocks;
  for (auto [extent, offset, size] :
       llvm::zip_equal(getBlock(), offsets, sizes)) {
    blocks.offsets.push_back(divide(offset, extent, false));
    // A legal tile holds whole blocks, or lies inside one.
    blocks.sizes.push_back(divide(size, extent, true));
  }
  SmallVector<ComponentTile> tiles = {codes};
  tiles.append(components.size() - 1, blocks);
  return tiles;
}
