//===- StoreTypes.h - element types in files and in IR --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The adapter between Store, which knows no MLIR, and the dialect.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_TRANSFORMS_STORETYPES_H
#define COMPRESS_DIALECT_COMPRESS_TRANSFORMS_STORETYPES_H

#include "compress/Store/DType.h"
#include "mlir/IR/BuiltinTypes.h"
#include <optional>

namespace mlir::compress {

/// How elements of a type are stored in files; nothing for types that have no
/// place there (index, i1, i4, ...). Signless integers are stored as signed.
std::optional<store::DType> getStoreType(Type type);

/// Whether elements of a file's type can be read as elements of `type`:
/// integers may differ in sign.
bool isCompatible(store::DType stored, Type type);

} // namespace mlir::compress

#endif // COMPRESS_DIALECT_COMPRESS_TRANSFORMS_STORETYPES_H
