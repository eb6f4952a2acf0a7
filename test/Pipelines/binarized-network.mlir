// Two layers of a binarized network are two kernels: signs are what the second one reads, and batch normalization is a
// comparison with a threshold at the end of the first one.
// RUN: compress-opt %s --compress-fold-thresholds --compress-pack-weights=compute=auto --compress-form-kernels --compress-fuse-epilogues --canonicalize | FileCheck %s
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(i, j) -> (i, j)>
#n = affine_map<(i, j) -> (j)>
!w1 = !compress.tensor<2x40xf32, #compress.quant<binary, block = [1, 40], scale = f32>>
!w2 = !compress.tensor<3x2xf32, #compress.quant<binary, block = [1, 2], scale = f32>>

// CHECK-LABEL: func @network
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<3x40xf32>
// CHECK: %[[LOW:.*]] = arith.constant {{.*}}dense<[1.500000e+00, -7.500000e-01]> : tensor<2xf32>
// CHECK-NOT: linalg
// CHECK: %[[H:.*]] = compress.contract ins(%[[X]], {{.*}} compute = xnor with(%[[LOW]] : tensor<2xf32>)
// CHECK: ^bb0(%[[S:.*]]: f32, %[[L:.*]]: f32):
// CHECK-NEXT: %[[C:.*]] = arith.cmpf oge, %[[S]], %[[L]]
// CHECK-NEXT: %[[R:.*]] = arith.select %[[C]]
// CHECK-NEXT: compress.yield %[[R]]
// CHECK-NOT: linalg
// CHECK: compress.contract ins(%[[H]], {{.*}} compute = xnor
// CHECK-NOT: linalg
// CHECK: return
func.func @network(%x: tensor<3x40xf32>) -> tensor<3x3xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %minus = arith.constant -1.0 : f32
  %e = tensor.empty() : tensor<3x40xf32>
  %signs = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<3x40xf32>) outs(%e : tensor<3x40xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf oge, %a, %zero : f32
    %s = arith.select %c, %one, %minus : f32
    linalg.yield %s : f32
  } -> tensor<3x40xf32>
  %c1 = arith.constant dense<[[255, 0, 255, 0, 255], [255, 255, 255, 255, 0]]> : tensor<2x5xi8>
  %s1 = arith.constant dense<[[0.5], [2.0]]> : tensor<2x1xf32>
  %a1 = compress.assemble %c1, %s1 : tensor<2x5xi8>, tensor<2x1xf32> -> !w1
  %w1 = compress.decode %a1 : !w1
  %e1 = tensor.empty() : tensor<3x2xf32>
  %i1 = linalg.fill ins(%zero : f32) outs(%e1 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %y1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%signs, %w1 : tensor<3x40xf32>, tensor<2x40xf32>) outs(%i1 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %gamma = arith.constant dense<[2.0, 4.0]> : tensor<2xf32>
  %beta = arith.constant dense<[-3.0, 3.0]> : tensor<2xf32>
  %normalized = linalg.generic {indexing_maps = [#id, #n, #n, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y1, %gamma, %beta : tensor<3x2xf32>, tensor<2xf32>, tensor<2xf32>) outs(%e1 : tensor<3x2xf32>) {
  ^bb0(%a: f32, %g: f32, %b: f32, %o: f32):
    %0 = arith.mulf %a, %g : f32
    %1 = arith.addf %0, %b : f32
    linalg.yield %1 : f32
  } -> tensor<3x2xf32>
  %hidden = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%normalized : tensor<3x2xf32>) outs(%e1 : tensor<3x2xf32>) {
  ^bb0(%a: f32, %o: f32):
    %c = arith.cmpf oge, %a, %zero : f32
    %s = arith.select %c, %one, %minus : f32
    linalg.yield %s : f32
  } -> tensor<3x2xf32>
  %c2 = arith.constant dense<[[3], [1], [2]]> : tensor<3x1xi8>
  %s2 = arith.constant dense<[[0.5], [2.0], [4.0]]> : tensor<3x1xf32>
  %a2 = compress.assemble %c2, %s2 : tensor<3x1xi8>, tensor<3x1xf32> -> !w2
  %w2 = compress.decode %a2 : !w2
  %e2 = tensor.empty() : tensor<3x3xf32>
  %i2 = linalg.fill ins(%zero : f32) outs(%e2 : tensor<3x3xf32>) -> tensor<3x3xf32>
  %y2 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%hidden, %w2 : tensor<3x2xf32>, tensor<3x2xf32>) outs(%i2 : tensor<3x3xf32>) -> tensor<3x3xf32>
  return %y2 : tensor<3x3xf32>
}
