// The layout says what a kernel computes with.
// RUN: compress-opt %s --compress-form-kernels --canonicalize | FileCheck %s
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#q = #compress.quant<i4, block = [1, 32], scale = f16>
!int8 = !compress.tensor<128x256xf32, #compress.tiled<#q, tile = [16, 32], order = [0, 1], split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>>
!f32 = !compress.tensor<128x256xf32, #compress.tiled<#q, tile = [16, 8], order = [0, 1]>>
// Of no kernel: records of one tile, and codes with signs.
!record = !compress.tensor<128x256xf32, #compress.tiled<#q, tile = [16, 32], order = [0, 1], split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 1, flip = 136>>
!sign = !compress.tensor<128x256xf32, #compress.tiled<#q, tile = [16, 32], order = [0, 1], split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2>>

// CHECK-LABEL: func @int8
// CHECK: compress.contract {{.*}} compute = int8
func.func @int8(%0: !int8, %x: tensor<?x256xf16>, %i: tensor<?x128xf16>) -> tensor<?x128xf16> {
  %w = compress.decode %0 : !int8
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf16>, tensor<128x256xf32>) outs(%i : tensor<?x128xf16>) -> tensor<?x128xf16>
  return %y : tensor<?x128xf16>
}

// CHECK-LABEL: func @f32
// CHECK: compress.contract
// CHECK-NOT: compute
// CHECK: return
func.func @f32(%0: !f32, %x: tensor<?x256xf32>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !f32
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf32>, tensor<128x256xf32>) outs(%i : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// CHECK-LABEL: func @neither
// CHECK-NOT: compress.contract
// CHECK-COUNT-2: linalg.matmul
func.func @neither(%0: !record, %1: !sign, %x: tensor<?x256xf32>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !record
  %v = compress.decode %1 : !sign
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf32>, tensor<128x256xf32>) outs(%i : tensor<?x128xf32>) -> tensor<?x128xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %v : tensor<?x256xf32>, tensor<128x256xf32>) outs(%y : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %z : tensor<?x128xf32>
}
