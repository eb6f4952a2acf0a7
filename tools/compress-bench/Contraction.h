//===- Contraction.h - Contractions to measure ------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// y[m, n] = sum over k of x[m, k] * w[n, k], by code of this project and by
// other libraries, interleaved in one process, on one thread. Hot repeats one
// weight; cold takes another copy for every run, as a large model does.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TOOLS_BENCH_CONTRACTION_H
#define COMPRESS_TOOLS_BENCH_CONTRACTION_H

#include "compress/Compiler/Compiler.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace mlir::compress::bench {

/// Bytes of weights that runs rotate over when cold.
constexpr int64_t kColdBytes = int64_t(320) << 20;

/// Copies of a weight of so many bytes.
inline size_t getNumCopies(int64_t bytes) {
  return std::max<int64_t>(2, kColdBytes / std::max<int64_t>(bytes, 1) + 1);
}

/// Sizes, and the numbers: the same for all contenders.
struct Problem {
  Problem(int64_t m, int64_t n, int64_t k);
  int64_t m, n, k;
  std::vector<float> w, x, y;
};

/// Something to time.
class Contender {
public:
  virtual ~Contender() = default;
  virtual const std::string &getName() const = 0;
  /// Computes with the given copy of the weight, of which there are as many as
  /// wanted.
  virtual void run(size_t copy) = 0;
};

/// Compiles problems with this project, in a directory of its own.
class Compiler {
public:
  ~Compiler();
  /// Returns null, and says why in `error`, if that fails. The problem must
  /// outlive the result.
  std::unique_ptr<Contender> compile(Problem &problem, const std::string &name,
                                     const std::string &preset,
                                     const CompileOptions &options,
                                     std::string &error);

private:
  std::string directory;
  unsigned number = 0;
};

/// Seconds: the median, and the distance of the quartiles relative to it.
struct Timing {
  double median = 0, spread = 0;
};

/// Times contenders in turns, so that what disturbs the machine disturbs them
/// alike.
std::vector<Timing> timeAll(llvm::ArrayRef<Contender *> contenders,
                            unsigned repeat, bool isCold);

/// Other libraries, loaded when they are there. Null, and the reason in
/// `missing`, where one is not. `directories` are searched before those of the
/// loader.
using Directories = llvm::ArrayRef<std::string>;
/// sgemm and sgemv of OpenBLAS.
std::unique_ptr<Contender>
loadOpenBlas(Problem &problem, Directories directories, std::string &missing);
/// ggml, weights stored as a type of its own ("q4_K"), repacked.
std::unique_ptr<Contender> loadGgml(Problem &problem, const std::string &type,
                                    Directories directories,
                                    std::string &missing);
/// oneDNN 2, s8 times s8 to s32 without scales.
std::unique_ptr<Contender> loadOneDnn(Problem &problem, Directories directories,
                                      std::string &missing);

} // namespace mlir::compress::bench

#endif // COMPRESS_TOOLS_BENCH_CONTRACTION_H
