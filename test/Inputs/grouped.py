"""Convolutions in groups, whose kernels are those of convolutions for each group: against numpy.

Usage: grouped.py WORK_DIRECTORY. Numbers are integers that codecs and rounded images have without error, so results are exact.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model

directory = Path(sys.argv[1])
random = np.random.default_rng(31)
G, C, F, KH, KW, OH, OW = 3, 64, 21, 2, 3, 4, 15
STRIDES, DILATIONS = (1, 2), (2, 1)
H, W = (OH - 1) * STRIDES[0] + (KH - 1) * DILATIONS[0] + 1, (OW - 1) * STRIDES[1] + (KW - 1) * DILATIONS[1] + 1
# Image, weight, and output; images of a batch that is known at run time only, or of one.
FORMS = {
    "conv_2d_ngchw_gfchw": ("ngchw", "gfchw", "ngfhw"),
    "conv_2d_ngchw_fgchw": ("ngchw", "fgchw", "ngfhw"),
    "conv_2d_nhwgc_gfhwc": ("nhwgc", "gfhwc", "nhwgf"),
}
PRESETS = {"none": ("f32",), "int8-channel": ("f32", "bf16", "int8"), "int4-b32": ("f32", "bf16", "int8")}
CHANNELS = "ghwfc"  # of a weight in numpy


def tensor(shape):
    return f"tensor<{'x'.join(map(str, shape))}xf32>"


def make_weight(preset):
    if preset == "int4-b32":
        w = random.integers(-7, 8, (G, KH, KW, F, C)).astype(np.float32)
        w[..., ::32] = -8
    else:
        w = random.integers(-127, 128, (G, KH, KW, F, C)).astype(np.float32)
        w[:, 0, 0, :, 0] = 127
    return w


def convolve(x, w):
    """x: n h w g c, y: n h w g f."""
    y = 0
    for i in range(KH):
        for j in range(KW):
            cut = x[:, i * DILATIONS[0] :][:, : (OH - 1) * STRIDES[0] + 1 : STRIDES[0]]
            cut = cut[:, :, j * DILATIONS[1] :][:, :, : (OW - 1) * STRIDES[1] + 1 : STRIDES[1]]
            y = y + np.einsum("nhwgc,gfc->nhwgf", cut, w[:, i, j])
    return y


def transpose(value, dims, wanted):
    return np.ascontiguousarray(value.transpose([dims.index(d) for d in wanted]))


for preset, computes in PRESETS.items():
    w = make_weight(preset)
    # Short blocks are along channels, which must be the last dimension then.
    forms = {form: dims for form, dims in FORMS.items() if preset != "int4-b32" or dims[1][-1] == "c"}
    header, data, functions = {}, b"", []
    for form, (image, kernel, out) in forms.items():
        stored = transpose(w, CHANNELS, kernel)
        header[form] = {"dtype": "F32", "shape": list(stored.shape), "data_offsets": [len(data), len(data) + stored.nbytes]}
        data += stored.tobytes()
        for n in ("?", 1):
            sizes = {"n": n, "g": G, "c": C, "h": H, "w": W}
            x = tensor([sizes[d] for d in image])
            y = tensor([(sizes | {"f": F, "h": OH, "w": OW})[d] for d in out])
            empty = f"tensor.empty(%n) : {y}" if n == "?" else f"tensor.empty() : {y}"
            functions.append(f"""
func.func @{form}_{'any' if n == '?' else 'one'}(%x: {x}) -> {y} {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : {x}
  %e = {empty}
  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %w = arith.constant dense_resource<{form}> : {tensor(stored.shape)}
  %y = linalg.{form} {{strides = dense<{list(STRIDES)}> : tensor<2xi64>, dilations = dense<{list(DILATIONS)}> : tensor<2xi64>}}
    ins(%x, %w : {x}, {tensor(stored.shape)}) outs(%i : {y}) -> {y}
  return %y : {y}
}}""")
    text = json.dumps(header).encode()
    (directory / "weights.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
    (directory / "module.mlir").write_text("\n".join(functions))
    for compute in computes:
        path = directory / f"{preset}-{compute}"
        subprocess.run(["compressc", "compile", directory / "module.mlir", "--weights", directory / "weights.safetensors",
                        "--preset", preset, "--compute", compute, "-o", path], check=True)  # fmt: skip
        weights = json.loads((path / "manifest.json").read_text())["weights"]
        assert len(weights) == len(forms) and all("#compress.tiled" in x["codec"] for x in weights), weights
        assert all(x["compute"] == compute for x in weights if preset != "none"), weights
        with Model(path) as model:
            for form, (image, _, out) in forms.items():
                for n, name in ((2, "any"), (1, "one")):
                    x = random.integers(-127, 128, (n, H, W, G, C)).astype(np.float32)
                    x[..., ::32] = 127  # so that each scale is 1
                    (y,) = model.run(f"{form}_{name}", transpose(x, "nhwgc", image))
                    assert (transpose(y, out, "nhwgf") == convolve(x, w)).all(), (preset, compute, form, name)
    print(f"{preset}: {len(forms)} forms are exact")
