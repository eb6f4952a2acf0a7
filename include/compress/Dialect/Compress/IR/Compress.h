//===- Compress.h - type, attributes, ops, shared helpers -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ground floor of the dialect. Passes live in ../Transforms, encoders are
// attached through CodecRegistry.h.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_IR_COMPRESS_H
#define COMPRESS_DIALECT_COMPRESS_IR_COMPRESS_H

#include "compress/Algorithms/Relayout.h"
#include "compress/Dialect/Compress/IR/CodecRegistry.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"
#include <optional>

namespace mlir {
class RewriterBase;
} // namespace mlir

namespace mlir::compress {

/// What a storage component is for.
enum class ComponentRole {
  Codes,
  Scale,
  Offset,
  Codebook,
  Values,
  Metadata,
  Factor,
  Stream
};

/// One stored part of a compressed tensor. `type` is a ranked tensor, or a
/// CompressedTensorType when the part is compressed again.
struct StorageComponent {
  StringRef name;
  ComponentRole role;
  Type type;
};

/// Where a tile lies in one component, in that component's own coordinates.
struct ComponentTile {
  SmallVector<OpFoldResult> offsets, sizes;
};

/// The legal cuts along one dimension: multiples of `unit`, and either whole
/// blocks or a tile that lies wholly inside one block.
struct TileGranularity {
  int64_t unit = 1;
  int64_t block = 1;
};

/// Along one dimension, `stored` elements of a component stand for `elements`
/// of the tensor: 5 bytes for 8 codes of 5 bits. `elements` is 0 for a
/// dimension of the component's own, which every tile takes as a whole.
struct ComponentRatio {
  int64_t elements = 1;
  int64_t stored = 1;
};

/// The ratios of a component with one element for each block.
SmallVector<ComponentRatio> getRatios(ArrayRef<int64_t> block);

/// The layout of a component whose elements are each for a block of the tensor,
/// as ratios say; nothing where they are for something else.
std::optional<algorithms::TileLayout>
getLayoutOfBlocks(RankedTensorType logical, ArrayRef<ComponentRatio> ratios,
                  const algorithms::TileLayout &layout);

/// Blocks of the matrix that `getMatrixCodec` is about; nothing where one would
/// have gaps.
std::optional<SmallVector<int64_t>> getMatrixBlock(RankedTensorType logical,
                                                   ArrayRef<int64_t> block,
                                                   ArrayRef<unsigned> rows,
                                                   ArrayRef<unsigned> columns);

/// The type of that matrix: the last one of `rows` and all of `columns`, as one
/// dimension, behind the batches.
RankedTensorType getMatrixType(RankedTensorType logical,
                               ArrayRef<unsigned> rows,
                               ArrayRef<unsigned> columns);

/// Cuts that both allow, along a dimension of the given size.
TileGranularity combineGranularity(TileGranularity x, TileGranularity y,
                                   int64_t size);

/// Exact stored bits of a tensor or of an assembled compressed value; nothing
/// when a size is known at run time only.
std::optional<int64_t> getStoredBits(Value value);

/// Stored bits by type alone: of a tensor, or of all components of a compressed
/// tensor; nothing when a size depends on the data.
std::optional<int64_t> getStoredBits(Type type);

/// Types of all that is stored, in order; those of nested codecs in place of
/// their component.
void getLeafTypes(Type type, SmallVectorImpl<Type> &leaves);

class CodecAttrInterface;

/// Whether the codec allows the tile, provably, from the IR as it is. Emits
/// nothing; a rewrite asks this before it touches anything.
bool isLegalTile(CodecAttrInterface codec, RankedTensorType logical,
                 ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes);

/// One tile of a dense or compressed value: an extract_slice, or the slices of
/// the components assembled again. Fails, and emits nothing, when the tile is
/// not legal.
FailureOr<Value> sliceValue(OpBuilder &b, Location loc, Value value,
                            ArrayRef<OpFoldResult> offsets,
                            ArrayRef<OpFoldResult> sizes);

/// The same for the components of a compressed tensor: the components of the
/// tile, and its type.
struct CompressedTile {
  Type type;
  SmallVector<Value> components;
};
FailureOr<CompressedTile> sliceComponents(OpBuilder &b, Location loc, Type type,
                                          ValueRange components,
                                          ArrayRef<OpFoldResult> offsets,
                                          ArrayRef<OpFoldResult> sizes);

/// Whether `value` is known to be a multiple of `factor`: constants, loop
/// induction variables and affine functions of these.
bool isMultipleOf(OpFoldResult value, int64_t factor);

/// `value / factor` for a value that isMultipleOf(factor).
OpFoldResult divideExactly(OpBuilder &b, Location loc, OpFoldResult value,
                           int64_t factor);

/// A value of `type` from the leaves of getLeafTypes, which are consumed.
Value assembleLeaves(OpBuilder &b, Location loc, Type type, ValueRange &leaves);

/// The dense tensor for a component: itself, or its decode.
Value getDense(OpBuilder &b, Location loc, Value component);

/// Components of a compressed value, looking through compress.assemble.
SmallVector<Value> getComponents(OpBuilder &b, Location loc, Value value);

} // namespace mlir::compress

#include "compress/Dialect/Compress/IR/CompressEnums.h.inc"

#include "compress/Dialect/Compress/IR/CompressDialect.h.inc"

#include "compress/Dialect/Compress/IR/CodecInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "compress/Dialect/Compress/IR/CompressAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compress/Dialect/Compress/IR/CompressTypes.h.inc"
#define GET_OP_CLASSES
#include "compress/Dialect/Compress/IR/CompressOps.h.inc"

#endif // COMPRESS_DIALECT_COMPRESS_IR_COMPRESS_H
