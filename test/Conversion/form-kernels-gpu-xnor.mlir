// Signs times weights of one bit: a kernel that reads what the signs are of, where it is asked for or may be chosen.
// RUN: compress-opt %s --compress-form-kernels | FileCheck %s
// RUN: compress-opt %s --compress-form-kernels=compute=xnor | FileCheck %s
// RUN: compress-opt %s --compress-form-kernels=compute=bf16 | FileCheck %s --check-prefix=BF16
// BF16: %[[SIGNS:.*]] = linalg.generic
// BF16: compress.contract ins(%[[SIGNS]], {{.*}} compute = bf16
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, k) -> (m, k)>
#tiled = #compress.tiled<#compress.quant<binary, block = [1, 300], scale = f16>, tile = [16, 256], order = [0, 1], split = [1, 2, 8, 4, 8, 4, 2], inside = [2, 5, 3, 0, 6, 1, 4], record = 1>
!w = !compress.tensor<16x300xf16, #tiled>

// CHECK-LABEL: func @signs
// CHECK-SAME: (%{{.*}}: {{.*}}, %[[X:.*]]: tensor<?x300xf16>
// CHECK-NOT: linalg
// CHECK: compress.contract ins(%[[X]], {{.*}} compute = xnor
func.func @signs(%0: !w, %x: tensor<?x300xf16>, %i: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %zero = arith.constant 0.0 : f16
  %one = arith.constant 1.0 : f16
  %minus = arith.constant -1.0 : f16
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x300xf16>) outs(%x : tensor<?x300xf16>) {
  ^bb0(%a: f16, %b: f16):
    %c = arith.cmpf oge, %a, %zero : f16
    %r = arith.select %c, %one, %minus : f16
    linalg.yield %r : f16
  } -> tensor<?x300xf16>
  %w = compress.decode %0 : !w
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%s, %w : tensor<?x300xf16>, tensor<16x300xf16>) outs(%i : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
