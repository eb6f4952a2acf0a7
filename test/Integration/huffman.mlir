// Prefix codes of exponents, which lose no bit, and of the codes of quant: both ways of a matrix product, rests, a
// convolution, a lookup, rows of more than a tile.
// RUN: rm -rf %t && mkdir -p %t
// RUN: %python %inputs/make-weights.py %t/w.safetensors 'bf16=BF16:96x512:r.standard_normal(s)*.02' 'f32=F32:64x96:r.standard_normal(s)' 'f16=F16:64x50:r.standard_normal(s)' 'int4=F32:64x512:r.standard_t(4,s)' 'kn=F32:256x40:r.standard_normal(s)' 'conv=BF16:32x3x3x24:r.standard_normal(s)' 'ids=BF16:300x64:r.standard_normal(s)' 'long=BF16:6x9000:r.standard_normal(s)' 'ones=BF16:64x64:n.ones(s)' 'deep=F32:96x512:r.standard_normal(s)'
// RUN: compressc compile %s --weights %t/w.safetensors --preset none -o %t/a
// RUN: compressc verify %t/a --original %s --weights %t/w.safetensors | FileCheck %s --check-prefix=VERIFY
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=INSPECT
// RUN: compressc inspect %t/a | FileCheck %s --check-prefix=FUSED
// VERIFY: verified: 10 compressed weights
// FUSED-NOT: decoded as a whole
// The entropy of these exponents is 2.55 bits; 8 bits are sign and mantissa, 24 of f32.
// INSPECT-DAG: 10.6{{[0-9]}} bits/weight  error 0.000e+00  bf16  #compress.huffman<tile = [8, 512], split = exponent>
// INSPECT-DAG: 27.0{{[0-9]}} bits/weight  error 0.000e+00  f32  #compress.huffman<tile = [32, 96], split = exponent>
// Boxes of 51 elements have 9 bytes each besides their codes.
// INSPECT-DAG: 15.8{{[0-9]}} bits/weight  error 0.000e+00  f16  #compress.huffman<tile = [3, 17], split = exponent>
// 4.125 bits without prefix codes; long tails leave small codes.
// INSPECT-DAG: 3.2{{[0-9]}} bits/weight  error {{.*}}  int4  #compress.nested<#compress.quant<i4, block = [1, 128], scale = f16>, codes = #compress.huffman<tile = [8, 256]>>
// INSPECT-DAG: bits/weight  error {{.*}}  kn  #compress.nested<#compress.quant<i4, block = [128, 1], scale = f16>, codes = #compress.huffman<tile = [128, 10]>>
// INSPECT-DAG: bits/weight  error 0.000e+00  conv  #compress.huffman<tile = [16, 3, 3, 24], split = exponent>
// INSPECT-DAG: bits/weight  error 0.000e+00  ids  #compress.huffman<tile = [1, 64], split = exponent>
// INSPECT-DAG: 10.{{[67][0-9]}} bits/weight  error 0.000e+00  long  #compress.huffman<tile = [1, 3000], split = exponent>
// A single exponent takes no bits: 8 are left, and 308 bytes of the table, 4 of the offset, 13 of the stream.
// INSPECT-DAG: 8.63 bits/weight  error 0.000e+00  ones

// A mask of a quarter has an entropy of 0.81 bits, its bytes are coded; a quarter of 4 bits before prefix codes.
// INSPECT-DAG: 1.8{{[0-9]}} bits/weight  error {{.*}}  deep  #compress.nested<#compress.bitmask<keep = 128>, mask = #compress.huffman<tile = [8, 64]>, values = #compress.nested<#compress.palette<bits = 4, group = [96, 128], codebook = f16>, indices = #compress.huffman<tile = [8, 64]>>>

// No bit is lost, so the sums are those of the original, perhaps in another order.
// RUN: %python -c "import numpy as n; r = n.random.default_rng(1); g = lambda f, *s: n.save(r'%t/' + f, r.standard_normal(s, dtype=n.float32)); g('x.npy', 3, 96); g('i.npy', 3, 64); g('c.npy', 1, 8, 8, 24); g('o.npy', 1, 6, 6, 32); n.save(r'%t/at.npy', r.integers(0, 300, 20, dtype=n.int32))"
// RUN: compressc compare %t/a --original %s --weights %t/w.safetensors --function f32 --input %t/x.npy %t/i.npy | FileCheck %s --check-prefix=SUMS
// RUN: compressc compare %t/a --original %s --weights %t/w.safetensors --function conv --input %t/c.npy %t/o.npy | FileCheck %s --check-prefix=SUMS
// RUN: compressc compare %t/a --original %s --weights %t/w.safetensors --function ids --input %t/at.npy | FileCheck %s --check-prefix=LOOKUP
// SUMS: relative error {{(0.000e\+00|[0-9.]+e-(0[6-9]|1))}}
// LOOKUP: 1280 elements, max error 0.000e+00

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

func.func @bf16(%x: tensor<?x512xbf16>, %init: tensor<?x96xf32>) -> tensor<?x96xf32> {
  %w = arith.constant {compress.codec = "df11"} dense_resource<bf16> : tensor<96x512xbf16>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<?x512xbf16>, tensor<96x512xbf16>) outs(%init : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %0 : tensor<?x96xf32>
}

func.func @deep(%x: tensor<3x512xf32>, %init: tensor<3x96xf32>) -> tensor<3x96xf32> {
  %w = arith.constant {compress.codec = "deep-compression"} dense_resource<deep> : tensor<96x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<96x512xf32>) outs(%init : tensor<3x96xf32>) -> tensor<3x96xf32>
  return %0 : tensor<3x96xf32>
}

func.func @f32(%x: tensor<3x96xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = "df11"} dense_resource<f32> : tensor<64x96xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x96xf32>, tensor<64x96xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

func.func @f16(%x: tensor<3x64xf16>, %init: tensor<3x50xf32>) -> tensor<3x50xf32> {
  %w = arith.constant {compress.codec = #compress.huffman<tile = [3, 17], split = exponent>} dense_resource<f16> : tensor<64x50xf16>
  %0 = linalg.matmul ins(%x, %w : tensor<3x64xf16>, tensor<64x50xf16>) outs(%init : tensor<3x50xf32>) -> tensor<3x50xf32>
  return %0 : tensor<3x50xf32>
}

func.func @int4(%x: tensor<3x512xf32>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = "int4-b128-huffman"} dense_resource<int4> : tensor<64x512xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x512xf32>, tensor<64x512xf32>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}

func.func @kn(%x: tensor<3x256xf32>, %init: tensor<3x40xf32>) -> tensor<3x40xf32> {
  %w = arith.constant {compress.codec = "int4-b128-huffman"} dense_resource<kn> : tensor<256x40xf32>
  %0 = linalg.matmul ins(%x, %w : tensor<3x256xf32>, tensor<256x40xf32>) outs(%init : tensor<3x40xf32>) -> tensor<3x40xf32>
  return %0 : tensor<3x40xf32>
}

func.func @conv(%x: tensor<1x8x8x24xf32>, %init: tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32> {
  %w = arith.constant {compress.codec = "df11"} dense_resource<conv> : tensor<32x3x3x24xbf16>
  %0 = linalg.conv_2d_nhwc_fhwc ins(%x, %w : tensor<1x8x8x24xf32>, tensor<32x3x3x24xbf16>) outs(%init : tensor<1x6x6x32xf32>) -> tensor<1x6x6x32xf32>
  return %0 : tensor<1x6x6x32xf32>
}

func.func @ids(%ids: tensor<20xi32>) -> tensor<20x64xf32> {
  %w = arith.constant {compress.codec = "df11-rows"} dense_resource<ids> : tensor<300x64xbf16>
  %e = tensor.empty() : tensor<20x64xf32>
  %0 = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i)>, affine_map<(i, j) -> (i, j)>], iterator_types = ["parallel", "parallel"]} ins(%ids : tensor<20xi32>) outs(%e : tensor<20x64xf32>) {
  ^bb0(%id: i32, %o: f32):
    %row = arith.index_cast %id : i32 to index
    %column = linalg.index 1 : index
    %v = tensor.extract %w[%row, %column] : tensor<300x64xbf16>
    %f = arith.extf %v : bf16 to f32
    linalg.yield %f : f32
  } -> tensor<20x64xf32>
  return %0 : tensor<20x64xf32>
}

func.func @long(%x: tensor<3x9000xbf16>, %init: tensor<3x6xf32>) -> tensor<3x6xf32> {
  %w = arith.constant {compress.codec = "df11"} dense_resource<long> : tensor<6x9000xbf16>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x9000xbf16>, tensor<6x9000xbf16>) outs(%init : tensor<3x6xf32>) -> tensor<3x6xf32>
  return %0 : tensor<3x6xf32>
}

func.func @ones(%x: tensor<3x64xbf16>, %init: tensor<3x64xf32>) -> tensor<3x64xf32> {
  %w = arith.constant {compress.codec = "df11"} dense_resource<ones> : tensor<64x64xbf16>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x64xbf16>, tensor<64x64xbf16>) outs(%init : tensor<3x64xf32>) -> tensor<3x64xf32>
  return %0 : tensor<3x64xf32>
}
