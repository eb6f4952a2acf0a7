//===- ByteQuantization.h - floats to 8-bit integers ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// scale = largest magnitude / 127, integers = value / scale to nearest even.
// Numbers whose largest magnitude is below 2^-100 are zero; where one is an
// infinity or a NaN the scale is NaN.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_BYTEQUANTIZATION_H
#define COMPRESS_LIB_CONVERSION_BYTEQUANTIZATION_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace mlir::compress {

/// Bits of magnitudes of a vector of f32. They are ordered like the magnitudes,
/// and NaN is the largest.
Value getMagnitudes(ImplicitLocOpBuilder &b, Value vector);

class ByteQuantization {
public:
  /// For numbers of which these are the bits of magnitudes: a vector, or the
  /// largest one.
  ByteQuantization(ImplicitLocOpBuilder &b, Value magnitudes);

  /// A vector of f32 as one of i32, -127 to 127.
  Value round(ImplicitLocOpBuilder &b, Value vector) const;

  Value scale;

private:
  Value inverse, isUsable;
};

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_BYTEQUANTIZATION_H
