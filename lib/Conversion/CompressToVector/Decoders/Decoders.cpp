//===- Decoders.cpp - registration of the tile decoders ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Conversion/CompressToVector/TileDecoder.h"

#include "compress/Conversion/CompressToVector/TileDecoderInterface.cpp.inc"

void mlir::compress::registerTileDecoders(DialectRegistry &registry) {
  registerPaletteTileDecoder(registry);
  registerQuantTileDecoder(registry);
}
