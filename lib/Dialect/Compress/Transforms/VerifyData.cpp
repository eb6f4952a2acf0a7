//===- VerifyData.cpp - compress-verify-data ------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "compress/Dialect/Compress/Transforms/Weights.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace mlir::compress {
#define GEN_PASS_DEF_COMPRESSVERIFYDATA
#include "compress/Dialect/Compress/Transforms/Passes.h.inc"
} // namespace mlir::compress

using namespace mlir;
using namespace mlir::compress;

namespace {

/// The constants that a compressed value is assembled from, in the order of
/// getLeafTypes.
using Leaves = SmallVector<ElementsAttr>;

class DataVerifier {
public:
  /// Checks a value, unless that is not for here or was done already.
  LogicalResult run(AssembleOp op);

private:
  bool collectLeaves(AssembleOp op, Leaves &leaves);
  LogicalResult verify(AssembleOp op, const Leaves &leaves);

  SymbolTableCollection symbols;
  /// One weight may be loaded in many places.
  DenseSet<std::pair<Type, Attribute>> seen;
};

struct VerifyDataPass : compress::impl::CompressVerifyDataBase<VerifyDataPass> {
  void runOnOperation() override {
    DataVerifier verifier;
    WalkResult result = getOperation().walk(
        [&](AssembleOp op) { return WalkResult(verifier.run(op)); });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace

/// False where a leaf is no constant, or has its data elsewhere.
bool DataVerifier::collectLeaves(AssembleOp op, Leaves &leaves) {
  return llvm::all_of(op.getComponents(), [&](Value component) {
    if (auto part = component.getDefiningOp<AssembleOp>())
      return collectLeaves(part, leaves);
    ElementsAttr data = getConstantData(component, symbols);
    if (auto resource = dyn_cast_or_null<DenseResourceElementsAttr>(data))
      if (!resource.getRawHandle().getBlob())
        return false;
    leaves.push_back(data);
    return bool(data);
  });
}

/// All bytes of a splat.
static std::vector<char> expandSplat(DenseElementsAttr splat) {
  ArrayRef<char> element = splat.getRawData();
  std::vector<char> bytes;
  for (int64_t i = 0; i < splat.getNumElements(); ++i)
    bytes.insert(bytes.end(), element.begin(), element.end());
  return bytes;
}

LogicalResult DataVerifier::verify(AssembleOp op, const Leaves &leaves) {
  auto error = [&] {
    InFlightDiagnostic diag = emitError(op.getLoc());
    if (CertificateAttr certificate = findCertificate(op))
      return std::move(diag << "weight '" << certificate.getWeight() << "': ");
    return std::move(diag << "a compressed weight: ");
  };
  std::vector<std::vector<char>> expanded;
  expanded.reserve(leaves.size());
  SmallVector<ArrayRef<char>> bytes;
  for (ElementsAttr leaf : leaves) {
    auto dense = dyn_cast<DenseElementsAttr>(leaf);
    if (dense && dense.isSplat()) {
      bytes.push_back(expanded.emplace_back(expandSplat(dense)));
      continue;
    }
    std::optional<ArrayRef<char>> data = getRawData(leaf);
    if (!data)
      return error() << "expected as many bytes in each resource as its type "
                     << leaf.getType() << " says";
    bytes.push_back(*data);
  }
  CompressedTensorType type = op.getType();
  return type.getCodec().verifyData(error, type.getLogicalType(), bytes);
}

LogicalResult DataVerifier::run(AssembleOp op) {
  // Sizes that are known at run time only cannot be checked against.
  Leaves leaves;
  if (!op.getType().getLogicalType().hasStaticShape() ||
      !collectLeaves(op, leaves))
    return success();
  // A part is checked with its whole.
  for (Operation *user : op->getUsers()) {
    auto whole = dyn_cast<AssembleOp>(user);
    Leaves others;
    if (whole && collectLeaves(whole, others))
      return success();
  }
  SmallVector<Attribute> key(leaves.begin(), leaves.end());
  if (!seen.insert({op.getType(), ArrayAttr::get(op.getContext(), key)}).second)
    return success();
  return verify(op, leaves);
}
