// Low-rank weights with more rows than what is between their factors may have in a cache: any number of rows, one tile and several.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'w=F32:300x272:r.standard_normal((300,16))@r.standard_normal((16,272))/4'
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/a
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=INSPECT
// INSPECT: w  #compress.nested<#compress.lowrank<128>, u = #compress.tiled<#compress.dense, {{.*}}>, v = #compress.tiled<#compress.dense
// RUN: %python %inputs/tile-pairs.py %t/a %t/w.safetensors

func.func @main(%x: tensor<?x272xf32>, %init: tensor<?x300xf32>) -> tensor<?x300xf32> {
  %w = arith.constant {compress.codec = #compress.lowrank<128>} dense_resource<w> : tensor<300x272xf32>
  %0 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<?x272xf32>, tensor<300x272xf32>) outs(%init : tensor<?x300xf32>) -> tensor<?x300xf32>
  return %0 : tensor<?x300xf32>
}
