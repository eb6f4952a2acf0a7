//===- ExternalWeights.h - weights outside of the code --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_TRANSFORMS_EXTERNALWEIGHTS_H
#define COMPRESS_DIALECT_COMPRESS_TRANSFORMS_EXTERNALWEIGHTS_H

#include "compress/Store/Safetensors.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

namespace mlir::compress {

/// A constant that code reads by name.
struct ExternalWeight {
  std::string name;
  RankedTensorType type;
  /// Holds the data, which are borrowed from it.
  ElementsAttr data;
};

/// Moves tensor constants and immutable globals of at least `minBytes` out of
/// the code: their loads become reads of uninitialized memref.globals, and the
/// result says, in the order of these, what each one holds. Constants whose
/// data are not in the module are an error.
FailureOr<SmallVector<ExternalWeight>> externalizeWeights(ModuleOp module,
                                                          int64_t minBytes);

/// Writes the weights to a safetensors file, in order. An error leaves a
/// partial file: use it on staged paths.
store::StatusOr<store::SafetensorsSummary>
writeWeights(StringRef path, ArrayRef<ExternalWeight> weights);

} // namespace mlir::compress

#endif // COMPRESS_DIALECT_COMPRESS_TRANSFORMS_EXTERNALWEIGHTS_H
