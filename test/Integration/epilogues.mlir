// Biases, residuals, activations and requantization in kernels of every mode, against numpy.
// RUN: rm -rf %t && mkdir %t && cp %s %t/epilogues.mlir
// RUN: %python %inputs/make-weights.py %t/weights.safetensors 'w=F32:37x70:r.standard_normal(s)'
// RUN: %python %inputs/epilogues.py %t | FileCheck %s
// CHECK: f32: no elementwise op is left, 5 functions agree
// CHECK-NEXT: bf16: no elementwise op is left, 5 functions agree
// CHECK-NEXT: int8: no elementwise op is left, 5 functions agree
#xk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#id = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (n)>

// The sum itself.
func.func @sum(%x: tensor<?x70xf32>) -> tensor<?x37xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x70xf32>
  %e = tensor.empty(%m) : tensor<?x37xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x37xf32>) -> tensor<?x37xf32>
  %w = arith.constant dense_resource<w> : tensor<37x70xf32>
  %y = linalg.matmul indexing_maps = [#xk, #nk, #mn] ins(%x, %w : tensor<?x70xf32>, tensor<37x70xf32>) outs(%init : tensor<?x37xf32>) -> tensor<?x37xf32>
  return %y : tensor<?x37xf32>
}

// A bias of one row, broadcast, and ReLU.
func.func @relu(%x: tensor<?x70xf32>, %bias: tensor<1x37xf32>) -> tensor<?x37xf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x70xf32>
  %e = tensor.empty(%m) : tensor<?x37xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x37xf32>) -> tensor<?x37xf32>
  %w = arith.constant dense_resource<w> : tensor<37x70xf32>
  %y = linalg.matmul indexing_maps = [#xk, #nk, #mn] ins(%x, %w : tensor<?x70xf32>, tensor<37x70xf32>) outs(%init : tensor<?x37xf32>) -> tensor<?x37xf32>
  %z = linalg.generic {indexing_maps = [#id, affine_map<(m, n) -> (0, n)>, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y, %bias : tensor<?x37xf32>, tensor<1x37xf32>) outs(%e : tensor<?x37xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    %r = arith.maximumf %s, %zero : f32
    linalg.yield %r : f32
  } -> tensor<?x37xf32>
  return %z : tensor<?x37xf32>
}

// A bias that the product is added to, GELU by erf, rounded to f16: three ops.
func.func @gelu(%x: tensor<?x70xf32>, %bias: tensor<37xf32>) -> tensor<?x37xf16> {
  %c0 = arith.constant 0 : index
  %half = arith.constant 0.5 : f32
  %one = arith.constant 1.0 : f32
  %root = arith.constant 0.70710678118654752 : f32
  %m = tensor.dim %x, %c0 : tensor<?x70xf32>
  %e = tensor.empty(%m) : tensor<?x37xf32>
  %h = tensor.empty(%m) : tensor<?x37xf16>
  %init = linalg.broadcast ins(%bias : tensor<37xf32>) outs(%e : tensor<?x37xf32>) dimensions = [0]
  %w = arith.constant dense_resource<w> : tensor<37x70xf32>
  %y = linalg.matmul indexing_maps = [#xk, #nk, #mn] ins(%x, %w : tensor<?x70xf32>, tensor<37x70xf32>) outs(%init : tensor<?x37xf32>) -> tensor<?x37xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y : tensor<?x37xf32>) outs(%e : tensor<?x37xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.mulf %a, %root : f32
    %t = math.erf %s : f32
    %u = arith.addf %t, %one : f32
    %v = arith.mulf %u, %half : f32
    %r = arith.mulf %v, %a : f32
    linalg.yield %r : f32
  } -> tensor<?x37xf32>
  %r = arith.truncf %z : tensor<?x37xf32> to tensor<?x37xf16>
  return %r : tensor<?x37xf16>
}

// SiLU of three dimensions of rows, and a residual.
func.func @silu(%x: tensor<2x?x70xf32>, %residual: tensor<2x?x37xf32>) -> tensor<2x?x37xf32> {
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %m = tensor.dim %x, %c1 : tensor<2x?x70xf32>
  %e = tensor.empty(%m) : tensor<2x?x37xf32>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<2x?x37xf32>) -> tensor<2x?x37xf32>
  %w = arith.constant dense_resource<w> : tensor<37x70xf32>
  %y = linalg.contract indexing_maps = [affine_map<(a, m, n, k) -> (a, m, k)>, affine_map<(a, m, n, k) -> (n, k)>, affine_map<(a, m, n, k) -> (a, m, n)>]
    ins(%x, %w : tensor<2x?x70xf32>, tensor<37x70xf32>) outs(%init : tensor<2x?x37xf32>) -> tensor<2x?x37xf32>
  %z = linalg.generic {indexing_maps = [affine_map<(a, m, n) -> (a, m, n)>, affine_map<(a, m, n) -> (a, m, n)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%y : tensor<2x?x37xf32>) outs(%e : tensor<2x?x37xf32>) {
  ^bb0(%a: f32, %o: f32):
    %n = arith.negf %a : f32
    %x0 = math.exp %n : f32
    %d = arith.addf %x0, %one : f32
    %r = arith.divf %a, %d : f32
    linalg.yield %r : f32
  } -> tensor<2x?x37xf32>
  %r = arith.addf %z, %residual : tensor<2x?x37xf32>
  return %r : tensor<2x?x37xf32>
}

// The next layer's 8-bit integers.
func.func @requantize(%x: tensor<?x70xf32>) -> tensor<?x37xi8> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 4.0 : f32
  %low = arith.constant -128.0 : f32
  %high = arith.constant 127.0 : f32
  %m = tensor.dim %x, %c0 : tensor<?x70xf32>
  %e = tensor.empty(%m) : tensor<?x37xf32>
  %b = tensor.empty(%m) : tensor<?x37xi8>
  %init = linalg.fill ins(%zero : f32) outs(%e : tensor<?x37xf32>) -> tensor<?x37xf32>
  %w = arith.constant dense_resource<w> : tensor<37x70xf32>
  %y = linalg.matmul indexing_maps = [#xk, #nk, #mn] ins(%x, %w : tensor<?x70xf32>, tensor<37x70xf32>) outs(%init : tensor<?x37xf32>) -> tensor<?x37xf32>
  %z = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%y : tensor<?x37xf32>) outs(%b : tensor<?x37xi8>) {
  ^bb0(%a: f32, %o: i8):
    %s = arith.mulf %a, %scale : f32
    %t = math.roundeven %s : f32
    %u = arith.maximumf %t, %low : f32
    %v = arith.minimumf %u, %high : f32
    %r = arith.fptosi %v : f32 to i8
    linalg.yield %r : i8
  } -> tensor<?x37xi8>
  return %z : tensor<?x37xi8>
}
