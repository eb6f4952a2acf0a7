//===- Codecs.h - registration of the codec families ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One line a family. Each line adds encoders and presets to the registry.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_CODECS_CODECS_H
#define COMPRESS_DIALECT_COMPRESS_CODECS_CODECS_H

#include "compress/Dialect/Compress/IR/CodecRegistry.h"

namespace mlir::compress {

void registerBase3Encoders(CodecRegistry &registry);
void registerBitmaskEncoders(CodecRegistry &registry);
void registerDenseEncoders(CodecRegistry &registry);
void registerHuffmanEncoders(CodecRegistry &registry);
void registerLowRankEncoders(CodecRegistry &registry);
void registerMatrixEncoders(CodecRegistry &registry);
void registerNestedEncoders(CodecRegistry &registry);
void registerNmEncoders(CodecRegistry &registry);
void registerPaletteEncoders(CodecRegistry &registry);
void registerQuantEncoders(CodecRegistry &registry);
void registerSumEncoders(CodecRegistry &registry);
void registerTiledEncoders(CodecRegistry &registry);

} // namespace mlir::compress

#endif // COMPRESS_DIALECT_COMPRESS_CODECS_CODECS_H
