//===- KernelsBenchmark.cpp - Speed of kernels against their peers --------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What kernels are made for: each row names a kernel, the best that others have
// for the same task, and the ratio of their times that is the goal.
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "Contraction.h"

#include "compress/Store/AtomicOutput.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/TargetParser/Host.h"

#include <sched.h>

using namespace mlir::compress;
using namespace mlir::compress::bench;
namespace cl = llvm::cl;

namespace {

using Load = std::unique_ptr<Contender> (*)(Problem &, Directories,
                                            std::string &);

template <const char *type>
std::unique_ptr<Contender>
loadGgmlType(Problem &problem, Directories directories, std::string &missing) {
  return loadGgml(problem, type, directories, missing);
}
constexpr char kQ40[] = "q4_0", kQ4K[] = "q4_K", kQ80[] = "q8_0";

/// One comparison. Goals are ratios of the peer's time to ours; 0 for none, and
/// then that mode is not measured.
struct Case {
  const char *preset;
  ComputeRequest compute;
  int64_t m;
  const char *peer;
  Load load;
  double hotGoal, coldGoal;
};

const Case kCases[] = {
    {"int4-b32", ComputeRequest::Int8, 1, "ggml q4_K", loadGgmlType<kQ4K>, 2.8,
     1},
    {"int4-b32", ComputeRequest::Int8, 1, "ggml q4_0", loadGgmlType<kQ40>, 3.3,
     1},
    {"int4-b32", ComputeRequest::Int8, 4, "ggml q4_K", loadGgmlType<kQ4K>, 2,
     1},
    {"int4-b32", ComputeRequest::Int8, 128, "ggml q4_K", loadGgmlType<kQ4K>, 2,
     0},
    {"int4-b32", ComputeRequest::Int8, 512, "ggml q4_K", loadGgmlType<kQ4K>, 2,
     0},
    {"int8-channel", ComputeRequest::Int8, 1, "ggml q8_0", loadGgmlType<kQ80>,
     2, 1},
    {"int8-channel", ComputeRequest::Int8, 128, "oneDNN s8s8s32", loadOneDnn, 1,
     0},
    {"int8-channel", ComputeRequest::Int8, 512, "oneDNN s8s8s32", loadOneDnn, 1,
     0},
    {"int4-b32", ComputeRequest::F32, 1, "OpenBLAS f32", loadOpenBlas, 1, 1},
    {"int4-b32", ComputeRequest::F32, 128, "OpenBLAS f32", loadOpenBlas, 1, 0},
};

class KernelsBenchmark : public Benchmark {
public:
  KernelsBenchmark()
      : Benchmark("kernels", "kernels against the best of other libraries, one "
                             "thread") {}
  int run() override;

private:
  int measure(const Case &of, Compiler &compiler, llvm::json::Array &results);
  void report(const Case &of, bool isCold, const Timing &ours,
              const Timing *peer, llvm::StringRef peerName,
              llvm::json::Array &results);

  cl::opt<unsigned> size{"size",
                         cl::init(4096),
                         cl::value_desc("n"),
                         cl::desc("Rows and columns of the weight"),
                         cl::sub(command),
                         cl::cat(category)};
  cl::opt<unsigned> repeat{"repeat",
                           cl::init(31),
                           cl::value_desc("n"),
                           cl::desc("Runs of which the median is taken"),
                           cl::sub(command),
                           cl::cat(category)};
  cl::list<std::string> only{
      "only", cl::desc("Measure only kernels for these presets"),
      cl::value_desc("preset"), cl::sub(command), cl::cat(category)};
  cl::list<unsigned> rows{"m", cl::desc("Measure only so many rows of x"),
                          cl::value_desc("n"), cl::sub(command),
                          cl::cat(category)};
  cl::list<std::string> peers{
      "peers",
      cl::desc("Directory with shared libraries of peers: libggml-base.so and "
               "libggml-cpu.so (package llama-cpp-python), libdnnl.so.2, "
               "libopenblas.so.0; may be repeated"),
      cl::value_desc("directory"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Write JSON to a file, too"),
                              cl::value_desc("file.json"), cl::sub(command),
                              cl::cat(category)};
};

} // namespace

static int fail(const llvm::Twine &message) {
  llvm::errs() << "compress-bench: " << message << "\n";
  return 1;
}

void KernelsBenchmark::report(const Case &of, bool isCold, const Timing &ours,
                              const Timing *peer, llvm::StringRef peerName,
                              llvm::json::Array &results) {
  std::string name = llvm::formatv(
      "{0} {1}", of.preset, of.compute == ComputeRequest::F32 ? "f32" : "int8");
  double goal = isCold ? of.coldGoal : of.hotGoal;
  llvm::json::Object row{
      {"name", name},
      {"shape", llvm::json::Array{int64_t(size), int64_t(size)}},
      {"m", of.m},
      {"threads", 1},
      {"mode", isCold ? "cold" : "hot"},
      {"ours", ours.median * 1e6},
      {"peer", nullptr},
      {"peer_name", peerName.str()},
      {"ratio", nullptr},
      {"goal", goal},
      {"spread", ours.spread}};
  std::string comparison = "not there";
  if (peer) {
    double ratio = peer->median / ours.median;
    row["peer"] = peer->median * 1e6;
    row["ratio"] = ratio;
    row["spread"] = std::max(ours.spread, peer->spread);
    comparison =
        llvm::formatv("{0,10:f1} {1,7:f2} {2,6:f2}  {3}", peer->median * 1e6,
                      ratio, goal, ratio >= goal ? "" : "missed");
  }
  double operations = 2.0 * of.m * size * size;
  llvm::outs() << llvm::formatv(
      "{0,-18} {1,5} {2,5} {3,10:f1} {4,7:f1} {5,6:f2} {6,-16} {7}\n", name,
      of.m, isCold ? "cold" : "hot", ours.median * 1e6,
      operations / ours.median * 1e-9, ours.spread, peerName, comparison);
  llvm::outs().flush();
  results.push_back(std::move(row));
}

int KernelsBenchmark::measure(const Case &of, Compiler &compiler,
                              llvm::json::Array &results) {
  Problem problem(of.m, size, size);
  CompileOptions options;
  options.compute = of.compute;
  std::string error;
  std::unique_ptr<Contender> ours =
      compiler.compile(problem, of.preset, of.preset, options, error);
  if (!ours)
    return fail(error);
  std::unique_ptr<Contender> peer = of.load(problem, peers, error);
  if (!peer)
    llvm::errs() << "compress-bench: " << error << "\n";
  std::vector<Contender *> contenders = {ours.get()};
  if (peer)
    contenders.push_back(peer.get());
  for (bool isCold : {false, true}) {
    if (isCold && !of.coldGoal)
      continue;
    std::vector<Timing> times = timeAll(contenders, repeat, isCold);
    report(of, isCold, times[0], peer ? &times[1] : nullptr,
           peer ? peer->getName() : of.peer, results);
  }
  return 0;
}

int KernelsBenchmark::run() {
  if (repeat == 0 || size == 0 || size % 256 != 0) {
    llvm::errs() << "compress-bench: expected --repeat of 1 or more and --size "
                    "to be a multiple of 256, but got "
                 << repeat << " and " << size << "\n";
    return kUsageError;
  }
  // One core, before any library asks how many there are.
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(sched_getcpu(), &cores);
  if (sched_setaffinity(0, sizeof(cores), &cores) != 0)
    return fail("cannot stay on one core");
  llvm::outs() << "cpu: " << llvm::sys::getHostCPUName()
               << ", one thread, medians of " << repeat << "\n"
               << llvm::formatv(
                      "{0,-18} {1,5} {2,5} {3,10} {4,7} {5,6} {6,-16} {7,10} "
                      "{8,7} {9,6}\n",
                      "kernel", "m", "", "us", "GOP/s", "spread", "peer", "us",
                      "ratio", "goal");
  llvm::json::Array results;
  Compiler compiler;
  for (const Case &of : kCases) {
    if ((!only.empty() && !llvm::is_contained(only, of.preset)) ||
        (!rows.empty() && !llvm::is_contained(rows, unsigned(of.m))))
      continue;
    if (int code = measure(of, compiler, results))
      return code;
  }
  if (output.empty())
    return 0;
  std::string text =
      llvm::formatv("{0:2}\n", llvm::json::Value(std::move(results)));
  auto status = store::writeFileAtomically(output, text.data(), text.size());
  return status.ok() ? 0 : fail(status.message());
}

std::unique_ptr<Benchmark> mlir::compress::bench::createKernelsBenchmark() {
  return std::make_unique<KernelsBenchmark>();
}
