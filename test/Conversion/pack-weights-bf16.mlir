// Layouts of kernels that compute in bf16, byte by byte. They need no features: other machines compute the same in f32.
// RUN: compress-opt %s --compress-pack-weights=compute=bf16 --split-input-file | FileCheck %s
// What they decode to, laid out anew or not.
// RUN: compress-opt %s --compress-pack-weights=compute=bf16 --compress-lower-decode --compress-check-lowered --split-input-file -o %t

// Blocks of 32: a record has two of them, 512 bytes of codes and 2 x 16 scales. Row 0 is 1, 2, .. 15, 0, over and over: the first word
// has 1, 3, 5 and 7, the second one 2, 4, 6 and 8.
// CHECK-LABEL: func @int4
// CHECK: %[[S:.*]] = arith.constant dense_resource<codes.tiled> : tensor<1x1x576xi8>
// CHECK: #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1], split = [16, 4, 4, 2], inside = [1, 0, 3, 2], record = 2>
// CHECK: codes.tiled: "0x4000000031754286{{((00){60})}}B9FDCA0E{{((00){60})}}31754286{{((00){60})}}B9FDCA0E{{((00){60})}}
// The second block: this weight has 8 elements of it.
// CHECK-SAME: 31754286{{((00){252})}}
// CHECK-SAME: 003C{{((00){30})}}0040{{((00){30})}}"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x40xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func @int4(%x: tensor<3x40xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense_resource<codes> : tensor<2x20xi8>
  %s = arith.constant dense<[[1.0, 2.0], [0.0, 0.0]]> : tensor<2x2xf16>
  %0 = compress.assemble %c, %s : tensor<2x20xi8>, tensor<2x2xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
{-# dialect_resources: { builtin: { codes: "0x0100000021436587A9CBED0F21436587A9CBED0F214365870000000000000000000000000000000000000000" } } #-}

// -----
// Four lanes have their 8-bit codes of two steps, then those of the next two. One scale per row is apart.
// CHECK-LABEL: func @channel
// CHECK: arith.constant dense_resource<weight.tiled> : tensor<1x1x8x4x2x4x2xi8>
// CHECK: arith.constant dense_resource<weight.tiled_1> : tensor<1x1x1x4x1x4x1xf32>
// CHECK: #compress.tiled<#compress.quant<f8E4M3FN, block = [1, 8], scale = f32>, tile = [16, 32], order = [0, 1], split = [4, 4, 8, 2, 2], inside = [2, 0, 3, 1, 4]>
// CHECK: weight.tiled: "0x4000000001021112000031320304131400003334{{0*}}4142{{(0{12})}}4344{{(0{76})}}05061516
// CHECK: weight.tiled_1: "0x400000000000803F0000004000004040000080400000A0400000C0400000
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<6x8xf32, #compress.quant<f8E4M3FN, block = [1, 8], scale = f32>>
func.func @channel(%x: tensor<3x8xf32>, %i: tensor<3x6xf32>) -> tensor<3x6xf32> {
  %c = arith.constant dense<[[1, 2, 3, 4, 5, 6, 7, 8], [17, 18, 19, 20, 21, 22, 23, 24], [0, 0, 0, 0, 0, 0, 0, 0], [49, 50, 51, 52, 53, 54, 55, 56], [65, 66, 67, 68, 69, 70, 71, 72], [0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<6x8xi8>
  %s = arith.constant dense<[[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]> : tensor<6x1xf32>
  %0 = compress.assemble %c, %s : tensor<6x8xi8>, tensor<6x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<6x8xf32>) outs(%i : tensor<3x6xf32>) -> tensor<3x6xf32>
  return %y : tensor<3x6xf32>
}

// -----
// Scales that lanes share are few, and apart too; the last block is shorter.
// CHECK-LABEL: func @square
// CHECK: arith.constant dense_resource<{{.*}}> : tensor<1x3x8x4x2x4x2xi8>
// CHECK: arith.constant dense_resource<{{.*}}> : tensor<1x2x1x1x1x1x1xf32>
// CHECK: #compress.tiled<#compress.quant<f8E5M2, block = [2, 64], scale = f32>, tile = [16, 32], order = [0, 1], split = [4, 4, 8, 2, 2], inside = [2, 0, 3, 1, 4]>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x70xf32, #compress.quant<f8E5M2, block = [2, 64], scale = f32>>
func.func @square(%x: tensor<3x70xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense_resource<square> : tensor<2x70xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<2x70xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x70xf32>, tensor<2x70xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
{-# dialect_resources: { builtin: { square: "0x010000000101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101" } } #-}
