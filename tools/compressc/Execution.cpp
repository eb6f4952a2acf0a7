//===- Execution.cpp - artifacts on arrays from files ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Execution.h"
#include <algorithm>

using namespace compressc;
using store::Status;

store::StatusOr<Execution> Execution::open(const std::string &artifact,
                                           const std::string &function,
                                           int numThreads) {
  CompressOpenOptions options = {sizeof(CompressOpenOptions),
                                 /*skipWeightChecksums=*/0, numThreads,
                                 /*copyWeights=*/0,
                                 /*cpu=*/nullptr};
  char error[4096];
  CompressModel *model =
      compressModelOpen(artifact.c_str(), &options, error, sizeof(error));
  if (!model)
    return Status::error(error);
  Execution execution(model, 0);
  if (!function.empty()) {
    execution.function = compressModelFindFunction(model, function.c_str());
    if (execution.function < 0)
      return Status::error(compressModelGetError(model));
    return execution;
  }
  int32_t count = compressModelGetNumFunctions(model);
  if (count == 1)
    return execution;
  std::string names;
  for (int32_t i = 0; i < count; ++i)
    names +=
        (i ? ", " : "") + std::string(compressModelGetFunctionName(model, i));
  return Status::error("expected --function, for '" + artifact +
                       "' has several: " + names);
}

unsigned Execution::getNumInputs() const {
  return unsigned(compressModelGetNumInputs(model.get(), function));
}

unsigned Execution::getNumOutputs() const {
  return unsigned(compressModelGetNumOutputs(model.get(), function));
}

std::string Execution::getOutputName(unsigned index) const {
  CompressTensorInfo info;
  if (compressModelGetOutput(model.get(), function, int32_t(index), &info) !=
      COMPRESS_OK)
    return "?";
  return info.name;
}

/// The array as a tensor of the C interface. Files may call elements by another
/// name than the signature does, where the bits are the same: signless integers
/// are signed in a signature.
static CompressTensor viewArray(const store::NpyArray &array,
                                const CompressTensorInfo &expected) {
  auto isInteger = [](int32_t dtype) {
    return dtype >= COMPRESS_U8 && dtype <= COMPRESS_I64;
  };
  auto width = [](int32_t dtype) {
    return store::getDTypeSize(store::DType(dtype));
  };
  int32_t dtype = int32_t(array.dtype);
  if (isInteger(dtype) && isInteger(expected.dtype) &&
      width(dtype) == width(expected.dtype))
    dtype = expected.dtype;
  return {const_cast<uint8_t *>(array.data.data()),
          dtype,
          int32_t(array.shape.size()),
          array.shape.data(),
          nullptr,
          COMPRESS_HOST};
}

store::StatusOr<std::vector<store::NpyArray>>
Execution::run(const std::vector<store::NpyArray> &inputs) const {
  std::vector<CompressTensor> in;
  for (size_t i = 0; i < inputs.size(); ++i) {
    CompressTensorInfo info = {"", int32_t(inputs[i].dtype), 0, nullptr};
    // Too many inputs are reported by the run.
    if (i < getNumInputs())
      (void)compressModelGetInput(model.get(), function, int32_t(i), &info);
    in.push_back(viewArray(inputs[i], info));
  }
  std::vector<CompressTensor> out(getNumOutputs());
  if (compressModelRun(model.get(), function, in.data(), int32_t(in.size()),
                       out.data(), int32_t(out.size())) != COMPRESS_OK)
    return Status::error(compressModelGetError(model.get()));
  std::vector<store::NpyArray> results;
  for (CompressTensor &tensor : out) {
    store::NpyArray &array = results.emplace_back();
    array.dtype = store::DType(tensor.dtype);
    array.shape.assign(tensor.shape, tensor.shape + tensor.rank);
    uint64_t bytes =
        store::computeByteSize(array.dtype, array.shape).value_or(0);
    auto *data = static_cast<const uint8_t *>(tensor.data);
    array.data.assign(data, data + bytes);
    compressTensorRelease(&tensor);
  }
  return results;
}

store::StatusOr<std::vector<store::NpyArray>>
compressc::readArrays(const std::vector<std::string> &paths) {
  std::vector<store::NpyArray> arrays;
  for (const std::string &path : paths) {
    auto array = store::readNpy(path);
    if (!array.ok())
      return array.status();
    arrays.push_back(std::move(*array));
  }
  return arrays;
}
