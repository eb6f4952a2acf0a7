//===- Decoders.cpp - the tile decoders of all codecs ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/TileDecoder.h"

#include "compress/Conversion/CompressToVector/TileDecoderInterface.cpp.inc"

using namespace mlir;
using namespace mlir::compress;

std::optional<ComputeMode>
mlir::compress::findComputeMode(CompressedTensorType weight, unsigned laneDim,
                                unsigned stepDim) {
  auto codec = dyn_cast<TiledAttr>(weight.getCodec());
  auto decoder =
      codec ? dyn_cast<TileDecoderInterface>(codec.getBase()) : nullptr;
  if (!decoder)
    return std::nullopt;
  for (ComputeMode mode : {ComputeMode::F32, ComputeMode::BF16,
                           ComputeMode::Int8, ComputeMode::Xnor})
    if (decoder.getKernelLayout(weight.getLogicalType(), laneDim, stepDim,
                                mode) == codec.getLayout())
      return mode;
  return std::nullopt;
}

void mlir::compress::registerTileDecoders(DialectRegistry &registry) {
  registerBase3TileDecoder(registry);
  registerBitmaskTileDecoder(registry);
  registerDenseTileDecoder(registry);
  registerNestedTileDecoder(registry);
  registerNmTileDecoder(registry);
  registerPaletteTileDecoder(registry);
  registerQuantTileDecoder(registry);
}
