//===- FusedBenchmark.cpp - Speed of compiled contractions ----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// y[m, n] = sum over k of x[m, k] * w[n, k], compiled with the weight compressed
// and fused, compressed and decoded first, and by OpenBLAS on the dense weight,
// interleaved in one process, on one thread. Hot repeats one weight; cold takes
// another copy for every run, as a large model does.
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "compress-c/Runtime.h"
#include "compress/Compiler/Compiler.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/Safetensors.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Parallel.h"
#include "llvm/TargetParser/Host.h"
#include <algorithm>
#include <chrono>
#include <dlfcn.h>
#include <random>

using namespace mlir::compress;
using namespace mlir::compress::bench;
namespace cl = llvm::cl;

namespace {

/// Bytes of weights that runs rotate over when cold.
constexpr int64_t kColdBytes = int64_t(320) << 20;

struct Problem {
  int64_t m, n, k;
};

/// Median time of one kind of run.
struct Row {
  std::string name;
  double hot = 0, cold = 0; // seconds
};

class FusedBenchmark : public Benchmark {
public:
  FusedBenchmark()
      : Benchmark("fused", "contractions on compressed weights, against "
                           "OpenBLAS on dense ones") {}
  int run() override;

private:
  int measureProblem(const Problem &problem, llvm::json::Array &results);

  cl::list<std::string> presets{
      "preset", cl::desc("Presets to measure (default: int4-b32)"),
      cl::value_desc("name"), cl::sub(command), cl::cat(category)};
  cl::list<unsigned> rows{"m", cl::desc("Rows of x (default: 1 and 64)"),
                          cl::value_desc("n"), cl::sub(command),
                          cl::cat(category)};
  cl::opt<unsigned> size{"size", cl::init(4096), cl::value_desc("n"),
                         cl::desc("Rows and columns of the weight"),
                         cl::sub(command), cl::cat(category)};
  cl::opt<unsigned> repeat{"repeat", cl::init(15), cl::value_desc("n"),
                           cl::desc("Runs of which the median is taken"),
                           cl::sub(command), cl::cat(category)};
  cl::opt<bool> json{"json", cl::desc("Print JSON"), cl::sub(command),
                     cl::cat(category)};
};

/// OpenBLAS, if it is installed.
class OpenBlas {
public:
  OpenBlas() {
    library = dlopen("libopenblas.so.0", RTLD_NOW);
    if (!library)
      return;
    gemm = reinterpret_cast<Gemm>(dlsym(library, "cblas_sgemm"));
    gemv = reinterpret_cast<Gemv>(dlsym(library, "cblas_sgemv"));
    if (auto *setThreads = reinterpret_cast<void (*)(int)>(
            dlsym(library, "openblas_set_num_threads")))
      setThreads(1);
    if (auto *core = reinterpret_cast<const char *(*)()>(
            dlsym(library, "openblas_get_corename")))
      coreName = core();
  }
  explicit operator bool() const { return gemm && gemv; }
  const std::string &getCore() const { return coreName; }
  void run(const Problem &p, const float *x, const float *w, float *y) const {
    constexpr int rowMajor = 101, plain = 111, transposed = 112;
    if (p.m == 1)
      gemv(rowMajor, plain, p.n, p.k, 1, w, p.k, x, 1, 0, y, 1);
    else
      gemm(rowMajor, plain, transposed, p.m, p.n, p.k, 1, x, p.k, w, p.k, 0, y,
           p.n);
  }

private:
  using Gemm = void (*)(int, int, int, int, int, int, float, const float *, int,
                        const float *, int, float, float *, int);
  using Gemv = void (*)(int, int, int, int, float, const float *, int,
                        const float *, int, float, float *, int);
  void *library = nullptr;
  Gemm gemm = nullptr;
  Gemv gemv = nullptr;
  std::string coreName;
};

/// Copies of one artifact, each with pages of its own.
class Model {
public:
  ~Model() {
    for (CompressModel *copy : copies)
      compressModelClose(copy);
  }
  bool open(const std::string &path, std::string &error) {
    char text[1024];
    CompressModel *model =
        compressModelOpen(path.c_str(), nullptr, text, sizeof(text));
    if (!model) {
      error = text;
      return false;
    }
    copies.push_back(model);
    return true;
  }
  size_t getNumCopies() const { return copies.size(); }
  bool run(size_t copy, CompressTensor x, CompressTensor y) const {
    return compressModelRun(copies[copy % copies.size()], 0, &x, 1, &y, 1) ==
           COMPRESS_OK;
  }

private:
  std::vector<CompressModel *> copies;
};

/// Something to time: the run with a given copy of its weight.
struct Contender {
  std::string name;
  size_t copies;
  std::function<void(size_t)> run;
};

} // namespace

static std::string getModule(const Problem &p) {
  return llvm::formatv(R"(
func.func @main(%x: tensor<{0}x{2}xf32>) -> tensor<{0}x{1}xf32> {{
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<{0}x{1}xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<{0}x{1}xf32>) -> tensor<{0}x{1}xf32>
  %w = arith.constant dense_resource<w> : tensor<{1}x{2}xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>,
                                      affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<{0}x{2}xf32>, tensor<{1}x{2}xf32>) outs(%init : tensor<{0}x{1}xf32>) -> tensor<{0}x{1}xf32>
  return %y : tensor<{0}x{1}xf32>
})",
                       p.m, p.n, p.k)
      .str();
}

static int fail(const llvm::Twine &message) {
  llvm::errs() << "compress-bench: " << message << "\n";
  return 1;
}

/// Compiles the problem with a preset into `output`.
static bool compileProblem(const std::string &directory,
                           const std::string &preset, bool fuse,
                           const std::string &output) {
  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::Location loc = mlir::UnknownLoc::get(&context);
  auto module = loadModule(context, directory + "/module.mlir",
                           {directory + "/weights.safetensors"});
  mlir::FailureOr<Target> target = Target::parse("cpu", loc);
  CompressEncodeOptions encode;
  encode.preset = preset;
  CompileOptions options;
  options.fuse = fuse;
  return module && succeeded(target) &&
         succeeded(encodeModule(*module, encode)) &&
         succeeded(writeArtifact(*module, *target, options, output));
}

/// Opens as many copies of an artifact as the caches cannot hold.
static bool openCopies(const std::string &artifact, Model &model,
                       std::string &error) {
  uint64_t bytes = 0;
  if (std::error_code code = llvm::sys::fs::file_size(
          artifact + "/" + store::kWeightsFile, bytes)) {
    error = code.message();
    return false;
  }
  int64_t count = std::max<int64_t>(2, kColdBytes / std::max<uint64_t>(bytes, 1) + 1);
  for (int64_t i = 0; i < count; ++i) {
    std::string copy = artifact + "." + std::to_string(i);
    (void)llvm::sys::fs::create_directory(copy);
    for (const char *file :
         {store::kManifestFile, store::kCodeFile, store::kWeightsFile})
      if (std::error_code code = llvm::sys::fs::copy_file(
              artifact + "/" + file, copy + "/" + file)) {
        error = code.message();
        return false;
      }
    if (!model.open(copy, error))
      return false;
  }
  return true;
}

static double getMedian(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

/// Times all contenders in turns, so that what disturbs the machine disturbs
/// them alike.
static std::vector<Row> timeAll(llvm::ArrayRef<Contender> contenders,
                                unsigned repeat) {
  using Clock = std::chrono::steady_clock;
  std::vector<std::vector<double>> hot(contenders.size()), cold(hot);
  auto time = [&](const Contender &contender, size_t copy) {
    Clock::time_point start = Clock::now();
    contender.run(copy);
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  size_t next = 0;
  for (unsigned i = 0; i < repeat; ++i)
    for (auto [j, contender] : llvm::enumerate(contenders)) {
      contender.run(0);
      hot[j].push_back(time(contender, 0));
    }
  for (unsigned i = 0; i < repeat; ++i)
    for (auto [j, contender] : llvm::enumerate(contenders))
      cold[j].push_back(time(contender, ++next));
  std::vector<Row> rows;
  for (auto [j, contender] : llvm::enumerate(contenders))
    rows.push_back({contender.name, getMedian(hot[j]), getMedian(cold[j])});
  return rows;
}

int FusedBenchmark::measureProblem(const Problem &p,
                                   llvm::json::Array &results) {
  llvm::SmallString<128> directory;
  if (std::error_code code =
          llvm::sys::fs::createUniqueDirectory("compress-bench", directory))
    return fail("cannot create a temporary directory: " + code.message());
  llvm::scope_exit cleanup(
      [&] { llvm::sys::fs::remove_directories(directory); });
  std::string root(directory);

  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> w(p.n * p.k), x(p.m * p.k), y(p.m * p.n);
  for (std::vector<float> *values : {&w, &x})
    for (float &value : *values)
      value = normal(random);
  auto writer = store::SafetensorsWriter::create(
      root + "/weights.safetensors", {{"w", store::DType::F32, {p.n, p.k}}});
  std::string module = getModule(p);
  if (!writer.ok() || !(*writer)->append(w.data(), w.size() * 4).ok() ||
      !(*writer)->finish().ok() ||
      !store::writeFile(root + "/module.mlir", module.data(), module.size())
           .ok())
    return fail("cannot write to " + root);

  int64_t xShape[] = {p.m, p.k}, yShape[] = {p.m, p.n};
  CompressTensor xTensor = {x.data(), COMPRESS_F32, 2, xShape, nullptr};
  CompressTensor yTensor = {y.data(), COMPRESS_F32, 2, yShape, nullptr};
  std::vector<std::unique_ptr<Model>> models;
  std::vector<Contender> contenders;
  std::vector<std::string> names(presets.begin(), presets.end());
  if (names.empty())
    names.push_back("int4-b32");
  for (const std::string &preset : names)
    for (bool fuse : {true, false}) {
      std::string artifact = root + "/" + preset + (fuse ? "" : "-dense");
      models.push_back(std::make_unique<Model>());
      std::string error;
      if (!compileProblem(root, preset, fuse, artifact))
        return fail("cannot compile with preset " + preset);
      if (!openCopies(artifact, *models.back(), error))
        return fail(error);
      Model *model = models.back().get();
      contenders.push_back({preset + (fuse ? " fused" : " decoded first"),
                            model->getNumCopies(), [=](size_t copy) {
                              if (!model->run(copy, xTensor, yTensor))
                                std::abort();
                            }});
    }
  OpenBlas blas;
  std::vector<std::vector<float>> dense;
  if (blas) {
    int64_t count = std::max<int64_t>(2, kColdBytes / (p.n * p.k * 4) + 1);
    dense.assign(count, w);
    contenders.push_back({"OpenBLAS f32 (" + blas.getCore() + ")", dense.size(),
                          [&](size_t copy) {
                            blas.run(p, x.data(),
                                     dense[copy % dense.size()].data(),
                                     y.data());
                          }});
  } else {
    llvm::errs() << "compress-bench: no libopenblas.so.0 (Debian package "
                    "libopenblas0-pthread), so without that peer\n";
  }

  std::vector<Row> rows = timeAll(contenders, repeat);
  double flop = 2.0 * p.m * p.n * p.k;
  if (!json)
    llvm::outs() << llvm::formatv(
        "\nm={0} n={1} k={2}\n{3,-36} {4,10} {5,10} {6,10} {7,14} {8,14}\n",
        p.m, p.n, p.k, "", "hot us", "cold us", "GFLOP/s", "speed-up hot",
        "speed-up cold");
  for (const Row &row : rows) {
    // Of the first contender over this one.
    double hot = row.hot / rows.front().hot, cold = row.cold / rows.front().cold;
    if (!json)
      llvm::outs() << llvm::formatv(
          "{0,-36} {1,10:f1} {2,10:f1} {3,10:f1} {4,14:f2} {5,14:f2}\n",
          row.name, row.hot * 1e6, row.cold * 1e6, flop / row.hot * 1e-9, hot,
          cold);
    results.push_back(llvm::json::Object{{"m", p.m},
                                         {"n", p.n},
                                         {"k", p.k},
                                         {"name", row.name},
                                         {"hot_us", row.hot * 1e6},
                                         {"cold_us", row.cold * 1e6},
                                         {"speedup_of_first_hot", hot},
                                         {"speedup_of_first_cold", cold}});
  }
  return 0;
}

int FusedBenchmark::run() {
  if (repeat == 0 || size == 0) {
    llvm::errs() << "compress-bench: expected --repeat and --size of 1 or more\n";
    return kUsageError;
  }
  llvm::json::Array results;
  std::vector<unsigned> counts(rows.begin(), rows.end());
  if (counts.empty())
    counts = {1, 64};
  if (!json)
    llvm::outs() << "cpu: " << llvm::sys::getHostCPUName()
                 << ", one thread, median of " << repeat << "\n";
  for (unsigned m : counts)
    if (int code = measureProblem({m, size, size}, results))
      return code;
  if (json)
    llvm::outs() << llvm::formatv(
        "{0:2}\n", llvm::json::Value(llvm::json::Object{
                       {"benchmark", "fused"},
                       {"cpu", llvm::sys::getHostCPUName()},
                       {"repeat", int64_t(repeat)},
                       {"results", std::move(results)}}));
  return 0;
}

std::unique_ptr<Benchmark> mlir::compress::bench::createFusedBenchmark() {
  return std::make_unique<FusedBenchmark>();
}
