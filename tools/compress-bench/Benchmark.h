//===- Benchmark.h - What a benchmark of compress-bench is ------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A benchmark is a subcommand in a file of its own: a subclass of Benchmark,
// which holds its options, and a function that makes one. compress-bench.cpp
// lists those functions.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TOOLS_BENCH_BENCHMARK_H
#define COMPRESS_TOOLS_BENCH_BENCHMARK_H

#include "llvm/Support/CommandLine.h"

#include <memory>

namespace mlir::compress::bench {

/// Exit code for arguments that make no sense.
constexpr int kUsageError = 2;

class Benchmark {
public:
  Benchmark(llvm::StringRef name, llvm::StringRef description)
      : command(name, description), category(description) {}
  virtual ~Benchmark() = default;

  /// Runs with the parsed options and prints to standard output. Returns the
  /// exit code.
  virtual int run() = 0;

  /// True if the command line chose this one.
  bool isChosen() const { return bool(command); }
  /// Leaves the options that LLVM's libraries register out of --help.
  void hideUnrelatedOptions() {
    llvm::cl::HideUnrelatedOptions(category, command);
  }

protected:
  mutable llvm::cl::SubCommand command;
  llvm::cl::OptionCategory category;
};

/// Options of benchmarks of one square weight.
struct MatrixOptions {
  /// `counted` says which of the runs counts.
  MatrixOptions(llvm::cl::SubCommand &command,
                llvm::cl::OptionCategory &category, unsigned repeat,
                llvm::StringRef counted)
      : size{"size",
             llvm::cl::init(4096),
             llvm::cl::value_desc("n"),
             llvm::cl::desc("Rows and columns of the weight"),
             llvm::cl::sub(command),
             llvm::cl::cat(category)},
        repeat{"repeat",
               llvm::cl::init(repeat),
               llvm::cl::value_desc("n"),
               llvm::cl::desc(counted),
               llvm::cl::sub(command),
               llvm::cl::cat(category)},
        json{"json", llvm::cl::desc("Print JSON"), llvm::cl::sub(command),
             llvm::cl::cat(category)} {}

  /// Whether they make sense; says so if they do not.
  bool check() const;

  llvm::cl::opt<unsigned> size, repeat;
  llvm::cl::opt<bool> json;
};

std::unique_ptr<Benchmark> createEncodeBenchmark();
std::unique_ptr<Benchmark> createFusedBenchmark();
std::unique_ptr<Benchmark> createKernelsBenchmark();
std::unique_ptr<Benchmark> createPackBenchmark();
std::unique_ptr<Benchmark> createQuantizeBenchmark();
std::unique_ptr<Benchmark> createSpillsCommand();

} // namespace mlir::compress::bench

#endif // COMPRESS_TOOLS_BENCH_BENCHMARK_H
