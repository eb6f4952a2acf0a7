// Tiles are small here, of 1024 elements, so that weights can be.
// RUN: compress-opt %s --compress-tile-and-fuse=max-elements=1024 --canonicalize --cse --split-input-file | FileCheck %s
// Nothing is decoded as a whole: this is an error where a decode is left.
// RUN: compress-opt %s --compress-tile-and-fuse=max-elements=1024 --compress-check-fused=max-elements=1024 --split-input-file -o %t
// RUN: compress-opt %s --compress-tile-and-fuse=max-elements=1024 --remarks-filter="compress-tile-and-fuse" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK-COUNT-28: remark: [Passed] TileAndFuse | Category:compress-tile-and-fuse | {{.*}}Remark="fused the decode of a weight"
// REMARK-NOT: remark:

// Filters are cut, eight of 9 * 9 elements, not the image. Its batch is dynamic and stays whole.
// CHECK-DAG: #[[IMAGE:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d4, d2 + d5, d3 + d6)>
// CHECK-DAG: #[[FILTER:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d4, d5, d6)>
// CHECK-DAG: #[[OUT:.*]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>
// CHECK-LABEL: func @nchw
// CHECK-SAME: %[[C:.*]]: tensor<16x9x3x2xi8>, %[[S:.*]]: tensor<16x1x1x1xf16>, %[[X:.*]]: tensor<?x9x10x10xf32>, %[[I:.*]]: tensor<?x16x8x8xf32>)
// CHECK: %[[N:.*]] = tensor.dim %[[X]], %c0
// CHECK: %[[R:.*]] = scf.for %[[F:.*]] = %c0 to %c16 step %c8 iter_args(%[[Y:.*]] = %[[I]])
// CHECK: %[[XT:.*]] = tensor.extract_slice %[[X]][0, 0, 0, 0] [%[[N]], 9, 10, 10] [1, 1, 1, 1]
// CHECK: %[[CT:.*]] = tensor.extract_slice %[[C]][%[[F]], 0, 0, 0] [8, 9, 3, 2] [1, 1, 1, 1]
// CHECK: %[[ST:.*]] = tensor.extract_slice %[[S]][%[[F]], 0, 0, 0] [8, 1, 1, 1] [1, 1, 1, 1]
// CHECK: %[[WT:.*]] = compress.assemble %[[CT]], %[[ST]]
// CHECK: %[[W:.*]] = compress.decode %[[WT]] : !compress.tensor<8x9x3x3xf32, #compress.quant<i4, block = [1, 9, 3, 3], scale = f16>>
// CHECK: %[[YT:.*]] = tensor.extract_slice %[[Y]][0, %[[F]], 0, 0] [%[[N]], 8, 8, 8] [1, 1, 1, 1]
// CHECK: %[[G:.*]] = linalg.generic {indexing_maps = [#[[IMAGE]], #[[FILTER]], #[[OUT]]], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction", "reduction"]} ins(%[[XT]], %[[W]]
// CHECK-SAME: outs(%[[YT]] : tensor<?x8x8x8xf32>)
// Sums may be taken in any order.
// CHECK: arith.mulf %{{.*}}, %{{.*}} fastmath<reassoc,contract> : f32
// CHECK: arith.addf %{{.*}}, %{{.*}} fastmath<reassoc,contract> : f32
// CHECK: %[[NEXT:.*]] = tensor.insert_slice %[[G]] into %[[Y]][0, %[[F]], 0, 0] [%[[N]], 8, 8, 8] [1, 1, 1, 1]
// CHECK: scf.yield %[[NEXT]]
// CHECK: return %[[R]]
!w = !compress.tensor<16x9x3x3xf32, #compress.quant<i4, block = [1, 9, 3, 3], scale = f16>>
func.func @nchw(%c: tensor<16x9x3x2xi8>, %s: tensor<16x1x1x1xf16>, %x: tensor<?x9x10x10xf32>, %i: tensor<?x16x8x8xf32>) -> tensor<?x16x8x8xf32> {
  %0 = compress.assemble %c, %s : tensor<16x9x3x2xi8>, tensor<16x1x1x1xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.conv_2d_nchw_fchw ins(%x, %w : tensor<?x9x10x10xf32>, tensor<16x9x3x3xf32>) outs(%i : tensor<?x16x8x8xf32>) -> tensor<?x16x8x8xf32>
  return %y : tensor<?x16x8x8xf32>
}

// -----
// Filters last, strides: the image is as large as is read.
// CHECK-LABEL: func @nhwc
// CHECK: scf.for %[[F:.*]] = %c0 to %c32 step %c16
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, 0] [2, 9, 9, 6] {{.*}} : tensor<2x10x10x6xf32>
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, %[[F]]] [3, 3, 6, 16] {{.*}} : tensor<3x3x6x32xi8>
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, %[[F]]] [3, 3, 1, 16] {{.*}} : tensor<3x3x1x32xf16>
// CHECK: compress.decode %{{.*}} : !compress.tensor<3x3x6x16xf32, #compress.quant<i8, block = [1, 1, 6, 1], scale = f16>>
// CHECK: linalg.generic {{.*}} ins({{.*}} : tensor<2x9x9x6xf32>, tensor<3x3x6x16xf32>) outs({{.*}} : tensor<2x4x4x16xf32>)
!w = !compress.tensor<3x3x6x32xf32, #compress.quant<i8, block = [1, 1, 6, 1], scale = f16>>
func.func @nhwc(%0: !w, %x: tensor<2x10x10x6xf32>, %i: tensor<2x4x4x32xf32>) -> tensor<2x4x4x32xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.conv_2d_nhwc_hwcf {strides = dense<2> : tensor<2xi64>} ins(%x, %w : tensor<2x10x10x6xf32>, tensor<3x3x6x32xf32>) outs(%i : tensor<2x4x4x32xf32>) -> tensor<2x4x4x32xf32>
  return %y : tensor<2x4x4x32xf32>
}

// -----
// One filter a channel: image and weight are cut alike.
// CHECK-LABEL: func @depthwise
// CHECK: scf.for %[[F:.*]] = %c0 to %c128 step %c64
// CHECK: tensor.extract_slice %{{.*}}[0, 0, 0, %[[F]]] [1, 10, 10, 64]
// CHECK: tensor.extract_slice %{{.*}}[0, 0, %[[F]]] [3, 3, 64] {{.*}} : tensor<3x3x128xi8>
// CHECK: tensor.extract_slice %{{.*}}[0, 0, %[[F]]] [1, 1, 64] {{.*}} : tensor<1x1x128xf32>
// CHECK: compress.decode %{{.*}} : !compress.tensor<3x3x64xf32,
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, 0, 0, %[[F]]] [1, 8, 8, 64]
!w = !compress.tensor<3x3x128xf32, #compress.quant<i8, block = [3, 3, 1], scale = f32>>
func.func @depthwise(%0: !w, %x: tensor<1x10x10x128xf32>, %i: tensor<1x8x8x128xf32>) -> tensor<1x8x8x128xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : tensor<1x10x10x128xf32>, tensor<3x3x128xf32>) outs(%i : tensor<1x8x8x128xf32>) -> tensor<1x8x8x128xf32>
  return %y : tensor<1x8x8x128xf32>
}

// -----
// [N, K] and [K, N]: n is cut in either, here and there it is another dimension.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func @orientations
// CHECK: scf.for %[[N:.*]] = %c0 to %c128 step %c16
// CHECK: compress.decode %{{.*}} : !compress.tensor<16x64xf32,
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, %[[N]]] [4, 16]
// CHECK: scf.for %[[N:.*]] = %c0 to %c64 step %c8
// CHECK: compress.decode %{{.*}} : !compress.tensor<128x8xf32,
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, %[[N]]] [5, 8]
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
func.func @orientations(%0: !w, %x: tensor<4x64xf32>, %z: tensor<5x128xf32>, %i: tensor<4x128xf32>, %j: tensor<5x64xf32>) -> (tensor<4x128xf32>, tensor<5x64xf32>) {
  %w = compress.decode %0 : !w
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x64xf32>, tensor<128x64xf32>) outs(%i : tensor<4x128xf32>) -> tensor<4x128xf32>
  %v = compress.decode %0 : !w
  %2 = linalg.matmul ins(%z, %v : tensor<5x128xf32>, tensor<128x64xf32>) outs(%j : tensor<5x64xf32>) -> tensor<5x64xf32>
  return %1, %2 : tensor<4x128xf32>, tensor<5x64xf32>
}

// -----
// Rows that no good size divides: tiles of 16, and a rest of 5 behind them, which adds to what the first part made.
// CHECK-LABEL: func @ragged
// CHECK: %[[FIRST:.*]] = scf.for %[[N:.*]] = %c0 to %c32 step %c16 iter_args
// CHECK: compress.decode %{{.*}} : !compress.tensor<16x64xf32,
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[0, %[[N]]] [4, 16]
// CHECK: %[[ALL:.*]] = tensor.insert_slice %[[FIRST]] into %{{.*}}[0, 0] [4, 32]
// CHECK: %[[CR:.*]] = tensor.extract_slice %{{.*}}[32, 0] [5, 64] {{.*}} : tensor<37x64xi8>
// CHECK: %[[SR:.*]] = tensor.extract_slice %{{.*}}[32, 0] [5, 1] {{.*}} : tensor<37x1xf16>
// CHECK: %[[WR:.*]] = compress.assemble %[[CR]], %[[SR]] {{.*}} -> !compress.tensor<5x64xf32,
// CHECK: %[[DR:.*]] = compress.decode %[[WR]]
// CHECK: %[[IR:.*]] = tensor.extract_slice %[[ALL]][0, 32] [4, 5]
// CHECK: %[[R:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[DR]] : {{.*}}) outs(%[[IR]] : tensor<4x5xf32>)
// CHECK: tensor.insert_slice %[[R]] into %[[ALL]][0, 32] [4, 5]
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<37x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
func.func @ragged(%c: tensor<37x64xi8>, %s: tensor<37x1xf16>, %x: tensor<4x64xf32>, %i: tensor<4x37xf32>) -> tensor<4x37xf32> {
  %0 = compress.assemble %c, %s : tensor<37x64xi8>, tensor<37x1xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x64xf32>, tensor<37x64xf32>) outs(%i : tensor<4x37xf32>) -> tensor<4x37xf32>
  return %y : tensor<4x37xf32>
}

// -----
// A row is more than a tile, and its last block is ragged: whole blocks of 32, then 476 in 15 of them, in 238 bytes.
// CHECK-LABEL: func @ragged_blocks
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [2, 512] {{.*}} : tensor<2x750xi8>
// CHECK: tensor.extract_slice %{{.*}}[0, 0] [2, 32] {{.*}} : tensor<2x47xf16>
// CHECK: %[[FIRST:.*]] = scf.for {{.*}} to %c2 step %c1
// CHECK: compress.decode %{{.*}} : !compress.tensor<1x1024xf32,
// CHECK: tensor.extract_slice %{{.*}}[0, 512] [2, 238] {{.*}} : tensor<2x750xi8>
// CHECK: tensor.extract_slice %{{.*}}[0, 32] [2, 15] {{.*}} : tensor<2x47xf16>
// CHECK: scf.for {{.*}} to %c2 step %c1 iter_args(%{{.*}} = %[[FIRST]])
// CHECK: compress.decode %{{.*}} : !compress.tensor<1x476xf32,
!w = !compress.tensor<2x1500xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func @ragged_blocks(%0: !w, %x: tensor<1500xf32>, %i: tensor<2xf32>) -> tensor<2xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.matvec ins(%w, %x : tensor<2x1500xf32>, tensor<1500xf32>) outs(%i : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----
// Tiles inside of blocks: the rest must begin with a block. Of 3000, 952 are left behind 2 tiles of 1024, which are one
// block; of 3500, 428 would be left behind 3, in the middle of the second block.
// CHECK-LABEL: func @inside_blocks
// CHECK: scf.for {{.*}} to %c3 step %c1
// CHECK: scf.for %[[K:.*]] = %c0 to %c2048 step %c1024
// CHECK: %[[B:.*]] = affine.apply #{{.*}}(%[[K]])
// CHECK: tensor.extract_slice %{{.*}}[%{{.*}}, %[[B]]] [1, 1]
// CHECK: compress.decode %{{.*}} : !compress.tensor<1x1024xf32,
// CHECK: tensor.extract_slice %{{.*}}[0, 2048] [3, 952] {{.*}} : tensor<3x3000xi8>
// CHECK: tensor.extract_slice %{{.*}}[0, 1] [3, 1] {{.*}} : tensor<3x2xf16>
// CHECK: compress.decode %{{.*}} : !compress.tensor<1x952xf32,
!w = !compress.tensor<3x3000xf32, #compress.quant<i8, block = [1, 2048], scale = f16>>
func.func @inside_blocks(%0: !w, %x: tensor<3000xf32>, %i: tensor<3xf32>) -> tensor<3xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.matvec ins(%w, %x : tensor<3x3000xf32>, tensor<3000xf32>) outs(%i : tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// CHECK-LABEL: func @between_blocks
// CHECK: scf.for {{.*}} to %c3500 step %c4
// CHECK: compress.decode %{{.*}} : !compress.tensor<1x4xf32,
!v = !compress.tensor<3x3500xf32, #compress.quant<i8, block = [1, 2048], scale = f16>>
func.func @between_blocks(%0: !v, %x: tensor<3500xf32>, %i: tensor<3xf32>) -> tensor<3xf32> {
  %w = compress.decode %0 : !v
  %y = linalg.matvec ins(%w, %x : tensor<3x3500xf32>, tensor<3500xf32>) outs(%i : tensor<3xf32>) -> tensor<3xf32>
  return %y : tensor<3xf32>
}

// -----
// No contraction: elementwise on both operands, of f16. Nothing is summed, no op is touched.
// CHECK-LABEL: func @elementwise
// CHECK: scf.for %[[N:.*]] = %c0 to %c128 step %c16
// CHECK: %[[X:.*]] = tensor.extract_slice %{{.*}}[%[[N]], 0] [16, 64] {{.*}} : tensor<128x64xf16>
// CHECK: %[[W:.*]] = compress.decode %{{.*}} : !compress.tensor<16x64xf16,
// CHECK: linalg.add ins(%[[X]], %[[W]] : tensor<16x64xf16>, tensor<16x64xf16>)
!w = !compress.tensor<128x64xf16, #compress.quant<i8, block = [1, 64], scale = f32>>
func.func @elementwise(%0: !w, %x: tensor<128x64xf16>, %e: tensor<128x64xf16>) -> tensor<128x64xf16> {
  %w = compress.decode %0 : !w
  %y = linalg.add ins(%x, %w : tensor<128x64xf16>, tensor<128x64xf16>) outs(%e : tensor<128x64xf16>) -> tensor<128x64xf16>
  return %y : tensor<128x64xf16>
}

// Two results, and the place of an element in the body.
// CHECK-LABEL: func @results
// CHECK: scf.for %[[N:.*]] = %c0 to %c128 step %c16
// CHECK: %[[W:.*]] = compress.decode
// CHECK: linalg.generic {{.*}} ins(%[[W]] : tensor<16x64xf16>) outs(%{{.*}}, %{{.*}} : tensor<16x64xindex>, tensor<16xf16>)
// CHECK: %[[AT:.*]] = linalg.index 0
// CHECK: affine.apply #{{.*}}(%[[N]])[%[[AT]]]
// CHECK: arith.addf {{.*}} fastmath<reassoc,contract>
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[%[[N]], 0] [16, 64]
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[%[[N]]] [16]
func.func @results(%0: !w, %i: tensor<128x64xindex>, %j: tensor<128xf16>) -> (tensor<128x64xindex>, tensor<128xf16>) {
  %w = compress.decode %0 : !w
  %y:2 = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a)>], iterator_types = ["parallel", "reduction"]}
    ins(%w : tensor<128x64xf16>) outs(%i, %j : tensor<128x64xindex>, tensor<128xf16>) {
  ^bb0(%in: f16, %a: index, %sum: f16):
    %at = linalg.index 0 : index
    %z = arith.addf %in, %sum : f16
    linalg.yield %at, %z : index, f16
  } -> (tensor<128x64xindex>, tensor<128xf16>)
  return %y#0, %y#1 : tensor<128x64xindex>, tensor<128xf16>
}

// All is reduced: there is nothing but sums to cut, and the output is read once more for every tile.
// CHECK-LABEL: func @reduced
// CHECK: scf.for %{{.*}} = %c0 to %c128 step %c16 iter_args(%[[SUM:.*]] = %{{.*}}) -> (tensor<f16>)
// CHECK: %[[W:.*]] = compress.decode
// CHECK: %[[NEXT:.*]] = linalg.generic {{.*}} ins(%[[W]] : tensor<16x64xf16>) outs(%[[SUM]] : tensor<f16>)
// CHECK: scf.yield %[[NEXT]]
func.func @reduced(%0: !w, %i: tensor<f16>) -> tensor<f16> {
  %w = compress.decode %0 : !w
  %y = linalg.reduce {arith.addf} ins(%w : tensor<128x64xf16>) outs(%i : tensor<f16>) dimensions = [0, 1]
  return %y : tensor<f16>
}

// -----
// Behind a transpose and a cast: tiles of the weight go through both.
// CHECK-LABEL: func @movements
// CHECK: scf.for %[[N:.*]] = %c0 to %c64 step %c8
// CHECK: %[[X:.*]] = tensor.extract_slice %{{.*}}[0, %[[N]]] [128, 8] {{.*}} : tensor<128x64xf32>
// CHECK: %[[W:.*]] = compress.decode %{{.*}} : !compress.tensor<8x128xf16,
// CHECK: %[[T:.*]] = linalg.transpose ins(%[[W]] : tensor<8x128xf16>) outs(%{{.*}} : tensor<128x8xf16>) permutation = [1, 0]
// CHECK: %[[U:.*]] = linalg.generic {{.*}} ins(%[[T]] : tensor<128x8xf16>) outs(%{{.*}} : tensor<128x8xf32>)
// CHECK: arith.extf
// CHECK: linalg.sub ins(%[[X]], %[[U]] : tensor<128x8xf32>, tensor<128x8xf32>)
// CHECK: return
!w = !compress.tensor<64x128xf16, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @movements(%0: !w, %x: tensor<128x64xf32>) -> tensor<128x64xf32> {
  %w = compress.decode %0 : !w
  %e = tensor.empty() : tensor<128x64xf16>
  %f = tensor.empty() : tensor<128x64xf32>
  %t = linalg.transpose ins(%w : tensor<64x128xf16>) outs(%e : tensor<128x64xf16>) permutation = [1, 0]
  %u = linalg.generic {indexing_maps = [affine_map<(a, b) -> (a, b)>, affine_map<(a, b) -> (a, b)>], iterator_types = ["parallel", "parallel"]}
    ins(%t : tensor<128x64xf16>) outs(%f : tensor<128x64xf32>) {
  ^bb0(%in: f16, %out: f32):
    %z = arith.extf %in : f16 to f32
    linalg.yield %z : f32
  } -> tensor<128x64xf32>
  %y = linalg.sub ins(%x, %u : tensor<128x64xf32>, tensor<128x64xf32>) outs(%f : tensor<128x64xf32>) -> tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}

// A movement that nothing uses goes with the decode.
// CHECK-LABEL: func @dead
// CHECK-NOT: compress.decode
// CHECK: return
func.func @dead(%0: !w, %e: tensor<128x64xf16>) {
  %w = compress.decode %0 : !w
  %t = linalg.transpose ins(%w : tensor<64x128xf16>) outs(%e : tensor<128x64xf16>) permutation = [1, 0]
  return
}

// -----
// Each user has loops of its own.
// CHECK-LABEL: func @users
// CHECK: scf.for {{.*}} to %c64 step %c8
// CHECK: compress.decode %{{.*}} : !compress.tensor<128x8xf32,
// CHECK: scf.for {{.*}} to %c128 step %c16
// CHECK: compress.decode %{{.*}} : !compress.tensor<16x64xf32,
// CHECK: linalg.exp
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @users(%0: !w, %x: tensor<1x128xf32>, %i: tensor<1x64xf32>, %e: tensor<128x64xf32>) -> (tensor<1x64xf32>, tensor<128x64xf32>) {
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<1x128xf32>, tensor<128x64xf32>) outs(%i : tensor<1x64xf32>) -> tensor<1x64xf32>
  %z = linalg.exp ins(%w : tensor<128x64xf32>) outs(%e : tensor<128x64xf32>) -> tensor<128x64xf32>
  return %y, %z : tensor<1x64xf32>, tensor<128x64xf32>
}

// Into the loop that the user is in.
// CHECK-LABEL: func @loop
// CHECK: scf.for {{.*}} to %{{.*}} step %c1
// CHECK: scf.for {{.*}} to %c64 step %c8
// CHECK: compress.decode %{{.*}} : !compress.tensor<128x8xf32,
func.func @loop(%0: !w, %x: tensor<1x128xf32>, %i: tensor<1x64xf32>, %n: index) -> tensor<1x64xf32> {
  %w = compress.decode %0 : !w
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %k = %c0 to %n step %c1 iter_args(%j = %i) -> tensor<1x64xf32> {
    %y = linalg.matmul ins(%x, %w : tensor<1x128xf32>, tensor<128x64xf32>) outs(%j : tensor<1x64xf32>) -> tensor<1x64xf32>
    scf.yield %y : tensor<1x64xf32>
  }
  return %r : tensor<1x64xf32>
}

// -----
// Whoever has a dynamic number of rows decodes one at a time. Its size is asked of the whole, which costs nothing.
// CHECK-LABEL: func @dynamic
// CHECK: scf.for %[[N:.*]] = %c0 to %{{.*}} step %c1
// CHECK: tensor.extract_slice %{{.*}}#0[%[[N]], 0] [1, 64] {{.*}} : tensor<?x64xi8> to tensor<1x64xi8>
// CHECK: compress.decode %{{.*}} : !compress.tensor<1x64xf32,
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!w = !compress.tensor<?x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @dynamic(%0: !w, %x: tensor<4x64xf32>, %i: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<4x64xf32>, tensor<?x64xf32>) outs(%i : tensor<4x?xf32>) -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// No elements are a tile, however many rows they have.
// CHECK-LABEL: func @empty
// CHECK-NOT: scf.for
// CHECK: linalg.exp
func.func @empty(%0: !compress.tensor<?x0xf32, #compress.quant<i8, block = [1, 32], scale = f32>>, %e: tensor<?x0xf32>) -> tensor<?x0xf32> {
  %w = compress.decode %0 : !compress.tensor<?x0xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
  %y = linalg.exp ins(%w : tensor<?x0xf32>) outs(%e : tensor<?x0xf32>) -> tensor<?x0xf32>
  return %y : tensor<?x0xf32>
}

// What is a tile already stays.
// CHECK-LABEL: func @small
// CHECK-NOT: scf.for
// CHECK: %[[W:.*]] = compress.decode
// CHECK: linalg.matmul ins(%{{.*}}, %[[W]]
func.func @small(%0: !compress.tensor<16x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>, %x: tensor<4x16xf32>, %i: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %w = compress.decode %0 : !compress.tensor<16x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
  %y = linalg.matmul ins(%x, %w : tensor<4x16xf32>, tensor<16x64xf32>) outs(%i : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %y : tensor<4x64xf32>
}

// -----
// A layout is cut into its stored tiles; the rest of 8 rows are half of one.
// CHECK-LABEL: func @tiled
// CHECK: scf.for %[[N:.*]] = %c0 to %c32 step %c16
// CHECK: compress.decode %{{.*}} : !compress.tensor<16x64xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>
// CHECK: tensor.extract_slice %{{.*}}[2, 0, 0, 0] [1, 8, 16, 4] {{.*}} : tensor<3x8x16x4xi8>
// CHECK: tensor.extract_slice %{{.*}}[2, 0, 0, 0] [1, 2, 16, 1] {{.*}} : tensor<3x2x16x1xf16>
// CHECK: compress.decode %{{.*}} : !compress.tensor<8x64xf32, #compress.tiled<
!w = !compress.tensor<40x64xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>
func.func @tiled(%0: !w, %x: tensor<40x64xf32>, %e: tensor<40x64xf32>) -> tensor<40x64xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.sub ins(%x, %w : tensor<40x64xf32>, tensor<40x64xf32>) outs(%e : tensor<40x64xf32>) -> tensor<40x64xf32>
  return %y : tensor<40x64xf32>
}

// -----
// Lookups: a loop over what chooses the row, in which that row is decoded.
// CHECK-LABEL: func @embedding
// CHECK-SAME: %[[C:.*]]: tensor<100x32xi8>, %[[S:.*]]: tensor<100x2xf16>, %[[IDS:.*]]: tensor<?x8xi64>, %[[I:.*]]: tensor<?x8x64xf32>)
// CHECK: %[[N:.*]] = tensor.dim %[[IDS]], %c0
// CHECK: scf.for %[[A:.*]] = %c0 to %[[N]] step %c1
// CHECK: scf.for %[[B:.*]] = %c0 to %c8 step %c1
// CHECK: %[[ID:.*]] = tensor.extract_slice %[[IDS]][%[[A]], %[[B]]] [1, 1]
// CHECK: %[[X:.*]] = tensor.extract %[[ID]][%c0, %c0]
// CHECK: %[[ROW:.*]] = arith.index_cast %[[X]] : i64 to index
// CHECK: tensor.extract_slice %[[C]][%[[ROW]], 0] [1, 32]
// CHECK: tensor.extract_slice %[[S]][%[[ROW]], 0] [1, 2]
// CHECK: %[[W:.*]] = compress.decode %{{.*}} : !compress.tensor<1x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
// CHECK: linalg.generic
// CHECK: %[[COL:.*]] = linalg.index 2
// CHECK: tensor.extract %[[W]][%c0, %[[COL]]]
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[%[[A]], %[[B]], 0] [1, 1, 64]
!w = !compress.tensor<100x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func @embedding(%c: tensor<100x32xi8>, %s: tensor<100x2xf16>, %ids: tensor<?x8xi64>, %i: tensor<?x8x64xf32>) -> tensor<?x8x64xf32> {
  %0 = compress.assemble %c, %s : tensor<100x32xi8>, tensor<100x2xf16> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(b, s, d) -> (b, s)>, affine_map<(b, s, d) -> (b, s, d)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%ids : tensor<?x8xi64>) outs(%i : tensor<?x8x64xf32>) {
  ^bb0(%id: i64, %out: f32):
    %row = arith.index_cast %id : i64 to index
    %col = linalg.index 2 : index
    %v = tensor.extract %w[%row, %col] : tensor<100x64xf32>
    linalg.yield %v : f32
  } -> tensor<?x8x64xf32>
  return %y : tensor<?x8x64xf32>
}

// The row may come of computation in the body, and of other lookups.
// CHECK-LABEL: func @computed
// CHECK: scf.for %[[A:.*]] = %c0 to %c4 step %c1
// CHECK: scf.for %[[B:.*]] = %c0 to %c4 step %c1
// CHECK: %[[P:.*]] = arith.muli %[[A]], %c4
// CHECK: %[[Q:.*]] = arith.addi %[[P]], %[[B]]
// CHECK: %[[ROW:.*]] = tensor.extract %{{.*}}[%[[Q]]] : tensor<16xindex>
// CHECK: tensor.extract_slice %{{.*}}[%[[ROW]], 0] [1, 32]
func.func @computed(%0: !w, %ids: tensor<16xindex>, %i: tensor<4x4x64xf32>) -> tensor<4x4x64xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(a, b, d) -> (a, b, d)>], iterator_types = ["parallel", "parallel", "parallel"]}
    outs(%i : tensor<4x4x64xf32>) {
  ^bb0(%out: f32):
    %a = linalg.index 0 : index
    %b = linalg.index 1 : index
    %c4 = arith.constant 4 : index
    %m = arith.muli %a, %c4 : index
    %at = arith.addi %m, %b : index
    %row = tensor.extract %ids[%at] : tensor<16xindex>
    %col = linalg.index 2 : index
    %v = tensor.extract %w[%row, %col] : tensor<100x64xf32>
    linalg.yield %v : f32
  } -> tensor<4x4x64xf32>
  return %y : tensor<4x4x64xf32>
}

// A row that is given: no loop.
// CHECK-LABEL: func @given
// CHECK-SAME: %{{.*}}, %[[ROW:[a-z0-9]+]]: index
// CHECK-NOT: scf.for
// CHECK: tensor.extract_slice %{{.*}}#0[%[[ROW]], 0] [1, 32]
// CHECK: %[[W:.*]] = compress.decode
// CHECK: tensor.extract %[[W]][%c0, %{{.*}}]
func.func @given(%0: !w, %row: index, %i: tensor<64xf32>) -> tensor<64xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(d) -> (d)>], iterator_types = ["parallel"]} outs(%i : tensor<64xf32>) {
  ^bb0(%out: f32):
    %col = linalg.index 0 : index
    %v = tensor.extract %w[%row, %col] : tensor<100x64xf32>
    linalg.yield %v : f32
  } -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// Two rows for one element: both are decoded, each where it is read.
// CHECK-LABEL: func @two_rows
// CHECK-SAME: %{{.*}}, %[[A:[a-z0-9]+]]: tensor<3xindex>, %[[B:[a-z0-9]+]]: tensor<3xindex>
// CHECK: scf.for %[[N:.*]] = %c0 to %c3 step %c1
// CHECK-DAG: %[[AS:.*]] = tensor.extract_slice %[[A]][%[[N]]] [1]
// CHECK-DAG: %[[BS:.*]] = tensor.extract_slice %[[B]][%[[N]]] [1]
// CHECK-DAG: %[[AR:.*]] = tensor.extract %[[AS]][%c0]
// CHECK-DAG: %[[BR:.*]] = tensor.extract %[[BS]][%c0]
// CHECK-DAG: %[[AC:.*]] = tensor.extract_slice %{{.*}}#0[%[[AR]], 0] [1, 32]
// CHECK-DAG: %[[BC:.*]] = tensor.extract_slice %{{.*}}#0[%[[BR]], 0] [1, 32]
// CHECK-DAG: %[[AT:.*]] = compress.assemble %[[AC]]
// CHECK-DAG: %[[BT:.*]] = compress.assemble %[[BC]]
// CHECK-DAG: %[[AW:.*]] = compress.decode %[[AT]]
// CHECK-DAG: %[[BW:.*]] = compress.decode %[[BT]]
// CHECK: linalg.generic
// CHECK: %[[AV:.*]] = tensor.extract %[[AW]][%c0,
// CHECK: %[[BV:.*]] = tensor.extract %[[BW]][%c0,
// CHECK: arith.subf %[[AV]], %[[BV]]
func.func @two_rows(%0: !w, %a: tensor<3xindex>, %b: tensor<3xindex>, %i: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%a, %b : tensor<3xindex>, tensor<3xindex>) outs(%i : tensor<3x64xf32>) {
  ^bb0(%p: index, %q: index, %out: f32):
    %col = linalg.index 1 : index
    %u = tensor.extract %w[%p, %col] : tensor<100x64xf32>
    %v = tensor.extract %w[%q, %col] : tensor<100x64xf32>
    %z = arith.subf %u, %v : f32
    linalg.yield %z : f32
  } -> tensor<3x64xf32>
  return %y : tensor<3x64xf32>
}

// -----
// Rows of more than a tile are cut; columns are looked up like rows, where blocks run along them.
// CHECK-LABEL: func @wide
// CHECK: scf.for %[[A:.*]] = %c0 to %c8 step %c1
// CHECK: scf.for %[[D:.*]] = %c0 to %c2048 step %c1024
// CHECK: compress.decode %{{.*}} : !compress.tensor<1x1024xf32,
// CHECK: tensor.insert_slice %{{.*}} into %{{.*}}[%[[A]], %[[D]]] [1, 1024]
!w = !compress.tensor<10x2048xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func @wide(%0: !w, %ids: tensor<8xindex>, %i: tensor<8x2048xf32>) -> tensor<8x2048xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<8xindex>) outs(%i : tensor<8x2048xf32>) {
  ^bb0(%id: index, %out: f32):
    %col = linalg.index 1 : index
    %v = tensor.extract %w[%id, %col] : tensor<10x2048xf32>
    linalg.yield %v : f32
  } -> tensor<8x2048xf32>
  return %y : tensor<8x2048xf32>
}

// CHECK-LABEL: func @column
// CHECK: %[[ID:.*]] = tensor.extract %{{.*}}[%c0] : tensor<1xindex>
// CHECK: tensor.extract_slice %{{.*}}#0[0, %[[ID]]] [64, 1]
// CHECK: tensor.extract_slice %{{.*}}#1[0, %[[ID]]] [1, 1]
// CHECK: %[[W:.*]] = compress.decode %{{.*}} : !compress.tensor<64x1xf32,
// CHECK: %[[ROW:.*]] = linalg.index 1
// CHECK: tensor.extract %[[W]][%[[ROW]], %c0]
func.func @column(%0: !compress.tensor<64x100xf32, #compress.quant<i8, block = [64, 1], scale = f16>>, %ids: tensor<8xindex>, %i: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %w = compress.decode %0 : !compress.tensor<64x100xf32, #compress.quant<i8, block = [64, 1], scale = f16>>
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<8xindex>) outs(%i : tensor<8x64xf32>) {
  ^bb0(%id: index, %out: f32):
    %row = linalg.index 1 : index
    %v = tensor.extract %w[%row, %id] : tensor<64x100xf32>
    linalg.yield %v : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// In the middle of a block: the place in it is the code's, the block is the scale's.
// CHECK-LABEL: func @inside_of_blocks
// CHECK: %[[ID:.*]] = tensor.extract %{{.*}}[%c0] : tensor<1xindex>
// CHECK: %[[BLOCK:.*]] = affine.apply #{{.*}}(%[[ID]])
// CHECK: tensor.extract_slice %{{.*}}#0[0, %[[ID]]] [64, 1]
// CHECK: tensor.extract_slice %{{.*}}#1[0, %[[BLOCK]]] [64, 1] {{.*}} : tensor<64x4xf16>
!v = !compress.tensor<64x100xf32, #compress.quant<i8, block = [1, 25], scale = f16>>
func.func @inside_of_blocks(%0: !v, %ids: tensor<8xindex>, %i: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %w = compress.decode %0 : !v
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<8xindex>) outs(%i : tensor<8x64xf32>) {
  ^bb0(%id: index, %out: f32):
    %row = linalg.index 1 : index
    %v = tensor.extract %w[%row, %id] : tensor<64x100xf32>
    linalg.yield %v : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// -----
// Components whose elements stand for no whole number of elements: 96 values for each 128 elements, of which whole blocks
// of 32; 3 bytes for each 8 codes, of which whole streams of 48.
// CHECK-LABEL: func @ratios
// CHECK-SAME: %[[A:[a-z0-9]+]]: !compress.tensor<2x4096xf32, #compress.nested<#compress.nm<3:4
// CHECK: scf.for %[[ROW:.*]] = %c0 to %c2 step %c1
// CHECK: scf.for %[[K:.*]] = %c0 to %c4096 step %c1024
// CHECK: %[[P:.*]]:2 = compress.components %[[A]]
// CHECK: %[[V:.*]]:2 = compress.components %[[P]]#0
// CHECK: %[[BYTE:.*]] = affine.apply #{{.*}}(%[[K]])
// CHECK: tensor.extract_slice %[[V]]#0[%[[ROW]], %[[BYTE]]] [1, 384]
// CHECK: scf.for %[[K:.*]] = %c0 to %c4096 step %c1024
// CHECK: compress.components %{{.*}}#0 : !compress.tensor<2x1536xi8
// CHECK: %[[STREAM:.*]] = affine.apply #{{.*}}(%[[K]])
// CHECK: tensor.extract_slice %{{.*}}#2[%{{.*}}, %[[STREAM]]] [1, 8] {{.*}} : tensor<2x32xi32>
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!a = !compress.tensor<2x4096xf32, #compress.nested<#compress.nm<3:4, axis = 1>, values = #compress.quant<i4, block = [1, 32], scale = f16>>>
!b = !compress.tensor<2x4096xf32, #compress.nested<#compress.quant<i3, block = [1, 32], scale = f16>, codes = #compress.huffman<tile = [1, 48]>>>
func.func @ratios(%a: !a, %b: !b, %x: tensor<3x4096xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %v = compress.decode %a : !a
  %w = compress.decode %b : !b
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %v : tensor<3x4096xf32>, tensor<2x4096xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x4096xf32>, tensor<2x4096xf32>) outs(%y : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %z : tensor<3x2xf32>
}
