//===- Bf16Codes.cpp - codes to bf16, for all codecs ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bf16Codes.h"
#include "StoredTiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

/// Steps of a tile, unless blocks are shorter.
static constexpr int64_t kSteps = 32;
/// Lanes that are neighbours in vectors of 8-bit codes.
static constexpr int64_t kNeighbours = 4;

std::optional<int64_t> mlir::compress::getBf16Steps(unsigned bits, int64_t size,
                                                    int64_t block) {
  if (8 % bits != 0)
    return std::nullopt;
  int64_t steps = block >= size ? kSteps : std::gcd(block, kSteps);
  if (steps % (2 * getPairsPerVector(bits)) != 0)
    return std::nullopt;
  return steps;
}

algorithms::TileLayout
mlir::compress::getBf16Layout(unsigned bits, int64_t rank, unsigned laneDim,
                              unsigned stepDim, int64_t steps) {
  // Vectors, pairs, steps of a pair.
  int64_t pairs = getPairsPerVector(bits);
  int64_t factors[] = {steps / 2 / pairs, pairs, 2};
  if (bits == 8)
    return makeTileLayout(rank, laneDim, {kLanes / kNeighbours, kNeighbours},
                          stepDim, factors, {2, 0, 3, 1, 4});
  return makeTileLayout(rank, laneDim, {kLanes}, stepDim, factors,
                        {1, 0, 3, 2});
}

SharedBy mlir::compress::getSharing(const algorithms::TileLayout &layout,
                                    unsigned laneDim, unsigned stepDim,
                                    ArrayRef<int64_t> block) {
  bool isOfLane = true, isOfTile = true;
  for (auto [factor, extent] : llvm::zip_equal(layout.getFactors(), block)) {
    bool isWhole = extent == factor.extent;
    if (factor.dim == stepDim && !isWhole)
      return SharedBy::Nothing;
    if (factor.dim == laneDim) {
      isOfTile &= isWhole;
      isOfLane &= extent == 1;
    }
  }
  if (isOfTile)
    return SharedBy::Tile;
  return isOfLane ? SharedBy::Steps : SharedBy::Nothing;
}

static Value shuffle(ImplicitLocOpBuilder &b, Value v, Value w,
                     function_ref<int64_t(int64_t)> from, int64_t count) {
  SmallVector<int64_t> mask;
  for (int64_t i = 0; i < count; ++i)
    mask.push_back(from(i));
  return vector::ShuffleOp::create(b, v, w, mask);
}

static VectorType getBytes(OpBuilder &b) {
  return VectorType::get(4 * kLanes, b.getI8Type());
}

static VectorType getWords(OpBuilder &b) {
  return VectorType::get(2 * kLanes, b.getI16Type());
}

static Value splat(ImplicitLocOpBuilder &b, VectorType type, uint64_t value) {
  APInt bits(type.getElementTypeBitWidth(), value);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(type, bits));
}

Bf16Table::Bf16Table(ImplicitLocOpBuilder &b, unsigned bits, Value numbers,
                     bool isOdd)
    : bits(bits), isOdd(isOdd) {
  int64_t count = int64_t(1) << bits;
  if (bits < 8) {
    words = shuffle(
        b, numbers, numbers, [&](int64_t i) { return i % count; }, 2 * kLanes);
    return;
  }
  int64_t size = 4 * kLanes;
  Value bytes = vector::BitCastOp::create(
      b, VectorType::get(2 * count, b.getI8Type()), numbers);
  for (int64_t begin = 0; begin < (isOdd ? count / 2 : count); begin += size)
    for (int64_t part : {0, 1})
      (part ? high : low)
          .push_back(shuffle(
              b, bytes, bytes,
              [&](int64_t i) { return 2 * (begin + i) + part; }, size));
}

/// What all codes stand for.
static SmallVector<uint16_t> getNumbers(QuantAttr codec) {
  unsigned bits = codec.getCodeBits();
  SmallVector<uint16_t> numbers;
  for (uint64_t code = 0; code < uint64_t(1) << bits; ++code) {
    APInt stored(bits, code);
    APFloat number(APFloat::BFloat());
    bool isInexact = false;
    if (FloatType type = codec.getFloatCodeType()) {
      number = APFloat(type.getFloatSemantics(), stored);
      number.convert(APFloat::BFloat(), APFloat::rmNearestTiesToEven,
                     &isInexact);
    } else if (codec.getCodeKind() == algorithms::CodeKind::Binary) {
      number = APFloat(APFloat::BFloat(), code ? "1" : "-1");
    } else {
      number.convertFromAPInt(stored, codec.isSigned(),
                              APFloat::rmNearestTiesToEven);
    }
    assert(!isInexact && "code is no number of bf16");
    numbers.push_back(number.bitcastToAPInt().getZExtValue());
  }
  return numbers;
}

Bf16Table::Bf16Table(ImplicitLocOpBuilder &b, QuantAttr codec)
    : Bf16Table(
          b, codec.getCodeBits(),
          [&]() -> Value {
            SmallVector<uint16_t> numbers = getNumbers(codec);
            auto type = VectorType::get(numbers.size(), b.getI16Type());
            return arith::ConstantOp::create(
                b, DenseElementsAttr::get(type, ArrayRef<uint16_t>(numbers)));
          }(),
          codec.getCodeBits() == 8 && codec.getFloatCodeType()) {}

/// bytes[code], for codes of 8 bits, or for their lower 7.
Value Bf16Table::lookUpBytes(ImplicitLocOpBuilder &b, ArrayRef<Value> bytes,
                             Value codes) const {
  auto choose = [&](ArrayRef<Value> two) -> Value {
    Value operands[] = {two[0], codes, two[1]};
    return LLVM::CallIntrinsicOp::create(
               b, getBytes(b),
               b.getStringAttr("llvm.x86.avx512.vpermi2var.qi.512"), operands)
        .getResult(0);
  };
  Value found = choose(bytes.take_front(2));
  if (bytes.size() == 2)
    return found;
  Value isUpper = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, codes,
                                        splat(b, getBytes(b), 0));
  return arith::SelectOp::create(b, isUpper, choose(bytes.drop_front(2)),
                                 found);
}

std::pair<Value, Value> Bf16Table::lookUpHalves(ImplicitLocOpBuilder &b,
                                                Value stored) const {
  Value lower = lookUpBytes(b, low, stored);
  Value upper = lookUpBytes(b, high, stored);
  if (isOdd) {
    Value sign = arith::AndIOp::create(b, stored, splat(b, getBytes(b), 0x80));
    upper = arith::OrIOp::create(b, upper, sign);
  }
  return {lower, upper};
}

SmallVector<Value> Bf16Table::lookUpSteps(ImplicitLocOpBuilder &b,
                                          Value stored) const {
  auto words = VectorType::get(kLanes, b.getI32Type());
  auto [lower, upper] = lookUpHalves(b, stored);
  auto lanes = VectorType::get(kLanes, b.getF32Type());
  SmallVector<Value> steps;
  for (int64_t pair : {0, 1}) {
    // A number is the upper half of its f32.
    Value both = shuffle(
        b, lower, upper,
        [&](int64_t i) {
          return i / 4 * 4 + 2 * pair + i % 4 / 2 + i % 2 * 4 * kLanes;
        },
        4 * kLanes);
    both = vector::BitCastOp::create(b, words, both);
    Value first = arith::ShLIOp::create(b, both, splat(b, words, 16));
    Value second = arith::AndIOp::create(b, both, splat(b, words, 0xffff0000));
    for (Value bits : {first, second})
      steps.push_back(vector::BitCastOp::create(b, lanes, bits));
  }
  return steps;
}

SmallVector<Value> Bf16Table::lookUp(ImplicitLocOpBuilder &b,
                                     Value stored) const {
  auto type = VectorType::get(2 * kLanes, b.getBF16Type());
  SmallVector<Value> pairs;
  if (bits < 8) {
    // Only the lower 5 bits of a word choose: what is above a code does no
    // harm.
    Value codes = vector::BitCastOp::create(b, getWords(b), stored);
    auto name = b.getStringAttr("llvm.x86.avx512.permvar.hi.512");
    for (int64_t pair = 0; pair < getPairsPerVector(bits); ++pair) {
      Value at = codes;
      if (pair)
        at = arith::ShRUIOp::create(b, codes,
                                    splat(b, getWords(b), pair * bits));
      Value operands[] = {words, at};
      Value found =
          LLVM::CallIntrinsicOp::create(b, getWords(b), name, operands)
              .getResult(0);
      pairs.push_back(vector::BitCastOp::create(b, type, found));
    }
    return pairs;
  }
  auto [lower, upper] = lookUpHalves(b, stored);
  for (int64_t pair : {0, 1}) {
    Value both = shuffle(
        b, lower, upper,
        [&](int64_t i) {
          return i / 16 * 16 + pair * 8 + i % 16 / 2 + i % 2 * 4 * kLanes;
        },
        4 * kLanes);
    pairs.push_back(vector::BitCastOp::create(b, type, both));
  }
  return pairs;
}

Value mlir::compress::extractCodes(ImplicitLocOpBuilder &b, Value stored,
                                   unsigned bits, bool isSigned, int64_t pair,
                                   bool isSecond) {
  auto lanes = VectorType::get(kLanes, b.getI32Type());
  if (bits == 8) {
    Value bytes = shuffle(
        b, stored, stored,
        [&](int64_t lane) { return getCodeByte(lane, pair, isSecond); },
        kLanes);
    return isSigned ? arith::ExtSIOp::create(b, lanes, bytes).getResult()
                    : arith::ExtUIOp::create(b, lanes, bytes).getResult();
  }
  Value codes = vector::BitCastOp::create(b, lanes, stored);
  unsigned position = pair * bits + 16 * isSecond;
  if (isSigned) {
    if (unsigned up = 32 - bits - position)
      codes = arith::ShLIOp::create(b, codes, splat(b, lanes, up));
    return arith::ShRSIOp::create(b, codes, splat(b, lanes, 32 - bits));
  }
  if (position)
    codes = arith::ShRUIOp::create(b, codes, splat(b, lanes, position));
  if (position + bits < 32)
    codes = arith::AndIOp::create(b, codes, splat(b, lanes, (1 << bits) - 1));
  return codes;
}
