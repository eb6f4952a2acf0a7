//===- MatrixCodec.td - a weight that is stored as a matrix ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_MATRIXCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_MATRIXCODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_MatrixAttr : Compress_Codec<"Matrix", "matrix",
    ["verifyData", "isLossless", "needsOneSign", "isPacked",
     "getStoredMatrixCodec"]> {
  let summary = "a weight of more dimensions, stored as a matrix";
  let description = [{
    Stores what `base` stores of the matrix whose rows are the last dimension of
    `rows` and whose columns are the dimensions of `columns`, the last one being
    the fastest; dimensions of `rows` before the last one are batches of matrices.
    So the weight of a convolution can be laid out in tiles that reach from one
    place of the window into the next one, whatever its channels: kernels for
    GPUs read that matrix. `compress-pack-weights` makes it.

    A `3x3x20x64` weight of 20 channels and 64 outputs is stored as a matrix of
    `64x180`:

    ```mlir
    #m = #compress.matrix<#compress.quant<i8, block = [1, 180], scale = f32>, rows = [3], columns = [0, 1, 2]>
    ```

    Rule of the attribute:
    * matrix_c1: there are a row and a column, and each dimension is in one of
      both, once

    Rules with the logical tensor:
    * matrix_c2: it is static, and has these dimensions
    * then those of base with the matrix
  }];
  let parameters = (ins "::mlir::compress::CodecAttrInterface":$base,
                        ArrayRefParameter<"unsigned">:$rows,
                        ArrayRefParameter<"unsigned">:$columns);
  let assemblyFormat = [{
    `<` $base `,` `rows` `=` `[` $rows `]` `,` `columns` `=` `[` $columns `]` `>`
  }];
  let builders = [AttrBuilderWithInferredContext<
    (ins "::mlir::compress::CodecAttrInterface":$base,
         "::llvm::ArrayRef<unsigned>":$rows,
         "::llvm::ArrayRef<unsigned>":$columns), [{
      return $_get(base.getContext(), base, rows, columns);
    }]>];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The matrix that base stores.
    ::mlir::RankedTensorType getMatrix(::mlir::RankedTensorType logical) const;
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_MATRIXCODEC_TD
