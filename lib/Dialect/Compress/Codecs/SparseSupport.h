//===- SparseSupport.h - what sparse codecs have in common ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_DIALECT_COMPRESS_CODECS_SPARSESUPPORT_H
#define COMPRESS_LIB_DIALECT_COMPRESS_CODECS_SPARSESUPPORT_H

#include "CodecData.h"
#include "compress/Algorithms/NmSparsity.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"

namespace mlir::compress {

/// Says why a weight of type `logical` cannot be stored as `codec`.
LogicalResult reportEncoding(const algorithms::SparseError &error,
                             Attribute codec, RankedTensorType logical,
                             InFlightDiagnostic diag);

/// Says what is wrong with stored data.
LogicalResult reportStorage(const algorithms::SparseError &error,
                            Attribute codec, InFlightDiagnostic diag);

} // namespace mlir::compress

#endif // COMPRESS_LIB_DIALECT_COMPRESS_CODECS_SPARSESUPPORT_H
