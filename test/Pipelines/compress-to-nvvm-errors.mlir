// Weights that no kernel of a GPU reads are errors, and so are chips.
// RUN: not compress-opt %s --compress-to-nvvm=chip=sm_80 -o %t 2>&1 | FileCheck %s
// RUN: not compress-opt %S/compress-to-nvvm.mlir --compress-to-nvvm=chip=gfx90a -o %t 2>&1 | FileCheck %s --check-prefix=CHIP
// CHECK: error: a compressed weight is decoded as a whole, to 'tensor<8x32xf32>': its codec #compress.quant<i3, block = [1, 8], scale = f32> has no layout for GPUs; that of the preset int4-b128 has one
// CHIP: error: 'compress.contract' op expected a chip out of sm_75, sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_103, sm_103a, sm_120, sm_120a, sm_121, sm_121a, but got 'gfx90a'
!w = !compress.tensor<8x32xf32, #compress.quant<i3, block = [1, 8], scale = f32>>
func.func @main(%x: tensor<3x32xf32>, %i: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %c = arith.constant dense_resource<codes> : tensor<8x12xi8>
  %s = arith.constant dense_resource<scales> : tensor<8x4xf32>
  %0 = compress.assemble %c, %s : tensor<8x12xi8>, tensor<8x4xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x32xf32>, tensor<8x32xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}
{-# dialect_resources: { builtin: {
  codes: "0x04000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
  scales: "0x040000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" } } #-}
