//===- CompressTransformOps.h - compression, scripted ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_TRANSFORMOPS_COMPRESSTRANSFORMOPS_H
#define COMPRESS_DIALECT_COMPRESS_TRANSFORMOPS_COMPRESSTRANSFORMOPS_H

#include "mlir/Dialect/Transform/IR/TransformDialect.h"
#include "mlir/Dialect/Transform/Interfaces/TransformInterfaces.h"
#include "mlir/IR/OpImplementation.h"

#define GET_OP_CLASSES
#include "compress/Dialect/Compress/TransformOps/CompressTransformOps.h.inc"

namespace mlir::compress {

/// Adds the `transform.compress.*` ops to the transform dialect.
void registerTransformDialectExtension(DialectRegistry &registry);

} // namespace mlir::compress

#endif // COMPRESS_DIALECT_COMPRESS_TRANSFORMOPS_COMPRESSTRANSFORMOPS_H
