//===- Measure.cpp - Repeated timings -------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Measure.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <chrono>

using namespace mlir::compress::bench;

Throughput mlir::compress::bench::measure(unsigned repeat, int64_t bytes,
                                          llvm::function_ref<void()> work) {
  using Clock = std::chrono::steady_clock;
  work();
  std::vector<double> speeds;
  for (unsigned i = 0; i < repeat; ++i) {
    Clock::time_point start = Clock::now();
    work();
    std::chrono::duration<double> seconds = Clock::now() - start;
    speeds.push_back(bytes / seconds.count() * 1e-9);
  }
  std::sort(speeds.begin(), speeds.end());
  size_t middle = speeds.size() / 2;
  double median = speeds.size() % 2 != 0
                      ? speeds[middle]
                      : (speeds[middle - 1] + speeds[middle]) / 2;
  return {median, speeds.front(), speeds.back()};
}

void Report::print(bool json) const {
  if (!json) {
    for (const auto &[key, value] : context)
      llvm::outs() << key << ": " << value << '\n';
    llvm::outs() << llvm::formatv("{0,-36} {1,10} {2,10} {3,10}\n", "GB/s",
                                  "median", "min", "max");
    for (const Row &row : rows)
      llvm::outs() << llvm::formatv("{0,-36} {1,10:f3} {2,10:f3} {3,10:f3}\n",
                                    row.name, row.result.median, row.result.min,
                                    row.result.max);
    return;
  }
  llvm::json::OStream out(llvm::outs(), /*IndentSize=*/2);
  out.object([&] {
    out.attribute("benchmark", benchmark);
    out.attributeObject("context", [&] {
      for (const auto &[key, value] : context)
        out.attribute(key, value);
    });
    out.attribute("unit", "GB/s");
    out.attributeArray("results", [&] {
      for (const Row &row : rows)
        out.object([&] {
          out.attribute("name", row.name);
          out.attribute("median", row.result.median);
          out.attribute("min", row.result.min);
          out.attribute("max", row.result.max);
        });
    });
  });
  llvm::outs() << '\n';
}
