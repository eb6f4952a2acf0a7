// Trees of codecs that once were not compiled or not verified; codec-trees.test draws many others.
// RUN: rm -rf %t && mkdir %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'twice=F32:64x96:r.standard_normal(s)' 'none=F32:96x64:r.standard_normal(s)' 'blocks=F16:130x65:r.standard_normal(s)' 'tiles=F32:40x60:r.standard_normal(s)' 'empty=F32:0x60:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/a
// RUN: compressc verify %t/a --original %s --weights %t/w.safetensors | FileCheck %s
// CHECK: verified: 5 compressed weights

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// A #compress.nested around another one: what the outer one checks is not decoded by the inner one yet.
#twice = #compress.nested<#compress.nested<#compress.bitmask<keep = 32>, mask = #compress.bitmask<>>, values = #compress.quant<i8, block = [1, 8], scale = f32>>
func.func @twice(%x: tensor<3x96xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = #twice} dense_resource<twice> : tensor<64x96xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x96xf32>, tensor<64x96xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

// Rows without values: tiles of them are empty.
func.func @none(%x: tensor<3x64xf32>, %init: tensor<3x96xf32>) -> tensor<3x96xf32> {
  %w = arith.constant {compress.codec = #compress.bitmask<keep = 0>} dense_resource<none> : tensor<96x64xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x64xf32>, tensor<96x64xf32>) outs(%init : tensor<3x96xf32>) -> tensor<3x96xf32>
  return %0 : tensor<3x96xf32>
}

// Scales whose parts can be cut after 3 and inside of 4: of five, nowhere.
#scales = #compress.sum<#compress.quant<i4, block = [4, 1], scale = f32>, #compress.tiled<#compress.quant<i8, block = [1, 1], scale = f32>, tile = [3, 1], order = [0, 1]>>
#blocks = #compress.nested<#compress.quant<i8, block = [32, 65], scale = f32>, scales = #scales>
func.func @blocks(%x: tensor<130x65xf16>, %e: tensor<130x65xf16>) -> tensor<130x65xf16> {
  %w = arith.constant {compress.codec = #blocks} dense_resource<blocks> : tensor<130x65xf16>
  %0 = linalg.add ins(%x, %w : tensor<130x65xf16>, tensor<130x65xf16>) outs(%e : tensor<130x65xf16>) -> tensor<130x65xf16>
  return %0 : tensor<130x65xf16>
}

// A layout that is asked for.
#tiles = #compress.tiled<#compress.quant<i4, block = [1, 20], scale = f16>, tile = [16, 20], order = [1, 0]>
func.func @tiles(%x: tensor<3x60xf32>, %init: tensor<3x40xf32>) -> tensor<3x40xf32> {
  %w = arith.constant {compress.codec = #tiles} dense_resource<tiles> : tensor<40x60xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x60xf32>, tensor<40x60xf32>) outs(%init : tensor<3x40xf32>) -> tensor<3x40xf32>
  return %0 : tensor<3x40xf32>
}

func.func @empty(%x: tensor<3x60xf32>, %init: tensor<3x0xf32>) -> tensor<3x0xf32> {
  %w = arith.constant {compress.codec = #tiles} dense_resource<empty> : tensor<0x60xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x60xf32>, tensor<0x60xf32>) outs(%init : tensor<3x0xf32>) -> tensor<3x0xf32>
  return %0 : tensor<3x0xf32>
}
