//===- FloatKind.h - element types and bytes of weights -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_IR_FLOATKIND_H
#define COMPRESS_DIALECT_COMPRESS_IR_FLOATKIND_H

#include "compress/Algorithms/FloatFormat.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>

namespace mlir::compress {

/// The float format of a type that weights may have: f32, f16 or bf16.
inline std::optional<algorithms::FloatKind> getFloatKind(Type type) {
  if (type.isF32())
    return algorithms::FloatKind::F32;
  if (type.isF16())
    return algorithms::FloatKind::F16;
  if (type.isBF16())
    return algorithms::FloatKind::BF16;
  return std::nullopt;
}

/// The float format of a type that scales may have: also 8 bits.
inline std::optional<algorithms::FloatKind> getScaleKind(Type type) {
  if (isa<Float8E4M3FNType>(type))
    return algorithms::FloatKind::F8E4M3FN;
  if (isa<Float8E8M0FNUType>(type))
    return algorithms::FloatKind::F8E8M0FNU;
  return getFloatKind(type);
}

/// Bytes as the algorithms see them.
inline ArrayRef<uint8_t> asBytes(ArrayRef<char> data) {
  return {reinterpret_cast<const uint8_t *>(data.data()), data.size()};
}

} // namespace mlir::compress

#endif // COMPRESS_DIALECT_COMPRESS_IR_FLOATKIND_H
