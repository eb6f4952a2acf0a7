// RUN: compress-opt %s --compress-tile-pairs=bytes=8192 --canonicalize --cse --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-tile-pairs=bytes=8192 --remarks-filter="compress-tile-pairs" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

// Rank 32: 48 rows of it are 6 kB. Tiles share one buffer in between; the last one is smaller.
// CHECK: #[[$MIN:.*]] = affine_map<(d0)[s0] -> (-d0 + s0, 48)>
// CHECK-LABEL: func @pair
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32>, %[[I:.*]]: tensor<?x128xf32>
// CHECK: %[[M:.*]] = tensor.dim %[[I]], %c0
// CHECK: scf.for %[[ROW:.*]] = %c0 to %[[M]] step %c48 iter_args(%[[OUT:.*]] = %[[I]])
// CHECK: %[[SIZE:.*]] = affine.min #[[$MIN]](%[[ROW]])[%[[M]]]
// CHECK: %[[XS:.*]] = tensor.extract_slice %[[X]][%[[ROW]], 0] [%[[SIZE]], 64] [1, 1]
// CHECK: %[[E:.*]] = tensor.empty(%[[SIZE]]) : tensor<?x32xf32>
// CHECK: %[[Z:.*]] = linalg.fill {{.*}} outs(%[[E]]
// CHECK: %[[H:.*]] = compress.contract ins(%[[XS]], %{{.*}} : tensor<?x64xf32>, {{.*}}) outs(%[[Z]] : tensor<?x32xf32>)
// CHECK: %[[O:.*]] = tensor.extract_slice %[[OUT]][%[[ROW]], 0] [%[[SIZE]], 128] [1, 1]
// CHECK: %[[Y:.*]] = compress.contract ins(%[[H]], %{{.*}}) outs(%[[O]] : tensor<?x128xf32>)
// CHECK: tensor.insert_slice %[[Y]] into %[[OUT]][%[[ROW]], 0] [%[[SIZE]], 128] [1, 1]
// CHECK-NOT: compress.contract
// REMARK: [Passed] TilePairs {{.*}} Remark="tiled with the contraction before it"
!v = !compress.tensor<32x64xf32, #compress.tiled<#compress.dense, tile = [16, 8], order = [0, 1], split = [16, 8], inside = [1, 0]>>
!u = !compress.tensor<128x32xf32, #compress.tiled<#compress.dense, tile = [16, 8], order = [0, 1], split = [16, 8], inside = [1, 0]>>
func.func @pair(%x: tensor<?x64xf32>, %i: tensor<?x128xf32>, %v: tensor<2x8x8x16xf32>, %u: tensor<8x4x8x16xf32>) -> tensor<?x128xf32> {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%m) : tensor<?x32xf32>
  %zero = arith.constant 0.0 : f32
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %h = compress.contract ins(%x, %v : tensor<?x64xf32>, tensor<2x8x8x16xf32>) outs(%z : tensor<?x32xf32>) weight(!v, affine_map<(m, n, k) -> (n, k)>) -> tensor<?x32xf32>
  %y = compress.contract ins(%h, %u : tensor<?x32xf32>, tensor<8x4x8x16xf32>) outs(%i : tensor<?x128xf32>) weight(!u, affine_map<(m, n, k) -> (n, k)>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// -----
// Batches one by one, then 96 rows of 48 at a time; three in a chain share the loops.
// CHECK-LABEL: func @chain
// CHECK: scf.for %{{.*}} = %c0 to %c3 step %c1
// CHECK: scf.for %{{.*}} = %c0 to %c96 step %c48
// CHECK-COUNT-3: compress.contract {{.*}} outs(%{{.*}} : tensor<1x48x32xf32>)
// CHECK-NOT: compress.contract
!w = !compress.tensor<3x32x32xf32, #compress.tiled<#compress.dense, tile = [1, 16, 8], order = [0, 1, 2], split = [1, 16, 8], inside = [0, 2, 1]>>
func.func @chain(%x: tensor<3x96x32xf32>, %i: tensor<3x96x32xf32>, %w: tensor<3x2x4x1x8x16xf32>) -> tensor<3x96x32xf32> {
  %0 = compress.contract ins(%x, %w : tensor<3x96x32xf32>, tensor<3x2x4x1x8x16xf32>) outs(%i : tensor<3x96x32xf32>) weight(!w, affine_map<(b, m, n, k) -> (b, n, k)>) -> tensor<3x96x32xf32>
  %1 = compress.contract ins(%0, %w : tensor<3x96x32xf32>, tensor<3x2x4x1x8x16xf32>) outs(%i : tensor<3x96x32xf32>) weight(!w, affine_map<(b, m, n, k) -> (b, n, k)>) -> tensor<3x96x32xf32>
  %2 = compress.contract ins(%1, %w : tensor<3x96x32xf32>, tensor<3x2x4x1x8x16xf32>) outs(%i : tensor<3x96x32xf32>) weight(!w, affine_map<(b, m, n, k) -> (b, n, k)>) -> tensor<3x96x32xf32>
  return %2 : tensor<3x96x32xf32>
}

// -----
// Few rows, and rows in between that others read, stay as they are.
// REMARK: [Missed] TilePairs {{.*}} Reason="what the first contraction computes is small"
// REMARK-NOT: TilePairs
// CHECK-LABEL: func @others
// CHECK-NOT: scf.for
// CHECK: return
!w = !compress.tensor<32x32xf32, #compress.tiled<#compress.dense, tile = [16, 8], order = [0, 1], split = [16, 8], inside = [1, 0]>>
func.func @others(%x: tensor<48x32xf32>, %z: tensor<96x32xf32>, %w: tensor<2x4x8x16xf32>) -> (tensor<48x32xf32>, tensor<96x32xf32>, tensor<96x32xf32>) {
  %0 = compress.contract ins(%x, %w : tensor<48x32xf32>, tensor<2x4x8x16xf32>) outs(%x : tensor<48x32xf32>) weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<48x32xf32>
  %1 = compress.contract ins(%0, %w : tensor<48x32xf32>, tensor<2x4x8x16xf32>) outs(%x : tensor<48x32xf32>) weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<48x32xf32>
  %2 = compress.contract ins(%z, %w : tensor<96x32xf32>, tensor<2x4x8x16xf32>) outs(%z : tensor<96x32xf32>) weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<96x32xf32>
  %3 = compress.contract ins(%2, %w : tensor<96x32xf32>, tensor<2x4x8x16xf32>) outs(%z : tensor<96x32xf32>) weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<96x32xf32>
  return %1, %2, %3 : tensor<48x32xf32>, tensor<96x32xf32>, tensor<96x32xf32>
}
