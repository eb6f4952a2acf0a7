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
        The codes that fragments can be made of, for the reduced dimension
        `columnDim`, or nothing. Their layout is that of
        `compress::getFragmentLayout`.
      }],
      "::std::optional<::mlir::compress::FragmentCodes>", "getFragmentCodes",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$columnDim)>,
    InterfaceMethod<[{
        The same where the values that the codec stores are compressed by `values`.
      }],
      "::std::optional<::mlir::compress::FragmentCodes>", "getCodesOfValues",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$columnDim,
           "::mlir::Attribute":$values), "",
      /*defaultImplementation=*/"return ::std::nullopt;">,
    InterfaceMethod<[{
        Why there are no codes, with `values` as before or null; empty where nothing
        is to be said of it.
      }],
      "::std::string", "explainNoCodes",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$columnDim,
           "::mlir::Attribute":$values), "",
      /*defaultImplementation=*/[{ return ""; }]>,
    InterfaceMethod<[{
        How numbers of fragments relate to the values of a weight, where a kernel
        multiplies numbers of `kind`.
      }],
      "::mlir::compress::FragmentFormat", "getFragmentFormat",
      (ins "const ::mlir::compress::FragmentWeight &":$weight,
           "::mlir::compress::algorithms::MmaKind":$kind)>,
    InterfaceMethod<[{
        The same where fragments have values in place of numbers of blocks: numbers
        times their factors, rounded to the type that a kernel of `kind` multiplies as
        decode rounds them to that of the weight. Nothing where a kernel would round
        them in another way.
      }],
      "::std::optional<::mlir::compress::FragmentFormat>", "getScaledFormat",
      (ins "const ::mlir::compress::FragmentWeight &":$weight,
           "::mlir::compress::algorithms::MmaKind":$kind), "",
      /*defaultImplementation=*/"return ::std::nullopt;">,
    InterfaceMethod<[{
        Bytes of shared memory that `emitFragment` looks numbers up in, for so many
        rows of tiles.
      }],
      "int64_t", "getTableBytes",
      (ins "const ::mlir::compress::FragmentWeight &":$weight,
           "int64_t":$tileRows), "",
      /*defaultImplementation=*/"return 0;">,
    InterfaceMethod<[{
        Fills the table of the weight, a buffer of so many bytes: each thread
        those entries with its number, and every `numThreads` ones after it. `first`
        is the place of the first row of tiles.
      }],
      "void", "emitTable",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::FragmentWeight &":$weight,
           "const ::mlir::compress::FragmentPlace &":$first, "int64_t":$tileRows,
           "::mlir::Value":$thread, "int64_t":$numThreads,
           "::mlir::compress::algorithms::MmaKind":$kind), "",
      /*defaultImplementation=*/"return;">,
    InterfaceMethod<[{
        The four registers of operand A, in the order of the instruction, with the
        numbers of 16 rows and 16 columns of a tile, `rowTile` and `step` saying
        which. `words` are the four i32 that the lane has of the tile. Where there are
        `factors`, those of the tile, numbers are multiplied by them. Numbers are
        of the type that the kernel computes in, F16 or BF16; or they are what
        `getByteKind` says, of 32 columns in the order of `getByteColumn`; or B1 where
        `hasSigns`, of 256 columns in the order of `getSignColumn`, and then a bit is
        set for 1. Sparse ones are those stored of twice as many columns, in the
        order of `getSparseWordColumn` if they are bytes.
      }],
      "::llvm::SmallVector<::mlir::Value>", "emitFragment",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::FragmentWeight &":$weight,
           "const ::mlir::compress::FragmentPlace &":$place,
           "::mlir::ValueRange":$words, "int64_t":$rowTile, "int64_t":$step,
           "::mlir::compress::algorithms::MmaKind":$kind,
           "::mlir::ValueRange":$factors)>,
    InterfaceMethod<[{
        The metadata of such registers, if the format is sparse; of positions that
        ascend, also where nothing but zeros was copied.
      }],
      "::mlir::compress::FragmentMetadata", "emitMetadata",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::FragmentWeight &":$weight,
           "const ::mlir::compress::FragmentPlace &":$place,
           "int64_t":$rowTile, "int64_t":$step,
           "::mlir::compress::algorithms::MmaKind":$kind), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no metadata");
      }]>,
    InterfaceMethod<[{
        The mma of bytes that multiplies numbers as they are, up to a power of two, or
        nothing where none does, or where tiles do not have whole ones.
      }],
      "::std::optional<::mlir::compress::algorithms::MmaKind>", "getByteKind",
      (ins "const ::mlir::compress::FragmentWeight &":$weight), "",
      /*defaultImplementation=*/"return std::nullopt;">,
    InterfaceMethod<[{
        Whether numbers are 1 and -1, of which all of a row share a scale, and an mma
        of bits has the columns of a tile. Behind the last column no bit is set.
      }],
      "bool", "hasSigns",
      (ins "const ::mlir::compress::FragmentWeight &":$weight), "",
      /*defaultImplementation=*/"return false;">,
    InterfaceMethod<[{
        What makes the numbers of the block that a tile is in values, for the rows
        of the tile that the lane has.
      }],
      "::mlir::compress::RowScales", "emitRowScales",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::FragmentWeight &":$weight,
           "const ::mlir::compress::FragmentPlace &":$place), "",
      /*defaultImplementation=*/"return {};">,
    InterfaceMethod<[{
        The factors of the numbers of a tile, if its format has some, in registers
        that `emitFragment` knows.
      }],
      "::llvm::SmallVector<::mlir::Value>", "emitFactors",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::FragmentWeight &":$weight,
           "const ::mlir::compress::FragmentPlace &":$place,
           "::mlir::compress::algorithms::MmaKind":$kind), "",
      /*defaultImplementation=*/"return {};">,
    InterfaceMethod<[{
        Whether a compressed component that has one element for each block of a weight
        can be read by `emitRows`.
      }],
      "bool", "hasRows", (ins), "", /*defaultImplementation=*/"return false;">,
    InterfaceMethod<[{
        The elements of such a component that belong to the rows that the lane has of
        a tile, in f32. Its leaves are those from number `leaf` on, which is set behind
        them.
      }],
      "::llvm::SmallVector<::mlir::Value>", "emitRows",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::FragmentWeight &":$weight,
           "const ::mlir::compress::FragmentPlace &":$place,
           "::mlir::RankedTensorType":$component, "unsigned &":$leaf), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no rows");
      }]>
  ];
}

#endif // COMPRESS_CONVERSION_COMPRESSTOGPU_FRAGMENTDECODERINTERFACE_TD
