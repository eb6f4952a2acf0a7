// N:M sparsity: round trip (text, generic form, bytecode), storage, decode, tiles.
// RUN: compress-opt %s --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect | compress-opt --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect --mlir-print-op-generic | compress-opt --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect --emit-bytecode | compress-opt --allow-unregistered-dialect | FileCheck %s
// RUN: compress-opt %s --allow-unregistered-dialect --compress-lower-decode --canonicalize --cse | FileCheck %s --check-prefix=DECODE
// RUN: compress-opt %s --allow-unregistered-dialect --compress-tile-and-fuse=max-elements=256 --canonicalize --cse | FileCheck %s --check-prefix=TILE

// DECODE-DAG: #[[GROUPS:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// DECODE-DAG: #[[ALL:.*]] = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
// CHECK-LABEL: func private @parameters(
// CHECK-SAME: !compress.tensor<8x64xf32, #compress.nm<2:4, axis = 1>>
// CHECK-SAME: !compress.tensor<64x8xbf16, #compress.nm<1:16, axis = 0>>
// CHECK-SAME: !compress.tensor<?x64xf16, #compress.nm<15:16, axis = 1>>
// CHECK-SAME: !compress.tensor<8x?x3xf16, #compress.nm<1:2, axis = 0>>
// CHECK-SAME: !compress.tensor<5xf32, #compress.nm<3:4, axis = 0>>
// CHECK-SAME: !compress.tensor<0x64xf32, #compress.nm<2:4, axis = 0>>
// CHECK-SAME: !compress.tensor<16x8x4xf16, #compress.nm<2:4, axis = 2, positions = [2, 1]>>
// CHECK-SAME: !compress.tensor<8x64xf16, #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [8, 32], order = [0, 1], split = [8, 8, 4], inside = [0, 1, 2], positions = [1, 0, 2], record = 1>>
// CHECK-SAME: !compress.tensor<8x64xf32, #compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 32], scale = f16>>>
func.func private @parameters(
  !compress.tensor<8x64xf32, #compress.nm<2:4, axis = 1>>, !compress.tensor<64x8xbf16, #compress.nm<1 : 16, axis = 0>>,
  !compress.tensor<?x64xf16, #compress.nm<15:16, axis = 1>>, !compress.tensor<8x?x3xf16, #compress.nm<1:2, axis = 0>>,
  !compress.tensor<5xf32, #compress.nm<3:4, axis = 0>>, !compress.tensor<0x64xf32, #compress.nm<2:4, axis = 0>>,
  !compress.tensor<16x8x4xf16, #compress.nm<2:4, axis = 2, positions = [2, 1]>>,
  !compress.tensor<8x64xf16, #compress.tiled<#compress.nm<2:4, axis = 1>, tile = [8, 32], order = [0, 1], split = [8, 8, 4], inside = [0, 1, 2], positions = [1, 0, 2], record = 1>>,
  !compress.tensor<8x64xf32, #compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 32], scale = f16>>>)

// CHECK-LABEL: func @storage
func.func @storage(
    // 16 groups of 2 values and 2 positions of 2 bits: a row of metadata has 8 bytes.
    %a: !compress.tensor<8x64xf32, #compress.nm<2:4, axis = 1>>,
    // Three groups along the axis, of 3; positions of 3 bits in rows of 7 are 3 bytes.
    %b: !compress.tensor<22x?x7xf16, #compress.nm<3:8, axis = 0>>,
    // The last group has one element and stores three.
    %c: !compress.tensor<5xbf16, #compress.nm<3:4, axis = 0>>,
    %d: !compress.tensor<3x0xf32, #compress.nm<2:4, axis = 1>>,
    // 8 groups have 16 positions, which are packed as one row.
    %e: !compress.tensor<?x8x4xf16, #compress.nm<2:4, axis = 2, positions = [2, 1]>>) {
  // CHECK: "use"(%{{.*}}) : (tensor<8x32xf32>, tensor<8x8xi8>) -> ()
  // CHECK: "use"(%{{.*}}) : (tensor<9x?x7xf16>, tensor<9x?x3xi8>) -> ()
  // CHECK: "use"(%{{.*}}) : (tensor<6xbf16>, tensor<2xi8>) -> ()
  // CHECK: "use"(%{{.*}}) : (tensor<3x0xf32>, tensor<3x0xi8>) -> ()
  // CHECK: "use"(%{{.*}}) : (tensor<?x8x2xf16>, tensor<?x4xi8>) -> ()
  %a0:2 = compress.components %a : !compress.tensor<8x64xf32, #compress.nm<2:4, axis = 1>>
  "use"(%a0#0, %a0#1) : (tensor<8x32xf32>, tensor<8x8xi8>) -> ()
  %b0:2 = compress.components %b : !compress.tensor<22x?x7xf16, #compress.nm<3:8, axis = 0>>
  "use"(%b0#0, %b0#1) : (tensor<9x?x7xf16>, tensor<9x?x3xi8>) -> ()
  %c0:2 = compress.components %c : !compress.tensor<5xbf16, #compress.nm<3:4, axis = 0>>
  "use"(%c0#0, %c0#1) : (tensor<6xbf16>, tensor<2xi8>) -> ()
  %d0:2 = compress.components %d : !compress.tensor<3x0xf32, #compress.nm<2:4, axis = 1>>
  "use"(%d0#0, %d0#1) : (tensor<3x0xf32>, tensor<3x0xi8>) -> ()
  %e0:2 = compress.components %e : !compress.tensor<?x8x4xf16, #compress.nm<2:4, axis = 2, positions = [2, 1]>>
  "use"(%e0#0, %e0#1) : (tensor<?x8x2xf16>, tensor<?x4xi8>) -> ()
  return
}

// Loops over [row, group, element]: no gather, all maps are projected permutations.
// DECODE-LABEL: func @rows
// DECODE-SAME: %[[V:.*]]: tensor<8x32xf16>, %[[M:.*]]: tensor<8x8xi8>
// DECODE: linalg.generic {indexing_maps = [#[[GROUPS]], #[[ALL]]], {{.*}}} ins(%[[M]] : tensor<8x8xi8>)
// DECODE: %[[P:.*]] = tensor.collapse_shape {{.*}} : tensor<8x8x4xi8> into tensor<8x32xi8>
// DECODE: %[[V0:.*]] = tensor.extract_slice %[[V]][0, 0] [8, 16] [1, 2]
// DECODE: %[[V1:.*]] = tensor.extract_slice %[[V]][0, 1] [8, 16] [1, 2]
// DECODE: %[[P0:.*]] = tensor.extract_slice %[[P]][0, 0] [8, 16] [1, 2]
// DECODE: %[[P1:.*]] = tensor.extract_slice %[[P]][0, 1] [8, 16] [1, 2]
// DECODE: linalg.generic {indexing_maps = [#[[GROUPS]], #[[GROUPS]], #[[GROUPS]], #[[GROUPS]], #[[ALL]]], iterator_types = ["parallel", "parallel", "parallel"]}
// DECODE-SAME: ins(%[[V0]], %[[V1]], %[[P0]], %[[P1]] :
// DECODE: ^bb0(%[[A:.*]]: f16, %[[B:.*]]: f16, %[[PA:.*]]: i8, %[[PB:.*]]: i8,
// DECODE: linalg.index 2
// DECODE: %[[AT:.*]] = arith.index_cast
// DECODE: %[[IS0:.*]] = arith.cmpi eq, %[[PA]], %[[AT]] : i8
// DECODE: %[[R:.*]] = arith.select %[[IS0]], %[[A]], %cst : f16
// DECODE: %[[IS1:.*]] = arith.cmpi eq, %[[PB]], %[[AT]] : i8
// DECODE: %[[S:.*]] = arith.select %[[IS1]], %[[B]], %[[R]] : f16
// DECODE: linalg.yield %[[S]]
// DECODE: tensor.collapse_shape {{.*}} : tensor<8x16x4xf16> into tensor<8x64xf16>
// DECODE-NOT: compress
func.func @rows(%v: tensor<8x32xf16>, %m: tensor<8x8xi8>) -> tensor<8x64xf16> {
  %0 = compress.assemble %v, %m : tensor<8x32xf16>, tensor<8x8xi8> -> !compress.tensor<8x64xf16, #compress.nm<2:4, axis = 1>>
  %1 = compress.decode %0 : !compress.tensor<8x64xf16, #compress.nm<2:4, axis = 1>>
  return %1 : tensor<8x64xf16>
}

// Ragged, along an outer dimension: the last group is cut.
// DECODE-LABEL: func @ragged
// DECODE-COUNT-3: tensor.extract_slice %{{.*}} : tensor<9x?x3xi8> to tensor<9x?x1xi8>
// DECODE: -> tensor<3x8x?x7xf32>
// DECODE: %[[C:.*]] = tensor.collapse_shape {{.*}} {{\[\[}}0, 1], [2], [3]] : tensor<3x8x?x7xf32> into tensor<24x?x7xf32>
// DECODE: tensor.extract_slice %[[C]][0, 0, 0] [22, %{{.*}}, 7] [1, 1, 1] : tensor<24x?x7xf32> to tensor<22x?x7xf32>
func.func @ragged(%v: tensor<9x?x7xf32>, %m: tensor<9x?x3xi8>) -> tensor<22x?x7xf32> {
  %0 = compress.assemble %v, %m : tensor<9x?x7xf32>, tensor<9x?x3xi8> -> !compress.tensor<22x?x7xf32, #compress.nm<3:8, axis = 0>>
  %1 = compress.decode %0 : !compress.tensor<22x?x7xf32, #compress.nm<3:8, axis = 0>>
  return %1 : tensor<22x?x7xf32>
}

// DECODE-LABEL: func @empty
// DECODE: tensor.empty(%{{.*}}) : tensor<?x0xf32>
// DECODE-NEXT: return
func.func @empty(%v: tensor<?x0xf32>, %m: tensor<?x0xi8>) -> tensor<?x0xf32> {
  %0 = compress.assemble %v, %m : tensor<?x0xf32>, tensor<?x0xi8> -> !compress.tensor<?x0xf32, #compress.nm<2:4, axis = 1>>
  %1 = compress.decode %0 : !compress.tensor<?x0xf32, #compress.nm<2:4, axis = 1>>
  return %1 : tensor<?x0xf32>
}

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!int4 = !compress.tensor<8x512xf32, #compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 64], scale = f16>>>

// A tile of 256 of k has 128 values in 64 bytes, with two scales, and 32 bytes of metadata.
// TILE-LABEL: func @tiles
// TILE: scf.for %[[N:.*]] = %c0 to %c8 step %c1
// TILE: scf.for %[[K:.*]] = %c0 to %c512 step %c256
// TILE: tensor.extract_slice %{{.*}}[%[[N]], %{{.*}}] [1, 64] [1, 1] : tensor<8x128xi8>
// TILE: tensor.extract_slice %{{.*}}[%[[N]], %{{.*}}] [1, 2] [1, 1] : tensor<8x4xf16>
// TILE: tensor.extract_slice %{{.*}}[%[[N]], %{{.*}}] [1, 32] [1, 1] : tensor<8x64xi8>
// TILE: compress.decode %{{.*}} : !compress.tensor<1x256xf32, #compress.nested<#compress.nm<2:4, axis = 1>, values = #compress.quant<i4, block = [1, 64], scale = f16>>>
func.func @tiles(%c: tensor<8x128xi8>, %s: tensor<8x4xf16>, %m: tensor<8x64xi8>, %x: tensor<3x512xf32>, %i: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %v = compress.assemble %c, %s : tensor<8x128xi8>, tensor<8x4xf16> -> !compress.tensor<8x256xf32, #compress.quant<i4, block = [1, 64], scale = f16>>
  %0 = compress.assemble %v, %m : !compress.tensor<8x256xf32, #compress.quant<i4, block = [1, 64], scale = f16>>, tensor<8x64xi8> -> !int4
  %w = compress.decode %0 : !int4
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<8x512xf32>) outs(%i : tensor<3x8xf32>) -> tensor<3x8xf32>
  return %1 : tensor<3x8xf32>
}

// Along an outer dimension: whole groups of k, whole bytes of n; a rest of both.
// TILE-LABEL: func @outer
// TILE: scf.for
// TILE: compress.decode {{.*}} #compress.nm<3:8, axis = 0>>
func.func @outer(%v: tensor<39x20xf16>, %m: tensor<39x8xi8>, %x: tensor<3x100xf16>, %i: tensor<3x20xf32>) -> tensor<3x20xf32> {
  %0 = compress.assemble %v, %m : tensor<39x20xf16>, tensor<39x8xi8> -> !compress.tensor<100x20xf16, #compress.nm<3:8, axis = 0>>
  %w = compress.decode %0 : !compress.tensor<100x20xf16, #compress.nm<3:8, axis = 0>>
  %1 = linalg.matmul ins(%x, %w : tensor<3x100xf16>, tensor<100x20xf16>) outs(%i : tensor<3x20xf32>) -> tensor<3x20xf32>
  return %1 : tensor<3x20xf32>
}
