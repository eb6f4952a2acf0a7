//===- CompressAll.td - everything of the dialect, for TableGen -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_COMPRESSALL_TD
#define COMPRESS_DIALECT_COMPRESS_COMPRESSALL_TD

include "compress/Dialect/Compress/IR/CompressOps.td"
include "compress/Dialect/Compress/Codecs/NestedCodec.td"
include "compress/Dialect/Compress/Codecs/QuantCodec.td"
include "compress/Dialect/Compress/Codecs/TiledCodec.td"

#endif // COMPRESS_DIALECT_COMPRESS_COMPRESSALL_TD
