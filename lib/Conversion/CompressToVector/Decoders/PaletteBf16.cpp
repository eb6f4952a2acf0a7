//===- PaletteBf16.cpp - indices into codebooks for kernels of bf16 -------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PaletteBf16.h"
#include "Bf16Codes.h"
#include "StoredTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Entries that one permutation chooses from: what AVX2 has an instruction for.
static constexpr int64_t kPermuted = 8;

std::optional<algorithms::TileLayout>
palette_bf16::getLayout(PaletteAttr codec, RankedTensorType logical,
                        unsigned laneDim, unsigned stepDim) {
  if (codec.getDim() != 1)
    return std::nullopt;
  int64_t rank = logical.getRank(), size = logical.getDimSize(stepDim);
  int64_t block = codec.getGroup()[stepDim];
  if (codec.getScale()) {
    // What covers the dimension leaves it to the other.
    int64_t other = codec.getBlock()[stepDim];
    block = block >= size   ? other
            : other >= size ? block
                            : std::gcd(block, other);
  }
  std::optional<int64_t> steps = getBf16Steps(codec.getBits(), size, block);
  if (!steps)
    return std::nullopt;
  algorithms::TileLayout layout =
      getBf16Layout(codec.getBits(), rank, laneDim, stepDim, *steps);
  auto tiled =
      dyn_cast_or_null<PaletteAttr>(codec.getTiledCodec(logical, layout));
  if (!tiled)
    return std::nullopt;
  auto getSharedBy = [&](ArrayRef<int64_t> extents) {
    return getSharing(layout, laneDim, stepDim, extents.drop_front(rank));
  };
  if (getSharedBy(tiled.getGroup()) != SharedBy::Tile ||
      (tiled.getScale() && getSharedBy(tiled.getBlock()) == SharedBy::Nothing))
    return std::nullopt;
  return layout;
}

Bf16Format palette_bf16::getFormat(PaletteAttr codec,
                                   const TiledWeight &weight) {
  int64_t last = weight.logical.getRank() - 1;
  Bf16Format format;
  format.tilesPerBlock = weight.getTiled().getDimSize(last);
  if (codec.getScale())
    format.tilesPerBlock =
        std::min(cast<PaletteAttr>(weight.getInner()).getBlock()[last],
                 format.tilesPerBlock);
  format.pairsPerVector = getPairsPerVector(codec.getBits());
  format.vectorsPerTile = computeProduct(weight.codec.getTile()) / kLanes / 2 /
                          format.pairsPerVector;
  return format;
}

/// A number, or a vector, in f32.
static Value toF32(ImplicitLocOpBuilder &b, Value value) {
  Type type = b.getF32Type();
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(type);
  if (value.getType() == type)
    return value;
  return arith::ExtFOp::create(b, type, value);
}

static Value toBf16(ImplicitLocOpBuilder &b, Value value) {
  auto type = cast<VectorType>(value.getType()).clone(b.getBF16Type());
  if (value.getType() == type)
    return value;
  return arith::TruncFOp::create(b, type, toF32(b, value));
}

/// Where the codebook of a tile begins.
static SmallVector<Value> getCodebook(ImplicitLocOpBuilder &b,
                                      const TiledWeight &weight,
                                      const TilePosition &position) {
  auto inner = cast<PaletteAttr>(weight.getInner());
  auto type = cast<MemRefType>(weight.buffers[1].getType());
  return getBox(b, type.getShape(), inner.getGroup(), position);
}

/// table[index] lane by lane, in the form that code generators know as a
/// permutation.
static Value permute(ImplicitLocOpBuilder &b, Value table, Value index) {
  SmallVector<Value> values;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    Value at = arith::IndexCastUIOp::create(
        b, b.getIndexType(), vector::ExtractOp::create(b, index, lane));
    values.push_back(vector::ExtractOp::create(b, table, OpFoldResult(at)));
  }
  return vector::FromElementsOp::create(
      b, VectorType::get(kLanes, b.getF32Type()), values);
}

/// entries[code], of up to 16 entries.
static Value lookUp(ImplicitLocOpBuilder &b, Value entries, Value codes) {
  int64_t count = cast<VectorType>(entries.getType()).getNumElements();
  auto makeTable = [&](int64_t first) -> Value {
    SmallVector<int64_t> mask;
    for (int64_t i = 0; i < kPermuted; ++i)
      mask.push_back((first + i) % count);
    return vector::ShuffleOp::create(b, entries, entries, mask);
  };
  auto splat = [&](int64_t value) -> Value {
    auto type = cast<VectorType>(codes.getType());
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, b.getI32IntegerAttr(value)));
  };
  if (count <= kPermuted)
    return permute(b, makeTable(0), codes);
  Value low = arith::AndIOp::create(b, codes, splat(kPermuted - 1));
  Value isUpper = arith::CmpIOp::create(b, arith::CmpIPredicate::uge, codes,
                                        splat(kPermuted));
  return arith::SelectOp::create(b, isUpper,
                                 permute(b, makeTable(kPermuted), low),
                                 permute(b, makeTable(0), low));
}

/// Numbers of 8-bit codes, of a pair's first or second step. Codes are read one
/// by one: taking them out of a vector costs more.
static Value lookUpByLoads(ImplicitLocOpBuilder &b, const TiledWeight &weight,
                           const TilePosition &position, int64_t vector,
                           int64_t pair, bool isSecond) {
  SmallVector<Value> entry = getCodebook(b, weight, position),
                     byte(position.outer);
  byte.append({position.record, Value()});
  SmallVector<Value> values;
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    int64_t at = vector * 4 * kLanes + getCodeByte(lane, pair, isSecond);
    byte.back() = arith::ConstantIndexOp::create(b, at);
    entry.back() = arith::IndexCastUIOp::create(
        b, b.getIndexType(),
        memref::LoadOp::create(b, weight.buffers[0], byte));
    values.push_back(memref::LoadOp::create(b, weight.buffers[1], entry));
  }
  Value found = vector::FromElementsOp::create(
      b, VectorType::get(kLanes, values[0].getType()), values);
  return toF32(b, toBf16(b, found));
}

SmallVector<Bf16Pair> palette_bf16::emitVector(ImplicitLocOpBuilder &b,
                                               PaletteAttr codec,
                                               const TiledWeight &weight,
                                               const TilePosition &position,
                                               int64_t vector, Bf16Form form) {
  unsigned bits = codec.getBits();
  int64_t pairs = getPairsPerVector(bits);
  SmallVector<Bf16Pair> result;
  if (form == Bf16Form::Fma && bits == 8) {
    for (int64_t pair = 0; pair < pairs; ++pair) {
      result.push_back({{}, vector * pairs + pair});
      for (bool isSecond : {false, true})
        result.back().numbers.push_back(
            lookUpByLoads(b, weight, position, vector, pair, isSecond));
    }
    return result;
  }
  auto bytes = VectorType::get(4 * kLanes, b.getI8Type());
  Value stored = loadBytes(b, weight, position, /*part=*/0, /*tiles=*/1,
                           vector * bytes.getNumElements(), bytes);
  Value entries = vector::LoadOp::create(
      b, VectorType::get(codec.getNumEntries(), codec.getCodebook()),
      weight.buffers[1], getCodebook(b, weight, position));
  entries = toBf16(b, entries);
  if (form == Bf16Form::Dot) {
    Value numbers = vector::BitCastOp::create(
        b, VectorType::get(codec.getNumEntries(), b.getI16Type()), entries);
    for (Value found :
         Bf16Table(b, bits, numbers, /*isOdd=*/false).lookUp(b, stored))
      result.push_back({{found}, vector * pairs + int64_t(result.size())});
    return result;
  }
  entries = toF32(b, entries);
  for (int64_t pair = 0; pair < pairs; ++pair) {
    result.push_back({{}, vector * pairs + pair});
    for (bool isSecond : {false, true})
      result.back().numbers.push_back(lookUp(
          b, entries,
          extractCodes(b, stored, bits, /*isSigned=*/false, pair, isSecond)));
  }
  return result;
}

BlockScales palette_bf16::emitScales(ImplicitLocOpBuilder &b, PaletteAttr codec,
                                     const TiledWeight &weight,
                                     const TilePosition &position) {
  BlockScales scales;
  if (Type stored = codec.getScale())
    scales.scale = toF32(
        b, loadPerBox(b, weight, position, /*part=*/2,
                      cast<PaletteAttr>(weight.getInner()).getBlock(), stored));
  return scales;
}
