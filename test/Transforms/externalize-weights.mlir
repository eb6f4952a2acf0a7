// RUN: compress-opt %s --compress-externalize-weights="path=%t.safetensors min-bytes=16" | FileCheck %s
// RUN: %python %inputs/print-safetensors.py %t.safetensors | FileCheck %s --check-prefix=FILE

// The order of the globals is the order of the file.
// CHECK: memref.global "private" constant @symbol : memref<2xf32>
// CHECK: memref.global "private" constant @resource : memref<2x4xi8>
// CHECK: memref.global "private" constant @"main#1" : memref<4xf32>
// FILE: symbol float32 [2] [1.0, 2.0]
// FILE-NEXT: resource int8 [2, 4] {{\[\[}}0, 1, 2, 3], [4, 5, 6, -1]]
// FILE-NEXT: main#1 float32 [4] [1.0, 2.0, 3.0, 4.0]
ml_program.global private @symbol(dense_resource<data> : tensor<2xf32>) : tensor<2xf32>

// CHECK-LABEL: func @main
// CHECK: %[[G:.*]] = memref.get_global @symbol : memref<2xf32>
// CHECK: bufferization.to_tensor %[[G]] restrict : memref<2xf32> to tensor<2xf32>
// CHECK: memref.get_global @resource : memref<2x4xi8>
// Small ones, and those of one value, stay.
// CHECK: arith.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK: memref.get_global @"main#1" : memref<4xf32>
// CHECK: arith.constant dense<0.000000e+00> : tensor<64xf32>
func.func @main() -> (tensor<2xf32>, tensor<2x4xi8>, tensor<2xf32>, tensor<4xf32>, tensor<64xf32>) {
  %0 = ml_program.global_load_const @symbol : tensor<2xf32>
  %1 = arith.constant dense_resource<resource> : tensor<2x4xi8>
  %2 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %3 = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %4 = arith.constant dense<0.0> : tensor<64xf32>
  return %0, %1, %2, %3, %4 : tensor<2xf32>, tensor<2x4xi8>, tensor<2xf32>, tensor<4xf32>, tensor<64xf32>
}

{-# dialect_resources: { builtin: { data: "0x040000000000803F00000040", resource: "0x0100000000010203040506FF" } } #-}
