//===- Support.h - error texts and descriptors ----------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the files of this folder share; not for others.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_STORE_SUPPORT_H
#define COMPRESS_LIB_STORE_SUPPORT_H

#include "compress/Store/Status.h"
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mlir::compress::store {

/// A name or path in single quotes, on one line: control characters are written
/// as \xNN and very long names, which only hostile files have, are cut.
std::string quote(std::string_view text);

/// A shape as "[2, 3]".
std::string stringifyShape(const std::vector<int64_t> &shape);

/// The system's text for an errno value.
std::string describeErrno(int code);

/// "cannot ACTION 'PATH': REASON".
Status makeSystemError(const char *action, const std::string &path, int code);

/// Whether text is well-formed UTF-8. nlohmann::json ends the process when it
/// has to print text that is not.
bool isUtf8(std::string_view text);

/// 16 lower-case hex digits.
std::string toHex(uint64_t value);

/// Opens a file for writing from scratch, with the permissions that the umask
/// leaves.
StatusOr<int> openForWriting(const std::string &path);
/// Writes all bytes; `path` is what messages call the file.
Status writeBytes(int descriptor, const std::string &path, const void *data,
                  size_t size);
/// Closes a written file, after a flush to disk if `sync`. Some file systems
/// report a full disk only here.
Status closeWritten(int descriptor, const std::string &path, bool sync);
/// Flushes a file or a directory to disk; the errno of what failed, or 0.
int syncDescriptor(int descriptor);

} // namespace mlir::compress::store

#endif // COMPRESS_LIB_STORE_SUPPORT_H
