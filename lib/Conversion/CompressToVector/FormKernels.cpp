//===- FormKernels.cpp - compress-form-kernels ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contraction.h"
#include "compress/Conversion/CompressToGPU/FragmentDecoder.h"
#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSFORMKERNELS
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
/// Brings the operands of a contraction into the order of compress.contract.
class KernelFormer {
public:
  /// Ops are at `loc`.
  KernelFormer(OpBuilder &builder, Location loc, const Contraction &contraction,
               CompressedTensorType fragments)
      : b(loc, builder), contraction(contraction), lhs(contraction.lhs->get()),
        fragments(fragments) {}

  /// Replaces the op.
  void form(DecodeOp decode, ComputeMode compute);

private:
  /// What compress.contract reads.
  struct Operands {
    Value lhs;
    SmallVector<Value> components;
    CompressedTensorType weight;
    AffineMap weightMap, window;
    bool hasBorder = false;
  };
  Operands getMatrices(DecodeOp decode);
  Operands getWindows(DecodeOp decode, ComputeMode compute);
  SmallVector<int64_t> getImageOrder(ComputeMode compute) const;
  bool needsMatrix(ComputeMode compute) const;
  Value unrollWindows(ComputeMode compute);
  SmallVector<int64_t> getPositions(OpOperand *operand, unsigned last) const;
  Value getEmpty(Value value, ArrayRef<int64_t> permutation, Type element);
  Value reshape(Value value, RankedTensorType type);
  Value transpose(Value value, ArrayRef<int64_t> permutation);
  Value cast(Value value, Type element);
  SmallVector<ReassociationIndices> getGroups() const;
  Value toMatrix(Value value);
  Value fromMatrix(Value matrix, Value shapeOf);
  bool hasOnePlace() const;
  bool isMatrix(ArrayRef<int64_t> image) const;

  ImplicitLocOpBuilder b;
  const Contraction &contraction;
  /// What the kernel reads as lhs, and what of a border is in front of it.
  Value lhs;
  SmallVector<int64_t> border;
  /// The matrix that a kernel for GPUs reads, or null; it reads lhs of any
  /// type.
  CompressedTensorType fragments;
};
} // namespace

/// Dimensions of an operand in the order batch, m, `last`.
SmallVector<int64_t> KernelFormer::getPositions(OpOperand *operand,
                                                unsigned last) const {
  SmallVector<int64_t> positions;
  for (unsigned loop : contraction.batch)
    positions.push_back(contraction.getPosition(operand, loop));
  for (unsigned loop : contraction.m)
    positions.push_back(contraction.getPosition(operand, loop));
  positions.push_back(contraction.getPosition(operand, last));
  return positions;
}

/// A tensor of the size that a transposed one has.
Value KernelFormer::getEmpty(Value value, ArrayRef<int64_t> permutation,
                             Type element) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), value);
  applyPermutationToVector(sizes, permutation);
  return tensor::EmptyOp::create(b, sizes, element);
}

/// The same bytes, of static sizes, with other dimensions.
Value KernelFormer::reshape(Value value, RankedTensorType type) {
  auto to = [&](RankedTensorType wanted) {
    auto from = ::cast<RankedTensorType>(value.getType());
    if (from == wanted)
      return;
    ReassociationIndices all = llvm::to_vector<2>(
        llvm::seq<int64_t>(0, std::max(from.getRank(), wanted.getRank())));
    SmallVector<ReassociationIndices> groups = {all};
    if (from.getRank() > wanted.getRank())
      value = tensor::CollapseShapeOp::create(b, wanted, value, groups);
    else
      value = tensor::ExpandShapeOp::create(b, wanted, value, groups);
  };
  to(RankedTensorType::get({type.getNumElements()}, type.getElementType()));
  to(type);
  return value;
}

Value KernelFormer::transpose(Value value, ArrayRef<int64_t> permutation) {
  if (isIdentityPermutation(permutation))
    return value;
  auto type = ::cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> moved(permutation);
  llvm::erase_if(moved, [&](int64_t dim) { return type.getDimSize(dim) == 1; });
  if (type.hasStaticShape() && llvm::is_sorted(moved))
    return reshape(value,
                   type.clone(applyPermutation(type.getShape(), permutation)));
  Value empty =
      getEmpty(value, permutation, getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(b, value, empty, permutation)
      ->getResult(0);
}

Value KernelFormer::cast(Value value, Type element) {
  auto type = ::cast<RankedTensorType>(value.getType());
  if (type.getElementType() == element)
    return value;
  Type wanted = type.clone(element);
  if (element.getIntOrFloatBitWidth() >
      type.getElementType().getIntOrFloatBitWidth())
    return arith::ExtFOp::create(b, wanted, value);
  return arith::TruncFOp::create(b, wanted, value);
}

/// Dimensions batch.., m.., last as groups batch.., M, last.
SmallVector<ReassociationIndices> KernelFormer::getGroups() const {
  SmallVector<ReassociationIndices> groups;
  int64_t dim = 0;
  for (size_t i = 0; i < contraction.batch.size(); ++i)
    groups.push_back({dim++});
  ReassociationIndices m;
  for (size_t i = 0; i < contraction.m.size(); ++i)
    m.push_back(dim++);
  groups.push_back(m);
  groups.push_back({dim});
  return groups;
}

Value KernelFormer::toMatrix(Value value) {
  if (contraction.m.size() > 1)
    return tensor::CollapseShapeOp::create(b, value, getGroups());
  if (contraction.m.size() == 1)
    return value;
  // A vector is a matrix of one row.
  auto type = ::cast<RankedTensorType>(value.getType());
  int64_t unit = contraction.batch.size();
  SmallVector<int64_t> shape(type.getShape());
  shape.insert(shape.begin() + unit, 1);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), value);
  sizes.insert(sizes.begin() + unit, b.getIndexAttr(1));
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < type.getRank(); ++i)
    groups.push_back(i < unit ? ReassociationIndices{i}
                              : ReassociationIndices{i, i + 1});
  return tensor::ExpandShapeOp::create(
      b, RankedTensorType::get(shape, type.getElementType()), value, groups,
      sizes);
}

Value KernelFormer::fromMatrix(Value matrix, Value shapeOf) {
  auto type = ::cast<RankedTensorType>(shapeOf.getType())
                  .clone(getElementTypeOrSelf(matrix.getType()));
  if (contraction.m.size() == 1)
    return matrix;
  if (contraction.m.size() > 1) {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(b, b.getLoc(), shapeOf);
    ArrayRef<int64_t> m =
        type.getShape().slice(contraction.batch.size(), contraction.m.size());
    if (fragments || llvm::count(m, ShapedType::kDynamic) <= 1)
      return tensor::ExpandShapeOp::create(b, type, matrix, getGroups(), sizes);
    // Expanded buffers have at most one dynamic size in a group, but for those
    // that compress-buffers-to-gpu casts.
    Value shape = tensor::FromElementsOp::create(
        b, getValueOrCreateConstantIndexOp(b, b.getLoc(), sizes));
    return tensor::ReshapeOp::create(b, type, matrix, shape);
  }
  int64_t unit = contraction.batch.size();
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < type.getRank(); ++i)
    groups.push_back(i < unit ? ReassociationIndices{i}
                              : ReassociationIndices{i, i + 1});
  return tensor::CollapseShapeOp::create(b, type, matrix, groups);
}

KernelFormer::Operands KernelFormer::getMatrices(DecodeOp decode) {
  Operands operands;
  Value ordered = transpose(lhs, getPositions(contraction.lhs, contraction.k));
  operands.lhs = toMatrix(fragments ? ordered : cast(ordered, b.getF32Type()));
  operands.weight = decode.getInput().getType();
  operands.components = getComponents(b, b.getLoc(), decode.getInput());
  // Iteration dimensions of compress.contract: batch.., m, n, k.
  SmallVector<AffineExpr> weightDims(contraction.batch.size() + 2,
                                     AffineExpr());
  unsigned dim = 0;
  for (unsigned loop : contraction.batch)
    weightDims[contraction.getPosition(contraction.weight, loop)] =
        b.getAffineDimExpr(dim++);
  weightDims[contraction.getPosition(contraction.weight, contraction.n)] =
      b.getAffineDimExpr(dim + 1);
  weightDims[contraction.getPosition(contraction.weight, contraction.k)] =
      b.getAffineDimExpr(dim + 2);
  operands.weightMap = AffineMap::get(dim + 3, 0, weightDims, b.getContext());
  return operands;
}

/// Whether windows are pixels.
bool KernelFormer::hasOnePlace() const {
  auto weight = ::cast<RankedTensorType>(contraction.weight->get().getType());
  return llvm::all_of(contraction.places, [&](unsigned loop) {
    return weight.getDimSize(
               contraction.getPosition(contraction.weight, loop)) == 1;
  });
}

/// Whether the windows of an image of that shape, channels last, are its
/// pixels, and all of them.
bool KernelFormer::isMatrix(ArrayRef<int64_t> image) const {
  linalg::LinalgOp op = contraction.op;
  OpOperand *init = op.getDpsInitOperand(0);
  auto shape = ::cast<RankedTensorType>(init->get().getType()).getShape();
  AffineMap map = op.getMatchingIndexingMap(contraction.lhs);
  if (!hasOnePlace())
    return false;
  // Pixels are read one after the other, and all of them.
  SmallVector<AffineExpr> atFirst;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    atFirst.push_back(llvm::is_contained(contraction.places, loop)
                          ? getAffineConstantExpr(0, b.getContext())
                          : getAffineDimExpr(loop, b.getContext()));
  map = map.replaceDimsAndSymbols(atFirst, {}, op.getNumLoops(), 0);
  SmallVector<AffineExpr> pixels(map.getResults());
  llvm::erase_if(pixels, [&](AffineExpr expr) {
    return llvm::any_of(
               contraction.batch,
               [&](unsigned loop) { return expr.isFunctionOfDim(loop); }) ||
           expr.isFunctionOfDim(contraction.k);
  });
  for (auto [i, loop] : llvm::enumerate(contraction.m)) {
    int64_t size = shape[contraction.getPosition(init, loop)];
    if (pixels[i] != getAffineDimExpr(loop, b.getContext()) ||
        image[contraction.batch.size() + i] != size ||
        (i > 0 && ShapedType::isDynamic(size)))
      return false;
  }
  return true;
}

/// Groups first and channels last. On CPUs kernels of signs read channels
/// wherever they are.
SmallVector<int64_t> KernelFormer::getImageOrder(ComputeMode compute) const {
  std::optional<int64_t> channels;
  if (fragments || compute != ComputeMode::Xnor)
    channels = contraction.getPosition(contraction.lhs, contraction.k);
  SmallVector<int64_t> order;
  for (unsigned loop : contraction.batch)
    order.push_back(contraction.getPosition(contraction.lhs, loop));
  int64_t rank = ::cast<RankedTensorType>(lhs.getType()).getRank();
  for (int64_t dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(order, dim) && dim != channels)
      order.push_back(dim);
  if (channels)
    order.push_back(*channels);
  return order;
}

/// Whether kernels for GPUs are given a matrix of windows: those that compute
/// with rows of lhs only, and those that divide by sizes which are not known.
bool KernelFormer::needsMatrix(ComputeMode compute) const {
  if (!fragments || !contraction.isConvolution())
    return false;
  // Of an image, groups and channels aside, the first size need not be known.
  auto image = ::cast<RankedTensorType>(contraction.lhs->get().getType());
  linalg::LinalgOp op = contraction.op;
  AffineMap map = op.getMatchingIndexingMap(contraction.lhs);
  bool isFirst = true;
  for (auto [size, expr] :
       llvm::zip_equal(image.getShape(), map.getResults())) {
    auto isLoop = [&](unsigned loop) {
      return expr == getAffineDimExpr(loop, b.getContext());
    };
    if (isLoop(contraction.k) || llvm::any_of(contraction.batch, isLoop))
      continue;
    if (!isFirst && ShapedType::isDynamic(size))
      return true;
    isFirst = false;
  }
  if (contraction.hasUnknownSizes())
    return true;
  if (compute == ComputeMode::F8)
    return true;
  if (compute != ComputeMode::Int8)
    return false;
  FragmentWeight weight(::cast<TiledAttr>(fragments.getCodec()),
                        fragments.getLogicalType());
  auto decoder = ::cast<FragmentDecoderInterface>(weight.codec.getBase());
  std::optional<MmaKind> kind = decoder.getByteKind(weight);
  if (!kind) // an error of its own
    return false;
  FragmentFormat format = decoder.getFragmentFormat(weight, *kind);
  auto type = ::cast<RankedTensorType>(contraction.weight->get().getType());
  int64_t channels = type.getDimSize(
      contraction.getPosition(contraction.weight, contraction.k));
  // Bytes of images are in the order of an mma of 16 columns.
  return format.tilesPerBlock || format.hasOffset() || channels % 16 != 0;
}

/// A matrix of all windows, in the type that kernels multiply.
Value KernelFormer::unrollWindows(ComputeMode compute) {
  linalg::LinalgOp op = contraction.op;
  OpOperand *init = op.getDpsInitOperand(0);
  auto type = ::cast<RankedTensorType>(lhs.getType());
  Type element = type.getElementType();
  if (element.isF32() && compute == ComputeMode::F16)
    element = b.getF16Type();
  if (element.isF32() && compute == ComputeMode::BF16)
    element = b.getBF16Type();
  SmallVector<AffineExpr> loops(op.getNumLoops(), b.getAffineConstantExpr(0));
  SmallVector<OpFoldResult> sizes;
  SmallVector<ReassociationIndices> groups;
  auto add = [&](ArrayRef<unsigned> of, OpOperand *operand, bool isApart) {
    SmallVector<OpFoldResult> all =
        tensor::getMixedSizes(b, b.getLoc(), operand->get());
    for (unsigned loop : of) {
      if (groups.empty() || isApart || loop == of.front())
        groups.emplace_back();
      groups.back().push_back(sizes.size());
      loops[loop] = b.getAffineDimExpr(sizes.size());
      sizes.push_back(all[contraction.getPosition(operand, loop)]);
    }
  };
  SmallVector<unsigned> reduced = contraction.places;
  reduced.push_back(contraction.k);
  add(contraction.batch, contraction.weight, /*isApart=*/true);
  add(contraction.m, init, /*isApart=*/false);
  add(reduced, contraction.weight, /*isApart=*/false);
  AffineMap image = op.getMatchingIndexingMap(contraction.lhs)
                        .replaceDimsAndSymbols(loops, {}, sizes.size(), 0);
  Value empty = tensor::EmptyOp::create(b, sizes, element);
  SmallVector<utils::IteratorType> iterators(sizes.size(),
                                             utils::IteratorType::parallel);
  Value windows =
      linalg::GenericOp::create(
          b, empty.getType(), lhs, empty,
          ArrayRef{image, b.getMultiDimIdentityMap(sizes.size())}, iterators,
          [&](OpBuilder &inner, Location loc, ValueRange args) {
            Value value = args[0];
            if (element != type.getElementType())
              value = arith::TruncFOp::create(inner, loc, element, value);
            linalg::YieldOp::create(inner, loc, value);
          })
          .getResult(0);
  return tensor::CollapseShapeOp::create(b, windows, groups);
}

/// Of a convolution: the image, and the weight as a matrix of each group.
KernelFormer::Operands KernelFormer::getWindows(DecodeOp decode,
                                                ComputeMode compute) {
  Operands operands;
  unsigned numBatch = contraction.batch.size();
  operands.weightMap =
      AffineMap::getMultiDimIdentityMap(numBatch + 3, b.getContext())
          .dropResult(numBatch);
  SmallVector<int64_t> order = getImageOrder(compute);
  if (needsMatrix(compute) &&
      !isMatrix(applyPermutation(
          ::cast<RankedTensorType>(lhs.getType()).getShape(), order))) {
    operands.lhs = unrollWindows(compute);
    operands.weight = fragments;
    operands.components = getComponents(b, b.getLoc(), decode.getInput());
    return operands;
  }
  operands.lhs = transpose(lhs, order);
  if (!fragments)
    operands.lhs = cast(operands.lhs, b.getF32Type());
  operands.weight = fragments ? fragments
                              : getWeightMatrix(decode.getInput().getType(),
                                                contraction.getMatrixDims());
  operands.components = getComponents(b, b.getLoc(), decode.getInput());
  if (!fragments)
    for (auto [component, part] :
         llvm::zip_equal(operands.components, operands.weight.getStorage()))
      component = reshape(component, ::cast<RankedTensorType>(part.type));
  AffineExpr m = b.getAffineDimExpr(numBatch),
             k = b.getAffineDimExpr(numBatch + 1);
  linalg::LinalgOp op = contraction.op;
  SmallVector<AffineExpr> loops(op.getNumLoops(), m);
  for (auto [i, loop] : llvm::enumerate(contraction.batch))
    loops[loop] = b.getAffineDimExpr(i);
  auto set = [&](ArrayRef<unsigned> of, OpOperand *operand, AffineExpr position,
                 bool leavesOutOnes) {
    auto shape = ::cast<RankedTensorType>(operand->get().getType()).getShape();
    SmallVector<unsigned> counted;
    SmallVector<int64_t> sizes;
    for (unsigned loop : of) {
      int64_t size = shape[contraction.getPosition(operand, loop)];
      loops[loop] = b.getAffineConstantExpr(0);
      if (leavesOutOnes && size == 1)
        continue;
      counted.push_back(loop);
      sizes.push_back(size);
    }
    // The first size, of which there is no stride, may not be known.
    SmallVector<int64_t> strides = computeSuffixProduct(sizes);
    for (auto [loop, index] :
         llvm::zip_equal(counted, delinearize(position, strides)))
      loops[loop] = index;
  };
  set(contraction.m, op.getDpsInitOperand(0), m,
      /*leavesOutOnes=*/bool(fragments));
  SmallVector<unsigned> reduced = contraction.places;
  reduced.push_back(contraction.k);
  // Only pixels do not depend on the place in the window: see RoundLhs.
  set(reduced, contraction.weight, k,
      /*leavesOutOnes=*/fragments && hasOnePlace());
  AffineMap image = op.getMatchingIndexingMap(contraction.lhs);
  image = image.replaceDimsAndSymbols(loops, {}, numBatch + 2, 0);
  SmallVector<AffineExpr> positions(image.getResults());
  for (auto [position, low] : llvm::zip(positions, border))
    position = position - low;
  applyPermutationToVector(positions, order);
  operands.window = AffineMap::get(numBatch + 2, 0, positions, b.getContext());
  // For GPUs remainders stay what they are, and are no differences.
  if (!fragments)
    operands.window = simplifyAffineMap(operands.window);
  // A window of one place is a row of a matrix.
  operands.hasBorder = fragments && !border.empty();
  if (fragments && !operands.hasBorder &&
      isMatrix(::cast<RankedTensorType>(operands.lhs.getType()).getShape())) {
    operands.lhs = toMatrix(operands.lhs);
    operands.window = {};
  }
  return operands;
}

/// What is in front of an image of static size that has zeros around it in some
/// dimensions, or nothing.
static std::optional<SmallVector<int64_t>> getBorder(Value image) {
  auto pad = image.getDefiningOp<tensor::PadOp>();
  if (!pad || !pad.getConstantPaddingValue() ||
      !matchPattern(pad.getConstantPaddingValue(), m_AnyZeroFloat()))
    return std::nullopt;
  RankedTensorType inside = pad.getSourceType(), whole = pad.getResultType();
  for (auto [dim, low] : llvm::enumerate(pad.getStaticLow())) {
    // Where the size is not known, windows must not reach out of it.
    bool isFree = low == 0 && pad.getStaticHigh()[dim] == 0;
    if (!isFree && (ShapedType::isDynamic(low) || inside.isDynamicDim(dim) ||
                    whole.isDynamicDim(dim)))
      return std::nullopt;
  }
  return SmallVector<int64_t>(pad.getStaticLow());
}

void KernelFormer::form(DecodeOp decode, ComputeMode compute) {
  linalg::LinalgOp op = contraction.op;
  OpOperand *init = op.getDpsInitOperand(0);
  Type element = getElementTypeOrSelf(init->get().getType());
  SmallVector<int64_t> outOrder = getPositions(init, contraction.n);
  // The kernel takes signs, and adds the border of an image, itself.
  SmallVector<Operation *, 2> replaced;
  if (compute == ComputeMode::Xnor) {
    SignImage image = *matchSigns(contraction);
    if (image.isPadded())
      replaced.push_back(lhs.getDefiningOp());
    lhs = image.inside;
    border = image.low;
    if (Value source = getSignSource(lhs)) {
      replaced.push_back(lhs.getDefiningOp());
      lhs = source;
    }
  }
  if (fragments && contraction.isConvolution() &&
      compute != ComputeMode::Xnor && !needsMatrix(compute)) {
    std::optional<SmallVector<int64_t>> low = getBorder(lhs);
    if (low) {
      replaced.push_back(lhs.getDefiningOp());
      lhs = ::cast<tensor::PadOp>(lhs.getDefiningOp()).getSource();
      border = *low;
    }
  }
  Operands operands = contraction.isConvolution() ? getWindows(decode, compute)
                                                  : getMatrices(decode);
  // A tensor of zeros need not be read, nor be made.
  Value outs = init->get();
  bool isZero = false;
  Value filled = outs;
  if (auto wide = filled.getDefiningOp<arith::ExtFOp>())
    filled = wide.getIn();
  if (auto fill = filled.getDefiningOp<linalg::FillOp>();
      fill && matchPattern(fill.value(), m_AnyZeroFloat())) {
    isZero = true;
    outs = fill.output();
  }
  Value ordered = isZero ? getEmpty(outs, outOrder, b.getF32Type())
                         : transpose(outs, outOrder);
  Value matrix = toMatrix(cast(ordered, b.getF32Type()));

  Value result =
      ContractOp::create(b, matrix.getType(), operands.lhs, operands.components,
                         matrix, operands.weight, operands.weightMap, compute,
                         isZero, operands.window, operands.hasBorder)
          ->getResult(0);
  result = cast(fromMatrix(result, ordered), element);
  result = transpose(result, invertPermutationVector(outOrder));
  op->replaceAllUsesWith(ValueRange(result));
  op->erase();
  // They would count as users of what the kernel reads.
  for (Operation *op : replaced)
    if (op->use_empty())
      op->erase();
}

namespace {
struct FormKernelsPass
    : compress::impl::CompressFormKernelsBase<FormKernelsPass> {
  using Base::Base;
  void runOnOperation() override {
    SmallVector<DecodeOp> decodes;
    getOperation()->walk([&](DecodeOp op) {
      if (op.getInput().getType().getCodec().isPacked())
        decodes.push_back(op);
    });
    auto options = remark::RemarkOpts::name("FormKernels")
                       .category("compress-form-kernels");
    for (DecodeOp decode : decodes) {
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : decode->getUses())
        uses.push_back(&use);
      for (OpOperand *use : uses) {
        std::string reason;
        FailureOr<Contraction> contraction = matchContraction(*use, reason);
        std::optional<ComputeMode> mode;
        CompressedTensorType fragments;
        if (succeeded(contraction)) {
          fragments = getFragments(decode, *contraction);
          mode = fragments ? getGpuMode(decode, fragments, *contraction)
                           : getComputeMode(decode, *contraction);
          if (!fragments && contraction->hasUnknownSizes())
            reason = kUnknownSizes;
          else if (!mode)
            reason = "its layout is that of another kernel";
          else if (*mode == ComputeMode::Xnor)
            reason = findObstacle(decode, *contraction);
        }
        if (fragments && compute == ComputeRequest::Xnor && !reason.empty()) {
          InFlightDiagnostic diag =
              use->getOwner()->emitOpError()
              << "no kernel for GPUs that computes in xnor, because " << reason;
          if (StringRef name = findWeightName(decode.getInput()); !name.empty())
            diag.attachNote() << "its weight is '" << name << "'";
          diag.report();
          return signalPassFailure();
        }
        if (!reason.empty()) {
          remark::missed(use->getOwner()->getLoc(), options)
              << remark::reason(reason.c_str());
          continue;
        }
        OpBuilder b(contraction->op);
        remark::passed(contraction->op->getLoc(), options)
            << "formed compress.contract";
        KernelFormer(b, getLoc(decode, contraction->op), *contraction,
                     fragments)
            .form(decode, *mode);
      }
      if (decode->use_empty())
        decode.erase();
    }
  }

  /// Why a kernel of signs cannot compute a contraction, or nothing.
  static std::string findObstacle(DecodeOp decode,
                                  const Contraction &contraction) {
    if (contraction.isConvolution() && !contraction.batch.empty())
      return "it is a convolution in groups";
    std::optional<SignImage> signs = matchSigns(contraction);
    if (!signs)
      return kNoSigns;
    // On GPUs the codec is that of a matrix: all have one scale there.
    if (signs->isPadded() && contraction.hasUnknownSizes())
      return "its image has dynamic sizes and a border of zeros";
    auto tiled = dyn_cast<TiledAttr>(decode.getInput().getType().getCodec());
    if (signs->isPadded() && tiled && tiled.getRecord())
      return "its sums have several scales, and its image a border of zeros";
    return "";
  }

  /// The place of an op that multiplies with a weight, with the weight's name:
  /// for messages of later passes, which see buffers only.
  static Location getLoc(DecodeOp weight, Operation *op) {
    StringRef name = findWeightName(weight.getInput());
    if (name.empty())
      return op->getLoc();
    return NameLoc::get(StringAttr::get(op->getContext(), name), op->getLoc());
  }

  /// The matrix that kernels of GPUs read, or null where it is not laid out so.
  static CompressedTensorType getFragments(DecodeOp decode,
                                           const Contraction &contraction) {
    CompressedTensorType type = decode.getInput().getType();
    MatrixDims dims = contraction.getMatrixDims();
    unsigned row = dims.row, column = dims.columns.back();
    if (contraction.isConvolution()) {
      SmallVector<unsigned> rows = dims.getRows();
      CodecAttrInterface codec =
          type.getCodec().getStoredMatrixCodec(rows, dims.columns);
      if (!codec)
        return nullptr;
      type = CompressedTensorType::get(
          getMatrixType(type.getLogicalType(), rows, dims.columns), codec);
      row = dims.getLaneDim();
      column = dims.getStepDim();
    }
    bool isRead =
        areBatchesInOrder(contraction) && isFragmentWeight(type, row, column);
    return isRead ? type : nullptr;
  }

  ComputeMode getGpuMode(DecodeOp decode, CompressedTensorType fragments,
                         const Contraction &contraction) {
    if (compute == ComputeRequest::F16)
      return ComputeMode::F16;
    if (compute == ComputeRequest::BF16)
      return ComputeMode::BF16;
    // As on CPUs, that is asked of what is compressed.
    auto codec = cast<TiledAttr>(fragments.getCodec());
    if (codec.getBase().isCompressed()) {
      if (compute == ComputeRequest::Int8)
        return ComputeMode::Int8;
      if (compute == ComputeRequest::F8)
        return ComputeMode::F8;
      if (compute == ComputeRequest::Xnor ||
          (compute == ComputeRequest::Auto &&
           findObstacle(decode, contraction).empty() &&
           hasSigns(codec, fragments.getLogicalType())))
        return ComputeMode::Xnor;
    }
    Type types[] = {getElementTypeOrSelf(contraction.lhs->get().getType()),
                    decode.getType().getElementType()};
    for (Type type : types)
      if (!type.isF32())
        return type.isF16() ? ComputeMode::F16 : ComputeMode::BF16;
    return ComputeMode::BF16;
  }

  static bool hasSigns(TiledAttr codec, RankedTensorType logical) {
    return cast<FragmentDecoderInterface>(codec.getBase())
        .hasSigns(FragmentWeight(codec, logical));
  }

  /// Batch dimensions must be in the order that the kernel loops over them.
  static bool areBatchesInOrder(const Contraction &contraction) {
    for (size_t i = 1; i < contraction.batch.size(); ++i)
      if (contraction.getPosition(contraction.weight,
                                  contraction.batch[i - 1]) >
          contraction.getPosition(contraction.weight, contraction.batch[i]))
        return false;
    return true;
  }

  /// What the kernel that reads the packed layout computes with.
  static std::optional<ComputeMode>
  getComputeMode(DecodeOp decode, const Contraction &contraction) {
    if (!areBatchesInOrder(contraction))
      return std::nullopt;
    CompressedTensorType type = decode.getInput().getType();
    if (!isa<TiledAttr>(type.getCodec()))
      return std::nullopt;
    if (contraction.isConvolution()) {
      CompressedTensorType matrix =
          getWeightMatrix(type, contraction.getMatrixDims());
      MatrixDims dims = contraction.getMatrixDims();
      return matrix
                 ? findComputeMode(matrix, dims.getLaneDim(), dims.getStepDim())
                 : std::nullopt;
    }
    return findComputeMode(
        type, contraction.getPosition(contraction.weight, contraction.n),
        contraction.getPosition(contraction.weight, contraction.k));
  }
};
} // namespace
