// RUN: not compress-opt %s --compress-encode="preset=int9" 2>&1 | FileCheck %s --check-prefix=PRESET
// RUN: not compress-opt %s --compress-encode="preset=int8 codec=#compress.quant<i8,block=[1],scale=f32>" 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: not compress-opt %s --compress-encode="codec=12" 2>&1 | FileCheck %s --check-prefix=CODEC
// RUN: not compress-opt %s --compress-encode="preset=int8 include=[" 2>&1 | FileCheck %s --check-prefix=GLOB
// RUN: not compress-opt %s --compress-encode="preset=int8 ops=pooling" 2>&1 | FileCheck %s --check-prefix=OPS
// RUN: not compress-opt %s --compress-encode="preset=int8 min-elements=-1" 2>&1 | FileCheck %s --check-prefix=MIN
// RUN: not compress-opt %s --compress-encode="preset=int8 min-elements=1 include=elsewhere" 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not compress-opt %s --compress-encode="preset=int8 min-elements=1 include=nan" 2>&1 | FileCheck %s --check-prefix=NAN
// RUN: not compress-opt %s --compress-encode="preset=int4-b32 min-elements=1 include=huge" 2>&1 | FileCheck %s --check-prefix=HUGE
// RUN: not compress-opt %s --compress-encode="preset=int4-b32 min-elements=1 include=short" 2>&1 | FileCheck %s --check-prefix=SHORT
// RUN: not compress-opt %s --compress-encode="preset=int4-b32 min-elements=1 include=absent" 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not compress-opt %s --compress-encode="preset=int4-b32 min-elements=1 include=double" 2>&1 | FileCheck %s --check-prefix=DOUBLE
// RUN: not compress-opt %s --compress-encode="preset=int4-b32 min-elements=1 include=mutable" 2>&1 | FileCheck %s --check-prefix=MUTABLE
// RUN: not compress-opt %s --compress-encode="preset=int4-b32 min-elements=1 include=public" 2>&1 | FileCheck %s --check-prefix=PUBLIC
// RUN: not compress-opt %s --compress-encode="preset=int8 algorithm=magic min-elements=1 include=good" 2>&1 | FileCheck %s --check-prefix=ALGORITHM
// RUN: not compress-opt %s --compress-encode="codec=#compress.quant<i8,block=[1],scale=f32> min-elements=1 include=good" 2>&1 | FileCheck %s --check-prefix=BLOCK
// RUN: not compress-opt %s --compress-encode="codec=#compress.quant<u8,block=[1,4],scale=f32> min-elements=1 include=good" 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: compress-opt %s --compress-encode="preset=int8 min-elements=1 allow-dense=true" 2>&1 | FileCheck %s --check-prefix=ALLOW

// PRESET: error: unknown preset 'int9', known are: none, int8, int8-channel, int4-b32,
// BOTH: error: expected one of the options 'preset', 'codec' and 'recipe', but got several
// CODEC: error: expected option 'codec' to be a codec attribute, but got '12'
// GLOB: error: expected a glob for option 'include', but got '['
// OPS: error: expected option 'ops' to name contraction, convolution or gather, but got 'pooling'
// MIN: error: expected option 'min-elements' to be 0 or more, but got -1
// NONE: error: found no weight to encode among {{[0-9]+}} constants
// NAN: error: weight 'nan': expected finite values, but got {{.*}}nan at [1, 2]
// HUGE: error: weight 'huge': the block at [1, 0] with largest magnitude {{.*}} needs scale {{.*}}, which overflows 'f16'
// SHORT: error: weight 'short': expected 32 bytes in its resource, but got 16
// ABSENT: error: weight 'absent': expected its data in the module, but there are none
// DOUBLE: error: weight 'double': expected elements of type f32, f16 or bf16, but got 'f64'
// MUTABLE: error: weight 'mutable': expected an immutable global
// PUBLIC: error: weight 'public': expected a private global, whose type may change
// ALGORITHM: error: weight 'good': no algorithm 'magic' for #compress.quant<{{.*}}>, known are: rtn
// BLOCK: error: weight 'good': expected one block extent per dimension, but got 1 for rank 2
// NEGATIVE: error: weight 'good': expected values of one sign in each block of unsigned codes without zero or min, but got -2 at [0, 1]

// Allowed: each becomes a warning that names the weight, and the rest is encoded.
// ALLOW-DAG: warning: weight 'nan': expected finite values{{.*}}; it stays dense
// ALLOW-DAG: warning: weight 'short':{{.*}}; it stays dense
// ALLOW-DAG: warning: weight 'absent':{{.*}}; it stays dense
// ALLOW-DAG: warning: weight 'double':{{.*}}; it stays dense
// ALLOW-DAG: warning: weight 'mutable':{{.*}}; it stays dense
// ALLOW-DAG: warning: weight 'public':{{.*}}; it stays dense
// ALLOW: dense_resource<nan> : tensor<2x4xf32>
// ALLOW: dense_resource<good.codes>

#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>

ml_program.global private mutable @mutable(dense<[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 5.0]]> : tensor<2x4xf32>) : tensor<2x4xf32>
ml_program.global public @public(dense<[[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 6.0]]> : tensor<2x4xf32>) : tensor<2x4xf32>

func.func @main(%x: tensor<3x4xf32>, %xd: tensor<3x4xf64>, %i: tensor<3x2xf32>, %id: tensor<3x2xf64>) -> (tensor<3x2xf32>, tensor<3x2xf64>) {
  %nan = arith.constant dense_resource<nan> : tensor<2x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %nan : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %huge = arith.constant dense_resource<huge> : tensor<2x4xf32>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %huge : tensor<3x4xf32>, tensor<2x4xf32>) outs(%0 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %short = arith.constant dense_resource<short> : tensor<2x4xf32>
  %2 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %short : tensor<3x4xf32>, tensor<2x4xf32>) outs(%1 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %absent = arith.constant dense_resource<absent> : tensor<2x4xf32>
  %3 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %absent : tensor<3x4xf32>, tensor<2x4xf32>) outs(%2 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %double = arith.constant dense_resource<double> : tensor<2x4xf64>
  %d = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%xd, %double : tensor<3x4xf64>, tensor<2x4xf64>) outs(%id : tensor<3x2xf64>) -> tensor<3x2xf64>
  %mutable = ml_program.global_load @mutable : tensor<2x4xf32>
  %4 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %mutable : tensor<3x4xf32>, tensor<2x4xf32>) outs(%3 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %public = ml_program.global_load_const @public : tensor<2x4xf32>
  %5 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %public : tensor<3x4xf32>, tensor<2x4xf32>) outs(%4 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %good = arith.constant dense_resource<good> : tensor<2x4xf32>
  %6 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %good : tensor<3x4xf32>, tensor<2x4xf32>) outs(%5 : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %6, %d : tensor<3x2xf32>, tensor<3x2xf64>
}

{-# dialect_resources: { builtin: {
  nan: "0x040000000000803f0000004000004040000080400000a0400000c0400000c07f00000041",
  huge: "0x040000000000803f0000004000004040000080400000a0400000c040caf2497100000041",
  short: "0x040000000000803f000000400000404000008040",
  double: "0x080000000000000000000000000000000000f03f000000000000004000000000000008400000000000001040000000000000144000000000000018400000000000001c40",
  good: "0x040000000000803f000000c000004040000080c00000a0400000c0c00000e040000000c1"
} } #-}
