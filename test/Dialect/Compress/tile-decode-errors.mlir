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

// -----
// A tile of 24 cuts stored tiles of 16.
!w = !compress.tensor<96x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 32], scale = f16>, tile = [16, 4], order = [0, 1]>>
module attributes {transform.with_named_sequence} {
func.func @f(%c: tensor<6x16x16x4xi8>, %s: tensor<6x2x16x1xf16>) -> tensor<96x64xf32> {
  %0 = compress.assemble %c, %s : tensor<6x16x16x4xi8>, tensor<6x2x16x1xf16> -> !w
  // expected-error @below {{expected a tile that splits no stored unit}}
  // expected-error @below {{tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  %w = compress.decode %0 : !w
  return %w : tensor<96x64xf32>
}
transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %op = transform.structured.match ops{["compress.decode"]} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l = transform.structured.tile_using_for %op tile_sizes [24, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}

// -----
// Stored tiles of 64 hold two blocks, but the 32 that are left behind two of them would have one.
!w = !compress.tensor<16x160xf32, #compress.tiled<#compress.quant<i8, block = [1, 32], scale = f16>, tile = [16, 64], order = [0, 1]>>
module attributes {transform.with_named_sequence} {
func.func @f(%c: tensor<1x3x16x64xi8>, %s: tensor<1x3x16x2xf16>, %e: tensor<16x32xf32>) -> tensor<16x32xf32> {
  %0 = compress.assemble %c, %s : tensor<1x3x16x64xi8>, tensor<1x3x16x2xf16> -> !w
  // expected-error @below {{expected a tile that splits no stored unit}}
  // expected-error @below {{tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  %w = compress.decode %0 : !w
  %y = tensor.extract_slice %w[0, 128] [16, 32] [1, 1] : tensor<16x160xf32> to tensor<16x32xf32>
  return %y : tensor<16x32xf32>
}
transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %op = transform.structured.match ops{["compress.decode"]} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 128] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}

// -----
// The kernel op: a tile of k that is half a stored tile.
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i4, block = [1, 64], scale = f16>, tile = [16, 8], order = [0, 1]>>
module attributes {transform.with_named_sequence} {
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x8x16x4xi8>, %s: tensor<2x1x16x1xf16>, %i: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected a tile that splits no stored unit}}
  // expected-error @below {{tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x8x16x4xi8>, tensor<2x1x16x1xf16>) outs(%i : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}
transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %op = transform.structured.match ops{["compress.contract"]} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 0, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}

// -----
// Buffers are not tiled.
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i4, block = [1, 64], scale = f16>, tile = [16, 8], order = [0, 1]>>
module attributes {transform.with_named_sequence} {
func.func @f(%x: memref<4x64xf32>, %c: memref<2x8x16x4xi8>, %s: memref<2x1x16x1xf16>, %i: memref<4x32xf32>) {
  // expected-error @below {{tile operation}}
  // expected-error @below {{failed to generate tiling loops}}
  compress.contract ins(%x, %c, %s : memref<4x64xf32>, memref<2x8x16x4xi8>, memref<2x1x16x1xf16>) outs(%i : memref<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}
transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %op = transform.structured.match ops{["compress.contract"]} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l = transform.structured.tile_using_for %op tile_sizes [0, 16, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}

// -----
// A tile of 24 cuts what 20 trits share.
!w = !compress.tensor<8x96xf32, #compress.nested<#compress.quant<i2, block = [1, 96], scale = f16, narrow>, codes = #compress.base3>>
module attributes {transform.with_named_sequence} {
func.func @f(%c: !compress.tensor<8x24xi8, #compress.base3>, %s: tensor<8x1xf16>) -> tensor<8x96xf32> {
  %0 = compress.assemble %c, %s : !compress.tensor<8x24xi8, #compress.base3>, tensor<8x1xf16> -> !w
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
