//===- KernelCases.h - What kernels are measured against --------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TOOLS_BENCH_KERNELCASES_H
#define COMPRESS_TOOLS_BENCH_KERNELCASES_H

#include "OwnCode.h"

namespace mlir::compress::bench {

/// Whom a kernel is compared with, and the least ratio of their time to ours.
struct Rival {
  /// "ggml q4_K", "oneDNN s8", "OpenBLAS", "read", "popcount", "own CODEC
  /// MODE", or "own best", the fastest of all modes.
  const char *name;
  /// 0: no goal, and for the cold one no measurement.
  double hot, cold;
};

/// A kernel: what is stored and how it is computed with.
struct KernelCase {
  /// A product of matrices of these rows of x, for which goals are, or
  /// convolutions of `taps` by `taps`, of ResNet's shapes.
  const char *name;
  const char *codec;
  ComputeRequest compute;
  std::vector<int64_t> rows;
  std::vector<Rival> rivals;
  int64_t taps = 0;
  bool isBinary = false;
};

llvm::ArrayRef<KernelCase> getKernelCases();

/// Rows and columns of weights; the first are the ones that goals are for.
struct WeightShape {
  int64_t n, k;
};
llvm::ArrayRef<WeightShape> getWeightShapes();
/// Rows of x in the full table.
llvm::ArrayRef<int64_t> getAllRows();
/// Pixels of a side, and channels, of convolutions.
struct ImageShape {
  int64_t side, channels;
};
llvm::ArrayRef<ImageShape> getImageShapes();

} // namespace mlir::compress::bench

#endif // COMPRESS_TOOLS_BENCH_KERNELCASES_H
