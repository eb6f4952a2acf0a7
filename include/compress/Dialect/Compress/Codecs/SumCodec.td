//===- SumCodec.td - the sum of two compressed tensors --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_SUMCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_SUMCODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_SumAttr : Compress_Codec<"Sum", "sum",
    ["verifyData", "isLossless", "rewriteContraction", "withComponentCodec"]> {
  let summary = "the sum of two compressed tensors";
  let description = [{
    `w = decode(a) + decode(b)`, in f32 and rounded once to the logical element
    type: outliers kept sparse beside a quantized rest (Dettmers et al., "SpQR",
    2023), or a low-rank part beside a quantized one (Saha et al., "CALDERA",
    2024).

    Stored components: `a` and `b`, compressed tensors of the logical shape. Their
    element type is always f32, also where that of the sum is f16 or bf16: so a
    part is not rounded before it is added.

    The encoder encodes the weight as `a`, then what is left, `w - decode(a)`, as
    `b`.

    A contraction with such a weight is two, into one result
    (`compress-algebra`).

    ```mlir
    #int4 = #compress.quant<i4, block = [1, 64], scale = f16>
    #lowrank_int4 = #compress.sum<#compress.lowrank<64>, #int4>
    ```

    Rules with the logical tensor:
    * sum_c1: its elements are f32, f16 or bf16
    * then those of a and b with an f32 tensor of its shape
  }];
  let parameters = (ins "::mlir::compress::CodecAttrInterface":$a,
                        "::mlir::compress::CodecAttrInterface":$b);
  let assemblyFormat = "`<` $a `,` $b `>`";
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_SUMCODEC_TD
