//===- Passes.h - conversions and registration ------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_PASSES_H
#define COMPRESS_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::compress {

/// What kernels shall compute with: one mode, or for each weight the fastest
/// one.
enum class ComputeRequest { F32, Int8, Auto };

#define GEN_PASS_DECL
#include "compress/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compress/Conversion/Passes.h.inc"

} // namespace mlir::compress

#endif // COMPRESS_CONVERSION_PASSES_H
