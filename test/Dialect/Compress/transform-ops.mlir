// RUN: compress-opt %s --transform-interpreter --split-input-file --verify-diagnostics | FileCheck %s

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

module attributes {transform.with_named_sequence} {
  // CHECK-LABEL: module @kernel
  // CHECK: %[[CODES:.*]] = arith.constant dense_resource<w.codes.tiled> : tensor<1x1x16x4xi8>
  // CHECK: compress.contract ins(%{{.*}}, %[[CODES]], %{{.*}}
  builtin.module @kernel {
    func.func @main(%x: tensor<3x8xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
      %w = arith.constant dense_resource<w> : tensor<2x8xf32>
      %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<2x8xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
      return %0 : tensor<3x2xf32>
    }
  }
  // CHECK-LABEL: module @tiles
  // CHECK: scf.for
  // CHECK: compress.decode %{{.*}} : !compress.tensor<2x8xf32,
  builtin.module @tiles {
    func.func @main(%c: tensor<4x4xi8>, %s: tensor<4x1xf16>, %x: tensor<3x8xf32>, %i: tensor<3x4xf32>) -> tensor<3x4xf32> {
      %q = compress.assemble %c, %s : tensor<4x4xi8>, tensor<4x1xf16> -> !compress.tensor<4x8xf32, #compress.quant<i4, block = [1, 8], scale = f16>>
      %w = compress.decode %q : !compress.tensor<4x8xf32, #compress.quant<i4, block = [1, 8], scale = f16>>
      %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<4x8xf32>) outs(%i : tensor<3x4xf32>) -> tensor<3x4xf32>
      return %0 : tensor<3x4xf32>
    }
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %kernel = transform.structured.match ops{["builtin.module"]} attributes{sym_name = "kernel"} in %root : (!transform.any_op) -> !transform.any_op
    %0 = transform.compress.encode %kernel {preset = "int4-b32", min_elements = 1 : i64} : (!transform.any_op) -> !transform.any_op
    %1 = transform.compress.pack_weights %0 : (!transform.any_op) -> !transform.any_op
    %2 = transform.compress.form_kernels %1 : (!transform.any_op) -> !transform.any_op
    %tiles = transform.structured.match ops{["builtin.module"]} attributes{sym_name = "tiles"} in %root : (!transform.any_op) -> !transform.any_op
    %3 = transform.compress.tile_and_fuse %tiles {max_elements = 16 : i64} : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

{-# dialect_resources: { builtin: {
  w: "0x040000000000803f000000c0000000400000404000008040000000400000a0400000c0400000803f000000400000004000004040000080400000a0400000c0400000e040"
} } #-}

// -----

module attributes {transform.with_named_sequence} {
  func.func @main() {
    return
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %f = transform.structured.match ops{["func.func"]} in %root : (!transform.any_op) -> !transform.any_op
    // expected-error @below {{expected payload ops to be modules, but got 'func.func'}}
    %0 = transform.compress.encode %f {preset = "int8"} : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

// -----
// What kernels compute with is an option.
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

module attributes {transform.with_named_sequence} {
  // CHECK-LABEL: module @integers
  // CHECK: compress.contract {{.*}} compute = int8
  builtin.module @integers {
    func.func @main(%x: tensor<3x8xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
      %w = arith.constant dense_resource<w> : tensor<2x8xf32>
      %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : tensor<3x8xf32>, tensor<2x8xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
      return %0 : tensor<3x2xf32>
    }
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    %kernel = transform.structured.match ops{["builtin.module"]} attributes{sym_name = "integers"} in %root : (!transform.any_op) -> !transform.any_op
    %0 = transform.compress.encode %kernel {preset = "int8-channel", min_elements = 1 : i64} : (!transform.any_op) -> !transform.any_op
    %1 = transform.compress.pack_weights %0 {compute = "int8", features = ["avx512f", "avx512vnni"]} : (!transform.any_op) -> !transform.any_op
    %2 = transform.compress.form_kernels %1 : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}

{-# dialect_resources: { builtin: {
  w: "0x040000000000803f000000c0000000400000404000008040000000400000a0400000c0400000803f000000400000004000004040000080400000a0400000c0400000e040"
} } #-}

// -----

module attributes {transform.with_named_sequence} {
  func.func @main() {
    return
  }
  transform.named_sequence @__transform_main(%root: !transform.any_op) {
    // expected-error @below {{expected options of compress-pack-weights, but got 'compute=f64'}}
    %0 = transform.compress.pack_weights %root {compute = "f64"} : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}
