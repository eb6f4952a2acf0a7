// RUN: split-file %s %t
// RUN: compress-opt %t/module.mlir --compress-encode="recipe=%t/good.yaml" | FileCheck %s
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/unused.yaml" 2>&1 | FileCheck %s --check-prefix=UNUSED
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/shadowed.yaml" 2>&1 | FileCheck %s --check-prefix=SHADOWED
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/key.yaml" 2>&1 | FileCheck %s --check-prefix=KEY
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/match-key.yaml" 2>&1 | FileCheck %s --check-prefix=MATCHKEY
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/both.yaml" 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/keep.yaml" 2>&1 | FileCheck %s --check-prefix=KEEP
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/nothing.yaml" 2>&1 | FileCheck %s --check-prefix=NOTHING
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/preset.yaml" 2>&1 | FileCheck %s --check-prefix=PRESET
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/codec.yaml" 2>&1 | FileCheck %s --check-prefix=CODEC
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/twice.yaml" 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/shape.yaml" 2>&1 | FileCheck %s --check-prefix=SHAPE
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/yaml.yaml" 2>&1 | FileCheck %s --check-prefix=YAML
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/absent.yaml" 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not compress-opt %t/module.mlir --compress-encode="recipe=%t/good.yaml preset=int8" 2>&1 | FileCheck %s --check-prefix=SEVERAL

// The first rule that matches decides; "other" is for the default.
// CHECK: weight = "attn.q"{{.*}}#compress.quant<i4, block = [1, 4], scale = f16>
// CHECK: dense_resource<head> : tensor<2x4xf32>
// CHECK: weight = "other"{{.*}}#compress.quant<i8, block = [1, 4], scale = f32, narrow>

// UNUSED: unused.yaml:4:5: error: this rule matches no weight
// SHADOWED: shadowed.yaml:4:5: error: every weight that this rule matches is decided by an earlier one
// KEY: key.yaml:3:14: error: unknown key 'presets' in a rule, known are: match, preset, codec, algorithm, keep, optional
// MATCHKEY: match-key.yaml:2:20: error: unknown key 'names' in 'match', known are: name, op, shape, dtype, min-elements
// BOTH: both.yaml:4:12: error: expected one of 'preset' and 'codec', but got both
// KEEP: keep.yaml:2:5: error: expected one of 'preset', 'codec' and 'keep', but got several
// NOTHING: nothing.yaml:2:5: error: expected one of 'preset', 'codec' and 'keep'
// PRESET: preset.yaml:2:11: error: unknown preset 'int9', known are: none,
// CODEC: codec.yaml:2:10: error: expected 'codec' to be a codec attribute, but got '#compress.quant<'
// TWICE: twice.yaml:3:3: error: expected key 'preset' once
// SHAPE: shape.yaml:2:29: error: expected a size or "*" in 'shape', but got 'x'
// YAML: yaml.yaml:{{[0-9]+}}:{{[0-9]+}}: error: expected YAML:
// ABSENT: error: cannot read '{{.*}}absent.yaml': No such file or directory
// SEVERAL: error: expected one of the options 'preset', 'codec' and 'recipe', but got several

//--- good.yaml
rules:
  - match: {name: "attn.*", op: contraction, shape: ["*", 4], dtype: f32, min-elements: 8}
    preset: int4-b32
    algorithm: rtn
  - match: {name: "head"}
    keep: true
default:
  preset: int8-channel
  optional: true
//--- unused.yaml
rules:
  - match: {name: "attn.*"}
    preset: int8
  - match: {name: "elsewhere"}
    preset: int8
//--- shadowed.yaml
rules:
  - match: {name: "*"}
    preset: int8
  - match: {name: "head"}
    keep: true
//--- key.yaml
rules:
  - match: {name: "attn.*"}
    presets: int8
//--- match-key.yaml
rules:
  - match: {names: "attn.*"}
    preset: int8
//--- both.yaml
rules:
  - match: {name: "attn.*"}
    preset: int8
    codec: "#compress.quant<i8, block = [1, 4], scale = f32>"
//--- keep.yaml
rules:
  - keep: true
    preset: int8
//--- nothing.yaml
rules:
  - match: {name: "attn.*"}
//--- preset.yaml
default:
  preset: int9
//--- codec.yaml
default:
  codec: "#compress.quant<"
//--- twice.yaml
default:
  preset: int8
  preset: int8
//--- shape.yaml
rules:
  - match: {shape: [1, "*", x]}
    preset: int8
//--- yaml.yaml
rules: [
//--- module.mlir
#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
func.func @main(%x: tensor<3x4xf32>, %i: tensor<3x2xf32>) -> tensor<3x2xf32> {
  %q = arith.constant dense_resource<attn.q> : tensor<2x4xf32>
  %0 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %q : tensor<3x4xf32>, tensor<2x4xf32>) outs(%i : tensor<3x2xf32>) -> tensor<3x2xf32>
  %head = arith.constant dense_resource<head> : tensor<2x4xf32>
  %1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %head : tensor<3x4xf32>, tensor<2x4xf32>) outs(%0 : tensor<3x2xf32>) -> tensor<3x2xf32>
  %other = arith.constant dense_resource<other> : tensor<2x4xf32>
  %2 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %other : tensor<3x4xf32>, tensor<2x4xf32>) outs(%1 : tensor<3x2xf32>) -> tensor<3x2xf32>
  return %2 : tensor<3x2xf32>
}

{-# dialect_resources: { builtin: {
  attn.q: "0x040000000000803f000000c000000040000040400000804000004040000000400000803f",
  head: "0x040000000000803f000000c000000040000040400000804000004040000000400000803f",
  other: "0x040000000000803f000000c000000040000040400000804000004040000000400000803f"
} } #-}
