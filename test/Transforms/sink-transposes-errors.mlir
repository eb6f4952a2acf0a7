// What has other dimensions than the operand that is transposed reads that: products, sums along a dimension, borders whose value is computed.
// RUN: compress-opt %s --compress-sink-transposes | FileCheck %s

// CHECK-LABEL: func @product
// CHECK: %[[T:.*]] = linalg.transpose
// CHECK: %[[Y:.*]] = linalg.matmul ins(%[[T]],
// CHECK: return %[[Y]]
func.func @product(%x: tensor<8x4xf32>, %w: tensor<8x6xf32>, %i: tensor<4x6xf32>) -> tensor<4x6xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %t = linalg.transpose ins(%x : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%t, %w : tensor<4x8xf32>, tensor<8x6xf32>) outs(%i : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %y : tensor<4x6xf32>
}

// CHECK-LABEL: func @sum
// CHECK: %[[T:.*]] = linalg.transpose
// CHECK: %[[Y:.*]] = linalg.reduce { arith.addf } ins(%[[T]] :
// CHECK: return %[[Y]]
func.func @sum(%x: tensor<8x4xf32>, %i: tensor<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4x8xf32>
  %t = linalg.transpose ins(%x : tensor<8x4xf32>) outs(%e : tensor<4x8xf32>) permutation = [1, 0]
  %y = linalg.reduce { arith.addf } ins(%t : tensor<4x8xf32>) outs(%i : tensor<4xf32>) dimensions = [1]
  return %y : tensor<4xf32>
}

// CHECK-LABEL: func @border
// CHECK: %[[T:.*]] = linalg.transpose
// CHECK: %[[Y:.*]] = tensor.pad %[[T]]
// CHECK: return %[[Y]]
func.func @border(%x: tensor<8x4xindex>) -> tensor<5x8xindex> {
  %e = tensor.empty() : tensor<4x8xindex>
  %t = linalg.transpose ins(%x : tensor<8x4xindex>) outs(%e : tensor<4x8xindex>) permutation = [1, 0]
  %y = tensor.pad %t low[0, 0] high[1, 0] {
  ^bb0(%i: index, %j: index):
    tensor.yield %j : index
  } : tensor<4x8xindex> to tensor<5x8xindex>
  return %y : tensor<5x8xindex>
}
