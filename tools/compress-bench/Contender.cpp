//===- Contender.cpp - Contractions to measure ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contender.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include <sched.h>
#include <unistd.h>

using namespace mlir::compress::bench;

Problem::Problem(int64_t m, int64_t n, int64_t k, unsigned threads)
    : m(m), n(n), k(k), threads(threads), w(n * k), x(m * k), y(m * n) {
  fill();
}

Problem Problem::getConvolution(int64_t side, int64_t channels, int64_t taps,
                                unsigned threads) {
  Problem problem(side * side, channels, channels * taps * taps, threads);
  problem.side = side;
  problem.channels = channels;
  problem.taps = taps;
  problem.x.resize(problem.getInputSide() * problem.getInputSide() * channels);
  problem.fill();
  return problem;
}

void Problem::fill() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  for (std::vector<float> *values : {&w, &x})
    for (float &value : *values)
      value = normal(random);
}

static Timing summarize(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  size_t size = seconds.size();
  double median = seconds[size / 2];
  return {median, (seconds[size * 3 / 4] - seconds[size / 4]) / median};
}

std::vector<Timing>
mlir::compress::bench::timeAll(llvm::ArrayRef<Contender *> contenders,
                               unsigned repeat, double seconds, unsigned pause,
                               bool isCold) {
  using Clock = std::chrono::steady_clock;
  auto getSeconds = [](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  std::vector<std::vector<double>> times(contenders.size());
  size_t next = 0;
  Clock::time_point start = Clock::now();
  for (unsigned i = 0; i < repeat && (i == 0 || getSeconds(start) < seconds);
       ++i)
    for (auto [j, contender] : llvm::enumerate(contenders)) {
      std::this_thread::sleep_for(std::chrono::milliseconds(pause));
      // The first run brings a hot weight into the caches, and wakes threads.
      Clock::time_point first = Clock::now();
      contender->run(isCold ? ++next : 0);
      double estimate = getSeconds(first);
      // What takes long needs no such help, and fewer runs.
      constexpr double kLong = 0.5;
      if (estimate > kLong)
        times[j].push_back(estimate);
      unsigned runs = estimate > kLong ? 0 : estimate > 0.01 ? 1 : 4;
      for (unsigned run = 0; run < runs; ++run) {
        size_t copy = isCold ? ++next : 0;
        Clock::time_point begin = Clock::now();
        contender->run(copy);
        times[j].push_back(getSeconds(begin));
      }
      contender->rest();
    }
  std::vector<Timing> timings;
  for (std::vector<double> &of : times)
    timings.push_back(summarize(of));
  return timings;
}

void mlir::compress::bench::spreadThreads() {
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0 || CPU_COUNT(&cores) < 2)
    return;
  int first = 0;
  while (!CPU_ISSET(first, &cores))
    ++first;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it("/proc/self/task", error), end;
       it != end && !error; it.increment(error)) {
    pid_t thread;
    if (llvm::sys::path::filename(it->path()).getAsInteger(10, thread) ||
        thread == getpid())
      continue;
    cpu_set_t others = cores;
    CPU_CLR(first, &others);
    sched_setaffinity(thread, sizeof(others), &others);
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  sched_setaffinity(0, sizeof(one), &one);
}
