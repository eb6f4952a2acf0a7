"""Depthwise convolutions, compressed or not, as loops of vectors: against numpy.

Usage: depthwise.py WORK_DIRECTORY. Weights are integers that int8 stores without error, and the bound is that of docs/Numerics.md.
"""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model

directory = Path(sys.argv[1])
random = np.random.default_rng(23)
# Form, dimensions of image and weight, strides, dilations, sizes: lanes are channels, or pixels where those are outside.
CASES = [
    ("depthwise_conv_2d_nhwc_hwc", "nhwc", "hwc", (1, 1), (1, 1), {"h": 5, "w": 9, "c": 48}, (3, 3)),
    ("depthwise_conv_2d_nhwc_hwc", "nhwc", "hwc", (2, 1), (1, 2), {"h": 4, "w": 13, "c": 37}, (3, 2)),
    ("depthwise_conv_2d_nhwc_hwc", "nhwc", "hwc", (1, 2), (2, 1), {"h": 3, "w": 1, "c": 600}, (3, 3)),
    ("depthwise_conv_2d_nchw_chw", "nchw", "chw", (1, 1), (1, 1), {"h": 9, "w": 32, "c": 5}, (3, 3)),
    ("depthwise_conv_2d_nchw_chw", "nchw", "chw", (2, 2), (1, 1), {"h": 5, "w": 21, "c": 7}, (3, 5)),
    ("depthwise_conv_2d_nchw_chw", "nchw", "chw", (1, 3), (2, 2), {"h": 2, "w": 35, "c": 3}, (2, 3)),
    ("depthwise_conv_2d_nchw_chw", "nchw", "chw", (1, 5), (1, 1), {"h": 2, "w": 17, "c": 3}, (2, 3)),
    ("depthwise_conv_1d_nwc_wc", "nwc", "wc", (2,), (1,), {"w": 11, "c": 50}, (4,)),
    ("depthwise_conv_1d_ncw_cw", "ncw", "cw", (2,), (3,), {"w": 40, "c": 6}, (4,)),
]  # fmt: skip


def tensor(shape):
    return f"tensor<{'x'.join(map(str, shape))}xf32>"


functions, weights = [], {}
for number, (op, image, kernel, strides, dilations, sizes, taps) in enumerate(CASES):
    spatial = [d for d in image if d in "hw"]
    reach = {d: (sizes[d] - 1) * s + (t - 1) * l + 1 for d, s, l, t in zip(spatial, strides, dilations, taps)}
    x = ["?" if d == "n" else reach.get(d, sizes.get(d)) for d in image]
    y = ["?" if d == "n" else sizes[d] for d in image]
    shape = [dict(zip(spatial, taps)).get(d, sizes["c"]) for d in kernel]
    w = random.integers(-127, 128, shape).astype(np.float32)
    np.moveaxis(w, kernel.index("c"), -1)[(0,) * len(taps)] = 127  # the scale is 1
    weights[f"w{number}"] = w
    vector = f"tensor<{len(taps)}xi64>"
    functions.append(f"""
func.func @f{number}(%x: {tensor(x)}) -> {tensor(y)} {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : {tensor(x)}
  %e = tensor.empty(%n) : {tensor(y)}
  %i = linalg.fill ins(%zero : f32) outs(%e : {tensor(y)}) -> {tensor(y)}
  %w = arith.constant dense_resource<w{number}> : {tensor(shape)}
  %y = linalg.{op} {{strides = dense<{list(strides)}> : {vector}, dilations = dense<{list(dilations)}> : {vector}}}
    ins(%x, %w : {tensor(x)}, {tensor(shape)}) outs(%i : {tensor(y)}) -> {tensor(y)}
  return %y : {tensor(y)}
}}""")
header, data = {}, b""
for name, w in weights.items():
    header[name] = {"dtype": "F32", "shape": list(w.shape), "data_offsets": [len(data), len(data) + w.nbytes]}
    data += w.tobytes()
text = json.dumps(header).encode()
(directory / "weights.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
(directory / "module.mlir").write_text("\n".join(functions))
for preset, target in (("none", "cpu"), ("int8", "cpu"), ("int8", "cpu:x86-64-v3")):
    path = directory / f"{preset}-{target.replace(':', '-')}"
    subprocess.run(["compressc", "compile", directory / "module.mlir", "--weights", directory / "weights.safetensors",
                    "--preset", preset, "--target", target, "-o", path], check=True)  # fmt: skip
    with Model(path) as model:
        for number, (op, image, kernel, strides, dilations, sizes, taps) in enumerate(CASES):
            spatial = [d for d in image if d in "hw"]
            extent = {d: (sizes[d] - 1) * s + (t - 1) * l + 1 for d, s, l, t in zip(spatial, strides, dilations, taps)}
            x = random.standard_normal([2 if d == "n" else extent.get(d, sizes.get(d)) for d in image]).astype(np.float32)
            (y,) = model.run(f"f{number}", x)
            # Channels last, in f64.
            images = np.moveaxis(x, image.index("c"), -1).astype(np.float64)
            w = np.moveaxis(weights[f"w{number}"], kernel.index("c"), -1).astype(np.float64)
            expected, magnitude = 0, 0
            for place in itertools.product(*map(range, taps)):
                cut = tuple(slice(p * l, p * l + (sizes[d] - 1) * s + 1, s) for p, l, d, s in zip(place, dilations, spatial, strides))
                product = images[(slice(None), *cut)] * w[place]
                expected, magnitude = expected + product, magnitude + np.abs(product)
            terms = int(np.prod(taps))
            bound = (terms + 2) * 2.0**-24 * magnitude + 2.0**-140
            assert (np.abs(np.moveaxis(y, image.index("c"), -1) - expected) <= bound).all(), (preset, target, op, sizes)
    print(f"{preset} on {target}: {len(CASES)} convolutions agree")
