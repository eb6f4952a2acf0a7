//===- Pipelines.h - pipelines, with their options ------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_PIPELINES_PIPELINES_H
#define COMPRESS_PIPELINES_PIPELINES_H

#include "compress/Conversion/Passes.h"
#include "mlir/Pass/PassOptions.h"

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace mlir::compress {

struct CompressToCPUOptions : PassPipelineOptions<CompressToCPUOptions> {
  PassOptions::Option<bool> artifactABI{
      *this, "artifact-abi",
      llvm::cl::desc(
          "Read weights through a pointer table and emit one C entry "
          "a public function, see compress-emit-artifact-abi"),
      llvm::cl::init(false)};
  PassOptions::Option<bool> fuse{
      *this, "fuse",
      llvm::cl::desc("Read compressed weights in kernels and tiles; without it "
                     "they are decoded as a whole, which is the reference"),
      llvm::cl::init(true)};
  PassOptions::Option<bool> allowDense{
      *this, "allow-dense",
      llvm::cl::desc("Warn, instead of failing, about weights that are decoded "
                     "as a whole, see compress-check-fused"),
      llvm::cl::init(false)};
  PassOptions::Option<ComputeRequest> compute{
      *this, "compute",
      llvm::cl::desc("What kernels compute with, see compress-pack-weights"),
      llvm::cl::init(ComputeRequest::F32), getComputeRequestValues()};
  PassOptions::Option<bool> parallel{
      *this, "parallel",
      llvm::cl::desc("Let OpenMP threads share the loops of kernels: code then "
                     "needs libomp, see compress-loops-to-openmp"),
      llvm::cl::init(false)};
  PassOptions::ListOption<std::string> features{
      *this, "features",
      llvm::cl::desc("CPU features that kernels may use, such as avx512vnni")};
};

struct CompressToNVVMOptions : PassPipelineOptions<CompressToNVVMOptions> {
  PassOptions::Option<std::string> chip{
      *this, "chip", llvm::cl::desc("The GPU, such as sm_80 or sm_90a"),
      llvm::cl::init("sm_80")};
  PassOptions::Option<ComputeRequest> compute{
      *this, "compute",
      llvm::cl::desc(
          "What kernels compute with: f16, bf16, int8, f8, xnor or auto, see "
          "compress-form-kernels"),
      llvm::cl::init(ComputeRequest::Auto), getComputeRequestValues()};
  PassOptions::Option<bool> allowDense{
      *this, "allow-dense",
      llvm::cl::desc("Warn, instead of failing, about weights that are decoded "
                     "as a whole, see compress-check-fused"),
      llvm::cl::init(false)};
  PassOptions::Option<int64_t> multiprocessors{
      *this, "multiprocessors",
      llvm::cl::desc("Those of the GPU, see convert-compress-to-gpu"),
      llvm::cl::init(0)};
};

/// Checks stored data, and expands compressed types of functions and loops.
void buildCompressExpand(OpPassManager &pm);

/// The same, then brings compressed constants into the layout of kernels. The
/// first steps of compress-to-cpu, apart for those who look at the constants in
/// between.
void buildCompressPack(OpPassManager &pm, ComputeRequest compute,
                       ArrayRef<std::string> features);

/// Fuses decodes, of packed weights and others, into kernels and tiles, and
/// fails where one is left, unless `allowDense`. The steps of compress-to-cpu
/// that follow and work on tensors.
void buildCompressFuse(OpPassManager &pm, bool allowDense);

/// `compress-to-cpu`: from linalg on tensors with compressed weights to the
/// LLVM dialect. Weights are decoded in registers or tile by tile.
void buildCompressToCPU(OpPassManager &pm, const CompressToCPUOptions &options);

/// `compress-to-nvvm`: from linalg on tensors with compressed weights to PTX,
/// in the `gpu.binary` that functions on buffers launch kernels of.
void buildCompressToNVVM(OpPassManager &pm,
                         const CompressToNVVMOptions &options);

/// The steps of it, apart for those who look at the module in between: checks
/// stored data, and brings constants into the layout of kernels for GPUs;
void buildCompressPackForGPU(OpPassManager &pm);

/// forms kernels on tensors, and fails where a decode is left;
/// unless `allowDense`: then it runs on the GPU, as a whole, before its users;
void buildCompressFuseForGPU(OpPassManager &pm, ComputeRequest compute,
                             bool allowDense);

/// and all that follows. With `artifactABI`, which wants constants outside of
/// the module, functions are lowered to the LLVM dialect, too: their buffers
/// are in memory of the GPU, see compress-emit-artifact-abi. Kernels become
/// what `binary` says, as gpu-module-to-binary has it.
struct GpuBinary {
  std::string format = "isa", toolkit;
};
void buildCompressKernelsToNVVM(OpPassManager &pm, StringRef chip,
                                int64_t multiprocessors, bool artifactABI,
                                const GpuBinary &binary = {});

} // namespace mlir::compress

#endif // COMPRESS_PIPELINES_PIPELINES_H
