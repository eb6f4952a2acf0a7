// Weights that are not compressed, for the same kernels.
// RUN: compress-opt %s --compress-pack-weights --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-pack-weights --remarks-filter-passed="compress-pack-weights" --remarks-filter-missed="compress-pack-weights" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// A mode that is asked for is for what is compressed.
// RUN: compress-opt %s --compress-pack-weights="compute=int8 features=avx512f,avx512bw,avx512vnni" --split-input-file | FileCheck %s

// [N, K]: 16 of n and all three of k are a tile, step by step. What loads the constant keeps the weight's name.
// CHECK-LABEL: func @nk
// CHECK: %[[C:.*]] = arith.constant dense_resource<fc.tiled> : tensor<1x1x3x16xf32>
// CHECK: %[[W:.*]] = compress.assemble %[[C]] {compress.weight = "fc"} : tensor<1x1x3x16xf32> -> !compress.tensor<2x3xf32, #compress.tiled<#compress.dense, tile = [16, 3], order = [0, 1], split = [16, 3], inside = [1, 0]>>
// CHECK: %[[D:.*]] = compress.decode %[[W]]
// CHECK: linalg.matmul {{.*}} ins(%{{.*}}, %[[D]]
// CHECK: linalg.matvec ins(%{{.*}}, %{{.*}} : tensor<2x3xf32>
// REMARK: remark: [Passed] PackWeights | Category:compress-pack-weights | Reason="computes in f32; estimated cycles: f32 {{[^,]*}}", Remark="packed for a kernel"
// CHECK: dialect_resources
// CHECK-NOT: fc:
// CHECK: fc.tiled: "0x400000000000803F00008040{{(00){56}()}}00000040{{0000A040(00){56}()}}00004040{{0000C040(00){56}()}}"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @nk(%x: tensor<3x3xf32>, %v: tensor<3xf32>, %i: tensor<3x2xf32>, %j: tensor<2xf32>) -> (tensor<3x2xf32>, tensor<2xf32>) {
  %w = arith.constant dense_resource<fc> : tensor<2x3xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x3xf32>, tensor<2x3xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %z = linalg.matvec ins(%w, %v : tensor<2x3xf32>, tensor<3xf32>) outs(%j : tensor<2xf32>) -> tensor<2xf32>
  return %y, %z : tensor<3x2xf32>, tensor<2xf32>
}
{-# dialect_resources: { builtin: { fc: "0x040000000000803F0000004000004040000080400000A0400000C040" } } #-}

// -----
// [K, N] in a batch, of f16, in a global that nothing else loads.
// CHECK-NOT: ml_program.global
// CHECK-LABEL: func @global
// CHECK: compress.assemble %{{.*}} {compress.weight = "heads"} : tensor<2x1x1x1x1x16xf16> -> !compress.tensor<2x1x2xf16, #compress.tiled<#compress.dense, tile = [1, 1, 16], order = [0, 2, 1], split = [1, 1, 16], inside = [0, 1, 2]>>
ml_program.global private @heads(dense<[[[1.0, 2.0]], [[3.0, 4.0]]]> : tensor<2x1x2xf16>) : tensor<2x1x2xf16>
func.func @global(%x: tensor<2x?x1xf16>, %i: tensor<2x?x2xf16>) -> tensor<2x?x2xf16> {
  %w = ml_program.global_load_const @heads : tensor<2x1x2xf16>
  %y = linalg.batch_matmul ins(%x, %w : tensor<2x?x1xf16>, tensor<2x1x2xf16>) outs(%i : tensor<2x?x2xf16>) -> tensor<2x?x2xf16>
  return %y : tensor<2x?x2xf16>
}

// -----
// Factors: the record says how they are stored.
// CHECK-LABEL: func @factors
// CHECK: compress.assemble %{{.*}}, %{{.*}} {compress.certificate = #compress.certificate<weight = "lr", {{.*}}bits = 1536
// CHECK-SAME: -> !compress.tensor<2x2xf32, #compress.nested<#compress.lowrank<1>, u = #compress.tiled<#compress.dense, tile = [16, 1]{{.*}}>, v = #compress.tiled<#compress.dense, tile = [16, 2]
// CHECK-NOT: compress.weight
func.func @factors(%x: tensor<4x2xf32>, %i: tensor<4x1xf32>, %j: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %u = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[3.0, 4.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %u, %v {compress.certificate = #compress.certificate<
      weight = "lr", algorithm = "svd", source = "0123456789abcdef", bits = 128, max_error = 1.0 : f64, relative_error = 0.5 : f64, sqnr = 2.0 : f64>}
    : tensor<2x1xf32>, tensor<1x2xf32> -> !compress.tensor<2x2xf32, #compress.lowrank<1>>
  %t = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %v : tensor<4x2xf32>, tensor<1x2xf32>) outs(%i : tensor<4x1xf32>) -> tensor<4x1xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%t, %u : tensor<4x1xf32>, tensor<2x1xf32>) outs(%j : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----
// One output: 15 of 16 lanes would be padding, which matters where there is much of it.
// REMARK: Passed
// REMARK: Missed{{.*}}Reason="it would be mostly padding"
// CHECK-LABEL: func @thin
// CHECK: arith.constant dense_resource<wide> : tensor<1x512xf32>
// CHECK: compress.assemble %{{.*}} {compress.weight = "thin#0"} : tensor<1x1x2x16xf32>
// CHECK: dialect_resources
// CHECK: wide: "0x040000{{(00)+}}01"
func.func @thin(%x: tensor<3x512xf32>, %z: tensor<3x2xf32>, %i: tensor<3x1xf32>) -> (tensor<3x1xf32>, tensor<3x1xf32>) {
  %w = arith.constant dense_resource<wide> : tensor<1x512xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x512xf32>, tensor<1x512xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  %v = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %u = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%z, %v : tensor<3x2xf32>, tensor<1x2xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y, %u : tensor<3x1xf32>, tensor<3x1xf32>
}
{-# dialect_resources: { builtin: { wide: "0x040000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001" } } #-}

// -----
// These stay: a user that is no contraction, two orders, integers, splats, a public global that may change.
// REMARK: Missed{{.*}}Reason="its user 'linalg.exp' is no floating-point contraction"
// REMARK: Missed{{.*}}Reason="its users reduce different dimensions"
// REMARK-NOT: Missed
// CHECK-LABEL: func @others
// CHECK-NOT: compress.
// CHECK: return
func.func @others(%x: tensor<2x2xf32>, %c: tensor<2x2xi32>, %i: tensor<2x2xf32>, %j: tensor<2x2xi32>) -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xi32>) {
  %w = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %e = linalg.exp ins(%w : tensor<2x2xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x2xf32>, tensor<2x2xf32>) outs(%e : tensor<2x2xf32>) -> tensor<2x2xf32>
  %v = arith.constant dense<[[1.0, 2.0], [3.0, 5.0]]> : tensor<2x2xf32>
  %z = linalg.matmul ins(%x, %v : tensor<2x2xf32>, tensor<2x2xf32>) outs(%y : tensor<2x2xf32>) -> tensor<2x2xf32>
  %t = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %v : tensor<2x2xf32>, tensor<2x2xf32>) outs(%z : tensor<2x2xf32>) -> tensor<2x2xf32>
  %a = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>
  %b = linalg.matmul ins(%c, %a : tensor<2x2xi32>, tensor<2x2xi32>) outs(%j : tensor<2x2xi32>) -> tensor<2x2xi32>
  %s = arith.constant dense<2.0> : tensor<2x2xf32>
  %u = linalg.matmul ins(%x, %s : tensor<2x2xf32>, tensor<2x2xf32>) outs(%t : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y, %t, %u, %b : tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xi32>
}
