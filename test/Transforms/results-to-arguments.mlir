// RUN: compress-opt %s --compress-results-to-arguments | FileCheck %s
// Then each entry takes its descriptors.
// RUN: compress-opt %s --compress-results-to-arguments --compress-emit-artifact-abi | FileCheck %s --check-prefix=ENTRY

// What was allocated for a result is the argument now.
// CHECK-LABEL: func @allocated
// CHECK-SAME: (%[[X:.*]]: memref<4xf32>, %[[Y:.*]]: memref<4xf32> {bufferize.result}) {
// CHECK-NOT: memref.alloc
// CHECK: memref.store %{{.*}}, %[[Y]]
// CHECK: return{{$}}
// The result's descriptor is the first one.
// ENTRY-LABEL: llvm.func @compress_entry_allocated
// ENTRY: llvm.getelementptr %{{.*}}[1]
// ENTRY: %[[X:.*]] = builtin.unrealized_conversion_cast
// ENTRY: llvm.getelementptr %{{.*}}[0]
// ENTRY: %[[Y:.*]] = builtin.unrealized_conversion_cast
// ENTRY-NEXT: call @allocated(%[[X]], %[[Y]])
// ENTRY-NEXT: llvm.return
func.func @allocated(%x: memref<4xf32>) -> memref<4xf32> {
  %c0 = arith.constant 0 : index
  %y = memref.alloc() {alignment = 64 : i64} : memref<4xf32>
  %0 = memref.load %x[%c0] : memref<4xf32>
  memref.store %0, %y[%c0] : memref<4xf32>
  return %y : memref<4xf32>
}

// What is there already is copied.
// CHECK-LABEL: func @copied
// CHECK-SAME: (%[[X:.*]]: memref<4xf32>, %[[Y:.*]]: memref<4xf32> {bufferize.result}, %[[Z:.*]]: memref<2x2xf32> {bufferize.result})
// CHECK: %[[S:.*]] = memref.expand_shape %[[X]]
// CHECK-DAG: memref.copy %[[X]], %[[Y]]
// CHECK-DAG: memref.copy %[[S]], %[[Z]]
// ENTRY-LABEL: llvm.func @compress_entry_copied
// ENTRY: llvm.getelementptr %{{.*}}[2]
// ENTRY: llvm.getelementptr %{{.*}}[0]
// ENTRY: llvm.getelementptr %{{.*}}[1]
func.func @copied(%x: memref<4xf32>) -> (memref<4xf32>, memref<2x2xf32>) {
  %z = memref.expand_shape %x [[0, 1]] output_shape [2, 2] : memref<4xf32> into memref<2x2xf32>
  return %x, %z : memref<4xf32>, memref<2x2xf32>
}

// Who calls it allocates.
// CHECK-LABEL: func private @caller
// CHECK: %[[A:.*]] = memref.alloc() : memref<4xf32>
// CHECK: call @allocated(%{{.*}}, %[[A]])
func.func private @caller(%x: memref<4xf32>) -> memref<4xf32> {
  %y = call @allocated(%x) : (memref<4xf32>) -> memref<4xf32>
  return %y : memref<4xf32>
}
