//===- CompressOps.td - the few ops of the compress dialect ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// There is no compressed matmul, conv or attention: linalg ops consume the dense
// tensor that compress.decode stands for.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_IR_COMPRESSOPS_TD
#define COMPRESS_DIALECT_COMPRESS_IR_COMPRESSOPS_TD

include "compress/Dialect/Compress/IR/CompressDialect.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"

class Compress_Op<string opMnemonic, list<Trait> traits = []>
    : Op<Compress_Dialect, opMnemonic, traits>;

def Compress_Component : AnyTypeOf<[AnyRankedTensor, Compress_TensorType],
    "a ranked tensor or a compressed tensor", "::mlir::Type">;

def AssembleOp : Compress_Op<"assemble", [Pure]> {
  let summary = "storage components to compressed value";
  let description = [{
    Nothing is computed: the components *are* the compressed value. Their number,
    order and types are those that the codec's storage asks for; where the codec
    says `?`, any size will do.

    ```mlir
    %cw = compress.assemble %codes, %scales : tensor<128x128xi8>, tensor<128x8xf16>
       -> !compress.tensor<128x256xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
    ```

    Rules:
    * assemble_c1: as many components as the codec stores
    * assemble_c2: each of the type that the codec stores
  }];
  let arguments = (ins Variadic<Compress_Component>:$components);
  let results = (outs Compress_TensorType:$result);
  let assemblyFormat = [{
    $components attr-dict `:` qualified(type($components)) `->`
    qualified(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def ComponentsOp : Compress_Op<"components", [Pure, InferTypeOpAdaptor]> {
  let summary = "compressed value to its storage components";
  let description = [{
    The inverse of `compress.assemble`, with which it folds. The result types
    follow from the codec, so they are not written.

    ```mlir
    %codes, %scales = compress.components %cw
        : !compress.tensor<128x256xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
    ```
  }];
  let arguments = (ins Compress_TensorType:$input);
  let results = (outs Variadic<Compress_Component>:$components);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input))";
  let hasFolder = 1;
}

def EncodeOp : Compress_Op<"encode", [Pure]> {
  let summary = "the request to compress a dense tensor";
  let description = [{
    Asks for the compressed form of a weight. `compress-encode` evaluates it when
    the input is a constant: it runs the encoder that is registered for the codec
    and the `algorithm` (the codec's first when none is named).

    ```mlir
    %cw = compress.encode %w {algorithm = "rtn"} : tensor<128x256xf32>
       -> !compress.tensor<128x256xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
    ```

    `encode(decode(x))` folds to `x`; `decode(encode(x))` folds to `x` only for
    lossless codecs.

    Rules:
    * encode_c1: the input has the logical type of the result
  }];
  let arguments = (ins AnyRankedTensor:$input,
                       OptionalAttr<StrAttr>:$algorithm);
  let results = (outs Compress_TensorType:$result);
  let assemblyFormat = [{
    $input attr-dict `:` type($input) `->` qualified(type($result))
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def DecodeOp : Compress_Op<"decode", [Pure, InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<TilingInterface, [
      "getIterationDomain", "getLoopIteratorTypes", "getTiledImplementation",
      "getResultTilePosition", "generateResultTileValue"]>]> {
  let summary = "the dense tensor that a compressed value means";
  let description = [{
    Never folded into a dense constant, whatever its operands: weights stay
    compressed until a kernel reads them.

    It tiles by slicing the storage components, so that upstream tiling pulls
    only the tile of weights that a consumer needs. A tile that would split a
    stored unit is refused before any IR is made.

    ```mlir
    %w = compress.decode %cw
        : !compress.tensor<128x256xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
    ```
  }];
  let arguments = (ins Compress_TensorType:$input);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$input attr-dict `:` qualified(type($input))";
  let hasFolder = 1;
}

def Compress_ComputeMode : I32EnumAttr<"ComputeMode",
    "what a kernel computes with", [
      I32EnumAttrCase<"F32", 0, "f32">, I32EnumAttrCase<"Int8", 1, "int8">,
      I32EnumAttrCase<"BF16", 2, "bf16">, I32EnumAttrCase<"Xnor", 3, "xnor">,
      I32EnumAttrCase<"F16", 4, "f16">, I32EnumAttrCase<"F8", 5, "f8">]> {
  let cppNamespace = "::mlir::compress";
  let genSpecializedAttr = 0;
}

def Compress_ComputeModeAttr
    : EnumAttr<Compress_Dialect, Compress_ComputeMode, "compute">;

def ContractOp : Compress_Op<"contract", [AttrSizedOperandSegments,
    DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
    DeclareOpInterfaceMethods<TilingInterface, [
      "getIterationDomain", "getLoopIteratorTypes", "getTiledImplementation",
      "getResultTilePosition", "generateResultTileValue"]>]> {
  let summary = "contraction that reads its weight in stored form";
  let description = [{
    `init[b.., m, n] += sum over k of lhs[b.., m, k] * w[weight_map(b.., m, n, k)]`
    in f32, where `w` is what `decode` of the components means, rounded to the
    logical element type as decode does. Formed late, by
    `compress-form-kernels`, where a kernel reads codes directly.

    With `compute = bf16`, lhs and what codes stand for are rounded to bfloat16,
    and products are added in f32; `f16` is the same in half precision, on GPUs
    only. With `compute = int8`, lhs is rounded to 8-bit
    integers, with one scale for each row and each block of the weight along k
    (with a window, one for a pixel or an image), and multiplied with the codes as
    integers. `f8` is the same with f8E4M3FN and codes that are floats of 8 bits, on
    GPUs only. With `compute = xnor`, lhs counts as 1 where it is 0 or more, and as
    -1 elsewhere: products with weights of two values are bits that differ or not,
    which are counted. docs/Numerics.md has the exact meanings and their errors.

    With `overwrite`, init is not read. Then an epilogue may follow: a region that
    makes an element of the result of the f32 sum and of an element of each of
    the operands after `with`, such as a bias or a residual. Their maps are those
    of `(b.., m, n)`. So a bias and ReLU are part of the kernel:

    ```mlir
    %y = compress.contract ins(%x, %codes, %scales : tensor<?x256xf32>, tensor<8x32x16x4xi8>, tensor<8x8x16x1xf16>)
                           outs(%init : tensor<?x128xf32>) overwrite
      weight(!compress.tensor<128x256xf32, #packed>, affine_map<(m, n, k) -> (n, k)>)
      with(%bias : tensor<128xf32>) at [affine_map<(m, n) -> (n)>] epilogue {
    ^bb0(%sum: f32, %b: f32):
      %0 = arith.addf %sum, %b : f32
      %1 = arith.maximumf %0, %zero : f32
      compress.yield %1 : f32
    } -> tensor<?x128xf32>
    ```

    With a `window`, lhs is read at `window(b.., m, k)`: convolutions are
    contractions whose rows are windows of an image, m being all positions of
    the output and k all positions in a window. What m and k contribute to a
    position must be separate terms. With `border`, for kernels of GPUs, and with
    `compute = xnor`, places out of an image of static size count as 0: the border of
    a convolution.

    Components, not the compressed value, are its operands, so that it
    bufferizes like any other op.

    Rules:
    * contract_c1: components are those that the weight stores
    * contract_c2: lhs is f32, or, unless `compute` is, f16 or bf16, and init is of
      floats or integers, f32 unless it is overwritten; without a window they have the
      same rank, 2 or more
    * contract_c3: weight_map is a permutation of all dimensions but m
    * contract_c4: static sizes of one dimension agree
    * contract_c5: the result, if any, has the type of init
    * contract_c6: operands are ranked tensors, or ranked buffers
    * contract_c7: an epilogue overwrites init, and makes an element of init of
      f32 and of elements of its operands, by elementwise ops
    * contract_c8: there is one map for each operand of the epilogue, that of a
      projected permutation of (b.., m, n) with n last, and static sizes agree
    * contract_c9: window has the dimensions (b.., m, k), its first results are
      b.., and others are sums of a term of m and a term of k, in the bounds of
      lhs but for xnor and with border, which is of a window
  }];
  let arguments = (ins AnyShaped:$lhs, Variadic<AnyShaped>:$components,
                       AnyShaped:$init, Variadic<AnyShaped>:$others,
                       TypeAttrOf<Compress_TensorType>:$weight,
                       AffineMapAttr:$weight_map,
                       OptionalAttr<AffineMapAttr>:$window,
                       UnitAttr:$border,
                       OptionalAttr<AffineMapArrayAttr>:$other_maps,
                       UnitAttr:$overwrite,
                       DefaultValuedAttr<Compress_ComputeModeAttr,
                           "::mlir::compress::ComputeMode::F32">:$compute);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region AnyRegion:$epilogue);
  let builders = [
    OpBuilder<(ins "::mlir::TypeRange":$results, "::mlir::Value":$lhs,
                   "::mlir::ValueRange":$components, "::mlir::Value":$init,
                   "::mlir::compress::CompressedTensorType":$weight,
                   "::mlir::AffineMap":$weightMap,
                   "::mlir::compress::ComputeMode":$compute,
                   CArg<"bool", "false">:$overwrite,
                   CArg<"::mlir::AffineMap", "{}">:$window,
                   CArg<"bool", "false">:$border)>
  ];
  let assemblyFormat = [{
    `ins` `(` $lhs `,` $components `:` type($lhs) `,` type($components) `)`
    `outs` `(` $init `:` type($init) `)` (`overwrite` $overwrite^)?
    `weight` `(` $weight `,` $weight_map `)` (`window` $window^)? (`border` $border^)?
    (`compute` `=` $compute^)?
    (`with` `(` $others^ `:` type($others) `)` `at` $other_maps)?
    (`epilogue` $epilogue^)? attr-dict (`->` type($results)^)?
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    ::mlir::compress::CompressedTensorType getWeightType() {
      return ::llvm::cast<::mlir::compress::CompressedTensorType>(getWeight());
    }
    /// Number of batch dimensions.
    int64_t getNumBatch() {
      return ::llvm::cast<::mlir::ShapedType>(getInit().getType()).getRank() - 2;
    }
    /// Iteration dimensions: batch first, then these.
    unsigned getDimM() { return getNumBatch(); }
    unsigned getDimN() { return getNumBatch() + 1; }
    unsigned getDimK() { return getNumBatch() + 2; }
    /// The map of an operand of the epilogue.
    ::mlir::AffineMap getOtherMap(unsigned i) {
      return ::llvm::cast<::mlir::AffineMapAttr>((*getOtherMaps())[i]).getValue();
    }
    /// The same op on other operands, of as many of each kind.
    ContractOp cloneWith(::mlir::OpBuilder &b, ::mlir::TypeRange results,
                         ::mlir::ValueRange operands);
    /// Size of k.
    int64_t getReducedSize() {
      unsigned dim = getDimK();
      return getWeightType().getShape()[*getWeightMap().getResultPosition(
          ::mlir::getAffineDimExpr(dim, getContext()))];
    }
  }];
}

def YieldOp : Compress_Op<"yield", [Pure, Terminator,
                                    HasParent<"ContractOp">]> {
  let summary = "the result of an epilogue";
  let description = "Ends the epilogue of `compress.contract`.";
  let arguments = (ins AnyType:$value);
  let assemblyFormat = "$value attr-dict `:` type($value)";
}

#endif // COMPRESS_DIALECT_COMPRESS_IR_COMPRESSOPS_TD
