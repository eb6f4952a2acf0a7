// Each verifier rule, by its number.
// RUN: compress-opt %s --split-input-file --verify-diagnostics

// tensor_c1
// expected-error @below {{expected elements of f32, f16, bf16, an 8-bit float, i8, i16 or i32, but got 'f64'}}
func.func private @f(!compress.tensor<8x64xf64, #compress.quant<i8, block = [1, 32], scale = f16>>)

// -----
// tensor_c1: the sign is the codec's
// expected-error @below {{expected elements of f32, f16, bf16, an 8-bit float, i8, i16 or i32, but got 'si8'}}
func.func private @f(!compress.tensor<8x64xsi8, #compress.quant<i8, block = [1, 32], scale = f16>>)

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
// expected-error @below {{expected storage i8, u8, i6, u6, i4, u4, i3, u3, i2, u2, binary, f8E4M3FN, f8E5M2 or f4E2M1FN, but got 'i5'}}
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
// expected-error @below {{expected scale f32, f16, bf16, f8E8M0FNU or f8E4M3FN, but got 'f64'}}
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
// expected-error @below {{expected signed integer storage for narrow, but got u4}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<u4, block = [1, 32], scale = f16, narrow>>)

// -----
// quant_c7
// expected-error @below {{expected unsigned integer storage for min, but got i4}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16, min = f16>>)

// -----
// quant_c2: f8E5M2 is a storage, but no type of scales
// expected-error @below {{but got 'f8E5M2'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f8E5M2>>)

// -----
// quant_c6: neither have binary codes a lowest one to leave out, nor floats
// expected-error @below {{expected signed integer storage for narrow, but got binary}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<binary, block = [1, 32], scale = f16, narrow>>)

// -----
// quant_c6
// expected-error @below {{expected signed integer storage for narrow, but got f8E4M3FN}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<f8E4M3FN, block = [1, 32], scale = f16, narrow>>)

// -----
// quant_c7
// expected-error @below {{expected unsigned integer storage for min, but got f4E2M1FN}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<f4E2M1FN, block = [1, 32], scale = f16, min = f16>>)

// -----
// quant_c8
// expected-error @below {{expected integer storage for zero, but got binary}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<binary, block = [1, 32], scale = f16, zero = i8>>)

// -----
// quant_c8
// expected-error @below {{expected integer storage for zero, but got f8E5M2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<f8E5M2, block = [1, 32], scale = f16, zero = f16>>)

// -----
// quant_c9
// expected-error @below {{expected a scale other than f8E8M0FNU for min}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<u4, block = [1, 32], scale = f8E8M0FNU, min = f16>>)

// -----
// quant_c9
// expected-error @below {{expected a scale other than f8E8M0FNU for zero}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f8E8M0FNU, zero = i8>>)

// -----
// quant_c10
// expected-error @below {{expected at least one dimension for #compress.quant}}
func.func private @f(!compress.tensor<f32, #compress.quant<i8, block = [], scale = f16>>)

// -----
// quant_c11
// expected-error @below {{expected one block extent per dimension, but got 1 for rank 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.quant<i4, block = [32], scale = f16>>)

// -----
// quant_c12
// expected-error @below {{expected block extent 1 for dynamic dimension 1, but got 32}}
func.func private @f(!compress.tensor<8x?xf32, #compress.quant<i8, block = [1, 32], scale = f16>>)

// -----
// quant_c12: storage must be 1:1 with a dynamic dimension
// expected-error @below {{expected a static innermost dimension for i4 codes}}
func.func private @f(!compress.tensor<8x?xf32, #compress.quant<i4, block = [1, 1], scale = f16>>)

// -----
// quant_c12: of floats too
// expected-error @below {{expected a static innermost dimension for f4E2M1FN codes}}
func.func private @f(!compress.tensor<8x?xf32, #compress.quant<f4E2M1FN, block = [1, 1], scale = f16>>)

// -----
// quant_c13
// expected-error @below {{expected elements of f32, f16 or bf16 for #compress.quant, but got 'i8'}}
func.func private @f(!compress.tensor<8x64xi8, #compress.quant<i8, block = [1, 32], scale = f16>>)

// -----
// tiled_c1
#q = #compress.quant<i4, block = [1, 32], scale = f16>
// expected-error @below {{expected positive tile extents, but got 0}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 0], order = [0, 1]>>)

// -----
// tiled_c2: a dimension twice
#q = #compress.quant<i4, block = [1, 32], scale = f16>
// expected-error @below {{expected order to be a permutation of 2 dimensions, but got [0, 0]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 8], order = [0, 0]>>)

// -----
// tiled_c2: no such dimension
#q = #compress.quant<i4, block = [1, 32], scale = f16>
// expected-error @below {{expected order to be a permutation of 2 dimensions, but got [-1, 0]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 8], order = [-1, 0]>>)

// -----
// tiled_c2: too few
#q = #compress.quant<i4, block = [1, 32], scale = f16>
// expected-error @below {{expected order to be a permutation of 2 dimensions, but got [0]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 8], order = [0]>>)

// -----
// tiled_c3
#q = #compress.quant<i4, block = [1, 32], scale = f16>
// expected-error @below {{expected one tile extent per dimension, but got 1 for rank 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8], order = [0]>>)

// -----
// tiled_c4
#q = #compress.quant<i4, block = [1, 32], scale = f16>
// expected-error @below {{expected a static tensor of at least one dimension for #compress.tiled, but got 'tensor<?x64xf32>'}}
func.func private @f(!compress.tensor<?x64xf32, #compress.tiled<#q, tile = [8, 8], order = [0, 1]>>)

// -----
// tiled_c5: 24 cuts blocks of 32, and is no multiple of them
#q = #compress.quant<i4, block = [1, 32], scale = f16>
// expected-error @below {{expected tiles that hold whole blocks, or blocks that hold whole tiles, of #compress.quant<i4, block = [1, 32], scale = f16>}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 24], order = [0, 1]>>)

// -----
// tiled_c5: what is tiled already is not tiled again
#q = #compress.quant<i4, block = [1, 32], scale = f16>
#t = #compress.tiled<#q, tile = [8, 8], order = [0, 1]>
// expected-error @below {{or blocks that hold whole tiles, of #compress.tiled<#compress.quant<}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#t, tile = [8, 8], order = [0, 1]>>)

// -----
// tiled_c7: no permutation
#q = #compress.quant<i4, block = [1, 32], scale = f32>
// expected-error @below {{expected inside to be a permutation of 3 factors, but got [0, 1, 1]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], split = [8, 2, 16], inside = [0, 1, 1]>>)

// -----
// tiled_c7: a product of 24
#q = #compress.quant<i4, block = [1, 32], scale = f32>
// expected-error @below {{expected factors of the tile's extents, but got [8, 2, 12]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], split = [8, 2, 12], inside = [0, 1, 2]>>)

// -----
// tiled_c7: one factor too many
#q = #compress.quant<i4, block = [1, 32], scale = f32>
// expected-error @below {{expected factors of the tile's extents, but got [8, 32, 2]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], split = [8, 32, 2], inside = [0, 1, 2]>>)

// -----
// tiled_c7: none of 0
#q = #compress.quant<i4, block = [1, 32], scale = f32>
// expected-error @below {{expected factors of the tile's extents, but got [8, 0]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], split = [8, 0], inside = [0, 1]>>)

// -----
// tiled_c8
#q = #compress.quant<i4, block = [1, 32], scale = f32>
// expected-error @below {{expected a record of 0 or more tiles, but got -1}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], record = -1>>)

// -----
// tiled_c8
#q = #compress.quant<i4, block = [1, 32], scale = f32>
// expected-error @below {{expected a flip of 0 to 255, but got 256}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], flip = 256>>)

// -----
// tiled_c11
// expected-error @below {{expected positions to be a permutation of 2 factors, but got [0, 0]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [8, 32], order = [0, 1], split = [8, 32], inside = [0, 1], positions = [0, 0]>>)

// -----
// tiled_c11: too few
// expected-error @below {{expected positions to be a permutation of 2 factors, but got [0]}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [8, 32], order = [0, 1], split = [8, 32], inside = [0, 1], positions = [0]>>)

// -----
// tiled_c12
#q = #compress.quant<i4, block = [1, 32], scale = f32>
// expected-error @below {{expected no positions, because there are none in #compress.quant<i4, block = [1, 32], scale = f32>}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], split = [8, 32], inside = [0, 1], positions = [1, 0]>>)

// -----
// tiled_c9: a scale for two tiles has no part in records of one
#q = #compress.quant<i4, block = [1, 64], scale = f32>
// expected-error @below {{expected records of 1 tiles to have a part of each component of #compress.quant<}}
func.func private @f(!compress.tensor<8x128xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], record = 1>>)

// -----
// What follows the order of tiles.
#q = #compress.quant<i4, block = [1, 32], scale = f32>
// expected-error @below {{expected 'flip'}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 32], order = [0, 1], split = [8, 32], inside = [0, 1], record = 1, records = 1>>)

// -----
// tiled_c6: one element that is padded to 2^60
#q = #compress.quant<i8, block = [1, 32], scale = f16>
// expected-error @below {{expected tiles that pad 'tensor<1x1xf32>' to less than 2^56 elements}}
func.func private @f(!compress.tensor<1x1xf32, #compress.tiled<#q, tile = [1073741824, 1073741824], order = [0, 1]>>)

// -----
// The rules of the codec inside hold too: quant_c11
#q = #compress.quant<i4, block = [32], scale = f16>
// expected-error @below {{expected one block extent per dimension, but got 1 for rank 2}}
func.func private @f(!compress.tensor<8x64xf32, #compress.tiled<#q, tile = [8, 8], order = [0, 1]>>)

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
// expected-error @below {{expected 'compress.weight' to be the name of a weight, but got 4 : i64}}
func.func private @f() attributes {compress.weight = 4}

// -----
// expected-error @below {{expected 'compress.certificate' to be a #compress.certificate, but got "fine"}}
func.func private @f() attributes {compress.certificate = "fine"}

// -----
// contract_c1: number
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected 2 components, but got 1}}
  %0 = compress.contract ins(%x, %c : tensor<4x64xf32>, tensor<2x16x16x4xi8>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c1: shape
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<32x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected component 'scales' to store a 'tensor<2x1x16x1xf32>', but got 'tensor<32x1xf32>'}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<32x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c1: element type, of buffers too
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: memref<4x64xf32>, %c: memref<2x16x16x4xi8>, %s: memref<2x1x16x1xf16>, %f: memref<4x32xf32>) {
  // expected-error @below {{expected component 'scales' to store a 'tensor<2x1x16x1xf32>', but got 'memref<2x1x16x1xf16>'}}
  compress.contract ins(%x, %c, %s : memref<4x64xf32>, memref<2x16x16x4xi8>, memref<2x1x16x1xf16>) outs(%f : memref<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// contract_c2: element type
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf16>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected lhs and init of f32, or of what the kernel computes in, and of one rank of 2 or more, but got 'tensor<4x64xf16>' and 'tensor<4x32xf32>'}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf16>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c2: different ranks
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<1x4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{but got 'tensor<1x4x64xf32>' and 'tensor<4x32xf32>'}}
  %0 = compress.contract ins(%x, %c, %s : tensor<1x4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c2: vectors
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<32xf32>) -> tensor<32xf32> {
  // expected-error @below {{but got 'tensor<64xf32>' and 'tensor<32xf32>'}}
  %0 = compress.contract ins(%x, %c, %s : tensor<64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<32xf32>)
    weight(!w, affine_map<(n, k) -> (n, k)>) -> tensor<32xf32>
  return %0 : tensor<32xf32>
}

// -----
// contract_c3: m is no dimension of the weight
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<32x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<32x32xf32>) -> tensor<32x32xf32> {
  // expected-error @below {{expected weight_map to be a permutation of all 3 dimensions but m, but got affine_map<(d0, d1, d2) -> (d0, d2)>}}
  %0 = compress.contract ins(%x, %c, %s : tensor<32x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<32x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (m, k)>) -> tensor<32x32xf32>
  return %0 : tensor<32x32xf32>
}

// -----
// contract_c3: the batch dimension is one of the weight
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<2x4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<2x4x32xf32>) -> tensor<2x4x32xf32> {
  // expected-error @below {{expected weight_map to be a permutation of all 4 dimensions but m, but got affine_map<(d0, d1, d2, d3) -> (d2, d3)>}}
  %0 = compress.contract ins(%x, %c, %s : tensor<2x4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<2x4x32xf32>)
    weight(!w, affine_map<(b, m, n, k) -> (n, k)>) -> tensor<2x4x32xf32>
  return %0 : tensor<2x4x32xf32>
}

// -----
// contract_c3: no sums
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{but m, but got affine_map<(d0, d1, d2) -> (d1 + d2, d2)>}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n + k, k)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c4: k
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x60xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error-re @below {{expected lhs 'tensor<4x60xf32>', weight '!compress.tensor<32x64xf32, {{.*}}>' and init 'tensor<4x32xf32>' to agree in size}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x60xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c4: n, through the other orientation
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x32xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{to agree in size}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x32xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (k, n)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c4: m
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<5x32xf32>) -> tensor<5x32xf32> {
  // expected-error @below {{to agree in size}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<5x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<5x32xf32>
  return %0 : tensor<5x32xf32>
}

// -----
// contract_c5: no result of tensors
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) {
  // expected-error @below {{expected one result of the type of init}}
  compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// contract_c5: a result of another type
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<?x32xf32> {
  // expected-error @below {{expected one result of the type of init}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<?x32xf32>
  return %0 : tensor<?x32xf32>
}

// -----
// contract_c5: a result of buffers
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: memref<4x64xf32>, %c: memref<2x16x16x4xi8>, %s: memref<2x1x16x1xf32>, %f: memref<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected no result for buffers}}
  %0 = compress.contract ins(%x, %c, %s : memref<4x64xf32>, memref<2x16x16x4xi8>, memref<2x1x16x1xf32>) outs(%f : memref<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c6: a tensor among buffers
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: memref<2x16x16x4xi8>, %s: memref<2x1x16x1xf32>, %f: memref<4x32xf32>) {
  // expected-error @below {{expected operands to be ranked tensors, or ranked buffers}}
  compress.contract ins(%x, %c, %s : tensor<4x64xf32>, memref<2x16x16x4xi8>, memref<2x1x16x1xf32>) outs(%f : memref<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// contract_c6: no rank
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: memref<4x64xf32>, %c: memref<*xi8>, %s: memref<2x1x16x1xf32>, %f: memref<4x32xf32>) {
  // expected-error @below {{expected operands to be ranked tensors, or ranked buffers}}
  compress.contract ins(%x, %c, %s : memref<4x64xf32>, memref<*xi8>, memref<2x1x16x1xf32>) outs(%f : memref<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// contract_c2: what is read is f32
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf16>) -> tensor<4x32xf16> {
  // expected-error @below {{expected lhs and init of f32, or of what the kernel computes in, and of one rank of 2 or more, but got 'tensor<4x64xf32>' and 'tensor<4x32xf16>'}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf16>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<4x32xf16>
  return %0 : tensor<4x32xf16>
}

// -----
// contract_c7: an epilogue overwrites
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected operands of an epilogue to have one, and it to overwrite init}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) epilogue {
  ^bb0(%a: f32):
    compress.yield %a : f32
  } -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c7: types of its arguments
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>, %b: tensor<32xf16>) -> tensor<4x32xf32> {
  // expected-error @below {{expected the epilogue to be a block of ('f32', 'f16') that yields a 'f32'}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>) overwrite
    weight(!w, affine_map<(m, n, k) -> (n, k)>) with(%b : tensor<32xf16>) at [affine_map<(m, n) -> (n)>] epilogue {
  ^bb0(%a: f32, %q: f32):
    compress.yield %a : f32
  } -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c7: only elementwise ops
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>, %t: tensor<f32>) -> tensor<4x32xf32> {
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>) overwrite
    weight(!w, affine_map<(m, n, k) -> (n, k)>) epilogue {
  ^bb0(%a: f32):
    // expected-error @below {{is not elementwise, as ops of an epilogue must be}}
    %e = tensor.extract %t[] : tensor<f32>
    compress.yield %e : f32
  } -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c8: a map that is none of (b.., m, n)
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>, %b: tensor<32x4xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected operand 0 of the epilogue, 'tensor<32x4xf32>', to be read by a projected permutation of the dimensions of init 'tensor<4x32xf32>', n last, but got affine_map<(d0, d1) -> (d1, d0)>}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>) overwrite
    weight(!w, affine_map<(m, n, k) -> (n, k)>) with(%b : tensor<32x4xf32>) at [affine_map<(m, n) -> (n, m)>] epilogue {
  ^bb0(%a: f32, %q: f32):
    compress.yield %q : f32
  } -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c8: number of maps
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>, %b: tensor<32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected 1 maps of operands of the epilogue, but got 2}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>) overwrite
    weight(!w, affine_map<(m, n, k) -> (n, k)>) with(%b : tensor<32xf32>) at [affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (n)>] epilogue {
  ^bb0(%a: f32, %q: f32):
    compress.yield %q : f32
  } -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c9: m and k are multiplied
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<6x16xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<3x32xf32>) -> tensor<3x32xf32> {
  // expected-error @below {{expected window to take (b.., m, k) to the 2 dimensions of lhs, b.. first, each other one a sum of a term of m and a term of k, but got affine_map<(d0, d1) -> ((d0 + d1) floordiv 16, d1 mod 16)>}}
  %0 = compress.contract ins(%x, %c, %s : tensor<6x16xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<3x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) window affine_map<(m, k) -> ((m + k) floordiv 16, k mod 16)> -> tensor<3x32xf32>
  return %0 : tensor<3x32xf32>
}

// -----
// contract_c9: beyond lhs
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<6x16xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected window to stay in the bounds of lhs 'tensor<6x16xf32>', but dimension 0 is read from 0 to 6}}
  %0 = compress.contract ins(%x, %c, %s : tensor<6x16xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) window affine_map<(m, k) -> (m + k floordiv 16, k mod 16)> -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// contract_c9: a border of no window
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @f(%x: tensor<4x64xf32>, %c: tensor<2x16x16x4xi8>, %s: tensor<2x1x16x1xf32>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // expected-error @below {{expected a window to have a border}}
  %0 = compress.contract ins(%x, %c, %s : tensor<4x64xf32>, tensor<2x16x16x4xi8>, tensor<2x1x16x1xf32>) outs(%f : tensor<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) border -> tensor<4x32xf32>
  return %0 : tensor<4x32xf32>
}

// -----
// matrix_c1: a dimension twice
// expected-error @below {{expected rows and columns to be all of 4 dimensions, but got [3] and [0, 1, 1]}}
func.func private @f(!compress.tensor<3x3x20x64xf32, #compress.matrix<#compress.dense, rows = [3], columns = [0, 1, 1]>>)

// -----
// matrix_c2: another rank
// expected-error @below {{expected a static tensor of 4 dimensions for #compress.matrix<#compress.dense, rows = [3], columns = [0, 1, 2]>, but got 'tensor<3x20x64xf32>'}}
func.func private @f(!compress.tensor<3x20x64xf32, #compress.matrix<#compress.dense, rows = [3], columns = [0, 1, 2]>>)

// -----
// matrix_c2: a size that is not known
// expected-error @below {{expected a static tensor of 2 dimensions for #compress.matrix<#compress.dense, rows = [0], columns = [1]>, but got 'tensor<?x64xf32>'}}
func.func private @f(!compress.tensor<?x64xf32, #compress.matrix<#compress.dense, rows = [0], columns = [1]>>)

// -----
// Rules of base are those with the matrix.
// expected-error @below {{expected one block extent per dimension, but got 4 for rank 2}}
func.func private @f(!compress.tensor<3x3x20x64xf32, #compress.matrix<#compress.quant<i8, block = [3, 3, 20, 1], scale = f32>, rows = [3], columns = [0, 1, 2]>>)
