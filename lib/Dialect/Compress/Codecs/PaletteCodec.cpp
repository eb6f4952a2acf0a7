//===- PaletteCodec.cpp - what palettes store and mean --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PackedCodes.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

static ParseResult parseExtents(AsmParser &parser,
                                SmallVectorImpl<int64_t> &extents) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
    return parser.parseInteger(extents.emplace_back());
  });
}

Attribute PaletteAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  unsigned bits, dim = 1;
  SmallVector<int64_t> group, block;
  Type codebook, scale;
  if (parser.parseLess() || parser.parseKeyword("bits") ||
      parser.parseEqual() || parser.parseInteger(bits) || parser.parseComma() ||
      parser.parseKeyword("group") || parser.parseEqual() ||
      parseExtents(parser, group) || parser.parseComma() ||
      parser.parseKeyword("codebook") || parser.parseEqual() ||
      parser.parseType(codebook))
    return {};
  SmallVector<StringRef> seen;
  while (succeeded(parser.parseOptionalComma())) {
    SMLoc at = parser.getCurrentLocation();
    StringRef keyword;
    if (parser.parseKeyword(&keyword))
      return {};
    if (!llvm::is_contained({"dim", "scale", "block"}, keyword) ||
        llvm::is_contained(seen, keyword)) {
      parser.emitError(at) << "expected one each of dim, scale and block, but "
                              "got '"
                           << keyword << "'";
      return {};
    }
    seen.push_back(keyword);
    if (parser.parseEqual() ||
        (keyword == "dim"     ? parser.parseInteger(dim)
         : keyword == "scale" ? parser.parseType(scale)
                              : parseExtents(parser, block)))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<PaletteAttr>(loc, parser.getContext(), bits,
                                        ArrayRef<int64_t>(group), codebook, dim,
                                        scale, ArrayRef<int64_t>(block));
}

void PaletteAttr::print(AsmPrinter &printer) const {
  printer << "<bits = " << getBits() << ", group = [";
  llvm::interleaveComma(getGroup(), printer);
  printer << "], codebook = " << getCodebook();
  if (getDim() != 1)
    printer << ", dim = " << getDim();
  if (getScale()) {
    printer << ", scale = " << getScale() << ", block = [";
    llvm::interleaveComma(getBlock(), printer);
    printer << "]";
  }
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult PaletteAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  unsigned bits, ArrayRef<int64_t> group,
                                  Type codebook, unsigned dim, Type scale,
                                  ArrayRef<int64_t> block) {
  auto isFloat = [](Type type) {
    return isa<Float32Type, Float16Type, BFloat16Type>(type);
  };
  if (bits < 1 || bits > 8) // palette_c1
    return emitError() << "expected 1 to 8 bits, but got " << bits;
  for (int64_t extent : group) // palette_c2
    if (extent < 1)
      return emitError() << "expected positive group extents, but got "
                         << extent;
  if (!isFloat(codebook)) // palette_c3
    return emitError() << "expected codebook f32, f16 or bf16, but got "
                       << codebook;
  if (dim != 1 && dim != 2 && dim != 4) // palette_c4
    return emitError() << "expected dim 1, 2 or 4, but got " << dim;
  if (bool(scale) != !block.empty()) // palette_c5
    return emitError() << "expected scale and block, but got "
                       << (scale ? "scale" : "block") << " only";
  if (scale && !isFloat(scale)) // palette_c6
    return emitError() << "expected scale f32, f16 or bf16, but got " << scale;
  for (int64_t extent : block) // palette_c7
    if (extent < 1)
      return emitError() << "expected positive block extents, but got "
                         << extent;
  return success();
}

LogicalResult
PaletteAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                         RankedTensorType logical) const {
  if (!isa<Float32Type, Float16Type, BFloat16Type>(
          logical.getElementType())) // palette_c8
    return emitError() << "expected elements of f32, f16 or bf16 for "
                          "#compress.palette, but got "
                       << logical.getElementType();
  int64_t rank = logical.getRank();
  if (rank == 0) // palette_c9
    return emitError()
           << "expected at least one dimension for #compress.palette";
  auto check = [&](StringRef name, ArrayRef<int64_t> extents) {
    if (int64_t(extents.size()) != rank) // palette_c10
      return LogicalResult(emitError()
                           << "expected one " << name
                           << " extent per dimension, but got "
                           << extents.size() << " for rank " << rank);
    for (auto [i, extent] : llvm::enumerate(extents)) // palette_c11
      if (logical.isDynamicDim(i) && extent != 1)
        return LogicalResult(emitError() << "expected " << name
                                         << " extent 1 for dynamic dimension "
                                         << i << ", but got " << extent);
    return success();
  };
  if (failed(check("group", getGroup())) ||
      (getScale() && failed(check("block", getBlock()))))
    return failure();
  if (logical.isDynamicDim(rank - 1) && getUnitElements() != 1) // palette_c11
    return emitError() << "expected a static innermost dimension for "
                       << getBits() << "-bit indices of " << getDim()
                       << " elements";
  if (getGroup().back() % int64_t(getDim()) != 0 &&
      getGroup().back() < logical.getDimSize(rank - 1)) // palette_c12
    return emitError() << "expected an innermost group extent that is a "
                          "multiple of dim "
                       << getDim() << ", but got " << getGroup().back();
  for (auto [i, group, block] :
       llvm::enumerate(getGroup(), getScale() ? getBlock() : getGroup())) {
    int64_t size = logical.getDimSize(i);
    if (group % block != 0 && block % group != 0 && group < size &&
        block < size) // palette_c13
      return emitError() << "expected group and block extents of which one is "
                            "a multiple of the other, but got "
                         << group << " and " << block << " for dimension " << i;
  }
  int64_t numbers = getNumEntries() * getDim();
  for (auto [size, extent] : llvm::zip_equal(logical.getShape(), getGroup()))
    if (!ShapedType::isDynamic(size) && size > 0 &&
        (llvm::MulOverflow(
             numbers,
             int64_t(llvm::divideCeil(uint64_t(size), uint64_t(extent))),
             numbers) ||
         numbers >= int64_t(1) << 56)) // palette_c14
      return emitError() << "expected codebooks of less than 2^56 numbers";
  return success();
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

static PackedCodes getPacked(PaletteAttr codec) {
  return {codec.getBits(), /*isSigned=*/false};
}

int64_t PaletteAttr::getUnitElements() const {
  return getPacked(*this).getUnitCodes() * getDim();
}

int64_t PaletteAttr::getRowBytes(int64_t elements) const {
  return getPacked(*this).getRowBytes(
      llvm::divideCeil(uint64_t(elements), uint64_t(getDim())));
}

static SmallVector<int64_t> getGrid(ArrayRef<int64_t> shape,
                                    ArrayRef<int64_t> extents) {
  SmallVector<int64_t> grid;
  for (auto [size, extent] : llvm::zip_equal(shape, extents))
    grid.push_back(ShapedType::isDynamic(size)
                       ? size
                       : llvm::divideCeil(uint64_t(size), uint64_t(extent)));
  return grid;
}

SmallVector<StorageComponent>
PaletteAttr::getStorage(RankedTensorType logical) const {
  SmallVector<int64_t> indices(logical.getShape());
  if (!ShapedType::isDynamic(indices.back()))
    indices.back() = getRowBytes(indices.back());
  SmallVector<int64_t> codebooks = getGrid(logical.getShape(), getGroup());
  codebooks.push_back(getNumEntries());
  if (getDim() > 1)
    codebooks.push_back(getDim());
  SmallVector<StorageComponent> parts = {
      {"indices", ComponentRole::Codes,
       RankedTensorType::get(indices, IntegerType::get(getContext(), 8))},
      {"codebooks", ComponentRole::Codebook,
       RankedTensorType::get(codebooks, getCodebook())}};
  if (getScale())
    parts.push_back({"scales", ComponentRole::Scale,
                     RankedTensorType::get(
                         getGrid(logical.getShape(), getBlock()), getScale())});
  return parts;
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

namespace {
/// The loops over one dimension of the logical tensor. Where the extents of
/// groups, blocks, units of indices and vectors divide each other and the
/// dimension, there is one loop between each two of them, so that what each of
/// them indexes is a projected permutation. Else there is one loop, and
/// floordiv.
struct DimLoops {
  int64_t size;
  unsigned first;               // of its loops
  SmallVector<int64_t> strides; // elements per iteration, descending
  SmallVector<int64_t> counts;

  DimLoops(int64_t size, ArrayRef<int64_t> extents, unsigned first)
      : size(size), first(first) {
    SmallVector<int64_t> cuts;
    for (int64_t extent : extents)
      if (!ShapedType::isDynamic(size) && extent > 1 && extent < size)
        cuts.push_back(extent);
    llvm::sort(cuts, std::greater<int64_t>());
    cuts.erase(llvm::unique(cuts), cuts.end());
    cuts.push_back(1);
    int64_t whole = size;
    for (int64_t cut : cuts) {
      if (cut > 1 && whole % cut != 0) {
        strides = {1};
        counts = {size};
        return;
      }
      strides.push_back(cut);
      counts.push_back(cut == 1 ? whole : whole / cut);
      whole = cut;
    }
  }

  /// Whether one box of this extent holds the dimension.
  bool isCovered(int64_t extent) const {
    return !ShapedType::isDynamic(size) && size <= extent;
  }
  bool isSplit() const { return strides.size() > 1; }

  /// Position along the dimension in units of `extent`, modulo `modulus`
  /// elements (0: none).
  AffineExpr getIndex(MLIRContext *ctx, int64_t extent,
                      int64_t modulus = 0) const {
    if (isCovered(extent))
      return getAffineConstantExpr(0, ctx);
    if (!isSplit()) {
      AffineExpr index = getAffineDimExpr(first, ctx).floorDiv(extent);
      return modulus && !isCovered(modulus) ? index % (modulus / extent)
                                            : index;
    }
    AffineExpr index = getAffineConstantExpr(0, ctx);
    for (auto [i, stride] : llvm::enumerate(strides))
      if (stride >= extent && (!modulus || stride < modulus))
        index = index + getAffineDimExpr(first + i, ctx) * (stride / extent);
    return index;
  }
};

/// Builds the decode of one tensor.
class DecodeBuilder {
public:
  DecodeBuilder(OpBuilder &b, Location loc, PaletteAttr codec,
                RankedTensorType logical, ValueRange inputs)
      : b(b), loc(loc), codec(codec), logical(logical), indices(inputs[0]),
        codebooks(inputs[1]), scales(inputs.size() > 2 ? inputs[2] : Value()),
        packed(getPacked(codec)) {
    for (int64_t i = 0, rank = logical.getRank(); i < rank; ++i) {
      SmallVector<int64_t> extents = {codec.getGroup()[i]};
      if (scales)
        extents.push_back(codec.getBlock()[i]);
      if (i == rank - 1)
        extents.append({codec.getUnitElements(), int64_t(codec.getDim())});
      dims.emplace_back(logical.getDimSize(i), extents, numLoops);
      numLoops += dims.back().strides.size();
    }
  }

  Value build();

private:
  /// An operand with one element per box of `extents`, as loops index it.
  struct Operand {
    Value value;
    AffineMap map;
  };
  Operand makeOperand(Value value, ArrayRef<int64_t> extents);
  OpFoldResult getSize(int64_t dim, int64_t size) {
    return ShapedType::isDynamic(size)
               ? tensor::getMixedSize(b, loc, indices, dim)
               : b.getIndexAttr(size);
  }
  /// The value of an expression of loops, in the body.
  Value apply(OpBuilder &b, AffineExpr expr) const;
  Value emitBody(OpBuilder &b, ValueRange bytes, Value scale) const;

  OpBuilder &b;
  Location loc;
  PaletteAttr codec;
  RankedTensorType logical;
  Value indices, codebooks, scales;
  PackedCodes packed;
  SmallVector<DimLoops> dims;
  unsigned numLoops = 0;
};
} // namespace

DecodeBuilder::Operand DecodeBuilder::makeOperand(Value value,
                                                  ArrayRef<int64_t> extents) {
  SmallVector<AffineExpr> exprs;
  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> sizes;
  // Dimensions that one box holds go, split ones are expanded.
  SmallVector<ReassociationIndices> collapsed, expanded;
  ReassociationIndices leading;
  for (auto [i, dim, extent] : llvm::enumerate(dims, extents)) {
    if (dim.isCovered(extent)) {
      (collapsed.empty() ? leading : collapsed.back()).push_back(i);
      continue;
    }
    collapsed.push_back(collapsed.empty() ? leading : ReassociationIndices());
    collapsed.back().push_back(i);
    expanded.emplace_back();
    auto add = [&](AffineExpr expr, int64_t size) {
      expanded.back().push_back(exprs.size());
      exprs.push_back(expr);
      shape.push_back(size);
      sizes.push_back(getSize(i, size));
    };
    if (!dim.isSplit()) {
      add(dim.getIndex(b.getContext(), extent),
          ShapedType::isDynamic(dim.size)
              ? dim.size
              : llvm::divideCeil(uint64_t(dim.size), uint64_t(extent)));
      continue;
    }
    for (auto [loop, stride] : llvm::enumerate(dim.strides))
      if (stride >= extent)
        add(b.getAffineDimExpr(dim.first + loop), dim.counts[loop]);
  }
  if (collapsed.size() != dims.size())
    value = tensor::CollapseShapeOp::create(b, loc, value, collapsed);
  auto type = cast<RankedTensorType>(value.getType());
  if (int64_t(shape.size()) != type.getRank())
    value = tensor::ExpandShapeOp::create(
        b, loc, RankedTensorType::get(shape, type.getElementType()), value,
        expanded, sizes);
  return {value, AffineMap::get(numLoops, 0, exprs, b.getContext())};
}

Value DecodeBuilder::apply(OpBuilder &b, AffineExpr expr) const {
  SmallVector<OpFoldResult> loops;
  for (unsigned i = 0; i < numLoops; ++i)
    loops.push_back(expr.isFunctionOfDim(i)
                        ? OpFoldResult(linalg::IndexOp::create(b, loc, i))
                        : b.getIndexAttr(0));
  return getValueOrCreateConstantIndexOp(
      b, loc,
      affine::makeComposedFoldedAffineApply(
          b, loc, AffineMap::get(numLoops, 0, expr), loops));
}

Value DecodeBuilder::emitBody(OpBuilder &b, ValueRange bytes,
                              Value scale) const {
  MLIRContext *ctx = b.getContext();
  const DimLoops &inner = dims.back();
  Value inUnit;
  if (packed.getUnitCodes() > 1)
    inUnit =
        apply(b, inner.getIndex(ctx, codec.getDim(), codec.getUnitElements()));
  SmallVector<Value> place;
  for (auto [dim, extent] : llvm::zip_equal(dims, codec.getGroup()))
    place.push_back(apply(b, dim.getIndex(ctx, extent)));
  place.push_back(arith::IndexCastUIOp::create(
      b, loc, b.getIndexType(), packed.extractCode(b, loc, bytes, inUnit)));
  if (codec.getDim() > 1)
    place.push_back(apply(b, inner.getIndex(ctx, 1, codec.getDim())));
  auto toF32 = [&](Value value) -> Value {
    if (value.getType().isF32())
      return value;
    return arith::ExtFOp::create(b, loc, b.getF32Type(), value);
  };
  Value value = toF32(tensor::ExtractOp::create(b, loc, codebooks, place));
  if (scale)
    value = arith::MulFOp::create(b, loc, toF32(scale), value);
  if (Type element = logical.getElementType(); !element.isF32())
    value = arith::TruncFOp::create(b, loc, element, value);
  return value;
}

Value DecodeBuilder::build() {
  SmallVector<int64_t> units(logical.getRank(), 1);
  units.back() = codec.getUnitElements();
  SmallVector<Value> inputs;
  SmallVector<AffineMap> maps;
  for (Value byte : packed.splitUnits(b, loc, indices)) {
    Operand operand = makeOperand(byte, units);
    inputs.push_back(operand.value);
    maps.push_back(operand.map);
  }
  if (scales) {
    Operand operand = makeOperand(scales, codec.getBlock());
    inputs.push_back(operand.value);
    maps.push_back(operand.map);
  }
  SmallVector<OpFoldResult> loopSizes;
  SmallVector<ReassociationIndices> groups;
  for (auto [i, dim] : llvm::enumerate(dims)) {
    groups.emplace_back();
    for (auto [loop, count] : llvm::enumerate(dim.counts)) {
      groups.back().push_back(dim.first + loop);
      loopSizes.push_back(getSize(i, count));
    }
  }
  maps.push_back(b.getMultiDimIdentityMap(numLoops));
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::parallel);
  Value empty =
      tensor::EmptyOp::create(b, loc, loopSizes, logical.getElementType());
  auto generic = linalg::GenericOp::create(
      b, loc, empty.getType(), inputs, empty, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        ValueRange parts = args.drop_back();
        Value scale = scales ? parts.back() : Value();
        Value value = emitBody(b, scales ? parts.drop_back() : parts, scale);
        linalg::YieldOp::create(b, loc, value);
      });
  Value result = generic.getResult(0);
  if (int64_t(numLoops) != logical.getRank())
    result = tensor::CollapseShapeOp::create(b, loc, logical, result, groups);
  return result;
}

FailureOr<Value> PaletteAttr::buildDecode(OpBuilder &b, Location loc,
                                          ValueRange components,
                                          RankedTensorType logical) const {
  SmallVector<Value> inputs;
  for (Value component : components)
    inputs.push_back(getDense(b, loc, component));
  if (llvm::is_contained(logical.getShape(), 0)) {
    SmallVector<OpFoldResult> sizes;
    for (auto [i, size] : llvm::enumerate(logical.getShape()))
      sizes.push_back(ShapedType::isDynamic(size)
                          ? tensor::getMixedSize(b, loc, inputs[0], i)
                          : b.getIndexAttr(size));
    return tensor::EmptyOp::create(b, loc, sizes, logical.getElementType())
        .getResult();
  }
  return DecodeBuilder(b, loc, *this, logical, inputs).build();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
PaletteAttr::getTileGranularity(RankedTensorType logical) const {
  SmallVector<TileGranularity> granularity;
  for (auto [i, size, group] :
       llvm::enumerate(logical.getShape(), getGroup())) {
    int64_t unit = i + 1 == getGroup().size() ? getUnitElements() : 1;
    int64_t block = getScale() ? getBlock()[i] : group;
    bool groupCovers = !ShapedType::isDynamic(size) && size <= group;
    bool blockCovers = !ShapedType::isDynamic(size) && size <= block;
    if (groupCovers)
      granularity.push_back({unit, block});
    else if (blockCovers || group == block)
      granularity.push_back({unit, group});
    else // Whole smaller ones, and the larger ones whole or from the inside.
      granularity.push_back(
          {std::lcm(unit, std::min(group, block)), std::max(group, block)});
  }
  return granularity;
}

SmallVector<ComponentRatio>
PaletteAttr::getComponentRatios(RankedTensorType logical,
                                unsigned component) const {
  if (component == 1)
    return getRatios(getGroup());
  if (component == 2)
    return getRatios(getBlock());
  SmallVector<ComponentRatio> ratios(logical.getRank());
  ratios.back() = {getUnitElements(), getPacked(*this).getUnitBytes()};
  return ratios;
}

FailureOr<SmallVector<ComponentTile>>
PaletteAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                     ValueRange components, ArrayRef<OpFoldResult> offsets,
                     ArrayRef<OpFoldResult> sizes) const {
  AffineExpr d = b.getAffineDimExpr(0);
  auto apply = [&](AffineExpr expr, OpFoldResult x) -> OpFoldResult {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, {x});
  };
  auto mapBoxes = [&](ArrayRef<int64_t> extents) {
    ComponentTile tile;
    for (auto [extent, offset, size] :
         llvm::zip_equal(extents, offsets, sizes)) {
      // A legal tile holds whole boxes, or lies inside one.
      tile.offsets.push_back(extent == 1 ? offset
                                         : apply(d.floorDiv(extent), offset));
      tile.sizes.push_back(extent == 1 ? size : apply(d.ceilDiv(extent), size));
    }
    return tile;
  };
  PackedCodes packed = getPacked(*this);
  ComponentTile indices{SmallVector<OpFoldResult>(offsets),
                        SmallVector<OpFoldResult>(sizes)};
  // Offsets are whole units, sizes may end within one.
  if (getUnitElements() > 1) {
    indices.offsets.back() = apply(
        d.floorDiv(getUnitElements()) * packed.getUnitBytes(), offsets.back());
    indices.sizes.back() = apply(
        (d.ceilDiv(getDim()) * int64_t(getBits())).ceilDiv(8), sizes.back());
  }
  ComponentTile codebooks = mapBoxes(getGroup());
  auto addWhole = [&](int64_t size) {
    codebooks.offsets.push_back(b.getIndexAttr(0));
    codebooks.sizes.push_back(b.getIndexAttr(size));
  };
  addWhole(getNumEntries());
  if (getDim() > 1)
    addWhole(getDim());
  SmallVector<ComponentTile> tiles = {indices, codebooks};
  if (getScale())
    tiles.push_back(mapBoxes(getBlock()));
  return tiles;
}
