// Debian's mlir-opt with the plugin: parsing, every pass, one whole pipeline.
// RUN: %stock-mlir-opt %s | FileCheck %s --check-prefix=PARSE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-encode{preset=int8-channel min-elements=1})' | FileCheck %s --check-prefix=ENCODE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-lower-decode)' | FileCheck %s --check-prefix=LOWER
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-externalize-weights{path=%t.safetensors min-bytes=1})' | FileCheck %s --check-prefix=EXTERNALIZE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-lower-copies)' | FileCheck %s --check-prefix=PARSE
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-protect-arguments)' | FileCheck %s --check-prefix=PROTECT
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-lower-decode,one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},compress-emit-artifact-abi)' | FileCheck %s --check-prefix=ABI
// RUN: %stock-mlir-opt %s --pass-pipeline='builtin.module(compress-encode{preset=int4-b32 min-elements=1},compress-to-cpu{artifact-abi=true})' | FileCheck %s --check-prefix=PIPELINE

// PARSE: compress.decode
// ENCODE: compress.assemble {{.*}}weight = "main#0"{{.*}} -> !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32, narrow>>
// LOWER-NOT: compress.
// LOWER: arith.sitofp
// EXTERNALIZE: memref.global "private" constant @"main#0" : memref<2x4xf32>
// EXTERNALIZE: memref.get_global @"main#0"
// PROTECT: func.func @main(%{{.*}}: tensor<3x4xf32> {bufferization.writable = false}
// ABI: llvm.func @compress_entry_main
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
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %v : tensor<3x4xf32>, tensor<2x4xf32>) outs(%0 : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}
