// bf16 was asked for: what cannot be computed with in it is an error, by its name.
// RUN: compress-opt %s --compress-pack-weights=compute=bf16 --split-input-file --verify-diagnostics
// With auto, such weights are computed with in f32.
// RUN: compress-opt %s --compress-pack-weights=compute=auto --split-input-file -o %t

// Codes that are not whole parts of a byte; blocks that no vector of codes fits; one of a part of the lanes.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!i3 = !compress.tensor<8x32xf32, #compress.quant<i3, block = [1, 32], scale = f32>>
!b4 = !compress.tensor<8x32xf32, #compress.quant<i4, block = [1, 4], scale = f32>>
!l4 = !compress.tensor<8x32xf32, #compress.quant<i4, block = [4, 32], scale = f32>>
func.func @others(%x: tensor<3x32xf32>, %i: tensor<3x8xf32>) -> (tensor<3x8xf32>, tensor<3x8xf32>, tensor<3x8xf32>) {
  %c = arith.constant dense_resource<c3> : tensor<8x12xi8>
  %s = arith.constant dense<[[1.0], [1.0], [1.0], [1.0], [1.0], [1.0], [1.0], [2.0]]> : tensor<8x1xf32>
  // expected-error @below {{weight 'fc' of type '!compress.tensor<8x32xf32, #compress.quant<i3, block = [1, 32], scale = f32>>' cannot be computed with in bf16: its codec has no layout for the kernel}}
  // expected-note @below {{compute=auto computes with such weights in f32}}
  %0 = compress.assemble %c, %s {compress.certificate = #compress.certificate<
      weight = "fc", algorithm = "rtn", source = "0123456789abcdef", bits = 128, max_error = 1.0 : f64, relative_error = 0.5 : f64, sqnr = 2.0 : f64>}
    : tensor<8x12xi8>, tensor<8x1xf32> -> !i3
  %w = compress.decode %0 : !i3
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x32xf32>, tensor<8x32xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
  %c4 = arith.constant dense_resource<c4> : tensor<8x16xi8>
  %s4 = arith.constant dense_resource<s4> : tensor<8x8xf32>
  // expected-error @below {{cannot be computed with in bf16: its codec has no layout for the kernel}}
  // expected-note @below {{compute=auto}}
  %1 = compress.assemble %c4, %s4 : tensor<8x16xi8>, tensor<8x8xf32> -> !b4
  %w4 = compress.decode %1 : !b4
  %y4 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w4 : tensor<3x32xf32>, tensor<8x32xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
  %sl = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  // expected-error @below {{cannot be computed with in bf16: its codec has no layout for the kernel}}
  // expected-note @below {{compute=auto}}
  %2 = compress.assemble %c4, %sl : tensor<8x16xi8>, tensor<2x1xf32> -> !l4
  %wl = compress.decode %2 : !l4
  %yl = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %wl : tensor<3x32xf32>, tensor<8x32xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %y, %y4, %yl : tensor<3x8xf32>, tensor<3x8xf32>, tensor<3x8xf32>
}
{-# dialect_resources: { builtin: {
  c3: "0x04000000010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101",
  c4: "0x040000000101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101010101",
  s4: "0x040000000000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F0000803F"
} } #-}

// -----
// Not there at compile time.
!w = !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32>>
func.func @argument(%c: tensor<2x4xi8>, %s: tensor<2x1xf32>, %x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  // expected-error @below {{cannot be computed with in bf16: its components are not all constants with data}}
  // expected-note @below {{compute=auto}}
  %0 = compress.assemble %c, %s : tensor<2x4xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
