// Bit masks: round trip (text, generic form, bytecode), storage, decode, tiles, folding.
// RUN: compress-opt %s --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect | compress-opt --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect --mlir-print-op-generic | compress-opt --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect --emit-bytecode | compress-opt --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect --compress-lower-decode --canonicalize --cse | FileCheck %s --check-prefix=DECODE
// RUN: compress-opt %s --allow-unregistered-dialect --compress-tile-and-fuse=max-elements=256 --canonicalize --cse | FileCheck %s --check-prefix=TILE
// RUN: compress-opt %s --allow-unregistered-dialect --canonicalize | FileCheck %s --check-prefix=FOLD

// CHECK-LABEL: func private @parameters(
// CHECK-SAME: !compress.tensor<8x64xf32, #compress.bitmask<keep = 16>>
// CHECK-SAME: !compress.tensor<?x64xbf16, #compress.bitmask<keep = 0>>
// CHECK-SAME: !compress.tensor<8x64xf16, #compress.bitmask<density = 5.000000e-01 : f64>>
// CHECK-SAME: !compress.tensor<8x?x64xf32, #compress.bitmask<density = 0.000000e+00 : f64>>
// CHECK-SAME: !compress.tensor<64xf32, #compress.bitmask<>>
// CHECK-SAME: !compress.tensor<8x64xi8, #compress.bitmask<>>
// CHECK-SAME: !compress.tensor<8x0xi32, #compress.bitmask<>>
// CHECK-SAME: !compress.tensor<?x8x64xf32, #compress.bitmask<density = 5.000000e-01 : f64, rows = 4>>
func.func private @parameters(
  !compress.tensor<8x64xf32, #compress.bitmask<keep = 16>>, !compress.tensor<?x64xbf16, #compress.bitmask<keep = 0>>,
  !compress.tensor<8x64xf16, #compress.bitmask<density = 0.5>>, !compress.tensor<8x?x64xf32, #compress.bitmask<density = 0.0 : f64>>,
  !compress.tensor<64xf32, #compress.bitmask<>>, !compress.tensor<8x64xi8, #compress.bitmask<>>, !compress.tensor<8x0xi32, #compress.bitmask<>>,
  !compress.tensor<?x8x64xf32, #compress.bitmask<density = 0.5, rows = 4>>)

// CHECK-LABEL: func @storage
func.func @storage(%a: !compress.tensor<8x?x33xf32, #compress.bitmask<keep = 7>>, %b: !compress.tensor<8x3x33xf16, #compress.bitmask<>>) {
  // CHECK: "use"(%{{.*}}) : (tensor<8x?x5xi8>, tensor<8x?x7xf32>) -> ()
  // CHECK: "use"(%{{.*}}) : (tensor<8x3x5xi8>, tensor<?xf16>, tensor<8x3x1xi32>) -> ()
  %a0:2 = compress.components %a : !compress.tensor<8x?x33xf32, #compress.bitmask<keep = 7>>
  "use"(%a0#0, %a0#1) : (tensor<8x?x5xi8>, tensor<8x?x7xf32>) -> ()
  %b0:3 = compress.components %b : !compress.tensor<8x3x33xf16, #compress.bitmask<>>
  "use"(%b0#0, %b0#1, %b0#2) : (tensor<8x3x5xi8>, tensor<?xf16>, tensor<8x3x1xi32>) -> ()
  return
}

// A row is walked in order: each set bit takes the next value.
// DECODE-LABEL: func @rows
// DECODE-SAME: %[[M:.*]]: tensor<8x5xi8>, %[[V:.*]]: tensor<8x7xbf16>
// DECODE: %[[E:.*]] = tensor.empty() : tensor<8x33xbf16>
// DECODE: scf.for %[[ROW:.*]] = %c0 to %c8 step %c1 iter_args(%[[T:.*]] = %[[E]])
// DECODE: scf.for %[[COL:.*]] = %c0 to %c33 step %c1 iter_args(%[[D:.*]] = %[[T]], %[[NEXT:.*]] = %c0)
// DECODE: %[[BYTE:.*]] = arith.divui %[[COL]], %c8
// DECODE: tensor.extract %[[M]][%[[ROW]], %[[BYTE]]]
// DECODE: %[[IS:.*]] = arith.cmpi ne
// DECODE: %[[AT:.*]] = arith.select %[[IS]], %[[NEXT]], %c0
// DECODE: %[[VALUE:.*]] = tensor.extract %[[V]][%[[ROW]], %[[AT]]]
// DECODE: arith.select %[[IS]], %[[VALUE]], %cst
// DECODE: tensor.insert %{{.*}} into %[[D]][%[[ROW]], %[[COL]]]
// DECODE: arith.addi %[[NEXT]],
// DECODE-NOT: compress
func.func @rows(%m: tensor<8x5xi8>, %v: tensor<8x7xbf16>) -> tensor<8x33xbf16> {
  %0 = compress.assemble %m, %v : tensor<8x5xi8>, tensor<8x7xbf16> -> !compress.tensor<8x33xbf16, #compress.bitmask<keep = 7>>
  %1 = compress.decode %0 : !compress.tensor<8x33xbf16, #compress.bitmask<keep = 7>>
  return %1 : tensor<8x33xbf16>
}

// A row begins where its offset says.
// DECODE-LABEL: func @offsets
// DECODE-SAME: %[[M:.*]]: tensor<?x5xi8>, %[[V:.*]]: tensor<?xf32>, %[[O:.*]]: tensor<?x1xi32>
// DECODE: scf.for %[[ROW:.*]] = %c0 to %dim step %c1
// DECODE: %[[OFFSET:.*]] = tensor.extract %[[O]][%[[ROW]], %c0]
// DECODE: %[[FIRST:.*]] = arith.index_cast %[[OFFSET]] : i32 to index
// DECODE: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %[[NEXT:.*]] = %[[FIRST]])
// DECODE: %[[AT:.*]] = arith.select %{{.*}}, %[[NEXT]], %c0
// DECODE: tensor.extract %[[V]][%[[AT]]] : tensor<?xf32>
func.func @offsets(%m: tensor<?x5xi8>, %v: tensor<?xf32>, %o: tensor<?x1xi32>) -> tensor<?x33xf32> {
  %0 = compress.assemble %m, %v, %o : tensor<?x5xi8>, tensor<?xf32>, tensor<?x1xi32> -> !compress.tensor<?x33xf32, #compress.bitmask<density = 0.5>>
  %1 = compress.decode %0 : !compress.tensor<?x33xf32, #compress.bitmask<density = 0.5>>
  return %1 : tensor<?x33xf32>
}

// Nothing is stored: zeros.
// DECODE-LABEL: func @nothing
// DECODE: linalg.fill ins(%cst : f32)
// DECODE-NEXT: return
func.func @nothing(%m: tensor<8x5xi8>, %v: tensor<8x0xf32>) -> tensor<8x33xf32> {
  %0 = compress.assemble %m, %v : tensor<8x5xi8>, tensor<8x0xf32> -> !compress.tensor<8x33xf32, #compress.bitmask<keep = 0>>
  %1 = compress.decode %0 : !compress.tensor<8x33xf32, #compress.bitmask<keep = 0>>
  return %1 : tensor<8x33xf32>
}

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

// Whole rows; all values, and the offsets of the rows as they are.
// TILE-LABEL: func @tiles
// TILE-SAME: %[[M:.*]]: tensor<8x16xi8>, %[[V:.*]]: tensor<300xf32>, %[[O:.*]]: tensor<8x1xi32>
// TILE: scf.for %[[N:.*]] = %c0 to %c8 step %c2
// TILE: %[[MT:.*]] = tensor.extract_slice %[[M]][%[[N]], 0] [2, 16] [1, 1]
// TILE: %[[OT:.*]] = tensor.extract_slice %[[O]][%[[N]], 0] [2, 1] [1, 1]
// TILE: compress.assemble %[[MT]], %[[V]], %[[OT]] : tensor<2x16xi8>, tensor<300xf32>, tensor<2x1xi32> -> !compress.tensor<2x128xf32, #compress.bitmask<>>
func.func @tiles(%m: tensor<8x16xi8>, %v: tensor<300xf32>, %o: tensor<8x1xi32>, %x: tensor<3x128xf32>, %i: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %0 = compress.assemble %m, %v, %o : tensor<8x16xi8>, tensor<300xf32>, tensor<8x1xi32> -> !compress.tensor<8x128xf32, #compress.bitmask<>>
  %w = compress.decode %0 : !compress.tensor<8x128xf32, #compress.bitmask<>>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x128xf32>, tensor<8x128xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %1 : tensor<3x8xf32>
}

// Rows of 32 values, two to a tile, which are quantized again.
#q = #compress.quant<i8, block = [1, 32], scale = f16>
!w = !compress.tensor<8x128xf32, #compress.nested<#compress.bitmask<keep = 32>, values = #q>>
// TILE-LABEL: func @nested
// TILE: scf.for %[[N:.*]] = %c0 to %c8 step %c2
// TILE: tensor.extract_slice %{{.*}}[%[[N]], 0] [2, 32] [1, 1] : tensor<8x32xi8>
// TILE: tensor.extract_slice %{{.*}}[%[[N]], 0] [2, 1] [1, 1] : tensor<8x1xf16>
// TILE: compress.decode %{{.*}} : !compress.tensor<2x128xf32, #compress.nested<#compress.bitmask<keep = 32>,
func.func @nested(%m: tensor<8x16xi8>, %c: tensor<8x32xi8>, %s: tensor<8x1xf16>, %x: tensor<3x128xf32>, %i: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %v = compress.assemble %c, %s : tensor<8x32xi8>, tensor<8x1xf16> -> !compress.tensor<8x32xf32, #q>
  %0 = compress.assemble %m, %v : tensor<8x16xi8>, !compress.tensor<8x32xf32, #q> -> !w
  %w = compress.decode %0 : !w
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x128xf32>, tensor<8x128xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %1 : tensor<3x8xf32>
}

// Only what loses nothing folds.
// FOLD-LABEL: func @fold
// FOLD-SAME: %[[W:.*]]: tensor<8x64xf32>
// FOLD-NOT: #compress.bitmask<>
// FOLD: %[[D:.*]] = compress.decode %{{.*}} #compress.bitmask<keep = 8>>
// FOLD: return %[[W]], %[[D]]
func.func @fold(%w: tensor<8x64xf32>) -> (tensor<8x64xf32>, tensor<8x64xf32>) {
  %0 = compress.encode %w : tensor<8x64xf32> -> !compress.tensor<8x64xf32, #compress.bitmask<>>
  %1 = compress.decode %0 : !compress.tensor<8x64xf32, #compress.bitmask<>>
  %2 = compress.encode %w : tensor<8x64xf32> -> !compress.tensor<8x64xf32, #compress.bitmask<keep = 8>>
  %3 = compress.decode %2 : !compress.tensor<8x64xf32, #compress.bitmask<keep = 8>>
  return %1, %3 : tensor<8x64xf32>, tensor<8x64xf32>
}
