// Weights of one bit times signs: bits are stored inverted, as signs, 32 steps a lane, and scales of blocks lie between
// them. Whether activations are signs is proved from what makes them.
// RUN: compress-opt %s --compress-pack-weights=compute=auto --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-pack-weights=compute=xnor --split-input-file | FileCheck %s
// Where others are asked for, the layout is theirs.
// RUN: compress-opt %s --compress-pack-weights=compute=f32 --split-input-file | FileCheck %s --check-prefix=F32

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>
!w = !compress.tensor<2x40xf32, #compress.quant<binary, block = [1, 40], scale = f32>>

// CHECK-LABEL: func @compared
// CHECK: compress.assemble {{.*}} : tensor<1x2x16x4xi8>, tensor<1x1x16x1xf32> ->
// CHECK-SAME: #compress.tiled<#compress.quant<binary, block = [1, 40], scale = f32>, tile = [16, 32], order = [0, 1], flip = 255>
// Padding is set: 24 of the 32 steps behind step 32, and 14 rows.
// CHECK: weight.tiled: "0x4000000000FF00FF00000000FFFFFFFF{{F+}}00FFFFFFFFFFFFFF{{F+}}"
// F32-LABEL: func @compared
// F32: tile = [16, 32], order = [0, 1]>
func.func @compared(%x: tensor<3x40xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %e = tensor.empty() : tensor<3x40xf32>
  %signs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<3x40xf32>) outs(%e : tensor<3x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf oge, %a, %zero : f32
    %s = arith.select %c, %one, %minus : f32
    linalg.yield %s : f32
  } -> tensor<3x40xf32>
  %codes = arith.constant dense<[[255, 0, 255, 0, 255], [255, 255, 255, 255, 0]]> : tensor<2x5xi8>
  %scales = arith.constant dense<[[0.5], [2.0]]> : tensor<2x1xf32>
  %0 = compress.assemble %codes, %scales : tensor<2x5xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %w : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// Arithmetic on whole tensors, a change of shape and padding that is a sign, too; scales for 32 steps.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<2x64xf32, #compress.quant<binary, block = [1, 32], scale = f32>>
// CHECK-LABEL: func @moved
// CHECK: compress.assemble {{.*}} : tensor<1x2x128xi8> ->
// CHECK-SAME: tile = [16, 32], order = [0, 1], record = 1, flip = 255>
func.func @moved(%x: tensor<3x2x31xf16>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %one = arith.constant dense<1.0> : tensor<3x2x31xf16>
  %minus = arith.constant -1.0 : f32
  %copied = math.copysign %one, %x : tensor<3x2x31xf16>
  %wide = arith.extf %copied : tensor<3x2x31xf16> to tensor<3x2x31xf32>
  %padded = tensor.pad %wide low[0, 0, 1] high[0, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index):
    tensor.yield %minus : f32
  } : tensor<3x2x31xf32> to tensor<3x2x32xf32>
  %flat = tensor.collapse_shape %padded [[0], [1, 2]] : tensor<3x2x32xf32> into tensor<3x64xf32>
  %codes = arith.constant dense<[[1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16]]> : tensor<2x8xi8>
  %scales = arith.constant dense<[[0.5, 1.0], [2.0, 4.0]]> : tensor<2x2xf32>
  %0 = compress.assemble %codes, %scales : tensor<2x8xi8>, tensor<2x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%flat, %w : tensor<3x64xf32>, tensor<2x64xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
