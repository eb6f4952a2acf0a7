//===- EncodeBenchmark.cpp - Speed of compressing weights -----------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every preset on one weight of normal numbers, one thread: what its encoder
// reads and its reference decode writes per second. The goals are for the
// algorithm that the preset stands for.
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "Measure.h"
#include "compress/Algorithms/FloatFormat.h"
#include "compress/Dialect/Compress/IR/Compress.h"
#include "compress/InitCompress.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/GlobPattern.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"
#include "llvm/TargetParser/Host.h"
#include <chrono>
#include <random>

using namespace mlir::compress;
using namespace mlir::compress::bench;
namespace cl = llvm::cl;

namespace {

/// The least encode speeds on one core, in MB/s of weights of `element`.
struct Goal {
  const char *presets; // a glob; the first that matches counts
  const char *element;
  double encode;
};
constexpr Goal kGoals[] = {
    {"int2-b32", "f32", 50}, {"ternary*", "f32", 50}, {"int*-huffman", "", 0},
    {"int*", "f32", 1000},   {"fp8*", "f32", 1000},   {"mxfp*", "f32", 1000},
    {"binary", "f32", 2000}, {"nm*", "f32", 800},     {"palette4", "bf16", 200},
    {"df11*", "bf16", 600}, // 300 M exponents per second
};

class EncodeBenchmark : public Benchmark {
public:
  EncodeBenchmark()
      : Benchmark("encode", "compression with every preset, one thread") {}
  int run() override;

private:
  cl::list<std::string> presets{
      "preset", cl::desc("Presets to measure (default: all)"),
      cl::value_desc("name"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> shape{"shape",
                             cl::desc("Rows and columns of the weight"),
                             cl::value_desc("NxK"),
                             cl::init("1024x4096"),
                             cl::sub(command),
                             cl::cat(category)};
  cl::opt<unsigned> repeat{
      "repeat", cl::init(5),
      cl::desc("Timed repetitions of what takes less than a second"),
      cl::sub(command), cl::cat(category)};
  cl::opt<bool> json{"json", cl::desc("Print JSON"), cl::sub(command),
                     cl::cat(category)};
};

/// Throughput of `work`, in MB/s. Slow work is done once.
double measureOnce(unsigned repeat, int64_t bytes,
                   llvm::function_ref<void()> work) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  work();
  std::chrono::duration<double> seconds = Clock::now() - start;
  if (seconds.count() > 1)
    return bytes / seconds.count() * 1e-6;
  return measure(repeat, bytes, work).median * 1e3;
}

int64_t countBytes(llvm::ArrayRef<EncodedComponent> components) {
  int64_t bytes = 0;
  for (const EncodedComponent &component : components)
    bytes += component.data.getData().size() + countBytes(component.parts);
  return bytes;
}

} // namespace

static double getGoal(llvm::StringRef preset, llvm::StringRef element) {
  for (const Goal &goal : kGoals)
    if (llvm::cantFail(llvm::GlobPattern::create(goal.presets)).match(preset))
      return element == goal.element ? goal.encode : 0;
  return 0;
}

int EncodeBenchmark::run() {
  auto [rowsText, colsText] = llvm::StringRef(shape).split('x');
  int64_t rows, cols, elements;
  if (rowsText.getAsInteger(10, rows) || colsText.getAsInteger(10, cols) ||
      rows < 1 || cols < 1 || llvm::MulOverflow(rows, cols, elements) ||
      elements > int64_t(1) << 28) {
    llvm::errs()
        << "compress-bench: expected a shape like 1024x4096 of at most "
           "2^28 elements, but got '"
        << shape << "'\n";
    return kUsageError;
  }
  mlir::DialectRegistry dialects;
  registerDialect(dialects);
  mlir::MLIRContext context(dialects);
  const CodecRegistry &registry =
      context.getOrLoadDialect<CompressDialect>()->getCodecs();
  std::vector<const Preset *> chosen;
  for (const std::string &name : presets) {
    const Preset *preset = registry.lookupPreset(name);
    if (!preset) {
      llvm::errs() << "compress-bench: expected a preset of "
                   << registry.listPresets() << ", but got '" << name << "'\n";
      return kUsageError;
    }
    chosen.push_back(preset);
  }
  if (chosen.empty())
    for (const Preset &preset : registry.getPresets())
      chosen.push_back(&preset);
  llvm::parallel::strategy = llvm::hardware_concurrency(1);

  std::vector<float> values(elements);
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  for (float &x : values)
    x = normal(random);
  std::vector<uint8_t> narrow(elements * 2);
  algorithms::narrowFromF32(algorithms::FloatKind::BF16, values, narrow);
  mlir::Builder b(&context);
  const std::pair<mlir::Type, llvm::ArrayRef<char>> sources[] = {
      {b.getF32Type(),
       {reinterpret_cast<const char *>(values.data()), size_t(elements) * 4}},
      {b.getBF16Type(),
       {reinterpret_cast<const char *>(narrow.data()), narrow.size()}}};

  llvm::json::Array results;
  if (!json)
    llvm::outs() << "shape: " << shape
                 << ", cpu: " << llvm::sys::getHostCPUName()
                 << ", MB/s of dense weight\n"
                 << llvm::formatv(
                        "{0,-20} {1,-5} {2,11} {3,10} {4,10} {5,10}\n",
                        "preset", "of", "bits/weight", "encode", "goal",
                        "decode");
  constexpr DimRole roles[] = {DimRole::Parallel, DimRole::Reduction};
  for (const Preset *preset : chosen) {
    for (auto [element, data] : sources) {
      auto type = mlir::RankedTensorType::get({rows, cols}, element);
      CodecAttrInterface codec =
          preset->buildFor ? preset->buildFor({preset->name, type, data}, roles)
                           : preset->build(type, roles);
      if (!codec)
        continue; // stays dense
      mlir::Location loc = mlir::UnknownLoc::get(&context);
      auto emitError = [&] { return mlir::emitError(loc); };
      if (mlir::failed(codec.verifyCodec(emitError, type)))
        continue; // the preset is not for this type; the reason is printed
      mlir::FailureOr<std::vector<EncodedComponent>> encoded = mlir::failure();
      double encode = measureOnce(repeat, data.size(), [&] {
        encoded = encodeTensor({preset->name, type, data}, codec,
                               {registry, preset->algorithm, emitError});
      });
      if (mlir::failed(encoded))
        return 1;
      std::vector<char> decoded(data.size());
      double decode = measureOnce(repeat, data.size(), [&] {
        DenseComponents parts(*encoded);
        codec.decodeData(type, parts.get(), 0, decoded);
      });
      double bits = countBytes(*encoded) * 8.0 / elements;
      std::string elementName = llvm::formatv("{0}", element);
      double goal = getGoal(preset->name, elementName);
      results.push_back(llvm::json::Object{{"name", preset->name},
                                           {"element", elementName},
                                           {"bits_per_weight", bits},
                                           {"encode_mb_per_s", encode},
                                           {"goal_mb_per_s", goal},
                                           {"decode_mb_per_s", decode}});
      if (!json)
        llvm::outs() << llvm::formatv(
            "{0,-20} {1,-5} {2,11:f3} {3,10:f1} {4,10} {5,10:f1}\n",
            preset->name, elementName, bits, encode,
            goal ? llvm::formatv("{0:f0}", goal).str() : "-", decode);
      llvm::outs().flush();
    }
  }
  if (json)
    llvm::outs() << llvm::formatv(
        "{0:2}\n", llvm::json::Value(
                       llvm::json::Object{{"benchmark", "encode"},
                                          {"shape", shape.getValue()},
                                          {"cpu", llvm::sys::getHostCPUName()},
                                          {"results", std::move(results)}}));
  return 0;
}

std::unique_ptr<Benchmark> mlir::compress::bench::createEncodeBenchmark() {
  return std::make_unique<EncodeBenchmark>();
}
