// RUN: compress-opt %s --convert-compress-to-vector --split-input-file --verify-diagnostics

// Tensors come first into buffers.
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @tensors(%c: tensor<1x2x16x4xi8>, %s: tensor<1x2x16x1xf32>, %x: tensor<3x8xf32>, %i: tensor<3x16xf32>) -> tensor<3x16xf32> {
  // expected-error-re @below {{no kernel that computes in f32 for weight '!compress.tensor<16x8xf32, #compress.tiled<{{.*}}>>' and init 'tensor<3x16xf32>'}}
  %0 = compress.contract ins(%x, %c, %s : tensor<3x8xf32>, tensor<1x2x16x4xi8>, tensor<1x2x16x1xf32>) outs(%i : tensor<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) -> tensor<3x16xf32>
  return %0 : tensor<3x16xf32>
}

// -----
// Not packed at all.
!w = !compress.tensor<16x8xf32, #compress.quant<i8, block = [1, 4], scale = f32>>
func.func @not_packed(%c: memref<16x8xi8>, %s: memref<16x2xf32>, %x: memref<3x8xf32>, %i: memref<3x16xf32>) {
  // expected-error @below {{no kernel that computes in f32 for weight '!compress.tensor<16x8xf32, #compress.quant<i8, block = [1, 4], scale = f32>>' and init 'memref<3x16xf32>'}}
  compress.contract ins(%x, %c, %s : memref<3x8xf32>, memref<16x8xi8>, memref<16x2xf32>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Packed for other vectors.
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 8], scale = f32>, tile = [8, 8], order = [0, 1]>>
func.func @other_tile(%c: memref<2x1x8x8xi8>, %s: memref<2x1x8x1xf32>, %x: memref<3x8xf32>, %i: memref<3x16xf32>) {
  // expected-error @below {{no kernel that computes in f32 for weight}}
  compress.contract ins(%x, %c, %s : memref<3x8xf32>, memref<2x1x8x8xi8>, memref<2x1x8x1xf32>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Packed in another order.
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 8], scale = f32>, tile = [16, 4], order = [1, 0]>>
func.func @other_order(%c: memref<2x1x4x16xi8>, %s: memref<1x1x1x16xf32>, %x: memref<3x8xf32>, %i: memref<3x16xf32>) {
  // expected-error @below {{no kernel that computes in f32 for weight}}
  compress.contract ins(%x, %c, %s : memref<3x8xf32>, memref<2x1x4x16xi8>, memref<1x1x1x16xf32>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Packed with the other dimension in the lanes.
!w = !compress.tensor<16x16xf32, #compress.tiled<#compress.quant<i8, block = [16, 16], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @other_side(%c: memref<1x4x16x4xi8>, %s: memref<1x1x1x1xf32>, %x: memref<3x16xf32>, %i: memref<3x16xf32>) {
  // expected-error @below {{no kernel that computes in f32 for weight}}
  compress.contract ins(%x, %c, %s : memref<3x16xf32>, memref<1x4x16x4xi8>, memref<1x1x1x1xf32>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (k, n)>)
  return
}

// -----
// Batches in another order than the loops over them.
!w = !compress.tensor<2x2x16x4xf32, #compress.tiled<#compress.quant<i8, block = [1, 1, 1, 4], scale = f32>, tile = [1, 1, 16, 4], order = [0, 1, 2, 3]>>
func.func @other_batches(%c: memref<2x2x1x1x1x1x16x4xi8>, %s: memref<2x2x1x1x1x1x16x1xf32>, %x: memref<2x2x3x4xf32>, %i: memref<2x2x3x16xf32>) {
  // expected-error @below {{no kernel that computes in f32 for weight}}
  compress.contract ins(%x, %c, %s : memref<2x2x3x4xf32>, memref<2x2x1x1x1x1x16x4xi8>, memref<2x2x1x1x1x1x16x1xf32>) outs(%i : memref<2x2x3x16xf32>)
    weight(!w, affine_map<(a, b, m, n, k) -> (b, a, n, k)>)
  return
}

// -----
// Several scales for the steps of a lane.
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 2], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @small_blocks(%c: memref<1x2x16x4xi8>, %s: memref<1x2x16x2xf32>, %x: memref<3x8xf32>, %i: memref<3x16xf32>) {
  // expected-error @below {{no kernel that computes in f32 for weight}}
  compress.contract ins(%x, %c, %s : memref<3x8xf32>, memref<1x2x16x4xi8>, memref<1x2x16x2xf32>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Outputs of a panel are one vector.
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @strided_init(%c: memref<1x2x16x4xi8>, %s: memref<1x2x16x1xf32>, %x: memref<3x8xf32>, %i: memref<3x16xf32, strided<[64, 2]>>) {
  // expected-error-re @below {{no kernel that computes in f32 for weight '{{.*}}' and init 'memref<3x16xf32, strided<[64, 2]>>'}}
  compress.contract ins(%x, %c, %s : memref<3x8xf32>, memref<1x2x16x4xi8>, memref<1x2x16x1xf32>) outs(%i : memref<3x16xf32, strided<[64, 2]>>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// So are the codes of a tile.
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @strided_codes(%c: memref<1x2x16x4xi8, strided<[256, 128, 8, 1]>>, %s: memref<1x2x16x1xf32>, %x: memref<3x8xf32>, %i: memref<3x16xf32>) {
  // expected-error @below {{no kernel that computes in f32 for weight}}
  compress.contract ins(%x, %c, %s : memref<3x8xf32>, memref<1x2x16x4xi8, strided<[256, 128, 8, 1]>>, memref<1x2x16x1xf32>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Scales of unknown strides.
!w = !compress.tensor<16x8xf32, #compress.tiled<#compress.quant<i8, block = [1, 4], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @strided_scales(%c: memref<1x2x16x4xi8>, %s: memref<1x2x16x1xf32, strided<[?, ?, ?, ?], offset: ?>>, %x: memref<3x8xf32>, %i: memref<3x16xf32>) {
  // expected-error @below {{no kernel that computes in f32 for weight}}
  compress.contract ins(%x, %c, %s : memref<3x8xf32>, memref<1x2x16x4xi8>, memref<1x2x16x1xf32, strided<[?, ?, ?, ?], offset: ?>>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Integers need AVX-512 VNNI.
!w = !compress.tensor<16x32xf32, #compress.tiled<#compress.quant<i8, block = [1, 32], scale = f32>, tile = [16, 32], order = [0, 1], split = [16, 1, 8, 4], inside = [2, 0, 3, 1]>>
func.func @no_vnni(%c: memref<1x1x8x16x4x1xi8>, %s: memref<1x1x1x16x1x1xf32>, %x: memref<3x32xf32>, %i: memref<3x16xf32>) {
  // expected-error @below {{no kernel that computes in int8 for weight}}
  compress.contract ins(%x, %c, %s : memref<3x32xf32>, memref<1x1x8x16x4x1xi8>, memref<1x1x1x16x1x1xf32>) outs(%i : memref<3x16xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>) compute = int8
  return
}

// -----
// Places out of an image whose channels are not neighbours along k.
!w = !compress.tensor<16x96xf32, #compress.tiled<#compress.quant<binary, block = [1, 96], scale = f32>, tile = [16, 32], order = [0, 1], flip = 255>>
func.func @border(%c: memref<1x3x16x4xi8>, %s: memref<1x1x16x1xf32>, %x: memref<1x4x32xf32>, %i: memref<4x16xf32>) {
  // expected-error @below {{no kernel that computes in xnor for weight}}
  compress.contract ins(%x, %c, %s : memref<1x4x32xf32>, memref<1x3x16x4xi8>, memref<1x1x16x1xf32>)
    outs(%i : memref<4x16xf32>) overwrite weight(!w, affine_map<(m, n, k) -> (n, k)>)
    window affine_map<(m, k) -> (0, m + k mod 3 - 1, k floordiv 3)> compute = xnor
  return
}

// -----
// CPUs are given images that have their border.
#w = #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>
func.func @border(%x: memref<6x16xf32>, %c: memref<2x16x16x4xi8>, %s: memref<2x1x16x1xf32>, %f: memref<8x32xf32>) {
  // expected-error @below {{no kernel for CPUs adds a border to an image}}
  compress.contract ins(%x, %c, %s : memref<6x16xf32>, memref<2x16x16x4xi8>, memref<2x1x16x1xf32>) outs(%f : memref<8x32xf32>)
    weight(!compress.tensor<32x64xf32, #w>, affine_map<(m, n, k) -> (n, k)>) window affine_map<(m, k) -> (m + k floordiv 16 - 1, k mod 16)> border
  return
}
