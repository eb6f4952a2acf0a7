//===- OwnCode.h - Problems compiled by this project ------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TOOLS_BENCH_OWNCODE_H
#define COMPRESS_TOOLS_BENCH_OWNCODE_H

#include "Contender.h"
#include "compress/Conversion/Passes.h"

#include <optional>

namespace mlir::compress::bench {

/// How a problem is compiled.
struct OwnOptions {
  /// A preset, or the text of a codec. "RANK" in it is an eighth of k.
  std::string codec;
  ComputeRequest compute = ComputeRequest::Auto;
  /// Otherwise weights are decoded as a whole before they are computed with.
  bool fuse = true;
  /// Compute with the signs of x.
  bool isBinary = false;
  /// Generate assembly, too, and count spills.
  bool countSpills = false;
};

/// What was compiled.
struct OwnCode {
  ContenderPtr contender;
  /// Of all that is stored for the weight.
  int64_t bytes = 0;
  /// What kernels compute with. "loops" if there is no kernel: the weight is
  /// decoded tile by tile for loops of scalars; "decode" if it is decoded
  /// first.
  std::string compute;
  /// Seconds for compress-pack-weights, and for all that follows.
  double packSeconds = 0, seconds = 0;
  /// Vector registers that innermost loops with vector arithmetic store to the
  /// stack, or load from it.
  std::optional<int64_t> spills;
};

/// Compiles problems, in a directory of its own.
class Compiler {
public:
  ~Compiler();
  /// Says why in `error` if there is no contender in what it returns. The
  /// problem must outlive it.
  OwnCode compile(Problem &problem, const OwnOptions &options,
                  std::string &error);

private:
  std::string directory;
  unsigned number = 0;
};

/// Vector registers that assembly with comments stores to the stack, or loads
/// from there, in innermost loops.
int64_t countSpills(llvm::StringRef assembly);

} // namespace mlir::compress::bench

#endif // COMPRESS_TOOLS_BENCH_OWNCODE_H
