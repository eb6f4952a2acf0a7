//===- Measure.h - Repeated timings -----------------------------*- C++ -*-===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_TOOLS_BENCH_MEASURE_H
#define COMPRESS_TOOLS_BENCH_MEASURE_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/JSON.h"

#include <cstdint>
#include <string>
#include <vector>

namespace mlir::compress::bench {

/// Throughput of repeated runs, in GB/s (10^9 bytes per second).
struct Throughput {
  double median = 0, min = 0, max = 0;
};

/// Calls `work` once to warm up, which is not timed, and then `repeat` times.
/// Each call is taken to process `bytes` bytes.
Throughput measure(unsigned repeat, int64_t bytes,
                   llvm::function_ref<void()> work);

/// A table of named throughputs, printed as text or JSON.
class Report {
public:
  explicit Report(llvm::StringRef benchmark) : benchmark(benchmark) {}

  /// Facts about the run: the shape, the processor.
  void addContext(llvm::StringRef key, llvm::json::Value value) {
    context.emplace_back(key.str(), std::move(value));
  }
  void add(llvm::StringRef name, Throughput result) {
    rows.push_back({name.str(), result});
  }
  void print(bool json) const;

private:
  struct Row {
    std::string name;
    Throughput result;
  };
  std::string benchmark;
  std::vector<std::pair<std::string, llvm::json::Value>> context;
  std::vector<Row> rows;
};

} // namespace mlir::compress::bench

#endif // COMPRESS_TOOLS_BENCH_MEASURE_H
