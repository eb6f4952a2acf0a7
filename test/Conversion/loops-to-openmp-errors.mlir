// RUN: compress-opt %s --split-input-file --compress-loops-to-openmp --verify-diagnostics

func.func @chunk(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error@+1 {{expected 'compress.chunk' to be an integer of 1 or more, but got 0 : i64}}
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    scf.reduce
  } {compress.chunk = 0 : i64}
  return
}

// -----

func.func @text(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error@+1 {{expected 'compress.chunk' to be an integer of 1 or more, but got "few"}}
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    scf.reduce
  } {compress.chunk = "few"}
  return
}

// -----

func.func @results(%n: index, %x: f32) -> f32 {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  // expected-error@+1 {{expected a loop that threads share to have no results, but got 1}}
  %sum = scf.parallel (%i) = (%c0) to (%n) step (%c1) init (%x) -> f32 {
    scf.reduce(%x : f32) {
    ^bb0(%a: f32, %b: f32):
      %0 = arith.addf %a, %b : f32
      scf.reduce.return %0 : f32
    }
  } {compress.chunk = 1 : i64}
  return %sum : f32
}
