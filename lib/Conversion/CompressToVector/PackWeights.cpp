//===- PackWeights.cpp - compress-pack-weights ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../Dialect/Compress/Codecs/ContractionAlgebra.h"
#include "Contraction.h"
#include "CostModel.h"
#include "compress/Conversion/CompressToGPU/FragmentDecoder.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSPACKWEIGHTS
#include "compress/Conversion/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {
/// A constant with all ops that load or assemble it: tied weights are packed
/// once.
struct PackedWeight {
  CompressedTensorType type;
  SmallVector<ElementsAttr> components;
  /// AssembleOps, or loads of a weight that is not compressed.
  SmallVector<Operation *> sources;
  std::optional<algorithms::TileLayout> layout;
  /// Where that is the layout of a matrix.
  std::optional<MatrixDims> matrix;
  std::string reason; // why it is laid out so, or stays as it is
  std::string name;   // of one that is not compressed
  // Whether all activations are 1 or -1, and some of them have a border of 0.
  bool isTimesSigns = true, isPadded = false;

  bool isDense() const { return !isa<AssembleOp>(sources.front()); }
};

struct PackWeightsPass
    : compress::impl::CompressPackWeightsBase<PackWeightsPass> {
  using Base::Base;
  void runOnOperation() override;

private:
  void collect();
  void collectDense();
  /// Says why a constant stays as it is: an error where a mode was asked for
  /// that its users cannot compute in then.
  void leave(AssembleOp op, StringRef reason);
  void choose(PackedWeight &weight);
  void chooseForGpu(PackedWeight &weight, const MatrixDims &dims,
                    bool isConvolution);
  std::optional<ComputeMode> getRequiredMode() const;
  SmallVector<ComputeMode> getModes(const PackedWeight &weight);
  void pack(PackedWeight &weight);
  void updateRecord(AssembleOp record, Value old, AssembleOp packed);
  void eraseConstant(Operation *op);
  void eraseAssemble(AssembleOp op);

  SymbolTableCollection *symbols = nullptr; // of one run
  llvm::MapVector<std::pair<Type, ArrayAttr>, PackedWeight> weights;
};
} // namespace

static remark::RemarkOpts getRemarkOptions() {
  return remark::RemarkOpts::name("PackWeights")
      .category("compress-pack-weights");
}

/// The constants that an op assembles, and those of codecs of components in
/// their place. False where there are others.
static bool getConstants(AssembleOp op, SymbolTableCollection &symbols,
                         SmallVectorImpl<ElementsAttr> &constants) {
  for (Value component : op.getComponents()) {
    if (auto part = component.getDefiningOp<AssembleOp>()) {
      if (!getConstants(part, symbols, constants))
        return false;
      continue;
    }
    ElementsAttr data = getConstantData(component, symbols);
    if (!data || !getRawData(data))
      return false;
    constants.push_back(data);
  }
  return true;
}

/// Whether a linalg op computes with an assembled value, decoded.
static bool isComputedWith(AssembleOp op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    return isa<DecodeOp>(user) &&
           llvm::any_of(user->getUsers(), llvm::IsaPred<linalg::LinalgOp>);
  });
}

void PackWeightsPass::leave(AssembleOp op, StringRef reason) {
  std::optional<ComputeMode> required = getRequiredMode();
  if (!required || required == ComputeMode::F32 || !isComputedWith(op) ||
      isa<TiledAttr>(op.getType().getCodec())) {
    remark::missed(op.getLoc(), getRemarkOptions())
        << remark::reason("{0}", reason);
    return;
  }
  InFlightDiagnostic diag = op.emitError();
  if (CertificateAttr certificate = findCertificate(op))
    diag << "weight '" << certificate.getWeight() << "' of type ";
  diag << op.getType() << " cannot be computed with in "
       << stringifyComputeMode(*required) << ": " << reason;
  diag.attachNote() << "compute=auto computes with such weights in f32";
  signalPassFailure();
}

/// The mode that was asked for, or nothing where it is to be chosen.
std::optional<ComputeMode> PackWeightsPass::getRequiredMode() const {
  switch (compute) {
  case ComputeRequest::F32:
    return ComputeMode::F32;
  case ComputeRequest::BF16:
    return ComputeMode::BF16;
  case ComputeRequest::F16:
    return ComputeMode::F16;
  case ComputeRequest::Int8:
    return ComputeMode::Int8;
  case ComputeRequest::F8:
    return ComputeMode::F8;
  case ComputeRequest::Xnor:
    return ComputeMode::Xnor;
  case ComputeRequest::Auto:
    return std::nullopt;
  }
  llvm_unreachable("unknown request");
}

/// Modes that kernels may compute in.
SmallVector<ComputeMode> PackWeightsPass::getModes(const PackedWeight &weight) {
  // Only what is compressed must be computed with as asked for.
  if (!weight.type.getCodec().isCompressed())
    return {ComputeMode::F32};
  if (std::optional<ComputeMode> required = getRequiredMode())
    return {*required};
  SmallVector<ComputeMode> modes;
  if (weight.isTimesSigns)
    modes.push_back(ComputeMode::Xnor);
  if (prefersIntegers(features))
    modes.push_back(ComputeMode::Int8);
  if (prefersBf16(features))
    modes.push_back(ComputeMode::BF16);
  modes.push_back(ComputeMode::F32);
  return modes;
}

/// Whether nothing reads an assembled value: it is there for its certificate,
/// what uses its parts reads them.
static bool isRecord(AssembleOp op) {
  return llvm::all_of(op->getUsers(), [](Operation *user) {
    auto whole = dyn_cast<AssembleOp>(user);
    return whole && isRecord(whole);
  });
}

/// Whether an assembled value is there as a component of others only.
static bool isPart(AssembleOp op) {
  return !op->use_empty() && llvm::all_of(op->getUsers(), [](Operation *user) {
    auto whole = dyn_cast<AssembleOp>(user);
    return whole && !isRecord(whole);
  });
}

void PackWeightsPass::collect() {
  weights.clear();
  getOperation().walk([&](AssembleOp op) {
    // Parts of a weight are packed with it.
    if (isPart(op))
      return;
    if (isRecord(op)) // and may be replaced when its parts are packed
      return leave(op, "nothing uses it");
    SmallVector<ElementsAttr> constants;
    if (!getConstants(op, *symbols, constants))
      return leave(op, "its components are not all constants with data");
    SmallVector<Attribute> key(constants.begin(), constants.end());
    PackedWeight &weight =
        weights[{op.getType(), ArrayAttr::get(&getContext(), key)}];
    weight.type = op.getType();
    weight.components = constants;
    weight.sources.push_back(op);
  });
  collectDense();
}

/// Weights that are not compressed, and factors of those that are: what a
/// linalg contraction or convolution multiplies with.
void PackWeightsPass::collectDense() {
  for (Weight &source : collectWeights(getOperation())) {
    bool isMultiplied = source.kind == ConsumerKind::Contraction ||
                        source.kind == ConsumerKind::Convolution;
    if (source.loads.empty() || !isMultiplied || !getRawData(source.data) ||
        !getFloatKind(source.type.getElementType()))
      continue;
    if (source.global && source.global.getIsMutable())
      continue;
    auto type =
        CompressedTensorType::get(source.type, DenseAttr::get(&getContext()));
    PackedWeight &weight =
        weights[{type, ArrayAttr::get(&getContext(), Attribute(source.data))}];
    weight.type = type;
    weight.components = {source.data};
    weight.sources.append(source.loads);
    weight.name = source.name;
  }
}

/// Whether a record can say how a packed part of it is stored.
static bool canUpdate(AssembleOp record, OpOperand &part,
                      CodecAttrInterface codec) {
  CompressedTensorType type = record.getType();
  CodecAttrInterface updated = type.getCodec().withComponentCodec(
      type.getLogicalType(), part.getOperandNumber(), codec);
  return updated && llvm::all_of(record->getUses(), [&](OpOperand &use) {
           return canUpdate(cast<AssembleOp>(use.getOwner()), use, updated);
         });
}

/// Whether tiles more than double what is stored, unless that is little.
static bool isMostlyPadding(RankedTensorType logical,
                            const algorithms::TileLayout &layout) {
  constexpr int64_t kSmall = 4096;
  int64_t padded = 1;
  for (int64_t size : layout.getShape(logical.getShape()))
    padded *= size;
  return padded > kSmall && padded / 2 > logical.getNumElements();
}

/// Whether fragments of a group's few outputs would be mostly padding, so that
/// multiplying without Tensor Cores reads and computes less.
static bool isTooSmallForFragments(RankedTensorType matrix,
                                   const algorithms::TileLayout &layout,
                                   const MatrixDims &dims) {
  constexpr int64_t kMostPadding = 8;
  int64_t padded = 1;
  for (int64_t size : layout.getShape(matrix.getShape()))
    padded *= size;
  return !dims.batch.empty() &&
         matrix.getDimSize(dims.getLaneDim()) < kFewOutputs &&
         padded / kMostPadding > matrix.getNumElements();
}

/// Why a weight is of no use for a GPU: its codec misses something.
static std::string describeForGpu(const PackedWeight &weight, StringRef what) {
  std::string reason;
  llvm::raw_string_ostream os(reason);
  if (weight.isDense())
    os << "values of type " << weight.type.getLogicalType().getElementType()
       << " have";
  else
    os << "its codec " << weight.type.getCodec() << " has";
  os << " no " << what << " for GPUs";
  if (!weight.isDense())
    os << "; that of the preset int4-b128 has one";
  return reason;
}

static void explainDecodes(const PackedWeight &weight) {
  auto reason = StringAttr::get(weight.type.getContext(), weight.reason);
  for (Operation *source : weight.sources)
    for (Operation *user : source->getUsers())
      if (isa<DecodeOp>(user))
        user->setAttr(CompressDialect::kDenseReasonAttr, reason);
}

/// The order of fragments, of the weight or, of a convolution, of its matrix.
void PackWeightsPass::chooseForGpu(PackedWeight &weight, const MatrixDims &dims,
                                   bool isConvolution) {
  RankedTensorType logical = weight.type.getLogicalType();
  CodecAttrInterface codec = weight.type.getCodec();
  unsigned row = dims.row, column = dims.columns.back();
  if (isConvolution) {
    codec = codec.getMatrixCodec(logical, dims.getRows(), dims.columns);
    if (!codec) {
      weight.reason = "its blocks are none of the matrix of its convolution";
      return;
    }
    weight.matrix = dims;
    logical = getMatrixType(logical, dims.getRows(), dims.columns);
    row = dims.getLaneDim();
    column = dims.getStepDim();
  }
  auto fragments = dyn_cast<FragmentDecoderInterface>(codec);
  if (fragments)
    weight.layout = getFragmentLayout(fragments, logical, row, column);
  if (weight.layout && isConvolution &&
      isTooSmallForFragments(logical, *weight.layout, dims)) {
    weight.layout = std::nullopt;
    weight.reason = "tiles would be mostly padding of its groups";
    return;
  }
  if (weight.layout)
    return;
  if (fragments)
    weight.reason =
        fragments.explainNoCodes(logical, column, /*values=*/Attribute());
  if (weight.reason.empty())
    weight.reason = describeForGpu(weight, "layout");
}

/// Finds the layout that suits every use of a weight.
void PackWeightsPass::choose(PackedWeight &weight) {
  if (weight.type.getLogicalType().getNumElements() == 0) {
    weight.reason = "it is empty";
    return;
  }
  auto decoder = dyn_cast<TileDecoderInterface>(weight.type.getCodec());
  auto fragments = dyn_cast<FragmentDecoderInterface>(weight.type.getCodec());
  if (gpu ? !fragments : !decoder) {
    weight.reason = gpu ? describeForGpu(weight, "decoder")
                        : "its codec has no tile decoder";
    return;
  }
  std::optional<MatrixDims> dims;
  ContractionWork work;
  bool isConvolution = false;
  auto addUse = [&](OpOperand &use) {
    FailureOr<Contraction> contraction = matchContraction(use, weight.reason);
    if (failed(contraction))
      return false;
    if (!gpu && contraction->hasUnknownSizes()) {
      weight.reason = kUnknownSizes;
      return false;
    }
    MatrixDims wanted = contraction->getMatrixDims();
    if (dims && !(*dims == wanted))
      weight.reason = "its users reduce different dimensions";
    dims = wanted;
    isConvolution = contraction->isConvolution();
    work += getWork(*contraction);
    std::optional<SignImage> signs = matchSigns(*contraction);
    weight.isTimesSigns &= signs.has_value();
    weight.isPadded |= signs && signs->isPadded();
    return weight.reason.empty();
  };
  for (Operation *source : weight.sources)
    for (OpOperand &sourceUse : source->getUses()) {
      Operation *user = sourceUse.getOwner();
      auto record = dyn_cast<AssembleOp>(user);
      if (record && isRecord(record) &&
          canUpdate(record, sourceUse, weight.type.getCodec()))
        continue;
      if (weight.isDense()) {
        if (!addUse(sourceUse))
          return;
        continue;
      }
      auto decode = dyn_cast<DecodeOp>(user);
      if (!decode) {
        weight.reason =
            "it is used by '" + user->getName().getStringRef().str() + "'";
        return;
      }
      for (OpOperand &use : decode->getUses())
        if (!addUse(use))
          return;
    }
  if (!dims) {
    weight.reason = "nothing uses it";
    return;
  }
  RankedTensorType logical = weight.type.getLogicalType();
  if (gpu)
    return chooseForGpu(weight, *dims, isConvolution);
  std::optional<double> least;
  std::string estimates;
  for (ComputeMode mode : getModes(weight)) {
    if (mode == ComputeMode::Xnor && !weight.isTimesSigns) {
      weight.reason = kNoSigns;
      return;
    }
    auto layout = isConvolution
                      ? getLayoutOfMatrix(weight.type, *dims, mode)
                      : decoder.getKernelLayout(logical, dims->row,
                                                dims->columns.back(), mode);
    if (!layout)
      continue;
    // Kernels take what a border adds off whole sums.
    if (mode == ComputeMode::Xnor && weight.isPadded && layout->record)
      continue;
    if (weight.isDense() && isMostlyPadding(logical, *layout)) {
      weight.reason = "it would be mostly padding";
      return;
    }
    double cycles = estimateCycles(mode, work, features);
    llvm::raw_string_ostream(estimates)
        << (least ? ", " : "") << stringifyComputeMode(mode) << " "
        << llvm::format("%.3g", cycles);
    if (least && *least <= cycles)
      continue;
    least = cycles;
    weight.layout = layout;
    weight.reason = "computes in " + stringifyComputeMode(mode).str();
  }
  if (!least)
    weight.reason = "its codec has no layout for the kernel";
  else
    weight.reason += "; estimated cycles: " + estimates;
}

/// Erases a constant, and the global behind it, when nothing uses them.
void PackWeightsPass::eraseConstant(Operation *op) {
  if (!op->use_empty())
    return;
  auto load = dyn_cast<ml_program::GlobalLoadConstOp>(op);
  auto global = load ? symbols->lookupNearestSymbolFrom<ml_program::GlobalOp>(
                           op, load.getGlobalAttr())
                     : ml_program::GlobalOp();
  op->erase();
  if (global && global.isPrivate() &&
      SymbolTable::symbolKnownUseEmpty(global, getOperation())) {
    symbols->invalidateSymbolTable(getOperation());
    global.erase();
  }
}

/// The certificate of a value that is stored in another way now.
static void copyCertificate(AssembleOp from, AssembleOp to) {
  auto certificate =
      from->getAttrOfType<CertificateAttr>(CompressDialect::kCertificateAttr);
  if (certificate)
    to->setAttr(
        CompressDialect::kCertificateAttr,
        CertificateAttr::get(
            to.getContext(), certificate.getWeight(),
            certificate.getAlgorithm(), certificate.getSource(),
            getStoredBits(to.getResult()).value_or(certificate.getBits()),
            certificate.getMaxError(), certificate.getRelativeError(),
            certificate.getSqnr()));
}

/// Makes a record, and those that it is a part of, say that a part is packed.
void PackWeightsPass::updateRecord(AssembleOp record, Value old,
                                   AssembleOp packed) {
  RankedTensorType logical = record.getType().getLogicalType();
  CodecAttrInterface codec = record.getType().getCodec();
  SmallVector<Value> parts(record.getComponents());
  for (auto [i, part] : llvm::enumerate(parts)) {
    if (part != old)
      continue;
    codec = codec.withComponentCodec(logical, i, packed.getType().getCodec());
    part = packed;
  }
  OpBuilder b(record);
  auto updated = AssembleOp::create(
      b, record.getLoc(), CompressedTensorType::get(logical, codec), parts);
  copyCertificate(record, updated);
  SetVector<Operation *> wholes(record->user_begin(), record->user_end());
  for (Operation *whole : wholes)
    updateRecord(cast<AssembleOp>(whole), record, updated);
  record.erase();
}

void PackWeightsPass::pack(PackedWeight &weight) {
  RankedTensorType logical = weight.type.getLogicalType();
  CodecAttrInterface base = weight.type.getCodec();
  SmallVector<ArrayRef<char>> leaves;
  for (ElementsAttr data : weight.components)
    leaves.push_back(*getRawData(data));
  std::vector<EncodedComponent> moved;
  SmallVector<unsigned> rows;
  if (const auto &matrix = weight.matrix) {
    rows = matrix->getRows();
    moved = base.moveToMatrix(logical, rows, matrix->columns, leaves);
    SmallVector<const EncodedComponent *> parts;
    collectEncodedLeaves(moved, parts);
    for (auto [leaf, part] : llvm::zip_equal(leaves, parts))
      leaf = part->data.getData();
    base = base.getMatrixCodec(logical, rows, matrix->columns);
    logical = getMatrixType(logical, rows, matrix->columns);
  }
  auto codec = TiledAttr::get(base, *weight.layout);
  std::vector<EncodedComponent> parts = codec.pack(logical, leaves);
  auto type = CompressedTensorType::get(logical, codec);
  if (weight.matrix)
    type = CompressedTensorType::get(
        weight.type.getLogicalType(),
        MatrixAttr::get(codec, rows, weight.matrix->columns));

  // The old data go before the new ones get their names.
  SmallVector<StringRef> keys;
  for (ElementsAttr data : weight.components)
    if (auto resource = dyn_cast<DenseResourceElementsAttr>(data))
      keys.push_back(resource.getRawHandle().getKey());
    else
      keys.push_back("weight");
  // A stream has the name of the first component that is in it.
  if (auto records = codec.getRecords(logical)) {
    SmallVector<StringRef> own = {keys.front()};
    for (auto [key, part] : llvm::zip_equal(keys, records->parts))
      if (!part)
        own.push_back(key);
    keys = own;
  }
  // Tiles may have offsets that the weight had not.
  keys.resize(parts.size(), "weight");
  SmallVector<ElementsAttr> constants;
  for (auto [part, key] : llvm::zip_equal(parts, keys))
    constants.push_back(DenseResourceElementsAttr::get(
        cast<ShapedType>(part.type), (key + ".tiled").str(),
        std::move(part.data)));

  for (Operation *op : weight.sources) {
    OpBuilder b(op);
    SmallVector<Value> values;
    for (ElementsAttr constant : constants)
      values.push_back(arith::ConstantOp::create(b, op->getLoc(), constant));
    auto packed = AssembleOp::create(b, op->getLoc(), type, values);
    auto assemble = dyn_cast<AssembleOp>(op);
    if (assemble)
      copyCertificate(assemble, packed);
    bool isPart = false;
    SetVector<Operation *> users(op->user_begin(), op->user_end());
    for (Operation *user : users) {
      if (auto record = dyn_cast<AssembleOp>(user)) {
        updateRecord(record, op->getResult(0), packed);
        isPart = true;
        continue;
      }
      b.setInsertionPoint(user);
      Value decoded = DecodeOp::create(b, user->getLoc(), packed);
      if (!assemble) {
        user->replaceUsesOfWith(op->getResult(0), decoded);
        continue;
      }
      user->replaceAllUsesWith(ValueRange(decoded));
      user->erase();
    }
    if (!assemble) {
      // A part of a compressed weight is described with that.
      if (!isPart)
        packed->setAttr(CompressDialect::kWeightAttr,
                        b.getStringAttr(weight.name));
      eraseConstant(op);
      continue;
    }
    eraseAssemble(assemble);
  }
}

/// Erases an op that nothing uses, and what it assembles as far as that is true
/// of it then.
void PackWeightsPass::eraseAssemble(AssembleOp op) {
  llvm::SmallSetVector<Operation *, 4> parts; // two may be one constant
  for (Value component : op.getComponents())
    parts.insert(component.getDefiningOp());
  op.erase();
  for (Operation *part : parts) {
    auto assemble = dyn_cast<AssembleOp>(part);
    if (!assemble)
      eraseConstant(part);
    else if (assemble->use_empty())
      eraseAssemble(assemble);
  }
}

void PackWeightsPass::runOnOperation() {
  SymbolTableCollection collection;
  symbols = &collection;
  collect();
  auto options = getRemarkOptions();
  for (auto &[key, weight] : weights) {
    Location loc = weight.sources.front()->getLoc();
    choose(weight);
    if (!weight.layout) {
      if (auto assemble = dyn_cast<AssembleOp>(weight.sources.front())) {
        leave(assemble, weight.reason);
        // For compress-check-fused: on a GPU all of it would be decoded.
        if (gpu)
          explainDecodes(weight);
      } else {
        remark::missed(loc, options) << remark::reason("{0}", weight.reason);
      }
      continue;
    }
    pack(weight);
    remark::passed(loc, options)
        << "packed for a kernel" << remark::reason("{0}", weight.reason);
  }
  // What was packed is held by nothing now; the context would keep it.
  llvm::StringSet<> used;
  getOperation().walk([&](Operation *op) {
    AttrTypeWalker walker;
    walker.addWalk([&](DenseResourceElementsAttr attr) {
      used.insert(attr.getRawHandle().getKey());
    });
    walker.walk(op->getAttrDictionary());
  });
  auto &manager =
      DenseResourceElementsHandle::getManagerInterface(&getContext());
  for (auto &[key, weight] : weights)
    for (ElementsAttr data : weight.components)
      if (auto resource = dyn_cast<DenseResourceElementsAttr>(data))
        if (!used.contains(resource.getRawHandle().getKey()))
          manager.update(resource.getRawHandle().getKey(), AsmResourceBlob());
}
