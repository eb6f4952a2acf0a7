// RUN: compress-opt %s --compress-check-fused --split-input-file --verify-diagnostics

// One element more than a tile, of a weight with a name.
!w = !compress.tensor<1x4097xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
func.func @named(%c: tensor<1x4097xi8>, %s: tensor<1x129xf32>) -> tensor<1x4097xf32> {
  %0 = compress.assemble %c, %s {compress.certificate = #compress.certificate<
      weight = "fc.weight", algorithm = "rtn", source = "0123456789abcdef", bits = 36904,
      max_error = 0.0 : f64, relative_error = 0.0 : f64, sqnr = 1.0 : f64>}
    : tensor<1x4097xi8>, tensor<1x129xf32> -> !w
  // expected-error @below {{weight 'fc.weight' is decoded as a whole, to 'tensor<1x4097xf32>': it is read by 'nobody'}}
  %w = compress.decode %0 {compress.dense_reason = "it is read by 'nobody'"} : !w
  return %w : tensor<1x4097xf32>
}

// -----
// Each of them, also without name and reason; a dynamic size may be anything.
!w = !compress.tensor<65x64xf32, #compress.quant<i8, block = [1, 32], scale = f32>>
!v = !compress.tensor<?x1xf32, #compress.quant<i8, block = [1, 1], scale = f32>>
func.func @all(%0: !w, %1: !v) -> (tensor<65x64xf32>, tensor<?x1xf32>) {
  // expected-error @below {{a compressed weight is decoded as a whole, to 'tensor<65x64xf32>'}}
  %w = compress.decode %0 : !w
  // expected-error @below {{a compressed weight is decoded as a whole, to 'tensor<?x1xf32>'}}
  %v = compress.decode %1 : !v
  return %w, %v : tensor<65x64xf32>, tensor<?x1xf32>
}
