// RUN: compress-opt %s --compress-to-cpu | FileCheck %s
// RUN: compress-opt %s --compress-to-cpu="artifact-abi" | FileCheck %s --check-prefix=ABI
// RUN: compress-opt %s --compress-to-cpu="fuse=false" | FileCheck %s --check-prefix=REFERENCE
// RUN: compress-opt %s --compress-to-cpu | mlir-translate --mlir-to-llvmir | llvm-as -o /dev/null

// Nothing is left but the LLVM dialect, and no call into a library of MLIR's.
// CHECK-NOT: {{(compress|linalg|memref|tensor|vector|scf|arith|bufferization|cf|func|ub)\.}}
// CHECK-NOT: @memrefCopy
// CHECK: llvm.mlir.global {{.*}}dense_resource<codes.tiled> : tensor<2x2x16x4xi8>
// CHECK-NOT: {{(compress|linalg|memref|tensor|vector|scf|arith|bufferization|cf|func|ub)\.}}
// CHECK: llvm.func @main
// CHECK: llvm.return
// CHECK-NOT: {{(compress|linalg|memref|tensor|vector|scf|arith|bufferization|cf|func|ub)\.}}

// The interface of artifacts: entries, a version, a handler of assertions, all else private. A failing
// assertion calls the handler, which is loaded when it is called.
// ABI-NOT: llvm.call @abort
// ABI-DAG: llvm.mlir.global external constant @compress_model_abi_version(2 : i32)
// ABI-DAG: llvm.mlir.global external @compress_assert_handler
// ABI-DAG: llvm.func @compress_entry_main(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// ABI-DAG: llvm.func @compress_entry_assembled(
// ABI-DAG: llvm.func @main({{.*}} attributes {sym_visibility = "private"}

// Without kernels, decode is loops over whole weights. The values are the same: see test/Integration.
// REFERENCE-NOT: vector<
// REFERENCE: llvm.func @main
// REFERENCE-NOT: vector<

#q = #compress.quant<i4, block = [1, 16], scale = f16>

func.func @main(%x: tensor<?x16xf32>) -> tensor<?x32xf32> {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %x, %c0 : tensor<?x16xf32>
  %some = arith.cmpi sgt, %size, %c0 : index
  cf.assert %some, "expected rows"
  %codes = arith.constant dense_resource<codes> : tensor<32x8xi8>
  %scales = arith.constant dense_resource<scales> : tensor<32x1xf16>
  %0 = compress.assemble %codes, %scales : tensor<32x8xi8>, tensor<32x1xf16> -> !compress.tensor<32x16xf32, #q>
  %w = compress.decode %0 : !compress.tensor<32x16xf32, #q>
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty(%size) : tensor<?x32xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %w : tensor<?x16xf32>, tensor<32x16xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
func.func @assembled(%codes: tensor<32x8xi8>, %scales: tensor<32x1xf16>) -> tensor<32x16xf32> {
  %0 = compress.assemble %codes, %scales : tensor<32x8xi8>, tensor<32x1xf16> -> !compress.tensor<32x16xf32, #q>
  %w = compress.decode %0 : !compress.tensor<32x16xf32, #q>
  return %w : tensor<32x16xf32>
}
{-# dialect_resources: { builtin: {
  codes: "0x01000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
  scales: "0x02000000003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c003c"
} } #-}
