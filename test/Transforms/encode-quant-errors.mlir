// RUN: compress-opt %s --split-input-file --verify-diagnostics --compress-encode="preset=none"
// Values that codes of #compress.quant, or scales of eight bits, cannot store.

func.func @f(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{weight 'f#0': expected no negative values for unsigned codes and scales of 'f8E8M0FNU', but got -1 at [1, 0]}}
  %w = arith.constant {compress.codec = #compress.quant<u4, block = [1, 4], scale = f8E8M0FNU>} dense<[[0.0, 1.0, 2.0, 3.0], [-1.0, 0.0, 0.0, -2.0]]> : tensor<2x4xf32>
  %0 = arith.addf %x, %w : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----
func.func @f(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{weight 'f#0': expected values of one sign in each block of unsigned codes without zero or min, but got -2 at [0, 2]}}
  %w = arith.constant {compress.codec = #compress.quant<u6, block = [1, 4], scale = f8E4M3FN>} dense<[[0.0, 1.0, -2.0, 3.0], [-1.0, 0.0, 0.0, -2.0]]> : tensor<2x4xf32>
  %0 = arith.addf %x, %w : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----
func.func @f(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{weight 'f#0': the block at [1, 0] with largest magnitude 63500 needs scale 500, which overflows 'f8E4M3FN'}}
  %w = arith.constant {compress.codec = #compress.quant<i8, block = [1, 4], scale = f8E4M3FN, narrow>} dense<[[0.0, 1.0, -2.0, 3.0], [0.0, 0.0, 0.0, 63500.0]]> : tensor<2x4xf32>
  %0 = arith.addf %x, %w : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}

// -----
func.func @f(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-error @below {{weight 'f#0': component 'scales': expected values of one sign in each block of unsigned codes without zero or min, but got -1 at [0, 1]}}
  %w = arith.constant {compress.codec = #compress.nested<#compress.quant<i4, block = [1, 2], scale = f32>, scales = #compress.quant<u6, block = [1, 2], scale = f16>>} dense<[[1.0, -8.0, 8.0, 1.0], [0.0, 0.0, 0.0, 8.0]]> : tensor<2x4xf32>
  %0 = arith.addf %x, %w : tensor<2x4xf32>
  return %0 : tensor<2x4xf32>
}
