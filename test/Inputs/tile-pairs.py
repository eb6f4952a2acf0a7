"""Runs a low-rank contraction on many numbers of rows: tile-pairs.py ARTIFACT WEIGHTS

The weight has the rank that is stored, so that the result is that of the dense weight but for rounding:
of the decomposition, and of two sums of f32.
"""

import sys

import artifact
import numpy as np
from compress_runtime import Model

weight = artifact.read_tensors(sys.argv[2])["w"].astype(np.float64)
random = np.random.default_rng(11)
with Model(sys.argv[1]) as model:
    # 1008 rows of rank 128 are 504 kB.
    for rows in [0, 1, 5, 1007, 1008, 1009, 2500]:
        x = random.standard_normal((rows, weight.shape[1])).astype(np.float32)
        init = random.standard_normal((rows, weight.shape[0])).astype(np.float32)
        (y,) = model.run("main", x, init)
        wanted = init + x.astype(np.float64) @ weight.T
        scale = np.abs(init) + np.abs(x).astype(np.float64) @ np.abs(weight).T
        error = np.max(np.abs(y - wanted) / scale, initial=0)
        print(f"{rows} rows: error {error:.1e}")
        assert error < 2e-6, f"{rows} rows: {error}"
