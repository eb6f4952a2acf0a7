//===- FragmentDecoderInterface.td - stored form to mma fragments ---------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tile decoder of GPUs: one half of a kernel, the other one is the emitter.
// Attached to codecs as an external model, so that codecs know no target.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_COMPRESSTOGPU_FRAGMENTDECODERINTERFACE_TD
#define COMPRESS_CONVERSION_COMPRESSTOGPU_FRAGMENTDECODERINTERFACE_TD

include "mlir/IR/OpBase.td"

def FragmentDecoderInterface : AttrInterface<"FragmentDecoderInterface"> {
  let cppNamespace = "::mlir::compress";
  let description = [{
    Emits what the lanes of a warp hold of a weight: operand A of mma.sync, whose
    rows are outputs. A weight is stored as records (see `#compress.tiled`) that
    begin with tiles of 512 bytes, 16 neighbouring bytes for each lane.
  }];
  let methods = [
    InterfaceMethod<[{
        The packed layout that kernels read, for outputs along `rowDim` and the
        reduced dimension `columnDim`, or nothing where there is none.
      }],
      "::std::optional<::mlir::compress::algorithms::TileLayout>",
      "getFragmentLayout",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$rowDim,
           "unsigned":$columnDim)>,
    InterfaceMethod<[{
        How numbers that codes of a weight stand for relate to its values.
      }],
      "::mlir::compress::FragmentFormat", "getFragmentFormat",
      (ins "const ::mlir::compress::FragmentWeight &":$weight)>,
    InterfaceMethod<[{
        The four registers of operand A, in the order of the instruction, with the
        numbers of 16 rows and 16 columns of a tile, `rowTile` and `step` saying
        which. `words` are the four i32 that the lane has of the tile. Numbers are
        of the type that the kernel computes in, F16 or BF16.
      }],
      "::llvm::SmallVector<::mlir::Value>", "emitFragment",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::FragmentWeight &":$weight,
           "::mlir::ValueRange":$words, "int64_t":$rowTile, "int64_t":$step,
           "::mlir::compress::algorithms::MmaKind":$kind)>,
    InterfaceMethod<[{
        What makes the numbers of the block that a tile is in values, for the rows
        of the tile that the lane has.
      }],
      "::mlir::compress::RowScales", "emitRowScales",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::FragmentWeight &":$weight,
           "const ::mlir::compress::FragmentPlace &":$place), "",
      /*defaultImplementation=*/"return {};">
  ];
}

#endif // COMPRESS_CONVERSION_COMPRESSTOGPU_FRAGMENTDECODERINTERFACE_TD
