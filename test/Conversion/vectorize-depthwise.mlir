// RUN: compress-opt %s --compress-vectorize-depthwise --canonicalize --split-input-file | FileCheck %s

// Channels are lanes, in two vectors and a rest of 5; 7 pixels of a line share values of the weight.
// CHECK-LABEL: func @channels
// CHECK-SAME: %[[X:.*]]: memref<1x30x30x37xf32>, %[[W:.*]]: memref<3x3x37xf32>, %[[Y:.*]]: memref<1x28x28x37xf32>
// CHECK: scf.parallel (%[[H:.*]]) = (%c0) to (%c28)
// CHECK: scf.for %[[C:.*]] = %c0 to %c32 step %c16
// CHECK: scf.for %[[COLUMN:.*]] = %c0 to %c28 step %c7
// CHECK-COUNT-7: vector.load %[[Y]]
// CHECK: scf.for %[[KH:.*]] = %c0 to %c3 step %c1 iter_args
// CHECK: scf.for %[[KW:.*]] = %c0 to %c3 step %c1 iter_args
// CHECK: %[[WEIGHT:.*]] = vector.load %[[W]][%[[KH]], %[[KW]], %[[C]]] : memref<3x3x37xf32>, vector<16xf32>
// CHECK: %[[PIXELS:.*]] = vector.load %[[X]]
// CHECK: %[[P:.*]] = arith.mulf %[[PIXELS]], %[[WEIGHT]] : vector<16xf32>
// CHECK: arith.addf %{{.*}}, %[[P]] : vector<16xf32>
// CHECK-COUNT-7: vector.store %{{.*}}, %[[Y]]
// CHECK: %[[MASK:.*]] = vector.constant_mask [5] : vector<16xi1>
// CHECK: vector.maskedload %[[W]]
// CHECK: vector.maskedstore %[[Y]]
// CHECK-NOT: linalg
// CHECK: compress.chunk = 1
func.func @channels(%x: memref<1x30x30x37xf32>, %w: memref<3x3x37xf32>, %y: memref<1x28x28x37xf32>) {
  linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : memref<1x30x30x37xf32>, memref<3x3x37xf32>) outs(%y : memref<1x28x28x37xf32>)
  return
}

// -----
// Pixels of a line are lanes, every second one of what is loaded. Fast-math flags stay.
#x = affine_map<(n, h, w, c, i, j) -> (n, c, h + i, w * 2 + j)>
#w = affine_map<(n, h, w, c, i, j) -> (c, i, j)>
#y = affine_map<(n, h, w, c, i, j) -> (n, c, h, w)>
// CHECK-LABEL: func @pixels
// CHECK: vector.maskedload {{.*}} into vector<32xf32>
// CHECK-NEXT: %[[EVEN:.*]] = vector.shuffle {{.*}} [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30]
// CHECK: arith.mulf %[[EVEN]], %{{.*}} fastmath<reassoc,contract>
// CHECK: arith.addf %{{.*}} fastmath<reassoc,contract>
// CHECK-NOT: linalg
func.func @pixels(%x: memref<?x8x10x40xf32>, %w: memref<8x3x3xf32>, %y: memref<?x8x8x16xf32>) {
  linalg.generic {indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction", "reduction"]}
      ins(%x, %w : memref<?x8x10x40xf32>, memref<8x3x3xf32>) outs(%y : memref<?x8x8x16xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b fastmath<reassoc,contract> : f32
    %1 = arith.addf %c, %0 fastmath<reassoc,contract> : f32
    linalg.yield %1 : f32
  }
  return
}

// -----
// What is left alone: several outputs for a channel, other types, operands without neighbours, pixels far apart.
// CHECK-LABEL: func @others
// CHECK-COUNT-4: linalg.depthwise_conv
func.func @others(%x: memref<1x6x6x8xf32>, %w: memref<3x3x8x2xf32>, %y: memref<1x4x4x8x2xf32>,
                  %hx: memref<1x6x6x8xf16>, %hw: memref<3x3x8xf16>, %hy: memref<1x4x4x8xf16>,
                  %sx: memref<1x6x6x8xf32, strided<[576, 96, 16, 2]>>, %sw: memref<3x3x8xf32>, %sy: memref<1x4x4x8xf32>,
                  %fx: memref<1x8x6x18xf32>, %fw: memref<8x3x3xf32>, %fy: memref<1x8x4x4xf32>) {
  linalg.depthwise_conv_2d_nhwc_hwcm ins(%x, %w : memref<1x6x6x8xf32>, memref<3x3x8x2xf32>) outs(%y : memref<1x4x4x8x2xf32>)
  linalg.depthwise_conv_2d_nhwc_hwc ins(%hx, %hw : memref<1x6x6x8xf16>, memref<3x3x8xf16>) outs(%hy : memref<1x4x4x8xf16>)
  linalg.depthwise_conv_2d_nhwc_hwc ins(%sx, %sw : memref<1x6x6x8xf32, strided<[576, 96, 16, 2]>>, memref<3x3x8xf32>) outs(%sy : memref<1x4x4x8xf32>)
  linalg.depthwise_conv_2d_nchw_chw {strides = dense<[1, 5]> : tensor<2xi64>}
    ins(%fx, %fw : memref<1x8x6x18xf32>, memref<8x3x3xf32>) outs(%fy : memref<1x8x4x4xf32>)
  return
}
