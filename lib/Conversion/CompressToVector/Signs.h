//===- Signs.h - activations that are 1 or -1 -----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Binarized networks are linalg and arith like others: what makes activations
// signs is a selection between two constants, or math.copysign. Kernels that
// count bits may only be used where that is proved.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_SIGNS_H
#define COMPRESS_LIB_CONVERSION_SIGNS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace mlir::compress {

/// Whether a number, or every element of a tensor, is 1 or -1, whatever it is
/// made of.
bool isSigns(Value value);

/// Why there is no such kernel.
inline constexpr const char *kNoSigns =
    "its activations are not known to be 1 or -1";

/// The tensor that `value` has 1 for where it is 0 or more, and -1 elsewhere,
/// or null.
Value getSignSource(Value value);

/// An image whose elements are 1, -1 or, around them, 0.
struct SignImage {
  /// What has the signs, or is what they are of: without its border.
  Value inside;
  /// Elements of the border in front of it, by dimension. Empty without one.
  SmallVector<int64_t> low;

  /// Whether there is a border.
  bool isPadded() const { return !low.empty(); }
};

/// The image that a convolution reads, or nothing where that is none. A border
/// is around places only, not along the dimension of channels.
std::optional<SignImage> getSignImage(Value value, unsigned channelDim);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_SIGNS_H
