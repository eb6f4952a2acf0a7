// RUN: compress-opt %s --compress-form-kernels --canonicalize --split-input-file | FileCheck %s
// RUN: compress-opt %s --compress-form-kernels --remarks-filter="compress-form-kernels" --split-input-file -o %t 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK-COUNT-17: remark: [Passed] FormKernels | Category:compress-form-kernels | Remark="formed compress.contract"
// REMARK-NOT: remark:

// [N, K], any number of rows.
// CHECK-DAG: #[[NK:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-DAG: #[[KN:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-LABEL: func @nk
// CHECK-SAME: %[[C:.*]]: tensor<2x3x16x4xi8>, %[[S:.*]]: tensor<2x1x16x1xf32>, %[[X:.*]]: tensor<?x10xf32>, %[[I:.*]]: tensor<?x20xf32>)
// CHECK-NEXT: %[[Y:.*]] = compress.contract ins(%[[X]], %[[C]], %[[S]] : tensor<?x10xf32>, tensor<2x3x16x4xi8>, tensor<2x1x16x1xf32>) outs(%[[I]] : tensor<?x20xf32>)
// CHECK-SAME: weight(!compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>, #[[NK]]) -> tensor<?x20xf32>
// CHECK-NEXT: return %[[Y]]
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
!nk = !compress.tensor<20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
!kn = !compress.tensor<10x20xf32, #compress.tiled<#compress.quant<i8, block = [10, 1], scale = f32>, tile = [4, 16], order = [1, 0]>>
func.func @nk(%c: tensor<2x3x16x4xi8>, %s: tensor<2x1x16x1xf32>, %x: tensor<?x10xf32>, %i: tensor<?x20xf32>) -> tensor<?x20xf32> {
  %0 = compress.assemble %c, %s : tensor<2x3x16x4xi8>, tensor<2x1x16x1xf32> -> !nk
  %w = compress.decode %0 : !nk
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x10xf32>, tensor<20x10xf32>) outs(%i : tensor<?x20xf32>) -> tensor<?x20xf32>
  return %y : tensor<?x20xf32>
}

// [K, N], with operands of f16: sums are in f32, and rounded once.
// CHECK-LABEL: func @kn
// CHECK-SAME: %[[W:.*]]: !compress.tensor<10x20xf32, {{.*}}>, %[[X:[a-z0-9]+]]: tensor<3x10xf16>, %[[I:[a-z0-9]+]]: tensor<3x20xf16>)
// CHECK-DAG: %[[P:.*]]:2 = compress.components %[[W]]
// CHECK-DAG: %[[XF:.*]] = arith.extf %[[X]] : tensor<3x10xf16> to tensor<3x10xf32>
// CHECK-DAG: %[[IF:.*]] = arith.extf %[[I]] : tensor<3x20xf16> to tensor<3x20xf32>
// CHECK: %[[Y:.*]] = compress.contract ins(%[[XF]], %[[P]]#0, %[[P]]#1 : {{.*}}) outs(%[[IF]] : tensor<3x20xf32>) weight(!compress.tensor<10x20xf32, {{.*}}>, #[[KN]])
// CHECK: %[[R:.*]] = arith.truncf %[[Y]] : tensor<3x20xf32> to tensor<3x20xf16>
// CHECK: return %[[R]]
func.func @kn(%0: !kn, %x: tensor<3x10xf16>, %i: tensor<3x20xf16>) -> tensor<3x20xf16> {
  %w = compress.decode %0 : !kn
  %y = linalg.matmul ins(%x, %w : tensor<3x10xf16>, tensor<10x20xf32>) outs(%i : tensor<3x20xf16>) -> tensor<3x20xf16>
  return %y : tensor<3x20xf16>
}

// The weight on the left: the rows of the kernel are the columns of the other operand.
// CHECK-LABEL: func @left
// CHECK-SAME: %{{.*}}: !compress.tensor<20x10xf32, {{.*}}>, %[[X:[a-z0-9]+]]: tensor<10x?xf32>, %[[I:[a-z0-9]+]]: tensor<20x?xf32>)
// CHECK: %[[XT:.*]] = linalg.transpose ins(%[[X]] : tensor<10x?xf32>) outs(%{{.*}} : tensor<?x10xf32>) permutation = [1, 0]
// CHECK: %[[IT:.*]] = linalg.transpose ins(%[[I]] : tensor<20x?xf32>) outs(%{{.*}} : tensor<?x20xf32>) permutation = [1, 0]
// CHECK: %[[Y:.*]] = compress.contract ins(%[[XT]], {{.*}}) outs(%[[IT]] : tensor<?x20xf32>) weight({{.*}}, #[[NK]])
// CHECK: %[[R:.*]] = linalg.transpose ins(%[[Y]] : tensor<?x20xf32>) outs(%{{.*}} : tensor<20x?xf32>) permutation = [1, 0]
// CHECK: return %[[R]]
func.func @left(%0: !nk, %x: tensor<10x?xf32>, %i: tensor<20x?xf32>) -> tensor<20x?xf32> {
  %w = compress.decode %0 : !nk
  %y = linalg.matmul ins(%w, %x : tensor<20x10xf32>, tensor<10x?xf32>) outs(%i : tensor<20x?xf32>) -> tensor<20x?xf32>
  return %y : tensor<20x?xf32>
}

// The same as linalg.generic, with a cast in its body: no more than that of decode is rounded.
// CHECK-LABEL: func @generic
// CHECK: %[[XT:.*]] = linalg.transpose ins(%{{.*}} : tensor<10x6xf32>) outs(%{{.*}} : tensor<6x10xf32>) permutation = [1, 0]
// CHECK-NOT: linalg
// CHECK: compress.contract ins(%[[XT]], {{.*}}) outs(%{{.*}} : tensor<6x20xf32>) weight(!compress.tensor<20x10xf16, {{.*}}>, #[[NK]]) -> tensor<6x20xf32>
// CHECK-NEXT: return
func.func @generic(%0: !compress.tensor<20x10xf16, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>,
                   %x: tensor<10x6xf32>, %i: tensor<6x20xf32>) -> tensor<6x20xf32> {
  %w = compress.decode %0 : !compress.tensor<20x10xf16, #compress.tiled<#compress.quant<i8, block = [1, 10], scale = f32>, tile = [16, 4], order = [0, 1]>>
  %y = linalg.generic {indexing_maps = [affine_map<(k, m, n) -> (n, k)>, affine_map<(k, m, n) -> (k, m)>, affine_map<(k, m, n) -> (m, n)>],
                       iterator_types = ["reduction", "parallel", "parallel"]}
    ins(%w, %x : tensor<20x10xf16>, tensor<10x6xf32>) outs(%i : tensor<6x20xf32>) {
  ^bb0(%a: f16, %b: f32, %o: f32):
    %c = arith.extf %a : f16 to f32
    %p = arith.mulf %c, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<6x20xf32>
  return %y : tensor<6x20xf32>
}

// A vector is one row.
// CHECK-LABEL: func @matvec
// CHECK: %[[X:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0, 1]] output_shape [1, 10] : tensor<10xf32> into tensor<1x10xf32>
// CHECK: %[[I:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0, 1]] output_shape [1, 20] : tensor<20xf32> into tensor<1x20xf32>
// CHECK: %[[Y:.*]] = compress.contract ins(%[[X]], {{.*}}) outs(%[[I]] : tensor<1x20xf32>) weight({{.*}}, #[[NK]])
// CHECK: tensor.collapse_shape %[[Y]] {{\[}}[0, 1]] : tensor<1x20xf32> into tensor<20xf32>
func.func @matvec(%0: !nk, %x: tensor<10xf32>, %i: tensor<20xf32>) -> tensor<20xf32> {
  %w = compress.decode %0 : !nk
  %y = linalg.matvec ins(%w, %x : tensor<20x10xf32>, tensor<10xf32>) outs(%i : tensor<20xf32>) -> tensor<20xf32>
  return %y : tensor<20xf32>
}

// Sizes of it that are not known are those of the weight.
// CHECK-LABEL: func @vecmat
// CHECK: %[[X:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0, 1]] output_shape [1, %{{.*}}] : tensor<?xf32> into tensor<1x?xf32>
// CHECK: compress.contract ins(%[[X]], {{.*}}) outs(%{{.*}} : tensor<1x?xf32>) weight({{.*}}, #[[KN]])
func.func @vecmat(%0: !kn, %x: tensor<?xf32>, %i: tensor<?xf32>) -> tensor<?xf32> {
  %w = compress.decode %0 : !kn
  %y = linalg.vecmat ins(%x, %w : tensor<?xf32>, tensor<10x20xf32>) outs(%i : tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// Two users: both are kernels of one weight, whose decode goes.
// CHECK-LABEL: func @two_users
// CHECK-NOT: compress.decode
// CHECK-COUNT-2: compress.contract {{.*}} weight({{.*}}, #[[NK]])
func.func @two_users(%0: !nk, %x: tensor<3x10xf32>, %i: tensor<3x20xf32>) -> tensor<3x20xf32> {
  %w = compress.decode %0 : !nk
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x10xf32>, tensor<20x10xf32>) outs(%i : tensor<3x20xf32>) -> tensor<3x20xf32>
  %z = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x10xf32>, tensor<20x10xf32>) outs(%y : tensor<3x20xf32>) -> tensor<3x20xf32>
  return %z : tensor<3x20xf32>
}

// Several dimensions of rows are one, in the order of the output; a dynamic one at most comes back by expansion.
// CHECK-LABEL: func @rows
// CHECK-SAME: %{{.*}}: !compress.tensor<20x10xf32, {{.*}}>, %[[X:[a-z0-9]+]]: tensor<?x10x5xf32>, %[[I:[a-z0-9]+]]: tensor<5x20x?xf32>)
// CHECK: %[[XT:.*]] = linalg.transpose ins(%[[X]] : tensor<?x10x5xf32>) outs(%{{.*}} : tensor<5x?x10xf32>) permutation = [2, 0, 1]
// CHECK: %[[XM:.*]] = tensor.collapse_shape %[[XT]] {{\[}}[0, 1], [2]] : tensor<5x?x10xf32> into tensor<?x10xf32>
// CHECK: %[[IT:.*]] = linalg.transpose ins(%[[I]] : tensor<5x20x?xf32>) outs(%{{.*}} : tensor<5x?x20xf32>) permutation = [0, 2, 1]
// CHECK: %[[IM:.*]] = tensor.collapse_shape %[[IT]] {{\[}}[0, 1], [2]] : tensor<5x?x20xf32> into tensor<?x20xf32>
// CHECK: %[[Y:.*]] = compress.contract ins(%[[XM]], {{.*}}) outs(%[[IM]] : tensor<?x20xf32>) weight({{.*}}, #[[NK]])
// CHECK: %[[YE:.*]] = tensor.expand_shape %[[Y]] {{\[}}[0, 1], [2]] output_shape [5, %{{.*}}, 20] : tensor<?x20xf32> into tensor<5x?x20xf32>
// CHECK: linalg.transpose ins(%[[YE]] : tensor<5x?x20xf32>) outs(%{{.*}} : tensor<5x20x?xf32>) permutation = [0, 2, 1]
func.func @rows(%0: !nk, %x: tensor<?x10x5xf32>, %i: tensor<5x20x?xf32>) -> tensor<5x20x?xf32> {
  %w = compress.decode %0 : !nk
  %y = linalg.contract indexing_maps = [affine_map<(a, b, n, k) -> (b, k, a)>, affine_map<(a, b, n, k) -> (n, k)>, affine_map<(a, b, n, k) -> (a, n, b)>]
    ins(%x, %w : tensor<?x10x5xf32>, tensor<20x10xf32>) outs(%i : tensor<5x20x?xf32>) -> tensor<5x20x?xf32>
  return %y : tensor<5x20x?xf32>
}

// Outputs first: what goes there by one permutation comes back by its inverse.
// CHECK-LABEL: func @outputs_first
// CHECK: %[[I:.*]] = linalg.transpose ins(%{{.*}} : tensor<20x3x5xf32>) outs(%{{.*}} : tensor<3x5x20xf32>) permutation = [1, 2, 0]
// CHECK: %[[IM:.*]] = tensor.collapse_shape %[[I]] {{\[}}[0, 1], [2]] : tensor<3x5x20xf32> into tensor<15x20xf32>
// CHECK: %[[Y:.*]] = compress.contract {{.*}} outs(%[[IM]] : tensor<15x20xf32>)
// CHECK: %[[YE:.*]] = tensor.expand_shape %[[Y]] {{\[}}[0, 1], [2]] output_shape [3, 5, 20]
// CHECK: linalg.transpose ins(%[[YE]] : tensor<3x5x20xf32>) outs(%{{.*}} : tensor<20x3x5xf32>) permutation = [2, 0, 1]
func.func @outputs_first(%0: !nk, %x: tensor<3x5x10xf32>, %i: tensor<20x3x5xf32>) -> tensor<20x3x5xf32> {
  %w = compress.decode %0 : !nk
  %y = linalg.contract indexing_maps = [affine_map<(a, b, n, k) -> (a, b, k)>, affine_map<(a, b, n, k) -> (n, k)>, affine_map<(a, b, n, k) -> (n, a, b)>]
    ins(%x, %w : tensor<3x5x10xf32>, tensor<20x10xf32>) outs(%i : tensor<20x3x5xf32>) -> tensor<20x3x5xf32>
  return %y : tensor<20x3x5xf32>
}

// Two dynamic ones come back by their sizes.
// CHECK-LABEL: func @dynamic_rows
// CHECK-SAME: %{{.*}}: !compress.tensor<20x10xf32, {{.*}}>, %{{.*}}: tensor<?x?x10xf32>, %[[I:[a-z0-9]+]]: tensor<?x?x20xf32>)
// CHECK-DAG: %[[A:.*]] = tensor.dim %[[I]], %c0
// CHECK-DAG: %[[B:.*]] = tensor.dim %[[I]], %c1
// CHECK-DAG: %[[Y:.*]] = compress.contract {{.*}} -> tensor<?x20xf32>
// CHECK: %[[SHAPE:.*]] = tensor.from_elements %[[A]], %[[B]], %c20
// CHECK: tensor.reshape %[[Y]](%[[SHAPE]]) : (tensor<?x20xf32>, tensor<3xindex>) -> tensor<?x?x20xf32>
func.func @dynamic_rows(%0: !nk, %x: tensor<?x?x10xf32>, %i: tensor<?x?x20xf32>) -> tensor<?x?x20xf32> {
  %w = compress.decode %0 : !nk
  %y = linalg.contract indexing_maps = [affine_map<(a, b, n, k) -> (a, b, k)>, affine_map<(a, b, n, k) -> (n, k)>, affine_map<(a, b, n, k) -> (a, b, n)>]
    ins(%x, %w : tensor<?x?x10xf32>, tensor<20x10xf32>) outs(%i : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return %y : tensor<?x?x20xf32>
}

// -----
// Batches, with bf16 throughout.
// CHECK-DAG: #[[BKN:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d2)>
// CHECK-LABEL: func @batch_matmul
// CHECK: compress.contract ins(%{{.*}} : tensor<3x?x10xf32>, tensor<3x2x3x1x16x4xi8>, tensor<3x2x1x1x16x1xf32>) outs(%{{.*}} : tensor<3x?x20xf32>) weight(!compress.tensor<3x10x20xbf16, {{.*}}>, #[[BKN]])
// CHECK: arith.truncf %{{.*}} : tensor<3x?x20xf32> to tensor<3x?x20xbf16>
!w = !compress.tensor<3x10x20xbf16, #compress.tiled<#compress.quant<i8, block = [1, 10, 1], scale = f32>, tile = [1, 4, 16], order = [0, 2, 1]>>
func.func @batch_matmul(%0: !w, %x: tensor<3x?x10xbf16>, %i: tensor<3x?x20xbf16>) -> tensor<3x?x20xbf16> {
  %w = compress.decode %0 : !w
  %y = linalg.batch_matmul ins(%x, %w : tensor<3x?x10xbf16>, tensor<3x10x20xbf16>) outs(%i : tensor<3x?x20xbf16>) -> tensor<3x?x20xbf16>
  return %y : tensor<3x?x20xbf16>
}

// CHECK-LABEL: func @batch_vecmat
// CHECK: %[[X:.*]] = tensor.expand_shape %{{.*}} {{\[}}[0], [1, 2]] output_shape [3, 1, 10] : tensor<3x10xf32> into tensor<3x1x10xf32>
// CHECK: %[[Y:.*]] = compress.contract ins(%[[X]], {{.*}}) outs(%{{.*}} : tensor<3x1x20xf32>) weight({{.*}}, #[[BKN]])
// CHECK: tensor.collapse_shape %[[Y]] {{\[}}[0], [1, 2]] : tensor<3x1x20xf32> into tensor<3x20xf32>
func.func @batch_vecmat(%0: !w, %x: tensor<3x10xf32>, %i: tensor<3x20xf32>) -> tensor<3x20xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.batch_vecmat ins(%x, %w : tensor<3x10xf32>, tensor<3x10x20xbf16>) outs(%i : tensor<3x20xf32>) -> tensor<3x20xf32>
  return %y : tensor<3x20xf32>
}

// -----
// Two batches, which the other operand and the output have in another order: the weight's counts.
// CHECK-DAG: #[[MAP:.*]] = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
// CHECK-LABEL: func @two_batches
// CHECK: %[[X:.*]] = linalg.transpose ins(%{{.*}} : tensor<5x6x2x10xf32>) outs(%{{.*}} : tensor<2x5x6x10xf32>) permutation = [2, 0, 1, 3]
// CHECK: %[[I:.*]] = linalg.transpose ins(%{{.*}} : tensor<5x2x6x20xf32>) outs(%{{.*}} : tensor<2x5x6x20xf32>) permutation = [1, 0, 2, 3]
// CHECK: %[[Y:.*]] = compress.contract ins(%[[X]], {{.*}}) outs(%[[I]] : tensor<2x5x6x20xf32>) weight(!compress.tensor<2x5x20x10xf32, {{.*}}>, #[[MAP]])
// CHECK: linalg.transpose ins(%[[Y]] : tensor<2x5x6x20xf32>) outs(%{{.*}} : tensor<5x2x6x20xf32>) permutation = [1, 0, 2, 3]
!w = !compress.tensor<2x5x20x10xf32, #compress.tiled<#compress.quant<i8, block = [1, 1, 1, 10], scale = f32>, tile = [1, 1, 16, 4], order = [0, 1, 2, 3]>>
func.func @two_batches(%0: !w, %x: tensor<5x6x2x10xf32>, %i: tensor<5x2x6x20xf32>) -> tensor<5x2x6x20xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.contract indexing_maps = [affine_map<(b, a, m, n, k) -> (b, m, a, k)>, affine_map<(b, a, m, n, k) -> (a, b, n, k)>, affine_map<(b, a, m, n, k) -> (b, a, m, n)>]
    ins(%x, %w : tensor<5x6x2x10xf32>, tensor<2x5x20x10xf32>) outs(%i : tensor<5x2x6x20xf32>) -> tensor<5x2x6x20xf32>
  return %y : tensor<5x2x6x20xf32>
}

// -----
// A convolution: the image as it is, the weight as a matrix of the same bytes, a number of images that is not known.
// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1) -> (d0 floordiv 12, ((d0 mod 12) floordiv 4) * 2 + d1 floordiv 16, d0 mod 4 + (d1 mod 16) floordiv 8, d1 mod 8)>
// CHECK-DAG: #[[MATRIX:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func @conv_nhwc
// CHECK-SAME: %{{.*}}: !compress.tensor<{{.*}}>, %[[X:[a-z0-9]+]]: tensor<?x7x5x8xf32>, %[[I:[a-z0-9]+]]: tensor<?x3x4x20xf32>)
// CHECK-DAG: %[[P:.*]]:2 = compress.components
// CHECK-DAG: %[[C:.*]] = tensor.collapse_shape %[[P]]#0 {{\[}}[0], [1, 2, 3], [4], [5, 6, 7]] : tensor<2x3x2x2x16x1x1x4xi8> into tensor<2x12x16x4xi8>
// CHECK-DAG: %[[S:.*]] = tensor.collapse_shape %[[P]]#1 {{.*}} into tensor<2x1x16x1xf32>
// CHECK-DAG: %[[M:.*]] = tensor.collapse_shape %[[I]] {{\[}}[0, 1, 2], [3]]
// CHECK: compress.contract ins(%[[X]], %[[C]], %[[S]] : {{.*}}) outs(%[[M]] : tensor<?x20xf32>) weight(!compress.tensor<20x48xf32, #compress.tiled<#compress.quant<i8, block = [1, 48], scale = f32>, tile = [16, 4], order = [0, 1]>>, #[[MATRIX]]) window #[[WINDOW]] -> tensor<?x20xf32>
!w = !compress.tensor<3x2x8x20xf32, #compress.tiled<#compress.quant<i8, block = [3, 2, 8, 1], scale = f32>, tile = [1, 1, 4, 16], order = [3, 0, 1, 2]>>
func.func @conv_nhwc(%0: !w, %x: tensor<?x7x5x8xf32>, %i: tensor<?x3x4x20xf32>) -> tensor<?x3x4x20xf32> {
  %w = compress.decode %0 : !w
  %y = linalg.conv_2d_nhwc_hwcf {strides = dense<[2, 1]> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<?x7x5x8xf32>, tensor<3x2x8x20xf32>) outs(%i : tensor<?x3x4x20xf32>) -> tensor<?x3x4x20xf32>
  return %y : tensor<?x3x4x20xf32>
}

// Channels first: the image and the output are transposed.
// CHECK-LABEL: func @conv_nchw
// CHECK: linalg.transpose ins(%{{.*}} : tensor<1x8x5x5xf32>) outs(%{{.*}} : tensor<1x5x5x8xf32>) permutation = [0, 2, 3, 1]
// CHECK: %[[Y:.*]] = compress.contract {{.*}} weight(!compress.tensor<20x48xf32, {{.*}}>, #[[MATRIX]]) window #{{.*}} -> tensor<12x20xf32>
// CHECK: %[[E:.*]] = tensor.expand_shape %[[Y]] {{\[}}[0, 1, 2], [3]] output_shape [1, 3, 4, 20]
// CHECK: linalg.transpose ins(%[[E]] : tensor<1x3x4x20xf32>) outs(%{{.*}} : tensor<1x20x3x4xf32>) permutation = [0, 3, 1, 2]
!v = !compress.tensor<20x8x3x2xf32, #compress.tiled<#compress.quant<i8, block = [1, 8, 3, 2], scale = f32>, tile = [16, 4, 1, 1], order = [0, 2, 3, 1]>>
func.func @conv_nchw(%0: !v, %x: tensor<1x8x5x5xf32>, %i: tensor<1x20x3x4xf32>) -> tensor<1x20x3x4xf32> {
  %w = compress.decode %0 : !v
  %y = linalg.conv_2d_nchw_fchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<1x8x5x5xf32>, tensor<20x8x3x2xf32>) outs(%i : tensor<1x20x3x4xf32>) -> tensor<1x20x3x4xf32>
  return %y : tensor<1x20x3x4xf32>
}

// -----
// Groups are batches, which come first. Rows of the weight's matrix are a group's.
// CHECK-DAG: #[[WINDOW:.*]] = affine_map<(d0, d1, d2) -> (d0, d1 floordiv 12, (d1 mod 12) floordiv 4 + d2 floordiv 16, d1 mod 4 + (d2 mod 16) floordiv 8, d2 mod 8)>
// CHECK-DAG: #[[MATRIX:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d3)>
// CHECK-LABEL: func @conv_groups
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x3x8x5x5xf32>
// CHECK: %[[GROUPS:.*]] = linalg.transpose ins(%[[X]] : tensor<1x3x8x5x5xf32>) outs(%{{.*}} : tensor<3x1x5x5x8xf32>) permutation = [1, 0, 3, 4, 2]
// CHECK: compress.contract ins(%{{.*}}, {{.*}}) outs(%{{.*}} : tensor<3x12x20xf32>)
// CHECK-SAME: weight(!compress.tensor<3x20x48xf32, #compress.tiled<#compress.quant<i8, block = [1, 1, 48], scale = f32>, tile = [1, 16, 4], order = [0, 1, 2]>>, #[[MATRIX]]) window #[[WINDOW]]
// CHECK: linalg.transpose {{.*}} permutation = [1, 0, 4, 2, 3]
!g = !compress.tensor<3x20x8x3x2xf32, #compress.tiled<#compress.quant<i8, block = [1, 1, 8, 3, 2], scale = f32>, tile = [1, 16, 4, 1, 1], order = [0, 1, 3, 4, 2]>>
func.func @conv_groups(%0: !g, %x: tensor<1x3x8x5x5xf32>, %i: tensor<1x3x20x3x4xf32>) -> tensor<1x3x20x3x4xf32> {
  %w = compress.decode %0 : !g
  %y = linalg.conv_2d_ngchw_gfchw {strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}
    ins(%x, %w : tensor<1x3x8x5x5xf32>, tensor<3x20x8x3x2xf32>) outs(%i : tensor<1x3x20x3x4xf32>) -> tensor<1x3x20x3x4xf32>
  return %y : tensor<1x3x20x3x4xf32>
}

// -----
// What is not packed is for other passes, and nothing is said.
// CHECK-LABEL: func @not_packed
// CHECK: compress.decode
// CHECK: linalg.matmul
func.func @not_packed(%0: !compress.tensor<10x20xf32, #compress.quant<i8, block = [10, 1], scale = f32>>, %x: tensor<3x10xf32>, %i: tensor<3x20xf32>) -> tensor<3x20xf32> {
  %w = compress.decode %0 : !compress.tensor<10x20xf32, #compress.quant<i8, block = [10, 1], scale = f32>>
  %y = linalg.matmul ins(%x, %w : tensor<3x10xf32>, tensor<10x20xf32>) outs(%i : tensor<3x20xf32>) -> tensor<3x20xf32>
  return %y : tensor<3x20xf32>
}
