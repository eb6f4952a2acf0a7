//===- Run.cpp - calls into the code of an artifact -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Caller's tensors <-> the strided memref descriptors of compiled code.
//
//===----------------------------------------------------------------------===//

#include "Gpu/Workspace.h"
#include "Model.h"
#include "ModelGpu.h"
#include "Tensors.h"
#include <algorithm>
#include <csetjmp>
#include <cstdlib>
#include <new>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using store::Status;

namespace {
/// Buffers that compiled code gave away; freed once each.
class Results {
public:
  ~Results() {
    std::sort(buffers.begin(), buffers.end());
    buffers.erase(std::unique(buffers.begin(), buffers.end()), buffers.end());
    for (void *buffer : buffers)
      std::free(buffer);
  }
  void own(void *buffer) { buffers.push_back(buffer); }

private:
  std::vector<void *> buffers;
};
} // namespace

//===----------------------------------------------------------------------===//
// Assertions
//===----------------------------------------------------------------------===//

namespace {
/// The call into compiled code that this thread is in.
struct ActiveCall {
  std::jmp_buf returnPoint;
  const char *volatile message = nullptr; // written between setjmp and longjmp
};
} // namespace

static thread_local ActiveCall *activeCall = nullptr;

void runtime::handleAssert(const char *message) {
  activeCall->message = message;
  std::longjmp(activeCall->returnPoint, 1);
}

/// Calls an entry; the message of the assertion that failed in it, or null.
/// There is nothing between here and the handler but compiled code, which has
/// nothing to unwind; buffers that it held at that point are lost.
static const char *callEntry(void (*entry)(const void *const *, void **),
                             const void *const *weights, void **descriptors) {
  ActiveCall call;
  activeCall = &call;
  if (setjmp(call.returnPoint) == 0)
    entry(weights, descriptors);
  activeCall = nullptr;
  return call.message;
}

//===----------------------------------------------------------------------===//
// A run
//===----------------------------------------------------------------------===//

namespace {
/// Tensors of the caller, of the numbers that the function has.
class Run {
public:
  Run(const store::ManifestFunction &function, const CompressTensor *inputs,
      CompressTensor *outputs)
      : function(function), inputs(inputs), outputs(outputs) {}

  const store::ManifestFunction &function;

  size_t getNumInputs() const { return function.inputs.size(); }
  size_t getNumOutputs() const { return function.outputs.size(); }
  std::string describeInput(size_t i) const {
    return describe("input", i, function.inputs[i]);
  }
  std::string describeOutput(size_t i) const {
    return describe("output", i, function.outputs[i]);
  }
  /// Whether sizes of all results are known: then the code is told where they
  /// are wanted, and else makes buffers for them.
  bool isGiven() const;
  Status check(bool isOnGpu) const;
  /// Those that the code writes, then those that it reads.
  std::vector<Descriptor> createDescriptors() const;
  /// Allocates an output that has no memory, or compares the size of it.
  Status place(size_t i, const int64_t *sizes);
  /// Takes back what was allocated.
  Status fail(Status status);

private:
  std::string describe(const char *what, size_t i,
                       const store::ManifestTensorType &type) const {
    return std::string(what) + " " + std::to_string(i) + " ('" + type.name +
           "') of function '" + function.name + "'";
  }

  const CompressTensor *inputs;
  CompressTensor *outputs;
  std::vector<size_t> allocated;
};
} // namespace

/// Whether a tensor can be where the caller says that it is.
static Status checkPlacement(const std::string &what,
                             const CompressTensor &tensor, bool isOnGpu) {
  if (tensor.placement == COMPRESS_HOST)
    return {};
  if (tensor.placement != COMPRESS_GPU)
    return Status::error(what +
                         ": expected a placement of COMPRESS_HOST or "
                         "COMPRESS_GPU, but got " +
                         std::to_string(tensor.placement));
  if (!isOnGpu)
    return Status::error(what + ": expected memory of the host, because the "
                                "model is for CPUs");
  if (!tensor.data)
    return Status::error(what + ": expected data, because outputs are "
                                "allocated in memory of the host only");
  if (!isRowMajor(tensor))
    return Status::error(what + ": expected row-major strides, because it is "
                                "in memory of a GPU");
  return {};
}

bool Run::isGiven() const {
  for (const store::ManifestTensorType &type : function.outputs)
    for (int64_t size : type.shape)
      if (size == store::kDynamic)
        return false;
  return true;
}

Status Run::check(bool isOnGpu) const {
  for (size_t i = 0; i < getNumInputs(); ++i) {
    std::string what = describeInput(i);
    Status status = checkTensor(what, inputs[i], function.inputs[i]);
    if (status.ok())
      status = checkPlacement(what, inputs[i], isOnGpu);
    if (!status.ok())
      return status;
  }
  for (size_t i = 0; i < getNumOutputs(); ++i) {
    const CompressTensor &output = outputs[i];
    std::string what = describeOutput(i);
    Status status;
    if (output.data)
      status = checkTensor(what, output, function.outputs[i]);
    if (status.ok())
      status = checkPlacement(what, output, isOnGpu);
    if (!status.ok())
      return status;
    for (int32_t dim = 0; output.data && output.strides && dim < output.rank;
         ++dim)
      if (output.strides[dim] == 0 && output.shape[dim] > 1)
        return Status::error(what + ": expected a place for each element, but "
                                    "got a stride of 0");
  }
  return {};
}

std::vector<Descriptor> Run::createDescriptors() const {
  std::vector<Descriptor> descriptors;
  for (const store::ManifestTensorType &type : function.outputs)
    descriptors.emplace_back(type.shape.size());
  for (const store::ManifestTensorType &type : function.inputs)
    descriptors.emplace_back(type.shape.size());
  return descriptors;
}

Status Run::place(size_t i, const int64_t *sizes) {
  const store::ManifestTensorType &type = function.outputs[i];
  CompressTensor &output = outputs[i];
  size_t rank = type.shape.size();
  if (!output.data) {
    if (!allocate(sizes, rank, type.dtype, output))
      return Status::error(describeOutput(i) + ": out of memory");
    allocated.push_back(i);
    return {};
  }
  if (std::equal(sizes, sizes + rank, output.shape))
    return {};
  return Status::error(describeOutput(i) + ": expected a buffer of shape " +
                       formatShape(sizes, rank) + ", but got " +
                       formatShape(output.shape, rank));
}

Status Run::fail(Status status) {
  for (size_t i : allocated)
    compressTensorRelease(&outputs[i]);
  return status;
}

/// Copies a row-major or strided result to an output of the host.
static void copyResult(const Descriptor &result, const char *elements,
                       const CompressTensor &output, size_t width) {
  std::vector<int64_t> rowMajor = getRowMajorStrides(output.shape, output.rank);
  copyStrided(result.sizes(), output.rank, width, elements, result.strides(),
              static_cast<char *>(output.data),
              output.strides ? output.strides : rowMajor.data());
}

Status Model::call(size_t index, const void *const *weights,
                   std::vector<Descriptor> &descriptors) const {
  std::vector<void *> pointers;
  for (Descriptor &descriptor : descriptors)
    pointers.push_back(descriptor.raw());
  if (const char *message = callEntry(entries[index], weights, pointers.data()))
    return Status::error("function '" + getManifest().functions[index].name +
                         "': an assertion of the model failed: " + message);
  return {};
}

Status Model::run(size_t index, const CompressTensor *inputs,
                  CompressTensor *outputs, unsigned numThreads) const {
  Run run(getManifest().functions[index], inputs, outputs);
  if (Status status = run.check(gpu != nullptr); !status.ok())
    return status;
  return gpu ? runOnGpu(index, inputs, outputs)
             : runOnCpu(index, inputs, outputs, numThreads);
}

static size_t countBytes(const int64_t *sizes, size_t rank, size_t width) {
  size_t bytes = width;
  for (size_t i = 0; i < rank; ++i)
    bytes *= size_t(sizes[i]);
  return bytes;
}

namespace {
/// Memory from `begin` on that is in use.
struct Extent {
  const char *begin;
  size_t bytes;

  bool overlaps(const Extent &other) const {
    return begin < other.begin + other.bytes && other.begin < begin + bytes;
  }
};

/// Where the results of a function are written that is told so.
class GivenBuffers {
public:
  ~GivenBuffers() {
    for (void *buffer : buffers)
      std::free(buffer);
  }
  /// What a function writes an output of such a shape to: the caller's memory,
  /// where that has the elements in their order and is no input or other
  /// output; or a buffer. Null if there is no memory.
  void *give(const CompressTensor &output, const std::vector<int64_t> &shape,
             size_t width) {
    size_t bytes = countBytes(shape.data(), shape.size(), width);
    Extent place = {static_cast<const char *>(output.data), bytes};
    auto isUsed = [&](const Extent &other) { return other.overlaps(place); };
    if (output.data && isRowMajor(output) &&
        reinterpret_cast<uintptr_t>(output.data) % width == 0 &&
        std::none_of(used.begin(), used.end(), isUsed)) {
      used.push_back(place);
      return output.data;
    }
    void *buffer = nullptr;
    if (posix_memalign(&buffer, 64, std::max<size_t>(bytes, 1)))
      return nullptr;
    buffers.push_back(buffer);
    return buffer;
  }
  void use(const void *data, size_t bytes) {
    used.push_back({static_cast<const char *>(data), bytes});
  }

private:
  std::vector<Extent> used;
  std::vector<void *> buffers;
};
} // namespace

Status Model::runOnCpu(size_t index, const CompressTensor *inputs,
                       CompressTensor *outputs, unsigned numThreads) const {
  Run run(getManifest().functions[index], inputs, outputs);
  std::vector<std::unique_ptr<char[]>> copies;
  std::vector<Descriptor> descriptors = run.createDescriptors();
  std::vector<const void *> read;
  bool isGiven = run.isGiven();
  GivenBuffers given;
  for (size_t i = 0; i < run.getNumInputs(); ++i) {
    size_t width = store::getDTypeSize(run.function.inputs[i].dtype);
    const void *data = getRowMajor(inputs[i], width, copies);
    if (!data && inputs[i].data)
      return Status::error(run.describeInput(i) + ": out of memory");
    descriptors[run.getNumOutputs() + i].set(data, inputs[i].shape);
    read.push_back(data);
    given.use(data, countBytes(inputs[i].shape, inputs[i].rank, width));
  }
  for (size_t i = 0; isGiven && i < run.getNumOutputs(); ++i) {
    const store::ManifestTensorType &type = run.function.outputs[i];
    void *buffer =
        given.give(outputs[i], type.shape, store::getDTypeSize(type.dtype));
    if (!buffer)
      return Status::error(run.describeOutput(i) + ": out of memory");
    descriptors[i].set(buffer, type.shape.data());
  }
  OpenMP::Threads threads(openmp, numThreads);
  if (Status status = call(index, table.data(), descriptors); !status.ok())
    return status;

  Results results;
  for (size_t i = 0; !isGiven && i < run.getNumOutputs(); ++i) {
    void *buffer = descriptors[i].allocated();
    auto isBorrowed = [&](const std::vector<const void *> &known) {
      return std::find(known.begin(), known.end(), buffer) != known.end();
    };
    if (!isBorrowed(read) && !isBorrowed(table))
      results.own(buffer);
  }
  for (size_t i = 0; i < run.getNumOutputs(); ++i) {
    const Descriptor &result = descriptors[i];
    size_t width = store::getDTypeSize(run.function.outputs[i].dtype);
    if (isGiven && outputs[i].data == result.allocated())
      continue;
    if (Status status = run.place(i, result.sizes()); !status.ok())
      return run.fail(status);
    copyResult(result, result.elements(width), outputs[i], width);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// A run on a GPU
//===----------------------------------------------------------------------===//

/// Kernels read as many bytes at a time.
static constexpr uintptr_t kGpuAlignment = 16;

static gpu::DevicePointer asDevicePointer(const void *pointer) {
  return reinterpret_cast<gpu::DevicePointer>(pointer);
}

/// Whether the memory of a tensor is where the caller says that it is.
static Status checkMemory(const std::string &what, const CompressTensor &tensor,
                          const gpu::Workspace &workspace) {
  auto isOnDevice = workspace.isOnDevice(tensor.data);
  if (!isOnDevice.ok())
    return Status::error(what + ": " + isOnDevice.status().message());
  bool expected = tensor.placement == COMPRESS_GPU;
  if (*isOnDevice == expected)
    return {};
  return Status::error(what + ": expected memory of " +
                       (expected ? "a GPU" : "the host") +
                       ", as its placement says, but got memory of " +
                       (expected ? "the host" : "a GPU"));
}

Status Model::runOnGpu(size_t index, const CompressTensor *inputs,
                       CompressTensor *outputs) const {
  Run run(getManifest().functions[index], inputs, outputs);
  std::string prefix = "function '" + run.function.name + "': ";
  auto prepared = gpu->prepare(artifact->tensors());
  if (!prepared.ok())
    return Status::error(prefix + prepared.status().message());
  gpu::Workspace &workspace = **prepared;
  for (size_t i = 0; i < run.getNumInputs(); ++i)
    if (inputs[i].data)
      if (Status status =
              checkMemory(run.describeInput(i), inputs[i], workspace);
          !status.ok())
        return status;
  for (size_t i = 0; i < run.getNumOutputs(); ++i)
    if (outputs[i].data)
      if (Status status =
              checkMemory(run.describeOutput(i), outputs[i], workspace);
          !status.ok())
        return status;

  // The GPU may read and write them until the call ends.
  std::vector<std::unique_ptr<char[]>> copies, results(run.getNumOutputs());
  std::vector<Descriptor> descriptors = run.createDescriptors();
  gpu::Call gpuCall(workspace);
  for (size_t i = 0; i < run.getNumInputs(); ++i) {
    const CompressTensor &input = inputs[i];
    size_t width = store::getDTypeSize(run.function.inputs[i].dtype);
    const void *data = input.data;
    bool isThere = input.placement == COMPRESS_GPU &&
                   reinterpret_cast<uintptr_t>(data) % kGpuAlignment == 0;
    if (!isThere) {
      if (input.placement == COMPRESS_HOST)
        data = getRowMajor(input, width, copies);
      if (!data && input.data)
        return Status::error(run.describeInput(i) + ": out of memory");
      size_t bytes = countBytes(input.shape, input.rank, width);
      gpu::DevicePointer buffer = gpuCall.allocate(bytes);
      gpuCall.copy(buffer, asDevicePointer(data), bytes);
      data = reinterpret_cast<const void *>(buffer);
    }
    descriptors[run.getNumOutputs() + i].set(data, input.shape);
  }
  for (size_t i = 0; run.isGiven() && i < run.getNumOutputs(); ++i) {
    const store::ManifestTensorType &type = run.function.outputs[i];
    gpu::DevicePointer buffer = gpuCall.allocate(countBytes(
        type.shape.data(), type.shape.size(), store::getDTypeSize(type.dtype)));
    descriptors[i].set(reinterpret_cast<const void *>(buffer),
                       type.shape.data());
  }
  if (!gpuCall.hasFailed())
    if (Status status = call(index, gpu->getTable(), descriptors); !status.ok())
      return status;
  if (gpuCall.hasFailed())
    return Status::error(prefix + gpuCall.finish().message());

  for (size_t i = 0; i < run.getNumOutputs(); ++i) {
    const Descriptor &result = descriptors[i];
    if (Status status = run.place(i, result.sizes()); !status.ok())
      return run.fail(status);
    CompressTensor &output = outputs[i];
    size_t width = store::getDTypeSize(run.function.outputs[i].dtype);
    size_t bytes = countBytes(result.sizes(), output.rank, width);
    void *to = output.data;
    if (!isRowMajor(output)) {
      results[i].reset(new (std::nothrow) char[std::max<size_t>(bytes, 1)]);
      to = results[i].get();
      if (!to)
        return run.fail(
            Status::error(run.describeOutput(i) + ": out of memory"));
    }
    gpuCall.copy(asDevicePointer(to), asDevicePointer(result.elements(width)),
                 bytes);
  }
  if (Status status = gpuCall.finish(); !status.ok())
    return run.fail(Status::error(prefix + status.message()));
  for (size_t i = 0; i < run.getNumOutputs(); ++i)
    if (results[i])
      copyResult(descriptors[i], results[i].get(), outputs[i],
                 store::getDTypeSize(run.function.outputs[i].dtype));
  return {};
}
