"""Kernels for sparse weights against numpy, element by element.

Weights are sparse already, so that encoding them loses nothing and numpy knows them. Random sizes, codecs,
element types, orientations, batches and numbers of rows, each function with another one; compiled for this
machine and for one without AVX-512. Results must be within the bound of docs/Numerics.md.

Usage: sparse-kernels.py WORK_DIRECTORY. COMPRESS_TEST_SEED and COMPRESS_TEST_CASES set the seed and the number
of functions. Prints the seed.
"""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import artifact
import numpy as np
from compress_runtime import Model

SEED = int(os.environ.get("COMPRESS_TEST_SEED", random.randrange(1 << 30)))
CASES = int(os.environ.get("COMPRESS_TEST_CASES", "60"))
UNIT, TINY = 2.0**-24, 2.0**-149
NUMPY = {"f32": np.float32, "f16": np.float16}
ROWS = [1, 2, 3, 5, 8, 13, 16, 17, 33, 40, 64, 100, 130]


@dataclass
class Case:
    name: str
    codec: str
    weight: np.ndarray  # [batch.., n, k]
    element: str
    transposed: bool  # stored as [batch.., k, n]
    rows: int | None  # None: known at run time
    stored: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        last = self.weight.swapaxes(-1, -2) if self.transposed else self.weight
        self.stored = np.ascontiguousarray(last)

    def write(self) -> str:
        batch, (n, k) = self.weight.shape[:-2], self.weight.shape[-2:]
        tensor = lambda shape, element="f32": (
            f"tensor<{'x'.join('?' if size is None else str(size) for size in shape)}x{element}>"
        )
        w = tensor(self.stored.shape, self.element)
        x, y = tensor([*batch, self.rows, k]), tensor([*batch, self.rows, n])
        b = "b, " if batch else ""
        maps = ", ".join(
            f"affine_map<({b}m, n, k) -> ({b}{dims})>"
            for dims in ("m, k", "k, n" if self.transposed else "n, k", "m, n")
        )
        return (
            f"func.func @{self.name}(%x: {x}, %i: {y}) -> {y} {{\n"
            f'  %w = arith.constant {{compress.codec = {self.codec}}} dense_resource<"{self.name}"> : {w}\n'
            f"  %y = linalg.contract indexing_maps = [{maps}] ins(%x, %w : {x}, {w}) outs(%i : {y}) -> {y}\n"
            f"  return %y : {y}\n}}\n"
        )


def draw_nm(rng: random.Random, axis: int, weight: np.ndarray) -> str:
    """Clears what a drawn codec for groups along k does not store."""
    kept, group = rng.choice([(2, 4), (2, 4), (1, 4), (4, 8), (1, 2), (3, 5), (7, 16), (2, 3)])
    for row in np.ndindex(*weight.shape[:-1]):
        for begin in range(0, weight.shape[-1], group):
            part = weight[row][begin : begin + group]
            part[rng.sample(range(len(part)), max(len(part) - kept, 0))] = 0
    return f"#compress.nm<{kept}:{group}, axis = {axis}>"


def draw_bitmask(rng: random.Random, stored: np.ndarray) -> str:
    """The same for a mask; rows run along the last stored dimension."""
    columns = stored.shape[-1]
    keep = rng.choice([None, rng.randint(0, columns)])
    density = rng.choice([0.0, 0.1, 0.5, 1.0])
    for row in np.ndindex(*stored.shape[:-1]):
        left = round(density * columns) if keep is None else keep
        stored[row][rng.sample(range(columns), columns - left)] = 0
    return "#compress.bitmask<>" if keep is None else f"#compress.bitmask<keep = {keep}>"


def draw(rng: random.Random, index: int) -> Case:
    n = rng.choice([1, 5, 16, 17, 32, 48, 61, 80])
    k = rng.choice([1, 3, 8, 31, 32, 33, 64, 96, 100, 129, 257])
    batch = [rng.choice([1, 2, 3])] if rng.random() < 0.2 else []
    transposed = rng.random() < 0.3
    numbers = np.random.default_rng(rng.getrandbits(32))
    element = rng.choice(["f32", "f32", "f16"])
    weight = numbers.standard_normal([*batch, n, k]).astype(NUMPY[element])
    axis = len(batch) + (0 if transposed else 1)
    if rng.random() < 0.4:
        codec = draw_bitmask(rng, weight.swapaxes(-1, -2) if transposed else weight)
    else:
        codec = draw_nm(rng, axis, weight)
    return Case(f"f{index}", codec, weight, element, transposed, rng.choice([None, None, *ROWS]))


def check(case: Case, model: Model, rows: int, numbers: np.random.Generator) -> float:
    """The worst error, in units of the bound."""
    batch, (n, k) = case.weight.shape[:-2], case.weight.shape[-2:]
    x = numbers.standard_normal([*batch, rows, k]).astype(np.float32)
    init = numbers.standard_normal([*batch, rows, n]).astype(np.float32)
    (actual,) = model.run(case.name, x, init)
    w = case.weight.astype(np.float64).swapaxes(-1, -2)
    expected = init + x.astype(np.float64) @ w
    gamma = (k + 1) * UNIT / (1 - (k + 1) * UNIT)
    bound = gamma * (abs(init) + abs(x.astype(np.float64)) @ abs(w)) + k * TINY
    ratio = np.max(abs(actual - expected) / (bound * (1 + 2.0**-20) + 1e-300), initial=0)
    assert np.isfinite(actual).all() and ratio <= 1, f"{case.name} {case.codec}: {ratio} of the bound"
    return float(ratio)


def main(directory: Path) -> None:
    rng = random.Random(SEED)
    directory.mkdir(parents=True)
    cases = [draw(rng, index) for index in range(CASES)]
    artifact.write_tensors(
        directory / "w.safetensors",
        {case.name: (case.element.upper(), case.stored) for case in cases},
    )
    module = directory / "module.mlir"
    module.write_text("".join(case.write() for case in cases))
    worst, runs = 0.0, 0
    for target in ("native", "x86-64-v3"):
        path = directory / target
        subprocess.run(
            ["compressc", "compile", module, "--weights", directory / "w.safetensors",
             "--preset", "none", "--target", f"cpu:{target}", "-o", path], check=True,
        )  # fmt: skip
        weights = json.loads((path / "manifest.json").read_text())["weights"]
        for weight in weights:
            assert weight["certificate"]["max_abs_error"] == 0, weight
            assert weight["codec"].startswith("#compress.tiled<"), f"no kernel: {weight}"
        assert len(weights) == len(cases)
        with Model(path) as model:
            for case in cases:
                for rows in [case.rows] if case.rows else rng.sample(ROWS, 4):
                    numbers = np.random.default_rng(rng.getrandbits(32))
                    worst = max(worst, check(case, model, rows, numbers))
                    runs += 1
    print(f"seed {SEED}: {runs} runs, worst {worst:.3f} of the bound")


main(Path(sys.argv[1]))
