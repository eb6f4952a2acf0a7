// Weights of few elements that no kernel of a GPU reads, and why.
// RUN: compress-opt %s --compress-encode --compress-pack-weights=gpu --remarks-filter=compress-pack-weights -o %t 2>&1 | FileCheck %s
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// CHECK: remark: [Missed] PackWeights | Category:compress-pack-weights{{.*}}its codec #compress.bitmask<keep = 4> has no decoder for GPUs
func.func @f0(%x: tensor<3x8xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %w = arith.constant {compress.codec = #compress.bitmask<keep = 4>} dense_resource<w0> : tensor<4x8xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<4x8xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// CHECK: remark: [Missed] PackWeights | Category:compress-pack-weights{{.*}}it has 4 of 8 elements, and kernels for GPUs have 2 of 4, 1 of 4 and 1 of 2
func.func @f1(%x: tensor<3x8xf16>, %i: tensor<3x4xf16>) -> tensor<3x4xf16> {
  %w = arith.constant {compress.codec = #compress.nm<4:8, axis = 1>} dense_resource<w1> : tensor<4x8xf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf16>, tensor<4x8xf16>) outs(%i : tensor<3x4xf16>) -> tensor<3x4xf16>
  return %y : tensor<3x4xf16>
}

// CHECK: remark: [Missed] PackWeights | Category:compress-pack-weights{{.*}}its groups are not along the dimension that is reduced
func.func @f2(%x: tensor<3x8xf16>, %i: tensor<3x4xf16>) -> tensor<3x4xf16> {
  %w = arith.constant {compress.codec = #compress.nm<2:4, axis = 0>} dense_resource<w2> : tensor<4x8xf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf16>, tensor<4x8xf16>) outs(%i : tensor<3x4xf16>) -> tensor<3x4xf16>
  return %y : tensor<3x4xf16>
}

// CHECK: remark: [Missed] PackWeights | Category:compress-pack-weights{{.*}}its values have zero points or minima, which what is not stored has not
func.func @f3(%x: tensor<3x8xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<u4, block = [1, 4], scale = f32, min = f32>>} dense_resource<w3> : tensor<4x8xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<4x8xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// CHECK: remark: [Missed] PackWeights | Category:compress-pack-weights{{.*}}has no layout for GPUs; that of the preset int4-b128 has one
func.func @f4(%x: tensor<3x8xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i2, block = [1, 4], scale = f32>>} dense_resource<w4> : tensor<4x8xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<4x8xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// CHECK: remark: [Missed] PackWeights | Category:compress-pack-weights{{.*}}has no layout for GPUs; that of the preset int4-b128 has one
func.func @f5(%x: tensor<3x8xf16>, %i: tensor<3x4xf16>) -> tensor<3x4xf16> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.nm<2:4, axis = 1>, metadata = #compress.huffman<>>} dense_resource<w5> : tensor<4x8xf16>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf16>, tensor<4x8xf16>) outs(%i : tensor<3x4xf16>) -> tensor<3x4xf16>
  return %y : tensor<3x4xf16>
}

// CHECK: remark: [Missed] PackWeights | Category:compress-pack-weights{{.*}}it has 1 of 4 elements that are compressed again, and kernels for GPUs have those of 2 of 4
func.func @f6(%x: tensor<3x8xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.nm<1:4, axis = 1>, values = #compress.quant<i4, block = [1, 2], scale = f32>>} dense_resource<w6> : tensor<4x8xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<4x8xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}
{-# dialect_resources: { builtin: {
  w6: "0x040000000000104100001041000010410000104100001041000010410000104100001041000010410000104100001041000010410000104100001041000010410000104100001041000010410000104100001041000010410000104100001041000010410000104100001041000010410000104100001041000010410000104100001041",
  w0: "0x040000000000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F",
  w1: "0x0400000000400040004000400040004000400040004000400040004000400040004000400040004000400040004000400040004000400040004000400040004000400040",
  w2: "0x0400000000420042004200420042004200420042004200420042004200420042004200420042004200420042004200420042004200420042004200420042004200420042",
  w3: "0x040000000000804000008040000080400000804000008040000080400000804000008040000080400000804000008040000080400000804000008040000080400000804000008040000080400000804000008040000080400000804000008040000080400000804000008040000080400000804000008040000080400000804000008040",
  w4: "0x040000000000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A0400000A040",
  w5: "0x0400000000460046004600460046004600460046004600460046004600460046004600460046004600460046004600460046004600460046004600460046004600460046" } } #-}
