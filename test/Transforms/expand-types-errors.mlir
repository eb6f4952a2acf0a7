// RUN: compress-opt %s --compress-expand-types --split-input-file --verify-diagnostics

// Branches between blocks: control flow is structured.
!w = !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
// expected-error @below {{failed to legalize operation 'func.func'}}
func.func @branch(%a: !w, %b: !w, %p: i1) -> tensor<8x64xf32> {
  cf.cond_br %p, ^bb1(%a : !w), ^bb1(%b : !w)
^bb1(%w: !w):
  %0 = compress.decode %w : !w
  return %0 : tensor<8x64xf32>
}

// -----
// A function as a value keeps its type.
!w = !compress.tensor<8x64xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
func.func private @callee(!w)
func.func @indirect(%w: !w) {
  // expected-error @below {{reference to function with mismatched type}}
  %f = func.constant @callee : (!w) -> ()
  func.call_indirect %f(%w) : (!w) -> ()
  return
}
