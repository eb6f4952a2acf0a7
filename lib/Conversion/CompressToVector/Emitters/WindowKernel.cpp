//===- WindowKernel.cpp - convolutions by products of 8-bit integers ------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// quantize the image, pixel after pixel, the channels of each together
// for each few panels of outputs, for each line of windows that lie at equal
// distances in the image: products of a few windows at a time
//
// So each pixel is rounded once, not once for each window that it is in, and
// windows are read where they lie. Where blocks of the weight are within the
// channels of one place, those channels of a pixel have a scale. Else all of an
// image has one: of what differs in a position of lhs that does not depend on
// k.
//
//===----------------------------------------------------------------------===//

#include "IntegerKernel.h"
#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <numeric>

using namespace mlir;
using namespace mlir::compress;

namespace {
/// How far a value goes in a straight line: from a multiple of `run` on, `run`
/// times by `step`; without end if that is 0.
struct Line {
  int64_t run = 0, step = 0;
  /// Whether it is the position along the line, up to multiples of the run.
  bool isPosition = false;
};

/// How windows read an image. Dimensions are those of lhs.
struct WindowShape {
  unsigned channels;
  /// The others: those that tell images apart, the rest, and the last one that
  /// windows extend over.
  SmallVector<unsigned> outer;
  unsigned numImageDims = 0;
  unsigned inner;
  /// Windows of a line, and the distance between two.
  int64_t line = 0;
  SmallVector<int64_t> steps;
};
} // namespace

/// The line that an expression is along a dimension.
static Line getLine(AffineExpr expr, unsigned dim) {
  if (!expr.isFunctionOfDim(dim))
    return {};
  if (isa<AffineDimExpr>(expr))
    return {0, 1, true};
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Line left = getLine(binary.getLHS(), dim),
       right = getLine(binary.getRHS(), dim);
  if (expr.getKind() == AffineExprKind::Add)
    return {std::gcd(left.run, right.run), left.step + right.step};
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!constant)
    return {1, 0};
  if (expr.getKind() == AffineExprKind::Mul)
    return {left.run, left.step * constant.getValue()};
  if (left.step == 0)
    return left;
  if (!left.isPosition)
    return {1, 0};
  int64_t run = std::gcd(left.run, constant.getValue());
  if (expr.getKind() == AffineExprKind::Mod)
    return {run, 1, true};
  if (expr.getKind() == AffineExprKind::FloorDiv)
    return {run, 0};
  return {1, 0};
}

/// Nothing if what a place of a window contributes is not all channels of a
/// pixel.
static std::optional<WindowShape> getWindowShape(ContractOp op) {
  if (!op.getWindow())
    return std::nullopt;
  AffineMap window = *op.getWindow();
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  unsigned m = op.getNumBatch(), k = m + 1;
  WindowShape shape;
  int64_t run = 0;
  std::optional<unsigned> channels;
  SmallVector<unsigned> images, others;
  for (unsigned dim = op.getNumBatch(); dim < window.getNumResults(); ++dim) {
    AffineExpr expr = window.getResult(dim);
    Line ofM = getLine(expr, m), ofK = getLine(expr, k);
    shape.line = std::gcd(shape.line, ofM.run);
    run = std::gcd(run, ofK.run);
    shape.steps.push_back(ofM.step);
    if (ofK.step == 0) {
      (expr.isFunctionOfDim(k) ? others : images).push_back(dim);
      continue;
    }
    if (channels || ofK.step != 1 || expr.isFunctionOfDim(m))
      return std::nullopt;
    channels = dim;
  }
  if (run == 0)
    run = op.getReducedSize();
  if (!channels || lhs.getDimSize(*channels) != run)
    return std::nullopt;
  shape.channels = *channels;
  // Where a window is a pixel, pixels are told apart.
  SmallVector<unsigned> &last = others.empty() ? images : others;
  if (last.empty())
    return std::nullopt;
  shape.inner = last.pop_back_val();
  shape.outer = images;
  shape.numImageDims = images.size();
  shape.outer.append(others);
  return shape;
}

namespace {
class WindowKernel : public IntegerKernel {
public:
  WindowKernel(OpBuilder &builder, ContractOp op, const IntegerWeight &weight,
               const IntegerFormat &format, const WindowShape &shape)
      : IntegerKernel(builder, op, weight, format, /*rows=*/1), shape(shape),
        channels(
            cast<MemRefType>(op.getLhs().getType()).getDimSize(shape.channels)),
        blockSize(this->format.tilesPerBlock * steps) {}

  /// Whether tiles and blocks fit the channels.
  bool fits() const {
    return paddedK == k && channels % steps == 0 &&
           (channels % blockSize == 0 || blockSize % channels == 0);
  }
  void chooseBlocks();

private:
  /// Whether pixels have scales, not images.
  bool isOfPixels() const { return blockSize <= channels; }

  /// Whether a line of windows is one of pixels without gaps.
  bool isDense() {
    for (auto [i, step] : llvm::enumerate(shape.steps))
      if (step != (i + op.getNumBatch() == shape.inner))
        return false;
    return true;
  }

  void emitRows(ValueRange batch) override;
  void measure();

  using LoadChannels = function_ref<Value(Value)>;
  using FillPixel =
      function_ref<void(Value, LoadChannels, SmallVectorImpl<Value> &)>;
  void forEachPixel(ValueRange batch, Value unit,
                    SmallVectorImpl<Value> &values, FillPixel fill);
  Value roundPixel(const ByteQuantization &quantization, Value pixel,
                   Value first, int64_t count, LoadChannels load);
  void allocateOfBlocks(Value size);
  void quantizePixels(ValueRange batch);
  void quantizeImages(ValueRange batch);
  void sumWindows(Value firstRow, int64_t length);

  void emitLines(ValueRange batch, Value rows);
  void emitLine(ValueRange batch, Panels panels, Value first, int64_t length);

  Value add(Value a, Value c) { return arith::AddIOp::create(b, a, c); }
  Value mul(Value a, Value c) { return arith::MulIOp::create(b, a, c); }
  Value add(Value a, int64_t c) { return c ? add(a, index(c)) : a; }
  Value mul(Value a, int64_t c) { return c == 1 ? a : mul(a, index(c)); }
  Value div(Value a, int64_t c) {
    return c == 1 ? a : arith::DivUIOp::create(b, a, index(c)).getResult();
  }
  Value allocate(Value size, Type type);
  Value get(Value buffer, Value at) {
    return memref::LoadOp::create(b, buffer, at);
  }
  /// Of lhs, as far as is known.
  int64_t getNumElements() {
    int64_t elements = 1;
    for (int64_t size : cast<MemRefType>(op.getLhs().getType()).getShape())
      elements *= ShapedType::isDynamic(size) ? 1 : size;
    return elements;
  }
  Value getPixelOfRow(Value row);
  Value getImageOfRow(Value row);

  Value getTilePlace(Value tile) override { return get(places, tile); }
  Value getBlockPlace(Value block) override {
    if (!isOfPixels())
      return block;
    return getTilePlace(mul(block, format.tilesPerBlock));
  }
  Value loadWord(const Rows &rows, Value place, int64_t word,
                 int64_t row) override {
    return get(words,
               add(add(add(rows.place, place), mul(rowStep, row)), word));
  }
  Value loadOfBlock(OfBlock what, const Rows &rows, Value place,
                    int64_t row) override {
    Value buffers[] = {scales, starts, sums};
    if (isOfPixels())
      place =
          div(add(add(rows.place, place), mul(rowStep, row)), blockSize / 4);
    else
      place = add(mul(add(rows.first, row), blocks), place);
    return get(buffers[int(what)], place);
  }
  int64_t getNumPanels(int64_t count) const override { return panelsOfBlock; }
  bool unrollsTiles() const override { return false; }

  WindowShape shape;
  int64_t channels, blockSize;
  int64_t rowsOfLine = 1, panelsOfBlock = 1, line = 1;
  /// Of lhs and its dimensions: sizes, and distances in pixels.
  SmallVector<Value> sizes, strides;
  Value numUnits, numPixels;
  /// Words from one row of a line to the next, and to each tile from the first.
  Value rowStep, places;
  /// Four integers a word, by pixel and channel.
  Value words;
  /// Of each block of a pixel, or of a window.
  Value scales, starts, sums;
  /// Where images have scales: those, and the sums of the integers of pixels.
  Value imageScales, pixelSums;
};
} // namespace

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

Value WindowKernel::allocate(Value size, Type type) {
  auto constant = getConstantIntValue(size);
  if (constant)
    return memref::AllocOp::create(b, MemRefType::get({*constant}, type),
                                   b.getI64IntegerAttr(64));
  return memref::AllocOp::create(b,
                                 MemRefType::get({ShapedType::kDynamic}, type),
                                 size, b.getI64IntegerAttr(64));
}

/// Sizes and distances, and the places of tiles.
void WindowKernel::measure() {
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  sizes.clear();
  for (int64_t dim = 0; dim < lhs.getRank(); ++dim)
    sizes.push_back(b.createOrFold<memref::DimOp>(op.getLhs(), dim));
  auto product = [&](Value a, Value c) -> Value {
    auto x = getConstantIntValue(a), y = getConstantIntValue(c);
    return x && y ? index(*x * *y) : mul(a, c);
  };
  strides.assign(lhs.getRank(), Value());
  strides[shape.inner] = index(1);
  Value stride = sizes[shape.inner];
  for (unsigned dim : llvm::reverse(shape.outer)) {
    strides[dim] = stride;
    stride = product(stride, sizes[dim]);
  }
  numPixels = stride;
  numUnits = index(1);
  for (unsigned dim : shape.outer)
    numUnits = product(numUnits, sizes[dim]);

  unsigned numBatch = op.getNumBatch();
  rowStep = index(0);
  for (auto [i, step] : llvm::enumerate(shape.steps))
    if (step)
      rowStep = add(rowStep, mul(strides[numBatch + i], step));
  rowStep = mul(rowStep, channels / 4);

  places = allocate(index(paddedK / steps), b.getIndexType());
  loop(index(0), index(paddedK / steps), 1, [&](Value tile) {
    // m is 0, and what a position is there does not count.
    SmallVector<Value> dims(numBatch + 1, index(0)),
        zeros(numBatch + 2, index(0));
    dims.push_back(mul(tile, steps));
    auto expand = [&](unsigned dim, ValueRange at) {
      return affine::expandAffineExpr(b, b.getLoc(),
                                      op.getWindow()->getResult(dim), at, {});
    };
    Value pixel = index(0);
    for (unsigned dim = numBatch; dim < strides.size(); ++dim)
      if (dim != shape.channels)
        pixel = add(pixel, mul(arith::SubIOp::create(b, expand(dim, dims),
                                                     expand(dim, zeros)),
                               strides[dim]));
    Value place =
        add(mul(pixel, channels / 4), div(expand(shape.channels, dims), 4));
    memref::StoreOp::create(b, place, places, tile);
  });
}

/// The number of a pixel in the order of what is quantized.
Value WindowKernel::getPixelOfRow(Value row) {
  unsigned numBatch = op.getNumBatch();
  SmallVector<Value> dims(numBatch, index(0));
  dims.append({row, index(0)});
  Value pixel = index(0);
  for (unsigned dim = numBatch; dim < strides.size(); ++dim)
    if (dim != shape.channels)
      pixel =
          add(pixel,
              mul(affine::expandAffineExpr(
                      b, b.getLoc(), op.getWindow()->getResult(dim), dims, {}),
                  strides[dim]));
  return pixel;
}

Value WindowKernel::getImageOfRow(Value row) {
  unsigned numBatch = op.getNumBatch();
  SmallVector<Value> dims(numBatch, index(0));
  dims.append({row, index(0)});
  Value image = index(0);
  for (unsigned dim : ArrayRef(shape.outer).take_front(shape.numImageDims))
    image = add(mul(image, sizes[dim]),
                affine::expandAffineExpr(
                    b, b.getLoc(), op.getWindow()->getResult(dim), dims, {}));
  return image;
}

//===----------------------------------------------------------------------===//
// Quantization
//===----------------------------------------------------------------------===//

/// Calls `fill`, in a loop that carries `values`, with the number of each pixel
/// that has the same positions in outer dimensions, and with what loads vectors
/// of its channels.
void WindowKernel::forEachPixel(ValueRange batch, Value unit,
                                SmallVectorImpl<Value> &values,
                                FillPixel fill) {
  SmallVector<Value> place(batch);
  place.resize(sizes.size());
  Value left = unit;
  for (unsigned dim : llvm::reverse(shape.outer)) {
    place[dim] = arith::RemUIOp::create(b, left, sizes[dim]);
    left = arith::DivUIOp::create(b, left, sizes[dim]);
  }
  auto lhs = cast<MemRefType>(op.getLhs().getType());
  bool isLast = shape.channels + 1 == sizes.size() && lhs.isLastDimUnitStride();
  AffineMap map =
      AffineMap::get(lhs.getRank(), 0, b.getAffineDimExpr(shape.channels));
  Value first = mul(unit, sizes[shape.inner]);
  loop(index(0), sizes[shape.inner], 1, values,
       [&](Value i, SmallVectorImpl<Value> &carried) {
         auto load = [&](Value channel) -> Value {
           SmallVector<Value> at = place;
           at[shape.inner] = i;
           at[shape.channels] = channel;
           if (isLast)
             return vector::LoadOp::create(b, lanesF32, op.getLhs(), at);
           return vector::TransferReadOp::create(b, lanesF32, op.getLhs(), at,
                                                 zero(b.getF32Type()), map,
                                                 ArrayRef<bool>{true});
         };
         fill(add(first, i), load, carried);
       });
}

/// Rounds channels of a pixel from `first` on. Returns the sum of integers.
Value WindowKernel::roundPixel(const ByteQuantization &quantization,
                               Value pixel, Value first, int64_t count,
                               LoadChannels load) {
  auto getChannel = [&](Value vector) {
    return add(first, mul(vector, kLanes));
  };
  Value at = mul(pixel, channels / 4);
  Value sum = round(
      quantization, count / kLanes,
      [&](Value vector) { return load(getChannel(vector)); },
      [&](Value vector, Value bytes) {
        vector::StoreOp::create(b, bytes, words,
                                add(at, div(getChannel(vector), 4)));
      });
  return vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum);
}

void WindowKernel::allocateOfBlocks(Value size) {
  scales = allocate(size, b.getF32Type());
  starts = hasStarts() ? allocate(size, b.getI32Type()) : Value();
  sums = hasSums() ? allocate(size, b.getF32Type()) : Value();
}

/// Each block of each pixel by itself.
void WindowKernel::quantizePixels(ValueRange batch) {
  allocateOfBlocks(mul(numPixels, channels / blockSize));
  loopRows(index(0), numUnits, getNumElements(), [&](Value unit) {
    SmallVector<Value> none;
    forEachPixel(batch, unit, none, [&](Value pixel, auto load, auto &) {
      loop(index(0), index(channels / blockSize), 1, [&](Value block) {
        Value first = mul(block, blockSize);
        Value largest =
            getLargest(zero(lanesI32), blockSize / kLanes, [&](Value vector) {
              return load(add(first, mul(vector, kLanes)));
            });
        ByteQuantization quantization(b, largest);
        Value sum = roundPixel(quantization, pixel, first, blockSize, load);
        Value place = add(mul(pixel, channels / blockSize), block);
        memref::StoreOp::create(b, getScale(quantization.scale), scales, place);
        storeSum(sum, starts, sums, place);
      });
    });
  });
}

/// All of an image together.
void WindowKernel::quantizeImages(ValueRange batch) {
  Type i32 = b.getI32Type();
  Value numImages = index(1), unitsPerImage = index(1);
  for (auto [i, dim] : llvm::enumerate(shape.outer)) {
    Value &count = i < shape.numImageDims ? numImages : unitsPerImage;
    count = mul(count, sizes[dim]);
  }
  Value ofUnits = allocate(numUnits, i32), ofImages = allocate(numImages, i32);
  loopRows(index(0), numUnits, getNumElements(), [&](Value unit) {
    SmallVector<Value> largest = {zero(lanesI32)};
    forEachPixel(batch, unit, largest,
                 [&](Value, auto load, SmallVectorImpl<Value> &carried) {
                   carried[0] = getLargest(
                       carried[0], channels / kLanes,
                       [&](Value vector) { return load(mul(vector, kLanes)); });
                 });
    memref::StoreOp::create(b,
                            vector::ReductionOp::create(
                                b, vector::CombiningKind::MAXSI, largest[0]),
                            ofUnits, unit);
  });
  imageScales = allocate(numImages, b.getF32Type());
  loop(index(0), numImages, 1, [&](Value image) {
    Value first = mul(image, unitsPerImage);
    SmallVector<Value> largest = {zero(i32)};
    loop(index(0), unitsPerImage, 1, largest,
         [&](Value unit, SmallVectorImpl<Value> &carried) {
           carried[0] = arith::MaxSIOp::create(b, carried[0],
                                               get(ofUnits, add(first, unit)));
         });
    memref::StoreOp::create(b, largest[0], ofImages, image);
    ByteQuantization quantization(b, largest[0]);
    memref::StoreOp::create(b, getScale(quantization.scale), imageScales,
                            image);
  });
  if (hasStarts() || hasSums())
    pixelSums = allocate(numPixels, i32);
  loopRows(index(0), numUnits, getNumElements(), [&](Value unit) {
    Value image = arith::DivUIOp::create(b, unit, unitsPerImage);
    ByteQuantization quantization(b, get(ofImages, image));
    SmallVector<Value> none;
    forEachPixel(batch, unit, none, [&](Value pixel, auto load, auto &) {
      Value sum = roundPixel(quantization, pixel, index(0), channels, load);
      if (pixelSums)
        memref::StoreOp::create(b, sum, pixelSums, pixel);
    });
  });
  memref::DeallocOp::create(b, ofUnits);
  memref::DeallocOp::create(b, ofImages);
}

/// What belongs to blocks of the windows of a line.
void WindowKernel::sumWindows(Value firstRow, int64_t length) {
  int64_t placesPerBlock = blockSize / channels;
  // The sums from some pixel on, of all places of a block.
  auto getSum = [&](Type type, Value pixel, Value block) {
    SmallVector<Value> sum = {zero(type)};
    loop(index(0), index(placesPerBlock), 1, sum,
         [&](Value i, SmallVectorImpl<Value> &carried) {
           Value tile =
               mul(add(mul(block, placesPerBlock), i), channels / steps);
           Value at = add(pixel, div(getTilePlace(tile), channels / 4));
           Value value = isa<VectorType>(type)
                             ? vector::LoadOp::create(b, cast<VectorType>(type),
                                                      pixelSums, at)
                                   .getResult()
                             : get(pixelSums, at);
           carried[0] = arith::AddIOp::create(b, carried[0], value);
         });
    return sum[0];
  };
  // Neighbours in a line are neighbours in the image.
  if (blocks == 1 && isDense()) {
    Value scale = get(imageScales, getImageOfRow(firstRow));
    Value firstPixel = getPixelOfRow(firstRow);
    auto emit = [&](Value offset, int64_t count) {
      auto lanes = VectorType::get(count, b.getI32Type());
      Value row = add(firstRow, offset);
      vector::StoreOp::create(
          b, vector::BroadcastOp::create(b, lanes.clone(b.getF32Type()), scale),
          scales, row);
      if (pixelSums)
        storeSum(getSum(lanes, add(firstPixel, offset), index(0)), starts, sums,
                 row);
    };
    int64_t whole = length / kLanes * kLanes;
    loop(index(0), index(whole), kLanes,
         [&](Value offset) { emit(offset, kLanes); });
    if (length > whole)
      emit(index(whole), length - whole);
    return;
  }
  loop(index(0), index(length), 1, [&](Value i) {
    Value row = add(firstRow, i);
    Value scale = get(imageScales, getImageOfRow(row));
    Value pixel = getPixelOfRow(row);
    loop(index(0), index(blocks), 1, [&](Value block) {
      Value place = add(mul(row, blocks), block);
      memref::StoreOp::create(b, scale, scales, place);
      if (pixelSums)
        storeSum(getSum(b.getI32Type(), pixel, block), starts, sums, place);
    });
  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Of all numbers of windows and panels whose sums fit the registers, those
/// that a line takes the fewest instructions with.
void WindowKernel::chooseBlocks() {
  int64_t rows =
      cast<MemRefType>(op.getInit().getType()).getDimSize(op.getDimM());
  bool isDynamic = ShapedType::isDynamic(rows);
  line = isDynamic ? shape.line : std::gcd(shape.line, rows);
  int64_t panels = llvm::divideCeil(n, kLanes);
  double least = 0;
  for (const IntegerShape &limit :
       getShapes(weight.instructions.getNumVectors(), blocks > 1))
    for (int64_t count = 1; count <= limit.rows; ++count) {
      int64_t length = line ? line : count;
      // A product or load is one instruction; loads are not what limits. Sums
      // wait for each other where there are few.
      auto getCost = [](int64_t count, int64_t panels) {
        return std::max<double>(count * panels, 8) + panels +
               (count + panels) / 4.0;
      };
      auto getCosts = [&](int64_t panels) {
        return (length / count) * getCost(count, panels) +
               (length % count ? getCost(length % count, panels) : 0);
      };
      double cost =
          panels / limit.panels * getCosts(limit.panels) +
          (panels % limit.panels ? getCosts(panels % limit.panels) : 0);
      cost /= length;
      if (least && cost >= least)
        continue;
      least = cost;
      rowsOfLine = count;
      panelsOfBlock = limit.panels;
    }
  if (!line)
    line = rowsOfLine;
}

void WindowKernel::emitRows(ValueRange batch) {
  measure();
  words = allocate(mul(numPixels, channels / 4), b.getI32Type());
  if (isOfPixels())
    quantizePixels(batch);
  else
    quantizeImages(batch);
  Value rows =
      b.createOrFold<memref::DimOp>(op.getInit(), int64_t(op.getDimM()));
  emitLines(batch, rows);
  for (Value buffer :
       {places, words, scales, starts, sums, imageScales, pixelSums})
    if (buffer)
      memref::DeallocOp::create(b, buffer);
}

/// The products of panels with the windows of a line from `first` on.
void WindowKernel::emitLine(ValueRange batch, Panels panels, Value first,
                            int64_t length) {
  auto emit = [&](Value row, int64_t count) {
    emitPanels(batch, panels,
               {row, count, mul(getPixelOfRow(row), channels / 4)});
  };
  int64_t whole = length / rowsOfLine * rowsOfLine;
  loop(index(0), index(whole), rowsOfLine,
       [&](Value offset) { emit(add(first, offset), rowsOfLine); });
  if (length > whole)
    emit(add(first, whole), length - whole);
}

void WindowKernel::emitLines(ValueRange batch, Value rows) {
  auto staticRows = getConstantIntValue(rows);
  Value lines = staticRows ? index(*staticRows / line) : div(rows, line);
  Value whole = mul(lines, line);
  if (!isOfPixels()) {
    allocateOfBlocks(mul(rows, blocks));
    loopRows(index(0), lines, staticRows.value_or(1) * blocks,
             [&](Value i) { sumWindows(mul(i, line), line); });
    if (!staticRows)
      loop(whole, rows, 1, [&](Value row) { sumWindows(row, 1); });
  }
  constexpr int64_t kTurns = 4;
  int64_t numPanels = llvm::divideCeil(n, kLanes);
  auto emitAll = [&](int64_t begin, int64_t end, int64_t together) {
    auto getPanels = [&](Value group) {
      SmallVector<Value> panels;
      for (int64_t i = 0; i < together; ++i)
        panels.push_back(add(mul(group, together), begin + i));
      return panels;
    };
    Value groups = index((end - begin) / together);
    // The lines of one group of panels are neighbours.
    int64_t chunk =
        staticRows ? llvm::divideCeil(*staticRows / line, kTurns) : kTurns;
    loopShared(index(0), mul(groups, lines), 1, chunk,
               staticRows.value_or(line * kTurns) * n * k, [&](Value i) {
                 Value group = arith::DivUIOp::create(b, i, lines);
                 Value first =
                     mul(arith::RemUIOp::create(b, i, lines).getResult(), line);
                 emitLine(batch, getPanels(group), first, line);
               });
    if (!staticRows)
      loop(whole, rows, 1, [&](Value row) {
        loop(index(0), groups, 1,
             [&](Value group) { emitLine(batch, getPanels(group), row, 1); });
      });
  };
  int64_t even = numPanels / panelsOfBlock * panelsOfBlock;
  if (even)
    emitAll(0, even, panelsOfBlock);
  if (even < numPanels)
    emitAll(even, numPanels, numPanels - even);
}

LogicalResult mlir::compress::emitWindowKernel(OpBuilder &b, ContractOp op,
                                               const IntegerWeight &weight,
                                               const IntegerFormat &format) {
  std::optional<WindowShape> shape = getWindowShape(op);
  if (!shape)
    return failure();
  WindowKernel kernel(b, op, weight, format, *shape);
  if (!kernel.fits())
    return failure();
  kernel.chooseBlocks();
  kernel.emit();
  return success();
}
