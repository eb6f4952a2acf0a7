//===- QuantPresets.cpp - presets of block quantization -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sources: "8-bit Floating Point (OFP8)" and "Microscaling Formats (MX)", OCP,
// 2023; "Pretraining Large Language Models with NVFP4", NVIDIA, 2025; the block
// structs of ggml (ggml-common.h), for q4_0 and kin.
//
//===----------------------------------------------------------------------===//

#include "QuantPresets.h"
#include "PresetBlocks.h"
#include "compress/Dialect/Compress/IR/Compress.h"

using namespace mlir;
using namespace mlir::compress;
using Kind = algorithms::FloatKind;

namespace {
/// What shares a scale.
struct Sharing {
  enum {
    /// The whole tensor.
    Tensor,
    /// What is reduced into one output channel.
    Channel,
    /// So many elements along the reduced dimensions.
    Block,
    /// The same, of as many output channels.
    Square
  } kind;
  int64_t elements;
};

/// A codec, but for the shape of the weight.
struct Scheme {
  QuantStorage storage;
  Sharing sharing;
  Kind scale;
  std::optional<Kind> min = std::nullopt;
  bool narrow = false;
  /// How scales are stored, and minima after them; as they are when empty.
  std::vector<Scheme> nested = {};
  /// Whether ternary codes are packed in base 3.
  bool base3 = false;
};
} // namespace

static constexpr Sharing perTensor{Sharing::Tensor, 0};
static constexpr Sharing perChannel{Sharing::Channel, 0};
static constexpr Sharing per(int64_t elements) {
  return {Sharing::Block, elements};
}
static constexpr Sharing perSquare(int64_t elements) {
  return {Sharing::Square, elements};
}

static SmallVector<int64_t> getBlock(Sharing sharing, RankedTensorType type,
                                     ArrayRef<DimRole> roles) {
  SmallVector<int64_t> whole;
  for (int64_t size : type.getShape())
    whole.push_back(std::max<int64_t>(size, 1));
  if (sharing.kind == Sharing::Tensor)
    return whole;
  if (sharing.kind == Sharing::Channel) {
    for (auto [extent, role] : llvm::zip_equal(whole, roles))
      if (role == DimRole::Parallel)
        extent = 1;
    return whole;
  }
  SmallVector<int64_t> block = alongReduction(type, roles, sharing.elements);
  if (sharing.kind == Sharing::Square)
    for (int64_t i = type.getRank() - 1; i >= 0; --i)
      if (roles[i] == DimRole::Parallel) {
        block[i] = std::min(whole[i], sharing.elements);
        break;
      }
  return block;
}

static Type getType(MLIRContext *context, Kind kind) {
  switch (kind) {
  case Kind::F32:
    return Float32Type::get(context);
  case Kind::F16:
    return Float16Type::get(context);
  case Kind::BF16:
    return BFloat16Type::get(context);
  case Kind::F8E4M3FN:
    return Float8E4M3FNType::get(context);
  case Kind::F8E5M2:
    return Float8E5M2Type::get(context);
  case Kind::F8E8M0FNU:
    return Float8E8M0FNUType::get(context);
  }
  llvm_unreachable("unknown float kind");
}

static CodecAttrInterface build(const Scheme &scheme, RankedTensorType type,
                                ArrayRef<DimRole> roles) {
  MLIRContext *context = type.getContext();
  auto base = QuantAttr::get(
      context, scheme.storage, getBlock(scheme.sharing, type, roles),
      getType(context, scheme.scale), /*zero=*/Type(),
      scheme.min ? getType(context, *scheme.min) : Type(), scheme.narrow);
  NamedAttrList components;
  SmallVector<StorageComponent> storage = base.getStorage(type);
  if (scheme.base3)
    components.set(storage.front().name, Base3Attr::get(context, /*codes=*/0));
  for (auto [part, nested] :
       llvm::zip(ArrayRef(storage).drop_front(), scheme.nested))
    components.set(part.name,
                   build(nested, cast<RankedTensorType>(part.type), roles));
  if (components.empty())
    return base;
  return NestedAttr::get(context, base, components.getDictionary(context));
}

void mlir::compress::addQuantPresets(CodecRegistry &registry) {
  auto add = [&](StringRef name, StringRef summary, const Scheme &scheme,
                 StringRef algorithm = "") {
    registry.addPreset(
        {name, summary,
         [scheme](RankedTensorType type, ArrayRef<DimRole> roles) {
           return build(scheme, type, roles);
         },
         algorithm});
  };
  using Q = QuantStorage;
  constexpr auto noMin = std::nullopt;
  constexpr bool narrow = true;
  add("int8", "8-bit integers, one f32 scale per tensor, +-127",
      {Q::I8, perTensor, Kind::F32, noMin, narrow});
  add("int8-channel", "8-bit integers, one f32 scale per output channel, +-127",
      {Q::I8, perChannel, Kind::F32, noMin, narrow});
  add("int4-b32", "4-bit integers, one f16 scale per 32",
      {Q::I4, per(32), Kind::F16});
  add("int4-b64", "4-bit integers, one f16 scale per 64",
      {Q::I4, per(64), Kind::F16});
  add("int4-b128", "4-bit integers, one f16 scale per 128",
      {Q::I4, per(128), Kind::F16});
  add("int4-b32-asym", "4-bit integers, one f16 scale and f16 minimum per 32",
      {Q::U4, per(32), Kind::F16, Kind::F16});
  add("int3-b32", "3-bit integers, one f16 scale per 32",
      {Q::I3, per(32), Kind::F16});
  add("int2-b32",
      "2-bit integers, one f16 scale per 32, chosen for least squared error",
      {Q::I2, per(32), Kind::F16}, "mse");
  add("fp8-e4m3", "f8E4M3FN, one f32 scale per tensor",
      {Q::F8E4M3FN, perTensor, Kind::F32});
  add("fp8-e4m3-channel", "f8E4M3FN, one f32 scale per output channel",
      {Q::F8E4M3FN, perChannel, Kind::F32});
  add("fp8-e4m3-b128x128", "f8E4M3FN, one f32 scale per 128 of 128 channels",
      {Q::F8E4M3FN, perSquare(128), Kind::F32});
  add("fp8-e5m2", "f8E5M2, one f32 scale per tensor",
      {Q::F8E5M2, perTensor, Kind::F32});
  add("fp8-e5m2-channel", "f8E5M2, one f32 scale per output channel",
      {Q::F8E5M2, perChannel, Kind::F32});
  add("fp8-e5m2-b128x128", "f8E5M2, one f32 scale per 128 of 128 channels",
      {Q::F8E5M2, perSquare(128), Kind::F32});
  add("mxfp8", "OCP MX: f8E4M3FN, one power of two per 32",
      {Q::F8E4M3FN, per(32), Kind::F8E8M0FNU});
  add("mxfp4", "OCP MX: f4E2M1FN, one power of two per 32",
      {Q::F4E2M1FN, per(32), Kind::F8E8M0FNU});
  add("nvfp4", "f4E2M1FN, one f8E4M3FN scale per 16, of one f32 scale",
      {Q::F4E2M1FN,
       per(16),
       Kind::F32,
       noMin,
       !narrow,
       {{Q::F8E4M3FN, perTensor, Kind::F32}}});
  add("ternary",
      "-1, 0, 1 in 2 bits, one f16 scale per output channel, chosen for least "
      "squared error",
      {Q::I2, perChannel, Kind::F16, noMin, narrow}, "mse");
  add("ternary-base3", "the same, five to a byte",
      {Q::I2, perChannel, Kind::F16, noMin, narrow, {}, /*base3=*/true}, "mse");
  add("binary", "-1, 1 in 1 bit, one f16 scale per output channel",
      {Q::Binary, perChannel, Kind::F16});
  add("q4_0", "GGUF: 4-bit integers, one f16 scale per 32",
      {Q::I4, per(32), Kind::F16});
  add("q4_1", "GGUF: 4-bit integers, one f16 scale and f16 minimum per 32",
      {Q::U4, per(32), Kind::F16, Kind::F16});
  add("q8_0", "GGUF: 8-bit integers, one f16 scale per 32, +-127",
      {Q::I8, per(32), Kind::F16, noMin, narrow});
  add("q4_K",
      "GGUF: 4-bit integers, 6-bit scales and minima per 32, f16 per 256",
      {Q::U4,
       per(32),
       Kind::F32,
       Kind::F32,
       !narrow,
       {{Q::U6, per(8), Kind::F16}, {Q::U6, per(8), Kind::F16}}});
  add("q6_K", "GGUF: 6-bit integers, 8-bit scales per 16, f16 per 256",
      {Q::I6,
       per(16),
       Kind::F32,
       noMin,
       !narrow,
       {{Q::I8, per(16), Kind::F16}}});
  add("q2_K",
      "GGUF: 2-bit integers, 4-bit scales and minima per 16, f16 per 256",
      {Q::U2,
       per(16),
       Kind::F32,
       Kind::F32,
       !narrow,
       {{Q::U4, per(16), Kind::F16}, {Q::U4, per(16), Kind::F16}}});
}
