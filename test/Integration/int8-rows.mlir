// Rows of activations that integer kernels round: each by itself, whatever is in the others.
// RUN: rm -rf %t && mkdir %t && cp %s %t/int8-rows.mlir
// RUN: %python %inputs/make-weights.py %t/weights.safetensors 'w=F32:37x70:r.standard_normal(s)'
// RUN: %python %inputs/int8-rows.py %t | FileCheck %s
// CHECK: int4-b32: rows agree
// CHECK-NEXT: int4-b32-asym: rows agree
// CHECK-NEXT: int2-b32: rows agree
// CHECK-NEXT: int8-channel: rows agree
func.func @main(%x: tensor<?x70xf32>) -> tensor<?x37xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x70xf32>
  %e = tensor.empty(%m) : tensor<?x37xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x37xf32>) -> tensor<?x37xf32>
  %w = arith.constant dense_resource<w> : tensor<37x70xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<?x70xf32>, tensor<37x70xf32>) outs(%init : tensor<?x37xf32>) -> tensor<?x37xf32>
  return %y : tensor<?x37xf32>
}
