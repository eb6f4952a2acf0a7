//===- NmCodec.td - N of M elements ---------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_NMCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_NMCODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_NmAttr : Compress_Codec<"Nm", "nm",
    ["verifyData", "getComponentRatios", "getComponentLayout", "getTiledCodec",
     "relayout", "getMatrixCodec", "moveToMatrix"]> {
  let summary = "N of M consecutive elements, the others are zero";
  let description = [{
    Semi-structured sparsity (Mishra et al., "Accelerating Sparse Deep Neural
    Networks", 2021): of each group of M consecutive elements along dimension
    `axis`, exactly N are stored, in increasing order of their index. All others
    are zero. A group with fewer than N non-zeros stores zeros as well.

    Stored components, where G is the number of groups along the axis:
    * `values`: the logical tensor with G * N elements along the axis; those of
      group g are at [g * N, (g + 1) * N)
    * `metadata`: the position of each value in its group, as many as there are
      values and in the same order, in ceil(log2 M) bits each. They are packed
      along the innermost dimension, whatever the axis is: lower index in the
      lower bits, rows padded to whole bytes with zero bits. A row of 2:4 along
      the innermost dimension has 4 bits a group.

    The last group may be shorter. If it has fewer than N elements, the positions
    that follow them up to N are stored too; they lie outside of the tensor, so
    their values are not read (encoders store zeros).

    With `positions`, which lists the last dimensions, the axis among them, their
    positions are packed as if they were one dimension, in that order: `metadata`
    has the dimensions before them, and bytes. Number n of a group is stored as its
    position exclusive-or n, so that zeros are the first N positions. That is how
    kernels want them that hand them to instructions (see `#compress.tiled`). Those
    know 2 of 4: tiles with `positions` have 1 of 2 as 2 of 4, and 1 of 4 as well,
    with a zero beside it.

    Decode moves values and does not compute with them.

    Tiles hold whole groups. Of padding, the first N positions of each group are
    stored, with zeros.

    ```mlir
    #nm2_4 = #compress.nm<2:4, axis = 1>
    // 2:4, then 4 bits for each value that is left.
    #sparse_int4 = #compress.nested<#nm2_4, values = #compress.quant<i4, block = [1, 64], scale = f16>>
    // Of a 16x8x4 tensor, 4 bytes for each of 16: the first positions of 8 groups, then the second ones.
    #ordered = #compress.nm<2:4, axis = 2, positions = [2, 1]>
    ```

    Rules of the attribute:
    * nm_c1: 1 <= N < M <= 16
    * nm_c2: axis is not negative
    * nm_c9: positions are different dimensions that follow each other, with the
      axis

    Rules with the logical tensor:
    * nm_c3: axis is one of its dimensions
    * nm_c4: its elements are f32, f16 or bf16
    * nm_c5: the axis and the innermost dimension are static
    * nm_c10: positions end with the innermost dimension, and all of them are
      static

    Rules of stored data:
    * nm_c6: padding bits are zero
    * nm_c7: the positions of a group increase, and are inside of the tensor (or,
      in a last group of fewer than N elements, below N)
    * nm_c8: values are finite
  }];
  let parameters = (ins "int64_t":$kept, "int64_t":$group, "int64_t":$axis,
                        OptionalArrayRefParameter<"int64_t">:$positions);
  let builders = [AttrBuilder<
    (ins "int64_t":$kept, "int64_t":$group, "int64_t":$axis), [{
      return $_get($_ctxt, kept, group, axis, ::llvm::ArrayRef<int64_t>());
    }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bits of one position.
    int64_t getPositionBits() const;
    /// The smallest number of values along the innermost dimension whose
    /// positions take whole bytes.
    int64_t getUnitValues() const;
    /// 2 of 4 where 1 of 2 or 1 of 4 can be stored as such; else null.
    ::mlir::compress::NmAttr getPaired() const;
    /// Dimensions that are packed as one: all that follow it are.
    int64_t getFirstPacked(::mlir::RankedTensorType logical) const {
      return logical.getRank() - getPositions().size();
    }
    /// Number of stored values along the axis, for `size` elements.
    int64_t getNumValues(int64_t size) const;
    /// The layout of the values where that of the tensor is given; nothing where
    /// tiles, or the innermost factor of their extent, cut groups.
    ::std::optional<::mlir::compress::algorithms::TileLayout>
    getValueLayout(const ::mlir::compress::algorithms::TileLayout &layout) const;
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_NMCODEC_TD
