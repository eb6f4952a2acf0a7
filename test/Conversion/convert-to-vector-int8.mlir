// RUN: compress-opt %s --convert-compress-to-vector='features=avx512f,avx512bw,avx512vnni' --canonicalize --cse --split-input-file | FileCheck %s
// RUN: compress-opt %s --convert-compress-to-vector='features=avx512f,avx512bw,avx512vnni' --compress-check-lowered --split-input-file -o %t

// One row, blocks of 32 of 4-bit codes, two to a record. 70 elements of a row are padded to two records, 128.
// CHECK-LABEL: func @vector
// CHECK-SAME: %[[S:.*]]: memref<2x2x576xi8>, %[[X:.*]]: memref<1x70xf32>, %[[I:.*]]: memref<1x20xf32>)
// CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// CHECK-DAG: %[[LOW:.*]] = arith.constant dense<15> : vector<64xi8>
// CHECK-DAG: %[[HIGH:.*]] = arith.constant dense<-16> : vector<64xi8>
// CHECK-DAG: %[[NONE:.*]] = arith.constant dense<0> : vector<16xi32>
// CHECK-DAG: %[[FOUR:.*]] = arith.constant dense<4> : vector<16xi32>
// CHECK-DAG: %[[NAN:.*]] = arith.constant 0x7FC00000 : f32
// CHECK-DAG: %[[WORDS:.*]] = memref.alloc() {{.*}} : memref<1x32xi32>
// CHECK: %[[SCALES:.*]] = memref.alloc() {{.*}} : memref<1x4xf32>
// CHECK: %[[START:.*]] = memref.alloc() {{.*}} : memref<1x4xi32>
// CHECK: %[[ROW:.*]] = memref.alloc() {{.*}} : memref<128xf32>
// The row, and its padding.
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c16
// CHECK: vector.load %[[X]][%c0, %c64] : {{.*}}, vector<6xf32>
// CHECK: vector.store %{{.*}}, %[[ROW]][%c70] : memref<128xf32>, vector<10xf32>
// CHECK: scf.for %{{.*}} = %c80 to %c128 step %c16
// Four blocks: the largest magnitude, by its bits.
// CHECK: scf.for %[[B:.*]] = %c0 to %c4 step %c1
// CHECK-COUNT-2: arith.maxsi
// CHECK: vector.reduction <maxsi>
// CHECK: %[[FINITE:.*]] = arith.cmpi slt
// CHECK: arith.select %[[FINITE]], %{{.*}}, %[[NAN]]
// CHECK: math.roundeven
// CHECK: vector.store %{{.*}}, %[[WORDS]]
// CHECK: memref.store %{{.*}}, %[[SCALES]][%c0, %[[B]]]
// CHECK: %[[SUM:.*]] = vector.reduction <add>
// CHECK: %[[BIAS:.*]] = arith.muli %[[SUM]], %c-8_i32
// CHECK: memref.store %[[BIAS]], %[[START]][%c0, %[[B]]]
// CHECK: memref.dealloc %[[ROW]]
// Two panels, two records.
// CHECK: scf.parallel (%[[PANEL:.*]]) = (%c0) to (%c2) step (%c1)
// CHECK: %[[Y:.*]] = scf.for %[[R:.*]] = %c0 to %c2 step %c1 iter_args(%[[ACC:.*]] = %[[ZERO]])
// CHECK: %[[B0:.*]] = memref.load %[[START]]
// CHECK: %[[A0:.*]] = vector.broadcast %[[B0]]
// The low codes begin with the bias, the high ones are 16 times as large, until the end.
// CHECK: %[[V:.*]] = vector.load %[[S]][%[[PANEL]], %[[R]], %c0] : memref<2x2x576xi8>, vector<64xi8>
// CHECK: %[[L:.*]] = arith.andi %[[V]], %[[LOW]]
// CHECK: %[[H:.*]] = arith.andi %[[V]], %[[HIGH]]
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%[[A0]], %[[L]], %{{.*}})
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%[[NONE]], %[[H]], %{{.*}})
// CHECK-COUNT-5: vpdpbusd
// CHECK: %[[HS:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"
// CHECK: %[[F16:.*]] = vector.load %[[S]][%[[PANEL]], %[[R]], %c512] : memref<2x2x576xi8>, vector<32xi8>
// CHECK: vector.bitcast %[[F16]] : vector<32xi8> to vector<16xf16>
// CHECK: %[[SHIFTED:.*]] = arith.shrsi %[[HS]], %[[FOUR]]
// CHECK: %[[ALL:.*]] = arith.addi %{{.*}}, %[[SHIFTED]]
// CHECK: %[[F:.*]] = arith.sitofp %[[ALL]]
// CHECK: vector.fma %[[F]], %{{.*}}, %[[ACC]]
// The second block of the record.
// CHECK-COUNT-8: vpdpbusd
// CHECK: vector.load %[[S]][%[[PANEL]], %[[R]], %c544]
// CHECK: scf.yield
// CHECK: vector.create_mask
// CHECK: vector.maskedstore %[[I]]
// CHECK-COUNT-3: memref.dealloc
!w = !compress.tensor<20x70xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 32], order = [0, 1],
  split = [16, 2, 4, 4], inside = [2, 0, 3, 1], record = 2, flip = 136>>
func.func @vector(%s: memref<2x2x576xi8>, %x: memref<1x70xf32>, %i: memref<1x20xf32>) {
  compress.contract ins(%x, %s : memref<1x70xf32>, memref<2x2x576xi8>) outs(%i : memref<1x20xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) compute = int8
  return
}

// -----
// 14 rows, in 2 blocks of 7 and not one of 8 and a rest of 6; one scale for all of a row. Three panels share loads of
// rows, the fourth is by itself. lhs is strided: it is copied element by element.
// CHECK-LABEL: func @rows
// CHECK: memref.alloc() {{.*}} : memref<2x112xi32>
// CHECK: memref.alloc() {{.*}} : memref<2x7xf32>
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c1
// CHECK-NEXT: memref.load
// The two tiles of a row are unrolled: 8 products each, for 7 rows and 3 panels.
// CHECK: %[[W0:.*]] = vector.load %{{.*}} : memref<4x2x512xi8>, vector<64xi8>
// CHECK-NEXT: vector.load
// CHECK-NEXT: %[[W2:.*]] = vector.load
// CHECK: %[[X:.*]] = vector.bitcast %{{.*}} : vector<16xi32> to vector<64xi8>
// CHECK-NEXT: vpdpbusd.512"(%{{.*}}, %[[W0]], %[[X]])
// CHECK-NEXT: vpdpbusd
// CHECK-NEXT: vpdpbusd.512"(%{{.*}}, %[[W2]], %[[X]])
// CHECK-COUNT-333: vpdpbusd
// CHECK-NOT: vpdpbusd
// CHECK: scf.for
// CHECK-COUNT-112: vpdpbusd
// CHECK-NOT: vpdpbusd
!c = !compress.tensor<64x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 32], order = [0, 1],
  split = [16, 1, 8, 4], inside = [2, 0, 3, 1], flip = 128>>
func.func @rows(%c: memref<4x2x8x16x4x1xi8>, %s: memref<4x1x1x16x1x1xf32>, %x: memref<14x64xf32, strided<[128, 2]>>, %i: memref<14x64xf32>) {
  compress.contract ins(%x, %c, %s : memref<14x64xf32, strided<[128, 2]>>, memref<4x2x8x16x4x1xi8>, memref<4x1x1x16x1x1xf32>) outs(%i : memref<14x64xf32>)
    weight(!c, affine_map<(m, n, k) -> (n, k)>) compute = int8
  return
}

// -----
// Windows of 3x3 places, 14 of a line at once for each of two panels. The image is rounded once: 64 channels of a pixel in
// four vectors, with the scale of the image. Windows add up sums of pixels.
// CHECK-LABEL: func @windows
// CHECK: %[[PLACES:.*]] = memref.alloc() {{.*}} : memref<18xindex>
// CHECK: %[[WORDS:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<?xi32>
// CHECK-COUNT-4: vector.load %{{.*}} : memref<?x16x16x64xf32>
// CHECK: vector.reduction <maxsi>
// CHECK: arith.divf
// CHECK-COUNT-4: math.roundeven
// CHECK: vector.reduction <add>
// CHECK-NOT: math.roundeven
// CHECK: vector.load %{{.*}} : memref<?xi32>, vector<14xi32>
// CHECK: scf.parallel
// CHECK: memref.load %[[PLACES]]
// CHECK: memref.load %[[WORDS]]
// CHECK-COUNT-224: vpdpbusd
!d = !compress.tensor<32x576xf32, #compress.tiled<#compress.quant<i8, block = [1, 576], scale = f32>, tile = [16, 32], order = [0, 1],
  split = [16, 1, 8, 4], inside = [2, 0, 3, 1], flip = 128>>
func.func @windows(%c: memref<2x18x8x16x4x1xi8>, %s: memref<2x1x1x16x1x1xf32>, %x: memref<?x16x16x64xf32>, %i: memref<?x32xf32>) {
  compress.contract ins(%x, %c, %s : memref<?x16x16x64xf32>, memref<2x18x8x16x4x1xi8>, memref<2x1x1x16x1x1xf32>) outs(%i : memref<?x32xf32>)
    weight(!d, affine_map<(m, n, k) -> (n, k)>)
    window affine_map<(m, k) -> (m floordiv 196, (m mod 196) floordiv 14 + k floordiv 192, m mod 14 + (k mod 192) floordiv 64, k mod 64)>
    compute = int8
  return
}

// -----
// 2 of 4 elements: 16 bytes of x are a table for 8 codes of each lane, whose positions are 16 bits. Codes have a bias of 8, so what x
// they meet is added up, too. Without VBMI, bits are selected by shifts.
// CHECK-LABEL: func @sparse
// CHECK-SAME: %[[S:.*]]: memref<1x1x1600xi8>
// CHECK-DAG: %[[ONE:.*]] = arith.constant dense<1> : vector<64xi8>
// CHECK-DAG: %[[GROUP:.*]] = arith.constant dense<[{{((0, 4, 8, 12(, )?){16})}}]> : vector<64xi8>
// CHECK: memref.prefetch %[[S]][%c0, %c0, %c6144]
// CHECK: %[[D:.*]] = vector.load %[[S]][%c0, %c0, %c0] : memref<1x1x1600xi8>, vector<64xi8>
// CHECK: %[[LOW:.*]] = arith.andi %[[D]], %{{.*}} : vector<64xi8>
// CHECK: %[[HIGH:.*]] = arith.andi %[[D]], %{{.*}} : vector<64xi8>
// CHECK: %[[P:.*]] = vector.load %[[S]][%c0, %c0, %c1088] : memref<1x1x1600xi8>, vector<32xi8>
// CHECK: %[[P16:.*]] = vector.bitcast %[[P]] : vector<32xi8> to vector<16xi16>
// CHECK: %[[P32:.*]] = arith.extui %[[P16]] : vector<16xi16> to vector<16xi32>
// CHECK: arith.andi %[[P32]]
// CHECK: %[[AT:.*]] = arith.ori %{{.*}}, %[[GROUP]] : vector<64xi8>
// CHECK: vector.load %{{.*}} : memref<1x64xi32>, vector<4xi32>
// CHECK: %[[X:.*]] = vector.shuffle
// CHECK: %[[LOWER:.*]] = arith.andi %[[AT]]
// CHECK: %[[T:.*]] = llvm.call_intrinsic "llvm.x86.avx512.pshuf.b.512"(%[[X]], %[[LOWER]])
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %[[LOW]], %[[T]])
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.vpdpbusd.512"(%{{.*}}, %[[ONE]], %[[T]])
// CHECK-COUNT-62: llvm.x86.avx512.vpdpbusd.512
// CHECK-NOT: llvm.x86.avx512.vpdpbusd.512
!w = !compress.tensor<16x256xf32, #compress.tiled<#compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 64], scale = f16>>, tile = [16, 128], order = [0, 1], split = [16, 8, 16], inside = [1, 0, 2], record = 2, flip = 136>>
func.func @sparse(%s: memref<1x1x1600xi8>, %x: memref<1x256xf32>, %i: memref<1x16xf32>) {
  compress.contract ins(%x, %s : memref<1x256xf32>, memref<1x1x1600xi8>) outs(%i : memref<1x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) compute = int8
  return
}

// -----
// Many groups of rows take turns: each one fetches a part of the next three panels, two lines with each of the 8 tiles.
// CHECK-LABEL: func @many
// CHECK: %[[LINE:.*]] = arith.muli %{{.*}}, %c128
// CHECK: %[[NEXT:.*]] = arith.addi %{{.*}}, %c3
// CHECK: memref.prefetch %{{.*}}[%[[NEXT]], %c0, %[[LINE]]], read, locality<2>, data : memref<6x8x512xi8>
// CHECK: memref.prefetch %{{.*}}[%[[NEXT]], %c0, %{{.*}}], read, locality<2>, data
// CHECK-NOT: memref.prefetch
!e = !compress.tensor<96x256xf32, #compress.tiled<#compress.quant<i8, block = [1, 256], scale = f32>, tile = [16, 32], order = [0, 1],
  split = [16, 1, 8, 4], inside = [2, 0, 3, 1], flip = 128>>
func.func @many(%c: memref<6x8x8x16x4x1xi8>, %s: memref<6x1x1x16x1x1xf32>, %x: memref<128x256xf32>, %i: memref<128x96xf32>) {
  compress.contract ins(%x, %c, %s : memref<128x256xf32>, memref<6x8x8x16x4x1xi8>, memref<6x1x1x16x1x1xf32>) outs(%i : memref<128x96xf32>)
    weight(!e, affine_map<(m, n, k) -> (n, k)>) compute = int8
  return
}
