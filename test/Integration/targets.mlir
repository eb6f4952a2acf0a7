// Artifacts for several CPUs, and for CPUs that this machine is not.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'w=F32:300x160:r.standard_normal(s)'
// RUN: %python %inputs/targets.py %s %t

func.func @main(%x: tensor<?x160xf32>) -> tensor<?x300xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x160xf32>
  %some = arith.cmpi sgt, %m, %c0 : index
  cf.assert %some, "expected rows"
  %e = tensor.empty(%m) : tensor<?x300xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x300xf32>) -> tensor<?x300xf32>
  %w = arith.constant dense_resource<w> : tensor<300x160xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<?x160xf32>, tensor<300x160xf32>) outs(%init : tensor<?x300xf32>) -> tensor<?x300xf32>
  return %y : tensor<?x300xf32>
}
