// The loops that the multiply-adds of a kernel are in: blocks of 11 rows by two panels of 16 outputs share each decoded value; the
// last 10 of 32 rows are a block, too. One row has its own.
// RUN: %python %inputs/make-weights.py %t.safetensors 'w=F32:64x256:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t.safetensors --preset int4-b32 --target cpu:x86-64-v4 --emit asm -o %t.s
// RUN: %python %inputs/kernel_assembly.py %t.s vfmadd 176 | FileCheck %s --check-prefix=MATMUL
// RUN: %python %inputs/kernel_assembly.py %t.s vfmadd 160 | FileCheck %s --check-prefix=REST
// RUN: %python %inputs/kernel_assembly.py %t.s vfmadd 8 | FileCheck %s --check-prefix=MATVEC
// MATMUL: 176 vfmadd, no scalar, no spill
// REST: 160 vfmadd, no scalar, no spill
// MATVEC: 8 vfmadd, no scalar, no spill
// Values as they are need no buffer.
// RUN: compressc compile %s --weights %t.safetensors --preset none --target cpu:x86-64-v4 --emit asm -o %t.dense.s
// RUN: %python %inputs/kernel_assembly.py %t.dense.s vfmadd 176 | FileCheck %s --check-prefix=MATMUL
// RUN: %python %inputs/kernel_assembly.py %t.dense.s vfmadd 8 | FileCheck %s --check-prefix=MATVEC
// Masked values move to their lanes in registers.
// RUN: compressc compile %s --weights %t.safetensors --preset bitmask50 --target cpu:x86-64-v4 --emit asm -o %t.bitmask.s
// RUN: %python %inputs/kernel_assembly.py %t.bitmask.s vexpandps 32 | FileCheck %s --check-prefix=EXPAND
// EXPAND: 32 vexpandps, no scalar, no spill

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @matmul(%x: tensor<32x256xf32>, %init: tensor<32x64xf32>) -> tensor<32x64xf32> {
  %w = arith.constant dense_resource<w> : tensor<64x256xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<32x256xf32>, tensor<64x256xf32>) outs(%init : tensor<32x64xf32>) -> tensor<32x64xf32>
  return %y : tensor<32x64xf32>
}

func.func @matvec(%x: tensor<256xf32>, %init: tensor<64xf32>) -> tensor<64xf32> {
  %w = arith.constant dense_resource<w> : tensor<64x256xf32>
  %y = linalg.matvec ins(%w, %x : tensor<64x256xf32>, tensor<256xf32>) outs(%init : tensor<64xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}
