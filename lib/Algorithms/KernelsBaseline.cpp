//===- KernelsBaseline.cpp - The inner loops for any processor ------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Headers first: see Kernels.inc.
#include "Kernels.h"

using namespace mlir::compress::algorithms;

#ifdef __clang__
// Vectors are split into registers; none crosses a call.
#pragma clang diagnostic ignored "-Wpsabi"
#else
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace {
#include "Kernels.inc"
} // namespace

const Kernels *mlir::compress::algorithms::getBaselineKernels() {
  return &kTable;
}
