//===- Tool.h - what the commands of compressc share ----------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESSC_TOOL_H
#define COMPRESSC_TOOL_H

#include "compress/Compiler/Compiler.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ThreadPool.h"
#include <string>
#include <vector>

namespace compressc {

/// Prints `compressc: error: ...` and returns the exit code of a failure.
int fail(const llvm::Twine &message);
/// The same for a command line that makes no sense.
int failUsage(const llvm::Twine &message);

/// A context with all dialects, whose diagnostics go to stderr in the form of
/// this tool.
class Session {
public:
  /// Runs on `threads` threads, 0 for all.
  explicit Session(unsigned threads = 0);
  ~Session();

  mlir::MLIRContext &getContext() { return *context; }
  /// The exit code of a failure; makes sure that something was said.
  int fail();
  /// Loads a module, without weights from files when there are none.
  mlir::OwningOpRef<mlir::ModuleOp>
  load(const std::string &path, const std::vector<std::string> &weights);

private:
  // The context uses the threads until it dies.
  std::unique_ptr<llvm::ThreadPoolInterface> threads;
  std::unique_ptr<mlir::MLIRContext> context;
  bool reported = false;
};

/// Says what long work is under way, on stderr when that is a terminal.
void progress(const llvm::Twine &message);

/// One command: its options live in its own file.
struct Command {
  llvm::cl::SubCommand &subCommand;
  int (*run)();
};

Command getCompileCommand();
Command getRunCommand();
Command getVerifyCommand();
Command getCompareCommand();
Command getInspectCommand();
Command getExternalizeCommand();
Command getPresetsCommand();

} // namespace compressc

#endif // COMPRESSC_TOOL_H
