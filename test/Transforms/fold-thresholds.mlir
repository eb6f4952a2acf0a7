// RUN: compress-opt %s --compress-fold-thresholds --split-input-file | FileCheck %s
// It is part of what is done before weights are packed.
// RUN: compress-opt %s --compress-fold-thresholds --compress-fold-thresholds --split-input-file | FileCheck %s

// Batch normalization, (x - mean) * (gamma / sqrt(variance)) + beta, in ops of its own. Factors are 2, -0.5, 0 and 0. The
// last two are above 0 and below it whatever x is, but for infinities that a product with 0 makes NaN. The first channel is 0
// for the float below -3.5, too: it loses its last bit in the difference.
#id = affine_map<(n, c) -> (n, c)>
#c = affine_map<(n, c) -> (c)>
// CHECK: #[[ID:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK: #[[C:.*]] = affine_map<(d0, d1) -> (d1)>
// CHECK-LABEL: func @normalized
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32>, %[[E:.*]]: tensor<?x4xf32>)
// CHECK-DAG: %[[HIGH:.*]] = arith.constant {compress.derived} dense<[0x7F800000, 7.000000e+00, 3.40282347E+38, 0x7F800000]> : tensor<4xf32>
// CHECK-DAG: %[[LOW:.*]] = arith.constant {compress.derived} dense<[-3.50000024, 0xFF800000, -3.40282347E+38, 0x7FC00000]> : tensor<4xf32>
// CHECK-NOT: linalg
// CHECK: %[[S:.*]] = linalg.generic {indexing_maps = [#[[ID]], #[[C]], #[[C]], #[[ID]]]
// CHECK-SAME: ins(%[[X]], %[[HIGH]], %[[LOW]] : {{.*}}) outs(%[[E]] :
// CHECK: ^bb0(%[[A:.*]]: f32, %[[H:.*]]: f32, %[[L:.*]]: f32, %{{.*}}: f32):
// CHECK-DAG: %[[P:.*]] = arith.cmpf oge, %[[A]], %[[L]]
// CHECK-DAG: %[[Q:.*]] = arith.cmpf ole, %[[A]], %[[H]]
// CHECK: %[[B:.*]] = arith.andi %[[P]], %[[Q]]
// CHECK-NEXT: arith.select %[[B]]
// CHECK-NEXT: linalg.yield
// CHECK: return %[[S]]
func.func @normalized(%x: tensor<?x4xf32>, %e: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %mean = arith.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %variance = arith.constant dense<[4.0, 16.0, 1.0, 1.0]> : tensor<4xf32>
  %gamma = arith.constant dense<[4.0, -2.0, 0.0, 0.0]> : tensor<4xf32>
  %beta = arith.constant dense<[9.0, 2.5, 1.0, -1.0]> : tensor<4xf32>
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %n = linalg.generic {indexing_maps = [#id, #c, #c, #c, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x, %mean, %variance, %gamma : tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%a: f32, %m: f32, %v: f32, %g: f32, %o: f32):
    %0 = arith.subf %a, %m : f32
    %1 = math.rsqrt %v : f32
    %2 = arith.mulf %1, %g : f32
    %3 = arith.mulf %0, %2 : f32
    linalg.yield %3 : f32
  } -> tensor<?x4xf32>
  %b = linalg.broadcast ins(%beta : tensor<4xf32>) outs(%e : tensor<?x4xf32>) dimensions = [0]
  %shifted = linalg.add ins(%n, %b : tensor<?x4xf32>, tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) -> tensor<?x4xf32>
  %signs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%shifted : tensor<?x4xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.cmpf oge, %a, %zero : f32
    %1 = arith.select %0, %one, %minus : f32
    linalg.yield %1 : f32
  } -> tensor<?x4xf32>
  return %signs : tensor<?x4xf32>
}

// -----
// One bound is enough where all channels rise; it is the next float above where that is not part of it. Comparisons that
// hold for NaN are the opposite of one that does not.
// CHECK-LABEL: func @rising
// CHECK: %[[LOW:.*]] = arith.constant 1.00000012 : f32
// CHECK: ^bb0(%[[A:[a-z0-9_]+]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[P:.*]] = arith.cmpf oge, %[[A]], %[[LOW]]
// CHECK-NEXT: %[[TRUE:.*]] = arith.constant true
// CHECK-NEXT: %[[N:.*]] = arith.xori %[[P]], %[[TRUE]]
// CHECK-NEXT: arith.select %[[N]], %{{.*}}, %[[A]]
func.func @rising(%x: tensor<8xf32>) -> tensor<8xf32> {
  %half = arith.constant 0.5 : f32
  %two = arith.constant 2.0 : f32
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.divf %a, %half : f32
    %1 = arith.cmpf uge, %two, %0 : f32
    %2 = arith.select %1, %half, %a : f32
    linalg.yield %2 : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}

// -----
// All channels fall, the only constant is on a dimension in the middle, and x is what a contraction yields.
// CHECK-LABEL: func @falling
// CHECK: %[[Y:.*]] = linalg.matmul
// CHECK: linalg.generic {{.*}} ins(%{{.*}}, %[[HIGH:.*]] : tensor<2x2x3xf32>, tensor<2xf32>)
// CHECK: arith.cmpf ole
// CHECK-NOT: arith.cmpf
func.func @falling(%x: tensor<2x4xf32>, %w: tensor<4x6xf32>, %i: tensor<2x6xf32>) -> tensor<2x2x3xi1> {
  %zero = arith.constant 0.0 : f32
  %k = arith.constant dense<[[[-0.75], [-3.0]]]> : tensor<1x2x1xf32>
  %y = linalg.matmul ins(%x, %w : tensor<2x4xf32>, tensor<4x6xf32>) outs(%i : tensor<2x6xf32>) -> tensor<2x6xf32>
  %r = tensor.expand_shape %y [[0], [1, 2]] output_shape [2, 2, 3] : tensor<2x6xf32> into tensor<2x2x3xf32>
  %e = tensor.empty() : tensor<2x2x3xi1>
  %s = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (0, b, 0)>, affine_map<(a, b, c) -> (a, b, c)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%r, %k : tensor<2x2x3xf32>, tensor<1x2x1xf32>) outs(%e : tensor<2x2x3xi1>) {
  ^bb0(%a: f32, %f: f32, %o: i1):
    %0 = arith.mulf %f, %a : f32
    %1 = arith.cmpf ogt, %0, %zero : f32
    linalg.yield %1 : i1
  } -> tensor<2x2x3xi1>
  return %s : tensor<2x2x3xi1>
}
