//===- KernelsX86V4.cpp - The inner loops for x86-64-v4 -------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Headers first: see Kernels.inc.
#include "Kernels.h"

using namespace mlir::compress::algorithms;

#ifdef __x86_64__

#ifdef __clang__
#pragma clang diagnostic ignored "-Wpsabi"
#pragma clang attribute push(__attribute__((target("arch=x86-64-v4"))),        \
                             apply_to = function)
#else
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC push_options
#pragma GCC target("arch=x86-64-v4")
#endif

namespace {
#include "Kernels.inc"
} // namespace

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const Kernels *mlir::compress::algorithms::getX86V4Kernels() { return &kTable; }

#else

const Kernels *mlir::compress::algorithms::getX86V4Kernels() { return nullptr; }

#endif // __x86_64__
