//===- Isa.h - Choice of the instruction set of the inner loops -*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library is compiled for the baseline of the architecture and carries its
// inner loops once more for newer processors. Every variant computes the same
// bits; the choice is only an argument so that tests and benchmarks can force
// one.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_ALGORITHMS_ISA_H
#define COMPRESS_ALGORITHMS_ISA_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>

namespace mlir::compress::algorithms {

/// An instruction set for the inner loops. `Auto` is the best one that the
/// processor of this process supports.
enum class Isa : uint8_t { Auto, Baseline, X86V3, X86V4 };

/// Whether this process can run `isa`. `Auto` and `Baseline` always can.
bool isSupported(Isa isa);

/// What `isa` stands for in this process: `Auto`, and anything that is not
/// supported, resolve to the best supported instruction set.
Isa resolveIsa(Isa isa);

/// "auto", "baseline", "x86-64-v3", "x86-64-v4".
llvm::StringRef getIsaName(Isa isa);

} // namespace mlir::compress::algorithms

#endif // COMPRESS_ALGORITHMS_ISA_H
