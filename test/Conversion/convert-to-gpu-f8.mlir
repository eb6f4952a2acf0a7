// Floats of 8 bits: rows of x are rounded to f8E4M3FN, and multiplied with the bytes of the weight as they are. The code needs a younger PTX than the chip.
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_89 --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,NATIVE
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_120a --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,YOUNG
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_89 --remarks-filter=convert-compress-to-gpu -o %t 2>&1 | FileCheck %s --check-prefix=NONE --allow-empty
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_120 --remarks-filter=convert-compress-to-gpu -o %t 2>&1 | FileCheck %s --check-prefix=NONE --allow-empty
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_90a --remarks-filter=convert-compress-to-gpu -o %t 2>&1 | FileCheck %s --check-prefix=REMARK -DCHIP=sm_90a
// RUN: compress-opt %s --convert-compress-to-gpu=chip=sm_100 --remarks-filter=convert-compress-to-gpu -o %t 2>&1 | FileCheck %s --check-prefix=REMARK -DCHIP=sm_100
// RUN: sed s/f8E5M2/f8E4M3FN/g %s | compress-opt --convert-compress-to-gpu=chip=sm_89 --canonicalize --cse | FileCheck %s --check-prefix=NATIVE
// NONE-NOT: remark
// REMARK: [[#@LINE+19]]:3: remark: [Missed] ConvertToGPU | Category:convert-compress-to-gpu{{.*}}[[CHIP]] has no mma.sync of 8-bit floats: they are converted to f16 first
#tiled = #compress.tiled<#compress.quant<f8E5M2, block = [1, 128], scale = f16>, tile = [16, 32], order = [0, 1], split = [1, 2, 8, 2, 2, 4, 2], inside = [2, 5, 3, 0, 1, 6, 4], record = 4>
#nk = affine_map<(m, n, k) -> (n, k)>
// NATIVE: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_89", features = "+ptx84">]
// YOUNG: gpu.module @kernels [#nvvm.target<O = 3, chip = "sm_120a", features = "+ptx87">]
// CHECK: gpu.func @f_contract0_round(%[[X:.*]]: memref<8x256xbf16>, %[[Q:.*]]: memref<8x256xi8>, %[[S:.*]]: memref<1x16xf32>)
// CHECK: %[[MOST:.*]] = arith.constant 4.480000e+02 : f32
// CHECK: %[[FACTOR:.*]] = arith.divf %[[MOST]], %{{.*}} : f32
// CHECK: arith.divf %{{.*}}, %[[MOST]] : f32
// CHECK-COUNT-8: nvvm.convert.f32x2.to.f8x2 {{.*}} {rnd = #nvvm.fp_rnd_mode<rn>, sat = #nvvm.sat_mode<satfinite>} : i16(f8E4M3FN)
// CHECK: vector.store {{.*}}, %[[Q]]
// CHECK: memref.store {{.*}}, %[[S]]
// CHECK: gpu.func @f_contract0_m8
// CHECK: %[[WORDS:.*]] = vector.bitcast %{{.*}} : vector<16xi8> to vector<4xi32>
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.f32.e5m2.e4m3.f32"
// CHECK-NOT: lop3
// CHECK: llvm.intr.fma
// CHECK-LABEL: func.func @f
func.func @f(%x: memref<8x256xbf16>, %s: memref<4x2x2080xi8>, %y: memref<8x64xf32>) {
  compress.contract ins(%x, %s : memref<8x256xbf16>, memref<4x2x2080xi8>) outs(%y : memref<8x64xf32>) overwrite
    weight(!compress.tensor<64x256xf32, #tiled>, #nk) compute = f8
  return
}
