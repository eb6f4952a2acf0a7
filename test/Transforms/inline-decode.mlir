// No decode is left, and nothing that codecs build for one.
// RUN: compress-opt %s --compress-inline-decode --compress-check-fused=max-elements=0 --canonicalize --cse --split-input-file | FileCheck %s --implicit-check-not=compress.decode --implicit-check-not=linalg.transpose
// RUN: compress-opt %s --compress-inline-decode --remarks-filter="compress-inline-decode" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK-COUNT-8: remark: [Passed] InlineDecode | Category:compress-inline-decode | {{.*}}Remark="decodes elements of a weight in its user"
// REMARK-NOT: remark:

// A place of each element is that of the loops. Loops of places have the sizes of a tensor that nobody reads. Products may be rounded with their sums, and what
// decode rounds not.
// CHECK-DAG: #[[IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 + d4, d2 + d5, d3)>
// CHECK-DAG: #[[SIZES:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d4, d5)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func @depthwise
// CHECK-SAME: %[[C:.*]]: tensor<3x3x8xi8>, %[[S:.*]]: tensor<1x1x8xf16>, %[[X:.*]]: tensor<?x6x7x8xf32>, %[[I:.*]]: tensor<?x4x5x8xf32>)
// CHECK: %[[E:.*]] = tensor.empty() : tensor<3x3xi8>
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[IMAGE]], #[[SIZES]], #[[OUT]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]} ins(%[[X]], %[[E]] : tensor<?x6x7x8xf32>, tensor<3x3xi8>) outs(%[[I]] : tensor<?x4x5x8xf32>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %{{.*}}: i8, %[[SUM:.*]]: f32):
// CHECK-DAG: %[[CH:.*]] = linalg.index 3
// CHECK-DAG: %[[KH:.*]] = linalg.index 4
// CHECK-DAG: %[[KW:.*]] = linalg.index 5
// CHECK-DAG: %[[CODE:.*]] = tensor.extract %[[C]][%[[KH]], %[[KW]], %[[CH]]]
// CHECK-DAG: %[[LAST:.*]] = arith.remui %[[CH]], %c8
// CHECK-DAG: %[[SCALE:.*]] = tensor.extract %[[S]][%{{.*}}, %c0, %[[LAST]]]
// CHECK-DAG: %[[NUMBER:.*]] = arith.sitofp %[[CODE]] : i8 to f32
// CHECK-DAG: %[[WIDE:.*]] = arith.extf %[[SCALE]] : f16 to f32
// CHECK: %[[W:.*]] = arith.mulf %[[WIDE]], %[[NUMBER]] : f32
// CHECK: %[[P:.*]] = arith.mulf %[[A]], %[[W]] fastmath<contract> : f32
// CHECK: %[[R:.*]] = arith.addf %[[SUM]], %[[P]] fastmath<contract> : f32
// CHECK: linalg.yield %[[R]] : f32
// CHECK: return %[[Y]]
!w = !compress.tensor<3x3x8xf32, #compress.quant<i8, block = [3, 3, 1], scale = f16>>
func.func @depthwise(%c: tensor<3x3x8xi8>, %s: tensor<1x1x8xf16>, %x: tensor<?x6x7x8xf32>, %i: tensor<?x4x5x8xf32>) -> tensor<?x4x5x8xf32> {
  %0 = compress.assemble %c, %s : tensor<3x3x8xi8>, tensor<1x1x8xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : tensor<?x6x7x8xf32>, tensor<3x3x8xf32>) outs(%i : tensor<?x4x5x8xf32>) -> tensor<?x4x5x8xf32>
  return %y : tensor<?x4x5x8xf32>
}

// -----
// Behind a transpose, and packed along a dimension that it moves. Decode rounds to the weight's type.
// CHECK-LABEL: func @moved
// CHECK-SAME: %[[C:.*]]: tensor<8x3x2xi8>, %[[S:.*]]: tensor<8x1x1xf16>
// CHECK: linalg.generic
// CHECK-DAG: %[[CH:.*]] = linalg.index 3
// CHECK-DAG: %[[KH:.*]] = linalg.index 4
// CHECK-DAG: %[[KW:.*]] = linalg.index 5
// CHECK-DAG: tensor.extract %[[C]][%[[CH]], %[[KH]], %{{.*}}]
// CHECK-DAG: tensor.extract %[[S]][%[[CH]], %c0, %c0]
// CHECK-DAG: arith.remui %[[KW]], %c2
// CHECK: %[[W:.*]] = arith.truncf %{{.*}} : f32 to f16
// CHECK: arith.extf %[[W]] : f16 to f32
!w = !compress.tensor<8x3x3xf16, #compress.quant<i4, block = [1, 3, 3], scale = f16>>
func.func @moved(%c: tensor<8x3x2xi8>, %s: tensor<8x1x1xf16>, %x: tensor<2x6x7x8xf32>, %i: tensor<2x4x5x8xf32>) -> tensor<2x4x5x8xf32> {
  %0 = compress.assemble %c, %s : tensor<8x3x2xi8>, tensor<8x1x1xf16> -> !w
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<3x3x8xf16>
  %t = linalg.transpose ins(%w : tensor<8x3x3xf16>) outs(%e : tensor<3x3x8xf16>) permutation = [1, 2, 0]
  %y = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %t : tensor<2x6x7x8xf32>, tensor<3x3x8xf16>) outs(%i : tensor<2x4x5x8xf32>) -> tensor<2x4x5x8xf32>
  return %y : tensor<2x4x5x8xf32>
}

// -----
// CHECK-LABEL: func @lookup
// CHECK-SAME: %[[C:.*]]: tensor<50x8xi8>, %[[S:.*]]: tensor<50x1xf16>
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<?xi64>)
// CHECK: %[[ROW:.*]] = arith.index_cast
// CHECK: %[[D:.*]] = linalg.index 1
// CHECK: %[[BYTE:.*]] = arith.divui %[[D]], %c2
// CHECK: tensor.extract %[[C]][%[[ROW]], %[[BYTE]]]
// CHECK: tensor.extract %[[S]][%[[ROW]], %c0]
!w = !compress.tensor<50x16xf32, #compress.quant<i4, block = [1, 16], scale = f16>>
func.func @lookup(%c: tensor<50x8xi8>, %s: tensor<50x1xf16>, %ids: tensor<?xi64>, %i: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %0 = compress.assemble %c, %s : tensor<50x8xi8>, tensor<50x1xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n)>, affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<?xi64>) outs(%i : tensor<?x16xf32>) {
  ^bb0(%id: i64, %o: f32):
    %row = arith.index_cast %id : i64 to index
    %d = linalg.index 1 : index
    %v = tensor.extract %w[%row, %d] : tensor<50x16xf32>
    linalg.yield %v : f32
  } -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----
// Each of several users, and each use of one. Nothing is added up, so flags are as they were.
// CHECK-LABEL: func @several
// CHECK-SAME: %[[C:.*]]: tensor<8xi8>
// CHECK: linalg.generic {{.*}} ins(%{{.*}} : tensor<4x8xf32>)
// CHECK: %[[D:.*]] = linalg.index 1
// CHECK: tensor.extract %[[C]][%[[D]]]
// CHECK: arith.mulf %in, %{{.*}} : f32
// CHECK: linalg.generic
// CHECK-SAME: outs(%{{.*}} : tensor<8xf32>)
// CHECK: %[[D:.*]] = linalg.index 0
// CHECK: tensor.extract %[[C]][%[[D]]]
// CHECK: %[[W:.*]] = arith.mulf
// CHECK: arith.addf %[[W]], %[[W]] : f32
!w = !compress.tensor<8xf32, #compress.quant<i8, block = [8], scale = f32>>
func.func @several(%c: tensor<8xi8>, %s: tensor<1xf32>, %x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<8xf32>) {
  %0 = compress.assemble %c, %s : tensor<8xi8>, tensor<1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(n, d) -> (n, d)>, affine_map<(n, d) -> (d)>, affine_map<(n, d) -> (n, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%x, %w : tensor<4x8xf32>, tensor<8xf32>) outs(%x : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<4x8xf32>
  %e = tensor.empty() : tensor<8xf32>
  %z = linalg.add ins(%w, %w : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xf32>) -> tensor<8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<8xf32>
}

// -----
// Codecs of codecs: elements of both parts.
// CHECK-LABEL: func @sum
// CHECK-DAG: %[[A:.*]]:2 = compress.components %[[PARTS:.*]]#0
// CHECK-DAG: %[[B:.*]]:2 = compress.components %[[PARTS]]#1
// CHECK: linalg.generic
// CHECK: tensor.extract %[[A]]#0
// CHECK: tensor.extract %[[B]]#0
// CHECK: arith.addf %{{.*}}, %{{.*}} : f32
// CHECK: arith.mulf %{{.*}}, %{{.*}} fastmath<contract> : f32
!w = !compress.tensor<6x3x3xf32, #compress.sum<#compress.quant<i2, block = [1, 3, 3], scale = f16>, #compress.quant<i8, block = [6, 3, 3], scale = f32>>>
func.func @sum(%0: !w, %x: tensor<1x6x5x5xf32>, %i: tensor<1x6x3x3xf32>) -> tensor<1x6x3x3xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.depthwise_conv_2d_nchw_chw ins(%x, %w : tensor<1x6x5x5xf32>, tensor<6x3x3xf32>) outs(%i : tensor<1x6x3x3xf32>) -> tensor<1x6x3x3xf32>
  return %y : tensor<1x6x3x3xf32>
}

// -----
// Groups of few outputs.
// CHECK-LABEL: func @groups
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]
!w = !compress.tensor<3x32x15xf32, #compress.quant<i8, block = [1, 32, 1], scale = f32>>
func.func @groups(%c: tensor<3x32x15xi8>, %s: tensor<3x1x15xf32>, %x: tensor<3x1x32xf32>, %i: tensor<3x1x15xf32>) -> tensor<3x1x15xf32> {
  %0 = compress.assemble %c, %s : tensor<3x32x15xi8>, tensor<3x1x15xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.batch_matmul ins(%x, %w : tensor<3x1x32xf32>, tensor<3x32x15xf32>) outs(%i : tensor<3x1x15xf32>) -> tensor<3x1x15xf32>
  return %y : tensor<3x1x15xf32>
}
