// N:M sparsity: the axis inside and outside, ragged groups, f16 and bf16, a convolution, values that are quantized again,
// rows of more than a tile.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'nk=F32:64x512:r.standard_normal(s)' 'kn=F16:512x48:r.standard_normal(s)' 'ragged=BF16:40x509:r.standard_normal(s)' 'conv=F32:16x3x3x24:r.standard_normal(s)' 'int4=F32:64x512:r.standard_normal(s)' 'long=F32:16x8192:r.standard_normal(s)' 'odd=F32:24x600:r.standard_normal(s)' 'sparse=F32:72x512:r.standard_normal(s)*(n.arange(512)//2%%2)' 'packed=F32:37x99:r.standard_normal(s)' 'tiled=F16:37x99:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/a
// RUN: compressc verify %t/a --original %s --weights %t/w.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=INSPECT
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=FUSED
// VERIFY: verified: 10 compressed weights
// FUSED-NOT: decoded as a whole
// Half of the values in 32 bits, and 2 bits of metadata for each. Kernels read tiles of 16 rows.
// INSPECT-DAG: 17.00 bits/weight {{.*}} nk  #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [16, 32]
// INSPECT-DAG: 4.50 bits/weight {{.*}} kn  #compress.tiled<#compress.nm<1:4, axis = 0>, tile = [32, 16]
// 64 groups of 4 values, 96 bytes of metadata, for 48 rows: (256 * 16 + 768) * 48 / 40 / 509.
// INSPECT-DAG: 11.47 bits/weight {{.*}} ragged  #compress.tiled<#compress.nm<4:8, axis = 1>, tile = [16, 32]
// INSPECT-DAG: 17.00 bits/weight {{.*}} conv  #compress.nm<2:4, axis = 3>
// INSPECT-DAG: 3.12 bits/weight {{.*}} int4  #compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 64], scale = f16>>
// INSPECT-DAG: 3.12 bits/weight {{.*}} long  #compress.nested
// 120 groups of 3 values of 32 bits, 3 bits of metadata for each, for 32 rows.
// INSPECT-DAG: 28.00 bits/weight {{.*}} odd  #compress.tiled<#compress.nm<3:5, axis = 1>, tile = [16, 30]
// What is sparse already loses nothing.
// INSPECT-DAG: 18.89 bits/weight  error 0.000e+00  sparse

// Weights that are sparse already: nothing is lost, and the sums are the same, perhaps in another order.
// RUN: %python %inputs/compare-sparse.py %t %s 'nk=2:4:1' 'kn=1:4:0' 'ragged=4:8:1' 'conv=2:4:3' 'int4=2:4:1' 'long=2:4:1' 'odd=3:5:1' 'sparse=2:4:1' 'packed=2:4:1' 'tiled=2:4:1'

// The presets say the same.
// RUN: compressc presets | FileCheck %s --check-prefix=PRESETS
// PRESETS-DAG: nm2:4 17.000 bits/weight
// PRESETS-DAG: nm1:4 8.500 bits/weight
// PRESETS-DAG: nm4:8 17.500 bits/weight
// PRESETS-DAG: sparse-int4 3.125 bits/weight

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @nk(%x: tensor<3x512xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = "nm2:4"} dense_resource<nk> : tensor<64x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<64x512xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

func.func @kn(%x: tensor<3x512xf16>, %init: tensor<3x48xf32>) -> tensor<3x48xf32> {
  %w = arith.constant {compress.codec = "nm1:4"} dense_resource<kn> : tensor<512x48xf16>
  %0 = linalg.matmul ins(%x, %w : tensor<3x512xf16>, tensor<512x48xf16>) outs(%init : tensor<3x48xf32>) -> tensor<3x48xf32>
  return %0 : tensor<3x48xf32>
}

func.func @ragged(%x: tensor<?x509xbf16>, %init: tensor<?x40xf32>) -> tensor<?x40xf32> {
  %w = arith.constant {compress.codec = "nm4:8"} dense_resource<ragged> : tensor<40x509xbf16>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x509xbf16>, tensor<40x509xbf16>) outs(%init : tensor<?x40xf32>) -> tensor<?x40xf32>
  return %0 : tensor<?x40xf32>
}

func.func @conv(%x: tensor<1x8x8x24xf32>, %init: tensor<1x6x6x16xf32>) -> tensor<1x6x6x16xf32> {
  %w = arith.constant {compress.codec = "nm2:4"} dense_resource<conv> : tensor<16x3x3x24xf32>
  %0 = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x8x8x24xf32>, tensor<16x3x3x24xf32>) outs(%init : tensor<1x6x6x16xf32>) -> tensor<1x6x6x16xf32>
  return %0 : tensor<1x6x6x16xf32>
}

func.func @int4(%x: tensor<3x512xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = "sparse-int4"} dense_resource<int4> : tensor<64x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<64x512xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

func.func @long(%x: tensor<3x8192xf32>, %init: tensor<3x16xf32>) -> tensor<3x16xf32> {
  %w = arith.constant {compress.codec = "sparse-int4"} dense_resource<long> : tensor<16x8192xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8192xf32>, tensor<16x8192xf32>) outs(%init : tensor<3x16xf32>) -> tensor<3x16xf32>
  return %0 : tensor<3x16xf32>
}

func.func @odd(%x: tensor<3x600xf32>, %init: tensor<3x24xf32>) -> tensor<3x24xf32> {
  %w = arith.constant {compress.codec = #compress.nm<3:5, axis = 1>} dense_resource<odd> : tensor<24x600xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x600xf32>, tensor<24x600xf32>) outs(%init : tensor<3x24xf32>) -> tensor<3x24xf32>
  return %0 : tensor<3x24xf32>
}

func.func @sparse(%x: tensor<3x512xf32>, %init: tensor<3x72xf32>) -> tensor<3x72xf32> {
  %w = arith.constant {compress.codec = "nm2:4"} dense_resource<sparse> : tensor<72x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<72x512xf32>) outs(%init : tensor<3x72xf32>) -> tensor<3x72xf32>
  return %0 : tensor<3x72xf32>
}

// Positions in an order of their own: of all of a weight, from which a kernel's tiles are made, and of each tile, as mma.sp wants them.
func.func @packed(%x: tensor<3x99xf32>, %init: tensor<3x37xf32>) -> tensor<3x37xf32> {
  %w = arith.constant {compress.codec = #compress.nm<2:4, axis = 1, positions = [1, 0]>} dense_resource<packed> : tensor<37x99xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x99xf32>, tensor<37x99xf32>) outs(%init : tensor<3x37xf32>) -> tensor<3x37xf32>
  return %0 : tensor<3x37xf32>
}

func.func @tiled(%x: tensor<3x99xf16>, %init: tensor<3x37xf32>) -> tensor<3x37xf32> {
  %w = arith.constant {compress.codec = #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 4],
                                                        inside = [2, 5, 3, 0, 4, 1, 6], positions = [0, 3, 2, 4, 1, 5, 6], record = 1>}
    dense_resource<tiled> : tensor<37x99xf16>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x99xf16>, tensor<37x99xf16>) outs(%init : tensor<3x37xf32>) -> tensor<3x37xf32>
  return %0 : tensor<3x37xf32>
}
