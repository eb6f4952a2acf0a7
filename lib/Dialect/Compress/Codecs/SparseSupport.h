//===- SparseSupport.h - what sparse codecs have in common ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_SPARSESUPPORT_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_SPARSESUPPORT_H

#include "compress/Algorithms/NmSparsity.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"

namespace mlir::compress {

inline MutableArrayRef<uint8_t> asMutableBytes(AsmResourceBlob &blob) {
  MutableArrayRef<char> data = blob.getMutableData();
  return {reinterpret_cast<uint8_t *>(data.data()), data.size()};
}

inline AsmResourceBlob allocateBlob(int64_t bytes) {
  return HeapAsmResourceBlob::allocate(bytes, /*align=*/64);
}

/// Says why a weight of type `logical` cannot be stored as `codec`.
LogicalResult reportEncoding(const algorithms::SparseError &error,
                             Attribute codec, RankedTensorType logical,
                             InFlightDiagnostic diag);

/// Says what is wrong with stored data.
LogicalResult reportStorage(const algorithms::SparseError &error,
                            Attribute codec, InFlightDiagnostic diag);

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_SPARSESUPPORT_H
