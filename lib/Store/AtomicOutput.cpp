//===- AtomicOutput.cpp - output that is there whole or not at all --------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compress/Store/AtomicOutput.h"
#include "SignalCleanup.h"
#include "Support.h"
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

using namespace mlir::compress::store;

//===----------------------------------------------------------------------===//
// Paths
//===----------------------------------------------------------------------===//

/// The directory of a path, as a path.
static std::string getParent(const std::string &path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// The prefix that turns names into paths beside `path`; may be empty.
static std::string getParentPrefix(const std::string &path) {
  return path.substr(0, path.rfind('/') + 1);
}

static std::string getFileName(const std::string &path) {
  return path.substr(path.rfind('/') + 1);
}

static Status checkParent(const std::string &path) {
  std::string parent = getParent(path);
  struct stat info;
  int code = ::stat(parent.c_str(), &info) == 0 ? 0 : errno;
  if (!code && !S_ISDIR(info.st_mode))
    code = ENOTDIR;
  if (!code)
    return {};
  return Status::error("cannot write " + quote(path) + ": directory " +
                       quote(parent) + ": " + describeErrno(code));
}

/// Follows links in the last component: replacing a link would leave what it
/// points to with the old content. What is not there yet is its own target.
static StatusOr<std::string> followLinks(const std::string &path) {
  std::string current = path;
  for (int count = 0; count < 40; ++count) {
    struct stat info;
    if (::lstat(current.c_str(), &info) != 0) {
      if (errno == ENOENT)
        return current;
      return makeSystemError("write", path, errno);
    }
    if (!S_ISLNK(info.st_mode))
      return current;
    // Links in /proc (/dev/stdout ends there) name open descriptors: to replace
    // the file behind one would not write to the descriptor.
    struct statfs fileSystem;
    if (::statfs(getParent(current).c_str(), &fileSystem) == 0 &&
        fileSystem.f_type == PROC_SUPER_MAGIC)
      return Status::error(quote(path) + " is not a regular file");
    char link[PATH_MAX];
    ssize_t length = ::readlink(current.c_str(), link, sizeof(link));
    if (length < 0)
      return makeSystemError("write", path, errno);
    std::string next(link, length);
    current = next[0] == '/' ? next : getParentPrefix(current) + next;
  }
  return makeSystemError("write", path, ELOOP);
}

/// A random name for the temporary neighbour of `path`.
static StatusOr<std::string> makeStagedPath(const std::string &path) {
  constexpr char kLetters[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  unsigned char random[6];
  if (::getentropy(random, sizeof(random)) != 0)
    return makeSystemError("write", path, errno);
  std::string suffix = ".";
  for (unsigned char byte : random)
    suffix += kLetters[byte % (sizeof(kLetters) - 1)];
  // The whole must not be longer than the system's longest name.
  std::string name = getFileName(path).substr(0, 200);
  return getParentPrefix(path) + "." + name + suffix + ".tmp";
}

/// Makes a temporary neighbour of `path` and puts it on the list of what
/// signals remove. `make` gets its path and sets errno when it fails.
static StatusOr<std::string> createStaged(const std::string &path,
                                          CleanupKind kind,
                                          bool (*make)(const std::string &)) {
  if (Status status = checkParent(path); !status.ok())
    return status;
  int code = EEXIST;
  for (int attempt = 0; code == EEXIST && attempt < 100; ++attempt) {
    auto staged = makeStagedPath(path);
    if (!staged.ok())
      return staged.status();
    CleanupGuard guard;
    if (make(*staged)) {
      addToCleanup(*staged, kind);
      return staged;
    }
    code = errno;
  }
  return Status::error("cannot write " + quote(path) + ": directory " +
                       quote(getParent(path)) + ": " + describeErrno(code));
}

static std::string joinPath(const std::string &directory,
                            const std::string &name) {
  return directory + "/" + name;
}

static int syncPath(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return errno;
  int code = syncDescriptor(descriptor);
  ::close(descriptor);
  return code;
}

/// Makes a rename in the directory of `path` durable.
static Status syncParent(const std::string &path) {
  int code = syncPath(getParent(path));
  // A directory without permission to read cannot be opened for this.
  return code && code != EACCES ? makeSystemError("write", path, code)
                                : Status();
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

Status mlir::compress::store::writeFile(const std::string &path,
                                        const void *data, size_t size) {
  auto descriptor = openForWriting(path);
  if (!descriptor.ok())
    return descriptor.status();
  Status written = writeBytes(*descriptor, path, data, size);
  Status closed = closeWritten(*descriptor, path, /*sync=*/false);
  return written.ok() ? closed : written;
}

Status mlir::compress::store::writeFileAtomically(const std::string &path,
                                                  const void *data,
                                                  size_t size) {
  auto file = StagedFile::create(path);
  if (!file.ok())
    return file.status();
  auto descriptor = openForWriting((*file)->path());
  if (!descriptor.ok())
    return descriptor.status();
  Status written = writeBytes(*descriptor, path, data, size);
  Status closed = closeWritten(*descriptor, path, /*sync=*/false);
  if (!written.ok())
    return written;
  return closed.ok() ? (*file)->commit() : closed;
}

StatusOr<std::unique_ptr<StagedFile>>
StagedFile::create(const std::string &path) {
  if (path.empty() || path.back() == '/')
    return Status::error("expected the path of a file, but got " + quote(path));
  auto target = followLinks(path);
  if (!target.ok())
    return target.status();
  struct stat info;
  if (::lstat(target->c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return Status::error(quote(path) + (S_ISDIR(info.st_mode)
                                            ? " is a directory"
                                            : " is not a regular file"));
  auto staged =
      createStaged(*target, CleanupKind::File, [](const std::string &name) {
        int descriptor =
            ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        return descriptor >= 0 && ::close(descriptor) == 0;
      });
  if (!staged.ok())
    return staged.status();
  return std::unique_ptr<StagedFile>(new StagedFile(*staged, *target));
}

StagedFile::~StagedFile() {
  if (committed)
    return;
  CleanupGuard guard;
  ::unlink(staged.c_str());
  removeFromCleanup(staged);
}

Status StagedFile::commit() {
  if (committed)
    return Status::error(quote(target) + " is committed already");
  if (int code = syncPath(staged))
    return makeSystemError("write", target, code);
  {
    CleanupGuard guard;
    if (::rename(staged.c_str(), target.c_str()) != 0)
      return makeSystemError("write", target, errno);
    removeFromCleanup(staged);
    committed = true;
  }
  return syncParent(target);
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

namespace {
struct DirectoryEntry {
  std::string name;
  bool isFile;
};
} // namespace

/// What is in a directory, in the order of names; an errno on failure.
static int listDirectory(const std::string &path,
                         std::vector<DirectoryEntry> &entries) {
  DIR *directory = ::opendir(path.c_str());
  if (!directory)
    return errno;
  errno = 0;
  while (const dirent *entry = ::readdir(directory)) {
    std::string name = entry->d_name;
    if (name == "." || name == "..")
      continue;
    struct stat info;
    if (::fstatat(::dirfd(directory), entry->d_name, &info,
                  AT_SYMLINK_NOFOLLOW) != 0)
      break;
    entries.push_back({name, S_ISREG(info.st_mode)});
    errno = 0;
  }
  int code = errno;
  ::closedir(directory);
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry &a, const DirectoryEntry &b) {
              return a.name < b.name;
            });
  return code;
}

/// Names of the files in what is at `path` now, none if nothing is there. An
/// error unless it may be replaced: the removal of the old content must never
/// reach what this library did not write.
static StatusOr<std::vector<std::string>>
findReplaceable(const std::string &path, const std::string &marker) {
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT)
      return std::vector<std::string>();
    return makeSystemError("write", path, errno);
  }
  if (!S_ISDIR(info.st_mode))
    return Status::error(quote(path) + " is not a directory");
  std::vector<DirectoryEntry> entries;
  if (int code = listDirectory(path, entries))
    return makeSystemError("read", path, code);
  std::vector<std::string> names;
  std::string unexpected;
  bool marked = false;
  for (const DirectoryEntry &entry : entries) {
    names.push_back(entry.name);
    marked = marked || (entry.isFile && entry.name == marker);
    if (!entry.isFile && unexpected.empty())
      unexpected = entry.name;
  }
  if (!entries.empty() && !marked)
    return Status::error(quote(path) +
                         ": expected a directory that is new, empty or has " +
                         quote(marker));
  if (!unexpected.empty())
    return Status::error(quote(path) +
                         ": expected nothing but plain files, "
                         "but " +
                         quote(unexpected) + " is not one");
  return names;
}

/// Puts directory `from` in the place of `to`, where a directory with content
/// is; that content is at `from` afterwards. Returns an errno.
static int exchangeDirectories(const std::string &from, const std::string &to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(),
                  RENAME_EXCHANGE) == 0)
    return 0;
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP)
    return errno;
  // Some file systems cannot exchange. Then there is a moment without the
  // directory, but never one without the old content.
  auto aside = makeStagedPath(to);
  if (!aside.ok())
    return EAGAIN;
  if (::rename(to.c_str(), aside->c_str()) != 0)
    return errno;
  if (::rename(from.c_str(), to.c_str()) != 0) {
    int code = errno;
    ::rename(aside->c_str(), to.c_str());
    return code;
  }
  // If this fails, the new content is in place all the same; the caller will
  // not find the old content and say so.
  ::rename(aside->c_str(), from.c_str());
  return 0;
}

StatusOr<std::unique_ptr<StagedDirectory>>
StagedDirectory::create(const std::string &path, const std::string &marker) {
  std::string stripped = path;
  while (!stripped.empty() && stripped.back() == '/')
    stripped.pop_back();
  std::string name = getFileName(stripped);
  if (name.empty() || name == "." || name == "..")
    return Status::error("expected a directory that can be replaced, but got " +
                         quote(path));
  auto target = followLinks(stripped);
  if (!target.ok())
    return target.status();
  auto replaceable = findReplaceable(*target, marker);
  if (!replaceable.ok())
    return replaceable.status();
  auto staged = createStaged(
      *target, CleanupKind::Directory,
      [](const std::string &name) { return ::mkdir(name.c_str(), 0777) == 0; });
  if (!staged.ok())
    return staged.status();
  return std::unique_ptr<StagedDirectory>(
      new StagedDirectory(*staged, *target, marker));
}

StagedDirectory::~StagedDirectory() {
  if (committed)
    return;
  // Tools that write in here may have left more than what was added.
  std::vector<DirectoryEntry> entries;
  listDirectory(staged, entries);
  CleanupGuard guard;
  for (const DirectoryEntry &entry : entries)
    ::unlink(joinPath(staged, entry.name).c_str());
  ::rmdir(staged.c_str());
  for (const std::string &name : files)
    removeFromCleanup(joinPath(staged, name));
  removeFromCleanup(staged);
}

std::string StagedDirectory::addFile(const std::string &name) {
  std::string path = joinPath(staged, name);
  if (std::find(files.begin(), files.end(), name) == files.end()) {
    files.push_back(name);
    addToCleanup(path, CleanupKind::File);
  }
  return path;
}

Status StagedDirectory::removeFile(const std::string &name) {
  std::string path = joinPath(staged, name);
  if (::unlink(path.c_str()) != 0)
    return makeSystemError("remove", path, errno);
  removeFromCleanup(path);
  files.erase(std::remove(files.begin(), files.end(), name), files.end());
  return {};
}

Status StagedDirectory::commit() {
  if (committed)
    return Status::error(quote(target) + " is committed already");
  std::vector<DirectoryEntry> entries;
  int code = listDirectory(staged, entries);
  for (const DirectoryEntry &entry : entries)
    if (!code && entry.isFile)
      code = syncPath(joinPath(staged, entry.name));
  if (!code)
    code = syncPath(staged);
  if (code)
    return makeSystemError("write", target, code);
  // Again, as much time may have passed.
  auto old = findReplaceable(target, marker);
  if (!old.ok())
    return old.status();
  {
    CleanupGuard guard;
    if (old->empty())
      code = ::rename(staged.c_str(), target.c_str()) == 0 ? 0 : errno;
    else
      code = exchangeDirectories(staged, target);
    if (code)
      return makeSystemError("write", target, code);
    committed = true;
    // From here on the staged path is where the old content is, if any.
    for (const std::string &name : files)
      removeFromCleanup(joinPath(staged, name));
    for (const std::string &name : *old)
      addToCleanup(joinPath(staged, name), CleanupKind::File);
    if (old->empty())
      removeFromCleanup(staged);
  }
  Status durable = syncParent(target);
  if (old->empty())
    return durable;
  for (const std::string &name : *old) {
    std::string path = joinPath(staged, name);
    ::unlink(path.c_str());
    removeFromCleanup(path);
  }
  code = ::rmdir(staged.c_str()) == 0 ? 0 : errno;
  removeFromCleanup(staged);
  return code ? makeSystemError("remove", staged, code) : durable;
}
