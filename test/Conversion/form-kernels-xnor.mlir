// Kernels of signs: lhs is what is compared with 0, where that is all that makes a sign.
// RUN: compress-opt %s --compress-form-kernels | FileCheck %s
// CHECK: #[[WINDOW:.*]] = affine_map<(d0, d1) -> (d0 floordiv 6, ((d0 mod 6) floordiv 3) * 2 + d1 floordiv 64 - 1, d0 mod 3 + (d1 mod 64) floordiv 32 - 2, d1 mod 32)>
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

// A convolution reads the image without its border: windows begin one place before it.
// CHECK-LABEL: func @border
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x4x2x32xf32>,
// CHECK-NOT: linalg
// CHECK-NOT: tensor.pad
// CHECK: compress.contract ins(%[[X]], {{.*}} window #[[WINDOW]] compute = xnor
#id4 = affine_map<(a, b, c, d) -> (a, b, c, d)>
!f = !compress.tensor<16x3x2x32xf32, #compress.tiled<#compress.quant<binary, block = [1, 3, 2, 32], scale = f32>, tile = [16, 1, 1, 32], order = [0, 1, 2, 3], flip = 255>>
func.func @border(%0: !f, %x: tensor<1x4x2x32xf32>, %i: tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %e = tensor.empty() : tensor<1x4x2x32xf32>
  %signs = linalg.generic {indexing_maps = [#id4, #id4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x : tensor<1x4x2x32xf32>) outs(%e : tensor<1x4x2x32xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf oge, %a, %zero : f32
    %s = arith.select %c, %one, %minus : f32
    linalg.yield %s : f32
  } -> tensor<1x4x2x32xf32>
  %padded = tensor.pad %signs low[0, 1, 2, 0] high[0, 0, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x4x2x32xf32> to tensor<1x5x4x32xf32>
  %w = compress.decode %0 : !f
  %y = linalg.conv_2d_nhwc_fhwc {strides = dense<[2, 1]> : tensor<2xi64>}
    ins(%padded, %w : tensor<1x5x4x32xf32>, tensor<16x3x2x32xf32>) outs(%i : tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32>
  return %y : tensor<1x2x3x16xf32>
}

// Zeros in place of channels, and ones that are nothing's border.
// CHECK-LABEL: func @channels
// CHECK-NOT: compress.contract
// CHECK-COUNT-2: linalg.conv_2d
func.func @channels(%0: !f, %x: tensor<1x5x4x31xf32>, %z: tensor<1x5x4x32xf32>, %i: tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<1x5x4x31xf32>
  %signs = math.copysign %one, %x : tensor<1x5x4x31xf32>
  %padded = tensor.pad %signs low[0, 0, 0, 1] high[0, 0, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x5x4x31xf32> to tensor<1x5x4x32xf32>
  %w = compress.decode %0 : !f
  %y = linalg.conv_2d_nhwc_fhwc {strides = dense<[2, 1]> : tensor<2xi64>}
    ins(%padded, %w : tensor<1x5x4x32xf32>, tensor<16x3x2x32xf32>) outs(%i : tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32>
  %u = linalg.conv_2d_nhwc_fhwc {strides = dense<[2, 1]> : tensor<2xi64>}
    ins(%z, %w : tensor<1x5x4x32xf32>, tensor<16x3x2x32xf32>) outs(%y : tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32>
  return %u : tensor<1x2x3x16xf32>
}

// A border, and a scale for each 32 steps: what a border adds is known for whole sums.
// CHECK-LABEL: func @blocks
// CHECK-NOT: compress.contract
// CHECK: linalg.conv_2d
!b = !compress.tensor<16x3x2x32xf32, #compress.tiled<#compress.quant<binary, block = [1, 1, 1, 32], scale = f32>, tile = [16, 1, 1, 32], order = [0, 1, 2, 3], record = 1, flip = 255>>
func.func @blocks(%0: !b, %x: tensor<1x4x4x32xf32>, %i: tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant dense<1.0> : tensor<1x4x4x32xf32>
  %signs = math.copysign %one, %x : tensor<1x4x4x32xf32>
  %padded = tensor.pad %signs low[0, 1, 0, 0] high[0, 0, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x4x4x32xf32> to tensor<1x5x4x32xf32>
  %w = compress.decode %0 : !b
  %y = linalg.conv_2d_nhwc_fhwc {strides = dense<[2, 1]> : tensor<2xi64>}
    ins(%padded, %w : tensor<1x5x4x32xf32>, tensor<16x3x2x32xf32>) outs(%i : tensor<1x2x3x16xf32>) -> tensor<1x2x3x16xf32>
  return %y : tensor<1x2x3x16xf32>
}
