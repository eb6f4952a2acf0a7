//===- AtomicOutput.h - output that is there whole or not at all ----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files and directories are made beside their final place under a temporary
// name (".NAME.XXXXXX.tmp") and renamed when they are complete. What is not
// committed is removed: by the destructor, or, after installSignalCleanup, by a
// signal.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_STORE_ATOMICOUTPUT_H
#define COMPRESS_STORE_ATOMICOUTPUT_H

#include "compress/Store/Status.h"
#include <cstddef>
#include <memory>
#include <vector>

namespace mlir::compress::store {

/// Removes uncommitted output when SIGINT, SIGTERM or SIGHUP ends the process,
/// which then dies of that signal. Call once, early in main.
void installSignalCleanup();

/// Writes a file in place. An error (disk full included) leaves a partial file;
/// use it on staged paths.
Status writeFile(const std::string &path, const void *data, size_t size);

/// Writes a file so that `path` holds either the old or the new content.
Status writeFileAtomically(const std::string &path, const void *data,
                           size_t size);

/// One file on its way to `path`.
class StagedFile {
public:
  /// Makes an empty temporary file beside `path`. An error when the directory
  /// is missing or not writable, or when `path` is not a regular file. A link
  /// is followed, so that it stays a link.
  static StatusOr<std::unique_ptr<StagedFile>> create(const std::string &path);
  ~StagedFile();
  StagedFile(const StagedFile &) = delete;
  StagedFile &operator=(const StagedFile &) = delete;

  /// Where to write.
  const std::string &path() const { return staged; }
  /// Flushes to disk and renames to the final path.
  Status commit();

private:
  StagedFile(std::string staged, std::string target)
      : staged(std::move(staged)), target(std::move(target)) {}
  std::string staged, target;
  bool committed = false;
};

/// A directory on its way to `path`.
class StagedDirectory {
public:
  /// Makes an empty temporary directory beside `path`. What is at `path`
  /// already may be replaced only if it is an empty directory or one with a
  /// file named `marker` and nothing but plain files; anything else is an
  /// error.
  static StatusOr<std::unique_ptr<StagedDirectory>>
  create(const std::string &path, const std::string &marker);
  ~StagedDirectory();
  StagedDirectory(const StagedDirectory &) = delete;
  StagedDirectory &operator=(const StagedDirectory &) = delete;

  /// The path to write the file `name` of the directory at.
  std::string addFile(const std::string &name);
  /// Removes a file that was added.
  Status removeFile(const std::string &name);
  /// Flushes to disk and takes the place of what is at the final path, in one
  /// step (an exchange), then removes the old content.
  Status commit();

private:
  StagedDirectory(std::string staged, std::string target, std::string marker)
      : staged(std::move(staged)), target(std::move(target)),
        marker(std::move(marker)) {}
  std::string staged, target, marker;
  /// Names of what was added.
  std::vector<std::string> files;
  bool committed = false;
};

} // namespace mlir::compress::store

#endif // COMPRESS_STORE_ATOMICOUTPUT_H
