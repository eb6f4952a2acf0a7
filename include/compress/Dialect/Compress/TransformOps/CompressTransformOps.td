//===- CompressTransformOps.td - compression, scripted --------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes as ops of the transform dialect, on the payload ops of a handle.
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_TRANSFORMOPS_COMPRESSTRANSFORMOPS_TD
#define COMPRESS_DIALECT_COMPRESS_TRANSFORMOPS_COMPRESSTRANSFORMOPS_TD

include "mlir/Dialect/Transform/IR/TransformDialect.td"
include "mlir/Dialect/Transform/Interfaces/TransformInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/OpBase.td"

/// Consumes a handle and gives one to the same payload ops back: what is in them
/// changes.
class Compress_TransformOp<string name> : Op<Transform_Dialect, "compress." # name, [
    DeclareOpInterfaceMethods<TransformOpInterface>,
    FunctionalStyleTransformOpTrait, MemoryEffectsOpInterface]> {
  let results = (outs TransformHandleTypeInterface:$result);
  let assemblyFormat = [{
    $target attr-dict `:` functional-type(operands, results)
  }];
}

def CompressEncodeOp : Compress_TransformOp<"encode"> {
  let summary = "replace the weights of modules by their compressed form";
  let description = [{
    Runs `compress-encode` on every payload op, which must be a `builtin.module`.
    The attributes are options of the pass.

    ```mlir
    %1 = transform.compress.encode %module {preset = "int4-b32"} : (!transform.any_op) -> !transform.any_op
    ```
  }];
  let arguments = (ins TransformHandleTypeInterface:$target,
                       DefaultValuedAttr<StrAttr, "\"\"">:$preset,
                       DefaultValuedAttr<StrAttr, "\"\"">:$codec,
                       DefaultValuedAttr<StrAttr, "\"\"">:$algorithm,
                       DefaultValuedAttr<I64Attr, "256">:$min_elements,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$include,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$exclude);
}

def CompressPackWeightsOp : Compress_TransformOp<"pack_weights"> {
  let summary = "store constant weights in the order that kernels read them";
  let description = [{
    Runs `compress-pack-weights` on every payload op, which must be a
    `builtin.module`. `compute` and `features` are options of the pass.

    ```mlir
    %1 = transform.compress.pack_weights %module {compute = "auto", features = ["avx512f", "avx512vnni"]}
      : (!transform.any_op) -> !transform.any_op
    ```
  }];
  let arguments = (ins TransformHandleTypeInterface:$target,
                       DefaultValuedStrAttr<StrAttr, "f32">:$compute,
                       DefaultValuedAttr<StrArrayAttr, "{}">:$features);
}

def CompressFormKernelsOp : Compress_TransformOp<"form_kernels"> {
  let summary = "contractions of packed weights become compress.contract";
  let description = [{
    Runs `compress-form-kernels` on every payload op.

    ```mlir
    %1 = transform.compress.form_kernels %function : (!transform.any_op) -> !transform.any_op
    ```
  }];
  let arguments = (ins TransformHandleTypeInterface:$target);
}

def CompressTileAndFuseOp : Compress_TransformOp<"tile_and_fuse"> {
  let summary = "decode weights tile by tile in the loops of their users";
  let description = [{
    Runs `compress-tile-and-fuse` on every payload op.

    ```mlir
    %1 = transform.compress.tile_and_fuse %function {max_elements = 1024} : (!transform.any_op) -> !transform.any_op
    ```
  }];
  let arguments = (ins TransformHandleTypeInterface:$target,
                       DefaultValuedAttr<I64Attr, "4096">:$max_elements);
}

#endif // COMPRESS_DIALECT_COMPRESS_TRANSFORMOPS_COMPRESSTRANSFORMOPS_TD
