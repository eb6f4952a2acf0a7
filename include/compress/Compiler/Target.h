//===- Target.h - what code is generated for, and how -----------------------===//
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
class Target {
public:
  /// Reads `cpu`, `cpu:native` (the same) or `cpu:NAME`, with an LLVM CPU name
  /// such as x86-64-v3. Errors are emitted at `loc`.
  static FailureOr<Target> parse(StringRef spec, Location loc);

  std::string triple, cpu, features;

  /// The CPU features that the code may use and that are checked when an
  /// artifact is loaded, in the order of store::listKnownCpuFeatures.
  std::vector<std::string> requiredFeatures;

  /// Rows of activations that share a decoded tile: their accumulators, of 16
  /// f32 each, take half of the vector registers or a little more.
  int64_t getKernelRows() const;

  /// A machine for it, at the highest optimization level.
  std::unique_ptr<llvm::TargetMachine> createMachine() const;
};

/// Translates a module in the LLVM dialect, keeps only `compress_*` symbols
/// visible, and optimizes.
std::unique_ptr<llvm::Module> translateAndOptimize(ModuleOp module,
                                                   llvm::LLVMContext &context,
                                                   llvm::TargetMachine &machine);

/// Object code or assembly of a module. Errors are emitted at `loc`.
FailureOr<SmallVector<char, 0>> emitCode(llvm::Module &module,
                                         llvm::TargetMachine &machine,
                                         llvm::CodeGenFileType type,
                                         Location loc);

/// Links an object file into a shared object with LLVM's linker.
LogicalResult linkSharedObject(StringRef object, StringRef output,
                               Location loc);

} // namespace mlir::compress

#endif // COMPRESS_COMPILER_TARGET_H
