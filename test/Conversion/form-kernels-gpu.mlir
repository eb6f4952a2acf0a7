// Kernels of GPUs read f16 and bf16 as they are, and compute in that type unless another one is asked for.
// RUN: compress-opt %s --compress-form-kernels | FileCheck %s
// RUN: compress-opt %s --compress-form-kernels=compute=f16 | FileCheck %s --check-prefix=F16
// RUN: compress-opt %s --compress-form-kernels=compute=bf16 | FileCheck %s --check-prefix=BF16
// RUN: compress-opt %s --compress-form-kernels=compute=int8 | FileCheck %s --check-prefix=INT8
// RUN: compress-opt %s --compress-form-kernels=compute=f8 | FileCheck %s --check-prefix=F8
// F8: tensor<?x256xf16>, {{.*}} compute = f8
// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1) -> (d0 floordiv 16, ((d0 mod 16) floordiv 4) * 2 + d1 floordiv 60, (d0 mod 4) * 2 + ((d1 mod 60) floordiv 20) * 2, d1 mod 20)>
// CHECK-DAG: #[[BORDER:.*]] = affine_map<(d0, d1) -> (d0 floordiv 20, (d0 mod 20) floordiv 5 + d1 floordiv 60 - 1, d0 mod 5 + (d1 mod 60) floordiv 20 - 2, d1 mod 20)>
// CHECK-DAG: #[[ONE:.*]] = affine_map<(d0, d1) -> (d0 floordiv 4, ((d0 mod 4) floordiv 2) * 2, (d0 mod 2) * 3, d1)>
// F16-COUNT-11: compute = f16
// BF16-COUNT-11: compute = bf16
// INT8: tensor<?x256xf16>, {{.*}} compute = int8
// INT8: tensor<?x256xbf16>, {{.*}} compute = int8
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#tiled = #compress.tiled<#compress.quant<i4, block = [1, 64], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
!f16 = !compress.tensor<128x256xf16, #tiled>
!f32 = !compress.tensor<128x256xf32, #tiled>

// CHECK-LABEL: func @half
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xf16>, tensor<8x4x544xi8>) {{.*}} compute = f16
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xbf16>, tensor<8x4x544xi8>) {{.*}} compute = bf16
func.func @half(%0: !f16, %x: tensor<?x256xf16>, %b: tensor<?x256xbf16>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !f16
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf16>, tensor<128x256xf16>) outs(%i : tensor<?x128xf32>) -> tensor<?x128xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%b, %w : tensor<?x256xbf16>, tensor<128x256xf16>) outs(%y : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %z : tensor<?x128xf32>
}

// Where activations are f32, the weight's type decides, and then range counts more than digits.
// CHECK-LABEL: func @wide
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xf32>, {{.*}} compute = f16
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xf32>, {{.*}} compute = bf16
func.func @wide(%0: !f16, %1: !f32, %x: tensor<?x256xf32>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !f16
  %v = compress.decode %1 : !f32
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf32>, tensor<128x256xf16>) outs(%i : tensor<?x128xf32>) -> tensor<?x128xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %v : tensor<?x256xf32>, tensor<128x256xf32>) outs(%y : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %z : tensor<?x128xf32>
}

// Rows of x are columns here.
// CHECK-LABEL: func @transposed
// CHECK: linalg.transpose ins(%{{.*}} : tensor<256x?xf16>)
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xf16>, {{.*}} compute = f16
func.func @transposed(%0: !f16, %x: tensor<256x?xf16>, %i: tensor<128x?xf32>) -> tensor<128x?xf32> {
  %w = compress.decode %0 : !f16
  %y = linalg.matmul ins(%w, %x : tensor<128x256xf16>, tensor<256x?xf16>) outs(%i : tensor<128x?xf32>) -> tensor<128x?xf32>
  return %y : tensor<128x?xf32>
}

// Zeros need not be read, be they of another type.
// CHECK-LABEL: func @zeros
// CHECK: compress.contract {{.*}} overwrite
func.func @zeros(%0: !f16, %x: tensor<?x256xf16>, %i: tensor<?x128xf16>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !f16
  %zero = arith.constant 0.0 : f16
  %f = linalg.fill ins(%zero : f16) outs(%i : tensor<?x128xf16>) -> tensor<?x128xf16>
  %e = arith.extf %f : tensor<?x128xf16> to tensor<?x128xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf16>, tensor<128x256xf16>) outs(%e : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}

// Rows of a convolution are windows of the image. The weight is the matrix that it is stored as.
#matrix = #compress.tiled<#compress.quant<i4, block = [1, 180], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
!conv = !compress.tensor<3x3x20x64xf32, #compress.matrix<#matrix, rows = [3], columns = [0, 1, 2]>>
// CHECK-LABEL: func @convolution
// CHECK: compress.contract ins(%{{.*}} : tensor<?x9x11x20xf16>, tensor<4x3x512xi8>, tensor<{{.*}}xf16>) outs(%{{.*}} : tensor<?x64xf32>)
// CHECK-SAME: weight(!compress.tensor<64x180xf32, #compress.tiled<{{.*}}>>, #{{.*}})
// CHECK-SAME: window #[[WINDOW]] compute = f16
func.func @convolution(%0: !conv, %x: tensor<?x9x11x20xf16>, %i: tensor<?x4x4x64xf32>) -> tensor<?x4x4x64xf32> {
  %w = compress.decode %0 : !conv
  %y = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>, dilations = dense<[1, 2]> : tensor<2xi64>}
    ins(%x, %w : tensor<?x9x11x20xf16>, tensor<3x3x20x64xf32>) outs(%i : tensor<?x4x4x64xf32>) -> tensor<?x4x4x64xf32>
  return %y : tensor<?x4x4x64xf32>
}

// Zeros around an image are not made; others are.
// CHECK-LABEL: func @border
// CHECK-NOT: tensor.pad
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x4x5x20xf16>
// CHECK-SAME: window #[[BORDER]] border compute = f16
// CHECK: tensor.pad
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x6x7x20xf16>
// CHECK-NOT: border
// CHECK: return
func.func @border(%0: !conv, %x: tensor<?x4x5x20xf16>, %i: tensor<?x4x5x64xf32>) -> tensor<?x4x5x64xf32> {
  %w = compress.decode %0 : !conv
  %zero = arith.constant 0.0 : f16
  %one = arith.constant 1.0 : f16
  %p = tensor.pad %x low[0, 1, 2, 0] high[0, 1, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f16
  } : tensor<?x4x5x20xf16> to tensor<?x6x7x20xf16>
  %y = linalg.conv_2d_nhwc_hwcf ins(%p, %w : tensor<?x6x7x20xf16>, tensor<3x3x20x64xf32>) outs(%i : tensor<?x4x5x64xf32>) -> tensor<?x4x5x64xf32>
  %q = tensor.pad %x low[0, 1, 2, 0] high[0, 1, 0, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %one : f16
  } : tensor<?x4x5x20xf16> to tensor<?x6x7x20xf16>
  %z = linalg.conv_2d_nhwc_hwcf ins(%q, %w : tensor<?x6x7x20xf16>, tensor<3x3x20x64xf32>) outs(%y : tensor<?x4x5x64xf32>) -> tensor<?x4x5x64xf32>
  return %z : tensor<?x4x5x64xf32>
}

// A window of one place is a row of a matrix, unless pixels are left out.
#one = #compress.tiled<#compress.quant<i4, block = [1, 64], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
!one = !compress.tensor<32x1x1x64xf32, #compress.matrix<#one, rows = [0], columns = [1, 2, 3]>>
// CHECK-LABEL: func @one
// CHECK: %[[M:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1, 2], [3]] : tensor<?x3x4x64xf16> into tensor<?x64xf16>
// CHECK: compress.contract ins(%[[M]], %{{.*}} : tensor<?x64xf16>
// CHECK-NOT: window
// CHECK: compress.contract ins(%{{.*}} : tensor<?x3x4x64xf16>
// CHECK-SAME: window #[[ONE]] compute = f16
func.func @one(%0: !one, %x: tensor<?x3x4x64xf16>, %i: tensor<?x3x4x32xf32>, %j: tensor<?x2x2x32xf32>) -> (tensor<?x3x4x32xf32>, tensor<?x2x2x32xf32>) {
  %w = compress.decode %0 : !one
  %y = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<?x3x4x64xf16>, tensor<32x1x1x64xf32>) outs(%i : tensor<?x3x4x32xf32>) -> tensor<?x3x4x32xf32>
  %z = linalg.conv_2d_nhwc_fhwc {strides = dense<[2, 3]> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<?x3x4x64xf16>, tensor<32x1x1x64xf32>) outs(%j : tensor<?x2x2x32xf32>) -> tensor<?x2x2x32xf32>
  return %y, %z : tensor<?x3x4x32xf32>, tensor<?x2x2x32xf32>
}
