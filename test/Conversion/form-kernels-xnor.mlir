// Kernels of signs: lhs is what is compared with 0, where that is all that makes a sign.
// RUN: compress-opt %s --compress-form-kernels | FileCheck %s
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>
!w = !compress.tensor<2x40xf32, #compress.tiled<#compress.quant<binary, block = [1, 40], scale = f32>, tile = [16, 32], order = [0, 1], flip = 255>>

// CHECK-LABEL: func @compared
// CHECK-SAME: %[[W:.*]]: !compress.tensor{{.*}}, %[[X:.*]]: tensor<3x40xf32>,
// CHECK-NOT: linalg
// CHECK: compress.contract ins(%[[X]], {{.*}} compute = xnor
func.func @compared(%0: !w, %x: tensor<3x40xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %e = tensor.empty() : tensor<3x40xf32>
  %signs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<3x40xf32>) outs(%e : tensor<3x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf ugt, %zero, %a : f32
    %s = arith.select %c, %minus, %one : f32
    linalg.yield %s : f32
  } -> tensor<3x40xf32>
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// The same on whole tensors, f16, and used again.
// CHECK-LABEL: func @tensors
// CHECK-SAME: %[[W:.*]]: !compress.tensor{{.*}}, %[[X:.*]]: tensor<3x40xf16>,
// CHECK: %[[S:.*]] = arith.select
// CHECK: %[[F:.*]] = arith.extf %[[X]]
// CHECK: compress.contract ins(%[[F]], {{.*}} compute = xnor
// CHECK: return %{{.*}}, %[[S]]
func.func @tensors(%0: !w, %x: tensor<3x40xf16>, %i: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x40xf32>) {
  %zero = arith.constant dense<0.0> : tensor<3x40xf16>
  %one = arith.constant dense<1.0> : tensor<3x40xf32>
  %minus = arith.constant dense<-1.0> : tensor<3x40xf32>
  %c = arith.cmpf oge, %x, %zero : tensor<3x40xf16>
  %signs = arith.select %c, %one, %minus : tensor<3x40xi1>, tensor<3x40xf32>
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y, %signs : tensor<3x2xf32>, tensor<3x40xf32>
}

// 0 becomes -1 here, which the kernel does not do: it reads the signs.
// CHECK-LABEL: func @others
// CHECK: %[[S:.*]] = linalg.generic
// CHECK: compress.contract ins(%[[S]], {{.*}} compute = xnor
// Its operand in another order.
// CHECK: %[[T:.*]] = linalg.generic
// CHECK: compress.contract ins(%[[T]], {{.*}} compute = xnor
func.func @others(%0: !w, %x: tensor<3x40xf32>, %t: tensor<40x3xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %e = tensor.empty() : tensor<3x40xf32>
  %signs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<3x40xf32>) outs(%e : tensor<3x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf ogt, %a, %zero : f32
    %s = arith.select %c, %one, %minus : f32
    linalg.yield %s : f32
  } -> tensor<3x40xf32>
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %turned = linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, #id], iterator_types = ["parallel", "parallel"]}
    ins(%t : tensor<40x3xf32>) outs(%e : tensor<3x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf oge, %a, %zero : f32
    %s = arith.select %c, %one, %minus : f32
    linalg.yield %s : f32
  } -> tensor<3x40xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%turned, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%y : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}

// Activations that are no signs any more: the weight is decoded.
// CHECK-LABEL: func @unknown
// CHECK-NOT: compress.contract
// CHECK: linalg.matmul
func.func @unknown(%0: !w, %x: tensor<3x40xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
