// Each verifier rule, by its number.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// tensor_c1
// expected-error @below {{expected element type f32, f16 or bf16, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.quant<i8, block = [1, 32], scale = f16>>)

// -----
// tensor_c2
// expected-error @below {{expected a shape of less than 2^63 elements}}
func.func private @f(!compress.tensor<4294967296x4294967296xf32, #compress.quant<i8, block = [1, 32], scale = f16>>)

// -----
// tensor_c2: stored sizes are counted in bits
// expected-error @below {{expected a shape of less than 2^56 elements}}
func.func private @f(!compress.tensor<2147483648x2147483648xf32, #compress.quant<i8, block = [1, 32], scale = f16>>)

// -----
// expected-error @below {{expected a codec, but got "int8"}}
func.func private @f(!compress.tensor<8x64xf32, "int8">)

// -----
// expected-error @below {{expected storage i8, u8, i4 or u4, but got 'i5'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i5, block = [1, 32], scale = f16>>)

// -----
// expected-error @below {{expected one each of zero, min and narrow, but got 'bias'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16, bias = f16>>)

// -----
// expected-error @below {{expected one each of zero, min and narrow, but got 'zero'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16, zero = f16, zero = f16>>)

// -----
// quant_c1
// expected-error @below {{expected positive block extents, but got 0}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 0], scale = f16>>)

// -----
// quant_c2
// expected-error @below {{expected scale f32, f16 or bf16, but got 'f64'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f64>>)

// -----
// quant_c3
// expected-error @below {{expected zero i8, f32, f16 or bf16, but got 'i4'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16, zero = i4>>)

// -----
// quant_c4
// expected-error @below {{expected min f32, f16 or bf16, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<u4, block = [1, 32], scale = f16, min = i8>>)

// -----
// quant_c5
// expected-error @below {{expected zero or min, but got both}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<u4, block = [1, 32], scale = f16, zero = i8, min = f16>>)

// -----
// quant_c6
// expected-error @below {{expected signed storage for narrow, but got u4}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<u4, block = [1, 32], scale = f16, narrow>>)

// -----
// quant_c7
// expected-error @below {{expected unsigned storage for min, but got i4}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16, min = f16>>)

// -----
// quant_c8
// expected-error @below {{expected at least one dimension for #compress.quant}}
func.func private @f(!compress.tensor<f32, #compress.quant<i8, block = [], scale = f16>>)

// -----
// quant_c9
// expected-error @below {{expected one block extent per dimension, but got 1 for rank 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [32], scale = f16>>)

// -----
// quant_c10
// expected-error @below {{expected block extent 1 for dynamic dimension 1, but got 32}}
func.func private @f(!compress.tensor<8x?xf32, #compress.quant<i8, block = [1, 32], scale = f16>>)

// -----
// quant_c10: storage must be 1:1 with a dynamic dimension
// expected-error @below {{expected a static innermost dimension for i4 codes}}
func.func private @f(!compress.tensor<8x?xf32, #compress.quant<i4, block = [1, 1], scale = f16>>)

// -----
// assemble_c1
func.func @f(%c: tensor<8x32xi8>) {
  // expected-error @below {{expected 2 components, but got 1}}
  %0 = compress.assemble %c : tensor<8x32xi8>
    -> !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  return
}

// -----
// assemble_c2: shape
func.func @f(%c: tensor<8x64xi8>, %s: tensor<8x2xf16>) {
  // expected-error @below {{expected component 'codes' of type 'tensor<8x32xi8>', but got 'tensor<8x64xi8>'}}
  %0 = compress.assemble %c, %s : tensor<8x64xi8>, tensor<8x2xf16>
    -> !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  return
}

// -----
// assemble_c2: element type
func.func @f(%c: tensor<8x32xi8>, %s: tensor<8x2xf32>) {
  // expected-error @below {{expected component 'scales' of type 'tensor<8x2xf16>', but got 'tensor<8x2xf32>'}}
  %0 = compress.assemble %c, %s : tensor<8x32xi8>, tensor<8x2xf32>
    -> !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  return
}

// -----
// encode_c1
func.func @f(%w: tensor<8x32xf32>) {
  // expected-error @below {{expected input of type 'tensor<8x64xf32>', but got 'tensor<8x32xf32>'}}
  %0 = compress.encode %w : tensor<8x32xf32>
    -> !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  return
}

// -----
// expected-error @below {{expected 'compress.codec' to be a codec or the name of a preset, but got 4 : i64}}
func.func private @f() attributes {compress.codec = 4}

// -----
// expected-error @below {{expected 'compress.certificate' to be a #compress.certificate, but got "fine"}}
func.func private @f() attributes {compress.certificate = "fine"}
