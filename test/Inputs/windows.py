"""compress.contract with a window against a convolution in numpy, for stored data at run time.

Usage: windows.py WORK_DIRECTORY. The bounds are those of docs/Numerics.md, with a factor of 2 for what they leave to u^2.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model

directory = Path(sys.argv[1])
random = np.random.default_rng(11)
N, KH, KW, OH, OW, IMAGES = 20, 3, 2, 4, 5, 2
STRIDE, DILATION = (2, 1), (1, 2)
H, W = (OH - 1) * STRIDE[0] + (KH - 1) * DILATION[0] + 1, (OW - 1) * STRIDE[1] + (KW - 1) * DILATION[1] + 1
NUMPY = {"i8": np.int8, "f32": np.float32, "f16": np.float16}

# By mode: the codec of a weight of N x K.
LAYOUTS = {
    "f32": "#compress.tiled<#compress.quant<i8, block = [1, {k}], scale = f32>, tile = [16, 4], order = [0, 1]>",
    "int8": "#compress.tiled<#compress.quant<i8, block = [1, {k}], scale = f32>, tile = [16, 32], order = [0, 1],"
            " split = [16, 1, 8, 4], inside = [2, 0, 3, 1], flip = 128>",
}  # fmt: skip


def positions(order, c):
    """The window as an affine map, and the same in numpy: an array of M x K indices into the flat image."""
    m, k = np.meshgrid(np.arange(IMAGES * OH * OW), np.arange(KH * KW * c), indexing="ij")
    n, y, x = m // (OH * OW), m // OW % OH, m % OW
    mn, my, mx = f"m floordiv {OH * OW}", f"((m floordiv {OW}) mod {OH}) * {STRIDE[0]}", f"(m mod {OW}) * {STRIDE[1]}"
    if order == "nhwc":
        kh, kw, channel = k // (KW * c), k // c % KW, k % c
        kh_, kw_, c_ = f"(k floordiv {KW * c}) * {DILATION[0]}", f"((k floordiv {c}) mod {KW}) * {DILATION[1]}", f"k mod {c}"
        shape, results = (IMAGES, H, W, c), [mn, f"{my} + {kh_}", f"{mx} + {kw_}", c_]
    else:
        channel, kh, kw = k // (KH * KW), k // KW % KH, k % KW
        c_, kh_, kw_ = f"k floordiv {KH * KW}", f"((k floordiv {KW}) mod {KH}) * {DILATION[0]}", f"(k mod {KW}) * {DILATION[1]}"
        shape, results = (IMAGES, c, H, W), [mn, c_, f"{my} + {kh_}", f"{mx} + {kw_}"]
    y, x = y * STRIDE[0] + kh * DILATION[0], x * STRIDE[1] + kw * DILATION[1]
    index = (n, y, x, channel) if order == "nhwc" else (n, channel, y, x)
    return shape, f"affine_map<(m, k) -> ({', '.join(results)})>", np.ravel_multi_index(index, shape)


for mode, layout in LAYOUTS.items():
    for order, c in (("nhwc", 8), ("nchw", 3), ("nhwc", 64)):
        k = KH * KW * c
        shape, window, index = positions(order, c)
        codec = layout.format(k=k)
        steps = int(re.search(r"tile = \[16, (\d+)\]", codec)[1])
        inside = "16x4" if mode == "f32" else "8x16x4x1"
        codes = f"tensor<2x{-(-k // steps)}x{inside}xi8>"
        scales = "tensor<2x1x16x1xf32>" if mode == "f32" else "tensor<2x1x1x16x1x1xf32>"
        weight = f"!compress.tensor<{N}x{k}xf32, {codec}>"
        image, out = f"tensor<{'x'.join(map(str, shape))}xf32>", f"tensor<{IMAGES * OH * OW}x{N}xf32>"
        compute = "" if mode == "f32" else f" compute = {mode}"
        path = directory / f"{mode}-{order}"
        path.with_suffix(".mlir").write_text(f"""
func.func @weight(%c: {codes}, %s: {scales}) -> tensor<{N}x{k}xf32> {{
  %0 = compress.assemble %c, %s : {codes}, {scales} -> {weight}
  %w = compress.decode %0 : {weight}
  return %w : tensor<{N}x{k}xf32>
}}
func.func @conv(%x: {image}, %c: {codes}, %s: {scales}) -> {out} {{
  %e = tensor.empty() : {out}
  %y = compress.contract ins(%x, %c, %s : {image}, {codes}, {scales}) outs(%e : {out}) overwrite
    weight({weight}, affine_map<(m, n, k) -> (n, k)>) window {window}{compute} -> {out}
  return %y : {out}
}}
""")
        subprocess.run(["compressc", "compile", path.with_suffix(".mlir"), "--preset", "none", "--allow-dense", "-o", path],
                       check=True, capture_output=True)  # fmt: skip
        with Model(path) as model:
            stored = [random.integers(-128, 128, [int(d) for d in re.findall(r"(\d+)x", codes)]).astype(np.int8),
                      random.uniform(0.5, 2, [int(d) for d in re.findall(r"(\d+)x", scales)]).astype(np.float32)]
            (w,) = model.run("weight", *stored)
            x = random.standard_normal(shape).astype(np.float32)
            (y,) = model.run("conv", x, *stored)
        rows = x.ravel()[index].astype(np.float64)
        expected = rows @ w.T.astype(np.float64)
        magnitude = np.abs(rows) @ np.abs(w.T)
        bound = magnitude * (k + 8) * 2.0**-24
        if mode == "int8":
            # Where places are tiles of channels, all of an image has one scale.
            largest = np.abs(rows).max(1, keepdims=True)
            if c % steps == 0:
                largest = np.repeat(np.abs(x).max((1, 2, 3)), OH * OW)[:, None]
            bound += largest / 127 * 0.50004 * np.abs(w.T).sum(0)
        assert (np.abs(y - expected) <= 2 * bound).all(), np.abs(y - expected).max()
        # Windows in another order are noticed.
        assert (np.abs(y[::-1] - expected) > 2 * bound).any()
        print(f"{mode}: {order}, {c} channels: agrees")
