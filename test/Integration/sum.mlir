// Sums: a quantized low-rank part beside a quantized rest, outliers beside a quantized rest, both orientations, f16.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'nk=F32:256x512:r.standard_normal((256,40))@r.standard_normal((40,512))*.2+r.standard_normal(s)' 'kn=F16:512x256:r.standard_t(3,s)' 'odd=BF16:37x129:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t/w.safetensors --preset lowrank-int4 -o %t/a
// RUN: compressc verify %t/a --original %s --weights %t/w.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=LOWRANK
// RUN: %python %inputs/compare-random.py %t/a %s %t/w.safetensors nk:0.1 kn:0.2 odd:0.2
// RUN: compressc compile %s --weights %t/w.safetensors --preset dense-and-sparse -o %t/b
// RUN: compressc verify %t/b --original %s --weights %t/w.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t/b | FileCheck %s --check-prefix=OUTLIERS
// RUN: %python %inputs/compare-random.py %t/b %s %t/w.safetensors nk:0.1 kn:0.1 odd:0.1
// RUN: compressc compile %s --weights %t/w.safetensors --preset lowrank-int4 -o %t/c -j 1
// RUN: cmp %t/a/weights.safetensors %t/c/weights.safetensors
// VERIFY: verified: 3 compressed weights

// 4.25 bits of the rest, and 16 * (256 + 512) * 4 bits and their scales. All parts are packed for kernels.
// LOWRANK: 4.69 bits/weight  error 7.{{[0-9]*}}e-02  nk  #compress.sum<#compress.nested<#compress.lowrank<16>, u = #compress.tiled<#compress.quant<i4, block = [1, 16]{{.*}}, v = #compress.tiled<#compress.quant<i4, block = [1, 32]{{.*}}>>, #compress.tiled<#compress.quant<i4, block = [1, 64]
// LOWRANK-NEXT: 4.69 bits/weight {{.*}} kn  #compress.sum<#compress.nested<#compress.lowrank<16>, u = #compress.tiled<#compress.quant<i4, block = [32, 1]{{.*}}, v = #compress.tiled<#compress.quant<i4, block = [16, 1]{{.*}}>>, #compress.tiled<#compress.quant<i4, block = [64, 1]
// LOWRANK-NOT: decoded as a whole
// A bit for each weight, 32 for each hundredth, one offset for each tile of 16 rows and 32 columns.
// OUTLIERS: 5.88 bits/weight {{.*}} nk  #compress.sum<#compress.tiled<#compress.bitmask<density = 1.000000e-02 : f64>{{.*}}, #compress.tiled<#compress.quant<i4, block = [1, 32]
// OUTLIERS-NEXT: 5.88 bits/weight  error 8.{{[0-9]*}}e-02  kn
// OUTLIERS-NOT: decoded as a whole

// RUN: compressc presets | FileCheck %s --check-prefix=PRESETS
// PRESETS-DAG: lowrank-int4
// PRESETS-DAG: dense-and-sparse

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @nk(%x: tensor<3x512xf32>, %init: tensor<3x256xf32>) -> tensor<3x256xf32> {
  %w = arith.constant dense_resource<nk> : tensor<256x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<256x512xf32>) outs(%init : tensor<3x256xf32>) -> tensor<3x256xf32>
  return %0 : tensor<3x256xf32>
}

func.func @kn(%x: tensor<?x512xf16>, %init: tensor<?x256xf16>) -> tensor<?x256xf16> {
  %w = arith.constant dense_resource<kn> : tensor<512x256xf16>
  %0 = linalg.matmul ins(%x, %w : tensor<?x512xf16>, tensor<512x256xf16>) outs(%init : tensor<?x256xf16>) -> tensor<?x256xf16>
  return %0 : tensor<?x256xf16>
}

// Tiles of the sum are decoded: its user is no contraction.
func.func @odd(%x: tensor<37x129xbf16>, %e: tensor<37x129xbf16>) -> tensor<37x129xbf16> {
  %w = arith.constant {compress.codec = #compress.sum<#compress.lowrank<5>, #compress.quant<i4, block = [1, 32], scale = f16>>} dense_resource<odd> : tensor<37x129xbf16>
  %0 = linalg.add ins(%x, %w : tensor<37x129xbf16>, tensor<37x129xbf16>) outs(%e : tensor<37x129xbf16>) -> tensor<37x129xbf16>
  return %0 : tensor<37x129xbf16>
}
