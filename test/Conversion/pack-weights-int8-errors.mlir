// Integers were asked for: what cannot be computed with in them is an error, by its name.
// RUN: compress-opt %s --compress-pack-weights='compute=int8 features=avx512f,avx512bw,avx512vnni' --split-input-file --verify-diagnostics
// With auto, such weights are computed with in f32.
// RUN: compress-opt %s --compress-pack-weights='compute=auto features=avx512f,avx512bw,avx512vnni' --split-input-file -o %t
// It is the same without any of them.
// RUN: compress-opt %s --compress-pack-weights='compute=int8' --split-input-file --verify-diagnostics

// A codebook for each row: no register holds them.
!w = !compress.tensor<2x4xf32, #compress.palette<bits = 4, group = [1, 4], codebook = f32>>
func.func @palette(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense<[[1, 2], [3, 4]]> : tensor<2x2xi8>
  %s = arith.constant dense<[[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]], [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0]]]> : tensor<2x1x16xf32>
  // expected-error @below {{weight 'fc' of type '!compress.tensor<2x4xf32, #compress.palette<bits = 4, group = [1, 4], codebook = f32>>' cannot be computed with in int8: its codec has no layout for the kernel}}
  // expected-note @below {{compute=auto computes with such weights in f32}}
  %0 = compress.assemble %c, %s {compress.certificate = #compress.certificate<
      weight = "fc", algorithm = "kmeans", source = "0123456789abcdef", bits = 128, max_error = 1.0 : f64, relative_error = 0.5 : f64, sqnr = 2.0 : f64>}
    : tensor<2x2xi8>, tensor<2x1x16xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// Codes that are no integers, blocks that no vector of 16 steps fits, and an op that is no contraction.
!f8 = !compress.tensor<2x32xf32, #compress.quant<f8E4M3FN, block = [1, 32], scale = f32>>
!b8 = !compress.tensor<2x32xf32, #compress.quant<i4, block = [1, 8], scale = f32>>
!i8 = !compress.tensor<2x32xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @others(%c3: tensor<2x32xi8>, %x: tensor<3x32xf32>, %i: tensor<3x2xf32>, %j: tensor<2x32xf32>) -> (tensor<3x2xf32>, tensor<3x2xf32>, tensor<2x32xf32>) {
  %c = arith.constant dense_resource<c3> : tensor<2x32xi8>
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  // expected-error @below {{cannot be computed with in int8: its codec has no layout for the kernel}}
  // expected-note @below {{compute=auto}}
  %0 = compress.assemble %c, %s : tensor<2x32xi8>, tensor<2x1xf32> -> !f8
  %w = compress.decode %0 : !f8
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x32xf32>, tensor<2x32xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %c4 = arith.constant dense_resource<c4> : tensor<2x16xi8>
  %s4 = arith.constant dense<[[1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 5.0]]> : tensor<2x4xf32>
  // expected-error @below {{cannot be computed with in int8: its codec has no layout for the kernel}}
  // expected-note @below {{compute=auto}}
  %1 = compress.assemble %c4, %s4 : tensor<2x16xi8>, tensor<2x4xf32> -> !b8
  %w4 = compress.decode %1 : !b8
  %y4 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w4 : tensor<3x32xf32>, tensor<2x32xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %c8 = arith.constant dense_resource<c8> : tensor<2x32xi8>
  // expected-error @below {{cannot be computed with in int8}}
  // expected-note @below {{compute=auto}}
  %2 = compress.assemble %c8, %s : tensor<2x32xi8>, tensor<2x1xf32> -> !i8
  %w8 = compress.decode %2 : !i8
  %y8 = linalg.add ins(%w8, %j : tensor<2x32xf32>, tensor<2x32xf32>) outs(%j : tensor<2x32xf32>) -> tensor<2x32xf32>
  return %y, %y4, %y8 : tensor<3x2xf32>, tensor<3x2xf32>, tensor<2x32xf32>
}
{-# dialect_resources: { builtin: {
  c3: "0x0400000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
  c4: "0x040000000000000000000000000000000000000000000000000000000000000000000000",
  c8: "0x0400000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
} } #-}

// -----
// Not there at compile time.
!w = !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32>>
func.func @argument(%c: tensor<2x4xi8>, %s: tensor<2x1xf32>, %x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{cannot be computed with in int8: its components are not all constants with data}}
  // expected-note @below {{compute=auto}}
  %0 = compress.assemble %c, %s : tensor<2x4xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
