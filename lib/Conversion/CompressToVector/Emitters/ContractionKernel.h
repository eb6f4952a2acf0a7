//===- ContractionKernel.h - what the loops of all emitters share ---------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_CONTRACTIONKERNEL_H
#define COMPRESS_LIB_CONVERSION_CONTRACTIONKERNEL_H

#include "compress/Conversion/CompressToVector/TileDecoder.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

/// The loops of one compress.contract on buffers: over batch dimensions, and
/// over blocks of rows of lhs. What is done with blocks is the emitter's.
class ContractionKernel {
public:
  /// Blocks have `rows` rows, but for the rest.
  ContractionKernel(OpBuilder &builder, ContractOp op, int64_t rows);
  virtual ~ContractionKernel() = default;

  void emit();

  /// Whether the weight is laid out for the mode of the op, and what is in a
  /// tile and the outputs of a panel can be loaded as vectors.
  static bool canLoadVectors(ContractOp op);
  /// Rows of a block, `limit` at most. A rest of rows takes a pass over the
  /// weight of its own, so a smaller number without a rest is better than a
  /// larger one.
  static int64_t chooseRows(ContractOp op, int64_t limit);

protected:
  /// Emitted once, before all loops.
  virtual void prepare() = 0;
  /// Emitted once, after all loops, if `prepare` was.
  virtual void release() {}
  /// All rows of a batch. If not overridden, with the two methods below.
  virtual void emitRows(ValueRange batch);
  /// Blocks of `count` rows, from row `begin` to row `end`.
  virtual void emitBlocks(ValueRange batch, Value begin, Value end,
                          int64_t count) {
    llvm_unreachable("emitRows calls it");
  }
  /// The rows of blocks for what blocks of `count` rows, which is more than 1,
  /// leave of a number of rows that is known at run time only.
  virtual int64_t getSmallerCount(int64_t count) const {
    llvm_unreachable("emitRows calls it");
  }

  Value index(int64_t value);
  Value zero(Type type);
  /// A loop whose body `fill` emits, at its induction variable.
  void loop(Value lower, Value upper, int64_t by,
            function_ref<void(Value)> fill);
  /// The loop over panels of outputs, which threads share where it is long
  /// enough: a body writes outputs of its panels, and nothing
  /// else that another one reads.
  void loopPanels(Value lower, Value upper, int64_t by,
                  function_ref<void(Value)> fill);
  /// A loop of so many `products`, of which threads take `chunk` iterations at
  /// a time where it is long enough.
  void loopShared(Value lower, Value upper, int64_t by, int64_t chunk,
                  int64_t products, function_ref<void(Value)> fill);
  /// A loop over rows of lhs, or groups of them, that prepares `elements` for
  /// the products at most. Threads share it where that is long, as they do
  /// panels.
  void loopRows(Value lower, Value upper, int64_t elements,
                function_ref<void(Value)> fill);
  /// A loop that carries `values`, which `fill` replaces.
  void loop(Value lower, Value upper, int64_t by,
            SmallVectorImpl<Value> &values,
            function_ref<void(Value, SmallVectorImpl<Value> &)> fill);
  void loop(int64_t lower, int64_t upper, int64_t by,
            SmallVectorImpl<Value> &values,
            function_ref<void(Value, SmallVectorImpl<Value> &)> fill);
  /// Unrolled up to `limit` times, else as a loop.
  void unrollOrLoop(int64_t count, int64_t limit,
                    SmallVectorImpl<Value> &values,
                    function_ref<void(Value, SmallVectorImpl<Value> &)> fill);
  /// Blocks of `count` rows, in turns of up to `groups` of them: `prepareRow`
  /// makes what `emitPanels` reads of a row, copied to a buffer of `size`
  /// elements, and then come all panels, up to `together` at once, with each
  /// group. With `readRow`, which is given the number of the row, no row is
  /// copied.
  struct Turns {
    int64_t count, groups, size, together;
    function_ref<void(Value row, Value group, Value place)> prepareRow;
    function_ref<void(ArrayRef<Value> panels, Value group, Value firstRow)>
        emitPanels;
    function_ref<void(Value number, Value group, Value place)> readRow;
  };
  void emitTurns(ValueRange batch, Value begin, Value end, const Turns &turns);
  /// Groups of `count` rows that `limit` elements are of, or the op has.
  int64_t getNumGroups(int64_t count, int64_t limit);
  /// Where lhs has the value that a row multiplies with position `at` of k.
  SmallVector<Value> getLhsPlace(ValueRange batch, Value row, Value at);
  /// Positions of k, from a multiple of their number on, that are neighbours in
  /// lhs: all of k, or the channels that a window has at one place.
  int64_t getLhsRun();
  /// Copies a row of lhs to an f32 buffer of `size` elements, filled up with
  /// zeros. `size` is a multiple of kLanes.
  void copyLhsRow(ValueRange batch, Value row, Value to, int64_t size);
  /// Adds sums for the outputs of a panel to a row of init, or makes the result
  /// of them that the op asks for.
  void addToInit(ValueRange batch, Value panel, Value row, Value sum);

  ImplicitLocOpBuilder b;
  ContractOp op;
  TiledAttr codec;
  RankedTensorType logical;
  /// Of the weight: outputs and the reduced dimension, and its position.
  int64_t n = 0, k = 0;
  unsigned dimK = 0;
  VectorType lanesF32;
  /// Of the blocks that are being emitted.
  int64_t rowsOfBlock = 1;

private:
  void emitEmptySums(ValueRange batch);
  Value loadOther(unsigned i, ValueRange place, Value mask);
  Value emitEpilogue(ValueRange place, Value mask, Value sum);

  int64_t rows;
};

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_CONTRACTIONKERNEL_H
