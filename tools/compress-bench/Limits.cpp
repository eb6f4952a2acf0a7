//===- Limits.cpp - What the machine can do at most -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Contender.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <thread>

#include <sys/mman.h>

using namespace mlir::compress::bench;

namespace {

/// Threads that share work. They wait for it in a loop for a moment, as those
/// of other libraries do, and then sleep.
class Workers {
public:
  explicit Workers(unsigned count) : count(count) {
    for (unsigned i = 1; i < count; ++i)
      threads.emplace_back([this, i] { work(i); });
  }
  ~Workers() {
    run({});
    for (std::thread &thread : threads)
      thread.join();
  }
  /// Calls `function` with every number below the number of threads.
  void run(std::function<void(unsigned)> function) {
    {
      std::lock_guard<std::mutex> lock(mutex);
      task = std::move(function);
      left = count - 1;
      ++turn;
    }
    wakeUp.notify_all();
    if (task)
      task(0);
    while (left != 0)
      ;
  }

private:
  void work(unsigned number) {
    for (unsigned done = 0;; ++done) {
      for (unsigned spin = 0; spin < 20000 && turn == done; ++spin)
        ;
      if (turn == done) {
        std::unique_lock<std::mutex> lock(mutex);
        wakeUp.wait(lock, [&] { return turn != done; });
      }
      bool isLast = !task;
      if (task)
        task(number);
      --left;
      if (isLast)
        return;
    }
  }

  unsigned count;
  std::function<void(unsigned)> task;
  std::atomic<unsigned> turn = 0, left = 0;
  std::mutex mutex;
  std::condition_variable wakeUp;
  std::vector<std::thread> threads;
};

/// One cache line.
using Line = uint64_t __attribute__((vector_size(64)));

#if defined(__x86_64__)
#define FOR_EVERY_ISA                                                          \
  __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define FOR_EVERY_ISA
#endif

FOR_EVERY_ISA uint64_t readLines(const Line *lines, size_t count) {
  Line sums[8] = {};
  for (size_t i = 0; i + 8 <= count; i += 8)
    for (size_t j = 0; j < 8; ++j)
      sums[j] |= lines[i + j];
  Line all = {};
  for (const Line &sum : sums)
    all |= sum;
  return all[0];
}

class Reader : public Contender {
public:
  Reader(const Problem &problem, int64_t size)
      : Contender("read"), workers(problem.threads), threads(problem.threads) {
    // Whole turns of the loop for each thread.
    size_t unit = 8 * sizeof(Line) * threads;
    bytes = std::max<size_t>(size / unit, 1) * unit;
    constexpr size_t kHugePage = size_t(2) << 20;
    copies = problem.getNumCopies(bytes);
    total = (copies * bytes + kHugePage - 1) / kHugePage * kHugePage;
    memory = static_cast<char *>(std::aligned_alloc(kHugePage, total));
    madvise(memory, total, MADV_HUGEPAGE);
    std::memset(memory, 1, total);
  }
  ~Reader() override { std::free(memory); }
  void run(size_t copy) override {
    const char *begin = memory + copy % copies * bytes;
    workers.run([&](unsigned thread) {
      size_t lines = bytes / sizeof(Line) / threads;
      sink += readLines(reinterpret_cast<const Line *>(begin) + thread * lines,
                        lines);
    });
  }

private:
  Workers workers;
  unsigned threads;
  size_t bytes = 0, copies = 0, total = 0;
  char *memory = nullptr;
  std::atomic<uint64_t> sink = 0;
};

} // namespace

ContenderPtr mlir::compress::bench::createReader(const Problem &problem,
                                                 int64_t bytes) {
  return std::make_unique<Reader>(problem, bytes);
}

#if defined(__x86_64__)
namespace {

/// Twelve chains, more than enough to hide what an instruction waits for.
__attribute__((target("avx512f,avx512vpopcntdq"))) void
countBits(int64_t groups) {
  using Register = int32_t __attribute__((vector_size(64)));
  Register sums[12] = {}, counts[12], bits = {}, others = {};
  // Two registers: processors skip an exclusive or of one with itself.
  asm volatile("" : "+v"(bits), "+v"(others));
  for (int64_t i = 0; i < groups; ++i)
#pragma clang loop unroll(full)
    for (int j = 0; j < 12; ++j)
      asm volatile("vpxord %2, %3, %1\n\tvpopcntd %1, %1\n\tvpaddd %1, %0, %0"
                   : "+v"(sums[j]), "=&v"(counts[j])
                   : "v"(bits), "v"(others));
}

class Popcount : public Contender {
public:
  explicit Popcount(const Problem &problem)
      : Contender("popcount"), workers(problem.threads),
        groups(problem.m * problem.n * problem.k / 512 / 12 / problem.threads) {
  }
  void run(size_t) override {
    workers.run([&](unsigned) { countBits(groups); });
  }

private:
  Workers workers;
  int64_t groups;
};

} // namespace

ContenderPtr mlir::compress::bench::createPopcount(const Problem &problem,
                                                   std::string &missing) {
  if (__builtin_cpu_supports("avx512vpopcntdq"))
    return std::make_unique<Popcount>(problem);
  missing = "this processor has no vpopcntd";
  return nullptr;
}
#else
ContenderPtr mlir::compress::bench::createPopcount(const Problem &,
                                                   std::string &missing) {
  missing = "this processor has no vpopcntd";
  return nullptr;
}
#endif
