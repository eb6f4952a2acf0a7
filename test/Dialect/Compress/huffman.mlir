// Prefix codes: round trip (text, generic form, bytecode), decode, tiles.
// RUN: compress-opt %s --split-input-file | FileCheck %s
// RUN: compress-opt %s --split-input-file | compress-opt --split-input-file | FileCheck %s
// RUN: compress-opt %s --split-input-file --mlir-print-op-generic | compress-opt --split-input-file | FileCheck %s
// RUN: compress-opt %s --split-input-file --compress-lower-decode --canonicalize | FileCheck %s --check-prefix=DECODE
// RUN: compress-opt %s --split-input-file --compress-tile-and-fuse=max-elements=256 --canonicalize --cse | FileCheck %s --check-prefix=TILE
// RUN: compress-opt %s --split-input-file --compress-tile-and-fuse=max-elements=256 --compress-check-fused=max-elements=256 --compress-lower-decode -o %t

// CHECK-LABEL: func private @parameters(
// CHECK-SAME: !compress.tensor<8x64xi8, #compress.huffman<>>
// CHECK-SAME: !compress.tensor<0xf8E4M3FN, #compress.huffman<max_length = 8>>
// CHECK-SAME: !compress.tensor<?x64xi8, #compress.huffman<tile = [1, 64]>>
// CHECK-SAME: !compress.tensor<8x64xbf16, #compress.huffman<max_length = 14, tile = [4, 100], split = exponent>>
// CHECK-SAME: !compress.tensor<8x?xf16, #compress.huffman<tile = [4, 1], split = exponent>>
func.func private @parameters(
  !compress.tensor<8x64xi8, #compress.huffman<max_length = 12, split = none>>, !compress.tensor<0xf8E4M3FN, #compress.huffman<max_length = 8>>,
  !compress.tensor<?x64xi8, #compress.huffman<tile = [1, 64]>>, !compress.tensor<8x64xbf16, #compress.huffman<split = exponent, tile = [4, 100], max_length = 14>>,
  !compress.tensor<8x?xf16, #compress.huffman<tile = [4, 1], split = exponent>>)

// -----
// One stream of a row and its codes, one after the other. Places are brought inside of the stream.
// DECODE-LABEL: func @bytes
// DECODE-SAME: %[[T:.*]]: tensor<2x13xi16>, %[[L:.*]]: tensor<256xi8>, %[[O:.*]]: tensor<3x1xi32>, %[[S:.*]]: tensor<100xi8>)
// DECODE: %[[E:.*]] = tensor.empty() : tensor<3x50xi8>
// DECODE-COUNT-12: tensor.extract %[[T]][%c0, %c{{.*}}]
// DECODE: scf.for %[[I:.*]] = %c0 to %c3 step %c1 iter_args(%[[A:.*]] = %[[E]])
// DECODE: %[[OFF:.*]] = tensor.extract %[[O]][%[[I]], %c0]
// DECODE: %[[PLACE:.*]] = arith.index_castui %[[OFF]] : i32 to index
// DECODE: %[[IN:.*]] = arith.minui %[[PLACE]], %c92
// DECODE: %[[H:.*]] = tensor.extract %[[S]][%[[IN]]]
// DECODE: scf.for %[[J:.*]] = %c0 to %c50 step %c1 iter_args(%[[B:.*]] = %[[A]], %[[BIT:.*]] = %{{.*}})
// DECODE: arith.minui %{{.*}}, %c92
// DECODE-COUNT-8: tensor.extract %[[S]]
// DECODE-COUNT-12: arith.cmpi uge
// DECODE: tensor.extract %[[T]][%c1,
// DECODE: tensor.extract %[[L]]
// DECODE: %[[X:.*]] = arith.trunci %{{.*}} : i32 to i8
// DECODE: tensor.insert %[[X]] into %[[B]][%[[I]], %[[J]]]
// DECODE-NOT: compress
!bytes = !compress.tensor<3x50xi8, #compress.huffman<tile = [1, 50]>>
func.func @bytes(%t: tensor<2x13xi16>, %l: tensor<256xi8>, %o: tensor<3x1xi32>, %s: tensor<100xi8>) -> tensor<3x50xi8> {
  %0 = compress.assemble %t, %l, %o, %s : tensor<2x13xi16>, tensor<256xi8>, tensor<3x1xi32>, tensor<100xi8> -> !bytes
  %1 = compress.decode %0 : !bytes
  return %1 : tensor<3x50xi8>
}

// -----
// Boxes of 2 x 32 with rests; the sign goes back to the front.
// DECODE-LABEL: func @exponents
// DECODE: scf.for %[[I:.*]] = %c0 to %c2 step %c1
// DECODE: scf.for %[[J:.*]] = %c0 to %c2 step %c1
// DECODE: %[[ROWS:.*]] = arith.minsi
// DECODE: %[[COLUMNS:.*]] = arith.minsi
// DECODE: scf.for %{{.*}} = %c0 to %[[ROWS]] step %c1
// DECODE: scf.for %{{.*}} = %c0 to %[[COLUMNS]] step %c1
// DECODE: %[[TOP:.*]] = arith.shli %{{.*}}, %c8_i16 : i16
// DECODE: %[[REST:.*]] = arith.extui %{{.*}} : i8 to i16
// DECODE: %[[TURNED:.*]] = arith.ori %[[TOP]], %[[REST]] : i16
// DECODE: %[[OTHERS:.*]] = arith.shrui %[[TURNED]], %c1_i16
// DECODE: %[[SIGN:.*]] = arith.shli %[[TURNED]], %c15_i16
// DECODE: %[[BITS:.*]] = arith.ori %[[OTHERS]], %[[SIGN]]
// DECODE: arith.bitcast %[[BITS]] : i16 to bf16
!exponents = !compress.tensor<3x50xbf16, #compress.huffman<tile = [2, 32], split = exponent>>
func.func @exponents(%t: tensor<2x13xi16>, %l: tensor<256xi8>, %o: tensor<2x2xi32>, %s: tensor<?xi8>, %r: tensor<3x50xi8>) -> tensor<3x50xbf16> {
  %0 = compress.assemble %t, %l, %o, %s, %r : tensor<2x13xi16>, tensor<256xi8>, tensor<2x2xi32>, tensor<?xi8>, tensor<3x50xi8> -> !exponents
  %1 = compress.decode %0 : !exponents
  return %1 : tensor<3x50xbf16>
}

// -----
// Three bytes of f32 are no codes.
// DECODE-LABEL: func @f32
// DECODE-COUNT-3: tensor.extract %{{.*}} : tensor<3x150xi8>
// DECODE: arith.bitcast %{{.*}} : i32 to f32
!f32 = !compress.tensor<3x50xf32, #compress.huffman<split = exponent>>
func.func @f32(%t: tensor<2x13xi16>, %l: tensor<256xi8>, %o: tensor<1x1xi32>, %s: tensor<?xi8>, %r: tensor<3x150xi8>) -> tensor<3x50xf32> {
  %0 = compress.assemble %t, %l, %o, %s, %r : tensor<2x13xi16>, tensor<256xi8>, tensor<1x1xi32>, tensor<?xi8>, tensor<3x150xi8> -> !f32
  %1 = compress.decode %0 : !f32
  return %1 : tensor<3x50xf32>
}

// -----
// Of many elements all codes are looked up; four symbols for one read.
// DECODE-LABEL: func @lookup
// DECODE: %[[E:.*]] = tensor.empty() : tensor<512xi16>
// DECODE: %[[LOOKUP:.*]] = linalg.generic {{.*}} outs(%[[E]] : tensor<512xi16>)
// DECODE-COUNT-9: arith.cmpi uge
// DECODE: scf.for %{{.*}} = %c0 to %c2 step %c1
// DECODE: scf.for %{{.*}} = %c0 to %c2 step %c1
// DECODE: scf.for %{{.*}} = %c0 to %c32 step %c4
// DECODE-COUNT-4: tensor.extract %[[LOOKUP]]
// DECODE-NOT: tensor.extract
// DECODE: scf.yield
!lookup = !compress.tensor<2x64xi8, #compress.huffman<max_length = 9, tile = [1, 32]>>
func.func @lookup(%t: tensor<2x10xi16>, %l: tensor<256xi8>, %o: tensor<2x2xi32>, %s: tensor<100xi8>) -> tensor<2x64xi8> {
  %0 = compress.assemble %t, %l, %o, %s : tensor<2x10xi16>, tensor<256xi8>, tensor<2x2xi32>, tensor<100xi8> -> !lookup
  %1 = compress.decode %0 : !lookup
  return %1 : tensor<2x64xi8>
}

// -----
// Nothing is read of nothing.
// DECODE-LABEL: func @empty
// DECODE-NEXT: %[[E:.*]] = tensor.empty() : tensor<0x50xi8>
// DECODE-NEXT: return %[[E]]
!empty = !compress.tensor<0x50xi8, #compress.huffman<>>
func.func @empty(%t: tensor<2x13xi16>, %l: tensor<256xi8>, %o: tensor<0x1xi32>, %s: tensor<8xi8>) -> tensor<0x50xi8> {
  %0 = compress.assemble %t, %l, %o, %s : tensor<2x13xi16>, tensor<256xi8>, tensor<0x1xi32>, tensor<8xi8> -> !empty
  %1 = compress.decode %0 : !empty
  return %1 : tensor<0x50xi8>
}

// -----
// Tiles are whole boxes of 4 rows; the table and the stream stay whole.
// TILE-LABEL: func @tiles
// TILE: scf.for %[[N:.*]] = %c0 to %c16 step %c4
// TILE: %[[BOX:.*]] = affine.apply #{{.*}}(%[[N]])
// TILE: %[[O:.*]] = tensor.extract_slice %{{.*}}[%[[BOX]], 0] [1, 1] [1, 1] : tensor<4x1xi32> to tensor<1x1xi32>
// TILE: %[[R:.*]] = tensor.extract_slice %{{.*}}[%[[N]], 0] [4, 64] [1, 1] : tensor<16x64xi8> to tensor<4x64xi8>
// TILE: %[[W:.*]] = compress.assemble %{{.*}}, %{{.*}}, %[[O]], %{{.*}}, %[[R]] : tensor<2x13xi16>, tensor<256xi8>, tensor<1x1xi32>, tensor<?xi8>, tensor<4x64xi8> -> !compress.tensor<4x64xbf16, #compress.huffman<tile = [4, 64], split = exponent>>
// TILE: compress.decode %[[W]]
!rows = !compress.tensor<16x64xbf16, #compress.huffman<tile = [4, 64], split = exponent>>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @tiles(%t: tensor<2x13xi16>, %l: tensor<256xi8>, %o: tensor<4x1xi32>, %s: tensor<?xi8>, %r: tensor<16x64xi8>, %x: tensor<2x64xbf16>, %i: tensor<2x16xf32>) -> tensor<2x16xf32> {
  %0 = compress.assemble %t, %l, %o, %s, %r : tensor<2x13xi16>, tensor<256xi8>, tensor<4x1xi32>, tensor<?xi8>, tensor<16x64xi8> -> !rows
  %w = compress.decode %0 : !rows
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x64xbf16>, tensor<16x64xbf16>) outs(%i : tensor<2x16xf32>) -> tensor<2x16xf32>
  return %y : tensor<2x16xf32>
}

// -----
// Codes of quant: a box of 4 x 16 bytes is one of 4 x 32 codes.
// TILE-LABEL: func @codes
// TILE: scf.for %[[N:.*]] = %c0 to %c16 step %c4
// TILE: compress.assemble {{.*}} -> !compress.tensor<4x32xi8, #compress.huffman<tile = [4, 16]>>
// TILE: compress.decode %{{.*}} : !compress.tensor<4x64xf32, #compress.nested<#compress.quant<i4, block = [1, 32], scale = f16>, codes = #compress.huffman<tile = [4, 16]>>>
!codes = !compress.tensor<16x32xi8, #compress.huffman<tile = [4, 16]>>
!nested = !compress.tensor<16x64xf32, #compress.nested<#compress.quant<i4, block = [1, 32], scale = f16>, codes = #compress.huffman<tile = [4, 16]>>>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @codes(%t: tensor<2x13xi16>, %l: tensor<256xi8>, %o: tensor<4x2xi32>, %s: tensor<?xi8>, %scales: tensor<16x2xf16>, %x: tensor<2x64xf32>, %i: tensor<2x16xf32>) -> tensor<2x16xf32> {
  %c = compress.assemble %t, %l, %o, %s : tensor<2x13xi16>, tensor<256xi8>, tensor<4x2xi32>, tensor<?xi8> -> !codes
  %0 = compress.assemble %c, %scales : !codes, tensor<16x2xf16> -> !nested
  %w = compress.decode %0 : !nested
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x64xf32>, tensor<16x64xf32>) outs(%i : tensor<2x16xf32>) -> tensor<2x16xf32>
  return %y : tensor<2x16xf32>
}
