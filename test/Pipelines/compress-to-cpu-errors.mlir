// RUN: not compress-opt %s --compress-to-cpu -o /dev/null 2>&1 | FileCheck %s
// RUN: compress-opt %s --compress-to-cpu="allow-dense" 2>%t | FileCheck %s --check-prefix=CODE
// RUN: FileCheck %s --check-prefix=WARN --input-file %t
// RUN: compress-opt %s --compress-to-cpu="fuse=false" 2>&1 | FileCheck %s --check-prefix=CODE --implicit-check-not=warning

// CHECK: [[@LINE+8]]:8: error: a compressed weight is decoded as a whole, to 'tensor<512x16xf32>'
// WARN: [[@LINE+7]]:8: warning: a compressed weight is decoded as a whole, to 'tensor<512x16xf32>'
// CODE: llvm.func @returned
func.func @returned(%codes: tensor<512x8xi8>, %scales: tensor<512x1xf16>) -> tensor<512x16xf32> {
  %0 = compress.assemble %codes, %scales : tensor<512x8xi8>, tensor<512x1xf16>
    -> !compress.tensor<512x16xf32, #compress.quant<i4, block = [1, 16], scale = f16>>

  // Returned as it is: there is nothing to fuse it into.
  %w = compress.decode %0 : !compress.tensor<512x16xf32, #compress.quant<i4, block = [1, 16], scale = f16>>
  return %w : tensor<512x16xf32>
}
