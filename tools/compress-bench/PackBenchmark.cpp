//===- PackBenchmark.cpp - Speed of what compiles a kernel ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One thread: how fast compress-pack-weights brings what is stored of a weight
// into the order of kernels, and how long all takes that comes after it.
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "OwnCode.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Parallel.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir::compress;
using namespace mlir::compress::bench;
namespace cl = llvm::cl;

/// At least so many GB/s of what is stored, and at most so many seconds.
static constexpr double kSpeedGoal = 1, kSecondsGoal = 2;

namespace {
class PackBenchmark : public Benchmark {
public:
  PackBenchmark()
      : Benchmark("pack", "packing weights for kernels, and compiling these, "
                          "one thread") {}
  int run() override;

private:
  cl::list<std::string> presets{
      "preset",
      cl::desc("Presets to measure (default: one for each kind of kernel)"),
      cl::value_desc("name"),
      cl::CommaSeparated,
      cl::sub(command),
      cl::cat(category)};
  MatrixOptions options{command, category, /*repeat=*/5,
                        "Runs of which the fastest counts"};
};
} // namespace

int PackBenchmark::run() {
  if (!options.check())
    return kUsageError;
  llvm::parallel::strategy = llvm::hardware_concurrency(1);
  std::vector<std::string> names(presets.begin(), presets.end());
  if (names.empty())
    names = {"int4-b32", "int8-channel",     "int2-b32", "int3-b32",
             "ternary",  "binary",           "palette4", "nf4",
             "mxfp4",    "fp8-e4m3-channel", "none"};
  if (!options.json)
    llvm::outs() << "cpu: " << llvm::sys::getHostCPUName()
                 << ", one thread, best of " << options.repeat << ", goals "
                 << llvm::formatv("{0:f1} GB/s and {1:f1} s\n", kSpeedGoal,
                                  kSecondsGoal)
                 << llvm::formatv("{0,-20} {1,-5} {2,8} {3,8} {4,10}\n",
                                  "preset", "mode", "MB", "GB/s", "compile s");
  llvm::json::Array results;
  Problem problem(1, options.size, options.size, /*threads=*/1);
  problem.coldBytes = 0;
  for (const std::string &name : names)
    for (ComputeRequest compute : {ComputeRequest::F32, ComputeRequest::Auto}) {
      OwnOptions own;
      own.codec = name;
      own.compute = compute;
      OwnCode best;
      for (unsigned i = 0; i < options.repeat; ++i) {
        Compiler compiler;
        std::string error;
        OwnCode code = compiler.compile(problem, own, error);
        if (!code.contender) {
          llvm::errs() << "compress-bench: " << name << ": " << error << "\n";
          return 1;
        }
        if (i == 0 || code.packSeconds < best.packSeconds)
          best.packSeconds = code.packSeconds;
        if (i == 0 || code.seconds < best.seconds)
          best.seconds = code.seconds;
        best.bytes = code.bytes;
        best.compute = code.compute;
      }
      double speed = best.bytes / best.packSeconds * 1e-9;
      bool isMissed = speed < kSpeedGoal || best.seconds > kSecondsGoal;
      if (!options.json)
        llvm::outs() << llvm::formatv(
            "{0,-20} {1,-5} {2,8:f2} {3,8:f2} {4,10:f2}{5}\n", name,
            best.compute, best.bytes * 1e-6, speed, best.seconds,
            isMissed ? "  missed" : "");
      results.push_back(llvm::json::Object{{"name", name},
                                           {"compute", best.compute},
                                           {"bytes", best.bytes},
                                           {"pack_gb_per_s", speed},
                                           {"compile_seconds", best.seconds}});
    }
  if (options.json)
    llvm::outs() << llvm::formatv("{0:2}\n",
                                  llvm::json::Value(std::move(results)));
  return 0;
}

std::unique_ptr<Benchmark> mlir::compress::bench::createPackBenchmark() {
  return std::make_unique<PackBenchmark>();
}
