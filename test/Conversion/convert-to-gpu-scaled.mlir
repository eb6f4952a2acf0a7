// Numbers times their scales in front of mma, where that is what decode yields: with 64 rows a weight of f16, and not one of f32.
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_90a --canonicalize --cse --split-input-file | FileCheck %s

#tiled = #compress.tiled<#compress.quant<i4, block = [1, 128], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 2, flip = 136>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK: gpu.func @values_contract0_m64
// CHECK: scf.for
// CHECK: vector.load {{.*}} {alignment = 4 : i64} : {{.*}}, vector<4xi8>
// CHECK: llvm.inline_asm asm_dialect = att "prmt.b32 $0, $1, 0x0, 0x1010;"
// CHECK: llvm.inline_asm asm_dialect = att "prmt.b32 $0, $1, 0x0, 0x3232;"
// CHECK: llvm.inline_asm asm_dialect = att "lop3.b32 $0, $1, 0xf000f, 0x64006400, 0xea;"
// CHECK: arith.mulf %{{.*}} : vector<2xf16>
// 64 mma, and then lanes wait for each other.
// CHECK-COUNT-64: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
// CHECK: nvvm.bar.warp.sync
// CHECK-COUNT-64: nvvm.mma.sync
// CHECK-NOT: llvm.intr.fma{{.*}}vector<4xf32>
// CHECK: gpu.return
func.func @values(%x: memref<64x4096xf16>, %s: memref<8x32x1056xi8>, %y: memref<64x128xf32>) {
  compress.contract ins(%x, %s : memref<64x4096xf16>, memref<8x32x1056xi8>) outs(%y : memref<64x128xf32>) overwrite
    weight(!compress.tensor<128x4096xf16, #tiled>, #nk) compute = f16
  return
}

// -----
#tiled = #compress.tiled<#compress.quant<i4, block = [1, 128], scale = f16>, tile = [16, 64], order = [0, 1], split = [1, 2, 8, 4, 2, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 2, flip = 136>
#nk = affine_map<(m, n, k) -> (n, k)>
// CHECK: gpu.func @numbers_contract0_m64
// CHECK-NOT: arith.mulf {{.*}}vector<2xf16>
// CHECK: llvm.intr.fma{{.*}}vector<4xf32>
func.func @numbers(%x: memref<64x4096xf16>, %s: memref<8x32x1056xi8>, %y: memref<64x128xf32>) {
  compress.contract ins(%x, %s : memref<64x4096xf16>, memref<8x32x1056xi8>) outs(%y : memref<64x128xf32>) overwrite
    weight(!compress.tensor<128x4096xf32, #tiled>, #nk) compute = f16
  return
}
