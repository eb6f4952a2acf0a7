// RUN: compress-opt %s --compress-verify-data --split-input-file --verify-diagnostics

// Without the check, the compiled decode would read behind the values.
!rows = !compress.tensor<2x8xf32, #compress.bitmask<>>
func.func @offsets() -> !rows {
  %mask = arith.constant dense<[[3], [1]]> : tensor<2x1xi8>
  %values = arith.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %offsets = arith.constant dense<[[0], [2000000]]> : tensor<2x1xi32>
  // expected-error @below {{a compressed weight: expected a bit of the mask for each value, but row 1 differs}}
  %0 = compress.assemble %mask, %values, %offsets : tensor<2x1xi8>, tensor<3xf32>, tensor<2x1xi32> -> !rows
  return %0 : !rows
}

// -----
// A splat has data too.
!keep = !compress.tensor<2x4xf32, #compress.bitmask<keep = 1>>
func.func @splat() -> !keep {
  %mask = arith.constant dense<3> : tensor<2x1xi8>
  %values = arith.constant dense<5.0> : tensor<2x1xf32>
  // expected-error @below {{a compressed weight: expected a bit of the mask for each value, but row 0 differs}}
  %0 = compress.assemble %mask, %values : tensor<2x1xi8>, tensor<2x1xf32> -> !keep
  return %0 : !keep
}

// -----
// Of a weight with a name, in a global, in a part that is compressed again: once.
!mask = !compress.tensor<2x1xi8, #compress.bitmask<>>
!w = !compress.tensor<2x4xf32, #compress.nested<#compress.bitmask<keep = 1>, mask = #compress.bitmask<>>>
ml_program.global private @bits(dense<[[1], [3]]> : tensor<2x1xi8>) : tensor<2x1xi8>
func.func @nested() -> !w {
  %bits = ml_program.global_load_const @bits : tensor<2x1xi8>
  %masks = arith.constant dense<[2, 8]> : tensor<2xi8>
  %offsets = arith.constant dense<[[0], [1]]> : tensor<2x1xi32>
  %values = arith.constant dense<[[5.0], [6.0]]> : tensor<2x1xf32>
  %mask = compress.assemble %bits, %masks, %offsets : tensor<2x1xi8>, tensor<2xi8>, tensor<2x1xi32> -> !mask
  // expected-error @below {{weight 'fc': expected zero padding bits, but byte 1 has others}}
  %0 = compress.assemble %mask, %values {compress.certificate = #compress.certificate<
      weight = "fc", algorithm = "magnitude", source = "0123456789abcdef", bits = 1,
      max_error = 0.0 : f64, relative_error = 0.0 : f64, sqnr = 1.0 : f64>}
    : !mask, tensor<2x1xf32> -> !w
  return %0 : !w
}

// -----
// A part whose whole has a component that is no constant.
!mask = !compress.tensor<2x1xi8, #compress.bitmask<>>
!w = !compress.tensor<2x4xf32, #compress.nested<#compress.bitmask<keep = 1>, mask = #compress.bitmask<>>>
func.func @part(%values: tensor<2x1xf32>) -> !w {
  %bits = arith.constant dense<[[1], [3]]> : tensor<2x1xi8>
  %masks = arith.constant dense<[2, 8]> : tensor<2xi8>
  %offsets = arith.constant dense<[[0], [1]]> : tensor<2x1xi32>
  // expected-error @below {{a compressed weight: expected zero padding bits, but byte 1 has others}}
  %mask = compress.assemble %bits, %masks, %offsets : tensor<2x1xi8>, tensor<2xi8>, tensor<2x1xi32> -> !mask
  %0 = compress.assemble %mask, %values : !mask, tensor<2x1xf32> -> !w
  return %0 : !w
}

// -----
// The parser takes resources of any size.
!keep = !compress.tensor<2x4xf32, #compress.bitmask<keep = 1>>
func.func @size() -> !keep {
  %mask = arith.constant dense_resource<mask> : tensor<2x1xi8>
  %values = arith.constant dense<5.0> : tensor<2x1xf32>
  // expected-error @below {{a compressed weight: expected as many bytes in each resource as its type 'tensor<2x1xi8>' says}}
  %0 = compress.assemble %mask, %values : tensor<2x1xi8>, tensor<2x1xf32> -> !keep
  return %0 : !keep
}
{-#
  dialect_resources: {
    builtin: {
      mask: "0x01000000020202"
    }
  }
#-}
