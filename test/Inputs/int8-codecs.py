"""Kernels that compute with integers, for every codec that has them, on every kind of CPU.

Random codecs, sizes and rows. What a contraction yields is within the bound of
docs/Numerics.md of what is stored, decoded by codec_families.py; `compressc verify` finds the
certificate in what is packed for the kernel; the manifest says that it computes in int8.
CPUs with fused multiply-add yield the same bits.

Usage: int8-codecs.py WORK_DIRECTORY. COMPRESS_TEST_SEED and COMPRESS_TEST_CASES set the seed
and the number of modules.
"""

import os
import random
import sys
from collections import Counter
from pathlib import Path

import artifact
import numpy as np
import quant_reference as reference
from codec_families import Base3, Decoded, Nm, Palette, Quant, Tensor, Tree, spread
from compress_runtime import Model
from differential import tensor_type, write_maps
from fused_ops import TINY, UNIT, widen
from random_modules import TARGETS, decode_stored, run_modules, run_tool

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
CASES = int(os.environ.get("COMPRESS_TEST_CASES", "4"))
ALL_TARGETS = {**TARGETS, "alderlake": ["fma", "avx_vnni", "gfni", "vaes", "sha_ni"]}
SCALES = ["f32", "f16", "bf16"]


# ===----------------------------------------------------------------------===
# Codecs
# ===----------------------------------------------------------------------===


def quant(storage: str, block: list[int], scale: str, **options) -> Quant:
    return Quant(reference.Codec(storage, block, scale, **options))


def nested(codec: Quant | Nm, tensor: Tensor, **parts: Quant | Base3) -> Tree:
    """Components that are compressed again, by codecs for their shape."""
    storage = {part.name: part for part in codec.storage(tensor)}
    trees = {name: Tree(part, storage[name].tensor) for name, part in parts.items()}
    return Tree(codec, tensor, trees)


def draw_trees(rng: random.Random, shape: list[int], axis: int) -> dict[str, Tree]:
    tensor = Tensor(shape, "f32")
    pick = rng.choice
    along = lambda size, other=1: [size if i == axis else other for i in range(2)]
    whole = along(shape[axis])
    per_block = lambda least=16: along(pick([size for size in (16, 32, 64, 96) if size >= least]))
    any_block = lambda least=16: pick([per_block(least), whole])
    trees = {}
    for storage in ("i8", "i6", "i4", "i3", "i2"):
        options = pick([{}, {"narrow": True}, {"zero": pick(["i8", *SCALES])}])
        trees[storage] = Tree(quant(storage, any_block(), pick(SCALES), **options), tensor)
    for storage in ("u8", "u6", "u4", "u3", "u2"):
        options = pick([{"min": pick(SCALES)}, {"zero": pick(["i8", *SCALES])}])
        trees[storage] = Tree(quant(storage, any_block(), pick(SCALES), **options), tensor)
    trees["binary"] = Tree(quant("binary", any_block(32), pick(SCALES)), tensor)
    trees["tensor"] = Tree(quant("i8", [*shape], "f32"), tensor)
    trees["mxfp4"] = Tree(quant("f4E2M1FN", per_block(), "f8E8M0FNU"), tensor)
    trees["fp4"] = Tree(quant("f4E2M1FN", any_block(), pick(SCALES)), tensor)
    for bits in (1, 2, 4):
        least = 32 if bits == 1 else 16
        trees[f"palette{bits}"] = Tree(Palette(bits, [*shape], pick(SCALES)), tensor)
        trees[f"palette{bits}-scales"] = Tree(
            Palette(bits, [*shape], pick(SCALES), scale=pick(SCALES), block=per_block(least)), tensor
        )
    f8 = quant("f8E4M3FN", [*shape], "f32")
    trees["nvfp4"] = nested(quant("f4E2M1FN", along(16), "f32"), tensor, scales=f8)
    u6, u4, i8 = (quant(s, along(b), "f16") for s, b in (("u6", 8), ("u4", 16), ("i8", 16)))
    u4min = lambda size: {"min": "f32"}
    trees["q4_K"] = nested(quant("u4", along(32), "f32", **u4min(32)), tensor, scales=u6, mins=u6)
    trees["q2_K"] = nested(quant("u2", along(16), "f32", **u4min(16)), tensor, scales=u4, mins=u4)
    trees["q6_K"] = nested(quant("i6", along(16), "f32"), tensor, scales=i8)
    trees["scales-min"] = nested(
        quant("i4", along(32), pick(SCALES)), tensor, scales=quant("u8", along(4), "f32", min="f16")
    )
    ternary = quant("i2", whole, pick(SCALES), narrow=True)
    trees["base3"] = nested(ternary, tensor, codes=Base3())
    trees["channel-scales"] = nested(
        quant("i4", whole, "f32"), tensor, scales=quant("u8", [shape[0], shape[1]], "f32", min="f32")
    )
    # Groups along what is reduced; blocks are of stored values.
    for kept, group, storage in ((2, 4, "i4"), (2, 4, "u4"), (2, 4, "i8"), (1, 4, "i8"), (1, 2, "i4")):
        nm = Nm(kept, group, axis)
        size = nm.values_shape(shape)[axis]
        block = pick([per_block(), along(size)])
        options = pick([{}, {"zero": pick(["i8", *SCALES])}])
        if storage == "u4":
            options = pick([{"min": pick(SCALES)}, {"zero": pick(["i8", *SCALES])}])
        trees[f"nm{kept}-{group}-{storage}"] = nested(nm, tensor, values=quant(storage, block, pick(SCALES), **options))
    return trees


# ===----------------------------------------------------------------------===
# The bound
# ===----------------------------------------------------------------------===


def largest(a: np.ndarray, block: list[int]) -> np.ndarray:
    """Of each block, for all of its elements."""
    for axis, extent in enumerate(block):
        size = a.shape[axis]
        starts = np.arange(0, size, min(extent, size))
        a = np.repeat(np.maximum.reduceat(a, starts, axis), np.diff([*starts, size]), axis)
    return a


def rounding(a: np.ndarray) -> np.ndarray:
    """How far numbers are from 8-bit integers times a scale, if these are the largest."""
    return np.where(a < 2.0**-100, a, a / 127 * 0.50004)


def magnitude(weight: Decoded) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Of what is added up to each element; how far integers are from it; blocks."""
    codec, shape = weight.codec, weight.tensor.shape
    dense = lambda part: widen(part.tensor.element, part.values)
    if isinstance(codec, Palette):
        books = np.abs(dense(weight.parts["codebooks"])).max()
        off, block = np.full(shape, rounding(books)), codec.group
        if codec.scale:
            off = off * abs(spread(dense(weight.parts["scales"]), shape, codec.block))
            block = codec.block
        return abs(weight.values.astype(np.float64)) + off, off, block
    if isinstance(codec, Nm):
        *values, block = magnitude(weight.parts["values"])
        positions = weight.parts["metadata"].values
        at = lambda part: codec.decode(weight.tensor, [part, positions])
        scale = lambda i, extent: -(-extent // codec.kept) * codec.group if i == codec.axis else extent
        return *map(at, values), [scale(i, extent) for i, extent in enumerate(block)]
    block, own = codec.codec.block, codec.codec
    parts = {
        name: spread(dense(part), shape, block)
        for name, part in weight.parts.items()
        if name in ("scales", "mins") or (name == "zeros" and own.zero != "i8")
    }
    codes = reference.unpack(own, weight.parts["codes"].values, shape)
    values = abs(own.values(codes)).astype(np.float64)
    if own.zero:
        zeros = parts.get("zeros")
        if zeros is None:
            zeros = reference.read_offsets(own, weight.parts["zeros"].values)
            zeros = spread(zeros, shape, block)
        values = values + abs(zeros)
    result = abs(parts["scales"]) * values
    if own.min:
        result = result + abs(parts["mins"])
    return result, np.zeros(shape), block


def bound(weight: Decoded, x: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """What a contraction must yield, and how far it may be from that."""
    terms = weight.tensor.shape[axis]
    contract = lambda x, w: np.tensordot(x, w, ([1], [axis]))
    x = x.astype(np.float64)
    w = widen(weight.tensor.element, weight.values)
    M, off, block = magnitude(weight)
    e = rounding(largest(abs(x), [1, block[axis]]))
    n = (terms + 8) * UNIT["f32"]
    result = n / (1 - n) * contract(abs(x) + e, M) + 2**15 * terms * TINY["f32"]
    result += contract(e, M) + contract(abs(x) + e, off)
    return contract(x, w), result * (1 + 2.0**-20)


# ===----------------------------------------------------------------------===
# A module
# ===----------------------------------------------------------------------===


def write_function(name: str, tree: Tree, rows: int, axis: int) -> str:
    shape = tree.tensor.shape
    x, y = tensor_type([rows, shape[axis]]), tensor_type([rows, shape[1 - axis]])
    w = tensor_type(shape)
    dims = ["n", "k"] if axis == 1 else ["k", "n"]
    maps = write_maps("(m, n, k) -> (m, k)", f"(m, n, k) -> ({dims[0]}, {dims[1]})", "(m, n, k) -> (m, n)")
    return (
        f'func.func @"{name}"(%x: {x}) -> {y} {{\n'
        f'  %w = arith.constant {{compress.codec = {tree}}} dense_resource<"{name}"> : {w}\n'
        f"  %e = tensor.empty() : {y}\n  %z = arith.constant 0.0 : f32\n"
        f"  %i = linalg.fill ins(%z : f32) outs(%e : {y}) -> {y}\n"
        f"  %y = linalg.contract {maps} ins(%x, %w : {x}, {w}) outs(%i : {y}) -> {y}\n"
        f"  return %y : {y}\n}}\n"
    )


def run_module(directory: Path, number: int) -> tuple[Counter, list[str], float]:
    rng = random.Random(f"{SEED}/{number}")
    numbers = np.random.default_rng(rng.getrandbits(32))
    axis, n = rng.choice([1, 1, 0]), rng.choice([1, 7, 15, 16, 17, 33, 48, 70])
    k = rng.choice([1, 16, 31, 32, 33, 64, 100, 130, 256, 300])
    rows = rng.choice([1, 1, 2, 3, 4, 5, 8, 11, 13, 25])
    shape = [n, k] if axis == 1 else [k, n]
    trees = draw_trees(rng, shape, axis)
    directory.mkdir(parents=True, exist_ok=True)
    weights, module = directory / "w.safetensors", directory / "m.mlir"
    values = {name: numbers.standard_normal(shape).astype(np.float32) for name in trees}
    artifact.write_tensors(weights, {name: ("F32", value) for name, value in values.items()})
    module.write_text("".join(write_function(name, tree, rows, axis) for name, tree in trees.items()))
    compile_ = ["compressc", "compile", module, "--weights", weights, "--preset", "none", "-j", 1]
    run_tool(*compile_, "--allow-dense", "--compute", "f32", "--target", "cpu:x86-64",
             "-o", directory / "f32")  # fmt: skip
    decoded = decode_stored(directory, weights, trees)
    flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    x = numbers.standard_normal((rows, k)).astype(np.float32) * 10.0 ** rng.choice([-3, 0, 2])
    if rng.random() < 0.3:
        x[rng.randrange(rows)] = 0
    first, cases, failures, worst = {}, Counter(), [], 0.0
    for target, needs in ALL_TARGETS.items():
        if not set(needs) <= flags:
            continue
        out = directory / target
        run_tool(*compile_, "--compute", "int8", "--target", f"cpu:{target}", "-o", out)
        if target == "x86-64":
            run_tool("compressc", "verify", out, "--original", module, "--weights", weights)
        for entry in artifact.read_manifest(out)["weights"]:
            if entry["compute"] != "int8":
                failures.append(f"{entry['name']}: computes in {entry['compute']}")
        with Model(out) as model:
            for name, weight in decoded.items():
                (actual,) = model.run(name, x)
                expected, limit = bound(weight, x, axis)
                ratio = float(np.max(abs(actual - expected) / np.maximum(limit, 1e-300)))
                worst = max(worst, ratio)
                same = "fma" not in needs or np.array_equal(first.setdefault(name, actual), actual)
                if not (ratio <= 1 and same):
                    what = f"{ratio:g} of the bound" if not ratio <= 1 else "other bits"
                    failures.append(f"{name} {trees[name]} {shape} axis {axis}, {rows} rows, {target}: {what}")
                cases[target] += 1
            # Integers up to 127 are not rounded: every single code counts.
            whole = numbers.integers(-127, 128, x.shape).astype(np.float32)
            whole[:, 0] = 127
            (actual,) = model.run("base3", whole)
            exact = bound(decoded["base3"], whole, axis)[0].astype(np.float32)
            if not np.array_equal(actual, exact):
                failures.append(f"base3 {shape} axis {axis}, {rows} rows, {target}: not exact")
    return cases, failures, worst


sys.exit(run_modules(run_module, Path(sys.argv[1]), SEED, CASES))
