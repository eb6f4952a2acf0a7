// Each rule of #compress.lowrank, by its number.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// lowrank_c1
// expected-error @below {{expected a positive rank, but got 0}}
func.func private @f(!compress.tensor<8x64xf32, #compress.lowrank<0>>)

// -----
// lowrank_c2
// expected-error @below {{expected two dimensions or more for #compress.lowrank, but got 'tensor<64xf32>'}}
func.func private @f(!compress.tensor<64xf32, #compress.lowrank<2>>)

// -----
// lowrank_c3
// expected-error @below {{expected elements of f32, f16 or bf16 for #compress.lowrank, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.lowrank<2>>)

// -----
// lowrank_c4
// expected-error @below {{expected factors of less than 2^56 elements, but rank 9007199254740992 of 'tensor<8x64xf32>' has more}}
func.func private @f(!compress.tensor<8x64xf32, #compress.lowrank<9007199254740992>>)

// -----
// nested_c2
// expected-error @below {{expected one of the uncompressed components of #compress.lowrank<2>, which are 'u' 'v', but got 'w'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nested<#compress.lowrank<2>, w = #compress.lowrank<1>>>)

// -----
func.func @f(%u: tensor<8x2xf32>, %v: tensor<2x65xf32>) {
  // expected-error @below {{expected component 'v' of type 'tensor<2x64xf32>', but got 'tensor<2x65xf32>'}}
  %0 = compress.assemble %u, %v : tensor<8x2xf32>, tensor<2x65xf32> -> !compress.tensor<8x64xf32, #compress.lowrank<2>>
  return
}
