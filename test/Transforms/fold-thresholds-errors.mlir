// What stays as it is, and why. Nothing is changed then.
// RUN: compress-opt %s --split-input-file -o %t.before
// RUN: compress-opt %s --compress-fold-thresholds --split-input-file -o %t.after
// RUN: diff %t.before %t.after
// RUN: compress-opt %s --compress-fold-thresholds --remarks-filter="compress-fold-thresholds" --split-input-file -o %t 2>&1 | FileCheck %s --implicit-check-not=FoldThresholds

// A parabola.
#id = affine_map<(i) -> (i)>
// CHECK: [Missed] FoldThresholds {{.*}}Reason="what is compared neither rises nor falls with a number, or has constants that are not finite"
func.func @square(%x: tensor<8xf32>, %e: tensor<8xi1>) -> tensor<8xi1> {
  %one = arith.constant 1.0 : f32
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xi1>) {
  ^bb0(%a: f32, %o: i1):
    %0 = arith.mulf %a, %a : f32
    %1 = arith.cmpf oge, %0, %one : f32
    linalg.yield %1 : i1
  } -> tensor<8xi1>
  return %y : tensor<8xi1>
}

// -----
// An infinite constant, of one channel.
#id = affine_map<(i) -> (i)>
// CHECK: [Missed] FoldThresholds {{.*}}Reason="what is compared neither rises nor falls with a number, or has constants that are not finite"
func.func @infinite(%x: tensor<2xf32>, %e: tensor<2xi1>) -> tensor<2xi1> {
  %one = arith.constant 1.0 : f32
  %k = arith.constant dense<[1.0, 0x7F800000]> : tensor<2xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %k : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xi1>) {
  ^bb0(%a: f32, %f: f32, %o: i1):
    %0 = arith.addf %a, %f : f32
    %1 = arith.cmpf oge, %0, %one : f32
    linalg.yield %1 : i1
  } -> tensor<2xi1>
  return %y : tensor<2xi1>
}

// -----
// A factor that is not known, f16, a number that is needed itself, and no arithmetic: nothing to say about.
#id = affine_map<(i) -> (i)>
func.func @others(%x: tensor<8xf32>, %h: tensor<8xf16>, %k: tensor<8xf32>, %e: tensor<8xi1>, %f: tensor<8xf32>) -> (tensor<8xi1>, tensor<8xi1>, tensor<8xi1>, tensor<8xf32>, tensor<8xi1>) {
  %one = arith.constant 1.0 : f32
  %half = arith.constant 0.5 : f16
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %k : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<8xi1>) {
  ^bb0(%a: f32, %b: f32, %o: i1):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.cmpf oge, %0, %one : f32
    linalg.yield %1 : i1
  } -> tensor<8xi1>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%h : tensor<8xf16>) outs(%e : tensor<8xi1>) {
  ^bb0(%a: f16, %o: i1):
    %0 = arith.mulf %a, %half : f16
    %1 = arith.cmpf oge, %0, %half : f16
    linalg.yield %1 : i1
  } -> tensor<8xi1>
  %n = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%f : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %one : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  %u = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%n : tensor<8xf32>) outs(%e : tensor<8xi1>) {
  ^bb0(%a: f32, %o: i1):
    %0 = arith.cmpf oge, %a, %one : f32
    linalg.yield %0 : i1
  } -> tensor<8xi1>
  %v = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xi1>) {
  ^bb0(%a: f32, %o: i1):
    %0 = arith.cmpf oge, %a, %one : f32
    linalg.yield %0 : i1
  } -> tensor<8xi1>
  return %y, %z, %u, %n, %v : tensor<8xi1>, tensor<8xi1>, tensor<8xi1>, tensor<8xf32>, tensor<8xi1>
}

// -----
// What is compared is the result, too: a bias and a ReLU.
#id = affine_map<(i) -> (i)>
func.func @relu(%x: tensor<2xf32>, %e: tensor<2xf32>) -> tensor<2xf32> {
  %zero = arith.constant 0.0 : f32
  %k = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %k : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %f: f32, %o: f32):
    %0 = arith.addf %a, %f : f32
    %1 = arith.cmpf ugt, %0, %zero : f32
    %2 = arith.select %1, %0, %zero : f32
    linalg.yield %2 : f32
  } -> tensor<2xf32>
  %s = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel"]} ins(%x, %k : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %f: f32, %o: f32):
    %0 = arith.addf %a, %f : f32
    linalg.yield %0 : f32
  } -> tensor<2xf32>
  %r = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%s : tensor<2xf32>) outs(%e : tensor<2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.cmpf ugt, %a, %zero : f32
    %1 = arith.select %0, %a, %zero : f32
    linalg.yield %1 : f32
  } -> tensor<2xf32>
  %z = linalg.add ins(%y, %r : tensor<2xf32>, tensor<2xf32>) outs(%e : tensor<2xf32>) -> tensor<2xf32>
  return %z : tensor<2xf32>
}
