// RUN: compress-opt %s --split-input-file | compress-opt --split-input-file | FileCheck %s
// RUN: compress-opt %s --split-input-file --compress-lower-decode | FileCheck %s --check-prefix=LOWER

// A dense tensor is its one component, of any rank and any size.
// CHECK-LABEL: func @values
// CHECK: compress.assemble %{{.*}} : tensor<?x3x5xbf16> -> !compress.tensor<?x3x5xbf16, #compress.dense>
// LOWER-LABEL: func @values
// LOWER-SAME: (%[[V:.*]]: tensor<?x3x5xbf16>)
// LOWER-NEXT: return %[[V]]
func.func @values(%v: tensor<?x3x5xbf16>) -> tensor<?x3x5xbf16> {
  %0 = compress.assemble %v : tensor<?x3x5xbf16> -> !compress.tensor<?x3x5xbf16, #compress.dense>
  %1 = compress.decode %0 : !compress.tensor<?x3x5xbf16, #compress.dense>
  return %1 : tensor<?x3x5xbf16>
}

// -----
// What a kernel reads: steps of 16 lanes. Decode transposes, and drops the padding.
// LOWER-LABEL: func @packed
// LOWER-SAME: (%[[V:.*]]: tensor<1x2x8x16xf32>)
// LOWER: %[[T:.*]] = linalg.transpose ins(%[[V]] : tensor<1x2x8x16xf32>) {{.*}} permutation = [0, 3, 1, 2]
// LOWER: tensor.collapse_shape %{{.*}} {{\[}}[0, 1], [2, 3]] : tensor<1x16x2x8xf32> into tensor<16x16xf32>
// LOWER: tensor.extract_slice {{.*}}[0, 0] [10, 12] [1, 1]
!packed = !compress.tensor<10x12xf32, #compress.tiled<#compress.dense, tile = [16, 8], order = [0, 1], split = [16, 8], inside = [1, 0]>>
func.func @packed(%v: tensor<1x2x8x16xf32>) -> tensor<10x12xf32> {
  %0 = compress.assemble %v : tensor<1x2x8x16xf32> -> !packed
  %1 = compress.decode %0 : !packed
  return %1 : tensor<10x12xf32>
}

// -----
// f32 in 16 bits: decode widens each value.
// CHECK-LABEL: func @half
// CHECK: compress.assemble %{{.*}} : tensor<?x3xf16> -> !compress.tensor<?x3xf32, #compress.dense<f16>>
// LOWER-LABEL: func @half
// LOWER-SAME: (%[[V:.*]]: tensor<?x3xf16>)
// LOWER: linalg.generic {{.*}} ins(%[[V]] : tensor<?x3xf16>)
// LOWER: arith.extf %{{.*}} : f16 to f32
func.func @half(%v: tensor<?x3xf16>) -> tensor<?x3xf32> {
  %0 = compress.assemble %v : tensor<?x3xf16> -> !compress.tensor<?x3xf32, #compress.dense<f16>>
  %1 = compress.decode %0 : !compress.tensor<?x3xf32, #compress.dense<f16>>
  return %1 : tensor<?x3xf32>
}
