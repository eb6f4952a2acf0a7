//===- BufferizableOpInterfaceImpl.h - bufferization of our ops -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define COMPRESS_DIALECT_COMPRESS_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::compress {

void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);

} // namespace mlir::compress

#endif // COMPRESS_DIALECT_COMPRESS_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
