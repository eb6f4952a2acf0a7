"""Which ops fuse with which presets: a table of op, orientation, sizes and preset.

Every weight has more elements than a tile. A cell says `fused` when the function passes
compress-check-fused, `dense` when the preset leaves such a weight as it is, else what the
compiler says. One compilation per preset. Usage: fused_table.py WORK_DIRECTORY
"""

import os
import random
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import artifact
from fused_ops import Function, Move, Op, Weight, Window, draw_values, write_module

SIZES = {
    "b": 2, "m": 5, "o": 4, "n": 65, "k": 66, "g": 2, "f": 30, "c": 50, "y": 6, "x": 5,
    "i": 3, "j": 3, "s": 3, "t": 7, "v": 70, "d": 66, "q": 2,
}  # fmt: skip
SMALL = {"c": 600}  # of depthwise convolutions, which have few elements per channel


def contraction(name: str, x: str, w: str, out: str, **options) -> Op:
    loops = options.pop("loops", None) or "".join(dict.fromkeys(out + w))
    return Op(name, name, list(x), list(w), list(out), list(loops), **options)


def convolution(name: str, x: str, w: str, out: str) -> Op:
    indices = [at if len(at) == 1 else Window(at[0], 1, at[1], 1) for at in x.split()]
    strides = sum(len(at) > 1 for at in x.split())
    ones = f"dense<1> : tensor<{strides}xi64>"
    return Op(name, name, indices, list(w), list(out), list(dict.fromkeys(out + w)),
              attributes=f"{{dilations = {ones}, strides = {ones}}}")  # fmt: skip


# (row, op, what happens to the weight before it)
ROWS = [
    ("matmul x[m,k] w[k,n]", contraction("matmul", "mk", "kn", "mn"), ""),
    ("matmul x[m,k] w[n,k]", contraction("matmul", "mk", "nk", "mn", has_maps=True), ""),
    ("matmul w[n,k] x[k,m]", contraction("matmul", "km", "nk", "nm", loops="nmk", weight_first=True), ""),
    ("matmul w[k,n] x[k,m]", contraction("matmul", "km", "kn", "nm", loops="nmk", has_maps=True, weight_first=True), ""),
    ("matvec w[n,k]", contraction("matvec", "k", "nk", "n", weight_first=True), ""),
    ("vecmat w[k,n]", contraction("vecmat", "k", "kn", "n"), ""),
    ("batch_matmul w[b,k,n]", contraction("batch_matmul", "bmk", "bkn", "bmn"), ""),
    ("batch_matmul w[b,n,k]", contraction("batch_matmul", "bmk", "bnk", "bmn", has_maps=True), ""),
    ("batch_matmul broadcast w[k,n]", contraction("batch_matmul", "bmk", "bkn", "bmn"), "broadcast"),
    ("batch_reduce_matmul w[b,k,n]", contraction("batch_reduce_matmul", "bmk", "bkn", "mn", loops="mnbk"), ""),
    ("matmul transposed w[n,k]", contraction("matmul", "mk", "kn", "mn"), "transpose"),
    ("matmul cast w[k,n]", contraction("matmul", "mk", "kn", "mn"), "cast"),
    ("contract x[b,m,k] w[n,k]", contraction("contract", "bmk", "nk", "bmn", has_maps=True), ""),
    ("generic x[o,m,k] w[k,n]", contraction("generic", "omk", "kn", "omn", has_maps=True), ""),
    ("generic x[m,k,q] w[n,q,k]", contraction("generic", "mkq", "nqk", "mn", has_maps=True), ""),
    ("conv_1d_nwc_wcf", convolution("conv_1d_nwc_wcf", "n yi c", "icf", "nyf"), ""),
    ("conv_1d_ncw_fcw", convolution("conv_1d_ncw_fcw", "n c yi", "fci", "nfy"), ""),
    ("conv_2d_nchw_fchw", convolution("conv_2d_nchw_fchw", "n c yi xj", "fcij", "nfyx"), ""),
    ("conv_2d_nhwc_hwcf", convolution("conv_2d_nhwc_hwcf", "n yi xj c", "ijcf", "nyxf"), ""),
    ("conv_2d_nhwc_fhwc", convolution("conv_2d_nhwc_fhwc", "n yi xj c", "fijc", "nyxf"), ""),
    ("conv_2d_ngchw_gfchw", convolution("conv_2d_ngchw_gfchw", "n g c yi xj", "gfcij", "ngfyx"), ""),
    ("depthwise_conv_2d_nhwc_hwc", convolution("depthwise_conv_2d_nhwc_hwc", "n yi xj c", "ijc", "nyxc"), ""),
    ("depthwise_conv_2d_nchw_chw", convolution("depthwise_conv_2d_nchw_chw", "n c yi xj", "cij", "ncyx"), ""),
    ("elementwise w[n,k]", Op("elementwise", "generic", list("mnk"), list("nk"), list("mnk"), list("mnk"), True, combine="mul"), ""),
    ("lookup w[v,d]", Op("lookup", "generic", list("st"), list("vd"), list("std"), list("std"), True, combine="lookup"), ""),
]  # fmt: skip


# Prefix codes are streams: rows of a table that are chosen at run time cannot be decoded.
REFUSED = {
    ("lookup", preset) for preset in ("df11", "int4-b128-huffman", "deep-compression")
}


def build(index: int, op: Op, moved: str, is_dynamic: bool, preset: str) -> Function:
    rng = random.Random(f"{index}/{is_dynamic}")
    sizes = dict(SIZES)
    if any(isinstance(at, Window) for at in op.x):
        sizes["n"] = 2
    if op.name.startswith("depthwise"):
        sizes.update(SMALL)
    stored, moves, element = op.w, [], "f32"
    if moved == "transpose":
        stored, moves = op.w[::-1], [Move("transpose", op.w, "f32")]
    elif moved == "broadcast":
        stored, moves = op.w[1:], [Move("broadcast", op.w, "f32")]
    elif moved == "cast":
        element, moves = "f16", [Move("cast", op.w, "f32")]
    shape = [sizes[loop] for loop in stored]
    values = draw_values(rng, shape, None).astype({"f32": "f4", "f16": "f2"}[element])
    assert values.size > 4096, op.name
    weight = Weight(f"w{index}", shape, element, f'"{preset}"', False, values)
    dynamic = [loop for loop in op.loops if loop not in stored] if is_dynamic else []
    x_element = "i64" if op.combine == "lookup" else "f32"
    return Function(
        index, op, weight, moves, sizes, dynamic, set(), set(), x_element, "f32", stored, False
    )


def run(*command) -> str:
    """What a tool prints; its errors where it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    return done.stdout if not done.returncode else done.stderr or f"exit code {done.returncode}"


def fuse_pipeline() -> str:
    """compress-to-cpu up to its check: what follows takes most of the time."""
    done = subprocess.run(
        ["compress-opt", "--pass-pipeline=builtin.module(compress-to-cpu)", "--dump-pass-pipeline"],
        input="module {}", capture_output=True, text=True, check=True,
    )  # fmt: skip
    match = re.search(r"(builtin\.module\(.*?compress-check-fused(\{.*?\})?)", done.stderr, re.S)
    assert match, done.stderr
    return match[1] + ")"


def compile_column(preset: str, directory: Path, pipeline: str) -> dict[str, str]:
    """Row -> `fused`, or `dense` where the preset does not apply, or the error."""
    directory.mkdir(parents=True, exist_ok=True)
    functions: dict[str, Function] = {}
    for name, op, moved in ROWS:
        for is_dynamic in (False, True):
            function = build(len(functions), op, moved, is_dynamic, preset)
            # An op all of whose sizes are those of its weight has no dynamic form.
            if not is_dynamic or function.dynamic:
                functions[f"{name}, {'dynamic' if is_dynamic else 'static'}"] = function
    weights = [f.weight for f in functions.values()]
    artifact.write_tensors(
        directory / "w.safetensors", {w.name: (w.element.upper(), w.values) for w in weights}
    )
    write_module(list(functions.values()), directory / "model.mlir")
    encode = ["compressc", "compile", directory / "model.mlir", "--preset", "none", "-j", 1]
    encode += ["--weights", directory / "w.safetensors"]
    encoded = directory / "encoded.mlir"
    complaints = run(*encode, "--emit=mlir", "-o", encoded)
    text = encoded.read_text() if encoded.exists() else ""
    complaints += run(
        "compress-opt", encoded, "--mlir-disable-threading",
        f"--pass-pipeline={pipeline}", "-o", "/dev/null",
    )  # fmt: skip
    reasons = dict(re.findall(r"weight '(\w+)' is decoded as a whole, to \S+: (.*)", complaints))
    cells = {}
    for row, function in functions.items():
        name = function.weight.name
        if complaints and not reasons:
            cells[row] = complaints[:500]
        elif f'certificate<weight = "{name}"' not in text:
            cells[row] = "dense"
        else:
            cells[row] = reasons.get(name, "fused")
    return cells


def main() -> int:
    root = Path(sys.argv[1])
    listed = subprocess.run(["compressc", "presets"], capture_output=True, text=True, check=True)
    presets = [line.split()[0] for line in listed.stdout.splitlines()]
    presets.remove("none")
    pipeline = fuse_pipeline()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        columns = list(pool.map(lambda name: compile_column(name, root / name, pipeline), presets))
    width = max(map(len, columns[0]))
    print(f"{'':{width}}  {'  '.join(f'{preset:7}' for preset in presets)}".rstrip())
    complaints = []
    fused = dense = refused = 0
    for row in columns[0]:
        texts = []
        for preset, column in zip(presets, columns):
            cell = column[row]
            fused += cell == "fused"
            dense += cell == "dense"
            if cell in ("fused", "dense"):
                texts.append(cell)
            elif (row.split()[0], preset) in REFUSED:
                refused += 1
                texts.append("refused")
            else:
                complaints.append(f"{row}, {preset}: {cell}")
                texts.append(f"[{len(complaints)}]")
        cells = (f"{text:{max(len(preset), 7)}}" for text, preset in zip(texts, presets))
        print(f"{row:{width}}  {'  '.join(cells)}".rstrip())
    for number, complaint in enumerate(complaints, 1):
        print(f"[{number}] {complaint}")
    print(
        f"{fused} of {fused + len(complaints)} cells fused, "
        f"{dense} without a codec, {refused} refused as documented"
    )
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
