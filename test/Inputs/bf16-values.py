"""Kernels of bf16: the values of all codes, and how x is rounded.

Usage: bf16-values.py WORK_DIRECTORY TARGET; there is bf16-values.mlir in the directory.
See docs/Numerics.md, "bf16".
"""

import json
import subprocess
import sys
from pathlib import Path

import artifact
import ml_dtypes
import numpy as np
from compress_runtime import Model

N, K = 37, 518
directory, target = Path(sys.argv[1]), sys.argv[2]
FP8 = {"e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2}


def values_of(preset: str) -> np.ndarray:
    """A weight that has every code of the preset in each row; where rows are not cut into
    blocks, with a scale of 1."""
    if preset.startswith(("fp8", "mxfp8")):
        codes = np.arange(256, dtype=np.uint8)
        values = codes.view(FP8["e5m2" if "e5m2" in preset else "e4m3"]).astype(np.float32)
        values = values[np.isfinite(values)]
    elif preset.startswith(("int8", "q8")):
        values = np.arange(-127, 128).astype(np.float32)
    elif preset == "binary":
        values = np.float32([-1, 1])
    elif preset == "mxfp4":
        magnitudes = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        values = np.float32([*magnitudes, *(-x for x in magnitudes)])
    elif preset == "palette8":
        values = np.linspace(0.5, 255.5, 256, dtype=np.float32)
        values = np.unique(values.astype(ml_dtypes.bfloat16).astype(np.float32))
    else:
        bits = 2 if preset.startswith(("int2", "ternary", "palette2")) else 4
        values = np.arange(-(1 << bits) // 2, (1 << bits) // 2).astype(np.float32)
        if "asym" in preset or preset == "q4_1":
            values += 100
    return np.stack([np.resize(np.roll(values, row * 7), K) for row in range(N)])


def compile_for(preset: str, compute: str) -> Path:
    path = directory / f"{target}-{preset}-{compute}"
    subprocess.run(
        ["compressc", "compile", directory / "bf16-values.mlir", "--weights",
         directory / "w.safetensors", "--preset", preset, "--compute", compute,
         "--target", f"cpu:{target}", "-o", path], check=True,
    )  # fmt: skip
    (weight,) = json.loads((path / "manifest.json").read_text())["weights"]
    assert weight["compute"] == compute and weight["fused"], weight
    return path


def check_rounding(model: Model, w: np.ndarray) -> None:
    """x is rounded to nearest even, and to infinity above the largest number."""
    random = np.random.default_rng(5)
    x = np.ldexp(random.standard_normal((17, K)).astype(np.float32), np.arange(17)[:, None])
    x[0, :4] = 1 + 2.0**-8, 1 + 3 * 2.0**-8, -1 - 2.0**-8, 1 + 2.0**-8 + 2.0**-20
    rounded = x.astype(ml_dtypes.bfloat16).astype(np.float32)
    assert (x != rounded).any() and list(rounded[0, :4]) == [1, 1 + 2.0**-6, -1, 1 + 2.0**-7]
    one, other = (model.run("main", a)[0] for a in (x, rounded))
    assert one.tobytes() == other.tobytes()
    x = np.zeros((6, K), np.float32)
    column = np.flatnonzero(w[0] > 0)[0]
    x[:5, column] = 3.4e38, np.inf, -np.inf, np.nan, 3.38e38
    with np.errstate(over="ignore"):
        y = model.run("main", x)[0][:, 0]
    assert list(y[:3]) == [np.inf, np.inf, -np.inf] and np.isnan(y[3]) and y[5] == 0, y
    # Subnormal numbers may be taken for zeros.
    x = np.full((1, K), 2.0**-130, np.float32)
    y = model.run("main", x)[0]
    assert (abs(y) <= 1.001 * 2.0**-130 * abs(w).sum(1)).all(), y


presets = ["int8", "int8-channel", "q8_0", "int4-b32", "int4-b64", "int4-b128", "q4_0",
           "int4-b32-asym", "q4_1", "int2-b32", "ternary", "binary", "fp8-e4m3", "fp8-e4m3-channel",
           "fp8-e4m3-b128x128", "fp8-e5m2-channel", "mxfp8", "mxfp4",
           "palette2", "palette4", "palette8", "nf4"]  # fmt: skip
if target != "native":
    presets = presets[::3]
for preset in presets:
    w = values_of(preset)
    artifact.write_tensors(directory / "w.safetensors", {"w": ("F32", w)})
    # Rows of a unit matrix: each yields a column of the weight.
    x = np.eye(K, dtype=np.float32)
    with Model(compile_for(preset, "f32")) as reference:
        decoded = reference.run("main", x)[0].T
    if preset in ("int8", "int8-channel", "fp8-e4m3", "fp8-e4m3-channel", "fp8-e5m2-channel"):
        assert (decoded == w).all(), preset
    with Model(compile_for(preset, "bf16")) as model:
        y = model.run("main", x)[0].T
        if preset == "nf4":
            # Entries of f32 are rounded, but for -1, 0 and 1.
            assert (abs(y - decoded) <= 1.001 * 2.0**-8 * abs(decoded)).all(), preset
            largest = abs(decoded).max()
            exact = (decoded == 0) | (abs(decoded) == largest)
            assert (y == decoded)[exact].all() and (y != decoded)[~exact].any(), preset
            decoded = y
        assert (y == decoded).all(), (preset, np.argwhere(y != decoded)[:3])
        # By all numbers of rows that kernels have loops for.
        for begin, count in ((0, 1), (9, 2), (20, 3), (100, 5), (200, 11), (K - 1, 1)):
            y = model.run("main", np.ascontiguousarray(x[begin : begin + count]))[0].T
            assert (y == decoded[:, begin : begin + count]).all(), (preset, begin)
        if preset == "int8-channel":
            check_rounding(model, decoded)
print(f"{len(presets)} presets agree")
