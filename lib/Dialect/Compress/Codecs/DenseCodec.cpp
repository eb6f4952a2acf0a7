//===- DenseCodec.cpp - values as they are, or rounded --------------------===//
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
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/AsmState.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mlir::compress;
using algorithms::FloatKind;

LogicalResult DenseAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                Type storage) {
  if (storage && !isa<Float16Type, BFloat16Type>(storage)) // dense_c2
    return emitError() << "expected f16 or bf16, but got " << storage;
  return success();
}

LogicalResult
DenseAttr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                       RankedTensorType logical) const {
  Type element = logical.getElementType();
  if (getStorage() ? !element.isF32() : !getFloatKind(element)) // dense_c1
    return emitError() << "expected elements of "
                       << (getStorage() ? "f32" : "f32, f16 or bf16") << " for "
                       << *this << ", but got " << element;
  return success();
}

SmallVector<StorageComponent>
DenseAttr::getStorage(RankedTensorType logical) const {
  return {{"values", ComponentRole::Values, getStoredType(logical)}};
}

bool DenseAttr::isLossless() const { return !getStorage(); }

bool DenseAttr::isCompressed() const { return false; }

FailureOr<Value> DenseAttr::buildDecode(OpBuilder &b, Location loc,
                                        ValueRange components,
                                        RankedTensorType logical) const {
  Value values = getDense(b, loc, components[0]);
  if (!getStorage())
    return values;
  Value empty = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, values), logical.getElementType());
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(logical.getRank()));
  SmallVector<utils::IteratorType> iterators(logical.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             b, loc, empty.getType(), values, empty, maps, iterators,
             [&](OpBuilder &b, Location loc, ValueRange args) {
               linalg::YieldOp::create(
                   b, loc,
                   arith::ExtFOp::create(b, loc, logical.getElementType(),
                                         args[0])
                       .getResult());
             })
      .getResult(0);
}

void DenseAttr::decodeData(RankedTensorType logical,
                           ArrayRef<ArrayRef<char>> components, int64_t begin,
                           MutableArrayRef<char> out) const {
  if (!getStorage()) {
    int64_t width = logical.getElementTypeBitWidth() / 8;
    llvm::copy(components[0].slice(begin * width, out.size()), out.begin());
    return;
  }
  FloatKind kind = *getFloatKind(getStorage());
  int64_t width = algorithms::getByteWidth(kind);
  decodeChunks(
      FloatKind::F32, begin, out,
      [&](int64_t begin, MutableArrayRef<float> values) {
        algorithms::widenToF32(
            kind,
            asBytes(components[0].slice(begin * width, values.size() * width)),
            values);
      });
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
DenseAttr::getTileGranularity(RankedTensorType logical) const {
  return SmallVector<TileGranularity>(logical.getRank());
}

SmallVector<ComponentRatio>
DenseAttr::getComponentRatios(RankedTensorType logical, unsigned) const {
  return SmallVector<ComponentRatio>(logical.getRank());
}

FailureOr<SmallVector<ComponentTile>>
DenseAttr::mapTile(OpBuilder &, Location, RankedTensorType, ValueRange,
                   ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes) const {
  return SmallVector<ComponentTile>{
      {SmallVector<OpFoldResult>(offsets), SmallVector<OpFoldResult>(sizes)}};
}

CodecAttrInterface
DenseAttr::getTiledCodec(RankedTensorType,
                         const algorithms::TileLayout &) const {
  return *this;
}

CodecAttrInterface DenseAttr::getMatrixCodec(RankedTensorType,
                                             ArrayRef<unsigned>,
                                             ArrayRef<unsigned>) const {
  return *this;
}

std::vector<EncodedComponent>
DenseAttr::moveToMatrix(RankedTensorType logical, ArrayRef<unsigned> rows,
                        ArrayRef<unsigned> columns,
                        ArrayRef<ArrayRef<char>> leaves) const {
  SmallVector<unsigned> order(rows);
  llvm::append_range(order, columns);
  RankedTensorType type = getStoredType(getMatrixType(logical, rows, columns));
  AsmResourceBlob values = allocateBlob(leaves[0].size());
  algorithms::permuteEntries(logical.getShape(), order,
                             type.getElementTypeBitWidth() / 8,
                             asBytes(leaves[0]), asMutableBytes(values));
  std::vector<EncodedComponent> result;
  result.push_back({type, std::move(values), {}});
  return result;
}

std::vector<EncodedComponent>
DenseAttr::relayout(RankedTensorType logical,
                    const algorithms::TileLayout &layout,
                    ArrayRef<ArrayRef<char>> leaves) const {
  RankedTensorType type =
      getStoredType(logical).clone(layout.getShape(logical.getShape()));
  int64_t width = type.getElementTypeBitWidth() / 8;
  AsmResourceBlob values = allocateBlob(type.getNumElements() * width);
  algorithms::moveElements(logical.getShape(), width, layout,
                           asBytes(leaves[0]), asMutableBytes(values));
  std::vector<EncodedComponent> result;
  result.push_back({type, std::move(values), {}});
  return result;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {
/// Copies, or rounds.
class DenseEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "dense"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<DenseAttr>(codecAttr);
    RankedTensorType type = codec.getStoredType(weight.type);
    int64_t width = type.getElementTypeBitWidth() / 8;
    AsmResourceBlob values = allocateBlob(type.getNumElements() * width);
    if (!codec.getStorage()) {
      llvm::copy(weight.data, values.getMutableData().begin());
    } else if (auto index = round(weight, *getFloatKind(codec.getStorage()),
                                  asMutableBytes(values))) {
      float value;
      std::memcpy(&value, &weight.data[*index * sizeof(float)], sizeof(float));
      return context.emitError()
             << "expected finite values of " << codec.getStorage()
             << ", but got " << formatNumber(value) << " at "
             << formatIndex(*index, weight.type.getShape());
    }
    std::vector<EncodedComponent> result;
    result.push_back({type, std::move(values), {}});
    return result;
  }

private:
  /// Writes elements of f32 as such of `kind`; the first one that is not finite
  /// there.
  static std::optional<int64_t> round(const WeightView &weight, FloatKind kind,
                                      MutableArrayRef<uint8_t> out) {
    constexpr int64_t kChunk = 4096;
    int64_t size = weight.type.getNumElements();
    int64_t width = algorithms::getByteWidth(kind);
    std::vector<float> values(std::min(size, kChunk));
    for (int64_t begin = 0; begin < size; begin += kChunk) {
      int64_t count = std::min(size - begin, kChunk);
      auto chunk = MutableArrayRef(values).take_front(count);
      std::memcpy(chunk.data(), &weight.data[begin * sizeof(float)],
                  count * sizeof(float));
      auto bytes = out.slice(begin * width, count * width);
      algorithms::narrowFromF32(kind, chunk, bytes);
      algorithms::widenToF32(kind, bytes, chunk);
      for (int64_t i = 0; i < count; ++i)
        if (!std::isfinite(chunk[i]))
          return begin + i;
    }
    return std::nullopt;
  }
};

/// Values of f32 in 16 bits.
template <typename Storage>
CodecAttrInterface buildHalf(RankedTensorType type, ArrayRef<DimRole>) {
  MLIRContext *context = type.getContext();
  return type.getElementType().isF32()
             ? DenseAttr::get(context, Storage::get(context))
             : DenseAttr();
}
} // namespace

void mlir::compress::registerDenseEncoders(CodecRegistry &registry) {
  registry.addEncoder<DenseAttr>(std::make_unique<DenseEncoder>());
  registry.addPreset({"f16", "half precision", buildHalf<Float16Type>});
  registry.addPreset({"bf16", "bfloat16", buildHalf<BFloat16Type>});
}
