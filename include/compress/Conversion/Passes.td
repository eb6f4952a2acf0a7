//===- Passes.td - from decodes to kernels ----------------------------------===//
//
// Part of mlir-compress, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef COMPRESS_CONVERSION_PASSES_TD
#define COMPRESS_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def CompressPackWeights : Pass<"compress-pack-weights", "::mlir::ModuleOp"> {
  let summary = "store constant weights in the order that kernels read them";
  let description = [{
    A compressed constant whose every use is a contraction that a kernel can
    compute is laid out anew for that kernel: its codec is wrapped into
    `#compress.tiled`, its components become new constants. The codec's
    TileDecoderInterface says which layout; no value changes.

    ```mlir
    %0 = compress.assemble %codes, %scales : tensor<128x128xi8>, tensor<128x8xf16>
      -> !compress.tensor<128x256xf32, #q>
    %w = compress.decode %0 : !compress.tensor<128x256xf32, #q>
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : ...) outs(%init : ...)
    ```
    becomes
    ```mlir
    %0 = compress.assemble %codes_1, %scales_1 : tensor<8x32x16x4xi8>, tensor<8x8x16x1xf16>
      -> !compress.tensor<128x256xf32, #compress.tiled<#q, tile = [16, 8], order = [0, 1]>>
    %w = compress.decode %0 : !compress.tensor<128x256xf32, #compress.tiled<...>>
    %y = linalg.matmul ...
    ```

    So is a constant that is not compressed, with the codec `#compress.dense`, unless
    padding would more than double it. `compress.weight` on its `compress.assemble`
    says its name. Factors of a compressed weight are such constants, too.

    Weights that are no constants, or that other ops use too, stay as they are; a
    remark says why.

    The layout decides what kernels compute with. `compute=f32` computes with what
    decode yields. `compute=bf16` rounds activations to bfloat16, `compute=int8` to
    8-bit integers (docs/Numerics.md), and computes with the codes; a compressed
    weight that this is impossible for is an error. Targets without instructions for
    bfloat16 compute the same in f32. `compute=xnor` counts bits: of weights of one
    bit, and of activations that provably are 1 or -1, which is exact. `compute=auto`
    takes the fastest of f32, of xnor where that is exact, of int8 where
    the target has an instruction for dot products of bytes, and of bf16 where it has
    one for these, as far as the codec has a layout for them. A cost model compares
    their cycles: many outputs share the work of rounding activations, few do not. A
    remark gives its estimates.

    With `gpu`, weights are laid out in the order in which the lanes of a warp hold
    operand A of `mma.sync`, 16 bytes at a time (`FragmentDecoderInterface`), with
    their scales in the same stream. The layout is the same for f16 and bf16; which of
    them kernels compute in, `compress-form-kernels` says.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::compress::CompressDialect"
  ];
  let options = [
    Option<"compute", "compute", "::mlir::compress::ComputeRequest",
           "::mlir::compress::ComputeRequest::F32",
           "What kernels compute with: f32, bf16, f16, f8, int8, xnor or auto", [{::mlir::compress::getComputeRequestValues()}]>,
    ListOption<"features", "features", "std::string",
               "CPU features that kernels may use, such as avx512vnni">,
    Option<"gpu", "gpu", "bool", "false", "Lay weights out for kernels of GPUs">
  ];
}

def CompressFormKernels : Pass<"compress-form-kernels"> {
  let summary = "contractions of packed weights become compress.contract";
  let description = [{
    A contraction (named or generic, the weight on either side, any number of
    batch dimensions) whose weight is packed for a kernel becomes
    `compress.contract` on the components. Operands are brought into the op's
    order by transposes and reshapes, and into f32; the result is rounded once to
    the type that the contraction had. The layout of the weight says what the
    op computes with (see `compress-pack-weights`). Where that is xnor, what the signs
    are of is lhs, if activations become 1 and -1 by a comparison with 0.

    Kernels of GPUs read f16 and bf16 as they are. They compute in what `compute`
    says, f16, bf16, or, of compressed weights, int8, f8 or xnor. `auto` takes xnor where
    that is exact, else the type of the activations, and if that is f32 the logical
    type of the weight, or bf16 if that is f32, too. Windows of images that they
    cannot read in place are copied to a matrix: those of images of unknown sizes,
    and those that are rounded to bytes as rows are.

    ```mlir
    %w = compress.decode %0 : !compress.tensor<128x256xf32, #packed>
    %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %w : ...) outs(%init : ...)
    ```
    becomes
    ```mlir
    %1:2 = compress.components %0 : !compress.tensor<128x256xf32, #packed>
    %y = compress.contract ins(%x, %1#0, %1#1 : ...) outs(%init : ...)
      weight(!compress.tensor<128x256xf32, #packed>, affine_map<(m, n, k) -> (n, k)>)
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::compress::CompressDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
  let options = [
    Option<"compute", "compute", "::mlir::compress::ComputeRequest",
           "::mlir::compress::ComputeRequest::Auto",
           "What kernels of GPUs compute with: f16, bf16, int8, f8, xnor or auto", [{::mlir::compress::getComputeRequestValues()}]>
  ];
}

def CompressFuseEpilogues : Pass<"compress-fuse-epilogues"> {
  let summary = "elementwise users of compress.contract become its epilogue";
  let description = [{
    An elementwise linalg op that is the only user of a contraction, such as a
    bias, a residual, an activation or a requantization, is computed on the sums
    while they are in registers. Its other operands are read as they are, when
    they are broadcast along rows or have the shape of the result. What the
    contraction accumulates to becomes an operand, too, and of a row that is
    broadcast the row.

    ```mlir
    %y = compress.contract ins(%x, %codes, %scales : ...) outs(%empty : ...) overwrite weight(...)
    %z = linalg.add ins(%y, %residual : ...) outs(%y : ...)
    ```
    becomes
    ```mlir
    %z = compress.contract ins(%x, %codes, %scales : ...) outs(%empty : ...) overwrite weight(...)
      with(%residual : ...) at [affine_map<(m, n) -> (m, n)>] epilogue {
    ^bb0(%sum: f32, %r: f32):
      %0 = arith.addf %sum, %r : f32
      compress.yield %0 : f32
    }
    ```
    A remark says what is in the way of a user that is left as it is.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::compress::CompressDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def CompressTilePairs : Pass<"compress-tile-pairs"> {
  let summary = "one contraction after another, some rows at a time";
  let description = [{
    Where a `compress.contract` reads what another one computes and nothing else
    reads, as for a low-rank weight, both are put into a loop over rows: the rows
    in between, of the length of the rank, stay in a cache near the core. Longer
    chains share one loop.

    ```mlir
    %h = compress.contract ins(%x, %v : tensor<4096x4096xf32>, ...) outs(%z : tensor<4096x512xf32>) ...
    %y = compress.contract ins(%h, %u : tensor<4096x512xf32>, ...) outs(%i : tensor<4096x4096xf32>) ...
    ```
    becomes
    ```mlir
    %y = scf.for %m = %c0 to %c4096 step %c240 iter_args(%o = %i) {
      %h = compress.contract ins(%x[%m ..], %v) outs(%z[%m ..]) ...
      %t = compress.contract ins(%h, %u) outs(%o[%m ..]) ...
    ```
    Few rows stay as they are.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let options = [
    Option<"bytes", "bytes", "int64_t", "524288",
           "What rows in between may take: a part of L2">
  ];
}

def ConvertCompressToGPU
    : Pass<"convert-compress-to-gpu", "::mlir::ModuleOp"> {
  let summary = "compress.contract on buffers to kernels for NVIDIA GPUs";
  let description = [{
    Combines the fragment decoder of the weight's codec with mma.sync. Each
    contraction becomes a `gpu.func` and its launch; where the number of rows of lhs
    is not known, there are several kernels, of which the first one that is for as
    many rows is launched. The last one is for so many that each multiprocessor has
    some. Where outputs are few, blocks of threads share what is reduced: those of
    a cluster, on chips that have such; on others they store parts of sums, which
    a second kernel adds up. A remark says where a weight does not fill a tile.
    Buffers must be ones that the GPU can read, and begin at multiples of 16 bytes.
    Where two of four columns are stored, they are multiplied by mma.sp. The module
    of kernels has the chip as its target, and the version of PTX that they need.

    ```mlir
    compress.contract ins(%x, %stream : memref<8x256xf16>, memref<8x4x544xi8>) outs(%y : memref<8x128xf32>) ...
    ```
    becomes
    ```mlir
    gpu.launch_func @kernels::@f_contract0_m8 blocks in (%c8, %c1, %c1) threads in (%c256, %c1, %c1)
      dynamic_shared_memory_size %bytes args(%x : memref<8x256xf16>, %stream : memref<8x4x544xi8>, %y : memref<8x128xf32>)
    ```
    Where lhs is rounded (`compute = int8` or `f8`), a kernel of its own does that
    before. Other ops of linalg become kernels, too, in which a thread computes one
    element of the results and loops over what is reduced: pooling, borders of
    images, transposes. A remark says which of these are products. The module of kernels has the chip as its target, and the
    version of PTX that instructions need.

    Fails where there is no kernel, and where the chip has not its instructions: an
    error names those that have. Where it has a conversion in place of one, a remark
    says so.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::nvgpu::NVGPUDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_80\"",
           "What kernels are for, such as sm_80 or sm_90a">,
    Option<"multiprocessors", "multiprocessors", "int64_t", "0",
           "Those of the GPU, which all are to have work; 0: as many as a large GPU of the chip has">
  ];
}

def CompressBuffersToGPU : Pass<"compress-buffers-to-gpu", "::mlir::ModuleOp"> {
  let summary = "buffers of functions that launch kernels are in memory of the GPU";
  let description = [{
    Arguments and results of functions, weights that have no data, and all that a
    function allocates become memory of the GPU: the host only hands pointers on.
    `memref.alloc`, `memref.dealloc` and `memref.copy` become their counterparts of
    the gpu dialect, each with a wait of its own, which upstream's lowering wants:
    one stream has them in order.

    ```mlir
    %0 = memref.alloc(%n) : memref<?x32xf32>
    ```
    becomes
    ```mlir
    %token = gpu.wait async
    %0, %done = gpu.alloc async [%token] (%n) : memref<?x32xf32>
    gpu.wait [%done]
    ```
    Buffers that are expanded to several dynamic sizes are cast to them
    (`memref.reinterpret_cast`), which upstream's lowering cannot. Other ops that
    read or write buffers, and constants that are in the code, are errors.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::memref::MemRefDialect"
  ];
}

def CompressLowerKernelMath
    : Pass<"compress-lower-kernel-math", "::mlir::gpu::GPUModuleOp"> {
  let summary = "functions that are instructions of a GPU to intrinsics";
  let description = [{
    What `compress-expand-vector-math` leaves of an epilogue: absolute values, fused
    operations, square roots, roundings. `convert-gpu-to-nvvm` would make them calls
    of a library that may not be there, and be silent about it.

    ```mlir
    %0 = math.fma %a, %b, %c : vector<1xf32>
    ```
    becomes
    ```mlir
    %0 = llvm.call_intrinsic "llvm.fma"(%a, %b, %c) : (vector<1xf32>, vector<1xf32>, vector<1xf32>) -> vector<1xf32>
    ```
    Other functions are errors.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect"
  ];
}

def ConvertCompressToVector : Pass<"convert-compress-to-vector"> {
  let summary = "compress.contract on buffers to loops of vector ops";
  let description = [{
    Combines the tile decoder of the weight's codec with a contraction emitter for
    the op's mode and the target's features. The decoded weight exists in
    registers only. Fails where there is no decoder or no emitter.

    ```mlir
    compress.contract ins(%x, %codes, %scales : memref<?x256xf32>, ...) outs(%y : memref<?x128xf32>) weight(...)
    ```
    becomes
    ```mlir
    scf.for %panel = ... {
      scf.for %m = ... {
        %acc:8 = scf.for %step = ... {
          %bytes = vector.load %codes[%panel, %step, %c0] : ..., vector<64xi8>
          ...
          vector.fma
    ```
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
  let options = [
    ListOption<"features", "features", "std::string",
               "CPU features that kernels may use, such as avx512vnni">
  ];
}

def CompressVectorizeDepthwise
    : Pass<"compress-vectorize-depthwise", "::mlir::func::FuncOp"> {
  let summary = "depthwise convolutions on buffers to loops of vectors";
  let description = [{
    A depthwise convolution has one weight for each place and channel: there is
    nothing for a kernel to pack or share. But its loops are of scalars, and the
    innermost ones are of a few places. Here lanes are neighbours in memory,
    channels or, where those are outside, pixels of a line; a few outputs share
    each value of the weight. Products are added in the order of the op, with its
    fast-math flags.

    ```mlir
    linalg.depthwise_conv_2d_nhwc_hwc ins(%x, %w : memref<1x58x58x96xf32>, memref<3x3x96xf32>) outs(%y : memref<1x56x56x96xf32>)
    ```
    becomes
    ```mlir
    scf.parallel (%h) = ... {
      scf.for %c = %c0 to %c96 step %c16 {
        scf.for %w = %c0 to %c56 step %c8 {
          %sums:8 = scf.for %kh = ... {
            ... scf.for %kw = ... {
              vector.load
    ```
    Convolutions of other types than f32, with several outputs for a channel, or
    whose operands have no neighbours in memory, stay as they are.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def CompressVectorizeTransposes
    : Pass<"compress-vectorize-transposes", "::mlir::func::FuncOp"> {
  let summary = "transposes of buffers in registers";
  let description = [{
    Kernels want channels last, and yield them so. Where a module has them in
    front, or groups, a `linalg.transpose` is before or after the kernel. One of
    32-bit elements whose last dimension moves is done 16 by 16 elements at a time:
    vectors are loaded along the last dimension of the input, transposed by
    shuffles, and stored along that of the output.

    ```mlir
    linalg.transpose ins(%x : memref<56x64xf32>) outs(%y : memref<64x56xf32>) permutation = [1, 0]
    ```
    becomes
    ```mlir
    scf.for %i = %c0 to %c48 step %c16 {
      scf.for %j = %c0 to %c64 step %c16 {
        %0 = vector.load %x[%i, %j] : memref<56x64xf32>, vector<16xf32>
        ...
        %16 = vector.shuffle %0, %8 [...] : vector<16xf32>, vector<16xf32>
        ...
        vector.store %64, %y[%j, %i] : memref<64x56xf32>, vector<16xf32>
    ```
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def CompressLoopsToOpenMP : Pass<"compress-loops-to-openmp"> {
  let summary = "loops of kernels that threads share to OpenMP";
  let description = [{
    An `scf.parallel` with the attribute `compress.chunk` becomes a loop that a
    team of OpenMP threads shares. Thread number t of T takes the chunks t, t + T,
    t + 2T and so on, of so many iterations each: chunks, because what neighbours
    read and write is near; by turns, because the last ones then belong to several
    threads. Iterations write what is theirs only, so results do not depend on the
    number of threads.

    ```mlir
    scf.parallel (%panel) = (%c0) to (%c256) step (%c1) {
      ...
    } {compress.chunk = 4 : i64}
    ```
    becomes
    ```mlir
    omp.parallel {
      omp.wsloop nowait schedule(static = %c4 : index) {
        omp.loop_nest (%panel) : index = (%c0) to (%c256) step (%c1) {
          ...
    ```

    Other loops, and those within a loop that is shared already, stay as they are;
    lowering to control flow makes loops of one thread of them.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::omp::OpenMPDialect"
  ];
}

#endif // COMPRESS_CONVERSION_PASSES_TD
