//===- DenseCodec.td - values as they are ---------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_DENSECODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_DENSECODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_DenseAttr : Compress_Codec<"Dense", "dense",
    ["getComponentRatios", "getTiledCodec", "getMatrixCodec", "moveToMatrix",
     "relayout", "isLossless", "isCompressed"]> {
  let summary = "values as they are, or rounded to half of the bits";
  let description = [{
    Stores the tensor itself. So a weight that is not compressed can be laid out
    for a kernel (`#compress.tiled<#compress.dense, ..>`) like those that are:
    `compress-pack-weights` makes such weights. They have no certificate, since
    nothing was lost, and are no smaller than before.

    With a type, elements of f32 are rounded to it, to nearest, ties to even.

    Stored component: `values`, of the logical type or of that one.

    ```mlir
    #dense = #compress.dense
    #half = #compress.dense<f16>
    #packed = #compress.tiled<#dense, tile = [16, 8], order = [0, 1], split = [16, 8], inside = [1, 0]>
    ```

    Rules with the logical tensor:
    * dense_c1: its elements are f32, f16 or bf16, and f32 if there is a type

    Rules of the attribute:
    * dense_c2: the type is f16 or bf16
  }];
  let parameters = (ins OptionalParameter<"::mlir::Type">:$storage);
  let assemblyFormat = "(`<` $storage^ `>`)?";
  let builders = [AttrBuilder<(ins), [{ return $_get($_ctxt, Type()); }]>];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The type of what is stored of a tensor.
    RankedTensorType getStoredType(RankedTensorType logical) const {
      return getStorage() ? logical.clone(getStorage()) : logical;
    }
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_DENSECODEC_TD
