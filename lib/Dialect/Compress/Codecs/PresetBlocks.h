//===- PresetBlocks.h - blocks that presets choose
//--------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PRESETBLOCKS_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PRESETBLOCKS_H

#include "compress/Dialect/Compress/IR/CodecRegistry.h"
#include "llvm/ADT/SmallVector.h"

namespace mlir::compress {

/// Blocks of at most `elements` along the reduced dimensions. The innermost
/// reduced dimension is filled first; the next one is entered only when the
/// block covers it whole.
inline SmallVector<int64_t> alongReduction(RankedTensorType type,
                                           ArrayRef<DimRole> roles,
                                           int64_t elements) {
  SmallVector<int64_t> block(type.getRank(), 1);
  for (int64_t i = type.getRank() - 1; i >= 0 && elements > 1; --i) {
    if (roles[i] == DimRole::Parallel)
      continue;
    int64_t size = std::max<int64_t>(type.getDimSize(i), 1);
    block[i] = std::min(size, elements);
    elements = block[i] == size ? elements / size : 1;
  }
  return block;
}

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PRESETBLOCKS_H
