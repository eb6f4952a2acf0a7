// RUN: compress-opt %s --compress-sink-transposes --split-input-file | FileCheck %s

// Channels are last for a kernel in front of these ops, and behind them for the next one: there is nothing to transpose.
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[CHANNEL:.*]] = affine_map<(d0, d1, d2, d3) -> (d3)>
// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 * 2 + d4, d2 * 2 + d5, d3)>
// CHECK-DAG: #[[PLACES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d4, d5)>
// CHECK-DAG: #[[RESULT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func @between
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x8x6x32xf32>, %[[B:[a-z0-9]+]]: tensor<32xf32>
// CHECK-NOT: linalg.transpose
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[ALL]], #[[CHANNEL]], #[[ALL]]], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
// CHECK-SAME: ins(%[[X]], %[[B]] : tensor<?x8x6x32xf32>, tensor<32xf32>) outs(%{{.*}} : tensor<?x8x6x32xf32>)
// CHECK: linalg.index 3
// CHECK: %[[P:.*]] = tensor.pad %[[Y]] low[0, 1, 2, 0] high[0, 1, 0, 0]
// CHECK: : tensor<?x8x6x32xf32> to tensor<?x10x8x32xf32>
// CHECK: %[[F:.*]] = linalg.fill {{.*}} -> tensor<?x5x4x32xf32>
// CHECK: %[[Z:.*]] = linalg.generic {indexing_maps = [#[[WINDOW]], #[[PLACES]], #[[RESULT]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
// CHECK-SAME: ins(%[[P]], %{{.*}} : tensor<?x10x8x32xf32>, tensor<2x2xf32>) outs(%[[F]] : tensor<?x5x4x32xf32>)
// CHECK-NOT: linalg.transpose
// CHECK: return %[[Z]]
func.func @between(%x: tensor<?x8x6x32xf32>, %b: tensor<32xf32>, %n: index) -> tensor<?x5x4x32xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%n) : tensor<?x32x8x6xf32>
  %t = linalg.transpose ins(%x : tensor<?x8x6x32xf32>) outs(%e : tensor<?x32x8x6xf32>) permutation = [0, 3, 1, 2]
  %y = linalg.generic {indexing_maps = [affine_map<(n, c, h, w) -> (n, c, h, w)>, affine_map<(n, c, h, w) -> (c)>, affine_map<(n, c, h, w) -> (n, c, h, w)>],
                       iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%t, %b : tensor<?x32x8x6xf32>, tensor<32xf32>) outs(%e : tensor<?x32x8x6xf32>) {
  ^bb0(%a: f32, %s: f32, %o: f32):
    %0 = linalg.index 1 : index
    %1 = arith.index_cast %0 : index to i32
    %2 = arith.sitofp %1 : i32 to f32
    %3 = arith.addf %a, %s : f32
    %4 = arith.addf %3, %2 : f32
    linalg.yield %4 : f32
  } -> tensor<?x32x8x6xf32>
  %p = tensor.pad %y low[0, 0, 1, 2] high[0, 0, 1, 0] {
  ^bb0(%i: index, %j: index, %k: index, %l: index):
    tensor.yield %zero : f32
  } : tensor<?x32x8x6xf32> to tensor<?x32x10x8xf32>
  %w = tensor.empty() : tensor<2x2xf32>
  %f = tensor.empty(%n) : tensor<?x32x5x4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%f : tensor<?x32x5x4xf32>) -> tensor<?x32x5x4xf32>
  %q = linalg.pooling_nchw_max {strides = dense<2> : tensor<2xi64>} ins(%p, %w : tensor<?x32x10x8xf32>, tensor<2x2xf32>) outs(%i : tensor<?x32x5x4xf32>) -> tensor<?x32x5x4xf32>
  %g = tensor.empty(%n) : tensor<?x5x4x32xf32>
  %z = linalg.transpose ins(%q : tensor<?x32x5x4xf32>) outs(%g : tensor<?x5x4x32xf32>) permutation = [0, 2, 3, 1]
  return %z : tensor<?x5x4x32xf32>
}

// -----
// A sum of two that are transposed alike, and of one that is not, which is read in another order; what is accumulated to is transposed. Two other
// transposes become one.
// CHECK-DAG: #[[SAME:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-DAG: #[[OTHER:.*]] = affine_map<(d0, d1, d2) -> (d2, d0, d1)>
// CHECK-LABEL: func @sums
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<3x4x2xf32>, %[[B:[a-z0-9]+]]: tensor<3x4x2xf32>, %[[C:[a-z0-9]+]]: tensor<2x3x4xf32>
// CHECK: %[[I:.*]] = linalg.transpose ins(%[[C]] : tensor<2x3x4xf32>) outs(%{{.*}} : tensor<3x4x2xf32>) permutation = [1, 2, 0]
// CHECK: %[[S:.*]] = linalg.generic {indexing_maps = [#[[SAME]], #[[SAME]], #[[OTHER]], #[[SAME]]]
// CHECK-SAME: ins(%[[A]], %[[B]], %[[C]] : {{.*}}) outs(%[[I]] : tensor<3x4x2xf32>)
// CHECK: linalg.transpose ins(%[[S]] : tensor<3x4x2xf32>) outs(%{{.*}} : tensor<4x3x2xf32>) permutation = [1, 0, 2]
// CHECK-NOT: linalg.transpose
#map = affine_map<(i, j, k) -> (i, j, k)>
func.func @sums(%a: tensor<3x4x2xf32>, %b: tensor<3x4x2xf32>, %c: tensor<2x3x4xf32>) -> tensor<4x3x2xf32> {
  %e = tensor.empty() : tensor<2x3x4xf32>
  %t = linalg.transpose ins(%a : tensor<3x4x2xf32>) outs(%e : tensor<2x3x4xf32>) permutation = [2, 0, 1]
  %u = linalg.transpose ins(%b : tensor<3x4x2xf32>) outs(%e : tensor<2x3x4xf32>) permutation = [2, 0, 1]
  %s = linalg.generic {indexing_maps = [#map, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%t, %u, %c : tensor<2x3x4xf32>, tensor<2x3x4xf32>, tensor<2x3x4xf32>) outs(%c : tensor<2x3x4xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %o: f32):
    %0 = arith.addf %x, %y : f32
    %1 = arith.addf %0, %z : f32
    %2 = arith.addf %1, %o : f32
    linalg.yield %2 : f32
  } -> tensor<2x3x4xf32>
  %f = tensor.empty() : tensor<4x3x2xf32>
  %v = linalg.transpose ins(%s : tensor<2x3x4xf32>) outs(%f : tensor<4x3x2xf32>) permutation = [2, 1, 0]
  return %v : tensor<4x3x2xf32>
}

// -----
// What is broadcast along rows is, transposed, still a row.
// CHECK-LABEL: func @broadcast
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<32xf32>
// CHECK: linalg.broadcast ins(%[[B]] : tensor<32xf32>) outs(%{{.*}} : tensor<?x4x4x32xf32>) dimensions = [0, 1, 2]
// CHECK-NOT: linalg.transpose
func.func @broadcast(%b: tensor<32xf32>, %n: index) -> tensor<?x4x4x32xf32> {
  %c0 = arith.constant 0 : index
  %e = tensor.empty(%n) : tensor<?x32x4x4xf32>
  %t = linalg.broadcast ins(%b : tensor<32xf32>) outs(%e : tensor<?x32x4x4xf32>) dimensions = [0, 2, 3]
  %d = tensor.dim %t, %c0 : tensor<?x32x4x4xf32>
  %f = tensor.empty(%d) : tensor<?x4x4x32xf32>
  %u = linalg.transpose ins(%t : tensor<?x32x4x4xf32>) outs(%f : tensor<?x4x4x32xf32>) permutation = [0, 2, 3, 1]
  return %u : tensor<?x4x4x32xf32>
}
