// The host reads and writes no memory of the GPU, and the GPU no constants of the code.
// RUN: compress-opt %s --compress-buffers-to-gpu --split-input-file --verify-diagnostics
func.func @load(%x: memref<4xf32>) -> f32 {
  %c0 = arith.constant 0 : index
  // expected-error @below {{'memref.load' op reads or writes a buffer on the host, but it is on a GPU}}
  %0 = memref.load %x[%c0] : memref<4xf32>
  return %0 : f32
}

// -----
func.func @store_in_loop(%x: memref<4xf32>, %value: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    // expected-error @below {{'memref.store' op reads or writes a buffer on the host, but it is on a GPU}}
    memref.store %value, %x[%i] : memref<4xf32>
  }
  return
}

// -----
func.func @stack() {
  // expected-error @below {{'memref.alloca' op reads or writes a buffer on the host, but it is on a GPU}}
  %0 = memref.alloca() : memref<4xf32>
  return
}

// -----
func.func @strided(%x: memref<4x4xf32, strided<[8, 1]>>, %y: memref<4x4xf32>) {
  // expected-error @below {{'memref.copy' op copies a buffer on a GPU that is not contiguous}}
  memref.copy %x, %y : memref<4x4xf32, strided<[8, 1]>> to memref<4x4xf32>
  return
}

// -----
func.func @expanded(%x: memref<?x4xf32, strided<[8, 1]>>, %a: index, %b: index) -> memref<?x?x4xf32, strided<[?, 8, 1]>> {
  // expected-error @below {{'memref.expand_shape' op expands a buffer on a GPU that is not contiguous}}
  %0 = memref.expand_shape %x [[0, 1], [2]] output_shape [%a, %b, 4] : memref<?x4xf32, strided<[8, 1]>> into memref<?x?x4xf32, strided<[?, 8, 1]>>
  return %0 : memref<?x?x4xf32, strided<[?, 8, 1]>>
}

// -----
memref.global "private" constant @ones : memref<2xf32> = dense<1.0>
func.func @constant() -> memref<2xf32> {
  // expected-error @below {{'memref.get_global' op reads a constant that is in the code, which a GPU cannot}}
  %0 = memref.get_global @ones : memref<2xf32>
  return %0 : memref<2xf32>
}
