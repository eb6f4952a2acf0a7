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

#include "Model.h"
#include <algorithm>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <new>

using namespace mlir::compress;
using namespace mlir::compress::runtime;
using store::Status;

namespace {
/// { allocated, aligned, offset, sizes[rank], strides[rank] }, in words.
class Descriptor {
public:
  explicit Descriptor(size_t rank) : words(3 + 2 * rank), rank(rank) {}

  void set(const void *data, const int64_t *shape) {
    words[0] = words[1] = reinterpret_cast<intptr_t>(data);
    int64_t stride = 1;
    for (size_t i = rank; i-- > 0;) {
      words[3 + i] = shape[i];
      words[3 + rank + i] = stride;
      stride *= shape[i];
    }
  }
  void *raw() { return words.data(); }
  void *allocated() const { return reinterpret_cast<void *>(words[0]); }
  const int64_t *sizes() const { return words.data() + 3; }
  const int64_t *strides() const { return words.data() + 3 + rank; }
  const char *elements(size_t width) const {
    return reinterpret_cast<const char *>(words[1]) + words[2] * int64_t(width);
  }

private:
  std::vector<int64_t> words;
  size_t rank;
};

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

static std::string formatShape(const int64_t *shape, size_t rank) {
  std::string text = "[";
  for (size_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") +
            (shape[i] == store::kDynamic ? "?" : std::to_string(shape[i]));
  return text + "]";
}

/// Copies `shape` elements of `width` bytes between strided buffers.
static void copyStrided(const int64_t *shape, size_t rank, size_t width,
                        const char *from, const int64_t *fromStrides, char *to,
                        const int64_t *toStrides) {
  if (rank == 0) {
    std::memcpy(to, from, width);
    return;
  }
  if (rank == 1 && fromStrides[0] == 1 && toStrides[0] == 1) {
    if (shape[0])
      std::memcpy(to, from, size_t(shape[0]) * width);
    return;
  }
  for (int64_t i = 0; i < shape[0]; ++i)
    copyStrided(shape + 1, rank - 1, width,
                from + i * fromStrides[0] * int64_t(width), fromStrides + 1,
                to + i * toStrides[0] * int64_t(width), toStrides + 1);
}

static std::vector<int64_t> getRowMajorStrides(const int64_t *shape,
                                               size_t rank) {
  std::vector<int64_t> strides(rank);
  int64_t stride = 1;
  for (size_t i = rank; i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

/// Whether a tensor of the caller has the type, and sizes that can be there.
/// Sizes of `type` that are known at run time only are not compared.
static Status checkTensor(const std::string &what, const CompressTensor &tensor,
                          const store::ManifestTensorType &type) {
  size_t rank = type.shape.size();
  if (tensor.dtype != int32_t(type.dtype)) {
    bool known = tensor.dtype >= 0 && tensor.dtype <= COMPRESS_F8_E8M0;
    return Status::error(
        what + ": expected elements of type " +
        std::string(store::stringifyDType(type.dtype)) + ", but got " +
        (known ? std::string(store::stringifyDType(store::DType(tensor.dtype)))
               : "dtype " + std::to_string(tensor.dtype)));
  }
  if (tensor.rank != int32_t(rank))
    return Status::error(what + ": expected rank " + std::to_string(rank) +
                         " " + formatShape(type.shape.data(), rank) +
                         ", but got rank " + std::to_string(tensor.rank));
  if (rank && !tensor.shape)
    return Status::error(what + ": expected a shape");
  bool matches = true;
  for (size_t i = 0; i < rank; ++i)
    matches &= tensor.shape[i] >= 0 && (type.shape[i] == store::kDynamic ||
                                        type.shape[i] == tensor.shape[i]);
  if (!matches)
    return Status::error(what + ": expected shape " +
                         formatShape(type.shape.data(), rank) + ", but got " +
                         formatShape(tensor.shape, rank));
  std::vector<int64_t> shape(tensor.shape, tensor.shape + rank);
  std::optional<uint64_t> bytes = store::computeByteSize(type.dtype, shape);
  if (!bytes)
    return Status::error(what + ": expected a shape of less than 2^63 bytes");
  if (*bytes && !tensor.data)
    return Status::error(what + ": expected data");
  for (size_t i = 0; tensor.strides && i < rank; ++i)
    if (tensor.strides[i] < 0)
      return Status::error(what + ": expected strides of 0 or more, but got " +
                           std::to_string(tensor.strides[i]));
  return {};
}

/// Whether elements lie as compiled code wants them: row-major, aligned to the
/// element.
static bool isRowMajor(const CompressTensor &tensor, size_t width) {
  std::vector<int64_t> expected = getRowMajorStrides(tensor.shape, tensor.rank);
  bool rowMajor = reinterpret_cast<uintptr_t>(tensor.data) % width == 0;
  for (int32_t i = 0; tensor.strides && i < tensor.rank; ++i)
    rowMajor &= tensor.shape[i] <= 1 || tensor.strides[i] == expected[i];
  return rowMajor;
}

static size_t countElements(const int64_t *shape, size_t rank) {
  size_t elements = 1;
  for (size_t i = 0; i < rank; ++i)
    elements *= size_t(shape[i]);
  return elements;
}

/// The data of an input as compiled code wants them: row-major, aligned to the
/// element. Copied to `copies` when they are not.
static const void *getRowMajor(const CompressTensor &tensor, size_t width,
                               std::vector<std::unique_ptr<char[]>> &copies) {
  if (isRowMajor(tensor, width))
    return tensor.data;
  size_t rank = tensor.rank;
  std::vector<int64_t> expected = getRowMajorStrides(tensor.shape, rank);
  size_t elements = countElements(tensor.shape, rank);
  copies.emplace_back(
      new (std::nothrow) char[std::max<size_t>(elements, 1) * width]);
  char *copy = copies.back().get();
  if (copy && elements)
    copyStrided(tensor.shape, rank, width,
                static_cast<const char *>(tensor.data),
                tensor.strides ? tensor.strides : expected.data(), copy,
                expected.data());
  return copy;
}

/// Allocates an output in one block: elements, then shape and strides.
static bool allocate(const int64_t *shape, size_t rank, store::DType dtype,
                     CompressTensor &output) {
  size_t bytes = store::getDTypeSize(dtype);
  for (size_t i = 0; i < rank; ++i)
    bytes *= size_t(shape[i]);
  size_t padded = (std::max<size_t>(bytes, 1) + 63) / 64 * 64;
  void *block = nullptr;
  if (posix_memalign(&block, 64, padded + 2 * rank * sizeof(int64_t)))
    return false;
  auto *numbers =
      reinterpret_cast<int64_t *>(static_cast<char *>(block) + padded);
  std::vector<int64_t> strides = getRowMajorStrides(shape, rank);
  std::copy_n(shape, rank, numbers);
  std::copy_n(strides.data(), rank, numbers + rank);
  output = {block, int32_t(dtype), int32_t(rank), numbers, numbers + rank};
  return true;
}

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
    size_t bytes = countElements(shape.data(), shape.size()) * width;
    Extent place = {static_cast<const char *>(output.data), bytes};
    auto isUsed = [&](const Extent &other) { return other.overlaps(place); };
    if (output.data && isRowMajor(output, width) &&
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

Status Model::run(size_t index, const CompressTensor *inputs,
                  CompressTensor *outputs, unsigned numThreads) const {
  const store::ManifestFunction &function = getManifest().functions[index];
  size_t numInputs = function.inputs.size();
  size_t numOutputs = function.outputs.size();
  auto describe = [&](const char *what, size_t i,
                      const store::ManifestTensorType &type) {
    return std::string(what) + " " + std::to_string(i) + " ('" + type.name +
           "') of function '" + function.name + "'";
  };

  // Sizes of all results are known: they are written where they are wanted.
  bool isGiven = true;
  for (const store::ManifestTensorType &type : function.outputs)
    for (int64_t size : type.shape)
      isGiven &= size != store::kDynamic;
  GivenBuffers given;

  std::vector<std::unique_ptr<char[]>> copies;
  std::vector<Descriptor> descriptors;
  std::vector<const void *> read;
  for (const store::ManifestTensorType &type : function.outputs)
    descriptors.emplace_back(type.shape.size());
  for (size_t i = 0; i < numInputs; ++i) {
    const store::ManifestTensorType &type = function.inputs[i];
    std::string what = describe("input", i, type);
    if (Status status = checkTensor(what, inputs[i], type); !status.ok())
      return status;
    const void *data =
        getRowMajor(inputs[i], store::getDTypeSize(type.dtype), copies);
    if (!data && inputs[i].data)
      return Status::error(what + ": out of memory");
    descriptors.emplace_back(type.shape.size());
    descriptors.back().set(data, inputs[i].shape);
    read.push_back(data);
    given.use(data, countElements(inputs[i].shape, inputs[i].rank) *
                        store::getDTypeSize(type.dtype));
  }
  for (size_t i = 0; i < numOutputs; ++i) {
    if (!outputs[i].data)
      continue;
    std::string what = describe("output", i, function.outputs[i]);
    if (Status status = checkTensor(what, outputs[i], function.outputs[i]);
        !status.ok())
      return status;
    for (int32_t dim = 0; outputs[i].strides && dim < outputs[i].rank; ++dim)
      if (outputs[i].strides[dim] == 0 && outputs[i].shape[dim] > 1)
        return Status::error(what + ": expected a place for each element, but "
                                    "got a stride of 0");
  }

  for (size_t i = 0; isGiven && i < numOutputs; ++i) {
    const store::ManifestTensorType &type = function.outputs[i];
    void *buffer =
        given.give(outputs[i], type.shape, store::getDTypeSize(type.dtype));
    if (!buffer)
      return Status::error(describe("output", i, type) + ": out of memory");
    descriptors[i].set(buffer, type.shape.data());
  }

  std::vector<void *> pointers;
  for (Descriptor &descriptor : descriptors)
    pointers.push_back(descriptor.raw());
  OpenMP::Threads threads(openmp, numThreads);
  if (const char *message =
          callEntry(entries[index], table.data(), pointers.data()))
    return Status::error("function '" + function.name +
                         "': an assertion of the model failed: " + message);

  Results results;
  for (size_t i = 0; !isGiven && i < numOutputs; ++i) {
    void *buffer = descriptors[i].allocated();
    auto isBorrowed = [&](const std::vector<const void *> &known) {
      return std::find(known.begin(), known.end(), buffer) != known.end();
    };
    if (!isBorrowed(read) && !isBorrowed(table))
      results.own(buffer);
  }
  std::vector<size_t> allocated;
  auto fail = [&](Status status) {
    for (size_t i : allocated)
      compressTensorRelease(&outputs[i]);
    return status;
  };
  for (size_t i = 0; i < numOutputs; ++i) {
    const store::ManifestTensorType &type = function.outputs[i];
    const Descriptor &result = descriptors[i];
    size_t rank = type.shape.size(), width = store::getDTypeSize(type.dtype);
    CompressTensor &output = outputs[i];
    if (isGiven && output.data == result.allocated())
      continue;
    if (!output.data) {
      if (!allocate(result.sizes(), rank, type.dtype, output))
        return fail(
            Status::error(describe("output", i, type) + ": out of memory"));
      allocated.push_back(i);
    } else if (!std::equal(result.sizes(), result.sizes() + rank,
                           output.shape)) {
      return fail(Status::error(
          describe("output", i, type) + ": expected a buffer of shape " +
          formatShape(result.sizes(), rank) + ", but got " +
          formatShape(output.shape, rank)));
    }
    std::vector<int64_t> rowMajor = getRowMajorStrides(output.shape, rank);
    copyStrided(result.sizes(), rank, width, result.elements(width),
                result.strides(), static_cast<char *>(output.data),
                output.strides ? output.strides : rowMajor.data());
  }
  return {};
}
