// What cannot be fused stays as it was; the decode says why, and so does the error of compress-check-fused.
// RUN: compress-opt %s --compress-tile-and-fuse=max-elements=1024 --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-tile-and-fuse=max-elements=1024 --compress-check-fused=max-elements=1024 --split-input-file --verify-diagnostics
// RUN: compress-opt %s --compress-tile-and-fuse=max-elements=1024 --remarks-filter="compress-tile-and-fuse" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK --implicit-check-not="'tensor.dim'"
// RUN: not compress-opt %s --split-input-file --compress-tile-and-fuse=max-elements=0 2>&1 | FileCheck %s --check-prefix=OPTION
// RUN: not compress-opt %s --split-input-file --compress-tile-and-fuse=max-elements=-1 2>&1 | FileCheck %s --check-prefix=NEGATIVE

// OPTION: error: expected option 'max-elements' to be 1 or more, but got 0
// NEGATIVE: error: expected option 'max-elements' to be 1 or more, but got -1
// REMARK: remark: [Missed] TileAndFuse | Category:compress-tile-and-fuse | Reason="its user 'func.return' cannot be cut into tiles"

// CHECK-LABEL: func @returned
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its user 'func.return' cannot be cut into tiles"} : !compress.tensor<128x64xf32,
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @returned(%0: !w) -> tensor<128x64xf32> {
  // expected-error @below {{a compressed weight is decoded as a whole, to 'tensor<128x64xf32>': its user 'func.return' cannot be cut into tiles}}
  %w = compress.decode %0 : !w
  return %w : tensor<128x64xf32>
}

// -----
// What can be fused is, though another use cannot.
// REMARK: remark: [Passed] TileAndFuse
// REMARK: remark: [Missed] TileAndFuse | Category:compress-tile-and-fuse | Reason="its user 'func.return' cannot be cut into tiles"
// CHECK-LABEL: func @partly
// CHECK: %[[W:.*]] = compress.decode %{{.*}} {compress.dense_reason = "its user 'func.return' cannot be cut into tiles"} : !compress.tensor<128x64xf32,
// CHECK: scf.for
// CHECK: compress.decode {{.*}} !compress.tensor<128x8xf32,
// CHECK: return %{{.*}}, %[[W]]
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @partly(%0: !w, %x: tensor<1x128xf32>, %i: tensor<1x64xf32>) -> (tensor<1x64xf32>, tensor<128x64xf32>) {
  // expected-error @below {{is decoded as a whole}}
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<1x128xf32>, tensor<128x64xf32>) outs(%i : tensor<1x64xf32>) -> tensor<1x64xf32>
  return %y, %w : tensor<1x64xf32>, tensor<128x64xf32>
}

// -----
// A block is more than a tile, and cannot be cut along both of its dimensions: 33 x 33.
// CHECK-LABEL: func @large
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "the smallest tile that its codec allows has more than 1024 elements"}
// CHECK-NOT: scf.for
!w = !compress.tensor<66x99xf32, #compress.tiled<#compress.quant<i8, block = [33, 33], scale = f32>, tile = [33, 33], order = [0, 1]>>
func.func @large(%0: !w, %x: tensor<66x99xf32>) -> tensor<66x99xf32> {
  // expected-error @below {{is decoded as a whole, to 'tensor<66x99xf32>': the smallest tile that its codec allows has more than 1024 elements}}
  %w = compress.decode %0 : !w
  %y = linalg.exp ins(%w : tensor<66x99xf32>) outs(%x : tensor<66x99xf32>) -> tensor<66x99xf32>
  return %y : tensor<66x99xf32>
}

// -----
// A rest of 32 behind two stored tiles of 64 would be stored otherwise: this dimension is not cut at all.
// CHECK-LABEL: func @rest
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "the smallest tile that its codec allows has more than 1024 elements"}
!w = !compress.tensor<16x160xf32, #compress.tiled<#compress.quant<i8, block = [1, 32], scale = f16>, tile = [16, 64], order = [0, 1]>>
func.func @rest(%0: !w, %x: tensor<16x160xf32>) -> tensor<16x160xf32> {
  // expected-error @below {{the smallest tile}}
  %w = compress.decode %0 : !w
  %y = linalg.exp ins(%w : tensor<16x160xf32>) outs(%x : tensor<16x160xf32>) -> tensor<16x160xf32>
  return %y : tensor<16x160xf32>
}

// -----
// CHECK-LABEL: func @moved_once
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "it is moved once for several users"}
// CHECK-NEXT: linalg.transpose
// CHECK-NEXT: linalg.exp
// CHECK-NEXT: linalg.tanh
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @moved_once(%0: !w, %e: tensor<64x128xf32>) -> (tensor<64x128xf32>, tensor<64x128xf32>) {
  // expected-error @below {{it is moved once for several users}}
  %w = compress.decode %0 : !w
  %t = linalg.transpose ins(%w : tensor<128x64xf32>) outs(%e : tensor<64x128xf32>) permutation = [1, 0]
  %a = linalg.exp ins(%t : tensor<64x128xf32>) outs(%e : tensor<64x128xf32>) -> tensor<64x128xf32>
  %b = linalg.tanh ins(%t : tensor<64x128xf32>) outs(%e : tensor<64x128xf32>) -> tensor<64x128xf32>
  return %a, %b : tensor<64x128xf32>, tensor<64x128xf32>
}

// -----
// The weight is an image here: windows overlap.
// CHECK-LABEL: func @image
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its user reads it at computed places"}
// CHECK-NEXT: linalg.pooling_nhwc_sum
!w = !compress.tensor<1x32x32x2xf32, #compress.quant<i8, block = [1, 1, 1, 1], scale = f32>>
func.func @image(%0: !w, %k: tensor<3x3xf32>, %i: tensor<1x30x30x2xf32>) -> tensor<1x30x30x2xf32> {
  // expected-error @below {{its user reads it at computed places}}
  %w = compress.decode %0 : !w
  %y = linalg.pooling_nhwc_sum ins(%w, %k : tensor<1x32x32x2xf32>, tensor<3x3xf32>) outs(%i : tensor<1x30x30x2xf32>) -> tensor<1x30x30x2xf32>
  return %y : tensor<1x30x30x2xf32>
}

// -----
// The weight is what is added to.
// CHECK-LABEL: func @init
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its user 'linalg.matmul' cannot be cut into tiles"}
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @init(%0: !w, %a: tensor<128x4xf32>, %b: tensor<4x64xf32>) -> tensor<128x64xf32> {
  // expected-error @below {{its user 'linalg.matmul' cannot be cut into tiles}}
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%a, %b : tensor<128x4xf32>, tensor<4x64xf32>) outs(%w : tensor<128x64xf32>) -> tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}

// -----
// Arithmetic on tensors is no linalg op; the pipeline makes it one first.
// CHECK-LABEL: func @arith
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its user 'arith.addf' cannot be cut into tiles"}
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @arith(%0: !w, %x: tensor<128x64xf32>) -> tensor<128x64xf32> {
  // expected-error @below {{its user 'arith.addf' cannot be cut into tiles}}
  %w = compress.decode %0 : !w
  %y = arith.addf %x, %w : tensor<128x64xf32>
  return %y : tensor<128x64xf32>
}

// -----
// An op with two uses of one weight: one is fused, and the other says why not.
// CHECK-LABEL: func @twice
// CHECK: %[[W:.*]] = compress.decode %{{.*}} {compress.dense_reason = "its user 'tensor.extract_slice' cannot be cut into tiles"}
// CHECK: scf.for
// CHECK: tensor.extract_slice %[[W]]
// CHECK: compress.decode %{{.*}} : !compress.tensor<16x64xf32,
!w = !compress.tensor<64x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @twice(%0: !w, %e: tensor<64x64xf32>) -> tensor<64x64xf32> {
  // expected-error @below {{its user 'tensor.extract_slice' cannot be cut into tiles}}
  %w = compress.decode %0 : !w
  %y = linalg.mul ins(%w, %w : tensor<64x64xf32>, tensor<64x64xf32>) outs(%e : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// -----
// A row is chosen by data. Along packed codes, that would be a part of a byte.
// CHECK-LABEL: func @along_blocks
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "it is looked up along dimension 1, along which its codec packs elements"}
// CHECK-NOT: scf.for
!w = !compress.tensor<64x100xf32, #compress.quant<i4, block = [1, 50], scale = f16>>
func.func @along_blocks(%0: !w, %ids: tensor<8xindex>, %i: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // expected-error @below {{it is looked up along dimension 1, along which its codec packs elements}}
  %w = compress.decode %0 : !w
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
// So would be a part of each row.
// CHECK-LABEL: func @part_of_rows
// CHECK: compress.dense_reason = "it is looked up along dimension 1, along which its codec packs elements"
!w = !compress.tensor<100x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func @part_of_rows(%0: !w, %ids: tensor<8xindex>, %i: tensor<8x60xf32>) -> tensor<8x60xf32> {
  // expected-error @below {{it is looked up along dimension 1}}
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<8xindex>) outs(%i : tensor<8x60xf32>) {
  ^bb0(%id: index, %out: f32):
    %col = linalg.index 1 : index
    %v = tensor.extract %w[%id, %col] : tensor<100x64xf32>
    linalg.yield %v : f32
  } -> tensor<8x60xf32>
  return %y : tensor<8x60xf32>
}

// -----
// A diagonal: one loop along both dimensions.
// CHECK-LABEL: func @diagonal
// CHECK: compress.dense_reason = "the op that looks it up uses one loop for two indices"
// CHECK-NOT: scf.for
!w = !compress.tensor<64x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
func.func @diagonal(%0: !w, %i: tensor<64xf32>) -> tensor<64xf32> {
  // expected-error @below {{the op that looks it up uses one loop for two indices}}
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(d) -> (d)>], iterator_types = ["parallel"]} outs(%i : tensor<64xf32>) {
  ^bb0(%out: f32):
    %at = linalg.index 0 : index
    %v = tensor.extract %w[%at, %at] : tensor<64x64xf32>
    linalg.yield %v : f32
  } -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// -----
// The column's loop chooses the row too.
// CHECK-LABEL: func @skewed
// CHECK: compress.dense_reason = "the op that looks it up uses one loop for two indices"
!w = !compress.tensor<128x64xf32, #compress.quant<i8, block = [1, 64], scale = f16>>
func.func @skewed(%0: !w, %ids: tensor<64xindex>, %i: tensor<64xf32>) -> tensor<64xf32> {
  // expected-error @below {{the op that looks it up uses one loop for two indices}}
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>], iterator_types = ["parallel"]}
    ins(%ids : tensor<64xindex>) outs(%i : tensor<64xf32>) {
  ^bb0(%row: index, %out: f32):
    %col = linalg.index 0 : index
    %v = tensor.extract %w[%row, %col] : tensor<128x64xf32>
    linalg.yield %v : f32
  } -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// -----
// CHECK-LABEL: func @outside
// CHECK: compress.dense_reason = "it is looked up outside of a linalg.generic"
!w = !compress.tensor<100x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func @outside(%0: !w, %at: index) -> f32 {
  // expected-error @below {{it is looked up outside of a linalg.generic}}
  %w = compress.decode %0 : !w
  %v = tensor.extract %w[%at, %at] : tensor<100x64xf32>
  return %v : f32
}

// -----
// CHECK-LABEL: func @sums
// CHECK: compress.dense_reason = "the op that looks it up reduces"
!w = !compress.tensor<100x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func @sums(%0: !w, %ids: tensor<8xindex>, %e: tensor<64xf32>, %i: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{the op that looks it up reduces}}
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (d)>, affine_map<(s, d) -> (s)>], iterator_types = ["parallel", "reduction"]}
    ins(%ids, %e : tensor<8xindex>, tensor<64xf32>) outs(%i : tensor<8xf32>) {
  ^bb0(%id: index, %z: f32, %out: f32):
    %col = linalg.index 1 : index
    %v = tensor.extract %w[%id, %col] : tensor<100x64xf32>
    %sum = arith.addf %v, %out : f32
    linalg.yield %sum : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----
// A row is more than a tile, and a prime.
// CHECK-LABEL: func @prime_rows
// CHECK: compress.dense_reason = "tiles do not divide its dimension 1"
// CHECK-NOT: scf.for
!w = !compress.tensor<10x2003xf32, #compress.quant<i8, block = [1, 1], scale = f16>>
func.func @prime_rows(%0: !w, %ids: tensor<8xindex>, %i: tensor<8x2003xf32>) -> tensor<8x2003xf32> {
  // expected-error @below {{tiles do not divide its dimension 1}}
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<8xindex>) outs(%i : tensor<8x2003xf32>) {
  ^bb0(%id: index, %out: f32):
    %col = linalg.index 1 : index
    %v = tensor.extract %w[%id, %col] : tensor<10x2003xf32>
    linalg.yield %v : f32
  } -> tensor<8x2003xf32>
  return %y : tensor<8x2003xf32>
}

// -----
// Lookups go no further than the decode itself.
// CHECK-LABEL: func @moved_rows
// CHECK: compress.dense_reason = "its user 'tensor.extract' cannot be cut into tiles"
!w = !compress.tensor<64x100xf32, #compress.quant<i8, block = [64, 1], scale = f16>>
func.func @moved_rows(%0: !w, %ids: tensor<8xindex>, %e: tensor<100x64xf32>, %i: tensor<8x64xf32>) -> tensor<8x64xf32> {
  // expected-error @below {{its user 'tensor.extract' cannot be cut into tiles}}
  %w = compress.decode %0 : !w
  %t = linalg.transpose ins(%w : tensor<64x100xf32>) outs(%e : tensor<100x64xf32>) permutation = [1, 0]
  %y = linalg.generic {indexing_maps = [affine_map<(s, d) -> (s)>, affine_map<(s, d) -> (s, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%ids : tensor<8xindex>) outs(%i : tensor<8x64xf32>) {
  ^bb0(%id: index, %out: f32):
    %col = linalg.index 1 : index
    %v = tensor.extract %t[%id, %col] : tensor<100x64xf32>
    linalg.yield %v : f32
  } -> tensor<8x64xf32>
  return %y : tensor<8x64xf32>
}

// -----
// A user that is known to have one row, of a weight that is not.
// CHECK-LABEL: func @one_row
// CHECK: compress.dense_reason = "its user has one iteration where it has a dynamic size"
!w = !compress.tensor<?x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @one_row(%0: !w, %x: tensor<1x64xf32>, %i: tensor<1x64xf32>) -> tensor<1x64xf32> {
  // expected-error @below {{is decoded as a whole, to 'tensor<?x64xf32>': its user has one iteration where it has a dynamic size}}
  %w = compress.decode %0 : !w
  %y = linalg.sub ins(%x, %w : tensor<1x64xf32>, tensor<?x64xf32>) outs(%i : tensor<1x64xf32>) -> tensor<1x64xf32>
  return %y : tensor<1x64xf32>
}

// -----
// Asking for a size is no use that counts.
// CHECK-LABEL: func @measured
// CHECK: compress.decode %{{.*}} {compress.dense_reason = "its user 'func.return' cannot be cut into tiles"}
// CHECK: tensor.dim
// CHECK: scf.for
// CHECK: compress.decode {{.*}} !compress.tensor<1x64xf32,
!w = !compress.tensor<?x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @measured(%0: !w, %e: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  // expected-error @below {{is decoded as a whole, to 'tensor<?x64xf32>': its user 'func.return' cannot be cut into tiles}}
  %w = compress.decode %0 : !w
  %y = linalg.exp ins(%w : tensor<?x64xf32>) outs(%e : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %y, %w : tensor<?x64xf32>, tensor<?x64xf32>
}
