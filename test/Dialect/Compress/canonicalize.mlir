// What folds, and what must not.
// RUN: compress-opt %s --canonicalize --split-input-file | FileCheck %s

#q = #compress.quant<i4, block = [1, 32], scale = f16>
!w = !compress.tensor<8x64xf32, #q>

// CHECK-LABEL: func @components_of_assemble
// CHECK-SAME: %[[C:.*]]: tensor<8x32xi8>, %[[S:.*]]: tensor<8x2xf16>
// CHECK-NEXT: return %[[C]], %[[S]]
func.func @components_of_assemble(%c: tensor<8x32xi8>, %s: tensor<8x2xf16>) -> (tensor<8x32xi8>, tensor<8x2xf16>) {
  %0 = compress.assemble %c, %s : tensor<8x32xi8>, tensor<8x2xf16> -> !w
  %1:2 = compress.components %0 : !w
  return %1#0, %1#1 : tensor<8x32xi8>, tensor<8x2xf16>
}

// CHECK-LABEL: func @assemble_of_components
// CHECK-SAME: %[[W:.*]]: !compress.tensor
// CHECK-NEXT: return %[[W]]
func.func @assemble_of_components(%w: !w) -> !w {
  %0:2 = compress.components %w : !w
  %1 = compress.assemble %0#0, %0#1 : tensor<8x32xi8>, tensor<8x2xf16> -> !w
  return %1 : !w
}

// The components of two weights are no weight of either.
// CHECK-LABEL: func @assemble_of_mixed_components
// CHECK: compress.assemble
func.func @assemble_of_mixed_components(%v: !w, %w: !w) -> !w {
  %0:2 = compress.components %v : !w
  %1:2 = compress.components %w : !w
  %2 = compress.assemble %0#0, %1#1 : tensor<8x32xi8>, tensor<8x2xf16> -> !w
  return %2 : !w
}

// CHECK-LABEL: func @encode_of_decode
// CHECK-SAME: %[[W:.*]]: !compress.tensor
// CHECK-NEXT: return %[[W]]
func.func @encode_of_decode(%w: !w) -> !w {
  %0 = compress.decode %w : !w
  %1 = compress.encode %0 : tensor<8x64xf32> -> !w
  return %1 : !w
}

// CHECK-LABEL: func @encode_of_other_decode
// CHECK: compress.encode
func.func @encode_of_other_decode(%w: !w) -> !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 32], scale = f16>> {
  %0 = compress.decode %w : !w
  %1 = compress.encode %0 : tensor<8x64xf32> -> !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 32], scale = f16>>
  return %1 : !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 32], scale = f16>>
}

// Quantization is lossy.
// CHECK-LABEL: func @decode_of_encode
// CHECK: compress.encode
// CHECK: compress.decode
func.func @decode_of_encode(%w: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %0 = compress.encode %w : tensor<8x64xf32> -> !w
  %1 = compress.decode %0 : !w
  return %1 : tensor<8x64xf32>
}

// Never a dense constant.
// CHECK-LABEL: func @decode_of_constants
// CHECK: compress.assemble
// CHECK: compress.decode
func.func @decode_of_constants() -> tensor<8x64xf32> {
  %c = arith.constant dense<1> : tensor<8x32xi8>
  %s = arith.constant dense<1.0> : tensor<8x2xf16>
  %0 = compress.assemble %c, %s : tensor<8x32xi8>, tensor<8x2xf16> -> !w
  %1 = compress.decode %0 : !w
  return %1 : tensor<8x64xf32>
}

!tiled = !compress.tensor<8x64xf32, #compress.tiled<#q, tile = [16, 8], order = [0, 1]>>

// Components of a layout fold as any others.
// CHECK-LABEL: func @components_of_tiled
// CHECK-SAME: %[[C:.*]]: tensor<1x8x16x4xi8>, %[[S:.*]]: tensor<1x2x16x1xf16>
// CHECK-NEXT: return %[[C]], %[[S]]
func.func @components_of_tiled(%c: tensor<1x8x16x4xi8>, %s: tensor<1x2x16x1xf16>) -> (tensor<1x8x16x4xi8>, tensor<1x2x16x1xf16>) {
  %0 = compress.assemble %c, %s : tensor<1x8x16x4xi8>, tensor<1x2x16x1xf16> -> !tiled
  %1:2 = compress.components %0 : !tiled
  return %1#0, %1#1 : tensor<1x8x16x4xi8>, tensor<1x2x16x1xf16>
}

// Same values, other bytes: another layout is another weight.
// CHECK-LABEL: func @encode_of_tiled_decode
// CHECK: compress.encode {{.*}} -> !compress.tensor<8x64xf32, #compress.quant<
func.func @encode_of_tiled_decode(%w: !tiled) -> !w {
  %0 = compress.decode %w : !tiled
  %1 = compress.encode %0 : tensor<8x64xf32> -> !w
  return %1 : !w
}

// On tensors a contraction is pure; on buffers it writes.
// CHECK-LABEL: func @dead_contract
// CHECK-SAME: %{{.*}}: tensor<4x64xf32>
// CHECK-NEXT: return
func.func @dead_contract(%x: tensor<4x64xf32>, %c: tensor<1x8x16x4xi8>, %s: tensor<1x2x16x1xf16>, %i: tensor<4x8xf32>) {
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<1x8x16x4xi8>, tensor<1x2x16x1xf16>) outs(%i : tensor<4x8xf32>)
    weight(!tiled, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x8xf32>
  return
}

// CHECK-LABEL: func @contract_writes
// CHECK: compress.contract
func.func @contract_writes(%x: memref<4x64xf32>, %c: memref<1x8x16x4xi8>, %s: memref<1x2x16x1xf16>, %i: memref<4x8xf32>) {
  compress.contract ins(%x, %c, %s : memref<4x64xf32>, memref<1x8x16x4xi8>, memref<1x2x16x1xf16>) outs(%i : memref<4x8xf32>)
    weight(!tiled, affine_map<(m, n, k) -> (n, k)>)
  return
}
