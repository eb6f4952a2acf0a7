"""Convolutions in every mode: kernels that read windows of the image, against those in f32 and against numpy.

Usage: convolutions.py WORK_DIRECTORY. The error that rounding x adds is that of docs/Numerics.md.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from compress_runtime import Model

directory = Path(sys.argv[1])
random = np.random.default_rng(17)
C, F, KH, KW, OH, OW = 64, 37, 3, 2, 5, 6
STRIDES, DILATIONS = (2, 1), (1, 2)
H, W = (OH - 1) * STRIDES[0] + (KH - 1) * DILATIONS[0] + 1, (OW - 1) * STRIDES[1] + (KW - 1) * DILATIONS[1] + 1
FORMS = {"nhwc_hwcf": "hwcf", "nhwc_fhwc": "fhwc", "nchw_fchw": "fchw"}
PRESETS = {
    "f32": ["none", "int8-channel", "int4-b32", "fp8-e4m3-channel", "palette4", "int4-b32-asym", "ternary"],
    "bf16": ["int8-channel", "int4-b32", "fp8-e4m3-channel", "palette4"],
    "int8": ["int8-channel", "int4-b32", "palette4", "int4-b32-asym", "ternary"],
}
SIZES = {"n": "?", "h": OH, "w": OW, "c": C, "f": F}


def shape(dims, **sizes):
    return [sizes.get(d, SIZES[d]) for d in dims]


def tensor(dims, **sizes):
    return f"tensor<{'x'.join(map(str, shape(dims, **sizes)))}xf32>"


dense = random.standard_normal((KH, KW, C, F)).astype(np.float32)
header, data = {}, b""
for form, dims in FORMS.items():
    bytes_ = np.ascontiguousarray(dense.transpose(["hwcf".index(d) for d in dims])).tobytes()
    header[form] = {"dtype": "F32", "shape": shape(dims, h=KH, w=KW), "data_offsets": [len(data), len(data) + len(bytes_)]}
    data += bytes_
text = json.dumps(header).encode()
(directory / "weights.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)
functions = {}
for form, dims in FORMS.items():
    image, out = form[:4], form[:4].replace("c", "f")
    x, y, w = tensor(image, h=H, w=W), tensor(out), tensor(dims, h=KH, w=KW)
    functions[form] = f"""
func.func @{form}(%x: {x}) -> {y} {{
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : {x}
  %e = tensor.empty(%n) : {y}
  %i = linalg.fill ins(%zero : f32) outs(%e : {y}) -> {y}
  %w = arith.constant dense_resource<{form}> : {w}
  %y = linalg.conv_2d_{form} {{strides = dense<[{STRIDES[0]}, {STRIDES[1]}]> : tensor<2xi64>,
                               dilations = dense<[{DILATIONS[0]}, {DILATIONS[1]}]> : tensor<2xi64>}}
    ins(%x, %w : {x}, {w}) outs(%i : {y}) -> {y}
  return %y : {y}
}}"""


def windows(x):
    """The windows of an image n x h x w x c as n x OH x OW x (KH KW c)."""
    rows = [x[:, i * DILATIONS[0]:, j * DILATIONS[1]:][:, : (OH - 1) * STRIDES[0] + 1 : STRIDES[0], : (OW - 1) * STRIDES[1] + 1 : STRIDES[1]]
            for i in range(KH) for j in range(KW)]  # fmt: skip
    return np.concatenate(rows, -1)


x = random.standard_normal((3, H, W, C)).astype(np.float32)
rows = windows(x).astype(np.float64)
# Integers that are rounded to themselves if the images have a scale each.
exact_x = random.integers(-127, 128, x.shape).astype(np.float32)
exact_x[:, 0, 0, 0] = 127
exact_x *= 2.0 ** -np.arange(3, dtype=np.float32)[:, None, None, None]
exact_rows = windows(exact_x).astype(np.float64)
flat = dense.reshape(-1, F).astype(np.float64)
reference = {}
for compute, presets in PRESETS.items():
    for preset in presets:
        path = directory / f"{preset}-{compute}"
        # Short blocks of fchw are not along channels alone.
        forms = [form for form in FORMS if "-b32" not in preset or form != "nchw_fchw"]
        (directory / "module.mlir").write_text("\n".join(functions[form] for form in forms))
        subprocess.run(["compressc", "compile", directory / "module.mlir", "--weights", directory / "weights.safetensors",
                        "--preset", preset, "--compute", compute, "-o", path], check=True)  # fmt: skip
        weights = json.loads((path / "manifest.json").read_text())["weights"]
        assert len(weights) == len(forms) and all(w["fused"] or preset == "none" for w in weights), weights
        assert all(w["compute"] == compute for w in weights if preset != "none"), weights
        subprocess.run(["compressc", "verify", path, "--original", directory / "module.mlir",
                        "--weights", directory / "weights.safetensors"], check=True, capture_output=True)  # fmt: skip
        results = {}
        with Model(path) as model:
            for form in forms:
                order = ["nhwc".index(d) for d in form[:4]]
                y, exact_y = (model.run(form, np.ascontiguousarray(image.transpose(order)))[0]
                              .transpose([form[:4].replace("c", "f").index(d) for d in "nhwf"]) for image in (x, exact_x))
                magnitude = np.abs(rows) @ np.abs(flat)
                if preset == "none":
                    reference[form] = rows @ flat
                elif compute == "f32":
                    # Blocks along channels are the same in both, so values are.
                    exact = reference.setdefault((preset, form[:4]), y)
                    assert (np.abs(y - exact) <= magnitude * 1e-4).all(), (preset, form)
                    reference[preset, form] = y.astype(np.float64)
                    reference[preset, form, "exact"] = exact_y.astype(np.float64)
                    assert np.linalg.norm(y - rows @ flat) < (0.6 if preset == "ternary" else 0.2) * np.linalg.norm(rows @ flat), (preset, form)
                    continue
                if preset == "none":
                    bound = magnitude * (flat.shape[0] + 8) * 2.0**-24
                    assert (np.abs(y - reference[form]) <= 2 * bound).all(), form
                    continue
                # Weights are at most the largest of their channel, and codebooks are rounded as x is.
                largest = np.abs(flat).max(0)
                if compute == "int8":
                    if preset in ("int8-channel", "ternary"):
                        bound = np.abs(exact_rows) @ np.abs(flat) * 2 + np.abs(exact_rows).sum(-1, keepdims=True) * largest
                        bound *= (flat.shape[0] + 8) * 2.0**-24
                        assert (np.abs(exact_y - reference[preset, form, "exact"]) <= 2 * bound).all(), (preset, form)
                    error = (np.abs(x).max((1, 2, 3))[:, None, None, None] / 127 * 0.50004 * flat.shape[0]) * largest
                    error = error + np.abs(rows).sum(-1, keepdims=True) * largest.max() / 127
                else:
                    error = np.abs(rows).sum(-1, keepdims=True) * largest * 2.0**-8
                assert (np.abs(y - reference[preset, form]) <= error).all(), (preset, compute, form)
                # A window elsewhere would be noticed.
                relative = np.linalg.norm(y - reference[preset, form]) / np.linalg.norm(y)
                assert relative < (0.02 if compute == "int8" else 0.005), (preset, compute, form, relative)
                if compute == "int8":
                    results[form] = y
            if compute == "int8":
                # Bits are those of another CPU, with registers for other numbers of windows.
                subprocess.run(["compressc", "compile", directory / "module.mlir", "--weights", directory / "weights.safetensors", "--preset", preset,
                                "--compute", compute, "--target", "cpu:x86-64-v3", "-o", path.with_suffix(".v3")], check=True)  # fmt: skip
                with Model(path.with_suffix(".v3")) as other:
                    for form in forms:
                        (y,) = other.run(form, np.ascontiguousarray(x.transpose(["nhwc".index(d) for d in form[:4]])))
                        assert (y.transpose([form[:4].replace("c", "f").index(d) for d in "nhwf"]) == results[form]).all(), (preset, form)
    print(f"{compute}: {len(presets)} presets agree")
