//===- FiniteValues.h - values that must be finite --------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_ALGORITHMS_FINITEVALUES_H
#define COMPRESS_LIB_ALGORITHMS_FINITEVALUES_H

#include "compress/Algorithms/FloatFormat.h"

#include <optional>

namespace mlir::compress::algorithms {

/// Which of the values of `kind` in `bytes` is the first one that is not
/// finite.
std::optional<int64_t> findNonFiniteValue(FloatKind kind,
                                          llvm::ArrayRef<uint8_t> bytes);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_LIB_ALGORITHMS_FINITEVALUES_H
