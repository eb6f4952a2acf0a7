// Upstream tiling pulls in the decode of a tile: components are sliced, no compressed op exists.
// RUN: compress-opt %s --transform-interpreter --canonicalize --cse | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<128x256xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
!tiled = !compress.tensor<128x256xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>
// [K, N], tiles of n outside.
!turned = !compress.tensor<12x40xf32, #compress.tiled<#compress.quant<u8, block = [12, 1], scale = f32, zero = i8>, tile = [4, 16], order = [1, 0]>>
!batch = !compress.tensor<3x32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 1, 64], scale = f32>, tile = [1, 16, 4], order = [0, 1, 2]>>
!channel = !compress.tensor<128x256xf32, #compress.quant<i8, block = [1, 256], scale = f32>>

// CHECK-DAG: #[[BY2:.*]] = affine_map<(d0) -> (d0 floordiv 2)>
// CHECK-DAG: #[[BY32:.*]] = affine_map<(d0) -> (d0 floordiv 32)>
// CHECK-DAG: #[[BY16:.*]] = affine_map<(d0) -> (d0 floordiv 16)>
// CHECK-DAG: #[[BY8:.*]] = affine_map<(d0) -> (d0 floordiv 8)>
// CHECK-DAG: #[[BY8BY4:.*]] = affine_map<(d0) -> ((d0 floordiv 8) floordiv 4)>
// CHECK-DAG: #[[BY4:.*]] = affine_map<(d0) -> (d0 floordiv 4)>
// CHECK-DAG: #[[TIMES16:.*]] = affine_map<(d0) -> (d0 * 16)>
// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[BNK:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
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

// Stored tiles: 16 of n is one, 64 of k are 8, with a scale for four of them.
// CHECK-LABEL: func @stored_tiles
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step
// CHECK: scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step
// CHECK: %[[NT:.*]] = affine.apply #[[BY16]](%[[N]])
// CHECK: %[[KT:.*]] = affine.apply #[[BY8]](%[[K]])
// CHECK: %[[BLOCK:.*]] = affine.apply #[[BY8BY4]](%[[K]])
// CHECK: %[[C:.*]] = tensor.extract_slice %{{.*}}[%[[NT]], %[[KT]], 0, 0] [1, 8, 16, 4] [1, 1, 1, 1] : tensor<8x32x16x4xi8> to tensor<1x8x16x4xi8>
// CHECK: %[[S:.*]] = tensor.extract_slice %{{.*}}[%[[NT]], %[[BLOCK]], 0, 0] [1, 2, 16, 1] [1, 1, 1, 1] : tensor<8x8x16x1xf16> to tensor<1x2x16x1xf16>
// CHECK: %[[T:.*]] = compress.assemble %[[C]], %[[S]] {{.*}} -> !compress.tensor<16x64xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>
// CHECK: compress.decode %[[T]]
func.func @stored_tiles(%c: tensor<8x32x16x4xi8>, %s: tensor<8x8x16x1xf16>, %x: tensor<4x256xf32>, %f: tensor<4x128xf32>) -> tensor<4x128xf32> {
  %0 = compress.assemble %c, %s : tensor<8x32x16x4xi8>, tensor<8x8x16x1xf16> -> !tiled
  %w = compress.decode %0 : !tiled
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x256xf32>, tensor<128x256xf32>)
    outs(%f : tensor<4x128xf32>) {tile} -> tensor<4x128xf32>
  return %y : tensor<4x128xf32>
}

// Padded, order turned: the third tile of n holds 8 in 16 places; the one block of k serves every tile of it.
// CHECK-LABEL: func @padded
// CHECK: scf.for %[[K:.*]] = %{{.*}} to %c12 step %c4
// CHECK: %[[KT:.*]] = affine.apply #[[BY4]](%[[K]])
// CHECK: %[[C:.*]] = tensor.extract_slice %{{.*}}[0, %[[KT]], 0, 0] [3, 1, 16, 4] [1, 1, 1, 1] : tensor<3x3x16x4xi8> to tensor<3x1x16x4xi8>
// CHECK: %[[S:.*]] = tensor.extract_slice %{{.*}}[0, %[[BLOCK:.*]], 0, 0] [3, 1, 16, 1] [1, 1, 1, 1] : tensor<3x1x16x1xf32> to tensor<3x1x16x1xf32>
// CHECK: %[[Z:.*]] = tensor.extract_slice %{{.*}}[0, %[[BLOCK]], 0, 0] [3, 1, 16, 1] [1, 1, 1, 1] : tensor<3x1x16x1xi8> to tensor<3x1x16x1xi8>
// CHECK: compress.assemble %[[C]], %[[S]], %[[Z]]
// CHECK: compress.decode %{{.*}} : !compress.tensor<4x40xf32, #compress.tiled<#compress.quant<u8, block = [12, 1], scale = f32, zero = i8>, tile = [4, 16], order = [1, 0]>>
func.func @padded(%c: tensor<3x3x16x4xi8>, %s: tensor<3x1x16x1xf32>, %z: tensor<3x1x16x1xi8>) -> tensor<12x40xf32> {
  %0 = compress.assemble %c, %s, %z : tensor<3x3x16x4xi8>, tensor<3x1x16x1xf32>, tensor<3x1x16x1xi8> -> !turned
  %w = compress.decode %0 {rows} : !turned
  return %w : tensor<12x40xf32>
}

// The kernel op: m, n and k are cut, each operand where it has them.
// CHECK-LABEL: func @contract
// CHECK-SAME: %[[X:.*]]: tensor<?x256xf32>,
// CHECK: scf.for %[[M:.*]] = %{{.*}} to %{{.*}} step %c4
// CHECK: scf.for %[[N:.*]] = %{{.*}} to %c128 step %c32
// CHECK: scf.for %[[K:.*]] = %{{.*}} to %c256 step %c64 iter_args(%[[I:.*]] = %{{.*}})
// CHECK: %[[ROWS:.*]] = affine.min {{.*}}(%[[M]])
// CHECK: %[[C:.*]] = tensor.extract_slice {{.*}} [2, 8, 16, 4] [1, 1, 1, 1] : tensor<8x32x16x4xi8>
// CHECK: %[[S:.*]] = tensor.extract_slice {{.*}} [2, 2, 16, 1] [1, 1, 1, 1] : tensor<8x8x16x1xf16>
// CHECK: %[[XT:.*]] = tensor.extract_slice %[[X]][%[[M]], %[[K]]] [%[[ROWS]], 64] [1, 1]
// CHECK: %[[IT:.*]] = tensor.extract_slice %[[I]][%[[M]], %[[N]]] [%[[ROWS]], 32] [1, 1]
// CHECK: %[[Y:.*]] = compress.contract ins(%[[XT]], %[[C]], %[[S]] : {{.*}}) outs(%[[IT]] : tensor<?x32xf32>) weight(!compress.tensor<32x64xf32, #compress.tiled<{{.*}}, tile = [16, 8], order = [0, 1]>>, #[[NK]]) {for} -> tensor<?x32xf32>
// CHECK: tensor.insert_slice %[[Y]] into %[[I]][%[[M]], %[[N]]] [%[[ROWS]], 32] [1, 1]
func.func @contract(%x: tensor<?x256xf32>, %c: tensor<8x32x16x4xi8>, %s: tensor<8x8x16x1xf16>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %0 = compress.contract ins(%x, %c, %s : tensor<?x256xf32>, tensor<8x32x16x4xi8>, tensor<8x8x16x1xf16>) outs(%i : tensor<?x128xf32>)
    weight(!tiled, affine_map<(m, n, k) -> (n, k)>) {for} -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// Batch and n in parallel.
// CHECK-LABEL: func @contract_batch
// CHECK-SAME: %[[X:.*]]: tensor<3x4x64xf32>,
// CHECK: scf.forall (%[[B:.*]], %[[T:.*]]) in (3, 2) shared_outs(%[[I:.*]] = %{{.*}})
// CHECK: %[[N:.*]] = affine.apply #[[TIMES16]](%[[T]])
// CHECK: tensor.extract_slice %{{.*}}[%[[B]], %[[T]], 0, 0, 0, 0] [1, 1, 16, 1, 16, 4]
// CHECK: tensor.extract_slice %{{.*}}[%[[B]], %[[T]], 0, 0, 0, 0] [1, 1, 1, 1, 16, 1]
// CHECK: tensor.extract_slice %[[X]][%[[B]], 0, 0] [1, 4, 64]
// CHECK: tensor.extract_slice %[[I]][%[[B]], 0, %[[N]]] [1, 4, 16]
// CHECK: %[[Y:.*]] = compress.contract {{.*}} weight(!compress.tensor<1x16x64xf32, #compress.tiled<{{.*}}, tile = [1, 16, 4], order = [0, 1, 2]>>, #[[BNK]]) {forall} -> tensor<1x4x16xf32>
// CHECK: tensor.parallel_insert_slice %[[Y]] into %[[I]][%[[B]], 0, %[[N]]] [1, 4, 16]
func.func @contract_batch(%x: tensor<3x4x64xf32>, %c: tensor<3x2x16x1x16x4xi8>, %s: tensor<3x2x1x1x16x1xf32>, %i: tensor<3x4x32xf32>) -> tensor<3x4x32xf32> {
  %0 = compress.contract ins(%x, %c, %s : tensor<3x4x64xf32>, tensor<3x2x16x1x16x4xi8>, tensor<3x2x1x1x16x1xf32>) outs(%i : tensor<3x4x32xf32>)
    weight(!batch, affine_map<(b, m, n, k) -> (b, n, k)>) {forall} -> tensor<3x4x32xf32>
  return %0 : tensor<3x4x32xf32>
}

transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %ops = transform.structured.match attributes {tile} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l:2 = transform.structured.fuse %ops tile_sizes [0, 16, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
  %rows = transform.structured.match attributes {rows} in %root : (!transform.any_op) -> !transform.any_op
  %r, %rl = transform.structured.tile_using_for %rows tile_sizes [4, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  %for = transform.structured.match attributes {for} in %root : (!transform.any_op) -> !transform.any_op
  %c, %cl:3 = transform.structured.tile_using_for %for tile_sizes [4, 32, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
  %forall = transform.structured.match attributes {forall} in %root : (!transform.any_op) -> !transform.any_op
  %b, %bl = transform.structured.tile_using_forall %forall tile_sizes [1, 0, 16] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
  transform.yield
}
}
