// Shared values through artifacts. Weights with as many values as a codebook are stored without
// error, so kernels, fused tiles and the decode must give what the dense weights give, up to the
// order of sums.
// DEFINE: %{preset} =
// DEFINE: %{target} = cpu:native
// DEFINE: %{check} = compressc compile %s --weights %t.safetensors --preset %{preset} --target %{target} -o %t.%{preset} && compressc verify %t.%{preset} --original %s --weights %t.safetensors | FileCheck %s --check-prefix=VERIFY && compressc inspect %t.%{preset} | FileCheck %s --check-prefix=%{preset} && compressc compare %t.%{preset} --original %s --weights %t.safetensors --input %t.x.npy %t.a.npy %t.i.npy %t.z.npy | FileCheck %s --check-prefix=COMPARE
// VERIFY: verified: 4 compressed weights, 0 dense weights
// COMPARE-COUNT-4: relative error {{0.000e\+00|.*e-0[789]}},
// RUN: %python -c "import numpy as n, sys; r = n.random.default_rng(1); [n.save(sys.argv[1] + f, r.standard_normal(s).astype('f')) for f, s in (('.x', (3, 256)), ('.a', (3, 70)), ('.i', (3, 64)), ('.z', (3, 33)))]" %t

// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:r.integers(0,16,s)*.25-2' 'h=F16:64x256:r.integers(0,16,s)*.5-3' 'n=BF16:33x70:r.integers(0,16,s)*.5-3' 'v=F32:64x256:n.repeat(r.integers(0,3,[64,128]),2,1)'
// REDEFINE: %{preset} = palette4
// RUN: %{check}
// palette4: 8224 B 4.02 bits/weight  error 0.000e+00  w  #compress.tiled<
// palette4: 9216 B 4.50 bits/weight  error 0.000e+00  v  #compress.palette<bits = 8, group = [64, 256], codebook = f16, dim = 2>
// palette4: 8224 B 4.02 bits/weight  error 0.000e+00  h  #compress.tiled<
// palette4: error 0.000e+00  n  #compress.tiled<
// palette4-NOT: decoded as a whole
// REDEFINE: %{target} = cpu:x86-64-v2
// RUN: %{check}
// REDEFINE: %{target} = cpu:native
// REDEFINE: %{preset} = palette8
// RUN: %{check}
// palette8: 16896 B 8.25 bits/weight  error 0.000e+00  w  #compress.tiled<
// palette8-NOT: decoded as a whole
// REDEFINE: %{preset} = palette7
// RUN: %{check}
// palette7: 14592 B 7.12 bits/weight  error 0.000e+00  w  #compress.palette<
// palette7-NOT: decoded as a whole
// REDEFINE: %{preset} = palette6
// RUN: %{check}
// palette6: 12416 B 6.06 bits/weight  error 0.000e+00  w  #compress.palette<
// palette6-NOT: decoded as a whole
// REDEFINE: %{preset} = palette5
// RUN: %{check}
// palette5: 10304 B 5.03 bits/weight  error 0.000e+00  w  #compress.palette<
// palette5-NOT: decoded as a whole

// A codebook per row: each row has values of its own.
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:r.integers(0,16,s)*.25-n.arange(64)[:,None]' 'h=F16:64x256:r.integers(0,16,s)*.5-n.arange(64)[:,None]' 'n=BF16:33x70:r.integers(0,16,s)-n.arange(33)[:,None]' 'v=F32:64x256:n.repeat(r.integers(0,3,[64,128]),2,1)'
// REDEFINE: %{preset} = palette4-row
// RUN: %{check}
// palette4-row: 10240 B 5.00 bits/weight  error 0.000e+00  w  #compress.tiled<
// palette4-row-NOT: decoded as a whole
// REDEFINE: %{preset} = palette8-row
// RUN: %{check}
// palette8-row: 49152 B 24.00 bits/weight  error 0.000e+00  w  #compress.tiled<
// palette8-row-NOT: decoded as a whole

// Fewer bits.
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:r.integers(0,8,s)*.25-2' 'h=F16:64x256:r.integers(0,8,s)*.5-3' 'n=BF16:33x70:r.integers(0,8,s)*.5-3' 'v=F32:64x256:n.repeat(r.integers(0,3,[64,128]),2,1)'
// REDEFINE: %{preset} = palette3
// RUN: %{check}
// palette3: 6160 B 3.01 bits/weight  error 0.000e+00  w  #compress.palette<
// palette3-NOT: decoded as a whole
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:r.integers(0,4,s)*.25-2' 'h=F16:64x256:r.integers(0,4,s)*.5-3' 'n=BF16:33x70:r.integers(0,4,s)*.5-3' 'v=F32:64x256:n.repeat(r.integers(0,3,[64,128]),2,1)'
// REDEFINE: %{preset} = palette2
// RUN: %{check}
// palette2: 4104 B 2.00 bits/weight  error 0.000e+00  w  #compress.tiled<
// palette2-NOT: decoded as a whole
// REDEFINE: %{preset} = palette2-row
// RUN: %{check}
// palette2-row: 4608 B 2.25 bits/weight  error 0.000e+00  w  #compress.tiled<
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:r.integers(0,2,s)*.25-2' 'h=F16:64x256:r.integers(0,2,s)*.5-3' 'n=BF16:33x70:r.integers(0,2,s)*.5-3' 'v=F32:64x256:n.repeat(r.integers(0,3,[64,128]),2,1)'
// REDEFINE: %{preset} = palette1
// RUN: %{check}
// palette1: 2052 B 1.00 bits/weight  error 0.000e+00  w  #compress.tiled<
// REDEFINE: %{preset} = palette1-row
// RUN: %{check}
// palette1-row: 2304 B 1.12 bits/weight  error 0.000e+00  w  #compress.tiled<

// NF4: every value is an entry times the scale of its block.
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:n.tile(n.linspace(-1,1,2)[r.integers(0,2,s)],1)*2.0' 'h=F16:64x256:r.integers(-1,2,s)*.5' 'n=BF16:33x70:r.integers(-1,2,s)*4.0' 'v=F32:64x256:n.repeat(r.integers(0,3,[64,128]),2,1)'
// REDEFINE: %{preset} = nf4
// RUN: %{check}
// nf4: 8768 B 4.28 bits/weight  error 0.000e+00  w  #compress.tiled<#compress.palette<bits = 4, group = [64, 256], codebook = f32, scale = f16, block = [1, 64]>
// nf4-NOT: decoded as a whole

// And of a normal distribution NF4 makes an error of 9%.
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:r.standard_normal(s)' 'h=F16:64x256:r.standard_normal(s)' 'n=BF16:33x70:r.standard_normal(s)' 'v=F32:64x256:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t.safetensors --preset nf4 -o %t.normal
// RUN: compressc verify %t.normal --original %s --weights %t.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t.normal | FileCheck %s --check-prefix=NORMAL
// NORMAL: error 9.{{.*}}e-02  w

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#pairs = #compress.palette<bits = 8, group = [64, 256], codebook = f16, dim = 2>

func.func @main(%x: tensor<3x256xf32>, %a: tensor<3x70xf32>, %i: tensor<3x64xf32>, %z: tensor<3x33xf32>) -> (tensor<3x64xf32>, tensor<3x64xf32>, tensor<3x64xf32>, tensor<3x33xf32>) {
  %w = arith.constant dense_resource<w> : tensor<64x256xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x256xf32>, tensor<64x256xf32>) outs(%i : tensor<3x64xf32>) -> tensor<3x64xf32>
  %v = arith.constant {compress.codec = #pairs} dense_resource<v> : tensor<64x256xf32>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %v : tensor<3x256xf32>, tensor<64x256xf32>) outs(%i : tensor<3x64xf32>) -> tensor<3x64xf32>
  %h = arith.constant dense_resource<h> : tensor<64x256xf16>
  %2 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %h : tensor<3x256xf32>, tensor<64x256xf16>) outs(%i : tensor<3x64xf32>) -> tensor<3x64xf32>
  %n = arith.constant dense_resource<n> : tensor<33x70xbf16>
  %3 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%a, %n : tensor<3x70xf32>, tensor<33x70xbf16>) outs(%z : tensor<3x33xf32>) -> tensor<3x33xf32>
  return %0, %1, %2, %3 : tensor<3x64xf32>, tensor<3x64xf32>, tensor<3x64xf32>, tensor<3x33xf32>
}
