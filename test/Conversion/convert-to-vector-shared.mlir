// RUN: compress-opt %s --convert-compress-to-vector='features=avx512f,avx512bw,avx512vnni' --canonicalize --cse --split-input-file | FileCheck %s
// RUN: compress-opt %s --convert-compress-to-vector='features=avx512f,avx512bw,avx512vnni' --compress-loops-to-openmp --split-input-file | FileCheck %s --check-prefix=OPENMP

// Threads share the rounding of 64 rows, eight at a time, and the products with 64 panels of 1024 weights an output.
// CHECK-LABEL: func @large
// CHECK: scf.parallel (%{{.*}}) = (%c0) to (%{{.*}}) step (%c1)
// Each thread has a row of its own.
// CHECK: memref.alloc() {{.*}} : memref<1024xf32>
// CHECK: memref.dealloc
// CHECK: } {compress.chunk = 1 : i64}
// CHECK: scf.parallel (%{{.*}}) = (%c0) to (%c64) step (%c1)
// CHECK: } {compress.chunk = 4 : i64}
// OPENMP-LABEL: func @large
// OPENMP-COUNT-2: omp.wsloop nowait schedule(static
// OPENMP-NOT: scf.parallel
!w = !compress.tensor<1024x1024xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1],
  split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>>
func.func @large(%s: memref<64x16x576xi8>, %x: memref<64x1024xf32>, %i: memref<64x1024xf32>) {
  compress.contract ins(%x, %s : memref<64x1024xf32>, memref<64x16x576xi8>) outs(%i : memref<64x1024xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) compute = int8
  return
}

// -----
// One row of 256 K weights is done before other threads have begun. Two rows are not: 512 K products.
// CHECK-LABEL: func @one
// CHECK-NOT: compress.chunk
// CHECK-LABEL: func @two
// CHECK: compress.chunk = 4
// OPENMP-LABEL: func @one
// OPENMP-NOT: omp.
// OPENMP-LABEL: func @two
// OPENMP-COUNT-1: omp.wsloop
!w = !compress.tensor<256x1024xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1],
  split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>>
func.func @one(%s: memref<16x16x576xi8>, %x: memref<1x1024xf32>, %i: memref<1x256xf32>) {
  compress.contract ins(%x, %s : memref<1x1024xf32>, memref<16x16x576xi8>) outs(%i : memref<1x256xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) compute = int8
  return
}
func.func @two(%s: memref<16x16x576xi8>, %x: memref<2x1024xf32>, %i: memref<2x256xf32>) {
  compress.contract ins(%x, %s : memref<2x1024xf32>, memref<16x16x576xi8>) outs(%i : memref<2x256xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) compute = int8
  return
}
