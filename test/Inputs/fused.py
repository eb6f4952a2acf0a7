"""Fused kernels and tiles against decode-then-compute, element by element.

Random modules of many functions, each one op on a compressed weight. Every function runs
several times, with other sizes of its dynamic dimensions. Three results are compared:

* the fused artifact's, as `compressc compile` makes it;
* the reference path's: the same function, where a call between the weight and the op keeps
  the compiler from fusing, so that the weight is decoded as a whole;
* the oracle's: the stored components decoded in numpy, computed with in f64.

The first two must be within the bound of docs/Numerics.md of the third; where all
arithmetic is exact, and where an op rounds once, they are equal bit for bit. What is
stored for kernels must be what the reference artifact stores, in another order.

Usage: fused.py WORK_DIRECTORY. COMPRESS_TEST_SEED and COMPRESS_TEST_CASES set the seed and
the least number of (function, run) pairs. A failure names its module and function:
`fused.py WORK_DIRECTORY MODULE` with the same seed runs that module again.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import artifact
import numpy as np
import quant_reference as reference
from compress_runtime import Model
from fused_ops import (
    NUMPY,
    TINY,
    UNIT,
    Function,
    Weight,
    Window,
    draw_module,
    round_to,
    store,
    widen,
    write_module,
)
from quant_reference import Codec, Tiling

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
CASES = int(os.environ.get("COMPRESS_TEST_CASES", "500"))
FUNCTIONS = 30  # of a module
DYNAMIC_RUNS, STATIC_RUNS = 9, 3
DYNAMIC_SIZES = [1, 0, 3, 17, 7, 16, 33, 2, 5, 8, 4, 9, 15, 32]
# Modules take turns; what the machine cannot run is left out.
TARGETS = ["native", "x86-64-v3", "native", "x86-64-v2", "native", "native"]
NEEDS = {"native": [], "x86-64-v2": ["sse4_2"], "x86-64-v3": ["avx2", "fma", "f16c"]}

REFUSED = r"weight '([^']*)' of type .* cannot be computed with in bf16: "

STORE = {"f32": "F32", "f16": "F16", "bf16": "BF16"}


# ===----------------------------------------------------------------------===
# What is stored
# ===----------------------------------------------------------------------===


@dataclass
class Components:
    """Of a weight: one code, scale and offset per element, whatever the layout."""

    codec: Codec
    codes: np.ndarray
    scales: np.ndarray
    offsets: np.ndarray | None

    def magnitude(self) -> np.ndarray:
        """Of what is added up to the values."""
        scales = abs(reference.widen(self.codec.scale, self.scales)).astype(np.float64)
        codes = abs(self.codec.values(self.codes)).astype(np.float64)
        if not self.codec.offset:
            return scales * codes
        offsets = abs(reference.read_offsets(self.codec, self.offsets)).astype(np.float64)
        return scales * (codes + offsets) if self.codec.zero else scales * codes + offsets

    def decode(self, element: str) -> np.ndarray:
        codec, offsets = self.codec, self.offsets
        if codec.offset:
            offsets = reference.read_offsets(codec, offsets)
        scales = reference.widen(codec.scale, self.scales)
        return reference.combine(codec, self.codes, scales, offsets, element)


def unpack(stored: np.ndarray, codec: Codec, size: int) -> np.ndarray:
    """Codes of rows of `size`, as integers; padding must be zero."""
    bits = codec.bits
    planes = np.unpackbits(stored.view(np.uint8), axis=-1, bitorder="little")
    assert not planes[..., size * bits :].any(), "expected zero padding bits"
    planes = planes[..., : size * bits].reshape(*stored.shape[:-1], size, bits)
    weights = 1 << np.arange(bits)
    if codec.signed:
        weights[-1] *= -1
    return planes.astype(np.int64) @ weights


def read_components(weight: Weight, entry: dict, tensors: dict) -> Components:
    """Undoes the layout of what the manifest names. Empty components are not stored."""
    tiling, text = Tiling.parse(entry["codec"])
    codec = Codec.parse(text)
    shape, block = weight.shape, codec.block
    if tiling:
        shape, block = tiling.shape(shape), tiling.block(shape, block)
    grid = [-(-size // extent) for size, extent in zip(shape, block)]
    wanted = [([*shape[:-1], -(-shape[-1] * codec.bits // 8)], np.int8), (grid, NUMPY[codec.scale])]
    if codec.offset:
        wanted.append((grid, np.int8 if codec.offset == "i8" else NUMPY[codec.offset]))
    stored = wanted
    if tiling and tiling.record:
        stored = [(tiling.stream_shape(wanted, block), np.int8)]
    names, parts = iter(entry["tensors"]), []
    for part, dtype in stored:
        tensor = np.zeros(part, dtype) if 0 in part else tensors[next(names)]
        assert list(tensor.shape) == part and tensor.dtype == dtype, (
            f"stored as {tensor.dtype}{list(tensor.shape)}, expected {part}"
        )
        parts.append(tensor)
    assert next(names, None) is None, "more tensors than components"
    if tiling and tiling.record:
        parts = tiling.take_apart(parts[0], wanted, block)
    if tiling:
        parts[0] = parts[0] ^ np.uint8(tiling.flip).view(np.int8)
    parts[0] = unpack(parts[0], codec, shape[-1])
    inner = replace(codec, block=block)
    parts[1:] = [inner.spread(part, shape) for part in parts[1:]]
    if tiling:
        parts = [tiling.undo(part, weight.shape) for part in parts]
    return Components(codec, *parts, *([] if codec.offset else [None]))


# ===----------------------------------------------------------------------===
# The oracle
# ===----------------------------------------------------------------------===


class Oracle:
    """A function's weight as the op sees it, and what a kernel may compute with instead."""

    def __init__(self, function: Function, components: Components, compute: str = "f32"):
        self.f, self.compute = function, compute
        self.block = self.magnitude = self.scales = None
        element = function.weight.element
        # A kernel may leave out casts between the decode and the product.
        variants = [widen(element, components.decode(element))]
        for move in function.moves:
            if move.kind == "cast":
                variants.append(round_to(move.element, variants[-1]))
        if function.op.combine == "dot":
            variants.append(round_to(function.out_element, variants[-1]))
        if compute == "int8":
            # Along the reduced loop; a kernel does not round the weight to its type.
            self.loop = next(l for l in function.op.w if l in function.op.reduced)
            self.block = components.codec.block[function.stored_loops.index(self.loop)]
            variants.insert(0, components.decode("f32").astype(np.float64))
        if compute == "bf16":
            variants.insert(0, components.decode("f32").astype(np.float64))
            scales = reference.widen(components.codec.scale, components.scales)
            self.scales = abs(scales).astype(np.float64)
        if compute in ("int8", "bf16"):
            self.magnitude = components.magnitude()
        self.slack = np.max([abs(v - variants[-1]) for v in variants], axis=0)
        self.w = variants[-1]
        self.exact = function.weight.quantum is not None and not self.block
        if compute == "bf16" and components.codec.offset:
            self.exact = False
        if self.exact:
            assert not self.slack.any(), "expected exact values"

    def rounding(self, x: np.ndarray) -> np.ndarray:
        """How far rounded x may be from x, see docs/Numerics.md."""
        if self.compute == "bf16":
            rounded = round_to("bf16", x)
            # What is subnormal may also be taken for 0.
            flushed = np.where(abs(rounded) < 2.0**-126, abs(rounded), 0)
            return abs(x - rounded) + flushed
        axis = self.f.op.x.index(self.loop)
        size = x.shape[axis]
        block = min(self.block, size)
        x = np.moveaxis(abs(x), axis, -1)
        count = -(-size // block)
        padded = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, count * block - size)])
        largest = padded.reshape(*x.shape[:-1], count, block).max(-1, initial=0)
        error = np.where(largest < 2.0**-100, largest, largest / 127 * 0.50004)
        return np.moveaxis(np.repeat(error, block, -1)[..., :size], -1, axis)

    def moved(self, w: np.ndarray, sizes: dict[str, int]) -> np.ndarray:
        """As the op reads it."""
        loops = self.f.stored_loops
        for move in self.f.moves:
            if move.kind == "transpose":
                w = w.transpose([loops.index(loop) for loop in move.loops])
            elif move.kind == "broadcast":
                added = tuple(i for i, loop in enumerate(move.loops) if loop not in loops)
                w = np.expand_dims(w, added)
                w = np.broadcast_to(w, [sizes[loop] for loop in move.loops])
            loops = move.loops
        return w

    def dot(self, x: np.ndarray, w: np.ndarray, sizes: dict[str, int]) -> np.ndarray:
        letters = ""
        for index in self.f.op.x:
            if isinstance(index, Window):
                at = np.add.outer(
                    np.arange(sizes[index.out]) * index.stride,
                    np.arange(sizes[index.tap]) * index.dilation,
                )
                x = np.take(x, at, len(letters))
                letters += index.out + index.tap
            else:
                letters += index
        formula = f"{letters},{''.join(self.f.op.w)}->{''.join(self.f.op.out)}"
        return np.einsum(formula, x, self.moved(w, sizes), optimize=True)


@dataclass
class Run:
    """Inputs of one call, and what it must yield."""

    sizes: dict[str, int]
    inputs: list[np.ndarray]
    exact: bool
    expected: np.ndarray
    # Of what is added up: magnitudes, and what left-out roundings make.
    magnitude: np.ndarray | None = None
    slack: np.ndarray | None = None

    # The same for a kernel that rounds x.
    kernel_magnitude: np.ndarray | None = None
    kernel_slack: np.ndarray | None = None

    def bound(self, f: Function, compute: str | None) -> np.ndarray | None:
        """See docs/Numerics.md. None where there is none."""
        if compute in ("int8", "bf16"):
            n = (f.terms + 8) * UNIT["f32"]
            bound = n / (1 - n) * self.kernel_magnitude
            bound += f.terms * 2**15 * TINY["f32"] + self.kernel_slack
            bound += UNIT[f.out_element] * (abs(self.expected) + bound) + TINY[f.out_element]
            return bound * (1 + 2.0**-20)
        sums = compute or f.out_element
        n = (f.terms + 1) * UNIT[sums]
        if n >= 1:
            return None
        # A product, or a sum, may also be subnormal.
        bound = n / (1 - n) * self.magnitude + f.terms * TINY[sums] + self.slack
        if sums != f.out_element:
            bound += UNIT[f.out_element] * (abs(self.expected) + bound) + TINY[f.out_element]
        # Roundings of the oracle itself.
        return bound * (1 + 2.0**-20)


def place(rng: random.Random, array: np.ndarray) -> np.ndarray:
    """Sometimes at an address that is a multiple of the element size only."""
    if rng.random() < 0.7:
        return array.copy(order="C")
    buffer = np.zeros(array.size + 1, array.dtype)
    buffer[1:] = array.ravel()
    return buffer[1:].reshape(array.shape)


def draw_run(rng: random.Random, oracle: Oracle, number: int) -> Run:
    f, op = oracle.f, oracle.f.op
    sizes = dict(f.sizes)
    for i, loop in enumerate(f.dynamic):
        if i == number % len(f.dynamic):
            sizes[loop] = DYNAMIC_SIZES[number % len(DYNAMIC_SIZES)]
        else:
            sizes[loop] = rng.choice([1, 2, 3, 4, 5])
    shape = [sizes[at] if isinstance(at, str) else at.size(sizes) for at in op.x]
    numbers = np.random.default_rng(rng.getrandbits(32))
    out_shape = [sizes[loop] for loop in op.out]
    if op.combine == "lookup":
        ids = numbers.integers(0, sizes["v"], shape).astype(NUMPY[f.element])
        w = np.moveaxis(oracle.moved(oracle.w, sizes), op.w.index("v"), 0)
        return Run(sizes, [place(rng, ids)], True, round_to(f.out_element, w[ids]))
    exact = oracle.exact and op.combine == "dot" and number % 2 == 0
    init = np.zeros(out_shape)
    if exact:
        x = numbers.integers(-2, 3, shape).astype(np.float64)
        if f.has_init:
            init = numbers.integers(-2, 3, out_shape) * oracle.f.weight.quantum
    else:
        x = numbers.standard_normal(shape) * 10.0 ** rng.choice([-2, 0, 0, 1])
        # Far from an overflow of f16.
        x *= min(1.0, 500 / (f.terms * abs(oracle.w).max(initial=0) * abs(x).max(initial=0) + 1e-9))
        if f.has_init:
            init = round_to(f.out_element, numbers.standard_normal(out_shape))
    x = round_to(f.element, x)
    rounded = round_to(f.out_element, x)
    if op.combine != "dot":
        letters = "".join(op.out)
        spread = lambda a, loops: np.einsum(
            f"{''.join(loops)},{letters}->{letters}", a, np.ones(out_shape)
        )
        a, b = spread(rounded, op.x), spread(oracle.moved(oracle.w, sizes), op.w)
        b = round_to(f.out_element, b)
        # Both operands have 24 bits or less: f64 rounds a product not at all, and a sum so
        # that rounding once more does no harm.
        y = a + b if op.combine == "add" else a * b
        inputs = [place(rng, store(f.element, x))]
        return Run(sizes, inputs, True, round_to(f.out_element, y))
    w, dw = oracle.w, oracle.slack
    magnitude = oracle.dot(abs(x), abs(w) + dw, sizes) + abs(init)
    if exact:
        limit = oracle.f.weight.quantum / UNIT[f.out_element]
        while magnitude.max(initial=0) > limit:
            x *= numbers.random(shape) < 0.6
            magnitude = oracle.dot(abs(x), abs(w), sizes) + abs(init)
        rounded = x
    dx = abs(x - rounded)
    if dx.any():
        magnitude = oracle.dot(abs(rounded) + dx, abs(w) + dw, sizes) + abs(init)
    slack = oracle.dot(dx, abs(w) + dw, sizes) + oracle.dot(abs(rounded), dw, sizes)
    expected = oracle.dot(rounded, w, sizes) + init
    inputs = [store(f.element, x)]
    if f.has_init:
        inputs.append(store(f.out_element, init))
    run = Run(sizes, [place(rng, a) for a in inputs], exact, expected, magnitude, slack)
    if oracle.magnitude is not None:
        error = oracle.rounding(x)
        run.kernel_magnitude = oracle.dot(abs(x) + error, oracle.magnitude, sizes) + abs(init)
        run.kernel_slack = slack + oracle.dot(error, oracle.magnitude, sizes)
        if oracle.scales is not None:
            flushed = np.full(x.shape, 2.0**-125)
            run.kernel_slack += oracle.dot(flushed, oracle.scales, sizes)
    return run


# ===----------------------------------------------------------------------===
# Checks
# ===----------------------------------------------------------------------===


def expect(condition, text: str) -> None:
    if not condition:
        raise AssertionError(text)


@dataclass
class Tally:
    cases: int = 0
    exact: int = 0
    unbounded: int = 0
    # kind -> [cases, worst error / bound of fused, of the reference path]
    kinds: dict[str, list] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, other: dict) -> None:
        self.cases += other["cases"]
        self.exact += other["exact"]
        self.unbounded += other["unbounded"]
        self.failures += other["failures"]
        for kind, (cases, *ratios) in other["kinds"].items():
            mine = self.kinds.setdefault(kind, [0, 0.0, 0.0])
            self.kinds[kind] = [mine[0] + cases, *map(max, zip(mine[1:], ratios))]


def compare(
    f: Function, run: Run, actual: np.ndarray, compute: str | None, what: str
) -> float | None:
    """The worst error, in units of the bound."""
    expect(actual.dtype == NUMPY[f.out_element], f"{what}: type {actual.dtype}")
    expect(
        actual.shape == run.expected.shape,
        f"{what}: shape {actual.shape}, expected {run.expected.shape}",
    )
    values = widen(f.out_element, actual)
    error = abs(values - run.expected)
    bound = 0 if run.exact else run.bound(f, compute)
    if bound is None:
        return None
    bad = ~(error <= bound)
    if bad.any():
        at = np.unravel_index(np.argmax(bad), bad.shape)
        limit = bound if run.exact else bound[at]
        raise AssertionError(
            f"{what}: {bad.sum()} of {bad.size} elements are wrong, the first at {[int(i) for i in at]}: "
            f"expected {run.expected[at]!r} +- {limit:g}, but got {values[at]!r}"
        )
    return 0.0 if run.exact else float(np.max(error / np.maximum(bound, 1e-300), initial=0))


def check_run(
    f: Function, run: Run, fused: Model, dense: Model, compute: str | None, tally: Tally
) -> None:
    before = [x.tobytes() for x in run.inputs]
    results = [model.run(f.name, *run.inputs)[0] for model in (fused, dense)]
    again = fused.run(f.name, *run.inputs)[0]
    expect(again.tobytes() == results[0].tobytes(), "another run yields other bits")
    expect([x.tobytes() for x in run.inputs] == before, "an input was written to")
    ratios = [
        compare(f, run, result, mode, what)
        for result, mode, what in zip(results, (compute, None), ("fused", "reference"))
    ]
    if run.exact:
        expect(results[0].tobytes() == results[1].tobytes(), "fused and reference differ in bits")
    tally.cases += 1
    tally.exact += run.exact
    tally.unbounded += None in ratios
    name = f.op.kind + (f" {compute}" if compute in ("int8", "bf16") else "")
    kind = tally.kinds.setdefault(name, [0, 0.0, 0.0])
    kind[0] += 1
    kind[1:] = [max(old, new or 0.0) for old, new in zip(kind[1:], ratios)]


# ===----------------------------------------------------------------------===
# One module
# ===----------------------------------------------------------------------===


def compressc(*arguments) -> str:
    """What it complains about."""
    done = subprocess.run(
        ["compressc", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return done.stderr or f"exit code {done.returncode}"
    return ""


def compile_module(
    functions: list[Function], directory: Path, name: str, target: str, *flags
) -> str:
    path = directory / f"{name}.mlir"
    write_module(functions, path, barrier=name == "dense")
    return compressc(
        "compile", path, "--weights", directory / "w.safetensors", "--preset", "none", "-j", 1,
        "--target", f"cpu:{target}", "-o", directory / name, *flags,
    )  # fmt: skip


def find_refused(
    functions: list[Function], directory: Path, target: str, tally: Tally, *flags
) -> list[Function]:
    """The functions that compile when they are alone; the others are failures."""
    good = []
    for f in functions:
        complaint = compile_module([f], directory, f"alone-{f.name}", target, *flags)
        if complaint:
            tally.failures.append(
                f"{f.name}: refused: {complaint[:1500]}\n  see {directory}/alone-{f.name}.mlir"
            )
        else:
            good.append(f)
    if len(good) == len(functions):
        tally.failures.append("functions that compile alone do not compile together")
        return []
    return good


def check_module(number: int, directory: Path) -> Tally:
    rng = random.Random(f"{SEED}/{number}")
    settings = json.loads((directory.parent / "settings.json").read_text())
    targets, tally = settings["targets"], Tally()
    # Modules take turns, on all targets: integers where that is possible, f32, and bf16.
    compute = ("auto", "f32", "bf16")[(number + number // len(targets)) % 3]
    settings["compute"] = compute
    flags = ["--compute", compute]
    functions = draw_module(rng, settings)
    target = targets[number % len(targets)]
    artifact.write_tensors(
        directory / "w.safetensors",
        {f.weight.name: (STORE[f.weight.element], f.weight.values) for f in functions},
    )
    complaint = compile_module(functions, directory, "fused", target, *flags)
    if compute == "bf16":
        # What it is impossible for is an error.
        refused = set(re.findall(REFUSED, complaint))
        functions = [f for f in functions if f.weight.name not in refused]
        complaint = compile_module(functions, directory, "fused", target, *flags)
    if complaint:
        functions = find_refused(functions, directory, target, tally, *flags)
        complaint = compile_module(functions, directory, "fused", target, *flags)
    if complaint:
        tally.failures.append(f"does not compile: {complaint[:1500]}")
        return tally
    entries = {
        entry["name"]: entry for entry in artifact.read_manifest(directory / "fused")["weights"]
    }
    for f in functions:
        f.weight.request = Tiling.parse(entries[f.weight.name]["codec"])[1]
    complaint = compile_module(functions, directory, "dense", "native", "--allow-dense")
    if complaint:
        tally.failures.append(f"reference path does not compile: {complaint[:1500]}")
        return tally
    stored = {
        entry["name"]: entry for entry in artifact.read_manifest(directory / "dense")["weights"]
    }
    tensors = [
        artifact.read_tensors(directory / name / "weights.safetensors")
        for name in ("fused", "dense")
    ]
    copied = {"copy_weights": number % 4 < 2}
    with Model(directory / "fused", **copied) as fused, Model(directory / "dense") as dense:
        for f in functions:
            (directory / "running").write_text(f.name)
            try:
                check_function(
                    rng,
                    f,
                    entries[f.weight.name],
                    stored[f.weight.name],
                    tensors,
                    fused,
                    dense,
                    tally,
                )
            except Exception as error:
                tally.failures.append(
                    f"{f.name} ({target}): {type(error).__name__}: {error}\n  {f}"
                )
    return tally


def check_function(rng, f: Function, entry, plain, tensors, fused, dense, tally: Tally) -> None:
    components = read_components(f.weight, entry, tensors[0])
    unpacked = read_components(f.weight, plain, tensors[1])
    for part in ("codes", "scales", "offsets"):
        one, other = getattr(components, part), getattr(unpacked, part)
        expect(one is None or one.tobytes() == other.tobytes(), f"{part} of the layout differ")
    # Of the kernel, if there is one: tiles add in the type of the result.
    is_tiled = entry["codec"].startswith("#compress.tiled")
    compute = entry["compute"] if is_tiled else None
    oracle = Oracle(f, components, entry["compute"])
    for number in range(DYNAMIC_RUNS if f.dynamic else STATIC_RUNS):
        run = draw_run(rng, oracle, number)
        try:
            check_run(f, run, fused, dense, compute, tally)
        except AssertionError as error:
            raise AssertionError(f"run {number} with {run.sizes}: {error}") from None


# ===----------------------------------------------------------------------===
# All modules
# ===----------------------------------------------------------------------===


def compress_opt(text: str, *arguments: str) -> str:
    """What it prints; nothing if it fails."""
    done = subprocess.run(
        ["compress-opt", *arguments], input=text, capture_output=True, text=True, check=False
    )
    return "" if done.returncode else done.stdout


def storages() -> list[str]:
    """Storage types of #compress.quant that there are; the more usual ones more often."""
    names = ["i8", "u8", "u8", "i6", "u6", "i4", "u4", "i4", "u4", "i3", "u3", "i2", "u2"]
    names += ["binary", "f8E4M3FN", "f8E5M2", "f4E2M1FN"]
    codec = "#compress.quant<{}, block = [1], scale = f32>"
    module = "func.func private @f() attributes {{c = {}}}"
    return [name for name in names if compress_opt(module.format(codec.format(name)))]


def quant_presets() -> list[str]:
    """Presets that make a weight a #compress.quant, by its first algorithm: the reference
    path asks for the codec, not for the preset."""
    data = np.arange(64, dtype=np.float32).tobytes().hex().upper()
    module = (
        f"func.func @f(%x: tensor<1x8xf32>, %y: tensor<1x8xf32>) -> tensor<1x8xf32> {{\n"
        f'  %w = arith.constant dense<"0x{data}"> : tensor<8x8xf32>\n'
        f"  %z = linalg.matmul ins(%x, %w : tensor<1x8xf32>, tensor<8x8xf32>) outs(%y : tensor<1x8xf32>)"
        f" -> tensor<1x8xf32>\n  return %z : tensor<1x8xf32>\n}}\n"
    )
    done = subprocess.run(["compressc", "presets"], capture_output=True, text=True, check=True)
    names = re.findall(r"^(?:int\d|fp8|mxfp|binary|q\d_)\S*", done.stdout, re.M)
    wanted = re.compile(r'algorithm = "rtn".*-> !compress\.tensor<8x8xf32, #compress\.quant<')
    option = "--compress-encode=min-elements=1 preset="
    return [n for n in names if wanted.search(compress_opt(module, option + n))]


def run_module(root: Path, number: int) -> dict:
    """In a process of its own: a crash is a failure too."""
    directory = root / f"module-{number}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    done = subprocess.run(
        ["timeout", "600", sys.executable, __file__, root, str(number)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        running = directory / "running"
        where = running.read_text() if running.exists() else "before the first run"
        result = Tally(
            failures=[f"{where}: exit code {done.returncode}: {done.stderr[-1500:]}"]
        ).__dict__
    else:
        result = json.loads(done.stdout)
    result["failures"] = [f"seed {SEED}, {directory}: {text}" for text in result["failures"]]
    if not result["failures"]:
        shutil.rmtree(directory)
    return result


def report(tally: Tally, seconds: float) -> None:
    print(f"{'op':30} {'cases':>6} {'fused':>9} {'reference':>9}  (largest error / bound)")
    for kind, (cases, fused, dense) in sorted(tally.kinds.items()):
        print(f"{kind:30} {cases:6} {fused:9.4f} {dense:9.4f}")
    for failure in tally.failures[:40]:
        print(f"FAILED {failure}")
    print(
        f"seed {SEED}: {tally.cases} cases in {seconds:.1f} s, {tally.cases / seconds:.0f} a second; "
        f"{tally.exact} exact, {tally.unbounded} without a bound, {len(tally.failures)} failed"
    )


def main() -> int:
    root = Path(sys.argv[1])
    if len(sys.argv) > 2:
        directory = root / f"module-{sys.argv[2]}"
        directory.mkdir(exist_ok=True)
        print(json.dumps(check_module(int(sys.argv[2]), directory).__dict__))
        return 0
    root.mkdir(parents=True, exist_ok=True)
    flags = Path("/proc/cpuinfo").read_text()
    settings = {
        "storages": storages(),
        "presets": quant_presets(),
        "functions": FUNCTIONS,
        "targets": [name for name in TARGETS if all(f" {flag} " in flags for flag in NEEDS[name])],
    }
    (root / "settings.json").write_text(json.dumps(settings))
    tally, begin, started = Tally(), time.monotonic(), 0
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        while tally.cases < CASES and len(tally.failures) < 100:
            # A module has some 180 cases.
            count = min(-(-(CASES - tally.cases) // 180), 100)
            for result in pool.map(lambda i: run_module(root, i), range(started, started + count)):
                tally.add(result)
            started += count
    report(tally, time.monotonic() - begin)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
