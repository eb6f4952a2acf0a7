// Valid data, and what is not looked at: nothing changes.
// RUN: compress-opt %s --compress-verify-data | FileCheck %s

!keep = !compress.tensor<2x4xf32, #compress.bitmask<keep = 1>>

// CHECK-LABEL: @valid
// CHECK: compress.assemble
func.func @valid() -> !keep {
  %mask = arith.constant dense<[[2], [8]]> : tensor<2x1xi8>
  %values = arith.constant dense<[[5.0], [6.0]]> : tensor<2x1xf32>
  %0 = compress.assemble %mask, %values : tensor<2x1xi8>, tensor<2x1xf32> -> !keep
  return %0 : !keep
}

// One element for all.
// CHECK-LABEL: @splat
func.func @splat() -> !keep {
  %mask = arith.constant dense<4> : tensor<2x1xi8>
  %values = arith.constant dense<5.0> : tensor<2x1xf32>
  %0 = compress.assemble %mask, %values : tensor<2x1xi8>, tensor<2x1xf32> -> !keep
  return %0 : !keep
}

// A mask that is too full; but nobody knows what the values are.
// CHECK-LABEL: @argument
func.func @argument(%values: tensor<2x1xf32>) -> !keep {
  %mask = arith.constant dense<3> : tensor<2x1xi8>
  %0 = compress.assemble %mask, %values : tensor<2x1xi8>, tensor<2x1xf32> -> !keep
  return %0 : !keep
}

// Data that are elsewhere.
// CHECK-LABEL: @unbound
func.func @unbound() -> !keep {
  %mask = arith.constant dense<3> : tensor<2x1xi8>
  %values = arith.constant dense_resource<unbound> : tensor<2x1xf32>
  %0 = compress.assemble %mask, %values : tensor<2x1xi8>, tensor<2x1xf32> -> !keep
  return %0 : !keep
}

// No elements.
!empty = !compress.tensor<0x4xf32, #compress.bitmask<keep = 1>>
// CHECK-LABEL: @empty
func.func @empty() -> !empty {
  %mask = arith.constant dense<> : tensor<0x1xi8>
  %values = arith.constant dense<> : tensor<0x1xf32>
  %0 = compress.assemble %mask, %values : tensor<0x1xi8>, tensor<0x1xf32> -> !empty
  return %0 : !empty
}
