// Packed constants are compared byte by byte, as in pack-weights.mlir.
// RUN: compress-opt %s --compress-pack-weights --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-pack-weights --remarks-filter="compress-pack-weights" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK: remark: [Passed] PackWeights | Category:compress-pack-weights | Reason="computes in f32; estimated cycles: f32 {{[^,]*}}", Remark="packed for a kernel"
// REMARK: remark: [Missed] PackWeights | Category:compress-pack-weights | Reason="its codec has no layout for the kernel"
// REMARK-NOT: remark:

// One record: values of 16 steps of 16 lanes, of which four steps of two lanes are used, and then as many words of
// positions, two bits a lane. Lanes and groups of padding have the positions 0 and 1, with zeros: bits 0000 and 0101.
// CHECK-LABEL: func @nk
// CHECK: %[[S:.*]] = arith.constant dense_resource<values.tiled> : tensor<1x1x1088xi8>
// CHECK: compress.assemble %[[S]] : tensor<1x1x1088xi8> -> !compress.tensor<2x8xf32, #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [16, 32], order = [0, 1], split = [16, 32], inside = [1, 0], record = 1>>
// CHECK: dialect_resources
// Values 1 and 5, 2 and 6, and so on, are neighbours; each step has 64 bytes.
// CHECK: values.tiled: "0x40000000
// CHECK-SAME: 0000803F0000A040{{(0{112})}}000000400000C040{{(0{112})}}
// CHECK-SAME: 000040400000E040{{(0{112})}}0000804000000041{{(0{112})}}
// Twelve steps of padding.
// CHECK-SAME: {{((0{192}){8})}}
// Lane 0 has 1, 3, 0, 2 and lane 1 0, 1, 2, 3.
// CHECK-SAME: 01000000
// CHECK-SAME: 57555555
// CHECK-SAME: 08000000
// CHECK-SAME: 5E555555
// CHECK-SAME: 0000000055555555000000005555555500000000555555550000000055555555000000005555555500000000
// CHECK-SAME: 55555555"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x8xf32, #compress.nm<2:4, axis = 1>>
func.func @nk(%x: tensor<3x8xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %v = arith.constant dense_resource<values> : tensor<2x4xf32>
  // 2-bit positions, the first in the low bits: 1 3 0 2 and 0 1 2 3.
  %p = arith.constant dense<[[0x8D], [0xE4]]> : tensor<2x1xi8>
  %0 = compress.assemble %v, %p : tensor<2x4xf32>, tensor<2x1xi8> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<2x8xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
{-# dialect_resources: { builtin: { values: "0x040000000000803F0000004000004040000080400000A0400000C0400000E04000000041" } } #-}

// -----
// Groups along what is not reduced: no kernel.
// CHECK-LABEL: func @other
// CHECK-NOT: tiled
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<4x2xf32, #compress.nm<2:4, axis = 0>>
func.func @other(%x: tensor<3x2xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %v = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %p = arith.constant dense<[[0], [5]]> : tensor<2x1xi8>
  %0 = compress.assemble %v, %p : tensor<2x2xf32>, tensor<2x1xi8> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x2xf32>, tensor<4x2xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
