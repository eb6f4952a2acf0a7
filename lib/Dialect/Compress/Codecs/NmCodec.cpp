//===- NmCodec.cpp - what N of M elements store and mean ------------------===//
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
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

Attribute NmAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t kept, group, axis;
  if (parser.parseLess() || parser.parseInteger(kept) || parser.parseColon() ||
      parser.parseInteger(group) || parser.parseComma() ||
      parser.parseKeyword("axis") || parser.parseEqual() ||
      parser.parseInteger(axis) || parser.parseGreater())
    return {};
  return parser.getChecked<NmAttr>(loc, parser.getContext(), kept, group, axis);
}

void NmAttr::print(AsmPrinter &printer) const {
  printer << "<" << getKept() << ":" << getGroup() << ", axis = " << getAxis()
          << ">";
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult NmAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t kept, int64_t group, int64_t axis) {
  if (kept < 1 || kept >= group || group > 16) // nm_c1
    return emitError() << "expected N:M with 1 <= N < M <= 16, but got " << kept
                       << ":" << group;
  if (axis < 0) // nm_c2
    return emitError() << "expected an axis of 0 or more, but got " << axis;
  return success();
}

LogicalResult NmAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                                  RankedTensorType logical) const {
  if (getAxis() >= logical.getRank()) // nm_c3
    return emitError() << "expected an axis below rank " << logical.getRank()
                       << ", but got " << getAxis();
  if (!isa<Float32Type, Float16Type, BFloat16Type>(
          logical.getElementType())) // nm_c4
    return emitError()
           << "expected elements of f32, f16 or bf16 for #compress.nm, but got "
           << logical.getElementType();
  for (int64_t dim : {getAxis(), logical.getRank() - 1}) // nm_c5
    if (logical.isDynamicDim(dim))
      return emitError() << "expected a static dimension " << dim
                         << " for #compress.nm, but got " << logical;
  return success();
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

int64_t NmAttr::getPositionBits() const {
  return llvm::Log2_64_Ceil(getGroup());
}

static PackedCodes getPacking(NmAttr codec) {
  return {unsigned(codec.getPositionBits()), /*isSigned=*/false};
}

int64_t NmAttr::getUnitValues() const {
  return getPacking(*this).getUnitCodes();
}

int64_t NmAttr::getNumValues(int64_t size) const {
  return int64_t(llvm::divideCeil(uint64_t(size), uint64_t(getGroup()))) *
         getKept();
}

SmallVector<StorageComponent>
NmAttr::getStorage(RankedTensorType logical) const {
  SmallVector<int64_t> shape(logical.getShape());
  shape[getAxis()] = getNumValues(shape[getAxis()]);
  SmallVector<int64_t> packed(shape);
  packed.back() = getPacking(*this).getRowBytes(packed.back());
  return {{"values", ComponentRole::Values, logical.clone(shape)},
          {"metadata", ComponentRole::Metadata,
           RankedTensorType::get(packed, IntegerType::get(getContext(), 8))}};
}

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

/// Packed positions as one i8 each. There may be more of them along the
/// innermost dimension, at the end, than were packed.
static Value unpackPositions(OpBuilder &b, Location loc, Value metadata,
                             PackedCodes packing) {
  SmallVector<Value> inputs = packing.splitUnits(b, loc, metadata);
  auto type = cast<RankedTensorType>(inputs[0].getType());
  unsigned rank = type.getRank();
  // [.., units] -> [.., units, codes of a unit] -> [.., codes]
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, inputs[0]);
  sizes.push_back(b.getIndexAttr(packing.getUnitCodes()));
  Type i8 = b.getI8Type();
  Value empty = tensor::EmptyOp::create(b, loc, sizes, i8);
  AffineMap whole = b.getMultiDimIdentityMap(rank + 1);
  SmallVector<AffineMap> maps(inputs.size(), whole.dropResult(rank));
  maps.push_back(whole);
  SmallVector<utils::IteratorType> iterators(rank + 1,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, empty.getType(), inputs, empty, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value inUnit = linalg::IndexOp::create(b, loc, rank);
        Value code = packing.extractCode(b, loc, args.drop_back(), inUnit);
        if (code.getType() != i8)
          code = arith::TruncIOp::create(b, loc, i8, code);
        linalg::YieldOp::create(b, loc, code);
      });
  SmallVector<ReassociationIndices> groups(rank);
  for (unsigned i = 0; i < rank; ++i)
    groups[i].push_back(i);
  groups.back().push_back(rank);
  SmallVector<int64_t> shape(type.getShape());
  shape.back() *= packing.getUnitCodes();
  return tensor::CollapseShapeOp::create(b, loc, type.clone(shape),
                                         generic.getResult(0), groups);
}

/// The n-th value or position of every group.
static Value takeOfGroup(OpBuilder &b, Location loc, Value stored, int64_t n,
                         const NmAttr &codec, int64_t groups) {
  auto type = cast<RankedTensorType>(stored.getType());
  int64_t axis = codec.getAxis(), rank = type.getRank();
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      strides(rank, b.getIndexAttr(1)),
      sizes = tensor::getMixedSizes(b, loc, stored);
  offsets[axis] = b.getIndexAttr(n);
  sizes[axis] = b.getIndexAttr(groups);
  strides[axis] = b.getIndexAttr(codec.getKept());
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] = groups;
  return tensor::ExtractSliceOp::create(b, loc, type.clone(shape), stored,
                                        offsets, sizes, strides);
}

FailureOr<Value> NmAttr::buildDecode(OpBuilder &b, Location loc,
                                     ValueRange components,
                                     RankedTensorType logical) const {
  Type element = logical.getElementType();
  Value values = getDense(b, loc, components[0]);
  Value metadata = getDense(b, loc, components[1]);
  int64_t axis = getAxis(), rank = logical.getRank(),
          size = logical.getDimSize(axis);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, values);
  if (llvm::is_contained(logical.getShape(), 0)) {
    sizes[axis] = b.getIndexAttr(size);
    return tensor::EmptyOp::create(b, loc, sizes, element).getResult();
  }
  int64_t groups = llvm::divideCeil(uint64_t(size), uint64_t(getGroup()));
  Value positions =
      takeOfRow(b, loc, unpackPositions(b, loc, metadata, getPacking(*this)),
                cast<RankedTensorType>(values.getType()).getShape().back());

  // Loops over [.., groups, elements of a group, ..]. An element is the value
  // that is stored for its position, of which there is at most one.
  SmallVector<Value> inputs;
  for (Value stored : {values, positions})
    for (int64_t n = 0; n < getKept(); ++n)
      inputs.push_back(takeOfGroup(b, loc, stored, n, *this, groups));
  sizes[axis] = b.getIndexAttr(groups);
  sizes.insert(sizes.begin() + axis + 1, b.getIndexAttr(getGroup()));
  Value empty = tensor::EmptyOp::create(b, loc, sizes, element);
  AffineMap whole = b.getMultiDimIdentityMap(rank + 1);
  SmallVector<AffineMap> maps(inputs.size(), whole.dropResult(axis + 1));
  maps.push_back(whole);
  SmallVector<utils::IteratorType> iterators(rank + 1,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, empty.getType(), inputs, empty, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value position = arith::IndexCastOp::create(
            b, loc, b.getI8Type(), linalg::IndexOp::create(b, loc, axis + 1));
        Value result =
            arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
        for (int64_t n = 0; n < getKept(); ++n) {
          Value isHere = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                               args[getKept() + n], position);
          result = arith::SelectOp::create(b, loc, isHere, args[n], result);
        }
        linalg::YieldOp::create(b, loc, result);
      });

  SmallVector<ReassociationIndices> dims(rank);
  for (int64_t i = 0; i < rank; ++i) {
    dims[i].push_back(i + (i > axis));
    if (i == axis)
      dims[i].push_back(i + 1);
  }
  SmallVector<int64_t> padded(logical.getShape());
  padded[axis] = groups * getGroup();
  Value result = tensor::CollapseShapeOp::create(b, loc, logical.clone(padded),
                                                 generic.getResult(0), dims);
  if (padded[axis] == size)
    return result;
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      strides(rank, b.getIndexAttr(1));
  sizes.erase(sizes.begin() + axis + 1);
  sizes[axis] = b.getIndexAttr(size);
  return tensor::ExtractSliceOp::create(b, loc, logical, result, offsets, sizes,
                                        strides)
      .getResult();
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
NmAttr::getTileGranularity(RankedTensorType logical) const {
  SmallVector<TileGranularity> granularity(logical.getRank());
  // Whole groups, and whole bytes of positions.
  if (getAxis() == logical.getRank() - 1) {
    granularity.back().unit =
        std::lcm(getKept(), getUnitValues()) / getKept() * getGroup();
  } else {
    granularity[getAxis()].unit = getGroup();
    granularity.back().unit = getUnitValues();
  }
  return granularity;
}

SmallVector<ComponentRatio>
NmAttr::getComponentRatios(RankedTensorType logical, unsigned component) const {
  SmallVector<ComponentRatio> ratios(logical.getRank());
  ratios[getAxis()] = {getGroup(), getKept()};
  if (component == 1) {
    ratios.back().elements *= getUnitValues();
    ratios.back().stored *= getUnitValues() * getPositionBits() / 8;
  }
  return ratios;
}

FailureOr<SmallVector<ComponentTile>>
NmAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                ValueRange components, ArrayRef<OpFoldResult> offsets,
                ArrayRef<OpFoldResult> sizes) const {
  AffineExpr d = b.getAffineDimExpr(0);
  auto apply = [&](AffineExpr expr, OpFoldResult x) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, {x});
  };
  ComponentTile values{SmallVector<OpFoldResult>(offsets),
                       SmallVector<OpFoldResult>(sizes)};
  OpFoldResult &offset = values.offsets[getAxis()];
  // Offsets are whole groups, a size may end within one.
  if (getGroup() % getKept() == 0)
    offset = divideExactly(b, loc, offset, getGroup() / getKept());
  else
    offset = apply(d.floorDiv(getGroup()) * getKept(), offset);
  values.sizes[getAxis()] =
      apply(d.ceilDiv(getGroup()) * getKept(), sizes[getAxis()]);
  ComponentTile metadata = values;
  int64_t unit = getUnitValues(), bits = getPositionBits();
  metadata.offsets.back() =
      apply(d.floorDiv(unit) * (unit * bits / 8), values.offsets.back());
  metadata.sizes.back() = apply((d * bits).ceilDiv(8), values.sizes.back());
  return SmallVector<ComponentTile>{values, metadata};
}
