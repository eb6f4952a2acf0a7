// With AVX-512 x is permuted by positions; without it, tiles are expanded for the f32 kernel.
// RUN: compress-opt %s --convert-compress-to-vector=features=avx512f --canonicalize --cse --split-input-file | FileCheck %s
// RUN: compress-opt %s --convert-compress-to-vector --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=EXPAND
// RUN: compress-opt %s --convert-compress-to-vector=features=avx512f --compress-check-lowered --split-input-file -o %t

// x is copied group by group, row by row; two groups are in lhs, six are zeros.
// CHECK-LABEL: func @nm
// CHECK-SAME: %[[S:.*]]: memref<2x1x1088xi8>, %[[X:.*]]: memref<2x8xf32>, %[[I:.*]]: memref<2x32xf32>)
// CHECK-DAG: %[[LANES:.*]] = arith.constant dense<[0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]> : vector<16xi32>
// CHECK-DAG: %[[C:.*]] = memref.alloc() {{.*}} : memref<1x64xf32>
// CHECK: scf.for %{{.*}} = %c0 to %c2 step %c1
// CHECK: vector.load %[[X]]{{.*}} : memref<2x8xf32>, vector<4xf32>
// CHECK: vector.store %{{.*}}, %[[C]]
// CHECK: scf.for %{{.*}} = %c2 to %c8 step %c1
// CHECK: scf.parallel (%[[PANEL:.*]]) = (%c0) to (%c2) step (%c1)
// A value of each lane, and a word of two bits for each.
// CHECK: %[[V:.*]] = vector.load %[[S]][%[[PANEL]], %c0, %c0] : memref<2x1x1088xi8>, vector<64xi8>
// CHECK: %[[F:.*]] = vector.bitcast %[[V]] : vector<64xi8> to vector<16xf32>
// CHECK: %[[P:.*]] = vector.load %[[S]][%[[PANEL]], %c0, %c1024] : memref<2x1x1088xi8>, vector<4xi8>
// CHECK: %[[WORD:.*]] = vector.bitcast %[[P]] : vector<4xi8> to vector<1xi32>
// CHECK: %[[BIT:.*]] = vector.extract %[[WORD]][0]
// CHECK: %[[ALL:.*]] = vector.broadcast %[[BIT]] : i32 to vector<16xi32>
// CHECK: %[[AT:.*]] = arith.shrui %[[ALL]], %[[LANES]]
// CHECK: %[[G:.*]] = vector.load %[[C]][%c0, %c0] : memref<1x64xf32>, vector<4xf32>
// CHECK: %[[G4:.*]] = vector.broadcast %[[G]] : vector<4xf32> to vector<4x4xf32>
// CHECK: %[[G16:.*]] = vector.shape_cast %[[G4]] : vector<4x4xf32> to vector<16xf32>
// CHECK: %[[T:.*]] = llvm.call_intrinsic "llvm.x86.avx512.vpermilvar.ps.512"(%[[G16]], %[[AT]])
// CHECK: vector.fma %[[T]], %[[F]], %{{.*}}
// CHECK-COUNT-31: vpermilvar
// CHECK-NOT: vpermilvar
// EXPAND-LABEL: func @nm
// EXPAND-NOT: llvm.call_intrinsic
// EXPAND: %[[LOW:.*]] = arith.andi %{{.*}}, %cst{{.*}} : vector<16xi32>
// EXPAND: %[[IS:.*]] = arith.cmpi eq, %[[LOW]], %cst{{.*}} : vector<16xi32>
// EXPAND: arith.select %[[IS]], %{{.*}}, %{{.*}} : vector<16xi1>, vector<16xf32>
// EXPAND: vector.fma
!w = !compress.tensor<32x8xf32, #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [16, 32], order = [0, 1], split = [16, 32], inside = [1, 0], record = 1>>
func.func @nm(%s: memref<2x1x1088xi8>, %x: memref<2x8xf32>, %i: memref<2x32xf32>) {
  compress.contract ins(%x, %s : memref<2x8xf32>, memref<2x1x1088xi8>) outs(%i : memref<2x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Groups of eight: positions of three bits, in two words of 16 lanes' 48 bits, and a permutation of 16 elements.
// CHECK-LABEL: func @eight
// CHECK-DAG: arith.constant dense<[0, 3, 6, 9, 12, 15, 18, 21, 8, 11, 14, 17, 20, 23, 26, 29]> : vector<16xi32>
// CHECK: vector.load %{{.*}}[%{{.*}}, %c0, %c1024] : memref<1x1x1216xi8>, vector<4xi8>
// CHECK: vector.load %{{.*}}[%{{.*}}, %c0, %c1026] : memref<1x1x1216xi8>, vector<4xi8>
// CHECK: arith.select %{{.*}} : vector<16xi1>, vector<16xi32>
// CHECK: vector.load %{{.*}} : memref<1x64xf32>, vector<8xf32>
// CHECK: vector.broadcast %{{.*}} : vector<8xf32> to vector<2x8xf32>
// CHECK-COUNT-32: llvm.x86.avx512.permvar.sf.512
// CHECK-NOT: llvm.x86.avx512.permvar.sf.512
!w = !compress.tensor<16x64xf16, #compress.tiled<#compress.nm<4:8, axis = 1>, tile = [16, 32], order = [0, 1], split = [16, 32], inside = [1, 0], record = 2>>
func.func @eight(%s: memref<1x1x1216xi8>, %x: memref<1x64xf32>, %i: memref<1x16xf32>) {
  compress.contract ins(%x, %s : memref<1x64xf32>, memref<1x1x1216xi8>) outs(%i : memref<1x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Many rows are lanes: 16 elements of a row at a time are copied to 16 columns, what is left one by one. A tile is stored as values
// and as the places of what they are multiplied with; two tiles are a block of k, and those of the next block are fetched.
// CHECK-LABEL: func @columns
// CHECK-SAME: %[[S:.*]]: memref<1x4x1088xi8>, %[[X:.*]]: memref<128x100xf32>, %[[I:.*]]: memref<128x16xf32>)
// CHECK: %[[C:.*]] = memref.alloc() {{.*}} : memref<16384xf32>
// CHECK: scf.for %[[K:.*]] = %c0 to %c96 step %c16
// CHECK: %[[FIRST:.*]] = arith.muli %[[K]], %c128
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c128 step %c1
// CHECK: %[[AT:.*]] = arith.addi %[[FIRST]], %[[ROW]]
// CHECK: %[[V:.*]] = vector.load %[[X]][%[[ROW]], %[[K]]] : memref<128x100xf32>, vector<16xf32>
// CHECK: %[[E:.*]] = vector.extract %[[V]][0]
// CHECK: memref.store %[[E]], %[[C]][%[[AT]]]
// CHECK: %[[E1:.*]] = vector.extract %[[V]][1]
// CHECK: %[[AT1:.*]] = arith.addi %[[AT]], %c128
// CHECK: memref.store %[[E1]], %[[C]][%[[AT1]]]
// CHECK: scf.for %{{.*}} = %c96 to %c100 step %c1
// CHECK: scf.for %[[BLOCK:.*]] = %c0 to %c4 step %c2
// CHECK: scf.for %[[T:.*]] = %c0 to %c2 step %c1
// CHECK: %[[TILE:.*]] = arith.addi %[[BLOCK]], %[[T]]
// CHECK: %[[NEXT:.*]] = arith.addi %[[TILE]], %c2
// CHECK: memref.prefetch %[[S]][%{{.*}}, %[[NEXT]], %c0]
// CHECK-COUNT-16: memref.prefetch
// CHECK-NOT: memref.prefetch
// CHECK: scf.for {{.*}} step %c2
// CHECK: vector.fma
!w = !compress.tensor<16x100xf32, #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [16, 32], order = [0, 1], split = [16, 32], inside = [1, 0], record = 1>>
func.func @columns(%s: memref<1x4x1088xi8>, %x: memref<128x100xf32>, %i: memref<128x16xf32>) {
  compress.contract ins(%x, %s : memref<128x100xf32>, memref<1x4x1088xi8>) outs(%i : memref<128x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Masks of 16 lanes; their values follow each other from the tile's offset on. AVX-512 loads as many as there are lanes, moves them
// to those of the mask, and adds products of these only; values at the end come from a copy. Where x has many rows, other lanes get zeros.
// CHECK-LABEL: func @bitmask
// CHECK-SAME: %[[M:.*]]: memref<1x2x32x2xi8>, %[[V:.*]]: memref<?xf32>, %[[O:.*]]: memref<1x2x1x1xi32>
// CHECK-DAG: %[[P:.*]] = memref.extract_aligned_pointer_as_index %[[V]]
// CHECK-DAG: %[[MASKS:.*]] = memref.collapse_shape %[[M]] {{.*}} into memref<1x2x64xi8>
// CHECK-DAG: %[[OFFSETS:.*]] = memref.collapse_shape %[[O]] {{.*}} into memref<1x2x1xi32>
// CHECK-DAG: %[[SIZE:.*]] = memref.dim %[[V]], %c0
// CHECK: %[[COPY:.*]] = memref.alloc() {{.*}} : memref<1024xf32>
// CHECK: %[[MOST:.*]] = arith.maxui %[[SIZE]], %c512
// CHECK: %[[FIRST:.*]] = arith.subi %[[MOST]], %c512
// CHECK: scf.for %[[I:.*]] = %c0 to %c1024 step %c16
// CHECK: %[[FROM:.*]] = arith.addi %[[FIRST]], %[[I]]
// CHECK: %[[LEFT:.*]] = arith.subi %[[SIZE]], %[[FROM]]
// CHECK: %[[THERE:.*]] = vector.create_mask %[[LEFT]] : vector<16xi1>
// CHECK: %[[SOME:.*]] = vector.maskedload %[[V]][%[[FROM]]], %[[THERE]]
// CHECK: vector.store %[[SOME]], %[[COPY]][%[[I]]]
// CHECK: %[[BEGIN:.*]] = arith.index_castui %{{.*}} : i32 to index
// CHECK: %[[END:.*]] = arith.addi %[[BEGIN]], %c512
// CHECK: %[[IS:.*]] = arith.cmpi ugt, %[[END]], %[[SIZE]]
// CHECK: %[[C:.*]] = memref.extract_aligned_pointer_as_index %[[COPY]]
// CHECK: %[[BASE:.*]] = arith.select %[[IS]], %[[C]], %[[P]]
// CHECK: %[[REST:.*]] = arith.subi %[[BEGIN]], %{{.*}}
// CHECK: %[[AT:.*]] = arith.select %[[IS]], %[[REST]], %[[BEGIN]]
// CHECK: %[[B:.*]] = vector.load %[[MASKS]]{{.*}} vector<2xi8>
// CHECK: %[[W1:.*]] = vector.bitcast %[[B]] : vector<2xi8> to vector<1xi16>
// CHECK: %[[W:.*]] = vector.extract %[[W1]][0]
// CHECK: %[[BYTES:.*]] = arith.muli %[[AT]], %c4
// CHECK: arith.addi %[[BASE]], %[[BYTES]]
// CHECK: %[[BITS:.*]] = llvm.bitcast %[[W]] : i16 to vector<16xi1>
// CHECK: llvm.intr.prefetch
// CHECK: %[[L:.*]] = llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<16xf32>
// CHECK: %[[E:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.expand"(%[[L]], %[[L]], %[[BITS]])
// CHECK: %[[F:.*]] = vector.fma %{{.*}}, %[[E]], %[[SUM:.*]] : vector<16xf32>
// CHECK: arith.select %[[BITS]], %[[F]], %[[SUM]]
// CHECK: math.ctpop
// CHECK-COUNT-31: llvm.x86.avx512.mask.expand
// CHECK-NOT: llvm.x86.avx512.mask.expand
// CHECK: memref.dealloc %[[COPY]]
// Others have expanding loads.
// EXPAND-LABEL: func @bitmask
// EXPAND: %[[BITS:.*]] = llvm.bitcast %{{.*}} : i16 to vector<16xi1>
// EXPAND: llvm.intr.masked.expandload{{.*}}, %[[BITS]],
// EXPAND: math.ctpop
// EXPAND-COUNT-31: llvm.intr.masked.expandload
// EXPAND-NOT: llvm.intr.masked.expandload
!w = !compress.tensor<16x64xf32, #compress.tiled<#compress.bitmask<keep = 9>, tile = [16, 32], order = [0, 1], split = [16, 32], inside = [1, 0]>>
func.func @bitmask(%m: memref<1x2x32x2xi8>, %v: memref<?xf32>, %o: memref<1x2x1x1xi32>, %x: memref<1x64xf32>, %i: memref<1x16xf32>) {
  compress.contract ins(%x, %m, %v, %o : memref<1x64xf32>, memref<1x2x32x2xi8>, memref<?xf32>, memref<1x2x1x1xi32>) outs(%i : memref<1x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Where many rows share values, those are expanded once; lanes that are not stored get zeros.
// CHECK-LABEL: func @rows
// CHECK: %[[P:.*]] = llvm.load %{{.*}} {alignment = 2 : i64} : !llvm.ptr -> vector<16xbf16>
// CHECK: %[[L:.*]] = arith.extf %[[P]]
// CHECK: %[[E:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.expand"(%[[L]], %[[L]], %[[BITS:.*]]) :
// CHECK: %[[S:.*]] = arith.select %[[BITS]], %[[E]], %cst
// CHECK: vector.store %[[S]]
// EXPAND-LABEL: func @rows
!w = !compress.tensor<16x64xbf16, #compress.tiled<#compress.bitmask<keep = 9>, tile = [16, 32], order = [0, 1], split = [16, 32], inside = [1, 0]>>
func.func @rows(%m: memref<1x2x32x2xi8>, %v: memref<?xbf16>, %o: memref<1x2x1x1xi32>, %x: memref<40x64xf32>, %i: memref<40x16xf32>) {
  compress.contract ins(%x, %m, %v, %o : memref<40x64xf32>, memref<1x2x32x2xi8>, memref<?xbf16>, memref<1x2x1x1xi32>) outs(%i : memref<40x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}
