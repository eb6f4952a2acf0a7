// Each rule of #compress.huffman, by its number. Those of stored data are in test/Integration/huffman-data.test.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{expected one each of max_length, tile and split, but got 'length'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.huffman<length = 12>>)

// -----
// expected-error @below {{expected one each of max_length, tile and split, but got 'split'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.huffman<split = none, split = none>>)

// -----
// expected-error @below {{expected split none or exponent, but got 'sign'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.huffman<split = sign>>)

// -----
// huffman_c1
// expected-error @below {{expected max_length from 8 to 14, but got 7}}
func.func private @f(!compress.tensor<8x64xi8, #compress.huffman<max_length = 7>>)

// -----
// huffman_c1
// expected-error @below {{expected max_length from 8 to 14, but got 15}}
func.func private @f(!compress.tensor<8x64xi8, #compress.huffman<max_length = 15>>)

// -----
// huffman_c2
// expected-error @below {{expected positive tile extents, but got 0}}
func.func private @f(!compress.tensor<8x64xi8, #compress.huffman<tile = [1, 0]>>)

// -----
// huffman_c3
// expected-error @below {{expected elements of i8 or an 8-bit float for #compress.huffman<>, but got 'bf16'}}
func.func private @f(!compress.tensor<8x64xbf16, #compress.huffman<>>)

// -----
// huffman_c3
// expected-error @below {{expected elements of f32, f16 or bf16 for #compress.huffman<split = exponent>, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.huffman<split = exponent>>)

// -----
// huffman_c3
// expected-error @below {{expected elements of i8 or an 8-bit float for #compress.huffman<>, but got 'i16'}}
func.func private @f(!compress.tensor<8x64xi16, #compress.huffman<>>)

// -----
// huffman_c4
// expected-error @below {{expected at least one dimension for #compress.huffman}}
func.func private @f(!compress.tensor<i8, #compress.huffman<>>)

// -----
// huffman_c5
// expected-error @below {{expected one tile extent per dimension, but got 1 for rank 2}}
func.func private @f(!compress.tensor<8x64xi8, #compress.huffman<tile = [64]>>)

// -----
// huffman_c6
// expected-error @below {{expected tile extent 1 for dynamic dimension 0, but got 2}}
func.func private @f(!compress.tensor<?x64xi8, #compress.huffman<tile = [2, 64]>>)

// -----
// huffman_c6: 32 rows have 2048 elements
// expected-error @below {{expected tile extent 1 for dynamic dimension 0, but got 32}}
func.func private @f(!compress.tensor<?x64xi8, #compress.huffman<>>)

// -----
// huffman_c6
// expected-error @below {{expected a static innermost dimension for f32 in #compress.huffman<tile = [1, 1], split = exponent>}}
func.func private @f(!compress.tensor<8x?xf32, #compress.huffman<tile = [1, 1], split = exponent>>)

// -----
// huffman_c7
// expected-error @below {{expected less than 2^32 elements for #compress.huffman<>, but got 'tensor<65536x65536xi8>'}}
func.func private @f(!compress.tensor<65536x65536xi8, #compress.huffman<>>)
