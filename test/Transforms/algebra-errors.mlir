// What stays as it is, and why.
// RUN: compress-opt %s --compress-algebra --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-algebra --remarks-filter="compress-algebra" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: [Missed] Algebra {{.*}}Reason="rank 60 does not pay: its factors have 9600 elements, the weight 6144"
// CHECK-LABEL: func @does_not_pay
// CHECK: linalg.vecmat
!w = !compress.tensor<96x64xf32, #compress.lowrank<60>>
func.func @does_not_pay(%0: !w, %x: tensor<96xf32>, %i: tensor<64xf32>) -> tensor<64xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.vecmat ins(%x, %w : tensor<96xf32>, tensor<96x64xf32>) outs(%i : tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// -----
// REMARK: [Missed] Algebra {{.*}}Reason="its size is known at run time only"
// CHECK-LABEL: func @dynamic
// CHECK: linalg.vecmat
!w = !compress.tensor<?x64xf32, #compress.lowrank<4>>
func.func @dynamic(%0: !w, %x: tensor<?xf32>, %i: tensor<64xf32>) -> tensor<64xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.vecmat ins(%x, %w : tensor<?xf32>, tensor<?x64xf32>) outs(%i : tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// -----
// REMARK: [Missed] Algebra {{.*}}Reason="its first dimension is a batch of the contraction"
// CHECK-LABEL: func @batch
// CHECK: linalg.batch_matmul
!w = !compress.tensor<8x32x64xf32, #compress.lowrank<2>>
func.func @batch(%0: !w, %x: tensor<8x3x32xf32>, %i: tensor<8x3x64xf32>) -> tensor<8x3x64xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.batch_matmul ins(%x, %w : tensor<8x3x32xf32>, tensor<8x32x64xf32>) outs(%i : tensor<8x3x64xf32>) -> tensor<8x3x64xf32>
  return %y : tensor<8x3x64xf32>
}

// -----
// REMARK: [Missed] Algebra {{.*}}Reason="its user 'linalg.exp' is no floating-point contraction or convolution"
// REMARK: [Missed] Algebra {{.*}}Reason="its user 'linalg.matmul' is no floating-point contraction or convolution"
// REMARK: [Missed] Algebra {{.*}}Reason="its contraction multiplies it by itself"
// CHECK-LABEL: func @users
// CHECK: compress.assemble
// CHECK: compress.decode
// CHECK-NOT: linalg.generic
!w = !compress.tensor<64x64xf32, #compress.lowrank<4>>
func.func @users(%u: tensor<64x4xf32>, %v: tensor<4x64xf32>, %e: tensor<64x64xf32>, %a: tensor<64x64xf32>) -> (tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>) {
  %0 = compress.assemble %u, %v : tensor<64x4xf32>, tensor<4x64xf32> -> !w
  %w = compress.decode %0 : !w
  %1 = linalg.matmul ins(%w, %w : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  %2 = linalg.matmul ins(%a, %a : tensor<64x64xf32>, tensor<64x64xf32>) outs(%w : tensor<64x64xf32>) -> tensor<64x64xf32>
  %3 = linalg.exp ins(%w : tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %1, %2, %3 : tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>
}

// -----
// REMARK: [Missed] Algebra {{.*}}Reason="an operand of the contraction is not f32, f16 or bf16"
// CHECK-LABEL: func @wide
// CHECK: linalg.vecmat
!q = !compress.tensor<96x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
!w = !compress.tensor<96x64xf32, #compress.sum<#compress.lowrank<4>, #compress.quant<i8, block = [1, 64], scale = f16>>>
func.func @wide(%0: !w, %x: tensor<96xf64>, %i: tensor<64xf64>) -> tensor<64xf64> {
  %w = compress.decode %0 : !w
  %y = linalg.vecmat ins(%x, %w : tensor<96xf64>, tensor<96x64xf32>) outs(%i : tensor<64xf64>) -> tensor<64xf64>
  return %y : tensor<64xf64>
}

// A codec without algebra says nothing.
// CHECK-LABEL: func @quant
func.func @quant(%0: !q, %x: tensor<96xf32>, %i: tensor<64xf32>) -> tensor<64xf32> {
  %w = compress.decode %0 : !q
  %y = linalg.vecmat ins(%x, %w : tensor<96xf32>, tensor<96x64xf32>) outs(%i : tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// -----
// REMARK: [Missed] Algebra {{.*}}Reason="its first dimension is reduced by a convolution"
// CHECK-LABEL: func @window
// CHECK: linalg.conv_2d_nhwc_hwcf
!w = !compress.tensor<3x3x16x32xf32, #compress.lowrank<1>>
func.func @window(%0: !w, %x: tensor<2x10x10x16xf32>, %i: tensor<2x8x8x32xf32>) -> tensor<2x8x8x32xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<2x10x10x16xf32>, tensor<3x3x16x32xf32>) outs(%i : tensor<2x8x8x32xf32>) -> tensor<2x8x8x32xf32>
  return %y : tensor<2x8x8x32xf32>
}

// -----
// REMARK: [Missed] Algebra {{.*}}Reason="it is the image of a convolution"
// CHECK-LABEL: func @image
// CHECK: linalg.conv_2d_nhwc_hwcf
!w = !compress.tensor<2x10x10x16xf32, #compress.lowrank<1>>
func.func @image(%0: !w, %x: tensor<3x3x16x32xf32>, %i: tensor<2x8x8x32xf32>) -> tensor<2x8x8x32xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.conv_2d_nhwc_hwcf ins(%w, %x : tensor<2x10x10x16xf32>, tensor<3x3x16x32xf32>) outs(%i : tensor<2x8x8x32xf32>) -> tensor<2x8x8x32xf32>
  return %y : tensor<2x8x8x32xf32>
}
// -----
// It has the indices of a convolution, and adds instead of multiplying.
// REMARK: [Missed] Algebra {{.*}}Reason="its user 'linalg.generic' is no floating-point contraction or convolution"
// CHECK-LABEL: func @adds
// CHECK: compress.decode
// CHECK: linalg.generic
// CHECK-NOT: linalg.generic
!w = !compress.tensor<32x3x3x16xf32, #compress.lowrank<1>>
func.func @adds(%0: !w, %x: tensor<2x10x10x16xf32>, %i: tensor<2x8x8x32xf32>) -> tensor<2x8x8x32xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(n, y, x, f, i, j, c) -> (n, y + i, x + j, c)>, affine_map<(n, y, x, f, i, j, c) -> (f, i, j, c)>, affine_map<(n, y, x, f, i, j, c) -> (n, y, x, f)>], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]}
    ins(%x, %w : tensor<2x10x10x16xf32>, tensor<32x3x3x16xf32>) outs(%i : tensor<2x8x8x32xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %p = arith.addf %a, %b : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  } -> tensor<2x8x8x32xf32>
  return %y : tensor<2x8x8x32xf32>
}
// REMARK-NOT: remark:
