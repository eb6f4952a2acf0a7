//===- Passes.h - conversions and registration ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_PASSES_H
#define COMPRESS_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"
#include "llvm/Support/CommandLine.h"

namespace mlir::compress {

/// What kernels shall compute with: one mode, or for each weight the fastest
/// one.
enum class ComputeRequest { F32, BF16, F16, F8, Int8, Xnor, Auto };

/// For command lines.
inline llvm::cl::ValuesClass getComputeRequestValues() {
  return llvm::cl::values(
      clEnumValN(ComputeRequest::F32, "f32", "32-bit floats (default)"),
      clEnumValN(ComputeRequest::BF16, "bf16",
                 "bfloat16 with f32 sums, see docs/Numerics.md; fails where "
                 "that is impossible"),
      clEnumValN(ComputeRequest::F16, "f16",
                 "half precision with f32 sums, on GPUs only"),
      clEnumValN(ComputeRequest::F8, "f8",
                 "8-bit floats with f32 sums, of weights of these, on GPUs "
                 "only"),
      clEnumValN(ComputeRequest::Int8, "int8",
                 "8-bit integers, see docs/Numerics.md; fails where that is "
                 "impossible"),
      clEnumValN(ComputeRequest::Xnor, "xnor",
                 "signs of activations that are 1 or -1, and of weights of one "
                 "bit; fails where there are others"),
      clEnumValN(ComputeRequest::Auto, "auto",
                 "xnor where that is exact, else the fastest of int8, bf16 and "
                 "f32 that codec and target have"));
}

#define GEN_PASS_DECL
#include "compress/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compress/Conversion/Passes.h.inc"

} // namespace mlir::compress

#endif // COMPRESS_CONVERSION_PASSES_H
