// RUN: compress-opt %s --convert-compress-to-vector='features=avx512f,avx512vpopcntdq' --canonicalize --cse | FileCheck %s
// RUN: compress-opt %s --convert-compress-to-vector --canonicalize --cse | FileCheck %s --check-prefix=BYTES
// RUN: compress-opt %s --convert-compress-to-vector --compress-check-lowered -o %t

// One row of 70 steps: two words, and 6 steps of a third one, whose other bits are set.
// CHECK-LABEL: func @vector
// CHECK-SAME: %[[C:.*]]: memref<2x3x16x4xi8>, %[[S:.*]]: memref<2x1x16x1xf16>, %[[X:.*]]: memref<1x70xf32>, %[[I:.*]]: memref<1x20xf32>)
// CHECK-DAG: %[[ALL:.*]] = arith.constant dense<70> : vector<16xi32>
// CHECK-DAG: %[[MINUS:.*]] = arith.constant dense<-1.000000e+00> : vector<32xf32>
// CHECK: %[[SIGNS:.*]] = memref.alloc() {{.*}} : memref<1x3xi32>
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c32
// CHECK: %[[V:.*]] = vector.load %[[X]]{{.*}} vector<32xf32>
// CHECK: %[[N:.*]] = arith.cmpf ult, %[[V]]
// CHECK: vector.bitcast %[[N]] : vector<32xi1> to vector<1xi32>
// CHECK: memref.store %{{.*}}, %[[SIGNS]]
// CHECK: %[[MASK:.*]] = vector.constant_mask [6] : vector<32xi1>
// CHECK: vector.maskedload %[[X]][%c0, %c64], %[[MASK]], %[[MINUS]]
// CHECK: scf.parallel (%[[PANEL:.*]]) = (%c0) to (%c2) step (%c1)
// CHECK-COUNT-3: math.ctpop {{.*}} : vector<16xi32>
// CHECK-NOT: math.ctpop
// Twice the products that are negative, less than all.
// CHECK: %[[TWICE:.*]] = arith.addi %[[COUNT:.*]], %[[COUNT]]
// CHECK: %[[SUM:.*]] = arith.subi %[[ALL]], %[[TWICE]]
// CHECK: %[[F:.*]] = arith.sitofp %[[SUM]]
// CHECK: arith.mulf %[[F]]
// CHECK: vector.maskedstore %[[I]]
// BYTES-LABEL: func @vector
// BYTES-COUNT-3: math.ctpop {{.*}} : vector<64xi8>
// BYTES: arith.shrui %{{.*}}, %{{.*}} : vector<16xi32>
!w = !compress.tensor<20x70xf32, #compress.tiled<#compress.quant<binary, block = [1, 70], scale = f16>, tile = [16, 32], order = [0, 1], flip = 255>>
func.func @vector(%c: memref<2x3x16x4xi8>, %s: memref<2x1x16x1xf16>, %x: memref<1x70xf32>, %i: memref<1x20xf32>) {
  compress.contract ins(%x, %c, %s : memref<1x70xf32>, memref<2x3x16x4xi8>, memref<2x1x16x1xf16>)
    outs(%i : memref<1x20xf32>) overwrite weight(!w, affine_map<(m, n, k) -> (n, k)>) compute = xnor
  return
}

// A scale for 64 steps: whole blocks in a loop, then the rest, 6 steps. 8 rows share a word of the weight.
// CHECK-LABEL: func @blocks
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1 iter_args
// CHECK: arith.addf
// CHECK: arith.subi %{{.*}} : vector<16xi32>
// CHECK: arith.addf
// 31 words of bytes at most are added up before they are widened.
// BYTES-LABEL: func @blocks
!b = !compress.tensor<16x134xf32, #compress.tiled<#compress.quant<binary, block = [1, 64], scale = f32>, tile = [16, 32], order = [0, 1], record = 2, flip = 255>>
func.func @blocks(%c: memref<1x3x192xi8>, %x: memref<8x134xf32>, %i: memref<8x16xf32>) {
  compress.contract ins(%x, %c : memref<8x134xf32>, memref<1x3x192xi8>)
    outs(%i : memref<8x16xf32>) weight(!b, affine_map<(m, n, k) -> (n, k)>) compute = xnor
  return
}

// Bytes are counted in turns of 31.
// BYTES-LABEL: func @long
// BYTES: scf.for %{{.*}} = %c0 to %c62 step %c31
// BYTES: scf.for
// BYTES: arith.andi %{{.*}} : vector<16xi32>
!l = !compress.tensor<16x2048xf32, #compress.tiled<#compress.quant<binary, block = [1, 2048], scale = f32>, tile = [16, 32], order = [0, 1], flip = 255>>
func.func @long(%c: memref<1x64x16x4xi8>, %s: memref<1x1x16x1xf32>, %x: memref<1x2048xf32>, %i: memref<1x16xf32>) {
  compress.contract ins(%x, %c, %s : memref<1x2048xf32>, memref<1x64x16x4xi8>, memref<1x1x16x1xf32>)
    outs(%i : memref<1x16xf32>) weight(!l, affine_map<(m, n, k) -> (n, k)>) compute = xnor
  return
}

// The image is made words once, one for the 32 channels of each pixel; rows are copied from it. Places before the image
// are words without bits, and a list says which they are.
// CHECK-LABEL: func @border
// CHECK-SAME: %[[C:.*]]: memref<1x3x16x4xi8>, %{{.*}}, %[[X:.*]]: memref<1x4x32xf32>,
// CHECK: %[[IMAGE:.*]] = memref.alloc() {{.*}} : memref<1x4x1xi32>
// CHECK: vector.load %[[X]]{{.*}} vector<32xf32>
// CHECK: memref.store %{{.*}}, %[[IMAGE]]
// CHECK: %[[COUNTS:.*]] = memref.alloc() {{.*}} : memref<1x3x16xi32>
// CHECK: math.ctpop
// CHECK: vector.store %{{.*}}, %[[COUNTS]]
// CHECK: %[[WORDS:.*]] = memref.alloc() {{.*}} : memref<1x12xi32>
// CHECK: %[[MISSING:.*]] = memref.alloc() {{.*}} : memref<1x16xi32>
// CHECK-COUNT-3: arith.cmpi ult, %{{.*}}, %c4
// CHECK: memref.store %{{.*}}, %[[MISSING]]
// The kernel: what was counted for those is taken off.
// CHECK-COUNT-4: math.ctpop
// CHECK: memref.load %[[MISSING]]
// CHECK: scf.for
// CHECK: vector.load %[[COUNTS]]
!n = !compress.tensor<16x96xf32, #compress.tiled<#compress.quant<binary, block = [1, 96], scale = f32>, tile = [16, 32], order = [0, 1], flip = 255>>
func.func @border(%c: memref<1x3x16x4xi8>, %s: memref<1x1x16x1xf32>, %x: memref<1x4x32xf32>, %i: memref<4x16xf32>) {
  compress.contract ins(%x, %c, %s : memref<1x4x32xf32>, memref<1x3x16x4xi8>, memref<1x1x16x1xf32>)
    outs(%i : memref<4x16xf32>) overwrite weight(!n, affine_map<(m, n, k) -> (n, k)>)
    window affine_map<(m, k) -> (0, m + k floordiv 32 - 1, k mod 32)> compute = xnor
  return
}
