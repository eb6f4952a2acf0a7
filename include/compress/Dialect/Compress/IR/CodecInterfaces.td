//===- CodecInterfaces.td - the one room a new format moves into ----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every codec says about itself. No codec is named in here; how values are
// chosen (encoders) and how kernels read them (tile decoders) are attached from
// outside.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_IR_CODECINTERFACES_TD
#define COMPRESS_DIALECT_COMPRESS_IR_CODECINTERFACES_TD

include "mlir/IR/OpBase.td"

def CodecAttrInterface : AttrInterface<"CodecAttrInterface"> {
  let cppNamespace = "::mlir::compress";
  let description = [{
    Says how a logical tensor is stored. A codec is an attribute; the stored
    data are SSA values, its *components*. `buildDecode` is the normative
    meaning: every kernel must give what it gives.

    A component may be a `!compress.tensor` again, so codecs compose. Methods
    that take components take them in the order of `getStorage`.
  }];
  let methods = [
    InterfaceMethod<[{
        Checks the codec against a logical tensor type and reports each broken
        rule through `emitError`. Rules that need no type belong in the
        attribute's own verifier.
      }],
      "::llvm::LogicalResult", "verifyCodec",
      (ins "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError,
           "::mlir::RankedTensorType":$logical)>,
    InterfaceMethod<[{
        The ordered storage components of a logical tensor that passed
        `verifyCodec`. A size is `?` where it is `?` in the logical type, or
        where it depends on the data.
      }],
      "::llvm::SmallVector<::mlir::compress::StorageComponent>", "getStorage",
      (ins "::mlir::RankedTensorType":$logical)>,
    InterfaceMethod<[{
        Builds linalg/tensor/arith IR that rebuilds the dense tensor. Arithmetic
        is done in f32 and rounded once to the logical element type. Components
        that are compressed are decoded with `compress.decode`.
      }],
      "::mlir::FailureOr<::mlir::Value>", "buildDecode",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::ValueRange":$components,
           "::mlir::RankedTensorType":$logical)>,
    InterfaceMethod<[{
        Where one tile of the logical tensor lies in each component. Emits index
        arithmetic, and loads from an offset table (one of `components`) where
        lengths depend on data. Called only for tiles that `getTileGranularity`
        allows.
      }],
      "::mlir::FailureOr<::llvm::SmallVector<::mlir::compress::ComponentTile>>",
      "mapTile",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::RankedTensorType":$logical,
           "::mlir::ValueRange":$components,
           "::llvm::ArrayRef<::mlir::OpFoldResult>":$offsets,
           "::llvm::ArrayRef<::mlir::OpFoldResult>":$sizes)>,
    InterfaceMethod<[{
        Per logical dimension, the smallest legal cut. A tile is legal when it
        splits no `unit`, and no `block` unless it lies wholly inside one.
      }],
      "::llvm::SmallVector<::mlir::compress::TileGranularity>",
      "getTileGranularity", (ins "::mlir::RankedTensorType":$logical)>,
    InterfaceMethod<[{
        For a component whose dimensions are the first ones of the logical
        tensor, or all: how many elements along each dimension stored elements
        stand for. Empty where the dimensions do not correspond; then that
        component cannot be cut when it is compressed again.
      }],
      "::llvm::SmallVector<::mlir::compress::ComponentRatio>",
      "getComponentRatios",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$component), "",
      /*defaultImplementation=*/"return {};">,
    InterfaceMethod<[{
        Exact stored bits of the given components, or nothing when a size is
        known at run time only.
      }],
      "::std::optional<int64_t>", "getStorageBits",
      (ins "::mlir::ValueRange":$components), "",
      /*defaultImplementation=*/[{
        int64_t bits = 0;
        for (::mlir::Value component : components) {
          ::std::optional<int64_t> some =
              ::mlir::compress::getStoredBits(component);
          if (!some)
            return ::std::nullopt;
          bits += *some;
        }
        return bits;
      }]>,
    InterfaceMethod<[{
        The reference decode in plain C++: elements [begin, ...) of the logical
        tensor in row-major order, as little-endian bytes of its element type.
        `components` are the dense bytes of the components, those that are
        compressed decoded already. May be called from several threads.
        Certificates are computed from it.
      }],
      "void", "decodeData",
      (ins "::mlir::RankedTensorType":$logical,
           "::llvm::ArrayRef<::llvm::ArrayRef<char>>":$components,
           "int64_t":$begin, "::llvm::MutableArrayRef<char>":$out)>,
    InterfaceMethod<[{
        Checks stored data that came from outside: padding, ranges, indices.
        `leaves` are the bytes of the components in the order of `getStorage`,
        those of nested codecs in place of their component; their sizes agree
        with the types already.
      }],
      "::llvm::LogicalResult", "verifyData",
      (ins "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError,
           "::mlir::RankedTensorType":$logical,
           "::llvm::ArrayRef<::llvm::ArrayRef<char>>":$leaves), "",
      /*defaultImplementation=*/"return ::llvm::success();">,
    InterfaceMethod<[{
        The codec that stores the same values for the tiled tensor (see
        algorithms::TileLayout), or null where the codec cannot be cut so.
        `#compress.tiled` is made of it.
      }],
      "::mlir::compress::CodecAttrInterface", "getTiledCodec",
      (ins "::mlir::RankedTensorType":$logical,
           "const ::mlir::compress::algorithms::TileLayout &":$layout), "",
      /*defaultImplementation=*/"return nullptr;">,
    InterfaceMethod<[{
        For a component of bytes that is stored in another order: the codec that
        stores its rows again, where `elements` of the first packed codes of a row
        are codes and the rest is zeros. Null where there is none.
      }],
      "::mlir::compress::CodecAttrInterface", "getRowsCodec",
      (ins "::mlir::RankedTensorType":$rows, "int64_t":$elements), "",
      /*defaultImplementation=*/"return nullptr;">,
    InterfaceMethod<[{
        The layout that a component with the dimensions of the tensor takes where
        the tensor takes one, so that both are in the same tiles; nothing where
        there is none.
      }],
      "::std::optional<::mlir::compress::algorithms::TileLayout>",
      "getComponentLayout",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$component,
           "const ::mlir::compress::algorithms::TileLayout &":$layout), "",
      /*defaultImplementation=*/[{
        return ::mlir::compress::getLayoutOfBlocks(
            logical, $_attr.getComponentRatios(logical, component), layout);
      }]>,
    InterfaceMethod<[{
        The codec of the matrix whose rows are the last dimension of `rows`, those
        before it being batches of matrices, and whose columns are all other ones,
        the last one of `columns` being the fastest: of the same values, with the
        same blocks. Null where blocks are no blocks of the matrix, or where the
        codec is not made for it.
      }],
      "::mlir::compress::CodecAttrInterface", "getMatrixCodec",
      (ins "::mlir::RankedTensorType":$logical,
           "::llvm::ArrayRef<unsigned>":$rows,
           "::llvm::ArrayRef<unsigned>":$columns), "",
      /*defaultImplementation=*/"return nullptr;">,
    InterfaceMethod<[{
        Moves stored data to what the codec of `getMatrixCodec` stores of that
        matrix, where there is one: `leaves` as for `verifyData`. No value changes.
      }],
      "::std::vector<::mlir::compress::EncodedComponent>", "moveToMatrix",
      (ins "::mlir::RankedTensorType":$logical,
           "::llvm::ArrayRef<unsigned>":$rows,
           "::llvm::ArrayRef<unsigned>":$columns,
           "::llvm::ArrayRef<::llvm::ArrayRef<char>>":$leaves), "",
      /*defaultImplementation=*/"return {};">,
    InterfaceMethod<[{
        Moves stored data into tiles: `leaves` as for `verifyData`, the result
        as the storage of `getTiledCodec`. No value changes.
      }],
      "::std::vector<::mlir::compress::EncodedComponent>", "relayout",
      (ins "::mlir::RankedTensorType":$logical,
           "const ::mlir::compress::algorithms::TileLayout &":$layout,
           "::llvm::ArrayRef<::llvm::ArrayRef<char>>":$leaves), "",
      /*defaultImplementation=*/"return {};">,
    InterfaceMethod<[{
        Rewrites the linalg contraction that `use` of the decoded tensor belongs
        to into ops that read the components, so that the tensor is never made:
        algebra, such as x (U V) = (x U) V. Fails, and touches nothing, where it
        cannot or where that does not pay; `reason` then says why, and stays empty
        where the codec has no algebra.
      }],
      "::llvm::LogicalResult", "rewriteContraction",
      (ins "::mlir::RewriterBase &":$rewriter, "::mlir::OpOperand &":$use,
           "::mlir::RankedTensorType":$logical,
           "::mlir::ValueRange":$components, "::std::string &":$reason), "",
      /*defaultImplementation=*/"return ::llvm::failure();">,
    InterfaceMethod<[{
        The codec of the same values where the component of that number is
        compressed by the given codec, without loss of what it was; null where it
        cannot be.
      }],
      "::mlir::compress::CodecAttrInterface", "withComponentCodec",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$component,
           "::mlir::compress::CodecAttrInterface":$codec), "",
      /*defaultImplementation=*/"return nullptr;">,
    InterfaceMethod<[{
        The codec of the matrix of these rows and columns (see `getMatrixCodec`),
        where that is what is stored instead of the tensor; else null.
      }],
      "::mlir::compress::CodecAttrInterface", "getStoredMatrixCodec",
      (ins "::llvm::ArrayRef<unsigned>":$rows,
           "::llvm::ArrayRef<unsigned>":$columns), "",
      /*defaultImplementation=*/"return nullptr;">,
    InterfaceMethod<"Whether data are in an order that was chosen for a kernel.",
      "bool", "isPacked", (ins), "", /*defaultImplementation=*/"return false;">,
    InterfaceMethod<[{
        Whether other things are stored than the elements, which may be rounded.
      }],
      "bool", "isCompressed", (ins), "",
      /*defaultImplementation=*/"return true;">,
    InterfaceMethod<"Whether decode(encode(w)) == w, bit for bit, for every w.",
      "bool", "isLossless", (ins), "", /*defaultImplementation=*/"return false;">,
    InterfaceMethod<[{
        Whether values that share a block must have one sign. Encoders choose
        offsets so that such a codec can compress them again.
      }],
      "bool", "needsOneSign", (ins), "",
      /*defaultImplementation=*/"return false;">
  ];
}

#endif // COMPRESS_DIALECT_COMPRESS_IR_CODECINTERFACES_TD
