// Tiles that would split a stored unit are refused before any IR is made.
// RUN: compress-opt %s --transform-interpreter --split-input-file --verify-diagnostics

// A tile of 24 cuts blocks of 32.
!w = !compress.tensor<8x96xf32, #compress.quant<i8, block = [1, 32], scale = f16>>
module attributes {transform.with_named_sequence} {
func.func @f(%c: tensor<8x96xi8>, %s: tensor<8x3xf16>) -> tensor<8x96xf32> {
  %0 = compress.assemble %c, %s : tensor<8x96xi8>, tensor<8x3xf16> -> !w
  // expected-error @below {{expected a tile that splits no stored unit}}
  // expected-error @below {{tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  %w = compress.decode %0 : !w
  return %w : tensor<8x96xf32>
}
transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %op = transform.structured.match ops{["compress.decode"]} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 24] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}

// -----
// A tile of 3 cuts bytes of two codes.
!w = !compress.tensor<8x96xf32, #compress.quant<i4, block = [8, 96], scale = f16>>
module attributes {transform.with_named_sequence} {
func.func @f(%c: tensor<8x48xi8>, %s: tensor<1x1xf16>) -> tensor<8x96xf32> {
  %0 = compress.assemble %c, %s : tensor<8x48xi8>, tensor<1x1xf16> -> !w
  // expected-error @below {{expected a tile that splits no stored unit}}
  // expected-error @below {{tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  %w = compress.decode %0 : !w
  return %w : tensor<8x96xf32>
}
transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %op = transform.structured.match ops{["compress.decode"]} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 3] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}
