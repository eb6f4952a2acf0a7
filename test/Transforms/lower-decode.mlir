// RUN: compress-opt %s --compress-lower-decode --split-input-file | FileCheck %s

// Per channel: no block index, the unit dimension of the scales goes.
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func @channel
// CHECK-SAME: %[[C:.*]]: tensor<8x64xi8>, %[[S:.*]]: tensor<8x1xf32>
// CHECK: %[[S1:.*]] = tensor.collapse_shape %[[S]] {{\[}}[0, 1]] : tensor<8x1xf32> into tensor<8xf32>
// CHECK: linalg.generic {indexing_maps = [#[[ALL]], #[[ROW]], #[[ALL]]], iterator_types = ["parallel", "parallel"]} ins(%[[C]], %[[S1]]
// CHECK: ^bb0(%[[Q:.*]]: i8, %[[SCALE:.*]]: f32,
// CHECK: %[[F:.*]] = arith.sitofp %[[Q]] : i8 to f32
// CHECK: arith.mulf %[[SCALE]], %[[F]]
// CHECK-NOT: compress
func.func @channel(%c: tensor<8x64xi8>, %s: tensor<8x1xf32>) -> tensor<8x64xf32> {
  %0 = compress.assemble %c, %s : tensor<8x64xi8>, tensor<8x1xf32>
    -> !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
  %1 = compress.decode %0 : !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
  return %1 : tensor<8x64xf32>
}

// -----
// Blocks: [N, K] is [N, block, byte, nibble], all maps are projected permutations.
// CHECK-DAG: #[[CODES:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
// CHECK-DAG: #[[SCALES:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1)>
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func @blocks
// CHECK: %[[C:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2]] output_shape [8, 2, 16] : tensor<8x32xi8> into tensor<8x2x16xi8>
// CHECK: linalg.generic {indexing_maps = [#[[CODES]], #[[SCALES]], #[[SCALES]], #[[ALL]]]
// CHECK-SAME: ins(%[[C]], %{{.*}}, %{{.*}} : tensor<8x2x16xi8>, tensor<8x2xf16>, tensor<8x2xf16>)
// CHECK: linalg.index 3
// CHECK: arith.shli
// CHECK: arith.shrui
// CHECK: arith.sitofp
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK: arith.truncf %{{.*}} : f32 to bf16
// CHECK: tensor.collapse_shape %{{.*}} {{\[}}[0], [1, 2, 3]] : tensor<8x2x16x2xbf16> into tensor<8x64xbf16>
func.func @blocks(%c: tensor<8x32xi8>, %s: tensor<8x2xf16>, %m: tensor<8x2xf16>) -> tensor<8x64xbf16> {
  %0 = compress.assemble %c, %s, %m : tensor<8x32xi8>, tensor<8x2xf16>, tensor<8x2xf16>
    -> !compress.tensor<8x64xbf16, #compress.quant<u4, block = [1, 32], scale = f16, min = f16>>
  %1 = compress.decode %0 : !compress.tensor<8x64xbf16, #compress.quant<u4, block = [1, 32], scale = f16, min = f16>>
  return %1 : tensor<8x64xbf16>
}

// -----
// Ragged: floordiv, and only there.
// CHECK-DAG: #[[CODES:.*]] = affine_map<(d0, d1) -> (d0, d1 floordiv 2)>
// CHECK-DAG: #[[SCALES:.*]] = affine_map<(d0, d1) -> (d0, d1 floordiv 32)>
// CHECK-LABEL: func @ragged
// CHECK: linalg.generic {indexing_maps = [#[[CODES]], #[[SCALES]],
// CHECK: arith.remui
func.func @ragged(%c: tensor<8x17xi8>, %s: tensor<8x2xf16>) -> tensor<8x33xf32> {
  %0 = compress.assemble %c, %s : tensor<8x17xi8>, tensor<8x2xf16>
    -> !compress.tensor<8x33xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  %1 = compress.decode %0 : !compress.tensor<8x33xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  return %1 : tensor<8x33xf32>
}

// -----
// Dynamic rows, across an opaque value: components are taken apart.
// CHECK-LABEL: func @dynamic
// CHECK-SAME: %[[W:.*]]: !compress.tensor<?x64xf32
// CHECK: %[[P:.*]]:2 = compress.components %[[W]]
// CHECK: tensor.dim %[[P]]#0, %c0
// CHECK: tensor.empty(%{{.*}}) : tensor<?x2x16x2xf32>
func.func @dynamic(%w: !compress.tensor<?x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>) -> tensor<?x64xf32> {
  %1 = compress.decode %w : !compress.tensor<?x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  return %1 : tensor<?x64xf32>
}

// -----
// No elements.
// CHECK-LABEL: func @empty
// CHECK: %[[E:.*]] = tensor.empty() : tensor<0x64xf32>
// CHECK: return %[[E]]
func.func @empty(%c: tensor<0x32xi8>, %s: tensor<0x2xf16>) -> tensor<0x64xf32> {
  %0 = compress.assemble %c, %s : tensor<0x32xi8>, tensor<0x2xf16>
    -> !compress.tensor<0x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  %1 = compress.decode %0 : !compress.tensor<0x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  return %1 : tensor<0x64xf32>
}

// -----
// A layout: its tiles are decoded as they lie, brought back into order, and what is padding cut off.
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[PER_ROW:.*]] = affine_map<(d0, d1, d2, d3) -> (d1, d3)>
// CHECK-LABEL: func @padded
// CHECK-SAME: %[[C:.*]]: tensor<5x2x8x4xi8>, %[[S:.*]]: tensor<1x2x1x4xbf16>, %[[Z:.*]]: tensor<1x2x1x4xi8>)
// CHECK-DAG: %[[S1:.*]] = tensor.collapse_shape %[[S]] {{\[}}[0, 1, 2], [3]] : tensor<1x2x1x4xbf16> into tensor<2x4xbf16>
// CHECK-DAG: %[[Z1:.*]] = tensor.collapse_shape %[[Z]] {{\[}}[0, 1, 2], [3]] : tensor<1x2x1x4xi8> into tensor<2x4xi8>
// CHECK: %[[D:.*]] = linalg.generic {indexing_maps = [#[[ALL]], #[[PER_ROW]], #[[PER_ROW]], #[[ALL]]], {{.*}} ins(%[[C]], %[[S1]], %[[Z1]]
// CHECK: arith.uitofp %{{.*}} : i8 to f32
// CHECK: arith.uitofp %{{.*}} : i8 to f32
// CHECK: arith.subf
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[D]] : tensor<5x2x8x4xbf16>) outs(%{{.*}} : tensor<2x4x5x8xbf16>) permutation = [1, 3, 0, 2]
// CHECK: %[[P:.*]] = tensor.collapse_shape %[[T]] {{\[}}[0, 1], [2, 3]] : tensor<2x4x5x8xbf16> into tensor<8x40xbf16>
// CHECK: %[[W:.*]] = tensor.extract_slice %[[P]][0, 0] [5, 33] [1, 1]
// CHECK: return %[[W]]
// CHECK-NOT: compress
!w = !compress.tensor<5x33xbf16, #compress.tiled<#compress.quant<u8, block = [1, 33], scale = bf16, zero = i8>, tile = [4, 8], order = [1, 0]>>
func.func @padded(%c: tensor<5x2x8x4xi8>, %s: tensor<1x2x1x4xbf16>, %z: tensor<1x2x1x4xi8>) -> tensor<5x33xbf16> {
  %0 = compress.assemble %c, %s, %z : tensor<5x2x8x4xi8>, tensor<1x2x1x4xbf16>, tensor<1x2x1x4xi8> -> !w
  %w = compress.decode %0 : !w
  return %w : tensor<5x33xbf16>
}

// -----
// Nothing to cut off. A block of 32 is four tiles of 8, so the tiles along it are split: all maps stay projected permutations.
// CHECK-DAG: #[[CODES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d4)>
// CHECK-DAG: #[[SCALES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d3)>
// CHECK-LABEL: func @unpadded
// CHECK: tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2], [3], [4]] output_shape [2, 2, 4, 16, 4]
// CHECK: linalg.generic {indexing_maps = [#[[CODES]], #[[SCALES]], #{{.*}}]
// CHECK: %[[T:.*]] = linalg.transpose ins(%{{.*}} : tensor<2x8x16x8xf32>) outs(%{{.*}} : tensor<2x16x8x8xf32>) permutation = [0, 2, 1, 3]
// CHECK: %[[W:.*]] = tensor.collapse_shape %[[T]] {{\[}}[0, 1], [2, 3]] : tensor<2x16x8x8xf32> into tensor<32x64xf32>
// CHECK: return %[[W]]
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>
func.func @unpadded(%0: !w) -> tensor<32x64xf32> {
  %w = compress.decode %0 : !w
  return %w : tensor<32x64xf32>
}

// -----
// CHECK-LABEL: func @empty_tiles
// CHECK: %[[W:.*]] = tensor.collapse_shape %{{.*}} : tensor<0x16x8x8xf32> into tensor<0x64xf32>
// CHECK: return %[[W]]
!w = !compress.tensor<0x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>
func.func @empty_tiles(%0: !w) -> tensor<0x64xf32> {
  %w = compress.decode %0 : !w
  return %w : tensor<0x64xf32>
}

// -----
// Floats: the bits of a code are those of its value, and a scale widens exactly.
// CHECK-LABEL: func @mxfp4
// CHECK-SAME: %{{.*}}: tensor<8x32xi8>, %[[S:.*]]: tensor<8x2xf8E8M0FNU>
// CHECK: linalg.generic
// CHECK: ^bb0(%{{.*}}: i8, %[[SCALE:.*]]: f8E8M0FNU,
// CHECK: arith.shli
// CHECK: %[[Q:.*]] = arith.shrui
// CHECK: %[[N:.*]] = arith.trunci %[[Q]] : i8 to i4
// CHECK: %[[F4:.*]] = arith.bitcast %[[N]] : i4 to f4E2M1FN
// CHECK: %[[F:.*]] = arith.extf %[[F4]] : f4E2M1FN to f32
// CHECK: %[[W:.*]] = arith.extf %[[SCALE]] : f8E8M0FNU to f32
// CHECK: arith.mulf %[[W]], %[[F]]
!w = !compress.tensor<8x64xf32, #compress.quant<f4E2M1FN, block = [1, 32], scale = f8E8M0FNU>>
func.func @mxfp4(%c: tensor<8x32xi8>, %s: tensor<8x2xf8E8M0FNU>) -> tensor<8x64xf32> {
  %0 = compress.assemble %c, %s : tensor<8x32xi8>, tensor<8x2xf8E8M0FNU> -> !w
  %1 = compress.decode %0 : !w
  return %1 : tensor<8x64xf32>
}

// -----
// CHECK-LABEL: func @fp8
// CHECK: ^bb0(%[[Q:.*]]: i8, %[[SCALE:.*]]: f8E4M3FN,
// CHECK: %[[F8:.*]] = arith.bitcast %[[Q]] : i8 to f8E5M2
// CHECK: %[[F:.*]] = arith.extf %[[F8]] : f8E5M2 to f32
// CHECK: %[[W:.*]] = arith.extf %[[SCALE]] : f8E4M3FN to f32
// CHECK: arith.mulf %[[W]], %[[F]]
!w = !compress.tensor<8x64xf32, #compress.quant<f8E5M2, block = [1, 32], scale = f8E4M3FN>>
func.func @fp8(%c: tensor<8x64xi8>, %s: tensor<8x2xf8E4M3FN>) -> tensor<8x64xf32> {
  %0 = compress.assemble %c, %s : tensor<8x64xi8>, tensor<8x2xf8E4M3FN> -> !w
  %1 = compress.decode %0 : !w
  return %1 : tensor<8x64xf32>
}

// -----
// Binary: 2 b - 1.
// CHECK-LABEL: func @binary
// CHECK: ^bb0(
// CHECK: arith.shrui
// CHECK: %[[ONE:.*]] = arith.constant 1 : i8
// CHECK: %[[TWICE:.*]] = arith.shli %{{.*}}, %[[ONE]] : i8
// CHECK: %[[SIGN:.*]] = arith.subi %[[TWICE]], %[[ONE]] : i8
// CHECK: arith.sitofp %[[SIGN]] : i8 to f32
!w = !compress.tensor<8x64xf32, #compress.quant<binary, block = [1, 64], scale = f16>>
func.func @binary(%c: tensor<8x8xi8>, %s: tensor<8x1xf16>) -> tensor<8x64xf32> {
  %0 = compress.assemble %c, %s : tensor<8x8xi8>, tensor<8x1xf16> -> !w
  %1 = compress.decode %0 : !w
  return %1 : tensor<8x64xf32>
}

// -----
// Codes of 6 bits: 4 in three bytes.
// CHECK-LABEL: func @six
// CHECK-COUNT-3: tensor.extract_slice {{.*}} : tensor<8x48xi8> to tensor<8x16xi8>
// CHECK: linalg.generic
// CHECK: arith.shrsi %{{.*}} : i32
// CHECK: arith.sitofp %{{.*}} : i32 to f32
!w = !compress.tensor<8x64xf32, #compress.quant<i6, block = [1, 16], scale = f16>>
func.func @six(%c: tensor<8x48xi8>, %s: tensor<8x4xf16>) -> tensor<8x64xf32> {
  %0 = compress.assemble %c, %s : tensor<8x48xi8>, tensor<8x4xf16> -> !w
  %1 = compress.decode %0 : !w
  return %1 : tensor<8x64xf32>
}
