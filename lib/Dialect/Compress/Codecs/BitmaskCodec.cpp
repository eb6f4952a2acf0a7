//===- BitmaskCodec.cpp - what a bit per element stores and means ---------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

Attribute BitmaskAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  std::optional<int64_t> keep;
  FloatAttr density;
  std::optional<int64_t> rows;
  if (parser.parseLess())
    return {};
  if (succeeded(parser.parseOptionalGreater()))
    return BitmaskAttr::get(parser.getContext(), keep, density, /*rows=*/1);
  auto parseParameter = [&]() -> ParseResult {
    SMLoc at = parser.getCurrentLocation();
    StringRef keyword;
    if (parser.parseKeyword(&keyword))
      return failure();
    if (keyword == "keep" && !keep) {
      int64_t value;
      if (parser.parseEqual() || parser.parseInteger(value))
        return failure();
      keep = value;
      return success();
    }
    if (keyword == "density" && !density)
      return failure(parser.parseEqual() || parser.parseAttribute(density));
    if (keyword == "rows" && !rows) {
      int64_t value;
      if (parser.parseEqual() || parser.parseInteger(value))
        return failure();
      rows = value;
      return success();
    }
    return parser.emitError(at)
           << "expected one of keep, density and rows, but got '" << keyword
           << "'";
  };
  if (parser.parseCommaSeparatedList(parseParameter) || parser.parseGreater())
    return {};
  return parser.getChecked<BitmaskAttr>(loc, parser.getContext(), keep, density,
                                        rows.value_or(1));
}

void BitmaskAttr::print(AsmPrinter &printer) const {
  printer << "<";
  if (getKeep())
    printer << "keep = " << *getKeep();
  if (getDensity())
    printer << "density = " << getDensity();
  if (getRows() != 1)
    printer << (getDensity() ? ", " : "") << "rows = " << getRows();
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult BitmaskAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  std::optional<int64_t> keep,
                                  FloatAttr density, int64_t rows) {
  if (keep && *keep < 0) // bitmask_c1
    return emitError() << "expected keep to be 0 or more, but got " << *keep;
  if (density && (!density.getType().isF64() ||
                  !(density.getValueAsDouble() >= 0 &&
                    density.getValueAsDouble() <= 1))) // bitmask_c2
    return emitError() << "expected a density of type f64 from 0 to 1, but got "
                       << density;
  if (keep && density) // bitmask_c3
    return emitError() << "expected keep or density, but got both";
  if (rows < 1 || (keep && rows != 1)) // bitmask_c12
    return emitError() << "expected rows of 1 or more, and of 1 with keep, but "
                          "got "
                       << rows;
  return success();
}

bool BitmaskAttr::isLossless() const { return !getKeep() && !getDensity(); }

LogicalResult
BitmaskAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                         RankedTensorType logical) const {
  Type element = logical.getElementType();
  bool isFloat = isa<Float32Type, Float16Type, BFloat16Type>(element);
  bool isInteger = element.isSignlessInteger(8) ||
                   element.isSignlessInteger(16) ||
                   element.isSignlessInteger(32);
  if (!isFloat && !(isInteger && isLossless())) // bitmask_c8
    return emitError() << "expected elements of f32, f16 or bf16"
                       << (isLossless() ? ", i8, i16 or i32" : "") << " for "
                       << *this << ", but got " << element;
  if (logical.getRank() == 0) // bitmask_c4
    return emitError()
           << "expected at least one dimension for #compress.bitmask";
  int64_t columns = logical.getShape().back();
  if (ShapedType::isDynamic(columns)) // bitmask_c5
    return emitError() << "expected a static innermost dimension for "
                          "#compress.bitmask, but got "
                       << logical;
  if (getKeep()) {
    if (*getKeep() > columns) // bitmask_c6
      return emitError() << "expected keep of at most " << columns
                         << ", the innermost dimension, but got " << *getKeep();
    return success();
  }
  if (getRows() != 1 &&
      (logical.getRank() < 2 || logical.isDynamicDim(logical.getRank() - 2) ||
       logical.getDimSize(logical.getRank() - 2) % getRows())) // bitmask_c13
    return emitError()
           << "expected a last dimension but one that is a multiple "
              "of rows = "
           << getRows() << ", but got " << logical;
  int64_t elements = 1;
  for (int64_t size : logical.getShape())
    if (!ShapedType::isDynamic(size) &&
        (llvm::MulOverflow(elements, size, elements) ||
         elements > std::numeric_limits<int32_t>::max())) // bitmask_c7
      return emitError() << "expected less than 2^31 elements for " << *this
                         << ", but got " << logical;
  return success();
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

SmallVector<StorageComponent>
BitmaskAttr::getStorage(RankedTensorType logical) const {
  SmallVector<int64_t> mask(logical.getShape()), rows(mask);
  mask.back() = llvm::divideCeil(uint64_t(mask.back()), 8u);
  StorageComponent bits = {
      "mask", ComponentRole::Metadata,
      RankedTensorType::get(mask, IntegerType::get(getContext(), 8))};
  if (getKeep()) {
    rows.back() = *getKeep();
    return {bits, {"values", ComponentRole::Values, logical.clone(rows)}};
  }
  rows.back() = 1;
  if (getRows() != 1)
    rows[rows.size() - 2] /= getRows();
  return {
      bits,
      {"values", ComponentRole::Values,
       RankedTensorType::get({ShapedType::kDynamic}, logical.getElementType())},
      {"offsets", ComponentRole::Offset,
       RankedTensorType::get(rows, IntegerType::get(getContext(), 32))}};
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

FailureOr<Value> BitmaskAttr::buildDecode(OpBuilder &b, Location loc,
                                          ValueRange components,
                                          RankedTensorType logical) const {
  Type element = logical.getElementType();
  int64_t rank = logical.getRank(), columns = logical.getShape().back();
  Value mask = getDense(b, loc, components[0]);
  Value values = getDense(b, loc, components[1]);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, mask);
  sizes.back() = b.getIndexAttr(columns);
  Value dense = tensor::EmptyOp::create(b, loc, sizes, element);
  if (llvm::is_contained(logical.getShape(), 0))
    return dense;
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
  if (getKeep() == 0)
    return linalg::FillOp::create(b, loc, zero, dense).getResult(0);
  Value offsets = getKeep() ? Value() : getDense(b, loc, components[2]);

  // Where a value lies depends on all bits before it in the row: rows are
  // walked in order, with the index of the next value.
  auto index = [&](OpBuilder &b, int64_t value) -> Value {
    return arith::ConstantIndexOp::create(b, loc, value);
  };
  Value c0 = index(b, 0), c1 = index(b, 1), c8 = index(b, 8);
  auto decodeRow = [&](OpBuilder &b, Location loc, ValueRange row,
                       ValueRange carried) -> SmallVector<Value> {
    SmallVector<Value> at(row);
    at.push_back(c0);
    Value next = c0;
    if (offsets) {
      SmallVector<Value> place(at);
      Value isFirst;
      if (getRows() != 1) {
        Value block = index(b, getRows()), &last = place[rank - 2];
        isFirst = arith::CmpIOp::create(
            b, loc, arith::CmpIPredicate::eq,
            arith::RemUIOp::create(b, loc, last, block), c0);
        last = arith::DivUIOp::create(b, loc, last, block);
      }
      next = arith::IndexCastOp::create(
          b, loc, b.getIndexType(),
          tensor::ExtractOp::create(b, loc, offsets, place));
      if (isFirst)
        next = arith::SelectOp::create(b, loc, isFirst, next, carried[1]);
    }
    auto loop = scf::ForOp::create(
        b, loc, c0, index(b, columns), c1, ValueRange{carried[0], next},
        [&](OpBuilder &b, Location loc, Value column, ValueRange args) {
          at.back() = arith::DivUIOp::create(b, loc, column, c8);
          Value byte = arith::IndexCastUIOp::create(
              b, loc, b.getIndexType(),
              tensor::ExtractOp::create(b, loc, mask, at));
          Value bit = arith::AndIOp::create(
              b, loc,
              arith::ShRUIOp::create(
                  b, loc, byte, arith::RemUIOp::create(b, loc, column, c8)),
              c1);
          Value isStored =
              arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, bit, c0);
          // There is always a first value; after the last there may be none.
          Value place = arith::SelectOp::create(b, loc, isStored, args[1], c0);
          SmallVector<Value> valueAt;
          if (getKeep())
            valueAt.append(row.begin(), row.end());
          valueAt.push_back(place);
          Value value = arith::SelectOp::create(
              b, loc, isStored,
              tensor::ExtractOp::create(b, loc, values, valueAt), zero);
          at.back() = column;
          Value inserted = tensor::InsertOp::create(b, loc, value, args[0], at);
          scf::YieldOp::create(b, loc,
                               ValueRange{inserted, arith::AddIOp::create(
                                                        b, loc, args[1], bit)});
        });
    return llvm::to_vector_of<Value>(loop.getResults());
  };
  SmallVector<Value> lower(rank - 1, c0), step(rank - 1, c1),
      upper =
          getValueOrCreateConstantIndexOp(b, loc, ArrayRef(sizes).drop_back());
  return scf::buildLoopNest(b, loc, lower, upper, step, ValueRange{dense, c0},
                            decodeRow)
      .results.front();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
BitmaskAttr::getTileGranularity(RankedTensorType logical) const {
  SmallVector<TileGranularity> granularity(logical.getRank());
  granularity.back().unit = std::max<int64_t>(logical.getShape().back(), 1);
  if (getRows() != 1)
    granularity[logical.getRank() - 2].unit = getRows();
  return granularity;
}

SmallVector<ComponentRatio>
BitmaskAttr::getComponentRatios(RankedTensorType logical,
                                unsigned component) const {
  if (component == 1 && !getKeep())
    return {};
  SmallVector<ComponentRatio> ratios(logical.getRank());
  ratios.back().elements = 0; // rows are never cut
  if (component == 2 && getRows() != 1)
    ratios[logical.getRank() - 2].elements = getRows();
  return ratios;
}

FailureOr<SmallVector<ComponentTile>>
BitmaskAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                     ValueRange components, ArrayRef<OpFoldResult> offsets,
                     ArrayRef<OpFoldResult> sizes) const {
  auto wholeRows = [&](int64_t size) {
    ComponentTile tile{SmallVector<OpFoldResult>(offsets),
                       SmallVector<OpFoldResult>(sizes)};
    tile.offsets.back() = b.getIndexAttr(0);
    tile.sizes.back() = b.getIndexAttr(size);
    return tile;
  };
  int64_t columns = logical.getShape().back();
  ComponentTile mask = wholeRows(llvm::divideCeil(uint64_t(columns), 8u));
  if (getKeep())
    return SmallVector<ComponentTile>{mask, wholeRows(*getKeep())};
  // Of values that are compressed again no tile is asked for: they have no
  // ratios.
  if (!isa<RankedTensorType>(components[1].getType()))
    return failure();
  ComponentTile values{{b.getIndexAttr(0)},
                       {tensor::getMixedSize(b, loc, components[1], 0)}};
  ComponentTile offset = wholeRows(1);
  if (getRows() != 1) {
    AffineExpr d = b.getAffineDimExpr(0);
    int64_t dim = logical.getRank() - 2;
    offset.offsets[dim] = divideExactly(b, loc, offset.offsets[dim], getRows());
    offset.sizes[dim] = affine::makeComposedFoldedAffineApply(
        b, loc, d.ceilDiv(getRows()), {offset.sizes[dim]});
  }
  return SmallVector<ComponentTile>{mask, values, offset};
}
