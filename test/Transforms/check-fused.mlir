// RUN: compress-opt %s --compress-check-fused | FileCheck %s
// RUN: compress-opt %s --compress-check-fused=max-elements=8192 -o %t
// A warning, with allow-dense; nothing is changed.
// RUN: compress-opt %s --compress-check-fused="max-elements=4095 allow-dense=true" 2>&1 | FileCheck %s --check-prefixes=CHECK,WARN

// WARN: warning: a compressed weight is decoded as a whole, to 'tensor<64x64xf32>'{{$}}
// WARN-NOT: warning:

// 4096 elements are a tile.
// CHECK-LABEL: func @tile
// CHECK: compress.decode
func.func @tile(%0: !compress.tensor<64x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>) -> tensor<64x64xf32> {
  %w = compress.decode %0 : !compress.tensor<64x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
  return %w : tensor<64x64xf32>
}

// Of this one, only the size is asked for: nobody decodes it.
// CHECK-LABEL: func @measured
// CHECK: compress.decode
func.func @measured(%0: !compress.tensor<?x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>) -> index {
  %w = compress.decode %0 : !compress.tensor<?x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
  %c0 = arith.constant 0 : index
  %n = tensor.dim %w, %c0 : tensor<?x64xf32>
  return %n : index
}

// No elements.
// CHECK-LABEL: func @empty
// CHECK: compress.decode
func.func @empty(%0: !compress.tensor<?x0xf32, #compress.quant<i8, block = [1, 64], scale = f32>>) -> tensor<?x0xf32> {
  %w = compress.decode %0 : !compress.tensor<?x0xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
  return %w : tensor<?x0xf32>
}
