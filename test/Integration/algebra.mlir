// Convolutions with weights of low rank and with sums, and factors that move off the weight, compute what the original
// computes. The weights are of rank 2 and lose nothing but roundings.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'pointwise=F32:32x1x1x64:(r.integers(-3,4,(32,2))@r.integers(-3,4,(2,64))).reshape(s)' 'window=F32:32x16x3x3:(r.integers(-3,4,(32,2))@r.integers(-3,4,(2,144))).reshape(s)' 'scaled=F32:96x64:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/a
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=FUSED
// FUSED-NOT: decoded as a whole
// RUN: %python -c "import numpy as n; r = n.random.default_rng(1); g = lambda f, *s: n.save(r'%t/' + f, r.standard_normal(s, dtype=n.float32)); g('x.npy', 2, 9, 9, 64); g('xi.npy', 2, 5, 5, 32); g('y.npy', 1, 16, 8, 8); g('yi.npy', 1, 32, 6, 6); g('z.npy', 3, 64); g('f.npy', 96); g('g.npy', 64); g('zi.npy', 3, 96)"
// RUN: compressc compare %t/a --original %s --weights %t/w.safetensors --function pointwise --input %t/x.npy %t/xi.npy | FileCheck %s
// RUN: compressc compare %t/a --original %s --weights %t/w.safetensors --function window --input %t/y.npy %t/yi.npy | FileCheck %s
// RUN: compressc compare %t/a --original %s --weights %t/w.safetensors --function scaled --input %t/z.npy %t/f.npy %t/g.npy %t/zi.npy | FileCheck %s
// CHECK: relative error {{[0-9.]+e-(0[6-9]|1)}}

func.func @pointwise(%x: tensor<?x9x9x64xf32>, %init: tensor<?x5x5x32xf32>) -> tensor<?x5x5x32xf32> {
  %w = arith.constant {compress.codec = #compress.lowrank<2>} dense_resource<pointwise> : tensor<32x1x1x64xf32>
  %0 = linalg.conv_2d_nhwc_fhwc {strides = dense<2> : tensor<2xi64>} ins(%x, %w : tensor<?x9x9x64xf32>, tensor<32x1x1x64xf32>) outs(%init : tensor<?x5x5x32xf32>) -> tensor<?x5x5x32xf32>
  return %0 : tensor<?x5x5x32xf32>
}

func.func @window(%x: tensor<1x16x8x8xf32>, %init: tensor<1x32x6x6xf32>) -> tensor<1x32x6x6xf32> {
  %w = arith.constant {compress.codec = #compress.sum<#compress.lowrank<2>, #compress.bitmask<keep = 1>>} dense_resource<window> : tensor<32x16x3x3xf32>
  %0 = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<1x16x8x8xf32>, tensor<32x16x3x3xf32>) outs(%init : tensor<1x32x6x6xf32>) -> tensor<1x32x6x6xf32>
  return %0 : tensor<1x32x6x6xf32>
}

// A factor for each output, one for each input and one for all.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @scaled(%x: tensor<3x64xf32>, %f: tensor<96xf32>, %g: tensor<64xf32>, %init: tensor<3x96xf32>) -> tensor<3x96xf32> {
  %w = arith.constant {compress.codec = "df11"} dense_resource<scaled> : tensor<96x64xf32>
  %e = tensor.empty() : tensor<96x64xf32>
  %b = linalg.broadcast ins(%f : tensor<96xf32>) outs(%e : tensor<96x64xf32>) dimensions = [1]
  %s0 = linalg.mul ins(%w, %b : tensor<96x64xf32>, tensor<96x64xf32>) outs(%e : tensor<96x64xf32>) -> tensor<96x64xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %s0 : tensor<3x64xf32>, tensor<96x64xf32>) outs(%init : tensor<3x96xf32>) -> tensor<3x96xf32>
  %c = linalg.broadcast ins(%g : tensor<64xf32>) outs(%e : tensor<96x64xf32>) dimensions = [0]
  %s1 = linalg.mul ins(%w, %c : tensor<96x64xf32>, tensor<96x64xf32>) outs(%e : tensor<96x64xf32>) -> tensor<96x64xf32>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %s1 : tensor<3x64xf32>, tensor<96x64xf32>) outs(%0 : tensor<3x96xf32>) -> tensor<3x96xf32>
  %half = arith.constant dense<0.5> : tensor<96x64xf32>
  %s2 = arith.mulf %w, %half : tensor<96x64xf32>
  %2 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %s2 : tensor<3x64xf32>, tensor<96x64xf32>) outs(%1 : tensor<3x96xf32>) -> tensor<3x96xf32>
  return %2 : tensor<3x96xf32>
}
