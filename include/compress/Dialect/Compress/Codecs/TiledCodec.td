//===- TiledCodec.td - another codec's values in the order of kernels -----===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_TILEDCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_TILEDCODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_TiledAttr : Compress_Codec<"Tiled", "tiled",
    ["verifyData", "isLossless", "needsOneSign", "isPacked"]> {
  let summary = "the values of another codec, stored tile by tile";
  let description = [{
    A packed layout is a codec around a codec: the values are those of `base`, the
    bytes are those that `base` stores for the tensor cut into tiles. Dimension
    `i` is split into tiles of `tile[i]`; the tiles come first, what is in them
    last, both in the order of `order`. A `128x256` tensor in tiles of `[16, 8]`
    is stored as one of `8x32x16x8`; with `order = [1, 0]` and tiles of `[8, 16]`
    as one of `16x16x16x8`. Dimensions that tiles do not divide are padded. A block
    (or a group) of base that holds whole tiles is one of `block / tile` tiles; one
    that tiles hold is one of a tile; one that covers the dimension covers it still.

    `split` splits the extents of a tile further: factors of `tile[0]`, then of
    `tile[1]` and so on, those of larger stride first; `inside` is the order that
    they are stored in. Without them there is one factor a dimension, in the order of
    `order`. With `tile = [16, 32]`, `split = [16, 2, 4, 4]` and
    `inside = [2, 0, 3, 1]` the 32 elements `k = 16 h + 4 v + j` of a row are
    stored by `v`, row, `j`, `h`: two 4-bit codes 16 apart share a byte.

    Where base stores positions of values, which instructions want in another order
    than the values, `positions` is the order of the factors in which those of a
    tile are packed (see `#compress.nm`).

    With `record = r` all components are interleaved in one stream of bytes, which
    a kernel reads from begin to end. A record holds `r` tiles, neighbours along the
    last dimension of `order`: first their part of the first component, then that
    of the next one. The `128x256` tensor below is stored as one of `8x4x576xi8`:
    512 bytes of codes and 32 f16 scales a record. Records that tiles do not
    fill are padded with zeros. What all records of a row share, such as the codebook
    of a tensor, is not interleaved: it follows the stream as it is. So does what
    rows of tiles share, such as the scales of square blocks. Components that
    base compresses again are stored as what their codecs store.

    With `flip = b` the bits of `b` are stored inverted in each byte of the first
    component, which must be one of bytes. `flip = 136` adds 8 to two's complement
    codes of 4 bits, which are then of 0 to 15.

    Decode is the decode of the tiled tensor, transposed back and cut to size.

    ```mlir
    #q = #compress.quant<i4, block = [1, 32], scale = f16>
    #packed = #compress.tiled<#q, tile = [16, 8], order = [0, 1]>
    #stream = #compress.tiled<#q, tile = [16, 32], order = [0, 1],
                              split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>
    ```

    Rules of the attribute:
    * tiled_c1: each tile extent is positive
    * tiled_c2: order is a permutation of the dimensions
    * tiled_c7: factors in split multiply to the extents of the tile, with any
      number of ones behind them, and inside is a permutation of them
    * tiled_c8: record is not negative, and flip is of 8 bits
    * tiled_c11: positions is a permutation of the factors

    Rules with the logical tensor:
    * tiled_c3: there is one tile extent per dimension
    * tiled_c4: it is static, with at least one dimension
    * tiled_c5: base can be cut into such tiles (a tile holds whole blocks, or a
      block whole tiles)
    * tiled_c6: it has less than 2^56 elements when it is padded to whole tiles
    * tiled_c10: with flip, its first component, or the first one of a component
      that is compressed again, is of i8
    * tiled_c12: with positions, base has some
    * tiled_c9: with records, each component has a part of its own for each record,
      or one part for all that make a row, or rows share it
    * then those of base
  }];
  let parameters = (ins "::mlir::compress::CodecAttrInterface":$base,
                        ArrayRefParameter<"int64_t">:$tile,
                        ArrayRefParameter<"int64_t">:$order,
                        OptionalArrayRefParameter<"int64_t">:$split,
                        OptionalArrayRefParameter<"int64_t">:$inside,
                        OptionalArrayRefParameter<"int64_t">:$positions,
                        DefaultValuedParameter<"int64_t", "0">:$record,
                        DefaultValuedParameter<"int64_t", "0">:$flip);
  let hasCustomAssemblyFormat = 1;
  let builders = [AttrBuilderWithInferredContext<
    (ins "::mlir::compress::CodecAttrInterface":$base,
         "const ::mlir::compress::algorithms::TileLayout &":$layout), [{
      return $_get(base.getContext(), base, layout.tile, layout.order,
                   layout.split, layout.inside, layout.positions,
                   layout.record, int64_t(layout.flip));
    }]>];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::mlir::compress::algorithms::TileLayout getLayout() const;
    /// The tensor that base's values are stored as.
    ::mlir::RankedTensorType getTiledType(::mlir::RankedTensorType logical) const;
    /// The codec of that tensor.
    ::mlir::compress::CodecAttrInterface
    getInner(::mlir::RankedTensorType logical) const {
      return getBase().getTiledCodec(logical, getLayout());
    }

    /// What the inner codec stores: its components, and what codecs of
    /// components store in their place.
    struct Leaf {
      ::std::string name;
      ::mlir::compress::ComponentRole role;
      ::mlir::RankedTensorType type;
      /// Along each dimension of tiles, how many share an entry.
      ::llvm::SmallVector<int64_t> tiles;
    };
    /// Nothing where it is not known where tiles lie in a leaf.
    ::std::optional<::llvm::SmallVector<Leaf>>
    getLeaves(::mlir::RankedTensorType logical) const;

    /// What a record consists of.
    struct Records {
      /// Rows of records, and records in a row.
      int64_t rows, count;
      /// Bytes of one.
      int64_t bytes;
      /// Whether what is stored for a few tiles along the last dimension is in
      /// their records, and not beside them because rows of tiles share it.
      bool hasAllBlocks = true;
      /// Of each leaf; nothing for those that are beside the records: records of
      /// a row, or rows of tiles, share them.
      ::llvm::SmallVector<
          ::std::optional<::mlir::compress::algorithms::RecordPart>> parts;
    };
    /// The components of a tensor, from those of base. No value changes.
    ::std::vector<::mlir::compress::EncodedComponent>
    pack(::mlir::RankedTensorType logical,
         ::llvm::ArrayRef<::llvm::ArrayRef<char>> leaves) const;
    /// Nothing without `record`, and where components cannot be interleaved.
    ::std::optional<Records> getRecords(::mlir::RankedTensorType logical) const;
    /// Whether there are records, which have all blocks.
    bool hasWholeRecords(::mlir::RankedTensorType logical) const {
      ::std::optional<Records> records = getRecords(logical);
      return records && records->hasAllBlocks;
    }
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_TILEDCODEC_TD
