// The layout says what a kernel computes with.
// RUN: compress-opt %s --compress-form-kernels --canonicalize | FileCheck %s
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#q = #compress.quant<i4, block = [1, 32], scale = f16>
#fp8 = #compress.quant<f8E4M3FN, block = [1, 256], scale = f32>
!int4 = !compress.tensor<128x256xf32, #compress.tiled<#q, tile = [16, 32], order = [0, 1], split = [16, 4, 4, 2], inside = [1, 0, 3, 2], record = 2>>
!fp8 = !compress.tensor<128x256xf32, #compress.tiled<#fp8, tile = [16, 32], order = [0, 1], split = [4, 4, 8, 2, 2], inside = [2, 0, 3, 1, 4]>>
// Of no kernel: records of one tile, and codes whose lanes are in order.
!record = !compress.tensor<128x256xf32, #compress.tiled<#q, tile = [16, 32], order = [0, 1], split = [16, 4, 4, 2], inside = [1, 0, 3, 2], record = 1>>
!lanes = !compress.tensor<128x256xf32, #compress.tiled<#fp8, tile = [16, 32], order = [0, 1], split = [16, 8, 2, 2], inside = [1, 0, 3, 2]>>

// CHECK-LABEL: func @both
// CHECK-COUNT-2: compress.contract {{.*}} compute = bf16
func.func @both(%0: !int4, %1: !fp8, %x: tensor<?x256xf16>, %i: tensor<?x128xf16>) -> tensor<?x128xf16> {
  %w = compress.decode %0 : !int4
  %v = compress.decode %1 : !fp8
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf16>, tensor<128x256xf32>) outs(%i : tensor<?x128xf16>) -> tensor<?x128xf16>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %v : tensor<?x256xf16>, tensor<128x256xf32>) outs(%y : tensor<?x128xf16>) -> tensor<?x128xf16>
  return %z : tensor<?x128xf16>
}

// CHECK-LABEL: func @neither
// CHECK-NOT: compress.contract
// CHECK-COUNT-2: linalg.matmul
func.func @neither(%0: !record, %1: !lanes, %x: tensor<?x256xf32>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !record
  %v = compress.decode %1 : !lanes
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf32>, tensor<128x256xf32>) outs(%i : tensor<?x128xf32>) -> tensor<?x128xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %v : tensor<?x256xf32>, tensor<128x256xf32>) outs(%y : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %z : tensor<?x128xf32>
}
