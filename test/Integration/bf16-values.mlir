// What kernels of bf16 multiply with: every code of each codec, bit for bit what decode yields; and how they round
// activations. With AVX-512 BF16 where the machine has it, with AVX2 and without.
// RUN: rm -rf %t && mkdir %t && cp %s %t/bf16-values.mlir
// RUN: %python %inputs/bf16-values.py %t native | FileCheck %s
// RUN: %python %inputs/bf16-values.py %t x86-64-v3 | FileCheck %s --check-prefix=OTHER
// RUN: %python %inputs/bf16-values.py %t x86-64-v2 | FileCheck %s --check-prefix=OTHER
// CHECK: 22 presets agree
// OTHER: 8 presets agree
func.func @main(%x: tensor<?x518xf32>) -> tensor<?x37xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x518xf32>
  %e = tensor.empty(%m) : tensor<?x37xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x37xf32>) -> tensor<?x37xf32>
  %w = arith.constant dense_resource<w> : tensor<37x518xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<?x518xf32>, tensor<37x518xf32>) outs(%init : tensor<?x37xf32>) -> tensor<?x37xf32>
  return %y : tensor<?x37xf32>
}
