//===- SafetensorsReader.cpp - reading safetensors files ------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Support.h"
#include "compress/Store/Checksum.h"
#include "compress/Store/Safetensors.h"
#include <algorithm>
#include <cstring>
#include <tuple>

using namespace mlir::compress::store;
using nlohmann::json;

/// The header: an object of objects with arrays. A tensor has few values, but
/// free metadata may have many.
static constexpr JsonLimits kHeaderLimits = {/*depth=*/3, /*values=*/1 << 20};

namespace {
/// A tensor as the header describes it.
struct Entry {
  TensorView view;
  /// In the data section.
  uint64_t begin = 0, end = 0;
  /// In the header.
  size_t position = 0;
};
} // namespace

//===----------------------------------------------------------------------===//
// One tensor
//===----------------------------------------------------------------------===//

static Status parseType(const json &value, const std::string &where,
                        DType &dtype) {
  if (!value.is_string())
    return Status::error(where + ": expected 'dtype' to be a string");
  const auto &name = *value.get_ptr<const std::string *>();
  std::optional<DType> parsed = parseDType(name);
  if (!parsed)
    return Status::error(where +
                         ": expected a dtype of whole bytes such as 'F32', "
                         "but got " +
                         quote(name));
  dtype = *parsed;
  return {};
}

static Status parseShape(const json &value, const std::string &where,
                         std::vector<int64_t> &shape) {
  Status error = Status::error(
      where + ": expected 'shape' to be an array of non-negative integers");
  if (!value.is_array())
    return error;
  shape.reserve(value.size());
  for (const json &extent : value) {
    // Numbers with a sign, a point or an exponent are of other types.
    if (!extent.is_number_unsigned() || extent.get<uint64_t>() > INT64_MAX)
      return error;
    shape.push_back(extent.get<int64_t>());
  }
  return {};
}

static Status parseOffsets(const json &value, const std::string &where,
                           Entry &entry) {
  if (!value.is_array() || value.size() != 2 ||
      !value[0].is_number_unsigned() || !value[1].is_number_unsigned())
    return Status::error(
        where + ": expected 'data_offsets' to be two non-negative integers");
  entry.begin = value[0].get<uint64_t>();
  entry.end = value[1].get<uint64_t>();
  return {};
}

/// The tensor's place, against the file and against its own shape.
static Status checkPlace(const Entry &entry, const std::string &where,
                         uint64_t dataSize) {
  const TensorView &view = entry.view;
  if (entry.begin > entry.end)
    return Status::error(where + " begins at byte " +
                         std::to_string(entry.begin) + " and ends at byte " +
                         std::to_string(entry.end));
  if (entry.end > dataSize)
    return Status::error(where + " ends at byte " + std::to_string(entry.end) +
                         " of a data section of " + std::to_string(dataSize) +
                         " bytes");
  std::optional<uint64_t> size = computeByteSize(view.dtype, view.shape);
  if (!size)
    return Status::error(where +
                         ": expected a size below 2^63 bytes, but got " +
                         std::string(stringifyDType(view.dtype)) +
                         " of shape " + stringifyShape(view.shape));
  if (*size != entry.end - entry.begin)
    return Status::error(
        where + ": expected " + std::to_string(*size) + " bytes for " +
        std::string(stringifyDType(view.dtype)) + " of shape " +
        stringifyShape(view.shape) + ", but got " +
        std::to_string(entry.end - entry.begin));
  return {};
}

static StatusOr<Entry> parseEntry(const std::string &path,
                                  const std::string &name, const json &value,
                                  uint64_t dataSize) {
  std::string where = quote(path) + ": tensor " + quote(name);
  if (!value.is_object())
    return Status::error(where + ": expected an object");
  Entry entry;
  entry.view.name = name;
  for (const char *key : {"dtype", "shape", "data_offsets"})
    if (!value.contains(key))
      return Status::error(where + ": '" + key + "' is missing");
  for (const auto &[key, field] : value.items()) {
    Status status;
    if (key == "dtype")
      status = parseType(field, where, entry.view.dtype);
    else if (key == "shape")
      status = parseShape(field, where, entry.view.shape);
    else if (key == "data_offsets")
      status = parseOffsets(field, where, entry);
    else
      status = Status::error(where + ": unknown key " + quote(key));
    if (!status.ok())
      return status;
  }
  if (Status status = checkPlace(entry, where, dataSize); !status.ok())
    return status;
  entry.view.nbytes = entry.end - entry.begin;
  return entry;
}

//===----------------------------------------------------------------------===//
// All tensors
//===----------------------------------------------------------------------===//

static Status checkMetadata(const std::string &path, const json &value) {
  bool valid = value.is_object();
  if (valid)
    for (const json &field : value)
      valid = valid && field.is_string();
  if (valid)
    return {};
  return Status::error(quote(path) +
                       ": expected '__metadata__' to be an object of strings");
}

/// Sorts tensors by their data and demands that they tile the data section.
static Status sortAndCheckTiling(const std::string &path,
                                 std::vector<Entry> &entries,
                                 uint64_t dataSize) {
  // Empty tensors in one place keep the header's order.
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
    return std::tie(a.begin, a.end, a.position) <
           std::tie(b.begin, b.end, b.position);
  });
  uint64_t end = 0;
  const Entry *previous = nullptr;
  for (const Entry &entry : entries) {
    std::string where = quote(path) + ": tensor " + quote(entry.view.name) +
                        " begins at byte " + std::to_string(entry.begin);
    if (entry.begin < end)
      return Status::error(where + ", inside tensor " +
                           quote(previous->view.name));
    if (entry.begin > end)
      return Status::error(where + ", but the data before it end at byte " +
                           std::to_string(end));
    end = entry.end;
    previous = &entry;
  }
  if (end != dataSize)
    return Status::error(quote(path) + ": expected " + std::to_string(end) +
                         " bytes in the data section, but got " +
                         std::to_string(dataSize));
  return {};
}

/// The header's text, without its length.
static StatusOr<std::string_view> findHeader(const MappedFile &file) {
  std::string where = quote(file.path()) + ": ";
  if (file.size() < 8)
    return Status::error(where +
                         "expected 8 bytes with the header's length, "
                         "but the file has " +
                         std::to_string(file.size()));
  uint64_t length;
  std::memcpy(&length, file.data(), 8);
  if (length > kMaxHeaderSize)
    return Status::error(where + "expected a header of at most " +
                         std::to_string(kMaxHeaderSize) + " bytes, but got " +
                         std::to_string(length));
  if (length > file.size() - 8)
    return Status::error(where + "header ends at byte " +
                         std::to_string(8 + length) + " of a file of " +
                         std::to_string(file.size()) + " bytes");
  std::string_view text(reinterpret_cast<const char *>(file.data()) + 8,
                        length);
  if (text.empty() || text[0] != '{')
    return Status::error(where + "expected a header that begins with '{'");
  return text;
}

StatusOr<std::shared_ptr<const SafetensorsFile>>
SafetensorsFile::open(const std::string &path, Placement placement) {
  auto mapped = MappedFile::open(path, placement);
  if (!mapped.ok())
    return mapped.status();
  auto header = findHeader(**mapped);
  if (!header.ok())
    return header.status();
  auto result = std::make_shared<SafetensorsFile>();
  result->file = *mapped;
  result->dataOffset = 8 + header->size();
  uint64_t dataSize = result->file->size() - result->dataOffset;

  std::vector<Entry> entries;
  Status status =
      readJsonObject(*header, quote(path) + ": header", kHeaderLimits,
                     [&](const std::string &name, json &value) -> Status {
                       if (name == "__metadata__")
                         return checkMetadata(path, value);
                       auto entry = parseEntry(path, name, value, dataSize);
                       if (!entry.ok())
                         return entry.status();
                       entry->position = entries.size();
                       entries.push_back(std::move(*entry));
                       return {};
                     });
  if (status.ok())
    status = sortAndCheckTiling(path, entries, dataSize);
  if (!status.ok())
    return status;

  const uint8_t *data = result->file->data() + result->dataOffset;
  result->views.reserve(entries.size());
  for (Entry &entry : entries) {
    entry.view.data = data + entry.begin;
    result->index.emplace(entry.view.name, result->views.size());
    result->views.push_back(std::move(entry.view));
  }
  return std::shared_ptr<const SafetensorsFile>(std::move(result));
}

const TensorView *SafetensorsFile::find(const std::string &name) const {
  auto found = index.find(name);
  return found == index.end() ? nullptr : &views[found->second];
}

std::string SafetensorsFile::headerHash() const {
  return hashToHex(file->data(), dataOffset);
}
