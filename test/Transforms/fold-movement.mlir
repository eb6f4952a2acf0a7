// RUN: compress-opt %s --compress-fold-movement --split-input-file | FileCheck %s

// A chain: transposed, then widened. The contraction reads the weight as it is stored, and widens it itself.
// CHECK-DAG: #[[MK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[MN:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-LABEL: func @chain
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x64xf32>, %[[I:[a-z0-9]+]]: tensor<4x8xf32>
// CHECK: %[[W:.*]] = compress.decode
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {indexing_maps = [#[[MK]], #[[NK]], #[[MN]]], iterator_types = ["parallel", "parallel", "reduction"]}
// CHECK-SAME: ins(%[[X]], %[[W]] : tensor<4x64xf32>, tensor<8x64xf16>) outs(%[[I]] : tensor<4x8xf32>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f16, %[[OUT:.*]]: f32):
// CHECK-NEXT: %[[WIDE:.*]] = arith.extf %[[B]] : f16 to f32
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[A]], %[[WIDE]]
// CHECK-NEXT: arith.addf %[[OUT]], %[[P]]
!w = !compress.tensor<8x64xf16, #compress.quant<i8, block = [1, 32], scale = f16>>
func.func @chain(%0: !w, %x: tensor<4x64xf32>, %i: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<64x8xf16>
  %t = linalg.transpose ins(%w : tensor<8x64xf16>) outs(%e : tensor<64x8xf16>) permutation = [1, 0]
  %f = tensor.empty() : tensor<64x8xf32>
  %u = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%t : tensor<64x8xf16>) outs(%f : tensor<64x8xf32>) {
  ^bb0(%in: f16, %out: f32):
    %y = arith.extf %in : f16 to f32
    linalg.yield %y : f32
  } -> tensor<64x8xf32>
  %y = linalg.matmul ins(%x, %u : tensor<4x64xf32>, tensor<64x8xf32>) outs(%i : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----
// Broadcast along a batch and transposed: the batch is one more dimension of rows.
// CHECK-DAG: #[[BMK:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
// CHECK-DAG: #[[KN:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d2)>
// CHECK-DAG: #[[BMN:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-LABEL: func @broadcast
// CHECK: %[[W:.*]] = compress.decode
// CHECK: linalg.generic {indexing_maps = [#[[BMK]], #[[NK]], #[[BMN]]]{{.*}} ins(%{{.*}}, %[[W]] : tensor<3x4x64xf16>, tensor<8x64xf16>)
!w = !compress.tensor<8x64xf16, #compress.quant<i8, block = [1, 32], scale = f16>>
func.func @broadcast(%0: !w, %x: tensor<3x4x64xf16>, %i: tensor<3x4x8xf16>) -> tensor<3x4x8xf16> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<3x64x8xf16>
  %u = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (c, b)>, affine_map<(a, b, c) -> (a, b, c)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%w : tensor<8x64xf16>) outs(%e : tensor<3x64x8xf16>) {
  ^bb0(%in: f16, %out: f16):
    linalg.yield %in : f16
  } -> tensor<3x64x8xf16>
  %y = linalg.batch_matmul ins(%x, %u : tensor<3x4x64xf16>, tensor<3x64x8xf16>) outs(%i : tensor<3x4x8xf16>) -> tensor<3x4x8xf16>
  return %y : tensor<3x4x8xf16>
}

// CHECK-LABEL: func @named_broadcast
// CHECK: %[[W:.*]] = compress.decode
// CHECK-NOT: linalg.broadcast
// CHECK: linalg.generic {indexing_maps = [#[[BMK]], #[[KN]], #[[BMN]]]{{.*}} ins(%{{.*}}, %[[W]] : tensor<?x4x8xf16>, tensor<8x64xf16>)
func.func @named_broadcast(%0: !w, %x: tensor<?x4x8xf16>, %e: tensor<?x8x64xf16>, %i: tensor<?x4x64xf16>) -> tensor<?x4x64xf16> {
  %w = compress.decode %0 : !w
  %u = linalg.broadcast ins(%w : tensor<8x64xf16>) outs(%e : tensor<?x8x64xf16>) dimensions = [0]
  %y = linalg.batch_matmul ins(%x, %u : tensor<?x4x8xf16>, tensor<?x8x64xf16>) outs(%i : tensor<?x4x64xf16>) -> tensor<?x4x64xf16>
  return %y : tensor<?x4x64xf16>
}

// -----
// A movement that permutes its output rather than its input, as the left operand. It has another user: both are served.
// CHECK-DAG: #[[TR:.*]] = affine_map<(d0, d1) -> (d1, d0)>
// CHECK-DAG: #[[KM:.*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-LABEL: func @left
// CHECK: %[[W:.*]] = compress.decode
// CHECK: %[[T:.*]] = linalg.generic {indexing_maps = [#{{.*}}, #[[TR]]]
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[KM]], #{{.*}}, #{{.*}}]{{.*}} ins(%[[W]], %{{.*}} : tensor<8x64xf32>, tensor<8x5xf32>)
// CHECK: return %[[Y]], %[[T]]
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 32], scale = f16>>
func.func @left(%0: !w, %x: tensor<8x5xf32>, %i: tensor<64x5xf32>) -> (tensor<64x5xf32>, tensor<64x8xf32>) {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<64x8xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (b, a)>], iterator_types = ["parallel", "parallel"]}
    ins(%w : tensor<8x64xf32>) outs(%e : tensor<64x8xf32>) {
  ^bb0(%in: f32, %out: f32):
    linalg.yield %in : f32
  } -> tensor<64x8xf32>
  %y = linalg.matmul ins(%t, %x : tensor<64x8xf32>, tensor<8x5xf32>) outs(%i : tensor<64x5xf32>) -> tensor<64x5xf32>
  return %y, %t : tensor<64x5xf32>, tensor<64x8xf32>
}

// -----
// Both operands are the same movement.
// CHECK-DAG: #[[KM:.*]] = affine_map<(d0, d1, d2) -> (d2, d0)>
// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func @twice
// CHECK: %[[W:.*]] = compress.decode
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {indexing_maps = [#[[KM]], #[[NK]], #{{.*}}]{{.*}} ins(%[[W]], %[[W]] : tensor<32x32xf32>, tensor<32x32xf32>)
!w = !compress.tensor<32x32xf32, #compress.quant<i8, block = [1, 32], scale = f16>>
func.func @twice(%0: !w, %i: tensor<32x32xf32>) -> tensor<32x32xf32> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<32x32xf32>
  %t = linalg.transpose ins(%w : tensor<32x32xf32>) outs(%e : tensor<32x32xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%t, %t : tensor<32x32xf32>, tensor<32x32xf32>) outs(%i : tensor<32x32xf32>) -> tensor<32x32xf32>
  return %y : tensor<32x32xf32>
}

// -----
// One movement, two contractions: each reads the weight.
// CHECK-LABEL: func @two_users
// CHECK: %[[W:.*]] = compress.decode
// CHECK-NOT: linalg.transpose
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[W]] : tensor<4x64xf32>, tensor<8x64xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[W]] : tensor<64xf32>, tensor<8x64xf32>)
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 32], scale = f16>>
func.func @two_users(%0: !w, %x: tensor<4x64xf32>, %v: tensor<64xf32>, %i: tensor<4x8xf32>, %j: tensor<8xf32>) -> (tensor<4x8xf32>, tensor<8xf32>) {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<64x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x64xf32>) outs(%e : tensor<64x8xf32>) permutation = [1, 0]
  %y = linalg.matmul ins(%x, %t : tensor<4x64xf32>, tensor<64x8xf32>) outs(%i : tensor<4x8xf32>) -> tensor<4x8xf32>
  %z = linalg.vecmat ins(%v, %t : tensor<64xf32>, tensor<64x8xf32>) outs(%j : tensor<8xf32>) -> tensor<8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<8xf32>
}

// -----
// What stays: other users than contractions, the output of one, and movements of what is no weight.
// CHECK-LABEL: func @untouched
// CHECK: %[[W:.*]] = compress.decode
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]]
// CHECK: linalg.matmul ins(%{{.*}}, %{{.*}} : tensor<64x4xf32>, tensor<4x8xf32>) outs(%[[T]]
// CHECK: linalg.exp ins(%[[T]]
// CHECK: %[[U:.*]] = linalg.transpose ins(%{{.*}} : tensor<8x64xf32>)
// CHECK: linalg.matmul ins(%{{.*}}, %[[U]]
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 32], scale = f16>>
func.func @untouched(%0: !w, %a: tensor<64x4xf32>, %b: tensor<4x8xf32>, %v: tensor<8x64xf32>, %x: tensor<5x64xf32>, %i: tensor<5x8xf32>)
    -> (tensor<64x8xf32>, tensor<64x8xf32>, tensor<5x8xf32>) {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<64x8xf32>
  %t = linalg.transpose ins(%w : tensor<8x64xf32>) outs(%e : tensor<64x8xf32>) permutation = [1, 0]
  %1 = linalg.matmul ins(%a, %b : tensor<64x4xf32>, tensor<4x8xf32>) outs(%t : tensor<64x8xf32>) -> tensor<64x8xf32>
  %2 = linalg.exp ins(%t : tensor<64x8xf32>) outs(%e : tensor<64x8xf32>) -> tensor<64x8xf32>
  %u = linalg.transpose ins(%v : tensor<8x64xf32>) outs(%e : tensor<64x8xf32>) permutation = [1, 0]
  %3 = linalg.matmul ins(%x, %u : tensor<5x64xf32>, tensor<64x8xf32>) outs(%i : tensor<5x8xf32>) -> tensor<5x8xf32>
  return %1, %2, %3 : tensor<64x8xf32>, tensor<64x8xf32>, tensor<5x8xf32>
}

// -----
// More than a movement: the elements change.
// CHECK-LABEL: func @scaled
// CHECK: linalg.generic
// CHECK: arith.mulf
// CHECK: linalg.matmul
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 32], scale = f16>>
func.func @scaled(%0: !w, %x: tensor<4x8xf32>, %i: tensor<4x64xf32>, %c: f32) -> tensor<4x64xf32> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<8x64xf32>
  %t = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%w : tensor<8x64xf32>) outs(%e : tensor<8x64xf32>) {
  ^bb0(%in: f32, %out: f32):
    %p = arith.mulf %in, %c : f32
    linalg.yield %p : f32
  } -> tensor<8x64xf32>
  %y = linalg.matmul ins(%x, %t : tensor<4x8xf32>, tensor<8x64xf32>) outs(%i : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}
