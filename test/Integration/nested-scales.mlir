// Scales and minima that are quantized again, as in the K-quants of GGUF.
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x512:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t.safetensors --preset none -o %t.artifact
// RUN: compressc verify %t.artifact --original %s --weights %t.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t.artifact | FileCheck %s --check-prefix=INSPECT
// VERIFY: verified: 1 compressed weights
// Codes 16384, scales and minima 1024 bytes each, their scales and minima 256 values of f16 each.
// INSPECT: 19456 B 4.75 bits/weight
// INSPECT-NOT: decoded as a whole

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#q4 = #compress.quant<u4, block = [1, 32], scale = f32, min = f32>
#q8 = #compress.quant<u8, block = [1, 8], scale = f16, min = f16>
#super = #compress.nested<#q4, mins = #q8, scales = #q8>

func.func @main(%x: tensor<3x512xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = #super} dense_resource<w> : tensor<64x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<64x512xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}
