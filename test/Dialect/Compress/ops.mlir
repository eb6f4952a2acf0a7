// Round trip of every op, attribute and type: text, generic form, bytecode.
// RUN: compress-opt %s --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect | compress-opt --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect --mlir-print-op-generic | compress-opt --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect --emit-bytecode | compress-opt --allow-unregistered-dialect | FileCheck %s

// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[KBN:.*]] = affine_map<(d0, d1, d2, d3) -> (d3, d0, d2)>
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
// CHECK-SAME: #compress.quant<u6, block = [1, 16], scale = f16, min = f16>
// CHECK-SAME: #compress.quant<i6, block = [1, 16], scale = f8E4M3FN, zero = i8>
// CHECK-SAME: #compress.quant<binary, block = [1, 64], scale = f16>
// CHECK-SAME: #compress.quant<f8E4M3FN, block = [8, 64], scale = f32>
// CHECK-SAME: #compress.quant<f8E5M2, block = [1, 32], scale = f8E8M0FNU>
// CHECK-SAME: #compress.quant<f4E2M1FN, block = [1, 32], scale = f8E8M0FNU>
func.func private @parameters(
  !compress.tensor<8x64xf32, #compress.quant<i8, block = [8, 64], scale = f32, narrow>>,
  !compress.tensor<8x64xf16, #compress.quant<u8, block = [1, 64], scale = bf16, zero = i8>>,
  !compress.tensor<64x8xbf16, #compress.quant<i4, block = [32, 1], scale = f32, zero = f16>>,
  !compress.tensor<8x64xf32, #compress.quant<u4, block = [1, 32], scale = f16, min = f16>>,
  // Keywords come in any order, and are printed in one.
  !compress.tensor<8x64xf32, #compress.quant<i4, block = [3, 7], scale = f16, narrow, zero = bf16>>,
  !compress.tensor<8x64xf32, #compress.quant<u6, block = [1, 16], scale = f16, min = f16>>,
  !compress.tensor<8x64xf32, #compress.quant<i6, block = [1, 16], scale = f8E4M3FN, zero = i8>>,
  !compress.tensor<8x64xf32, #compress.quant<binary, block = [1, 64], scale = f16>>,
  !compress.tensor<8x64xf32, #compress.quant<f8E4M3FN, block = [8, 64], scale = f32>>,
  !compress.tensor<8x64xf32, #compress.quant<f8E5M2, block = [1, 32], scale = f8E8M0FNU>>,
  !compress.tensor<8x64xf32, #compress.quant<f4E2M1FN, block = [1, 32], scale = f8E8M0FNU>>)

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

// Layouts: a codec around a codec. Padding, a reversed order, tiles that hold blocks, blocks that hold tiles.
// CHECK-LABEL: func private @layouts(
// CHECK-SAME: !compress.tensor<128x256xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>
// CHECK-SAME: !compress.tensor<5x33xbf16, #compress.tiled<#compress.quant<u8, block = [1, 33], scale = bf16, zero = i8>, tile = [16, 4], order = [1, 0]>>
// CHECK-SAME: !compress.tensor<3x3x8x16xf16, #compress.tiled<#compress.quant<u4, block = [3, 3, 4, 1], scale = f16, min = f16>, tile = [1, 1, 8, 16], order = [0, 1, 3, 2]>>
// CHECK-SAME: !compress.tensor<0x1xf32, #compress.tiled<#compress.quant<i8, block = [1, 1], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func private @layouts(
  !compress.tensor<128x256xf32, #compress.tiled<#int4_b32, tile = [16, 8], order = [0, 1]>>,
  !compress.tensor<5x33xbf16, #compress.tiled<#compress.quant<u8, block = [1, 33], scale = bf16, zero = i8>, tile = [16, 4], order = [1, 0]>>,
  !compress.tensor<3x3x8x16xf16, #compress.tiled<#compress.quant<u4, block = [3, 3, 4, 1], scale = f16, min = f16>, tile = [1, 1, 8, 16], order = [0, 1, 3, 2]>>,
  !compress.tensor<0x1xf32, #compress.tiled<#compress.quant<i8, block = [1, 1], scale = f32>, tile = [16, 4], order = [0, 1]>>)

// What layouts store, tiles first: types that follow from the codec.
// CHECK-LABEL: func @stored_layouts
func.func @stored_layouts(
    // [8, 16] of 16 x 8 int4; a block of 32 is one of four tiles.
    %a: !compress.tensor<128x128xf32, #compress.tiled<#int4_b32, tile = [16, 8], order = [0, 1]>>,
    // [33 / 4, 5 / 16], padded, of 4 x 16 bytes; one zero a row.
    %b: !compress.tensor<5x33xf32, #compress.tiled<#compress.quant<u8, block = [1, 33], scale = bf16, zero = i8>, tile = [16, 4], order = [1, 0]>>,
    // Two blocks of 4 in a tile of 8.
    %c: !compress.tensor<1x16xf32, #compress.tiled<#compress.quant<u4, block = [1, 4], scale = f16, min = f16>, tile = [1, 8], order = [0, 1]>>,
    // One scale for all.
    %d: !compress.tensor<40x12xf32, #compress.tiled<#compress.quant<i8, block = [40, 12], scale = f32>, tile = [16, 4], order = [0, 1]>>) {
  // CHECK: "use"(%{{.*}}) : (tensor<8x16x16x4xi8>, tensor<8x4x16x1xf16>) -> ()
  // CHECK: "use"(%{{.*}}) : (tensor<9x1x4x16xi8>, tensor<1x1x1x16xbf16>, tensor<1x1x1x16xi8>) -> ()
  // CHECK: "use"(%{{.*}}) : (tensor<1x2x1x4xi8>, tensor<1x2x1x2xf16>, tensor<1x2x1x2xf16>) -> ()
  // CHECK: "use"(%{{.*}}) : (tensor<3x3x16x4xi8>, tensor<1x1x1x1xf32>) -> ()
  %a0:2 = compress.components %a : !compress.tensor<128x128xf32, #compress.tiled<#int4_b32, tile = [16, 8], order = [0, 1]>>
  "use"(%a0#0, %a0#1) : (tensor<8x16x16x4xi8>, tensor<8x4x16x1xf16>) -> ()
  %b0:3 = compress.components %b : !compress.tensor<5x33xf32, #compress.tiled<#compress.quant<u8, block = [1, 33], scale = bf16, zero = i8>, tile = [16, 4], order = [1, 0]>>
  "use"(%b0#0, %b0#1, %b0#2) : (tensor<9x1x4x16xi8>, tensor<1x1x1x16xbf16>, tensor<1x1x1x16xi8>) -> ()
  %c0:3 = compress.components %c : !compress.tensor<1x16xf32, #compress.tiled<#compress.quant<u4, block = [1, 4], scale = f16, min = f16>, tile = [1, 8], order = [0, 1]>>
  "use"(%c0#0, %c0#1, %c0#2) : (tensor<1x2x1x4xi8>, tensor<1x2x1x2xf16>, tensor<1x2x1x2xf16>) -> ()
  %d0:2 = compress.components %d : !compress.tensor<40x12xf32, #compress.tiled<#compress.quant<i8, block = [40, 12], scale = f32>, tile = [16, 4], order = [0, 1]>>
  "use"(%d0#0, %d0#1) : (tensor<3x3x16x4xi8>, tensor<1x1x1x1xf32>) -> ()
  return
}

!packed = !compress.tensor<128x256xf32, #compress.tiled<#int4_b32, tile = [16, 8], order = [0, 1]>>

// CHECK-LABEL: func @contract
// CHECK-SAME: %[[X:.*]]: tensor<?x256xf32>, %[[C:.*]]: tensor<8x32x16x4xi8>, %[[S:.*]]: tensor<8x8x16x1xf16>, %[[I:.*]]: tensor<?x128xf32>
func.func @contract(%x: tensor<?x256xf32>, %c: tensor<8x32x16x4xi8>, %s: tensor<8x8x16x1xf16>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  // CHECK: compress.contract ins(%[[X]], %[[C]], %[[S]] : tensor<?x256xf32>, tensor<8x32x16x4xi8>, tensor<8x8x16x1xf16>) outs(%[[I]] : tensor<?x128xf32>)
  // CHECK-SAME: weight(!compress.tensor<128x256xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>, #[[NK]]) -> tensor<?x128xf32>
  %0 = compress.contract ins(%x, %c, %s : tensor<?x256xf32>, tensor<8x32x16x4xi8>, tensor<8x8x16x1xf16>) outs(%i : tensor<?x128xf32>)
    weight(!packed, affine_map<(m, n, k) -> (n, k)>) -> tensor<?x128xf32>
  return %0 : tensor<?x128xf32>
}

// Any codec, in its own layout, and any order of its dimensions: which of them have a kernel is for the lowering to say.
// CHECK-LABEL: func @contract_int8
// CHECK-SAME: #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1], split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>
// CHECK: compress.contract {{.*}} compute = int8 {tag} -> tensor<?x128xf32>
// What is left out is what they have without.
// CHECK: compress.contract
// CHECK-NOT: compute
// CHECK-SAME: tensor<?x128xf32>
!stream = !compress.tensor<128x256xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1],
  split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>>
func.func @contract_int8(%w: !stream, %x: tensor<?x256xf32>, %s: tensor<8x4x576xi8>, %i: tensor<?x128xf32>) -> tensor<?x128xf32> {
  %0 = compress.contract ins(%x, %s : tensor<?x256xf32>, tensor<8x4x576xi8>) outs(%i : tensor<?x128xf32>)
    weight(!stream, affine_map<(m, n, k) -> (n, k)>) compute = int8 {tag} -> tensor<?x128xf32>
  %1 = compress.contract ins(%x, %s : tensor<?x256xf32>, tensor<8x4x576xi8>) outs(%0 : tensor<?x128xf32>)
    weight(!stream, affine_map<(m, n, k) -> (n, k)>) compute = f32 -> tensor<?x128xf32>
  return %1 : tensor<?x128xf32>
}

// CHECK-LABEL: func @contract_batch
func.func @contract_batch(%x: tensor<3x?x64xf32>, %c: tensor<64x3x32xi8>, %s: tensor<1x3x32xf32>, %i: tensor<3x?x32xf32>) -> tensor<3x?x32xf32> {
  // CHECK: compress.contract {{.*}} weight(!compress.tensor<64x3x32xf32, #compress.quant<i8, block = [64, 1, 1], scale = f32>>, #[[KBN]]) {tag} -> tensor<3x?x32xf32>
  %0 = compress.contract ins(%x, %c, %s : tensor<3x?x64xf32>, tensor<64x3x32xi8>, tensor<1x3x32xf32>) outs(%i : tensor<3x?x32xf32>)
    weight(!compress.tensor<64x3x32xf32, #compress.quant<i8, block = [64, 1, 1], scale = f32>>, affine_map<(b, m, n, k) -> (k, b, n)>) {tag} -> tensor<3x?x32xf32>
  return %0 : tensor<3x?x32xf32>
}

// CHECK-LABEL: func @contract_buffers
func.func @contract_buffers(%x: memref<4x256xf32, strided<[?, ?], offset: ?>>, %c: memref<8x32x16x4xi8>, %s: memref<8x8x16x1xf16>, %i: memref<4x128xf32>) {
  // CHECK: compress.contract ins({{.*}} : memref<4x256xf32, strided<[?, ?], offset: ?>>, memref<8x32x16x4xi8>, memref<8x8x16x1xf16>) outs(%{{.*}} : memref<4x128xf32>) weight(!compress.tensor<128x256xf32, {{.*}}>, #[[NK]]){{$}}
  compress.contract ins(%x, %c, %s : memref<4x256xf32, strided<[?, ?], offset: ?>>, memref<8x32x16x4xi8>, memref<8x8x16x1xf16>) outs(%i : memref<4x128xf32>)
    weight(!packed, affine_map<(m, n, k) -> (n, k)>)
  return
}
