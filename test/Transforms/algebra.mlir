// RUN: compress-opt %s --compress-algebra --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-algebra --remarks-filter="compress-algebra" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK-COUNT-12: remark: [Passed] Algebra | Category:compress-algebra | {{.*}}Remark="contracted with the parts of a weight"
// REMARK-NOT: remark:

// Outputs first: x V, then U.
// CHECK-DAG: #[[MK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[MN:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-LABEL: func @outputs_first
// CHECK-SAME: %[[U:[a-z0-9]+]]: tensor<96x16xf32>, %[[V:[a-z0-9]+]]: tensor<16x64xf32>, %[[X:[a-z0-9]+]]: tensor<4x64xf32>, %[[I:[a-z0-9]+]]: tensor<4x96xf32>
// CHECK-NOT: compress.
// CHECK: %[[Z:.*]] = linalg.fill ins(%{{.*}}) outs(%{{.*}} : tensor<4x16xf32>)
// CHECK: %[[H:.*]] = linalg.generic {indexing_maps = [#[[MK]], #[[NK]], #[[MN]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[X]], %[[V]] : tensor<4x64xf32>, tensor<16x64xf32>) outs(%[[Z]] : tensor<4x16xf32>)
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[MK]], #[[NK]], #[[MN]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[H]], %[[U]] : tensor<4x16xf32>, tensor<96x16xf32>) outs(%[[I]] : tensor<4x96xf32>)
// CHECK: return %[[Y]]
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<96x64xf32, #compress.lowrank<16>>
func.func @outputs_first(%u: tensor<96x16xf32>, %v: tensor<16x64xf32>, %x: tensor<4x64xf32>, %i: tensor<4x96xf32>) -> tensor<4x96xf32> {
  %0 = compress.assemble %u, %v : tensor<96x16xf32>, tensor<16x64xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x64xf32>, tensor<96x64xf32>) outs(%i : tensor<4x96xf32>) -> tensor<4x96xf32>
  return %y : tensor<4x96xf32>
}

// -----
// Reduced first, of f16: x U, then V, in f32, rounded once. The rows are dynamic.
// CHECK-DAG: #[[MK:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[KN:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-LABEL: func @reduced_first
// CHECK-SAME: %[[U:[a-z0-9]+]]: tensor<96x16xf16>, %[[V:[a-z0-9]+]]: tensor<16x64xf16>, %[[X:[a-z0-9]+]]: tensor<?x96xf16>, %[[I:[a-z0-9]+]]: tensor<?x64xf16>
// CHECK: tensor.dim %[[X]],
// CHECK: %[[H:.*]] = linalg.generic {indexing_maps = [#[[MK]], #[[KN]], #{{.*}}]{{.*}} ins(%[[X]], %[[U]] : tensor<?x96xf16>, tensor<96x16xf16>) outs(%{{.*}} : tensor<?x16xf32>)
// CHECK: arith.extf
// CHECK: arith.extf
// CHECK: %[[WIDE:.*]] = arith.extf %[[I]] : tensor<?x64xf16> to tensor<?x64xf32>
// CHECK: %[[Y:.*]] = linalg.generic {indexing_maps = [#[[MK]], #[[KN]], #{{.*}}]{{.*}} ins(%[[H]], %[[V]] : tensor<?x16xf32>, tensor<16x64xf16>) outs(%[[WIDE]] : tensor<?x64xf32>)
// CHECK: arith.truncf %[[Y]] : tensor<?x64xf32> to tensor<?x64xf16>
!w = !compress.tensor<96x64xf16, #compress.lowrank<16>>
func.func @reduced_first(%u: tensor<96x16xf16>, %v: tensor<16x64xf16>, %x: tensor<?x96xf16>, %i: tensor<?x64xf16>) -> tensor<?x64xf16> {
  %0 = compress.assemble %u, %v : tensor<96x16xf16>, tensor<16x64xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<?x96xf16>, tensor<96x64xf16>) outs(%i : tensor<?x64xf16>) -> tensor<?x64xf16>
  return %y : tensor<?x64xf16>
}

// -----
// Vectors, and the weight on the left. All three users are served.
// CHECK-LABEL: func @users
// CHECK-NOT: compress.decode
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<16xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<96xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<16xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<64xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<5x16xf32>)
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<96x5xf32>)
!w = !compress.tensor<96x64xf32, #compress.lowrank<16>>
func.func @users(%u: tensor<96x16xf32>, %v: tensor<16x64xf32>, %a: tensor<64xf32>, %b: tensor<96xf32>, %c: tensor<64x5xf32>, %i: tensor<96xf32>, %j: tensor<64xf32>, %k: tensor<96x5xf32>)
    -> (tensor<96xf32>, tensor<64xf32>, tensor<96x5xf32>) {
  %0 = compress.assemble %u, %v : tensor<96x16xf32>, tensor<16x64xf32> -> !w
  %w = compress.decode %0 : !w
  %1 = linalg.matvec ins(%w, %a : tensor<96x64xf32>, tensor<64xf32>) outs(%i : tensor<96xf32>) -> tensor<96xf32>
  %2 = linalg.vecmat ins(%b, %w : tensor<96xf32>, tensor<96x64xf32>) outs(%j : tensor<64xf32>) -> tensor<64xf32>
  %3 = linalg.matmul ins(%w, %c : tensor<96x64xf32>, tensor<64x5xf32>) outs(%k : tensor<96x5xf32>) -> tensor<96x5xf32>
  return %1, %2, %3 : tensor<96xf32>, tensor<64xf32>, tensor<96x5xf32>
}

// -----
// A sum is two contractions into one result; of these, one is two again. What has no algebra stays a decode. The
// certificate stays with the parts.
// CHECK-LABEL: func @sum
// CHECK-SAME: %[[U:[a-z0-9]+]]: tensor<96x16xf32>, %[[V:[a-z0-9]+]]: tensor<16x64xf32>, %[[C:[a-z0-9]+]]: tensor<96x64xi8>, %[[S:[a-z0-9]+]]: tensor<96x1xf16>, %[[X:[a-z0-9]+]]: tensor<2x4x64xbf16>, %[[I:[a-z0-9]+]]: tensor<2x4x96xf32>
// CHECK: %[[A:.*]] = compress.assemble %[[U]], %[[V]]
// CHECK: %[[B:.*]] = compress.assemble %[[C]], %[[S]]
// CHECK: compress.assemble %[[A]], %[[B]] {compress.certificate
// CHECK-NOT: compress.decode %[[A]]
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[V]] : tensor<2x4x64xbf16>, tensor<16x64xf32>) outs(%{{.*}} : tensor<2x4x16xf32>)
// CHECK: %[[Y:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[U]] : tensor<2x4x16xf32>, tensor<96x16xf32>) outs(%[[I]] : tensor<2x4x96xf32>)
// CHECK: %[[D:.*]] = compress.decode %[[B]]
// CHECK: linalg.generic {{.*}} ins(%[[X]], %[[D]] : tensor<2x4x64xbf16>, tensor<96x64xf32>) outs(%[[Y]] : tensor<2x4x96xf32>)
#bmk = affine_map<(b, m, n, k) -> (b, m, k)>
#nk = affine_map<(b, m, n, k) -> (n, k)>
#bmn = affine_map<(b, m, n, k) -> (b, m, n)>
#q = #compress.quant<i8, block = [1, 64], scale = f16>
#certificate = #compress.certificate<weight = "w", algorithm = "svd + rtn", source = "0", bits = 1, max_error = 0.0 : f64, relative_error = 0.0 : f64, sqnr = 0.0 : f64>
!a = !compress.tensor<96x64xf32, #compress.lowrank<16>>
!b = !compress.tensor<96x64xf32, #q>
!w = !compress.tensor<96x64xbf16, #compress.sum<#compress.lowrank<16>, #q>>
func.func @sum(%u: tensor<96x16xf32>, %v: tensor<16x64xf32>, %c: tensor<96x64xi8>, %s: tensor<96x1xf16>, %x: tensor<2x4x64xbf16>, %i: tensor<2x4x96xf32>) -> tensor<2x4x96xf32> {
  %a = compress.assemble %u, %v : tensor<96x16xf32>, tensor<16x64xf32> -> !a
  %b = compress.assemble %c, %s : tensor<96x64xi8>, tensor<96x1xf16> -> !b
  %0 = compress.assemble %a, %b {compress.certificate = #certificate} : !a, !b -> !w
  %w = compress.decode %0 : !w
  %y = linalg.contract indexing_maps = [#bmk, #nk, #bmn] ins(%x, %w : tensor<2x4x64xbf16>, tensor<96x64xbf16>) outs(%i : tensor<2x4x96xf32>) -> tensor<2x4x96xf32>
  return %y : tensor<2x4x96xf32>
}

// -----
// Factors that are compressed again, of a value that nothing here assembles.
// CHECK-LABEL: func @nested
// CHECK: %[[P:.*]]:2 = compress.components
// CHECK-DAG: %[[U:.*]] = compress.decode %[[P]]#0 : !compress.tensor<96x16xf32,
// CHECK-DAG: %[[V:.*]] = compress.decode %[[P]]#1 : !compress.tensor<16x64xf32,
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[V]]
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[U]]
#q = #compress.quant<i4, block = [1, 16], scale = f16>
!w = !compress.tensor<96x64xf32, #compress.nested<#compress.lowrank<16>, u = #q, v = #q>>
func.func @nested(%0: !w, %x: tensor<64xf32>, %i: tensor<96xf32>) -> tensor<96xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.matvec ins(%w, %x : tensor<96x64xf32>, tensor<64xf32>) outs(%i : tensor<96xf32>) -> tensor<96xf32>
  return %y : tensor<96xf32>
}

// -----
// A batch of weights as one matrix, whose rows are one dimension of the outputs: the others pass through the first
// contraction.
// CHECK-LABEL: func @more_dimensions
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<7x64xf32>, tensor<4x6x64xf32>) outs(%{{.*}} : tensor<7x6x4xf32>)
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<7x6x4xf32>, tensor<32x4xf32>) outs(%{{.*}} : tensor<7x32x6xf32>)
!w = !compress.tensor<32x6x64xf32, #compress.lowrank<4>>
func.func @more_dimensions(%u: tensor<32x4xf32>, %v: tensor<4x6x64xf32>, %x: tensor<7x64xf32>, %i: tensor<7x32x6xf32>) -> tensor<7x32x6xf32> {
  %0 = compress.assemble %u, %v : tensor<32x4xf32>, tensor<4x6x64xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, h, k) -> (m, k)>, affine_map<(m, n, h, k) -> (n, h, k)>, affine_map<(m, n, h, k) -> (m, n, h)>], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<7x64xf32>, tensor<32x6x64xf32>) outs(%i : tensor<7x32x6xf32>) {
  ^bb0(%a: f32, %b: f32, %s: f32):
    %p = arith.mulf %a, %b : f32
    %t = arith.addf %s, %p : f32
    linalg.yield %t : f32
  } -> tensor<7x32x6xf32>
  return %y : tensor<7x32x6xf32>
}

// -----
// A convolution of 1x1 filters: with V where it reads the image, then U on its result.
// CHECK-DAG: #[[IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1 * 2 + d4, d2 * 2 + d5, d6)>
// CHECK-DAG: #[[FILTER:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d3, d4, d5, d6)>
// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d4)>
// CHECK-DAG: #[[W:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d3, d4)>
// CHECK-LABEL: func @pointwise
// CHECK: %[[H:.*]] = linalg.generic {indexing_maps = [#[[IMAGE]], #[[FILTER]], #{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%{{.*}}, %{{.*}} : tensor<?x9x9x64xf32>, tensor<4x1x1x64xf32>) outs(%{{.*}} : tensor<?x5x5x4xf32>)
// CHECK: linalg.generic {indexing_maps = [#[[X]], #[[W]], #{{.*}}], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]} ins(%[[H]], %{{.*}} : tensor<?x5x5x4xf32>, tensor<32x4xf32>) outs(%{{.*}} : tensor<?x5x5x32xf32>)
!w = !compress.tensor<32x1x1x64xf32, #compress.lowrank<4>>
func.func @pointwise(%u: tensor<32x4xf32>, %v: tensor<4x1x1x64xf32>, %x: tensor<?x9x9x64xf32>, %i: tensor<?x5x5x32xf32>) -> tensor<?x5x5x32xf32> {
  %0 = compress.assemble %u, %v : tensor<32x4xf32>, tensor<4x1x1x64xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.conv_2d_nhwc_fhwc {strides = dense<2> : tensor<2xi64>} ins(%x, %w : tensor<?x9x9x64xf32>, tensor<32x1x1x64xf32>) outs(%i : tensor<?x5x5x32xf32>) -> tensor<?x5x5x32xf32>
  return %y : tensor<?x5x5x32xf32>
}

// -----
// A sum in a convolution of 3x3 filters is two of them.
// CHECK-LABEL: func @window_sum
// CHECK-COUNT-2: linalg.generic {{.*}}"reduction", "reduction", "reduction"]} ins(%{{.*}} : tensor<2x64x10x10xf32>, tensor<{{32|4}}x64x3x3xf32>)
!w = !compress.tensor<32x64x3x3xf32, #compress.sum<#compress.lowrank<4>, #compress.bitmask<density = 0.1 : f64>>>
func.func @window_sum(%0: !w, %x: tensor<2x64x10x10xf32>, %i: tensor<2x32x8x8xf32>) -> tensor<2x32x8x8xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<2x64x10x10xf32>, tensor<32x64x3x3xf32>) outs(%i : tensor<2x32x8x8xf32>) -> tensor<2x32x8x8xf32>
  return %y : tensor<2x32x8x8xf32>
}
