// Chips that are not known, or have no such instruction, and contractions that there is no kernel for.
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_89 --split-input-file --verify-diagnostics
// RUN: not compress-opt %S/convert-to-gpu.mlir --convert-compress-to-gpu=chip=sm_75 --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=OLD
// RUN: not compress-opt %S/convert-to-gpu.mlir --convert-compress-to-gpu=chip=sm_99 --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// OLD: error: 'compress.contract' op expected a chip that has mma.sync.m16n8k16 of f16, one of sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_103, sm_103a, sm_120, sm_120a, sm_121, sm_121a, but got 'sm_75'
// OLD: error: 'compress.contract' op expected a chip that has mma.sync.m16n8k16 of bf16, one of sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_103, sm_103a, sm_120, sm_120a, sm_121, sm_121a, but got 'sm_75'
// OLD: error: 'compress.contract' op expected a chip that has mma.sync.m16n8k256 of b1, one of sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_103, sm_103a, sm_120, sm_120a, sm_121, sm_121a, but got 'sm_75'
// OLD: error: 'compress.contract' op expected a chip that has mma.sp.m16n8k32 of f16, one of sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_103, sm_103a, sm_120, sm_120a, sm_121, sm_121a, but got 'sm_75'
// RUN: not compress-opt %S/convert-to-gpu-f8.mlir --convert-compress-to-gpu=chip=sm_87 -o %t 2>&1 | FileCheck %s --check-prefix=F8
// F8: error: 'compress.contract' op expected a chip that has mma.sync.m16n8k32 of e5m2, one of sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_103, sm_103a, sm_120, sm_120a, sm_121, sm_121a, but got 'sm_87'
// UNKNOWN: error: 'compress.contract' op expected a chip out of sm_75, sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_103, sm_103a, sm_120, sm_120a, sm_121, sm_121a, but got 'sm_99'
// RUN: not compress-opt %S/convert-to-gpu.mlir --convert-compress-to-gpu=multiprocessors=-1 --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: error: 'compress.contract' op expected a number of multiprocessors, but got -1
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @f32(%x: memref<4x256xf32>, %s: memref<8x16x512xi8>, %y: memref<4x128xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in f32}}
  compress.contract ins(%x, %s : memref<4x256xf32>, memref<8x16x512xi8>) outs(%y : memref<4x128xf32>) overwrite
    weight(!compress.tensor<128x256xf16, #tiled>, #nk)
  return
}

// -----
func.func @body(%x: memref<4x8xf32>, %z: memref<4x8xf32>) {
  // expected-error @below {{'linalg.generic' op no kernel for GPUs, because its body has 'math.powf'}}
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<4x8xf32>) outs(%z : memref<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = math.powf %a, %b : f32
    linalg.yield %0 : f32
  }
  return
}

// -----
func.func @outside(%x: memref<4x8xf32>, %z: memref<4x8xf32>, %factor: f32) {
  // expected-error @below {{'linalg.generic' op no kernel for GPUs, because its body reads a value that is no constant}}
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]}
    ins(%x : memref<4x8xf32>) outs(%z : memref<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.mulf %a, %factor : f32
    linalg.yield %0 : f32
  }
  return
}

// -----
func.func @yielded(%z: memref<4x8xf32>, %factor: f32) {
  // expected-error @below {{'linalg.generic' op no kernel for GPUs, because its body reads a value that is no constant}}
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} outs(%z : memref<4x8xf32>) {
  ^bb0(%b: f32):
    linalg.yield %factor : f32
  }
  return
}

// -----
func.func @scalar(%z: memref<4x8xf32>, %value: f32) {
  // expected-error @below {{'linalg.fill' op no kernel for GPUs, because it reads a value that is no constant}}
  linalg.fill ins(%value : f32) outs(%z : memref<4x8xf32>)
  return
}

// -----
func.func @tensors(%x: tensor<4x8xf32>, %y: tensor<8x8xf32>, %z: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error @below {{'linalg.matmul' op no kernel for GPUs, because it is not on buffers}}
  %0 = linalg.matmul ins(%x, %y : tensor<4x8xf32>, tensor<8x8xf32>) outs(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// -----
#tiled = #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1], split = [16, 4, 4, 2], inside = [1, 0, 3, 2], record = 2>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @layout(%x: memref<4x256xf32>, %s: memref<8x4x576xi8>, %y: memref<4x128xf32>) {
  // expected-error @below {{no kernel for GPUs, because its weight is not laid out for GPUs}}
  compress.contract ins(%x, %s : memref<4x256xf32>, memref<8x4x576xi8>) outs(%y : memref<4x128xf32>) overwrite
    weight(!compress.tensor<128x256xf32, #tiled>, #nk) compute = bf16
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @windows(%x: memref<20x16xf16, strided<[32, 1]>>, %s: memref<1x2x512xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because the image that it reads windows of is not contiguous}}
  compress.contract ins(%x, %s : memref<20x16xf16, strided<[32, 1]>>, memref<1x2x512xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x32xf16, #tiled>, #nk) window affine_map<(m, k) -> (m + k floordiv 16, k mod 16)> compute = f16
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @dynamic(%x: memref<?x?xf16>, %s: memref<1x2x512xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because the image that it reads windows of has dynamic sizes}}
  compress.contract ins(%x, %s : memref<?x?xf16>, memref<1x2x512xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x32xf16, #tiled>, #nk) window affine_map<(m, k) -> (m + k floordiv 16, k mod 16)> compute = f16
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @large(%x: memref<4x2147483648xf16>, %s: memref<1x2x512xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because the image that it reads windows of has more than 2^31 elements}}
  compress.contract ins(%x, %s : memref<4x2147483648xf16>, memref<1x2x512xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x32xf16, #tiled>, #nk) window affine_map<(m, k) -> (m, k)> compute = f16
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @bytes(%x: memref<20x16xf16>, %s: memref<1x1x576xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in int8, and no dimension tells images apart}}
  compress.contract ins(%x, %s : memref<20x16xf16>, memref<1x1x576xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x32xf32, #compress.tiled<#compress.quant<i8, block = [1, 32], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1, flip = 128>>, #nk)
    window affine_map<(m, k) -> (m + k floordiv 16, k mod 16)> compute = int8
  return
}

// -----
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @channels(%x: memref<2x5x8xf16>, %s: memref<1x1x576xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in int8, and windows have not whole groups of 16 channels}}
  compress.contract ins(%x, %s : memref<2x5x8xf16>, memref<1x1x576xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x32xf32, #compress.tiled<#compress.quant<i8, block = [1, 32], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1, flip = 128>>, #nk)
    window affine_map<(m, k) -> (m floordiv 2, m mod 2 + k floordiv 8, k mod 8)> compute = int8
  return
}

// -----
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @blocks_of_windows(%x: memref<2x3x32xf16>, %s: memref<1x2x576xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in int8, and reads windows with a weight that is in blocks or has zeros or minima}}
  compress.contract ins(%x, %s : memref<2x3x32xf16>, memref<1x2x576xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 32], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1, flip = 128>>, #nk)
    window affine_map<(m, k) -> (m floordiv 2, m mod 2 + k floordiv 32, k mod 32)> compute = int8
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @floats_of_windows(%x: memref<20x16xf16>, %s: memref<1x1x576xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in f8, and reads windows}}
  compress.contract ins(%x, %s : memref<20x16xf16>, memref<1x1x576xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x32xf32, #compress.tiled<#compress.quant<f8E5M2, block = [1, 32], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1>>, #nk)
    window affine_map<(m, k) -> (m + k floordiv 16, k mod 16)> compute = f8
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @backwards(%x: memref<20x16xf16>, %s: memref<1x2x512xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{because its window has other terms than sums, multiples, quotients and remainders of what is not negative}}
  compress.contract ins(%x, %s : memref<20x16xf16>, memref<1x2x512xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x32xf16, #tiled>, #nk) window affine_map<(m, k) -> (4 - m + k floordiv 16, k mod 16)> compute = f16
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @strided(%x: memref<4x256xf16>, %s: memref<8x16x512xi8, strided<[16384, 512, 1]>>, %y: memref<4x128xf32>) {
  // expected-error @below {{no kernel for GPUs, because a component of its weight is not contiguous}}
  compress.contract ins(%x, %s : memref<4x256xf16>, memref<8x16x512xi8, strided<[16384, 512, 1]>>) outs(%y : memref<4x128xf32>) overwrite
    weight(!compress.tensor<128x256xf16, #tiled>, #nk) compute = f16
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @power(%x: memref<4x256xf16>, %s: memref<8x16x512xi8>, %y: memref<4x128xf32>) {
  // expected-error @below {{no kernel for GPUs, because its epilogue has 'math.powf'}}
  compress.contract ins(%x, %s : memref<4x256xf16>, memref<8x16x512xi8>) outs(%y : memref<4x128xf32>) overwrite
    weight(!compress.tensor<128x256xf16, #tiled>, #nk) compute = f16 epilogue {
  ^bb0(%sum: f32):
    %0 = math.powf %sum, %sum : f32
    compress.yield %0 : f32
  }
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @outside(%x: memref<4x256xf16>, %s: memref<8x16x512xi8>, %y: memref<4x128xf32>, %factor: f32) {
  // expected-error @below {{no kernel for GPUs, because its epilogue reads a value that is no operand}}
  compress.contract ins(%x, %s : memref<4x256xf16>, memref<8x16x512xi8>) outs(%y : memref<4x128xf32>) overwrite
    weight(!compress.tensor<128x256xf16, #tiled>, #nk) compute = f16 epilogue {
  ^bb0(%sum: f32):
    %0 = arith.mulf %sum, %factor : f32
    compress.yield %0 : f32
  }
  return
}

// -----
#tiled = #compress.tiled<#compress.dense, tile = [16, 16], order = [0, 1], split = [1, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 4, 1, 6], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @tensors(%x: tensor<4x256xf16>, %s: tensor<8x16x512xi8>, %y: tensor<4x128xf32>) -> tensor<4x128xf32> {
  // expected-error @below {{no kernel for GPUs, because it is not on buffers}}
  %0 = compress.contract ins(%x, %s : tensor<4x256xf16>, tensor<8x16x512xi8>) outs(%y : tensor<4x128xf32>) overwrite
    weight(!compress.tensor<128x256xf16, #tiled>, #nk) compute = f16 -> tensor<4x128xf32>
  return %0 : tensor<4x128xf32>
}

// -----
#tiled = #compress.tiled<#compress.quant<i8, block = [1, 16], scale = f16>, tile = [32, 16], order = [0, 1], split = [2, 2, 8, 1, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1, flip = 128>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @short(%x: memref<4x256xf16>, %s: memref<4x16x576xi8>, %y: memref<4x128xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in int8, and its weight is not of integers of up to 8 bits in blocks of a multiple of 32 columns, of sparse ones 64, or in one block}}
  compress.contract ins(%x, %s : memref<4x256xf16>, memref<4x16x576xi8>) outs(%y : memref<4x128xf32>) overwrite
    weight(!compress.tensor<128x256xf32, #tiled>, #nk) compute = int8
  return
}

// -----
#tiled = #compress.tiled<#compress.quant<f8E5M2, block = [1, 64], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @floats(%x: memref<4x64xf16>, %s: memref<1x2x512xi8>, %t: memref<1x1x8x1x1x1x2x1x1xf32>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in int8, and its weight is not of integers}}
  compress.contract ins(%x, %s, %t : memref<4x64xf16>, memref<1x2x512xi8>, memref<1x1x8x1x1x1x2x1x1xf32>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x64xf32, #tiled>, #nk) compute = int8
  return
}

// -----
#tiled = #compress.tiled<#compress.quant<i8, block = [1, 132128], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1, flip = 128>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @long(%x: memref<4x132128xf16>, %s: memref<1x4129x512xi8>, %t: memref<1x1x8x1x1x1x2x1x1xf32>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in int8, and adds up 132128 products, more than 132104}}
  compress.contract ins(%x, %s, %t : memref<4x132128xf16>, memref<1x4129x512xi8>, memref<1x1x8x1x1x1x2x1x1xf32>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x132128xf32, #tiled>, #nk) compute = int8
  return
}

// -----
#tiled = #compress.tiled<#compress.quant<u8, block = [1, 66336], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @long_without_signs(%x: memref<4x66336xf16>, %s: memref<1x2073x512xi8>, %t: memref<1x1x8x1x1x1x2x1x1xf32>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in int8, and adds up 66336 products, more than 66311}}
  compress.contract ins(%x, %s, %t : memref<4x66336xf16>, memref<1x2073x512xi8>, memref<1x1x8x1x1x1x2x1x1xf32>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x66336xf32, #tiled>, #nk) compute = int8
  return
}

// -----
#tiled = #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 1, flip = 128>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @integers(%x: memref<4x64xf16>, %s: memref<1x2x512xi8>, %t: memref<1x1x8x1x1x1x2x1x1xf32>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in f8, and its weight is not of f8E4M3FN or f8E5M2 in blocks of a multiple of 32 columns, of sparse ones 64, or in one block}}
  compress.contract ins(%x, %s, %t : memref<4x64xf16>, memref<1x2x512xi8>, memref<1x1x8x1x1x1x2x1x1xf32>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x64xf32, #tiled>, #nk) compute = f8
  return
}

// -----
// Tiles of 128 columns are no mma of bits.
#tiled = #compress.tiled<#compress.quant<binary, block = [1, 128], scale = f16>, tile = [32, 128], order = [0, 1], split = [2, 2, 8, 2, 8, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @few_signs(%x: memref<4x128xf16>, %s: memref<1x1x576xi8>, %y: memref<4x32xf32>) {
  // expected-error @below {{no kernel for GPUs, because it computes in xnor, and its weight is not of signs that have one scale for each output or for all, and 129 columns or more}}
  compress.contract ins(%x, %s : memref<4x128xf16>, memref<1x1x576xi8>) outs(%y : memref<4x32xf32>) overwrite
    weight(!compress.tensor<32x128xf32, #tiled>, #nk) compute = xnor
  return
}

// -----
#tiled = #compress.tiled<#compress.quant<binary, block = [1, 256], scale = f16>, tile = [16, 256], order = [0, 1], split = [1, 2, 8, 4, 8, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1>
#nk = affine_map<(m, n, k) -> (n, k)>
func.func @windows_of_signs(%x: memref<20x128xf16, strided<[256, 1]>>, %s: memref<1x1x544xi8>, %y: memref<4x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because the image that it reads windows of is not contiguous}}
  compress.contract ins(%x, %s : memref<20x128xf16, strided<[256, 1]>>, memref<1x1x544xi8>) outs(%y : memref<4x16xf32>) overwrite
    weight(!compress.tensor<16x256xf32, #tiled>, #nk) window affine_map<(m, k) -> (m + k floordiv 128, k mod 128)> compute = xnor
  return
}

// -----
// One more than a grid may have.
#batches = #compress.tiled<#compress.dense, tile = [1, 16, 16], order = [0, 1, 2], split = [1, 1, 2, 8, 1, 2, 4, 2], inside = [0, 3, 6, 4, 1, 5, 2, 7], record = 1>
func.func @batches(%x: memref<65536x1x16xf16>, %s: memref<65536x1x1x512xi8>, %y: memref<65536x1x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because it has 65536 batches, more than 65535}}
  compress.contract ins(%x, %s : memref<65536x1x16xf16>, memref<65536x1x1x512xi8>) outs(%y : memref<65536x1x16xf32>) overwrite
    weight(!compress.tensor<65536x16x16xf16, #batches>, affine_map<(b, m, n, k) -> (b, n, k)>) compute = f16
  return
}

// -----
#batches = #compress.tiled<#compress.dense, tile = [1, 1, 16, 16], order = [0, 1, 2, 3], split = [1, 1, 1, 2, 8, 1, 2, 4, 2], inside = [0, 1, 4, 7, 5, 2, 6, 3, 8], record = 1>
func.func @order(%x: memref<2x3x1x16xf16>, %s: memref<3x2x1x1x512xi8>, %y: memref<2x3x1x16xf32>) {
  // expected-error @below {{no kernel for GPUs, because its weight has batches in another order}}
  compress.contract ins(%x, %s : memref<2x3x1x16xf16>, memref<3x2x1x1x512xi8>) outs(%y : memref<2x3x1x16xf32>) overwrite
    weight(!compress.tensor<3x2x16x16xf16, #batches>, affine_map<(b, c, m, n, k) -> (c, b, n, k)>) compute = f16
  return
}
