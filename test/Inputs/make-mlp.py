"""Writes weights, an input and the output in f64 for mlp.mlir: make-mlp.py DIRECTORY."""

import sys
from pathlib import Path

import artifact
import numpy as np

directory = Path(sys.argv[1])
directory.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)
weights = {
    name: rng.standard_normal(shape).astype(np.float32)
    for name, shape in {"fc": (128, 256), "head": (16, 128), "bias": 128}.items()
}
artifact.write_tensors(
    directory / "mlp.safetensors", {name: ("F32", w) for name, w in weights.items()}
)
x = rng.standard_normal((3, 256)).astype(np.float32)
np.save(directory / "x.npy", x)
hidden = x.astype(float) @ weights["fc"].T.astype(float) + weights["bias"]
np.save(directory / "y.npy", hidden @ weights["head"].T.astype(float))
