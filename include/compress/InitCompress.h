//===- InitCompress.h - registration of everything ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_INITCOMPRESS_H
#define COMPRESS_INITCOMPRESS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::compress {

/// The dialect, its encoders and presets.
void registerDialect(DialectRegistry &registry);

/// Passes and pipelines, for tools that name them.
void registerPassesAndPipelines();

} // namespace mlir::compress

#endif // COMPRESS_INITCOMPRESS_H
