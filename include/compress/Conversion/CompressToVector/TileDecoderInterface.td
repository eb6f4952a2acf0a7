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
  }];
  let methods = [
    InterfaceMethod<[{
        The packed layout that `emitTile` reads, for lanes and steps along the
        given logical dimensions, or nothing where there is none.
      }],
      "::std::optional<::mlir::compress::algorithms::TileLayout>",
      "getKernelLayout",
      (ins "::mlir::RankedTensorType":$logical, "unsigned":$laneDim,
           "unsigned":$stepDim)>,
    InterfaceMethod<[{
        Emitted once, before the loops: the components (buffers, of the storage
        of this codec for the `tiled` type) as `emitTile` wants them.
      }],
      "::llvm::SmallVector<::mlir::Value>", "prepare",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::RankedTensorType":$tiled,
           "::mlir::ValueRange":$components)>,
    InterfaceMethod<[{
        The values of the tile at `indices` (one for each outer dimension of the
        `tiled` type): an f32 vector of `kLanes` for every step. The arithmetic
        is that of the codec's decode, with its rounding.
      }],
      "::llvm::SmallVector<::mlir::Value>", "emitTile",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::RankedTensorType":$tiled, "::mlir::ValueRange":$prepared,
           "::mlir::ValueRange":$indices)>
  ];
}

#endif // COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODERINTERFACE_TD
