// RUN: compress-opt %s --split-input-file --verify-diagnostics --compress-encode="min-elements=1 preset=none"

// base3_c1
// expected-error @below {{expected elements of i8 for #compress.base3, but got 'f16'}}
func.func private @f(!compress.tensor<8x64xf16, #compress.base3>)

// -----
// base3_c2
// expected-error @below {{expected a static innermost dimension for #compress.base3, but got 'tensor<8x?xi8>'}}
func.func private @f(!compress.tensor<8x?xi8, #compress.base3>)

// -----
// base3_c2
// expected-error @below {{expected a static innermost dimension for #compress.base3, but got 'tensor<i8>'}}
func.func private @f(!compress.tensor<i8, #compress.base3>)

// -----
// base3_c3
// expected-error @below {{expected codes that end in the last of 2 bytes of a row, but got #compress.base3<codes = 9>}}
func.func private @f(!compress.tensor<8x2xi8, #compress.base3<codes = 9>>)

// -----
// Codes that are no trits: i2 without narrow stores the largest magnitude as -2.
#codec = #compress.nested<#compress.quant<i2, block = [1, 8], scale = f16>, codes = #compress.base3>
func.func @four(%x: tensor<1x8xf32>, %y: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // expected-error @below {{weight 'four#0': component 'codes': expected 2-bit codes -1, 0 and 1 for #compress.base3, but got -2 in the byte at [1, 0]}}
  %w = arith.constant {compress.codec = #codec} dense<[[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<2x8xf32>
  %0 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<1x8xf32>, tensor<2x8xf32>) outs(%y : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// -----
// A code that would not be stored.
#codec = #compress.nested<#compress.quant<i2, block = [1, 8], scale = f16, narrow>, codes = #compress.base3<codes = 7>>
func.func @seven(%x: tensor<1x8xf32>, %y: tensor<1x2xf32>) -> tensor<1x2xf32> {
  // expected-error @below {{weight 'seven#0': component 'codes': expected zeros behind 7 codes for #compress.base3<codes = 7>, but got others in the byte at [1, 1]}}
  %w = arith.constant {compress.codec = #codec} dense<[[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0]]> : tensor<2x8xf32>
  %0 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<1x8xf32>, tensor<2x8xf32>) outs(%y : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}
