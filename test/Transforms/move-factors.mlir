// RUN: compress-opt %s --compress-move-factors --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-move-factors --remarks-filter="compress-move-factors" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK-COUNT-7: remark: [Passed] MoveFactors | Category:compress-move-factors | Remark="moved a factor off the weight"
// REMARK-NOT: remark:

// One number for each output: the result is scaled, then added to what was there.
// CHECK-DAG: #[[MK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[MN:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[COLUMN:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @outputs
// CHECK-SAME: %[[C:[a-z0-9]+]]: !compress.tensor<{{.*}}>, %[[F:[a-z0-9]+]]: tensor<96xf32>, %[[X:[a-z0-9]+]]: tensor<?x64xf16>, %[[I:[a-z0-9]+]]: tensor<?x96xf32>
// CHECK: %[[W:.*]] = compress.decode %[[C]]
// CHECK: %[[Z:.*]] = linalg.fill ins(%{{.*}}) outs(%{{.*}} : tensor<?x96xf32>)
// CHECK: %[[P:.*]] = linalg.generic {indexing_maps = [#[[MK]], #[[NK]], #[[MN]]], {{.*}} ins(%[[X]], %[[W]] : tensor<?x64xf16>, tensor<96x64xf32>) outs(%[[Z]]
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[ALL]], #[[COLUMN]], #[[ALL]], #[[ALL]]], iterator_types = ["parallel", "parallel"]} ins(%[[P]], %[[F]], %[[I]]
// CHECK: ^bb0(%[[A:.*]]: f32, %[[S:.*]]: f32, %[[B:.*]]: f32, %{{.*}}: f32):
// CHECK: %[[M:.*]] = arith.mulf %[[A]], %[[S]] : f32
// CHECK: arith.addf %[[B]], %[[M]] : f32
// CHECK: return %[[Y]]
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<96x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
func.func @outputs(%0: !w, %f: tensor<96xf32>, %x: tensor<?x64xf16>, %i: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<96x64xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
    ins(%w, %f : tensor<96x64xf32>, tensor<96xf32>) outs(%e : tensor<96x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %b, %a : f32
    linalg.yield %p : f32
  } -> tensor<96x64xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %s : tensor<?x64xf16>, tensor<96x64xf32>) outs(%i : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %y : tensor<?x96xf32>
}

// -----
// One for each input, behind a broadcast; the product is linalg.mul. Batched.
// CHECK-LABEL: func @inputs
// CHECK-SAME: %[[F:[a-z0-9]+]]: tensor<64xf32>, %[[X:[a-z0-9]+]]: tensor<2x3x64xf32>, %[[I:[a-z0-9]+]]: tensor<2x3x96xf32>
// CHECK: %[[W:.*]] = compress.decode
// CHECK: %[[S:.*]] = linalg.generic {{.*}} ins(%[[X]], %[[F]] : tensor<2x3x64xf32>, tensor<64xf32>) outs(%{{.*}} : tensor<2x3x64xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[S]], %[[W]] : tensor<2x3x64xf32>, tensor<2x64x96xf32>) outs(%[[I]]
!w = !compress.tensor<2x64x96xf32, #compress.quant<i8, block = [1, 64, 1], scale = f16>>
func.func @inputs(%0: !w, %f: tensor<64xf32>, %x: tensor<2x3x64xf32>, %i: tensor<2x3x96xf32>) -> tensor<2x3x96xf32> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<2x64x96xf32>
  %b = linalg.broadcast ins(%f : tensor<64xf32>) outs(%e : tensor<2x64x96xf32>) dimensions = [0, 2]
  %s = linalg.mul ins(%b, %w : tensor<2x64x96xf32>, tensor<2x64x96xf32>) outs(%e : tensor<2x64x96xf32>) -> tensor<2x64x96xf32>
  %y = linalg.batch_matmul ins(%x, %s : tensor<2x3x64xf32>, tensor<2x64x96xf32>) outs(%i : tensor<2x3x96xf32>) -> tensor<2x3x96xf32>
  return %y : tensor<2x3x96xf32>
}

// -----
// Scalars, in all the ways to write them, go to the smaller side: 64 inputs here, 96 outputs; then 3 outputs of 64 inputs.
// CHECK-LABEL: func @scalars
// CHECK-SAME: %[[F:[a-z0-9]+]]: f32, %[[X:[a-z0-9]+]]: tensor<64xf32>, %[[I:[a-z0-9]+]]: tensor<96xf32>, %[[J:[a-z0-9]+]]: tensor<3xf32>
// CHECK-DAG: %[[HALF:.*]] = arith.constant 5.000000e-01 : f32
// CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<64xf32>)
// CHECK: arith.mulf %{{.*}}, %[[HALF]] : f32
// CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<64xf32>)
// CHECK: arith.mulf %{{.*}}, %[[F]] : f32
// CHECK: linalg.generic {{.*}} ins(%[[X]] : tensor<64xf32>)
// CHECK: arith.mulf %{{.*}}, %[[F]] : f32
// CHECK: %[[P:.*]] = linalg.generic {{.*}} ins(%[[X]], %{{.*}} : tensor<64xf32>, tensor<3x64xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[P]], %[[J]] : tensor<3xf32>, tensor<3xf32>)
!w = !compress.tensor<96x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
!v = !compress.tensor<3x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
func.func @scalars(%0: !w, %1: !v, %f: f32, %x: tensor<64xf32>, %i: tensor<96xf32>, %j: tensor<3xf32>) -> (tensor<96xf32>, tensor<3xf32>) {
  %w = compress.decode %0 : !w
  %half = arith.constant dense<0.5> : tensor<96x64xf32>
  %s0 = arith.mulf %w, %half : tensor<96x64xf32>
  %y0 = linalg.matvec ins(%s0, %x : tensor<96x64xf32>, tensor<64xf32>) outs(%i : tensor<96xf32>) -> tensor<96xf32>
  %splat = tensor.splat %f : tensor<96x64xf32>
  %s1 = arith.mulf %splat, %w : tensor<96x64xf32>
  %y1 = linalg.matvec ins(%s1, %x : tensor<96x64xf32>, tensor<64xf32>) outs(%y0 : tensor<96xf32>) -> tensor<96xf32>
  %e = tensor.empty() : tensor<96x64xf32>
  %s2 = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
    ins(%w : tensor<96x64xf32>) outs(%e : tensor<96x64xf32>) {
  ^bb0(%a: f32, %o: f32):
    %p = arith.mulf %a, %f : f32
    linalg.yield %p : f32
  } -> tensor<96x64xf32>
  %y2 = linalg.matvec ins(%s2, %x : tensor<96x64xf32>, tensor<64xf32>) outs(%y1 : tensor<96xf32>) -> tensor<96xf32>
  %v = compress.decode %1 : !v
  %quarter = arith.constant dense<0.25> : tensor<3x64xf32>
  %s3 = arith.mulf %v, %quarter : tensor<3x64xf32>
  %y3 = linalg.matvec ins(%s3, %x : tensor<3x64xf32>, tensor<64xf32>) outs(%j : tensor<3xf32>) -> tensor<3xf32>
  return %y2, %y3 : tensor<96xf32>, tensor<3xf32>
}

// -----
// A 1x1 convolution of f16 images with a number for each filter; the product has the weight transposed.
// CHECK-DAG: #[[IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 * 2 + d4, d2 * 2 + d5, d6)>
// CHECK-DAG: #[[FILTER:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d6, d4, d5, d3)>
// CHECK-LABEL: func @pointwise
// CHECK: %[[W:.*]] = compress.decode
// CHECK: %[[WIDE:.*]] = arith.extf %{{.*}} : tensor<1x5x5x32xf16> to tensor<1x5x5x32xf32>
// CHECK: linalg.generic {indexing_maps = [#[[IMAGE]], #[[FILTER]], #{{.*}}], {{.*}} ins(%{{.*}}, %[[W]] : tensor<1x9x9x64xf16>, tensor<64x1x1x32xf32>)
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %[[WIDE]] : tensor<1x5x5x32xf32>, tensor<32xf32>, tensor<1x5x5x32xf32>)
// CHECK: arith.truncf %[[R]] : tensor<1x5x5x32xf32> to tensor<1x5x5x32xf16>
!w = !compress.tensor<64x1x1x32xf32, #compress.quant<i8, block = [64, 1, 1, 1], scale = f16>>
func.func @pointwise(%0: !w, %f: tensor<32xf32>, %x: tensor<1x9x9x64xf16>, %i: tensor<1x5x5x32xf16>) -> tensor<1x5x5x32xf16> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<32x1x1x64xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(f, i, j, c) -> (c, i, j, f)>, affine_map<(f, i, j, c) -> (f)>, affine_map<(f, i, j, c) -> (f, i, j, c)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%w, %f : tensor<64x1x1x32xf32>, tensor<32xf32>) outs(%e : tensor<32x1x1x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<32x1x1x64xf32>
  %y = linalg.conv_2d_nhwc_fhwc {strides = dense<2> : tensor<2xi64>} ins(%x, %s : tensor<1x9x9x64xf16>, tensor<32x1x1x64xf32>) outs(%i : tensor<1x5x5x32xf16>) -> tensor<1x5x5x32xf16>
  return %y : tensor<1x5x5x32xf16>
}
