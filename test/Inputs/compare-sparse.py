"""Fused results of weights that are sparse already, so that encoding loses nothing:
compare-sparse.py DIRECTORY MODULE.mlir NAME=N:M:AXIS...

Each NAME is a function of the module and its weight, an input and an init. Of each M consecutive
elements along AXIS, N are not zero; they are -8 and 4, so that 4-bit integers hold them. The weights
file is DIRECTORY/w.safetensors, whose types and shapes are kept.
"""

import json
import re
import sys
from pathlib import Path

import artifact
import numpy as np
from commands import Workplace

place = Workplace(sys.argv[1] + "/compare")
module = Path(sys.argv[2])
random = np.random.default_rng(7)
header, _ = artifact.read_header(Path(sys.argv[1]) / "w.safetensors")


def narrow(values: np.ndarray, dtype: str) -> np.ndarray:
    """Elements of a stored type."""
    if dtype == "BF16":
        return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return values.astype(artifact.NUMPY[dtype])


def make_sparse(shape: list[int], kept: int, group: int, axis: int) -> np.ndarray:
    values = np.moveaxis(random.choice([-8.0, 4.0], shape), axis, -1)
    for begin in range(0, values.shape[-1], group):
        part = values[..., begin : begin + group]
        order = np.argsort(random.random(part.shape), axis=-1)
        part[order >= kept] = 0
    return np.moveaxis(values, -1, axis)


weights, functions = {}, []
for argument in sys.argv[3:]:
    name, _, rest = argument.partition("=")
    kept, group, axis = map(int, rest.split(":"))
    dtype, shape = header[name]["dtype"], header[name]["shape"]
    values = np.ascontiguousarray(make_sparse(shape, kept, group, axis))
    weights[name] = (dtype, narrow(values, dtype))
    functions.append(name)
artifact.write_tensors(place.path("w.safetensors"), weights)
place.succeed("compile", str(module), "--weights", "w.safetensors", "--preset", "none", "-o", "a")
text = module.read_text()
manifest = artifact.read_manifest(place.path("a"))
for weight in manifest["weights"]:
    assert weight["certificate"]["max_abs_error"] == 0, weight
for name in functions:
    (arguments,) = re.findall(rf"func @{name}\((.*?)\) ->", text)
    files = []
    for i, (sizes, element) in enumerate(re.findall(r"tensor<([0-9x?]+)x(b?f\d+)>", arguments)):
        shape = [5 if size == "?" else int(size) for size in sizes.split("x")]
        dtype = element.upper()
        files.append(f"{name}{i}.npy")
        values = narrow(random.standard_normal(shape), dtype)
        np.save(place.path(files[-1]), values.view("V2") if dtype == "BF16" else values)
    output = place.succeed(
        "compare", "a", "--original", str(module), "--weights", "w.safetensors",
        "--function", name, "--json", "--input", *files,
    )  # fmt: skip
    (result,) = json.loads(output)["outputs"]
    assert result["relative_error"] < 1e-5, f"{name}: {result}"
