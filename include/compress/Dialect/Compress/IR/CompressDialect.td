//===- CompressDialect.td - dialect, type, certificate --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codecs are not in here: each has a file in ../Codecs.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_IR_COMPRESSDIALECT_TD
#define COMPRESS_DIALECT_COMPRESS_IR_COMPRESSDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpBase.td"
include "compress/Dialect/Compress/IR/CodecInterfaces.td"

def Compress_Dialect : Dialect {
  let name = "compress";
  let cppNamespace = "::mlir::compress";
  let summary = "weights that stay compressed until a kernel reads them";
  let description = [{
    A compressed weight is a value of type `!compress.tensor<SHAPE x ELEM,
    #codec>`. What it means is what `compress.decode` yields: a dense
    `tensor<SHAPE x ELEM>`. Everything else is an optimisation of "decode, then
    compute", and linalg stays linalg.

    Discardable attributes of the dialect:

    * `compress.codec` on a constant or an `ml_program.global`: a codec
      attribute or the name of a preset that `compress-encode` shall use for it;
    * `compress.weight` on a constant that is no resource: the name of the weight,
      `function#ordinal`, which `compress-encode` leaves where it takes others
      away; and on a `compress.assemble` of one that is not compressed;
    * `compress.certificate` on a `compress.assemble`: what its encoding cost;
    * `compress.dense_reason` on a `compress.decode`: why its user cannot decode
      tiles, left by `compress-tile-and-fuse` for `compress-check-fused`.

    docs/Rationale.md says what is there, what is deliberately not, and why.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let extraClassDeclaration = [{
    /// Name of the attribute that asks for a codec, on a constant or a global.
    static constexpr ::llvm::StringLiteral kCodecAttr = "compress.codec";
    /// Name of the attribute that keeps a weight's name.
    static constexpr ::llvm::StringLiteral kWeightAttr = "compress.weight";
    /// Name of the attribute that says what an encoding cost.
    static constexpr ::llvm::StringLiteral kCertificateAttr =
        "compress.certificate";

    /// Name of the attribute that says why a decode could not be fused.
    static constexpr ::llvm::StringLiteral kDenseReasonAttr =
        "compress.dense_reason";
    /// Name of the attribute of a loop that threads may share: the iterations
    /// that one takes at a time.
    static constexpr ::llvm::StringLiteral kChunkAttr = "compress.chunk";

    /// Encoders by (codec, algorithm), and presets by name. Dialect extensions
    /// fill them in; after that they are only read.
    CodecRegistry &getCodecs() { return codecs; }
    const CodecRegistry &getCodecs() const { return codecs; }

  private:
    CodecRegistry codecs;
  }];
}

class Compress_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Compress_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

/// A codec family: one attribute in one file of ../Codecs.
/// `methods` are those with a default that it has its own of.
class Compress_Codec<string name, string attrMnemonic, list<string> methods>
    : Compress_Attr<name, attrMnemonic,
                    [DeclareAttrInterfaceMethods<CodecAttrInterface, methods>]>;

def Compress_TensorType : TypeDef<Compress_Dialect, "CompressedTensor"> {
  let mnemonic = "tensor";
  let summary = "a dense tensor held in compressed form";
  let description = [{
    Shape and element type are those of the dense tensor it stands for; the
    codec says how it is stored. Scales, codebooks and factors are operands of
    `compress.assemble`, never data inside the type.

    It is a type of its own and not an encoding on `tensor` because bufferization
    drops encodings it does not know without a word; a lowering that was
    forgotten would then read packed codes as floats.

    Rules:
    * tensor_c1: the element type is f32, f16, bf16, or one that codecs store
      (8-bit floats, i8, i16, i32): components may be compressed again
    * tensor_c2: no dimension is negative and the number of elements fits 63 bits
    * tensor_c3: codecs nest at most 8 deep
    * then those of the codec

    ```mlir
    !w = !compress.tensor<128x256xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType,
                        "::mlir::compress::CodecAttrInterface":$codec);
  let assemblyFormat = "`<` custom<Contents>($shape, $elementType, $codec) `>`";
  let genVerifyDecl = 1;
  let builders = [TypeBuilderWithInferredContext<
    (ins "::mlir::RankedTensorType":$logical,
         "::mlir::compress::CodecAttrInterface":$codec), [{
      return $_get(logical.getContext(), logical.getShape(),
                   logical.getElementType(), codec);
    }]>];
  let extraClassDeclaration = [{
    /// The dense tensor type that this stands for.
    ::mlir::RankedTensorType getLogicalType() const {
      return ::mlir::RankedTensorType::get(getShape(), getElementType());
    }
    /// What the codec stores for it.
    ::llvm::SmallVector<::mlir::compress::StorageComponent> getStorage() const {
      return getCodec().getStorage(getLogicalType());
    }
    ::llvm::SmallVector<::mlir::Type> getStorageTypes() const;
  }];
}

def Compress_CertificateAttr : Compress_Attr<"Certificate", "certificate"> {
  let summary = "what an encoding cost, against the original weight";
  let description = [{
    Recorded by `compress-encode`, recomputed by `compressc verify` through the
    dense decode, and compared bit for bit.

    * `weight`: name of the weight; `algorithm`: what chose the numbers
    * `source`: XXH3-64 of the original little-endian bytes, 16 hex digits
    * `bits`: exact stored bits
    * `max_error`: max |w - decode(encode(w))|
    * `relative_error`: Frobenius norm of the error over that of the weight
    * `sqnr`: 10 log10(sum w² / sum e²) in dB, infinite when there is no error

    ```mlir
    #compress.certificate<weight = "fc.weight", algorithm = "rtn", source = "8b4f6f7c5d3a2b10",
                          bits = 18432, max_error = 1.250000e-02 : f64,
                          relative_error = 8.0e-02 : f64, sqnr = 21.9 : f64>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$weight,
                        StringRefParameter<>:$algorithm,
                        StringRefParameter<>:$source,
                        "int64_t":$bits,
                        "::mlir::FloatAttr":$max_error,
                        "::mlir::FloatAttr":$relative_error,
                        "::mlir::FloatAttr":$sqnr);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif // COMPRESS_DIALECT_COMPRESS_IR_COMPRESSDIALECT_TD
