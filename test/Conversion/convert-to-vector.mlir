// RUN: compress-opt %s --convert-compress-to-vector=features=avx512f --canonicalize --cse --split-input-file | FileCheck %s
// All of it is lowered, with any number of registers.
// RUN: compress-opt %s --convert-compress-to-vector --compress-check-lowered --split-input-file -o %t
// RUN: compress-opt %s --convert-compress-to-vector=features=avx --compress-check-lowered --split-input-file -o %t

// Three rows, which registers compute at once, of lhs copied and filled up with zeros. Two panels of 16 lanes, two tiles of 4 k.
// Codes of 8 bits with sign: up, and down again; the last needs no way up.
// CHECK-LABEL: func @signed_bytes
// CHECK-SAME: %[[C:.*]]: memref<2x2x16x4xi8>, %[[S:.*]]: memref<2x2x16x1xf16>, %[[X:.*]]: memref<3x8xf32>, %[[I:.*]]: memref<3x32xf32>)
// CHECK-DAG: %[[UP0:.*]] = arith.constant dense<24> : vector<16xi32>
// CHECK-DAG: %[[UP1:.*]] = arith.constant dense<16> : vector<16xi32>
// CHECK-DAG: %[[UP2:.*]] = arith.constant dense<8> : vector<16xi32>
// CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// CHECK-DAG: %[[CF:.*]] = memref.collapse_shape %[[C]] {{\[}}[0], [1], [2, 3]] : memref<2x2x16x4xi8> into memref<2x2x64xi8>
// CHECK-DAG: %[[SF:.*]] = memref.collapse_shape %[[S]] {{\[}}[0], [1], [2, 3]] : memref<2x2x16x1xf16> into memref<2x2x16xf16>
// CHECK: %[[P:.*]] = memref.alloc() {{.*}} : memref<1x1x3x32xf32>
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c3 step %c1
// CHECK: %[[FROM:.*]] = arith.minui %[[ROW]], %c2
// CHECK: %[[MASK:.*]] = vector.constant_mask [8] : vector<16xi1>
// CHECK: %[[V:.*]] = vector.maskedload %[[X]][%[[FROM]], %c0], %[[MASK]], %[[ZERO]]
// CHECK: vector.store %[[V]], %[[P]][%c0, %c0, %[[ROW]], %c0]
// CHECK: scf.parallel (%[[PANEL:.*]]) = (%c0) to (%c2) step (%c1)
// CHECK: %[[SUMS:.*]] = memref.alloc() {{.*}} : memref<3x16xf32>
// Three rows, two chains of sums each.
// CHECK: %[[R:.*]]:6 = scf.for %[[K0:.*]] = %c0 to %c8 step %c4 iter_args(%[[A0:.*]] = %[[ZERO]], %[[A1:.*]] = %[[ZERO]], %[[B0:.*]] = %[[ZERO]], %[[B1:.*]] = %[[ZERO]], %{{.*}} = %[[ZERO]], %{{.*}} = %[[ZERO]])
// CHECK: %[[T:.*]] = arith.divui %[[K0]], %c4
// CHECK: %[[BYTES:.*]] = vector.load %[[CF]][%[[PANEL]], %[[T]], %c0] : memref<2x2x64xi8>, vector<64xi8>
// CHECK: %[[WORDS:.*]] = vector.bitcast %[[BYTES]] : vector<64xi8> to vector<16xi32>
// CHECK: %[[S16:.*]] = vector.load %[[SF]][%[[PANEL]], %[[T]], %c0] : memref<2x2x16xf16>, vector<16xf16>
// CHECK: %[[SCALE:.*]] = arith.extf %[[S16]] : vector<16xf16> to vector<16xf32>
// CHECK: %[[L0:.*]] = arith.shli %[[WORDS]], %[[UP0]] :
// CHECK: %[[Q0:.*]] = arith.shrsi %[[L0]], %[[UP0]] :
// CHECK: %[[F0:.*]] = arith.sitofp %[[Q0]]
// CHECK: %[[W0:.*]] = arith.mulf %[[SCALE]], %[[F0]]
// CHECK: %[[L1:.*]] = arith.shli %[[WORDS]], %[[UP1]] :
// CHECK: %[[Q1:.*]] = arith.shrsi %[[L1]], %[[UP0]] :
// CHECK: %[[F1:.*]] = arith.sitofp %[[Q1]]
// CHECK: %[[W1:.*]] = arith.mulf %[[SCALE]], %[[F1]]
// CHECK: %[[L2:.*]] = arith.shli %[[WORDS]], %[[UP2]] :
// CHECK: arith.shrsi %[[L2]], %[[UP0]] :
// CHECK: arith.shrsi %[[WORDS]], %[[UP0]] :
// CHECK: %[[X0:.*]] = memref.load %[[P]][%c0, %c0, %c0, %[[K0]]]
// CHECK: %[[V0:.*]] = vector.broadcast %[[X0]] : f32 to vector<16xf32>
// CHECK: vector.fma %[[V0]], %[[W0]], %[[A0]]
// CHECK: %[[X1:.*]] = memref.load %[[P]][%c0, %c0, %c1, %[[K0]]]
// CHECK: %[[V1:.*]] = vector.broadcast %[[X1]]
// CHECK: vector.fma %[[V1]], %[[W0]], %[[B0]]
// CHECK: %[[K1:.*]] = arith.addi %[[K0]], %c1
// CHECK: memref.load %[[P]][%c0, %c0, %c0, %[[K1]]]
// CHECK: vector.fma %{{.*}}, %[[W1]], %[[A1]]
// CHECK: %[[A:.*]] = arith.addf %[[R]]#0, %[[R]]#1
// CHECK: vector.store %[[A]], %[[SUMS]][%c0, %c0]
// CHECK: vector.store %{{.*}}, %[[SUMS]][%c1, %c0]
// CHECK: vector.store %{{.*}}, %[[SUMS]][%c2, %c0]
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c3 step %c1
// CHECK: %[[SUM:.*]] = vector.load %[[SUMS]][%[[ROW]], %c0]
// CHECK: %[[N:.*]] = arith.muli %[[PANEL]], %c16
// CHECK: %[[OLD:.*]] = vector.load %[[I]][%[[ROW]], %[[N]]] : memref<3x32xf32>, vector<16xf32>
// CHECK: %[[NEW:.*]] = arith.addf %[[OLD]], %[[SUM]]
// CHECK: vector.store %[[NEW]], %[[I]][%[[ROW]], %[[N]]]
// CHECK: memref.dealloc %[[SUMS]]
// CHECK: memref.dealloc %[[P]]
!w = !compress.tensor<32x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f16>, tile = [16, 4], order = [0, 1]>>
func.func @signed_bytes(%c: memref<2x2x16x4xi8>, %s: memref<2x2x16x1xf16>, %x: memref<3x8xf32>, %i: memref<3x32xf32>) {
  compress.contract ins(%x, %c, %s : memref<3x8xf32>, memref<2x2x16x4xi8>, memref<2x2x16x1xf16>) outs(%i : memref<3x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// [K, N], batches, no signs, zeros that have none either, a weight of f16: values are rounded as decode rounds them. The
// one block of k serves all tiles. The second panel of n holds 4 lanes, the second tile of k one.
// CHECK-LABEL: func @batch
// CHECK-SAME: %[[C:.*]]: memref<2x2x2x1x16x4xi8>, %[[S:.*]]: memref<2x2x1x1x16x1xbf16>, %[[Z:.*]]: memref<2x2x1x1x16x1xi8>, %[[X:.*]]: memref<?x1x5xf32>, %[[I:.*]]: memref<?x1x20xf32, strided<[40, 20, 1], offset: ?>>)
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<255> : vector<16xi32>
// CHECK-DAG: %[[DOWN:.*]] = arith.constant dense<24> : vector<16xi32>
// CHECK-DAG: memref.collapse_shape %[[C]] {{\[}}[0], [1], [2], [3, 4, 5]]
// CHECK-DAG: %[[SF:.*]] = memref.collapse_shape %[[S]] {{\[}}[0], [1], [2], [3, 4, 5]] : {{.*}} into memref<2x2x1x16xbf16>
// CHECK-DAG: %[[ZF:.*]] = memref.collapse_shape %[[Z]] {{\[}}[0], [1], [2], [3, 4, 5]] : {{.*}} into memref<2x2x1x16xi8>
// CHECK: %[[B:.*]] = memref.dim %[[I]], %c0
// CHECK: scf.for %[[BATCH:.*]] = %c0 to %[[B]] step %c1
// CHECK: scf.parallel (%[[PANEL:.*]]) = (%c0) to (%c2) step (%c1)
// CHECK: scf.for %[[K:.*]] = %c0 to %c8 step %c4
// CHECK: %[[T:.*]] = arith.divui %[[K]], %c4
// CHECK: vector.load %{{.*}}[%[[BATCH]], %[[PANEL]], %[[T]], %c0] : memref<2x2x2x64xi8>, vector<64xi8>
// CHECK: %[[SV:.*]] = vector.load %[[SF]][%[[BATCH]], %[[PANEL]], %c0, %c0] : memref<2x2x1x16xbf16>, vector<16xbf16>
// CHECK: %[[SCALE:.*]] = arith.extf %[[SV]]
// CHECK: %[[ZV:.*]] = vector.load %[[ZF]][%[[BATCH]], %[[PANEL]], %c0, %c0] : memref<2x2x1x16xi8>, vector<16xi8>
// CHECK: %[[ZERO:.*]] = arith.uitofp %[[ZV]] : vector<16xi8> to vector<16xf32>
// CHECK: %[[Q0:.*]] = arith.andi %{{.*}}, %[[MASK]] :
// CHECK: %[[F0:.*]] = arith.sitofp %[[Q0]]
// CHECK: %[[D0:.*]] = arith.subf %[[F0]], %[[ZERO]]
// CHECK: %[[W0:.*]] = arith.mulf %[[SCALE]], %[[D0]]
// CHECK: %[[T0:.*]] = arith.truncf %[[W0]] : vector<16xf32> to vector<16xf16>
// CHECK: arith.extf %[[T0]] : vector<16xf16> to vector<16xf32>
// CHECK: %[[L1:.*]] = arith.shrui
// CHECK: arith.andi %[[L1]], %[[MASK]] :
// The last code is at the top: nothing to mask.
// CHECK: %[[L3:.*]] = arith.shrui %{{.*}}, %[[DOWN]] :
// CHECK: arith.sitofp %[[L3]]
// Behind the end of k are zeros, whatever padding decodes to.
// CHECK: %[[LAST:.*]] = arith.cmpi eq, %[[T]], %c1
// CHECK-COUNT-3: arith.select %[[LAST]], %{{.*}} : vector<16xf32>
// CHECK-COUNT-4: vector.fma
// CHECK-NOT: vector.fma
// CHECK: %[[N:.*]] = arith.muli %[[PANEL]], %c16
// CHECK: %[[LEFT:.*]] = arith.subi %c20, %[[N]]
// CHECK: %[[LANES:.*]] = vector.create_mask %[[LEFT]] : vector<16xi1>
// CHECK: %[[OLD:.*]] = vector.maskedload %[[I]][%[[BATCH]], %c0, %[[N]]], %[[LANES]], %{{.*}}
// CHECK: %[[NEW:.*]] = arith.addf %[[OLD]], %{{.*}}
// CHECK: vector.maskedstore %[[I]][%[[BATCH]], %c0, %[[N]]], %[[LANES]], %[[NEW]]
!w = !compress.tensor<2x5x20xf16, #compress.tiled<#compress.quant<u8, block = [1, 5, 1], scale = bf16, zero = i8>, tile = [1, 4, 16], order = [0, 2, 1]>>
func.func @batch(%c: memref<2x2x2x1x16x4xi8>, %s: memref<2x2x1x1x16x1xbf16>, %z: memref<2x2x1x1x16x1xi8>, %x: memref<?x1x5xf32>, %i: memref<?x1x20xf32, strided<[40, 20, 1], offset: ?>>) {
  compress.contract ins(%x, %c, %s, %z : memref<?x1x5xf32>, memref<2x2x2x1x16x4xi8>, memref<2x2x1x1x16x1xbf16>, memref<2x2x1x1x16x1xi8>)
    outs(%i : memref<?x1x20xf32, strided<[40, 20, 1], offset: ?>>) weight(!w, affine_map<(b, m, n, k) -> (b, k, n)>)
  return
}

// -----
// A dynamic number of rows: more than 12 of them share what is decoded into a buffer, and the last ones are a block of 1, 4, 8 or 12; up
// to 12 decode in registers. Many rows are equal chunks of blocks of 12. One scale and one minimum for all lanes of
// a block of 32, which is four tiles of 8. Eight codes of 4 bits in a word.
// CHECK-LABEL: func @shared
// CHECK-SAME: %[[C:.*]]: memref<1x8x16x4xi8>, %[[S:.*]]: memref<1x2x1x1xf32>, %[[M:.*]]: memref<1x2x1x1xf16>, %[[X:.*]]: memref<?x64xf32>, %[[I:.*]]: memref<?x16xf32>)
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<15> : vector<16xi32>
// CHECK-DAG: %[[TOP:.*]] = arith.constant dense<28> : vector<16xi32>
// CHECK-DAG: %[[SF:.*]] = memref.collapse_shape %[[S]] {{.*}} into memref<1x2x1xf32>
// CHECK-DAG: %[[MF:.*]] = memref.collapse_shape %[[M]] {{.*}} into memref<1x2x1xf16>
// CHECK: %[[ROWS:.*]] = memref.dim %[[I]], %c0
// CHECK: %[[CHUNKS:.*]] = arith.ceildivui %[[ROWS]], %c16380
// CHECK: %[[ATLEAST:.*]] = arith.maxui %[[CHUNKS]], %c1
// CHECK: arith.ceildivui %[[ROWS]], %[[ATLEAST]]
// CHECK: memref.alloc(%{{.*}}) {{.*}} : memref<?x1x12x80xf32>
// CHECK: %[[SUMS:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<?x16xf32>
// CHECK: %[[BUFFER:.*]] = memref.alloc() {{.*}} : memref<64x16xf32>
// CHECK: %[[MANY:.*]] = arith.cmpi ugt, %[[SIZE:.*]], %c12
// CHECK: scf.if %[[MANY]]
// CHECK: scf.for %[[T:.*]] = %c0 to %c8 step %c1
// CHECK: %[[BLOCK:.*]] = arith.divui %[[T]], %c4
// CHECK: %[[S1:.*]] = memref.load %[[SF]][%c0, %[[BLOCK]], %c0]
// CHECK: %[[SCALE:.*]] = vector.broadcast %[[S1]] : f32 to vector<16xf32>
// CHECK: %[[M1:.*]] = memref.load %[[MF]][%c0, %[[BLOCK]], %c0]
// CHECK: %[[M2:.*]] = arith.extf %[[M1]] : f16 to f32
// CHECK: %[[MIN:.*]] = vector.broadcast %[[M2]] : f32 to vector<16xf32>
// CHECK: %[[Q0:.*]] = arith.andi %{{.*}}, %[[MASK]] :
// CHECK: %[[F0:.*]] = arith.sitofp %[[Q0]]
// CHECK: %[[P0:.*]] = arith.mulf %[[SCALE]], %[[F0]]
// CHECK: %[[W0:.*]] = arith.addf %[[P0]], %[[MIN]]
// CHECK: arith.shrui %{{.*}}, %[[TOP]] :
// CHECK: vector.store %[[W0]], %[[BUFFER]]
// CHECK-COUNT-7: vector.store %{{.*}}, %[[BUFFER]]
// CHECK: scf.for
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c8
// CHECK: vector.load %[[BUFFER]]
// CHECK-COUNT-96: vector.fma
// CHECK-NOT: vector.fma
// CHECK: arith.cmpi ule, %[[LEFT:.*]], %c1 :
// CHECK-COUNT-8: vector.fma
// CHECK-NOT: vector.fma
// CHECK: arith.cmpi ule, %[[LEFT]], %c4 :
// CHECK-COUNT-32: vector.fma
// CHECK-NOT: vector.fma
// CHECK: arith.cmpi ule, %[[LEFT]], %c8 :
// CHECK-COUNT-160: vector.fma
// CHECK-NOT: vector.fma
// CHECK: arith.cmpi ule, %{{.*}}, %c1 :
// CHECK-NOT: vector.load %[[BUFFER]]
// CHECK-COUNT-200: vector.fma
// CHECK-NOT: vector.fma
// CHECK: scf.for %{{.*}} = %c0 to %[[SIZE]] step %c1
// CHECK: vector.load %[[SUMS]]
// CHECK: memref.dealloc %[[BUFFER]]
!w = !compress.tensor<16x64xf32, #compress.tiled<#compress.quant<u4, block = [16, 32], scale = f32, min = f16>, tile = [16, 8], order = [0, 1]>>
func.func @shared(%c: memref<1x8x16x4xi8>, %s: memref<1x2x1x1xf32>, %m: memref<1x2x1x1xf16>, %x: memref<?x64xf32>, %i: memref<?x16xf32>) {
  compress.contract ins(%x, %c, %s, %m : memref<?x64xf32>, memref<1x8x16x4xi8>, memref<1x2x1x1xf32>, memref<1x2x1x1xf16>) outs(%i : memref<?x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Less than a tile along k, less than a panel of n: no loop is left. Zeros of signed codes have a sign.
// CHECK-LABEL: func @one_element
// CHECK-NOT: scf.for
// CHECK: %[[UP:.*]] = arith.constant dense<28> : vector<16xi32>
// CHECK: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// CHECK-NOT: scf.for
// CHECK: %[[Z:.*]] = memref.load {{.*}} : memref<1x1x1xi8>
// CHECK: %[[ZF:.*]] = arith.sitofp %[[Z]] : i8 to f32
// CHECK: vector.broadcast %[[ZF]]
// CHECK: %[[L:.*]] = arith.shli %{{.*}}, %[[UP]] :
// CHECK: arith.shrsi %[[L]], %[[UP]] :
// CHECK: %[[W:.*]] = arith.mulf
// CHECK: vector.fma %{{.*}}, %[[W]], %[[ZERO]]
// CHECK-COUNT-7: vector.fma %{{.*}}, %[[ZERO]], %[[ZERO]]
// CHECK-NOT: vector.fma
// CHECK: vector.maskedstore
!w = !compress.tensor<1x1xf32, #compress.tiled<#compress.quant<i4, block = [1, 1], scale = f32, zero = i8>, tile = [16, 8], order = [0, 1]>>
func.func @one_element(%c: memref<1x1x16x4xi8>, %s: memref<1x1x1x1xf32>, %z: memref<1x1x1x1xi8>, %x: memref<1x1xf32>, %i: memref<1x1xf32>) {
  compress.contract ins(%x, %c, %s, %z : memref<1x1xf32>, memref<1x1x16x4xi8>, memref<1x1x1x1xf32>, memref<1x1x1x1xi8>) outs(%i : memref<1x1xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Nothing to sum, or nothing to sum into: init stays as it is.
// CHECK-LABEL: func @no_sums
// CHECK-NEXT: return
!w = !compress.tensor<16x0xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @no_sums(%c: memref<1x0x16x4xi8>, %s: memref<1x1x16x1xf32>, %t: memref<1x0x16x1xf32>, %x: memref<3x0xf32>, %i: memref<3x16xf32>) {
  compress.contract ins(%x, %c, %t : memref<3x0xf32>, memref<1x0x16x4xi8>, memref<1x0x16x1xf32>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// No rows: no loops either.
// CHECK-LABEL: func @no_rows
// CHECK-NOT: vector.fma
// CHECK: return
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @no_rows(%c: memref<1x2x16x4xi8>, %s: memref<1x2x16x1xf32>, %x: memref<0x8xf32>, %i: memref<0x16xf32>) {
  compress.contract ins(%x, %c, %s : memref<0x8xf32>, memref<1x2x16x4xi8>, memref<1x2x16x1xf32>) outs(%i : memref<0x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Tiles of a weight need only be contiguous in themselves; lhs may be strided as it likes.
// CHECK-LABEL: func @strided
// CHECK: memref.collapse_shape %{{.*}} {{\[}}[0], [1], [2, 3]] : memref<1x2x16x4xi8, strided<[512, 256, 4, 1], offset: ?>> into memref<1x2x64xi8, strided<[512, 256, 1], offset: ?>>
// CHECK: vector.fma
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @strided(%c: memref<1x2x16x4xi8, strided<[512, 256, 4, 1], offset: ?>>, %s: memref<1x2x16x1xf32>, %x: memref<1x8xf32, strided<[?, ?], offset: ?>>, %i: memref<1x16xf32>) {
  compress.contract ins(%x, %c, %s : memref<1x8xf32, strided<[?, ?], offset: ?>>, memref<1x2x16x4xi8, strided<[512, 256, 4, 1], offset: ?>>, memref<1x2x16x1xf32>)
    outs(%i : memref<1x16xf32>) weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Floats: eight codes of 4 bits in a word are cast to their type, and scales widened, for compress-expand-small-floats.
// CHECK-LABEL: func @mxfp4
// CHECK: %[[S:.*]] = vector.load %{{.*}} : memref<1x1x16xf8E8M0FNU>, vector<16xf8E8M0FNU>
// CHECK: %[[SCALE:.*]] = arith.extf %[[S]] : vector<16xf8E8M0FNU> to vector<16xf32>
// CHECK: %[[N0:.*]] = arith.trunci %{{.*}} : vector<16xi32> to vector<16xi4>
// CHECK: %[[C0:.*]] = arith.bitcast %[[N0]] : vector<16xi4> to vector<16xf4E2M1FN>
// CHECK: %[[F0:.*]] = arith.extf %[[C0]] : vector<16xf4E2M1FN> to vector<16xf32>
// CHECK: arith.mulf %[[SCALE]], %[[F0]]
// CHECK-COUNT-7: arith.bitcast %{{.*}} : vector<16xi4> to vector<16xf4E2M1FN>
// CHECK-COUNT-8: vector.fma
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<f4E2M1FN, block = [1, 32], scale = f8E8M0FNU>, tile = [16, 8], order = [0, 1]>>
func.func @mxfp4(%c: memref<1x1x16x4xi8>, %s: memref<1x1x16x1xf8E8M0FNU>, %x: memref<1x8xf32>, %i: memref<1x16xf32>) {
  compress.contract ins(%x, %c, %s : memref<1x8xf32>, memref<1x1x16x4xi8>, memref<1x1x16x1xf8E8M0FNU>) outs(%i : memref<1x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Binary: 32 codes in a word, 2 b - 1 each. Padding of k, which would be -1, is zero.
// CHECK-LABEL: func @binary
// CHECK-DAG: %[[ONE:.*]] = arith.constant dense<1> : vector<16xi32>
// CHECK: %[[B0:.*]] = arith.andi %[[WORDS:.*]], %[[ONE]]
// CHECK: %[[D0:.*]] = arith.shli %[[B0]], %[[ONE]]
// CHECK: %[[I0:.*]] = arith.subi %[[D0]], %[[ONE]]
// CHECK: arith.sitofp %[[I0]]
// CHECK: %[[S1:.*]] = arith.shrui %[[WORDS]], %[[ONE]]
// CHECK: arith.andi %[[S1]], %[[ONE]]
// CHECK-COUNT-30: vector.fma %{{.*}}, %{{[0-9]+}}, %
// CHECK-COUNT-2: vector.fma %{{.*}}, %cst{{.*}}, %
// CHECK-NOT: vector.fma
!w = !compress.tensor<16x30xf32, #compress.tiled<#compress.quant<binary, block = [1, 30], scale = f16>, tile = [16, 32], order = [0, 1]>>
func.func @binary(%c: memref<1x1x16x4xi8>, %s: memref<1x1x16x1xf16>, %x: memref<1x30xf32>, %i: memref<1x16xf32>) {
  compress.contract ins(%x, %c, %s : memref<1x30xf32>, memref<1x1x16x4xi8>, memref<1x1x16x1xf16>) outs(%i : memref<1x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Values as they are: 40 rows in blocks of 10 share a block of k of two panels, and the next block of k is asked for meanwhile. The
// last group has one panel.
// CHECK-LABEL: func @dense
// CHECK-SAME: %[[W:.*]]: memref<3x64x8x16xf32>,
// CHECK: %[[WF:.*]] = memref.collapse_shape %[[W]] {{.*}} into memref<3x64x128xf32>
// CHECK: %[[X:.*]] = memref.alloc() {{.*}} : memref<4x4x10x144xf32>
// CHECK: scf.parallel (%[[P:.*]]) = (%c0) to (%c3) step (%c2)
// CHECK: scf.for %[[BLOCK:.*]] = %c0 to %c4 step %c1
// CHECK: scf.for %[[ROWS:.*]] = %c0 to %c4 step %c1
// CHECK: scf.for %{{.*}} = %c0 to %{{.*}} step %c8 iter_args
// CHECK: %[[P0:.*]] = arith.minui %[[P]], %c2
// CHECK: %[[NEXT:.*]] = arith.addi %[[T:.*]], %c16
// CHECK-COUNT-8: memref.prefetch %[[WF]][%[[P]], %[[NEXT]], %{{.*}}], read, locality<3>
// CHECK: vector.load %[[WF]][%[[P0]], %[[T]], %c0] : memref<3x64x128xf32>, vector<16xf32>
// CHECK: memref.load %[[X]][%[[ROWS]], %[[BLOCK]], %c0, %{{.*}}]
// CHECK-COUNT-160: vector.fma
// CHECK-NOT: vector.fma
// CHECK: arith.cmpi ult, %{{.*}}, %c3
!w = !compress.tensor<48x512xf32, #compress.tiled<#compress.dense, tile = [16, 8], order = [0, 1], split = [16, 8], inside = [1, 0]>>
func.func @dense(%w: memref<3x64x8x16xf32>, %x: memref<40x512xf32>, %i: memref<40x48xf32>) {
  compress.contract ins(%x, %w : memref<40x512xf32>, memref<3x64x8x16xf32>) outs(%i : memref<40x48xf32>) weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Values of f16 are widened: once for many rows.
// CHECK-LABEL: func @dense_f16
// CHECK: arith.extf %{{.*}} : vector<16xf16> to vector<16xf32>
// CHECK-NOT: memref.prefetch
// CHECK: vector.fma
!w = !compress.tensor<16x8xf16, #compress.tiled<#compress.dense, tile = [16, 8], order = [0, 1], split = [16, 8], inside = [1, 0]>>
func.func @dense_f16(%w: memref<1x1x8x16xf16>, %x: memref<13x8xf32>, %i: memref<13x16xf32>) {
  compress.contract ins(%x, %w : memref<13x8xf32>, memref<1x1x8x16xf16>) outs(%i : memref<13x16xf32>) weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}
