// Windows that no kernel of a GPU reads in place become the rows of a matrix.
// RUN: compress-opt %s --compress-form-kernels=compute=f16 --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-form-kernels=compute=int8 --split-input-file | FileCheck %s --check-prefix=INT8
// RUN: compress-opt %s --compress-form-kernels=compute=f8 --split-input-file | FileCheck %s --check-prefix=F8
#matrix = #compress.tiled<#compress.quant<i4, block = [1, 180], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
!conv = !compress.tensor<3x3x20x64xf32, #compress.matrix<#matrix, rows = [3], columns = [0, 1, 2]>>

// Sizes that are not known. What the kernel rounds is rounded to at once.
// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 * 2 + d3, d2 * 2 + d4, d5)>
// CHECK-DAG: #[[ID:.*]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3, d4, d5)>
// CHECK-LABEL: func @unknown
// CHECK-SAME: , %[[X:[a-z0-9]+]]: tensor<?x?x?x20xf32>, %[[I:[a-z0-9]+]]: tensor<?x?x?x64xf32>)
// CHECK-DAG: %[[N:.*]] = tensor.dim %[[I]], %c0
// CHECK-DAG: %[[H:.*]] = tensor.dim %[[I]], %c1
// CHECK-DAG: %[[W:.*]] = tensor.dim %[[I]], %c2
// CHECK: %[[E:.*]] = tensor.empty(%[[N]], %[[H]], %[[W]]) : tensor<?x?x?x3x3x20xf16>
// CHECK: %[[WINDOWS:.*]] = linalg.generic {indexing_maps = [#[[WINDOW]], #[[ID]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%[[X]] : tensor<?x?x?x20xf32>) outs(%[[E]]
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %{{.*}}: f16):
// CHECK-NEXT: %[[R:.*]] = arith.truncf %[[A]] : f32 to f16
// CHECK-NEXT: linalg.yield %[[R]]
// CHECK: %[[M:.*]] = tensor.collapse_shape %[[WINDOWS]] {{\[\[}}0, 1, 2], [3, 4, 5]] : tensor<?x?x?x3x3x20xf16> into tensor<?x180xf16>
// CHECK: compress.contract ins(%[[M]], {{.*}} : tensor<?x180xf16>,
// CHECK-NOT: window
// CHECK-SAME: compute = f16
// CHECK: tensor.expand_shape %{{.*}} {{\[\[}}0, 1, 2], [3]] output_shape [%{{.*}}, %{{.*}}, %{{.*}}, 64] : tensor<?x64xf32> into tensor<?x?x?x64xf32>
// Bytes have scales: they are rounded later.
// INT8: arith.constant
// INT8: linalg.generic
// INT8-NEXT: ^bb0
// INT8-NEXT: linalg.yield
// INT8: compress.contract ins(%{{.*}} : tensor<?x180xf32>, {{.*}} compute = int8
func.func @unknown(%0: !conv, %x: tensor<?x?x?x20xf32>, %i: tensor<?x?x?x64xf32>) -> tensor<?x?x?x64xf32> {
  %w = compress.decode %0 : !conv
  %y = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<?x?x?x20xf32>, tensor<3x3x20x64xf32>) outs(%i : tensor<?x?x?x64xf32>) -> tensor<?x?x?x64xf32>
  return %y : tensor<?x?x?x64xf32>
}

// -----
// Of 20 channels there are no whole groups of 16. Zeros around the image are made, then.
#matrix = #compress.tiled<#compress.quant<i4, block = [1, 180], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
!conv = !compress.tensor<3x3x20x64xf32, #compress.matrix<#matrix, rows = [3], columns = [0, 1, 2]>>
// CHECK-LABEL: func @channels
// CHECK-NOT: linalg.generic
// CHECK: window {{.*}} border compute = f16
// INT8-LABEL: func @channels
// INT8: tensor.pad
// INT8: linalg.generic
// INT8: compress.contract ins(%{{.*}} : tensor<?x180xf16>, {{.*}} compute = int8
func.func @channels(%0: !conv, %x: tensor<?x4x5x20xf16>, %i: tensor<?x4x5x64xf32>) -> tensor<?x4x5x64xf32> {
  %w = compress.decode %0 : !conv
  %zero = arith.constant 0.0 : f16
  %p = tensor.pad %x low[0, 1, 1, 0] high[0, 1, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f16
  } : tensor<?x4x5x20xf16> to tensor<?x6x7x20xf16>
  %y = linalg.conv_2d_nhwc_hwcf ins(%p, %w : tensor<?x6x7x20xf16>, tensor<3x3x20x64xf32>) outs(%i : tensor<?x4x5x64xf32>) -> tensor<?x4x5x64xf32>
  return %y : tensor<?x4x5x64xf32>
}

// -----
// Whole groups of channels stay where they are, but not for floats of 8 bits.
#matrix = #compress.tiled<#compress.quant<i4, block = [1, 288], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
!conv = !compress.tensor<3x3x32x64xf32, #compress.matrix<#matrix, rows = [3], columns = [0, 1, 2]>>
// INT8-LABEL: func @groups
// INT8-NOT: linalg.generic
// INT8: window {{.*}} compute = int8
// F8-LABEL: func @groups
// F8: linalg.generic
// F8: compress.contract ins(%{{.*}} : tensor<?x288xf16>, {{.*}} compute = f8
func.func @groups(%0: !conv, %x: tensor<?x6x7x32xf16>, %i: tensor<?x4x5x64xf32>) -> tensor<?x4x5x64xf32> {
  %w = compress.decode %0 : !conv
  %y = linalg.conv_2d_nhwc_hwcf ins(%x, %w : tensor<?x6x7x32xf16>, tensor<3x3x32x64xf32>) outs(%i : tensor<?x4x5x64xf32>) -> tensor<?x4x5x64xf32>
  return %y : tensor<?x4x5x64xf32>
}

// -----
// Pixels are rows of a matrix already, where all of them are known to be read.
#one = #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [32, 32], order = [0, 1], split = [2, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
!one = !compress.tensor<32x1x1x64xf32, #compress.matrix<#one, rows = [0], columns = [1, 2, 3]>>
// F8-LABEL: func @one
// F8-NOT: linalg.generic
// F8: compress.contract ins(%{{.*}} : tensor<?x64xf16>, {{.*}} compute = f8
// F8-NOT: linalg.generic
// F8: return
func.func @one(%0: !one, %x: tensor<?x3x4x64xf16>, %i: tensor<?x3x4x32xf32>) -> tensor<?x3x4x32xf32> {
  %w = compress.decode %0 : !one
  %y = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<?x3x4x64xf16>, tensor<32x1x1x64xf32>) outs(%i : tensor<?x3x4x32xf32>) -> tensor<?x3x4x32xf32>
  return %y : tensor<?x3x4x32xf32>
}
// F8-LABEL: func @some
// F8: linalg.generic
func.func @some(%0: !one, %x: tensor<?x?x4x64xf16>, %i: tensor<?x?x4x32xf32>) -> tensor<?x?x4x32xf32> {
  %w = compress.decode %0 : !one
  %y = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<?x?x4x64xf16>, tensor<32x1x1x64xf32>) outs(%i : tensor<?x?x4x32xf32>) -> tensor<?x?x4x32xf32>
  return %y : tensor<?x?x4x32xf32>
}
