//===- QuantCodec.td - block quantization ---------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_QUANTCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_QUANTCODEC_TD

include "mlir/IR/EnumAttr.td"
include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_QuantStorage : I32EnumAttr<"QuantStorage",
    "what one code is stored as", [
      I32EnumAttrCase<"I8", 0, "i8">, I32EnumAttrCase<"U8", 1, "u8">,
      I32EnumAttrCase<"I6", 2, "i6">, I32EnumAttrCase<"U6", 3, "u6">,
      I32EnumAttrCase<"I4", 4, "i4">, I32EnumAttrCase<"U4", 5, "u4">,
      I32EnumAttrCase<"I3", 6, "i3">, I32EnumAttrCase<"U3", 7, "u3">,
      I32EnumAttrCase<"I2", 8, "i2">, I32EnumAttrCase<"U2", 9, "u2">,
      I32EnumAttrCase<"Binary", 10, "binary">,
      I32EnumAttrCase<"F8E4M3FN", 11, "f8E4M3FN">,
      I32EnumAttrCase<"F8E5M2", 12, "f8E5M2">,
      I32EnumAttrCase<"F4E2M1FN", 13, "f4E2M1FN">]> {
  let cppNamespace = "::mlir::compress";
  let genSpecializedAttr = 0;
}

def Compress_QuantAttr : Compress_Codec<"Quant", "quant",
    ["verifyData", "getComponentRatios", "getTiledCodec", "getMatrixCodec", "moveToMatrix",
     "relayout",
     "needsOneSign"]> {
  let summary = "integer or small float codes with one scale per block";
  let description = [{
    `w = scale[b] * q`, or for integers `w = scale[b] * (q - zero[b])` or
    `w = scale[b] * q + min[b]`, in f32 and rounded once to the logical element
    type; `b` is the block of the element.
    `block` gives, per dimension, how many elements share a scale: the full
    extent for one scale per tensor or channel, `[1, 32]` for blocks of 32 along
    the rows. The last block may be shorter.

    Stored components: `codes` (i8 tensor; codes of less than a byte are packed
    along the innermost dimension, lower index in the lower bits: 2 of 4 bits,
    4 of 2 or 8 of 1 bit to a byte, 4 of 6 or 8 of 3 bits to three bytes; rows
    are padded to whole bytes with zero bits), `scales` (one element per block),
    and `zeros` or `mins` of the same shape. Codes are

    * two's complement (i8, i6, i4, i3, i2) or unsigned (u8, u6, u4, u3, u2); a
      stored `i8` zero has the signedness of the codes. `narrow` leaves out the
      lowest code (-128, -32, -8, -4, -2): ternary weights, -1, 0 and 1, are
      `i2, narrow`
    * `binary`: bit b means 2 b - 1, so there is no zero
    * bits of a float (f8E4M3FN, f8E5M2, f4E2M1FN): of FP8, and with f8E8M0FNU
      scales of the OCP Microscaling formats. NaNs and infinities are no codes

    Blocks of blocks, as in NVFP4 and in the K-quants of GGUF, are
    `#compress.nested`: their scales are compressed again.

    Algorithms: `rtn`, round to nearest; `mse`, scales and offsets of least
    squared error.

    ```mlir
    #int8_channel = #compress.quant<i8, block = [1, 256], scale = f32, narrow>
    #int4_b32     = #compress.quant<i4, block = [1, 32], scale = f16>
    #int4_asym    = #compress.quant<u4, block = [1, 32], scale = f16, min = f16>
    #ternary      = #compress.quant<i2, block = [1, 256], scale = f16, narrow>
    #mxfp4        = #compress.quant<f4E2M1FN, block = [1, 32], scale = f8E8M0FNU>
    ```

    Rules of the attribute:
    * quant_c1: each block extent is positive
    * quant_c2: scale is f32, f16, bf16, f8E8M0FNU or f8E4M3FN
    * quant_c3: zero is i8, f32, f16 or bf16
    * quant_c4: min is f32, f16 or bf16
    * quant_c5: zero and min exclude each other
    * quant_c6: narrow needs signed integer storage
    * quant_c7: min needs unsigned integer storage
    * quant_c8: zero needs integer storage
    * quant_c9: zero and min need a scale that is no power of two (f8E8M0FNU)

    Rules with the logical tensor:
    * quant_c10: it has at least one dimension
    * quant_c11: there is one block extent per dimension
    * quant_c12: a dynamic dimension has block extent 1, and is not the innermost
      of sub-byte codes (storage must be 1:1 with it)
    * quant_c13: its elements are f32, f16 or bf16
  }];
  let parameters = (ins "::mlir::compress::QuantStorage":$storage,
                        ArrayRefParameter<"int64_t">:$block,
                        "::mlir::Type":$scale,
                        OptionalParameter<"::mlir::Type">:$zero,
                        OptionalParameter<"::mlir::Type">:$min,
                        DefaultValuedParameter<"bool", "false">:$narrow);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// What one code stands for.
    algorithms::CodeKind getCodeKind() const;
    /// Bits of one code.
    unsigned getCodeBits() const;
    /// Whether codes are two's complement.
    bool isSigned() const;
    /// The type whose bits codes are; null where they are integers or binary.
    FloatType getFloatCodeType() const;
    /// The value of `code`, an integer as wide as a code or wider, sign-extended
    /// if codes are signed, or a vector of such, in f32.
    Value buildCodeValue(OpBuilder &b, Location loc, Value code) const;
    /// The smallest number of codes that take whole bytes, and those bytes.
    int64_t getUnitCodes() const;
    int64_t getUnitBytes() const { return getUnitCodes() * getCodeBits() / 8; }
    /// Bytes of a row of `codes` codes.
    int64_t getRowBytes(int64_t codes) const;
    /// Number of blocks per dimension; `?` stays `?`.
    SmallVector<int64_t> getGrid(ArrayRef<int64_t> shape) const;
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_QUANTCODEC_TD
