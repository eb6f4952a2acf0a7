// Round trips of #compress.palette, its decode and its tiles.
// RUN: compress-opt %s | compress-opt | FileCheck %s
// RUN: compress-opt %s --mlir-print-op-generic | compress-opt | FileCheck %s
// RUN: compress-opt %s --emit-bytecode | compress-opt | FileCheck %s
// RUN: compress-opt %s --compress-lower-decode | FileCheck %s --check-prefix=DECODE
// RUN: compress-opt %s --transform-interpreter --canonicalize --cse | FileCheck %s --check-prefix=TILE
// RUN: not compress-opt %s --compress-encode="preset=palette4 include=nan min-elements=1" 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not compress-opt %s --compress-encode="preset=palette4 include=huge min-elements=1" 2>&1 | FileCheck %s --check-prefix=HUGE
// RUN: not compress-opt %s --compress-encode="preset=nf4 include=huge min-elements=1" 2>&1 | FileCheck %s --check-prefix=SCALE
// RUN: not compress-opt %s --compress-encode="preset=palette4 algorithm=nf4 include=nan min-elements=1" 2>&1 | FileCheck %s --check-prefix=NF4
// RUN: not compress-opt %s --compress-encode="codec=#compress.palette<bits=1,group=[2,2],codebook=bf16> include=half min-elements=1" 2>&1 | FileCheck %s --check-prefix=HALF

// NAN: error: weight 'nan': expected finite values, but got {{.*}}nan at [0, 1]
// HUGE: error: weight 'huge': the group at [0, 0] needs an entry 1e+06, which overflows 'f16'
// SCALE: error: weight 'huge': the block at [1, 0] needs scale 1e+06, which overflows 'f16'
// NF4: error: weight 'nan': expected a codec of 4 bits, dim 1 and a scale for algorithm 'nf4', but got #compress.palette<bits = 4, group = [2, 2], codebook = f16>
// HALF: error: weight 'half': 65504 at [1, 0] would decode to an infinity of 'f16'

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!whole = !compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16>>
!row = !compress.tensor<8x64xbf16, #compress.palette<bits = 8, group = [1, 64], codebook = bf16>>
!scaled = !compress.tensor<8x32xf32, #compress.palette<bits = 3, group = [4, 16], codebook = f32, dim = 2, scale = f16, block = [1, 8]>>
!ragged = !compress.tensor<5x33xf16, #compress.palette<bits = 4, group = [4, 64], codebook = f16>>
!dynamic = !compress.tensor<?x?xf32, #compress.palette<bits = 8, group = [1, 1], codebook = f16>>
!empty = !compress.tensor<0x64xf32, #compress.palette<bits = 4, group = [1, 64], codebook = f16>>
!mixed = !compress.tensor<128x256xf32, #compress.palette<bits = 4, group = [16, 128], codebook = f16, scale = f16, block = [1, 32]>>

module attributes {transform.with_named_sequence} {

// CHECK-LABEL: func private @parameters(
// CHECK-SAME: #compress.palette<bits = 1, group = [8, 64], codebook = bf16>
// CHECK-SAME: #compress.palette<bits = 8, group = [8, 8], codebook = f16, dim = 4>
// CHECK-SAME: #compress.palette<bits = 4, group = [8, 64], codebook = f32, scale = f16, block = [1, 64]>
// CHECK-SAME: #compress.palette<bits = 4, group = [8, 64], codebook = f32, dim = 2, scale = bf16, block = [2, 3]>
// CHECK-SAME: #compress.tiled<#compress.palette<bits = 2, group = [1, 64], codebook = f16>, tile = [16, 16], order = [0, 1]>
// CHECK-SAME: #compress.nested<#compress.palette<bits = 4, group = [1, 64], codebook = f16>, codebooks = #compress.quant<i8, block = [1, 1, 16], scale = f16>>
func.func private @parameters(
  !compress.tensor<8x64xf32, #compress.palette<bits = 1, group = [8, 64], codebook = bf16>>,
  !compress.tensor<8x64xf32, #compress.palette<bits = 8, group = [8, 8], codebook = f16, dim = 4>>,
  !compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f32, scale = f16, block = [1, 64]>>,
  // Keywords come in any order, and are printed in one.
  !compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f32, block = [2, 3], scale = bf16, dim = 2>>,
  !compress.tensor<8x64xf32, #compress.tiled<#compress.palette<bits = 2, group = [1, 64], codebook = f16>, tile = [16, 16], order = [0, 1]>>,
  !compress.tensor<8x64xf32, #compress.nested<#compress.palette<bits = 4, group = [1, 64], codebook = f16>, codebooks = #compress.quant<i8, block = [1, 1, 16], scale = f16>>>)

// A layout: a codebook for each of 16 lanes.
// CHECK-LABEL: func @stored_layout
func.func @stored_layout(%w: !compress.tensor<40x64xf32, #compress.tiled<#compress.palette<bits = 4, group = [1, 64], codebook = f16>, tile = [16, 8], order = [0, 1]>>) -> (tensor<3x8x16x4xi8>, tensor<3x1x16x1x16xf16>) {
  %0:2 = compress.components %w : !compress.tensor<40x64xf32, #compress.tiled<#compress.palette<bits = 4, group = [1, 64], codebook = f16>, tile = [16, 8], order = [0, 1]>>
  return %0#0, %0#1 : tensor<3x8x16x4xi8>, tensor<3x1x16x1x16xf16>
}

// DECODE-DAG: #[[BYTES:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// DECODE-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// DECODE-DAG: #[[UNITS:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2)>
// DECODE-DAG: #[[SCALES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3)>
// DECODE-DAG: #[[HALVES:.*]] = affine_map<(d0, d1) -> (d0, d1 floordiv 2)>
// DECODE-DAG: #[[BY4:.*]] = affine_map<()[s0] -> (s0 floordiv 4)>

// DECODE-LABEL: func @per_tensor
// DECODE-SAME: %[[I:.*]]: tensor<8x32xi8>, %[[C:.*]]: tensor<1x1x16xf16>
// DECODE: linalg.generic {indexing_maps = [#[[BYTES]], #[[ALL]]], {{.*}} ins(%[[I]] : tensor<8x32xi8>) outs(%{{.*}} : tensor<8x32x2xf32>)
// DECODE: arith.shrui
// DECODE: %[[AT:.*]] = arith.index_castui %{{.*}} : i8 to index
// DECODE: %[[ENTRY:.*]] = tensor.extract %[[C]][%{{.*}}, %{{.*}}, %[[AT]]] : tensor<1x1x16xf16>
// DECODE: arith.extf %[[ENTRY]] : f16 to f32
// DECODE: tensor.collapse_shape %{{.*}} {{\[}}[0], [1, 2]] : tensor<8x32x2xf32> into tensor<8x64xf32>
func.func @per_tensor(%i: tensor<8x32xi8>, %c: tensor<1x1x16xf16>) -> tensor<8x64xf32> {
  %0 = compress.assemble %i, %c : tensor<8x32xi8>, tensor<1x1x16xf16> -> !whole
  %1 = compress.decode %0 : !whole
  return %1 : tensor<8x64xf32>
}

// DECODE-LABEL: func @per_row
// DECODE: ^bb0(%[[I:.*]]: i8,
// DECODE: %[[ROW:.*]] = linalg.index 0
// DECODE: %[[AT:.*]] = arith.index_castui %[[I]] : i8 to index
// DECODE: tensor.extract %{{.*}}[%[[ROW]], %{{.*}}, %[[AT]]] : tensor<8x1x256xbf16>
func.func @per_row(%i: tensor<8x64xi8>, %c: tensor<8x1x256xbf16>) -> tensor<8x64xbf16> {
  %0 = compress.assemble %i, %c : tensor<8x64xi8>, tensor<8x1x256xbf16> -> !row
  %1 = compress.decode %0 : !row
  return %1 : tensor<8x64xbf16>
}

// Groups of 16 of two blocks of 8 of four pairs: every map is a projected permutation.
// DECODE-LABEL: func @scaled_pairs
// DECODE: linalg.generic {indexing_maps = [#[[UNITS]], #[[UNITS]], #[[UNITS]], #[[SCALES]], #{{.*}}]
// DECODE: %[[IN:.*]] = linalg.index 5
// DECODE: %[[X:.*]] = tensor.extract %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}}, %[[IN]]] : tensor<2x2x8x2xf32>
// DECODE: arith.mulf %{{.*}}, %[[X]] : f32
func.func @scaled_pairs(%i: tensor<8x6xi8>, %c: tensor<2x2x8x2xf32>, %s: tensor<8x4xf16>) -> tensor<8x32xf32> {
  %0 = compress.assemble %i, %c, %s : tensor<8x6xi8>, tensor<2x2x8x2xf32>, tensor<8x4xf16> -> !scaled
  %1 = compress.decode %0 : !scaled
  return %1 : tensor<8x32xf32>
}

// DECODE-LABEL: func @ragged
// DECODE: linalg.generic {indexing_maps = [#[[HALVES]],
// DECODE: affine.apply #[[BY4]]
// DECODE: arith.truncf %{{.*}} : f32 to f16
func.func @ragged(%i: tensor<5x17xi8>, %c: tensor<2x1x16xf16>) -> tensor<5x33xf16> {
  %0 = compress.assemble %i, %c : tensor<5x17xi8>, tensor<2x1x16xf16> -> !ragged
  %1 = compress.decode %0 : !ragged
  return %1 : tensor<5x33xf16>
}

// DECODE-LABEL: func @dynamic
// DECODE: %[[P:.*]]:2 = compress.components
// DECODE: tensor.empty(%{{.*}}, %{{.*}}) : tensor<?x?xf32>
// DECODE: tensor.extract %[[P]]#1[%{{.*}}, %{{.*}}, %{{.*}}] : tensor<?x?x256xf16>
func.func @dynamic(%w: !dynamic) -> tensor<?x?xf32> {
  %0 = compress.decode %w : !dynamic
  return %0 : tensor<?x?xf32>
}

// DECODE-LABEL: func @empty
// DECODE: %[[E:.*]] = tensor.empty() : tensor<0x64xf32>
// DECODE: return %[[E]]
func.func @empty(%i: tensor<0x32xi8>, %c: tensor<0x1x16xf16>) -> tensor<0x64xf32> {
  %0 = compress.assemble %i, %c : tensor<0x32xi8>, tensor<0x1x16xf16> -> !empty
  %1 = compress.decode %0 : !empty
  return %1 : tensor<0x64xf32>
}

// 64 of k are half a group and two blocks: one codebook, two scales.
// TILE-DAG: #[[BY2:.*]] = affine_map<(d0) -> (d0 floordiv 2)>
// TILE-DAG: #[[BY16:.*]] = affine_map<(d0) -> (d0 floordiv 16)>
// TILE-DAG: #[[BY32:.*]] = affine_map<(d0) -> (d0 floordiv 32)>
// TILE-DAG: #[[BY128:.*]] = affine_map<(d0) -> (d0 floordiv 128)>
// TILE-LABEL: func @tile
// TILE: scf.for %[[N:.*]] = %{{.*}} to %{{.*}} step
// TILE: scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step
// TILE-DAG: %[[BYTE:.*]] = affine.apply #[[BY2]](%[[K]])
// TILE-DAG: %[[GN:.*]] = affine.apply #[[BY16]](%[[N]])
// TILE-DAG: %[[GK:.*]] = affine.apply #[[BY128]](%[[K]])
// TILE-DAG: %[[BK:.*]] = affine.apply #[[BY32]](%[[K]])
// TILE-DAG: tensor.extract_slice %{{.*}}[%[[N]], %[[BYTE]]] [16, 32] [1, 1] : tensor<128x128xi8>
// TILE-DAG: tensor.extract_slice %{{.*}}[%[[GN]], %[[GK]], 0] [1, 1, 16] [1, 1, 1] : tensor<8x2x16xf16>
// TILE-DAG: tensor.extract_slice %{{.*}}[%[[N]], %[[BK]]] [16, 2] [1, 1] : tensor<128x8xf16>
// TILE: compress.decode {{.*}} !compress.tensor<16x64xf32,
func.func @tile(%i: tensor<128x128xi8>, %c: tensor<8x2x16xf16>, %s: tensor<128x8xf16>, %x: tensor<4x256xf32>, %f: tensor<4x128xf32>) -> tensor<4x128xf32> {
  %0 = compress.assemble %i, %c, %s : tensor<128x128xi8>, tensor<8x2x16xf16>, tensor<128x8xf16> -> !mixed
  %w = compress.decode %0 : !mixed
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x256xf32>, tensor<128x256xf32>)
    outs(%f : tensor<4x128xf32>) {tile} -> tensor<4x128xf32>
  return %y : tensor<4x128xf32>
}

// Weights that cannot be encoded.
func.func @weights(%x: tensor<3x2xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %nan = arith.constant dense_resource<nan> : tensor<2x2xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %nan : tensor<3x2xf32>, tensor<2x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %huge = arith.constant dense_resource<huge> : tensor<2x2xf32>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %huge : tensor<3x2xf32>, tensor<2x2xf32>) outs(%0 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %half = arith.constant dense_resource<half> : tensor<2x2xf16>
  %2 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %half : tensor<3x2xf32>, tensor<2x2xf16>) outs(%1 : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

transform.named_sequence @__transform_main(%root: !transform.any_op {transform.readonly}) {
  %ops = transform.structured.match attributes {tile} in %root : (!transform.any_op) -> !transform.any_op
  %t, %l:2 = transform.structured.fuse %ops tile_sizes [0, 16, 64] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
  transform.yield
}
}

{-# dialect_resources: { builtin: {
  nan: "0x040000000000803F0000C07F0000004000004040",
  huge: "0x040000000000803F000000400000404000247449",
  half: "0x02000000003C0040FF7B003C"
} } #-}
