//===- SignWindow.h - windows of images of signs --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of a convolution overlap, so its image is made words once, and rows are
// put together of these. That is possible where neighbours along k are
// neighbours along one dimension of the image: its channels.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_CONVERSION_SIGNWINDOW_H
#define COMPRESS_LIB_CONVERSION_SIGNWINDOW_H

#include "compress/Dialect/Compress/IR/Compress.h"

namespace mlir::compress {

struct SignWindow {
  /// The dimension of lhs whose elements are the bits of words.
  unsigned channelDim = 0;
  /// Words of a row that are neighbours in the image.
  int64_t wordsPerPlace = 0;
  /// By place in the window, in the order of k: what it adds to the position in
  /// each dimension of lhs.
  SmallVector<SmallVector<int64_t>> places;
  /// Dimensions of lhs that a window may reach out of.
  SmallVector<unsigned> openDims;
};

/// The window of an op whose words are such; nothing if they are not.
std::optional<SignWindow> getSignWindow(ContractOp op);

/// Dimensions of lhs that the window of an op may reach out of.
SmallVector<unsigned> getOpenDims(ContractOp op);

/// Whether positions are sums, multiples, quotients and remainders of what is
/// not negative.
bool isUnsignedWindow(ContractOp op);

} // namespace mlir::compress

#endif // COMPRESS_LIB_CONVERSION_SIGNWINDOW_H
