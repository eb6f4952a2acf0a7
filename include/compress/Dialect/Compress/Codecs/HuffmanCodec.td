//===- HuffmanCodec.td - prefix codes of bytes ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_HUFFMANCODEC_TD
#define COMPRESS_DIALECT_COMPRESS_CODECS_HUFFMANCODEC_TD

include "mlir/IR/EnumAttr.td"
include "compress/Dialect/Compress/IR/CompressDialect.td"

def Compress_HuffmanSplit : I32EnumAttr<"HuffmanSplit",
    "what of an element is coded", [
      I32EnumAttrCase<"None", 0, "none">,
      I32EnumAttrCase<"Exponent", 1, "exponent">]> {
  let cppNamespace = "::mlir::compress";
  let genSpecializedAttr = 0;
}

def Compress_HuffmanAttr : Compress_Codec<"Huffman", "huffman",
    ["verifyData", "getComponentRatios", "isLossless"]> {
  let summary = "bytes as codes of a length that depends on how often they occur";
  let description = [{
    A canonical prefix code (Huffman, "A Method for the Construction of
    Minimum-Redundancy Codes", 1952) over the bytes of the tensor, whose longest
    code has `max_length` bits (package-merge: Larmore and Hirschberg, "A Fast
    Algorithm for Optimal Length-Limited Huffman Codes", 1990). No bit is lost.

    * `split = none`, the default: elements are bytes (i8 or an 8-bit float), and
      each is a symbol. For components of other codecs: codes, indices, masks.
    * `split = exponent`: elements are f32, f16 or bf16. Their bits are turned
      left by one, so that the sign comes last and the exponent first; the first
      byte is the symbol, the others are stored as they are. Of f32 and bf16 it
      is the exponent, of f16 the exponent and three bits of the mantissa. For
      weights in bf16 this is DFloat11 (Zhang et al., 2025).

    `tile` gives the extents of the box of elements that is one stream. Streams
    can be decoded independently; no tile of the tensor may cut one. The default
    is whole rows of the innermost dimension, as many as have at most 2048
    elements, of the two innermost dimensions; of a tensor with one dimension, 2048
    elements.

    Stored components:
    * `table`: i16 in [2, max_length + 1]. For each length from 0, where the codes
      of that length end, as the upper bits of max_length bits; then what is to be
      added to a code of that length, modulo 256, to get its place in `symbols`.
    * `symbols`: 256 bytes, by length of the code, then by value; zeros follow
    * `offsets`: i32 (unsigned), one for each stream, in the shape of the grid of
      boxes: where it begins
    * `stream`: bytes. Streams lie one after the other, row after row of boxes:
      one byte, 0 for codes or 1 for symbols as they are; 4 bytes, the lower 32
      bits of the XXH3-64 of the symbols; the codes of the elements of the box,
      row after row, the first bit of a code in the highest free bit of a byte,
      and zero bits up to a whole byte. After the last one follow 8 zero bytes.
    * `rest`, with `split = exponent`: the other bytes of each element in turn, the
      lowest first, along the innermost dimension

    A stream that codes would not make smaller is stored as it is. A tensor in
    which all bytes are the same has a code of no bits. Decoders read inside of
    the components, whatever these hold.

    ```mlir
    #bytes = #compress.huffman<>
    #df11  = #compress.huffman<tile = [4, 1024], split = exponent>
    #codes = #compress.nested<#compress.quant<i4, block = [1, 32], scale = f16>,
                              codes = #compress.huffman<max_length = 10, tile = [16, 128]>>
    ```

    Rules of the attribute:
    * huffman_c1: max_length is 8 to 14
    * huffman_c2: each extent of tile is positive

    Rules with the logical tensor:
    * huffman_c3: its elements are i8 or an 8-bit float, with split = exponent f32,
      f16 or bf16
    * huffman_c4: it has at least one dimension
    * huffman_c5: tile has one extent for each dimension, if it has any
    * huffman_c6: a dynamic dimension has the extent 1, and is not the innermost
      one of f32
    * huffman_c7: it has less than 2^32 elements

    Rules of stored data:
    * huffman_c8: the table is that of a code with Kraft sum 1; or of the one
      symbol, of length 0; or zero
    * huffman_c9: symbols are distinct, and zero where there is no code
    * huffman_c10: streams lie as the offsets say, and zeros follow them
    * huffman_c11: a stream has the codes of its symbols, and zero bits after them
    * huffman_c12: the symbols have the checksum of the stream
    * huffman_c13: floats are finite
  }];
  let parameters = (ins
      DefaultValuedParameter<"unsigned", "12">:$max_length,
      OptionalArrayRefParameter<"int64_t">:$tile,
      DefaultValuedParameter<"HuffmanSplit", "HuffmanSplit::None">:$split);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The box of elements that is one stream, never larger than the tensor.
    SmallVector<int64_t> getBox(RankedTensorType logical) const;
  }];
}

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_HUFFMANCODEC_TD
