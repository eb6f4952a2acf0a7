//===- MappedFile.h - a file in memory, read-only -------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_MAPPEDFILE_H
#define COMPRESS_STORE_MAPPEDFILE_H

#include "compress/Store/Status.h"
#include <cstdint>
#include <memory>

namespace mlir::compress::store {

/// How a file comes into memory. `Copy` reads it into memory of this process,
/// in huge pages where the system has them: that takes longer and is not
/// shared, but then the data are read faster, with fewer misses of the
/// translation buffer.
enum class Placement { Map, Copy };

/// A regular file in memory, mapped private and read-only, or copied. An empty
/// file has no data. Who shortens a file that is mapped ends this process with
/// SIGBUS.
class MappedFile {
public:
  static StatusOr<std::shared_ptr<const MappedFile>>
  open(const std::string &path, Placement placement = Placement::Map);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const uint8_t *data() const { return bytes; }
  size_t size() const { return length; }
  const std::string &path() const { return name; }

private:
  MappedFile(std::string name, const uint8_t *bytes, size_t length,
             size_t mapped)
      : name(std::move(name)), bytes(bytes), length(length), mapped(mapped) {}
  std::string name;
  const uint8_t *bytes;
  size_t length;
  /// Of the memory: whole huge pages may end behind the file.
  size_t mapped;
};

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_MAPPEDFILE_H
