// RUN: compress-opt %s --compress-emit-artifact-abi --split-input-file --verify-diagnostics

// expected-error @below {{expected function 'elsewhere' to have a body}}
func.func private @elsewhere(memref<4xf32>)

// -----
// expected-error @below {{expected argument 0 of function 'main' to be a contiguous memref of integers or floats, but got 'f32'}}
func.func @main(%x: f32) {
  return
}

// -----
// expected-error @below {{expected argument 0 of function 'main' to be a contiguous memref of integers or floats, but got}}
func.func @main(%x: memref<4xf32, strided<[2]>>, %y: memref<4xf32>) -> (memref<4xf32, strided<[2]>>) {
  return %x : memref<4xf32, strided<[2]>>
}
