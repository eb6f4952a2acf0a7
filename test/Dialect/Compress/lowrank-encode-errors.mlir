// Weights that have no factors, and factors that have no product.
// RUN: compress-opt %s --compress-encode --split-input-file --verify-diagnostics

func.func @infinite(%x: tensor<2xf32>, %i: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{weight 'infinite#0': expected finite values, but got inf at [1, 0]}}
  %w = arith.constant {compress.codec = #compress.lowrank<1>} dense<[[1.0, 2.0], [0x7F800000, 3.0]]> : tensor<2x2xf32>
  %y = linalg.matvec ins(%w, %x : tensor<2x2xf32>, tensor<2xf32>) outs(%i : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----
// The part that is encoded first says so.
func.func @nan(%x: tensor<2xf16>, %i: tensor<2xf16>) -> tensor<2xf16> {
  // expected-error @below {{weight 'nan#0': expected finite values, but got nan at [0, 1]}}
  %w = arith.constant {compress.codec = #compress.sum<#compress.lowrank<1>, #compress.lowrank<1>>} dense<[[1.0, 0x7E00], [2.0, 3.0]]> : tensor<2x2xf16>
  %y = linalg.matvec ins(%w, %x : tensor<2x2xf16>, tensor<2xf16>) outs(%i : tensor<2xf16>) -> tensor<2xf16>
  return %y : tensor<2xf16>
}

// -----
// The best approximation of rank 1 is 1.2 times the largest element.
func.func @overflow(%x: tensor<3xf16>, %i: tensor<2xf16>) -> tensor<2xf16> {
  // expected-error @below {{would decode to an infinity of 'f16'}}
  %w = arith.constant {compress.codec = #compress.lowrank<1>} dense<[[65000.0, 65000.0, 65000.0], [65000.0, 65000.0, 0.0]]> : tensor<2x3xf16>
  %y = linalg.matvec ins(%w, %x : tensor<2x3xf16>, tensor<3xf16>) outs(%i : tensor<2xf16>) -> tensor<2xf16>
  return %y : tensor<2xf16>
}

// -----
func.func @algorithm(%x: tensor<2xf32>, %i: tensor<2xf32>) -> tensor<2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [4.0, 3.0]]> : tensor<2x2xf32>
  // expected-error @below {{no algorithm 'rtn' for #compress.lowrank<1>, known are: svd, exact-svd, randomized-svd}}
  %0 = compress.encode %w {algorithm = "rtn"} : tensor<2x2xf32> -> !compress.tensor<2x2xf32, #compress.lowrank<1>>
  %d = compress.decode %0 : !compress.tensor<2x2xf32, #compress.lowrank<1>>
  %y = linalg.matvec ins(%d, %x : tensor<2x2xf32>, tensor<2xf32>) outs(%i : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----
func.func @part(%x: tensor<2xf32>, %i: tensor<2xf32>) -> tensor<2xf32> {
  %w = arith.constant dense<[[1.0, 2.0], [4.0, 3.0]]> : tensor<2x2xf32>
  // expected-error @below {{no algorithm 'none' for a part of #compress.sum<}}
  %0 = compress.encode %w {algorithm = "none"} : tensor<2x2xf32> -> !compress.tensor<2x2xf32, #compress.sum<#compress.lowrank<1>, #compress.lowrank<1>>>
  %d = compress.decode %0 : !compress.tensor<2x2xf32, #compress.sum<#compress.lowrank<1>, #compress.lowrank<1>>>
  %y = linalg.matvec ins(%d, %x : tensor<2x2xf32>, tensor<2xf32>) outs(%i : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
