// Layouts of kernels for GPUs, byte by byte: 16 neighbouring bytes for each lane of a warp, in the order of operand A of mma.sync.
// RUN: compress-opt %s --compress-pack-weights=gpu --split-input-file | FileCheck %s
// What they decode to, laid out anew or not.
// RUN: compress-opt %s --compress-pack-weights=gpu --compress-lower-decode --compress-check-lowered --split-input-file -o %t

// Row 0 is 0, 1, .. 15, over and over, and signs are flipped. Lane 0 has, of each 16 columns, 0 and 8 in the lower half of a word, and 1 and 9 in
// the upper half; the fields beside them are of row 8. Lane 1 has 2 and 10, 3 and 11.
// A record is a tile, of which 512 bytes are codes, and 16 scales: rows 0 and 8 first, which are those of the first four lanes.
// CHECK-LABEL: func @int4
// CHECK: %[[S:.*]] = arith.constant dense_resource<codes.tiled> : tensor<1x2x544xi8>
// CHECK: #compress.tiled<#compress.quant<i4, block = [1, 64], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
// CHECK: codes.tiled: "0x40000000
// CHECK-SAME: {{(08881988){4}(2A883B88){4}(4C885D88){4}(6E887F88){4}(88){224}(88){224}003C00480040(0)*}}
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<16x128xf16, #compress.quant<i4, block = [1, 64], scale = f16>>
func.func @int4(%x: tensor<3x128xf16>, %i: tensor<3x16xf16>) -> tensor<3x16xf16> {
  %c = arith.constant dense_resource<codes> : tensor<16x64xi8>
  %s = arith.constant dense_resource<scales> : tensor<16x2xf16>
  %0 = compress.assemble %c, %s : tensor<16x64xi8>, tensor<16x2xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x128xf16>, tensor<16x128xf16>) outs(%i : tensor<3x16xf16>) -> tensor<3x16xf16>
  return %y : tensor<3x16xf16>
}
{-# dialect_resources: { builtin: {
  codes: "0x040000001032547698BADCFE1032547698BADCFE1032547698BADCFE1032547698BADCFE0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
  scales: "0x04000000003C0000004000000000000000000000000000000000000000000000000000000048000000000000000000000000000000000000000000000000000000000000" } } #-}

// -----
// Blocks of 32 take tiles of 32 rows. Values of 16 bits are registers: of row 0, columns 0, 1, 8 and 9 are words 0 and 2 of lane 0.
// CHECK-LABEL: func @others
// CHECK-DAG: u4{{.*}}tile = [32, 32], order = [0, 1], split = [2, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1>
// CHECK-DAG: #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
// CHECK: "0x4000000001000200000000000900
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x32xf16, #compress.quant<u4, block = [1, 32], scale = f16, min = f16>>
func.func @others(%x: tensor<3x32xf16>, %v: tensor<3x16xf16>, %i: tensor<3x2xf16>) -> tensor<3x2xf16> {
  %c = arith.constant dense_resource<codes> : tensor<2x16xi8>
  %s = arith.constant dense_resource<scales> : tensor<2x1xf16>
  %0 = compress.assemble %c, %s, %s : tensor<2x16xi8>, tensor<2x1xf16>, tensor<2x1xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x32xf16>, tensor<2x32xf16>) outs(%i : tensor<3x2xf16>) -> tensor<3x2xf16>
  %d = arith.constant dense_resource<dense> : tensor<2x16xf16>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%v, %d : tensor<3x16xf16>, tensor<2x16xf16>) outs(%y : tensor<3x2xf16>) -> tensor<3x2xf16>
  return %z : tensor<3x2xf16>
}
{-# dialect_resources: { builtin: {
  codes: "0x04000000000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
  scales: "0x04000000003C0040",
  dense: "0x040000000100020003000400050006000700080009000A000B000C000D000E000F0010000000000000000000000000000000000000000000000000000000000000000000" } } #-}

// -----
// Indices of a palette: the two of a register are a byte. Row 0 is 0, 1, .. 15, over and over, others are 0.
// CHECK-LABEL: func @palette
// CHECK: #compress.tiled<#compress.palette<{{.*}}>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 1, 4, 6], record = 1>
// CHECK: indices.tiled: "0x40000000
// CHECK-SAME: {{(10980000){4}(32BA0000){4}(54DC0000){4}(76FE0000){4}(0)*}}
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x64xf16, #compress.palette<bits = 4, group = [2, 64], codebook = f16>>
func.func @palette(%x: tensor<3x64xf16>, %i: tensor<3x2xf16>) -> tensor<3x2xf16> {
  %c = arith.constant dense_resource<indices> : tensor<2x32xi8>
  %s = arith.constant dense_resource<codebook> : tensor<1x1x16xf16>
  %0 = compress.assemble %c, %s : tensor<2x32xi8>, tensor<1x1x16xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x64xf16>, tensor<2x64xf16>) outs(%i : tensor<3x2xf16>) -> tensor<3x2xf16>
  return %y : tensor<3x2xf16>
}
{-# dialect_resources: { builtin: {
  indices: "0x040000001032547698BADCFE1032547698BADCFE1032547698BADCFE1032547698BADCFE0000000000000000000000000000000000000000000000000000000000000000",
  codebook: "0x04000000003C003C003C003C003C003C003C003C003C003C003C003C003C003C003C003C" } } #-}

// -----
// A convolution: a matrix of outputs by places and channels, whatever the order of the weight. Row 0 is 1, 3, 5, .. 11 of 2 places with 3 channels each.
// CHECK-LABEL: func @convolution
// CHECK: !compress.tensor<1x2x3x2xf16, #compress.matrix<#compress.tiled<#compress.dense, tile = [16, 16], {{.*}}, record = 1>, rows = [3], columns = [0, 1, 2]>>
// CHECK: "0x40000000{{01000300(0){24}05000700(0){24}09000B00(0){56}02000400(0){24}06000800(0){24}0A000C00(0)*}}"
func.func @convolution(%x: tensor<1x1x4x3xf16>, %i: tensor<1x1x3x2xf16>) -> tensor<1x1x3x2xf16> {
  %w = arith.constant dense_resource<w> : tensor<1x2x3x2xf16>
  %y = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<1x1x4x3xf16>, tensor<1x2x3x2xf16>) outs(%i : tensor<1x1x3x2xf16>) -> tensor<1x1x3x2xf16>
  return %y : tensor<1x1x3x2xf16>
}
{-# dialect_resources: { builtin: {
  w: "0x040000000100020003000400050006000700080009000A000B000C00" } } #-}

// -----
// Codes of 4 bits, and a palette: 3 channels of 2 places are 3 bytes of a row, and not 2 for each place. Codes are 1, 2, .. 6 and 6, 5, .. 1.
// CHECK-LABEL: func @codes
// CHECK-DAG: #compress.matrix<#compress.tiled<#compress.quant<i4, block = [1, 6], scale = f32>, tile = [64, 16], {{.*}}flip = 136>, rows = [0], columns = [1, 2, 3]>
// CHECK-DAG: #compress.matrix<#compress.tiled<#compress.palette<bits = 4, group = [2, 6], codebook = f16>, tile = [64, 16], {{.*}}>, rows = [0], columns = [1, 2, 3]>
// Lanes 0 to 2 have 1 and 2, 3 and 4, 5 and 6 of row 0, lanes 4 to 6 those of row 1. Signs are flipped: 0 is 8.
// CHECK-DAG: codes.tiled: "0x40000000{{89888A88(88){12}8B888C88(88){12}8D888E88(88){28}8E888D88(88){12}8C888B88(88){12}8A888988(88)*.*}}"
// CHECK-DAG: indices.tiled: "0x40000000{{21(0){30}43(0){30}65(0){30}(0){32}56(0){30}34(0){30}12(0)*}}"
!q = !compress.tensor<2x1x2x3xf32, #compress.quant<i4, block = [1, 1, 2, 3], scale = f32>>
!p = !compress.tensor<2x1x2x3xf32, #compress.palette<bits = 4, group = [2, 1, 2, 3], codebook = f16>>
func.func @codes(%x: tensor<1x1x4x3xf16>, %i: tensor<1x1x3x2xf32>) -> tensor<1x1x3x2xf32> {
  %c = arith.constant dense_resource<codes> : tensor<2x1x2x2xi8>
  %s = arith.constant dense_resource<scales> : tensor<2x1x1x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x1x2x2xi8>, tensor<2x1x1x1xf32> -> !q
  %w = compress.decode %0 : !q
  %y = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x1x4x3xf16>, tensor<2x1x2x3xf32>) outs(%i : tensor<1x1x3x2xf32>) -> tensor<1x1x3x2xf32>
  %n = arith.constant dense_resource<indices> : tensor<2x1x2x2xi8>
  %b = arith.constant dense_resource<codebook> : tensor<1x1x1x1x16xf16>
  %1 = compress.assemble %n, %b : tensor<2x1x2x2xi8>, tensor<1x1x1x1x16xf16> -> !p
  %v = compress.decode %1 : !p
  %z = linalg.conv_2d_nhwc_fhwc ins(%x, %v : tensor<1x1x4x3xf16>, tensor<2x1x2x3xf32>) outs(%y : tensor<1x1x3x2xf32>) -> tensor<1x1x3x2xf32>
  return %z : tensor<1x1x3x2xf32>
}
{-# dialect_resources: { builtin: {
  codes: "0x040000002103540656042301",
  scales: "0x040000000000803F0000803F",
  indices: "0x040000002103540656042301",
  codebook: "0x04000000003C003C003C003C003C003C003C003C003C003C003C003C003C003C003C003C" } } #-}
