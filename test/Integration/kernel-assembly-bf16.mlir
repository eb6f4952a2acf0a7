// The loops that the products of bf16 are in. One row has a record of two blocks of 32 k.
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t.safetensors --preset int4-b32 --compute bf16 --target cpu:znver4 --emit asm -o %t.s
// RUN: %python %inputs/kernel_assembly.py %t.s vdpbf16ps 32 | FileCheck %s --check-prefix=INT4-MATVEC
// INT4-MATVEC: 32 vdpbf16ps, no scalar, no spill
// One row has a tile of 32 k; 8 rows and 2 panels of 16 outputs share it.
// RUN: compressc compile %s --weights %t.safetensors --preset fp8-e4m3-channel --compute bf16 --target cpu:znver4 --emit asm -o %t.s
// RUN: %python %inputs/kernel_assembly.py %t.s vdpbf16ps 16 | FileCheck %s --check-prefix=MATVEC
// RUN: %python %inputs/kernel_assembly.py %t.s vdpbf16ps 256 | FileCheck %s --check-prefix=MATMUL
// RUN: compressc compile %s --weights %t.safetensors --preset palette4 --compute bf16 --target cpu:znver4 --emit asm -o %t.s
// RUN: %python %inputs/kernel_assembly.py %t.s vdpbf16ps 16 | FileCheck %s --check-prefix=MATVEC
// RUN: %python %inputs/kernel_assembly.py %t.s vdpbf16ps 256 | FileCheck %s --check-prefix=MATMUL
// MATVEC: 16 vdpbf16ps, no scalar, no spill
// MATMUL: 256 vdpbf16ps, no scalar, no spill

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @matmul(%x: tensor<48x256xf32>, %init: tensor<48x64xf32>) -> tensor<48x64xf32> {
  %w = arith.constant dense_resource<w> : tensor<64x256xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<48x256xf32>, tensor<64x256xf32>) outs(%init : tensor<48x64xf32>) -> tensor<48x64xf32>
  return %y : tensor<48x64xf32>
}

func.func @matvec(%x: tensor<256xf32>, %init: tensor<64xf32>) -> tensor<64xf32> {
  %w = arith.constant dense_resource<w> : tensor<64x256xf32>
  %y = linalg.matvec ins(%w, %x : tensor<64x256xf32>, tensor<256xf32>) outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}
