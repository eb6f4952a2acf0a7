// What stays as it is, and why. Nothing is changed then.
// RUN: compress-opt %s --split-input-file -o %t.before
// RUN: compress-opt %s --compress-move-factors --split-input-file -o %t.after
// RUN: diff %t.before %t.after
// RUN: compress-opt %s --compress-move-factors --remarks-filter="compress-move-factors" --split-input-file -o %t 2>&1 | FileCheck %s
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<4x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
// CHECK: [Missed] MoveFactors {{.*}}Reason="moving the factor does not pay: it would scale 256 elements, the weight has 256"
func.func @does_not_pay(%0: !w, %f: tensor<4xf32>, %x: tensor<64x64xf32>, %i: tensor<64x4xf32>) -> tensor<64x4xf32> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<4x64xf32>
  %b = linalg.broadcast ins(%f : tensor<4xf32>) outs(%e : tensor<4x64xf32>) dimensions = [1]
  %s = linalg.mul ins(%b, %w : tensor<4x64xf32>, tensor<4x64xf32>) outs(%e : tensor<4x64xf32>) -> tensor<4x64xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %s : tensor<64x64xf32>, tensor<4x64xf32>) outs(%i : tensor<64x4xf32>) -> tensor<64x4xf32>
  return %y : tensor<64x4xf32>
}

// -----
// The window is no dimension of the image.
!w = !compress.tensor<3x3x16x32xf32, #compress.quant<i8, block = [3, 3, 16, 1], scale = f16>>
// CHECK: [Missed] MoveFactors {{.*}}Reason="the factor lies along no dimensions that the other operand or the result of the contraction has"
func.func @window(%0: !w, %f: tensor<3xf32>, %x: tensor<1x6x6x16xf32>, %i: tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<3x3x16x32xf32>
  %b = linalg.broadcast ins(%f : tensor<3xf32>) outs(%e : tensor<3x3x16x32xf32>) dimensions = [1, 2, 3]
  %s = linalg.mul ins(%b, %w : tensor<3x3x16x32xf32>, tensor<3x3x16x32xf32>) outs(%e : tensor<3x3x16x32xf32>) -> tensor<3x3x16x32xf32>
  %y = linalg.conv_2d_nhwc_hwcf ins(%x, %s : tensor<1x6x6x16xf32>, tensor<3x3x16x32xf32>) outs(%i : tensor<1x4x4x32xf32>) -> tensor<1x4x4x32xf32>
  return %y : tensor<1x4x4x32xf32>
}

// -----
// No contraction; a factor for each element, and a product of f16, are nothing to move.
!w = !compress.tensor<4x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
!h = !compress.tensor<4x64xf16, #compress.quant<i8, block = [1, 64], scale = f16>>
// CHECK: [Missed] MoveFactors {{.*}}Reason="its user 'func.return' is no floating-point contraction or convolution"
// CHECK-NOT: MoveFactors
func.func @nothing(%0: !w, %1: !h, %f: tensor<4x64xf32>, %x: tensor<64xf16>, %i: tensor<4xf16>) -> (tensor<4x64xf32>, tensor<4x64xf32>, tensor<4xf16>) {
  %w = compress.decode %0 : !w
  %half = arith.constant dense<0.5> : tensor<4x64xf32>
  %s = arith.mulf %w, %half : tensor<4x64xf32>
  %t = arith.mulf %w, %f : tensor<4x64xf32>
  %h = compress.decode %1 : !h
  %third = arith.constant dense<0.333> : tensor<4x64xf16>
  %u = arith.mulf %h, %third : tensor<4x64xf16>
  %y = linalg.matvec ins(%u, %x : tensor<4x64xf16>, tensor<64xf16>) outs(%i : tensor<4xf16>) -> tensor<4xf16>
  return %s, %t, %y : tensor<4x64xf32>, tensor<4x64xf32>, tensor<4xf16>
}
