//===- ContractOp.cpp - the kernel op -------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

using namespace mlir;
using namespace mlir::compress;

void ContractOp::build(OpBuilder &b, OperationState &state, TypeRange results,
                       Value lhs, ValueRange components, Value init,
                       CompressedTensorType weight, AffineMap weightMap,
                       ComputeMode compute, bool overwrite, AffineMap window,
                       bool border) {
  build(b, state, results, lhs, components, init, /*others=*/{},
        TypeAttr::get(weight), AffineMapAttr::get(weightMap),
        window ? AffineMapAttr::get(window) : AffineMapAttr(),
        border ? b.getUnitAttr() : UnitAttr(), /*other_maps=*/ArrayAttr(),
        overwrite ? b.getUnitAttr() : UnitAttr(),
        ComputeModeAttr::get(b.getContext(), compute));
}

ContractOp ContractOp::cloneWith(OpBuilder &b, TypeRange results,
                                 ValueRange operands) {
  OperationState state(getLoc(), getOperationName(), operands, results,
                       getOperation()->getAttrDictionary().getValue());
  IRMapping mapping;
  getEpilogue().cloneInto(state.addRegion(), mapping);
  return cast<ContractOp>(b.create(state));
}

/// Whether positions of a window are sums of a term of m and a term of k.
static bool isSeparable(AffineMap window, unsigned m, unsigned k) {
  std::function<bool(AffineExpr)> isTermSum = [&](AffineExpr expr) {
    if (!expr.isFunctionOfDim(m) || !expr.isFunctionOfDim(k))
      return true;
    auto sum = dyn_cast<AffineBinaryOpExpr>(expr);
    return sum && sum.getKind() == AffineExprKind::Add &&
           isTermSum(sum.getLHS()) && isTermSum(sum.getRHS());
  };
  return llvm::all_of(window.getResults(), isTermSum);
}

/// Lowest and highest value of a position that sizes are known for.
static std::optional<std::pair<int64_t, int64_t>>
getBounds(AffineExpr expr, int64_t numBatch, int64_t m, int64_t k) {
  MLIRContext *context = expr.getContext();
  Builder b(context);
  // The terms are separate: each one alone, the other being 0.
  auto getRange = [&](int64_t size, bool isM) {
    int64_t lowest = std::numeric_limits<int64_t>::max(), highest = -lowest;
    for (int64_t i = 0; i < size; ++i) {
      SmallVector<AffineExpr> values(numBatch, b.getAffineConstantExpr(0));
      values.push_back(b.getAffineConstantExpr(isM ? i : 0));
      values.push_back(b.getAffineConstantExpr(isM ? 0 : i));
      auto value = dyn_cast<AffineConstantExpr>(expr.replaceDims(values));
      if (!value)
        return std::pair<int64_t, int64_t>{1, 0};
      lowest = std::min(lowest, value.getValue());
      highest = std::max(highest, value.getValue());
    }
    return std::pair<int64_t, int64_t>{lowest, highest};
  };
  if (ShapedType::isDynamic(m) || ShapedType::isDynamic(k) || !m || !k)
    return std::nullopt;
  auto ofM = getRange(m, true), ofK = getRange(k, false),
       ofNone = getRange(1, true);
  return std::pair<int64_t, int64_t>{ofM.first + ofK.first - ofNone.first,
                                     ofM.second + ofK.second - ofNone.first};
}

static LogicalResult verifyWindow(ContractOp op) {
  AffineMap window = *op.getWindow();
  auto lhs = cast<ShapedType>(op.getLhs().getType());
  unsigned batch = op.getNumBatch();
  bool hasBatch = window.getNumResults() >= batch;
  for (unsigned i = 0; hasBatch && i < batch; ++i)
    hasBatch = window.getResult(i) == getAffineDimExpr(i, op.getContext());
  bool isFree = llvm::all_of(
      window.getResults().drop_front(std::min(batch, window.getNumResults())),
      [&](AffineExpr expr) {
        return llvm::none_of(llvm::seq(batch), [&](unsigned dim) {
          return expr.isFunctionOfDim(dim);
        });
      });
  if (window.getNumDims() != batch + 2 || window.getNumSymbols() ||
      int64_t(window.getNumResults()) != lhs.getRank() || !hasBatch ||
      !isFree || !isSeparable(window, batch, batch + 1)) // contract_c9
    return op.emitOpError()
           << "expected window to take (b.., m, k) to the " << lhs.getRank()
           << " dimensions of lhs, b.. first, each other one a sum of a term "
              "of "
              "m and a term of k, but got "
           << AffineMapAttr::get(window);
  // There are zeros around it.
  if (op.getBorder() || op.getCompute() == ComputeMode::Xnor)
    return success();
  int64_t m = cast<ShapedType>(op.getInit().getType()).getDimSize(batch);
  for (unsigned i = batch; i < window.getNumResults(); ++i) {
    auto bounds = getBounds(window.getResult(i), batch, m, op.getReducedSize());
    if (!bounds)
      continue;
    bool isDynamic = lhs.isDynamicDim(i);
    if (bounds->first < 0 ||
        (!isDynamic && bounds->second >= lhs.getDimSize(i))) // contract_c9
      return op.emitOpError()
             << "expected window to stay in the bounds of lhs " << lhs
             << ", but dimension " << i << " is read from " << bounds->first
             << " to " << bounds->second;
  }
  return success();
}

static LogicalResult verifyEpilogue(ContractOp op) {
  Region &region = op.getEpilogue();
  auto init = cast<ShapedType>(op.getInit().getType());
  if (region.empty() && op.getOthers().empty() && !op.getOtherMaps())
    return success();
  if (region.empty() || !op.getOverwrite()) // contract_c7
    return op.emitOpError()
           << "expected operands of an epilogue to have one, and it to "
              "overwrite init";
  SmallVector<Type> arguments = {Float32Type::get(op.getContext())};
  for (Value other : op.getOthers())
    arguments.push_back(cast<ShapedType>(other.getType()).getElementType());
  auto yield = region.hasOneBlock()
                   ? dyn_cast_if_present<YieldOp>(region.front().empty()
                                                      ? nullptr
                                                      : &region.front().back())
                   : YieldOp();
  if (!yield || region.getArgumentTypes() != TypeRange(arguments) ||
      yield.getValue().getType() != init.getElementType()) // contract_c7
    return op.emitOpError()
           << "expected the epilogue to be a block of (" << arguments
           << ") that yields a " << init.getElementType();
  for (Operation &inner : region.front().without_terminator())
    if (!inner.hasTrait<OpTrait::ConstantLike>() &&
        !OpTrait::hasElementwiseMappableTraits(&inner)) // contract_c7
      return inner.emitOpError()
             << "is not elementwise, as ops of an epilogue must be";
  size_t numMaps = op.getOtherMaps() ? op.getOtherMaps()->size() : 0;
  if (numMaps != op.getOthers().size()) // contract_c8
    return op.emitOpError()
           << "expected " << op.getOthers().size()
           << " maps of operands of the epilogue, but got " << numMaps;
  for (auto [i, other] : llvm::enumerate(op.getOthers())) {
    AffineMap map = op.getOtherMap(i);
    auto type = cast<ShapedType>(other.getType());
    bool isLegal = map.getNumDims() == unsigned(init.getRank()) &&
                   !map.getNumSymbols() && map.isProjectedPermutation() &&
                   int64_t(map.getNumResults()) == type.getRank();
    for (unsigned j = 0; isLegal && j < map.getNumResults(); ++j) {
      unsigned dim = map.getDimPosition(j);
      isLegal = (dim != op.getDimN() || j + 1 == map.getNumResults()) &&
                (init.isDynamicDim(dim) || type.isDynamicDim(j) ||
                 init.getDimSize(dim) == type.getDimSize(j));
    }
    if (!isLegal) // contract_c8
      return op.emitOpError()
             << "expected operand " << i << " of the epilogue, " << type
             << ", to be read by a projected permutation of the dimensions of "
                "init "
             << init << ", n last, but got " << AffineMapAttr::get(map);
  }
  return success();
}

LogicalResult ContractOp::verify() {
  if (!llvm::all_of(getOperandTypes(), llvm::IsaPred<RankedTensorType>) &&
      !llvm::all_of(getOperandTypes(),
                    llvm::IsaPred<MemRefType>)) // contract_c6
    return emitOpError()
           << "expected operands to be ranked tensors, or ranked buffers";
  CompressedTensorType weight = getWeightType();
  SmallVector<StorageComponent> storage = weight.getStorage();
  if (storage.size() != getComponents().size()) // contract_c1
    return emitOpError() << "expected " << storage.size()
                         << " components, but got " << getComponents().size();
  for (auto [part, value] : llvm::zip_equal(storage, getComponents())) {
    auto expected = dyn_cast<RankedTensorType>(part.type);
    auto actual = cast<ShapedType>(value.getType());
    if (!expected || expected.getElementType() != actual.getElementType() ||
        failed(verifyCompatibleShape(expected, actual))) // contract_c1
      return emitOpError() << "expected component '" << part.name
                           << "' to store a " << part.type << ", but got "
                           << actual;
  }
  auto lhs = cast<ShapedType>(getLhs().getType());
  auto init = cast<ShapedType>(getInit().getType());
  bool isHalf = getCompute() != ComputeMode::F32;
  Type read = lhs.getElementType();
  bool isReadable = read.isF32() || (isHalf && (read.isBF16() || read.isF16()));
  if ((!getWindow() && lhs.getRank() != init.getRank()) || init.getRank() < 2 ||
      !isReadable || !init.getElementType().isIntOrFloat() ||
      (!init.getElementType().isF32() && getEpilogue().empty())) // contract_c2
    return emitOpError() << "expected lhs and init of f32, or of what the "
                            "kernel computes in, and of "
                            "one rank of 2 or more, but got "
                         << lhs << " and " << init;
  AffineMap map = getWeightMap();
  unsigned numDims = getNumBatch() + 3;
  if (map.getNumDims() != numDims || map.getNumSymbols() ||
      map.getNumResults() != numDims - 1 || !map.isProjectedPermutation() ||
      map.isFunctionOfDim(getDimM()) ||
      int64_t(map.getNumResults()) !=
          weight.getLogicalType().getRank()) // contract_c3
    return emitOpError() << "expected weight_map to be a permutation of all "
                         << numDims << " dimensions but m, but got "
                         << AffineMapAttr::get(map);
  SmallVector<int64_t> sizes(numDims, ShapedType::kDynamic);
  auto agree = [&](unsigned dim, int64_t size) {
    if (ShapedType::isDynamic(size))
      return true;
    if (ShapedType::isDynamic(sizes[dim]))
      sizes[dim] = size;
    return sizes[dim] == size;
  };
  bool agrees = true;
  for (int64_t i = 0, rank = init.getRank(); i < rank; ++i) {
    agrees &= agree(i, init.getDimSize(i));
    if (!getWindow() || i < getNumBatch())
      agrees &= agree(i == rank - 1 ? getDimK() : i, lhs.getDimSize(i));
  }
  for (auto [i, size] : llvm::enumerate(weight.getShape()))
    agrees &= agree(map.getDimPosition(i), size);
  if (!agrees) // contract_c4
    return emitOpError() << "expected lhs " << lhs << ", weight " << weight
                         << " and init " << init << " to agree in size";
  auto tensor = dyn_cast<RankedTensorType>(getInit().getType());
  if (tensor ? getResultTypes() != TypeRange(tensor)
             : getNumResults() != 0) // contract_c5
    return emitOpError() << "expected "
                         << (tensor ? "one result of the type of init"
                                    : "no result for buffers");
  if (getBorder() && !getWindow()) // contract_c9
    return emitOpError() << "expected a window to have a border";
  if (getWindow() && failed(verifyWindow(*this)))
    return failure();
  return verifyEpilogue(*this);
}

void ContractOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  if (hasPureTensorSemantics())
    return;
  for (OpOperand &operand : getOperation()->getOpOperands()) {
    if (!isa<BaseMemRefType>(operand.get().getType()))
      continue;
    if (!isDpsInit(&operand) || !getOverwrite())
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (isDpsInit(&operand))
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

//===----------------------------------------------------------------------===//
// TilingInterface
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> ContractOp::getLoopIteratorTypes() {
  SmallVector<utils::IteratorType> types(getNumBatch() + 2,
                                         utils::IteratorType::parallel);
  types.push_back(utils::IteratorType::reduction);
  return types;
}

/// Size of a dimension of a tensor or a buffer.
static OpFoldResult getSize(OpBuilder &b, Location loc, Value value,
                            int64_t dim) {
  if (isa<RankedTensorType>(value.getType()))
    return tensor::getMixedSize(b, loc, value, dim);
  return memref::getMixedSize(b, loc, value, dim);
}

SmallVector<Range> ContractOp::getIterationDomain(OpBuilder &b) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(*this);
  SmallVector<Range> domain;
  auto add = [&](OpFoldResult size) {
    domain.push_back({b.getIndexAttr(0), size, b.getIndexAttr(1)});
  };
  int64_t rank = getNumBatch() + 2;
  for (int64_t i = 0; i < rank; ++i)
    add(getSize(b, getLoc(), getInit(), i));
  add(getWindow() ? OpFoldResult(b.getIndexAttr(getReducedSize()))
                  : getSize(b, getLoc(), getLhs(), rank - 1));
  return domain;
}

FailureOr<TilingResult>
ContractOp::getTiledImplementation(OpBuilder &b, ArrayRef<OpFoldResult> offsets,
                                   ArrayRef<OpFoldResult> sizes) {
  if (!hasPureTensorSemantics())
    return failure();
  Location loc = getLoc();
  SmallVector<OpFoldResult> weightOffsets, weightSizes;
  for (unsigned i = 0; i < getWeightMap().getNumResults(); ++i) {
    unsigned dim = getWeightMap().getDimPosition(i);
    weightOffsets.push_back(offsets[dim]);
    weightSizes.push_back(sizes[dim]);
  }
  // What is emitted is emitted for tiles that are not refused.
  auto isWhole = [&](unsigned dim, Value value, unsigned at) {
    int64_t size = cast<ShapedType>(value.getType()).getDimSize(at);
    return isZeroInteger(offsets[dim]) && !ShapedType::isDynamic(size) &&
           isConstantIntValue(sizes[dim], size);
  };
  if (getWindow())
    for (unsigned dim = 0; dim < getDimN(); ++dim)
      if (!isWhole(dim, getInit(), dim))
        return emitOpError() << "expected a tile of all windows";
  if (getOverwrite() &&
      (!isZeroInteger(offsets[getDimK()]) ||
       !isConstantIntValue(sizes[getDimK()], getReducedSize())))
    return emitOpError() << "expected a tile of whole sums";
  FailureOr<CompressedTile> weight = sliceComponents(
      b, loc, getWeightType(), getComponents(), weightOffsets, weightSizes);
  if (failed(weight))
    return emitOpError() << "expected a tile that splits no stored unit";
  SmallVector<Operation *> slices;
  auto slice = [&](Value value, AffineMap map) -> Value {
    SmallVector<OpFoldResult> o, s;
    for (AffineExpr expr : map.getResults()) {
      unsigned dim = cast<AffineDimExpr>(expr).getPosition();
      o.push_back(offsets[dim]);
      s.push_back(sizes[dim]);
    }
    SmallVector<OpFoldResult> strides(o.size(), b.getIndexAttr(1));
    Value tile = tensor::ExtractSliceOp::create(b, loc, value, o, s, strides);
    slices.push_back(tile.getDefiningOp());
    return tile;
  };
  unsigned rank = getNumBatch() + 2;
  AffineMap initMap = AffineMap::getMultiDimIdentityMap(rank, getContext());
  AffineMap lhsMap = initMap.dropResult(rank - 1).insertResult(
      b.getAffineDimExpr(getDimK()), rank - 1);
  SmallVector<Value> operands = {getWindow() ? getLhs()
                                             : slice(getLhs(), lhsMap)};
  llvm::append_range(operands, weight->components);
  Value init = slice(getInit(), initMap);
  operands.push_back(init);
  for (auto [i, other] : llvm::enumerate(getOthers()))
    operands.push_back(slice(other, getOtherMap(i)));
  ContractOp tiled = cloneWith(b, init.getType(), operands);
  tiled.setWeightAttr(TypeAttr::get(weight->type));
  return TilingResult{{tiled}, SmallVector<Value>(tiled->getResults()), slices};
}

LogicalResult ContractOp::getResultTilePosition(
    OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.assign(offsets.begin(), offsets.end() - 1);
  resultSizes.assign(sizes.begin(), sizes.end() - 1);
  return success();
}

FailureOr<TilingResult>
ContractOp::generateResultTileValue(OpBuilder &b, unsigned,
                                    ArrayRef<OpFoldResult> offsets,
                                    ArrayRef<OpFoldResult> sizes) {
  // All of k.
  SmallVector<OpFoldResult> allOffsets(offsets), allSizes(sizes);
  allOffsets.push_back(b.getIndexAttr(0));
  allSizes.push_back(b.getIndexAttr(getReducedSize()));
  return getTiledImplementation(b, allOffsets, allSizes);
}
