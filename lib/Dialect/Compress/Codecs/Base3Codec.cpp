//===- Base3Codec.cpp - what ternary codes in base 3 store and mean -------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "PackedCodes.h"
#include "compress/Algorithms/Trits.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/AsmState.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::compress;

//===----------------------------------------------------------------------===//
// Rules and storage
//===----------------------------------------------------------------------===//

LogicalResult
Base3Attr::verifyCodec(function_ref<InFlightDiagnostic()> emitError,
                       RankedTensorType logical) const {
  if (!logical.getElementType().isSignlessInteger(8)) // base3_c1
    return emitError() << "expected elements of i8 for " << *this
                       << ", but got " << logical.getElementType();
  if (logical.getRank() == 0 ||
      logical.isDynamicDim(logical.getRank() - 1)) // base3_c2
    return emitError() << "expected a static innermost dimension for " << *this
                       << ", but got " << logical;
  int64_t bytes = logical.getShape().back();
  if (getCodes() && algorithms::getCodeBytes(getCodes()) != bytes) // base3_c3
    return emitError() << "expected codes that end in the last of " << bytes
                       << " bytes of a row, but got " << *this;
  return success();
}

SmallVector<StorageComponent>
Base3Attr::getStorage(RankedTensorType logical) const {
  SmallVector<int64_t> shape(logical.getShape());
  shape.back() = algorithms::getTritBytes(getRowCodes(shape.back()));
  return {{"trits", ComponentRole::Codes, logical.clone(shape)}};
}

bool Base3Attr::isLossless() const { return true; }

//===----------------------------------------------------------------------===//
// Decode
//===----------------------------------------------------------------------===//

/// One byte of four codes, the one at position `inUnit` of the five whose trits
/// are in four bytes.
static Value buildByte(OpBuilder &b, Location loc, ValueRange bytes,
                       Value inUnit) {
  Type i32 = b.getI32Type();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, loc,
                                     b.getI32IntegerAttr(int32_t(value)));
  };
  // The unit is one number of 20 digits, less than 2^32; four digits of it are
  // one in base 81.
  Value unit;
  for (Value byte : llvm::reverse(bytes)) {
    Value wide = arith::ExtUIOp::create(b, loc, i32, byte);
    if (unit)
      wide = arith::AddIOp::create(
          b, loc, wide,
          arith::MulIOp::create(b, loc, unit,
                                constant(algorithms::kTritBytes)));
    unit = wide;
  }
  Value digits = unit;
  Value position = arith::IndexCastOp::create(b, loc, i32, inUnit);
  int64_t power = 81;
  for (int64_t i = 1; i < Base3Attr::kUnitCodeBytes; ++i, power *= 81) {
    Value shifted = arith::DivUIOp::create(b, loc, unit, constant(power));
    Value isHere = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                         position, constant(i));
    digits = arith::SelectOp::create(b, loc, isHere, shifted, digits);
  }
  // Digit d is the code d - 1 in two bits.
  Value byte;
  for (int64_t i = 0; i < algorithms::kCodesPerByte; ++i) {
    Value digit = arith::RemUIOp::create(b, loc, digits, constant(3));
    Value code = arith::AndIOp::create(
        b, loc, arith::SubIOp::create(b, loc, digit, constant(1)), constant(3));
    code = arith::ShLIOp::create(b, loc, code, constant(2 * i));
    byte = byte ? arith::OrIOp::create(b, loc, byte, code).getResult() : code;
    digits = arith::DivUIOp::create(b, loc, digits, constant(3));
  }
  return arith::TruncIOp::create(b, loc, b.getI8Type(), byte);
}

FailureOr<Value> Base3Attr::buildDecode(OpBuilder &b, Location loc,
                                        ValueRange components,
                                        RankedTensorType logical) const {
  Value trits = getDense(b, loc, components[0]);
  int64_t rank = logical.getRank(), size = logical.getShape().back();
  if (llvm::is_contained(logical.getShape(), 0)) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, trits);
    sizes.back() = b.getIndexAttr(size);
    return tensor::EmptyOp::create(b, loc, sizes, b.getI8Type()).getResult();
  }
  // [.., units] -> [.., units, bytes of a unit] -> [.., bytes]
  // Behind the end of a row there are trits of zero.
  constexpr int64_t kZeros = algorithms::kTritBytes / 2;
  SmallVector<Value> inputs = splitUnits(b, loc, trits, kUnitTritBytes, kZeros);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, inputs[0]);
  sizes.push_back(b.getIndexAttr(kUnitCodeBytes));
  Value empty = tensor::EmptyOp::create(b, loc, sizes, b.getI8Type());
  AffineMap whole = b.getMultiDimIdentityMap(rank + 1);
  SmallVector<AffineMap> maps(inputs.size(), whole.dropResult(rank));
  maps.push_back(whole);
  SmallVector<utils::IteratorType> iterators(rank + 1,
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, loc, empty.getType(), inputs, empty, maps, iterators,
      [&](OpBuilder &b, Location loc, ValueRange args) {
        Value inUnit = linalg::IndexOp::create(b, loc, rank);
        linalg::YieldOp::create(b, loc,
                                buildByte(b, loc, args.drop_back(), inUnit));
      });
  SmallVector<ReassociationIndices> groups(rank);
  for (int64_t i = 0; i < rank; ++i)
    groups[i].push_back(i);
  groups.back().push_back(rank);
  SmallVector<int64_t> shape(logical.getShape());
  shape.back() = llvm::alignTo(size, kUnitCodeBytes);
  Value bytes = tensor::CollapseShapeOp::create(b, loc, logical.clone(shape),
                                                generic.getResult(0), groups);
  return takeOfRow(b, loc, bytes, size);
}

void Base3Attr::decodeData(RankedTensorType logical,
                           ArrayRef<ArrayRef<char>> components, int64_t begin,
                           MutableArrayRef<char> out) const {
  algorithms::unpackTrits(
      asBytes(components[0]), getRowCodes(logical.getShape().back()), begin,
      {reinterpret_cast<uint8_t *>(out.data()), out.size()});
}

LogicalResult
Base3Attr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                      RankedTensorType logical,
                      ArrayRef<ArrayRef<char>> leaves) const {
  using Kind = algorithms::TritError::Kind;
  std::optional<algorithms::TritError> error = algorithms::validateTrits(
      asBytes(leaves[0]), getRowCodes(logical.getShape().back()));
  if (!error)
    return success();
  if (error->kind == Kind::ByteOutOfRange)
    return emitError() << "expected trits of at most 242 a byte, but byte "
                       << error->index << " is "
                       << unsigned(asBytes(leaves[0])[error->index]);
  return emitError() << "expected zero padding trits, but byte " << error->index
                     << " has others";
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

SmallVector<TileGranularity>
Base3Attr::getTileGranularity(RankedTensorType logical) const {
  SmallVector<TileGranularity> granularity(logical.getRank());
  granularity.back().unit = granularity.back().block =
      getCodes() ? std::max<int64_t>(logical.getShape().back(), 1)
                 : kUnitCodeBytes;
  return granularity;
}

SmallVector<ComponentRatio>
Base3Attr::getComponentRatios(RankedTensorType logical, unsigned) const {
  SmallVector<ComponentRatio> ratios(logical.getRank());
  ratios.back() = {kUnitCodeBytes, kUnitTritBytes};
  if (getCodes())
    ratios.back() = {logical.getShape().back(),
                     algorithms::getTritBytes(getCodes())};
  return ratios;
}

FailureOr<SmallVector<ComponentTile>>
Base3Attr::mapTile(OpBuilder &b, Location loc, RankedTensorType logical,
                   ValueRange components, ArrayRef<OpFoldResult> offsets,
                   ArrayRef<OpFoldResult> sizes) const {
  AffineExpr d = b.getAffineDimExpr(0);
  auto apply = [&](AffineExpr expr, OpFoldResult x) {
    return affine::makeComposedFoldedAffineApply(b, loc, expr, {x});
  };
  ComponentTile tile{SmallVector<OpFoldResult>(offsets),
                     SmallVector<OpFoldResult>(sizes)};
  if (getCodes()) { // whole rows only
    tile.offsets.back() = b.getIndexAttr(0);
    tile.sizes.back() = b.getIndexAttr(algorithms::getTritBytes(getCodes()));
    return SmallVector<ComponentTile>{tile};
  }
  // Offsets are whole units, a size may end within one.
  tile.offsets.back() =
      apply(d.floorDiv(kUnitCodeBytes) * kUnitTritBytes, offsets.back());
  tile.sizes.back() =
      apply((d * kUnitTritBytes).ceilDiv(kUnitCodeBytes), sizes.back());
  return SmallVector<ComponentTile>{tile};
}

CodecAttrInterface Base3Attr::getRowsCodec(RankedTensorType rows,
                                           int64_t elements) const {
  auto codec = get(getContext(), elements);
  bool fits = algorithms::getCodeBytes(elements) == rows.getShape().back();
  return fits ? CodecAttrInterface(codec) : nullptr;
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

namespace {
class Base3Encoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "base3"; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codec,
         const EncodeContext &context) const override {
    ArrayRef<int64_t> shape = weight.type.getShape();
    auto type = cast<RankedTensorType>(codec.getStorage(weight.type)[0].type);
    AsmResourceBlob trits =
        HeapAsmResourceBlob::allocate(type.getNumElements(), /*align=*/64);
    MutableArrayRef<char> data = trits.getMutableData();
    std::optional<int64_t> wrong = algorithms::packTrits(
        asBytes(weight.data), cast<Base3Attr>(codec).getRowCodes(shape.back()),
        {reinterpret_cast<uint8_t *>(data.data()), data.size()});
    if (wrong) {
      int64_t codes = cast<Base3Attr>(codec).getRowCodes(shape.back());
      bool isBehind =
          *wrong % (shape.back() * algorithms::kCodesPerByte) >= codes;
      InFlightDiagnostic diag = context.emitError();
      if (isBehind)
        diag << "expected zeros behind " << codes << " codes for " << codec
             << ", but got others";
      else
        diag << "expected 2-bit codes -1, 0 and 1 for " << codec
             << ", but got -2";
      return diag << " in the byte at "
                  << formatIndex(*wrong / algorithms::kCodesPerByte, shape);
    }
    std::vector<EncodedComponent> result;
    result.push_back({type, std::move(trits), {}});
    return result;
  }
};
} // namespace

void mlir::compress::registerBase3Encoders(CodecRegistry &registry) {
  registry.addEncoder<Base3Attr>(std::make_unique<Base3Encoder>());
}
