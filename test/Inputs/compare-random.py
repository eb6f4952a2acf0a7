"""Runs functions of an artifact and of its original on random inputs:
compare-random.py ARTIFACT MODULE.mlir WEIGHTS FUNCTION:ERROR...

Types and shapes of the inputs are those of the manifest; a dynamic dimension has 5 elements. ERROR is
the largest relative error of an output, as a Frobenius norm.
"""

import json
import sys
from pathlib import Path

import artifact
import numpy as np
from commands import Workplace

path, module, weights = (str(Path(p).resolve()) for p in sys.argv[1:4])
place = Workplace(path + ".compare")
functions = {f["name"]: f for f in artifact.read_manifest(path)["functions"]}
random = np.random.default_rng(7)
for argument in sys.argv[4:]:
    name, limit = argument.split(":")
    files = []
    for i, tensor in enumerate(functions[name]["inputs"]):
        shape = [5 if size == "?" else size for size in tensor["shape"]]
        dtype = tensor["dtype"].upper()
        values = random.standard_normal(shape).astype(np.float32)
        if dtype == "BF16":
            values = (values.view(np.uint32) >> 16).astype(np.uint16).view("V2")
        elif dtype.startswith("I"):
            values = random.integers(0, 8, shape).astype(artifact.NUMPY[dtype])
        else:
            values = values.astype(artifact.NUMPY[dtype])
        files.append(f"{name}{i}.npy")
        np.save(place.path(files[-1]), values)
    output = place.succeed(
        "compare", path, "--original", module, "--weights", weights,
        "--function", name, "--json", "--input", *files,
    )  # fmt: skip
    for result in json.loads(output)["outputs"]:
        print(f"{name}: relative error {result['relative_error']:.3e}")
        assert result["relative_error"] <= float(limit), f"{name}: {result}"
