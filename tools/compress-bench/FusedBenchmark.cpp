//===- FusedBenchmark.cpp - Speed of compiled contractions ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A contraction compiled with the weight compressed and fused, compressed and
// decoded first, and by OpenBLAS on the dense weight.
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "OwnCode.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir::compress;
using namespace mlir::compress::bench;
namespace cl = llvm::cl;

namespace {

class FusedBenchmark : public Benchmark {
public:
  FusedBenchmark()
      : Benchmark("fused", "contractions on compressed weights, against "
                           "OpenBLAS on dense ones") {}
  int run() override;

private:
  int measureProblem(Problem &problem, llvm::json::Array &results);

  cl::list<std::string> presets{
      "preset", cl::desc("Presets to measure (default: int4-b32)"),
      cl::value_desc("name"), cl::sub(command), cl::cat(category)};
  cl::list<unsigned> rows{"m", cl::desc("Rows of x (default: 1 and 64)"),
                          cl::value_desc("n"), cl::sub(command),
                          cl::cat(category)};
  MatrixOptions options{command, category, /*repeat=*/15,
                        "Runs of which the median is taken"};
};

} // namespace

static int fail(const llvm::Twine &message) {
  llvm::errs() << "compress-bench: " << message << "\n";
  return 1;
}

int FusedBenchmark::measureProblem(Problem &p, llvm::json::Array &results) {
  Compiler compiler;
  std::vector<std::unique_ptr<Contender>> contenders;
  std::vector<std::string> names(presets.begin(), presets.end());
  if (names.empty())
    names.push_back("int4-b32");
  std::string error;
  for (const std::string &preset : names)
    for (bool fuse : {true, false}) {
      OwnOptions own;
      own.codec = preset;
      own.compute = ComputeRequest::F32;
      own.fuse = fuse;
      contenders.push_back(
          std::move(compiler.compile(p, own, error).contender));
      if (!contenders.back())
        return fail(error);
    }
  if (auto blas = loadOpenBlas(p, {}, error))
    contenders.push_back(std::move(blas));
  else
    llvm::errs() << "compress-bench: " << error << ", so without that peer\n";

  std::vector<Contender *> all;
  for (auto &contender : contenders)
    all.push_back(contender.get());
  constexpr double kSeconds = 60;
  std::vector<Timing> hotTimes =
      timeAll(all, options.repeat, kSeconds, 0, /*isCold=*/false);
  std::vector<Timing> coldTimes =
      timeAll(all, options.repeat, kSeconds, 0, /*isCold=*/true);
  double flop = 2.0 * p.m * p.n * p.k;
  if (!options.json)
    llvm::outs() << llvm::formatv(
        "\nm={0} n={1} k={2}\n{3,-36} {4,10} {5,10} {6,10} {7,14} {8,14}\n",
        p.m, p.n, p.k, "", "hot us", "cold us", "GFLOP/s", "speed-up hot",
        "speed-up cold");
  for (auto [contender, hotTime, coldTime] :
       llvm::zip_equal(all, hotTimes, coldTimes)) {
    // Of the first contender over this one.
    double hot = hotTime.median / hotTimes.front().median,
           cold = coldTime.median / coldTimes.front().median;
    if (!options.json)
      llvm::outs() << llvm::formatv(
          "{0,-36} {1,10:f1} {2,10:f1} {3,10:f1} {4,14:f2} {5,14:f2}\n",
          contender->getName(), hotTime.median * 1e6, coldTime.median * 1e6,
          flop / hotTime.median * 1e-9, hot, cold);
    results.push_back(llvm::json::Object{{"m", p.m},
                                         {"n", p.n},
                                         {"k", p.k},
                                         {"name", contender->getName()},
                                         {"hot_us", hotTime.median * 1e6},
                                         {"cold_us", coldTime.median * 1e6},
                                         {"speedup_of_first_hot", hot},
                                         {"speedup_of_first_cold", cold}});
  }
  return 0;
}

int FusedBenchmark::run() {
  if (!options.check())
    return kUsageError;
  llvm::json::Array results;
  std::vector<unsigned> counts(rows.begin(), rows.end());
  if (counts.empty())
    counts = {1, 64};
  if (!options.json)
    llvm::outs() << "cpu: " << llvm::sys::getHostCPUName()
                 << ", one thread, median of " << options.repeat << "\n";
  for (unsigned m : counts) {
    Problem problem(m, options.size, options.size, /*threads=*/1);
    if (int code = measureProblem(problem, results))
      return code;
  }
  if (options.json)
    llvm::outs() << llvm::formatv(
        "{0:2}\n", llvm::json::Value(
                       llvm::json::Object{{"benchmark", "fused"},
                                          {"cpu", llvm::sys::getHostCPUName()},
                                          {"repeat", int64_t(options.repeat)},
                                          {"results", std::move(results)}}));
  return 0;
}

std::unique_ptr<Benchmark> mlir::compress::bench::createFusedBenchmark() {
  return std::make_unique<FusedBenchmark>();
}
