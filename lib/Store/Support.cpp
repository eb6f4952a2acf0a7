//===- Support.cpp - error texts and descriptors --------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Support.h"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>

using namespace mlir::compress::store;

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

std::string mlir::compress::store::quote(std::string_view text) {
  // Longer than any path the system takes.
  constexpr size_t kLongest = 4200;
  bool cut = text.size() > kLongest;
  if (cut) {
    size_t end = kLongest;
    // Not in the middle of a character.
    while (end > kLongest - 4 && (text[end] & 0xc0) == 0x80)
      --end;
    text = text.substr(0, end);
  }
  constexpr char kDigits[] = "0123456789abcdef";
  std::string result = "'";
  for (unsigned char c : text) {
    if (c >= 0x20 && c != 0x7f) {
      result += static_cast<char>(c);
      continue;
    }
    result += "\\x";
    result += kDigits[c >> 4];
    result += kDigits[c & 15];
  }
  result += cut ? "...'" : "'";
  return result;
}

std::string
mlir::compress::store::stringifyShape(const std::vector<int64_t> &shape) {
  constexpr size_t kMost = 64;
  std::string result = "[";
  for (size_t i = 0; i < std::min(shape.size(), kMost); ++i)
    result += (i ? ", " : "") + std::to_string(shape[i]);
  return result + (shape.size() > kMost ? ", ...]" : "]");
}

std::string mlir::compress::store::describeErrno(int code) {
  return std::generic_category().message(code);
}

Status mlir::compress::store::makeSystemError(const char *action,
                                              const std::string &path,
                                              int code) {
  return Status::error("cannot " + std::string(action) + " " + quote(path) +
                       ": " + describeErrno(code));
}

bool mlir::compress::store::isUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    auto byte = [&](size_t at) -> unsigned {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
    };
    unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4)
      return false;
    // The second byte tells overlong forms, surrogates and what is beyond
    // U+10FFFF.
    unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (byte(i + 1) < low || byte(i + 1) > high)
      return false;
    for (size_t j = 2; j < length; ++j)
      if ((byte(i + j) & 0xc0) != 0x80)
        return false;
    i += length;
  }
  return true;
}

std::string mlir::compress::store::toHex(uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string result(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4)
    result[i] = kDigits[value & 15];
  return result;
}

//===----------------------------------------------------------------------===//
// Descriptors
//===----------------------------------------------------------------------===//

StatusOr<int> mlir::compress::store::openForWriting(const std::string &path) {
  int descriptor =
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0)
    return makeSystemError("write", path, errno);
  return descriptor;
}

Status mlir::compress::store::writeBytes(int descriptor,
                                         const std::string &path,
                                         const void *data, size_t size) {
  const char *bytes = static_cast<const char *>(data);
  while (size) {
    // One call moves at most 2 GiB - 4 KiB.
    ssize_t written =
        ::write(descriptor, bytes, std::min<size_t>(size, 1 << 30));
    if (written < 0 && errno == EINTR)
      continue;
    // No progress without an error is a device that takes no more.
    if (written <= 0)
      return makeSystemError("write", path, written < 0 ? errno : ENOSPC);
    bytes += written;
    size -= written;
  }
  return {};
}

int mlir::compress::store::syncDescriptor(int descriptor) {
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR)
      continue;
    // Pipes, devices and some file systems have nothing to flush.
    return errno == EINVAL || errno == EROFS || errno == ENOTSUP ? 0 : errno;
  }
  return 0;
}

Status mlir::compress::store::closeWritten(int descriptor,
                                           const std::string &path, bool sync) {
  int code = sync ? syncDescriptor(descriptor) : 0;
  // Linux closes the descriptor even when it says EINTR.
  if (::close(descriptor) != 0 && errno != EINTR && !code)
    code = errno;
  return code ? makeSystemError("write", path, code) : Status();
}
