// RUN: compress-opt %s --split-input-file --verify-diagnostics

// dense_c1
// expected-error @below {{expected elements of f32, f16 or bf16 for #compress.dense, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.dense>)

// -----
func.func @values(%v: tensor<8x64xf16>) {
  // expected-error @below {{'compress.assemble' op expected component 'values' of type 'tensor<8x64xbf16>', but got 'tensor<8x64xf16>'}}
  %0 = compress.assemble %v : tensor<8x64xf16> -> !compress.tensor<8x64xbf16, #compress.dense>
  return
}

// -----
// expected-error @below {{expected elements of f32 for #compress.dense<f16>, but got 'bf16'}}
func.func private @half(!compress.tensor<8x64xbf16, #compress.dense<f16>>)

// -----
// dense_c2
// expected-error @below {{expected f16 or bf16, but got 'f32'}}
func.func private @full(!compress.tensor<8x64xf32, #compress.dense<f32>>)
