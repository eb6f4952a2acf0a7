"""Modules, presets and targets that compile must refuse: module-errors.py DIRECTORY."""

import sys

from commands import MLP, Workplace

place = Workplace(sys.argv[1])
PRESETS = ", ".join(line.split()[0] for line in place.succeed("presets").splitlines())

GOOD = """func.func @main(%x: tensor<2x32xf32>, %f: tensor<2x16xf32>) -> tensor<2x16xf32> {
  %w = arith.constant ATTRIBUTES dense_resource<w> : tensor<32x16xTYPE>
  %y = linalg.matmul ins(%x, %w : tensor<2x32xf32>, tensor<32x16xTYPE>) outs(%f : tensor<2x16xf32>) -> tensor<2x16xf32>
  return %y : tensor<2x16xf32>
}
{-# dialect_resources: { builtin: { w: "0x04000000BYTES" } } #-}
"""


def write(name: str = "m.mlir", attributes: str = "", element: str = "f32") -> str:
    width = {"f32": 4, "f64": 8, "f16": 2}[element]
    text = GOOD.replace("ATTRIBUTES", attributes and f"{{compress.codec = {attributes}}}")
    data = bytes(range(1, 65)) * (width * 8)
    return place.write(name, text.replace("TYPE", element).replace("BYTES", data.hex()))


def fail(message: str, *arguments: str, preset: str = "int8") -> None:
    options = () if "--preset" in arguments else ("--preset", preset)
    place.fail(message, "compile", *arguments, *options, "-o", "old")


good = write("good.mlir")
place.succeed("compile", good, "--preset", "int8", "-o", "old")

# IR.
fail("cannot read 'missing.mlir': No such file or directory", "missing.mlir")
fail("cannot read '.': Is a directory", ".")
text = place.path(good).read_text()
for content, message in [
    ("this is no IR", "1:1: custom op 'this' is unknown (tried 'builtin.this' as well)"),
    (text[: text.index("  return")], "3:119: expected operation name in quotes"),
    (
        text.replace("-> tensor<2x16xf32> {", "-> tensor<2x17xf32> {"),
        "4:3: type of return operand 0 ('tensor<2x16xf32>') doesn't match function result "
        "type ('tensor<2x17xf32>') in function @main",
    ),
]:
    fail("m.mlir:" + message, place.write("m.mlir", content))
fail("expected at least one public function", place.write("empty.mlir", ""), preset="none")
fail(
    "expected at least one public function",
    place.write("private.mlir", "func.func private @f() { return }"),
    preset="none",
)
fail(
    "f.mlir:1:1: expected input 0 of function 'f' to be a ranked tensor of floats or of integers "
    "of 8, 16, 32 or 64 bits, but got 'tensor<3xindex>'",
    place.write("f.mlir", "func.func @f(%x: tensor<3xindex>) { return }"),
    preset="none",
)
for kind in ("tensor<*xf32>", "f32", "tensor<2xi1>", "memref<2xf32>", "tensor<2xi4>"):
    fail(
        "f.mlir:1:1: expected output 0 of function 'f' to be a ranked tensor of floats or of "
        f"integers of 8, 16, 32 or 64 bits, but got '{kind}'",
        place.write(
            "f.mlir",
            f"func.func @f() -> {kind} {{\n  %0 = ub.poison : {kind}\n  return %0 : {kind}\n}}",
        ),
        preset="none",
    )

# Weights.
fail(
    "found no weight to encode among 0 constants (see options 'min-elements', 'include', "
    "'exclude' and 'ops')",
    place.write("none.mlir", "func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }"),
)
for options in (
    ["--include", "other*"],
    ["--exclude", "w"],
    ["--min-elements", "513"],
):
    fail(
        "found no weight to encode among 1 constants (see options 'min-elements', 'include', "
        "'exclude' and 'ops')",
        good, *options,
    )  # fmt: skip
fail("expected option 'min-elements' to be 0 or more, but got -5", good, "--min-elements", "-5")
fail(
    "expected a glob for option 'exclude', but got '[': invalid glob pattern, unmatched '['",
    good, "--exclude", "[",
)  # fmt: skip
where = "m.mlir:2:8: weight 'w': "
fail(
    where + "expected elements of type f32, f16 or bf16, but got 'f64'",
    write(element="f64"),
)
short = place.path(good).read_text().replace("01020304", "", 1)
fail(
    "short.mlir:2:8: weight 'w': expected 2048 bytes in its resource, but got 2044",
    place.write("short.mlir", short),
)
fail(
    "m.mlir:2:8: weight 'w' has no data in the module; give the file that has them with --weights",
    place.write("m.mlir", place.path(good).read_text().split("{-#")[0]),
)

# Presets, codecs and algorithms.
fail(f"unknown preset 'int9', known are: {PRESETS}", good, preset="int9")
fail(where + f"unknown preset 'int9', known are: {PRESETS}", write(attributes='"int9"'))
fail(
    where + "expected one block extent per dimension, but got 1 for rank 2",
    write(attributes="#compress.quant<i8, block = [32], scale = f32>"),
)
fail(
    "m.mlir:2:56: expected positive block extents, but got 0",
    write(attributes="#compress.quant<i8, block = [0, 1], scale = f32>"),
)
fail(
    "good.mlir:2:8: weight 'w': no algorithm 'best' for #compress.quant<i8, block = [32, 16], "
    "scale = f32, narrow>, known are: rtn, mse",
    good, "--algorithm", "best",
)  # fmt: skip

# Targets.
for spec in ("gpu", "", "cpu:", "CPU", "nvptx", "nvptx:"):
    fail(
        f"expected target cpu, cpu:native, cpu:multi, cpu:NAME or nvptx:CHIP, but got '{spec}'", good, f"--target={spec}"
    )
chips = "sm_80, sm_86, sm_87, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_103, sm_103a, sm_120, sm_120a, sm_121, sm_121a"
fail(
    f"target 'nvptx:gfx90a': expected a chip out of sm_75, {chips}, but got 'gfx90a'",
    good, "--target", "nvptx:gfx90a",
)  # fmt: skip
fail(
    f"target 'nvptx:sm_75': expected a chip that has mma.sync.m16n8k16 of f16, one of {chips}, but got 'sm_75'",
    good, "--target", "nvptx:sm_75",
)  # fmt: skip
for kind in ("llvm", "asm", "obj"):
    fail(
        "expected --emit artifact, mlir or ptx for target 'nvptx:sm_80'",
        good, "--target", "nvptx:sm_80", "--emit", kind,
    )  # fmt: skip
fail("expected a target nvptx:CHIP for --emit ptx, but got 'cpu'", good, "--emit", "ptx")
fail(
    "kernels for GPUs compute in f16, bf16, int8, f8 or xnor: expected to be asked for one of f16, bf16, int8, f8, xnor and auto",
    good, "--target", "nvptx:sm_80", "--compute", "f32",
)  # fmt: skip
for compute in ("f16", "f8"):
    fail(
        "kernels for CPUs compute in f32, bf16, int8 or xnor: expected to be asked for one of f32, bf16, int8, xnor and auto",
        good, "--compute", compute,
    )  # fmt: skip
fail("unknown CPU 'z80' in target 'cpu:z80'", good, "--target", "cpu:z80")
fail("unknown CPU 'native:x' in target 'cpu:native:x'", good, "--target", "cpu:native:x")
for spec, message in [
    ("cpu:i386", "expected a CPU with 64bit, which all x86-64 code needs, in target 'cpu:i386'"),
    ("cpu:x86-64-v3,-sse2", "expected a CPU with sse2, which all x86-64 code needs, in target 'cpu:x86-64-v3,-sse2'"),
    ("cpu:+telepathy", "unknown CPU feature 'telepathy' in target 'cpu:+telepathy'"),
    ("cpu:native,-AVX2", "unknown CPU feature 'AVX2' in target 'cpu:native,-AVX2'"),
    ("cpu:native,+", "unknown CPU feature '' in target 'cpu:native,+'"),
    ("cpu:x86-64,+prfchw", "CPU feature 'prfchw' in target 'cpu:x86-64,+prfchw' is none that is checked when an artifact is loaded"),
    ("cpu:x86-64-v3,fma", "expected +FEATURE or -FEATURE in target 'cpu:x86-64-v3,fma', but got 'fma'"),
    ("cpu:x86-64-v3,", "expected +FEATURE or -FEATURE in target 'cpu:x86-64-v3,', but got ''"),
    ("cpu:multi,+avx2", "expected no features after cpu:multi, but got 'cpu:multi,+avx2'"),
]:
    fail(message, good, f"--target={spec}")

# Externalize.
place.write("both", "old")
for message, name, output, weights in [
    ("expected two files for the module and its weights, but got 'both' for both", good, "both", "both"),
    ("expected two files for the module and its weights, but got 'both' for both", good, "both", "./both"),
    ("found no dense_resource constant to move", "none.mlir", "both", "w"),
    ("cannot write 'no/m': directory 'no': No such file or directory", good, "no/m", "w"),
    ("cannot write 'no/w': directory 'no': No such file or directory", good, "both", "no/w"),
    ("'old' is a directory", good, "old", "w"),
]:
    place.fail(message, "externalize", name, "-o", output, "--weights", weights)
place.finish()
