// What a function allocates, frees and copies is memory of the GPU.
// RUN: compress-opt %s --compress-buffers-to-gpu | FileCheck %s
// RUN: compress-opt %s --compress-buffers-to-gpu --expand-strided-metadata --lower-affine --gpu-to-llvm | FileCheck %s --check-prefix=LLVM
module attributes {gpu.container_module} {
  memref.global "private" constant @weight : memref<4x8xf32>
  // CHECK-LABEL: func @buffers(
  // CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[N:.*]]: index)
  // CHECK: %[[T0:.*]] = gpu.wait async
  // CHECK-NEXT: %[[A:.*]], %[[T1:.*]] = gpu.alloc async [%[[T0]]] (%[[N]]) : memref<?x8xf32>
  // CHECK-NEXT: gpu.wait [%[[T1]]]
  // CHECK-NEXT: %[[T2:.*]] = gpu.wait async
  // CHECK-NEXT: %[[T3:.*]] = gpu.memcpy async [%[[T2]]] %[[A]], %[[X]] : memref<?x8xf32>, memref<?x8xf32>
  // CHECK-NEXT: gpu.wait [%[[T3]]]
  // CHECK: memref.get_global @weight
  // CHECK: gpu.dealloc async [%{{.*}}] %[[A]]
  // CHECK-NOT: memref.alloc
  // LLVM-LABEL: llvm.func @buffers
  // LLVM: %[[BUFFER:.*]] = llvm.call @mgpuMemAlloc(
  // LLVM: llvm.call @mgpuMemcpy(
  // LLVM: llvm.call @mgpuMemFree(
  // LLVM-NOT: @malloc
  func.func @buffers(%x: memref<?x8xf32>, %n: index) -> memref<4x8xf32> {
    %0 = memref.alloc(%n) {alignment = 64 : i64} : memref<?x8xf32>
    memref.copy %x, %0 : memref<?x8xf32> to memref<?x8xf32>
    %c0 = arith.constant 0 : index
    %size = memref.dim %0, %c0 : memref<?x8xf32>
    %w = memref.get_global @weight : memref<4x8xf32>
    %positive = arith.cmpi ugt, %size, %c0 : index
    scf.if %positive {
      memref.dealloc %0 : memref<?x8xf32>
    }
    return %w : memref<4x8xf32>
  }

  // Strides of several dynamic sizes are computed. One is left to upstream.
  // CHECK-LABEL: func @expanded(
  // CHECK-SAME: %[[X:.*]]: memref<?x8xf32>, %[[A:.*]]: index, %[[B:.*]]: index)
  // CHECK: %[[C8:.*]] = arith.constant 8 : index
  // CHECK: %[[S:.*]] = arith.muli %[[B]], %[[C8]] : index
  // CHECK: memref.reinterpret_cast %[[X]] to offset: [0], sizes: [%[[A]], %[[B]], 8], strides: [%[[S]], 8, 1] : memref<?x8xf32> to memref<?x?x8xf32>
  // CHECK: memref.expand_shape %[[X]]
  // LLVM-LABEL: llvm.func @expanded
  func.func @expanded(%x: memref<?x8xf32>, %a: index, %b: index) -> (memref<?x?x8xf32>, memref<?x2x8xf32>) {
    %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [%a, %b, 8] : memref<?x8xf32> into memref<?x?x8xf32>
    %1 = memref.expand_shape %x [[0, 1], [2]] output_shape [%a, 2, 8] : memref<?x8xf32> into memref<?x2x8xf32>
    return %0, %1 : memref<?x?x8xf32>, memref<?x2x8xf32>
  }
}
