//===- XnorEmitter.cpp - contractions by counting bits --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for each batch, for blocks of rows of lhs:
//   take their signs: 32 steps of k a word, a bit set where lhs is negative
//   for each panel of kLanes outputs, for each few rows:
//     for each block along k:
//       acc[row] += number of set bits of (signs of the weight ^ signs[row])
//       result[row] += scale of the weight * (steps of the block - 2 *
//       acc[row])
//     init[row, panel] += result[row]
//
// Signs of the weight are 32 steps of 16 outputs a vector. Where two signs
// differ, the product is negative. Padding of k has set bits in both.
//
//===----------------------------------------------------------------------===//

#include "ContractionKernel.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::compress;

/// Steps of k in a word.
static constexpr int64_t kWordBits = 32;
/// Bytes of signs that a pass over the weight is made for: a part of L2.
static constexpr int64_t kSignBytes = 256 << 10;
/// Up to so many rows, memory is what limits.
static constexpr int64_t kFewRows = 3;
/// Words that few rows are unrolled by.
static constexpr int64_t kUnrolledWords = 4;
/// How far ahead weights are fetched where memory limits.
static constexpr int64_t kPrefetchBytes = 4096;

namespace {
/// Counts set bits of vectors of words: of each word, where there is an
/// instruction for it, else of each byte until that could overflow.
class BitCounter {
public:
  explicit BitCounter(ArrayRef<std::string> features)
      : isOfWords(llvm::is_contained(features, "avx512vpopcntdq")) {}

  VectorType getType(OpBuilder &b) const {
    return isOfWords ? VectorType::get(kLanes, b.getI32Type())
                     : VectorType::get(4 * kLanes, b.getI8Type());
  }
  /// Vectors of which counts may be added up.
  int64_t getMaxVectors() const {
    return isOfWords ? std::numeric_limits<int32_t>::max() / kWordBits
                     : 255 / 8;
  }
  Value add(ImplicitLocOpBuilder &b, Value counts, Value bits) const {
    if (!isOfWords)
      bits = vector::BitCastOp::create(b, getType(b), bits);
    return arith::AddIOp::create(b, counts, math::CtPopOp::create(b, bits));
  }
  /// The counts of words.
  Value getTotals(ImplicitLocOpBuilder &b, Value counts) const {
    if (isOfWords)
      return counts;
    auto lanes = VectorType::get(kLanes, b.getI32Type());
    Value totals = vector::BitCastOp::create(b, lanes, counts);
    for (auto [shift, mask] : {std::pair(8, 0x00FF00FF), {16, 0xFFFF}}) {
      auto splat = [&](int32_t value) -> Value {
        return arith::ConstantOp::create(
            b, DenseElementsAttr::get(lanes, b.getI32IntegerAttr(value)));
      };
      Value low = arith::AndIOp::create(b, totals, splat(mask));
      Value high = arith::AndIOp::create(
          b, arith::ShRUIOp::create(b, totals, splat(shift)), splat(mask));
      totals = arith::AddIOp::create(b, low, high);
    }
    return totals;
  }

private:
  bool isOfWords;
};

/// Rows, and panels of outputs, that are computed at once.
struct Shape {
  int64_t rows, panels;
};

class XnorEmitter : public ContractionEmitter {
public:
  explicit XnorEmitter(ArrayRef<std::string> features)
      : counter(features), instructions(features) {}
  LogicalResult emit(OpBuilder &b, ContractOp op) const override;

private:
  BitCounter counter;
  ByteInstructions instructions;
};

/// The loops of one op.
class XnorKernel : public ContractionKernel {
public:
  /// Blocks have `shape`, but for the rest.
  XnorKernel(OpBuilder &builder, ContractOp op, const IntegerWeight &weight,
             const BitCounter &counter, Shape shape);

private:
  void prepare() override {
    weight.buffers =
        decoder.prepareIntegers(b, b.getLoc(), weight, op.getComponents());
  }
  int64_t getSmallerCount(int64_t count) const override {
    return count > 2 ? (count + 1) / 2 : 1;
  }
  void emitBlocks(ValueRange batch, Value begin, Value end,
                  int64_t count) override;

  // Signs of lhs.
  void readRow(ValueRange batch, Value row, Value signs, Value group,
               Value place, int64_t count);
  Value readWord(ValueRange batch, Value row, Value first, int64_t length);
  Value gatherWord(ValueRange batch, Value row, Value first, int64_t length);

  // Products of `count` rows with `panels.size()` panels of the weight.
  using Panels = ArrayRef<Value>;
  void emitPanels(ValueRange batch, Panels panels, Value signs, Value group,
                  Value firstRow, int64_t count);
  void emitBlock(ValueRange batch, Panels panels, Value block, int64_t size,
                 Value signs, Value group, int64_t count,
                 SmallVectorImpl<Value> &results);
  void addWord(ArrayRef<TilePosition> positions, Value word, Value inBlock,
               Value signs, Value group, int64_t count,
               MutableArrayRef<Value> counts);
  Value getScale(const TilePosition &position);

  Value splat(int32_t value) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(lanesI32, b.getI32IntegerAttr(value)));
  }
  int64_t getNumPanels(int64_t count) const {
    return count > kFewRows ? shape.panels : 1;
  }

  IntegerWeight weight;
  const BitCounter &counter;
  TileDecoderInterface decoder;
  VectorType lanesI32;
  Shape shape;
  /// Words of a row, and steps of a block.
  int64_t words, blockSize;
};
} // namespace

XnorKernel::XnorKernel(OpBuilder &builder, ContractOp op,
                       const IntegerWeight &weight, const BitCounter &counter,
                       Shape shape)
    : ContractionKernel(builder, op, shape.rows), weight(weight),
      counter(counter), decoder(cast<TileDecoderInterface>(codec.getBase())),
      lanesI32(VectorType::get(kLanes, b.getI32Type())), shape(shape),
      words(llvm::divideCeil(k, kWordBits)),
      blockSize(std::min(k, decoder.getIntegerFormat(weight).tilesPerBlock *
                                kWordBits)) {}

void XnorKernel::emitBlocks(ValueRange batch, Value begin, Value end,
                            int64_t count) {
  int64_t groups =
      count > kFewRows ? getNumGroups(count, kSignBytes / (words * 4)) : 1;
  Value signs = memref::AllocOp::create(
      b, MemRefType::get({groups, words * count}, b.getI32Type()),
      b.getI64IntegerAttr(64));
  emitTurns(batch, begin, end,
            {count, groups, words * kWordBits, getNumPanels(count),
             /*prepareRow=*/{},
             [&](ArrayRef<Value> panels, Value group, Value firstRow) {
               emitPanels(batch, panels, signs, group, firstRow, count);
             },
             [&](Value row, Value group, Value place) {
               readRow(batch, row, signs, group, place, count);
             }});
  memref::DeallocOp::create(b, signs);
}

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

void XnorKernel::readRow(ValueRange batch, Value row, Value signs, Value group,
                         Value place, int64_t count) {
  auto store = [&](Value first, int64_t length) {
    Value word =
        op.getWindow() ||
                !cast<MemRefType>(op.getLhs().getType()).isLastDimUnitStride()
            ? gatherWord(batch, row, first, length)
            : readWord(batch, row, first, length);
    Value number = arith::DivUIOp::create(b, first, index(kWordBits));
    Value at = arith::AddIOp::create(
        b, arith::MulIOp::create(b, number, index(count)), place);
    memref::StoreOp::create(b, word, signs, ValueRange{group, at});
  };
  int64_t whole = k / kWordBits * kWordBits;
  loop(index(0), index(whole), kWordBits,
       [&](Value first) { store(first, kWordBits); });
  if (whole < k)
    store(index(whole), k - whole);
}

/// The signs of neighbours in memory.
Value XnorKernel::readWord(ValueRange batch, Value row, Value first,
                           int64_t length) {
  auto type = VectorType::get(kWordBits, b.getF32Type());
  auto bits = VectorType::get(kWordBits, b.getI1Type());
  SmallVector<Value> place = getLhsPlace(batch, row, first);
  Value x;
  if (length == kWordBits) {
    x = vector::LoadOp::create(b, type, op.getLhs(), place);
  } else {
    Value mask = vector::ConstantMaskOp::create(b, bits, length);
    Value negative = arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, b.getF32FloatAttr(-1)));
    x = vector::MaskedLoadOp::create(b, type, op.getLhs(), place, mask,
                                     negative);
  }
  Value isNegative =
      arith::CmpFOp::create(b, arith::CmpFPredicate::ULT, x, zero(type));
  Value word = vector::BitCastOp::create(b, VectorType::get(1, b.getI32Type()),
                                         isNegative);
  return vector::ExtractOp::create(b, word, 0);
}

/// The signs of elements that lie anywhere.
Value XnorKernel::gatherWord(ValueRange batch, Value row, Value first,
                             int64_t length) {
  Type i32 = b.getI32Type();
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI32IntegerAttr(value));
  };
  Value none = zero(b.getF32Type());
  uint32_t padding = length == kWordBits ? 0 : ~uint32_t(0) << length;
  SmallVector<Value> word = {constant(padding)};
  loop(0, length, 1, word, [&](Value bit, SmallVectorImpl<Value> &carried) {
    Value x = memref::LoadOp::create(
        b, op.getLhs(),
        getLhsPlace(batch, row, arith::AddIOp::create(b, first, bit)));
    Value isNegative =
        arith::CmpFOp::create(b, arith::CmpFPredicate::ULT, x, none);
    Value shifted =
        arith::ShLIOp::create(b, arith::ExtUIOp::create(b, i32, isNegative),
                              arith::IndexCastOp::create(b, i32, bit));
    carried[0] = arith::OrIOp::create(b, carried[0], shifted);
  });
  return word[0];
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void XnorKernel::emitPanels(ValueRange batch, Panels panels, Value signs,
                            Value group, Value firstRow, int64_t count) {
  // By panel and row; of the first block they are what it yields.
  SmallVector<Value> results;
  if (blockSize == k) {
    emitBlock(batch, panels, index(0), k, signs, group, count, results);
  } else {
    results.assign(panels.size() * count, zero(lanesF32));
    loop(0, k / blockSize, 1, results,
         [&](Value block, SmallVectorImpl<Value> &carried) {
           emitBlock(batch, panels, block, blockSize, signs, group, count,
                     carried);
         });
    if (k % blockSize)
      emitBlock(batch, panels, index(k / blockSize), k % blockSize, signs,
                group, count, results);
  }
  for (auto [p, panel] : llvm::enumerate(panels))
    for (int64_t i = 0; i < count; ++i)
      addToInit(batch, panel, arith::AddIOp::create(b, firstRow, index(i)),
                results[p * count + i]);
}

/// The products of a block of `size` steps.
void XnorKernel::emitBlock(ValueRange batch, Panels panels, Value block,
                           int64_t size, Value signs, Value group,
                           int64_t count, SmallVectorImpl<Value> &results) {
  int64_t wordsPerBlock = llvm::divideCeil(blockSize, kWordBits),
          wordsHere = llvm::divideCeil(size, kWordBits);
  Value firstWord = arith::MulIOp::create(b, block, index(wordsPerBlock));
  SmallVector<TilePosition> positions;
  for (Value panel : panels) {
    positions.push_back({SmallVector<Value>(batch), index(0), index(0)});
    positions.back().outer.push_back(panel);
    if (int64_t record = codec.getRecord()) {
      positions.back().record =
          arith::DivUIOp::create(b, firstWord, index(record));
      positions.back().tile =
          arith::RemUIOp::create(b, firstWord, index(record));
    }
  }
  int64_t outputs = panels.size() * count;
  SmallVector<Value> totals(outputs, zero(lanesI32));
  // Of `number` words from `begin` on.
  auto addWords = [&](Value begin, int64_t number,
                      SmallVectorImpl<Value> &totals) {
    SmallVector<Value> counts(outputs, zero(counter.getType(b)));
    int64_t unroll = count <= kFewRows ? kUnrolledWords : 1;
    auto add = [&](Value at, SmallVectorImpl<Value> &carried) {
      Value inBlock = arith::AddIOp::create(b, begin, at);
      addWord(positions, arith::AddIOp::create(b, firstWord, inBlock), inBlock,
              signs, group, count, carried);
    };
    int64_t whole = number / unroll * unroll;
    loop(0, whole, unroll, counts,
         [&](Value at, SmallVectorImpl<Value> &carried) {
           for (int64_t i = 0; i < unroll; ++i)
             add(arith::AddIOp::create(b, at, index(i)), carried);
         });
    for (int64_t i = whole; i < number; ++i)
      add(index(i), counts);
    for (auto [total, partial] : llvm::zip_equal(totals, counts))
      total = arith::AddIOp::create(b, total, counter.getTotals(b, partial));
  };
  int64_t most = counter.getMaxVectors(), whole = wordsHere / most * most;
  if (whole > most)
    loop(0, whole, most, totals,
         [&](Value begin, SmallVectorImpl<Value> &carried) {
           addWords(begin, most, carried);
         });
  else if (whole)
    addWords(index(0), most, totals);
  if (whole < wordsHere)
    addWords(index(whole), wordsHere - whole, totals);

  bool isFirst = results.empty();
  for (auto [p, position] : llvm::enumerate(positions)) {
    Value scale = getScale(position);
    for (int64_t i = 0; i < count; ++i) {
      Value negative = totals[p * count + i];
      Value sum = arith::SubIOp::create(
          b, splat(size), arith::AddIOp::create(b, negative, negative));
      Value value = arith::MulFOp::create(
          b, arith::SIToFPOp::create(b, lanesF32, sum), scale);
      if (isFirst)
        results.push_back(value);
      else
        results[p * count + i] =
            arith::AddFOp::create(b, results[p * count + i], value);
    }
  }
}

/// Counts the products of one word of each row. Panels take turns, so that a
/// word is in a register once.
void XnorKernel::addWord(ArrayRef<TilePosition> positions, Value word,
                         Value inBlock, Value signs, Value group, int64_t count,
                         MutableArrayRef<Value> counts) {
  SmallVector<Value> weights;
  for (TilePosition position : positions) {
    Value &tile = codec.getRecord() ? position.tile : position.record;
    tile = arith::AddIOp::create(b, tile, inBlock);
    if (count <= kFewRows && !codec.getRecord()) {
      SmallVector<Value> place(position.outer);
      place.append({position.record, index(kPrefetchBytes)});
      memref::PrefetchOp::create(b, weight.buffers[0], place,
                                 /*isWrite=*/false, /*localityHint=*/3,
                                 /*isDataCache=*/true);
    }
    weights.push_back(decoder.emitSigns(b, b.getLoc(), weight, position));
  }
  Value first = arith::MulIOp::create(b, word, index(count));
  for (int64_t i = 0; i < count; ++i) {
    Value x = vector::BroadcastOp::create(
        b, lanesI32,
        memref::LoadOp::create(
            b, signs,
            ValueRange{group, arith::AddIOp::create(b, first, index(i))}));
    for (auto [p, of] : llvm::enumerate(weights)) {
      Value &sum = counts[p * count + i];
      sum = counter.add(b, sum, arith::XOrIOp::create(b, of, x));
    }
  }
}

/// What a product counts: the scale as decode rounds it.
Value XnorKernel::getScale(const TilePosition &position) {
  Value scale =
      decoder.emitIntegerScales(b, b.getLoc(), weight, position).scale;
  Type element = logical.getElementType();
  if (element.isF32())
    return scale;
  scale = arith::TruncFOp::create(b, VectorType::get(kLanes, element), scale);
  return arith::ExtFOp::create(b, lanesF32, scale);
}

/// What fits the registers: so many vectors of lanes. Blocks have sums of f32
/// beside counts; where bytes are counted, that takes registers, too.
static Shape getShape(int64_t vectors, bool isBlocked) {
  if (vectors >= 32)
    return isBlocked ? Shape{12, 1} : Shape{8, 2};
  if (vectors >= 8)
    return isBlocked ? Shape{2, 1} : Shape{4, 1};
  return {1, 1};
}

LogicalResult XnorEmitter::emit(OpBuilder &b, ContractOp op) const {
  if (op.getCompute() != ComputeMode::Xnor ||
      !ContractionKernel::canLoadVectors(op))
    return failure();
  IntegerWeight weight(cast<TiledAttr>(op.getWeightType().getCodec()),
                       op.getWeightType().getLogicalType(), instructions);
  Shape shape =
      getShape(instructions.getNumVectors(), weight.codec.getRecord());
  shape.rows = ContractionKernel::chooseRows(op, shape.rows);
  XnorKernel(b, op, weight, counter, shape).emit();
  return success();
}

std::unique_ptr<ContractionEmitter>
mlir::compress::createXnorEmitter(ArrayRef<std::string> features) {
  return std::make_unique<XnorEmitter>(features);
}
