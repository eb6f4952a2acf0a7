//===- Passes.td - the passes, one def each ---------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_DIALECT_COMPRESS_TRANSFORMS_PASSES_TD
#define COMPRESS_DIALECT_COMPRESS_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def CompressEncode : Pass<"compress-encode", "::mlir::ModuleOp"> {
  let summary = "replace weights by the decode of their compressed form";
  let description = [{
    A *weight* is an `arith.constant` or an immutable `ml_program.global` that
    reaches a contraction, a convolution or a gather, directly or through
    transposes, reshapes, broadcasts and casts. Each one that is selected is
    encoded once, however many users it has, and its loads become
    `decode(assemble(new constants))`:

    ```mlir
    %w = arith.constant dense_resource<fc> : tensor<128x256xf32>
    ```
    with `preset=int4-b32` becomes
    ```mlir
    %codes = arith.constant dense_resource<fc.codes> : tensor<128x128xi8>
    %scales = arith.constant dense_resource<fc.scales> : tensor<128x8xf16>
    %0 = compress.assemble %codes, %scales {compress.certificate = #compress.certificate<weight = "fc", ...>}
      : tensor<128x128xi8>, tensor<128x8xf16> -> !compress.tensor<128x256xf32, #compress.quant<i4, block = [1, 32], scale = f16>>
    %w = compress.decode %0 : !compress.tensor<...>
    ```

    Selected are weights of rank 2 or more with `min-elements` or more that match
    `include` and not `exclude` (globs over names: the global's symbol, else the
    resource key, else `function#ordinal`) and whose consumer's kind is in `ops`.
    A `compress.codec` attribute on the constant or the global (a codec or a
    preset's name) takes precedence over all of that. `compress.encode` of a
    constant is evaluated too.

    Instead, `recipe` names a YAML file of rules; the first one that matches a
    weight decides:

    ```yaml
    rules:
      - match: {name: "blocks.*.attn.*", op: contraction, shape: ["*", 64], dtype: f32, min-elements: 4096}
        preset: int4-b32       # or codec: "#compress.quant<...>"
        algorithm: rtn
      - match: {name: "head.*"}
        keep: true             # leave as it is
    default:                   # for what a contraction, a convolution or a gather consumes
      preset: int8-channel
      optional: true           # warn, instead of failing, where it cannot be encoded
    ```
    Unknown keys, rules that say two things and rules that decide no weight are
    errors, at their line.

    Blocks of a preset run along the dimensions that the consumer reduces.
    Weights stream: one is in memory at a time, and its source is released.

    Fails when there is no weight to encode, and when a selected weight cannot be
    encoded: non-finite values, a scale that overflows its type, an element type
    that is not f32, f16 or bf16, a mutable global, data that are not there.
    `allow-dense` turns the latter into warnings, and leaves the weight as it is.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::compress::CompressDialect",
    "::mlir::ml_program::MLProgramDialect"
  ];
  let options = [
    Option<"preset", "preset", "std::string", "\"\"",
           "Preset for the selected weights, see `compressc presets`">,
    Option<"codec", "codec", "std::string", "\"\"",
           "Codec attribute for the selected weights, instead of a preset">,
    Option<"recipe", "recipe", "std::string", "\"\"",
           "YAML file that says which weight gets which codec">,
    Option<"algorithm", "algorithm", "std::string", "\"\"",
           "Algorithm that chooses the numbers; the codec's default when empty">,
    Option<"minElements", "min-elements", "int64_t", "256",
           "Weights with fewer elements are left alone">,
    ListOption<"include", "include", "std::string",
               "Globs over weight names; all weights when there is none">,
    ListOption<"exclude", "exclude", "std::string",
               "Globs over the names of weights to leave alone">,
    ListOption<"ops", "ops", "std::string",
               "Consumers whose weights are selected: contraction, convolution, "
               "gather; all when there is none">,
    Option<"allowDense", "allow-dense", "bool", "false",
           "Warn, instead of failing, about weights that cannot be encoded">
  ];
}

def CompressVerifyData : Pass<"compress-verify-data", "::mlir::ModuleOp"> {
  let summary = "fail where the stored data of a weight are not valid";
  let description = [{
    Generated code takes what a codec stores for valid: that a mask has as many
    bits as there are values, that prefix codes are complete. This asks the codec
    of every `compress.assemble` of constants (`CodecAttrInterface::verifyData`),
    so that data that came from outside with the module are an error here, and
    not a read out of bounds later.

    ```mlir
    %mask = arith.constant dense<[[3], [1]]> : tensor<2x1xi8>
    %values = arith.constant dense<[[5.0], [6.0]]> : tensor<2x1xf32>
    // error: a compressed weight: expected a bit of the mask for each value, but row 0 differs
    %0 = compress.assemble %mask, %values : tensor<2x1xi8>, tensor<2x1xf32>
      -> !compress.tensor<2x4xf32, #compress.bitmask<keep = 1>>
    ```

    Components that are no constants (arguments, weights that
    `compress-externalize-weights` has moved out already) are not looked at, nor
    those of tensors with dynamic sizes.
  }];
}

def CompressExpandTypes : Pass<"compress-expand-types", "::mlir::ModuleOp"> {
  let summary = "compressed tensors in functions, calls and loops become components";
  let description = [{
    Arguments, results and loop-carried values of type `!compress.tensor` become
    as many tensors as the codec stores, nested ones included, so that they
    bufferize.

    ```mlir
    func.func private @apply(%w: !compress.tensor<128x256xf32, #q>)
    ```
    becomes
    ```mlir
    func.func private @apply(%codes: tensor<128x128xi8>, %scales: tensor<128x8xf16>) {
      %w = compress.assemble %codes, %scales : ...
    ```
  }];
  let dependentDialects = ["::mlir::compress::CompressDialect"];
}

def CompressFoldMovement : Pass<"compress-fold-movement"> {
  let summary = "fold transposes, broadcasts and casts of weights into contractions";
  let description = [{
    A decoded weight that is transposed, broadcast or cast before a contraction
    uses it is read by the contraction itself, through another indexing map and
    a cast in its body. So the contraction can become a kernel.

    ```mlir
    %w = compress.decode %0 : !compress.tensor<128x256xf32, #q>
    %t = linalg.transpose ins(%w : tensor<128x256xf32>) outs(%e : tensor<256x128xf32>) permutation = [1, 0]
    %y = linalg.matmul ins(%x, %t : ...) outs(%init : ...)
    ```
    becomes
    ```mlir
    %w = compress.decode %0 : !compress.tensor<128x256xf32, #q>
    %y = linalg.generic {indexing_maps = [(m, n, k) -> (m, k), (m, n, k) -> (n, k), (m, n, k) -> (m, n)], ...}
      ins(%x, %w : ...) outs(%init : ...)
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect"];
}

def CompressSinkTransposes : Pass<"compress-sink-transposes"> {
  let summary = "move transposes behind elementwise ops, pooling and borders";
  let description = [{
    Kernels of convolutions want channels last. Where a module has them first, there
    is a transpose in front of each of them, and one behind it. An op whose result
    has the dimensions of an operand that is transposed computes in the order of
    what the transpose reads, and its result is transposed instead. So the transpose
    meets that of the next convolution, and both vanish; and what is behind a
    contraction can become its epilogue.

    ```mlir
    %t = linalg.transpose ins(%x : tensor<2x8x8x32xf32>) outs(%e : tensor<2x32x8x8xf32>) permutation = [0, 3, 1, 2]
    %p = linalg.pooling_nchw_max ins(%t, %w : ...) outs(%init : tensor<2x32x4x4xf32>)
    ```
    becomes
    ```mlir
    %q = linalg.generic {indexing_maps = [(n, h, w, c, i, j) -> (n, 2 * h + i, 2 * w + j, c), ..]} ins(%x, %w : ...) outs(%i : tensor<2x4x4x32xf32>)
    %p = linalg.transpose ins(%q : tensor<2x4x4x32xf32>) outs(%e : tensor<2x32x4x4xf32>) permutation = [0, 3, 1, 2]
    ```
    Ops whose result has other dimensions stay as they are.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def CompressMoveFactors : Pass<"compress-move-factors"> {
  let summary = "scale activations or results instead of weights";
  let description = [{
    A contraction or convolution with a decoded weight times a scalar, or times a
    tensor of fewer dimensions (a diagonal matrix), reads the decoded weight
    itself. The factor goes to the other operand or to the result, whichever has
    the dimensions that the factor has, and fewer elements. So the weight stays
    what a kernel reads. A contraction stays where neither side has fewer elements
    than the weight; dynamic dimensions count as one.

    ```mlir
    %w = compress.decode %0 : !compress.tensor<128x256xf32, #q>
    %s = linalg.generic ... ins(%w, %scales : tensor<128x256xf32>, tensor<128xf32>)  // w[n, k] * scales[n]
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %s : ...) outs(%init : tensor<4x128xf32>)
    ```
    becomes
    ```mlir
    %w = compress.decode %0 : !compress.tensor<128x256xf32, #q>
    %p = linalg.generic ... ins(%x, %w : ...) outs(%zeros : tensor<4x128xf32>)
    %y = linalg.generic ... ins(%p, %scales, %init : ...)  // p[m, n] * scales[n] + init[m, n]
    ```

    The product must be of f32: one that is rounded to f16 or bf16 is another
    number. Arithmetic is done in f32; sums and products may be reassociated.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::compress::CompressDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

def CompressFoldThresholds : Pass<"compress-fold-thresholds", "::mlir::ModuleOp"> {
  let summary = "compare with thresholds instead of normalizing before";
  let description = [{
    Where a number is compared after sums, products and quotients with constants, as
    batch normalization does in front of a sign, the number itself is compared with
    the first or the last one that the comparison holds for. The constants may have
    a value for each channel; so have thresholds. They are searched for among all
    floats by computing with these as the module does, so no bit of a result
    changes. Negative factors turn the comparison around, and 0 makes it one that
    always holds or never, but for NaN.

    ```mlir
    %n = linalg.generic ... ins(%x, %mean, %gamma, %beta : ...)  // (x - mean[c]) * gamma[c] + beta[c]
    %s = linalg.generic ... ins(%n : ...)                        // n >= 0 ? 1 : -1
    ```
    becomes
    ```mlir
    %s = linalg.generic ... ins(%x, %low : ...)                  // x >= low[c] ? 1 : -1
    ```
    Only elementwise linalg ops of f32 are folded, whose results nothing else reads.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect"
  ];
}

def CompressAlgebra : Pass<"compress-algebra"> {
  let summary = "contract with the parts of a weight instead of the weight";
  let description = [{
    A weight that a codec makes of others by arithmetic need not be made: a
    contraction or convolution with a product of two factors is one with each of
    them in turn,
    and one with a sum is two into one result. What a codec can do, and when it
    pays, is its own business (`CodecAttrInterface::rewriteContraction`). The
    parts may be compressed again, to any depth.

    ```mlir
    %0 = compress.assemble %u, %v : tensor<128x16xf32>, tensor<16x256xf32>
      -> !compress.tensor<128x256xf32, #compress.lowrank<16>>
    %w = compress.decode %0 : !compress.tensor<128x256xf32, #compress.lowrank<16>>
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : ...) outs(%init : tensor<4x128xf32>) -> tensor<4x128xf32>
    ```
    becomes
    ```mlir
    %h = linalg.generic ... ins(%x, %v : ...) outs(%zeros : tensor<4x16xf32>)
    %y = linalg.generic ... ins(%h, %u : ...) outs(%init : tensor<4x128xf32>)
    ```

    Arithmetic is done in f32; sums may be reassociated. Transposes and casts of
    the weight are best folded before (`compress-fold-movement`).
    A `compress.assemble` with a certificate stays, though nothing reads it, until
    it is canonicalized away: it says which constants are a weight's.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::compress::CompressDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

def CompressTileAndFuse : Pass<"compress-tile-and-fuse"> {
  let summary = "decode weights tile by tile in the loops of their users";
  let description = [{
    Every use of a decoded weight by a linalg op (contractions, convolutions,
    any generic), directly or behind transposes and casts, becomes loops over
    tiles of the weight that the codec allows; in them, the tile is decoded and
    the op runs on it, whole along all other dimensions. Lookups of rows
    (`tensor.extract` in a `linalg.generic`) decode the row that is looked up.
    Sums may be reassociated.

    ```mlir
    %w = compress.decode %0 : !compress.tensor<64x32x3x3xf32, #q>
    %y = linalg.conv_2d_nchw_fchw ins(%x, %w : ...) outs(%init : ...)
    ```
    becomes
    ```mlir
    %y = scf.for %f = %c0 to %c64 step %c8 iter_args(%out = %init) {
      %1 = compress.assemble (slices of the components)
      %w = compress.decode %1 : !compress.tensor<8x32x3x3xf32, #q>
      linalg.generic ... ins(%x, %w : ...)
    ```

    A use that cannot be fused stays as it is; a remark and the attribute
    `compress.dense_reason` say why.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::compress::CompressDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
  let options = [
    Option<"maxElements", "max-elements", "int64_t", "4096",
           "Elements of a tile; weights of no more are tiles already">
  ];
}

def CompressInlineDecode : Pass<"compress-inline-decode"> {
  let summary = "decode the elements of weights where their users read them";
  let description = [{
    A linalg op that uses a decoded weight, directly or behind transposes and
    casts, reads the components instead: its body computes the one element that
    it needs, as the codec's decode does. So do lookups (`tensor.extract` in the
    body of a `linalg.generic`). No buffer has any of the decoded weight.

    ```mlir
    %w = compress.decode %0 : !compress.tensor<3x3x8xf32, #q>
    %y = linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : ...) outs(%init : ...)
    ```
    becomes
    ```mlir
    %sizes = tensor.empty() : tensor<3x3xi8>
    %y = linalg.generic ... ins(%x, %sizes : ...) outs(%init : ...) {
    ^bb0(%in: f32, %none: i8, %out: f32):
      %code = tensor.extract %codes[...] : tensor<3x3x8xi8>
      %scale = tensor.extract %scales[...] : tensor<1x1x8xf32>
      ... // the element, and out + in * element
    ```

    That is for ops which have little to share: depthwise convolutions, lookups,
    elementwise ops, groups with fewer than 16 outputs. Other contractions are
    left to kernels. So are codecs whose decode makes more than one element
    at a time (prefix codes, masks, factors); a remark and the attribute
    `compress.dense_reason` say so.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::compress::CompressDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def CompressCheckFused : Pass<"compress-check-fused"> {
  let summary = "fail where a weight would be decoded as a whole";
  let description = [{
    An error for each `compress.decode` of more than a tile, which names the
    weight and what kept its user from decoding tiles. With `allow-dense`, a
    warning.
  }];
  let options = [
    Option<"maxElements", "max-elements", "int64_t", "4096", "Elements of a tile">,
    Option<"allowDense", "allow-dense", "bool", "false", "Warn instead of failing">
  ];
}

def CompressCheckLowered : Pass<"compress-check-lowered"> {
  let summary = "fail where anything of the compress dialect is left";
  let description = [{
    An error for each op of the dialect, and for each function, loop or op with
    a compressed tensor among its types: such a type in a signature passes
    bufferization and the conversion to LLVM without a word.
  }];
}

def CompressLowerDecode : Pass<"compress-lower-decode"> {
  let summary = "lower compress.decode through the codec's buildDecode";
  let description = [{
    Materializes the dense tensor with linalg, tensor and arith ops: slow,
    correct, and there for every codec. Components that are compressed
    themselves are lowered too.

    ```mlir
    %0 = compress.assemble %c, %s : tensor<8x64xi8>, tensor<8x1xf32>
      -> !compress.tensor<8x64xf32, #compress.quant<i8, block = [1, 64], scale = f32>>
    %w = compress.decode %0 : !compress.tensor<...>
    ```
    becomes
    ```mlir
    %s1 = tensor.collapse_shape %s [[0, 1]] : tensor<8x1xf32> into tensor<8xf32>
    %e = tensor.empty() : tensor<8x64xf32>
    %w = linalg.generic {indexing_maps = [(d0, d1) -> (d0, d1), (d0, d1) -> (d0), (d0, d1) -> (d0, d1)], ...}
         ins(%c, %s1) outs(%e) { arith.sitofp, arith.mulf }
    ```

    Fails when a codec cannot build its decode.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::compress::CompressDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def CompressExternalizeWeights
    : Pass<"compress-externalize-weights", "::mlir::ModuleOp"> {
  let summary = "move constants into a weights file, and refer to them by name";
  let description = [{
    Every tensor constant and immutable `ml_program.global` of at least
    `min-bytes` is written to the safetensors file `path` and read through an
    uninitialized `memref.global` of its name, which
    `compress-emit-artifact-abi` binds to a pointer table.

    ```mlir
    %w = arith.constant dense_resource<fc.codes> : tensor<128x128xi8>
    ```
    becomes
    ```mlir
    memref.global "private" constant @fc.codes : memref<128x128xi8>
    ...
    %0 = memref.get_global @fc.codes : memref<128x128xi8>
    %w = bufferization.to_tensor %0 restrict : memref<128x128xi8> to tensor<128x128xi8>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::memref::MemRefDialect"
  ];
  let options = [
    Option<"path", "path", "std::string", "\"\"", "Safetensors file to write; required">,
    Option<"minBytes", "min-bytes", "int64_t", "1024",
           "Smaller constants stay in the code">
  ];
}

def CompressResultsToArguments
    : Pass<"compress-results-to-arguments", "::mlir::ModuleOp"> {
  let summary = "public functions write results where their callers want them";
  let description = [{
    Runs after bufferization. A public function whose results all have static
    sizes takes a buffer for each of them as one more argument, with the attribute
    `bufferize.result`, and returns nothing: no result is copied, nor is memory
    allocated for it. Functions with a result of dynamic size stay as they are.

    ```mlir
    func.func @main(%x: memref<4xf32>) -> memref<4xf32> {
      %y = memref.alloc() : memref<4xf32>
      ...
      return %y : memref<4xf32>
    }
    ```
    becomes
    ```mlir
    func.func @main(%x: memref<4xf32>, %y: memref<4xf32> {bufferize.result}) {
      ...
      return
    }
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

def CompressEmitArtifactABI
    : Pass<"compress-emit-artifact-abi", "::mlir::ModuleOp"> {
  let summary = "weights through a pointer table, one plain C entry a function";
  let description = [{
    Runs after bufferization. Each function that reads an uninitialized
    `memref.global`, or calls one that does, takes the table of weight pointers
    as its first argument; the globals go. For each public function `f` there is
    then

    ```c
    void compress_entry_f(const void *const *weights, void **descriptors);
    ```

    with one pointer to a strided memref descriptor per result, then per
    argument. Results belong to the caller, who frees them. Where the function
    is told where to write them (see `compress-results-to-arguments`), the
    caller sets their descriptors. The order of the table is the order of the
    globals.

    A `cf.assert` that fails calls the function that `compress_assert_handler`
    points to, with its message; the loader sets that pointer, and the function
    does not return. So a failed assertion is an error of the call, and does not
    end the process.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"
  ];
}

def CompressProtectArguments
    : Pass<"compress-protect-arguments", "::mlir::ModuleOp"> {
  let summary = "keep bufferization from writing to a caller's tensors";
  let description = [{
    Bufferization takes it that a function may use the buffers of its arguments
    for its own intermediate results. Callers of an artifact hand in their own
    arrays, and stored weights are mapped read-only: tensor arguments of public
    functions become `bufferization.writable = false`, so that a write is
    preceded by a copy.

    ```mlir
    func.func @main(%x: tensor<4xf32>)
    ```
    becomes
    ```mlir
    func.func @main(%x: tensor<4xf32> {bufferization.writable = false})
    ```
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect"];
}

def CompressLowerCopies : Pass<"compress-lower-copies"> {
  let summary = "lower strided memref.copy to loops";
  let description = [{
    Upstream lowers a copy between buffers that are not contiguous to a call of
    `memrefCopy`, a function of MLIR's runner library. Artifacts have no such
    library: these copies become `linalg.generic`. Contiguous copies stay, and
    become memcpy.

    ```mlir
    memref.copy %a, %b : memref<4x8xf32> to memref<4x8xf32, strided<[16, 1], offset: 3>>
    ```
    becomes
    ```mlir
    linalg.generic {indexing_maps = [(d0, d1) -> (d0, d1), (d0, d1) -> (d0, d1)], ...}
      ins(%a) outs(%b) { linalg.yield }
    ```
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def CompressExpandVectorMath : Pass<"compress-expand-vector-math"> {
  let summary = "exp, tanh, erf and other functions of f32 vectors as polynomials";
  let description = [{
    Activations in epilogues of kernels are functions of vectors, which would
    become a call into the C library for each lane. Those that upstream has
    polynomial approximations of become arithmetic, with an error of a few units
    in the last place (docs/Numerics.md). Functions of scalars stay calls.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def CompressLowerMaskedBF16 : Pass<"compress-lower-masked-bf16"> {
  let summary = "masked loads and stores of bf16 move 16-bit integers";
  let description = [{
    Where a processor has no arithmetic in bf16, LLVM takes a masked load or store
    of bf16 apart into elements that it converts by calls into a compiler's
    support library. The bits are moved as integers instead.

    ```mlir
    llvm.intr.masked.store %v, %p, %mask {alignment = 2 : i32} : vector<16xbf16>, vector<16xi1> into !llvm.ptr
    ```
    becomes
    ```mlir
    %0 = llvm.bitcast %v : vector<16xbf16> to vector<16xi16>
    llvm.intr.masked.store %0, %p, %mask {alignment = 2 : i32} : vector<16xi16>, vector<16xi1> into !llvm.ptr
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def CompressExpandSmallFloats : Pass<"compress-expand-small-floats"> {
  let summary = "conversions of 8-bit and 4-bit floats become integer arithmetic";
  let description = [{
    LLVM has no types for small floats, and upstream lowers no conversion of
    most of them. `arith.extf` from f8E4M3FN, f8E5M2, f4E2M1FN and f8E8M0FNU, and
    `arith.truncf` to f8E4M3FN and f8E5M2, of scalars and vectors, become a few
    operations without branches that yield the same values: exact for `extf`,
    with subnormals and infinities; rounded to nearest even for `truncf`, where
    what overflows is a NaN of f8E4M3FN and an infinity of f8E5M2. NaNs stay NaNs.

    ```mlir
    %0 = arith.extf %a : vector<16xf8E4M3FN> to vector<16xf32>
    ```
    becomes shifts of the fields to where f32 has them, and a product with a
    power of two that moves the exponent:
    ```mlir
    %bits = arith.bitcast %a : vector<16xf8E4M3FN> to vector<16xi8>
    %wide = arith.extui %bits : vector<16xi8> to vector<16xi32>
    %top = arith.shli %wide, %c24 : vector<16xi32>
    ...
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

#endif // COMPRESS_DIALECT_COMPRESS_TRANSFORMS_PASSES_TD
