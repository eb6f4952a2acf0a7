//===- Target.h - what code is generated for, and how ---------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_COMPILER_TARGET_H
#define COMPRESS_COMPILER_TARGET_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>
#include <vector>

namespace mlir::compress {

/// A CPU that code is generated for.
struct TargetCpu {
  /// Its name in artifacts: LLVM's, with the features that were added or taken
  /// away.
  std::string name;
  std::string triple, cpu, features;

  /// The CPU features that the code may use and that are checked when an
  /// artifact is loaded, in the order of store::listKnownCpuFeatures.
  std::vector<std::string> requiredFeatures;

  /// A machine for it, at the highest optimization level.
  std::unique_ptr<llvm::TargetMachine> createMachine() const;
};

/// What code is generated for: one CPU, or several that an artifact has a
/// version of the code for each.
class Target {
public:
  /// Reads `cpu`, or `cpu:` and a CPU: `native`, which is the default, or
  /// LLVM's name, such as x86-64-v3; then `,+FEATURE` or `,-FEATURE` any number
  /// of times. `cpu:multi` is several CPUs. `nvptx:` and a chip, such as
  /// sm_90a, is a GPU, for a host of any kind. Errors are emitted at `loc`.
  static FailureOr<Target> parse(StringRef spec, Location loc);

  std::string triple;
  /// Best first.
  std::vector<TargetCpu> cpus;
  /// The chip; empty if code is for CPUs alone.
  std::string gpu;

  bool isGpu() const { return !gpu.empty(); }
  bool isMulti() const { return cpus.size() > 1; }

  /// The required features that all CPUs have.
  std::vector<std::string> getCommonFeatures() const;
};

/// Translates a module in the LLVM dialect, keeps only `compress_*` symbols
/// visible, which get a suffix, and optimizes.
std::unique_ptr<llvm::Module> translateAndOptimize(ModuleOp module,
                                                   llvm::LLVMContext &context,
                                                   llvm::TargetMachine &machine,
                                                   StringRef symbolSuffix = "");

/// Object code or assembly of a module. Errors are emitted at `loc`.
FailureOr<SmallVector<char, 0>> emitCode(llvm::Module &module,
                                         llvm::TargetMachine &machine,
                                         llvm::CodeGenFileType type,
                                         Location loc);

/// Links object files into a shared object with LLVM's linker.
LogicalResult linkSharedObject(ArrayRef<std::string> objects, StringRef output,
                               Location loc);

} // namespace mlir::compress

#endif // COMPRESS_COMPILER_TARGET_H
