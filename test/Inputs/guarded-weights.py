"""Kernels read nothing behind the end of a weight.

Each tensor of an artifact ends where a page begins that cannot be read, and must yield the results that it yields
where the loader maps it. Usage: guarded-weights.py WORK_DIRECTORY
"""

import ctypes
import json
import mmap
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import artifact
import numpy as np
from compress_runtime import Model

# Sizes that leave a last tile of few values, and one that has a whole one.
SHAPES = [(16, 32), (40, 72), (64, 256)]
ROWS = [1, 5, 70]
CODECS = [
    ('"bitmask50"', "f32"), ('"bitmask90"', "f32"), ("#compress.bitmask<keep = 1>", "f32"), ('"nm2:4"', "f32"),
    ('"nm4:8"', "f32"), ('"int8-channel"', "f32"), ('"int4-b32"', "int8"), ('"int4-b32"', "bf16"),
]  # fmt: skip
libc = ctypes.CDLL(None, use_errno=True)


def guard(data: bytes) -> int:
    """The address of a copy that ends where nothing can be read."""
    pages = -(-max(len(data), 1) // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    guard.kept.append(memory)
    end = begin + pages * mmap.PAGESIZE
    ctypes.memmove(end - len(data), data, len(data))
    assert libc.mprotect(ctypes.c_void_p(end), mmap.PAGESIZE, 0) == 0, ctypes.get_errno()
    return end - len(data)


guard.kept = []


def read_tensors(artifact_path: Path) -> list[bytes]:
    """What an artifact stores, in the order in which its code takes it."""
    manifest = json.loads((artifact_path / "manifest.json").read_text())
    file = (artifact_path / "weights.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", file[:8])
    header, data = json.loads(file[8 : 8 + size]), file[8 + size :]
    names = [tensor["name"] for tensor in manifest["weights_file"]["tensors"]]
    return [data[slice(*header[name]["data_offsets"])] for name in names]


def describe(array: np.ndarray) -> ctypes.Array:
    """The descriptor of a memref of two dimensions."""
    rows, columns = array.shape
    return (ctypes.c_int64 * 7)(array.ctypes.data, array.ctypes.data, 0, rows, columns, columns, 1)


def write(name: str, codec: str, shape: tuple[int, int], rows: int) -> str:
    n, k = shape
    x, w, y = f"tensor<{rows}x{k}xf32>", f"tensor<{n}x{k}xf32>", f"tensor<{rows}x{n}xf32>"
    maps = ", ".join(f"affine_map<(m, n, k) -> ({dims})>" for dims in ("m, k", "n, k", "m, n"))
    return (
        f"func.func @{name}(%x: {x}, %i: {y}) -> {y} {{\n"
        f"  %w = arith.constant {{compress.codec = {codec}}} dense_resource<{name}> : {w}\n"
        f"  %y = linalg.matmul indexing_maps = [{maps}] ins(%x, %w : {x}, {w}) outs(%i : {y}) -> {y}\n"
        f"  return %y : {y}\n}}\n"
    )


def check(directory: Path, codec: str, compute: str, target: str) -> int:
    rng = np.random.default_rng(1)
    cases = {f"f{n}_{k}_{rows}": ((n, k), rows) for n, k in SHAPES for rows in ROWS}
    weights = {name: ("F32", rng.standard_normal(shape).astype(np.float32)) for name, (shape, _) in cases.items()}
    artifact.write_tensors(directory / "w.safetensors", weights)
    module = directory / "module.mlir"
    module.write_text("".join(write(name, codec, *case) for name, case in cases.items()))
    path = directory / "artifact"
    subprocess.run(
        ["compressc", "compile", module, "--weights", directory / "w.safetensors", "--preset", "none",
         "--compute", compute, "--target", target, "--parallel=false", "-o", path], check=True,
    )  # fmt: skip
    table = [guard(data) for data in read_tensors(path)]
    # A copy: the loader's name for the file would be that of this library, for as long as it is loaded.
    code = ctypes.CDLL(shutil.copy(path / "model.so", directory / "code.so"))
    with Model(path) as model:
        for name, ((n, k), rows) in cases.items():
            x = rng.standard_normal((rows, k)).astype(np.float32)
            init = rng.standard_normal((rows, n)).astype(np.float32)
            (expected,) = model.run(name, x, init)
            result = np.zeros_like(expected)
            descriptors = [describe(result), describe(x), describe(init)]
            pointers = (ctypes.c_void_p * 3)(*(ctypes.addressof(words) for words in descriptors))
            getattr(code, f"compress_entry_{name}")((ctypes.c_void_p * len(table))(*table), pointers)
            assert np.array_equal(result, expected), f"{codec} {compute} {target} {name}"
    return len(cases)


def main(directory: Path) -> None:
    runs = 0
    for target in ("cpu:native", "cpu:x86-64-v3"):
        for number, (codec, compute) in enumerate(CODECS):
            path = directory / f"{target.removeprefix('cpu:')}-{number}"
            path.mkdir(parents=True)
            runs += check(path, codec, compute, target)
    print(f"{runs} runs")


main(Path(sys.argv[1]))
