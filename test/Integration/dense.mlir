// Weights that no preset applies to: laid out for kernels, compared bit for bit, reported as dense.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'nk=F32:96x256:r.standard_normal(s)' 'kn=F16:161x37:r.standard_normal(s)' 'vec=BF16:65x127:r.standard_normal(s)' 'heads=F32:3x20x45:r.standard_normal(s)' 'zero=F32:5x3:n.array([[0.0,-0.0,n.nan],[n.inf,-n.inf,1e-42],[1,2,3],[4,5,6],[7,8,9]])'
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/a
// RUN: compressc verify %t/a --original %s --weights %t/w.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=INSPECT
// VERIFY: verified: 0 compressed weights, 5 dense weights, worst relative error 0.000e+00
// INSPECT-DAG: 98304 B   32.00 bits/weight  nk  dense{{$}}
// Padding is stored, too: 168 times 48 values for 161 times 37.
// INSPECT-DAG: 16128 B   21.66 bits/weight  kn  dense{{$}}
// INSPECT-DAG: zero  dense{{$}}
// INSPECT: ratio 0.{{[89]}}
// RUN: %python %inputs/compare-random.py %t/a %s %t/w.safetensors nk:1e-6 kn:2e-3 vec:1e-6 heads:1e-6
// RUN: compressc compile %s --weights %t/w.safetensors --preset none --compute auto -o %t/auto
// RUN: compressc verify %t/auto --original %s --weights %t/w.safetensors | FileCheck %s --check-prefix=VERIFY

// Other data under the same names are found.
// RUN: %python %inputs/make-weights.py %t/other.safetensors 'nk=F32:96x256:r.standard_normal(s)' 'kn=F16:161x37:r.standard_normal(s)' 'vec=BF16:65x127:r.standard_normal(s)' 'heads=F32:3x20x45:r.standard_normal(s)' 'zero=F32:5x3:n.array([[0.0,0.0,n.nan],[n.inf,-n.inf,1e-42],[1,2,3],[4,5,6],[7,8,9]])'
// RUN: not compressc verify %t/a --original %s --weights %t/other.safetensors 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: weight 'zero': its dense data differ from the original

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @nk(%x: tensor<?x256xf32>, %init: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %w = arith.constant dense_resource<nk> : tensor<96x256xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x256xf32>, tensor<96x256xf32>) outs(%init : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %0 : tensor<?x96xf32>
}

func.func @kn(%x: tensor<40x161xf16>, %init: tensor<40x37xf16>) -> tensor<40x37xf16> {
  %w = arith.constant dense_resource<kn> : tensor<161x37xf16>
  %0 = linalg.matmul ins(%x, %w : tensor<40x161xf16>, tensor<161x37xf16>) outs(%init : tensor<40x37xf16>) -> tensor<40x37xf16>
  return %0 : tensor<40x37xf16>
}

func.func @vec(%x: tensor<127xbf16>, %init: tensor<65xf32>) -> tensor<65xf32> {
  %w = arith.constant dense_resource<vec> : tensor<65x127xbf16>
  %0 = linalg.matvec ins(%w, %x : tensor<65x127xbf16>, tensor<127xbf16>) outs(%init : tensor<65xf32>) -> tensor<65xf32>
  return %0 : tensor<65xf32>
}

func.func @heads(%x: tensor<3x17x20xf32>, %init: tensor<3x17x45xf32>) -> tensor<3x17x45xf32> {
  %w = arith.constant dense_resource<heads> : tensor<3x20x45xf32>
  %0 = linalg.batch_matmul ins(%x, %w : tensor<3x17x20xf32>, tensor<3x20x45xf32>) outs(%init : tensor<3x17x45xf32>) -> tensor<3x17x45xf32>
  return %0 : tensor<3x17x45xf32>
}

// All bits of values are kept, signs of zeros and subnormals included.
func.func @zero(%x: tensor<2x3xf32>, %init: tensor<2x5xf32>) -> tensor<2x5xf32> {
  %w = arith.constant dense_resource<zero> : tensor<5x3xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<2x3xf32>, tensor<5x3xf32>) outs(%init : tensor<2x5xf32>) -> tensor<2x5xf32>
  return %0 : tensor<2x5xf32>
}
