// Kernels of GPUs read f16 and bf16 as they are, and compute in that type unless another one is asked for.
// RUN: compress-opt %s --compress-form-kernels | FileCheck %s
// RUN: compress-opt %s --compress-form-kernels=compute=f16 | FileCheck %s --check-prefix=F16
// RUN: compress-opt %s --compress-form-kernels=compute=bf16 | FileCheck %s --check-prefix=BF16
// RUN: compress-opt %s --compress-form-kernels=compute=int8 | FileCheck %s --check-prefix=INT8
// F16-COUNT-6: compute = f16
// BF16-COUNT-6: compute = bf16
// INT8: tensor<?x256xf16>, {{.*}} compute = int8
// INT8: tensor<?x256xbf16>, {{.*}} compute = int8
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#tiled = #compress.tiled<#compress.quant<i4, block = [1, 64], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1, flip = 136>
!f16 = !compress.tensor<128x256xf16, #tiled>
!f32 = !compress.tensor<128x256xf32, #tiled>

// CHECK-LABEL: func @half
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xf16>, tensor<8x4x544xi8>) {{.*}} compute = f16
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xbf16>, tensor<8x4x544xi8>) {{.*}} compute = bf16
func.func @half(%0: !f16, %x: tensor<?x256xf16>, %b: tensor<?x256xbf16>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !f16
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf16>, tensor<128x256xf16>) outs(%i : tensor<?x128xf32>) -> tensor<?x128xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%b, %w : tensor<?x256xbf16>, tensor<128x256xf16>) outs(%y : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %z : tensor<?x128xf32>
}

// Where activations are f32, the weight's type decides, and then range counts more than digits.
// CHECK-LABEL: func @wide
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xf32>, {{.*}} compute = f16
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xf32>, {{.*}} compute = bf16
func.func @wide(%0: !f16, %1: !f32, %x: tensor<?x256xf32>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !f16
  %v = compress.decode %1 : !f32
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf32>, tensor<128x256xf16>) outs(%i : tensor<?x128xf32>) -> tensor<?x128xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %v : tensor<?x256xf32>, tensor<128x256xf32>) outs(%y : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %z : tensor<?x128xf32>
}

// Rows of x are columns here.
// CHECK-LABEL: func @transposed
// CHECK: linalg.transpose ins(%{{.*}} : tensor<256x?xf16>)
// CHECK: compress.contract ins(%{{.*}}, %{{.*}} : tensor<?x256xf16>, {{.*}} compute = f16
func.func @transposed(%0: !f16, %x: tensor<256x?xf16>, %i: tensor<128x?xf32>) -> tensor<128x?xf32> {
  %w = compress.decode %0 : !f16
  %y = linalg.matmul ins(%w, %x : tensor<128x256xf16>, tensor<256x?xf16>) outs(%i : tensor<128x?xf32>) -> tensor<128x?xf32>
  return %y : tensor<128x?xf32>
}

// Zeros need not be read, be they of another type.
// CHECK-LABEL: func @zeros
// CHECK: compress.contract {{.*}} overwrite
func.func @zeros(%0: !f16, %x: tensor<?x256xf16>, %i: tensor<?x128xf16>) -> tensor<?x128xf32> {
  %w = compress.decode %0 : !f16
  %zero = arith.constant 0.0 : f16
  %f = linalg.fill ins(%zero : f16) outs(%i : tensor<?x128xf16>) -> tensor<?x128xf16>
  %e = arith.extf %f : tensor<?x128xf16> to tensor<?x128xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf16>, tensor<128x256xf16>) outs(%e : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
