// RUN: compress-opt %s --convert-compress-to-vector='features=avx512f,avx512bw,avx512vbmi,avx512bf16' --canonicalize --cse --split-input-file | FileCheck %s
// RUN: compress-opt %s --convert-compress-to-vector='features=avx512f,avx512bw,avx512vbmi,avx512bf16' --compress-check-lowered --split-input-file -o %t
// Without AVX-512 BF16, or the tables of VBMI.
// RUN: compress-opt %s --convert-compress-to-vector='features=avx512f,avx512bw,avx512bf16' --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=FMA

// One row, blocks of 32 of 4-bit codes, two to a record. 70 elements of a row are padded to two records, 128.
// CHECK-LABEL: func @vector
// CHECK-SAME: %[[S:.*]]: memref<2x2x576xi8>, %[[X:.*]]: memref<1x70xf32>, %[[I:.*]]: memref<1x20xf32>)
// What the codes stand for: 0 to 7 and -8 to -1.
// CHECK-DAG: %[[TABLE:.*]] = arith.constant dense<[0, 16256, 16384, 16448, 16512, 16544, 16576, 16608, -16128, -16160, -16192, -16224, -16256, -16320, -16384, -16512, 0, {{.*}}> : vector<32xi16>
// CHECK-DAG: %[[NONE:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// CHECK: %[[PAIRS:.*]] = memref.alloc() {{.*}} : memref<1x64xi32>
// CHECK: %[[ROW:.*]] = memref.alloc() {{.*}} : memref<128xf32>
// CHECK: vector.load %[[X]][%c0, %c64] : {{.*}}, vector<6xf32>
// CHECK: scf.for %[[K:.*]] = %c0 to %c128 step %c16
// CHECK: arith.truncf %{{.*}} : vector<16xf32> to vector<16xbf16>
// CHECK: %[[P:.*]] = vector.bitcast %{{.*}} : vector<16xbf16> to vector<8xi32>
// CHECK: vector.store %[[P]], %[[PAIRS]]
// CHECK: scf.parallel (%[[PANEL:.*]]) = (%c0) to (%c2) step (%c1)
// CHECK: scf.for %[[R:.*]] = %c0 to %c2 step %c1 iter_args(%[[SUM:.*]] = %[[NONE]])
// A record of 576 bytes is fetched ahead.
// CHECK: memref.prefetch %[[S]][%[[PANEL]], %[[R]], %c4096]
// CHECK-COUNT-8: memref.prefetch
// CHECK-NOT: memref.prefetch
// CHECK: %[[V:.*]] = vector.load %[[S]][%[[PANEL]], %[[R]], %c0] : memref<2x2x576xi8>, vector<64xi8>
// CHECK: %[[WORDS:.*]] = vector.bitcast %[[V]] : vector<64xi8> to vector<32xi16>
// CHECK: %[[N:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.hi.512"(%[[TABLE]], %[[WORDS]])
// CHECK: %[[B:.*]] = vector.bitcast %[[N]] : vector<32xi16> to vector<32xbf16>
// CHECK: arith.shrui %[[WORDS]]
// CHECK: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"(%[[NONE]], %[[B]], %{{.*}})
// CHECK-COUNT-15: dpbf16ps
// CHECK: vector.load %[[S]][%[[PANEL]], %[[R]], %c512] : memref<2x2x576xi8>, vector<32xi8>
// CHECK: vector.fma %{{.*}}, %{{.*}}, %[[SUM]]
// CHECK-COUNT-16: dpbf16ps
// CHECK: vector.load %[[S]][%[[PANEL]], %[[R]], %c544]
// CHECK-NOT: dpbf16ps
// CHECK: vector.maskedstore %[[I]]
// CHECK-COUNT-1: memref.dealloc

// FMA-LABEL: func @vector
// FMA: memref.alloc() {{.*}} : memref<1x128xf32>
// FMA: arith.extf %{{.*}} : vector<16xbf16> to vector<16xf32>
// FMA-NOT: intrinsic
// FMA: %[[C:.*]] = arith.shrsi
// FMA: arith.sitofp %[[C]] : vector<16xi32> to vector<16xf32>
// FMA: vector.fma
!w = !compress.tensor<20x70xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1],
  split = [16, 4, 4, 2], inside = [1, 0, 3, 2], record = 2>>
func.func @vector(%s: memref<2x2x576xi8>, %x: memref<1x70xf32>, %i: memref<1x20xf32>) {
  compress.contract ins(%x, %s : memref<1x70xf32>, memref<2x2x576xi8>) outs(%i : memref<1x20xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) compute = bf16
  return
}

// -----
// 14 rows, in 2 blocks of 7; FP8 by tables of the upper and the lower bytes of bf16, the sign apart. Two panels share loads
// of rows: 16 products of a tile each.
// CHECK-LABEL: func @rows
// CHECK: memref.alloc() {{.*}} : memref<2x224xi32>
// CHECK: %[[V:.*]] = vector.load %{{.*}} : memref<4x2x512xi8>, vector<64xi8>
// CHECK: %[[LOW:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%{{.*}}, %[[V]], %{{.*}})
// CHECK: %[[HIGH:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermi2var.qi.512"(%{{.*}}, %[[V]], %{{.*}})
// CHECK: %[[SIGN:.*]] = arith.andi %[[V]]
// CHECK: %[[UPPER:.*]] = arith.ori %[[HIGH]], %[[SIGN]]
// CHECK: vector.shuffle %[[LOW]], %[[UPPER]] [0, 64, 1, 65, 2, 66, 3, 67, 4, 68, 5, 69, 6, 70, 7, 71, 16, 80,
// CHECK: vector.shuffle %[[LOW]], %[[UPPER]] [8, 72, 9, 73,
// CHECK-COUNT-224: dpbf16ps
// CHECK-NOT: dpbf16ps

// FMA-LABEL: func @rows
// FMA-NOT: intrinsic
// FMA: vector.shuffle %{{.*}}, %{{.*}} [0, 2, 4, 6, 16, 18, 20, 22, 32, 34, 36, 38, 48, 50, 52, 54] : vector<64xi8>, vector<64xi8>
// FMA: arith.extf %{{.*}} : vector<16xf8E4M3FN> to vector<16xf32>
!c = !compress.tensor<64x64xf32, #compress.tiled<#compress.quant<f8E4M3FN, block = [1, 64], scale = f32>, tile = [16, 32], order = [0, 1],
  split = [4, 4, 8, 2, 2], inside = [2, 0, 3, 1, 4]>>
func.func @rows(%c: memref<4x2x8x4x2x4x2xi8>, %s: memref<4x1x1x4x1x4x1xf32>, %x: memref<14x64xf32, strided<[128, 2]>>, %i: memref<14x64xf32>) {
  compress.contract ins(%x, %c, %s : memref<14x64xf32, strided<[128, 2]>>, memref<4x2x8x4x2x4x2xi8>, memref<4x1x1x4x1x4x1xf32>) outs(%i : memref<14x64xf32>)
    weight(!c, affine_map<(m, n, k) -> (n, k)>) compute = bf16
  return
}
