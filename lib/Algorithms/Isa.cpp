//===- Isa.cpp - Choice of the instruction set of the inner loops ---------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/Isa.h"

#include "Kernels.h"

#include "llvm/Support/ErrorHandling.h"

using namespace mlir::compress::algorithms;

bool mlir::compress::algorithms::isSupported(Isa isa) {
  switch (isa) {
  case Isa::Auto:
  case Isa::Baseline:
    return true;
#ifdef __x86_64__
  case Isa::X86V3:
    return __builtin_cpu_supports("x86-64-v3");
  case Isa::X86V4:
    return __builtin_cpu_supports("x86-64-v4");
#else
  default:
    return false;
#endif
  }
  llvm_unreachable("unknown instruction set");
}

Isa mlir::compress::algorithms::resolveIsa(Isa isa) {
  if (isa != Isa::Auto && isSupported(isa))
    return isa;
  if (isSupported(Isa::X86V4))
    return Isa::X86V4;
  return isSupported(Isa::X86V3) ? Isa::X86V3 : Isa::Baseline;
}

llvm::StringRef mlir::compress::algorithms::getIsaName(Isa isa) {
  switch (isa) {
  case Isa::Auto:
    return "auto";
  case Isa::Baseline:
    return "baseline";
  case Isa::X86V3:
    return "x86-64-v3";
  case Isa::X86V4:
    return "x86-64-v4";
  }
  llvm_unreachable("unknown instruction set");
}

const Kernels &mlir::compress::algorithms::getKernels(Isa isa) {
  switch (resolveIsa(isa)) {
  case Isa::X86V4:
    return *getX86V4Kernels();
  case Isa::X86V3:
    return *getX86V3Kernels();
  default:
    return *getBaselineKernels();
  }
}
