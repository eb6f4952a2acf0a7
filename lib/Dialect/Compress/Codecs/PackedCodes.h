//===- PackedCodes.h - IR that takes packed codes apart -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Pieces of the decodes of codecs whose codes are packed along the innermost
// dimension (see lib/Algorithms/CodeLayout.h).
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PACKEDCODES_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PACKEDCODES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::compress {

/// Rows of bytes as one tensor for each byte of a unit, with a unit where the
/// innermost dimension had its bytes. The last unit of a row may be short:
/// bytes of `padding` follow.
SmallVector<Value> splitUnits(OpBuilder &b, Location loc, Value rows,
                              int64_t unitBytes, int64_t padding = 0);

/// Cuts the innermost dimension to `size` elements.
Value takeOfRow(OpBuilder &b, Location loc, Value value, int64_t size);

struct PackedCodes {
  unsigned bits;
  bool isSigned;

  /// The smallest number of codes that take whole bytes, and those bytes.
  int64_t getUnitCodes() const;
  int64_t getUnitBytes() const { return getUnitCodes() * bits / 8; }
  /// Bytes of a row of `codes` codes.
  int64_t getRowBytes(int64_t codes) const;

  /// The same as compress::splitUnits for the units of these codes.
  SmallVector<Value> splitUnits(OpBuilder &b, Location loc, Value codes) const {
    return compress::splitUnits(b, loc, codes, getUnitBytes());
  }

  /// The code at position `inUnit` of the unit whose bytes are given, in an
  /// integer type; the whole byte when there is no position.
  Value extractCode(OpBuilder &b, Location loc, ValueRange bytes,
                    Value inUnit) const;
};

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_PACKEDCODES_H
