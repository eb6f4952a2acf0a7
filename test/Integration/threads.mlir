// Kernels on several threads: the same bits for any number, from many callers at a time, within a caller's own
// OpenMP region, and without OpenMP.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'w=F32:1000x1056:r.standard_normal(s)'
// RUN: %python %inputs/threads.py %s %t

func.func @main(%x: tensor<?x1056xf32>) -> tensor<?x1000xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x1056xf32>
  %e = tensor.empty(%m) : tensor<?x1000xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x1000xf32>) -> tensor<?x1000xf32>
  %w = arith.constant dense_resource<w> : tensor<1000x1056xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<?x1056xf32>, tensor<1000x1056xf32>) outs(%init : tensor<?x1000xf32>) -> tensor<?x1000xf32>
  return %y : tensor<?x1000xf32>
}
