// What kernels for GPUs cannot do in the mode that is asked for.
// RUN: compress-opt %s --compress-form-kernels=compute=xnor --split-input-file --verify-diagnostics
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#tiled = #compress.tiled<#compress.quant<binary, block = [1, 300], scale = f16>, tile = [16, 256], order = [0, 1], split = [1, 2, 8, 4, 8, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1>
!w = !compress.tensor<16x300xf16, #tiled>
func.func @numbers(%0: !w, %x: tensor<?x300xf16>, %i: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %w = compress.decode %0 : !w
  // expected-error @below {{no kernel for GPUs that computes in xnor, because its activations are not known to be 1 or -1}}
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x300xf16>, tensor<16x300xf16>) outs(%i : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----
// Zeros around an image are no signs, and are not told apart from them where sizes are not known.
#matrix = #compress.tiled<#compress.quant<binary, block = [1, 288], scale = f16>, tile = [16, 256], order = [0, 1], split = [1, 2, 8, 4, 8, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1>
!conv = !compress.tensor<3x3x32x64xf32, #compress.matrix<#matrix, rows = [3], columns = [0, 1, 2]>>
func.func @unknown(%0: !conv, %x: tensor<1x?x8x32xf32>, %i: tensor<1x?x?x64xf32>) -> tensor<1x?x?x64xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %s = linalg.generic {indexing_maps = [affine_map<(a, b, c, d) -> (a, b, c, d)>, affine_map<(a, b, c, d) -> (a, b, c, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%x : tensor<1x?x8x32xf32>) outs(%x : tensor<1x?x8x32xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.cmpf oge, %a, %zero : f32
    %r = arith.select %c, %one, %minus : f32
    linalg.yield %r : f32
  } -> tensor<1x?x8x32xf32>
  %p = tensor.pad %s low[0, 0, 1, 0] high[0, 0, 1, 0] {
  ^bb0(%a: index, %b: index, %c: index, %d: index):
    tensor.yield %zero : f32
  } : tensor<1x?x8x32xf32> to tensor<1x?x10x32xf32>
  %w = compress.decode %0 : !conv
  // expected-error @below {{no kernel for GPUs that computes in xnor, because its image has dynamic sizes and a border of zeros}}
  %y = linalg.conv_2d_nhwc_hwcf ins(%p, %w : tensor<1x?x10x32xf32>, tensor<3x3x32x64xf32>) outs(%i : tensor<1x?x?x64xf32>) -> tensor<1x?x?x64xf32>
  return %y : tensor<1x?x?x64xf32>
}

// -----
#matrix = #compress.tiled<#compress.quant<binary, block = [1, 1, 288], scale = f16>, tile = [1, 16, 256], order = [0, 1, 2], split = [1, 1, 2, 8, 4, 8, 4, 2], inside = [0, 3, 6, 4, 1, 7, 2, 5], record = 1>
!conv = !compress.tensor<2x64x32x3x3xf32, #compress.matrix<#matrix, rows = [0, 1], columns = [3, 4, 2]>>
func.func @groups(%0: !conv, %i: tensor<1x2x64x4x4xf32>) -> tensor<1x2x64x4x4xf32> {
  %x = arith.constant dense<1.0> : tensor<1x2x32x6x6xf32>
  %w = compress.decode %0 : !conv
  // expected-error @below {{no kernel for GPUs that computes in xnor, because it is a convolution in groups}}
  %y = linalg.conv_2d_ngchw_gfchw ins(%x, %w : tensor<1x2x32x6x6xf32>, tensor<2x64x32x3x3xf32>) outs(%i : tensor<1x2x64x4x4xf32>) -> tensor<1x2x64x4x4xf32>
  return %y : tensor<1x2x64x4x4xf32>
}
