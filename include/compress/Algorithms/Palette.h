//===- Palette.h - Weights as indices into codebooks ------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A weight is a row-major tensor of f32, f16 or bf16; a group is a box of it
// that shares a codebook of 2^bits entries of `dim` numbers.
//
// Storage. One index stands for `dim` consecutive elements of an innermost row,
// the last one of a row perhaps for fewer. Indices are packed along the row,
// the lower one in the lower bits, and rows are padded to whole bytes with zero
// bits. Codebooks lie row-major over the groups, scales over the blocks.
//
// Decode, in f32, rounded once to the logical type:
//   w = codebook[group][index]             or
//   w = scale[block] * codebook[group][index]
//
// Encode. Scales are the largest magnitude of their block, rounded to the
// stored type, and elements are divided by them (a true division; where the
// scale is zero the quotient is taken as zero, and decode gives zeros).
// Codebooks are clustered from the elements (see KMeans.h; with scales, in the
// metric of the weight), or given; their entries are rounded to the stored type
// before indices are chosen. The index is that of the nearest entry; of two as
// near the smaller entry, of equal ones the first. With `dim` above 1, f32
// distances decide, and of equal ones the first wins.
//
// 16-bit elements without scales are clustered exactly, by their histogram. So
// is everything else up to 65,536 elements in a group; beyond that values
// within 2^-11 of each other are one (their mean), which moves the borders of
// clusters by less than that.
//
// Projection: encoding decode(c) with the codebooks (and scales) of c gives c
// again, if entries differ after decode's rounding and c names the first of
// equal entries.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_PALETTE_H
#define COMPRESS_ALGORITHMS_PALETTE_H

#include "compress/Algorithms/FloatFormat.h"
#include "compress/Algorithms/Relayout.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>

namespace mlir::compress::algorithms {

struct PaletteFormat {
  /// Bits of an index, 1 to 8.
  unsigned bits = 4;
  /// Numbers of an entry: 1, 2 or 4.
  unsigned dim = 1;
  FloatKind codebook = FloatKind::F16;
  std::optional<FloatKind> scale;

  int64_t getNumEntries() const { return int64_t(1) << bits; }
  /// Numbers of one codebook.
  int64_t getNumNumbers() const { return getNumEntries() * dim; }
};

/// The logical shape, of one dimension or more, and the boxes that share a
/// codebook and a scale. Dimensions may be 0; extents are at least 1 and may
/// exceed their dimension. `block` is empty without scales. The innermost
/// extent of a group is a multiple of `dim`, or covers the dimension.
struct PaletteShape {
  llvm::SmallVector<int64_t, 4> shape, group, block;
};

struct PaletteSizes {
  int64_t numElements = 0;
  int64_t numGroups = 0;
  int64_t numBlocks = 0;
  int64_t indexBytes = 0;
  int64_t codebookBytes = 0;
  int64_t scaleBytes = 0;
};

/// The sizes, or none if the format or the shape is invalid or a size does not
/// fit int64_t.
std::optional<PaletteSizes> computePaletteSizes(const PaletteShape &shape,
                                                const PaletteFormat &format);

/// The 16 entries of NF4: quantiles of a normal distribution, with an exact
/// zero, scaled to [-1, 1] (Dettmers et al. 2023, appendix E).
llvm::ArrayRef<float> getNormalFloat4();

/// Why a weight cannot be encoded.
struct PaletteError {
  enum class Kind : uint8_t {
    /// Invalid format or shape, or a buffer whose size is not
    /// `computePaletteSizes`'.
    InvalidArgument,
    /// Element `index` is an infinity or a NaN, `value`.
    NonFinite,
    /// The group that starts at `index` needs an entry `value` that has no
    /// finite stored value.
    CodebookOverflow,
    /// The block that starts at `index` needs a scale `value` that has none.
    ScaleOverflow,
    /// Element `index`, `value`, would decode to an infinity.
    DecodeOverflow,
    /// A given codebook or scale is not finite.
    InvalidParameter,
  };
  Kind kind;
  /// Flat index of the element, or of the first element of the group or block.
  int64_t index = 0;
  double value = 0;
};

/// What `encodePalette` takes from its buffers instead of choosing it.
struct PaletteGiven {
  bool codebooks = false;
  bool scales = false;
};

/// Encodes `source` (elements of `kind`, `shape`, little-endian, any
/// alignment). Buffers have the sizes of `computePaletteSizes`; after an error
/// their contents are unspecified. Runs on LLVM's thread pool and gives the
/// same bytes for any number of threads.
std::optional<PaletteError>
encodePalette(llvm::ArrayRef<uint8_t> source, FloatKind kind,
              const PaletteShape &shape, const PaletteFormat &format,
              PaletteGiven given, llvm::MutableArrayRef<uint8_t> indices,
              llvm::MutableArrayRef<uint8_t> codebooks,
              llvm::MutableArrayRef<uint8_t> scales);

/// Decodes the elements [begin, begin + out.size()) of the flat weight, rounded
/// to `logical`. This is the reference decode of the host. Returns false, and
/// writes nothing, if the arguments do not fit together.
[[nodiscard]] bool decodePalette(const PaletteShape &shape,
                                 const PaletteFormat &format, FloatKind logical,
                                 llvm::ArrayRef<uint8_t> indices,
                                 llvm::ArrayRef<uint8_t> codebooks,
                                 llvm::ArrayRef<uint8_t> scales, int64_t begin,
                                 llvm::MutableArrayRef<float> out);

/// What is wrong with stored bytes.
struct PaletteStorageError {
  enum class Kind : uint8_t {
    /// Invalid format or shape, or a component of the wrong size.
    SizeMismatch,
    /// Byte `index` of the indices has a padding bit set.
    Padding,
    /// Number `index` of the codebooks is not finite.
    NonFiniteCodebook,
    /// Scale `index` is not finite.
    NonFiniteScale,
  };
  Kind kind;
  int64_t index = 0;
};

/// Checks what `decodePalette` takes for granted, for bytes that come from a
/// file. The first offence of the first component that has one is reported.
std::optional<PaletteStorageError>
validatePalette(const PaletteShape &shape, const PaletteFormat &format,
                llvm::ArrayRef<uint8_t> indices,
                llvm::ArrayRef<uint8_t> codebooks,
                llvm::ArrayRef<uint8_t> scales);

/// The groups and blocks of the tiled tensor, or nothing where tiles cut them
/// or cut a vector.
std::optional<PaletteShape> getTiledPalette(const PaletteShape &shape,
                                            const PaletteFormat &format,
                                            const TileLayout &layout);

/// Moves what is stored into tiles; no value changes. Indices of padding are
/// zero, and so are codebooks and scales that only padding has. Returns false,
/// and writes nothing, if the arguments do not fit together.
[[nodiscard]] bool
relayoutPalette(const PaletteShape &shape, const PaletteFormat &format,
                const TileLayout &layout, llvm::ArrayRef<uint8_t> indices,
                llvm::ArrayRef<uint8_t> codebooks,
                llvm::ArrayRef<uint8_t> scales,
                llvm::MutableArrayRef<uint8_t> tiledIndices,
                llvm::MutableArrayRef<uint8_t> tiledCodebooks,
                llvm::MutableArrayRef<uint8_t> tiledScales);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_PALETTE_H
