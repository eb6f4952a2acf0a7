// RUN: compress-opt %s --transform-interpreter --canonicalize --cse | FileCheck %s
// A scale per channel is no obstacle to tiles of 40 codes, which are 10 bytes of codes and 8 of trits.

!w = !compress.tensor<8x80xf32, #compress.nested<#compress.quant<i2, block = [1, 80], scale = f16, narrow>, codes = #compress.base3>>
module attributes {transform.with_named_sequence} {
// CHECK-DAG: #[[BYTE:.*]] = affine_map<(d0) -> (((d0 floordiv 4) floordiv 5) * 4)>
// CHECK-LABEL: func @tile
// CHECK-SAME: %[[T:.*]]: tensor<8x16xi8>, %[[S:.*]]: tensor<8x1xf16>
// CHECK: scf.for %[[K:.*]] = %c0 to %c80 step %c40
// CHECK: %[[AT:.*]] = affine.apply #[[BYTE]](%[[K]])
// CHECK: tensor.extract_slice %[[T]][0, %[[AT]]] [8, 8] [1, 1] : tensor<8x16xi8> to tensor<8x8xi8>
// CHECK: compress.decode {{.*}} !compress.tensor<8x40xf32, #compress.nested
func.func @tile(%t: tensor<8x16xi8>, %s: tensor<8x1xf16>) -> tensor<8x80xf32> {
  %0 = compress.assemble %t : tensor<8x16xi8> -> !compress.tensor<8x20xi8, #compress.base3>
  %1 = compress.assemble %0, %s : !compress.tensor<8x20xi8, #compress.base3>, tensor<8x1xf16> -> !w
  %w = compress.decode %1 : !w
  return %w : tensor<8x80xf32>
}
transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %op = transform.structured.match ops{["compress.decode"]} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 40] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}
