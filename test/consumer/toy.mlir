// Run by run.sh.

// CHECK: arith.constant dense_resource<"main#0.values"> : tensor<2x4xf16>
// CHECK: compress.assemble {{.*}}algorithm = "round"{{.*}}bits = 128{{.*}} -> !compress.tensor<2x4xf32, #toy.truncate<f16>>
// CHECK: compress.decode
// 1, -2, 0.5 and so on are exact in f16; 0.1 is 0x2E66.
// CHECK: "main#0.values": "0x10000000003C00C00038662E003C00C00038662E"

// LOWER-NOT: compress.decode
// LOWER: arith.extf %{{.*}} : tensor<2x4xf16> to tensor<2x4xf32>
func.func @main(%x: tensor<3x4xf32>, %init: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %w = arith.constant dense<[[1.0, -2.0, 0.5, 0.1], [1.0, -2.0, 0.5, 0.1]]> : tensor<2x4xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<3x4xf32>, tensor<2x4xf32>) outs(%init : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %y : tensor<3x2xf32>
}
