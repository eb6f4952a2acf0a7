// RUN: compress-opt %s --compress-vectorize-transposes --canonicalize --split-input-file | FileCheck %s

// Channels of an image become its last dimension: 16 by 16 channels and pixels at a time, and then a rest of 3 pixels.
// CHECK-LABEL: func @channels
// CHECK-SAME: %[[X:.*]]: memref<?x32x5x19xf32>, %[[Y:.*]]: memref<?x5x19x32xf32>
// CHECK: scf.for %[[N:.*]] = %c0 to %{{.*}} step %c1
// CHECK: scf.for %[[H:.*]] = %c0 to %c5 step %c1
// CHECK: scf.for %[[C:.*]] = %c0 to %c32 step %c16
// CHECK: %[[FIRST:.*]] = vector.load %[[X]][%[[N]], %[[C]], %[[H]], %[[W:.*]]] : {{.*}}, vector<16xf32>
// CHECK-COUNT-15: vector.load %[[X]]
// CHECK: vector.shuffle %[[FIRST]], %{{.*}} [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]
// CHECK-COUNT-63: vector.shuffle
// CHECK-NOT: vector.shuffle
// CHECK: vector.store %{{.*}}, %[[Y]][%[[N]], %[[H]], %[[W]], %[[C]]] : {{.*}}, vector<16xf32>
// CHECK-COUNT-15: vector.store
// CHECK: vector.constant_mask [3] : vector<16xi1>
// CHECK-COUNT-16: vector.maskedload
// CHECK-COUNT-3: vector.{{(masked)?}}store
// CHECK-NOT: linalg
func.func @channels(%x: memref<?x32x5x19xf32>, %y: memref<?x5x19x32xf32>) {
  linalg.transpose ins(%x : memref<?x32x5x19xf32>) outs(%y : memref<?x5x19x32xf32>) permutation = [0, 2, 3, 1]
  return
}

// -----
// Threads share long loops.
// CHECK-LABEL: func @long
// CHECK: scf.parallel
// CHECK: compress.chunk = 1
func.func @long(%x: memref<8x64x256xi32>, %y: memref<8x256x64xi32>) {
  linalg.transpose ins(%x : memref<8x64x256xi32>) outs(%y : memref<8x256x64xi32>) permutation = [0, 2, 1]
  return
}

// -----
// What is left alone: the last dimension stays, other widths, elements that are not neighbours.
// CHECK-LABEL: func @others
// CHECK-COUNT-3: linalg.transpose
func.func @others(%a: memref<4x5x6xf32>, %b: memref<5x4x6xf32>, %c: memref<4x5xf16>, %d: memref<5x4xf16>,
                  %e: memref<4x5xf32, strided<[20, 2]>>, %f: memref<5x4xf32>) {
  linalg.transpose ins(%a : memref<4x5x6xf32>) outs(%b : memref<5x4x6xf32>) permutation = [1, 0, 2]
  linalg.transpose ins(%c : memref<4x5xf16>) outs(%d : memref<5x4xf16>) permutation = [1, 0]
  linalg.transpose ins(%e : memref<4x5xf32, strided<[20, 2]>>) outs(%f : memref<5x4xf32>) permutation = [1, 0]
  return
}
