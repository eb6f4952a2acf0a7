// RUN: not compress-opt %s --compress-externalize-weights 2>&1 | FileCheck %s --check-prefix=PATH
// RUN: not compress-opt %s --compress-externalize-weights="path=%t.safetensors" 2>&1 | FileCheck %s --check-prefix=DATA
// RUN: test ! -e %t.safetensors

// PATH: error: expected option 'path' to name a safetensors file
// DATA: error: weight 'absent': expected its data in the module, but there are none
func.func @main() -> tensor<2xf32> {
  %0 = arith.constant dense_resource<absent> : tensor<2xf32>
  return %0 : tensor<2xf32>
}
