//===- LowRankEncoder.cpp - numbers and presets for low-rank products -----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CodecData.h"
#include "compress/Algorithms/LowRank.h"
#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/AsmState.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::FloatKind;
using algorithms::SvdMethod;

/// Bytes of elements as f32.
static std::vector<float> widen(ArrayRef<char> data, FloatKind kind) {
  std::vector<float> values(data.size() / algorithms::getByteWidth(kind));
  algorithms::widenToF32(kind, asBytes(data), values);
  return values;
}

/// N and K of the matrix that a weight is.
static std::pair<int64_t, int64_t> getMatrixShape(RankedTensorType type) {
  int64_t n = type.getDimSize(0), k = 1;
  for (int64_t size : type.getShape().drop_front())
    k *= size;
  return {n, k};
}

//===----------------------------------------------------------------------===//
// Singular value decomposition
//===----------------------------------------------------------------------===//

namespace {
class SvdEncoder : public Encoder {
public:
  SvdEncoder(StringRef name, SvdMethod method) : name(name), method(method) {}
  StringRef getAlgorithm() const override { return name; }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<LowRankAttr>(codecAttr);
    FloatKind kind = *getFloatKind(weight.type.getElementType());
    std::vector<float> values = widen(weight.data, kind);
    if (auto index = algorithms::findNonFinite(values))
      return context.emitError() << "expected finite values, but got "
                                 << formatNumber(values[*index]) << " at "
                                 << formatIndex(*index, weight.type.getShape());
    auto [n, k] = getMatrixShape(weight.type);
    algorithms::LowRankFactors factors =
        algorithms::factorize(values, n, k, codec.getRank(), method);

    algorithms::roundToKind(kind, factors.u);
    algorithms::roundToKind(kind, factors.v);
    if (auto index = algorithms::findOverflow(factors.u, factors.v, n, k,
                                              codec.getRank(), kind))
      return context.emitError()
             << "element " << formatIndex(*index, weight.type.getShape())
             << " would decode to an infinity of "
             << weight.type.getElementType();

    std::vector<EncodedComponent> result;
    std::vector<float> *parts[] = {&factors.u, &factors.v};
    SmallVector<StorageComponent> storage = codec.getStorage(weight.type);
    for (auto [part, values] : llvm::zip_equal(storage, parts)) {
      MutableArrayRef<float> factor = *values;
      AsmResourceBlob blob =
          allocateBlob(factor.size() * algorithms::getByteWidth(kind));
      algorithms::narrowFromF32(kind, factor, asMutableBytes(blob));
      result.push_back({part.type, std::move(blob), {}});
    }
    return result;
  }

private:
  StringRef name;
  SvdMethod method;
};
} // namespace

void LowRankAttr::decodeData(RankedTensorType logical,
                             ArrayRef<ArrayRef<char>> components, int64_t begin,
                             MutableArrayRef<char> out) const {
  if (out.empty())
    return;
  FloatKind kind = *getFloatKind(logical.getElementType());
  int64_t width = algorithms::getByteWidth(kind), rank = getRank();
  int64_t k = getMatrixShape(logical).second;
  // Only the rows that are asked for, and few of them at a time.
  int64_t first = begin / k, end = begin + int64_t(out.size()) / width;
  std::vector<float> u =
      widen(components[0].slice(first * rank * width,
                                ((end + k - 1) / k - first) * rank * width),
            kind);
  std::vector<float> v = widen(components[1], kind);
  decodeChunks(
      kind, begin - first * k, out,
      [&](int64_t at, MutableArrayRef<float> chunk) {
        algorithms::multiplyFactors(u, v, k, rank, at, chunk);
      },
      /*most=*/1 << 18);
}

LogicalResult
LowRankAttr::verifyData(function_ref<InFlightDiagnostic()> emitError,
                        RankedTensorType logical,
                        ArrayRef<ArrayRef<char>> leaves) const {
  FloatKind kind = *getFloatKind(logical.getElementType());
  SmallVector<StorageComponent> storage = getStorage(logical);
  for (auto [part, bytes] : llvm::zip_equal(storage, leaves))
    if (auto index = algorithms::findNonFinite(widen(bytes, kind)))
      return emitError() << "element " << *index << " of factor '" << part.name
                         << "' is not finite"; // lowrank_c5
  return success();
}

//===----------------------------------------------------------------------===//
// Presets
//===----------------------------------------------------------------------===//

/// The codec of another preset for a weight that is part of another, or null.
static CodecAttrInterface getPreset(StringRef name, RankedTensorType type,
                                    ArrayRef<DimRole> roles) {
  const Preset *preset = type.getContext()
                             ->getLoadedDialect<CompressDialect>()
                             ->getCodecs()
                             .lookupPreset(name);
  return preset ? preset->build(type, roles) : CodecAttrInterface();
}

/// The codec whose factors have about this fraction of the elements of the
/// weight; null where they would not have fewer.
static LowRankAttr buildLowRank(RankedTensorType type, double fraction) {
  if (type.getRank() < 2 || !type.hasStaticShape())
    return {};
  auto [n, k] = getMatrixShape(type);
  int64_t rank = algorithms::chooseRankBySize(n, k, fraction, /*step=*/16);
  return rank ? LowRankAttr::get(type.getContext(), rank) : LowRankAttr();
}

/// The codec of the smallest rank, a multiple of 16, that keeps this fraction
/// of the sum of squares; null where that does not pay.
static CodecAttrInterface buildForEnergy(const WeightView &weight,
                                         double fraction) {
  if (weight.type.getRank() < 2)
    return {};
  FloatKind kind = *getFloatKind(weight.type.getElementType());
  std::vector<float> values = widen(weight.data, kind);
  // The encoder says which one.
  if (algorithms::findNonFinite(values))
    return LowRankAttr::get(weight.type.getContext(), 1);
  auto [n, k] = getMatrixShape(weight.type);
  int64_t rank = llvm::alignTo(
      std::max<int64_t>(
          algorithms::chooseRankByEnergy(
              algorithms::computeSingularValues(values, n, k), fraction),
          1),
      16);
  if (rank * (n + k) >= n * k)
    return {};
  return LowRankAttr::get(weight.type.getContext(), rank);
}

/// A quantized low-rank part, and what is left, quantized.
static CodecAttrInterface buildLowRankInt4(RankedTensorType type,
                                           ArrayRef<DimRole> roles) {
  MLIRContext *context = type.getContext();
  LowRankAttr base = buildLowRank(type, 1.0 / 16);
  CodecAttrInterface rest = getPreset("int4-b64", type, roles);
  if (!base || !rest)
    return rest;
  // Blocks run along what a contraction reduces: the dimensions that it reduces
  // of the weight, and the rank in the factor that it comes to last.
  bool isReduced = roles.front() == DimRole::Reduction;
  auto part = type.clone(Float32Type::get(context));
  SmallVector<DimRole> vRoles(roles);
  vRoles.front() = isReduced ? DimRole::Reduction : DimRole::Parallel;
  CodecAttrInterface u = getPreset(
      "int4-b32", base.getUType(part),
      {roles.front(), isReduced ? DimRole::Parallel : DimRole::Reduction});
  CodecAttrInterface v = getPreset("int4-b32", base.getVType(part), vRoles);
  if (!u || !v)
    return {};
  Builder b(context);
  auto factors = NestedAttr::get(
      context, base,
      b.getDictionaryAttr({b.getNamedAttr("u", u), b.getNamedAttr("v", v)}));
  return SumAttr::get(context, factors, rest);
}

void mlir::compress::registerLowRankEncoders(CodecRegistry &registry) {
  registry.addEncoder<LowRankAttr>(
      std::make_unique<SvdEncoder>("svd", SvdMethod::Auto));
  registry.addEncoder<LowRankAttr>(
      std::make_unique<SvdEncoder>("exact-svd", SvdMethod::Exact));
  registry.addEncoder<LowRankAttr>(
      std::make_unique<SvdEncoder>("randomized-svd", SvdMethod::Randomized));
  registry.addPreset({"lowrank",
                      "product of two factors with a quarter of the elements",
                      [](RankedTensorType type, ArrayRef<DimRole>) {
                        return CodecAttrInterface(buildLowRank(type, 0.25));
                      }});
  registry.addPreset({"lowrank-energy90",
                      "product of two factors of the rank that keeps 90 % of "
                      "the sum of squares",
                      nullptr, "",
                      [](const WeightView &weight, ArrayRef<DimRole>) {
                        return buildForEnergy(weight, 0.9);
                      }});
  registry.addPreset({"lowrank-error10",
                      "the same, for a relative error of at most 10 %", nullptr,
                      "", [](const WeightView &weight, ArrayRef<DimRole>) {
                        return buildForEnergy(weight, 0.99);
                      }});
  registry.addPreset({"lowrank-int4",
                      "4-bit integers, one f16 scale per 64, beside a 4-bit "
                      "low-rank part of a sixteenth of the elements",
                      buildLowRankInt4});
}
