//===- Safetensors.h - reading and writing safetensors files --------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Format: https://github.com/huggingface/safetensors#format, an 8-byte
// little-endian header length, a JSON header, the data. The reader takes no
// byte of the file for granted.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_SAFETENSORS_H
#define COMPRESS_STORE_SAFETENSORS_H

#include "compress/Store/DType.h"
#include "compress/Store/MappedFile.h"
#include <string>
#include <unordered_map>
#include <vector>

namespace mlir::compress::store {

/// A tensor in a mapped file. `data` has no particular alignment.
struct TensorView {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  const uint8_t *data = nullptr;
  uint64_t nbytes = 0;
};

/// Names of the tensors that the writer puts in for alignment start so.
inline constexpr std::string_view kPaddingPrefix = "__padding__";

/// Headers longer than this are refused, as the format says.
inline constexpr uint64_t kMaxHeaderSize = 100'000'000;

/// A mapped file whose header was checked: every tensor has a known type, a
/// size that is the product of its shape, and bytes of its own inside the file;
/// names are unique; the data section has no holes and no rest.
class SafetensorsFile {
public:
  static StatusOr<std::shared_ptr<const SafetensorsFile>>
  open(const std::string &path, Placement placement = Placement::Map);

  const std::string &path() const { return file->path(); }
  /// Of the whole file.
  uint64_t size() const { return file->size(); }
  /// In the order of their data. Padding is among them.
  const std::vector<TensorView> &tensors() const { return views; }
  /// Null if there is none.
  const TensorView *find(const std::string &name) const;
  /// XXH3 of the length and the header, in hex.
  std::string headerHash() const;

private:
  std::shared_ptr<const MappedFile> file;
  std::vector<TensorView> views;
  std::unordered_map<std::string, size_t> index;
  uint64_t dataOffset = 0;
};

struct TensorDescription {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
};

/// Checksum of one stored tensor.
struct TensorChecksum {
  std::string name;
  std::string xxh3;
};

/// What a finished file is to be recognized by.
struct SafetensorsSummary {
  uint64_t size = 0;
  std::string headerXxh3;
  /// Without padding.
  std::vector<TensorChecksum> tensors;
};

/// Writes a file front to back, so that one tensor is in memory at a time. Data
/// of every tensor start at a multiple of 64 bytes in the file.
class SafetensorsWriter {
public:
  /// Writes the header. Refuses duplicate and reserved names, and shapes whose
  /// size overflows.
  static StatusOr<std::unique_ptr<SafetensorsWriter>>
  create(const std::string &path, std::vector<TensorDescription> tensors);
  ~SafetensorsWriter();
  SafetensorsWriter(const SafetensorsWriter &) = delete;
  SafetensorsWriter &operator=(const SafetensorsWriter &) = delete;

  /// Writes the data of the next tensor, all of them at once.
  Status append(const void *data, size_t size);
  /// Closes the file; an error when tensors are missing.
  StatusOr<SafetensorsSummary> finish();

private:
  SafetensorsWriter(std::string path, int descriptor,
                    std::vector<TensorDescription> tensors)
      : path(std::move(path)), descriptor(descriptor),
        tensors(std::move(tensors)) {}
  Status write(const void *data, size_t size);
  std::string path;
  int descriptor;
  std::vector<TensorDescription> tensors;
  size_t next = 0;
  /// Its size is the number of bytes written so far.
  SafetensorsSummary summary;
  /// What later calls return once a write has failed.
  Status failure;
};

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_SAFETENSORS_H
