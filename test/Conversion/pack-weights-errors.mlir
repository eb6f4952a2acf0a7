// What cannot be packed stays, byte by byte, and a remark says why. The pass never fails.
// RUN: compress-opt %s --compress-pack-weights --split-input-file | FileCheck %s --implicit-check-not="compress.tiled"
// RUN: compress-opt %s --compress-pack-weights --remarks-filter="compress-pack-weights" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK --implicit-check-not="[Passed]"

// A weight that is handed in has no bytes to move. Of this one, nothing is said: it is a value like any other.
// CHECK-LABEL: func @argument
// CHECK: %[[W:.*]] = compress.decode %{{.*}} : !compress.tensor<4x4xf32, #compress.quant<
// CHECK: linalg.matmul ins(%{{.*}}, %[[W]]
!w = !compress.tensor<4x4xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
func.func @argument(%0: !w, %x: tensor<3x4xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x4xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// CHECK-LABEL: func @part_argument
// REMARK: :[[#@LINE+4]]:8: remark: [Missed] PackWeights | Category:compress-pack-weights | Reason="its components are not all constants with data"
// CHECK: compress.assemble {{.*}} -> !compress.tensor<4x4xf32, #compress.quant<
func.func @part_argument(%c: tensor<4x4xi8>, %x: tensor<3x4xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %s = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %0 = compress.assemble %c, %s : tensor<4x4xi8>, tensor<1x4xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x4xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----
// A resource without data.
// REMARK: Reason="its components are not all constants with data"
// CHECK-LABEL: func @absent
// CHECK: dense_resource<absent>
!w = !compress.tensor<4x4xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
func.func @absent(%x: tensor<3x4xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %c = arith.constant dense_resource<absent> : tensor<4x4xi8>
  %s = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %0 = compress.assemble %c, %s : tensor<4x4xi8>, tensor<1x4xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x4xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----
// A mutable global may change.
// REMARK: Reason="its components are not all constants with data"
// CHECK-LABEL: func @mutable
// CHECK: ml_program.global_load @c
!w = !compress.tensor<4x4xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
ml_program.global private mutable @c(dense<[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]> : tensor<4x4xi8>) : tensor<4x4xi8>
func.func @mutable(%x: tensor<3x4xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %c = ml_program.global_load @c : tensor<4x4xi8>
  %s = arith.constant dense<[[1.0, 2.0, 3.0, 4.0]]> : tensor<1x4xf32>
  %0 = compress.assemble %c, %s : tensor<4x4xi8>, tensor<1x4xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x4xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// -----
// Users that want the rows and the columns in the lanes.
// REMARK: Reason="its users reduce different dimensions"
// CHECK-LABEL: func @disagree
!w = !compress.tensor<4x4xf32, #compress.quant<i8, block = [4, 4], scale = f32>>
func.func @disagree(%x: tensor<3x4xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %c = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]> : tensor<4x4xi8>
  %s = arith.constant dense_resource<one> : tensor<1x1xf32>
  %0 = compress.assemble %c, %s : tensor<4x4xi8>, tensor<1x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x4xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
  %z = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x4xf32>, tensor<4x4xf32>) outs(%y : tensor<3x4xf32>) -> tensor<3x4xf32>
  return %z : tensor<3x4xf32>
}
{-# dialect_resources: { builtin: { one: "0x040000000000803F" } } #-}

// -----
// Tied, but for one of the two places: both stay. An embedding that is its own output layer is like this.
// REMARK: Reason="its user 'linalg.exp' is no floating-point contraction"
// CHECK-LABEL: func @contracted
// CHECK-LABEL: func @elsewhere
!w = !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
func.func @contracted(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
func.func @elsewhere(%e: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.exp ins(%w : tensor<4x2xf32>) outs(%e : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----
// Each user that is no decode, or no contraction that a kernel computes.
!w = !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
// REMARK: Reason="it is used by 'func.return'"
// CHECK-LABEL: func @returned
func.func @returned() -> !w {
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  return %0 : !w
}

// -----
// REMARK: Reason="nothing uses it"
// CHECK-LABEL: func @unused
!w = !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
func.func @unused() {
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  return
}

// -----
// It is what is added to.
// REMARK: Reason="its user 'linalg.matmul' is no floating-point contraction"
// CHECK-LABEL: func @init
!w = !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
func.func @init(%a: tensor<4x3xf32>, %b: tensor<3x2xf32>) -> tensor<4x2xf32> {
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%a, %b : tensor<4x3xf32>, tensor<3x2xf32>) outs(%w : tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}

// -----
// Another sum than that of products: the largest product.
// REMARK: Reason="its user 'linalg.generic' is no floating-point contraction"
// CHECK-LABEL: func @largest
!w = !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
func.func @largest(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.maximumf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// The weight against itself.
// REMARK: Reason="its contraction multiplies it by itself"
// CHECK-LABEL: func @gram
!w = !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 4], scale = f32>>
func.func @gram(%i: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %c = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, 8]]> : tensor<2x4xi8>
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x4xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%w, %w : tensor<2x4xf32>, tensor<2x4xf32>) outs(%i : tensor<2x2xf32>) -> tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}

// -----
// Sums in f64.
// REMARK: Reason="an operand of the contraction is not f32, f16 or bf16"
// CHECK-LABEL: func @double
!w = !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
func.func @double(%x: tensor<3x4xf32>, %i: tensor<3x2xf64>) -> tensor<3x2xf64> {
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %0 = compress.assemble %c, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf64>) -> tensor<3x2xf64>
  return %y : tensor<3x2xf64>
}

// -----
// Two dimensions of outputs, or two that are reduced.
// REMARK: Reason="its contraction has not exactly one output and one reduced dimension of the weight"
// REMARK: Reason="its contraction has not exactly one output and one reduced dimension of the weight"
// CHECK-LABEL: func @two
!n = !compress.tensor<2x2x2xf32, #compress.quant<i8, block = [1, 1, 2], scale = f32>>
!k = !compress.tensor<1x2x2xf32, #compress.quant<i8, block = [1, 1, 2], scale = f32>>
func.func @two(%x: tensor<3x2xf32>, %z: tensor<3x2x2xf32>, %i: tensor<3x2x2xf32>, %j: tensor<3x1xf32>) -> (tensor<3x2x2xf32>, tensor<3x1xf32>) {
  %c = arith.constant dense<[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]> : tensor<2x2x2xi8>
  %s = arith.constant dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x2x2xi8>, tensor<2x2x1xf32> -> !n
  %w = compress.decode %0 : !n
  %y = linalg.contract indexing_maps = [affine_map<(m, a, b, k) -> (m, k)>, affine_map<(m, a, b, k) -> (a, b, k)>, affine_map<(m, a, b, k) -> (m, a, b)>]
    ins(%x, %w : tensor<3x2xf32>, tensor<2x2x2xf32>) outs(%i : tensor<3x2x2xf32>) -> tensor<3x2x2xf32>
  %d = arith.constant dense<[[[1, 2], [3, 4]]]> : tensor<1x2x2xi8>
  %t = arith.constant dense<[[[1.0], [2.0]]]> : tensor<1x2x1xf32>
  %1 = compress.assemble %d, %t : tensor<1x2x2xi8>, tensor<1x2x1xf32> -> !k
  %v = compress.decode %1 : !k
  %u = linalg.contract indexing_maps = [affine_map<(m, n, a, b) -> (m, a, b)>, affine_map<(m, n, a, b) -> (n, a, b)>, affine_map<(m, n, a, b) -> (m, n)>]
    ins(%z, %v : tensor<3x2x2xf32>, tensor<1x2x2xf32>) outs(%j : tensor<3x1xf32>) -> tensor<3x1xf32>
  return %y, %u : tensor<3x2x2xf32>, tensor<3x1xf32>
}

// -----
// Batches of the weight only.
// REMARK: Reason="its contraction has not exactly one output and one reduced dimension of the weight"
// CHECK-LABEL: func @broadcast
!w = !compress.tensor<2x4x2xf32, #compress.quant<i8, block = [1, 4, 1], scale = f32>>
func.func @broadcast(%x: tensor<3x4xf32>, %i: tensor<2x3x2xf32>) -> tensor<2x3x2xf32> {
  %c = arith.constant dense<[[[1, 2], [3, 4], [5, 6], [7, 8]], [[-1, 2], [3, 4], [5, 6], [7, 8]]]> : tensor<2x4x2xi8>
  %s = arith.constant dense<[[[1.0, 2.0]], [[3.0, 4.0]]]> : tensor<2x1x2xf32>
  %0 = compress.assemble %c, %s : tensor<2x4x2xi8>, tensor<2x1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.batch_matmul indexing_maps = [affine_map<(b, m, n, k) -> (m, k)>, affine_map<(b, m, n, k) -> (b, k, n)>, affine_map<(b, m, n, k) -> (b, m, n)>]
    ins(%x, %w : tensor<3x4xf32>, tensor<2x4x2xf32>) outs(%i : tensor<2x3x2xf32>) -> tensor<2x3x2xf32>
  return %y : tensor<2x3x2xf32>
}

// -----
// Rows that are summed too; outputs that are repeated.
// REMARK: Reason="an operand of its contraction is broadcast"
// REMARK: Reason="an operand of its contraction is broadcast"
// CHECK-LABEL: func @repeated
!w = !compress.tensor<4x2xf32, #compress.quant<i8, block = [4, 1], scale = f32>>
func.func @repeated(%x: tensor<3x4xf32>, %v: tensor<4xf32>, %i: tensor<2xf32>, %j: tensor<5x2xf32>) -> (tensor<2xf32>, tensor<5x2xf32>) {
  %s = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %c = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %0 = compress.assemble %c, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (n)>],
                       iterator_types = ["reduction", "parallel", "reduction"]}
    ins(%x, %w : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<2xf32>
  %d = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 9]]> : tensor<4x2xi8>
  %1 = compress.assemble %d, %s : tensor<4x2xi8>, tensor<1x2xf32> -> !w
  %u = compress.decode %1 : !w
  %z = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%v, %u : tensor<4xf32>, tensor<4x2xf32>) outs(%j : tensor<5x2xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<5x2xf32>
  return %y, %z : tensor<2xf32>, tensor<5x2xf32>
}

// -----
// 32 bits of a lane do not hold whole codes of 3.
// REMARK: Reason="its codec has no layout for the kernel"
// CHECK-LABEL: func @three_bits
!w = !compress.tensor<2x8xf32, #compress.quant<i3, block = [1, 8], scale = f32>>
func.func @three_bits(%x: tensor<3x8xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi8>
  %s = arith.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %0 = compress.assemble %c, %s : tensor<2x3xi8>, tensor<2x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x8xf32>, tensor<2x8xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// Tiles of 4 cut blocks of 6.
// REMARK: Reason="its codec has no layout for the kernel"
// CHECK-LABEL: func @cut_blocks
!w = !compress.tensor<2x8xf32, #compress.quant<i8, block = [1, 6], scale = f32>>
func.func @cut_blocks(%x: tensor<3x8xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense<[[1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12, 13, 14, 15, 16]]> : tensor<2x8xi8>
  %s = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %0 = compress.assemble %c, %s : tensor<2x8xi8>, tensor<2x2xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x8xf32>, tensor<2x8xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}

// -----
// A tile with several scales for a lane, or one for some of its lanes. Kernels load one scale, or one a lane.
// REMARK: Reason="its codec has no layout for the kernel"
// REMARK: Reason="its codec has no layout for the kernel"
// REMARK: Reason="its codec has no layout for the kernel"
// CHECK-LABEL: func @small_blocks
!k = !compress.tensor<2x4xf32, #compress.quant<i8, block = [1, 2], scale = f32>>
!n = !compress.tensor<32x1xf32, #compress.quant<i8, block = [8, 1], scale = f32>>
!kn = !compress.tensor<4x2xf32, #compress.quant<i8, block = [1, 2], scale = f32>>
func.func @small_blocks(%x: tensor<3x4xf32>, %z: tensor<3x1xf32>, %i: tensor<3x2xf32>, %j: tensor<3x32xf32>) -> (tensor<3x2xf32>, tensor<3x32xf32>, tensor<3x2xf32>) {
  %c0 = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, 8]]> : tensor<2x4xi8>
  %s0 = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %p0 = compress.assemble %c0, %s0 : tensor<2x4xi8>, tensor<2x2xf32> -> !k
  %w0 = compress.decode %p0 : !k
  %0 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w0 : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %c1 = arith.constant dense<"0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"> : tensor<32x1xi8>
  %s1 = arith.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %p1 = compress.assemble %c1, %s1 : tensor<32x1xi8>, tensor<4x1xf32> -> !n
  %w1 = compress.decode %p1 : !n
  %1 = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%z, %w1 : tensor<3x1xf32>, tensor<32x1xf32>) outs(%j : tensor<3x32xf32>) -> tensor<3x32xf32>
  // Blocks along n, where another dimension is reduced.
  %c2 = arith.constant dense<[[1, 2], [3, 4], [5, 6], [7, 8]]> : tensor<4x2xi8>
  %s2 = arith.constant dense<[[1.0], [2.0], [3.0], [4.0]]> : tensor<4x1xf32>
  %p2 = compress.assemble %c2, %s2 : tensor<4x2xi8>, tensor<4x1xf32> -> !kn
  %w2 = compress.decode %p2 : !kn
  %2 = linalg.matmul ins(%x, %w2 : tensor<3x4xf32>, tensor<4x2xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %0, %1, %2 : tensor<3x2xf32>, tensor<3x32xf32>, tensor<3x2xf32>
}

// -----
// No elements.
// REMARK: Reason="it is empty"
// CHECK-LABEL: func @empty
!w = !compress.tensor<0x4xf32, #compress.quant<i8, block = [1, 4], scale = f32>>
func.func @empty(%x: tensor<3x4xf32>, %i: tensor<3x0xf32>) -> tensor<3x0xf32> {
  %c = arith.constant dense_resource<none> : tensor<0x4xi8>
  %s = arith.constant dense_resource<none> : tensor<0x1xf32>
  %0 = compress.assemble %c, %s : tensor<0x4xi8>, tensor<0x1xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x4xf32>, tensor<0x4xf32>) outs(%i : tensor<3x0xf32>) -> tensor<3x0xf32>
  return %y : tensor<3x0xf32>
}
{-# dialect_resources: { builtin: { none: "0x04000000" } } #-}

// -----
// Components that are compressed again: they would be packed with the others.
// REMARK: Reason="its codec has no layout for the kernel"
// CHECK-LABEL: func @nested
!q = !compress.tensor<2x1xf32, #compress.quant<u8, block = [2, 1], scale = f32>>
!w = !compress.tensor<2x4xf32, #compress.nested<#compress.quant<i8, block = [1, 4], scale = f32>, scales = #compress.quant<u8, block = [2, 1], scale = f32>>>
func.func @nested(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %c = arith.constant dense<[[1, 2, 3, 4], [5, 6, 7, 8]]> : tensor<2x4xi8>
  %s = arith.constant dense<[[1], [2]]> : tensor<2x1xi8>
  %t = arith.constant dense_resource<one> : tensor<1x1xf32>
  %q = compress.assemble %s, %t : tensor<2x1xi8>, tensor<1x1xf32> -> !q
  %0 = compress.assemble %c, %q : tensor<2x4xi8>, !q -> !w
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
{-# dialect_resources: { builtin: { one: "0x040000000000803F" } } #-}
