"""Random weights, codecs and consumers, through real artifacts, against numpy.

For every case: the stored codes, scales and offsets are those of round to nearest, in the
layout that the manifest names; the decoded weight is bit-equal to the reference decode of
what is stored; the certificate has the reference's numbers; a contraction or a convolution
of the weight is within the error bound of f32 sums; a lookup and an addition are exact.
Usage: differential.py WORK_DIRECTORY
"""

import os
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import artifact
import numpy as np
import quant_reference as reference
import xxhash
from compress_runtime import Model
from numpy.lib.stride_tricks import sliding_window_view
from quant_reference import Codec, Tiling

SEED = int(os.environ.get("COMPRESS_TEST_SEED", "1"))
CASES = int(os.environ.get("COMPRESS_TEST_CASES", "100"))
SIZES = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64, 65, 96, 130]
MAX_ELEMENTS = 5000
STORAGE = ["i8", "u8", "i6", "u6", "i4", "u4", "i3", "u3", "i2", "u2"]
STORAGE += ["binary", "f8E4M3FN", "f8E5M2", "f4E2M1FN"]
SCALES = ["f32", "f16", "bf16", "f32", "f16", "bf16", "f8E4M3FN", "f8E8M0FNU"]
TARGETS = ["cpu:native", "cpu:x86-64-v2"]
STORE = {"f32": "F32", "f16": "F16", "bf16": "BF16"}


@dataclass
class Case:
    """A weight, how it is stored and what uses it."""

    index: int
    name: str
    element: str
    shape: list[int]
    codec: Codec
    request: str
    is_global: bool
    use: str
    decoded: bool  # whether a function returns the weight itself
    rows: int
    dynamic: bool
    weight: np.ndarray = field(repr=False)
    inputs: list[np.ndarray] = field(default_factory=list, repr=False)

    @property
    def type(self) -> str:
        return tensor_type(self.shape, self.element)


def tensor_type(shape, element: str = "f32") -> str:
    return f"tensor<{''.join(f'{size}x' for size in shape)}{element}>"


def draw_codec(rng: random.Random, shape: list[int]) -> Codec:
    block = [
        rng.choice([1, size or 1, rng.randint(1, size + 3), min(32, size or 1)])
        for size in shape
    ]
    codec = Codec(rng.choice(STORAGE), block, rng.choice(SCALES))
    offset = rng.choice(["none", "zero", "min"])
    if not codec.integer or codec.scale == "f8E8M0FNU":
        offset = "none"
    if offset == "zero":
        codec.zero = rng.choice(["i8", *STORE])
    elif offset == "min" and not codec.signed:
        codec.min = rng.choice([*STORE])
    codec.narrow = codec.signed and rng.random() < 0.4
    return codec


def draw_weight(
    rng: random.Random, shape: list[int], element: str, codec: Codec
) -> np.ndarray:
    numbers = np.random.default_rng(rng.getrandbits(32))
    values = numbers.standard_normal(shape) * 10.0 ** rng.choice([-6, -2, 0, 0, 0, 1])
    values += rng.choice([0, 0, 0, 1, -3]) * abs(values).max(initial=0)
    kind = rng.random()
    if kind < 0.1:  # much of it zero, whole blocks among it
        values *= numbers.random(shape[:1] + [1] * (len(shape) - 1)) < 0.3
    elif kind < 0.2:  # ties of rounding and of magnitude
        values = np.round(values * 4) / 4
    elif kind < 0.25:
        values = np.zeros(shape)
    if codec.integer and not codec.signed and not codec.offset:
        values = abs(values)
    return reference.narrow(element, np.asarray(values, np.float32))


# The formula of a use, in einsum's terms.
CONTRACTIONS = {
    "dot": "k,k->", "matvec": "k,nk->n", "vecmat": "k,kn->n",
    "matmul": "mk,kn->mn", "matmul_nt": "mk,nk->mn", "matmul_left": "kn,mk->mn",
    "matmul_transposed": "mk,nk->mn",
    "batch_matmul": "bmk,bkn->bmn", "batch_matmul_nt": "bmk,bnk->bmn",
}  # fmt: skip
# The dimensions of the weight that a use sums over. Without a use, or with one that does
# not sum: the rows.
REDUCED = {
    "dot": [0], "matvec": [1], "vecmat": [0],
    "matmul": [0], "matmul_nt": [1], "matmul_left": [1], "matmul_transposed": [1],
    "batch_matmul": [1], "batch_matmul_nt": [2],
    "conv_nhwc": [0, 1, 2], "conv_nchw": [1, 2, 3],
    "none": [-1], "gather": [-1], "add": [-1],
}  # fmt: skip


def draw_use(rng: random.Random, shape: list[int]) -> str:
    by_rank = {
        1: ["dot", "add"],
        2: [
            "matmul", "matmul_nt", "matmul_left", "matmul_transposed", "matvec", "vecmat",
            "add", "gather",
        ],
        3: ["batch_matmul", "batch_matmul_nt", "add"],
        4: ["none"] if 0 in shape else ["conv_nhwc", "conv_nchw"],
    }  # fmt: skip
    use = rng.choice(by_rank[len(shape)])
    return "none" if use == "gather" and 0 in shape else use


PRESETS = [
    "int8", "int8-channel", "int4-b32", "int4-b64", "int4-b128", "int4-b32-asym", "int3-b32",
]  # fmt: skip


def expand_preset(preset: str, shape: list[int], use: str) -> Codec:
    """What a preset means for a weight: one scale per tensor, per channel, or per block
    along what is summed over, innermost dimension first."""
    whole = [max(size, 1) for size in shape]
    reduced = [axis % len(shape) for axis in REDUCED[use]]
    channel = [size if axis in reduced else 1 for axis, size in enumerate(whole)]
    if preset.startswith("int8"):
        block = channel if preset == "int8-channel" else whole
        return Codec("i8", block, "f32", narrow=True)
    left = int(preset.split("-")[1][1:])
    block = [1] * len(shape)
    for axis in reversed(reduced):
        block[axis] = min(whole[axis], left)
        # A block that does not cover a dimension does not enter the next one.
        left = left // whole[axis] if block[axis] == whole[axis] else 1
        left = max(left, 1)
    if preset.endswith("asym"):
        return Codec("u4", block, "f16", min="f16")
    return Codec("i" + preset[3], block, "f16")


def draw_case(rng: random.Random, index: int) -> Case:
    while True:
        shape = [rng.choice(SIZES) for _ in range(rng.choice([1, 2, 2, 2, 3, 4]))]
        if rng.random() < 0.8 and 0 in shape:
            continue
        if len(shape) == 4 and 0 not in shape and max(shape) > 17:
            continue
        if np.prod(shape) <= MAX_ELEMENTS:
            break
    element = rng.choice([*STORE])
    use = draw_use(rng, shape)
    codec = draw_codec(rng, shape)
    request = str(codec)
    if rng.random() < 0.3:
        preset = rng.choice(PRESETS)
        codec = expand_preset(preset, shape, use)
        request = f'"{preset}"'
    name = rng.choice([f"w{index}", f"blocks.{index}/attn w", f"{index}"])
    return Case(
        index, name, element, shape, codec, request, rng.random() < 0.5, use,
        use == "none" or rng.random() < 0.4, rng.choice([1, 2, 3, 4, 5, 8, 17]), rng.random() < 0.5,
        draw_weight(rng, shape, element, codec),
    )  # fmt: skip


# ===----------------------------------------------------------------------===
# The module
# ===----------------------------------------------------------------------===


def load(case: Case) -> str:
    if case.is_global:
        return f'  %w = ml_program.global_load_const @"{case.name}" : {case.type}\n'
    return (
        f"  %w = arith.constant {{compress.codec = {case.request}}}"
        f' dense_resource<"{case.name}"> : {case.type}\n'
    )


def shapes_of_use(case: Case) -> tuple[list[int], list[int], int | None]:
    """Shapes of the input and of the result; the dimension of the input that may be
    dynamic, which is the rows. Images give 2 x 3 pixels."""
    s, rows = case.shape, case.rows
    return {
        "dot": lambda: (s, [], None),
        "matvec": lambda: ([s[1]], [s[0]], None),
        "vecmat": lambda: ([s[0]], [s[1]], None),
        "matmul": lambda: ([rows, s[0]], [rows, s[1]], 0),
        "matmul_nt": lambda: ([rows, s[1]], [rows, s[0]], 0),
        "matmul_transposed": lambda: ([rows, s[1]], [rows, s[0]], 0),
        "matmul_left": lambda: ([s[1], rows], [s[0], rows], 1),
        "batch_matmul": lambda: ([s[0], rows, s[1]], [s[0], rows, s[2]], 1),
        "batch_matmul_nt": lambda: ([s[0], rows, s[2]], [s[0], rows, s[1]], 1),
        "conv_nhwc": lambda: ([1, s[0] + 1, s[1] + 2, s[2]], [1, 2, 3, s[3]], None),
        "conv_nchw": lambda: ([1, s[1], s[2] + 1, s[3] + 2], [1, s[0], 2, 3], None),
        "gather": lambda: ([rows], [rows, s[1]], 0),
        "add": lambda: (s, s, None),
    }[case.use]()


def write_maps(*maps: str) -> str:
    return f"indexing_maps = [{', '.join(f'affine_map<{m}>' for m in maps)}]"


def write_op(case: Case, x: str, y: str) -> str:
    """The ops from %x and %w, on %f, to %y."""
    w = case.type
    if case.use == "gather":
        rows = write_maps("(i, j) -> (i)", "(i, j) -> (i, j)")
        return (
            f'  %y = linalg.generic {{{rows}, iterator_types = ["parallel", "parallel"]}}'
            f" ins(%x : {x}) outs(%e : {y}) {{\n"
            f"  ^bb0(%i: i64, %o: {case.element}):\n"
            f"    %row = arith.index_cast %i : i64 to index\n"
            f"    %column = linalg.index 1 : index\n"
            f"    %v = tensor.extract %w[%row, %column] : {w}\n"
            f"    linalg.yield %v : {case.element}\n  }} -> {y}\n"
        )
    if case.use == "add":
        dims = ", ".join(f"d{i}" for i in range(len(case.shape)))
        maps = write_maps(*[f"({dims}) -> ({dims})"] * 3)
        kinds = ", ".join(['"parallel"'] * len(case.shape))
        wide = f"    %v = arith.extf %b : {case.element} to f32\n"
        return (
            f"  %y = linalg.generic {{{maps}, iterator_types = [{kinds}]}}"
            f" ins(%x, %w : {x}, {w}) outs(%e : {y}) {{\n"
            f"  ^bb0(%a: f32, %b: {case.element}, %o: f32):\n"
            + ("" if case.element == "f32" else wide)
            + f"    %s = arith.addf %a, %{'b' if case.element == 'f32' else 'v'} : f32\n"
            f"    linalg.yield %s : f32\n  }} -> {y}\n"
        )
    text, operand = "", "%w"
    if case.use == "matmul_transposed":
        n, k = case.shape
        source, w = w, tensor_type([k, n], case.element)
        text = (
            f"  %we = tensor.empty() : {w}\n"
            f"  %wt = linalg.transpose ins(%w : {source}) outs(%we : {w})"
            " permutation = [1, 0]\n"
        )
        operand = "%wt"
    named = {
        "matmul_nt": "matmul "
        + write_maps("(m, n, k) -> (m, k)", "(m, n, k) -> (n, k)", "(m, n, k) -> (m, n)"),
        "batch_matmul_nt": "batch_matmul "
        + write_maps(
            "(b, m, n, k) -> (b, m, k)", "(b, m, n, k) -> (b, n, k)", "(b, m, n, k) -> (b, m, n)"
        ),
        "matmul_left": "matmul",
        "matmul_transposed": "matmul",
        "conv_nhwc": "conv_2d_nhwc_hwcf",
        "conv_nchw": "conv_2d_nchw_fchw",
    }.get(case.use, case.use)
    first = case.use in ("matvec", "dot", "matmul_left")
    ins = f"ins({operand}, %x : {w}, {x})" if first else f"ins(%x, {operand} : {x}, {w})"
    return text + f"  %y = linalg.{named} {ins} outs(%f : {y}) -> {y}\n"


def write_use(case: Case) -> str:
    """A function that uses the weight, with the shapes as they are or a dynamic one."""
    if case.use == "none":
        return ""
    given, result, axis = shapes_of_use(case)
    size = ""
    if case.dynamic and axis is not None:
        given = ["?" if i == axis else n for i, n in enumerate(given)]
        result = ["?" if i == axis else n for i, n in enumerate(result)]
        size = "%n"
    gather = case.use == "gather"
    x, y = tensor_type(given, "i64" if gather else "f32"), tensor_type(result)
    if gather:
        y = tensor_type(result, case.element)
    text = f"func.func @use_{case.index}(%x: {x}) -> {y} {{\n"
    if size:
        text += f"  %c = arith.constant {axis} : index\n"
        text += f"  %n = tensor.dim %x, %c : {x}\n"
    text += load(case) + f"  %e = tensor.empty({size}) : {y}\n"
    if case.use not in ("gather", "add"):
        text += "  %z = arith.constant 0.0 : f32\n"
        text += f"  %f = linalg.fill ins(%z : f32) outs(%e : {y}) -> {y}\n"
    return text + write_op(case, x, y) + f"  return %y : {y}\n}}\n"


def write_module(cases: list[Case], directory: Path) -> None:
    text = ""
    for case in cases:
        if case.is_global:
            text += (
                f'ml_program.global private @"{case.name}"(#ml_program.extern : {case.type})'
                f" : {case.type} {{compress.codec = {case.request}}}\n"
            )
    for case in cases:
        if case.decoded:
            text += f"func.func @decode_{case.index}() -> {case.type} {{\n{load(case)}"
            text += f"  return %w : {case.type}\n}}\n"
        text += write_use(case)
    (directory / "model.mlir").write_text(text)
    artifact.write_tensors(
        directory / "weights.safetensors",
        {case.name: (STORE[case.element], case.weight) for case in cases},
    )


# ===----------------------------------------------------------------------===
# The checks
# ===----------------------------------------------------------------------===


def expect(condition, text: str) -> None:
    if not condition:
        raise AssertionError(text)


def bits(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array).view(np.uint8)


def expect_same(actual: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Equal, bit for bit."""
    expect(
        actual.dtype == expected.dtype and actual.shape == expected.shape,
        f"{what}: expected {expected.dtype}{list(expected.shape)}, "
        f"but got {actual.dtype}{list(actual.shape)}",
    )
    if bits(actual).tobytes() == bits(expected).tobytes():
        return
    different = np.flatnonzero(
        actual.ravel().view(f"u{actual.itemsize}")
        != expected.ravel().view(f"u{expected.itemsize}")
    )
    at = np.unravel_index(different[0], actual.shape)
    raise AssertionError(
        f"{what}: {len(different)} of {actual.size} differ, the first at {list(map(int, at))}: "
        f"expected {expected[at]!r}, but got {actual[at]!r}"
    )


def read_stored(
    case: Case, tiling: Tiling | None, entry: dict, tensors: dict
) -> reference.Stored:
    """The components that the manifest names. Empty ones are not stored."""
    codec, shape, block = case.codec, case.shape, case.codec.block
    if tiling:
        shape, block = tiling.shape(shape), tiling.block(shape, block)
    grid = [-(-size // extent) for size, extent in zip(shape, block)]
    types = {"f32": np.float32, "f16": np.float16, "bf16": np.uint16, "i8": np.int8}
    types |= dict.fromkeys(reference.SMALL, np.uint8)
    width = [*shape[:-1], -(-shape[-1] * codec.bits // 8)]
    wanted = [("codes", width, np.int8), ("scales", grid, types[codec.scale])]
    if codec.offset:
        name = "zeros" if codec.zero else "mins"
        wanted.append((name, grid, types[codec.offset]))
    names = iter(entry["tensors"])
    parts = []
    for name, part_shape, dtype in wanted:
        if 0 in part_shape:
            parts.append(np.zeros(part_shape, dtype))
            continue
        tensor = tensors[next(names)]
        expect(
            list(tensor.shape) == part_shape and tensor.dtype == dtype,
            f"{name}: expected {part_shape}, but got {tensor.dtype}{list(tensor.shape)}",
        )
        parts.append(tensor)
    expect(next(names, None) is None, "more tensors than components")
    total = 8 * sum(part.nbytes for part in parts)
    expect(entry["stored_bits"] == total, f"stored_bits: expected {total}")
    return reference.Stored(*parts)


def check_certificate(case: Case, entry: dict, decoded: np.ndarray) -> None:
    certificate = entry["certificate"]
    expected = reference.measure(case.weight, decoded, case.element)
    for key in ("max_abs_error", "relative_frobenius_error", "sqnr_db"):
        actual, wanted = float(certificate[key]), getattr(expected, key)
        # For decibels, what 1e-12 of the energies makes.
        tolerance = 1e-11 if key == "sqnr_db" else 1e-12 * abs(wanted)
        expect(
            actual == wanted or abs(actual - wanted) <= tolerance,
            f"{key}: expected {wanted!r}, but got {actual!r}",
        )
    expect(certificate["algorithm"] == "rtn", "algorithm")
    digest = xxhash.xxh3_64_hexdigest(case.weight.tobytes())
    expect(certificate["source_xxh3"] == digest, "source_xxh3")


def compute(case: Case, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The use in f64."""
    if case.use == "conv_nhwc":
        windows = sliding_window_view(x, case.shape[:2], axis=(1, 2))
        return np.einsum("nhwcij,ijcf->nhwf", windows, w)
    if case.use == "conv_nchw":
        windows = sliding_window_view(x, case.shape[2:], axis=(2, 3))
        return np.einsum("nchwij,fcij->nfhw", windows, w)
    return np.einsum(CONTRACTIONS[case.use], x, w)


def check_use(case: Case, model: Model, decoded: np.ndarray) -> None:
    given, _, _ = shapes_of_use(case)
    numbers = np.random.default_rng(case.index)
    x = numbers.standard_normal(given).astype(np.float32)
    if case.use == "gather":
        x = numbers.integers(0, case.shape[0], given)
    before = x.copy()
    (actual,) = model.run(f"use_{case.index}", x)
    expect_same(x, before, "the input")
    if case.use == "gather":
        return expect_same(actual, decoded[x], "rows")
    w = reference.widen(case.element, decoded)
    if case.use == "add":
        return expect_same(actual, x + w, "sum")
    x, w = x.astype(np.float64), w.astype(np.float64)
    expected = compute(case, x, w)
    magnitude = compute(case, abs(x), abs(w))
    expect(actual.shape == expected.shape, f"shape of the result {actual.shape}")
    # Sums of n rounded products in f32, in any order: (n + 1) u / (1 - (n + 1) u) of the
    # sum of magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, 3.1).
    terms = np.max(compute(case, np.ones(x.shape), np.ones(w.shape)), initial=0) + 1
    gamma = terms * 2.0**-24 / (1 - terms * 2.0**-24)
    # Products may also underflow.
    bound = gamma * magnitude + terms * 2.0**-149
    error = abs(actual - expected)
    worst = np.max(error / np.maximum(bound, 2.0**-149), initial=0)
    expect((error <= bound).all(), f"{case.use}: an error of {worst:g} times the bound")


def check(case: Case, model: Model, entries: dict, tensors: dict) -> str:
    """Checks a case; returns its layout, for the summary."""
    entry = entries[case.name]
    expect(entry["shape"] == case.shape and entry["dtype"] == case.element, "type")
    tiling, codec = Tiling.parse(entry["codec"])
    expect(codec == str(case.codec), f"codec {entry['codec']}")
    stored = read_stored(case, tiling, entry, tensors)
    wanted = reference.quantize(case.codec, case.weight, case.element)
    if not tiling:
        expect_same(stored.scales, wanted.scales, "stored scales")
        if case.codec.offset:
            expect_same(stored.offsets, wanted.offsets, "stored offsets")
        expect_same(stored.codes, wanted.codes, "stored codes")
    parts = reference.read_elements(case.codec, stored, case.shape, tiling)
    wanted_parts = reference.read_elements(case.codec, wanted, case.shape)
    for what, actual, expected in zip(("codes", "scales", "offsets"), parts, wanted_parts):
        expect_same(actual, expected, what)
    decoded = reference.decode(case.codec, stored, case.shape, case.element, tiling)
    check_certificate(case, entry, decoded)
    if case.decoded:
        (actual,) = model.run(f"decode_{case.index}")
        expect_same(actual, decoded, "decoded weight")
    if case.use != "none":
        check_use(case, model, decoded)
    return "tiled" if tiling else "plain"


def compressc(*arguments) -> str:
    """Runs a command that must succeed; what it said on stderr."""
    done = subprocess.run(
        ["compressc", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"compressc {arguments}: {done.returncode}, {done.stderr}"
    return done.stderr


def main() -> int:
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    cases = [draw_case(rng, index) for index in range(CASES)]
    write_module(cases, directory)
    model, weights = directory / "model.mlir", directory / "weights.safetensors"
    failures = 0
    layouts: Counter[str] = Counter()
    for target in TARGETS:
        output = directory / target.replace(":", "-")
        warnings = compressc(
            "compile", model, "--weights", weights, "--preset", "none", "--target", target,
            "--allow-dense", "-o", output,
        )  # fmt: skip
        # Only what is returned as it is may be decoded as a whole, and what is looked up
        # across blocks.
        dense = set(re.findall(r"warning: .*weight '(.*)' is decoded as a whole", warnings))
        dense -= {
            case.name
            for case in cases
            if case.decoded or (case.use == "gather" and case.codec.block[0] > 1)
        }
        if dense:
            failures += 1
            print(f"{target}: expected fused decodes, but got:\n{warnings}")
        compressc("verify", output, "--original", model, "--weights", weights)
        entries = {entry["name"]: entry for entry in artifact.read_manifest(output)["weights"]}
        tensors = artifact.read_tensors(output / "weights.safetensors")
        with Model(output) as loaded:
            for case in cases:
                try:
                    layouts[check(case, loaded, entries, tensors)] += 1
                except Exception as error:
                    failures += 1
                    print(f"{target}: {case}\n  {type(error).__name__}: {error}")
    print(
        f"seed {SEED}: {failures} of {len(cases) * len(TARGETS)} checks failed; "
        f"passed: {dict(layouts)}"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
