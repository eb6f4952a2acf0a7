// Products of two factors: both orientations, f16 and bf16, vectors, a batch, a convolution, factors in 4 bits. The
// weights have the rank that is stored, or less, so nothing but rounding is lost.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'nk=F32:96x256:r.standard_normal((96,16))@r.standard_normal((16,256))' 'kn=F16:160x96:r.standard_normal((160,12))@r.standard_normal((12,96))/8' 'vec=BF16:65x127:r.standard_normal((65,3))@r.standard_normal((3,127))' 'int4=F32:128x192:r.standard_normal((128,16))@r.standard_normal((16,192))' 'conv=F32:32x16x3x3:(r.standard_normal((32,8))@r.standard_normal((8,144))).reshape(32,16,3,3)' 'tall=F32:192x128:r.standard_normal((192,16))@r.standard_normal((16,128))' 'rows=F32:192x128:r.standard_normal((192,16))@r.standard_normal((16,128))' 'energy=F32:96x256:r.standard_normal((96,4))@r.standard_normal((4,256))*10+r.standard_normal((96,40))@r.standard_normal((40,256))' 'error=F32:96x256:r.standard_normal((96,4))@r.standard_normal((4,256))*10+r.standard_normal((96,40))@r.standard_normal((40,256))'
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/a
// RUN: compressc verify %t/a --original %s --weights %t/w.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=INSPECT
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=FUSED
// VERIFY: verified: 9 compressed weights
// FUSED-NOT: decoded as a whole
// 16 * (96 + 256) values of 32 bits.
// INSPECT-DAG: 7.33 bits/weight {{.*}} nk  #compress.nested<#compress.lowrank<16>, u = #compress.tiled<#compress.dense, {{.*}}>, v = #compress.tiled<#compress.dense, {{.*}}>>
// INSPECT-DAG: 4.27 bits/weight {{.*}} kn  #compress.nested<#compress.lowrank<16>, u = #compress.tiled<#compress.dense,
// Its users reduce different dimensions.
// INSPECT-DAG: 1.12 bits/weight {{.*}} vec  #compress.lowrank<3>
// Nine tenths of the sum of squares are in 4 of 44 products, the rest has a relative error of 30 %; ranks are multiples of 16.
// INSPECT-DAG: error 1.{{[0-9e-]+}}  energy  #compress.nested<#compress.lowrank<16>
// INSPECT-DAG: error 7.{{[0-9e-]+}}  error  #compress.nested<#compress.lowrank<32>
// The factors are packed for kernels, and the codec says so.
// INSPECT-DAG: int4  #compress.nested<#compress.lowrank<16>, u = #compress.tiled<
// INSPECT-DAG: conv  #compress.nested<#compress.lowrank<8>, u = #compress.tiled<#compress.dense,
// One of them has a user that makes the weight: nothing is packed.
// INSPECT-DAG: tall  #compress.nested<#compress.lowrank<16>, u = #compress.quant<
// RUN: %python %inputs/compare-random.py %t/a %s %t/w.safetensors nk:1e-6 kn:5e-3 vec:1e-2 int4:0.2 conv:1e-6 tall:0.5 rows:0.2 energy:0.3 error:0.15
// RUN: compressc presets | FileCheck %s --check-prefix=PRESETS
// PRESETS: lowrank {{ *}}8.000 bits/weight

// The same bits by any number of threads.
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/b -j 1
// RUN: cmp %t/a/weights.safetensors %t/b/weights.safetensors

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#q = #compress.quant<i4, block = [1, 32], scale = f16>
#qu = #compress.quant<i4, block = [1, 16], scale = f16>
#int4 = #compress.nested<#compress.lowrank<16>, u = #qu, v = #q>

func.func @energy(%x: tensor<3x256xf32>, %init: tensor<3x96xf32>) -> tensor<3x96xf32> {
  %w = arith.constant {compress.codec = "lowrank-energy90"} dense_resource<energy> : tensor<96x256xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x256xf32>, tensor<96x256xf32>) outs(%init : tensor<3x96xf32>) -> tensor<3x96xf32>
  return %0 : tensor<3x96xf32>
}

func.func @error(%x: tensor<3x256xf32>, %init: tensor<3x96xf32>) -> tensor<3x96xf32> {
  %w = arith.constant {compress.codec = "lowrank-error10"} dense_resource<error> : tensor<96x256xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x256xf32>, tensor<96x256xf32>) outs(%init : tensor<3x96xf32>) -> tensor<3x96xf32>
  return %0 : tensor<3x96xf32>
}

func.func @nk(%x: tensor<3x256xf32>, %init: tensor<3x96xf32>) -> tensor<3x96xf32> {
  %w = arith.constant {compress.codec = "lowrank"} dense_resource<nk> : tensor<96x256xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x256xf32>, tensor<96x256xf32>) outs(%init : tensor<3x96xf32>) -> tensor<3x96xf32>
  return %0 : tensor<3x96xf32>
}

func.func @kn(%x: tensor<?x160xf16>, %init: tensor<?x96xf16>) -> tensor<?x96xf16> {
  %w = arith.constant {compress.codec = #compress.lowrank<16>} dense_resource<kn> : tensor<160x96xf16>
  %0 = linalg.matmul ins(%x, %w : tensor<?x160xf16>, tensor<160x96xf16>) outs(%init : tensor<?x96xf16>) -> tensor<?x96xf16>
  return %0 : tensor<?x96xf16>
}

func.func @vec(%x: tensor<127xbf16>, %y: tensor<65xbf16>, %i: tensor<65xf32>, %j: tensor<127xf32>) -> (tensor<65xf32>, tensor<127xf32>) {
  %w = arith.constant {compress.codec = #compress.lowrank<3>} dense_resource<vec> : tensor<65x127xbf16>
  %0 = linalg.matvec ins(%w, %x : tensor<65x127xbf16>, tensor<127xbf16>) outs(%i : tensor<65xf32>) -> tensor<65xf32>
  %1 = linalg.vecmat ins(%y, %w : tensor<65xbf16>, tensor<65x127xbf16>) outs(%j : tensor<127xf32>) -> tensor<127xf32>
  return %0, %1 : tensor<65xf32>, tensor<127xf32>
}

func.func @int4(%x: tensor<3x192xf32>, %init: tensor<3x128xf32>) -> tensor<3x128xf32> {
  %w = arith.constant {compress.codec = #int4} dense_resource<int4> : tensor<128x192xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x192xf32>, tensor<128x192xf32>) outs(%init : tensor<3x128xf32>) -> tensor<3x128xf32>
  return %0 : tensor<3x128xf32>
}

// No contraction: tiles of filters are decoded.
func.func @conv(%x: tensor<2x16x8x8xf32>, %init: tensor<2x32x6x6xf32>) -> tensor<2x32x6x6xf32> {
  %w = arith.constant {compress.codec = #compress.lowrank<8>} dense_resource<conv> : tensor<32x16x3x3xf32>
  %0 = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<2x16x8x8xf32>, tensor<32x16x3x3xf32>) outs(%init : tensor<2x32x6x6xf32>) -> tensor<2x32x6x6xf32>
  return %0 : tensor<2x32x6x6xf32>
}

// The left operand, with another user that is no contraction: then nothing is packed.
func.func @tall(%x: tensor<128x3xf32>, %i: tensor<192x3xf32>, %e: tensor<192x128xf32>) -> (tensor<192x3xf32>, tensor<192x128xf32>) {
  %w = arith.constant {compress.codec = #int4} dense_resource<tall> : tensor<192x128xf32>
  %0 = linalg.matmul ins(%w, %x : tensor<192x128xf32>, tensor<128x3xf32>) outs(%i : tensor<192x3xf32>) -> tensor<192x3xf32>
  %1 = linalg.exp ins(%w : tensor<192x128xf32>) outs(%e : tensor<192x128xf32>) -> tensor<192x128xf32>
  return %0, %1 : tensor<192x3xf32>, tensor<192x128xf32>
}

// Rows that are looked up.
func.func @rows(%ids: tensor<5xi64>, %e: tensor<5x128xf32>) -> tensor<5x128xf32> {
  %w = arith.constant {compress.codec = #int4} dense_resource<rows> : tensor<192x128xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<5xi64>) outs(%e : tensor<5x128xf32>) {
  ^bb0(%id: i64, %out: f32):
    %row = arith.index_cast %id : i64 to index
    %col = linalg.index 1 : index
    %value = tensor.extract %w[%row, %col] : tensor<192x128xf32>
    linalg.yield %value : f32
  } -> tensor<5x128xf32>
  return %0 : tensor<5x128xf32>
}
