// Each rule of #compress.nested that other codecs' tests do not have, by its number.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// nested_c1
// expected-error @below {{expected a codec for at least one component of #compress.lowrank<2>}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nested<#compress.lowrank<2>>>)

// -----
// nested_c3
// expected-error @below {{expected a component of static size, but that of 'values' of #compress.bitmask<> depends on the data}}
func.func private @f(!compress.tensor<8x64xf32, #compress.nested<#compress.bitmask<>, values = #compress.quant<i8, block = [1], scale = f32>>>)

// -----
// nested_c3
// expected-error @below {{expected a component of static size, but that of 'stream' of #compress.huffman<> depends on the data}}
func.func private @f(!compress.tensor<8x64xi8, #compress.nested<#compress.huffman<>, stream = #compress.huffman<tile = [1]>>>)

// -----
// A size that is `?` in the tensor too is no such size.
func.func private @f(!compress.tensor<?x64xf32, #compress.nested<#compress.quant<i8, block = [1, 64], scale = f32>, codes = #compress.huffman<tile = [1, 64]>>>)
