// RUN: compress-opt %s | FileCheck %s --check-prefix=TEXT
// RUN: compress-opt %s --mlir-print-op-generic | compress-opt | FileCheck %s --check-prefix=TEXT
// RUN: compress-opt %s --emit-bytecode | compress-opt | FileCheck %s --check-prefix=TEXT
// RUN: compress-opt %s --compress-lower-decode | FileCheck %s --check-prefix=LOWER
// RUN: compress-opt %s --compress-tile-and-fuse=max-elements=1024 --canonicalize --cse | FileCheck %s --check-prefix=TILE

#b32 = #compress.quant<i8, block = [1, 32], scale = f16>
#b96 = #compress.quant<i8, block = [1, 96], scale = f16>
#b40 = #compress.quant<i8, block = [1, 40], scale = f16>
#row = #compress.quant<i4, block = [1, 3840], scale = f16>

// The parts are of f32, and their sum is rounded once.
// TEXT-LABEL: func @f16
// TEXT-SAME: !compress.tensor<?x64xf16, #compress.sum<#compress.lowrank<2>, #compress.quant<i8, block = [1, 32], scale = f16>>>
// LOWER-LABEL: func @f16
// LOWER: %[[A:.*]] = linalg.generic {{.*}}"reduction"
// LOWER: %[[B:.*]] = tensor.collapse_shape {{.*}} into tensor<?x64xf32>
// LOWER: linalg.generic {indexing_maps = [#[[ID:.*]], #[[ID]], #[[ID]]], iterator_types = ["parallel", "parallel"]} ins(%[[A]], %[[B]] : tensor<?x64xf32>, tensor<?x64xf32>) outs(%{{.*}} : tensor<?x64xf16>)
// LOWER-NEXT: ^bb0
// LOWER-NEXT: arith.addf {{.*}} : f32
// LOWER-NEXT: arith.truncf {{.*}} : f32 to f16
func.func @f16(%0: !compress.tensor<?x64xf16, #compress.sum<#compress.lowrank<2>, #b32>>) -> tensor<?x64xf16> {
  %w = compress.decode %0 : !compress.tensor<?x64xf16, #compress.sum<#compress.lowrank<2>, #b32>>
  return %w : tensor<?x64xf16>
}

// Tiles that both parts allow. Blocks of 32 in blocks of 96: whole ones of the larger.
// TILE-LABEL: func @multiple
// TILE: compress.decode %{{.*}} : !compress.tensor<1x960xf32,
func.func @multiple(%0: !compress.tensor<2x3840xf32, #compress.sum<#b32, #b96>>, %e: tensor<2x3840xf32>) -> tensor<2x3840xf32> {
  %w = compress.decode %0 : !compress.tensor<2x3840xf32, #compress.sum<#b32, #b96>>
  %y = linalg.exp ins(%w : tensor<2x3840xf32>) outs(%e : tensor<2x3840xf32>) -> tensor<2x3840xf32>
  return %y : tensor<2x3840xf32>
}

// Of 40 and 96: multiples of 480.
// TILE-LABEL: func @both
// TILE: compress.decode %{{.*}} : !compress.tensor<1x960xf32,
func.func @both(%0: !compress.tensor<2x3840xf32, #compress.sum<#b40, #b96>>, %e: tensor<2x3840xf32>) -> tensor<2x3840xf32> {
  %w = compress.decode %0 : !compress.tensor<2x3840xf32, #compress.sum<#b40, #b96>>
  %y = linalg.exp ins(%w : tensor<2x3840xf32>) outs(%e : tensor<2x3840xf32>) -> tensor<2x3840xf32>
  return %y : tensor<2x3840xf32>
}

// One block for a row forbids no cut.
// TILE-LABEL: func @row
// TILE: compress.decode %{{.*}} : !compress.tensor<1x960xf32,
func.func @row(%0: !compress.tensor<2x3840xf32, #compress.sum<#row, #b96>>, %e: tensor<2x3840xf32>) -> tensor<2x3840xf32> {
  %w = compress.decode %0 : !compress.tensor<2x3840xf32, #compress.sum<#row, #b96>>
  %y = linalg.exp ins(%w : tensor<2x3840xf32>) outs(%e : tensor<2x3840xf32>) -> tensor<2x3840xf32>
  return %y : tensor<2x3840xf32>
}
