// RUN: compress-opt %s --transform-interpreter --canonicalize --cse | FileCheck %s
// A matrix is cut into all of it only, so parts that are compressed again stay as they are.

!scales = !compress.tensor<4x2xf32, #compress.quant<f8E4M3FN, block = [4, 2], scale = f32>>
!w = !compress.tensor<3x2x10x4xf32, #compress.matrix<#compress.nested<#compress.quant<i4, block = [1, 30], scale = f32>,
  scales = #compress.quant<f8E4M3FN, block = [4, 2], scale = f32>>, rows = [3], columns = [0, 1, 2]>>
module attributes {transform.with_named_sequence} {
// CHECK-LABEL: func @tile
// CHECK-SAME: %[[C:.*]]: tensor<4x30xi8>, %[[S:.*]]: tensor<4x2xi8>, %[[F:.*]]: tensor<1x1xf32>
// CHECK-NOT: extract_slice
// CHECK: %[[SCALES:.*]] = compress.assemble %[[S]], %[[F]] : tensor<4x2xi8>, tensor<1x1xf32> -> !compress.tensor<4x2xf32,
// CHECK: %[[W:.*]] = compress.assemble %[[C]], %[[SCALES]] {{.*}} -> !compress.tensor<3x2x10x4xf32, #compress.matrix<
// CHECK: compress.decode %[[W]]
func.func @tile(%c: tensor<4x30xi8>, %s: tensor<4x2xi8>, %f: tensor<1x1xf32>) -> tensor<3x2x10x4xf32> {
  %0 = compress.assemble %s, %f : tensor<4x2xi8>, tensor<1x1xf32> -> !scales
  %1 = compress.assemble %c, %0 : tensor<4x30xi8>, !scales -> !w
  %w = compress.decode %1 : !w
  return %w : tensor<3x2x10x4xf32>
}
transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %op = transform.structured.match ops{["compress.decode"]} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l = transform.structured.tile_using_for %op tile_sizes [3, 0, 0, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}
