//===- KernelsBenchmark.cpp - Speed of kernels against their rivals -------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every case of KernelCases.cpp is measured by a process of its own, on as many
// cores as it has threads: what libraries find when they are loaded is what
// they may use, and a case that dies is one row that says so. Rows come back
// as JSON.
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "KernelCases.h"

#include "compress/Store/AtomicOutput.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/TargetParser/Host.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir::compress;
using namespace mlir::compress::bench;
namespace cl = llvm::cl;
namespace json = llvm::json;

namespace {

/// One case at one size.
struct Instance {
  const KernelCase *of;
  int64_t m;
  WeightShape weight;
  ImageShape image;
  unsigned threads;
  /// Whether goals are for this size.
  bool hasGoal;
};

class KernelsBenchmark : public Benchmark {
public:
  KernelsBenchmark()
      : Benchmark("kernels", "kernels against the best of other libraries, and "
                             "against the limits of the machine") {}
  int run() override;

private:
  bool checkOptions();
  std::vector<Instance> getInstances() const;
  void runApart(const Instance &instance, json::Array &results);
  void measure(const Instance &instance, json::Array &rows);
  ContenderPtr makeRival(Problem &problem, const Rival &rival,
                         const Instance &instance, const OwnCode &ours,
                         Compiler &compiler, std::string &missing);
  json::Object getRow(const Instance &instance, llvm::StringRef mode,
                      llvm::StringRef rival, double goal) const;

  cl::list<std::string> shapes{
      "shape",
      cl::desc("Rows and columns of the weight (default: 4096x4096)"),
      cl::value_desc("NxK"),
      cl::CommaSeparated,
      cl::sub(command),
      cl::cat(category)};
  cl::opt<bool> all{"all",
                    cl::desc("Every shape with every number of rows, not only "
                             "those that have goals"),
                    cl::sub(command), cl::cat(category)};
  cl::list<unsigned> threads{
      "threads",           cl::desc("Numbers of threads (default: 1 and 2)"),
      cl::value_desc("n"), cl::CommaSeparated,
      cl::sub(command),    cl::cat(category)};
  cl::opt<unsigned> repeat{"repeat",
                           cl::init(31),
                           cl::value_desc("n"),
                           cl::desc("Turns of which the median is taken"),
                           cl::sub(command),
                           cl::cat(category)};
  cl::opt<double> seconds{
      "seconds",
      cl::init(2),
      cl::value_desc("s"),
      cl::desc("Begin no further turn of a row after so many seconds"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<unsigned> cold{
      "cold",
      cl::init(320),
      cl::value_desc("MiB"),
      cl::desc("Copies of weights that cold runs rotate over"),
      cl::sub(command),
      cl::cat(category)};
  cl::list<std::string> only{
      "only",
      cl::desc("Measure only kernels whose name contains this"),
      cl::value_desc("text"),
      cl::CommaSeparated,
      cl::sub(command),
      cl::cat(category)};
  cl::list<unsigned> rows{"m",
                          cl::desc("Measure only so many rows of x"),
                          cl::value_desc("n"),
                          cl::CommaSeparated,
                          cl::sub(command),
                          cl::cat(category)};
  cl::opt<bool> assembly{"asm",
                         cl::desc("Count spills in innermost loops, too"),
                         cl::sub(command), cl::cat(category)};
  cl::list<std::string> peers{
      "peers",
      cl::desc("Directory with shared libraries of peers: libggml-base.so and "
               "libggml-cpu.so (package llama-cpp-python), libdnnl.so.2, "
               "libopenblas.so.0; may be repeated"),
      cl::value_desc("directory"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Write JSON to a file, too"),
                              cl::value_desc("file.json"), cl::sub(command),
                              cl::cat(category)};
  std::vector<WeightShape> weights;
};

} // namespace

static int fail(const llvm::Twine &message) {
  llvm::errs() << "compress-bench: " << message << "\n";
  return 1;
}

//===----------------------------------------------------------------------===//
// What to measure
//===----------------------------------------------------------------------===//

bool KernelsBenchmark::checkOptions() {
  auto refuse = [](const llvm::Twine &message) {
    fail("expected " + message);
    return false;
  };
  if (repeat == 0)
    return refuse("--repeat of 1 or more, but got 0");
  for (const std::string &text : shapes) {
    auto [left, right] = llvm::StringRef(text).split('x');
    WeightShape shape;
    if (left.getAsInteger(10, shape.n) || right.getAsInteger(10, shape.k) ||
        shape.n < 1 || shape.k < 1 || shape.n > 1 << 20 || shape.k > 1 << 20)
      return refuse("a shape like 4096x4096, but got '" + text + "'");
    weights.push_back(shape);
  }
  if (weights.empty())
    for (const WeightShape &shape : getWeightShapes())
      if (all || weights.empty())
        weights.push_back(shape);
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0)
    return refuse("the system to tell which cores there are");
  unsigned count = CPU_COUNT(&cores);
  for (unsigned number : threads)
    if (number < 1 || number > count)
      return refuse("--threads of 1 to " + llvm::Twine(count) +
                    ", the cores there are, but got " + llvm::Twine(number));
  if (threads.empty())
    for (unsigned number = 1; number <= std::min(count, 2u); ++number)
      threads.push_back(number);
  return true;
}

std::vector<Instance> KernelsBenchmark::getInstances() const {
  std::vector<Instance> instances;
  for (unsigned number : threads)
    for (const KernelCase &of : getKernelCases()) {
      if (!only.empty() && llvm::none_of(only, [&](llvm::StringRef text) {
            return llvm::StringRef(of.name).contains(text);
          }))
        continue;
      auto isWanted = [&](int64_t m) {
        return rows.empty() || llvm::is_contained(rows, unsigned(m));
      };
      if (of.taps) {
        for (const ImageShape &image : getImageShapes())
          if (isWanted(image.side * image.side))
            instances.push_back(
                {&of,
                 image.side * image.side,
                 {image.channels, image.channels * of.taps * of.taps},
                 image,
                 number,
                 true});
        continue;
      }
      for (auto [i, shape] : llvm::enumerate(weights))
        for (int64_t m : all ? getAllRows() : llvm::ArrayRef(of.rows)) {
          bool hasGoal = llvm::is_contained(of.rows, m) &&
                         shape.n == getWeightShapes()[0].n &&
                         shape.k == getWeightShapes()[0].k;
          // Sizes without goals are measured once per kernel.
          bool isFirst =
              &of ==
              llvm::find_if(getKernelCases(), [&](const KernelCase &other) {
                return llvm::StringRef(other.name) == of.name;
              });
          if (isWanted(m) && (llvm::is_contained(of.rows, m) || isFirst))
            instances.push_back({&of, m, shape, {}, number, hasGoal});
        }
    }
  return instances;
}

//===----------------------------------------------------------------------===//
// Measuring, in a process of its own
//===----------------------------------------------------------------------===//

json::Object KernelsBenchmark::getRow(const Instance &instance,
                                      llvm::StringRef mode,
                                      llvm::StringRef rival,
                                      double goal) const {
  return json::Object{
      {"name", instance.of->name},
      {"shape", json::Array{instance.weight.n, instance.weight.k}},
      {"m", instance.m},
      {"threads", instance.threads},
      {"mode", mode},
      {"compute", nullptr},
      {"ours", nullptr},
      {"peer", nullptr},
      {"peer_name", rival},
      {"ratio", nullptr},
      {"goal", instance.hasGoal && goal != 0 ? json::Value(goal)
                                             : json::Value(nullptr)},
      {"spread", nullptr},
      {"compile_seconds", nullptr},
      {"spills", nullptr},
      {"note", nullptr}};
}

ContenderPtr KernelsBenchmark::makeRival(Problem &problem, const Rival &rival,
                                         const Instance &instance,
                                         const OwnCode &ours,
                                         Compiler &compiler,
                                         std::string &missing) {
  auto [kind, rest] = llvm::StringRef(rival.name).split(' ');
  if (kind == "ggml")
    return loadGgml(problem, rest, peers, missing);
  if (kind == "oneDNN")
    return loadOneDnn(problem, rest, peers, missing);
  if (kind == "OpenBLAS")
    return loadOpenBlas(problem, peers, missing);
  if (kind == "read")
    return createReader(problem, ours.bytes);
  if (kind == "popcount")
    return createPopcount(problem, missing);
  auto [codec, mode] = rest.split(' ');
  OwnOptions options;
  options.codec = codec;
  options.isBinary = instance.of->isBinary;
  options.compute = mode == "int8" ? ComputeRequest::Int8 : ComputeRequest::F32;
  return std::move(compiler.compile(problem, options, missing).contender);
}

void KernelsBenchmark::measure(const Instance &instance, json::Array &rows) {
  const KernelCase &of = *instance.of;
  Problem problem = of.taps ? Problem::getConvolution(instance.image.side,
                                                      instance.image.channels,
                                                      of.taps, instance.threads)
                            : Problem(instance.m, instance.weight.n,
                                      instance.weight.k, instance.threads);
  problem.coldBytes = int64_t(cold) << 20;
  Compiler compiler;
  OwnOptions options;
  options.codec = of.codec;
  options.compute = of.compute;
  options.isBinary = of.isBinary;
  options.countSpills = assembly;
  std::string error;
  OwnCode ours = compiler.compile(problem, options, error);

  // All that runs in turn, and which of it is whose.
  std::vector<ContenderPtr> contenders;
  struct Side {
    llvm::SmallVector<size_t, 3> members;
    std::string missing;
  };
  std::vector<Side> sides;
  if (ours.contender) {
    contenders.push_back(std::move(ours.contender));
    for (const Rival &rival : of.rivals) {
      Side &side = sides.emplace_back();
      auto add = [&](ContenderPtr contender) {
        if (contender) {
          side.members.push_back(contenders.size());
          contenders.push_back(std::move(contender));
        }
      };
      if (llvm::StringRef(rival.name) != "own best") {
        add(makeRival(problem, rival, instance, ours, compiler, side.missing));
        continue;
      }
      for (ComputeRequest mode :
           {ComputeRequest::F32, ComputeRequest::BF16, ComputeRequest::Int8}) {
        OwnOptions other = options;
        other.compute = mode;
        other.countSpills = false;
        add(std::move(
            compiler.compile(problem, other, side.missing).contender));
      }
    }
  }

  auto pointers =
      llvm::map_to_vector(contenders, [](const ContenderPtr &contender) {
        return contender.get();
      });
  // All threads that there will be are there after a run.
  for (Contender *contender : pointers)
    contender->run(0);
  spreadThreads();
  for (bool isCold : {false, true}) {
    auto getGoal = [&](const Rival &rival) {
      return isCold ? rival.cold : rival.hot;
    };
    if (isCold && llvm::none_of(of.rivals, [&](const Rival &rival) {
          return rival.cold != 0;
        }))
      continue;
    std::vector<Timing> times;
    if (!contenders.empty())
      times = timeAll(pointers, repeat, seconds,
                      /*pause=*/instance.threads > 1 ? 20 : 0, isCold);
    for (auto [i, rival] : llvm::enumerate(of.rivals)) {
      if (llvm::StringRef(rival.name) == "read" && !isCold)
        continue;
      json::Object row =
          getRow(instance, isCold ? "cold" : "hot", rival.name, getGoal(rival));
      if (times.empty()) {
        row["note"] = error;
        rows.push_back(std::move(row));
        continue;
      }
      row["ours"] = times[0].median * 1e6;
      row["spread"] = times[0].spread;
      row["compute"] = ours.compute;
      row["compile_seconds"] = ours.seconds;
      if (ours.spills)
        row["spills"] = *ours.spills;
      const Side &side = sides[i];
      if (side.members.empty()) {
        row["note"] = side.missing;
      } else {
        size_t best = *llvm::min_element(side.members, [&](size_t a, size_t b) {
          return times[a].median < times[b].median;
        });
        row["peer"] = times[best].median * 1e6;
        row["peer_name"] = contenders[best]->getName();
        row["ratio"] = times[best].median / times[0].median;
        row["spread"] = std::max(times[0].spread, times[best].spread);
      }
      rows.push_back(std::move(row));
    }
  }
}

//===----------------------------------------------------------------------===//
// Reporting
//===----------------------------------------------------------------------===//

static void printRow(const json::Object &row) {
  auto get = [&](llvm::StringRef key, const char *format) -> std::string {
    auto number = row.getNumber(key);
    if (!number)
      return "-";
    std::string text(32, '\0');
    text.resize(std::snprintf(text.data(), text.size(), format, *number));
    return text;
  };
  const json::Array &shape = *row.getArray("shape");
  int64_t n = *shape[0].getAsInteger(), k = *shape[1].getAsInteger();
  std::string rate = "-", verdict;
  if (auto ours = row.getNumber("ours"))
    rate = llvm::formatv("{0:f1}", 2e-3 * *row.getNumber("m") * n * k / *ours);
  auto ratio = row.getNumber("ratio"), goal = row.getNumber("goal");
  if (ratio && goal && *ratio < *goal)
    verdict = "missed";
  if (auto note = row.getString("note"))
    verdict = note->str();
  llvm::outs() << llvm::formatv(
      "{0,-18} {1,-11} {2,4} {3,2} {4,-4} {5,-5} {6,10} {7,7} {8,5}  {9,-22} "
      "{10,10} {11,6} {12,5} {13,4} {14,6} {15}\n",
      *row.getString("name"), llvm::formatv("{0}x{1}", n, k).str(),
      get("m", "%.0f"), get("threads", "%.0f"), *row.getString("mode"),
      row.getString("compute").value_or("-"), get("ours", "%.1f"), rate,
      get("spread", "%.2f"), *row.getString("peer_name"), get("peer", "%.1f"),
      get("ratio", "%.2f"), get("goal", "%.2f"), get("compile_seconds", "%.1f"),
      get("spills", "%.0f"), verdict);
  llvm::outs().flush();
}

/// Stays on so many cores of those there are.
static bool takeCores(unsigned count) {
  cpu_set_t cores, taken;
  CPU_ZERO(&taken);
  if (sched_getaffinity(0, sizeof(cores), &cores) != 0)
    return false;
  for (int core = 0; core < CPU_SETSIZE && count > 0; ++core)
    if (CPU_ISSET(core, &cores)) {
      CPU_SET(core, &taken);
      --count;
    }
  return sched_setaffinity(0, sizeof(taken), &taken) == 0;
}

void KernelsBenchmark::runApart(const Instance &instance,
                                json::Array &results) {
  int ends[2];
  if (pipe(ends) != 0)
    return;
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    // OpenMP's threads would go on to spin while others are measured.
    setenv("KMP_BLOCKTIME", "1", /*overwrite=*/0);
    json::Array rows;
    if (takeCores(instance.threads))
      measure(instance, rows);
    std::string text = llvm::formatv("{0}", json::Value(std::move(rows)));
    for (size_t done = 0; done < text.size();) {
      ssize_t written = write(ends[1], text.data() + done, text.size() - done);
      if (written <= 0)
        _exit(1);
      done += written;
    }
    // Libraries of others may not survive their end.
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t size; (size = read(ends[0], buffer, sizeof(buffer))) > 0;)
    text.append(buffer, size);
  close(ends[0]);
  int status = 0;
  if (child > 0)
    waitpid(child, &status, 0);
  auto rows = json::parse(text);
  if (!rows || !rows->getAsArray()) {
    llvm::consumeError(rows.takeError());
    json::Object row = getRow(instance, "hot", instance.of->rivals[0].name,
                              instance.of->rivals[0].hot);
    row["note"] = WIFSIGNALED(status) ? std::string("died of signal ") +
                                            std::to_string(WTERMSIG(status))
                                      : std::string("its process failed");
    rows = json::Array{std::move(row)};
  }
  for (json::Value &row : *rows->getAsArray()) {
    printRow(*row.getAsObject());
    results.push_back(std::move(row));
  }
}

int KernelsBenchmark::run() {
  if (!checkOptions())
    return kUsageError;
  std::vector<Instance> instances = getInstances();
  if (instances.empty()) {
    fail("expected --only and --m to leave a kernel to measure, but they leave "
         "none");
    return kUsageError;
  }
  llvm::outs() << "cpu: " << llvm::sys::getHostCPUName()
               << ", medians of up to " << repeat << " turns, times in us\n"
               << llvm::formatv(
                      "{0,-18} {1,-11} {2,4} {3,2} {4,-4} {5,-5} {6,10} {7,7} "
                      "{8,5}  {9,-22} {10,10} {11,6} {12,5} {13,4} {14,6}\n",
                      "kernel", "shape", "m", "t", "mode", "by", "ours",
                      "GOP/s", "+-", "peer", "peer's", "ratio", "goal", "s",
                      "spills");
  json::Array results;
  for (const Instance &instance : instances)
    runApart(instance, results);
  if (output.empty())
    return 0;
  std::string text = llvm::formatv("{0:2}\n", json::Value(std::move(results)));
  auto status = store::writeFileAtomically(output, text.data(), text.size());
  return status.ok() ? 0 : fail(status.message());
}

std::unique_ptr<Benchmark> mlir::compress::bench::createKernelsBenchmark() {
  return std::make_unique<KernelsBenchmark>();
}
