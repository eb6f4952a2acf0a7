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
#include "mlir/Dialect/Utils/IndexingUtils.h"
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
  SmallVector<int64_t> positions;
  if (parser.parseLess() || parser.parseInteger(kept) || parser.parseColon() ||
      parser.parseInteger(group) || parser.parseComma() ||
      parser.parseKeyword("axis") || parser.parseEqual() ||
      parser.parseInteger(axis))
    return {};
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseKeyword("positions") || parser.parseEqual() ||
       parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, [&] {
         return parser.parseInteger(positions.emplace_back());
       })))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<NmAttr>(loc, parser.getContext(), kept, group, axis,
                                   ArrayRef<int64_t>(positions));
}

void NmAttr::print(AsmPrinter &printer) const {
  printer << "<" << getKept() << ":" << getGroup() << ", axis = " << getAxis();
  if (!getPositions().empty()) {
    printer << ", positions = [";
    llvm::interleaveComma(getPositions(), printer);
    printer << "]";
  }
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult NmAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                             int64_t kept, int64_t group, int64_t axis,
                             ArrayRef<int64_t> positions) {
  if (kept < 1 || kept >= group || group > 16) // nm_c1
    return emitError() << "expected N:M with 1 <= N < M <= 16, but got " << kept
                       << ":" << group;
  if (axis < 0) // nm_c2
    return emitError() << "expected an axis of 0 or more, but got " << axis;
  SmallVector<int64_t> sorted(positions);
  llvm::sort(sorted);
  bool isRange = positions.empty() ||
                 (sorted.front() >= 0 &&
                  llvm::equal(sorted, llvm::seq(sorted.front(),
                                                sorted.front() +
                                                    int64_t(sorted.size()))) &&
                  llvm::is_contained(positions, axis));
  if (!isRange) { // nm_c9
    auto diag = emitError() << "expected positions to be different dimensions "
                               "that follow each other, with "
                            << axis << " among them, but got [";
    llvm::interleaveComma(positions, diag);
    return diag << "]";
  }
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
  if (getPositions().empty())
    return success();
  int64_t last = *llvm::max_element(getPositions());
  if (last != logical.getRank() - 1) // nm_c10
    return emitError() << "expected positions up to dimension "
                       << logical.getRank() - 1 << ", but got up to " << last;
  for (int64_t dim : getPositions())
    if (logical.isDynamicDim(dim)) // nm_c10
      return emitError() << "expected a static dimension " << dim
                         << " in positions, but got " << logical;
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

NmAttr NmAttr::getPaired() const {
  if (getKept() != 1 || (getGroup() != 2 && getGroup() != 4))
    return nullptr;
  return get(getContext(), 2, 4, getAxis());
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
  if (!getPositions().empty()) {
    size_t first = getFirstPacked(logical);
    packed[first] = computeProduct(ArrayRef(shape).drop_front(first));
    packed.resize(first + 1);
  }
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

/// Positions that are packed in an order of their own, in that of the values.
static Value orderPositions(OpBuilder &b, Location loc, Value packed,
                            const NmAttr &codec, RankedTensorType values) {
  int64_t rank = values.getRank(), first = rank - codec.getPositions().size();
  SmallVector<int64_t> shape(values.getShape().take_front(first)), back;
  SmallVector<ReassociationIndices> groups(first + 1);
  for (int64_t dim = 0; dim < first; ++dim) {
    groups[dim].push_back(dim);
    back.push_back(dim);
  }
  for (int64_t dim : codec.getPositions()) {
    groups[first].push_back(shape.size());
    shape.push_back(values.getDimSize(dim));
  }
  for (int64_t dim = first; dim < rank; ++dim)
    back.push_back(first + (llvm::find(codec.getPositions(), dim) -
                            codec.getPositions().begin()));
  Type i8 = b.getI8Type();
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, packed);
  sizes.truncate(first);
  for (int64_t dim : codec.getPositions())
    sizes.push_back(b.getIndexAttr(values.getDimSize(dim)));
  Value expanded = tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get(shape, i8), packed, groups, sizes);
  SmallVector<OpFoldResult> ordered;
  for (int64_t dim : back)
    ordered.push_back(sizes[dim]);
  // Each is exclusive-or its number in the group.
  Value empty = tensor::EmptyOp::create(b, loc, ordered, i8);
  AffineMap map = AffineMap::getMultiDimIdentityMap(rank, b.getContext());
  SmallVector<unsigned> inverse(rank);
  for (auto [to, from] : llvm::enumerate(back))
    inverse[from] = to;
  AffineMap source = AffineMap::getPermutationMap(inverse, b.getContext());
  SmallVector<utils::IteratorType> iterators(rank,
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, empty.getType(), expanded, empty,
             ArrayRef<AffineMap>{source, map}, iterators,
             [&](OpBuilder &b, Location loc, ValueRange args) {
               Value index = linalg::IndexOp::create(b, loc, codec.getAxis());
               Value number = arith::RemUIOp::create(
                   b, loc, index,
                   arith::ConstantIndexOp::create(b, loc, codec.getKept()));
               linalg::YieldOp::create(
                   b, loc,
                   arith::XOrIOp::create(
                       b, loc, args[0],
                       arith::IndexCastOp::create(b, loc, i8, number))
                       .getResult());
             })
      .getResult(0);
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
  auto valuesType = cast<RankedTensorType>(values.getType());
  int64_t firstPacked =
      getPositions().empty() ? rank - 1 : getFirstPacked(logical);
  Value positions =
      takeOfRow(b, loc, unpackPositions(b, loc, metadata, getPacking(*this)),
                computeProduct(valuesType.getShape().drop_front(firstPacked)));
  if (!getPositions().empty())
    positions = orderPositions(b, loc, positions, *this, valuesType);

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
  for (int64_t dim : getPositions())
    granularity[dim].unit = std::max<int64_t>(logical.getDimSize(dim), 1);
  return granularity;
}

SmallVector<ComponentRatio>
NmAttr::getComponentRatios(RankedTensorType logical, unsigned component) const {
  SmallVector<ComponentRatio> ratios(logical.getRank());
  ratios[getAxis()] = {getGroup(), getKept()};
  if (component == 1 && !getPositions().empty()) {
    ratios.resize(getFirstPacked(logical));
  } else if (component == 1) {
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
  if (!getPositions().empty()) {
    // Whole rows.
    int64_t first = getFirstPacked(logical);
    int64_t bytes =
        cast<RankedTensorType>(getStorage(logical)[1].type).getShape().back();
    metadata.offsets.resize(first + 1);
    metadata.sizes.resize(first + 1);
    metadata.offsets.back() = b.getIndexAttr(0);
    metadata.sizes.back() = b.getIndexAttr(bytes);
    return SmallVector<ComponentTile>{values, metadata};
  }
  int64_t unit = getUnitValues(), bits = getPositionBits();
  metadata.offsets.back() =
      apply(d.floorDiv(unit) * (unit * bits / 8), values.offsets.back());
  metadata.sizes.back() = apply((d * bits).ceilDiv(8), values.sizes.back());
  return SmallVector<ComponentTile>{values, metadata};
}
