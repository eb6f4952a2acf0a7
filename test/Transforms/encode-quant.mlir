// RUN: compress-opt %s --compress-encode="preset=none min-elements=1" | FileCheck %s
// What is stored for codes that are floats, binary or ternary, and for scales that are compressed again.

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// The largest magnitude becomes 448, so the scale is 1. 3.3 is next to 3.25; 2^-9 and 2^-7 are subnormal.
// CHECK-DAG: "e4m3#0.codes": "0x400000007EF6383000014584"
// CHECK-DAG: "e4m3#0.scales": "0x400000000000803F"
func.func @e4m3(%x: tensor<1x8xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.quant<f8E4M3FN, block = [1, 8], scale = f32>} dense<[[448.0, -224.0, 1.0, 0.5, 0.0, 0.001953125, 3.3, -0.0078125]]> : tensor<1x8xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x8xf32>, tensor<1x8xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// Twice the largest value: scale 2. 1.25 is a code, of a mantissa of 1.
// CHECK-DAG: "e5m2#0.codes": "0x400000007BC03D00"
// CHECK-DAG: "e5m2#0.scales": "0x400000000040"
func.func @e5m2(%x: tensor<1x4xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.quant<f8E5M2, block = [1, 4], scale = f16>} dense<[[114688.0, -4.0, 2.5, 0.0]]> : tensor<1x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x4xf32>, tensor<1x4xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// 6 is in the binade of the largest code, so the scale is 2^0. Ties go to even: 0.25 to 0, -0.75 to -1.
// CHECK-DAG: "mxfp4#0.codes": "0x40000000D71300A6"
// CHECK-DAG: "mxfp4#0.scales": "0x400000007F"
func.func @mxfp4(%x: tensor<1x8xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.quant<f4E2M1FN, block = [1, 8], scale = f8E8M0FNU>} dense<[[6.0, -3.0, 1.5, 0.5, 0.25, 0.0, 4.0, -0.75]]> : tensor<1x8xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x8xf32>, tensor<1x8xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// The mean magnitude is 2; 0 is no code, and becomes 1.
// CHECK-DAG: "binary#0.codes": "0x40000000D5"
// CHECK-DAG: "binary#0.scales": "0x400000000040"
func.func @binary(%x: tensor<1x8xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.quant<binary, block = [1, 8], scale = f16>} dense<[[1.0, -2.0, 3.0, -2.0, 0.5, -0.5, 0.0, 7.0]]> : tensor<1x8xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x8xf32>, tensor<1x8xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// Scale 2: 1 is a tie and becomes 0.
// CHECK-DAG: "ternary#0.codes": "0x400000000D40"
// CHECK-DAG: "ternary#0.scales": "0x400000000040"
func.func @ternary(%x: tensor<1x8xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.quant<i2, block = [1, 8], scale = f16, narrow>} dense<[[2.0, -2.0, 1.0, 0.5, -0.9, 0.0, 0.0, 1.1]]> : tensor<1x8xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x8xf32>, tensor<1x8xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// Four codes in three bytes.
// CHECK-DAG: "six#0.codes": "0x40000000E017FC"
// CHECK-DAG: "six#0.scales": "0x40000000003C"
func.func @six(%x: tensor<1x4xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.quant<i6, block = [1, 4], scale = f16>} dense<[[-32.0, 31.0, 1.0, -1.0]]> : tensor<1x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x4xf32>, tensor<1x4xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// Scales 1.1 and 448, of which the first is stored as 1.125. For that 5.6 is 4 and not 6: codes are chosen last.
// CHECK-DAG: "nvfp4#0.codes": "0x4000000067000000000000000700000000000000"
// CHECK-DAG: "nvfp4#0.scales.codes": "0x40000000397E"
// CHECK-DAG: "nvfp4#0.scales.scales": "0x400000000000803F"
func.func @nvfp4(%x: tensor<1x32xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.quant<f4E2M1FN, block = [1, 16], scale = f32>, scales = #compress.quant<f8E4M3FN, block = [1, 2], scale = f32>>} dense<[[6.6, 5.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2688.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x32xf32>, tensor<1x32xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// Also where codes were compressed first.
// CHECK-DAG: "nvfp4_split#0.codes.values": "0x400000006707"
func.func @nvfp4_split(%x: tensor<1x32xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.nested<#compress.quant<f4E2M1FN, block = [1, 16], scale = f32>, codes = #compress.bitmask<>>, scales = #compress.quant<f8E4M3FN, block = [1, 2], scale = f32>>} dense<[[13.2, 11.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5376.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<1x32xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x32xf32>, tensor<1x32xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// Minima that are stored without sign have one in common: that of the first block is 0, not 1, and the scale of both is -1.
// CHECK-DAG: "minima#0.codes": "0x40000000F1F0"
// CHECK-DAG: "minima#0.scales": "0x400000000000803F0000803F"
// CHECK-DAG: "minima#0.mins.codes": "0x40000000C00F"
// CHECK-DAG: "minima#0.mins.scales": "0x4000000000BC"
func.func @minima(%x: tensor<1x4xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.quant<u4, block = [1, 2], scale = f32, min = f32>, mins = #compress.quant<u6, block = [1, 2], scale = f16>>} dense<[[1.0, 15.0, -63.0, -48.0]]> : tensor<1x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x4xf32>, tensor<1x4xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// The same where other components are compressed first, and where the codes of the minima are compressed or tiled.
// CHECK-DAG: "minima_split#0.mins.codes": "0x40000000C00F"
// CHECK-DAG: "minima_nested#0.mins.codes.values": "0x40000000C00F"
// CHECK-DAG: "minima_tiled#0.mins.codes": "0x40000000003F"
func.func @minima_split(%x: tensor<1x4xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.nested<#compress.quant<u4, block = [1, 2], scale = f32, min = f32>, codes = #compress.bitmask<>>, mins = #compress.quant<u6, block = [1, 2], scale = f16>>} dense<[[2.0, 30.0, -126.0, -96.0]]> : tensor<1x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x4xf32>, tensor<1x4xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

func.func @minima_nested(%x: tensor<1x4xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.quant<u4, block = [1, 2], scale = f32, min = f32>, mins = #compress.nested<#compress.quant<u6, block = [1, 2], scale = f16>, codes = #compress.bitmask<>>>} dense<[[4.0, 60.0, -252.0, -192.0]]> : tensor<1x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x4xf32>, tensor<1x4xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

func.func @minima_tiled(%x: tensor<1x4xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.quant<u4, block = [1, 2], scale = f32, min = f32>, mins = #compress.tiled<#compress.quant<u6, block = [1, 2], scale = f16>, tile = [1, 1], order = [0, 1]>>} dense<[[8.0, 120.0, -504.0, -384.0]]> : tensor<1x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x4xf32>, tensor<1x4xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}

// Entries -7, 1.2, 2.45 and 8, stored as -7, 1, 2 and 8: 1.6 was next to 1.2, and is next to 2.
// CHECK-DAG: "palette#0.indices": "0x40000000A9F2"
// CHECK-DAG: "palette#0.codebooks.codes": "0x40000000F78E"
// CHECK-DAG: "palette#0.codebooks.scales": "0x40000000000080BF"
func.func @palette(%x: tensor<1x8xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #compress.nested<#compress.palette<bits = 2, group = [1, 8], codebook = f32>, codebooks = #compress.quant<i4, block = [1, 1, 4], scale = f32>>} dense<[[0.8, 1.6, 2.45, 2.45, 2.45, -7.0, 8.0, 8.0]]> : tensor<1x8xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<1x8xf32>, tensor<1x8xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}
