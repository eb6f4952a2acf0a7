//===- TileDecoder.h - stored form to vectors -----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODER_H
#define COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODER_H

#include "compress/Conversion/CompressToVector/ByteInstructions.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "llvm/Support/MathExtras.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::compress {

/// Rows of a weight that a kernel computes at once: the lanes of an AVX-512
/// register of f32. Narrower machines take several registers for them.
inline constexpr int64_t kLanes = 16;

/// A weight as kernels for integers, for bf16 or for sparse tiles hold it.
struct TiledWeight {
  TiledAttr codec;
  RankedTensorType logical;
  /// What `prepare` made of the components, if it is called already.
  SmallVector<Value> buffers;

  CodecAttrInterface getInner() const { return codec.getInner(logical); }
  RankedTensorType getTiled() const { return codec.getTiledType(logical); }
};

/// A weight that is laid out for integers. `buffers` are what `prepareIntegers`
/// made.
struct IntegerWeight : TiledWeight {
  IntegerWeight(TiledAttr codec, RankedTensorType logical,
                const ByteInstructions &instructions)
      : TiledWeight{codec, logical, {}}, instructions(instructions),
        leaves(*codec.getLeaves(logical)), records(codec.getRecords(logical)) {}

  const ByteInstructions &instructions;
  SmallVector<TiledAttr::Leaf> leaves;
  std::optional<TiledAttr::Records> records;

  /// The components of the tiled tensor.
  SmallVector<StorageComponent> getComponents() const {
    return getInner().getStorage(getTiled());
  }
};

/// Codes that stand for integers, or for entries of a table of them.
struct IntegerCodes {
  unsigned bits;
  /// Whether they are two's complement: signs are flipped then.
  bool isSigned;
  /// Elements that share a scale, per dimension.
  SmallVector<int64_t> block;
  /// Codes that a stored byte holds, where those are not 8 / bits.
  int64_t fields = 0;

  int64_t getFields() const { return fields ? fields : 8 / bits; }
};

/// How a codec of codes holds several of them in a byte.
struct PackedFields {
  /// What the integers of codes are read with, so that they are not negative.
  int64_t bias;
  /// Of each field: see IntegerFormat.
  SmallVector<unsigned> shifts;
};

/// value = factor * scale * (code - bias - zero) + min, where all codes of
/// `tilesPerBlock` tiles along the reduced dimension share scale, zero and min.
struct IntegerFormat {
  /// What codes are stored, or read, with, so that they are not negative.
  int64_t bias;
  int64_t tilesPerBlock;
  /// Vectors of 64 bytes that a tile is stored in.
  int64_t vectorsPerTile;
  bool hasZero = false, hasMin = false;
  /// Of the groups of a vector: powers of two that codes are multiplied by,
  /// where they may be shifted.
  SmallVector<unsigned> shifts;
  /// A power of two that is left out of scales.
  float factor = 1;
  /// Where few elements are stored: steps that the codes of a vector are for,
  /// 4, 8 or 16; 0 else.
  int64_t stepsPerVector = 0;

  bool isSparse() const { return stepsPerVector != 0; }
};

/// Where a tile lies.
struct TilePosition {
  /// Among the tiles of all dimensions but the last one.
  SmallVector<Value> outer;
  /// Along the last one: the record, and the tile in it. Without records, the
  /// tile, and 0.
  Value record, tile;
};

/// Codes of four consecutive steps of all lanes: 64 bytes, each lane's
/// neighbours, of 0 to 255.
struct CodeGroup {
  Value codes;
  /// Number of the group in the order of steps.
  int64_t index;
  /// Where few elements are stored, the codes are those of four stored ones,
  /// and this says which steps of the vector each of them is for: the low four
  /// bits of bytes. Null else.
  Value places;
};

/// f32 vectors of kLanes, null where there is none.
struct BlockScales {
  Value scale, zero, min;
};
using IntegerScales = BlockScales;

/// value = scale * (number - zero) + min, where all numbers of `tilesPerBlock`
/// tiles along the reduced dimension share scale, zero and min.
struct Bf16Format {
  int64_t tilesPerBlock;
  /// Vectors of 64 bytes that a tile is stored in, and pairs of steps in one.
  int64_t vectorsPerTile, pairsPerVector;
  bool hasZero = false, hasMin = false;
};

/// How kernels want the numbers of a pair of steps: `Dot` as one vector of 32
/// bf16, where those of a lane are neighbours, `Fma` as two vectors of f32, of
/// the first and of the second step.
enum class Bf16Form { Dot, Fma };

/// Numbers of two consecutive steps of all lanes.
struct Bf16Pair {
  SmallVector<Value, 2> numbers;
  /// Number of the pair in the order of steps.
  int64_t index;
};

/// Tiles of which only some elements are stored: `kept` of each `group`
/// consecutive steps of a lane.
struct SparseFormat {
  int64_t kept, group;

  /// Bits that a position in a group has.
  unsigned getPositionBits() const { return llvm::Log2_64_Ceil(group); }
};

/// One stored element of each lane.
struct SparseStep {
  /// f32.
  Value value;
  /// i32, of which the low bits are the position in the group. Higher bits may
  /// be anything.
  Value position;
};

/// What a step has where a mask says which lanes are stored.
struct MaskedStep {
  /// f32: the values of those lanes, in their order, in front. What is behind
  /// them may be anything.
  Value packed;
  /// i1, of kLanes.
  Value mask;
};

/// Attaches the decoders of this project's codecs.
void registerTileDecoders(DialectRegistry &registry);

// One line a codec.
void registerBase3TileDecoder(DialectRegistry &registry);
void registerBitmaskTileDecoder(DialectRegistry &registry);
void registerDenseTileDecoder(DialectRegistry &registry);
void registerNestedTileDecoder(DialectRegistry &registry);
void registerNmTileDecoder(DialectRegistry &registry);
void registerPaletteTileDecoder(DialectRegistry &registry);
void registerQuantTileDecoder(DialectRegistry &registry);

} // namespace mlir::compress

#include "compress/Conversion/CompressToVector/TileDecoderInterface.h.inc"

namespace mlir::compress {

/// The mode whose kernels read a weight laid out so, for lanes and steps along
/// the given dimensions; nothing if none does.
std::optional<ComputeMode> findComputeMode(CompressedTensorType weight,
                                           unsigned laneDim, unsigned stepDim);

} // namespace mlir::compress

#endif // COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODER_H
