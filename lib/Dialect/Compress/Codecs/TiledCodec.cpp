//===- TiledCodec.cpp - another codec's values in the order of kernels ------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::compress;

algorithms::TileLayout TiledAttr::getLayout() const {
  algorithms::TileLayout layout;
  layout.tile.append(getTile().begin(), getTile().end());
  layout.order.append(getOrder().begin(), getOrder().end());
  return layout;
}

RankedTensorType TiledAttr::getTiledType(RankedTensorType logical) const {
  return RankedTensorType::get(getLayout().getShape(logical.getShape()),
                               logical.getElementType());
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

LogicalResult TiledAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                CodecAttrInterface base,
                                ArrayRef<int64_t> tile,
                                ArrayRef<int64_t> order) {
  for (int64_t extent : tile) // tiled_c1
    if (extent < 1)
      return emitError() << "expected positive tile extents, but got "
                         << extent;
  if (tile.size() != order.size() || !isPermutationVector(order)) { // tiled_c2
    auto diag = emitError() << "expected order to be a permutation of "
                            << tile.size() << " dimensions, but got [";
    llvm::interleaveComma(order, diag);
    return diag << "]";
  }
  return success();
}

LogicalResult
TiledAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                       RankedTensorType logical) const {
  if (int64_t(getTile().size()) != logical.getRank()) // tiled_c3
    return emitError() << "expected one tile extent per dimension, but got "
                       << getTile().size() << " for rank "
                       << logical.getRank();
  if (!logical.hasStaticShape() || logical.getRank() == 0) // tiled_c4
    return emitError() << "expected a static tensor of at least one dimension "
                          "for #compress.tiled, but got "
                       << logical;
  int64_t elements = 1;
  for (auto [size, extent] : llvm::zip_equal(logical.getShape(), getTile())) {
    int64_t padded;
    if (llvm::MulOverflow(int64_t(llvm::divideCeil(uint64_t(size), extent)),
                          extent, padded) ||
        llvm::MulOverflow(elements, padded, elements) ||
        elements > std::numeric_limits<int64_t>::max() / 128) // tiled_c6
      return emitError() << "expected tiles that pad " << logical
                         << " to less than 2^56 elements";
  }
  if (failed(getBase().verifyCodec(emitError, logical)))
    return failure();
  CodecAttrInterface inner = getInner(logical);
  if (!inner) // tiled_c5
    return emitError() << "expected tiles that hold whole blocks, or blocks "
                          "that hold whole tiles, of "
                       << getBase();
  return inner.verifyCodec(emitError, getTiledType(logical));
}

//===----------------------------------------------------------------------===//
// Storage and decode
//===----------------------------------------------------------------------===//

SmallVector<StorageComponent>
TiledAttr::getStorage(RankedTensorType logical) const {
  return getInner(logical).getStorage(getTiledType(logical));
}

LogicalResult
TiledAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                      RankedTensorType logical,
                      ArrayRef<ArrayRef<char>> leaves) const {
  return getInner(logical).verifyData(emitError, getTiledType(logical), leaves);
}

bool TiledAttr::needsOneSign() const { return getBase().needsOneSign(); }

FailureOr<Value> TiledAttr::buildDecode(OpBuilder &b, Location loc,
                                        ValueRange components,
                                        RankedTensorType logical) const {
  // Of nothing there is no slice that verifies.
  if (logical.getNumElements() == 0)
    return tensor::EmptyOp::create(b, loc, logical.getShape(),
                                   logical.getElementType())
        .getResult();
  RankedTensorType tiled = getTiledType(logical);
  FailureOr<Value> dense =
      getInner(logical).buildDecode(b, loc, components, tiled);
  if (failed(dense))
    return failure();
  // [tiles in order.., extents in order..] -> [dim 0: tiles, extent, ..].
  int64_t rank = logical.getRank();
  SmallVector<int64_t> back(2 * rank), shape(2 * rank), padded(rank);
  SmallVector<ReassociationIndices> groups(rank);
  for (int64_t i = 0; i < rank; ++i) {
    int64_t dim = getOrder()[i];
    back[2 * dim] = i;
    back[2 * dim + 1] = rank + i;
    shape[2 * dim] = tiled.getDimSize(i);
    shape[2 * dim + 1] = tiled.getDimSize(rank + i);
    groups[dim] = {2 * dim, 2 * dim + 1};
    padded[dim] = shape[2 * dim] * shape[2 * dim + 1];
  }
  Value empty =
      tensor::EmptyOp::create(b, loc, shape, logical.getElementType());
  Value transposed =
      linalg::TransposeOp::create(b, loc, *dense, empty, back)->getResult(0);
  Value whole = tensor::CollapseShapeOp::create(
      b, loc, RankedTensorType::get(padded, logical.getElementType()),
      transposed, groups);
  if (whole.getType() == logical)
    return whole;
  SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
      strides(rank, b.getIndexAttr(1)), sizes;
  for (int64_t size : logical.getShape())
    sizes.push_back(b.getIndexAttr(size));
  return tensor::ExtractSliceOp::create(b, loc, logical, whole, offsets, sizes,
                                        strides)
      .getResult();
}

void TiledAttr::decodeData(RankedTensorType logical,
                           ArrayRef<ArrayRef<char>> components, int64_t begin,
                           MutableArrayRef<char> out) const {
  // Element by element: packed constants are made from encoded ones, so only
  // who asks for tiles himself gets here.
  RankedTensorType tiled = getTiledType(logical);
  CodecAttrInterface inner = getInner(logical);
  int64_t width = logical.getElementTypeBitWidth() / 8, rank = logical.getRank();
  SmallVector<int64_t> strides = computeStrides(logical.getShape());
  SmallVector<int64_t> tiledStrides = computeStrides(tiled.getShape());
  for (; !out.empty(); out = out.drop_front(width), ++begin) {
    SmallVector<int64_t> index = delinearize(begin, strides);
    int64_t flat = 0;
    for (int64_t i = 0; i < rank; ++i) {
      int64_t dim = getOrder()[i];
      flat += index[dim] / getTile()[dim] * tiledStrides[i] +
              index[dim] % getTile()[dim] * tiledStrides[rank + i];
    }
    inner.decodeData(tiled, components, flat, out.take_front(width));
  }
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
TiledAttr::getTileGranularity(RankedTensorType logical) const {
  // Whole tiles, and of those what the tiled codec allows. A cut inside of a
  // tile would have to be a cut of all tiles.
  SmallVector<TileGranularity> inner =
      getInner(logical).getTileGranularity(getTiledType(logical));
  SmallVector<TileGranularity> granularity(logical.getRank());
  size_t rank = getOrder().size();
  for (auto [i, dim] : llvm::enumerate(getOrder())) {
    int64_t extent = getTile()[dim], size = logical.getDimSize(dim);
    granularity[dim].unit = inner[i].unit * extent;
    granularity[dim].block = inner[i].block * extent;
    // A rest that lies in one block would be stored as one block, where the
    // tile that it is in has several: then all tiles belong together.
    if (inner[rank + i].block < extent && size % extent &&
        size % extent <= inner[rank + i].block)
      granularity[dim].unit = llvm::alignTo(size, extent);
  }
  return granularity;
}

FailureOr<SmallVector<ComponentTile>>
TiledAttr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                   ValueRange components, ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes) const {
  AffineExpr d = b.getAffineDimExpr(0);
  SmallVector<OpFoldResult> tiledOffsets, tiledSizes;
  for (int64_t dim : getOrder()) {
    int64_t extent = getTile()[dim];
    tiledOffsets.push_back(divideExactly(b, loc, offsets[dim], extent));
    tiledSizes.push_back(affine::makeComposedFoldedAffineApply(
        b, loc, d.ceilDiv(extent), {sizes[dim]}));
  }
  for (int64_t dim : getOrder()) {
    tiledOffsets.push_back(b.getIndexAttr(0));
    tiledSizes.push_back(b.getIndexAttr(getTile()[dim]));
  }
  return getInner(logical).mapTile(b, loc, getTiledType(logical), components,
                                   tiledOffsets, tiledSizes);
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

static void collectLeaves(ArrayRef<EncodedComponent> parts,
                          SmallVectorImpl<ArrayRef<char>> &leaves) {
  for (const EncodedComponent &part : parts) {
    if (isa<CompressedTensorType>(part.type))
      collectLeaves(part.parts, leaves);
    else
      leaves.push_back(part.data.getData());
  }
}

namespace {
/// Encodes with base's encoder, then moves what that stores into tiles.
class TiledEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "tiled"; }
  bool supports(StringRef) const override { return true; }

  std::string describe(CodecAttrInterface codec,
                       const EncodeContext &context) const override {
    CodecAttrInterface base = cast<TiledAttr>(codec).getBase();
    const Encoder *encoder =
        context.registry.lookupEncoder(base, context.algorithm);
    return encoder ? encoder->describe(base, context) : "";
  }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<TiledAttr>(codecAttr);
    auto parts = encodeTensor(weight, codec.getBase(), context);
    if (failed(parts))
      return failure();
    SmallVector<ArrayRef<char>> leaves;
    collectLeaves(*parts, leaves);
    return codec.getBase().relayout(weight.type, codec.getLayout(), leaves);
  }
};
} // namespace

void mlir::compress::registerTiledEncoders(CodecRegistry &registry) {
  registry.addEncoder<TiledAttr>(std::make_unique<TiledEncoder>());
}
