// A product of two activations is computed, but not fast. Of what is no product nothing is said.
// RUN: compress-opt %s --convert-compress-to-gpu --remarks-filter=convert-compress-to-gpu -o %t 2>&1 | FileCheck %s
func.func @products(%x: memref<4x8xf32>, %y: memref<8x8xf32>, %z: memref<4x8xf32>) {
  // CHECK: [[#@LINE+1]]:3: remark: [Missed] ConvertToGPU | Category:convert-compress-to-gpu{{.*}}computed without Tensor Cores: it has no constant weight that is laid out for GPUs
  linalg.matmul ins(%x, %y : memref<4x8xf32>, memref<8x8xf32>) outs(%z : memref<4x8xf32>)
  // CHECK-NOT: remark
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%z : memref<4x8xf32>)
  return
}
