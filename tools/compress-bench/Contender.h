//===- Contender.h - Contractions to measure --------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// y[m, n] = sum over k of x[m, k] * w[n, k], or a convolution, by code of this
// project and by other libraries, interleaved in one process, on as many
// threads. Hot repeats one weight; cold takes another copy for every run, as a
// large model does.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TOOLS_BENCH_CONTENDER_H
#define COMPRESS_TOOLS_BENCH_CONTENDER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mlir::compress::bench {

/// Sizes, and the numbers: the same for all contenders.
struct Problem {
  /// A matrix product.
  Problem(int64_t m, int64_t n, int64_t k, unsigned threads);
  /// A convolution of `taps` by `taps`, from channels to as many, that yields
  /// `side` by `side` pixels; its m, n and k are those of the matrix product
  /// that it amounts to. x is padded.
  static Problem getConvolution(int64_t side, int64_t channels, int64_t taps,
                                unsigned threads);

  bool isConvolution() const { return taps != 0; }
  int64_t getInputSide() const { return side + taps - 1; }
  /// Copies of a weight of so many bytes that runs rotate over when cold. Files
  /// that are open limit their number.
  size_t getNumCopies(int64_t bytes) const {
    return std::clamp<int64_t>(coldBytes / std::max<int64_t>(bytes, 1) + 1, 2,
                               400);
  }

  int64_t m, n, k;
  unsigned threads;
  /// Much more than caches hold.
  int64_t coldBytes = int64_t(320) << 20;
  int64_t side = 0, channels = 0, taps = 0;
  std::vector<float> w, x, y;

private:
  void fill();
};

/// Something to time.
class Contender {
public:
  explicit Contender(std::string name) : name(std::move(name)) {}
  virtual ~Contender() = default;
  const std::string &getName() const { return name; }
  /// Computes with the given copy of the weight, of which there are as many as
  /// wanted.
  virtual void run(size_t copy) = 0;
  /// Lets threads sleep that would look for the next run in a loop, so that
  /// they take no time of others.
  virtual void rest() {}

protected:
  std::string name;
};

/// Seconds: the median, and the distance of the quartiles relative to it.
struct Timing {
  double median = 0, spread = 0;
};

/// Times contenders in turns, so that what disturbs the machine disturbs them
/// alike: `repeat` turns, or as many as begin within `seconds`. Threads of
/// others that still wait for work get `pause` milliseconds to stop.
std::vector<Timing> timeAll(llvm::ArrayRef<Contender *> contenders,
                            unsigned repeat, double seconds, unsigned pause,
                            bool isCold);

/// Puts this thread on one core and all others of this process, which libraries
/// have made for good, on the rest: the system may leave two that share work on
/// one core for milliseconds.
void spreadThreads();

/// Other libraries, loaded when they are there. Null, and the reason in
/// `missing`, where one is not. `directories` are searched before those of the
/// loader.
using Directories = llvm::ArrayRef<std::string>;
using ContenderPtr = std::unique_ptr<Contender>;
/// sgemm and sgemv of OpenBLAS.
ContenderPtr loadOpenBlas(Problem &problem, Directories directories,
                          std::string &missing);
/// ggml, weights stored as a type of its own ("q4_K"), repacked where it can.
ContenderPtr loadGgml(Problem &problem, llvm::StringRef type,
                      Directories directories, std::string &missing);
/// oneDNN 2: f32, bf16 to f32, or s8 to s32 without scales.
ContenderPtr loadOneDnn(Problem &problem, llvm::StringRef type,
                        Directories directories, std::string &missing);
/// Reads as many bytes as a weight has, one after another.
ContenderPtr createReader(const Problem &problem, int64_t bytes);
/// As many 1-bit products as the problem has, by xor, population count and
/// addition of registers. Null where the processor has no such instructions.
ContenderPtr createPopcount(const Problem &problem, std::string &missing);

} // namespace mlir::compress::bench

#endif // COMPRESS_TOOLS_BENCH_CONTENDER_H
