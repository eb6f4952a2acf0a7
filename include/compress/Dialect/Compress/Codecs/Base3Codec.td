//===- Base3Codec.td - five ternary codes to a byte -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_BASE3CODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_BASE3CODEC_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_Base3Attr : Compress_Codec<"Base3", "base3",
    ["verifyData", "isLossless", "getComponentRatios", "getRowsCodec"]> {
  let summary = "ternary codes in base 3, five to a byte";
  let description = [{
    For bytes that hold four 2-bit two's complement codes, lower index in the
    lower bits, each of them -1, 0 or 1: the codes of `#compress.quant<i2, ..,
    narrow>`. Stores five of them in a byte, 1.6 bits each, without loss. Other
    bytes cannot be encoded.

    Stored component: `trits` (i8 tensor of the logical shape, but for the
    innermost dimension: n bytes of codes are ceil(4 n / 5) bytes of trits). Trit t
    of a row is digit t mod 5, the lowest first, of byte t / 5 in base 3, minus
    one; a byte is at most 242. Trits behind the last code of a row are 0, which
    is digit 1.

    With `codes`, that many codes of each row are stored and the others, in its last
    byte, are 0: kernels read rows of five codes, two bytes that one byte of trits
    stands for.

    ```mlir
    #ternary = #compress.nested<#compress.quant<i2, block = [1, 256], scale = f16, narrow>,
                                codes = #compress.base3>
    ```

    Rules with the logical tensor:
    * base3_c1: its elements are i8
    * base3_c2: it has at least one dimension, and the innermost one is static
    * base3_c3: `codes` end in the last byte of a row
  }];
  let parameters = (ins DefaultValuedParameter<"int64_t", "0">:$codes);
  let assemblyFormat = "(`<` `codes` `=` $codes^ `>`)?";
  let extraClassDeclaration = [{
    /// Bytes that whole codes and whole trits share: 20 of them.
    static constexpr int64_t kUnitCodeBytes = 5, kUnitTritBytes = 4;
    /// Codes of a row of `bytes` bytes.
    int64_t getRowCodes(int64_t bytes) const {
      return getCodes() ? getCodes() : 4 * bytes;
    }
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_BASE3CODEC_TD
