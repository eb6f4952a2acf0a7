// Functions for runtime-interface.py.
#id = affine_map<(d0) -> (d0)>

// Every one of these could write to its argument, if nothing kept it from that.
func.func @increment(%x: tensor<?xf32>) -> tensor<?xf32> {
  %one = arith.constant 1.0 : f32
  %0 = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel"]} outs(%x : tensor<?xf32>) {
  ^bb0(%a: f32):
    %s = arith.addf %a, %one : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func @exp(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = linalg.exp ins(%x : tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func @insert(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %v = arith.constant 5.0 : f32
  %0 = tensor.insert %v into %x[%c0] : tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func @insert_slice(%x: tensor<?xf32>) -> tensor<?xf32> {
  %s = arith.constant dense<[7.0, 8.0]> : tensor<2xf32>
  %0 = tensor.insert_slice %s into %x[1] [2] [1] : tensor<2xf32> into tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func @loop(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %v = arith.constant 9.0 : f32
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%t = %x) -> tensor<?xf32> {
    %1 = tensor.insert %v into %t[%i] : tensor<?xf32>
    scf.yield %1 : tensor<?xf32>
  }
  return %0 : tensor<?xf32>
}
func.func private @helper(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %v = arith.constant 6.0 : f32
  %0 = tensor.insert %v into %x[%c0] : tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func @call(%x: tensor<?xf32>) -> tensor<?xf32> {
  %0 = func.call @helper(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// The same for a weight, which is mapped read-only.
func.func @weight(%i: tensor<i64>) -> (tensor<40xf32>, tensor<40xf32>) {
  %w = arith.constant dense_resource<w> : tensor<40xf32>
  %k = tensor.extract %i[] : tensor<i64>
  %at = arith.index_cast %k : i64 to index
  %v = arith.constant 3.0 : f32
  %0 = tensor.insert %v into %w[%at] : tensor<40xf32>
  return %w, %0 : tensor<40xf32>, tensor<40xf32>
}

func.func @check(%x: tensor<?xf32>, %n: tensor<i64>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %x, %c0 : tensor<?xf32>
  %k = tensor.extract %n[] : tensor<i64>
  %wanted = arith.index_cast %k : i64 to index
  %ok = arith.cmpi eq, %size, %wanted : index
  cf.assert %ok, "expected \22n\22 elements, 100% of them"
  %0 = linalg.negf ins(%x : tensor<?xf32>) outs(%x : tensor<?xf32>) -> tensor<?xf32>
  %first = tensor.extract %0[%c0] : tensor<?xf32>
  %zero = arith.constant 0.0 : f32
  %negative = arith.cmpf ole, %first, %zero : f32
  cf.assert %negative, "expected a first element of 0 or more"
  return %0 : tensor<?xf32>
}

// What is returned is an argument, twice, and a constant of the code.
func.func @same(%x: tensor<?x3xf32> {compress.name = "data"}) -> (tensor<?x3xf32> {compress.name = "first"}, tensor<?x3xf32>, tensor<2x2xf32>) {
  %c = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  return %x, %x, %c : tensor<?x3xf32>, tensor<?x3xf32>, tensor<2x2xf32>
}
func.func @transpose(%x: tensor<?x?x?xf32>) -> tensor<?x?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %d0 = tensor.dim %x, %c0 : tensor<?x?x?xf32>
  %d1 = tensor.dim %x, %c1 : tensor<?x?x?xf32>
  %d2 = tensor.dim %x, %c2 : tensor<?x?x?xf32>
  %e = tensor.empty(%d2, %d0, %d1) : tensor<?x?x?xf32>
  %0 = linalg.transpose ins(%x : tensor<?x?x?xf32>) outs(%e : tensor<?x?x?xf32>) permutation = [2, 0, 1]
  return %0 : tensor<?x?x?xf32>
}
func.func @slice(%x: tensor<8x8xf32>) -> tensor<3x4xf32> {
  %0 = tensor.extract_slice %x[1, 2] [3, 4] [2, 1] : tensor<8x8xf32> to tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}
// Of static size: written where the caller wants it.
func.func @reverse(%x: tensor<8xf32>) -> tensor<8xf32> {
  %c7 = arith.constant 7 : index
  %0 = tensor.generate {
  ^bb0(%i: index):
    %j = arith.subi %c7, %i : index
    %v = tensor.extract %x[%j] : tensor<8xf32>
    tensor.yield %v : f32
  } : tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @scalar(%x: tensor<f64>) -> tensor<f64> {
  %v = tensor.extract %x[] : tensor<f64>
  %s = arith.addf %v, %v : f64
  %0 = tensor.from_elements %s : tensor<f64>
  return %0 : tensor<f64>
}
func.func @types(%b: tensor<?xi8>, %c: tensor<?xi16>, %d: tensor<?xi32>, %e: tensor<?xi64>, %f: tensor<?xf16>, %g: tensor<?xbf16>, %h: tensor<?xf64>, %i: tensor<?xf8E4M3FN>, %j: tensor<?xf8E5M2>)
    -> (tensor<?xi8>, tensor<?xi16>, tensor<?xi32>, tensor<?xi64>, tensor<?xf16>, tensor<?xbf16>, tensor<?xf64>, tensor<?xf8E4M3FN>, tensor<?xf8E5M2>) {
  return %b, %c, %d, %e, %f, %g, %h, %i, %j : tensor<?xi8>, tensor<?xi16>, tensor<?xi32>, tensor<?xi64>, tensor<?xf16>, tensor<?xbf16>, tensor<?xf64>, tensor<?xf8E4M3FN>, tensor<?xf8E5M2>
}
func.func @big(%n: tensor<i64>) -> tensor<?xf32> {
  %k = tensor.extract %n[] : tensor<i64>
  %size = arith.index_cast %k : i64 to index
  %v = arith.constant 1.0 : f32
  %e = tensor.empty(%size) : tensor<?xf32>
  %0 = linalg.fill ins(%v : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func @nothing() {
  return
}
