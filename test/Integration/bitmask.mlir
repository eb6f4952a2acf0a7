// Bit masks: the same number of values in each row, one threshold for the tensor, nothing lost; f16 and bf16, a convolution,
// values that are quantized again, and a weight of zeros.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'half=F32:64x500:r.standard_normal(s)' 'quarter=F16:512x48:r.standard_normal(s)' 'tenth=BF16:40x512:r.standard_normal(s)' 'conv=F32:16x3x3x24:r.standard_normal(s)' 'tensor=F32:64x512:r.standard_normal(s)' 'exact=F32:72x512:r.standard_normal(s)*(r.random(s)<0.2)' 'int4=F32:64x512:r.standard_normal(s)' 'zeros=F32:64x512:n.zeros(s)' 'inner=F16:4x8x3x200:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/a
// RUN: compressc verify %t/a --original %s --weights %t/w.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=INSPECT
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=FUSED
// VERIFY: verified: 9 compressed weights
// FUSED-NOT: decoded as a whole
// 250 values a row, and for kernels 512 bits and 32 bits of offset for each tile of 16 rows and 32 columns.
// INSPECT-DAG: 17.09 bits/weight {{.*}} half  #compress.tiled<#compress.bitmask<keep = 250>, tile = [16, 32]
// INSPECT-DAG: 5.06 bits/weight {{.*}} quarter  #compress.tiled<#compress.bitmask<keep = 12>, tile = [32, 16]
// INSPECT-DAG: 2.90 bits/weight {{.*}} tenth  #compress.tiled<#compress.bitmask<keep = 52>, tile = [16, 32]
// INSPECT-DAG: 17.00 bits/weight {{.*}} conv  #compress.bitmask<keep = 12>
// INSPECT-DAG: 9.06 bits/weight {{.*}} tensor  #compress.tiled<#compress.bitmask<density = 2.500000e-01 : f64>, tile = [16, 32]
// INSPECT-DAG: error 0.000e+00  exact  #compress.tiled<#compress.bitmask<>, tile = [16, 32]
// INSPECT-DAG: 3.12 bits/weight {{.*}} int4  #compress.nested<#compress.bitmask<keep = 256>, values = #compress.quant<i4, block = [1, 64], scale = f16>>
// INSPECT-DAG: 1.06 bits/weight  error 0.000e+00  zeros  #compress.tiled<#compress.bitmask<>, tile = [16, 32]
// INSPECT-DAG: {{.*}} inner  #compress.bitmask<density = 5.000000e-01 : f64>

// Weights that are sparse already: nothing is lost, and the sums are the same, perhaps in another order. N of all K of a row.
// RUN: %python %inputs/compare-sparse.py %t %s 'half=250:500:1' 'quarter=12:48:1' 'tenth=52:512:1' 'conv=12:24:3' 'tensor=128:512:1' 'exact=100:512:1' 'int4=256:512:1' 'zeros=0:512:1' 'inner=100:200:3'

// RUN: compressc presets | FileCheck %s --check-prefix=PRESETS
// PRESETS-DAG: bitmask50 17.000 bits/weight
// PRESETS-DAG: bitmask75 9.000 bits/weight
// PRESETS-DAG: bitmask90 4.203 bits/weight

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @half(%x: tensor<3x500xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = "bitmask50"} dense_resource<half> : tensor<64x500xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x500xf32>, tensor<64x500xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

func.func @quarter(%x: tensor<3x512xf16>, %init: tensor<3x48xf32>) -> tensor<3x48xf32> {
  %w = arith.constant {compress.codec = "bitmask75"} dense_resource<quarter> : tensor<512x48xf16>
  %0 = linalg.matmul ins(%x, %w : tensor<3x512xf16>, tensor<512x48xf16>) outs(%init : tensor<3x48xf32>) -> tensor<3x48xf32>
  return %0 : tensor<3x48xf32>
}

func.func @tenth(%x: tensor<?x512xbf16>, %init: tensor<?x40xf32>) -> tensor<?x40xf32> {
  %w = arith.constant {compress.codec = "bitmask90"} dense_resource<tenth> : tensor<40x512xbf16>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x512xbf16>, tensor<40x512xbf16>) outs(%init : tensor<?x40xf32>) -> tensor<?x40xf32>
  return %0 : tensor<?x40xf32>
}

func.func @conv(%x: tensor<1x8x8x24xf32>, %init: tensor<1x6x6x16xf32>) -> tensor<1x6x6x16xf32> {
  %w = arith.constant {compress.codec = "bitmask50"} dense_resource<conv> : tensor<16x3x3x24xf32>
  %0 = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x8x8x24xf32>, tensor<16x3x3x24xf32>) outs(%init : tensor<1x6x6x16xf32>) -> tensor<1x6x6x16xf32>
  return %0 : tensor<1x6x6x16xf32>
}

func.func @tensor(%x: tensor<3x512xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = #compress.bitmask<density = 0.25>} dense_resource<tensor> : tensor<64x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<64x512xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

func.func @exact(%x: tensor<3x512xf32>, %init: tensor<3x72xf32>) -> tensor<3x72xf32> {
  %w = arith.constant {compress.codec = #compress.bitmask<>} dense_resource<exact> : tensor<72x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<72x512xf32>) outs(%init : tensor<3x72xf32>) -> tensor<3x72xf32>
  return %0 : tensor<3x72xf32>
}

func.func @int4(%x: tensor<3x512xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.bitmask<keep = 256>, values = #compress.quant<i4, block = [1, 64], scale = f16>>} dense_resource<int4> : tensor<64x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<64x512xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

func.func @zeros(%x: tensor<3x512xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = #compress.bitmask<>} dense_resource<zeros> : tensor<64x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<64x512xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

// Tiles of several outer dimensions: offsets are sliced, the values are not.
func.func @inner(%x: tensor<4x5x600xf16>, %init: tensor<4x5x8xf32>) -> tensor<4x5x8xf32> {
  %w = arith.constant {compress.codec = #compress.bitmask<density = 0.5>} dense_resource<inner> : tensor<4x8x3x200xf16>
  %x3 = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [4, 5, 3, 200] : tensor<4x5x600xf16> into tensor<4x5x3x200xf16>
  %0 = linalg.generic {
      indexing_maps = [affine_map<(b, m, n, i, k) -> (b, m, i, k)>, affine_map<(b, m, n, i, k) -> (b, n, i, k)>, affine_map<(b, m, n, i, k) -> (b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x3, %w : tensor<4x5x3x200xf16>, tensor<4x8x3x200xf16>) outs(%init : tensor<4x5x8xf32>) {
    ^bb0(%a: f16, %b: f16, %c: f32):
      %p = arith.extf %a : f16 to f32
      %q = arith.extf %b : f16 to f32
      %r = arith.mulf %p, %q : f32
      %s = arith.addf %c, %r : f32
      linalg.yield %s : f32
  } -> tensor<4x5x8xf32>
  return %0 : tensor<4x5x8xf32>
}
