// Round trip of every op, attribute and type: text, generic form, bytecode.
// RUN: compress-opt %s | FileCheck %s
// RUN: compress-opt %s | compress-opt | FileCheck %s
// RUN: compress-opt %s --mlir-print-op-generic | compress-opt | FileCheck %s
// RUN: compress-opt %s --emit-bytecode | compress-opt | FileCheck %s

#int4_b32 = #compress.quant<i4, block = [1, 32], scale = f16>
!w = !compress.tensor<8x64xf32, #int4_b32>

// CHECK-LABEL: func @assemble_components_decode
// CHECK-SAME: %[[CODES:.*]]: tensor<8x32xi8>, %[[SCALES:.*]]: tensor<8x2xf16>
func.func @assemble_components_decode(%codes: tensor<8x32xi8>, %scales: tensor<8x2xf16>) -> tensor<8x64xf32> {
  // CHECK: %[[W:.*]] = compress.assemble %[[CODES]], %[[SCALES]] : tensor<8x32xi8>, tensor<8x2xf16> -> !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  %0 = compress.assemble %codes, %scales : tensor<8x32xi8>, tensor<8x2xf16> -> !w
  // CHECK: %[[P:.*]]:2 = compress.components %[[W]] : !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  %1:2 = compress.components %0 : !w
  // CHECK: compress.assemble %[[P]]#0, %[[P]]#1
  %2 = compress.assemble %1#0, %1#1 : tensor<8x32xi8>, tensor<8x2xf16> -> !w
  // CHECK: compress.decode %{{.*}} : !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
  %3 = compress.decode %2 : !w
  return %3 : tensor<8x64xf32>
}

// CHECK-LABEL: func @encode
func.func @encode(%w: tensor<8x64xf32>) -> (!w, !w) {
  // CHECK: compress.encode %{{.*}} : tensor<8x64xf32> -> !compress.tensor<8x64xf32,
  %0 = compress.encode %w : tensor<8x64xf32> -> !w
  // CHECK: compress.encode %{{.*}} {algorithm = "rtn"} : tensor<8x64xf32> -> !compress.tensor<8x64xf32,
  %1 = compress.encode %w {algorithm = "rtn"} : tensor<8x64xf32> -> !w
  return %0, %1 : !w, !w
}

// CHECK-LABEL: func private @parameters(
// CHECK-SAME: #compress.quant<i8, block = [8, 64], scale = f32, narrow>
// CHECK-SAME: #compress.quant<u8, block = [1, 64], scale = bf16, zero = i8>
// CHECK-SAME: #compress.quant<i4, block = [32, 1], scale = f32, zero = f16>
// CHECK-SAME: #compress.quant<u4, block = [1, 32], scale = f16, min = f16>
// CHECK-SAME: #compress.quant<i4, block = [3, 7], scale = f16, zero = bf16, narrow>
func.func private @parameters(
  !compress.tensor<8x64xf32, #compress.quant<i8, block = [8, 64], scale = f32, narrow>>,
  !compress.tensor<8x64xf16, #compress.quant<u8, block = [1, 64], scale = bf16, zero = i8>>,
  !compress.tensor<64x8xbf16, #compress.quant<i4, block = [32, 1], scale = f32, zero = f16>>,
  !compress.tensor<8x64xf32, #compress.quant<u4, block = [1, 32], scale = f16, min = f16>>,
  // Keywords come in any order, and are printed in one.
  !compress.tensor<8x64xf32, #compress.quant<i4, block = [3, 7], scale = f16, narrow, zero = bf16>>)

// Sizes: dynamic where storage is 1:1, zero, one, ragged.
// CHECK-LABEL: func private @shapes(
// CHECK-SAME: !compress.tensor<?x64xf32
// CHECK-SAME: !compress.tensor<?x?xf32
// CHECK-SAME: !compress.tensor<0x64xf32
// CHECK-SAME: !compress.tensor<1x1xf32
// CHECK-SAME: !compress.tensor<5x33xf32
// CHECK-SAME: !compress.tensor<16x3x3x5xf32
func.func private @shapes(
  !compress.tensor<?x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>,
  !compress.tensor<?x?xf32, #compress.quant<i8, block = [1, 1], scale = f16>>,
  !compress.tensor<0x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>,
  !compress.tensor<1x1xf32, #compress.quant<i4, block = [1, 32], scale = f16>>,
  !compress.tensor<5x33xf32, #compress.quant<i4, block = [2, 32], scale = f16>>,
  !compress.tensor<16x3x3x5xf32, #compress.quant<i4, block = [1, 1, 3, 5], scale = f16>>)

// CHECK: compress.certificate = #compress.certificate<weight = "fc", algorithm = "rtn", source = "0123456789abcdef", bits = 18432, max_error = 1.250000e-02 : f64, relative_error = 0x7FF0000000000000 : f64, sqnr = 2.150000e+01 : f64>
func.func private @certificate() attributes {compress.certificate = #compress.certificate<
  weight = "fc", algorithm = "rtn", source = "0123456789abcdef", bits = 18432,
  max_error = 1.25e-2 : f64, relative_error = 0x7FF0000000000000 : f64, sqnr = 21.5 : f64>}

// CHECK: compress.codec = #compress.quant<i8
func.func private @codec_request() attributes {compress.codec = #compress.quant<i8, block = [1, 1], scale = f32>}
// CHECK: compress.codec = "int4-b32"
func.func private @preset_request() attributes {compress.codec = "int4-b32"}
