//===- compressc.cpp - compile models with compressed weights ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tool.h"
#include "compress/Store/AtomicOutput.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace compressc;
using namespace mlir;

//===----------------------------------------------------------------------===//
// Shared by the commands
//===----------------------------------------------------------------------===//

int compressc::fail(const Twine &message) {
  llvm::errs() << "compressc: error: " << message << "\n";
  return 1;
}

void compressc::progress(const Twine &message) {
  if (llvm::sys::Process::StandardErrIsDisplayed())
    llvm::errs() << "compressc: " << message << "\n";
}

void compressc::setNumThreads(unsigned threads) {
  if (threads)
    llvm::parallel::strategy = llvm::hardware_concurrency(threads);
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
  if (auto at = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>())
    os << at.getFilename().getValue() << ":" << at.getLine() << ":"
       << at.getColumn() << ": ";
  os << diagnostic.str() << "\n";
  for (Diagnostic &note : diagnostic.getNotes())
    print(note);
}

Session::Session() {
  DialectRegistry registry;
  mlir::compress::registerCompilerDialects(registry);
  context = std::make_unique<MLIRContext>(registry);
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

OwningOpRef<ModuleOp>
Session::load(const std::string &path,
              const std::vector<std::string> &weights) {
  progress("loading " + path);
  return mlir::compress::loadModule(*context, path, weights);
}

//===----------------------------------------------------------------------===//
// Command line
//===----------------------------------------------------------------------===//

/// `COMMAND ARTIFACT --input a b c` is `... --input a --input b --input c`: once
/// the first argument is given, options that may be repeated take all values
/// that follow.
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

static void printVersion(llvm::raw_ostream &os) {
  os << "compressc " COMPRESS_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";
}

int main(int argc, char **argv) {
  mlir::compress::store::installSignalCleanup();
  const Command commands[] = {
      getCompileCommand(), getRunCommand(),         getVerifyCommand(),
      getCompareCommand(), getInspectCommand(),     getExternalizeCommand(),
      getPresetsCommand(),
  };
  llvm::cl::SetVersionPrinter(printVersion);
  std::vector<std::string> args = expandLists(argc, argv);
  std::vector<const char *> pointers;
  for (const std::string &arg : args)
    pointers.push_back(arg.c_str());
  std::string errors;
  llvm::raw_string_ostream os(errors);
  if (!llvm::cl::ParseCommandLineOptions(
          pointers.size(), pointers.data(),
          "compile models with compressed weights, run and verify them\n",
          &os)) {
    StringRef text(errors);
    text.consume_front(StringRef(argv[0]));
    text.consume_front(": ");
    llvm::errs() << "compressc: error: " << text.ltrim().rtrim() << "\n";
    return 2;
  }
  for (const Command &command : commands)
    if (command.subCommand)
      return command.run();
  llvm::errs() << "compressc: error: expected a command, see compressc --help\n";
  return 2;
}
