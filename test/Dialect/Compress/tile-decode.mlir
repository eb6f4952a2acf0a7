// Upstream tiling pulls in the decode of a tile: components are sliced, no compressed op exists.
// RUN: compress-opt %s --transform-interpreter --canonicalize --cse | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<128x256xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
!channel = !compress.tensor<128x256xf32, #compress.quant<i8, block = [1, 256], scale = f32>>

// CHECK-DAG: #[[BY2:.*]] = affine_map<(d0) -> (d0 floordiv 2)>
// CHECK-DAG: #[[BY32:.*]] = affine_map<(d0) -> (d0 floordiv 32)>
// CHECK-DAG: #[[BY256:.*]] = affine_map<(d0) -> (d0 floordiv 256)>
module attributes {transform.with_named_sequence} {

// Whole blocks: 64 of k are 32 bytes of codes and 2 scales.
// CHECK-LABEL: func @whole_blocks
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step
// CHECK: scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step
// CHECK: %[[BYTE:.*]] = affine.apply #[[BY2]](%[[K]])
// CHECK: %[[BLOCK:.*]] = affine.apply #[[BY32]](%[[K]])
// CHECK: tensor.extract_slice %{{.*}}[%[[N]], %[[BYTE]]] [16, 32] [1, 1] : tensor<128x128xi8>
// CHECK: tensor.extract_slice %{{.*}}[%[[N]], %[[BLOCK]]] [16, 2] [1, 1] : tensor<128x8xf16>
// CHECK: compress.assemble {{.*}} -> !compress.tensor<16x64xf32,
// CHECK: compress.decode {{.*}} !compress.tensor<16x64xf32,
func.func @whole_blocks(%c: tensor<128x128xi8>, %s: tensor<128x8xf16>, %x: tensor<4x256xf32>, %f: tensor<4x128xf32>) -> tensor<4x128xf32> {
  %0 = compress.assemble %c, %s : tensor<128x128xi8>, tensor<128x8xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x256xf32>, tensor<128x256xf32>)
    outs(%f : tensor<4x128xf32>) {tile} -> tensor<4x128xf32>
  return %y : tensor<4x128xf32>
}

// Inside one block: the one scale of a channel serves every tile.
// CHECK-LABEL: func @inside_block
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step
// CHECK: scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step
// CHECK: %[[BLOCK:.*]] = affine.apply #[[BY256]](%[[K]])
// CHECK: tensor.extract_slice %{{.*}}[%[[N]], %[[K]]] [16, 64] [1, 1] : tensor<128x256xi8>
// CHECK: tensor.extract_slice %{{.*}}[%[[N]], %[[BLOCK]]] [16, 1] [1, 1] : tensor<128x1xf32>
// CHECK: compress.decode
func.func @inside_block(%c: tensor<128x256xi8>, %s: tensor<128x1xf32>, %x: tensor<4x256xf32>, %f: tensor<4x128xf32>) -> tensor<4x128xf32> {
  %0 = compress.assemble %c, %s : tensor<128x256xi8>, tensor<128x1xf32> -> !channel
  %w = compress.decode %0 : !channel
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x256xf32>, tensor<128x256xf32>)
    outs(%f : tensor<4x128xf32>) {tile} -> tensor<4x128xf32>
  return %y : tensor<4x128xf32>
}

transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %ops = transform.structured.match attributes {tile} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l:2 = transform.structured.fuse %ops tile_sizes [0, 16, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
  transform.yield
}
}
