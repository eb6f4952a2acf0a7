//===- SpillsCommand.cpp - Registers that loops have too few of -----------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"
#include "OwnCode.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir::compress::bench;
namespace cl = llvm::cl;

namespace {
class SpillsCommand : public Benchmark {
public:
  SpillsCommand()
      : Benchmark("spills", "vector registers that innermost loops of assembly "
                            "store to the stack, or load from there") {}
  int run() override;

private:
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("FILE.s, with LLVM's comments"),
                             cl::sub(command), cl::cat(category)};
};
} // namespace

int64_t mlir::compress::bench::countSpills(llvm::StringRef assembly) {
  llvm::SmallVector<llvm::StringRef, 0> lines;
  assembly.split(lines, '\n');
  // Labels of the function so far, and the line after the last jump or label.
  llvm::StringMap<size_t> labels;
  size_t straight = 0;
  int64_t spills = 0;
  for (auto [number, line] : llvm::enumerate(lines)) {
    if (line.starts_with(".L")) {
      labels[line.take_until([](char c) { return c == ':'; })] = number;
      straight = number;
      continue;
    }
    llvm::StringRef instruction = line.ltrim();
    if (!instruction.starts_with("j") && !instruction.starts_with("b."))
      continue;
    llvm::StringRef to =
        instruction.drop_until([](char c) { return c == ' ' || c == '\t'; });
    to = to.trim().take_until([](char c) { return c == ' ' || c == '\t'; });
    auto target = labels.find(to);
    // An innermost loop is one block that jumps back to its begin.
    if (target != labels.end() && target->second == straight)
      for (llvm::StringRef inside :
           llvm::ArrayRef(lines).slice(straight, number - straight)) {
        llvm::StringRef comment = inside.split('#').second;
        bool isSpill = comment.contains("Spill") || comment.contains("Reload");
        // Sizes below are those of other registers.
        unsigned bytes = 0;
        comment.ltrim().consumeInteger(10, bytes);
        spills += isSpill && bytes >= 16;
      }
    straight = lines.size();
  }
  return spills;
}

int SpillsCommand::run() {
  auto file = llvm::MemoryBuffer::getFile(input, /*IsText=*/true);
  if (!file) {
    llvm::errs() << "compress-bench: cannot read '" << input
                 << "': " << file.getError().message() << "\n";
    return 1;
  }
  llvm::outs() << countSpills((*file)->getBuffer()) << "\n";
  return 0;
}

std::unique_ptr<Benchmark> mlir::compress::bench::createSpillsCommand() {
  return std::make_unique<SpillsCommand>();
}
