// RUN: compress-opt %s --split-input-file | compress-opt --split-input-file | FileCheck %s
// RUN: compress-opt %s --split-input-file --compress-lower-decode | FileCheck %s --check-prefix=DECODE
// RUN: compress-opt %s --split-input-file --compress-encode="min-elements=1 preset=none" | FileCheck %s --check-prefix=ENCODE

// Rows of 10 bytes are 8 bytes of trits: units of 5 and 4.
// CHECK-LABEL: func @units
// CHECK: !compress.tensor<?x10xi8, #compress.base3>
// DECODE-LABEL: func @units
// DECODE-SAME: tensor<?x8xi8>
// DECODE-COUNT-4: tensor.extract_slice %{{.*}} [1, 4] : tensor<?x8xi8> to tensor<?x2xi8>
// DECODE: linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x2xi8>, tensor<?x2xi8>, tensor<?x2xi8>, tensor<?x2xi8>) outs(%{{.*}} : tensor<?x2x5xi8>)
// DECODE: linalg.index 2
// DECODE: arith.constant 243 : i32
// DECODE: arith.constant 43046721 : i32
// DECODE: arith.remui
// DECODE: %[[Y:.*]] = tensor.collapse_shape %{{.*}} : tensor<?x2x5xi8> into tensor<?x10xi8>
// DECODE: return %[[Y]]
func.func @units(%t: tensor<?x8xi8>) -> tensor<?x10xi8> {
  %0 = compress.assemble %t : tensor<?x8xi8> -> !compress.tensor<?x10xi8, #compress.base3>
  %1 = compress.decode %0 : !compress.tensor<?x10xi8, #compress.base3>
  return %1 : tensor<?x10xi8>
}

// -----
// 6 bytes are 24 trits, in 5 bytes: padded to whole units, and cut.
// DECODE-LABEL: func @ragged
// DECODE: tensor.pad
// DECODE: : tensor<3x5xi8> to tensor<3x8xi8>
// DECODE: tensor.collapse_shape %{{.*}} : tensor<3x2x5xi8> into tensor<3x10xi8>
// DECODE: tensor.extract_slice %{{.*}}[0, 0] [3, 6] [1, 1] : tensor<3x10xi8> to tensor<3x6xi8>
func.func @ragged(%t: tensor<3x5xi8>) -> tensor<3x6xi8> {
  %0 = compress.assemble %t : tensor<3x5xi8> -> !compress.tensor<3x6xi8, #compress.base3>
  %1 = compress.decode %0 : !compress.tensor<3x6xi8, #compress.base3>
  return %1 : tensor<3x6xi8>
}

// -----
// Five codes of a row, as kernels have them: a byte of trits is two of codes, and zeros are put behind it.
// CHECK-LABEL: func @rows
// CHECK: !compress.tensor<3x2xi8, #compress.base3<codes = 5>>
// DECODE-LABEL: func @rows
// DECODE: %[[ZEROS:.*]] = arith.constant 121 : i8
// DECODE: tensor.yield %[[ZEROS]]
// DECODE: : tensor<3x1xi8> to tensor<3x4xi8>
// DECODE: tensor.extract_slice %{{.*}}[0, 0] [3, 2] [1, 1] : tensor<3x5xi8> to tensor<3x2xi8>
func.func @rows(%t: tensor<3x1xi8>) -> tensor<3x2xi8> {
  %0 = compress.assemble %t : tensor<3x1xi8> -> !compress.tensor<3x2xi8, #compress.base3<codes = 5>>
  %1 = compress.decode %0 : !compress.tensor<3x2xi8, #compress.base3<codes = 5>>
  return %1 : tensor<3x2xi8>
}

// -----
// No elements.
// DECODE-LABEL: func @empty
// DECODE: %[[E:.*]] = tensor.empty() : tensor<0x6xi8>
// DECODE: return %[[E]]
func.func @empty(%t: tensor<0x5xi8>) -> tensor<0x6xi8> {
  %0 = compress.assemble %t : tensor<0x5xi8> -> !compress.tensor<0x6xi8, #compress.base3>
  %1 = compress.decode %0 : !compress.tensor<0x6xi8, #compress.base3>
  return %1 : tensor<0x6xi8>
}

// -----
// As the codes of ternary weights: 8 trits of a row, 0 1 -1 0 1 1 0 -1, are the bytes 1 + 2*3 + 27 + 2*81 and
// 2 + 3, with padding 27 + 81. Two of these are without loss, so decode(encode(w)) is w.
// ENCODE-LABEL: func @ternary
// ENCODE: compress.assemble %{{.*}} : tensor<1x2xi8> -> !compress.tensor<1x2xi8, #compress.base3>
// ENCODE: max_error = 0.000000e+00 : f64
// ENCODE: "ternary#0.codes.trits": "0x40000000C471"
#ternary = #compress.nested<#compress.quant<i2, block = [1, 8], scale = f16, narrow>, codes = #compress.base3>
func.func @ternary(%x: tensor<1x8xf32>, %y: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = arith.constant {compress.codec = #ternary} dense<[[0.0, 2.0, -2.0, 0.0, 2.0, 2.0, 0.0, -2.0]]> : tensor<1x8xf32>
  %0 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<1x8xf32>, tensor<1x8xf32>) outs(%y : tensor<1x1xf32>) -> tensor<1x1xf32>
  return %0 : tensor<1x1xf32>
}
