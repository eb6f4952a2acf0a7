// Each rule of #compress.sum, by its number.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// sum_c1
// expected-error @below {{expected elements of f32, f16 or bf16 for #compress.sum, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.sum<#compress.lowrank<2>, #compress.lowrank<2>>>)

// -----
// The rules of a part.
// expected-error @below {{expected one block extent per dimension, but got 1 for rank 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.sum<#compress.lowrank<2>, #compress.quant<i8, block = [1], scale = f16>>>)

// -----
// expected-error @below {{expected two dimensions or more for #compress.lowrank, but got 'tensor<64xf32>'}}
func.func private @f(!compress.tensor<64xf32, #compress.sum<#compress.lowrank<2>, #compress.quant<i8, block = [1], scale = f16>>>)

// -----
// nested_c2: the parts are compressed already
// expected-error @below {{expected one of the uncompressed components of #compress.sum<#compress.lowrank<2>, #compress.lowrank<3>>, which are, but got 'a'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nested<#compress.sum<#compress.lowrank<2>, #compress.lowrank<3>>, a = #compress.lowrank<1>>>)

// -----
// Parts are of f32, whatever the sum is.
!a = !compress.tensor<8x64xf16, #compress.lowrank<2>>
func.func @f(%a: !a, %b: !a) {
  // expected-error @below {{expected component 'a' of type '!compress.tensor<8x64xf32, #compress.lowrank<2>>', but got '!compress.tensor<8x64xf16, #compress.lowrank<2>>'}}
  %0 = compress.assemble %a, %b : !a, !a -> !compress.tensor<8x64xf16, #compress.sum<#compress.lowrank<2>, #compress.lowrank<2>>>
  return
}
