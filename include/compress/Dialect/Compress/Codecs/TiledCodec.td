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
    ["verifyData", "needsOneSign"]> {
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

    Decode is the decode of the tiled tensor, transposed back and cut to size.

    ```mlir
    #q = #compress.quant<i4, block = [1, 32], scale = f16>
    #packed = #compress.tiled<#q, tile = [16, 8], order = [0, 1]>
    ```

    Rules of the attribute:
    * tiled_c1: each tile extent is positive
    * tiled_c2: order is a permutation of the dimensions

    Rules with the logical tensor:
    * tiled_c3: there is one tile extent per dimension
    * tiled_c4: it is static, with at least one dimension
    * tiled_c5: base can be cut into such tiles (a tile holds whole blocks, or a
      block whole tiles)
    * tiled_c6: it has less than 2^56 elements when it is padded to whole tiles
    * then those of base
  }];
  let parameters = (ins "::mlir::compress::CodecAttrInterface":$base,
                        ArrayRefParameter<"int64_t">:$tile,
                        ArrayRefParameter<"int64_t">:$order);
  let assemblyFormat = [{
    `<` $base `,` `tile` `=` `[` $tile `]` `,` `order` `=` `[` $order `]` `>`
  }];
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
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_TILEDCODEC_TD
