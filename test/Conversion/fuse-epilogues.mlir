// RUN: compress-opt %s --compress-fuse-epilogues --canonicalize --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-fuse-epilogues --remarks-filter="compress-fuse-epilogues" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK-COUNT-5: remark: [Passed] FuseEpilogues | Category:compress-fuse-epilogues | Remark="fused into compress.contract"
// REMARK-NOT: remark:

// A bias, then ReLU: one epilogue.
// CHECK-DAG: #[[N:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @bias_relu
// CHECK-SAME: %{{.*}}: tensor<?x10xf32>, %{{.*}}, %{{.*}}, %[[BIAS:.*]]: tensor<20xf32>, %{{.*}}: tensor<?x20xf32>)
// CHECK: %[[ZERO:.*]] = arith.constant 0.000000e+00 : f32
// CHECK: %[[Y:.*]] = compress.contract {{.*}} overwrite weight({{.*}}) with(%[[BIAS]] : tensor<20xf32>) at [#[[N]]] epilogue {
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT: %[[S:.*]] = arith.addf %[[SUM]], %[[B]] : f32
// CHECK-NEXT: %[[R:.*]] = arith.maximumf %[[S]], %[[ZERO]] : f32
// CHECK-NEXT: compress.yield %[[R]] : f32
// CHECK-NEXT: } -> tensor<?x20xf32>
// CHECK-NEXT: return %[[Y]]
#nk = affine_map<(m, n, k) -> (n, k)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @bias_relu(%x: tensor<?x10xf32>, %c: tensor<2x3x16x4xi8>, %s: tensor<2x1x16x1xf32>, %bias: tensor<20xf32>, %e: tensor<?x20xf32>) -> tensor<?x20xf32> {
  %zero = arith.constant 0.0 : f32
  %y = compress.contract ins(%x, %c, %s : tensor<?x10xf32>, tensor<2x3x16x4xi8>, tensor<2x1x16x1xf32>) outs(%e : tensor<?x20xf32>) overwrite weight(!w, #nk) -> tensor<?x20xf32>
  %b = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %bias : tensor<?x20xf32>, tensor<20xf32>) outs(%e : tensor<?x20xf32>) {
  ^bb0(%p: f32, %q: f32, %o: f32):
    %t = arith.addf %p, %q : f32
    linalg.yield %t : f32
  } -> tensor<?x20xf32>
  %r = linalg.generic {indexing_maps = [#id, affine_map<(m, n) -> ()>, #id], iterator_types = ["parallel", "parallel"]} ins(%b, %zero : tensor<?x20xf32>, f32) outs(%b : tensor<?x20xf32>) {
  ^bb0(%p: f32, %z: f32, %o: f32):
    %t = arith.maximumf %p, %z : f32
    linalg.yield %t : f32
  } -> tensor<?x20xf32>
  return %r : tensor<?x20xf32>
}

// -----
// What is accumulated to comes first; the square of the result; another type.
// CHECK-DAG: #[[MN:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-LABEL: func @accumulated
// CHECK-SAME: %[[I:[a-z0-9]+]]: tensor<3x20xf32>, %{{.*}}: tensor<3x20xf16>)
// CHECK: %[[E:.*]] = tensor.empty() : tensor<3x20xf16>
// CHECK: compress.contract {{.*}} outs(%[[E]] : tensor<3x20xf16>) overwrite {{.*}} with(%[[I]] : tensor<3x20xf32>) at [#[[MN]]] epilogue {
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32, %[[OLD:.*]]: f32):
// CHECK-NEXT: %[[A:.*]] = arith.addf %[[OLD]], %[[SUM]] : f32
// CHECK-NEXT: %[[Q:.*]] = arith.mulf %[[A]], %[[A]] : f32
// CHECK-NEXT: %[[H:.*]] = arith.truncf %[[Q]] : f32 to f16
// CHECK-NEXT: compress.yield %[[H]] : f16
#nk = affine_map<(m, n, k) -> (n, k)>
#id = affine_map<(m, n) -> (m, n)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @accumulated(%x: tensor<3x10xf32>, %c: tensor<2x3x16x4xi8>, %s: tensor<2x1x16x1xf32>, %i: tensor<3x20xf32>, %e: tensor<3x20xf16>) -> tensor<3x20xf16> {
  %y = compress.contract ins(%x, %c, %s : tensor<3x10xf32>, tensor<2x3x16x4xi8>, tensor<2x1x16x1xf32>) outs(%i : tensor<3x20xf32>) weight(!w, #nk) -> tensor<3x20xf32>
  %r = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%y, %y : tensor<3x20xf32>, tensor<3x20xf32>) outs(%e : tensor<3x20xf16>) {
  ^bb0(%p: f32, %q: f32, %o: f16):
    %t = arith.mulf %p, %q : f32
    %h = arith.truncf %t : f32 to f16
    linalg.yield %h : f16
  } -> tensor<3x20xf16>
  return %r : tensor<3x20xf16>
}

// -----
// Rows that are taken apart: operands are put together as they were. A result of one row that becomes a vector.
// CHECK-LABEL: func @rows
// CHECK: %[[RM:.*]] = tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2]] : tensor<2x?x20xf32> into tensor<?x20xf32>
// CHECK: %[[Y:.*]] = compress.contract {{.*}} with(%[[RM]] : tensor<?x20xf32>)
// CHECK: tensor.expand_shape %[[Y]] {{\[}}[0, 1], [2]]
// CHECK-LABEL: func @vector
// CHECK: %[[V:.*]] = compress.contract {{.*}} with(%{{.*}} : tensor<20xf32>) at [#{{.*}}] epilogue
// CHECK: tensor.collapse_shape %[[V]] {{\[}}[0, 1]] : tensor<1x20xf32> into tensor<20xf32>
#nk = affine_map<(m, n, k) -> (n, k)>
#id3 = affine_map<(a, m, n) -> (a, m, n)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @rows(%x: tensor<?x10xf32>, %c: tensor<2x3x16x4xi8>, %s: tensor<2x1x16x1xf32>, %i: tensor<?x20xf32>, %r: tensor<2x?x20xf32>, %m: index) -> tensor<2x?x20xf32> {
  %y = compress.contract ins(%x, %c, %s : tensor<?x10xf32>, tensor<2x3x16x4xi8>, tensor<2x1x16x1xf32>) outs(%i : tensor<?x20xf32>) overwrite weight(!w, #nk) -> tensor<?x20xf32>
  %e = tensor.expand_shape %y [[0, 1], [2]] output_shape [2, %m, 20] : tensor<?x20xf32> into tensor<2x?x20xf32>
  %z = linalg.add ins(%e, %r : tensor<2x?x20xf32>, tensor<2x?x20xf32>) outs(%e : tensor<2x?x20xf32>) -> tensor<2x?x20xf32>
  return %z : tensor<2x?x20xf32>
}
func.func @vector(%x: tensor<1x10xf32>, %c: tensor<2x3x16x4xi8>, %s: tensor<2x1x16x1xf32>, %i: tensor<1x20xf32>, %r: tensor<20xf32>) -> tensor<20xf32> {
  %y = compress.contract ins(%x, %c, %s : tensor<1x10xf32>, tensor<2x3x16x4xi8>, tensor<2x1x16x1xf32>) outs(%i : tensor<1x20xf32>) overwrite weight(!w, #nk) -> tensor<1x20xf32>
  %e = tensor.collapse_shape %y [[0, 1]] : tensor<1x20xf32> into tensor<20xf32>
  %z = linalg.add ins(%e, %r : tensor<20xf32>, tensor<20xf32>) outs(%e : tensor<20xf32>) -> tensor<20xf32>
  return %z : tensor<20xf32>
}

// -----
// A row that is broadcast to where sums begin is added at the end. It is no user: nothing is said.
// CHECK-LABEL: func @broadcast
// CHECK-SAME: %[[BIAS:[a-z0-9]+]]: tensor<20xf32>
// CHECK-NOT: linalg
// CHECK: compress.contract {{.*}} overwrite {{.*}} with(%[[BIAS]] : tensor<20xf32>) at [#{{.*}}] epilogue {
// CHECK: arith.addf %{{.*}}, %{{.*}} : f32
#nk = affine_map<(m, n, k) -> (n, k)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @broadcast(%x: tensor<3x10xf32>, %c: tensor<2x3x16x4xi8>, %s: tensor<2x1x16x1xf32>, %bias: tensor<20xf32>, %e: tensor<3x20xf32>) -> tensor<3x20xf32> {
  %i = linalg.broadcast ins(%bias : tensor<20xf32>) outs(%e : tensor<3x20xf32>) dimensions = [0]
  %y = compress.contract ins(%x, %c, %s : tensor<3x10xf32>, tensor<2x3x16x4xi8>, tensor<2x1x16x1xf32>) outs(%i : tensor<3x20xf32>) weight(!w, #nk) -> tensor<3x20xf32>
  return %y : tensor<3x20xf32>
}
