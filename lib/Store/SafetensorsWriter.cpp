//===- SafetensorsWriter.cpp - writing safetensors files ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include "compress/Store/Checksum.h"
#include "compress/Store/Safetensors.h"
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <unordered_set>

using namespace mlir::compress::store;
using nlohmann::json;

/// Of tensors in the file: a cache line, and the widest vector register.
static constexpr uint64_t kAlignment = 64;

/// Bytes from `offset` to the next multiple of the alignment.
static uint64_t getPadding(uint64_t offset) {
  return (kAlignment - offset % kAlignment) % kAlignment;
}

static Status checkName(const std::string &path, const std::string &name) {
  std::string where = quote(path) + ": tensor name " + quote(name);
  if (!isUtf8(name))
    return Status::error(where + " is not UTF-8");
  if (name == "__metadata__" ||
      name.compare(0, kPaddingPrefix.size(), kPaddingPrefix) == 0)
    return Status::error(where + " is reserved");
  return {};
}

namespace {
/// Builds a header by hand: nlohmann's objects either sort their keys or take
/// quadratic time.
class HeaderBuilder {
public:
  /// Adds a tensor with its padding. False if the file would be too large.
  bool add(const TensorDescription &tensor, uint64_t size) {
    if (uint64_t padding = getPadding(offset)) {
      std::string name =
          std::string(kPaddingPrefix) + std::to_string(numPaddings++);
      addEntry({name, DType::U8, {static_cast<int64_t>(padding)}}, padding);
    }
    if (size > static_cast<uint64_t>(INT64_MAX) - kMaxHeaderSize - offset)
      return false;
    addEntry(tensor, size);
    return true;
  }

  /// The length and the header, padded so that the data are aligned.
  std::string finish() {
    text += '}';
    text.append(getPadding(8 + text.size()), ' ');
    uint64_t length = text.size();
    return std::string(reinterpret_cast<const char *>(&length), 8) + text;
  }

private:
  void addEntry(const TensorDescription &tensor, uint64_t size) {
    if (text.size() > 1)
      text += ',';
    text += json(tensor.name).dump();
    text += ":{\"dtype\":\"";
    text += stringifyDType(tensor.dtype);
    text += "\",\"shape\":";
    text += json(tensor.shape).dump();
    text += ",\"data_offsets\":[";
    text += std::to_string(offset) + "," + std::to_string(offset + size) + "]}";
    offset += size;
  }

  std::string text = "{";
  uint64_t offset = 0, numPaddings = 0;
};
} // namespace

static StatusOr<std::string>
buildHeader(const std::string &path,
            const std::vector<TensorDescription> &tensors) {
  HeaderBuilder builder;
  std::unordered_set<std::string_view> names;
  for (const TensorDescription &tensor : tensors) {
    if (Status status = checkName(path, tensor.name); !status.ok())
      return status;
    std::string where = quote(path) + ": tensor " + quote(tensor.name);
    if (!names.insert(tensor.name).second)
      return Status::error(where + " is there twice");
    std::optional<uint64_t> size = computeByteSize(tensor.dtype, tensor.shape);
    if (!size)
      return Status::error(where +
                           ": expected a size below 2^63 bytes, but got " +
                           std::string(stringifyDType(tensor.dtype)) +
                           " of shape " + stringifyShape(tensor.shape));
    if (!builder.add(tensor, *size))
      return Status::error(where + " does not fit into a file");
  }
  std::string header = builder.finish();
  if (header.size() - 8 > kMaxHeaderSize)
    return Status::error(quote(path) + ": expected a header of at most " +
                         std::to_string(kMaxHeaderSize) + " bytes, but got " +
                         std::to_string(header.size() - 8));
  return header;
}

StatusOr<std::unique_ptr<SafetensorsWriter>>
SafetensorsWriter::create(const std::string &path,
                          std::vector<TensorDescription> tensors) {
  auto header = buildHeader(path, tensors);
  if (!header.ok())
    return header.status();
  auto descriptor = openForWriting(path);
  if (!descriptor.ok())
    return descriptor.status();
  std::unique_ptr<SafetensorsWriter> writer(
      new SafetensorsWriter(path, *descriptor, std::move(tensors)));
  if (Status status = writer->write(header->data(), header->size());
      !status.ok())
    return status;
  writer->summary.headerXxh3 = hashToHex(header->data(), header->size());
  return writer;
}

SafetensorsWriter::~SafetensorsWriter() {
  if (descriptor >= 0)
    ::close(descriptor);
}

Status SafetensorsWriter::write(const void *data, size_t size) {
  failure = writeBytes(descriptor, path, data, size);
  summary.size += size;
  return failure;
}

Status SafetensorsWriter::append(const void *data, size_t size) {
  if (!failure.ok())
    return failure;
  if (next == tensors.size())
    return Status::error(quote(path) + ": all " + std::to_string(next) +
                         " tensors are written already");
  const TensorDescription &tensor = tensors[next];
  uint64_t expected = *computeByteSize(tensor.dtype, tensor.shape);
  if (size != expected)
    return Status::error(quote(path) + ": tensor " + quote(tensor.name) +
                         ": expected " + std::to_string(expected) +
                         " bytes, but got " + std::to_string(size));
  // The data section is aligned, so offsets in the file say what offsets in the
  // header said.
  static constexpr char kZeros[kAlignment] = {};
  if (Status status = write(kZeros, getPadding(summary.size)); !status.ok())
    return status;
  if (Status status = write(data, size); !status.ok())
    return status;
  summary.tensors.push_back({tensor.name, hashToHex(data, size)});
  ++next;
  return {};
}

StatusOr<SafetensorsSummary> SafetensorsWriter::finish() {
  if (!failure.ok())
    return failure;
  if (next != tensors.size())
    return Status::error(quote(path) + ": expected data of tensor " +
                         quote(tensors[next].name));
  failure = closeWritten(descriptor, path, /*sync=*/true);
  descriptor = -1;
  if (!failure.ok())
    return failure;
  failure = Status::error(quote(path) + " is finished already");
  return std::move(summary);
}
