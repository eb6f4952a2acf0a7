"""Integer kernels: what a row yields by itself, and what rows of unusual numbers yield.

Usage: int8-rows.py WORK_DIRECTORY, in which there are int8-rows.mlir and weights.safetensors.
See docs/Numerics.md, "Integer kernels".
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model

directory = Path(sys.argv[1])
K = 70
random = np.random.default_rng(3)
for preset in ("int4-b32", "int4-b32-asym", "int2-b32", "int8-channel"):
    path = directory / preset
    subprocess.run(
        ["compressc", "compile", directory / "int8-rows.mlir",
         "--weights", directory / "weights.safetensors", "--preset", preset,
         "--compute", "int8", "-o", path], check=True,
    )  # fmt: skip
    (weight,) = json.loads((path / "manifest.json").read_text())["weights"]
    assert weight["compute"] == "int8" and weight["fused"], weight
    with Model(path) as model:
        x = random.standard_normal((29, K)).astype(np.float32)
        # Not finite in the first, the second or the last block; too small; nothing at all.
        x[3, 0], x[4, 40], x[5, 69] = np.nan, np.inf, -np.inf
        x[6], x[7] = 2.0**-101, 0
        y = model.run("main", x)[0]
        assert np.isnan(y[3:6]).all(), y[3:6]
        assert (y[6:8] == 0).all(), y[6:8]
        assert np.isfinite(y[8:]).all() and (y[8:] != 0).any(1).all()
        # Any number of rows, from anywhere, yields the same bits.
        for begin, end in ((0, 1), (8, 10), (9, 12), (11, 29), (28, 29), (8, 21)):
            part = model.run("main", np.ascontiguousarray(x[begin:end]))[0]
            assert part.tobytes() == y[begin:end].tobytes(), (preset, begin, end)
        # A power of two scales all.
        scaled = model.run("main", x[8:] * np.float32(2.0**20))[0]
        assert (scaled == y[8:] * np.float32(2.0**20)).all()
    print(f"{preset}: rows agree")
