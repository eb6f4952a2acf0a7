// RUN: compress-opt %s --compress-check-lowered | FileCheck %s

// Nothing of the dialect is left: nothing happens. Certificates in attributes do no harm.
// CHECK-LABEL: func @lowered
// CHECK: arith.constant {compress.codec = "int8"}
func.func @lowered(%x: memref<2xf32>) -> tensor<2xf32> {
  %0 = arith.constant {compress.codec = "int8"} dense<1.0> : tensor<2xf32>
  return %0 : tensor<2xf32>
}
