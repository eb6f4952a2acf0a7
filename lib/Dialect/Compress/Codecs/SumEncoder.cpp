//===- SumEncoder.cpp - numbers and presets for sums ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Codecs/Codecs.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/Dialect/Compress/IR/FloatKind.h"
#include "llvm/Support/Parallel.h"

using namespace mlir;
using namespace mlir::compress;
using algorithms::FloatKind;

/// Calls `range` with [begin, end) for all elements, on several threads.
static void forEachRange(int64_t size,
                         function_ref<void(int64_t, int64_t)> range) {
  constexpr int64_t share = 1 << 18;
  llvm::parallelFor(0, llvm::divideCeil(uint64_t(size), uint64_t(share)),
                    [&](size_t task) {
                      int64_t begin = task * share;
                      range(begin, std::min(size, begin + share));
                    });
}

static ArrayRef<char> asChars(ArrayRef<float> values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(float)};
}

namespace {
/// The weight as `a`, then what `a` leaves as `b`.
class ResidualEncoder : public Encoder {
public:
  StringRef getAlgorithm() const override { return "residual"; }
  /// An algorithm is for the parts that have it.
  bool supports(StringRef) const override { return true; }

  std::string describe(CodecAttrInterface codecAttr,
                       const EncodeContext &context) const override {
    auto codec = cast<SumAttr>(codecAttr);
    std::string result;
    for (CodecAttrInterface part : {codec.getA(), codec.getB()}) {
      EncodeContext inner = getContext(part, context);
      const Encoder *encoder =
          context.registry.lookupEncoder(part, inner.algorithm);
      if (encoder)
        result +=
            (result.empty() ? "" : " + ") + encoder->describe(part, inner);
    }
    return result;
  }

  FailureOr<std::vector<EncodedComponent>>
  encode(const WeightView &weight, CodecAttrInterface codecAttr,
         const EncodeContext &context) const override {
    auto codec = cast<SumAttr>(codecAttr);
    if (!context.algorithm.empty() &&
        llvm::none_of(
            ArrayRef{codec.getA(), codec.getB()}, [&](CodecAttrInterface part) {
              return context.registry.lookupEncoder(part, context.algorithm);
            }))
      return context.emitError() << "no algorithm '" << context.algorithm
                                 << "' for a part of " << codec;
    FloatKind kind = *getFloatKind(weight.type.getElementType());
    int64_t width = algorithms::getByteWidth(kind);
    int64_t size = weight.type.getNumElements();
    auto type = RankedTensorType::get(weight.type.getShape(),
                                      Float32Type::get(codec.getContext()));
    std::vector<float> rest(size);
    forEachRange(size, [&](int64_t begin, int64_t end) {
      algorithms::widenToF32(
          kind,
          asBytes(weight.data.slice(begin * width, (end - begin) * width)),
          MutableArrayRef(rest).slice(begin, end - begin));
    });

    std::vector<EncodedComponent> result;
    for (CodecAttrInterface part : {codec.getA(), codec.getB()}) {
      auto encoded =
          encodeTensor({weight.name, type, asChars(rest), weight.statistics},
                       part, getContext(part, context));
      if (failed(encoded))
        return failure();
      if (result.empty())
        subtract(type, part, *encoded, rest);
      result.push_back(
          {CompressedTensorType::get(type, part), {}, std::move(*encoded)});
    }
    return result;
  }

private:
  /// The algorithm that was asked for, where a part has it.
  static EncodeContext getContext(CodecAttrInterface part,
                                  const EncodeContext &context) {
    EncodeContext inner = context;
    if (!context.registry.lookupEncoder(part, context.algorithm))
      inner.algorithm = "";
    return inner;
  }

  /// Takes what was encoded off `rest`.
  static void subtract(RankedTensorType type, CodecAttrInterface codec,
                       ArrayRef<EncodedComponent> encoded,
                       std::vector<float> &rest) {
    DenseComponents components(encoded);
    forEachRange(rest.size(), [&](int64_t begin, int64_t end) {
      std::vector<float> decoded(end - begin);
      codec.decodeData(type, components.get(), begin,
                       {reinterpret_cast<char *>(decoded.data()),
                        decoded.size() * sizeof(float)});
      for (int64_t i = begin; i < end; ++i)
        rest[i] -= decoded[i - begin];
    });
  }
};
} // namespace

/// The largest hundredth as it is, the rest in 4 bits.
static CodecAttrInterface buildDenseAndSparse(RankedTensorType type,
                                              ArrayRef<DimRole> roles) {
  Builder b(type.getContext());
  const Preset *rest = type.getContext()
                           ->getLoadedDialect<CompressDialect>()
                           ->getCodecs()
                           .lookupPreset("int4-b32");
  if (!rest)
    return {};
  auto outliers = BitmaskAttr::get(type.getContext(), std::nullopt,
                                   b.getF64FloatAttr(0.01), /*rows=*/1);
  return SumAttr::get(type.getContext(), outliers, rest->build(type, roles));
}

void mlir::compress::registerSumEncoders(CodecRegistry &registry) {
  registry.addEncoder<SumAttr>(std::make_unique<ResidualEncoder>());
  registry.addPreset({"dense-and-sparse",
                      "the largest hundredth as it is, 4-bit integers, one f16 "
                      "scale per 32, for the rest",
                      buildDenseAndSparse});
}
