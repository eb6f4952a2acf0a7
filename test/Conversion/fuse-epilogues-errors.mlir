// Users that are left as they are; a remark says why. The pass never fails.
// RUN: compress-opt %s --compress-fuse-epilogues --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-fuse-epilogues --remarks-filter="compress-fuse-epilogues" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK-LABEL: func @transposed
// CHECK: compress.contract
// CHECK-NOT: epilogue
// CHECK: linalg.generic
// REMARK: :[[#@LINE+8]]:8: remark: [Missed] FuseEpilogues | Category:compress-fuse-epilogues | Reason="it moves elements"
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n) -> (m, n)>
#nm = affine_map<(m, n) -> (n, m)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
!p = tensor<2x3x16x4xi8>
func.func @transposed(%x: tensor<3x10xf32>, %c: !p, %s: tensor<2x1x16x1xf32>, %e: tensor<3x20xf32>, %t: tensor<20x3xf32>) -> tensor<20x3xf32> {
  %y = compress.contract ins(%x, %c, %s : tensor<3x10xf32>, !p, tensor<2x1x16x1xf32>) outs(%e : tensor<3x20xf32>) overwrite weight(!w, #nk) -> tensor<3x20xf32>
  %r = linalg.generic {indexing_maps = [#nm, #mn], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<3x20xf32>) outs(%t : tensor<20x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    linalg.yield %n : f32
  } -> tensor<20x3xf32>
  return %r : tensor<20x3xf32>
}

// -----
// REMARK: remark: [Missed] FuseEpilogues | Category:compress-fuse-epilogues | Reason="it accumulates"
// CHECK-LABEL: func @accumulates
// CHECK: linalg.generic
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n) -> (m, n)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
!p = tensor<2x3x16x4xi8>
func.func @accumulates(%x: tensor<3x10xf32>, %c: !p, %s: tensor<2x1x16x1xf32>, %e: tensor<3x20xf32>, %t: tensor<3x20xf32>) -> tensor<3x20xf32> {
  %y = compress.contract ins(%x, %c, %s : tensor<3x10xf32>, !p, tensor<2x1x16x1xf32>) outs(%e : tensor<3x20xf32>) overwrite weight(!w, #nk) -> tensor<3x20xf32>
  %r = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<3x20xf32>) outs(%t : tensor<3x20xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.addf %a, %o : f32
    linalg.yield %n : f32
  } -> tensor<3x20xf32>
  return %r : tensor<3x20xf32>
}

// -----
// REMARK: remark: [Missed] FuseEpilogues | Category:compress-fuse-epilogues | Reason="an op of its body is not elementwise"
// CHECK-LABEL: func @indexed
// CHECK: linalg.index
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n) -> (m, n)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
!p = tensor<2x3x16x4xi8>
func.func @indexed(%x: tensor<3x10xf32>, %c: !p, %s: tensor<2x1x16x1xf32>, %e: tensor<3x20xf32>, %t: tensor<3x20xi64>) -> tensor<3x20xi64> {
  %y = compress.contract ins(%x, %c, %s : tensor<3x10xf32>, !p, tensor<2x1x16x1xf32>) outs(%e : tensor<3x20xf32>) overwrite weight(!w, #nk) -> tensor<3x20xf32>
  %r = linalg.generic {indexing_maps = [#mn, #mn], iterator_types = ["parallel", "parallel"]} ins(%y : tensor<3x20xf32>) outs(%t : tensor<3x20xi64>) {
  ^bb0(%a: f32, %o: i64):
    %i = linalg.index 0 : index
    %j = arith.index_cast %i : index to i64
    linalg.yield %j : i64
  } -> tensor<3x20xi64>
  return %r : tensor<3x20xi64>
}

// -----
// REMARK: remark: [Missed] FuseEpilogues | Category:compress-fuse-epilogues | Reason="an operand is broadcast along some rows, or transposed"
// CHECK-LABEL: func @some_rows
// CHECK: linalg.generic
#nk = affine_map<(m, n, k) -> (n, k)>
#amn = affine_map<(a, m, n) -> (a, m, n)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
!p = tensor<2x3x16x4xi8>
func.func @some_rows(%x: tensor<6x10xf32>, %c: !p, %s: tensor<2x1x16x1xf32>, %e: tensor<6x20xf32>, %q: tensor<3x20xf32>, %t: tensor<2x3x20xf32>) -> tensor<2x3x20xf32> {
  %y = compress.contract ins(%x, %c, %s : tensor<6x10xf32>, !p, tensor<2x1x16x1xf32>) outs(%e : tensor<6x20xf32>) overwrite weight(!w, #nk) -> tensor<6x20xf32>
  %z = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, 3, 20] : tensor<6x20xf32> into tensor<2x3x20xf32>
  %r = linalg.generic {indexing_maps = [#amn, affine_map<(a, m, n) -> (m, n)>, #amn], iterator_types = ["parallel", "parallel", "parallel"]} ins(%z, %q : tensor<2x3x20xf32>, tensor<3x20xf32>) outs(%t : tensor<2x3x20xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %n = arith.addf %a, %b : f32
    linalg.yield %n : f32
  } -> tensor<2x3x20xf32>
  return %r : tensor<2x3x20xf32>
}

// -----
// Two users: the result is needed as it is. That is no matter of the user.
// REMARK-NOT: remark
// CHECK-LABEL: func @two_users
// CHECK-COUNT-2: linalg.exp
#nk = affine_map<(m, n, k) -> (n, k)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
!p = tensor<2x3x16x4xi8>
func.func @two_users(%x: tensor<3x10xf32>, %c: !p, %s: tensor<2x1x16x1xf32>, %e: tensor<3x20xf32>) -> (tensor<3x20xf32>, tensor<3x20xf32>) {
  %y = compress.contract ins(%x, %c, %s : tensor<3x10xf32>, !p, tensor<2x1x16x1xf32>) outs(%e : tensor<3x20xf32>) overwrite weight(!w, #nk) -> tensor<3x20xf32>
  %a = linalg.exp ins(%y : tensor<3x20xf32>) outs(%e : tensor<3x20xf32>) -> tensor<3x20xf32>
  %b = linalg.exp ins(%y : tensor<3x20xf32>) outs(%e : tensor<3x20xf32>) -> tensor<3x20xf32>
  return %a, %b : tensor<3x20xf32>, tensor<3x20xf32>
}
