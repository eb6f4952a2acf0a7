//===- CAPI.cpp - the C interface of the runtime --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Model.h"
#include "compress-c/Runtime.h"
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

using namespace mlir::compress;
using store::Status;

/// The handle: a model, its number of threads, and an error text per thread.
struct CompressModel {
  std::unique_ptr<runtime::Model> model;
  std::atomic<runtime::NumThreads> numThreads;

  CompressStatus report(const Status &status) const {
    std::lock_guard<std::mutex> lock(mutex);
    if (status.ok()) {
      errors.erase(std::this_thread::get_id());
      return COMPRESS_OK;
    }
    errors[std::this_thread::get_id()] = status.message();
    return COMPRESS_ERROR;
  }
  const char *getError() const {
    std::lock_guard<std::mutex> lock(mutex);
    auto it = errors.find(std::this_thread::get_id());
    return it == errors.end() ? "" : it->second.c_str();
  }
  /// Null, with an error, when out of range.
  const store::ManifestFunction *getFunction(int32_t index) const {
    const auto &functions = model->getManifest().functions;
    if (index >= 0 && size_t(index) < functions.size())
      return &functions[index];
    (void)report(Status::error("expected a function number below " +
                               std::to_string(functions.size()) + ", but got " +
                               std::to_string(index)));
    return nullptr;
  }

private:
  mutable std::mutex mutex;
  mutable std::map<std::thread::id, std::string> errors;
};

int32_t compressRuntimeGetABIVersion(void) {
  return COMPRESS_RUNTIME_ABI_VERSION;
}

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

CompressModel *compressModelOpen(const char *path,
                                 const CompressOpenOptions *options,
                                 char *error, size_t errorSize) {
  auto fail = [&](const std::string &message) -> CompressModel * {
    if (error && errorSize) {
      size_t length = std::min(message.size(), errorSize - 1);
      std::memcpy(error, message.data(), length);
      error[length] = '\0';
    }
    return nullptr;
  };
  if (!path)
    return fail("expected the path of an artifact");
  if (options && options->structSize != sizeof(CompressOpenOptions))
    return fail("expected options of " +
                std::to_string(sizeof(CompressOpenOptions)) +
                " bytes, but got " + std::to_string(options->structSize));
  auto threads = runtime::resolveNumThreads(options ? options->numThreads : 0);
  if (!threads.ok())
    return fail(threads.status().message());
  const char *cpu = options ? options->cpu : nullptr;
  if (!cpu || !*cpu)
    cpu = std::getenv("COMPRESS_CPU");
  auto model = runtime::Model::open(
      path,
      {options && options->skipWeightChecksums != 0, threads->number,
       options && options->copyWeights != 0 ? store::Placement::Copy
                                            : store::Placement::Map},
      cpu && *cpu ? cpu : "native", options ? options->gpu : 0);
  if (!model.ok())
    return fail(model.status().message());
  auto *handle = new CompressModel();
  handle->model = std::move(*model);
  handle->numThreads = *threads;
  return handle;
}

void compressModelClose(CompressModel *model) { delete model; }

const char *compressModelGetError(const CompressModel *model) {
  return model->getError();
}

CompressStatus compressModelSetNumThreads(CompressModel *model,
                                          int32_t numThreads) {
  Status status = runtime::checkNumThreads(numThreads);
  if (status.ok())
    model->numThreads = {unsigned(numThreads), /*isDefault=*/false};
  return model->report(status);
}

int32_t compressModelGetNumThreads(const CompressModel *model) {
  return int32_t(model->numThreads.load().number);
}

const char *compressModelGetCpu(const CompressModel *model) {
  return model->model->getVersion().cpu.c_str();
}

//===----------------------------------------------------------------------===//
// Signatures
//===----------------------------------------------------------------------===//

int32_t compressModelGetNumFunctions(const CompressModel *model) {
  return int32_t(model->model->getManifest().functions.size());
}

const char *compressModelGetFunctionName(const CompressModel *model,
                                         int32_t function) {
  const store::ManifestFunction *found = model->getFunction(function);
  return found ? found->name.c_str() : nullptr;
}

int32_t compressModelFindFunction(const CompressModel *model,
                                  const char *name) {
  const auto &functions = model->model->getManifest().functions;
  for (size_t i = 0; i < functions.size(); ++i)
    if (name && functions[i].name == name)
      return int32_t(i);
  std::string known;
  for (const store::ManifestFunction &function : functions)
    known += (known.empty() ? "" : ", ") + function.name;
  (void)model->report(Status::error("expected a function of the model (" +
                                    known + "), but got '" +
                                    (name ? name : "") + "'"));
  return -1;
}

int32_t compressModelGetNumInputs(const CompressModel *model,
                                  int32_t function) {
  const store::ManifestFunction *found = model->getFunction(function);
  return found ? int32_t(found->inputs.size()) : -1;
}

int32_t compressModelGetNumOutputs(const CompressModel *model,
                                   int32_t function) {
  const store::ManifestFunction *found = model->getFunction(function);
  return found ? int32_t(found->outputs.size()) : -1;
}

static CompressStatus
describe(const CompressModel *model, const char *what,
         const std::vector<store::ManifestTensorType> &types, int32_t index,
         CompressTensorInfo *info) {
  if (!info)
    return model->report(Status::error("expected a place for the description"));
  if (index < 0 || size_t(index) >= types.size())
    return model->report(Status::error(
        std::string("expected a number of an ") + what + " below " +
        std::to_string(types.size()) + ", but got " + std::to_string(index)));
  const store::ManifestTensorType &type = types[index];
  *info = {type.name.c_str(), int32_t(type.dtype), int32_t(type.shape.size()),
           type.shape.data()};
  return COMPRESS_OK;
}

CompressStatus compressModelGetInput(const CompressModel *model,
                                     int32_t function, int32_t index,
                                     CompressTensorInfo *info) {
  const store::ManifestFunction *found = model->getFunction(function);
  return found ? describe(model, "input", found->inputs, index, info)
               : COMPRESS_ERROR;
}

CompressStatus compressModelGetOutput(const CompressModel *model,
                                      int32_t function, int32_t index,
                                      CompressTensorInfo *info) {
  const store::ManifestFunction *found = model->getFunction(function);
  return found ? describe(model, "output", found->outputs, index, info)
               : COMPRESS_ERROR;
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

namespace {
/// Counts the runs of the process that are in progress.
class RunInProgress {
public:
  RunInProgress() : number(++count) {}
  ~RunInProgress() { --count; }
  /// With this one, when it began.
  const unsigned number;

private:
  static std::atomic<unsigned> count;
};
} // namespace

std::atomic<unsigned> RunInProgress::count = 0;

CompressStatus compressModelRun(CompressModel *model, int32_t function,
                                const CompressTensor *inputs, int32_t numInputs,
                                CompressTensor *outputs, int32_t numOutputs) {
  const store::ManifestFunction *found = model->getFunction(function);
  if (!found)
    return COMPRESS_ERROR;
  auto checkCount = [&](const char *what, size_t expected, int64_t actual,
                        const void *array) -> Status {
    if (int64_t(expected) != actual || (expected && !array))
      return Status::error("function '" + found->name + "': expected " +
                           std::to_string(expected) + " " + what +
                           ", but got " + std::to_string(array ? actual : 0));
    return {};
  };
  Status status = checkCount("inputs", found->inputs.size(), numInputs, inputs);
  if (status.ok())
    status = checkCount("outputs", found->outputs.size(), numOutputs, outputs);
  if (status.ok()) {
    RunInProgress run;
    auto [number, isDefault] = model->numThreads.load();
    if (isDefault)
      number = std::max(number / run.number, 1u);
    status = model->model->run(size_t(function), inputs, outputs, number);
  }
  return model->report(status);
}

void compressTensorRelease(CompressTensor *tensor) {
  if (!tensor)
    return;
  std::free(tensor->data);
  *tensor = {nullptr, tensor->dtype, tensor->rank,
             nullptr, nullptr,       COMPRESS_HOST};
}
