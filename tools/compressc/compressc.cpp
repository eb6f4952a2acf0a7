//===- compressc.cpp - compile models with compressed weights -------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tool.h"
#include "compress/Store/AtomicOutput.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <sys/mman.h>
#include <unistd.h>

using namespace compressc;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Shared by the commands
//===----------------------------------------------------------------------===//

int compressc::fail(const Twine &message) {
  llvm::errs() << "compressc: error: " << message << "\n";
  return 1;
}

int compressc::failUsage(const Twine &message) {
  (void)fail(message);
  return 2;
}

void compressc::progress(const Twine &message) {
  if (llvm::sys::Process::StandardErrIsDisplayed())
    llvm::errs() << "compressc: " << message << "\n";
}

static void print(Diagnostic &diagnostic) {
  llvm::raw_ostream &os = llvm::errs();
  os << "compressc: ";
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    os << "error: ";
    break;
  case DiagnosticSeverity::Warning:
    os << "warning: ";
    break;
  case DiagnosticSeverity::Note:
    os << "note: ";
    break;
  case DiagnosticSeverity::Remark:
    os << "remark: ";
    break;
  }
  // What concerns a module as a whole is at line 0.
  auto at = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>();
  if (at && at.getLine())
    os << at.getFilename().getValue() << ":" << at.getLine() << ":"
       << at.getColumn() << ": ";
  os << diagnostic.str() << "\n";
  for (Diagnostic &note : diagnostic.getNotes())
    print(note);
}

Session::Session(unsigned number) {
  DialectRegistry registry;
  mlir::compress::registerCompilerDialects(registry);
  llvm::ThreadPoolStrategy strategy = llvm::hardware_concurrency(number);
  // More threads than processors only take memory.
  strategy.Limit = true;
  llvm::parallel::strategy = strategy;
  context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  if (strategy.compute_thread_count() > 1) {
    threads = std::make_unique<llvm::DefaultThreadPool>(strategy);
    context->setThreadPool(*threads);
  }
  context->getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    // The notes of MLIR's own errors may show whole operations with their data.
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      reported = true;
    print(diagnostic);
  });
  context->printOpOnDiagnostic(false);
}

Session::~Session() = default;

int Session::fail() {
  return reported ? 1 : compressc::fail("failed without a diagnostic");
}

OwningOpRef<ModuleOp> Session::load(const std::string &path,
                                    const std::vector<std::string> &weights) {
  progress("loading " + path);
  return mlir::compress::loadModule(*context, path, weights);
}

//===----------------------------------------------------------------------===//
// Command line
//===----------------------------------------------------------------------===//

/// `COMMAND ARTIFACT --input a b c` is `... --input a --input b --input c`:
/// once the first argument is given, options that may be repeated take all
/// values that follow.
static std::vector<std::string> expandLists(int argc, char **argv) {
  std::vector<std::string> args(argv, argv + argc);
  if (args.size() < 4 || StringRef(args[2]).starts_with("-"))
    return args;
  std::vector<std::string> result(args.begin(), args.begin() + 3);
  std::string list;
  for (size_t i = 3; i < args.size(); ++i) {
    StringRef arg = args[i];
    if (arg.starts_with("-") && arg.size() > 1) {
      StringRef name = arg.ltrim('-');
      bool isList = name == "input" || name == "output" || name == "weights";
      list = isList && i + 1 < args.size() ? args[i] : "";
      result.push_back(args[i]);
      // The first value follows its option as usual.
      if (!list.empty())
        result.push_back(args[++i]);
      else if (i + 1 < args.size() && !arg.contains('=') &&
               !StringRef(args[i + 1]).starts_with("-"))
        result.push_back(args[++i]);
      continue;
    }
    if (!list.empty())
      result.push_back(list);
    result.push_back(args[i]);
  }
  return result;
}

/// Runs `action` and returns what was written to stderr meanwhile.
static std::string captureErrors(llvm::function_ref<void()> action) {
  int saved = ::dup(STDERR_FILENO);
  int file = ::memfd_create("errors", MFD_CLOEXEC);
  if (saved < 0 || file < 0 || ::dup2(file, STDERR_FILENO) < 0) {
    action();
    return "";
  }
  action();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  std::string text(::lseek(file, 0, SEEK_CUR), '\0');
  if (::pread(file, text.data(), text.size(), 0) != ssize_t(text.size()))
    text.clear();
  ::close(file);
  return text;
}

/// Reads the command line. LLVM's parser has its own form of errors, and prints
/// some to a stream of ours and some to stderr; the first one is given again in
/// the form of this tool.
static bool parseCommandLine(std::vector<const char *> &args) {
  bool parsed = false;
  std::string inStream;
  llvm::raw_string_ostream os(inStream);
  std::string text = captureErrors([&] {
    parsed = llvm::cl::ParseCommandLineOptions(
        args.size(), args.data(),
        "compile models with compressed weights, run and verify them\n", &os);
  });
  if (parsed)
    return true;
  text += inStream;
  StringRef message = StringRef(text).ltrim();
  message.consume_front(llvm::sys::path::filename(args[0]));
  message.consume_front(": ");
  message = message.take_until([](char c) { return c == '\n'; });
  message = message.split(".  Try:").first.split(": See:").first.rtrim(" !");
  (void)failUsage(message.take_front().lower() + message.drop_front() +
                  ", see compressc --help");
  return false;
}

static void printVersion(llvm::raw_ostream &os) {
  os << "compressc " COMPRESS_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";
}

int main(int argc, char **argv) {
  mlir::compress::store::installSignalCleanup();
  // A write beyond the limit of file sizes is to fail, not to end the process.
  ::signal(SIGXFSZ, SIG_IGN);
  const Command commands[] = {
      getCompileCommand(), getRunCommand(),     getVerifyCommand(),
      getCompareCommand(), getInspectCommand(), getExternalizeCommand(),
      getPresetsCommand(),
  };
  llvm::cl::SetVersionPrinter(printVersion);
  // The libraries have hundreds of options.
  llvm::cl::OptionCategory none("None");
  llvm::cl::HideUnrelatedOptions(none);
  std::vector<std::string> args = expandLists(argc, argv);
  std::vector<const char *> pointers;
  for (const std::string &arg : args)
    pointers.push_back(arg.c_str());
  if (!parseCommandLine(pointers))
    return 2;
  for (const Command &command : commands) {
    if (!command.subCommand)
      continue;
    int code = command.run();
    llvm::outs().flush();
    if (std::error_code error = llvm::outs().error()) {
      llvm::outs().clear_error();
      return fail("cannot write to standard output: " + error.message());
    }
    return code;
  }
  return failUsage("expected a command, see compressc --help");
}
