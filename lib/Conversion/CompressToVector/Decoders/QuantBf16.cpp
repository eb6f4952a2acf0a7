//===- QuantBf16.cpp - quantized codes for kernels of bf16 ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantBf16.h"
#include "Bf16Codes.h"
#include "StoredTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mlir::compress;

static constexpr int64_t kCacheLine = 64;

std::optional<algorithms::TileLayout>
quant_bf16::getLayout(QuantAttr codec, RankedTensorType logical,
                      unsigned laneDim, unsigned stepDim) {
  int64_t rank = logical.getRank(), size = logical.getDimSize(stepDim);
  int64_t block = std::min(codec.getBlock()[stepDim], size);
  std::optional<int64_t> steps = getBf16Steps(codec.getCodeBits(), size, block);
  if (!steps)
    return std::nullopt;
  algorithms::TileLayout layout =
      getBf16Layout(codec.getCodeBits(), rank, laneDim, stepDim, *steps);
  auto tiled =
      dyn_cast_or_null<QuantAttr>(codec.getTiledCodec(logical, layout));
  if (!tiled)
    return std::nullopt;
  SharedBy sharing =
      getSharing(layout, laneDim, stepDim, tiled.getBlock().drop_front(rank));
  if (sharing == SharedBy::Nothing)
    return std::nullopt;
  // Scales of blocks lie in the stream of codes, in records whose parts are all
  // whole cache lines. Where lanes share them they are few, and apart.
  if (block == size || sharing == SharedBy::Tile)
    return layout;
  auto getBytes = [](Type type) {
    return type ? kLanes * type.getIntOrFloatBitWidth() / 8 : kCacheLine;
  };
  int64_t bytes =
      std::min({getBytes(codec.getScale()), getBytes(codec.getZero()),
                getBytes(codec.getMin()), kCacheLine});
  layout.record = tiled.getBlock()[rank - 1] * (kCacheLine / bytes);
  if (!TiledAttr::get(codec, layout).hasWholeRecords(logical))
    return std::nullopt;
  return layout;
}

Bf16Format quant_bf16::getFormat(QuantAttr codec, const TiledWeight &weight) {
  int64_t last = weight.logical.getRank() - 1;
  Bf16Format format;
  format.tilesPerBlock =
      std::min(cast<QuantAttr>(weight.getInner()).getBlock()[last],
               weight.getTiled().getDimSize(last));
  format.pairsPerVector = getPairsPerVector(codec.getCodeBits());
  format.vectorsPerTile = computeProduct(weight.codec.getTile()) / kLanes / 2 /
                          format.pairsPerVector;
  format.hasZero = bool(codec.getZero());
  format.hasMin = bool(codec.getMin());
  return format;
}

SmallVector<Bf16Pair> quant_bf16::emitVector(ImplicitLocOpBuilder &b,
                                             QuantAttr codec,
                                             const TiledWeight &weight,
                                             const TilePosition &position,
                                             int64_t vector, Bf16Form form) {
  unsigned bits = codec.getCodeBits();
  int64_t pairs = getPairsPerVector(bits);
  auto bytes = VectorType::get(4 * kLanes, b.getI8Type());
  Value stored = loadBytes(b, weight, position, /*part=*/0, /*tiles=*/1,
                           vector * bytes.getNumElements(), bytes);
  SmallVector<Bf16Pair> result;
  if (form == Bf16Form::Dot) {
    for (Value found : Bf16Table(b, codec).lookUp(b, stored))
      result.push_back({{found}, vector * pairs + int64_t(result.size())});
    return result;
  }
  for (int64_t pair = 0; pair < pairs; ++pair) {
    result.push_back({{}, vector * pairs + pair});
    for (bool isSecond : {false, true}) {
      Value codes =
          extractCodes(b, stored, bits, codec.isSigned(), pair, isSecond);
      result.back().numbers.push_back(
          codec.buildCodeValue(b, b.getLoc(), codes));
    }
  }
  return result;
}

BlockScales quant_bf16::emitScales(ImplicitLocOpBuilder &b, QuantAttr codec,
                                   const TiledWeight &weight,
                                   const TilePosition &position) {
  auto inner = cast<QuantAttr>(weight.getInner());
  auto lanes = VectorType::get(kLanes, b.getF32Type());
  auto load = [&](unsigned part, Type stored) -> Value {
    Value value =
        loadPerBox(b, weight, position, part, inner.getBlock(), stored);
    if (stored.isInteger())
      return codec.isSigned()
                 ? arith::SIToFPOp::create(b, lanes, value).getResult()
                 : arith::UIToFPOp::create(b, lanes, value).getResult();
    if (stored.isF32())
      return value;
    return arith::ExtFOp::create(b, lanes, value);
  };
  BlockScales scales;
  scales.scale = load(1, codec.getScale());
  if (Type zero = codec.getZero())
    scales.zero = load(2, zero);
  if (Type min = codec.getMin())
    scales.min = load(2, min);
  return scales;
}
