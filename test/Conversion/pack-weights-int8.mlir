// Layouts of kernels that compute with integers, byte by byte.
// RUN: compress-opt %s --compress-pack-weights='compute=int8 features=avx512f,avx512bw,avx512vnni' --split-input-file | FileCheck %s
// Without AVX-512 VNNI, auto is f32.
// RUN: compress-opt %s --compress-pack-weights='compute=auto features=avx512f,avx512bw' --split-input-file | FileCheck %s --check-prefix=F32
// What they decode to, laid out anew or not.
// RUN: compress-opt %s --compress-pack-weights='compute=int8 features=avx512f,avx512bw,avx512vnni' --compress-lower-decode --compress-check-lowered --split-input-file -o %t

// Blocks of 32: a record has two of them, 512 bytes of codes and 2 x 16 scales. Row 0 is 1, 2, .. 31, then 0, of which 16 apart
// share a byte, and 8 is added: 1 and 17 are 0x99 and 0x99 with 4 bits. All other rows are 0, stored as 0x88.
// CHECK-LABEL: func @int4
// CHECK: %[[S:.*]] = arith.constant dense_resource<codes.tiled> : tensor<1x1x576xi8>
// CHECK: compress.assemble %[[S]] {compress.certificate = {{.*}} bits = 4608,
// CHECK-SAME: #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1], split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>
// F32-LABEL: func @int4
// F32: #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>
// CHECK: codes.tiled: "0x4000000099AABBCC{{((88){60})}}DDEEFF00{{((88){60})}}11223344{{((88){60})}}55667788{{((88){60})}}
// The second block: 64 k need two, of which this weight has one and 8 elements.
// CHECK-SAME: {{((88){128}(88){128})}}
// CHECK-SAME: 003C00000{{0+}}0040{{0+}}"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x40xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func @int4(%x: tensor<3x40xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense_resource<codes> : tensor<2x20xi8>
  %s = arith.constant dense<[[1.0, 2.0], [0.0, 0.0]]> : tensor<2x2xf16>
  %0 = compress.assemble %c, %s {compress.certificate = #compress.certificate<
      weight = "fc", algorithm = "rtn", source = "0123456789abcdef", bits = 128, max_error = 1.0 : f64, relative_error = 0.5 : f64, sqnr = 2.0 : f64>}
    : tensor<2x20xi8>, tensor<2x2xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
{-# dialect_resources: { builtin: { codes: "0x0100000021436587A9CBED0F21436587A9CBED0F000000000000000000000000000000000000000000000000" } } #-}

// -----
// One scale per row is apart.
// CHECK-LABEL: func @channel
// CHECK: arith.constant dense_resource<{{.*}}> : tensor<1x1x8x16x4x1xi8>
// CHECK: arith.constant dense_resource<{{.*}}> : tensor<1x1x1x16x1x1xf32>
// CHECK: #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 32], order = [0, 1], split = [16, 1, 8, 4], inside = [2, 0, 3, 1], flip = 128>
// F32-LABEL: func @channel
// F32: #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>
// CHECK: "0x4000000081828384
// CHECK-SAME: 8586877F
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32>>
func.func @channel(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, -1]]> : tensor<2x4xi8>
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x4xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// Scales that are compressed again lie in the stream, one code of each row a byte, and what scales them behind those: two tiles of
// 256 bytes of codes, 2 x 16 codes of scales and 16 f16 scales of these make a record.
// CHECK-LABEL: func @nested
// CHECK: %[[S:.*]] = arith.constant dense_resource<codes.tiled> : tensor<1x1x576xi8>
// CHECK-NEXT: compress.assemble %[[S]]
// CHECK-SAME: #compress.tiled<#compress.nested<{{.*}}>, tile = [16, 32], order = [0, 1], split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>
// F32-LABEL: func @nested
// F32: compress.assemble
// F32-NOT: tiled
// CHECK: codes.tiled: "0x4000000099AABBCC
// CHECK-SAME: 0203{{((00){14})}}0405{{((00){14})}}003C0040{{((0000){14})}}"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!s = !compress.tensor<2x2xf32, #compress.quant<u8, block = [1, 2], scale = f16>>
!w = !compress.tensor<2x64xf32, #compress.nested<#compress.quant<i4, block = [1, 32], scale = f32>, scales = #compress.quant<u8, block = [1, 2], scale = f16>>>
func.func @nested(%x: tensor<3x64xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense_resource<codes> : tensor<2x32xi8>
  %q = arith.constant dense<[[2, 4], [3, 5]]> : tensor<2x2xi8>
  %d = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf16>
  %s = compress.assemble %q, %d : tensor<2x2xi8>, tensor<2x1xf16> -> !s
  %0 = compress.assemble %c, %s : tensor<2x32xi8>, !s -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x64xf32>, tensor<2x64xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
{-# dialect_resources: { builtin: { codes: "0x0100000021436587A9CBED0F21436587A9CBED0F000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" } } #-}

// -----
// Ternary codes in base 3: a byte is five steps, which are apart in memory that x is read from. Row 0 is 1, 1, 1, 1, then -1 from
// element 16 to 19, and 0: the first bytes of its lane are 2 + 0*3 + 9 + 27 + 81.
// CHECK-LABEL: func @base3
// CHECK: arith.constant dense_resource<{{.*}}> : tensor<1x2x4x16x4x1xi8>
// CHECK: #compress.tiled<#compress.nested<#compress.quant<i2, block = [1, 100], scale = f16, narrow>, codes = #compress.base3>, tile = [16, 80], order = [0, 1], split = [16, 5, 4, 4], inside = [2, 0, 3, 1]>
// F32-LABEL: func @base3
// F32-NOT: #compress.tiled
// CHECK: "0x4000000077777777{{((79){60}(79){224}(79){224})}}"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!c = !compress.tensor<2x25xi8, #compress.base3>
!w = !compress.tensor<2x100xf32, #compress.nested<#compress.quant<i2, block = [1, 100], scale = f16, narrow>, codes = #compress.base3>>
func.func @base3(%x: tensor<3x100xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // 20 bytes of five trits: 1 1 1 1 0 | 0 0 0 0 0 | 0 0 0 0 0 | 0 -1 -1 -1 -1, and zeros.
  %t = arith.constant dense<[[-95, 121, 121, 1, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121],
    [121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121, 121]]> : tensor<2x20xi8>
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf16>
  %c = compress.assemble %t : tensor<2x20xi8> -> !c
  %0 = compress.assemble %c, %s : !c, tensor<2x1xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x100xf32>, tensor<2x100xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// 2 of 4 elements, as 4-bit codes in blocks of 16, so of 32 k: a vector has 16 k of each row, 8 codes in 4 bytes, which are the first
// and the second value of 4 groups each. Two tiles of 2 x 64 bytes of codes, 2 x 16 scales, and two of 2 x 32 bytes of positions are
// a record. Row 0 has all 16 codes twice, stored with their signs inverted: 0 to 15; padding is 8, and positions 0 and 1.
// CHECK-LABEL: func @sparse
// CHECK: arith.constant dense_resource<codes.tiled{{.*}}> : tensor<1x1x448xi8>
// CHECK: #compress.tiled<#compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 16], scale = f16>>, tile = [16, 32], order = [0, 1], split = [16, 2, 16], inside = [1, 0, 2], record = 2, flip = 136>
// F32-LABEL: func @sparse
// F32: -> !compress.tensor<2x64xf32, #compress.nested<#compress.nm<2:4, axis = 1>
// CHECK: "0x40000000{{((10325476(88){60}98BADCFE(88){60}){2})}}
// CHECK-SAME: 003C{{((0000){15})}}0040{{((0000){15})}}
// CHECK-SAME: {{((4444(44){30}){2}(DDDD(44){30}){2})}}"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!values = !compress.tensor<2x32xf32, #compress.quant<i4, block = [1, 16], scale = f16>>
!w = !compress.tensor<2x64xf32, #compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 16], scale = f16>>>
func.func @sparse(%x: tensor<3x64xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense_resource<codes> : tensor<2x16xi8>
  %s = arith.constant dense<[[1.0, 2.0], [0.0, 0.0]]> : tensor<2x2xf16>
  %p = arith.constant dense_resource<positions> : tensor<2x8xi8>
  %v = compress.assemble %c, %s : tensor<2x16xi8>, tensor<2x2xf16> -> !values
  %0 = compress.assemble %v, %p : !values, tensor<2x8xi8> -> !w
  %w = compress.decode %0 : !w
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x64xf32>, tensor<2x64xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}
{-# dialect_resources: { builtin: { codes: "0x0100000098BADCFE1032547698BADCFE1032547600000000000000000000000000000000", positions: "0x0100000044444444DDDDDDDD4444444444444444" } } #-}

// -----
// Of floats of 16 bits nothing else is asked than of weights that are not compressed.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!half = !compress.tensor<2x2xf32, #compress.dense<f16>>
// CHECK-LABEL: func @half
// CHECK: !compress.tensor<2x2xf32, #compress.tiled<#compress.dense<f16>, tile = [16, 2]
func.func @half(%x: tensor<3x2xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %v = arith.constant dense<[[1.0, 2.0], [0.0, 4.0]]> : tensor<2x2xf16>
  %0 = compress.assemble %v : tensor<2x2xf16> -> !half
  %w = compress.decode %0 : !half
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x2xf32>, tensor<2x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %1 : tensor<3x2xf32>
}
