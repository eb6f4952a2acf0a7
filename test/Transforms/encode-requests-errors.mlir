// Constants of equal data are one weight, which has one codec.
// RUN: not compress-opt %s --compress-encode 2>&1 | FileCheck %s
// RUN: compress-opt %s --compress-encode=allow-dense 2>&1 | FileCheck %s --check-prefix=DENSE
// CHECK: error: weight 'tied#0': expected one 'compress.codec' for constants of equal data, but got "int8" and "int8-channel"
// DENSE: warning: weight 'tied#0': expected one 'compress.codec'
// DENSE-NOT: compress.decode
func.func @tied(%x: tensor<1x4xf32>, %i: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %a = arith.constant {compress.codec = "int8"} dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
  %b = arith.constant {compress.codec = "int8-channel"} dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]> : tensor<4x2xf32>
  %0 = linalg.matmul ins(%x, %a : tensor<1x4xf32>, tensor<4x2xf32>) outs(%i : tensor<1x2xf32>) -> tensor<1x2xf32>
  %1 = linalg.matmul ins(%x, %b : tensor<1x4xf32>, tensor<4x2xf32>) outs(%0 : tensor<1x2xf32>) -> tensor<1x2xf32>
  return %1 : tensor<1x2xf32>
}
