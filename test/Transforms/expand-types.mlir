// RUN: compress-opt %s --compress-expand-types --allow-unregistered-dialect --split-input-file | FileCheck %s
// What is left of the dialect are ops, which have lowerings: no type of a function or a loop mentions it.
// RUN: compress-opt %s --compress-expand-types --allow-unregistered-dialect --split-input-file | FileCheck %s --check-prefix=TYPES
// TYPES-NOT: {{(func\.func|scf\.for|scf\.if|scf\.while|scf\.yield|call|return).*!compress.tensor}}

#q = #compress.quant<i4, block = [1, 32], scale = f16>
!w = !compress.tensor<8x64xf32, #q>
!min = !compress.tensor<?x64xf32, #compress.quant<u4, block = [1, 32], scale = f16, min = f16>>

// Arguments before and after keep their places; dynamic sizes stay dynamic.
// CHECK-LABEL: func.func private @declared(tensor<8x32xi8>, tensor<8x2xf16>, i32, tensor<?x32xi8>, tensor<?x2xf16>, tensor<?x2xf16>) -> (tensor<8x32xi8>, tensor<8x2xf16>)
func.func private @declared(!w, i32, !min) -> !w

// CHECK-LABEL: func.func @call(
// CHECK-SAME: %[[C:.*]]: tensor<8x32xi8>, %[[S:.*]]: tensor<8x2xf16>, %[[I:.*]]: i32, %[[MC:.*]]: tensor<?x32xi8>, %[[MS:.*]]: tensor<?x2xf16>, %[[MM:.*]]: tensor<?x2xf16>) -> (i32, tensor<8x32xi8>, tensor<8x2xf16>) {
// CHECK-NEXT: %[[R:.*]]:2 = call @declared(%[[C]], %[[S]], %[[I]], %[[MC]], %[[MS]], %[[MM]])
// CHECK-NEXT: return %[[I]], %[[R]]#0, %[[R]]#1
func.func @call(%w: !w, %i: i32, %m: !min) -> (i32, !w) {
  %0 = func.call @declared(%w, %i, %m) : (!w, i32, !min) -> !w
  return %i, %0 : i32, !w
}

// What is assembled is taken apart again at no cost; what another op makes is taken apart by compress.components.
// CHECK-LABEL: func.func @assembled
// CHECK-SAME: %[[C:.*]]: tensor<8x32xi8>, %[[S:.*]]: tensor<8x2xf16>
// CHECK-NOT: compress.components
// CHECK: return %[[C]], %[[S]]
func.func @assembled(%c: tensor<8x32xi8>, %s: tensor<8x2xf16>) -> !w {
  %0 = compress.assemble %c, %s : tensor<8x32xi8>, tensor<8x2xf16> -> !w
  return %0 : !w
}

// CHECK-LABEL: func.func @opaque
// CHECK: %[[W:.*]] = "make"()
// CHECK: %[[P:.*]]:2 = compress.components %[[W]]
// CHECK: return %[[P]]#0, %[[P]]#1
func.func @opaque() -> !w {
  %0 = "make"() : () -> !w
  return %0 : !w
}

// CHECK-LABEL: func.func @decoded
// CHECK-SAME: %[[C:.*]]: tensor<8x32xi8>, %[[S:.*]]: tensor<8x2xf16>
// CHECK: %[[W:.*]] = compress.assemble %[[C]], %[[S]] : tensor<8x32xi8>, tensor<8x2xf16> -> !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
// CHECK: compress.decode %[[W]]
func.func @decoded(%w: !w) -> tensor<8x64xf32> {
  %0 = compress.decode %w : !w
  return %0 : tensor<8x64xf32>
}

// Loops carry components, in the order of the values they stand for.
// CHECK-LABEL: func.func @for
// CHECK-SAME: %[[AC:.*]]: tensor<8x32xi8>, %[[AS:.*]]: tensor<8x2xf16>, %[[BC:.*]]: tensor<8x32xi8>, %[[BS:.*]]: tensor<8x2xf16>, %{{.*}}: index, %[[X:.*]]: tensor<8x64xf32>
// CHECK: %[[R:.*]]:5 = scf.for %{{.*}} iter_args(%[[IC:.*]] = %[[AC]], %[[IS:.*]] = %[[AS]], %[[Y:.*]] = %[[X]], %[[JC:.*]] = %[[BC]], %[[JS:.*]] = %[[BS]])
// CHECK: %[[W:.*]] = compress.assemble %[[IC]], %[[IS]]
// CHECK: compress.decode %[[W]]
// CHECK: %[[Z:.*]] = arith.addf
// CHECK: scf.yield %[[JC]], %[[JS]], %[[Z]], %[[IC]], %[[IS]]
// CHECK: return %[[R]]#2
func.func @for(%a: !w, %b: !w, %n: index, %x: tensor<8x64xf32>) -> tensor<8x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0:3 = scf.for %i = %c0 to %n step %c1 iter_args(%v = %a, %y = %x, %w = %b) -> (!w, tensor<8x64xf32>, !w) {
    %d = compress.decode %v : !w
    %z = arith.addf %d, %y : tensor<8x64xf32>
    scf.yield %w, %z, %v : !w, tensor<8x64xf32>, !w
  }
  return %0#1 : tensor<8x64xf32>
}

// CHECK-LABEL: func.func @if
// CHECK-SAME: %[[AC:.*]]: tensor<8x32xi8>, %[[AS:.*]]: tensor<8x2xf16>, %[[BC:.*]]: tensor<8x32xi8>, %[[BS:.*]]: tensor<8x2xf16>
// CHECK: %[[R:.*]]:2 = scf.if
// CHECK: scf.yield %[[AC]], %[[AS]]
// CHECK: scf.yield %[[BC]], %[[BS]]
// CHECK: compress.assemble %[[R]]#0, %[[R]]#1
func.func @if(%a: !w, %b: !w, %p: i1) -> tensor<8x64xf32> {
  %0 = scf.if %p -> !w {
    scf.yield %a : !w
  } else {
    scf.yield %b : !w
  }
  %1 = compress.decode %0 : !w
  return %1 : tensor<8x64xf32>
}

// CHECK-LABEL: func.func @while
// CHECK: %[[R:.*]]:2 = scf.while (%[[C:.*]] = %{{.*}}, %[[S:.*]] = %{{.*}}) : (tensor<8x32xi8>, tensor<8x2xf16>) -> (tensor<8x32xi8>, tensor<8x2xf16>)
// CHECK: scf.condition(%{{.*}}) %[[C]], %[[S]]
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @while(%a: !w, %p: i1) -> !w {
  %0 = scf.while (%v = %a) : (!w) -> !w {
    scf.condition(%p) %v : !w
  } do {
  ^bb0(%v: !w):
    scf.yield %v : !w
  }
  return %0 : !w
}

// Attributes of arguments and results stay with theirs.
// CHECK-LABEL: func.func @attributes(
// CHECK-SAME: %{{.*}}: tensor<8x32xi8> {test.w}, %{{.*}}: tensor<8x2xf16> {test.w}, %{{.*}}: tensor<4xf32> {bufferization.writable = false}) -> (tensor<8x32xi8> {test.r}, tensor<8x2xf16> {test.r}, tensor<4xf32> {test.x})
func.func @attributes(%w: !w {test.w}, %x: tensor<4xf32> {bufferization.writable = false}) -> (!w {test.r}, tensor<4xf32> {test.x}) {
  return %w, %x : !w, tensor<4xf32>
}

// -----
// A layout is components like any codec.
// CHECK-LABEL: func.func @tiled(
// CHECK-SAME: %{{.*}}: tensor<1x8x16x4xi8>, %{{.*}}: tensor<1x2x16x1xf16>)
func.func @tiled(%w: !compress.tensor<8x64xf32, #compress.tiled<#compress.quant<i4, block = [1, 32], scale = f16>, tile = [16, 8], order = [0, 1]>>) {
  return
}

// -----
// Nothing compressed, nothing changed.
// CHECK-LABEL: func.func @dense(
// CHECK-SAME: %[[X:.*]]: tensor<4xf32> {test.x}) -> tensor<4xf32> {
// CHECK-NEXT: return %[[X]]
func.func @dense(%x: tensor<4xf32> {test.x}) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
