"""Convolutions whose weights presets compress, in the order that importers write: convolution-presets.py DIRECTORY

Blocks run along the channels first, then along the window, so that they are blocks of the matrix that kernels read. Images of one 1 each read the weight
back, whose error must be that of its certificate; kernels, for CPUs and, on the fake driver, for GPUs, must then multiply with that weight.
"""

import subprocess
import sys
from pathlib import Path

import artifact
import numpy as np
from compress_runtime import Model
from fake_gpu import FakeGpu

directory = Path(sys.argv[1]).resolve()
rng = np.random.default_rng(9)
gpu = FakeGpu()
SIZE = 7  # of images

# Channels, preset, and what CPUs have a kernel for, besides f32.
CASES = [
    (64, "int4-b32", "int8"),
    (64, "nvfp4", "int8"),
    (128, "q4_K", "int8"),
    (48, "int4-b32", None),
    (32, "q4_K", None),
    (64, "nm2:4-f16", None),
    (32, "sparse-int4", None),
    (64, "f16", None),
    (64, "bf16", None),
    (3, "int4-b32", None),
    (2, "int8-channel", None),
]


# Channels, window, preset, and how its codec begins: no rest of what is not all, and steps of 16 rather than larger blocks (48 has 24, too).
CODECS = [
    (64, 3, "int4-b32", "quant<i4, block = [1, 32, 1, 1]"),
    (64, 3, "int4-b128", "quant<i4, block = [1, 64, 1, 1]"),
    (48, 3, "int4-b32", "quant<i4, block = [1, 16, 1, 1]"),
    (48, 2, "int4-b128", "quant<i4, block = [1, 48, 1, 2]"),
    (3, 7, "int4-b32", "quant<i4, block = [1, 3, 1, 7]"),
    (1, 3, "int4-b32", "quant<i4, block = [1, 1, 3, 3]"),
    # 37 has no divisors, and a window of one place is a matrix, whose last block may be shorter.
    (37, 3, "int4-b32", "quant<i4, block = [1, 32, 1, 1]"),
    (48, 1, "int4-b32", "quant<i4, block = [1, 32, 1, 1]"),
    (64, 3, "nm2:4", "nm<2:4, axis = 1>"),
    (4, 7, "nm2:4", "nm<2:4, axis = 1>"),
    (3, 7, "nm2:4", None),
]


def write(path, weight):
    outputs, channels, height, width = weight.shape
    x, w, y = f"tensor<?x{channels}x{SIZE}x{SIZE}xf32>", f"tensor<{outputs}x{channels}x{height}x{width}xf32>", f"tensor<?x{outputs}x{SIZE + 1 - height}x{SIZE + 1 - width}xf32>"
    path.write_text(f"""
func.func @main(%x: {x}) -> {y} {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : {x}
  %w = arith.constant dense_resource<w> : {w}
  %e = tensor.empty(%n) : {y}
  %f = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %y = linalg.conv_2d_nchw_fchw {{strides = dense<1> : tensor<2xi64>, dilations = dense<1> : tensor<2xi64>}} ins(%x, %w : {x}, {w}) outs(%f : {y}) -> {y}
  return %y : {y}
}}
{{-# dialect_resources: {{ builtin: {{ w: "0x40000000{weight.tobytes().hex().upper()}" }} }} #-}}
""")


def compile_for(target, module, name, preset, *options):
    subprocess.run(["compressc", "compile", module, "--preset", preset, "--target", target, "-o", directory / name, *options], check=True)
    [weight] = artifact.read_manifest(directory / name)["weights"]
    return directory / name, weight


def compute_error(actual, expected):
    return np.linalg.norm(actual - expected) / np.linalg.norm(expected)


def convolve(x, weight):
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (3, 3), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, weight.astype(np.float64))


module = directory / "convolution.mlir"
for channels, window, preset, codec in CODECS:
    write(module, rng.standard_normal((48, channels, window, window), np.float32))
    text = directory / "text.mlir"
    encoded = subprocess.run(["compressc", "compile", module, "--preset", preset, "--emit", "mlir", "-o", text], capture_output=True, text=True)
    if codec is None:
        assert encoded.returncode == 1 and "no weight" in encoded.stderr, encoded
        continue
    assert encoded.returncode == 0, encoded
    assert f"#compress.{codec}" in text.read_text(), f"expected {codec} for {preset}, {channels} channels and a window of {window} x {window}"

for channels, preset, integers in CASES:
    weight = rng.standard_normal((24, channels, 3, 3), np.float32)
    write(module, weight)
    path, stored = compile_for("cpu", module, "cpu", preset)
    ones = np.zeros((channels, channels, SIZE, SIZE), np.float32)
    ones[np.arange(channels), np.arange(channels), 2, 2] = 1
    images = rng.standard_normal((2, channels, SIZE, SIZE), np.float32)
    with Model(path) as model:
        decoded = np.flip(model.run("main", ones)[0][..., :3, :3].transpose(1, 0, 2, 3), (2, 3))
        [y] = model.run("main", images)
    certified = stored["certificate"]["relative_frobenius_error"]
    error = compute_error(decoded, weight)
    assert abs(error - certified) < 1e-6 and certified < 0.8, f"{preset}: {error}, but its certificate says {certified}"
    expected = convolve(images, decoded)
    assert compute_error(y, expected) < 1e-5, f"{preset}: {compute_error(y, expected)}"
    text = f"{channels} channels, {preset}: {certified:.4f}"
    if integers:
        path, stored = compile_for("cpu", module, "cpu", preset, "--compute", integers)
        assert stored["compute"] == integers, stored
        with Model(path) as model:
            error = compute_error(model.run("main", images)[0], expected)
        assert 1e-4 < error < 1e-2, f"{preset}, {integers}: {error}"
        text += f", {integers} {error:.1e}"
    path, stored = compile_for("nvptx:sm_80", module, "gpu", preset, "--compute", "f16")
    assert stored["compute"] == "f16", stored
    gpu.launches.clear()
    with Model(path) as model:
        error = compute_error(model.run("main", images)[0], expected)
        gpu.check()
    assert any("contract" in name for name, _ in gpu.launches), gpu.launches
    assert 0 < error < 2**-9, f"{preset}, GPU: {error}"
    print(f"{text}, GPU {error:.1e}")
print(f"{len(CASES)} convolutions agree")
