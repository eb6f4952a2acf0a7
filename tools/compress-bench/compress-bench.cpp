//===- compress-bench.cpp - Speed of algorithms and kernels ---------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Benchmark.h"

#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir::compress::bench;

bool mlir::compress::bench::MatrixOptions::check() const {
  if (repeat != 0 && size != 0)
    return true;
  llvm::errs() << "compress-bench: expected --repeat and --size of 1 or more\n";
  return false;
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  std::unique_ptr<Benchmark> benchmarks[] = {
      createEncodeBenchmark(), createQuantizeBenchmark(),
      createFusedBenchmark(),  createKernelsBenchmark(),
      createPackBenchmark(),   createSpillsCommand()};

  llvm::cl::OptionCategory none("options");
  llvm::cl::HideUnrelatedOptions(none);
  for (auto &benchmark : benchmarks)
    benchmark->hideUnrelatedOptions();
  if (!llvm::cl::ParseCommandLineOptions(
          argc, argv, "measures algorithms and kernels on this machine\n",
          &llvm::errs()))
    return kUsageError;

  for (auto &benchmark : benchmarks)
    if (benchmark->isChosen())
      return benchmark->run();
  llvm::errs() << argv[0] << ": expected a benchmark; try --help\n";
  return kUsageError;
}
