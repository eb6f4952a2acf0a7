//===- MatrixCodec.cpp - a weight that is stored as a matrix --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "compress/Algorithms/Relayout.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::compress;

/// Dimensions in the order that the matrix has them.
static SmallVector<unsigned> getDimOrder(MatrixAttr codec) {
  SmallVector<unsigned> order(codec.getRows());
  llvm::append_range(order, codec.getColumns());
  return order;
}

RankedTensorType MatrixAttr::getMatrix(RankedTensorType logical) const {
  return getMatrixType(logical, getRows(), getColumns());
}

LogicalResult MatrixAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 CodecAttrInterface base,
                                 ArrayRef<unsigned> rows,
                                 ArrayRef<unsigned> columns) {
  SmallVector<int64_t> order(rows);
  order.append(columns.begin(), columns.end());
  if (rows.empty() || columns.empty() ||
      !isPermutationVector(order)) { // matrix_c1
    auto diag = emitError() << "expected rows and columns to be all of "
                            << order.size() << " dimensions, but got [";
    llvm::interleaveComma(rows, diag);
    diag << "] and [";
    llvm::interleaveComma(columns, diag);
    return diag << "]";
  }
  return success();
}

LogicalResult
MatrixAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                        RankedTensorType logical) const {
  size_t rank = getRows().size() + getColumns().size();
  if (!logical.hasStaticShape() ||
      logical.getRank() != int64_t(rank)) // matrix_c2
    return emitError() << "expected a static tensor of " << rank
                       << " dimensions for " << *this << ", but got "
                       << logical;
  RankedTensorType matrix = getMatrix(logical);
  return CompressedTensorType::verify(emitError, matrix.getShape(),
                                      matrix.getElementType(), getBase());
}

SmallVector<StorageComponent>
MatrixAttr::getStorage(RankedTensorType logical) const {
  return getBase().getStorage(getMatrix(logical));
}

LogicalResult
MatrixAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                       RankedTensorType logical,
                       ArrayRef<ArrayRef<char>> leaves) const {
  return getBase().verifyData(emitError, getMatrix(logical), leaves);
}

bool MatrixAttr::isLossless() const { return getBase().isLossless(); }

bool MatrixAttr::needsOneSign() const { return getBase().needsOneSign(); }

bool MatrixAttr::isPacked() const { return true; }

CodecAttrInterface
MatrixAttr::getStoredMatrixCodec(ArrayRef<unsigned> rows,
                                 ArrayRef<unsigned> columns) const {
  bool isIt = rows == getRows() && columns == getColumns();
  return isIt ? getBase() : nullptr;
}

FailureOr<Value> MatrixAttr::buildDecode(OpBuilder &b, Location loc,
                                         ValueRange components,
                                         RankedTensorType logical) const {
  FailureOr<Value> matrix =
      getBase().buildDecode(b, loc, components, getMatrix(logical));
  if (failed(matrix))
    return failure();
  SmallVector<unsigned> order = getDimOrder(*this);
  SmallVector<int64_t> shape, position(order.size());
  SmallVector<ReassociationIndices> groups;
  for (auto [i, dim] : llvm::enumerate(order)) {
    shape.push_back(logical.getDimSize(dim));
    position[dim] = i;
    if (i <= getRows().size())
      groups.emplace_back();
    groups.back().push_back(i);
  }
  Value expanded = tensor::ExpandShapeOp::create(
      b, loc, RankedTensorType::get(shape, logical.getElementType()), *matrix,
      groups);
  if (isIdentityPermutation(position))
    return expanded;
  Value empty = tensor::EmptyOp::create(b, loc, logical.getShape(),
                                        logical.getElementType());
  return linalg::TransposeOp::create(b, loc, expanded, empty, position)
      ->getResult(0);
}

void MatrixAttr::decodeData(RankedTensorType logical,
                            ArrayRef<ArrayRef<char>> components, int64_t begin,
                            MutableArrayRef<char> out) const {
  // As a whole: it is packed constants that are stored so, which were decoded
  // before.
  RankedTensorType matrix = getMatrix(logical);
  int64_t width = logical.getElementTypeBitWidth() / 8;
  std::vector<char> whole(matrix.getNumElements() * width);
  getBase().decodeData(matrix, components, 0, whole);
  SmallVector<int64_t> strides = computeStrides(logical.getShape());
  for (; !out.empty(); out = out.drop_front(width), ++begin) {
    SmallVector<int64_t> index = delinearize(begin, strides);
    int64_t flat = 0;
    for (unsigned dim : getDimOrder(*this))
      flat = flat * logical.getDimSize(dim) + index[dim];
    std::copy_n(&whole[flat * width], width, out.begin());
  }
}

SmallVector<TileGranularity>
MatrixAttr::getTileGranularity(RankedTensorType logical) const {
  // Only all of it: what is a tile of the weight may be none of the matrix.
  SmallVector<TileGranularity> granularity;
  for (int64_t size : logical.getShape())
    granularity.push_back({std::max<int64_t>(size, 1), 1});
  return granularity;
}

FailureOr<SmallVector<ComponentTile>>
MatrixAttr::mapTile(OpBuilder &b, Location, RankedTensorType,
                    ValueRange components, ArrayRef<OpFoldResult>,
                    ArrayRef<OpFoldResult>) const {
  SmallVector<ComponentTile> tiles;
  for (Value component : components)
    tiles.push_back(getWholeTile(b, component.getType()));
  return tiles;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {
/// Encodes the matrix with the base's encoder.
class MatrixEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "matrix"; }
  bool supports(StringRef) const override { return true; }

  std::string describe(CodecAttrInterface codec,
                       const EncodeContext &context) const override {
    return describeBase(cast<MatrixAttr>(codec).getBase(), context);
  }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<MatrixAttr>(codecAttr);
    std::vector<char> matrix(weight.data.size());
    algorithms::permuteEntries(weight.type.getShape(), getDimOrder(codec),
                               weight.type.getElementTypeBitWidth() / 8,
                               asBytes(weight.data),
                               asMutableBytes(MutableArrayRef<char>(matrix)));
    return encodeTensor({weight.name, codec.getMatrix(weight.type), matrix},
                        codec.getBase(), context);
  }
};
} // namespace

void mlir::compress::registerMatrixEncoders(CodecRegistry &registry) {
  registry.addEncoder<MatrixAttr>(std::make_unique<MatrixEncoder>());
}
