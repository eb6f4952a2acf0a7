// Each rule of #compress.bitmask, by its number. Those of stored data are in test/Integration/weight-data.test.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected one of keep, density and rows, but got 'kept'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<kept = 4>>)

// -----
// expected-error @below {{expected one of keep, density and rows, but got 'keep'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<keep = 4, keep = 4>>)

// -----
// bitmask_c1
// expected-error @below {{expected keep to be 0 or more, but got -1}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<keep = -1>>)

// -----
// bitmask_c2
// expected-error @below {{expected a density of type f64 from 0 to 1, but got 1.500000e+00 : f64}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<density = 1.5>>)

// -----
// bitmask_c2
// expected-error @below {{expected a density of type f64 from 0 to 1, but got 0x7FF8000000000000 : f64}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<density = 0x7FF8000000000000 : f64>>)

// -----
// bitmask_c2
// expected-error @below {{expected a density of type f64 from 0 to 1, but got 5.000000e-01 : f32}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<density = 0.5 : f32>>)

// -----
// bitmask_c3
// expected-error @below {{expected keep or density, but got both}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<keep = 4, density = 0.5>>)

// -----
// bitmask_c4
// expected-error @below {{expected at least one dimension for #compress.bitmask}}
func.func private @f(!compress.tensor<f32, #compress.bitmask<>>)

// -----
// bitmask_c5
// expected-error @below {{expected a static innermost dimension for #compress.bitmask, but got 'tensor<8x?xf32>'}}
func.func private @f(!compress.tensor<8x?xf32, #compress.bitmask<>>)

// -----
// bitmask_c6
// expected-error @below {{expected keep of at most 64, the innermost dimension, but got 65}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<keep = 65>>)

// -----
// bitmask_c7
// expected-error @below {{expected less than 2^31 elements for #compress.bitmask<>, but got 'tensor<65536x32768xf32>'}}
func.func private @f(!compress.tensor<65536x32768xf32, #compress.bitmask<>>)

// -----
// bitmask_c8
// expected-error @below {{expected elements of f32, f16 or bf16 for #compress.bitmask<keep = 4>, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.bitmask<keep = 4>>)

// -----
// bitmask_c8
// expected-error @below {{expected elements of f32, f16 or bf16, i8, i16 or i32 for #compress.bitmask<>, but got 'f8E4M3FN'}}
func.func private @f(!compress.tensor<8x64xf8E4M3FN, #compress.bitmask<>>)

// -----
// bitmask_c12
// expected-error @below {{expected rows of 1 or more, and of 1 with keep, but got 0}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<rows = 0>>)

// -----
// bitmask_c12
// expected-error @below {{expected rows of 1 or more, and of 1 with keep, but got 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<keep = 4, rows = 2>>)

// -----
// bitmask_c13
// expected-error @below {{expected a last dimension but one that is a multiple of rows = 3, but got 'tensor<8x64xf32>'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.bitmask<rows = 3>>)

// -----
// bitmask_c13
// expected-error @below {{expected a last dimension but one that is a multiple of rows = 2, but got 'tensor<64xf32>'}}
func.func private @f(!compress.tensor<64xf32, #compress.bitmask<rows = 2>>)
