// Two layers on weights of a file, one named by a resource, one by a global, and a bias that is
// no weight of a contraction.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
ml_program.global private @head(#ml_program.extern : tensor<16x128xf32>) : tensor<16x128xf32>
func.func @main(%x: tensor<?x256xf32> {compress.name = "image"}) -> (tensor<?x16xf32> {compress.name = "logits"}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x256xf32>
  %fc = arith.constant dense_resource<fc> : tensor<128x256xf32>
  %bias = arith.constant dense_resource<bias> : tensor<128xf32>
  %head = ml_program.global_load_const @head : tensor<16x128xf32>
  %e = tensor.empty(%n) : tensor<?x128xf32>
  %b = linalg.broadcast ins(%bias : tensor<128xf32>) outs(%e : tensor<?x128xf32>) dimensions = [0]
  %h = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %fc : tensor<?x256xf32>, tensor<128x256xf32>) outs(%b : tensor<?x128xf32>) -> tensor<?x128xf32>
  %e2 = tensor.empty(%n) : tensor<?x16xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e2 : tensor<?x16xf32>) -> tensor<?x16xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%h, %head : tensor<?x128xf32>, tensor<16x128xf32>) outs(%f : tensor<?x16xf32>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
