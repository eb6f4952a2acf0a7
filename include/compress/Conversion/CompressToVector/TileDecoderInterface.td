//===- TileDecoderInterface.td - stored form to vectors -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One half of a kernel; the other is a ContractionEmitter. Attached to codecs as
// an external model, so that codecs know no target.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODERINTERFACE_TD
#define COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODERINTERFACE_TD

include "mlir/IR/OpBase.td"

def TileDecoderInterface : AttrInterface<"TileDecoderInterface"> {
  let cppNamespace = "::mlir::compress";
  let description = [{
    Emits the values of one tile of a weight as vectors, from buffers of its
    packed components. A tile is `kLanes` elements of one dimension, in the
    lanes of a vector, by a few *steps* of the reduced dimension, one vector
    each.

    Kernels that compute in f32 call `emitTile`, or `emitSparseGroup` where few
    elements of a tile are stored; those that compute with integers, or in bf16,
    call the methods after it, which codecs that have a layout for that mode have.
  }];
  let methods = [
    InterfaceMethod<[{
        The packed layout that kernels of the given mode read, for lanes and steps
        along the given logical dimensions, or nothing where there is none. No two
        modes have the same one.
      }],
      "::std::optional<::mlir::compress::algorithms::TileLayout>",
      "getKernelLayout",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$laneDim,
           "unsigned":$stepDim, "::mlir::compress::ComputeMode":$compute)>,
    InterfaceMethod<[{
        Emitted once, before the loops: the components of a tiled weight, which
        are buffers, as the other methods want them.
      }],
      "::llvm::SmallVector<::mlir::Value>", "prepare",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::compress::TiledAttr":$codec,
           "::mlir::ValueRange":$components)>,
    InterfaceMethod<[{
        The values of the tile at `indices` (one for each outer dimension of the
        `tiled` type): an f32 vector of `kLanes` for every step. The arithmetic
        is that of the codec's decode, with its rounding.
      }],
      "::llvm::SmallVector<::mlir::Value>", "emitTile",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::ByteInstructions &":$instructions,
           "::mlir::RankedTensorType":$tiled, "::mlir::ValueRange":$prepared,
           "::mlir::ValueRange":$indices)>,
    InterfaceMethod<[{
        Whether `emitTile` only loads the values: they need not be kept for the
        next use.
      }],
      "bool", "isLoaded", (ins "::mlir::RankedTensorType":$tiled), "",
      /*defaultImplementation=*/"return false;">,
    InterfaceMethod<[{
        Asks memory for a tile that `emitTile` will load, if there is one.
      }],
      "void", "emitPrefetch",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::RankedTensorType":$tiled, "::mlir::ValueRange":$prepared,
           "::mlir::ValueRange":$indices), "",
      /*defaultImplementation=*/"return;">,
    InterfaceMethod<[{
        What is stored of a tile, where that is less than all elements and kernels
        may read the others as nothing; nothing where it is not.
      }],
      "::std::optional<::mlir::compress::SparseFormat>", "getSparseFormat",
      (ins), "", /*defaultImplementation=*/"return ::std::nullopt;">,
    InterfaceMethod<[{
        Emits what is stored of group number `group` of a tile, in increasing order
        of positions.
      }],
      "::llvm::SmallVector<::mlir::compress::SparseStep>", "emitSparseGroup",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::TiledWeight &":$weight,
           "const ::mlir::compress::TilePosition &":$position,
           "int64_t":$group), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no sparse tiles");
      }]>,
    InterfaceMethod<[{
        Whether tiles are masks and what the lanes that these name have, for
        targets that move values to such lanes in a register: then the codec has
        the next methods.
      }],
      "bool", "isMasked", (ins), "", /*defaultImplementation=*/"return false;">,
    InterfaceMethod<[{
        What `prepare` is for `emitMaskedSteps`. `releaseMasked` is emitted behind
        the loops.
      }],
      "::llvm::SmallVector<::mlir::Value>", "prepareMasked",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::compress::TiledAttr":$codec,
           "::mlir::ValueRange":$components), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no masked tiles");
      }]>,
    InterfaceMethod<[{
        Frees what `prepareMasked` allocated.
      }],
      "void", "releaseMasked",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::ValueRange":$prepared), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no masked tiles");
      }]>,
    InterfaceMethod<[{
        Emits the steps of the tile at `indices` one by one, as `emitTile` does all
        of them, and calls `emitStep` after each.
      }],
      "void", "emitMaskedSteps",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::RankedTensorType":$tiled, "::mlir::ValueRange":$prepared,
           "::mlir::ValueRange":$indices,
           "::llvm::function_ref<void(int64_t, ::mlir::compress::MaskedStep)>":$emitStep),
      "", /*defaultImplementation=*/[{
        llvm_unreachable("no masked tiles");
      }]>,
    InterfaceMethod<[{
        The codes that kernels for integers can compute with, or nothing. Where there
        are some, the layout of all of them is that of `getIntegerLayout`, and the
        codec has the next methods.
      }],
      "::std::optional<::mlir::compress::IntegerCodes>", "getIntegerCodes",
      (ins "::mlir::RankedTensorType":$logical), "",
      /*defaultImplementation=*/"return ::std::nullopt;">,
    InterfaceMethod<[{
        What `prepare` is for the next methods.
      }],
      "::llvm::SmallVector<::mlir::Value>", "prepareIntegers",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::IntegerWeight &":$weight,
           "::mlir::ValueRange":$components), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no layout for int8");
      }]>,
    InterfaceMethod<[{
        How the codes of a weight that is laid out for `int8` relate to its
        values.
      }],
      "::mlir::compress::IntegerFormat", "getIntegerFormat",
      (ins "const ::mlir::compress::IntegerWeight &":$weight), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no layout for int8");
      }]>,
    InterfaceMethod<[{
        Emits the groups of codes of one of the stored vectors of a tile. `shifted`
        codes may be multiplied by a power of two, which spares a shift where few
        products share them.
      }],
      "::llvm::SmallVector<::mlir::compress::CodeGroup>", "emitIntegerVector",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::IntegerWeight &":$weight,
           "const ::mlir::compress::TilePosition &":$position,
           "int64_t":$vector, "bool":$shifted), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no layout for int8");
      }]>,
    InterfaceMethod<[{
        Emits what makes the codes of the block that begins with a tile values.
      }],
      "::mlir::compress::IntegerScales", "emitIntegerScales",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::IntegerWeight &":$weight,
           "const ::mlir::compress::TilePosition &":$position), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no layout for int8");
      }]>,
    InterfaceMethod<[{
        How the numbers that codes of a weight laid out for `bf16` stand for
        relate to its values.
      }],
      "::mlir::compress::Bf16Format", "getBf16Format",
      (ins "const ::mlir::compress::TiledWeight &":$weight), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no layout for bf16");
      }]>,
    InterfaceMethod<[{
        Emits the numbers of one of the stored vectors of a tile, pair by pair.
        `Dot` may use AVX-512 with its extensions BW and VBMI; `Fma` is for any
        machine.
      }],
      "::llvm::SmallVector<::mlir::compress::Bf16Pair>", "emitBf16Vector",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::TiledWeight &":$weight,
           "const ::mlir::compress::TilePosition &":$position,
           "int64_t":$vector, "::mlir::compress::Bf16Form":$form), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no layout for bf16");
      }]>,
    InterfaceMethod<[{
        Emits what makes the numbers of the block that begins with a tile values.
      }],
      "::mlir::compress::BlockScales", "emitBf16Scales",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::TiledWeight &":$weight,
           "const ::mlir::compress::TilePosition &":$position), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no layout for bf16");
      }]>,
    InterfaceMethod<[{
        What a byte of compressed codes of so many bits holds, for a codec that is
        one of the components of another, if kernels for integers can read it.
      }],
      "::std::optional<::mlir::compress::PackedFields>", "getPackedFields",
      (ins "unsigned":$bits, "bool":$isSigned), "",
      /*defaultImplementation=*/"return ::std::nullopt;">,
    InterfaceMethod<[{
        The codes of each field of a vector of such bytes; `shifted` as for
        `emitIntegerVector`.
      }],
      "::llvm::SmallVector<::mlir::Value>", "emitPackedFields",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::ByteInstructions &":$instructions,
           "::mlir::Value":$stored, "bool":$shifted), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no packed fields");
      }]>,
    InterfaceMethod<[{
        Emits the signs of a tile of a weight that is laid out for `xnor`, whose scales
        are those of `emitIntegerScales` and whose blocks are those of
        `getIntegerFormat`: a vector of i32 that has 32 consecutive steps in each lane,
        the first one in the lowest bit. A bit is set where the value is minus its
        scale, and where there is none.
      }],
      "::mlir::Value", "emitSigns",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::IntegerWeight &":$weight,
           "const ::mlir::compress::TilePosition &":$position), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no layout for xnor");
      }]>,
    InterfaceMethod<[{
        Whether a compressed component that has one element for each block of a weight
        can be read by `emitLanes`.
      }],
      "bool", "hasLanes", (ins), "", /*defaultImplementation=*/"return false;">,
    InterfaceMethod<[{
        Emits the elements of such a component that belong to the lanes of a tile, in
        f32. Its leaves are those from number `leaf` on, which is set behind them.
      }],
      "::mlir::Value", "emitLanes",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "const ::mlir::compress::IntegerWeight &":$weight,
           "const ::mlir::compress::TilePosition &":$position,
           "::mlir::RankedTensorType":$component, "unsigned &":$leaf), "",
      /*defaultImplementation=*/[{
        llvm_unreachable("no lanes");
      }]>
  ];
}

#endif // COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODERINTERFACE_TD
