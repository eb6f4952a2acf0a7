//===- SparseSupport.cpp - what sparse codecs have in common --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SparseSupport.h"

using namespace mlir;
using namespace mlir::compress;
using Kind = algorithms::SparseError::Kind;

LogicalResult
mlir::compress::reportEncoding(const algorithms::SparseError &error,
                               Attribute codec, RankedTensorType logical,
                               InFlightDiagnostic diag) {
  if (error.kind != Kind::NonFinite)
    return diag << "cannot be stored as " << codec;
  return diag << "expected finite values, but got " << formatNumber(error.value)
              << " at " << formatIndex(error.index, logical.getShape());
}

LogicalResult
mlir::compress::reportStorage(const algorithms::SparseError &error,
                              Attribute codec, InFlightDiagnostic diag) {
  switch (error.kind) {
  case Kind::InvalidArgument:
    return diag << "expected components of the sizes that " << codec
                << " stores";
  case Kind::Padding:
    return diag << "expected zero padding bits, but byte " << error.index
                << " has others";
  case Kind::Position:
    return diag << "expected positions that increase and lie inside of their "
                   "group, but position "
                << error.index << " does not";
  case Kind::Count:
    return diag << "expected a bit of the mask for each value, but row "
                << error.index << " differs";
  case Kind::NonFinite:
    return diag << "value " << error.index << " is not finite";
  }
  llvm_unreachable("unknown error");
}
