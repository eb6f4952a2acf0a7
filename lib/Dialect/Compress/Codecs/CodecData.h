//===- CodecData.h - what codecs do with their data -------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CODECDATA_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CODECDATA_H

#include "compress/Algorithms/FloatFormat.h"
#include "compress/Dialect/Compress/IR/CodecRegistry.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "mlir/IR/AsmState.h"

namespace mlir::compress {

inline MutableArrayRef<uint8_t> asMutableBytes(MutableArrayRef<char> data) {
  return {reinterpret_cast<uint8_t *>(data.data()), data.size()};
}
inline MutableArrayRef<uint8_t> asMutableBytes(AsmResourceBlob &blob) {
  return asMutableBytes(blob.getMutableData());
}

/// A buffer for a component of so many bytes.
inline AsmResourceBlob allocateBlob(int64_t bytes) {
  return HeapAsmResourceBlob::allocate(bytes, /*align=*/64);
}

/// The index in each dimension of the flat element `flat`, as `[1, 2]`.
std::string formatIndex(int64_t flat, ArrayRef<int64_t> shape);

/// A number, for messages: at most six digits.
std::string formatNumber(double number);

/// Fills `out` with elements of `kind` from number `begin` on, at most `most`
/// at a time: `decode` gives those from a number on, in f32.
void decodeChunks(
    algorithms::FloatKind kind, int64_t begin, MutableArrayRef<char> out,
    function_ref<void(int64_t begin, MutableArrayRef<float> values)> decode,
    int64_t most = 4096);

/// What the encoder of `base` says of itself, for codecs that store what that
/// makes.
std::string describeBase(CodecAttrInterface base, const EncodeContext &context);

/// All of a component, which may be compressed.
ComponentTile getWholeTile(OpBuilder &b, Type component);

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_CODECDATA_H
