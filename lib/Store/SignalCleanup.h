//===- SignalCleanup.h - files that signals remove ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

//
// The table of unfinished output that the handler of installSignalCleanup works
// through. All changes to the table, and all steps that decide whether a file
// is unfinished, belong into a CleanupGuard: a handler, in whatever thread,
// runs before or after one, never in the middle.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_LIB_STORE_SIGNALCLEANUP_H
#define COMPRESS_LIB_STORE_SIGNALCLEANUP_H

#include <csignal>
#include <string>

namespace mlir::compress::store {

/// Holds off the handler. Keep it short: signals wait.
class CleanupGuard {
public:
  CleanupGuard();
  ~CleanupGuard();
  CleanupGuard(const CleanupGuard &) = delete;
  CleanupGuard &operator=(const CleanupGuard &) = delete;

private:
  sigset_t previous;
};

enum class CleanupKind : int { File, Directory };

/// Puts a path into the table. When the table is full, or has the path, nothing
/// happens: then only destructors remove the file.
void addToCleanup(const std::string &path, CleanupKind kind);
void removeFromCleanup(const std::string &path);

} // namespace mlir::compress::store

#endif // COMPRESS_LIB_STORE_SIGNALCLEANUP_H
