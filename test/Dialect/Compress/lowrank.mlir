// RUN: compress-opt %s --split-input-file | FileCheck %s --check-prefix=TEXT
// RUN: compress-opt %s --split-input-file --mlir-print-op-generic | compress-opt --split-input-file | FileCheck %s --check-prefix=TEXT
// RUN: compress-opt %s --compress-lower-decode --split-input-file | FileCheck %s --check-prefix=LOWER
// RUN: compress-opt %s --compress-tile-and-fuse=max-elements=1024 --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=TILE

// f32: one sum, whose innermost loop is over the columns.
// TEXT-LABEL: func @f32
// TEXT: !compress.tensor<96x64xf32, #compress.lowrank<16>>
// LOWER-DAG: #[[U:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// LOWER-DAG: #[[V:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// LOWER-DAG: #[[W:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// LOWER-LABEL: func @f32
// LOWER-SAME: %[[U0:.*]]: tensor<96x16xf32>, %[[V0:.*]]: tensor<16x64xf32>
// LOWER: %[[Z:.*]] = linalg.fill
// LOWER: linalg.generic {indexing_maps = [#[[U]], #[[V]], #[[W]]], iterator_types = ["parallel", "reduction", "parallel"]} ins(%[[U0]], %[[V0]] : tensor<96x16xf32>, tensor<16x64xf32>) outs(%[[Z]] : tensor<96x64xf32>)
// LOWER-NEXT: ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[S:.*]]: f32):
// LOWER-NEXT: %[[P:.*]] = arith.mulf %[[A]], %[[B]] : f32
// LOWER-NEXT: arith.addf %[[S]], %[[P]] : f32
// LOWER-NOT: linalg.generic
// A tile has its rows of u, all of v.
// TILE-LABEL: func @f32
// TILE: %[[R:.*]] = scf.for %[[N:.*]] = %c0 to %c96 step %c16
// TILE: tensor.extract_slice %{{.*}}[%[[N]], 0] [16, 16] [1, 1] : tensor<96x16xf32> to tensor<16x16xf32>
// TILE: compress.decode %{{.*}} : !compress.tensor<16x64xf32, #compress.lowrank<16>>
!w = !compress.tensor<96x64xf32, #compress.lowrank<16>>
func.func @f32(%u: tensor<96x16xf32>, %v: tensor<16x64xf32>, %e: tensor<96x64xf32>) -> tensor<96x64xf32> {
  %0 = compress.assemble %u, %v : tensor<96x16xf32>, tensor<16x64xf32> -> !w
  %w = compress.decode %0 : !w
  %y = linalg.exp ins(%w : tensor<96x64xf32>) outs(%e : tensor<96x64xf32>) -> tensor<96x64xf32>
  return %y : tensor<96x64xf32>
}

// -----
// Rounded once, at the end. Of a filter, the trailing dimensions are those of v.
// LOWER-LABEL: func @filter
// LOWER: linalg.generic {{.*}} iterator_types = ["parallel", "reduction", "parallel", "parallel", "parallel"]} ins(%{{.*}}, %{{.*}} : tensor<?x4xbf16>, tensor<4x3x3x5xbf16>) outs(%{{.*}} : tensor<?x3x3x5xf32>)
// LOWER: arith.extf {{.*}} : bf16 to f32
// LOWER: arith.extf {{.*}} : bf16 to f32
// LOWER: arith.mulf {{.*}} : f32
// LOWER: arith.addf {{.*}} : f32
// LOWER: linalg.generic {{.*}} ins(%{{.*}} : tensor<?x3x3x5xf32>) outs(%{{.*}} : tensor<?x3x3x5xbf16>)
// LOWER-NEXT: ^bb0
// LOWER-NEXT: arith.truncf {{.*}} : f32 to bf16
!w = !compress.tensor<?x3x3x5xbf16, #compress.lowrank<4>>
func.func @filter(%u: tensor<?x4xbf16>, %v: tensor<4x3x3x5xbf16>) -> tensor<?x3x3x5xbf16> {
  %0 = compress.assemble %u, %v : tensor<?x4xbf16>, tensor<4x3x3x5xbf16> -> !w
  %w = compress.decode %0 : !w
  return %w : tensor<?x3x3x5xbf16>
}

// -----
// Factors that are compressed again: tiles respect blocks along the dimensions that are cut, and only these. The blocks
// of u are along the rank, those of v along the columns.
// TEXT-LABEL: func @nested
// TEXT: #compress.nested<#compress.lowrank<16>, u = #compress.quant<i4, block = [1, 16], scale = f16>, v = #compress.quant<i8, block = [1, 32], scale = f16>>
// LOWER-LABEL: func @nested
// LOWER-COUNT-3: linalg.generic
// TILE-LABEL: func @nested
// TILE: scf.for %{{.*}} = %c0 to %c8 step %c1
// TILE: scf.for %{{.*}} = %c0 to %c4096 step %c1024
// TILE: compress.decode %{{.*}} : !compress.tensor<1x1024xf16,
#u = #compress.quant<i4, block = [1, 16], scale = f16>
#v = #compress.quant<i8, block = [1, 32], scale = f16>
!w = !compress.tensor<8x4096xf16, #compress.nested<#compress.lowrank<16>, u = #u, v = #v>>
func.func @nested(%0: !w, %e: tensor<8x4096xf16>) -> tensor<8x4096xf16> {
  %w = compress.decode %0 : !w
  %y = linalg.exp ins(%w : tensor<8x4096xf16>) outs(%e : tensor<8x4096xf16>) -> tensor<8x4096xf16>
  return %y : tensor<8x4096xf16>
}

// -----
// TEXT-LABEL: func @empty
// LOWER-LABEL: func @empty
!a = !compress.tensor<0x5xf32, #compress.lowrank<3>>
!b = !compress.tensor<1x1xf32, #compress.lowrank<9>>
func.func @empty(%0: !a, %1: !b) -> (tensor<0x5xf32>, tensor<1x1xf32>) {
  %2 = compress.decode %0 : !a
  %3 = compress.decode %1 : !b
  return %2, %3 : tensor<0x5xf32>, tensor<1x1xf32>
}
