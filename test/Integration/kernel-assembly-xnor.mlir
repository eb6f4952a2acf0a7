// The loops that bits are counted in: 8 rows of activations and 2 panels of 16 outputs, one word each; one row has four
// words of a panel.
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x1024:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t.safetensors --preset binary --compute auto --target cpu:znver4 --emit asm -o %t.s
// RUN: %python %inputs/kernel_assembly.py %t.s vpopcntd 16 | FileCheck %s --check-prefix=MATMUL
// RUN: %python %inputs/kernel_assembly.py %t.s vpopcntd 4 | FileCheck %s --check-prefix=MATVEC
// MATMUL: 16 vpopcntd, no scalar, no spill
// MATVEC: 4 vpopcntd, no scalar, no spill

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @matmul(%x: tensor<48x1024xf32>, %init: tensor<48x64xf32>) -> tensor<48x64xf32> {
  %one = arith.constant dense<1.0> : tensor<48x1024xf32>
  %signs = math.copysign %one, %x : tensor<48x1024xf32>
  %w = arith.constant dense_resource<w> : tensor<64x1024xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %w : tensor<48x1024xf32>, tensor<64x1024xf32>) outs(%init : tensor<48x64xf32>) -> tensor<48x64xf32>
  return %y : tensor<48x64xf32>
}

func.func @matvec(%x: tensor<1024xf32>, %init: tensor<64xf32>) -> tensor<64xf32> {
  %one = arith.constant dense<1.0> : tensor<1024xf32>
  %signs = math.copysign %one, %x : tensor<1024xf32>
  %w = arith.constant dense_resource<w> : tensor<64x1024xf32>
  %y = linalg.matvec ins(%w, %signs : tensor<64x1024xf32>, tensor<1024xf32>) outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}
