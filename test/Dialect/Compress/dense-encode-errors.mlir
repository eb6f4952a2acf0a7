// Values that 16 bits do not have.
// RUN: compress-opt %s --compress-encode --split-input-file --verify-diagnostics

// 65520 is the first one that would become an infinity: it is half an ulp above the largest one.
func.func @large(%x: tensor<2xf32>, %i: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{weight 'large#0': expected finite values of 'f16', but got 65520 at [1, 0]}}
  %w = arith.constant {compress.codec = #compress.dense<f16>} dense<[[65519.0, 2.0], [65520.0, 3.0]]> : tensor<2x2xf32>
  %y = linalg.matvec ins(%w, %x : tensor<2x2xf32>, tensor<2xf32>) outs(%i : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----
func.func @infinite(%x: tensor<2xf32>, %i: tensor<2xf32>) -> tensor<2xf32> {
  // expected-error @below {{weight 'infinite#0': expected finite values of 'bf16', but got -inf at [0, 1]}}
  %w = arith.constant {compress.codec = #compress.dense<bf16>} dense<[[1.0, 0xFF800000], [2.0, 3.0]]> : tensor<2x2xf32>
  %y = linalg.matvec ins(%w, %x : tensor<2x2xf32>, tensor<2xf32>) outs(%i : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}
