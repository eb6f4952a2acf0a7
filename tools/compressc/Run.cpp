//===- Run.cpp - compressc run --------------------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Execution.h"
#include "Tool.h"
#include "compress/Store/AtomicOutput.h"
#include "llvm/ADT/StringSet.h"

using namespace compressc;
namespace cl = llvm::cl;

static cl::SubCommand runCommand("run", "run a function of an artifact");
static cl::OptionCategory category("Options of run");
static cl::opt<std::string> artifact(cl::Positional, cl::Required,
                                     cl::desc("ARTIFACT"), cl::sub(runCommand),
                                     cl::cat(category));
static cl::opt<std::string>
    function("function", cl::value_desc("name"),
             cl::desc("Function to run (default: the only one)"),
             cl::sub(runCommand), cl::cat(category));
static cl::list<std::string>
    inputs("input", cl::value_desc("file.npy"),
           cl::desc("Arguments, in order; several may follow one --input"),
           cl::sub(runCommand), cl::cat(category));
static cl::list<std::string>
    outputs("output", cl::value_desc("file.npy"),
            cl::desc("Where to write the results, in order; \"-\" drops one"),
            cl::sub(runCommand), cl::cat(category));
static cl::opt<int> threads("threads", cl::init(0), cl::value_desc("n"),
                            cl::desc("Threads to compute on (default: "
                                     "COMPRESS_NUM_THREADS, or all)"),
                            cl::sub(runCommand), cl::cat(category));

/// Says before the run what would fail after it.
static store::Status checkOutputs() {
  llvm::StringSet<> seen;
  for (const std::string &path : outputs) {
    if (path == "-")
      continue;
    if (!seen.insert(path).second)
      return store::Status::error("expected a file for each output, but got '" +
                                  path + "' twice");
    auto staged = store::StagedFile::create(path);
    if (!staged.ok())
      return staged.status();
  }
  return {};
}

static int run() {
  // 0 means the default in the interface.
  if (threads.getNumOccurrences() && threads == 0)
    return failUsage("expected --threads of 1 or more, but got 0");
  auto execution = Execution::open(artifact, function, threads);
  if (!execution.ok())
    return fail(execution.status().message());
  if (outputs.size() != execution->getNumOutputs())
    return fail("expected " + llvm::Twine(execution->getNumOutputs()) +
                " --output, but got " + llvm::Twine(outputs.size()));
  auto arrays = readArrays({inputs.begin(), inputs.end()});
  if (!arrays.ok())
    return fail(arrays.status().message());
  if (store::Status status = checkOutputs(); !status.ok())
    return fail(status.message());
  auto results = execution->run(*arrays);
  if (!results.ok())
    return fail(results.status().message());
  for (size_t i = 0; i < results->size(); ++i) {
    if (outputs[i] == "-")
      continue;
    store::Status status = store::writeNpy(outputs[i], (*results)[i]);
    if (!status.ok())
      return fail(status.message());
  }
  return 0;
}

Command compressc::getRunCommand() { return {runCommand, run}; }
