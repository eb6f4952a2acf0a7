// Each rule of #compress.palette, by its number. Bad data: test/Unit/Algorithms/PaletteTest.cpp.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected one each of dim, scale and block, but got 'zero'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16, zero = i8>>)

// -----
// expected-error @below {{expected one each of dim, scale and block, but got 'dim'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16, dim = 2, dim = 2>>)

// -----
// palette_c1
// expected-error @below {{expected 1 to 8 bits, but got 0}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 0, group = [8, 64], codebook = f16>>)

// -----
// palette_c1
// expected-error @below {{expected 1 to 8 bits, but got 9}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 9, group = [8, 64], codebook = f16>>)

// -----
// palette_c2
// expected-error @below {{expected positive group extents, but got 0}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 0], codebook = f16>>)

// -----
// palette_c3
// expected-error @below {{expected codebook f32, f16 or bf16, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = i8>>)

// -----
// palette_c4
// expected-error @below {{expected dim 1, 2 or 4, but got 3}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16, dim = 3>>)

// -----
// palette_c5
// expected-error @below {{expected scale and block, but got scale only}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16, scale = f16>>)

// -----
// palette_c5
// expected-error @below {{expected scale and block, but got block only}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16, block = [1, 64]>>)

// -----
// palette_c6
// expected-error @below {{expected scale f32, f16 or bf16, but got 'f64'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16, scale = f64, block = [1, 64]>>)

// -----
// palette_c7
// expected-error @below {{expected positive block extents, but got -1}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16, scale = f16, block = [1, -1]>>)

// -----
// palette_c8
// expected-error @below {{expected elements of f32, f16 or bf16 for #compress.palette, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.palette<bits = 4, group = [8, 64], codebook = f16>>)

// -----
// palette_c9
// expected-error @below {{expected at least one dimension for #compress.palette}}
func.func private @f(!compress.tensor<f32, #compress.palette<bits = 4, group = [], codebook = f16>>)

// -----
// palette_c10
// expected-error @below {{expected one group extent per dimension, but got 1 for rank 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [64], codebook = f16>>)

// -----
// palette_c10
// expected-error @below {{expected one block extent per dimension, but got 1 for rank 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16, scale = f16, block = [64]>>)

// -----
// palette_c11
// expected-error @below {{expected group extent 1 for dynamic dimension 0, but got 8}}
func.func private @f(!compress.tensor<?x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16>>)

// -----
// palette_c11
// expected-error @below {{expected block extent 1 for dynamic dimension 0, but got 2}}
func.func private @f(!compress.tensor<?x64xf32, #compress.palette<bits = 4, group = [1, 64], codebook = f16, scale = f16, block = [2, 64]>>)

// -----
// palette_c11: storage must be 1:1 with a dynamic dimension
// expected-error @below {{expected a static innermost dimension for 4-bit indices of 1 elements}}
func.func private @f(!compress.tensor<8x?xf32, #compress.palette<bits = 4, group = [8, 1], codebook = f16>>)

// -----
// palette_c11
// expected-error @below {{expected a static innermost dimension for 8-bit indices of 2 elements}}
func.func private @f(!compress.tensor<8x?xf32, #compress.palette<bits = 8, group = [8, 1], codebook = f16, dim = 2>>)

// -----
// palette_c12
// expected-error @below {{expected an innermost group extent that is a multiple of dim 4, but got 6}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 6], codebook = f16, dim = 4>>)

// -----
// palette_c13
// expected-error @below {{expected group and block extents of which one is a multiple of the other, but got 24 and 16 for dimension 1}}
func.func private @f(!compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 24], codebook = f16, scale = f16, block = [1, 16]>>)

// -----
// palette_c14
// expected-error @below {{expected codebooks of less than 2^56 numbers}}
func.func private @f(!compress.tensor<33554432x33554432xf32, #compress.palette<bits = 8, group = [1, 1], codebook = f16>>)

// -----
// A layout must not cut vectors.
#pairs = #compress.palette<bits = 4, group = [8, 64], codebook = f16, dim = 2>
// expected-error @below {{expected tiles that hold whole blocks, or blocks that hold whole tiles}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#pairs, tile = [16, 3], order = [0, 1]>>)

// -----
// assemble_c2
func.func @f(%i: tensor<8x32xi8>, %c: tensor<1x1x8xf16>) {
  // expected-error @below {{expected component 'codebooks' of type 'tensor<1x1x16xf16>', but got 'tensor<1x1x8xf16>'}}
  %0 = compress.assemble %i, %c : tensor<8x32xi8>, tensor<1x1x8xf16> -> !compress.tensor<8x64xf32, #compress.palette<bits = 4, group = [8, 64], codebook = f16>>
  return
}
