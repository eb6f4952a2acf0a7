"""Epilogues of kernels: each function is compared with numpy's on the sums of the same kernel.

Usage: epilogues.py WORK_DIRECTORY, in which there are epilogues.mlir and weights.safetensors.
The error of exp and erf is that of docs/Numerics.md, "Functions of vectors".
"""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model

directory = Path(sys.argv[1])
N, K = 37, 70
random = np.random.default_rng(7)
PRESETS = {"f32": "int4-b32", "bf16": "fp8-e4m3-channel", "int8": "int8-channel"}
EPS = 2.0**-23  # two roundings of f32


def gelu(y):
    y = y.astype(np.float64)
    return y / 2 * (1 + np.vectorize(math.erf)(y * math.sqrt(0.5)))


for compute, preset in PRESETS.items():
    path = directory / compute
    command = [
        "compressc", "compile", directory / "epilogues.mlir",
        "--weights", directory / "weights.safetensors", "--preset", preset, "--compute", compute,
    ]  # fmt: skip
    subprocess.run([*command, "-o", path], check=True)
    encoded = directory / "encoded.mlir"
    subprocess.run([*command, "--emit", "mlir", "-o", encoded], check=True)
    fused = subprocess.run(
        ["compress-opt", encoded, f"--compress-pack-weights=compute={compute}", "--compress-form-kernels",
         "--convert-elementwise-to-linalg", "--compress-fuse-epilogues", "--canonicalize"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert fused.count("compress.contract") == 5, fused.count("compress.contract")
    assert "linalg." not in fused, "an op is not fused"
    with Model(path) as model:
        for m in (1, 3, 29):
            x = random.standard_normal((m, K)).astype(np.float32)
            bias = random.standard_normal(N).astype(np.float32)
            (y,) = model.run("sum", x)
            (z,) = model.run("relu", x, bias[None])
            assert z.tobytes() == np.maximum(y + bias, np.float32(0)).tobytes()
            (z,) = model.run("gelu", x, bias)
            expected = gelu(y + bias)
            error = np.abs(z - expected)
            # Rounded to f16; erf and what is made of it in f32.
            assert (error <= np.abs(expected) * 2.0**-11 + (1 + np.abs(y + bias)) * 8 * EPS + 2.0**-25).all(), error.max()
            cube = random.standard_normal((2, m, K)).astype(np.float32)
            residual = random.standard_normal((2, m, N)).astype(np.float32)
            (y,) = model.run("sum", cube.reshape(-1, K))
            (z,) = model.run("silu", cube, residual)
            wide = y.astype(np.float64).reshape(residual.shape)
            expected = wide / (1 + np.exp(-wide)) + residual
            error = np.abs(z - expected)
            assert (error <= (np.abs(expected) + np.abs(wide)) * 8 * EPS).all(), error.max()
            (y,) = model.run("sum", x)
            (z,) = model.run("requantize", x)
            expected = np.clip(np.rint(y * np.float32(4)), -128, 127).astype(np.int8)
            assert z.dtype == np.int8 and (z == expected).all()
    print(f"{compute}: no elementwise op is left, 5 functions agree")
