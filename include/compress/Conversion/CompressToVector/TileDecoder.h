//===- TileDecoder.h - stored form to vectors -------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODER_H
#define COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODER_H

#include "compress/Dialect/Compress/IR/Compress.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::compress {

/// Rows of a weight that a kernel computes at once: the lanes of an AVX-512
/// register of f32. Narrower machines take several registers for them.
inline constexpr int64_t kLanes = 16;

/// Attaches the decoders of this project's codecs.
void registerTileDecoders(DialectRegistry &registry);

// One line a codec.
void registerPaletteTileDecoder(DialectRegistry &registry);
void registerQuantTileDecoder(DialectRegistry &registry);

} // namespace mlir::compress

#include "compress/Conversion/CompressToVector/TileDecoderInterface.h.inc"

#endif // COMPRESS_CONVERSION_COMPRESSTOVECTOR_TILEDECODER_H
