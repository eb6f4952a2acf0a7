//===- PaletteCodec.td - shared values -------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_PALETTECODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_PALETTECODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_PaletteAttr : Compress_Codec<"Palette", "palette",
    ["verifyData", "getComponentRatios", "getTiledCodec", "getMatrixCodec", "moveToMatrix",
     "relayout"]> {
  let summary = "indices into codebooks of shared values";
  let description = [{
    `w = codebook[g][index]`, or `w = scale[b] * codebook[g][index]`, in f32 and
    rounded once to the logical element type; `g` is the group of the element and
    `b` its block. `group` gives, per dimension, how many elements share a
    codebook: the full extent for one codebook per tensor, `[1, K]` for one per
    row, `[N, 1]` for one per column. The last group may be smaller.

    With `dim` of 2 or 4 an entry of a codebook is a vector, and one index stands
    for that many consecutive elements of the innermost dimension. The last
    vector of a row may hold more elements than the row; those are ignored.

    `scale` and `block` make entries relative to one scale per block, so that a
    codebook serves values of many magnitudes. That is what NF4 is: a fixed
    codebook of 16 entries and the largest magnitude of every 64 elements
    (Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs", 2023).

    Stored components: `indices` (i8 tensor; indices of less than a byte are
    packed along the innermost dimension as the codes of `#compress.quant` are:
    lower index in the lower bits, rows padded to whole bytes with zero bits),
    `codebooks` (groups.. x 2^bits, and x dim for vectors), and `scales` (one
    element per block). Every index names an entry; entries that are not needed
    repeat others.

    ```mlir
    #palette4     = #compress.palette<bits = 4, group = [128, 256], codebook = f16>
    #palette4_row = #compress.palette<bits = 4, group = [1, 256], codebook = f16>
    #pairs        = #compress.palette<bits = 8, group = [128, 256], codebook = f16, dim = 2>
    #nf4 = #compress.palette<bits = 4, group = [128, 256], codebook = f32, scale = f16, block = [1, 64]>
    ```

    Rules of the attribute:
    * palette_c1: bits is 1 to 8
    * palette_c2: each group extent is positive
    * palette_c3: codebook is f32, f16 or bf16
    * palette_c4: dim is 1, 2 or 4
    * palette_c5: scale and block come together
    * palette_c6: scale is f32, f16 or bf16
    * palette_c7: each block extent is positive

    Rules with the logical tensor:
    * palette_c8: its elements are f32, f16 or bf16
    * palette_c9: it has at least one dimension
    * palette_c10: there is one group extent per dimension, and one block extent
    * palette_c11: a dynamic dimension has extents of 1, and is not the innermost
      one unless an index is a byte and stands for one element (storage must be
      1:1 with it)
    * palette_c12: no group cuts a vector: the innermost group extent is a
      multiple of dim, or covers the dimension
    * palette_c13: of a group and a block extent one is a multiple of the other,
      or covers the dimension
    * palette_c14: all codebooks together have less than 2^56 numbers
  }];
  let parameters = (ins "unsigned":$bits,
                        ArrayRefParameter<"int64_t">:$group,
                        "::mlir::Type":$codebook,
                        DefaultValuedParameter<"unsigned", "1">:$dim,
                        OptionalParameter<"::mlir::Type">:$scale,
                        OptionalArrayRefParameter<"int64_t">:$block);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    int64_t getNumEntries() const { return int64_t(1) << getBits(); }
    /// Bytes of the indices of a row of `elements` elements.
    int64_t getRowBytes(int64_t elements) const;
    /// Elements along the innermost dimension that take whole bytes.
    int64_t getUnitElements() const;
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_PALETTECODEC_TD
