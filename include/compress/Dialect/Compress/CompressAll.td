//===- CompressAll.td - everything of the dialect, for TableGen -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_COMPRESSALL_TD
#define COMPRESS_DIALECT_COMPRESS_COMPRESSALL_TD

include "compress/Dialect/Compress/IR/CompressOps.td"
include "compress/Dialect/Compress/Codecs/Base3Codec.td"
include "compress/Dialect/Compress/Codecs/BitmaskCodec.td"
include "compress/Dialect/Compress/Codecs/DenseCodec.td"
include "compress/Dialect/Compress/Codecs/HuffmanCodec.td"
include "compress/Dialect/Compress/Codecs/LowRankCodec.td"
include "compress/Dialect/Compress/Codecs/MatrixCodec.td"
include "compress/Dialect/Compress/Codecs/NestedCodec.td"
include "compress/Dialect/Compress/Codecs/NmCodec.td"
include "compress/Dialect/Compress/Codecs/PaletteCodec.td"
include "compress/Dialect/Compress/Codecs/QuantCodec.td"
include "compress/Dialect/Compress/Codecs/SumCodec.td"
include "compress/Dialect/Compress/Codecs/TiledCodec.td"

#endif // COMPRESS_DIALECT_COMPRESS_COMPRESSALL_TD
