//===- IntegerKernel.h - products of rows of bytes with a weight ----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_INTEGERKERNEL_H
#define COMPRESS_LIB_CONVERSION_INTEGERKERNEL_H

#include "../ByteQuantization.h"
#include "ContractionKernel.h"
#include "compress/Conversion/CompressToVector/ContractionEmitter.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace mlir::compress {

/// Up to so many rows, memory is what limits: codes are spared shifts.
inline constexpr int64_t kFewRows = 3;

/// Products of a few rows of x, rounded to bytes, with a few panels of the
/// weight. How x is rounded and kept is a subclass's.
class IntegerKernel : public ContractionKernel {
public:
  /// Rows are computed in blocks of `rows`, where emitBlocks is called.
  IntegerKernel(OpBuilder &builder, ContractOp op, const IntegerWeight &weight,
                const IntegerFormat &format, int64_t rows);

protected:
  void prepare() override {
    weight.buffers =
        decoder.prepareIntegers(b, b.getLoc(), weight, op.getComponents());
  }

  /// Rows of x that are computed at once: the first one, and where a subclass
  /// keeps them.
  struct Rows {
    Value first;
    int64_t count;
    Value place;
  };
  /// Where x of a tile is, and what belongs to a block, for the next methods.
  virtual Value getTilePlace(Value tile) = 0;
  virtual Value getBlockPlace(Value block) = 0;
  /// Four integers of a row: number `word` of a tile.
  virtual Value loadWord(const Rows &rows, Value place, int64_t word,
                         int64_t row) = 0;
  /// All integers of a row that vector number `number` of a sparse tile is
  /// multiplied with, as words.
  virtual Value loadSteps(const Rows &rows, Value place, int64_t number,
                          int64_t row) {
    llvm_unreachable("no sparse tiles");
  }
  /// What a row has of a block: its scale; what accumulators begin with, where
  /// codes have a bias; the sum of its integers as f32, where the weight has
  /// zero points or minima.
  enum class OfBlock { Scale, Start, Sum };
  virtual Value loadOfBlock(OfBlock what, const Rows &rows, Value place,
                            int64_t row) = 0;
  /// Panels that share loads of x.
  virtual int64_t getNumPanels(int64_t count) const = 0;
  /// Called with each tile, to ask memory for panels that come next.
  virtual void prefetchNext(ValueRange batch, ArrayRef<Value> panels,
                            const Rows &rows, Value tile) {}
  /// Whether tiles of a short row are unrolled: it takes registers.
  virtual bool unrollsTiles() const { return true; }

  using Panels = ArrayRef<Value>;
  void emitPanels(ValueRange batch, Panels panels, const Rows &rows);

  /// Outputs of sparse tiles have sums of their own.
  bool hasStarts() const { return format.bias != 0 && !format.isSparse(); }
  bool hasSums() const {
    return (format.hasZero || format.hasMin) && !format.isSparse();
  }
  /// A scale of x as a kernel multiplies with it.
  Value getScale(Value scale);
  /// Bits of the largest magnitudes, by lane, of `count` vectors that `load`
  /// makes, and of `largest`.
  Value getLargest(Value largest, int64_t count,
                   function_ref<Value(Value)> load);
  /// Rounds as many vectors. `store` takes them, four bytes a word. The sums of
  /// lanes, in i32.
  Value round(const ByteQuantization &quantization, int64_t count,
              function_ref<Value(Value)> load,
              function_ref<void(Value, Value)> store);
  /// Stores what belongs to a block, but for its scale, of the sum of its
  /// integers.
  void storeSum(Value sum, Value starts, Value sums, ValueRange place);

  IntegerWeight weight;
  IntegerFormat format;
  TileDecoderInterface decoder;
  VectorType lanesI32;
  /// Of a tile, a block and a record; a record is a tile where there is none.
  int64_t steps, tilesPerRecord, blocks, paddedK;

private:
  void emitBlock(ValueRange batch, Panels panels, Value block, Value record,
                 Value tile, const Rows &rows, SmallVectorImpl<Value> &results);
  void emitTile(ArrayRef<TilePosition> positions, Value tile, const Rows &rows,
                SmallVectorImpl<Value> &accumulators);
  void emitSparseVector(ArrayRef<SmallVector<CodeGroup>> groups, Value place,
                        int64_t vector, const Rows &rows,
                        SmallVectorImpl<Value> &accumulators);
  Value splat(VectorType type, int64_t value);
  Value addUp(ArrayRef<Value> accumulators, int64_t count);
  void prefetch(ValueRange batch, Value panel, Value record, int64_t bytes);

  Value broadcast(Value value) {
    return vector::BroadcastOp::create(
        b, VectorType::get(kLanes, value.getType()), value);
  }

  /// Whether sums of the integers that meet stored elements are needed.
  bool hasSelected() const {
    return format.isSparse() &&
           (format.bias || format.hasZero || format.hasMin);
  }
  bool isShifted(int64_t count) const {
    int64_t vectors = weight.instructions.getNumVectors();
    int64_t sums = format.shifts.size() * (hasSelected() ? 2 : 1);
    return count <= kFewRows &&
           llvm::any_of(format.shifts,
                        [](unsigned shift) { return shift != 0; }) &&
           count * (sums + 1) + 2 <= vectors;
  }
  int64_t getNumShifts(int64_t count) const {
    return isShifted(count) ? format.shifts.size() : 1;
  }
  int64_t getChains(int64_t count) const;
};

/// Rows, and panels of outputs, that are computed at once.
struct IntegerShape {
  int64_t rows, panels;
};

/// What fits the registers: so many vectors of lanes. Where blocks end within a
/// row, there are f32 accumulators beside those of integers. Panels share loads
/// of x; their codes take registers. The first one is the best for many rows.
ArrayRef<IntegerShape> getShapes(int64_t vectors, bool isBlocked);

/// The same for sparse tiles, which have twice as many sums.
IntegerShape getSparseShape(int64_t vectors);

/// Emits the kernel of a convolution whose image is rounded once, for all
/// windows, if the op is one.
LogicalResult emitWindowKernel(OpBuilder &b, ContractOp op,
                               const IntegerWeight &weight,
                               const IntegerFormat &format);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_INTEGERKERNEL_H
