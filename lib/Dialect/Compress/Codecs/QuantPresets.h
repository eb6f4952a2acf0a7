//===- QuantPresets.h - presets of block quantization ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_QUANTPRESETS_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_QUANTPRESETS_H

#include "compress/Dialect/Compress/IR/CodecRegistry.h"

namespace mlir::compress {

void addQuantPresets(CodecRegistry &registry);

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_QUANTPRESETS_H
