// A weight that is stored as a matrix of outputs by places and channels.
// RUN: compress-opt %s | compress-opt | FileCheck %s
// RUN: compress-opt %s --compress-lower-decode | FileCheck %s --check-prefix=DECODE
// Rows of 30 codes are 15 bytes, though 5 channels are no whole ones.
!w = !compress.tensor<3x2x5x4xf32, #compress.matrix<#compress.quant<i4, block = [1, 30], scale = f32>, rows = [3], columns = [0, 1, 2]>>

// CHECK-LABEL: func @decode
// CHECK: !compress.tensor<3x2x5x4xf32, #compress.matrix<#compress.quant<i4, block = [1, 30], scale = f32>, rows = [3], columns = [0, 1, 2]>>
// DECODE-LABEL: func @decode
// DECODE: %[[M:.*]] = tensor.expand_shape %{{.*}} {{\[\[}}0], [1, 2, 3]] output_shape [4, 3, 2, 5] : tensor<4x30xf32> into tensor<4x3x2x5xf32>
// DECODE: linalg.transpose ins(%[[M]] : tensor<4x3x2x5xf32>) outs(%{{.*}} : tensor<3x2x5x4xf32>) permutation = [1, 2, 3, 0]
func.func @decode(%c: tensor<4x15xi8>, %s: tensor<4x1xf32>) -> tensor<3x2x5x4xf32> {
  %0 = compress.assemble %c, %s : tensor<4x15xi8>, tensor<4x1xf32> -> !w
  %1 = compress.decode %0 : !w
  return %1 : tensor<3x2x5x4xf32>
}

// Two matrices, in the order of the weight.
!g = !compress.tensor<2x4x3x5xf16, #compress.matrix<#compress.dense, rows = [0, 1], columns = [2, 3]>>

// DECODE-LABEL: func @batches
// DECODE: tensor.expand_shape %{{.*}} {{\[\[}}0], [1], [2, 3]] output_shape [2, 4, 3, 5]
// DECODE-NOT: linalg.transpose
// DECODE: return
func.func @batches(%v: tensor<2x4x15xf16>) -> tensor<2x4x3x5xf16> {
  %0 = compress.assemble %v : tensor<2x4x15xf16> -> !g
  %1 = compress.decode %0 : !g
  return %1 : tensor<2x4x3x5xf16>
}
