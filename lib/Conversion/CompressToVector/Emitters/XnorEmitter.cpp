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
// Of a convolution, signs of the image are taken once, and words of rows are
// copied from them. Places out of the image are words of no bit in a row: what
// that counts, the bits of the weight, is taken off at the end.
//
//===----------------------------------------------------------------------===//

#include "ContractionKernel.h"
#include "SignWindow.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

/// Signs of rows: dimensions are groups of rows, then words, then rows of a
/// group.
struct SignRows {
  Value words;
  /// Of each row how many places are out of the image, and which.
  Value missing;
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
             const BitCounter &counter, std::optional<SignWindow> window,
             Shape shape);

private:
  void prepare() override {
    weight.buffers =
        decoder.prepareIntegers(b, b.getLoc(), weight, op.getComponents());
  }
  int64_t getSmallerCount(int64_t count) const override {
    return count > 2 ? (count + 1) / 2 : 1;
  }
  void emitRows(ValueRange batch) override;
  void emitBlocks(ValueRange batch, Value begin, Value end,
                  int64_t count) override;

  // Signs of an image.
  Value readImage(ValueRange batch);
  void readPixels(ValueRange batch, Value image, SmallVectorImpl<Value> &pixel);
  void readChannels(ValueRange batch, Value image, ArrayRef<Value> pixel);
  void readLine(ValueRange batch, Value image, ArrayRef<Value> pixel);
  Value countPlaces(ValueRange batch);
  Value countMissing(Value panel, const SignRows &signs, Value group,
                     int64_t row, int64_t count, Value &steps);

  // Signs of rows.
  void copyRow(ValueRange batch, Value row, const SignRows &signs, Value group,
               Value place, int64_t count);
  Value isIn(unsigned dim, Value position);
  void copyPlaces(ValueRange batch, ArrayRef<Value> origin,
                  const SignRows &signs, Value group, Value place,
                  int64_t count, bool isChecked);
  void readRow(ValueRange batch, Value row, const SignRows &signs, Value group,
               Value place, int64_t count);
  Value readWord(ArrayRef<Value> place, int64_t length);
  Value gatherWord(int64_t length,
                   function_ref<SmallVector<Value>(Value)> getPlace);
  bool isContiguous() {
    return cast<MemRefType>(op.getLhs().getType()).isLastDimUnitStride();
  }

  // Products of `count` rows with `panels.size()` panels of the weight.
  using Panels = ArrayRef<Value>;
  void emitPanels(ValueRange batch, Panels panels, const SignRows &signs,
                  Value group, Value firstRow, int64_t count);
  void emitBlock(ValueRange batch, Panels panels, Value block, int64_t size,
                 const SignRows &signs, Value group, int64_t count,
                 SmallVectorImpl<Value> &results);
  void addWord(ArrayRef<TilePosition> positions, Value word, Value inBlock,
               const SignRows &signs, Value group, int64_t count,
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
  std::optional<SignWindow> window;
  Shape shape;
  /// Words of a row, and steps of a block.
  int64_t words, blockSize;
  /// Signs of the image of a batch, and, where windows reach out of it, set
  /// bits of the weight by panel and place.
  Value image, placeCounts;
};
} // namespace

XnorKernel::XnorKernel(OpBuilder &builder, ContractOp op,
                       const IntegerWeight &weight, const BitCounter &counter,
                       std::optional<SignWindow> window, Shape shape)
    : ContractionKernel(builder, op, shape.rows), weight(weight),
      counter(counter), decoder(cast<TileDecoderInterface>(codec.getBase())),
      lanesI32(VectorType::get(kLanes, b.getI32Type())),
      window(std::move(window)), shape(shape),
      words(llvm::divideCeil(k, kWordBits)),
      blockSize(std::min(k, decoder.getIntegerFormat(weight).tilesPerBlock *
                                kWordBits)) {}

void XnorKernel::emitRows(ValueRange batch) {
  if (!window)
    return ContractionKernel::emitRows(batch);
  image = readImage(batch);
  if (!window->openDims.empty())
    placeCounts = countPlaces(batch);
  ContractionKernel::emitRows(batch);
  memref::DeallocOp::create(b, image);
  if (placeCounts)
    memref::DeallocOp::create(b, placeCounts);
}

void XnorKernel::emitBlocks(ValueRange batch, Value begin, Value end,
                            int64_t count) {
  int64_t groups =
      count > kFewRows ? getNumGroups(count, kSignBytes / (words * 4)) : 1;
  auto allocate = [&](int64_t size) -> Value {
    return memref::AllocOp::create(
        b, MemRefType::get({groups, size * count}, b.getI32Type()),
        b.getI64IntegerAttr(64));
  };
  SignRows signs = {allocate(words), {}};
  if (placeCounts)
    signs.missing = allocate(window->places.size() + 1);
  emitTurns(batch, begin, end,
            {count, groups, words * kWordBits, getNumPanels(count),
             /*prepareRow=*/{},
             [&](ArrayRef<Value> panels, Value group, Value firstRow) {
               emitPanels(batch, panels, signs, group, firstRow, count);
             },
             [&](Value row, Value group, Value place) {
               if (window)
                 copyRow(batch, row, signs, group, place, count);
               else
                 readRow(batch, row, signs, group, place, count);
             }});
  for (Value buffer : {signs.words, signs.missing})
    if (buffer)
      memref::DeallocOp::create(b, buffer);
}

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

/// The signs of elements that are neighbours in memory.
Value XnorKernel::readWord(ArrayRef<Value> place, int64_t length) {
  auto type = VectorType::get(kWordBits, b.getF32Type());
  Value x;
  if (length == kWordBits) {
    x = vector::LoadOp::create(b, type, op.getLhs(), place);
  } else {
    Value mask = vector::ConstantMaskOp::create(
        b, VectorType::get(kWordBits, b.getI1Type()), length);
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
Value XnorKernel::gatherWord(int64_t length,
                             function_ref<SmallVector<Value>(Value)> getPlace) {
  Type i32 = b.getI32Type();
  Value none = zero(b.getF32Type());
  uint32_t padding = length == kWordBits ? 0 : ~uint32_t(0) << length;
  SmallVector<Value> word = {
      arith::ConstantOp::create(b, b.getI32IntegerAttr(padding))};
  loop(0, length, 1, word, [&](Value bit, SmallVectorImpl<Value> &carried) {
    Value x = memref::LoadOp::create(b, op.getLhs(), getPlace(bit));
    Value isNegative =
        arith::CmpFOp::create(b, arith::CmpFPredicate::ULT, x, none);
    Value shifted =
        arith::ShLIOp::create(b, arith::ExtUIOp::create(b, i32, isNegative),
                              arith::IndexCastOp::create(b, i32, bit));
    carried[0] = arith::OrIOp::create(b, carried[0], shifted);
  });
  return word[0];
}

void XnorKernel::readRow(ValueRange batch, Value row, const SignRows &signs,
                         Value group, Value place, int64_t count) {
  auto store = [&](Value first, int64_t length) {
    Value word = op.getWindow() || !isContiguous()
                     ? gatherWord(length,
                                  [&](Value bit) {
                                    return getLhsPlace(
                                        batch, row,
                                        arith::AddIOp::create(b, first, bit));
                                  })
                     : readWord(getLhsPlace(batch, row, first), length);
    Value number = arith::DivUIOp::create(b, first, index(kWordBits));
    Value at = arith::AddIOp::create(
        b, arith::MulIOp::create(b, number, index(count)), place);
    memref::StoreOp::create(b, word, signs.words, ValueRange{group, at});
  };
  int64_t whole = k / kWordBits * kWordBits;
  loop(index(0), index(whole), kWordBits,
       [&](Value first) { store(first, kWordBits); });
  if (whole < k)
    store(index(whole), k - whole);
}

//===----------------------------------------------------------------------===//
// Images
//===----------------------------------------------------------------------===//

/// The signs of the image of a batch: words in place of its channels.
Value XnorKernel::readImage(ValueRange batch) {
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  SmallVector<int64_t> shape(lhs.getShape().drop_front(batch.size()));
  SmallVector<Value> sizes;
  for (auto [dim, size] : llvm::enumerate(shape))
    if (ShapedType::isDynamic(size))
      sizes.push_back(
          memref::DimOp::create(b, op.getLhs(), batch.size() + dim));
  shape[window->channelDim - batch.size()] /= kWordBits;
  Value words =
      memref::AllocOp::create(b, MemRefType::get(shape, b.getI32Type()), sizes,
                              b.getI64IntegerAttr(64));
  SmallVector<Value> pixel;
  readPixels(batch, words, pixel);
  return words;
}

/// Loops over all dimensions of an image but its channels. Threads share the
/// one behind that of images.
void XnorKernel::readPixels(ValueRange batch, Value image,
                            SmallVectorImpl<Value> &pixel) {
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  unsigned dim = batch.size() + pixel.size();
  unsigned last = lhs.getRank() - 1;
  bool isLine = isContiguous() && window->channelDim != last;
  auto next = [&](Value at) {
    pixel.push_back(at);
    readPixels(batch, image, pixel);
    pixel.pop_back();
  };
  if (dim > last || (dim == last && isLine))
    return isLine ? readLine(batch, image, pixel)
                  : readChannels(batch, image, pixel);
  if (dim == window->channelDim)
    return next(Value());
  Value size = memref::DimOp::create(b, op.getLhs(), dim);
  int64_t elements = 1;
  for (int64_t extent : lhs.getShape().drop_front(dim))
    elements *= ShapedType::isDynamic(extent) ? 1 : extent;
  unsigned shared =
      batch.size() + (window->channelDim == batch.size() + 1 ? 2 : 1);
  if (dim == shared)
    return loopRows(index(0), size, elements, next);
  loop(index(0), size, 1, next);
}

/// The channels of one pixel.
void XnorKernel::readChannels(ValueRange batch, Value image,
                              ArrayRef<Value> pixel) {
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  int64_t channels = lhs.getDimSize(window->channelDim);
  loop(index(0), index(channels / kWordBits), 1, [&](Value word) {
    Value first = arith::MulIOp::create(b, word, index(kWordBits));
    auto getPlace = [&](Value channel) {
      SmallVector<Value> place(batch);
      place.append(pixel.begin(), pixel.end());
      place[window->channelDim] = channel;
      return place;
    };
    Value bits = isContiguous()
                     ? readWord(getPlace(first), kWordBits)
                     : gatherWord(kWordBits, [&](Value bit) {
                         return getPlace(arith::AddIOp::create(b, first, bit));
                       });
    SmallVector<Value> at(pixel);
    at[window->channelDim - batch.size()] = word;
    memref::StoreOp::create(b, bits, image, at);
  });
}

/// The channels of a line of pixels that are neighbours in memory: pixels are
/// lanes.
void XnorKernel::readLine(ValueRange batch, Value image,
                          ArrayRef<Value> pixel) {
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  int64_t channels = lhs.getDimSize(window->channelDim);
  Value size = memref::DimOp::create(b, op.getLhs(), lhs.getRank() - 1);
  auto lanesI1 = VectorType::get(kLanes, b.getI1Type());
  loop(index(0), index(channels / kWordBits), 1, [&](Value word) {
    Value first = arith::MulIOp::create(b, word, index(kWordBits));
    loop(index(0), size, kLanes, [&](Value x) {
      Value mask = vector::CreateMaskOp::create(
          b, lanesI1, arith::SubIOp::create(b, size, x).getResult());
      SmallVector<Value> bits = {zero(lanesI32)};
      loop(
          0, kWordBits, 1, bits,
          [&](Value bit, SmallVectorImpl<Value> &carried) {
            SmallVector<Value> place(batch);
            place.append(pixel.begin(), pixel.end());
            place[window->channelDim] = arith::AddIOp::create(b, first, bit);
            place.push_back(x);
            Value values = vector::MaskedLoadOp::create(
                b, lanesF32, op.getLhs(), place, mask, zero(lanesF32));
            Value isNegative = arith::CmpFOp::create(
                b, arith::CmpFPredicate::ULT, values, zero(lanesF32));
            Value shift = vector::BroadcastOp::create(
                b, lanesI32,
                arith::IndexCastOp::create(b, b.getI32Type(), bit));
            carried[0] = arith::OrIOp::create(
                b, carried[0],
                arith::ShLIOp::create(
                    b, arith::ExtUIOp::create(b, lanesI32, isNegative), shift));
          });
      SmallVector<Value> at(pixel);
      at[window->channelDim - batch.size()] = word;
      at.push_back(x);
      vector::MaskedStoreOp::create(b, image, at, mask, bits[0]);
    });
  });
}

/// Set bits of the weight at each place of a window, by panel and place.
Value XnorKernel::countPlaces(ValueRange batch) {
  int64_t panels = llvm::divideCeil(n, kLanes), places = window->places.size();
  Value counts = memref::AllocOp::create(
      b, MemRefType::get({panels, places, kLanes}, b.getI32Type()),
      b.getI64IntegerAttr(64));
  loopPanels(index(0), index(panels), 1, [&](Value panel) {
    loop(index(0), index(places), 1, [&](Value place) {
      Value first =
          arith::MulIOp::create(b, place, index(window->wordsPerPlace));
      SmallVector<Value> total = {zero(lanesI32)};
      loop(0, window->wordsPerPlace, 1, total,
           [&](Value word, SmallVectorImpl<Value> &carried) {
             TilePosition position = {SmallVector<Value>(batch),
                                      arith::AddIOp::create(b, first, word),
                                      index(0)};
             position.outer.push_back(panel);
             Value bits = decoder.emitSigns(b, b.getLoc(), weight, position);
             Value counted = counter.getTotals(
                 b, counter.add(b, zero(counter.getType(b)), bits));
             carried[0] = arith::AddIOp::create(b, carried[0], counted);
           });
      vector::StoreOp::create(b, total[0], counts,
                              ValueRange{panel, place, index(0)});
    });
  });
  return counts;
}

/// Copies the words of a row from the image. Places out of it have no bit.
void XnorKernel::copyRow(ValueRange batch, Value row, const SignRows &signs,
                         Value group, Value place, int64_t count) {
  SmallVector<Value> origin = getLhsPlace(batch, row, index(0));
  // Most rows have all places.
  Value isInside;
  for (unsigned dim : window->openDims) {
    auto [low, high] = std::minmax_element(
        window->places.begin(), window->places.end(),
        [&](const auto &a, const auto &b) { return a[dim] < b[dim]; });
    for (int64_t offset : {(*low)[dim], (*high)[dim]}) {
      Value fits =
          isIn(dim, arith::AddIOp::create(b, origin[dim], index(offset)));
      isInside = isInside ? arith::AndIOp::create(b, isInside, fits) : fits;
    }
  }
  if (!isInside)
    return copyPlaces(batch, origin, signs, group, place, count,
                      /*isChecked=*/false);
  auto branch = scf::IfOp::create(b, isInside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  copyPlaces(batch, origin, signs, group, place, count, /*isChecked=*/false);
  b.setInsertionPointToStart(branch.elseBlock());
  copyPlaces(batch, origin, signs, group, place, count, /*isChecked=*/true);
}

/// Whether there is such a position in a dimension of lhs.
Value XnorKernel::isIn(unsigned dim, Value position) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position,
                               memref::DimOp::create(b, op.getLhs(), dim));
}

/// The same, with a list of places that are missing if `isChecked`, else none.
void XnorKernel::copyPlaces(ValueRange batch, ArrayRef<Value> origin,
                            const SignRows &signs, Value group, Value place,
                            int64_t count, bool isChecked) {
  auto toI32 = [&](Value value) -> Value {
    return arith::IndexCastOp::create(b, b.getI32Type(), value);
  };
  Value list, missing = index(0);
  if (signs.missing)
    list = arith::MulIOp::create(b, place, index(window->places.size() + 1));
  for (auto [number, offsets] : llvm::enumerate(window->places)) {
    SmallVector<Value> at;
    for (unsigned dim = batch.size(); dim < origin.size(); ++dim)
      at.push_back(
          dim == window->channelDim
              ? index(offsets[dim] / kWordBits)
              : arith::AddIOp::create(b, origin[dim], index(offsets[dim])));
    Value isInside;
    if (isChecked) {
      for (unsigned dim : window->openDims) {
        Value fits = isIn(dim, at[dim - batch.size()]);
        isInside = isInside ? arith::AndIOp::create(b, isInside, fits) : fits;
      }
      for (unsigned dim : window->openDims) {
        Value &position = at[dim - batch.size()];
        position = arith::SelectOp::create(b, isInside, position, index(0));
      }
      // What comes next overwrites it if the place is not missing.
      Value next = arith::AddIOp::create(b, missing, index(1));
      memref::StoreOp::create(
          b, toI32(index(number)), signs.missing,
          ValueRange{group, arith::AddIOp::create(b, list, next)});
      missing = arith::SelectOp::create(b, isInside, missing, next);
    }
    Value &channel = at[window->channelDim - batch.size()];
    Value firstChannel = channel,
          firstWord = index(number * window->wordsPerPlace);
    auto copy = [&](Value word) {
      channel = arith::AddIOp::create(b, firstChannel, word);
      Value bits = memref::LoadOp::create(b, image, at);
      if (isInside)
        bits = arith::SelectOp::create(b, isInside, bits, zero(b.getI32Type()));
      Value to = arith::AddIOp::create(
          b,
          arith::MulIOp::create(b, arith::AddIOp::create(b, firstWord, word),
                                index(count)),
          place);
      memref::StoreOp::create(b, bits, signs.words, ValueRange{group, to});
    };
    if (window->wordsPerPlace > kUnrolledWords)
      loop(index(0), index(window->wordsPerPlace), 1, copy);
    else
      for (int64_t word = 0; word < window->wordsPerPlace; ++word)
        copy(index(word));
  }
  if (signs.missing)
    memref::StoreOp::create(b, toI32(missing), signs.missing,
                            ValueRange{group, list});
}

/// What was counted for places that row number `row` does not have; `steps`
/// becomes the number of steps that it has.
Value XnorKernel::countMissing(Value panel, const SignRows &signs, Value group,
                               int64_t row, int64_t count, Value &steps) {
  int64_t list = row * (window->places.size() + 1);
  auto load = [&](Value at) -> Value {
    return memref::LoadOp::create(b, signs.missing, ValueRange{group, at});
  };
  Value number = load(index(list));
  Value left = arith::SubIOp::create(
      b, arith::ConstantOp::create(b, b.getI32IntegerAttr(k)),
      arith::MulIOp::create(
          b, number,
          arith::ConstantOp::create(
              b, b.getI32IntegerAttr(window->wordsPerPlace * kWordBits))));
  steps = vector::BroadcastOp::create(b, lanesI32, left);
  SmallVector<Value> total = {zero(lanesI32)};
  loop(index(0), arith::IndexCastOp::create(b, b.getIndexType(), number), 1,
       total, [&](Value i, SmallVectorImpl<Value> &carried) {
         Value place = arith::IndexCastOp::create(
             b, b.getIndexType(),
             load(arith::AddIOp::create(b, i, index(list + 1))));
         Value counted = vector::LoadOp::create(
             b, lanesI32, placeCounts, ValueRange{panel, place, index(0)});
         carried[0] = arith::AddIOp::create(b, carried[0], counted);
       });
  return total[0];
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

void XnorKernel::emitPanels(ValueRange batch, Panels panels,
                            const SignRows &signs, Value group, Value firstRow,
                            int64_t count) {
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
                           int64_t size, const SignRows &signs, Value group,
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
      Value negative = totals[p * count + i], steps = splat(size);
      if (signs.missing)
        negative = arith::SubIOp::create(
            b, negative,
            countMissing(panels[p], signs, group, i, count, steps));
      Value sum = arith::SubIOp::create(
          b, steps, arith::AddIOp::create(b, negative, negative));
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
                         Value inBlock, const SignRows &signs, Value group,
                         int64_t count, MutableArrayRef<Value> counts) {
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
            b, signs.words,
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
  // Sums of places that are not there are known for whole rows only.
  std::optional<SignWindow> window = getSignWindow(op);
  if (window ? !window->openDims.empty() && weight.codec.getRecord()
             : !getOpenDims(op).empty())
    return failure();
  Shape shape =
      getShape(instructions.getNumVectors(), weight.codec.getRecord());
  shape.rows = ContractionKernel::chooseRows(op, shape.rows);
  XnorKernel(b, op, weight, counter, std::move(window), shape).emit();
  return success();
}

std::unique_ptr<ContractionEmitter>
mlir::compress::createXnorEmitter(ArrayRef<std::string> features) {
  return std::make_unique<XnorEmitter>(features);
}
