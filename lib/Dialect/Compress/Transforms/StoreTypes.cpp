//===- StoreTypes.cpp - element types in files and in IR ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Dialect/Compress/Transforms/StoreTypes.h"

using namespace mlir;
using namespace mlir::compress;
using store::DType;

std::optional<DType> mlir::compress::getStoreType(Type type) {
  if (type.isF32())
    return DType::F32;
  if (type.isF64())
    return DType::F64;
  if (type.isF16())
    return DType::F16;
  if (type.isBF16())
    return DType::BF16;
  if (isa<Float8E4M3FNType>(type))
    return DType::F8_E4M3;
  if (isa<Float8E5M2Type>(type))
    return DType::F8_E5M2;
  if (isa<Float8E8M0FNUType>(type))
    return DType::F8_E8M0;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return std::nullopt;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 8:
    return isUnsigned ? DType::U8 : DType::I8;
  case 16:
    return isUnsigned ? DType::U16 : DType::I16;
  case 32:
    return isUnsigned ? DType::U32 : DType::I32;
  case 64:
    return isUnsigned ? DType::U64 : DType::I64;
  default:
    return std::nullopt;
  }
}

bool mlir::compress::isCompatible(DType stored, Type type) {
  std::optional<DType> expected = getStoreType(type);
  if (!expected)
    return false;
  if (stored == *expected)
    return true;
  if (!type.isSignlessInteger())
    return false;
  switch (type.getIntOrFloatBitWidth()) {
  case 8:
    return stored == DType::U8;
  case 16:
    return stored == DType::U16;
  case 32:
    return stored == DType::U32;
  default:
    return stored == DType::U64;
  }
}
