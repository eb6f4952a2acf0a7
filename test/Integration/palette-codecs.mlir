// Palettes that no preset makes, and users that are no contractions.
// RUN: %python %inputs/make-weights.py %t.safetensors 'a=F32:40x64:r.integers(0,8,s)*.5' 'b=F16:40x64:n.repeat(r.integers(0,3,[40,16]),4,1)*.5' 'c=BF16:40x63:r.integers(0,4,s)+8*(n.arange(40)[:,None]//16)' 'd=F32:5x3x3x7:r.standard_normal(s)' 'e=F32:50x33:r.standard_normal(s)' 'f=F32:64x40:r.integers(0,4,s)+4*n.arange(40)' 'g=F32:1x1:r.standard_normal(s)' 'k=F32:40x64:r.standard_normal(s)'
// RUN: %python -c "import numpy as n, sys; r = n.random.default_rng(1); [n.save(sys.argv[1] + f, r.standard_normal(s).astype('f')) for f, s in (('.x', (3, 64)), ('.y', (3, 63)), ('.i', (3, 40)), ('.p', (1, 6, 6, 7)))]; n.save(sys.argv[1] + '.r', n.array([7, 49, 0, 7]))" %t
// RUN: compressc compile %s --weights %t.safetensors --preset none -o %t.artifact
// RUN: compressc verify %t.artifact --original %s --weights %t.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t.artifact | FileCheck %s --check-prefix=INSPECT
// RUN: compressc compare %t.artifact --original %s --weights %t.safetensors --input %t.x.npy %t.y.npy %t.i.npy %t.p.npy %t.r.npy | FileCheck %s --check-prefix=COMPARE
// VERIFY: verified: 8 compressed weights, 0 dense weights
// INSPECT-NOT: decoded as a whole
// COMPARE: output0: {{.*}} relative error {{.*e-0[34]}},
// COMPARE: output1: {{.*}} relative error {{0.000e\+00|.*e-0[789]}},
// COMPARE: output2: {{.*}} relative error {{0.000e\+00|.*e-0[789]}},
// COMPARE: output3: {{.*}} relative error {{.*e-0[23]}},
// COMPARE: output4: {{.*}} relative error {{.*e-0[23]}},
// COMPARE: output5: {{.*}} relative error {{0.000e\+00|.*e-0[789]}},
// COMPARE: output6: {{.*}} relative error {{.*e-0[45]}},
// COMPARE: output7: {{.*}} relative error {{.*e-0[123]}},

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#mn = affine_map<(m, n, k) -> (m, n)>
// Codebooks that are quantized again.
#small = #compress.palette<bits = 3, group = [40, 64], codebook = f32>
#nested = #compress.nested<#small, codebooks = #compress.quant<u8, block = [1, 1, 8], scale = f32>>
// Four elements an index.
#quads = #compress.palette<bits = 8, group = [40, 64], codebook = f16, dim = 4>
// One codebook for 16 rows; the last ones have fewer.
#rows = #compress.palette<bits = 2, group = [16, 63], codebook = bf16>
#conv = #compress.palette<bits = 6, group = [5, 3, 3, 7], codebook = f16>
#scaled = #compress.palette<bits = 5, group = [50, 33], codebook = f16, scale = f16, block = [1, 11]>
// One codebook for each of the columns.
#columns = #compress.palette<bits = 2, group = [64, 1], codebook = f32>
#one = #compress.palette<bits = 1, group = [1, 1], codebook = f16>
// Groups in groups of scales, cut from the inside.
#mixed = #compress.palette<bits = 4, group = [8, 32], codebook = f16, scale = bf16, block = [1, 16]>

func.func @main(%x: tensor<3x64xf32>, %y: tensor<3x63xf32>, %i: tensor<3x40xf32>, %p: tensor<1x6x6x7xf32>, %r: tensor<4xi64>)
    -> (tensor<3x40xf32>, tensor<3x40xf32>, tensor<3x40xf32>, tensor<1x4x4x5xf32>, tensor<4x33xf32>, tensor<3x40xf32>, tensor<1x1xf32>, tensor<3x40xf32>) {
  %zero = arith.constant 0.0 : f32
  %a = arith.constant {compress.codec = #nested} dense_resource<a> : tensor<40x64xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %a : tensor<3x64xf32>, tensor<40x64xf32>) outs(%i : tensor<3x40xf32>) -> tensor<3x40xf32>
  %b = arith.constant {compress.codec = #quads} dense_resource<b> : tensor<40x64xf16>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %b : tensor<3x64xf32>, tensor<40x64xf16>) outs(%i : tensor<3x40xf32>) -> tensor<3x40xf32>
  %c = arith.constant {compress.codec = #rows} dense_resource<c> : tensor<40x63xbf16>
  %2 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%y, %c : tensor<3x63xf32>, tensor<40x63xbf16>) outs(%i : tensor<3x40xf32>) -> tensor<3x40xf32>
  %d = arith.constant {compress.codec = #conv} dense_resource<d> : tensor<5x3x3x7xf32>
  %convEmpty = tensor.empty() : tensor<1x4x4x5xf32>
  %convInit = linalg.fill ins(%zero : f32) outs(%convEmpty : tensor<1x4x4x5xf32>) -> tensor<1x4x4x5xf32>
  %3 = linalg.conv_2d_nhwc_fhwc {dilations = dense<1> : tensor<2xi64>, strides = dense<1> : tensor<2xi64>} ins(%p, %d : tensor<1x6x6x7xf32>, tensor<5x3x3x7xf32>) outs(%convInit : tensor<1x4x4x5xf32>) -> tensor<1x4x4x5xf32>
  %e = arith.constant {compress.codec = #scaled} dense_resource<e> : tensor<50x33xf32>
  %rowsEmpty = tensor.empty() : tensor<4x33xf32>
  %4 = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<4xi64>) outs(%rowsEmpty : tensor<4x33xf32>) {
  ^bb0(%row: i64, %out: f32):
    %at = arith.index_cast %row : i64 to index
    %col = linalg.index 1 : index
    %value = tensor.extract %e[%at, %col] : tensor<50x33xf32>
    linalg.yield %value : f32
  } -> tensor<4x33xf32>
  %f = arith.constant {compress.codec = #columns} dense_resource<f> : tensor<64x40xf32>
  %5 = linalg.matmul ins(%x, %f : tensor<3x64xf32>, tensor<64x40xf32>) outs(%i : tensor<3x40xf32>) -> tensor<3x40xf32>
  %g = arith.constant {compress.codec = #one} dense_resource<g> : tensor<1x1xf32>
  %oneEmpty = tensor.empty() : tensor<1x1xf32>
  %6 = linalg.add ins(%g, %g : tensor<1x1xf32>, tensor<1x1xf32>) outs(%oneEmpty : tensor<1x1xf32>) -> tensor<1x1xf32>
  %k = arith.constant {compress.codec = #mixed} dense_resource<k> : tensor<40x64xf32>
  %7 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %k : tensor<3x64xf32>, tensor<40x64xf32>) outs(%i : tensor<3x40xf32>) -> tensor<3x40xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7 : tensor<3x40xf32>, tensor<3x40xf32>, tensor<3x40xf32>, tensor<1x4x4x5xf32>, tensor<4x33xf32>, tensor<3x40xf32>, tensor<1x1xf32>, tensor<3x40xf32>
}
