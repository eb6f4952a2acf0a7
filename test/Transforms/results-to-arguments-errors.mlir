// What stays as it is: no caller knows sizes that are dynamic, and only callers from outside have memory for results.
// RUN: compress-opt %s -o %t.before
// RUN: compress-opt %s --compress-results-to-arguments -o %t.after
// RUN: diff %t.before %t.after

func.func @dynamic(%x: memref<?xf32>, %y: memref<4xf32>) -> (memref<4xf32>, memref<?xf32>) {
  return %y, %x : memref<4xf32>, memref<?xf32>
}
func.func private @inner(%x: memref<4xf32>) -> memref<4xf32> {
  return %x : memref<4xf32>
}
func.func private @outside(memref<4xf32>) -> memref<4xf32>
func.func @strided(%x: memref<4xf32, strided<[2]>>) -> memref<4xf32, strided<[2]>> {
  return %x : memref<4xf32, strided<[2]>>
}
