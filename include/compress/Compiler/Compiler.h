//===- Compiler.h - from a module and a weights file to an artifact -------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What compressc does, for embedding. Errors are MLIR diagnostics.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_COMPILER_COMPILER_H
#define COMPRESS_COMPILER_COMPILER_H

#include "compress/Compiler/Target.h"
#include "compress/Conversion/Passes.h"
#include "compress/Dialect/Compress/Transforms/Passes.h"
#include "compress/Store/AtomicOutput.h"
#include "compress/Store/Manifest.h"
#include "compress/Store/WeightFiles.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::compress {

/// Dialects, interfaces and translations that compiled modules may need.
void registerCompilerDialects(DialectRegistry &registry);

/// Parses text or bytecode, then binds weights that have no data: tensors of
/// the weights files are mapped, not copied, and live as long as the context.
/// Weights that are nowhere, or of another type or shape, are errors.
OwningOpRef<ModuleOp> loadModule(MLIRContext &context, StringRef path,
                                 const std::vector<std::string> &weightFiles);

/// Runs compress-encode.
LogicalResult encodeModule(ModuleOp module,
                           const CompressEncodeOptions &options);

/// PTX, which the driver compiles; code for one kind of GPU, which ptxas
/// compiles; or both of them.
enum class GpuCode { PTX, Cubin, Fatbin };

/// How an encoded module is compiled.
struct CompileOptions {
  /// Warn, instead of failing, about weights that are decoded as a whole.
  bool allowDense = false;
  /// Without it weights are decoded as a whole, see compress-to-cpu.
  bool fuse = true;
  /// What kernels compute with, see compress-pack-weights; by default f32 on
  /// CPUs, and on GPUs what suits the weight.
  std::optional<ComputeRequest> compute;
  /// Let threads share the loops of kernels, see compress-loops-to-openmp.
  bool parallel = true;
  /// What artifacts for GPUs have as kernels.
  GpuCode gpuCode = GpuCode::PTX;
  /// The CUDA toolkit that compiles them, where that is needed; empty where it
  /// is to be found.
  std::string cudaPath;
};

/// Lays out the weights of an encoded module for kernels, takes them out of it,
/// and fuses what reads them; fills in what an artifact says about it. What
/// follows does not change the weights any more. They are borrowed from the
/// module's attributes.
struct ExternalWeight;
LogicalResult prepareModule(ModuleOp module, const Target &target,
                            const CompileOptions &options,
                            store::Manifest &manifest,
                            SmallVectorImpl<ExternalWeight> &weights);

/// Lowers a prepared module to the LLVM dialect.
LogicalResult lowerModule(ModuleOp module, const Target &target,
                          const TargetCpu &cpu, const CompileOptions &options);

/// The kernels of a module that was lowered for a GPU. Errors are emitted, such
/// as that there are none.
FailureOr<std::string> getPTX(ModuleOp module);

/// Compiles an encoded module into an artifact directory, which replaces an
/// older artifact atomically.
LogicalResult writeArtifact(ModuleOp module, const Target &target,
                            const CompileOptions &options, StringRef path);

/// The same into a directory that the caller commits, or does not.
LogicalResult writeArtifact(ModuleOp module, const Target &target,
                            const CompileOptions &options,
                            store::StagedDirectory &directory);

/// What `verifyArtifact` found.
struct VerifyReport {
  int64_t compressedWeights = 0;
  int64_t denseWeights = 0;
  double worstRelativeError = 0;
};

/// Recomputes the certificates of an artifact from the original module by
/// running the dense decode of every weight, and demands equal values.
FailureOr<VerifyReport> verifyArtifact(StringRef path, ModuleOp original);

/// Moves the data of a module's constants into a safetensors file, and writes
/// the module, which then refers to them by name, as bytecode.
LogicalResult externalizeModule(ModuleOp module, StringRef output,
                                StringRef weights);

} // namespace mlir::compress

#endif // COMPRESS_COMPILER_COMPILER_H
