// Packed weights whose users are no kernels stay decoded; a remark says why. The pass never fails.
// RUN: compress-opt %s --compress-form-kernels --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-form-kernels --remarks-filter="compress-form-kernels" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK

// One of two users is a kernel.
// CHECK-LABEL: func @partly
// CHECK: %[[W:.*]] = compress.decode
// CHECK: compress.contract
// CHECK: linalg.exp ins(%[[W]]
// REMARK-DAG: :[[#@LINE+9]]:8: remark: [Missed] FormKernels | Category:compress-form-kernels | Reason="its user 'linalg.exp' is no floating-point contraction"
// REMARK-DAG: :[[#@LINE+7]]:8: remark: [Passed] FormKernels | Category:compress-form-kernels | Remark="formed compress.contract"
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @partly(%0: !w, %x: tensor<3x10xf32>, %i: tensor<3x20xf32>, %e: tensor<20x10xf32>) -> (tensor<3x20xf32>, tensor<20x10xf32>) {
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x10xf32>, tensor<20x10xf32>) outs(%i : tensor<3x20xf32>) -> tensor<3x20xf32>
  %z = linalg.exp ins(%w : tensor<20x10xf32>) outs(%e : tensor<20x10xf32>) -> tensor<20x10xf32>
  return %y, %z : tensor<3x20xf32>, tensor<20x10xf32>
}

// -----
// Packed for the product from the other side; for other vectors; in another order of tiles.
// CHECK-LABEL: func @other_layouts
// CHECK-NOT: compress.contract
// CHECK-COUNT-3: linalg.matmul
// REMARK-COUNT-3: Reason="its layout is that of another kernel"
!kn = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [20, 10], scale = f32>, tile = [4, 16], order = [1, 0]>>
!lanes = !compress.tensor<10x20xf32, #compress.tiled<#compress.quant<i8, block = [10, 1], scale = f32>, tile = [4, 8], order = [1, 0]>>
!order = !compress.tensor<10x20xf32, #compress.tiled<#compress.quant<i8, block = [10, 1], scale = f32>, tile = [4, 16], order = [0, 1]>>
func.func @other_layouts(%0: !kn, %1: !lanes, %2: !order, %x: tensor<3x10xf32>, %i: tensor<3x20xf32>) -> tensor<3x20xf32> {
  %a = compress.decode %0 : !kn
  %3 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %a : tensor<3x10xf32>, tensor<20x10xf32>) outs(%i : tensor<3x20xf32>) -> tensor<3x20xf32>
  %b = compress.decode %1 : !lanes
  %4 = linalg.matmul ins(%x, %b : tensor<3x10xf32>, tensor<10x20xf32>) outs(%3 : tensor<3x20xf32>) -> tensor<3x20xf32>
  %c = compress.decode %2 : !order
  %5 = linalg.matmul ins(%x, %c : tensor<3x10xf32>, tensor<10x20xf32>) outs(%4 : tensor<3x20xf32>) -> tensor<3x20xf32>
  return %5 : tensor<3x20xf32>
}

// -----
// A weight against itself: an operand would have to be decoded as a whole.
// CHECK-LABEL: func @gram
// CHECK: %[[W:.*]] = compress.decode
// CHECK: linalg.matmul {{.*}} ins(%[[W]], %[[W]]
// REMARK: Reason="its contraction multiplies it by itself"
!w = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @gram(%0: !w, %i: tensor<20x20xf32>) -> tensor<20x20xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%w, %w : tensor<20x10xf32>, tensor<20x10xf32>) outs(%i : tensor<20x20xf32>) -> tensor<20x20xf32>
  return %y : tensor<20x20xf32>
}
