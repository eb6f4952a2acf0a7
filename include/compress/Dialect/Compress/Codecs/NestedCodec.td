//===- NestedCodec.td - components that are compressed again --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_NESTEDCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_NESTEDCODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_NestedAttr : Compress_Codec<"Nested", "nested",
    ["verifyData", "getComponentRatios", "isLossless", "rewriteContraction",
     "withComponentCodec", "needsOneSign", "getComponentLayout", "getTiledCodec",
     "relayout", "getMatrixCodec", "moveToMatrix"]> {
  let summary = "a codec some of whose components are compressed again";
  let description = [{
    Stores what `base` stores, but the named components as `!compress.tensor`s
    with codecs of their own. So every component of every codec can be
    compressed, to any depth, and no codec has to know; only those whose size
    depends on the data cannot (streams of `#compress.huffman`, values of
    `#compress.bitmask` without `keep`).

    Where the codec of a component is not lossless, base's codes are chosen again
    for what the component decodes to; those of `#compress.tiled` stay as they are.

    ```mlir
    // Scales of scales: GGUF's q4_K, whose minima are subtracted (a negative
    // scale of them), and NVFP4.
    #u4 = #compress.quant<u4, block = [1, 32], scale = f32, min = f32>
    #u6 = #compress.quant<u6, block = [1, 8], scale = f16>
    #q4_K = #compress.nested<#u4, mins = #u6, scales = #u6>
    #f4 = #compress.quant<f4E2M1FN, block = [1, 16], scale = f32>
    #f8 = #compress.quant<f8E4M3FN, block = [128, 16], scale = f32>
    #nvfp4 = #compress.nested<#f4, scales = #f8>
    ```

    Rules of the attribute:
    * nested_c1: at least one component is named, each once, by a codec

    Rules with the logical tensor:
    * nested_c2: base stores a component of each name, not compressed already
    * nested_c3: the size of each such component follows from the type
    * then those of base, and of each codec with its component
  }];
  let parameters = (ins "::mlir::compress::CodecAttrInterface":$base,
                        "::mlir::DictionaryAttr":$components);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_NESTEDCODEC_TD
