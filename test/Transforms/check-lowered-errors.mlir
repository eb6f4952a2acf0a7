// RUN: compress-opt %s --compress-check-lowered --split-input-file --verify-diagnostics --allow-unregistered-dialect

// Each op.
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
func.func @ops(%c: tensor<8x64xi8>, %s: tensor<8x1xf32>) -> tensor<8x64xf32> {
  // expected-error @below {{'compress.assemble' was not lowered}}
  %0 = compress.assemble %c, %s : tensor<8x64xi8>, tensor<8x1xf32> -> !w
  // expected-error @below {{'compress.decode' was not lowered}}
  %w = compress.decode %0 : !w
  return %w : tensor<8x64xf32>
}

// -----
!w = !compress.tensor<32x64xf32, #compress.tiled<#compress.quant<i8, block = [1, 64], scale = f32>, tile = [16, 4], order = [0, 1]>>
func.func @contract(%x: memref<4x64xf32>, %c: memref<2x16x16x4xi8>, %s: memref<2x1x16x1xf32>, %f: memref<4x32xf32>) {
  // expected-error @below {{'compress.contract' was not lowered}}
  compress.contract ins(%x, %c, %s : memref<4x64xf32>, memref<2x16x16x4xi8>, memref<2x1x16x1xf32>) outs(%f : memref<4x32xf32>)
    weight(!w, affine_map<(m, n, k) -> (n, k)>)
  return
}

// -----
// Types alone: of a declaration, nested in a type, of a result only.
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
// expected-error @below {{'func.func' has a compressed tensor in its signature}}
func.func private @argument(!w)
// expected-error @below {{'func.func' has a compressed tensor in its signature}}
func.func private @result() -> !w
// expected-error @below {{'func.func' has a compressed tensor in its signature}}
func.func private @nested(tuple<i32, tuple<!w>>)

// -----
// Loops, and blocks of them.
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
func.func @loop(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error @below {{'test.make' yields a compressed tensor}}
  %w = "test.make"() : () -> !w
  // expected-error @below {{'scf.for' carries a compressed tensor}}
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%v = %w) -> !w {
    scf.yield %v : !w
  }
  return
}

// -----
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
// expected-error @below {{'func.func' carries a compressed tensor}}
func.func @block() {
  // expected-error @below {{'test.make' yields a compressed tensor}}
  %w = "test.make"() : () -> !w
  cf.br ^bb1(%w : !w)
^bb1(%v: !w):
  return
}

// -----
// An op that yields one without a region.
!w = !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
func.func @select(%p: i1) {
  // expected-error @below {{'test.make' yields a compressed tensor}}
  %w:2 = "test.make"() : () -> (!w, !w)
  // expected-error @below {{'arith.select' yields a compressed tensor}}
  %0 = arith.select %p, %w#0, %w#1 : !w
  return
}
