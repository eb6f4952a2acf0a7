//===- MappedFile.cpp - a file in memory, read-only -----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/MappedFile.h"
#include "Support.h"
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace mlir::compress::store;

/// New memory, in huge pages where there can be whole ones: then `length`
/// becomes that of all of them. MAP_FAILED, and errno, if that fails.
static void *allocate(size_t &length) {
  auto map = [](size_t size) {
    return ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  };
#ifdef MADV_HUGEPAGE
  constexpr size_t kHuge = size_t(2) << 20;
  if (length >= kHuge) {
    const size_t whole = (length + kHuge - 1) / kHuge * kHuge;
    void *memory = map(whole + kHuge);
    if (memory == MAP_FAILED)
      return memory;
    // Cut to where huge pages begin and end.
    auto *begin = static_cast<char *>(memory);
    const size_t before = -reinterpret_cast<uintptr_t>(begin) % kHuge;
    if (before)
      ::munmap(begin, before);
    ::munmap(begin + before + whole, kHuge - before);
    (void)::madvise(begin + before, whole, MADV_HUGEPAGE); // or it is slower
    length = whole;
    return begin + before;
  }
#endif
  return map(length);
}

/// Reads a file into new memory, of `mapped` bytes; MAP_FAILED, and errno, if
/// that fails.
static void *readWhole(int descriptor, size_t length, size_t &mapped) {
  mapped = length;
  void *memory = allocate(mapped);
  if (memory == MAP_FAILED)
    return memory;
  for (size_t done = 0; done < length;) {
    ssize_t count = ::pread(descriptor, static_cast<char *>(memory) + done,
                            length - done, done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      int code = count < 0 ? errno : EIO; // it was shortened
      ::munmap(memory, mapped);
      errno = code;
      return MAP_FAILED;
    }
    done += count;
  }
  (void)::mprotect(memory, mapped, PROT_READ);
  return memory;
}

StatusOr<std::shared_ptr<const MappedFile>>
MappedFile::open(const std::string &path, Placement placement) {
  // Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
  int descriptor =
      ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0)
    return makeSystemError("read", path, errno);
  struct stat info;
  if (::fstat(descriptor, &info) != 0) {
    int code = errno;
    ::close(descriptor);
    return makeSystemError("read", path, code);
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(descriptor);
    return Status::error(
        quote(path) + ": expected a regular file" +
        (S_ISDIR(info.st_mode) ? ", but got a directory" : ""));
  }
  void *bytes = nullptr;
  size_t length = info.st_size, mapped = length;
  if (length) {
    bytes = placement == Placement::Copy ? readWhole(descriptor, length, mapped)
                                         : ::mmap(nullptr, length, PROT_READ,
                                                  MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED) {
      int code = errno;
      ::close(descriptor);
      return makeSystemError(placement == Placement::Copy ? "read" : "map",
                             path, code);
    }
  }
  // The mapping holds the file.
  ::close(descriptor);
  return std::shared_ptr<const MappedFile>(new MappedFile(
      path, static_cast<const uint8_t *>(bytes), length, mapped));
}

MappedFile::~MappedFile() {
  if (mapped)
    ::munmap(const_cast<uint8_t *>(bytes), mapped);
}
