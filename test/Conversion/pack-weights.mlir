// Packed constants are compared byte by byte: what a kernel would read is all there is to see.
// RUN: compress-opt %s --compress-pack-weights --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-pack-weights --remarks-filter="compress-pack-weights" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// A second time, all is as it should be.
// RUN: compress-opt %s --compress-pack-weights --compress-pack-weights --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-pack-weights --compress-pack-weights --remarks-filter-missed="compress-pack-weights" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: remark: [Missed] PackWeights | Category:compress-pack-weights | Reason="its codec has no tile decoder"
// REMARK-COUNT-11: remark: [Passed] PackWeights | Category:compress-pack-weights | Reason="computes in f32; estimated cycles: f32 {{[^,]*}}", Remark="packed for a kernel"
// REMARK-NOT: remark:

// [N, K]: 16 of n and 4 of k are a tile, of which two rows and all columns are used. The certificate counts new bits.
// Private globals that nothing loads any more go, and so do their data.
// CHECK-NOT: ml_program.global
// CHECK-LABEL: func @nk
// CHECK: %[[C:.*]] = arith.constant dense_resource<weight.tiled> : tensor<1x1x16x4xi8>
// CHECK: %[[S:.*]] = arith.constant dense_resource<fc.scales.tiled> : tensor<1x1x16x1xf32>
// CHECK: %[[W:.*]] = compress.assemble %[[C]], %[[S]] {compress.certificate = #compress.certificate<weight = "fc", algorithm = "rtn", source = "0123456789abcdef", bits = 1024, max_error = 1.000000e+00 : f64, relative_error = 5.000000e-01 : f64, sqnr = 2.000000e+00 : f64>}
// CHECK-SAME: -> !compress.tensor<2x4xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
// CHECK: %[[D:.*]] = compress.decode %[[W]]
// CHECK: linalg.matmul {{.*}} ins(%{{.*}}, %[[D]]
// Tied: another function loads the same globals, and gets the same new constants.
// CHECK-LABEL: func @tied
// CHECK: arith.constant dense_resource<weight.tiled> : tensor<1x1x16x4xi8>
// CHECK: arith.constant dense_resource<fc.scales.tiled> : tensor<1x1x16x1xf32>
// CHECK: %[[D:.*]] = compress.decode %{{.*}} : !compress.tensor<2x4xf32, #compress.tiled<
// CHECK: linalg.matvec ins(%[[D]]
// CHECK: dialect_resources
// CHECK-NOT: fc.scales:
// CHECK: weight.tiled: "0x4000000001020304050607FF{{0+}}",
// CHECK-NEXT: fc.scales.tiled: "0x400000000000803F00000040{{0+}}"
// CHECK-NOT: tiled
// CHECK: #-}
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32>>
ml_program.global private @fc.codes(dense<[[1, 2, 3, 4], [5, 6, 7, -1]]> : tensor<2x4xi8>) : tensor<2x4xi8>
ml_program.global private @fc.scales(dense_resource<fc.scales> : tensor<2x1xf32>) : tensor<2x1xf32>
func.func @nk(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = ml_program.global_load_const @fc.codes : tensor<2x4xi8>
  %s = ml_program.global_load_const @fc.scales : tensor<2x1xf32>
  %0 = compress.assemble %c, %s {compress.certificate = #compress.certificate<
      weight = "fc", algorithm = "rtn", source = "0123456789abcdef", bits = 128, max_error = 1.0 : f64, relative_error = 0.5 : f64, sqnr = 2.0 : f64>}
    : tensor<2x4xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
func.func @tied(%x: tensor<4xf32>, %i: tensor<2xf32>) -> tensor<2xf32> {
  %c = ml_program.global_load_const @fc.codes : tensor<2x4xi8>
  %s = ml_program.global_load_const @fc.scales : tensor<2x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x4xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matvec ins(%w, %x : tensor<2x4xf32>, tensor<4xf32>) outs(%i : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
{-# dialect_resources: { builtin: { fc.scales: "0x040000000000803F00000040" } } #-}

// -----
// A public global and one with another user stay, with their data.
// CHECK: ml_program.global public @codes(dense<{{\[\[}}1, 2], [3, 4]]>
// CHECK: ml_program.global private @scales(dense_resource<scales>
// CHECK-LABEL: func @used_elsewhere
// CHECK: arith.constant dense_resource<weight.tiled> : tensor<1x1x16x4xi8>
// CHECK: arith.constant dense_resource<scales.tiled> : tensor<1x1x16x1xf32>
// CHECK: ml_program.global_load_const @scales
// CHECK: scales: "0x040000000000803F00000040"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x2xf32, #compress.quant<i8, block = [1, 2], scale = f32>>
ml_program.global public @codes(dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>) : tensor<2x2xi8>
ml_program.global private @scales(dense_resource<scales> : tensor<2x1xf32>) : tensor<2x1xf32>
func.func @used_elsewhere(%x: tensor<3x2xf32>, %i: tensor<3x2xf32>) -> (tensor<3x2xf32>, tensor<2x1xf32>) {
  %c = ml_program.global_load_const @codes : tensor<2x2xi8>
  %s = ml_program.global_load_const @scales : tensor<2x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x2xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x2xf32>, tensor<2x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %t = ml_program.global_load_const @scales : tensor<2x1xf32>
  return %y, %t : tensor<3x2xf32>, tensor<2x1xf32>
}
{-# dialect_resources: { builtin: { scales: "0x040000000000803F00000040" } } #-}

// -----
// [K, N]: the same order of bytes, lanes along n. K of 5 is one tile and a byte, N of 2 a part of one.
// CHECK-LABEL: func @kn
// CHECK: compress.assemble {{.*}} : tensor<1x2x16x4xi8>, tensor<1x1x16x1xf32> -> !compress.tensor<5x2xf32, #compress.tiled<#compress.quant<i8, block = [5, 1], scale = f32>, tile = [4, 16], order = [1, 0]>>
// CHECK: weight.tiled: "0x400000000103050702040608{{(00)+}}090000000A000000{{(00)+}}",
// CHECK-NEXT: weight.tiled_1: "0x400000000000803F00000040{{0+}}"
!w = !compress.tensor<5x2xf32, #compress.quant<i8, block = [5, 1], scale = f32>>
func.func @kn(%x: tensor<3x5xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]> : tensor<5x2xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<5x2xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<3x5xf32>, tensor<5x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// The weight as the left operand, [M, K]: its rows are the lanes. Two contractions that agree share one weight.
// CHECK-LABEL: func @left
// CHECK-COUNT-1: compress.assemble {{.*}} -> !compress.tensor<2x4xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
// CHECK: linalg.matmul ins(%[[A:.*]], %{{.*}} : tensor<2x4xf32>, tensor<4x3xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[A]], %{{.*}} : tensor<2x4xf32>, tensor<4x3x6xf32>)
!w = !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32>>
func.func @left(%x: tensor<4x3xf32>, %i: tensor<2x3xf32>, %z: tensor<4x3x6xf32>, %j: tensor<3x2x6xf32>) -> (tensor<2x3xf32>, tensor<3x2x6xf32>) {
  %c = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, 10]]> : tensor<2x4xi8>
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x4xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%w, %x : tensor<2x4xf32>, tensor<4x3xf32>) outs(%i : tensor<2x3xf32>) -> tensor<2x3xf32>
  %v = linalg.generic {indexing_maps = [affine_map<(a, n, b, k) -> (n, k)>, affine_map<(a, n, b, k) -> (k, a, b)>, affine_map<(a, n, b, k) -> (a, n, b)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%w, %z : tensor<2x4xf32>, tensor<4x3x6xf32>) outs(%j : tensor<3x2x6xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<3x2x6xf32>
  return %y, %v : tensor<2x3xf32>, tensor<3x2x6xf32>
}

// -----
// Batches come first; one scale each serves all lanes.
// CHECK-LABEL: func @batch
// CHECK: compress.assemble {{.*}} : tensor<2x1x1x1x16x4xi8>, tensor<2x1x1x1x1x1xf32> -> !compress.tensor<2x4x2xf32, #compress.tiled<#compress.quant<i8, block = [1, 4, 2], scale = f32>, tile = [1, 4, 16], order = [0, 2, 1]>>
// CHECK: weight.tiled: "0x400000000103050702040608{{(00)+}}FF03050702040608{{(00)+}}",
// CHECK-NEXT: weight.tiled_1: "0x400000000000803F00000040"
!w = !compress.tensor<2x4x2xf32, #compress.quant<i8, block = [1, 4, 2], scale = f32>>
func.func @batch(%x: tensor<2x3x4xf32>, %i: tensor<2x3x2xf32>) -> tensor<2x3x2xf32> {
  %c = arith.constant dense<[[[1, 2], [3, 4], [5, 6], [7, 8]], [[-1, 2], [3, 4], [5, 6], [7, 8]]]> : tensor<2x4x2xi8>
  %s = arith.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x4x2xi8>, tensor<2x1x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.batch_matmul ins(%x, %w : tensor<2x3x4xf32>, tensor<2x4x2xf32>) outs(%i : tensor<2x3x2xf32>) -> tensor<2x3x2xf32>
  return %y : tensor<2x3x2xf32>
}

// -----
// 8 codes of 4 bits are 4 bytes of a lane, lower index in lower bits, also where the weight has them along n. Zero points
// and minima go with the scales; one row has one for all lanes.
// CHECK-LABEL: func @nibbles
// CHECK: compress.assemble {{.*}} : tensor<1x2x16x4xi8>, tensor<1x2x1x1xf16>, tensor<1x2x1x1xf16> -> !compress.tensor<1x16xf32, #compress.tiled<#compress.quant<u4, block = [1, 8], scale = f16, min = f16>, tile = [16, 8], order = [0, 1]>>
// CHECK: compress.assemble {{.*}} : tensor<1x1x16x4xi8>, tensor<1x1x16x1xf16>, tensor<1x1x16x1xi8> -> !compress.tensor<8x2xf32, #compress.tiled<#compress.quant<i4, block = [8, 1], scale = f16, zero = i8>, tile = [8, 16], order = [1, 0]>>
// CHECK: weight.tiled: "0x4000000010325476{{(00)+}}98BADCFE{{(00)+}}",
// CHECK-NEXT: weight.tiled_1: "0x40000000003C0040",
// CHECK-NEXT: weight.tiled_2: "0x4000000000BC00C0",
// Codes of n = 0 were the low halves of the bytes, those of n = 1 the high ones.
// CHECK-NEXT: weight.tiled_3: "0x400000001032547698BADCFE{{(00)+}}",
// CHECK-NEXT: weight.tiled_4: "0x40000000003C0040{{(00)+}}",
// CHECK-NEXT: weight.tiled_5: "0x4000000001FF{{(00)+}}"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!min = !compress.tensor<1x16xf32, #compress.quant<u4, block = [1, 8], scale = f16, min = f16>>
!zero = !compress.tensor<8x2xf32, #compress.quant<i4, block = [8, 1], scale = f16, zero = i8>>
func.func @nibbles(%x: tensor<3x16xf32>, %i: tensor<3x1xf32>, %z: tensor<3x8xf32>, %j: tensor<3x2xf32>) -> (tensor<3x1xf32>, tensor<3x2xf32>) {
  %c = arith.constant dense<[[0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE]]> : tensor<1x8xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf16>
  %m = arith.constant dense<[[-1.0, -2.0]]> : tensor<1x2xf16>
  %0 = compress.assemble %c, %s, %m : tensor<1x8xi8>, tensor<1x2xf16>, tensor<1x2xf16> -> !min
  %w = compress.decode %0 : !min
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x16xf32>, tensor<1x16xf32>) outs(%i : tensor<3x1xf32>) -> tensor<3x1xf32>
  %d = arith.constant dense<[[0x80], [0x91], [0xA2], [0xB3], [0xC4], [0xD5], [0xE6], [0xF7]]> : tensor<8x1xi8>
  %t = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf16>
  %o = arith.constant dense<[[1, -1]]> : tensor<1x2xi8>
  %1 = compress.assemble %d, %t, %o : tensor<8x1xi8>, tensor<1x2xf16>, tensor<1x2xi8> -> !zero
  %v = compress.decode %1 : !zero
  %u = linalg.matmul ins(%z, %v : tensor<3x8xf32>, tensor<8x2xf32>) outs(%j : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y, %u : tensor<3x1xf32>, tensor<3x2xf32>
}

// -----
// Bytes without sign, of a weight of one element, with one scale for all. Two components may be one constant.
// CHECK-LABEL: func @one
// CHECK: compress.assemble {{.*}} : tensor<1x1x16x4xi8>, tensor<1x1x1x1xbf16>, tensor<1x1x1x1xbf16> -> !compress.tensor<1x1xf32, #compress.tiled<#compress.quant<u8, block = [1, 1], scale = bf16, min = bf16>, tile = [16, 4], order = [0, 1]>>
// CHECK: c.tiled: "0x40000000FE{{(00)+}}",
// CHECK-NEXT: s.tiled: "0x40000000803F",
// CHECK-NEXT: s.tiled_1: "0x40000000803F"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<1x1xf32, #compress.quant<u8, block = [1, 1], scale = bf16, min = bf16>>
func.func @one(%x: tensor<?x1xf32>, %i: tensor<?x1xf32>) -> tensor<?x1xf32> {
  %c = arith.constant dense_resource<c> : tensor<1x1xi8>
  %s = arith.constant dense_resource<s> : tensor<1x1xbf16>
  %0 = compress.assemble %c, %s, %s : tensor<1x1xi8>, tensor<1x1xbf16>, tensor<1x1xbf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x1xf32>, tensor<1x1xf32>) outs(%i : tensor<?x1xf32>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}
{-# dialect_resources: { builtin: { c: "0x04000000FE", s: "0x04000000803F" } } #-}

// -----
// Every contraction: vectors, batches of vectors, indexing maps of linalg.contract, operands of f16 or bf16, casts in the body.
// CHECK-LABEL: func @contractions
// CHECK-COUNT-6: !compress.tensor<{{.*}}, #compress.tiled<#compress.quant<i8, {{.*}}>, tile =
// CHECK: return
func.func @contractions(%v: tensor<4xf32>, %b: tensor<2x4xbf16>, %x: tensor<3x4xf16>, %f32: tensor<2xf32>, %bf16: tensor<2x2xbf16>, %f16: tensor<3x2xf16>, %i: tensor<3x2xf32>)
    -> (tensor<2xf32>, tensor<2x2xbf16>, tensor<3x2xf16>, tensor<3x2xf32>) {
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %t = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %u = arith.constant dense<[[[1.0]], [[2.0]]]> : tensor<2x1x1xf32>
  %c0 = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %p0 = compress.assemble %c0, %t : tensor<4x2xi8>, tensor<1x2xf32> -> !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
  %w0 = compress.decode %p0 : !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
  %0 = linalg.vecmat ins(%v, %w0 : tensor<4xf32>, tensor<4x2xf32>) outs(%f32 : tensor<2xf32>) -> tensor<2xf32>
  %c1 = arith.constant dense<[[[1, 2, 3, 4], [5, 6, 7, 8]], [[9, 10, 11, 12], [13, 14, 15, 16]]]> : tensor<2x2x4xi8>
  %p1 = compress.assemble %c1, %u : tensor<2x2x4xi8>, tensor<2x1x1xf32> -> !compress.tensor<2x2x4xbf16, #compress.quant<i8, block = [1, 2, 4], scale = f32>>
  %w1 = compress.decode %p1 : !compress.tensor<2x2x4xbf16, #compress.quant<i8, block = [1, 2, 4], scale = f32>>
  %1 = linalg.batch_matvec ins(%w1, %b : tensor<2x2x4xbf16>, tensor<2x4xbf16>) outs(%bf16 : tensor<2x2xbf16>) -> tensor<2x2xbf16>
  %c2 = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, 9]]> : tensor<2x4xi8>
  %p2 = compress.assemble %c2, %s : tensor<2x4xi8>, tensor<2x1xf32> -> !compress.tensor<2x4xf16, #compress.quant<i8, block = [1, 4], scale = f32>>
  %w2 = compress.decode %p2 : !compress.tensor<2x4xf16, #compress.quant<i8, block = [1, 4], scale = f32>>
  %2 = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w2 : tensor<3x4xf16>, tensor<2x4xf16>) outs(%f16 : tensor<3x2xf16>) -> tensor<3x2xf16>
  // Widened by the op.
  %3 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w2 : tensor<3x4xf16>, tensor<2x4xf16>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0, %1, %2, %3 : tensor<2xf32>, tensor<2x2xbf16>, tensor<3x2xf16>, tensor<3x2xf32>
}
