//===- FloatFormat.cpp - Floating-point numbers in raw bytes --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Algorithms/FloatFormat.h"

#include "Kernels.h"

#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"

#include <algorithm>

using namespace mlir::compress::algorithms;

static_assert(llvm::endianness::native == llvm::endianness::little,
              "raw bytes are taken as they lie in memory");

llvm::StringRef mlir::compress::algorithms::getFloatKindName(FloatKind kind) {
  switch (kind) {
  case FloatKind::F32:
    return "f32";
  case FloatKind::F16:
    return "f16";
  case FloatKind::BF16:
    return "bf16";
  case FloatKind::F8E4M3FN:
    return "f8E4M3FN";
  case FloatKind::F8E5M2:
    return "f8E5M2";
  case FloatKind::F8E8M0FNU:
    return "f8E8M0FNU";
  }
  llvm_unreachable("unknown float kind");
}

float mlir::compress::algorithms::getMaxFinite(FloatKind kind) {
  switch (kind) {
  case FloatKind::F32:
    return 0x1.fffffep127f;
  case FloatKind::F16:
    return 65504.0f;
  case FloatKind::BF16:
    return 0x1.fep127f;
  case FloatKind::F8E4M3FN:
    return 448.0f;
  case FloatKind::F8E5M2:
    return 57344.0f;
  case FloatKind::F8E8M0FNU:
    return 0x1p127f;
  }
  llvm_unreachable("unknown float kind");
}

void mlir::compress::algorithms::widenToF32(FloatKind kind,
                                            llvm::ArrayRef<uint8_t> bytes,
                                            llvm::MutableArrayRef<float> out,
                                            Isa isa) {
  if (!out.empty()) // memcpy wants no null pointers
    getKernels(isa).widen(kind, bytes.data(), out.size(), out.data());
}

void mlir::compress::algorithms::narrowFromF32(
    FloatKind kind, llvm::ArrayRef<float> values,
    llvm::MutableArrayRef<uint8_t> bytes, Isa isa) {
  if (!values.empty())
    getKernels(isa).narrow(kind, values.data(), values.size(), bytes.data());
}

void mlir::compress::algorithms::roundToKind(
    FloatKind kind, llvm::MutableArrayRef<float> values, Isa isa) {
  if (kind == FloatKind::F32)
    return;
  const Kernels &kernels = getKernels(isa);
  constexpr size_t chunk = 2048;
  uint8_t buffer[chunk * 2];
  for (size_t begin = 0; begin < values.size(); begin += chunk) {
    size_t n = std::min(chunk, values.size() - begin);
    kernels.narrow(kind, values.data() + begin, n, buffer);
    kernels.widen(kind, buffer, n, values.data() + begin);
  }
}
