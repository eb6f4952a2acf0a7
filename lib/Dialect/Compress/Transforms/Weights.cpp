//===- Weights.cpp - weights of a module, and how they are used -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::compress;

StringRef mlir::compress::stringifyConsumerKind(ConsumerKind kind) {
  switch (kind) {
  case ConsumerKind::Gather:
    return "gather";
  case ConsumerKind::Convolution:
    return "convolution";
  case ConsumerKind::Contraction:
    return "contraction";
  case ConsumerKind::None:
    break;
  }
  return "none";
}

std::optional<ConsumerKind>
mlir::compress::symbolizeConsumerKind(StringRef name) {
  for (ConsumerKind kind : {ConsumerKind::Contraction,
                            ConsumerKind::Convolution, ConsumerKind::Gather})
    if (stringifyConsumerKind(kind) == name)
      return kind;
  return std::nullopt;
}

std::optional<ArrayRef<char>> mlir::compress::getRawData(ElementsAttr attr) {
  auto type = dyn_cast_or_null<RankedTensorType>(attr ? attr.getShapedType()
                                                      : ShapedType());
  if (!type || !type.getElementType().isIntOrFloat())
    return std::nullopt;
  ArrayRef<char> data;
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attr)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return std::nullopt;
    data = blob->getData();
  } else if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
    if (dense.isSplat())
      return std::nullopt;
    data = dense.getRawData();
  } else {
    return std::nullopt;
  }
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8u);
  if (int64_t(data.size()) != type.getNumElements() * bytes)
    return std::nullopt;
  return data;
}

CertificateAttr mlir::compress::findCertificate(Value compressed) {
  auto assemble = compressed.getDefiningOp<AssembleOp>();
  if (!assemble)
    return {};
  if (auto certificate = assemble->getAttrOfType<CertificateAttr>(
          CompressDialect::kCertificateAttr))
    return certificate;
  for (Operation *user : assemble->getUsers())
    if (auto whole = dyn_cast<AssembleOp>(user))
      if (CertificateAttr certificate = findCertificate(whole))
        return certificate;
  return {};
}

StringRef mlir::compress::findWeightName(Value compressed) {
  if (CertificateAttr certificate = findCertificate(compressed))
    return certificate.getWeight();
  Operation *op = compressed.getDefiningOp();
  auto name = op ? op->getAttrOfType<StringAttr>(CompressDialect::kWeightAttr)
                 : StringAttr();
  return name ? name.getValue() : StringRef();
}

ElementsAttr mlir::compress::getConstantData(Value value,
                                             SymbolTableCollection &symbols) {
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast_or_null<arith::ConstantOp>(op))
    return dyn_cast<ElementsAttr>(constant.getValue());
  auto load = dyn_cast_or_null<ml_program::GlobalLoadConstOp>(op);
  auto global = load ? symbols.lookupNearestSymbolFrom<ml_program::GlobalOp>(
                           op, load.getGlobalAttr())
                     : ml_program::GlobalOp();
  if (!global)
    return {};
  return dyn_cast_or_null<ElementsAttr>(
      global.getValue().value_or(Attribute()));
}

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

namespace {
/// Follows a weight through ops that only move or cast its elements, to the ops
/// that compute with it. `dims[i]` are the dimensions of the current value that
/// dimension i of the weight became.
class ConsumerSearch {
public:
  explicit ConsumerSearch(Weight &weight) : weight(weight) {}

  void run() {
    int64_t rank = weight.type.getRank();
    // With no consumer that tells more, blocks run along the rows.
    weight.roles.assign(rank, DimRole::Parallel);
    if (rank)
      weight.roles.back() = DimRole::Reduction;
    DimMap identity;
    for (int64_t i = 0; i < rank; ++i)
      identity.push_back({unsigned(i)});
    for (Operation *load : weight.loads)
      follow(load->getResult(0), identity);
  }

private:
  using DimMap = SmallVector<SmallVector<unsigned, 2>>;

  void follow(Value value, const DimMap &dims) {
    if (!visited.insert(value).second)
      return;
    for (OpOperand &use : value.getUses())
      followUse(use, dims);
  }

  void followUse(OpOperand &use, const DimMap &dims) {
    Operation *op = use.getOwner();
    if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      return found(ConsumerKind::Gather, {});
    if (auto gather = dyn_cast<tensor::GatherOp>(op)) {
      if (use.get() == gather.getSource())
        found(ConsumerKind::Gather, {});
      return;
    }
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
      auto groups = expand.getReassociationIndices();
      return follow(expand.getResult(), remap(dims, [&](unsigned dim) {
                      return SmallVector<unsigned, 2>(groups[dim].begin(),
                                                      groups[dim].end());
                    }));
    }
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      auto groups = collapse.getReassociationIndices();
      return follow(collapse.getResult(), remap(dims, [&](unsigned dim) {
                      SmallVector<unsigned, 2> to;
                      for (auto [i, group] : llvm::enumerate(groups))
                        if (llvm::is_contained(group, int64_t(dim)))
                          to.push_back(i);
                      return to;
                    }));
    }
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
      if (slice.getSourceType().getRank() == slice.getType().getRank())
        follow(slice.getResult(), dims);
      return;
    }
    if (isa<tensor::CastOp, arith::ExtFOp, arith::TruncFOp>(op))
      return follow(op->getResult(0), dims);
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      followLinalg(linalgOp, use, dims);
  }

  void followLinalg(linalg::LinalgOp op, OpOperand &use, const DimMap &dims) {
    if (!op.isDpsInput(&use))
      return;
    ConsumerKind kind =
        linalg::isaContractionOpInterface(op)   ? ConsumerKind::Contraction
        : linalg::isaConvolutionOpInterface(op) ? ConsumerKind::Convolution
                                                : ConsumerKind::None;
    AffineMap map = op.getMatchingIndexingMap(&use);
    if (kind != ConsumerKind::None) {
      // The image of a convolution is indexed by sums of loops; it is not a
      // weight.
      if (map.isProjectedPermutation())
        found(kind, getRoles(op, map, dims));
      return;
    }
    if (op.getNumParallelLoops() != op.getNumLoops() ||
        op.getNumDpsInits() != 1 || op->getNumResults() != 1 ||
        !onlyMovesInput(op) || !map.isProjectedPermutation())
      return;
    AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    follow(op->getResult(0), remap(dims, [&](unsigned dim) {
             SmallVector<unsigned, 2> to;
             if (auto position = out.getResultPosition(map.getResult(dim)))
               to.push_back(*position);
             return to;
           }));
  }

  /// Whether the body yields its one input, possibly cast.
  static bool onlyMovesInput(linalg::LinalgOp op) {
    if (op.getNumDpsInputs() != 1)
      return false;
    Value value = op.getBlock()->getTerminator()->getOperand(0);
    while (Operation *def = value.getDefiningOp()) {
      if (!isa<arith::ExtFOp, arith::TruncFOp>(def))
        return false;
      value = def->getOperand(0);
    }
    return value == op.getBlock()->getArgument(0);
  }

  template <typename Fn> static DimMap remap(const DimMap &dims, Fn &&fn) {
    DimMap result;
    for (ArrayRef<unsigned> from : dims) {
      auto &to = result.emplace_back();
      for (unsigned dim : from)
        llvm::append_range(to, fn(dim));
    }
    return result;
  }

  static SmallVector<DimRole> getRoles(linalg::LinalgOp op, AffineMap map,
                                       const DimMap &dims) {
    auto iterators = op.getIteratorTypesArray();
    SmallVector<unsigned, 2> window;
    if (auto convolution = linalg::inferConvolutionDims(op);
        succeeded(convolution))
      window = convolution->filterLoop;
    return llvm::map_to_vector(dims, [&](ArrayRef<unsigned> current) {
      DimRole role = DimRole::Parallel;
      for (unsigned dim : current) {
        unsigned loop = map.getDimPosition(dim);
        if (iterators[loop] != utils::IteratorType::reduction)
          continue;
        if (!llvm::is_contained(window, loop))
          return DimRole::Reduction;
        role = DimRole::Window;
      }
      return role;
    });
  }

  /// The first consumer of the most telling kind decides.
  void found(ConsumerKind kind, SmallVector<DimRole> roles) {
    if (kind <= weight.kind)
      return;
    weight.kind = kind;
    if (!roles.empty())
      weight.roles = std::move(roles);
  }

  Weight &weight;
  DenseSet<Value> visited;
};
} // namespace

//===----------------------------------------------------------------------===//
// Collection
//===----------------------------------------------------------------------===//

SmallVector<Weight> mlir::compress::collectWeights(ModuleOp module) {
  // Constants by their attribute, globals by their op: both are unique per
  // weight.
  llvm::MapVector<const void *, Weight> weights;
  module.walk([&](ml_program::GlobalOp global) {
    auto type = dyn_cast<RankedTensorType>(global.getType());
    if (!type)
      return;
    Weight &weight = weights[global.getOperation()];
    weight.name = global.getSymName().str();
    weight.type = type;
    weight.global = global;
    weight.data =
        dyn_cast_or_null<ElementsAttr>(global.getValue().value_or(Attribute()));
    weight.requested = global->getAttr(CompressDialect::kCodecAttr);
  });
  SymbolTableCollection symbols;
  DenseMap<Operation *, unsigned> ordinals;
  module.walk([&](Operation *op) {
    if (isa<ml_program::GlobalLoadOp, ml_program::GlobalLoadConstOp>(op)) {
      auto global = symbols.lookupNearestSymbolFrom<ml_program::GlobalOp>(
          op, op->getAttrOfType<SymbolRefAttr>("global"));
      auto it = weights.find(global.getOperation());
      if (it != weights.end())
        it->second.loads.push_back(op);
      return;
    }
    auto constant = dyn_cast<arith::ConstantOp>(op);
    auto data =
        constant ? dyn_cast<ElementsAttr>(constant.getValue()) : ElementsAttr();
    auto type = dyn_cast_or_null<RankedTensorType>(data ? data.getShapedType()
                                                        : ShapedType());
    if (!type || op->hasAttr(kDerivedAttr))
      return;
    Operation *function = op->getParentOfType<FunctionOpInterface>();
    auto resource = dyn_cast<DenseResourceElementsAttr>(data);
    unsigned ordinal = resource ? 0 : ordinals[function]++;
    Weight &weight = weights[data.getAsOpaquePointer()];
    weight.loads.push_back(op);
    Attribute requested = op->getAttr(CompressDialect::kCodecAttr);
    if (!weight.requested)
      weight.requested = requested;
    else if (requested && requested != weight.requested)
      weight.otherRequest = requested;
    if (weight.data)
      return;
    weight.data = data;
    weight.type = type;
    if (resource) {
      weight.name = resource.getRawHandle().getKey().str();
    } else if (auto name = op->getAttrOfType<StringAttr>(
                   CompressDialect::kWeightAttr)) {
      weight.name = name.str();
    } else {
      StringRef scope = function ? cast<FunctionOpInterface>(function).getName()
                                 : StringRef("module");
      weight.name = (scope + "#" + Twine(ordinal)).str();
    }
  });

  SmallVector<Weight> result;
  llvm::StringSet<> names;
  for (auto &[key, weight] : weights) {
    if (weight.loads.empty() && !weight.requested)
      continue;
    // A global and a resource may have the same name and be two weights.
    std::string name = weight.name;
    for (unsigned i = 1; !names.insert(name).second; ++i)
      name = weight.name + "_" + std::to_string(i);
    weight.name = std::move(name);
    ConsumerSearch(weight).run();
    result.push_back(std::move(weight));
  }
  return result;
}
