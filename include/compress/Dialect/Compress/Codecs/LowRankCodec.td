//===- LowRankCodec.td - the product of two thin factors ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_LOWRANKCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_LOWRANKCODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_LowRankAttr : Compress_Codec<"LowRank", "lowrank",
    ["verifyData", "getComponentRatios", "rewriteContraction",
     "withComponentCodec"]> {
  let summary = "the product of two factors of a given rank";
  let description = [{
    `w[i, j..] = sum over p < rank of u[i, p] * v[p, j..]`, added to zero in the
    order of p in f32 and rounded once to the logical element type. It pays where
    `rank * (N + K) < N * K`, N the first dimension and K the product of the
    others. A weight of more than two dimensions is the matrix `[N, K]`, so a
    filter with its output channels first becomes one of `rank` channels and a
    pointwise one.

    Stored components: `u` `[N, rank]` and `v` `[rank, j..]` of the logical
    element type. The encoder gives both the same share of each singular value.
    Factors that are quantized are compressed again by `#compress.nested`.

    The best approximation of a rank is the truncated singular value
    decomposition (Eckart and Young, 1936). A large one is found in a random
    subspace (Halko, Martinsson and Tropp, "Finding structure with randomness",
    2011).

    A contraction with such a weight is two thin ones (`compress-algebra`).

    ```mlir
    #r64  = #compress.lowrank<64>
    #int4 = #compress.quant<i4, block = [1, 32], scale = f16>
    #r64_int4 = #compress.nested<#r64, u = #int4, v = #int4>
    ```

    Rules of the attribute:
    * lowrank_c1: rank is positive

    Rules with the logical tensor:
    * lowrank_c2: it has two dimensions or more
    * lowrank_c3: its elements are f32, f16 or bf16
    * lowrank_c4: the factors have less than 2^56 elements

    Rules of stored data:
    * lowrank_c5: the factors are finite
  }];
  let parameters = (ins "int64_t":$rank);
  let assemblyFormat = "`<` $rank `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The types of `u` and `v`.
    RankedTensorType getUType(RankedTensorType logical) const;
    RankedTensorType getVType(RankedTensorType logical) const;
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_LOWRANKCODEC_TD
