// A prefix code that was damaged in the module: an error, before code is made for it, on every way to code.
// RUN: not compress-opt %s --compress-to-cpu 2>&1 | FileCheck %s
// RUN: not compress-opt %s --compress-to-cpu=fuse=false 2>&1 | FileCheck %s
// RUN: not compressc compile %s --preset none --allow-dense -o %t.artifact 2>&1 | FileCheck %s
// CHECK: error: {{.*}}weight 'w': stream 0 has another checksum

module {
  func.func @f() -> tensor<2x4xi8> {
    %cst = arith.constant dense_resource<"w.table"> : tensor<2x9xi16>
    %cst_0 = arith.constant dense_resource<"w.symbols"> : tensor<256xi8>
    %cst_1 = arith.constant dense_resource<"w.offsets"> : tensor<1x1xi32>
    %cst_2 = arith.constant dense_resource<"w.stream"> : tensor<14xi8>
    %0 = compress.assemble %cst, %cst_0, %cst_1, %cst_2 {compress.certificate = #compress.certificate<weight = "w", algorithm = "package-merge", source = "5177446b0b5b9990", bits = 2480, max_error = 0.000000e+00 : f64, relative_error = 0.000000e+00 : f64, sqnr = 0x7FF0000000000000 : f64>} : tensor<2x9xi16>, tensor<256xi8>, tensor<1x1xi32>, tensor<14xi8> -> !compress.tensor<2x4xi8, #compress.huffman<max_length = 8, tile = [2, 4]>>
    %1 = compress.decode %0 : !compress.tensor<2x4xi8, #compress.huffman<max_length = 8, tile = [2, 4]>>
    return %1 : tensor<2x4xi8>
  }
}

{-#
  dialect_resources: {
    builtin: {
      "w.table": "0x4000000000000001000100010001000100010001000100000000FEFFFAFFF2FFE2FFC2FF82FF02FF",
      "w.symbols": "0x4000000007090000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
      "w.offsets": "0x4000000000000000",
      "w.stream": "0x400000000090995B0C100000000000000000"
    }
  }
#-}

