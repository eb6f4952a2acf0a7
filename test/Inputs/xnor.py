"""Kernels that count bits: signs of activations times weights of one bit, on every kind of CPU.

Random codecs, sizes, rows and ways to write a sign. With one scale for a sum, results are the scale times an
integer, rounded once; with several, they are within the bound of docs/Numerics.md for kernels of f32. All CPUs
yield the same bits, and the manifest says that they compute in xnor.

Usage: xnor.py WORK_DIRECTORY. COMPRESS_TEST_SEED and COMPRESS_TEST_CASES set the seed and the number of modules.
"""

import os
import random
import sys
from collections import Counter
from pathlib import Path

import artifact
import numpy as np
import quant_reference as reference
from codec_families import Quant, Tensor, Tree
from compress_runtime import Model
from differential import tensor_type, write_maps
from fused_ops import UNIT, widen
from random_modules import TARGETS, decode_stored, run_modules, run_tool

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
CASES = int(os.environ.get("COMPRESS_TEST_CASES", "4"))
SCALES = ["f32", "f16", "bf16"]
# By name: the body of an elementwise op, and the same in numpy.
BODIES = {
    "oge": ("%c = arith.cmpf oge, %a, %zero : {t}\n    %s = arith.select %c, %one, %minus : {t}", lambda x: x >= 0),
    "ult": ("%c = arith.cmpf ult, %a, %zero : {t}\n    %s = arith.select %c, %minus, %one : {t}", lambda x: x >= 0),
    "ole": ("%c = arith.cmpf ole, %zero, %a : {t}\n    %s = arith.select %c, %one, %minus : {t}", lambda x: x >= 0),
    "ogt": ("%c = arith.cmpf ogt, %a, %zero : {t}\n    %s = arith.select %c, %one, %minus : {t}", lambda x: x > 0),
    "flipped": ("%c = arith.cmpf oge, %a, %zero : {t}\n    %s = arith.select %c, %minus, %one : {t}", lambda x: ~(x >= 0)),
    "threshold": ("%c = arith.cmpf uge, %a, %half : {t}\n    %s = arith.select %c, %one, %minus : {t}",
                  lambda x: ~(x < 0.5)),
    "copysign": ("%s = math.copysign %one, %a : {t}", lambda x: ~np.signbit(x)),
}  # fmt: skip


def draw_trees(rng: random.Random, shape: list[int], axis: int) -> dict[str, Tree]:
    along = lambda size, other=1: [size if i == axis else other for i in range(2)]
    blocks = {"channel": along(shape[axis]), "tensor": [*shape], "group": along(rng.choice([32, 64, 96, 128]))}
    trees = {}
    for name, block in blocks.items():
        element, scale = rng.choice(["f32", "f32", "f16", "bf16"]), rng.choice(SCALES)
        trees[name] = Tree(Quant(reference.Codec("binary", block, scale)), Tensor(shape, element))
    return trees


def write_function(name: str, tree: Tree, sign: str, element: str, rows: int | str, batch: int, axis: int) -> str:
    shape, b = tree.tensor.shape, [batch] * bool(batch)
    k, n = shape[axis], shape[1 - axis]
    x, y, w = tensor_type([*b, rows, k], element), tensor_type([*b, rows, n]), tensor_type(shape, tree.tensor.element)
    pre, loops = ("b, ", "(b, m, n, k)") if batch else ("", "(m, n, k)")
    weight = "(n, k)" if axis == 1 else "(k, n)"
    maps = write_maps(f"{loops} -> ({pre}m, k)", f"{loops} -> {weight}", f"{loops} -> ({pre}m, n)")
    body = BODIES[sign][0].format(t=element)
    identity = "affine_map<(b, i, j) -> (b, i, j)>" if batch else "affine_map<(i, j) -> (i, j)>"
    kinds = ", ".join(['"parallel"'] * (2 + bool(batch)))
    sizes = "%m" if rows == "?" else ""
    lines = [f'func.func @"{name}"(%x: {x}) -> {y} {{']
    if rows == "?":
        lines.append(f"  %dim = arith.constant {len(b)} : index\n  %m = tensor.dim %x, %dim : {x}")
    iterators = ", ".join(['"parallel"'] * (len(b) + 2) + ['"reduction"'])
    lines.append(f"""  %zero = arith.constant 0.0 : {element}
  %half = arith.constant 0.5 : {element}
  %one = arith.constant 1.0 : {element}
  %minus = arith.constant -1.0 : {element}
  %to = tensor.empty({sizes}) : {x}
  %signs = linalg.generic {{indexing_maps = [{identity}, {identity}], iterator_types = [{kinds}]}}
    ins(%x : {x}) outs(%to : {x}) {{
  ^bb0(%a: {element}, %o: {element}):
    {body}
    linalg.yield %s : {element}
  }} -> {x}
  %w = arith.constant {{compress.codec = {tree}}} dense_resource<"{name}"> : {w}
  %e = tensor.empty({sizes}) : {y}
  %z = arith.constant 0.0 : f32
  %i = linalg.fill ins(%z : f32) outs(%e : {y}) -> {y}
  %y = linalg.contract {maps} ins(%signs, %w : {x}, {w}) outs(%i : {y}) -> {y}
  return %y : {y}
}}
""")
    return "\n".join(lines)


def draw_activations(rng: random.Random, numbers: np.random.Generator, shape: list[int], element: str) -> np.ndarray:
    x = numbers.standard_normal(shape).astype(np.float32)
    special = np.float32([0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 0.5])
    at = numbers.random(shape) < 0.2
    x[at] = numbers.choice(special, at.sum())
    return x if element == "f32" else x.astype(np.float16)


def run_module(directory: Path, number: int) -> tuple[Counter, list[str], float]:
    rng = random.Random(f"{SEED}/{number}")
    numbers = np.random.default_rng(rng.getrandbits(32))
    axis, n = rng.choice([1, 1, 0]), rng.choice([1, 7, 15, 16, 17, 33, 48, 70, 96])
    k = rng.choice([1, 16, 31, 32, 33, 64, 100, 130, 256, 300, 1020, 2047])
    rows, batch = rng.choice([1, 1, 2, 3, 4, 5, 8, 11, 13, 25, 40]), rng.choice([0, 0, 2])
    shape = [n, k] if axis == 1 else [k, n]
    trees = draw_trees(rng, shape, axis)
    directory.mkdir(parents=True, exist_ok=True)
    weights, module = directory / "w.safetensors", directory / "m.mlir"
    stored = {"f32": "F32", "f16": "F16", "bf16": "BF16"}
    values = {}
    for name, tree in trees.items():
        value = numbers.standard_normal(shape).astype(np.float32)
        if tree.tensor.element == "f16":
            value = value.astype(np.float16)
        elif tree.tensor.element == "bf16":
            value = (value.view(np.uint32) >> 16).astype(np.uint16)
        values[name] = (stored[tree.tensor.element], value)
    artifact.write_tensors(weights, values)
    signs = {name: rng.choice([*BODIES]) for name in trees}
    elements = {name: rng.choice(["f32", "f32", "f16"]) for name in trees}
    dynamic = {name: "?" if rng.random() < 0.4 else rows for name in trees}
    module.write_text(
        "".join(
            write_function(name, tree, signs[name], elements[name], dynamic[name], batch, axis)
            for name, tree in trees.items()
        )
    )
    compile_ = ["compressc", "compile", module, "--weights", weights, "--preset", "none", "-j", 1]
    decoded = decode_stored(directory, weights, trees)
    flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    inputs = {
        name: draw_activations(rng, numbers, [*[batch] * bool(batch), rows, k], elements[name]) for name in trees
    }
    first, cases, failures, worst = {}, Counter(), [], 0.0
    for target, needs in TARGETS.items():
        if not set(needs) <= flags:
            continue
        out = directory / target
        request = "xnor" if target == "x86-64" else "auto"
        run_tool(*compile_, "--compute", request, "--target", f"cpu:{target}", "-o", out)
        if target == "x86-64":
            run_tool("compressc", "verify", out, "--original", module, "--weights", weights)
        for entry in artifact.read_manifest(out)["weights"]:
            if entry["compute"] != "xnor":
                failures.append(f"{entry['name']}: computes in {entry['compute']}")
        with Model(out) as model:
            for name, weight in decoded.items():
                (actual,) = model.run(name, inputs[name])
                x = np.where(BODIES[signs[name]][1](inputs[name]), 1.0, -1.0)
                w = widen(weight.tensor.element, weight.values)
                contract = lambda a, b: np.tensordot(a, b, ([-1], [axis]))
                expected = contract(x, w)
                gamma = (k + 1) * UNIT["f32"]
                limit = gamma / (1 - gamma) * contract(abs(x), abs(w)) * (1 + 2.0**-20)
                ratio = float(np.max(abs(actual - expected) / np.maximum(limit, 1e-300)))
                worst = max(worst, ratio)
                # One scale a sum: nothing but that product is rounded.
                isExact = name == "group" or np.array_equal(actual, expected.astype(np.float32))
                isSame = np.array_equal(first.setdefault(name, actual), actual)
                if not (ratio <= 1 and isExact and isSame):
                    what = f"{ratio:g} of the bound" if not ratio <= 1 else "other bits"
                    failures.append(
                        f"{name} {trees[name]} {shape} axis {axis}, {batch} x {rows} rows, {signs[name]} of "
                        f"{elements[name]}, {target}: {what}"
                    )
                cases[target] += 1
    return cases, failures, worst


sys.exit(run_modules(run_module, Path(sys.argv[1]), SEED, CASES))
