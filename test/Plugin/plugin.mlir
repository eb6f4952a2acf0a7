// Debian's mlir-opt with the plugin: parsing, every pass, one whole pipeline.
// RUN: %stock-mlir-opt %s | FileCheck %s --check-prefix=PARSE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-encode{preset=int8-channel min-elements=1})' | FileCheck %s --check-prefix=ENCODE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-lower-decode)' | FileCheck %s --check-prefix=LOWER
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-externalize-weights{path=%t.safetensors min-bytes=1})' | FileCheck %s --check-prefix=EXTERNALIZE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-lower-copies)' | FileCheck %s --check-prefix=PARSE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-protect-arguments)' | FileCheck %s --check-prefix=PROTECT
// RUN: %stock-mlir-opt %S/../Transforms/expand-types.mlir --split-input-file --allow-unregistered-dialect --pass-pipeline='builtin.module(compress-expand-types)' | FileCheck %s --check-prefix=EXPAND
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-fold-movement)' | FileCheck %s --check-prefix=FOLD
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-sink-transposes)' | FileCheck %s --check-prefix=PARSE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-algebra)' | FileCheck %s --check-prefix=PARSE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-verify-data)' | FileCheck %s --check-prefix=PARSE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-tile-and-fuse{max-elements=4})' | FileCheck %s --check-prefix=TILE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-check-fused{max-elements=4 allow-dense=true})' 2>&1 | FileCheck %s --check-prefix=FUSED
// RUN: not %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-check-lowered)' 2>&1 | FileCheck %s --check-prefix=LOWERED
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-encode{preset=int8-channel min-elements=1},compress-pack-weights)' | FileCheck %s --check-prefix=PACK
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-encode{preset=int8-channel min-elements=1},compress-pack-weights,compress-form-kernels)' | FileCheck %s --check-prefix=FORM
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-encode{preset=int8-channel min-elements=1},compress-pack-weights,compress-form-kernels,compress-expand-types,compress-lower-decode,one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},convert-compress-to-vector)' | FileCheck %s --check-prefix=VECTOR
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-lower-decode,one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},compress-emit-artifact-abi)' | FileCheck %s --check-prefix=ABI
// RUN: %stock-mlir-opt %S/../Conversion/loops-to-openmp.mlir --pass-pipeline='builtin.module(compress-loops-to-openmp)' | FileCheck %s --check-prefix=OPENMP
// RUN: %stock-mlir-opt %S/../Conversion/convert-to-gpu.mlir --split-input-file --pass-pipeline='builtin.module(convert-compress-to-gpu)' | FileCheck %s --check-prefix=GPU
// RUN: %stock-mlir-opt %S/../Conversion/lower-kernel-math.mlir --pass-pipeline='builtin.module(gpu.module(compress-lower-kernel-math))' | FileCheck %s --check-prefix=MATH
// RUN: %stock-mlir-opt %S/../Pipelines/compress-to-nvvm.mlir --pass-pipeline='builtin.module(compress-to-nvvm{chip=sm_90})' | FileCheck %s --check-prefix=NVVM
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-encode{preset=int4-b32 min-elements=1},compress-to-cpu{artifact-abi=true})' | FileCheck %s --check-prefix=PIPELINE

// PARSE: compress.decode
// ENCODE: compress.assemble {{.*}}weight = "main#0"{{.*}} -> !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32, narrow>>
// LOWER-NOT: compress.
// LOWER: arith.sitofp
// EXTERNALIZE: memref.global "private" constant @"main#0" : memref<2x4xf32>
// EXTERNALIZE: memref.get_global @"main#0"
// PROTECT: func.func @main(%{{.*}}: tensor<3x4xf32> {bufferization.writable = false}
// EXPAND: func.func private @declared(tensor<8x32xi8>, tensor<8x2xf16>, i32,
// FOLD-NOT: linalg.transpose
// FOLD: linalg.generic
// TILE: scf.for
// TILE: compress.decode {{.*}} !compress.tensor<1x4xf32
// FUSED: warning: a compressed weight is decoded as a whole, to 'tensor<2x4xf32>'
// LOWERED: error: 'compress.decode' was not lowered
// PACK: compress.decode {{.*}} #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32, narrow>, tile = [16, 4], order = [0, 1]>
// FORM: compress.contract
// VECTOR-NOT: compress.contract
// VECTOR: vector.fma
// GPU: nvvm.mma.sync
// MATH: llvm.call_intrinsic "llvm.fabs"
// NVVM: .target sm_90
// ABI: llvm.func @compress_entry_main
// OPENMP: omp.wsloop
// PIPELINE-NOT: compress.
// PIPELINE: llvm.func @compress_entry_main

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!q = !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32>>

func.func @main(%x: tensor<3x4xf32>, %c: tensor<2x4xi8>, %s: tensor<2x1xf32>, %init: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<[[1.0, -2.0, 0.5, 0.1], [1.0, -2.0, 0.5, 0.2]]> : tensor<2x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x4xf32>, tensor<2x4xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  %q = compress.assemble %c, %s : tensor<2x4xi8>, tensor<2x1xf32> -> !q
  %v = compress.decode %q : !q
  %e = tensor.empty() : tensor<4x2xf32>
  %t = linalg.transpose ins(%v : tensor<2x4xf32>) outs(%e : tensor<4x2xf32>) permutation = [1, 0]
  %1 = linalg.matmul ins(%x, %t : tensor<3x4xf32>, tensor<4x2xf32>) outs(%0 : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}
