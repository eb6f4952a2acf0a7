// Bits were asked for: activations that are not known to be signs, and other weights, are errors.
// RUN: compress-opt %s --compress-pack-weights=compute=xnor --split-input-file --verify-diagnostics
// With auto, they are computed with in another mode.
// RUN: compress-opt %s --compress-pack-weights=compute=auto --split-input-file | FileCheck %s

// CHECK-LABEL: func @argument
// CHECK: tile = [16, 32], order = [0, 1]>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x40xf32, #compress.quant<binary, block = [1, 40], scale = f32>>
func.func @argument(%x: tensor<3x40xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %codes = arith.constant dense<[[255, 0, 255, 0, 255], [255, 255, 255, 255, 0]]> : tensor<2x5xi8>
  %scales = arith.constant dense<[[0.5], [2.0]]> : tensor<2x1xf32>
  // expected-error @below {{block = [1, 40], scale = f32>>' cannot be computed with in xnor: its activations are not known to be 1 or -1}}
  // expected-note @below {{compute=auto}}
  %0 = compress.assemble %codes, %scales : tensor<2x5xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// Three values: 0 is neither 1 nor -1.
// CHECK-LABEL: func @three
// CHECK: tile = [16, 32], order = [0, 1]>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>
!w = !compress.tensor<2x40xf32, #compress.quant<binary, block = [1, 40], scale = f32>>
func.func @three(%x: tensor<3x40xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %e = tensor.empty() : tensor<3x40xf32>
  %signs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<3x40xf32>) outs(%e : tensor<3x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf ogt, %a, %zero : f32
    %d = arith.cmpf olt, %a, %zero : f32
    %n = arith.select %d, %minus, %zero : f32
    %s = arith.select %c, %one, %n : f32
    linalg.yield %s : f32
  } -> tensor<3x40xf32>
  %codes = arith.constant dense<[[255, 0, 255, 0, 255], [255, 255, 255, 255, 0]]> : tensor<2x5xi8>
  %scales = arith.constant dense<[[0.5], [2.0]]> : tensor<2x1xf32>
  // expected-error @below {{cannot be computed with in xnor: its activations are not known to be 1 or -1}}
  // expected-note @below {{compute=auto}}
  %0 = compress.assemble %codes, %scales : tensor<2x5xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// Codes of 8 bits, and blocks that words do not divide.
// CHECK-LABEL: func @codes
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!i8 = !compress.tensor<2x40xf32, #compress.quant<i8, block = [1, 40], scale = f32>>
!b8 = !compress.tensor<2x40xf32, #compress.quant<binary, block = [1, 8], scale = f32>>
func.func @codes(%x: tensor<3x40xf32>, %i: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>) {
  %one = arith.constant dense<1.0> : tensor<3x40xf32>
  %signs = math.copysign %one, %x : tensor<3x40xf32>
  %codes = arith.constant dense_resource<codes> : tensor<2x40xi8>
  %scales = arith.constant dense<[[0.5], [2.0]]> : tensor<2x1xf32>
  // expected-error @below {{cannot be computed with in xnor: its codec has no layout for the kernel}}
  // expected-note @below {{compute=auto}}
  %0 = compress.assemble %codes, %scales : tensor<2x40xi8>, tensor<2x1xf32> -> !i8
  %w = compress.decode %0 : !i8
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %bits = arith.constant dense<[[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]> : tensor<2x5xi8>
  %many = arith.constant dense<[[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 10.0]]> : tensor<2x5xf32>
  // expected-error @below {{cannot be computed with in xnor: its codec has no layout for the kernel}}
  // expected-note @below {{compute=auto}}
  %1 = compress.assemble %bits, %many : tensor<2x5xi8>, tensor<2x5xf32> -> !b8
  %v = compress.decode %1 : !b8
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %v : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y, %z : tensor<3x2xf32>, tensor<3x2xf32>
}
{-# dialect_resources: { builtin: {
  codes: "0x040000000101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101"
} } #-}
