//===- Compare.cpp - compressc compare ------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Execution.h"
#include "Tool.h"
#include "compress/Algorithms/FloatFormat.h"
#include "compress/Store/AtomicOutput.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <cstring>

using namespace compressc;
using namespace mlir;
namespace cl = llvm::cl;
namespace algorithms = mlir::compress::algorithms;
using store::DType;

static cl::SubCommand
    compareCommand("compare",
                   "run an artifact and its original on the same inputs");
static cl::OptionCategory category("Options of compare");
static cl::opt<std::string> artifact(cl::Positional, cl::Required,
                                     cl::desc("ARTIFACT"),
                                     cl::sub(compareCommand),
                                     cl::cat(category));
static cl::opt<std::string>
    originalPath("original", cl::Required, cl::value_desc("file"),
                 cl::desc("The module that the artifact was compiled from"),
                 cl::sub(compareCommand), cl::cat(category));
static cl::list<std::string>
    weights("weights", cl::value_desc("file"),
            cl::desc("Its safetensors files or *.index.json"),
            cl::sub(compareCommand), cl::cat(category));
static cl::opt<std::string>
    function("function", cl::value_desc("name"),
             cl::desc("Function to run (default: the only one)"),
             cl::sub(compareCommand), cl::cat(category));
static cl::list<std::string>
    inputs("input", cl::value_desc("file.npy"),
           cl::desc("Arguments, in order; several may follow one --input"),
           cl::sub(compareCommand), cl::cat(category));
static cl::opt<bool> json("json", cl::desc("Print the result as JSON"),
                          cl::sub(compareCommand), cl::cat(category));
static cl::opt<unsigned> jobs("j", cl::init(0), cl::value_desc("n"),
                              cl::desc("Threads (default: all)"),
                              cl::sub(compareCommand), cl::cat(category));

//===----------------------------------------------------------------------===//
// Errors of outputs
//===----------------------------------------------------------------------===//

template <typename T>
static std::vector<double> readAs(const store::NpyArray &array) {
  std::vector<T> values(array.data.size() / sizeof(T));
  if (!values.empty())
    std::memcpy(values.data(), array.data.data(), array.data.size());
  return {values.begin(), values.end()};
}

/// All elements as f64; nothing for types that are not numbers here.
static std::optional<std::vector<double>>
toDoubles(const store::NpyArray &array) {
  auto widen = [&](algorithms::FloatKind kind) {
    std::vector<float> values(array.data.size() /
                              algorithms::getByteWidth(kind));
    algorithms::widenToF32(kind, array.data, values);
    return std::vector<double>(values.begin(), values.end());
  };
  switch (array.dtype) {
  case DType::F32:
    return widen(algorithms::FloatKind::F32);
  case DType::F16:
    return widen(algorithms::FloatKind::F16);
  case DType::BF16:
    return widen(algorithms::FloatKind::BF16);
  case DType::F64:
    return readAs<double>(array);
  case DType::Bool:
  case DType::U8:
    return readAs<uint8_t>(array);
  case DType::I8:
    return readAs<int8_t>(array);
  case DType::U16:
    return readAs<uint16_t>(array);
  case DType::I16:
    return readAs<int16_t>(array);
  case DType::U32:
    return readAs<uint32_t>(array);
  case DType::I32:
    return readAs<int32_t>(array);
  case DType::U64:
    return readAs<uint64_t>(array);
  case DType::I64:
    return readAs<int64_t>(array);
  case DType::F8_E4M3:
  case DType::F8_E5M2:
  case DType::F8_E8M0:
    break;
  }
  return std::nullopt;
}

namespace {
/// With r the original's output and e the difference, elementwise.
struct OutputError {
  std::string name;
  size_t elements = 0;
  double maxAbsError = 0;   // max |e|
  double relativeError = 0; // ‖e‖ / ‖r‖
  double sqnr = 0;          // 10 log10(Σ r² / Σ e²), dB
};
} // namespace

static OutputError computeError(ArrayRef<double> reference,
                                ArrayRef<double> values) {
  OutputError error;
  error.elements = reference.size();
  double signal = 0, noise = 0;
  for (auto [r, v] : llvm::zip_equal(reference, values)) {
    // Equal infinities are no error.
    double e = r == v ? 0 : v - r;
    // Keeps a NaN once there is one.
    if (!(std::abs(e) <= error.maxAbsError))
      error.maxAbsError = std::abs(e);
    signal += r * r;
    noise += e * e;
  }
  error.relativeError = noise == 0 ? 0 : std::sqrt(noise / signal);
  error.sqnr = noise == 0 ? std::numeric_limits<double>::infinity()
                          : 10 * std::log10(signal / noise);
  return error;
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

/// Compiles the original as it is and runs it.
static int runOriginal(ArrayRef<store::NpyArray> arrays,
                       std::vector<store::NpyArray> &results) {
  Session session(jobs);
  OwningOpRef<ModuleOp> module =
      session.load(originalPath, {weights.begin(), weights.end()});
  FailureOr<mlir::compress::Target> target = mlir::compress::Target::parse(
      "cpu", UnknownLoc::get(&session.getContext()));
  if (!module || failed(target))
    return session.fail();
  // Never committed: removed in the end, also by a signal.
  llvm::SmallString<128> path;
  llvm::sys::path::system_temp_directory(/*erasedOnReboot=*/true, path);
  llvm::sys::path::append(path, "compressc-compare");
  auto directory =
      store::StagedDirectory::create(path.str().str(), store::kManifestFile);
  if (!directory.ok())
    return fail(directory.status().message());
  progress("compiling the original");
  if (failed(mlir::compress::writeArtifact(*module, *target, {}, **directory)))
    return session.fail();
  std::string manifest = (*directory)->addFile(store::kManifestFile);
  auto execution = Execution::open(llvm::sys::path::parent_path(manifest).str(),
                                   function, jobs);
  if (!execution.ok())
    return fail(execution.status().message());
  auto run = execution->run(arrays);
  if (!run.ok())
    return fail(run.status().message());
  results = std::move(*run);
  return 0;
}

static int report(ArrayRef<OutputError> errors) {
  if (!json) {
    for (const OutputError &error : errors)
      llvm::outs() << error.name << ": " << error.elements << " elements, "
                   << llvm::format("max error %.3e, relative error %.3e, SQNR "
                                   "%.2f dB\n",
                                   error.maxAbsError, error.relativeError,
                                   error.sqnr);
    return 0;
  }
  auto number = [](double value) -> llvm::json::Value {
    if (std::isfinite(value))
      return value;
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  };
  llvm::json::Array outputs;
  for (const OutputError &error : errors)
    outputs.push_back(
        llvm::json::Object{{"name", error.name},
                           {"elements", int64_t(error.elements)},
                           {"max_abs_error", number(error.maxAbsError)},
                           {"relative_error", number(error.relativeError)},
                           {"sqnr_db", number(error.sqnr)}});
  llvm::json::Value value(llvm::json::Object{{"outputs", std::move(outputs)}});
  llvm::outs() << llvm::formatv("{0:2}\n", value);
  return 0;
}

static int run() {
  auto arrays = readArrays({inputs.begin(), inputs.end()});
  if (!arrays.ok())
    return fail(arrays.status().message());
  auto execution = Execution::open(artifact, function, jobs);
  if (!execution.ok())
    return fail(execution.status().message());
  auto results = execution->run(*arrays);
  if (!results.ok())
    return fail(results.status().message());
  std::vector<store::NpyArray> references;
  if (int code = runOriginal(*arrays, references))
    return code;
  if (references.size() != results->size())
    return fail("expected " + Twine(references.size()) +
                " outputs, as the original has, but got " +
                Twine(results->size()));
  std::vector<OutputError> errors;
  for (size_t i = 0; i < references.size(); ++i) {
    std::string name = execution->getOutputName(i);
    if (references[i].dtype != (*results)[i].dtype ||
        references[i].shape != (*results)[i].shape)
      return fail("output '" + name +
                  "' has another type or shape than that of the original");
    auto reference = toDoubles(references[i]), value = toDoubles((*results)[i]);
    if (!reference)
      return fail("output '" + name + "': cannot compare elements of type " +
                  StringRef(store::stringifyDType(references[i].dtype)));
    errors.push_back(computeError(*reference, *value));
    errors.back().name = name;
  }
  return report(errors);
}

Command compressc::getCompareCommand() { return {compareCommand, run}; }
